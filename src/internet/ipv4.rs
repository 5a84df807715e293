//! IPv4 input (RFC 791, RFC 1122 §3.2.1).

use zerocopy::FromBytes;

use super::options::{self, Refused};
use super::{Answer, Packet, Problem, Refusal};
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::Frame;
use crate::link::interface::{Interface, Place};
use crate::link::{Arrival, Cast};
use crate::wire::{ipv4, protocol};

/// Makes a packet of a frame whose IPv4 header begins at `network`, and cuts the frame's padding off.
#[inline(always)]
pub fn input(
    frame: &mut Frame,
    network: usize,
    link: Arrival,
    interface: &Interface,
    packet: &mut Packet,
) -> Result<(), Refusal> {
    let bytes = frame.bytes().get(network..).ok_or(Dropped::Truncated)?;
    let parsed = ipv4::Packet::parse(bytes)?;
    if !parsed.is_whole() {
        return Err(Dropped::BadIpChecksum.into());
    }
    let header = parsed.header;
    let (source, destination) = (header.source(), header.destination());
    // RFC 1122 §3.2.1.3: a source is one host, and §3.3.6: a packet for one host comes in a frame for one.
    let place = interface.place(source);
    if place == Place::Here {
        return Err(Dropped::OwnSource.into());
    }
    // RFC 4541 §2.1.1: a switch without an address asks of groups in nobody's name.
    let is_asked = || header.protocol == protocol::IGMP && source == Address::UNSPECIFIED_V4;
    if place == Place::Everywhere || !source.is_unicast() && !is_asked() {
        return Err(Dropped::BadSource.into());
    }
    let cast = interface.cast(destination).ok_or(Dropped::NotOurAddress)?;
    if cast == Cast::Unicast && link.cast != Cast::Unicast {
        return Err(Dropped::UnicastInGroupFrame.into());
    }
    *packet = Packet {
        family: Family::V4,
        source,
        destination,
        cast,
        link,
        protocol: header.protocol,
        hop_limit: header.time_to_live,
        traffic_class: header.traffic_class,
        dont_fragment: header.flags_offset.get() & ipv4::DONT_FRAGMENT != 0,
        network: network as u16,
        transport: (network + header.header_length()) as u16,
        protocol_field: 9,
    };
    let is_fragment = header.is_fragment();
    let checked = if parsed.options.is_empty() { Ok(()) } else { options::check(parsed.options) };
    // Before anything is said of the packet: an error does not quote padding.
    let end = packet.transport() + parsed.payload.len();
    frame.truncate(end);
    checked.map_err(|refused| match refused {
        Refused::SourceRoute => Refusal::Drop(Dropped::SourceRoute),
        Refused::At(option) => Refusal::Tell(Problem::Field { code: 0, pointer: (ipv4::LENGTH + option) as u32 }),
    })?;
    if is_fragment { Err(Refusal::Fragment) } else { Ok(()) }
}

/// Turns the header of a packet without options into that of its answer. The frame ends where the answer does.
#[inline(always)]
pub fn turn_round(frame: &mut [u8], packet: &Packet, answer: &Answer) {
    let network = frame.get_mut(packet.network()..).unwrap_or_default();
    let length = network.len();
    let Ok((header, _)) = ipv4::Header::mut_from_prefix(network) else { return };
    header.turn_round(answer.source.low4(), answer.traffic_class, length as u16, limits::HOP_LIMIT);
}

/// The same for an echo reply whose request has options that record (RFC 1122 §3.2.2.6): they go back with us in them. False when
/// there are none, and then the frame is as it was but for blanks in its options.
#[cold]
pub fn turn_round_recording(frame: &mut Frame, packet: &Packet, answer: &Answer, time: u32) -> bool {
    let length = frame.len() - packet.network();
    let head = frame.bytes_mut().get_mut(packet.network()..packet.transport()).unwrap_or_default();
    let Ok((header, options)) = ipv4::Header::mut_from_prefix(head) else { return false };
    if !options::answer(options, answer.source.low4(), time) {
        return false;
    }
    (header.source, header.destination) = (answer.source.low4(), packet.source.low4());
    header.time_to_live = limits::HOP_LIMIT;
    header.become_whole(options, length as u16, answer.traffic_class);
    true
}
