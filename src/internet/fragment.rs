//! Fragments: what one says when it comes (RFC 791 §3.2, RFC 8200 §4.5), and cutting a packet into them.
//!
//! What is cut is not copied: each fragment is a head of its own in front of slices of the packet.

use std::io::IoSlice;
use std::ops::Range;

use zerocopy::FromBytes;

use super::extension::Chain;
use super::output::Identifications;
use super::{Outbound, Packet, Problem, Refusal};
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Draft, Offload};
use crate::wire::checksum::Sum;
use crate::wire::ethernet::EtherType;
use crate::wire::extension::{self, FRAGMENT_LENGTH};
use crate::wire::icmpv6::{self, problem};
use crate::wire::{ipv4, ipv6, protocol, udp};

/// The most that IP carries behind its header, and of IPv4 with it.
const LARGEST: usize = 65_535;
/// Offsets count so many bytes.
const UNIT: usize = 8;

/// What names a datagram whose fragments come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Whom it is from.
    pub source: Address,
    /// Whom it is for.
    pub destination: Address,
    /// What its sender calls it.
    pub identification: u32,
    /// IPv4 only: what it carries (RFC 791 §3.2).
    pub protocol: u8,
}

/// Where a fragment stands in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Others belong behind it.
    Inner,
    /// It is the end.
    Last,
}

/// A fragment that came.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Whose it is.
    pub name: Name,
    /// Where its first byte belongs.
    pub offset: usize,
    /// Whether it is the end.
    pub position: Position,
    /// Its bytes in the frame.
    pub data: Range<usize>,
    /// Where in the frame the headers end that belong in front of the whole datagram.
    pub head: usize,
    /// Where in the frame the number stands that names the fragment header; IPv6 only, as the next.
    pub field: usize,
    /// The number of what is cut.
    pub next_header: u8,
}

impl Fragment {
    /// Where the byte behind its last one belongs.
    pub fn end(&self) -> usize {
        self.offset + self.data.len()
    }

    /// Reads the fragment that a packet is; of the first one, `packet` tells then what it carries, and where.
    ///
    /// # Errors
    /// When it cannot be: it holds nothing, ends where none can end, or reaches too far; or it is the first one and does not
    /// hold the whole chain of headers (RFC 7112).
    pub fn read(frame: &[u8], packet: &mut Packet) -> Result<Fragment, Refusal> {
        let fragment = match packet.family {
            Family::V4 => v4(frame, packet)?,
            Family::V6 => v6(frame, packet)?,
        };
        if fragment.data.is_empty() {
            return Err(Dropped::BadFragment.into());
        }
        Ok(fragment)
    }
}

fn v4(frame: &[u8], packet: &Packet) -> Result<Fragment, Refusal> {
    let network = frame.get(packet.network()..).unwrap_or_default();
    let (header, _) = ipv4::Header::ref_from_prefix(network).map_err(|_| Dropped::Truncated)?;
    let fragment = Fragment {
        name: Name {
            source: packet.source,
            destination: packet.destination,
            identification: u32::from(header.identification.get()),
            protocol: header.protocol,
        },
        offset: header.fragment_offset(),
        position: if header.has_more_fragments() { Position::Inner } else { Position::Last },
        data: packet.transport()..frame.len(),
        head: packet.transport(),
        field: 0,
        next_header: header.protocol,
    };
    let is_uneven = fragment.position == Position::Inner && !fragment.data.len().is_multiple_of(UNIT);
    if is_uneven || header.header_length() + fragment.end() > LARGEST {
        return Err(Dropped::BadFragment.into());
    }
    Ok(fragment)
}

/// RFC 8200 §4.5. `packet.transport` is where the fragment header begins.
fn v6(frame: &[u8], packet: &mut Packet) -> Result<Fragment, Refusal> {
    /// Where the length of what is behind the IPv6 header stands.
    const PAYLOAD_LENGTH: u32 = 4;
    /// Where in the fragment header the offset stands.
    const OFFSET: usize = 2;

    let head = packet.transport();
    let rest = frame.get(head..).unwrap_or_default();
    let (header, data) = extension::Fragment::ref_from_prefix(rest).map_err(|_| Dropped::Truncated)?;
    let before = head - packet.network() - ipv6::LENGTH;
    let fragment = Fragment {
        name: Name {
            source: packet.source,
            destination: packet.destination,
            identification: header.identification.get(),
            protocol: 0,
        },
        offset: header.offset(),
        position: if header.has_more() { Position::Inner } else { Position::Last },
        data: head + FRAGMENT_LENGTH..frame.len(),
        head,
        field: packet.network() + usize::from(packet.protocol_field),
        next_header: header.next_header,
    };
    let tell = |code, pointer| Err(Refusal::Tell(Problem::Field { code, pointer }));
    if fragment.position == Position::Inner && !data.len().is_multiple_of(UNIT) {
        return tell(problem::ERRONEOUS_HEADER, PAYLOAD_LENGTH);
    }
    if before + fragment.end() > LARGEST {
        return tell(problem::ERRONEOUS_HEADER, (head - packet.network() + OFFSET) as u32);
    }
    if fragment.offset > 0 {
        return Ok(fragment);
    }

    // What it carries, for what is said of it: also that the chain does not end in it.
    let payload = frame.get(packet.network() + ipv6::LENGTH..).unwrap_or_default();
    let mut chain = Chain::new(payload, header.next_header);
    (chain.field, chain.position) = (head - packet.network(), before + FRAGMENT_LENGTH);
    let ended = chain.end();
    packet.protocol = chain.next;
    packet.protocol_field = chain.field as u16;
    packet.transport = (packet.network() + ipv6::LENGTH + chain.position) as u16;
    ended?;
    // RFC 6980 §5: neighbour discovery is never fragmented.
    let kind = frame.get(packet.transport()).copied();
    if packet.protocol == protocol::ICMPV6 && kind.is_some_and(icmpv6::is_neighbor_discovery) {
        return Err(Dropped::BadNdp.into());
    }
    Ok(fragment)
}

