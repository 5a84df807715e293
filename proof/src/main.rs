//! The proof that no parser can panic, whatever the bytes are: each function here has a reference to a symbol that there is
//! not, in the place where a panic would pass it. If the optimiser finds that no panic is possible it removes the
//! reference; otherwise this does not link, and the linker names the function.
//!
//! It proves what is true of the optimised program, and nothing of functions that are not here: what is above `wire` has
//! `expect`s that say why they hold, and is tried out by `tests/mutants` and `fuzz`.

use std::hint::black_box;

use no_panic::no_panic;
use taphouse::base::address::{Address, Family, Mac};
use taphouse::wire::checksum::Sum;
use taphouse::wire::router::Advice;
use taphouse::wire::{
    arp, dhcp, ethernet, extension, icmpv4, icmpv6, igmp, ipv4, ipv6, membership, mld, ndp, quote, router, tcp,
    tcp_options, udp,
};
use zerocopy::FromBytes;

#[no_panic]
fn ethernet(bytes: &[u8]) -> Option<(Mac, Mac, usize)> {
    ethernet::Header::parse(bytes).ok().map(|(header, payload)| (header.source(), header.destination(), payload.len()))
}

#[no_panic]
fn arp(bytes: &[u8]) -> Option<(arp::Operation, Mac, Mac)> {
    arp::Packet::parse(bytes).ok().map(|packet| (packet.operation, packet.sender_mac(), packet.target_mac()))
}

#[no_panic]
fn arp_in_a_frame(bytes: &mut [u8]) -> bool {
    arp::Framed::parse(bytes).map(|framed| framed.packet.operation = arp::Operation::REPLY).is_ok()
}

#[no_panic]
fn ipv4(bytes: &[u8]) -> Option<(bool, bool, usize, Address, Address)> {
    let packet = ipv4::Packet::parse(bytes).ok()?;
    let length = packet.header.header_length() + packet.payload.len();
    let ends = (packet.header.source(), packet.header.destination());
    Some((packet.is_whole(), packet.header.is_fragment(), length, ends.0, ends.1))
}

#[no_panic]
fn ipv4_turned_round(bytes: &mut [u8], source: [u8; 4], length: u16) -> bool {
    let Ok((header, _)) = ipv4::Header::mut_from_prefix(bytes) else { return false };
    header.turn_round(source, 0, length, 64);
    true
}

#[no_panic]
fn ipv6(bytes: &[u8]) -> Option<(u8, usize, Address, Address)> {
    let packet = ipv6::Packet::parse(bytes).ok()?;
    Some((packet.header.traffic_class(), packet.payload.len(), packet.header.source(), packet.header.destination()))
}

#[no_panic]
fn extension_header(bytes: &[u8]) -> Option<(usize, bool)> {
    let length = extension::Header::ref_from_prefix(bytes).ok()?.0.length();
    let fragment = extension::Fragment::ref_from_prefix(bytes).ok()?.0;
    Some((length, fragment.is_atomic()))
}

#[no_panic]
fn options(bytes: &[u8]) -> usize {
    let mut sum = 0usize;
    for option in extension::options(bytes) {
        match option {
            Ok(option) => sum = sum.wrapping_add(option.data.len()).wrapping_add(option.position),
            Err(position) => return position,
        }
    }
    sum
}

#[no_panic]
fn icmp(bytes: &[u8]) -> Option<bool> {
    let (header, _) = icmpv4::Header::ref_from_prefix(bytes).ok()?;
    let error = icmpv4::Header::is_error(header.kind) || icmpv6::is_error(header.kind);
    Some(error || icmpv6::is_neighbor_discovery(header.kind))
}

#[no_panic]
fn quoted(bytes: &[u8], family: Family) -> Option<(Address, usize, u32)> {
    let quote = quote::Quote::parse(family, bytes).ok()?;
    Some((quote.source, quote.length, quote.transport.sequence.get()))
}

#[no_panic]
fn neighbor_discovery(bytes: &[u8]) -> Option<u8> {
    let parsed = ndp::Parsed::parse(bytes).ok()?;
    parsed.source.or(parsed.target).map(|mac| mac.bytes()[0] ^ parsed.message.flags)
}

