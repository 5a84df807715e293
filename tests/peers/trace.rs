//! `--trace`: what passes is told on stderr.

use crate::house::{BOTH, ECHO, V4};
use crate::lab::Lab;

#[test]
fn frames_are_told_as_they_pass() {
    let Some(lab) = Lab::new() else { return };
    let mut house = lab.house("--mac 02:00:00:00:00:05 --no-probe --trace");
    for to in BOTH {
        lab.ping(to);
        let socket = lab.socket(to, ECHO);
        socket.send(b"hello").expect("the link is up");
        socket.recv(&mut [0; 10]).expect("an answer");
    }
    lab.socket(V4, 999).send(&[0; 1400]).expect("the link is up");
    for told in [
        "in  ARP request: who has 10.77.0.2? tell 10.77.0.1 at ",
        "out ARP reply: 10.77.0.2 is at 02:00:00:00:00:05, to 10.77.0.1 at ",
        "out ICMP 10.77.0.2 > 10.77.0.1 echo reply, id ",
        "in  ICMPv6 fd77::1 > ff02::1:ff00:2 neighbor solicitation: who has fd77::2? tell ",
        "out ICMPv6 fd77::2 > fd77::1 neighbor advertisement: fd77::2 is at 02:00:00:00:00:05, solicited, override",
        "out UDP [fd77::2]:7 > [fd77::1]:",
        "port unreachable, about UDP 10.77.0.1:",
    ] {
        house.program.printed_with(told);
    }
    let ended = house.end();
    assert!(ended.status.success() && ended.stdout.lines().count() == 1, "stderr only: {ended:?}");
}

#[test]
fn only_what_is_asked_for_is_told() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--trace=arp,udp");
    BOTH.into_iter().for_each(|to| lab.ping(to));
    let ended = house.end();
    assert!(ended.stderr.contains(" ARP ") && !ended.stderr.contains(" ICMP"), "{ended:?}");
}

/// A slow reader of stderr, here none at all, is not waited for.
#[test]
fn a_flood_goes_on_while_it_is_told_of() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--trace");
    let text = lab.run(&format!("ping -f -q -n -c 20000 {V4}")).ok();
    assert!(text.contains("20000 received, 0% packet loss"), "{text}");
    let ended = house.end();
    let told = ended.stderr.lines().filter(|line| line.contains(" echo re")).count();
    assert!(told < 20_000, "{told}");
    let left_out = |line: &str| line.split_once("… ")?.1.split(' ').next()?.parse::<usize>().ok();
    let left_out: usize = ended.stderr.lines().filter_map(left_out).sum();
    assert!((40_000..40_100).contains(&(told + left_out)), "{told} told, {left_out} left out");
}
