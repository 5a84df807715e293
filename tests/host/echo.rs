use std::net::Ipv4Addr;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;

use crate::packet::*;
use crate::reading::{Answer, message, read};
use crate::wire::Host;

/// Type of an echo reply.
fn reply_kind(family: Family) -> u8 {
    if family == Family::V4 { 0 } else { 129 }
}

#[test]
fn echoes_of_every_size_come_back() {
    for family in BOTH {
        let mut host = Host::plain();
        let largest = 1500 - ip_length(family) - 8;
        for size in (0..=66).chain([511, 512, 999, largest - 1, largest]) {
            let answer = read(&host.answer(&echo(family, &pattern(size)).frame()));
            let expected = Answer {
                station: PEER_MAC,
                source: stack(family),
                destination: peer(family),
                protocol: if family == Family::V4 { ICMP } else { ICMPV6 },
                hop_limit: 64,
                class: 0,
                dont_fragment: family == Family::V6,
                payload: answer.payload.clone(),
            };
            assert_eq!(answer, expected);
            assert_eq!(message(&answer), (reply_kind(family), 0, [0xab, 0xcd, 0, 7], &pattern(size)[..]));
        }
        assert_eq!(host.counters().echo_answered, host.counters().frames_received);
    }
}

#[test]
fn awkward_sums_come_back_right() {
    for family in BOTH {
        let mut host = Host::plain();
        for low in 0..=u16::MAX / 64 {
            let [a, b] = (low * 64).to_be_bytes();
            let answer = read(&host.answer(&echo(family, &[a, b, 0xff, 0xff]).frame()));
            assert_eq!(message(&answer).3, [a, b, 0xff, 0xff]);
        }
    }
}

#[test]
fn the_traffic_class_and_the_wish_not_to_be_cut_come_back() {
    for family in BOTH {
        let mut host = Host::plain();
        for (class, dont_fragment) in [(0xb8, true), (3, false), (0xff, true)] {
            let asked = Packet { class, dont_fragment, ..echo(family, b"?") };
            let answer = read(&host.answer(&asked.frame()));
            assert_eq!(answer.class, class);
            assert_eq!(answer.dont_fragment, dont_fragment || family == Family::V6);
        }
    }
}

