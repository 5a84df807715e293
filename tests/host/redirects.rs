//! Routers that say that another way is better (RFC 4861 §8, RFC 1122 §3.2.2.2), and those who pretend to be one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::stack::Config;

use crate::packet::*;
use crate::reading::read;
use crate::routers::{error, quoted};
use crate::wire::{Host, PLAIN, config};

/// Our router, another one, and their stations.
const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe);
const OTHER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfd);
const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);
const OTHER_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 253);
const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];
const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xfd];
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2);

fn far(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, 9).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9).into(),
    }
}

/// A host with routers of both families that it knows.
fn host() -> Host {
    let gateways = ["fe80::fe", "10.77.0.254"].map(|router| router.parse().unwrap()).to_vec();
    let mut host = Host::new(PLAIN, &Config { gateways, ..config() });
    for family in BOTH {
        assert_eq!(host.ask(&wish(far(family))).len(), 1, "the router is asked for");
        let answers = host.ask(&i_am(router(family), ROUTER_MAC));
        assert_eq!(read(&answers[0]).station, ROUTER_MAC);
    }
    host
}

fn router(family: Family) -> IpAddr {
    if family == Family::V4 { ROUTER_V4.into() } else { ROUTER_V6.into() }
}

fn other(family: Family) -> IpAddr {
    if family == Family::V4 { OTHER_V4.into() } else { OTHER_V6.into() }
}

/// A wish for characters, which are sent by route.
fn wish(from: IpAddr) -> Vec<u8> {
    let family = if from.is_ipv4() { Family::V4 } else { Family::V6 };
    udp(family, 5000, 19, b"please").from(from).frame()
}

/// "I am at this station", in answer to our question.
pub(crate) fn i_am(who: IpAddr, sender: [u8; 6]) -> Vec<u8> {
    match who {
        IpAddr::V4(who) => {
            let reply = ArpEthIpv4Packet {
                operation: ArpOperation::REPLY,
                sender_mac: sender,
                sender_ipv4: who.octets(),
                target_mac: STACK_MAC,
                target_ipv4: STACK_V4.octets(),
            };
            let header = Ethernet2Header { source: sender, destination: STACK_MAC, ether_type: 0x0806.into() };
            [&header.to_bytes()[..], &reply.to_bytes()].concat()
        }
        IpAddr::V6(who) => {
            let rest = [&[0xe0, 0, 0, 0], &who.octets()[..], &[2, 1], &sender].concat();
            let told = icmp(Family::V6, 136, 0, &rest).from(who).to(LINK_LOCAL);
            Packet { hop_limit: 255, sender, ..told }.frame()
        }
    }
}

/// A redirect of IPv6 with an option or none.
fn redirect_v6(from: Ipv6Addr, destination: IpAddr, target: Ipv6Addr, option: &[u8]) -> Packet {
    let IpAddr::V6(destination) = destination else { panic!("IPv6") };
    let rest = [&[0; 4], &target.octets()[..], &destination.octets(), option].concat();
    let told = icmp(Family::V6, 137, 0, &rest).from(from).to(LINK_LOCAL);
    Packet { hop_limit: 255, sender: ROUTER_MAC, ..told }
}

/// A redirect of IPv4 that quotes a datagram of ours to this destination.
fn redirect_v4(from: Ipv4Addr, destination: IpAddr, target: Ipv4Addr, port: u16) -> Packet {
    let quote = quoted_to(destination, port);
    Packet { sender: ROUTER_MAC, ..error(Family::V4, (5, 1, target.into()), &quote).from(from) }
}

fn quoted_to(destination: IpAddr, port: u16) -> Vec<u8> {
    let mut quote = quoted(udp(Family::V4, port, 5000, &pattern(500)));
    let IpAddr::V4(destination) = destination else { panic!("IPv4") };
    quote[16..20].copy_from_slice(&destination.octets());
    quote
}

fn redirect(family: Family) -> Packet {
    match family {
        Family::V4 => redirect_v4(ROUTER_V4, far(family), OTHER_V4, 19),
        Family::V6 => redirect_v6(ROUTER_V6, far(family), OTHER_V6, &[]),
    }
}

fn goes_to(host: &mut Host, family: Family) -> [u8; 6] {
    read(&host.answer(&wish(far(family)))).station
}

#[test]
fn a_redirect_changes_the_way_to_one_destination() {
    for family in BOTH {
        let mut host = host();
        assert!(host.ask(&redirect(family).frame()).is_empty());
        assert_eq!(host.counters().redirected, 1);
        assert_eq!(host.ask(&wish(far(family))).len(), 1, "the other one is asked for");
        let answers = host.ask(&i_am(other(family), OTHER_MAC));
        assert_eq!(read(&answers[0]).station, OTHER_MAC);
        assert_eq!(goes_to(&mut host, family), OTHER_MAC);
        // Another destination goes as it went.
        let elsewhere = if family == Family::V4 { "192.0.2.10" } else { "2001:db8::a" };
        assert_eq!(read(&host.answer(&wish(elsewhere.parse().unwrap()))).station, ROUTER_MAC);
        host.pass(limits::REDIRECT_AGE + Duration::from_secs(1));
        assert_eq!(goes_to(&mut host, family), ROUTER_MAC, "it is tried anew");
    }
}

