//! What routers, and those who pretend to be one, say of our packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taphouse::application::{Answer, Batch, Datagrams, Io};
use taphouse::base::address::{Family, Flow};
use taphouse::base::counters::Dropped;
use taphouse::base::icmp::IcmpError;
use taphouse::buffer::Offload;

use crate::fragments::joined;
use crate::packet::*;
use crate::reading::read;
use crate::wire::Host;

pub(crate) fn router(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 77, 0, 254).into(),
        Family::V6 => Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0xfe).into(),
    }
}

/// What an error quotes of a packet of ours.
pub(crate) fn quoted(sent: Packet) -> Vec<u8> {
    let family = if sent.source.is_ipv4() { Family::V4 } else { Family::V6 };
    let frame = sent.from(stack(family)).to(peer(family)).frame();
    frame[14..14 + ip_length(family) + 8].to_vec()
}

/// An error of a router, by type, code, and the four bytes behind the checksum.
pub(crate) fn error(family: Family, (kind, code, rest): (u8, u8, u32), quote: &[u8]) -> Packet {
    icmp(family, kind, code, &[&rest.to_be_bytes(), quote].concat()).from(router(family))
}

/// Packet too big.
pub(crate) fn too_big(family: Family, mtu: u32, quote: &[u8]) -> Packet {
    let what = if family == Family::V4 { (3, 4, mtu) } else { (2, 0, mtu) };
    error(family, what, quote)
}

/// Port unreachable.
pub(crate) fn no_port(family: Family, quote: &[u8]) -> Packet {
    error(family, if family == Family::V4 { (3, 3, 0) } else { (1, 4, 0) }, quote)
}

/// An endpoint that writes down the errors of which it hears.
struct Listener(Arc<Mutex<Vec<(u16, IcmpError)>>>);

impl Datagrams for Listener {
    fn on_datagrams(&mut self, _flow: &Flow, _batch: Batch<'_>, _io: &mut Io<'_>) -> Answer {
        Answer::Done
    }

    fn on_error(&mut self, flow: &Flow, error: IcmpError) {
        self.0.lock().unwrap().push((flow.remote.port, error));
    }
}

/// A datagram that our endpoint could have sent to port 5000.
fn datagram(family: Family, from: u16, length: usize) -> Vec<u8> {
    quoted(udp(family, from, 5000, &pattern(length - ip_length(family) - 8)))
}

#[test]
fn the_endpoint_that_caused_an_error_hears_of_it() {
    for family in BOTH {
        let mut host = Host::plain();
        let heard = Arc::default();
        host.stack.bind(4000, Box::new(Listener(Arc::clone(&heard)))).unwrap();
        let quote = datagram(family, 4000, 1500);
        let unreachable = error(family, if family == Family::V4 { (3, 1, 0) } else { (1, 3, 0) }, &quote);
        for packet in [no_port(family, &quote), unreachable, too_big(family, 1400, &quote)] {
            assert!(host.ask(&packet.frame()).is_empty());
        }
        let errors = [IcmpError::Refused, IcmpError::Unreachable, IcmpError::TooBig(1400)];
        assert_eq!(*heard.lock().unwrap(), errors.map(|error| (5000, error)));
        assert_eq!((host.counters().errors_received, host.counters().dropped_in_all()), (3, 0));
    }
}

