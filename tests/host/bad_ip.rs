use std::net::{Ipv4Addr, Ipv6Addr};

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;

use crate::packet::*;
use crate::wire::Host;

/// An echo request over IPv4 whose header was changed, with a header checksum that is right nevertheless.
fn changed(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut frame = echo(Family::V4, &pattern(60)).frame();
    let header = &mut frame[14..34];
    change(header);
    header[10..12].fill(0);
    let checksum = !sum(&[header]);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    frame
}

#[test]
fn a_header_that_lies_about_itself_is_dropped() {
    let mut host = Host::plain();
    for version in [0, 5, 6, 15] {
        host.drops(&changed(|header| header[0] = version << 4 | 5), Dropped::BadIpHeader);
    }
    for words in 0..5 {
        host.drops(&changed(|header| header[0] = 0x40 | words), Dropped::BadIpHeader);
    }
    for total in [0, 1, 19] {
        host.drops(&changed(|header| header[3] = total), Dropped::BadIpHeader);
    }
    for beyond in [89, 256, u16::MAX] {
        host.drops(&changed(|header| header[2..4].copy_from_slice(&beyond.to_be_bytes())), Dropped::Truncated);
    }
    let mut damaged = echo(Family::V4, b"").frame();
    damaged[22] ^= 1;
    host.drops(&damaged, Dropped::BadIpChecksum);
}

#[test]
fn a_header_of_the_other_version_is_dropped() {
    let mut host = Host::plain();
    let mut frame = echo(Family::V6, &pattern(60)).frame();
    for version in [0, 4, 5, 7, 15] {
        frame[14] = version << 4;
        host.drops(&frame, Dropped::BadIpHeader);
    }
    frame[14] = 0x60;
    frame[18..20].copy_from_slice(&1000u16.to_be_bytes());
    host.drops(&frame, Dropped::Truncated);
}

#[test]
fn a_fragment_that_cannot_be_is_dropped() {
    let mut host = Host::plain();
    // Others belong behind 68 bytes, or it reaches beyond the largest packet.
    for [high, low] in [[0x20, 0], [0x3f, 0xff], [0x1f, 0xfe]] {
        host.drops(&changed(|header| header[6..8].copy_from_slice(&[high, low])), Dropped::BadFragment);
    }
}

#[test]
fn a_source_is_one_other_host() {
    let mut host = Host::plain();
    for source in [[224, 0, 0, 1], [0, 0, 0, 0], [127, 0, 0, 1], [255; 4], [10, 77, 0, 255]] {
        for packet in [echo(Family::V4, b""), udp(Family::V4, 5000, 4000, b"")] {
            host.drops(&packet.from(Ipv4Addr::from(source)).frame(), Dropped::BadSource);
        }
    }
    for source in [ALL_NODES, Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED] {
        for packet in [echo(Family::V6, b""), udp(Family::V6, 5000, 4000, b"")] {
            host.drops(&packet.from(source).frame(), Dropped::BadSource);
        }
    }
}

#[test]
fn our_own_address_is_no_source() {
    for family in BOTH {
        let mut host = Host::plain();
        for packet in [echo(family, b""), udp(family, 7, 7, b""), tcp(family, |header| header.syn = true, b"")] {
            host.drops(&packet.from(stack(family)).frame(), Dropped::OwnSource);
        }
    }
}

#[test]
fn mapped_addresses_are_not_for_the_wire() {
    let mut host = Host::plain();
    let mapped = PEER_V4.to_ipv6_mapped();
    host.drops(&echo(Family::V6, b"").from(mapped).frame(), Dropped::MappedAddress);
    host.drops(&echo(Family::V6, b"").to(STACK_V4.to_ipv6_mapped()).frame(), Dropped::MappedAddress);
}

#[test]
fn one_hosts_packet_in_a_groups_frame_is_dropped() {
    let groups = [EVERYBODY, [1, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1]];
    for family in BOTH {
        let mut host = Host::plain();
        for group in groups {
            host.drops(&echo(family, b"").at(group).frame(), Dropped::UnicastInGroupFrame);
        }
    }
}

#[test]
fn packets_for_others_are_left_alone() {
    let mut host = Host::plain();
    for other in [[10, 77, 0, 3], [224, 0, 0, 251], [127, 0, 0, 1], [0; 4], [192, 0, 2, 1]] {
        host.drops(&echo(Family::V4, b"").to(Ipv4Addr::from(other)).frame(), Dropped::NotOurAddress);
    }
    for other in ["fd77::3", "ff02::fb", "::1", "::", "2001:db8::1"] {
        host.drops(&echo(Family::V6, b"").to(other.parse::<Ipv6Addr>().unwrap()).frame(), Dropped::NotOurAddress);
    }
}
