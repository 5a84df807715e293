//! `ping`.

use std::net::IpAddr;

use crate::house::{BOTH, V4, V6, ping_command};
use crate::lab::Lab;

#[test]
fn the_first_ping_after_ready_is_answered_and_none_is_lost() {
    for to in BOTH {
        let Some(lab) = Lab::new() else { return };
        let house = lab.house("");
        let text = lab.start(ping_command("-c 5 -i 0.2 -W 5", to)).ended().ok();
        assert!(text.contains("5 packets transmitted, 5 received, 0% packet loss"), "{text}");
        assert_eq!(house.counted("echo-answered"), 5);
    }
}

#[test]
fn every_size_that_the_link_carries() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    let whole = |to: IpAddr| if to.is_ipv4() { 1472 } else { 1452 };
    for to in BOTH {
        for size in [0, 1, 7, 8, 55, 56, 57, 1400, 1451, whole(to)] {
            let text = lab.start(ping_command(&format!("-c 2 -i 0.01 -W 5 -M do -s {size}"), to)).ended().ok();
            assert!(text.contains(" 0% packet loss"), "{text}");
            assert!(!text.contains("wrong data byte"), "{text}");
        }
    }
}

#[test]
fn a_flood_of_20000_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for to in BOTH {
        let text = lab.start(ping_command("-f -q -c 20000", to)).ended().ok();
        assert!(text.contains("20000 packets transmitted, 20000 received, 0% packet loss"), "{text}");
    }
    assert_eq!(house.counted("echo-answered"), 40_000);
}

#[test]
fn the_link_local_address_answers_and_so_does_every_node_on_the_link() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    let own = house.link_local();
    for to in [own, "ff02::1"] {
        let text = lab.run(&format!("ping -n -c 3 -i 0.1 -W 5 {to}%tap0")).ok();
        let answers = text.matches(&format!("bytes from {own}%tap0: icmp_seq=")).count();
        assert_eq!(answers, 3, "{to}: {text}");
    }
}

#[test]
fn who_asks_everybody_over_ipv4_gets_no_answer() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in ["10.77.0.255", "255.255.255.255", "224.0.0.1"] {
        let ended = lab.run(&format!("ping -n -b -I tap0 -c 2 -i 0.1 -W 1 {to}"));
        assert!(ended.stdout.contains("2 packets transmitted, 0 received"), "{to}: {ended:?}");
    }
    lab.ping(V4);
    lab.ping(V6);
}

#[test]
fn jumbo_frames() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("--mtu 9000");
    for (to, size) in [(V4, 8972), (V6, 8952)] {
        let text = lab.start(ping_command(&format!("-c 3 -i 0.1 -W 5 -M do -s {size}"), to)).ended().ok();
        assert!(text.contains(" 0% packet loss"), "{text}");
    }
}