#[test]
fn errors_about_what_nobody_sent_are_dropped() {
    for family in BOTH {
        let mut host = Host::plain();
        host.drops(&no_port(family, &datagram(family, 4000, 100)).frame(), Dropped::IcmpUnrelated);
        host.drops(&too_big(family, 1300, &datagram(family, 4000, 1500)).frame(), Dropped::IcmpUnrelated);
        // From an address that is not ours, or is not the one that the error came to.
        let mut quote = datagram(family, 7, 1500);
        quote[if family == Family::V4 { 15 } else { 23 }] ^= 1;
        host.drops(&no_port(family, &quote).frame(), Dropped::IcmpUnrelated);
        // About an echo, and about a connection that there is not.
        host.drops(&too_big(family, 1300, &quoted(echo(family, &pattern(1400)))).frame(), Dropped::IcmpUnrelated);
        host.drops(&no_port(family, &quoted(tcp(family, |_| {}, b""))).frame(), Dropped::IcmpUnrelated);
        let quote = datagram(family, 7, 1500);
        for end in 0..quote.len() {
            host.drops(&no_port(family, &quote[..end]).frame(), Dropped::BadIcmp);
        }
        assert_eq!(host.counters().errors_received, 0);
    }
    let mut host = Host::plain();
    host.drops(&error(Family::V4, (4, 0, 0), &datagram(Family::V4, 7, 1500)).frame(), Dropped::IcmpQuench);
    host.drops(&error(Family::V4, (5, 1, 0), &datagram(Family::V4, 7, 1500)).frame(), Dropped::RedirectRefused);
}

/// RFC 4884: what is behind the quote, or said to be, is not looked at.
#[test]
fn extensions_of_errors_are_passed_over() {
    for family in BOTH {
        let mut host = Host::plain();
        let mut quote = datagram(family, 7, 1500);
        quote.resize(128, 0);
        quote.extend([0x20, 0, 0, 0, 0xff, 0xff, 1, 1, 9, 9]);
        for length in [0u32, 1, 16, 32, 255] {
            let rest = if family == Family::V4 { length << 16 } else { length << 24 };
            let what = if family == Family::V4 { (11, 0, rest) } else { (3, 0, rest) };
            assert!(host.ask(&error(family, what, &quote).frame()).is_empty());
        }
        assert_eq!(host.counters().errors_received, 5);
    }
}

/// Nobody cuts IPv4 packets that are to arrive whole; IPv6 ones their sender cuts, to what the path takes.
#[test]
fn datagrams_that_a_path_does_not_take_are_cut_or_dropped_by_name() {
    for family in BOTH {
        let mut host = Host::plain();
        let question = |length: usize| udp(family, 5000, 7, &pattern(length - ip_length(family) - 8));
        let whole = |packet: Packet| Packet { dont_fragment: true, ..packet }.frame();
        assert!(host.ask(&too_big(family, 1300, &datagram(family, 7, 1500)).frame()).is_empty());
        assert_eq!(host.ask(&whole(question(1300))).len(), 1);
        for packet in [question(1301), echo(family, &pattern(1301 - ip_length(family) - 8))] {
            let before = host.counters().dropped(Dropped::TooBig);
            let answers = host.ask(&whole(packet.clone()));
            if family == Family::V4 {
                assert!(answers.is_empty());
                assert_eq!(host.counters().dropped(Dropped::TooBig), before + 1);
                assert_eq!(host.ask(&packet.frame()).len(), 1, "routers may cut it");
            } else {
                assert_eq!(answers.iter().map(|answer| answer.len() - 14).collect::<Vec<_>>(), [1296, 48 + 13]);
                assert_eq!(read(&joined(&answers).0).payload.len(), 1301 - 40);
            }
        }
        host.pass(Duration::from_secs(601));
        assert_eq!(host.ask(&whole(question(1500))).len(), 1, "it is tried anew");
    }
}

#[test]
fn a_flood_of_errors_about_datagrams_pins_nothing() {
    let mut host = Host::plain();
    for number in 0..5000u16 {
        let quote = udp(Family::V4, 7, 5000, &pattern(1000)).from(STACK_V4);
        let [high, low] = number.to_be_bytes();
        let frame = quote.to(Ipv4Addr::new(192, 0, high, low)).frame();
        host.give(&too_big(Family::V4, 600, &frame[14..42]).frame(), Offload::default());
        assert!(host.turn().is_empty());
    }
    assert_eq!(host.counters().errors_received, 5000);
    assert_eq!(host.ask(&udp(Family::V4, 5000, 7, &pattern(1000)).frame()).len(), 1);
}
