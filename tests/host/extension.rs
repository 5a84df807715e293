use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;

use crate::packet::*;
use crate::reading::{datagram, message, read};
use crate::wire::Host;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NOTHING: u8 = 59;
const OPTIONS: u8 = 60;

fn datagram_behind(first: u8, headers: &[u8]) -> Packet {
    udp(Family::V6, 5000, 7, b"behind").behind(first, headers)
}

/// A header with nothing but padding.
fn padding(next: u8) -> [u8; 8] {
    [next, 0, 1, 4, 0, 0, 0, 0]
}

/// Checks that a chain of headers is answered with a parameter problem.
#[track_caller]
fn is_problem(host: &mut Host, packet: &Packet, code: u8, pointer: u32) {
    let frame = packet.frame();
    // What pads the frame is not part of the packet.
    for sent in [frame.clone(), [&frame[..], &[0xee; 9]].concat()] {
        let answer = read(&host.answer(&sent));
        let (kind, is_code, rest, quoted) = message(&answer);
        assert_eq!((kind, is_code, u32::from_be_bytes(rest)), (4, code, pointer));
        assert!(quoted == &frame[14..], "the packet is quoted, whole and without padding");
    }
}

#[test]
fn a_datagram_behind_extension_headers_is_answered_without_them() {
    let mut host = Host::plain();
    let chains = [
        (HOP_BY_HOP, [padding(OPTIONS), padding(UDP)].concat()),
        (ROUTING, [[OPTIONS, 0, 0, 0, 0, 0, 0, 0], padding(UDP)].concat()),
        (FRAGMENT, vec![UDP, 0, 0, 0, 1, 2, 3, 4]),
        (HOP_BY_HOP, vec![UDP, 0, 5, 2, 0, 0, 1, 0]),
        (OPTIONS, padding(OPTIONS).repeat(7).into_iter().chain(padding(UDP)).collect()),
    ];
    for (first, headers) in chains {
        let answer = read(&host.answer(&datagram_behind(first, &headers).frame()));
        assert_eq!(datagram(&answer), (7, 5000, &b"behind"[..]));
    }
}

#[test]
fn an_unknown_option_says_itself_what_becomes_of_the_packet() {
    let mut host = Host::plain();
    for first in [HOP_BY_HOP, OPTIONS] {
        let option = |kind| datagram_behind(first, &[UDP, 0, 0, kind, 3, 0, 0, 0]);
        host.answer(&option(0x1e).frame());
        host.drops(&option(0x5e).frame(), Dropped::ExtensionHeader);
        is_problem(&mut host, &option(0x9e), 2, 43);
        is_problem(&mut host, &option(0xde), 2, 43);
        let second = [padding(first.max(OPTIONS)), [UDP, 0, 0x9e, 4, 0, 0, 0, 0]].concat();
        is_problem(&mut host, &datagram_behind(first, &second), 2, 50);

        let to_all = |kind| option(kind).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
        host.drops(&to_all(0xde).frame(), Dropped::ExtensionHeader);
        let answer = read(&host.answer(&to_all(0x9e).frame()));
        assert_eq!(answer.source, std::net::IpAddr::from(STACK_V6), "the one error about a group's packet");
    }
}

#[test]
fn an_option_over_the_end_is_pointed_at() {
    let mut host = Host::plain();
    is_problem(&mut host, &datagram_behind(OPTIONS, &[UDP, 0, 0x1e, 5, 0, 0, 0, 0]), 0, 42);
    is_problem(&mut host, &datagram_behind(OPTIONS, &[UDP, 0, 1, 3, 0, 0, 0, 0x1e]), 0, 47);
}

#[test]
fn nobody_routes_through_us() {
    let mut host = Host::plain();
    for kind in [0, 2, 3, 4, 253] {
        for left in [1, 255] {
            is_problem(&mut host, &datagram_behind(ROUTING, &[UDP, 0, kind, left, 0, 0, 0, 0]), 0, 42);
        }
    }
}

