//! What routers, and those who pretend to be one, say of our segments (RFC 5927, RFC 1191, RFC 8201).

use std::time::Duration;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::base::icmp::IcmpError;
use taphouse::base::stream::Gone;

use super::peer::{Offer, Peer, Sent, joined};
use crate::packet::{BOTH, Packet, ip_length, pattern, tcp};
use crate::routers::{error, no_port, quoted, too_big};

/// What an error quotes of a segment of ours with this number, in a packet of 1,500 bytes.
fn quote(peer: &Peer, sequence: u32) -> Vec<u8> {
    let fill = |header: &mut etherparse::TcpHeader| {
        (header.source_port, header.destination_port) = (peer.service, peer.port);
        header.sequence_number = sequence;
    };
    quoted(tcp(peer.family, fill, &pattern(1500 - ip_length(peer.family) - 20)))
}

/// With 5,000 bytes in flight, from the first that is not acknowledged.
fn sending(family: Family) -> (Peer, Vec<Sent>) {
    let mut peer = Peer::connected(family);
    let sent = peer.data(b"nl");
    assert_eq!(joined(&sent, peer.expected).len(), 5000);
    (peer, sent)
}

fn longest(sent: &[Sent]) -> usize {
    sent.iter().map(|segment| segment.data.len()).max().unwrap_or(0)
}

/// Data of a full packet.
fn full(family: Family, mtu: usize) -> usize {
    mtu - ip_length(family) - 20
}

/// All of a hard and a soft error's kinds.
fn every_error(family: Family, quote: &[u8]) -> Vec<Packet> {
    let kinds: Vec<(u8, u8, u32)> = match family {
        Family::V4 => {
            (0..=15).filter(|code| *code != 4).map(|code| (3, code, 0)).chain([(11, 0, 0), (12, 0, 0)]).collect()
        }
        Family::V6 => (0..=7).map(|code| (1, code, 0)).chain([(3, 0, 0), (4, 0, 0), (4, 1, 6)]).collect(),
    };
    kinds.into_iter().map(|what| error(family, what, quote)).collect()
}

/// RFC 5927 §4.
#[test]
fn errors_that_quote_what_is_not_in_flight_change_nothing() {
    for family in BOTH {
        let (mut peer, sent) = sending(family);
        let start = peer.expected;
        for sequence in [start - 1, start + 5000, start + 5001, start.wrapping_add(1 << 31), 0] {
            let quote = quote(&peer, sequence);
            for packet in every_error(family, &quote).into_iter().chain([too_big(family, 1300, &quote)]) {
                let before = peer.dropped(Dropped::IcmpOutsideWindow);
                assert!(peer.exchange(&packet).is_empty());
                assert_eq!(peer.dropped(Dropped::IcmpOutsideWindow), before + 1);
            }
        }
        assert_eq!((peer.host.counters().errors_received, peer.gone()), (0, None));
        peer.acknowledge(&sent);
        assert_eq!(longest(&peer.data(b"l")), full(family, 1500));
    }
}

#[test]
fn packets_too_big_for_no_path_change_nothing() {
    for family in BOTH {
        let (mut peer, sent) = sending(family);
        let quote = quote(&peer, peer.expected);
        let impossible: &[u32] = if family == Family::V4 { &[1, 67, 1500, 9000] } else { &[0, 68, 1279, 1500, 65_536] };
        for mtu in impossible {
            assert!(peer.exchange(&too_big(family, *mtu, &quote)).is_empty());
        }
        assert_eq!(peer.dropped(Dropped::IcmpBadMtu), impossible.len() as u64);
        peer.acknowledge(&sent);
        assert_eq!(longest(&peer.data(b"l")), full(family, 1500));
    }
}

/// RFC 1191 §6.5, RFC 8201 §5.4: at once, all of it, and once.
#[test]
fn what_was_too_big_is_sent_again_in_smaller_segments() {
    for family in BOTH {
        let (mut peer, _) = sending(family);
        let start = peer.expected;
        for mtu in [1400, 1300] {
            let quote = quote(&peer, start);
            let again = peer.exchange(&too_big(family, mtu, &quote));
            assert_eq!(joined(&again, start), pattern(5000));
            assert_eq!(longest(&again), full(family, mtu as usize));
            assert!(again.iter().all(|segment| segment.dont_fragment || family == Family::V6));
            // The other segments of the flight have errors of their own, and older ones say more.
            for mtu in [mtu, 1450] {
                assert!(peer.exchange(&too_big(family, mtu, &quote)).is_empty());
            }
        }
        peer.expected = start + 5000;
        let sent = peer.data(b"l");
        assert_eq!(longest(&sent), full(family, 1300));
        peer.acknowledge(&sent);
        // It is tried anew when the error is ten minutes old.
        peer.pass(Duration::from_secs(601));
        assert_eq!(longest(&peer.data(b"l")), full(family, 1500));
    }
}

#[test]
fn other_connections_to_the_same_host_see_it_too() {
    for family in BOTH {
        let (mut peer, sent) = sending(family);
        let quote = quote(&peer, peer.expected);
        peer.exchange(&too_big(family, 1300, &quote));
        peer.acknowledge(&sent);
        let first = (peer.port, peer.next, peer.expected);
        (peer.port, peer.next) = (5001, 77_000);
        let answer = peer.offer(Offer::default());
        let offered = answer.header.options_iterator().next().unwrap().unwrap();
        let own = full(family, 1500) as u16;
        assert_eq!(offered, etherparse::TcpOptionElement::MaximumSegmentSize(own), "the way back is another");
        (peer.expected, peer.next) = (answer.end(), peer.next + 1);
        peer.send(|_| {}, b"");
        assert_eq!(longest(&peer.data(b"nl")), full(family, 1300));
        // Both are reset, so that nothing is left.
        peer.send(|header| header.rst = true, b"");
        (peer.port, peer.next, peer.expected) = first;
        peer.acknowledge(&[]);
    }
}

