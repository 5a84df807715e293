//! Neighbours in bad weather: forgotten, forged by the thousand.

use std::thread;
use std::time::Duration;

use crate::house::{BOTH, CHARGEN, V4, count};
use crate::lab::Lab;
use crate::program::command;

#[test]
fn a_host_that_forgets_its_neighbours_loses_at_most_one_packet() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in BOTH {
        lab.ping(to);
        let ping = lab.start(command(&format!("ping -n -q -f -i 0.001 -c 3000 {to}")));
        thread::sleep(Duration::from_millis(1500));
        lab.ip("neigh flush all");
        let text = ping.ended().stdout;
        let received = text.split(", ").find_map(|part| part.strip_suffix(" received"));
        let received: u32 = received.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text}"));
        assert!(received >= 2999, "{text}");
    }
}

#[test]
fn a_hundred_thousand_forged_neighbours_cost_the_host_no_ping() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--address 10.77.0.2/8 --address fd77::2/64 --host 10.77.0.1/8 --host fd77::1/64");
    // An answer that needs a neighbour.
    let socket = lab.socket(V4, CHARGEN);
    let characters = || {
        socket.send(b"?").expect("the link is up");
        socket.recv(&mut [0; 600]).expect("an answer");
    };
    characters();
    let pings: Vec<_> = BOTH.iter().map(|to| lab.start(command(&format!("ping -n -q -i 0.01 -c 500 {to}")))).collect();
    let flood = lab.python("flood.py", &["tap0", "100000", "20000"]);
    assert!(flood.starts_with("100000 questions"), "{flood}");
    characters();
    for ping in pings {
        let text = ping.ended().ok();
        assert!(text.contains(" 0% packet loss"), "{text}");
    }
    let report = house.end().stderr;
    assert!(count(&report, "arp-answered") >= 50_000 && count(&report, "ndp-answered") >= 50_000, "{report}");
    assert!(!report.contains("dropped-neighbor"), "{report}");
}

#[test]
fn sixty_five_thousand_neighbours_are_remembered() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--address 10.77.0.2/8 --host 10.77.0.1/8");
    let told = lab.python("crowd.py", &["tap0", "65000", "10.77.0.2"]);
    assert_eq!(told, "65000 answered, 65000 asked for\n65000 answered, 0 asked for\n", "{told}");
    let report = house.end().stderr;
    assert!(!report.contains("dropped-neighbor"), "{report}");
}
