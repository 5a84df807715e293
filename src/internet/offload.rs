//! What a frame leaves to the device: whether that can be, and doing it in software.

use zerocopy::FromBytes;
use zerocopy::big_endian::U16;

use super::Packet;
use crate::base::address::Family;
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Frame, Offload, SegmentKind};
use crate::wire::checksum::Sum;
use crate::wire::{ipv4, ipv6, protocol, tcp, udp};

/// Refuses a packet of which the device claims what its headers do not bear out.
pub fn check(packet: &Packet, offload: &Offload) -> Result<(), Dropped> {
    if let Checksum::Partial { start, offset } = offload.checksum {
        let field = match packet.protocol {
            protocol::TCP => tcp::CHECKSUM_OFFSET,
            protocol::UDP => udp::CHECKSUM_OFFSET,
            _ => return Err(Dropped::OffloadLie),
        };
        if usize::from(start) != packet.transport() || offset != field {
            return Err(Dropped::OffloadLie);
        }
    }
    let Some(segments) = offload.segments else { return Ok(()) };
    match (segments.kind, packet.protocol, packet.family) {
        (SegmentKind::Udp, protocol::UDP, _) => Ok(()),
        (SegmentKind::Tcp4, protocol::TCP, Family::V4) | (SegmentKind::Tcp6, protocol::TCP, Family::V6) => Ok(()),
        _ => Err(Dropped::OffloadLie),
    }
}

/// Makes a frame into one that has left nothing to the device: a superframe is cut down to its first segment, with
/// its lengths corrected, and the transport checksum is put in. For what is quoted or kept as a packet of its own.
pub fn finish(frame: &mut Frame, packet: &Packet) {
    let Checksum::Partial { offset, .. } = frame.offload.checksum else { return };
    if let Some(segments) = frame.offload.segments {
        let header = transport_header_length(frame.bytes().get(packet.transport()..).unwrap_or_default(), packet);
        frame.truncate(packet.transport() + header + usize::from(segments.size));
        correct_lengths(frame.bytes_mut(), packet);
    }
    let segment = frame.bytes_mut().get_mut(packet.transport()..).unwrap_or_default();
    let length = segment.len();
    let field = usize::from(offset);
    if let Some(field) = segment.get_mut(field..field + 2) {
        field.fill(0);
    }
    let sum = Sum::pseudo(packet.source, packet.destination, packet.protocol, length).bytes(segment);
    if let Some(field) = segment.get_mut(field..field + 2) {
        let checksum = if packet.protocol == protocol::UDP { udp::transmitted(sum.checksum()) } else { sum.checksum() };
        field.copy_from_slice(&checksum);
    }
    frame.offload = Default::default();
}

/// Does for a frame that is kept what was left to the device: the sum of all from where it begins. Of a fragment that is not
/// the whole datagram's, and who gets that will see.
pub fn finish_checksum(frame: &mut Frame) -> Result<(), Dropped> {
    let offload = std::mem::take(&mut frame.offload);
    if offload.segments.is_some() {
        return Err(Dropped::OffloadLie);
    }
    let Checksum::Partial { start, offset } = offload.checksum else { return Ok(()) };
    let summed = frame.bytes_mut().get_mut(usize::from(start)..).unwrap_or_default();
    let checksum = Sum::of(summed).checksum();
    let field = summed.get_mut(usize::from(offset)..usize::from(offset) + 2).ok_or(Dropped::OffloadLie)?;
    field.copy_from_slice(&checksum);
    Ok(())
}

fn transport_header_length(segment: &[u8], packet: &Packet) -> usize {
    match packet.protocol {
        protocol::TCP => tcp::Header::ref_from_prefix(segment).map_or(0, |(header, _)| header.header_length()),
        _ => udp::LENGTH,
    }
}

fn correct_lengths(bytes: &mut [u8], packet: &Packet) {
    let length = bytes.len();
    let field = |length: usize| U16::new(length as u16);
    let network = bytes.get_mut(packet.network()..).unwrap_or_default();
    match packet.family {
        Family::V4 => {
            if let Ok((header, _)) = ipv4::Header::mut_from_prefix(network) {
                header.set_total_length((length - packet.network()) as u16);
            }
        }
        Family::V6 => {
            if let Ok((header, _)) = ipv6::Header::mut_from_prefix(network) {
                header.payload_length = field(length - packet.network() - ipv6::LENGTH);
            }
        }
    }
    if packet.protocol == protocol::UDP {
        let segment = bytes.get_mut(packet.transport()..).unwrap_or_default();
        if let Ok((header, _)) = udp::Header::mut_from_prefix(segment) {
            header.length = field(length - packet.transport());
        }
    }
}
