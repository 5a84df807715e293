//! A path on which a router takes less than both ends' links, and other amounts while a connection lasts.

use std::time::Duration;

use crate::network::{Conditions, Ends, Network, address4, address6};
use crate::transfer::Transfer;
use crate::{LIMIT, begin, finish, report};

/// MTUs over IPv4 and over IPv6, one after the other.
type Steps = [(usize, usize)];

const MIB: u64 = 1 << 20;

/// A path that is as narrow as the steps say, each for its part of the stream; both ways, or only away from host 0.
fn narrow(bytes: u64, steps: &Steps, ways: usize, good: &Conditions) {
    for to in [address4(2), address6(2)] {
        let mut network = Network::new(bytes, Ends::default(), good.clone());
        let started = network.now;
        let [(client, at_client), (server, at_server)] = [0; 2].map(|_| Transfer::new(bytes, bytes, bytes));
        let ends = [at_client, at_server];
        begin(&mut network, to, [client, server]);
        for (part, mtu) in (0..).zip(steps) {
            (0..ways).for_each(|link| network.set(link, Conditions { mtu: *mtu, ..good.clone() }));
            let until = bytes * (part + 1) / steps.len() as u64;
            network.drive(LIMIT, |_| ends[1].lock().unwrap().received >= until);
        }
        finish(&mut network, &ends);
        let told = network.hosts.each_ref().map(|host| host.stack.counters().errors_received);
        assert!(good.silent || told[..ways].iter().all(|told| *told > 0), "routers told {told:?} times");
        let suspected = network.hosts.each_ref().map(|host| host.stack.counters().paths_suspected);
        assert!(!good.silent || suspected[..ways].iter().all(|times| *times > 0), "suspected {suspected:?} times");
        report(&network, to, network.now - started, bytes);
    }
}

const STEPS: [(usize, usize); 5] = [(1500, 1500), (1000, 1400), (576, 1280), (1000, 1400), (1500, 1500)];

#[test]
fn a_path_that_takes_less_than_the_links() {
    narrow(4 * MIB, &[(1000, 1280)], 2, &Conditions::default());
}

#[test]
fn a_path_that_takes_less_one_way_only() {
    narrow(4 * MIB, &[(600, 1300)], 1, &Conditions::default());
}

#[test]
fn a_path_that_becomes_narrow_and_wide_again() {
    narrow(10 * MIB, &STEPS, 2, &Conditions::default());
}

#[test]
fn a_path_that_becomes_narrow_and_loses_segments() {
    narrow(5 * MIB, &STEPS, 2, &Conditions { loss: 20, ..Conditions::default() });
}

#[test]
fn a_long_path_that_becomes_narrow() {
    let deep = Conditions { delay: Duration::from_millis(50), queue: 10_000, ..Conditions::default() };
    narrow(5 * MIB, &STEPS, 2, &deep);
}

/// RFC 4821, RFC 2923 §2.1: a black hole, from the beginning and in mid-connection.
#[test]
fn a_path_that_takes_less_and_says_nothing() {
    let silent = Conditions { silent: true, ..Conditions::default() };
    narrow(4 * MIB, &[(1500, 1500), (1300, 1400)], 2, &silent);
    narrow(4 * MIB, &[(1000, 1280)], 1, &silent);
    narrow(4 * MIB, &[(600, 1280)], 1, &silent);
    narrow(4 * MIB, &[(1200, 1300)], 2, &Conditions { loss: 10, ..silent });
}

/// What was found out is tried again: a larger segment at a time, whose loss costs no timeout.
#[test]
fn a_path_that_was_a_black_hole_is_used_whole_again() {
    for to in [address4(2), address6(2)] {
        let slow = Conditions { rate: 4_000_000, ..Conditions::default() };
        let mut network = Network::new(7, Ends::default(), slow.clone());
        let (client, _) = Transfer::new(7, u64::MAX, 0);
        let (server, at_server) = Transfer::new(7, 0, u64::MAX);
        begin(&mut network, to, [client, server]);
        let after = |network: &mut Network, span: u64| {
            let before = at_server.lock().unwrap().received;
            let until = network.now + Duration::from_secs(span);
            network.drive(LIMIT, |network| network.now >= until);
            (at_server.lock().unwrap().received - before) * 8 / span
        };
        after(&mut network, 1);
        network.set(0, Conditions { mtu: (1420, 1420), silent: true, ..slow.clone() });
        after(&mut network, 40);
        assert_eq!(network.hosts[0].stack.counters().paths_suspected, 1);
        let rate = after(&mut network, 20);
        assert!(rate > 3_600_000, "{rate} bits a second in packets of 1400 bytes");
        network.set(0, slow.clone());
        after(&mut network, 640);
        let rate = after(&mut network, 20);
        // 1448 of 1514 bytes, or 1428.
        assert!(rate > 3_760_000, "{rate} bits a second in whole packets");
        assert_eq!(network.hosts[0].stack.counters().paths_suspected, 1, "no timeout since");
    }
}

#[test]
#[ignore = "64 MiB both ways: run with --release and --include-ignored"]
fn a_path_that_becomes_narrow_and_wide_again_whole() {
    narrow(64 * MIB, &STEPS, 2, &Conditions::default());
}