/// RFC 1191 §5, §7.1.
#[test]
fn routers_that_do_not_know_are_answered_with_the_next_plateau() {
    let (mut peer, _) = sending(Family::V4);
    let start = peer.expected;
    let again = peer.exchange(&too_big(Family::V4, 0, &quote(&peer, start)));
    assert_eq!((longest(&again), joined(&again, start)), (full(Family::V4, 1492), pattern(5000)));
}

/// A path that takes less than we believe of any gets what its routers may cut.
#[test]
fn less_than_552_lets_routers_cut() {
    let (mut peer, _) = sending(Family::V4);
    let start = peer.expected;
    let again = peer.exchange(&too_big(Family::V4, 68, &quote(&peer, start)));
    assert_eq!((longest(&again), joined(&again, start)), (512, pattern(5000)));
    assert!(again.iter().all(|segment| !segment.dont_fragment));
}

/// RFC 1122 §4.2.3.9, RFC 5927 §5.2: who is open goes on.
#[test]
fn no_error_ends_who_is_open() {
    for family in BOTH {
        let (mut peer, sent) = sending(family);
        let errors = every_error(family, &quote(&peer, peer.expected));
        let count = errors.len() as u64;
        for packet in errors {
            assert!(peer.exchange(&packet).is_empty());
        }
        assert_eq!((peer.host.counters().errors_received, peer.gone()), (count, None));
        peer.acknowledge(&sent);
        assert_eq!(joined(&peer.data(b"l"), peer.expected), pattern(5000));
    }
}

#[test]
fn a_hard_error_ends_who_is_opening_and_a_soft_one_does_not() {
    for family in BOTH {
        let prohibited = if family == Family::V4 { (3, 13, 0) } else { (1, 1, 0) };
        let unreachable = if family == Family::V4 { (3, 1, 0) } else { (1, 3, 0) };
        for (hard, gone) in [(None, Gone::Refused), (Some(prohibited), Gone::Unreachable)] {
            let mut peer = Peer::new(family);
            let syn = peer.called();
            let number = syn.header.sequence_number;
            for elsewhere in [number - 1, number + 1] {
                peer.exchange(&no_port(family, &quote(&peer, elsewhere)));
            }
            assert_eq!(peer.dropped(Dropped::IcmpOutsideWindow), 2);
            let quote = quote(&peer, number);
            assert!(peer.exchange(&error(family, unreachable, &quote)).is_empty());
            assert_eq!(peer.gone(), None);
            let again = peer.pass(Duration::from_secs(2));
            assert!(again.iter().any(|segment| segment.header.syn), "it is tried again: {again:?}");
            let packet = hard.map_or(no_port(family, &quote), |what| error(family, what, &quote));
            assert!(peer.exchange(&packet).is_empty());
            assert_eq!(peer.gone(), Some(gone));
            assert_eq!(peer.host.stack.connections(), 0);
        }
    }
}

/// RFC 1122 §4.2.3.9, §4.2.4.1: a soft error ends nobody who is open, is told, and is why it was if nothing arrives.
#[test]
fn a_soft_error_is_told_and_is_the_reason_if_nothing_arrives() {
    for family in BOTH {
        let unreachable = error_of(family, if family == Family::V4 { (3, 1, 0) } else { (1, 3, 0) });
        let exceeded = error_of(family, if family == Family::V4 { (11, 0, 0) } else { (3, 0, 0) });
        let unreachable: &dyn Fn(&[u8]) -> Packet = &unreachable;
        let cases = [
            (Some(unreachable), Some(IcmpError::Unreachable), Gone::Unreachable),
            (Some(&exceeded), Some(IcmpError::TimeExceeded), Gone::Unreachable),
            (None, None, Gone::TimedOut),
        ];
        for (what, said, gone) in cases {
            let mut peer = Peer::connected(family);
            // The peer's service chooses a timeout of half a minute.
            assert_eq!(peer.data(b"us").iter().filter(|sent| !sent.data.is_empty()).count(), 1);
            if let Some(what) = what {
                let packet = what(&quote(&peer, peer.expected));
                assert!(peer.exchange(&packet).is_empty());
            }
            assert_eq!((peer.seen().errors, peer.gone()), (said.into_iter().collect(), None));
            peer.pass(Duration::from_secs(40));
            assert_eq!(peer.gone(), Some(gone));
        }
    }
}

/// What was said before something arrived is no reason any more.
#[test]
fn an_acknowledgment_takes_a_soft_error_back() {
    for family in BOTH {
        let unreachable = error_of(family, if family == Family::V4 { (3, 1, 0) } else { (1, 3, 0) });
        let mut peer = Peer::connected(family);
        let sent = peer.data(b"us");
        let packet = unreachable(&quote(&peer, peer.expected));
        peer.exchange(&packet);
        peer.acknowledge(&sent);
        peer.data(b"s");
        peer.pass(Duration::from_secs(40));
        assert_eq!(peer.gone(), Some(Gone::TimedOut));
    }
}

/// An error of this type, code and word about what is quoted.
fn error_of(family: Family, what: (u8, u8, u32)) -> impl Fn(&[u8]) -> Packet {
    move |quote| error(family, what, quote)
}
