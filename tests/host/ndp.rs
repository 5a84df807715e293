use std::net::Ipv6Addr;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;

use crate::packet::*;
use crate::reading::{message, read};
use crate::wire::Host;

const SOLICITED_NODE: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 2);
const SOLICITED_NODE_MAC: [u8; 6] = [0x33, 0x33, 0xff, 0, 0, 2];
const SOURCE_OPTION: [u8; 8] = [1, 1, 2, 0, 0, 0, 0, 1];

/// "Who has this address?", to the group of those who may.
fn solicitation(target: Ipv6Addr, options: &[u8]) -> Packet {
    let rest = [&[0; 4], &target.octets()[..], options].concat();
    let packet = icmp(Family::V6, 135, 0, &rest).to(SOLICITED_NODE).at(SOLICITED_NODE_MAC);
    Packet { hop_limit: 255, ..packet }
}

/// "This address is mine."
fn advertisement(flags: u8, target: Ipv6Addr) -> Packet {
    let rest = [&[flags, 0, 0, 0], &target.octets()[..], &[2, 1], &PEER_MAC].concat();
    Packet { hop_limit: 255, ..icmp(Family::V6, 136, 0, &rest) }
}

/// What an advertisement of our address says behind its code and checksum.
fn body() -> Vec<u8> {
    [&STACK_V6.octets()[..], &[2, 1], &STACK_MAC].concat()
}

#[test]
fn a_solicitation_is_answered_to_who_asked() {
    let mut host = Host::plain();
    let to_group = solicitation(STACK_V6, &SOURCE_OPTION);
    let to_us = to_group.clone().to(STACK_V6).at(STACK_MAC);
    let without_option = solicitation(STACK_V6, &[]);
    for asked in [to_group, to_us, without_option] {
        let answer = read(&host.answer(&asked.frame()));
        assert_eq!((answer.source, answer.destination, answer.station), (STACK_V6.into(), PEER_V6.into(), PEER_MAC));
        assert_eq!(answer.hop_limit, 255);
        assert_eq!(message(&answer), (136, 0, [0x60, 0, 0, 0], &body()[..]), "solicited, override");
    }
    assert_eq!(host.counters().ndp_answered, 3);
}

#[test]
fn who_probes_for_our_address_is_told_so_with_all_others() {
    let mut host = Host::plain();
    let probe = solicitation(STACK_V6, &[]).from(Ipv6Addr::UNSPECIFIED);
    let answer = read(&host.answer(&probe.frame()));
    assert_eq!((answer.source, answer.destination), (STACK_V6.into(), ALL_NODES.into()));
    assert_eq!((answer.station, answer.hop_limit), ([0x33, 0x33, 0, 0, 0, 1], 255));
    assert_eq!(message(&answer), (136, 0, [0x20, 0, 0, 0], &body()[..]), "override, not solicited");

    let with_option = solicitation(STACK_V6, &SOURCE_OPTION).from(Ipv6Addr::UNSPECIFIED);
    host.drops(&with_option.frame(), Dropped::BadNdp);
    let to_us = solicitation(STACK_V6, &[]).from(Ipv6Addr::UNSPECIFIED).to(STACK_V6).at(STACK_MAC);
    host.drops(&to_us.frame(), Dropped::BadNdp);
}

#[test]
fn what_a_router_may_have_passed_on_is_dropped() {
    let mut host = Host::plain();
    for hop_limit in [0, 1, 64, 254] {
        host.drops(&Packet { hop_limit, ..solicitation(STACK_V6, &SOURCE_OPTION) }.frame(), Dropped::BadNdp);
        host.drops(&Packet { hop_limit, ..advertisement(0x60, PEER_V6) }.frame(), Dropped::BadNdp);
    }
}

#[test]
fn impossible_messages_are_dropped() {
    let mut host = Host::plain();
    let options: [&[u8]; 5] = [&[1, 0], &[1, 0, 2, 0, 0, 0, 0, 1], &[1, 2, 2, 0, 0, 0, 0, 1], &[14, 255, 0, 0], &[1]];
    for option in options {
        host.drops(&solicitation(STACK_V6, option).frame(), Dropped::BadNdp);
        host.drops(&solicitation(STACK_V6, &[&SOURCE_OPTION, option].concat()).frame(), Dropped::BadNdp);
    }
    let endless = [14, 1, 0, 0, 0, 0, 0, 0].repeat(170);
    host.drops(&solicitation(STACK_V6, &endless).frame(), Dropped::BadNdp);
    let mut wrong_code = solicitation(STACK_V6, &SOURCE_OPTION);
    wrong_code.payload[1] = 1;
    host.drops(&wrong_code.frame(), Dropped::BadNdp);
    host.drops(&solicitation(ALL_NODES, &SOURCE_OPTION).frame(), Dropped::BadNdp);
    for length in 8..24 {
        let mut short = solicitation(STACK_V6, &[]);
        short.payload.truncate(length);
        host.drops(&short.frame(), Dropped::BadNdp);
    }
    let mut damaged = solicitation(STACK_V6, &SOURCE_OPTION).frame();
    damaged[60] ^= 1;
    host.drops(&damaged, Dropped::BadIcmpChecksum);
}

#[test]
fn other_addresses_are_not_ours_to_advertise() {
    let mut host = Host::plain();
    host.drops(&solicitation(PEER_V6, &SOURCE_OPTION).frame(), Dropped::NdpIgnored);
    host.drops(&solicitation(Ipv6Addr::LOCALHOST, &SOURCE_OPTION).frame(), Dropped::NdpIgnored);
}

#[test]
fn who_claims_our_address_is_noticed() {
    let mut host = Host::plain();
    let to_all = advertisement(0x20, STACK_V6).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
    // The first one is defended against.
    host.answer(&to_all.frame());
    host.drops(&to_all.frame(), Dropped::AddressConflict);
    host.drops(&advertisement(0x60, STACK_V6).frame(), Dropped::AddressConflict);
    let solicited_by_all = advertisement(0x60, PEER_V6).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
    host.drops(&solicited_by_all.frame(), Dropped::BadNdp);
}

/// RFC 6980 §5: neighbour discovery is never fragmented, not even into one piece.
#[test]
fn neighbour_discovery_behind_a_fragment_header_is_ignored() {
    let mut host = Host::plain();
    let atomic = solicitation(STACK_V6, &SOURCE_OPTION).behind(44, &[ICMPV6, 0, 0, 0, 1, 2, 3, 4]);
    assert!(host.ask(&atomic.frame()).is_empty());
}
