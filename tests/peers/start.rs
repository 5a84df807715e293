//! From the start to the line after which everything is promised.

use std::time::Duration;

use crate::house::{BOTH, House};
use crate::lab::Lab;

#[test]
fn ready_comes_within_half_a_second_and_tells_every_address() {
    // The machine may be busy with other tests: what the program can do shows in the best of a few starts.
    let mut took = Vec::new();
    for _ in 0..3 {
        let Some(lab) = Lab::new() else { return };
        let house = lab.house("--mac 02:00:00:00:00:05");
        assert_eq!(house.ready, "ready tap0 10.77.0.2 fd77::2 fe80::ff:fe00:5");
        took.push(house.took);
    }
    println!("ready after {took:?}");
    assert!(took.iter().any(|took| *took < Duration::from_millis(500)), "{took:?}");
}

#[test]
fn ready_is_all_that_goes_to_stdout() {
    let Some(lab) = Lab::new() else { return };
    let ended = lab.house("").end().ok();
    assert_eq!(ended.lines().count(), 1, "{ended}");
}

#[test]
fn the_card_tells_things_to_try_that_work() {
    let Some(lab) = Lab::new() else { return };
    let mut house = lab.house("");
    // The last line of the card. It goes to another stream than the ready line, and so may be read before it.
    let printed = house.program.printed_with("postmaster@[10.77.0.2]\n");
    let tries = printed.lines().filter_map(|line| line.trim().strip_prefix(&format!("ip netns exec {} ", lab.name)));
    let tries: Vec<String> = tries.map(str::to_owned).collect();
    assert!(tries.len() >= 3, "{printed}");
    for line in tries {
        // They run until they are interrupted, or for long, unless they are told how often, or for how long.
        let brief = match line.split_once(' ').unwrap_or((&line, "")) {
            (name @ ("ping" | "arping"), rest) => format!("{name} -c 1 {rest}"),
            ("iperf3", rest) => format!("iperf3 -t 1 {rest}"),
            ("ffmpeg", _) => line.replace(" -f rtp ", " -t 1 -f rtp "),
            _ => line,
        };
        lab.run(&brief).ok();
    }
}

#[test]
fn addresses_are_those_that_were_asked_for() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(
        "--tap tap7 --mac 02:00:00:00:00:05 --host 192.0.2.1/28 --host 2001:db8::1/64 \
         --address 192.0.2.2/28 --address 192.0.2.3/28 --address 2001:db8::2/64",
    );
    assert_eq!(house.ready, "ready tap7 192.0.2.2 192.0.2.3 2001:db8::2 fe80::ff:fe00:5");
    for to in ["192.0.2.2", "192.0.2.3", "2001:db8::2"] {
        lab.ping(to.parse().expect("an address"));
    }
}

#[test]
fn without_host_addresses_the_host_is_left_alone() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--no-host");
    let shown = lab.ip("address show dev tap0");
    assert!(!shown.contains("10.77.0.1") && !shown.contains("fd77::1"), "{shown}");
    lab.ip("address add 10.77.0.1/24 dev tap0");
    lab.ip("address add fd77::1/64 dev tap0 nodad");
    BOTH.into_iter().for_each(|to| lab.ping(to));
    drop::<House>(house);
}
