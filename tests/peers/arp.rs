//! ARP and neighbour discovery, as the host's side sees them.

use crate::house::{BOTH, CHARGEN, V4, V6};
use crate::lab::Lab;

#[test]
fn arping_is_answered_by_one_station() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--mac 02:00:00:00:00:05");
    let text = lab.run("arping -c 3 -I tap0 10.77.0.2").ok();
    assert!(text.contains("Received 3 response(s)"), "{text}");
    assert_eq!(text.matches("reply from 10.77.0.2 [02:00:00:00:00:05]").count(), 3, "{text}");
    assert_eq!(house.counted("arp-answered"), 3);
}

#[test]
fn a_probe_for_our_address_is_answered_so_that_nobody_else_takes_it() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    let ended = lab.run("arping -D -c 2 -w 5 -I tap0 10.77.0.2");
    assert!(!ended.status.success() && ended.stdout.contains("Received 1 response"), "{ended:?}");
}

#[test]
fn nobody_answers_for_an_address_that_is_not_ours() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    let ended = lab.run("arping -c 2 -w 1 -I tap0 10.77.0.3");
    assert!(ended.stdout.contains("Received 0 response(s)"), "{ended:?}");
}

#[test]
fn announcements_are_not_answered_and_do_no_harm() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for kind in ["-U", "-A"] {
        let ended = lab.run(&format!("arping {kind} -c 2 -w 1 -I tap0 10.77.0.1"));
        assert!(ended.stdout.contains("Received 0 response(s)"), "{ended:?}");
    }
    lab.ping(V4);
    assert_eq!(house.counted("arp-answered"), 1, "the host's own question");
}

#[test]
fn a_neighbour_that_announces_another_station_is_followed() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("--mac 02:00:00:00:00:05");
    assert_eq!(lab.python("gratuitous.py", &["tap0"]), "first\nsecond\n");
}

#[test]
fn the_host_finds_both_addresses_at_the_same_station() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("--mac 02:00:00:00:00:05");
    lab.ping(V4);
    lab.ping(V6);
    let neighbours = lab.ip("neigh show dev tap0");
    for to in BOTH {
        assert!(neighbours.contains(&format!("{to} lladdr 02:00:00:00:00:05")), "{neighbours}");
    }
}

/// An answer that is written, unlike one in the received frame, must find its neighbour first.
#[test]
fn what_waits_for_an_unknown_neighbour_is_delivered() {
    for to in BOTH {
        let Some(lab) = Lab::new() else { return };
        let house = lab.house("--mac 02:00:00:00:00:05");
        // The host asks nothing, so the house does not know it.
        lab.ip(&format!("neigh replace {to} lladdr 02:00:00:00:00:05 nud permanent dev tap0"));
        let sockets: Vec<_> = (0..16).map(|_| lab.socket(to, CHARGEN)).collect();
        for socket in &sockets {
            socket.send(b"?").expect("the link is up");
        }
        for socket in sockets {
            socket.recv(&mut [0; 600]).unwrap_or_else(|why| panic!("an answer from {to} is lost: {why}"));
        }
        let neighbours = lab.ip("-s neigh show dev tap0");
        assert!(neighbours.contains("PERMANENT"), "{neighbours}");
        let report = house.end().stderr;
        assert!(!report.contains("dropped-parked-full") && !report.contains("dropped-neighbor"), "{report}");
    }
}

#[test]
fn a_neighbour_that_left_is_asked_for_again() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in BOTH {
        lab.ping(to);
        lab.ip("neigh flush dev tap0");
        lab.ping(to);
    }
}