/// RFC 1122 §3.2.2.6: record route and timestamp come back with us in them, in both an echo's own frame and one that is marked.
#[test]
fn options_that_record_come_back_with_us_in_them() {
    let mut host = Host::plain();
    let [a, b, c, d] = STACK_V4.octets();
    // The host's clock stands at one second.
    let time = [0x80, 0, 3, 0xe8];
    let route = vec![7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let recorded = vec![7, 11, 8, a, b, c, d, 0, 0, 0, 0, 0];
    let stamps = [&[148, 4, 0, 0, 68, 20, 5, 1][..], &[0; 16]].concat();
    let stamped = [&[1, 1, 1, 1, 68, 20, 13, 1, a, b, c, d][..], &time, &[0; 8]].concat();
    for (between, expected) in [(route, recorded), (stamps, stamped)] {
        let asked = Packet { between: between.clone(), class: 0x28, ..echo(Family::V4, b"options") };
        let answer = host.answer(&asked.frame());
        let (header, payload) = etherparse::Ipv4Header::from_slice(&answer[14..]).unwrap();
        assert_eq!(&header.options[..], &expected[..]);
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        assert_eq!((header.source, header.destination), (STACK_V4.octets(), PEER_V4.octets()));
        assert_eq!(
            (header.time_to_live, header.dscp.value() << 2, usize::from(header.total_len)),
            (64, 0x28, answer.len() - 14)
        );
        assert_eq!((payload[0], sum(&[payload]), &payload[8..]), (0, 0xffff, &b"options"[..]));
        // A datagram's are not (RFC 1122 §4.1.3.2 leaves them to who asks for them).
        let asked = Packet { between, ..udp(Family::V4, 5000, 7, b"options") };
        assert_eq!(crate::reading::datagram(&read(&host.answer(&asked.frame()))).2, b"options");
    }
}

/// RFC 792, RFC 1122 §3.2.2.8.
#[test]
fn who_asks_for_the_time_is_told() {
    let mut host = Host::plain();
    let asked = icmp(Family::V4, 13, 0, &[0xab, 0xcd, 0, 7, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    let answer = read(&host.answer(&asked.frame()));
    let time = [0x80, 0, 3, 0xe8];
    assert_eq!(message(&answer), (14, 0, [0xab, 0xcd, 0, 7], &[&[1, 2, 3, 4], &time[..], &time].concat()[..]));
    assert_eq!(host.counters().timestamps_answered, 1);
    host.drops(&icmp(Family::V4, 13, 0, &[0; 15]).frame(), Dropped::BadIcmp);
    host.drops(&icmp(Family::V4, 14, 0, &[0; 16]).frame(), Dropped::IcmpIgnored);
    host.drops(&asked.to(Ipv4Addr::BROADCAST).at(EVERYBODY).frame(), Dropped::IcmpIgnored);
}

#[test]
fn options_are_not_sent_back() {
    let mut host = Host::plain();
    let options: [&[u8]; 3] = [&[1, 1, 1, 0], &[148, 4, 0, 0], &[0x5e, 2, 0x5f, 2]];
    for between in options {
        let asked = Packet { between: between.to_vec(), ..echo(Family::V4, b"options") };
        assert_eq!(message(&read(&host.answer(&asked.frame()))).3, b"options");
    }
    for kind in [131, 137] {
        for pointer in [4, 8] {
            let between = vec![kind, 7, pointer, 10, 77, 0, 9, 0];
            host.drops(&Packet { between, ..echo(Family::V4, b"") }.frame(), Dropped::SourceRoute);
        }
    }
}

#[test]
fn padding_is_not_sent_back() {
    for family in BOTH {
        let mut host = Host::plain();
        let padded = [echo(family, b"odd").frame(), vec![0xee; 46]].concat();
        assert_eq!(message(&read(&host.answer(&padded))).3, b"odd");
    }
}

#[test]
fn every_cut_packet_is_dropped() {
    for family in BOTH {
        let mut host = Host::plain();
        let packets = [
            echo(family, b"some bytes"),
            udp(family, 5000, 7, b"some bytes"),
            udp(family, 5000, 4000, b"nobody listens"),
            tcp(family, |header| header.syn = true, b""),
            Packet::new(family, 99, pattern(9), None),
        ];
        for packet in packets {
            let whole = packet.frame();
            for length in 0..whole.len() {
                host.drops(&whole[..length], Dropped::Truncated);
            }
            host.answer(&whole);
        }
    }
}

#[test]
fn a_packet_that_ends_within_its_message_is_dropped() {
    for family in BOTH {
        let mut host = Host::plain();
        // The lengths and checksums are right; there is only less than a header.
        for (protocol, at, header) in [(ICMP, 2, 8), (UDP, 6, 8), (TCP, 16, 20)] {
            let protocol = if protocol == ICMP && family == Family::V6 { ICMPV6 } else { protocol };
            for length in at + 2..header {
                let mut payload = vec![0; length];
                payload[0] = if protocol == ICMPV6 { 128 } else { 8 };
                let packet = Packet::new(family, protocol, payload, Some(at));
                assert!(host.ask(&packet.frame()).is_empty(), "{packet:?}");
            }
        }
        assert_eq!(host.counters().dropped_in_all(), host.counters().frames_received);
    }
}

#[test]
fn a_wrong_checksum_is_dropped() {
    for family in BOTH {
        let mut host = Host::plain();
        let mut bad = echo(family, b"damaged").frame();
        *bad.last_mut().unwrap() ^= 1;
        host.drops(&bad, Dropped::BadIcmpChecksum);
    }
}

#[test]
fn other_messages_are_ignored() {
    for family in BOTH {
        let mut host = Host::plain();
        let (kinds, errors) = match family {
            Family::V4 => (vec![0, 14, 15, 17, 42, 129, 130, 255], vec![3, 5, 11, 12]),
            Family::V6 => (vec![0, 5, 11, 12, 13, 15, 17, 42, 129, 144], vec![1, 3, 4]),
        };
        for kind in errors {
            host.drops(&icmp(family, kind, 0, &[0; 40]).frame(), Dropped::BadIcmp);
        }
        for kind in kinds {
            host.drops(&icmp(family, kind, 0, &[0; 40]).frame(), Dropped::IcmpIgnored);
        }
    }
}

#[test]
fn a_group_is_answered_by_one_host_or_not_at_all() {
    let mut host = Host::plain();
    for group in [Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 77, 0, 255)] {
        host.drops(&echo(Family::V4, b"").to(group).at(EVERYBODY).frame(), Dropped::AskedOfGroup);
    }
    let all_hosts = echo(Family::V4, b"").to(Ipv4Addr::new(224, 0, 0, 1)).at([1, 0, 0x5e, 0, 0, 1]);
    host.drops(&all_hosts.frame(), Dropped::AskedOfGroup);

    let asked = echo(Family::V6, b"who is there").to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
    let answer = read(&host.answer(&asked.frame()));
    assert_eq!((answer.source, answer.destination, answer.station), (STACK_V6.into(), PEER_V6.into(), PEER_MAC));
    assert_eq!(message(&answer), (129, 0, [0xab, 0xcd, 0, 7], &b"who is there"[..]));
}
