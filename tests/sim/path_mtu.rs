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
        assert!(told[..ways].iter().all(|told| *told > 0), "routers told {told:?} times");
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

#[test]
#[ignore = "64 MiB both ways: run with --release and --include-ignored"]
fn a_path_that_becomes_narrow_and_wide_again_whole() {
    narrow(64 * MIB, &STEPS, 2, &Conditions::default());
}