/// Whether a packet that is larger than its path takes may be cut, by its sender: never what IPv4 says is not to be.
pub fn may_be_cut(outbound: &Outbound, length: usize) -> bool {
    match outbound.destination.family() {
        Family::V4 => !outbound.dont_fragment && length <= LARGEST,
        Family::V6 => length <= ipv6::LENGTH + LARGEST,
    }
}

/// A packet of ours that is cut: plain IP header first, without options or extension headers.
pub struct Whole {
    header: Header,
    identification: u32,
    /// Data bytes of each fragment but the last.
    room: usize,
}

enum Header {
    V4(ipv4::Header),
    V6(ipv6::Header),
}

impl Whole {
    /// Takes the head of a packet that `mtu` bytes are too few for; also how many bytes of it are the header. `None` when it
    /// is no such packet: a bug of ours.
    pub fn new(packet: &[u8], mtu: usize, identifications: &mut Identifications) -> Option<(Whole, usize)> {
        let (header, length, own, ends) = match packet.first()? >> 4 {
            4 => {
                let header = ipv4::Header::read_from_prefix(packet).ok()?.0;
                (Header::V4(header), ipv4::LENGTH, ipv4::LENGTH, (header.source(), header.destination()))
            }
            _ => {
                let header = ipv6::Header::read_from_prefix(packet).ok()?.0;
                (
                    Header::V6(header),
                    ipv6::LENGTH,
                    ipv6::LENGTH + FRAGMENT_LENGTH,
                    (header.source(), header.destination()),
                )
            }
        };
        let room = mtu.checked_sub(own)? / UNIT * UNIT;
        // Each packet that is cut is named anew, also an answer that goes back under its question's header.
        let identification = identifications.next(ends.0, ends.1);
        (room > 0).then_some((Whole { header, identification, room }, length))
    }

    /// Data bytes of each fragment but the last.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Writes the headers of the fragment with `length` bytes that belong `offset` bytes behind the beginning.
    pub fn prepend(&self, draft: &mut Draft<'_>, offset: usize, length: usize, position: Position) -> EtherType {
        let more = position == Position::Inner;
        match &self.header {
            Header::V4(header) => {
                *draft.prepend() = ipv4::Header::new(ipv4::Fields {
                    traffic_class: header.traffic_class,
                    payload_length: length,
                    identification: self.identification as u16,
                    flags_offset: (offset / UNIT) as u16 | if more { ipv4::MORE_FRAGMENTS } else { 0 },
                    time_to_live: header.time_to_live,
                    protocol: header.protocol,
                    source: header.source,
                    destination: header.destination,
                });
                EtherType::IPV4
            }
            Header::V6(header) => {
                let fragment = extension::Fragment::new(header.next_header, offset as u16, more, self.identification);
                *draft.prepend() = fragment;
                let payload = (FRAGMENT_LENGTH + length) as u16;
                let (class, hops) = (header.traffic_class(), header.hop_limit);
                let ends = (header.source(), header.destination());
                *draft.prepend() = ipv6::Header::new(class, payload, protocol::FRAGMENT, hops, ends);
                EtherType::IPV6
            }
        }
    }
}

/// Puts the checksum in that was left to the device, which never sees a whole packet of those that are cut. The draft begins
/// with an IP header of `network` bytes; `behind` is what follows it elsewhere.
pub fn complete(draft: &mut Draft<'_>, network: usize, behind: &[IoSlice<'_>], offload: Offload) {
    let Checksum::Partial { offset, .. } = offload.checksum else { return };
    let transport = draft.bytes().get(network..).unwrap_or_default();
    // The field holds the pseudo-header's sum.
    let sum = Sum::ZERO.pieces(std::iter::once(transport).chain(behind.iter().map(|slice| &**slice)));
    let field = network + usize::from(offset);
    if let Some(field) = draft.bytes_mut().get_mut(field..field + 2) {
        let checksum = sum.checksum();
        field.copy_from_slice(&if offset == udp::CHECKSUM_OFFSET { udp::transmitted(checksum) } else { checksum });
    }
}
