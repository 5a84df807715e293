//! What a stranger might predict: numbers and ports of connections that it does not see.

use std::collections::HashSet;

use taphouse::base::address::Family;

use super::peer::{Offer, Peer};
use crate::packet::BOTH;

/// RFC 6528: what our numbers are towards one says nothing about what they are towards another.
#[test]
fn initial_numbers_of_one_flow_tell_nothing_of_another() {
    for family in BOTH {
        let mut peer = Peer::new(family);
        let mut numbers = Vec::new();
        for port in 6000..6200 {
            (peer.port, peer.next) = (port, 1000);
            numbers.push(peer.offer(Offer::default()).header.sequence_number);
            peer.next += 1;
            peer.send(|header| (header.rst, header.ack) = (true, false), b"");
        }
        let steps: HashSet<u32> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]) >> 16).collect();
        assert!(steps.len() > 190, "{} of 199 steps differ", steps.len());
    }
}

/// RFC 6056 §3.3.1: our ports begin anywhere, and are ephemeral.
#[test]
fn ports_of_ours_follow_no_order() {
    let mut peer = Peer::new(Family::V4);
    let mut ports = Vec::new();
    for _ in 0..100 {
        ports.push(peer.called().header.source_port);
        peer.send(|header| (header.rst, header.sequence_number) = (true, 0), b"");
        peer.forget_seen();
    }
    assert!(ports.iter().all(|port| *port >= 49_152), "{ports:?}");
    let steps: HashSet<u16> = ports.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(steps.len() > 90, "{ports:?}");
}
