//! IPv6 input (RFC 8200).

use zerocopy::FromBytes;

use super::extension::{Chain, NEXT_HEADER_FIELD, refuse_jumbogram};
use super::{Answer, Packet, Refusal};
use crate::base::address::Family;
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Frame};
use crate::link::interface::{Interface, Place};
use crate::link::{Arrival, Cast};
use crate::wire::{icmpv6, ipv6, protocol};

/// Makes a packet of a frame whose IPv6 header begins at `network`, and cuts the frame's padding off.
#[inline(always)]
pub fn input(
    frame: &mut Frame,
    network: usize,
    link: Arrival,
    interface: &Interface,
    packet: &mut Packet,
) -> Result<(), Refusal> {
    let bytes = frame.bytes().get(network..).ok_or(Dropped::Truncated)?;
    let ipv6::Packet { header, payload } = ipv6::Packet::parse(bytes)?;
    let (source, destination) = (header.source(), header.destination());
    if source.to_v4().is_some() || destination.to_v4().is_some() {
        return Err(Dropped::MappedAddress.into());
    }
    match interface.place(source) {
        Place::Here if !claims_its_source(header, payload) => return Err(Dropped::OwnSource.into()),
        Place::Here => {}
        _ if source.is_unicast() || source.is_unspecified() => {}
        _ => return Err(Dropped::BadSource.into()),
    }
    let cast = interface.cast(destination).ok_or(Dropped::NotOurAddress)?;
    // RFC 6085: a group's packet may come in one station's frame; the reverse has no reason to exist.
    if cast == Cast::Unicast && link.cast != Cast::Unicast {
        return Err(Dropped::UnicastInGroupFrame.into());
    }
    *packet = Packet {
        family: Family::V6,
        source,
        destination,
        cast,
        link,
        protocol: header.next_header,
        hop_limit: header.hop_limit,
        traffic_class: header.traffic_class(),
        dont_fragment: true,
        network: network as u16,
        transport: (network + ipv6::LENGTH) as u16,
        protocol_field: NEXT_HEADER_FIELD as u16,
    };
    let end = packet.transport() + payload.len();
    if !matches!(header.next_header, protocol::ICMPV6 | protocol::UDP | protocol::TCP) {
        if payload.is_empty() && header.next_header == protocol::HOP_BY_HOP {
            return Err(refuse_jumbogram(bytes.get(ipv6::LENGTH..).unwrap_or_default(), cast));
        }
        let mut chain = Chain::new(payload, header.next_header);
        let walked = chain.walk(cast);
        if let Err(Refusal::Tell(_)) = walked {
            chain.pass_over();
        }
        packet.protocol = chain.next;
        // A chain is at most eight headers of 2,048 bytes long.
        packet.protocol_field = chain.field as u16;
        packet.transport += chain.position as u16;
        // RFC 6980 §5: neighbour discovery is never fragmented, not even into one piece.
        let kind = chain.payload.get(chain.position).copied();
        let discovers = chain.next == protocol::ICMPV6 && kind.is_some_and(icmpv6::is_neighbor_discovery);
        if walked.is_ok() && chain.fragmented && discovers {
            return Err(Dropped::BadNdp.into());
        }
        if walked.is_err() {
            // An error does not quote padding.
            frame.truncate(end);
            return walked;
        }
    }
    // Nobody speaks only in duplicate address detection (RFC 4862 §5.4.2).
    if source.is_unspecified() && packet.protocol != protocol::ICMPV6 {
        return Err(Dropped::BadSource.into());
    }
    frame.truncate(end);
    Ok(())
}

/// Whether a packet from an address of ours is an advertisement of it: then another station has it (RFC 4862 §5.4.4), and an
/// advertisement usually comes from the address that it is about.
#[cold]
fn claims_its_source(header: &ipv6::Header, payload: &[u8]) -> bool {
    let advertises = header.next_header == protocol::ICMPV6
        && payload.first() == Some(&icmpv6::kind::NEIGHBOR_ADVERTISEMENT)
        && header.hop_limit == 255;
    advertises && payload.get(8..24) == Some(&header.source)
}

/// Leaves extension headers out of an answer, for they were the question's: the frame begins later, and what stood in front of its
/// header is to be written anew.
pub fn leave_extensions_out(frame: &mut Frame, packet: &Packet) {
    let transport = packet.network() + ipv6::LENGTH;
    frame.strip(packet.transport() - transport);
    if let Checksum::Partial { start, .. } = &mut frame.offload.checksum {
        *start = transport as u16;
    }
}

/// Turns a header into that of an answer without extension headers. The frame ends where the answer does.
#[inline(always)]
pub fn turn_round(frame: &mut [u8], packet: &Packet, answer: &Answer, hop_limit: u8) {
    let network = frame.get_mut(packet.network()..).unwrap_or_default();
    let payload = network.len().saturating_sub(ipv6::LENGTH);
    let Ok((header, _)) = ipv6::Header::mut_from_prefix(network) else { return };
    let ends = (answer.source, packet.source);
    *header = ipv6::Header::new(answer.traffic_class, payload as u16, packet.protocol, hop_limit, ends);
}
