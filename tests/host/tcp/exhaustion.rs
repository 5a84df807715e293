//! Peers that want our host to run out of something.

use std::time::Duration;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::base::stream::Gone;
use taphouse::buffer::Offload;
use taphouse::transport::tcp::Tuning;

use super::peer::{Offer, Peer, only};
use crate::packet::BOTH;

/// A SYN flood fills its own table and nothing else: connections that exist go on, and new ones are taken when the
/// flood is forgotten.
#[test]
fn a_syn_flood_is_bounded() {
    let mut peer = Peer::connected(Family::V4);
    let mut answered = 0;
    for port in 10_001..30_001u16 {
        let syn = peer.packet(|header| (header.syn, header.ack, header.source_port) = (true, false, port), b"");
        peer.host.give(&syn.frame(), Offload::default());
        answered += peer.host.turn().len();
    }
    assert_eq!(answered, limits::BACKLOG as usize);
    assert_eq!(peer.dropped(Dropped::TcpBacklog), 20_000 - u64::from(limits::BACKLOG));
    assert_eq!((peer.host.stack.connections(), peer.host.stack.memory_pinned()), (1, 0));
    peer.data(b"HELLO");
    assert_eq!(peer.seen().data, b"HELLO");
    // Its answers are repeated, and then it is over.
    let mut now = peer.host.now;
    let mut repeated = 0;
    let end = now + Duration::from_secs(200);
    while let Some(next) = peer.host.stack.deadline().filter(|next| *next < end) {
        now = now.max(next);
        peer.host.now = now;
        repeated += peer.host.turn().len();
    }
    assert!(repeated <= usize::from(limits::SYN_ACKS) * limits::BACKLOG as usize + 10, "{repeated}");
    peer.host.now = end;
    let syn = peer.packet(|header| (header.syn, header.ack, header.source_port) = (true, false, 9), b"");
    peer.host.give(&syn.frame(), Offload::default());
    assert!(peer.host.turn().iter().any(|(frame, _)| frame[12..14] == [8, 0]), "a new one is answered");
    let (port, next) = (peer.port, peer.next);
    (peer.port, peer.next) = (9, peer.next + 1);
    peer.send(|header| (header.rst, header.ack) = (true, false), b"");
    (peer.port, peer.next) = (port, next);
}

/// Sockstress: a peer asks for data and never opens its window. It costs a bounded amount of memory and a probe a minute.
#[test]
fn a_zero_window_held_for_ever_is_cheap() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.window = 0;
        peer.data(b"lllll");
        let mut probes = 0;
        for _ in 0..600 {
            for probe in peer.pass(Duration::from_secs(1)) {
                assert!(probe.data.len() <= 1, "{probe:?}");
                probes += 1;
                peer.send(|_| {}, b"");
            }
        }
        assert!((5..30).contains(&probes), "{probes} probes in ten minutes");
        assert_eq!(peer.gone(), None, "RFC 9293 §3.8.6.1: as long as it answers");
        let pinned = peer.host.stack.memory_pinned();
        assert!(pinned <= 25_000 + (64 << 10), "{pinned}");
        // One that does not even answer is given up.
        peer.pass(limits::USER_TIMEOUT + Duration::from_secs(130));
        assert_eq!(peer.gone(), Some(Gone::TimedOut));
        assert_eq!((peer.host.stack.connections(), peer.host.stack.memory_pinned()), (0, 0));
    }
}

/// A service that does not read, and a peer that sends a byte at a time: what that pins is bounded, and so is what the
/// peer may send.
#[test]
fn single_bytes_that_nobody_reads_pin_a_window_and_no_more() {
    for scale in [None, Some(7)] {
        let offer = Offer { scale, ..Offer::default() };
        let mut peer = Peer::connected_with(Family::V4, offer, Tuning::default());
        peer.data(b"p");
        let first = peer.next;
        for _ in 0..200_000 {
            peer.data(b"x");
            // What came before makes it acknowledge at once.
            peer.send(|header| header.sequence_number = header.sequence_number.wrapping_sub(1), b"x");
            peer.next = peer.acknowledged;
        }
        let taken = peer.next.wrapping_sub(first);
        assert!(taken <= 64 << 10, "{taken} bytes were taken, and nobody read one");
        let pinned = peer.host.stack.memory_pinned();
        assert!(pinned <= 2 * (64 << 10) + 4096, "{pinned}");
        peer.pass(Duration::from_secs(1100));
        let seen = peer.seen().data.len();
        assert_eq!(seen as u32, 1 + taken);
    }
}

/// Large segments of which only one byte is new.
#[test]
fn large_segments_with_a_byte_that_is_new_pin_what_they_bring() {
    let mut peer = Peer::connected(Family::V4);
    peer.data(b"p");
    for _ in 0..2000 {
        peer.send(|header| header.sequence_number = header.sequence_number.wrapping_sub(1459), &[b'x'; 1460]);
        peer.next = peer.acknowledged;
    }
    let pinned = peer.host.stack.memory_pinned();
    assert!(pinned <= 2 * (64 << 10) + 4096, "{pinned}");
    peer.pass(Duration::from_secs(1100));
}

/// One that is kept in TIME-WAIT by its peer does not keep the others there.
#[test]
fn time_wait_pins_neither_memory_nor_others() {
    let mut peer = Peer::connected(Family::V4);
    // Two connections end; the peer closes second, so our host waits.
    for _ in 0..2 {
        let end = peer.data(b"c");
        peer.expected = only(end.into_iter().filter(|segment| segment.header.fin).collect()).end();
        let last = peer.send(|header| header.fin = true, b"");
        assert!(only(last).is_bare());
        peer.next += 1;
        assert_eq!((peer.host.stack.connections(), peer.host.stack.memory_pinned()), (0, 0));
        if peer.port == 5000 {
            (peer.port, peer.next) = (5001, 1000);
            peer.forget_seen();
            peer.connect(Offer::default());
        }
    }
    // The first asks again and again, the second is silent.
    let second = (peer.next, peer.expected);
    for _ in 0..13 {
        peer.port = 5000;
        (peer.next, peer.expected) = (1002, peer.expected);
        let answer = only(peer.send(|header| header.fin = true, b""));
        assert!(answer.is_bare(), "it waits: {answer:?}");
        peer.pass(Duration::from_secs(10));
    }
    peer.port = 5001;
    (peer.next, peer.expected) = second;
    let answer = only(peer.send(|_| {}, b""));
    assert!(answer.header.rst, "two minutes are over: {answer:?}");
}
