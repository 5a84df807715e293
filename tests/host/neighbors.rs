use std::net::IpAddr;
use std::time::Duration;

use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::buffer::Offload;

use crate::packet::*;
use crate::reading::{datagram, message, read, read_offloaded};
use crate::wire::Host;

/// A wish for characters: chargen's answer waits until the peer is known.
fn wish(family: Family) -> Vec<u8> {
    udp(family, 5000, 19, b"please").frame()
}

/// Checks that a frame asks everybody for the peer.
#[track_caller]
fn asks_for_the_peer(frame: &[u8], family: Family) {
    match family {
        Family::V4 => {
            let (ethernet, rest) = Ethernet2Header::from_slice(frame).unwrap();
            assert_eq!((ethernet.destination, ethernet.ether_type.0), (EVERYBODY, 0x0806));
            let expected = ArpEthIpv4Packet {
                operation: ArpOperation::REQUEST,
                sender_mac: STACK_MAC,
                sender_ipv4: STACK_V4.octets(),
                target_mac: [0; 6],
                target_ipv4: PEER_V4.octets(),
            };
            assert_eq!(rest, expected.to_bytes());
        }
        Family::V6 => {
            let asked = read(frame);
            assert_eq!(asked.station, [0x33, 0x33, 0xff, 0, 0, 1]);
            assert_eq!(asked.destination, "ff02::1:ff00:1".parse::<IpAddr>().unwrap());
            assert_eq!((asked.source, asked.hop_limit), (STACK_V6.into(), 255));
            let rest = [&PEER_V6.octets()[..], &[1, 1], &STACK_MAC].concat();
            assert_eq!(message(&asked), (135, 0, [0; 4], &rest[..]));
        }
    }
}

/// The peer's answer.
pub(crate) fn here_i_am(family: Family) -> Vec<u8> {
    match family {
        Family::V4 => {
            let reply = ArpEthIpv4Packet {
                operation: ArpOperation::REPLY,
                sender_mac: PEER_MAC,
                sender_ipv4: PEER_V4.octets(),
                target_mac: STACK_MAC,
                target_ipv4: STACK_V4.octets(),
            };
            let header = Ethernet2Header { source: PEER_MAC, destination: STACK_MAC, ether_type: 0x0806.into() };
            [&header.to_bytes()[..], &reply.to_bytes()].concat()
        }
        Family::V6 => {
            let rest = [&[0x60, 0, 0, 0], &PEER_V6.octets()[..], &[2, 1], &PEER_MAC].concat();
            Packet { hop_limit: 255, ..icmp(Family::V6, 136, 0, &rest) }.frame()
        }
    }
}

#[test]
fn an_answer_waits_for_its_neighbour() {
    for family in BOTH {
        for mut host in [Host::plain(), Host::offloading()] {
            host.give(&wish(family), Offload::default());
            let asked = host.turn();
            assert_eq!(asked.len(), 1);
            asks_for_the_peer(&asked[0].0, family);
            assert!(host.stack.memory_pinned() > 0);
            host.give(&wish(family), Offload::default());
            assert!(host.turn().is_empty(), "it was asked already");

            host.give(&here_i_am(family), Offload::default());
            let delivered = host.turn();
            assert_eq!(delivered.len(), 2);
            for (frame, offload) in delivered {
                let answer = read_offloaded(&frame, offload);
                let (from, to, characters) = datagram(&answer);
                assert_eq!((answer.station, from, to), (PEER_MAC, 19, 5000));
                assert!(characters.len() <= 512);
                assert!(characters.iter().all(|byte| (b' '..=b'~').contains(byte) || b"\r\n".contains(byte)));
            }
            assert_eq!(host.stack.memory_pinned(), 0);
            assert_eq!(host.counters().datagrams_sent, 2);
            assert_eq!(host.counters().dropped_in_all(), 0);
        }
    }
}

#[test]
fn a_neighbour_that_does_not_answer_is_given_up() {
    for family in BOTH {
        let mut host = Host::plain();
        asks_for_the_peer(&host.answer(&wish(family)), family);
        let mut asked = 1;
        for _ in 0..50 {
            for (frame, _) in host.pass(Duration::from_millis(100)) {
                asks_for_the_peer(&frame, family);
                asked += 1;
            }
        }
        assert_eq!(asked, 3);
        assert_eq!(host.counters().dropped(Dropped::NeighborUnreachable), 1);
        assert_eq!(host.stack.memory_pinned(), 0);
        assert_eq!(host.stack.deadline(), None, "nothing is left to be done");
        asks_for_the_peer(&host.answer(&wish(family)), family);
        host.give(&here_i_am(family), Offload::default());
        assert_eq!(host.turn().len(), 1);
    }
}

#[test]
fn one_neighbour_holds_few_frames() {
    for family in BOTH {
        let mut host = Host::plain();
        host.answer(&wish(family));
        for _ in 1..16 {
            assert!(host.ask(&wish(family)).is_empty());
        }
        for _ in 0..5 {
            host.drops(&wish(family), Dropped::ParkedFull);
        }
        assert_eq!(host.ask(&here_i_am(family)).len(), 16);
    }
}

#[test]
fn a_stack_that_ends_gives_back_what_is_parked() {
    let mut host = Host::plain();
    host.answer(&wish(Family::V4));
    assert_eq!(host.stack.memory_pinned(), 2048);
    host.pass(Duration::from_secs(5));
    host.pass(Duration::from_secs(5));
    host.pass(Duration::from_secs(5));
}

#[test]
fn a_scan_is_bounded() {
    let mut host = Host::plain();
    for host_number in 0..3000u16 {
        let [a, b] = host_number.to_be_bytes();
        let source = std::net::Ipv6Addr::from([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, a, b]);
        host.ask(&udp(Family::V6, 5000, 19, b"").from(source).frame());
    }
    let counters = host.counters();
    let asked = 3000 - counters.dropped(Dropped::NeighborsFull);
    assert_eq!(asked, 1024);
    assert!(host.stack.memory_pinned() <= (16 << 20) / 8);
    for _ in 0..100 {
        host.pass(Duration::from_millis(100));
    }
    let counters = host.counters();
    let lost = counters.dropped(Dropped::NeighborUnreachable) + counters.dropped(Dropped::ParkedFull);
    assert_eq!(lost, 1024, "{counters}");
}

/// RFC 4861 §7.2.5: without the flags it helps who knows nothing, and does not replace what is known.
#[test]
fn a_polite_announcement_helps_who_knows_nothing() {
    let announced = |mac: [u8; 6]| {
        let rest = [&[0, 0, 0, 0], &PEER_V6.octets()[..], &[2, 1], &mac].concat();
        Packet { hop_limit: 255, ..icmp(Family::V6, 136, 0, &rest) }.frame()
    };
    let mut host = Host::plain();
    asks_for_the_peer(&host.answer(&wish(Family::V6)), Family::V6);
    let delivered = host.answer(&announced(PEER_MAC));
    assert_eq!(read(&delivered).station, PEER_MAC);

    host.give(&announced([2, 0, 0, 0, 0, 9]), Offload::default());
    assert!(host.turn().is_empty());
    assert_eq!(read(&host.answer(&wish(Family::V6))).station, PEER_MAC, "nobody pushes out who is known");
}