/// RFC 4861 §8.3: the target's station is told along, and who is its own target is a neighbour.
#[test]
fn a_redirect_may_tell_the_station() {
    let mut host = host();
    let option = [&[2, 1], &OTHER_MAC[..]].concat();
    let IpAddr::V6(itself) = far(Family::V6) else { panic!("IPv6") };
    assert!(host.ask(&redirect_v6(ROUTER_V6, far(Family::V6), itself, &option).frame()).is_empty());
    assert_eq!(goes_to(&mut host, Family::V6), OTHER_MAC, "nobody has to be asked");
}

#[test]
fn a_way_that_does_not_answer_is_given_up() {
    for family in BOTH {
        let mut host = host();
        host.ask(&redirect(family).frame());
        host.ask(&wish(far(family)));
        host.ask(&i_am(other(family), OTHER_MAC));
        // The other one is silent from now on, and the router is not.
        for _ in 0..60 {
            host.pass(Duration::from_secs(1));
            host.ask(&wish(far(family)));
            host.ask(&i_am(router(family), ROUTER_MAC));
        }
        assert_eq!(goes_to(&mut host, family), ROUTER_MAC);
    }
}

#[test]
fn forged_redirects_are_refused() {
    let mut host = host();
    let far6 = far(Family::V6);
    for (packet, why) in [
        // Not the router that we use, not a neighbour, not somebody else.
        (redirect_v6(OTHER_V6, far6, OTHER_V6, &[]), Dropped::RedirectRefused),
        (redirect_v6(ROUTER_V6, far6, LINK_LOCAL, &[]), Dropped::RedirectRefused),
        (redirect_v6(ROUTER_V6, STACK_V6.into(), OTHER_V6, &[]), Dropped::RedirectRefused),
        (redirect_v6(ROUTER_V6, PEER_V6.into(), OTHER_V6, &[]), Dropped::RedirectRefused),
        (redirect_v6(ROUTER_V6, far6, "2001:db8::8".parse().unwrap(), &[]), Dropped::BadNdp),
        (redirect_v6(ROUTER_V6, ALL_NODES.into(), OTHER_V6, &[]), Dropped::BadNdp),
        (redirect_v6("2001:db8::fe".parse().unwrap(), far6, OTHER_V6, &[]), Dropped::BadNdp),
        (redirect_v6(ROUTER_V6, far6, OTHER_V6, &[2, 0]), Dropped::BadNdp),
        (Packet { hop_limit: 254, ..redirect_v6(ROUTER_V6, far6, OTHER_V6, &[]) }, Dropped::BadNdp),
    ] {
        host.drops(&packet.frame(), why);
    }
    for length in 8..40 {
        let mut short = redirect_v6(ROUTER_V6, far6, OTHER_V6, &[]);
        short.payload.truncate(length);
        host.drops(&short.frame(), Dropped::BadNdp);
    }
    let mut wrong_code = redirect_v6(ROUTER_V6, far6, OTHER_V6, &[]);
    wrong_code.payload[1] = 1;
    host.drops(&wrong_code.frame(), Dropped::BadNdp);

    let far4 = far(Family::V4);
    for (packet, why) in [
        (redirect_v4(OTHER_V4, far4, OTHER_V4, 19), Dropped::RedirectRefused),
        (redirect_v4(ROUTER_V4, far4, Ipv4Addr::new(192, 0, 2, 1), 19), Dropped::RedirectRefused),
        (redirect_v4(ROUTER_V4, far4, STACK_V4, 19), Dropped::RedirectRefused),
        (redirect_v4(ROUTER_V4, PEER_V4.into(), OTHER_V4, 19), Dropped::RedirectRefused),
        // It quotes what nobody here sent.
        (redirect_v4(ROUTER_V4, far4, OTHER_V4, 4000), Dropped::IcmpUnrelated),
    ] {
        host.drops(&packet.frame(), why);
    }
    let mut of_tcp = quoted(tcp(Family::V4, |_| {}, b""));
    of_tcp[16..20].copy_from_slice(&[192, 0, 2, 9]);
    let of_tcp = error(Family::V4, (5, 1, OTHER_V4.into()), &of_tcp).from(ROUTER_V4);
    host.drops(&of_tcp.frame(), Dropped::IcmpUnrelated);
    let unknown = error(Family::V4, (5, 4, OTHER_V4.into()), &quoted_to(far4, 19)).from(ROUTER_V4);
    host.drops(&unknown.frame(), Dropped::IcmpIgnored);
    assert_eq!(host.counters().redirected, 0);
    for family in BOTH {
        assert_eq!(goes_to(&mut host, family), ROUTER_MAC);
    }
}

#[test]
fn a_flood_of_redirects_is_bounded() {
    let mut host = host();
    for number in 0..2000u16 {
        let destination = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, number);
        host.ask(&redirect_v6(ROUTER_V6, destination.into(), OTHER_V6, &[]).frame());
    }
    assert_eq!(host.counters().redirected, 2000);
    assert_eq!(goes_to(&mut host, Family::V6), ROUTER_MAC);
    assert_eq!(host.stack.memory_pinned(), 0);
}
