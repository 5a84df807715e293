//! Groups, as a bridge that looks who listens sees them.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant as Clock};

use taphouse::application::discard::Discard;
use taphouse::base::address::{Address, Mac};
use taphouse::base::time::Instant;
use taphouse::device::Tap;
use taphouse::stack::{Config, Filter, Groups, Stack};

use crate::wire::{HOST, Lab, STACK_MAC};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

fn address(v4: Ipv4Addr) -> Address {
    Address::from_v4(v4.octets())
}

/// The bridge's list of who listens where.
fn listed(lab: &Lab) -> String {
    let show = || Command::new("bridge").args(["-d", "mdb", "show", "dev", "br0"]).output();
    let output = lab.namespace().enter(show).unwrap().expect("bridge: apt-get install iproute2");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A host behind a bridge that asks, in the latest versions or the ones before.
fn behind_a_bridge(lab: &Lab, versions: &str) -> Stack<Tap> {
    let tap = lab.open();
    // It asks at once, and then each second.
    let hurry = "mcast_query_response_interval 50 mcast_startup_query_interval 100 mcast_startup_query_count 20";
    lab.ip(&format!("link add br0 type bridge mcast_snooping 1 mcast_querier 1 {versions} {hurry}"));
    lab.ip("link set tap0 master br0 up");
    lab.ip("link set br0 up");
    for address in [HOST, Ipv4Addr::new(10, 77, 0, 9)] {
        lab.ip(&format!("address add {address}/24 dev br0"));
    }
    lab.ip("route add 224.0.0.0/4 dev br0");
    let own = ["10.77.0.2/24", "fd77::2/64"].map(|own| own.parse().unwrap());
    let config = Config { groups: Groups::All, ..Config::new(Mac::new(STACK_MAC), &own, [3; 16]) };
    let mut stack = Stack::new(tap, &config).unwrap();
    stack.bind(9, Box::new(Discard)).unwrap();
    stack
}

/// Turns the stack until something is so.
#[track_caller]
fn until(stack: &mut Stack<Tap>, start: Clock, mut so: impl FnMut(&Stack<Tap>) -> bool) {
    let give_up = Clock::now() + Duration::from_secs(20);
    while !so(stack) {
        assert!(Clock::now() < give_up, "not so within 20 s:\n{}", stack.counters());
        stack.turn(Instant::from_nanos(start.elapsed().as_nanos() as u64)).unwrap();
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_bridge_lists_our_groups_with_their_sources() {
    let Some(lab) = Lab::new() else { return };
    let mut stack = behind_a_bridge(&lab, "mcast_igmp_version 3 mcast_mld_version 2");
    let start = Clock::now();
    stack.join(address(GROUP), Filter::only(&[address(HOST)]).unwrap()).unwrap();
    let six: Address = "ff15::1234".parse().unwrap();
    stack.join(six, Filter::everything()).unwrap();
    let solicited = "port tap0 grp ff02::1:ff00:2";
    until(&mut stack, start, |_| {
        let listed = listed(&lab);
        let sources = listed.contains("port tap0 grp 239.1.2.3 src 10.77.0.1");
        sources && listed.contains("port tap0 grp ff15::1234") && listed.contains(solicited)
    });
    until(&mut stack, start, |stack| stack.counters().groups_heard >= 2);
    println!("{}{}", listed(&lab), stack.counters());

    // Its source is heard, and no other.
    let socket = |own: [u8; 4]| lab.namespace().enter(|| UdpSocket::bind((Ipv4Addr::from(own), 0))).unwrap().unwrap();
    let (wanted, other) = (socket([10, 77, 0, 1]), socket([10, 77, 0, 9]));
    let mut sent = 0;
    until(&mut stack, start, |stack| {
        for socket in [&wanted, &other] {
            socket.send_to(b"for all", (GROUP, 9)).unwrap();
        }
        sent += 1;
        stack.counters().datagrams_received >= 10
    });
    assert!(stack.counters().datagrams_received <= sent, "of one of both only: {sent}\n{}", stack.counters());

    stack.leave(address(GROUP)).unwrap();
    stack.leave(six).unwrap();
    until(&mut stack, start, |_| {
        let listed = listed(&lab);
        !listed.contains("port tap0 grp 239.1.2.3") && !listed.contains("ff15::1234")
    });
    assert!(listed(&lab).contains(solicited), "those of our addresses stay");
}

#[test]
fn a_bridge_of_the_old_versions_is_answered_in_theirs() {
    let Some(lab) = Lab::new() else { return };
    let mut stack = behind_a_bridge(&lab, "mcast_igmp_version 2 mcast_mld_version 1");
    let start = Clock::now();
    until(&mut stack, start, |stack| stack.counters().groups_heard >= 2);
    stack.join(address(GROUP), Filter::everything()).unwrap();
    until(&mut stack, start, |_| {
        let listed = listed(&lab);
        listed.contains("port tap0 grp 239.1.2.3") && listed.contains("port tap0 grp ff02::1:ff00:2")
    });
    stack.leave(address(GROUP)).unwrap();
    until(&mut stack, start, |_| !listed(&lab).contains("239.1.2.3"));
}