#[no_panic]
fn advertised(bytes: &[u8]) -> Option<(u16, usize)> {
    let parsed = router::Parsed::<router::Advertisement>::parse(bytes).ok()?;
    let mut sum = 0usize;
    for advice in parsed.advice() {
        sum = sum.wrapping_add(match advice {
            Advice::Prefix(prefix) => prefix.cidr().map_or(0, |prefix| usize::from(prefix.length())),
            Advice::Route { prefix, .. } => usize::from(prefix.length()),
            Advice::Resolvers { servers, .. } => servers.len(),
            Advice::Search { names, .. } => router::names(names).count(),
            _ => 1,
        });
    }
    Some((parsed.message.lifetime.get(), sum))
}

#[no_panic]
fn redirected(bytes: &[u8]) -> Option<(Option<Mac>, u8)> {
    let parsed = router::Parsed::<router::Redirect>::parse(bytes).ok()?;
    Some((parsed.target().or(parsed.source()), parsed.message.target[0]))
}

#[no_panic]
fn asked(query: &membership::Query<'_>) -> u64 {
    let named = query.sources().fold(0u64, |sum, source| sum.wrapping_add(u64::from(source.to_v6()[15])));
    named.wrapping_add(query.delay.as_millis() as u64)
}

#[no_panic]
fn groups_v4(bytes: &[u8]) -> Option<u64> {
    match igmp::Message::parse(bytes).ok()? {
        igmp::Message::Query(query) => Some(asked(&query)),
        igmp::Message::Report(group) => Some(u64::from(group.low4()[0])),
        igmp::Message::Other => None,
    }
}

#[no_panic]
fn groups_v6(bytes: &[u8]) -> Option<u64> {
    match mld::Message::parse(bytes).ok()? {
        mld::Message::Query(query) => Some(asked(&query)),
        mld::Message::Report(group) => Some(u64::from(group.to_v6()[15])),
        mld::Message::Other => None,
    }
}

#[no_panic]
fn leased(bytes: &[u8], station: Mac) -> Option<(u8, Option<u8>, usize)> {
    let reply = dhcp::Reply::parse(bytes, station).ok()?;
    Some((reply.kind, reply.prefix, reply.routes.len() + reply.routers.len()))
}

#[no_panic]
fn tcp(bytes: &[u8]) -> Option<(bool, usize)> {
    let segment = tcp::Segment::parse(bytes).ok()?;
    Some((segment.header.has(tcp::flag::SYN), segment.options.len() + segment.payload.len()))
}

#[no_panic]
fn segment_options(bytes: &[u8]) -> Option<(Option<u16>, usize)> {
    let options = tcp_options::Options::parse(bytes).ok()?;
    Some((options.maximum_segment_size, options.sack.len()))
}

#[no_panic]
fn udp(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    let (header, payload) = udp::Header::parse(bytes).ok()?;
    Some((payload.len(), udp::transmitted(header.checksum)))
}

#[no_panic]
fn checksum(bytes: &[u8], source: Address, destination: Address) -> bool {
    Sum::pseudo(source, destination, 17, bytes.len()).bytes(bytes).is_whole()
}

/// Runs all of them, so that none is left out: linking is the proof.
fn main() {
    let mut bytes: Vec<u8> = black_box((0..=255).cycle().take(2000).collect());
    let bytes = bytes.as_mut_slice();
    black_box((ethernet(bytes), arp(bytes), arp_in_a_frame(bytes), ipv4(bytes)));
    black_box((ipv4_turned_round(bytes, [10, 0, 0, 1], 20), ipv6(bytes), extension_header(bytes), options(bytes)));
    black_box((icmp(bytes), neighbor_discovery(bytes), tcp(bytes), segment_options(bytes), udp(bytes)));
    black_box((advertised(bytes), redirected(bytes), leased(bytes, Mac::BROADCAST)));
    black_box((groups_v4(bytes), groups_v6(bytes)));
    black_box((quoted(bytes, Family::V4), quoted(bytes, Family::V6)));
    black_box(checksum(bytes, Address::UNSPECIFIED, Address::BROADCAST));
    println!("no parser can panic");
}
