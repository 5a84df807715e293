use std::net::Ipv4Addr;
use std::time::Duration;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::base::limits;

use crate::packet::*;
use crate::reading::{Answer, message, read};
use crate::wire::Host;

/// Checks an error's header and that it quotes as much of the packet as it may.
fn check(answer: &Answer, family: Family, (kind, code, rest): (u8, u8, u32), packet: &[u8]) {
    let largest = if family == Family::V4 { 576 } else { 1280 };
    let quote = &packet[..packet.len().min(largest - ip_length(family) - 8)];
    assert_eq!((answer.source, answer.destination, answer.station), (stack(family), peer(family), PEER_MAC));
    assert_eq!(answer.hop_limit, 64);
    let (is_kind, is_code, is_rest, quoted) = message(answer);
    assert_eq!((is_kind, is_code, u32::from_be_bytes(is_rest)), (kind, code, rest));
    assert!(quoted == quote, "{} bytes quoted of {}, expected {}", quoted.len(), packet.len(), quote.len());
}

fn port_unreachable(family: Family) -> (u8, u8, u32) {
    if family == Family::V4 { (3, 3, 0) } else { (1, 4, 0) }
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    for family in BOTH {
        let mut host = Host::plain();
        for size in [0, 1, 520, 521, 1223, 1224, 1300, 1500 - ip_length(family) - 8] {
            let frame = udp(family, 5000, 4000, &pattern(size)).frame();
            check(&read(&host.answer(&frame)), family, port_unreachable(family), &frame[14..]);
            let padded = [&frame[..], &[0xee; 20]].concat();
            check(&read(&host.answer(&padded)), family, port_unreachable(family), &frame[14..]);
        }
        assert_eq!(host.counters().errors_sent, 16);
    }
}

#[test]
fn options_are_quoted() {
    let mut host = Host::plain();
    let frame = Packet { between: vec![148, 4, 0, 0], ..udp(Family::V4, 5000, 4000, b"x") }.frame();
    check(&read(&host.answer(&frame)), Family::V4, (3, 3, 0), &frame[14..]);
}

#[test]
fn a_protocol_that_we_do_not_speak_is_unreachable() {
    for family in BOTH {
        let mut host = Host::plain();
        for protocol in [3, 4, 41, 99, 132, 255] {
            let frame = Packet::new(family, protocol, pattern(30), None).frame();
            let expected = if family == Family::V4 { (3, 2, 0) } else { (4, 1, 6) };
            check(&read(&host.answer(&frame)), family, expected, &frame[14..]);
        }
    }
    // Each ICMP is the other family's unknown protocol.
    let mut host = Host::plain();
    let frame = Packet::new(Family::V6, ICMP, pattern(8), None).frame();
    assert!(host.ask(&frame).len() <= 1);
    let frame = Packet::new(Family::V4, ICMPV6, pattern(8), None).frame();
    assert!(host.ask(&frame).len() <= 1);
}

#[test]
fn a_malformed_option_is_pointed_at() {
    let mut host = Host::plain();
    for (options, pointer) in [([1, 7, 0, 0], 21u32), ([7, 1, 0, 0], 20), ([1, 1, 1, 7], 23), ([1, 7, 9, 4], 21)] {
        let frame = Packet { between: options.to_vec(), ..echo(Family::V4, b"options") }.frame();
        check(&read(&host.answer(&frame)), Family::V4, (12, 0, pointer << 24), &frame[14..]);
        // What pads the frame is not part of the packet.
        let padded = [&frame[..], &[0xee; 20]].concat();
        check(&read(&host.answer(&padded)), Family::V4, (12, 0, pointer << 24), &frame[14..]);
    }
}

#[test]
fn there_is_no_error_about_what_went_to_a_group() {
    let mut host = Host::plain();
    let groups = [
        (Ipv4Addr::BROADCAST, EVERYBODY),
        (Ipv4Addr::new(10, 77, 0, 255), EVERYBODY),
        (Ipv4Addr::new(224, 0, 0, 1), [1, 0, 0x5e, 0, 0, 1]),
    ];
    for (group, mac) in groups {
        host.drops(&udp(Family::V4, 5000, 4000, b"").to(group).at(mac).frame(), Dropped::PortUnreachable);
        host.drops(&Packet::new(Family::V4, 99, pattern(9), None).to(group).at(mac).frame(), Dropped::ErrorForbidden);
    }
    let all_nodes = [0x33, 0x33, 0, 0, 0, 1];
    host.drops(&udp(Family::V6, 5000, 4000, b"").to(ALL_NODES).at(all_nodes).frame(), Dropped::PortUnreachable);
    let protocol = Packet::new(Family::V6, 99, pattern(9), None).to(ALL_NODES);
    host.drops(&protocol.at(all_nodes).frame(), Dropped::ErrorForbidden);
}

#[test]
fn there_is_no_error_about_an_error() {
    let mut host = Host::plain();
    // An unknown option asks for an error, but not about what is one itself.
    let options = vec![7, 1, 0, 0];
    for kind in [3, 4, 5, 11, 12] {
        let error = icmp(Family::V4, kind, 0, &[0; 32]);
        host.drops(&Packet { between: options.clone(), ..error }.frame(), Dropped::ErrorForbidden);
    }
    let unknown = [ICMPV6, 0, 0x9e, 4, 0, 0, 0, 0];
    for kind in [1, 2, 3, 4, 100, 127] {
        let error = icmp(Family::V6, kind, 0, &[0; 32]).behind(60, &unknown);
        host.drops(&error.frame(), Dropped::ErrorForbidden);
    }
    host.answer(&echo(Family::V6, b"no error").behind(60, &unknown).frame());
}

#[test]
fn errors_are_limited_and_the_limit_recovers() {
    for family in BOTH {
        let mut host = Host::plain();
        let frame = udp(family, 5000, 4000, b"").frame();
        let most = limits::ICMP_ERRORS_A_SECOND;
        let told = (0..3 * most).filter(|_| !host.ask(&frame).is_empty()).count() as u32;
        assert_eq!(told, most);
        assert_eq!(host.counters().dropped(Dropped::ErrorRateLimit), u64::from(2 * most));
        host.drops(&frame, Dropped::ErrorRateLimit);
        host.pass(Duration::from_secs(1) / most);
        host.answer(&frame);
        host.drops(&frame, Dropped::ErrorRateLimit);
        host.pass(Duration::from_secs(100));
        let told = (0..3 * most).filter(|_| !host.ask(&frame).is_empty()).count() as u32;
        assert_eq!(told, most, "time fills it no further");
    }
}

#[test]
fn errors_come_at_the_rate_of_the_limit_whenever_they_are_asked_for() {
    let mut host = Host::plain();
    let frame = udp(Family::V4, 5000, 4000, b"").frame();
    while !host.ask(&frame).is_empty() {}
    let mut told = 0;
    for _ in 0..100 {
        host.pass(Duration::from_millis(19));
        told += (0..3).filter(|_| !host.ask(&frame).is_empty()).count();
    }
    assert_eq!(told, 100 * 19 / 10, "one every ten milliseconds");
}
