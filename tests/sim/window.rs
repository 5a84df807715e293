//! A peer that does not read.

use std::time::Duration;

use crate::carry;
use crate::network::{Conditions, Ends, Network, address4, address6};
use crate::transfer::Transfer;

/// Its window is closed for so long that the sender asks again and again, and gives up nothing (RFC 9293 §3.8.6.1); the
/// other direction goes on.
fn held(span: Duration, loss: u64) {
    const BYTES: u64 = 1 << 20;
    for to in [address4(2), address6(2)] {
        let mut network = Network::new(9, Ends::default(), Conditions { loss, ..Conditions::default() });
        let (client, at_client) = Transfer::new(9, BYTES, BYTES);
        let (server, at_server) = Transfer::new(9, BYTES, BYTES);
        let started = network.now;
        carry(&mut network, to, [(client, at_client), (server.resting(100_000, span), at_server)], BYTES);
        let took = network.now - started;
        assert!(took > span && took < span + Duration::from_secs(130), "{took:?} for a rest of {span:?}");
    }
}

#[test]
fn a_zero_window_held_for_a_second() {
    held(Duration::from_secs(1), 0);
}

#[test]
fn a_zero_window_held_for_ten_minutes() {
    held(Duration::from_secs(600), 0);
}

#[test]
fn a_zero_window_held_for_an_hour_on_a_bad_path() {
    held(Duration::from_secs(3600), 100);
}