#[test]
fn a_chain_ends_where_it_has_to() {
    let mut host = Host::plain();
    let long = [padding(OPTIONS).repeat(8), padding(UDP).to_vec()].concat();
    is_problem(&mut host, &datagram_behind(OPTIONS, &long), 8, 40 + 64);
    let hop_by_hop_later = [padding(HOP_BY_HOP), padding(UDP)].concat();
    is_problem(&mut host, &datagram_behind(OPTIONS, &hop_by_hop_later), 1, 40);
    is_problem(&mut host, &datagram_behind(OPTIONS, &padding(99)), 1, 40);
    host.drops(&datagram_behind(NOTHING, &[]).frame(), Dropped::ExtensionHeader);
    host.drops(&datagram_behind(OPTIONS, &padding(NOTHING)).frame(), Dropped::ExtensionHeader);
}

#[test]
fn a_header_over_the_end_is_dropped() {
    let mut host = Host::plain();
    for first in [HOP_BY_HOP, OPTIONS, ROUTING] {
        for units in [3, 255] {
            host.drops(&datagram_behind(first, &[UDP, units, 1, 4, 0, 0, 0, 0]).frame(), Dropped::Truncated);
        }
    }
    for length in 0..8 {
        let packet = Packet::new(Family::V6, FRAGMENT, vec![UDP; length], None);
        host.drops(&packet.frame(), Dropped::Truncated);
    }
}

/// RFC 8504 §5.3, RFC 8883 §2: what is too much is pointed at.
#[test]
fn more_than_is_walked_is_pointed_at() {
    let mut host = Host::plain();
    let options = |count: usize| {
        let mut header = [&[UDP, 2, 1, 0][..], &[0x1e, 0].repeat(count)].concat();
        header.resize(24, 0);
        header
    };
    host.answer(&datagram_behind(OPTIONS, &options(8)).frame());
    is_problem(&mut host, &datagram_behind(OPTIONS, &options(9)), 9, 40 + 20);
    let large = |next: u8, units: u8| {
        let mut header = vec![next, units];
        header.resize(8 * (usize::from(units) + 1), 0);
        header
    };
    // Together they fit into no Ethernet frame, but into one that a device cuts, or into fragments.
    let chain = |last: u8| [large(OPTIONS, 200), large(UDP, last)].concat();
    host.answer(&datagram_behind(OPTIONS, &chain(54)).frame());
    let frame = datagram_behind(OPTIONS, &chain(55)).frame();
    let answer = read(&host.answer(&frame));
    let (kind, code, rest, _) = message(&answer);
    assert_eq!((kind, code, u32::from_be_bytes(rest)), (4, 7, 40 + 2048));
}

/// RFC 2675 §3, RFC 8200 §4.2: an option that we do not know, in a packet that says it is empty.
#[test]
fn a_jumbogram_is_refused_at_its_option() {
    let mut host = Host::plain();
    let jumbo = [UDP, 0, 0xc2, 4, 0, 1, 0, 0];
    let mut frame = datagram_behind(HOP_BY_HOP, &jumbo).frame();
    is_problem(&mut host, &datagram_behind(HOP_BY_HOP, &jumbo), 2, 42);
    frame[18..20].fill(0);
    let (kind, code, rest, _) = {
        let answer = read(&host.answer(&frame));
        let (a, b, c, _) = message(&answer);
        (a, b, c, ())
    };
    assert_eq!((kind, code, u32::from_be_bytes(rest)), (4, 2, 42));
    // One that is empty and has no such option only says what is not there.
    let mut frame = datagram_behind(HOP_BY_HOP, &padding(UDP)).frame();
    frame[18..20].fill(0);
    host.drops(&frame, Dropped::Truncated);
}

/// RFC 4302 §3.4.2, RFC 4303 §3.4.2: without a security association there is no answer.
#[test]
fn what_is_secured_for_others_is_dropped() {
    for family in crate::packet::BOTH {
        let mut host = Host::plain();
        for protocol in [50, 51] {
            host.drops(&Packet::new(family, protocol, pattern(32), None).frame(), Dropped::NoSecurity);
        }
    }
    let mut host = Host::plain();
    host.drops(&datagram_behind(OPTIONS, &padding(51)).frame(), Dropped::NoSecurity);
}
