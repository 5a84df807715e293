use std::net::Ipv4Addr;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;

use crate::packet::*;
use crate::reading::{datagram, read};
use crate::wire::Host;

#[test]
fn datagrams_of_every_size_are_echoed() {
    for family in BOTH {
        let mut host = Host::plain();
        let largest = 1500 - ip_length(family) - 8;
        for size in (0..=33).chain([1000, 1001, largest - 1, largest]) {
            let answer = read(&host.answer(&udp(family, 5000, 7, &pattern(size)).frame()));
            assert_eq!(datagram(&answer), (7, 5000, &pattern(size)[..]));
            assert_eq!((answer.source, answer.destination), (stack(family), peer(family)));
            assert_eq!((answer.hop_limit, answer.class, answer.station), (64, 0, PEER_MAC));
        }
        let counters = host.counters();
        assert_eq!(counters.datagrams_in_place, counters.frames_received);
        assert_eq!(counters.bytes_copied, 0, "answered where they lay");
    }
}

#[test]
fn a_datagram_without_checksum_is_answered_with_one_over_ipv4_only() {
    let mut host = Host::plain();
    for payload in [&b""[..], b"odd", &[0xff; 64]] {
        let asked = Packet { checksum_at: None, ..udp(Family::V4, 5000, 7, payload) };
        assert_eq!(datagram(&read(&host.answer(&asked.frame()))).2, payload);
        let asked = Packet { checksum_at: None, ..udp(Family::V6, 5000, 7, payload) };
        host.drops(&asked.frame(), Dropped::UdpWithoutChecksum);
    }
}

#[test]
fn a_wrong_checksum_is_dropped() {
    for family in BOTH {
        let mut host = Host::plain();
        for port in [7, 4000] {
            let mut bad = udp(family, 5000, port, b"damaged").frame();
            *bad.last_mut().unwrap() ^= 0x80;
            host.drops(&bad, Dropped::BadUdpChecksum);
        }
    }
}

#[test]
fn a_length_that_cannot_be_is_dropped() {
    for family in BOTH {
        let mut host = Host::plain();
        for length in [0, 1, 7, 13, 100, u16::MAX] {
            let mut packet = udp(family, 5000, 7, b"four");
            packet.payload[4..6].copy_from_slice(&u16::to_be_bytes(length));
            host.drops(&packet.frame(), Dropped::BadUdp);
        }
    }
}

#[test]
fn what_ip_carries_behind_a_datagram_is_ignored() {
    for family in BOTH {
        let mut host = Host::plain();
        let inner = udp(family, 5000, 7, b"inner");
        let whole = inner.frame();
        let payload = [&whole[inner.transport()..], b"and what is behind it"].concat();
        let asked = Packet::new(family, UDP, payload, None);
        assert_eq!(datagram(&read(&host.answer(&asked.frame()))), (7, 5000, &b"inner"[..]));
    }
}

#[test]
fn who_would_answer_the_answer_is_not_answered() {
    for family in BOTH {
        let mut host = Host::plain();
        for from in [0, 7, 13, 17, 19] {
            for to in [7, 19] {
                host.drops(&udp(family, from, to, b"loop").frame(), Dropped::EchoLoop);
            }
        }
    }
}

#[test]
fn discard_says_nothing() {
    for family in BOTH {
        let mut host = Host::plain();
        assert!(host.ask(&udp(family, 5000, 9, b"nothing").frame()).is_empty());
        let counters = host.counters();
        assert_eq!((counters.datagrams_received, counters.dropped_in_all()), (1, 0));
    }
}

#[test]
fn what_came_for_a_group_is_not_echoed() {
    let mut host = Host::plain();
    let all_hosts = Ipv4Addr::new(224, 0, 0, 1);
    for (group, mac) in [(Ipv4Addr::BROADCAST, EVERYBODY), (all_hosts, [1, 0, 0x5e, 0, 0, 1])] {
        for port in [7, 19] {
            host.drops(&udp(Family::V4, 5000, port, b"").to(group).at(mac).frame(), Dropped::AskedOfGroup);
        }
    }
    for port in [7, 19] {
        let asked = udp(Family::V6, 5000, port, b"").to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
        host.drops(&asked.frame(), Dropped::AskedOfGroup);
    }
}
