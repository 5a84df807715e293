//! IPv4 input (RFC 791, RFC 1122 §3.2.1).

use zerocopy::FromBytes;

use super::{Answer, Packet, Problem, Refusal};
use crate::base::address::Family;
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::Frame;
use crate::link::interface::{Interface, Place};
use crate::link::{Arrival, Cast};
use crate::wire::ipv4;

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
    if place == Place::Everywhere || !source.is_unicast() {
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
    let checked = if parsed.options.is_empty() { Ok(()) } else { check_options(parsed.options) };
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
pub fn turn_round(frame: &mut Frame, packet: &Packet, answer: &Answer) {
    let length = frame.len() - packet.network();
    let network = frame.bytes_mut().get_mut(packet.network()..).unwrap_or_default();
    let Ok((header, _)) = ipv4::Header::mut_from_prefix(network) else { return };
    header.turn_round(answer.source.low4(), answer.traffic_class, length as u16, limits::HOP_LIMIT);
}

enum Refused {
    SourceRoute,
    /// Malformed; counted from the first option.
    At(usize),
}

/// RFC 791 §3.1. Source routes are refused whether they are used up or not (RFC 7126 §4.3, §4.4).
fn check_options(options: &[u8]) -> Result<(), Refused> {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const LOOSE_SOURCE_ROUTE: u8 = 131;
    const STRICT_SOURCE_ROUTE: u8 = 137;

    let mut position = 0;
    while let Some(kind) = options.get(position) {
        match *kind {
            END => break,
            NO_OPERATION => position += 1,
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => return Err(Refused::SourceRoute),
            _ => {
                let length = options.get(position + 1).map_or(0, |length| usize::from(*length));
                if length < 2 || position + length > options.len() {
                    return Err(Refused::At(position));
                }
                position += length;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_be_are_pointed_at() {
        let at = |options: &[u8]| match check_options(options) {
            Ok(()) => None,
            Err(Refused::At(position)) => Some(position),
            Err(Refused::SourceRoute) => Some(usize::MAX),
        };
        assert_eq!(at(&[1, 1, 148, 4, 0, 0, 0, 0]), None, "router alert");
        assert_eq!(at(&[1, 7, 0, 0]), Some(1), "length zero");
        assert_eq!(at(&[7, 1, 0, 0]), Some(0), "length one");
        assert_eq!(at(&[1, 7, 9, 4]), Some(1), "over the end");
        assert_eq!(at(&[1, 1, 1, 7]), Some(3), "no length");
        assert_eq!(at(&[0, 7, 0, 0]), None, "what follows the end is padding");
        assert_eq!(at(&[131, 3, 4, 0]), Some(usize::MAX));
    }
}
