//! Networks that become others while a connection lasts.

use std::time::Duration;

use crate::network::{Conditions, Ends, Network, address4, address6};
use crate::transfer::Transfer;
use crate::{LIMIT, begin, finish, report};

const BYTES: u64 = 4 << 20;

/// Goes over from one to another when a quarter has come, and back when half of it has.
fn change(between: &Conditions, span: Duration) {
    for to in [address4(2), address6(2)] {
        let mut network = Network::new(3, Ends::default(), Conditions::default());
        let started = network.now;
        let ([client, server], ends) = pair();
        begin(&mut network, to, [client, server]);
        network.drive(LIMIT, |_| ends[1].lock().unwrap().received > BYTES / 4);
        (0..2).for_each(|link| network.set(link, between.clone()));
        let back = network.now + span;
        network
            .drive(LIMIT, |network| network.now >= back || ends.iter().all(|end| end.lock().unwrap().gone.is_some()));
        (0..2).for_each(|link| network.set(link, Conditions::default()));
        finish(&mut network, &ends);
        report(&network, to, network.now - started, BYTES);
    }
}

fn pair() -> ([Transfer; 2], [crate::Shared; 2]) {
    let [(client, at_client), (server, at_server)] = [0; 2].map(|_| Transfer::new(3, BYTES, BYTES));
    ([client, server], [at_client, at_server])
}

#[test]
fn nothing_arrives_for_five_minutes() {
    change(&Conditions { loss: 1000, ..Conditions::default() }, Duration::from_secs(300));
}

#[test]
fn the_way_becomes_long() {
    change(&Conditions { delay: Duration::from_millis(400), ..Conditions::default() }, Duration::from_secs(20));
}

#[test]
fn the_way_becomes_narrow() {
    change(&Conditions { rate: 1_000_000, queue: 10, ..Conditions::default() }, Duration::from_secs(20));
}
