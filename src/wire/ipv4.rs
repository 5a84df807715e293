//! The IPv4 header (RFC 791).

use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::Sum;
use crate::base::address::Address;
use crate::base::counters::Dropped;

/// Bytes of a header without options.
pub const LENGTH: usize = 20;
/// The "don't fragment" bit of the field that holds flags and fragment offset.
pub const DONT_FRAGMENT: u16 = 0x4000;
/// Version 4, five words.
const VERSION_IHL: u8 = 0x45;
/// The "more fragments" bit of the same field.
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// The option that has routers look at a packet that is not for them (RFC 2113 §2.1).
pub const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];
const MORE_FRAGMENTS_OR_OFFSET: u16 = 0x3fff;
const OFFSET: u16 = 0x1fff;

/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version|  IHL  |Type of Service|          Total Length         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Identification        |Flags|      Fragment Offset    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Time to Live |    Protocol   |         Header Checksum       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Source Address                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Destination Address                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    version_ihl: u8,
    /// DSCP and ECN (RFC 2474, RFC 3168).
    pub traffic_class: u8,
    /// Bytes of the header, its options and the payload.
    pub total_length: U16,
    /// Names the datagram that fragments belong to.
    pub identification: U16,
    /// Three flags and the offset in units of eight bytes.
    pub flags_offset: U16,
    /// Routers it may still pass.
    pub time_to_live: u8,
    /// What it carries.
    pub protocol: u8,
    /// Over the header and its options.
    pub checksum: [u8; 2],
    /// Whom it is from.
    pub source: [u8; 4],
    /// Whom it is for.
    pub destination: [u8; 4],
}

/// What a new header says; the rest follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Bytes behind the header. A superframe of more than 65,535 bytes has no total length: 0 is written.
    pub payload_length: usize,
    /// Names the datagram.
    pub identification: u16,
    /// Flags and offset.
    pub flags_offset: u16,
    /// Routers it may pass.
    pub time_to_live: u8,
    /// What it carries.
    pub protocol: u8,
    /// Whom it is from.
    pub source: [u8; 4],
    /// Whom it is for.
    pub destination: [u8; 4],
}

impl Header {
    /// A header without options, with its checksum.
    #[inline]
    pub fn new(fields: Fields) -> Header {
        let total_length = u16::try_from(fields.payload_length + LENGTH).unwrap_or(0);
        let Fields { traffic_class, time_to_live, protocol, .. } = fields;
        // Summed from what is at hand: reading back what was just written costs more than computing it.
        let sum = Sum::ZERO
            .field([VERSION_IHL, traffic_class])
            .word(total_length)
            .word(fields.identification)
            .word(fields.flags_offset)
            .field([time_to_live, protocol])
            .quad(fields.source)
            .quad(fields.destination);
        Header {
            version_ihl: VERSION_IHL,
            traffic_class,
            total_length: U16::new(total_length),
            identification: U16::new(fields.identification),
            flags_offset: U16::new(fields.flags_offset),
            time_to_live,
            protocol,
            checksum: sum.checksum(),
            source: fields.source,
            destination: fields.destination,
        }
    }

    /// A header with a router alert, which goes behind it.
    pub fn with_router_alert(fields: Fields) -> (Header, [u8; ROUTER_ALERT.len()]) {
        let alert = ROUTER_ALERT.len();
        let payload_length = fields.payload_length + alert;
        let mut header = Header::new(Fields { payload_length, ..fields });
        header.version_ihl += (alert / 4) as u8;
        header.checksum = [0; 2];
        header.checksum = Sum::of(header.as_bytes()).bytes(&ROUTER_ALERT).checksum();
        (header, ROUTER_ALERT)
    }

    /// Says another length of header, options and payload (RFC 1624).
    #[inline]
    pub fn set_total_length(&mut self, total_length: u16) {
        let sum = Sum::ZERO.without(self.checksum).without(self.total_length.to_bytes()).word(total_length);
        self.total_length = U16::new(total_length);
        self.checksum = sum.checksum();
    }

    /// Turns a header without options round: from `source`, to whom it came from.
    #[inline(always)]
    pub fn turn_round(&mut self, source: [u8; 4], traffic_class: u8, total_length: u16, time_to_live: u8) {
        let flags_offset = self.flags_offset.get() & DONT_FRAGMENT;
        let same = self.destination == source
            && self.traffic_class == traffic_class
            && self.total_length.get() == total_length
            && self.flags_offset.get() == flags_offset;
        if same {
            // Addresses that change places leave the checksum as it is, so only the time to live counts (RFC 1624).
            let sum = Sum::ZERO.without(self.checksum).without([self.time_to_live, 0]).field([time_to_live, 0]);
            self.checksum = sum.checksum();
            self.time_to_live = time_to_live;
            (self.source, self.destination) = (source, self.source);
        } else {
            *self = Header::new(Fields {
                traffic_class,
                payload_length: usize::from(total_length).saturating_sub(LENGTH),
                identification: self.identification.get(),
                flags_offset,
                time_to_live,
                protocol: self.protocol,
                source,
                destination: self.source,
            });
        }
    }

    /// Makes the header of a first fragment that of its datagram. Its options begin `behind`.
    pub fn become_whole(&mut self, behind: &[u8], total_length: u16, traffic_class: u8) {
        self.total_length = U16::new(total_length);
        self.flags_offset = U16::new(0);
        self.traffic_class = traffic_class;
        self.checksum = [0; 2];
        let options = behind.get(..self.header_length().saturating_sub(LENGTH)).unwrap_or_default();
        self.checksum = Sum::of(self.as_bytes()).bytes(options).checksum();
    }

    /// Bytes of the header with its options: 20 to 60.
    #[inline]
    pub fn header_length(&self) -> usize {
        usize::from(self.version_ihl & 0x0f) * 4
    }

    /// Four, if it is IPv4's.
    #[inline]
    pub fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// Whether it is no fragment, or the first.
    #[inline]
    pub fn is_first(&self) -> bool {
        self.flags_offset.get() & OFFSET == 0
    }

    /// Whether it is one of several fragments.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.flags_offset.get() & MORE_FRAGMENTS_OR_OFFSET != 0
    }

    /// Where in its datagram a fragment belongs, in bytes.
    pub fn fragment_offset(&self) -> usize {
        usize::from(self.flags_offset.get() & OFFSET) * 8
    }

    /// Whether other fragments belong behind it.
    pub fn has_more_fragments(&self) -> bool {
        self.flags_offset.get() & MORE_FRAGMENTS != 0
    }

    /// Whom it is from.
    #[inline]
    pub fn source(&self) -> Address {
        Address::from_v4(self.source)
    }

    /// Whom it is for.
    #[inline]
    pub fn destination(&self) -> Address {
        Address::from_v4(self.destination)
    }
}

/// A header with what belongs to it, valid by construction.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The fixed part.
    pub header: &'a Header,
    /// The options, 0 to 40 bytes.
    pub options: &'a [u8],
    /// What it carries; padding of the frame is not part of it.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet and checks what its lengths promise; the checksum is another question.
    #[inline(always)]
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Dropped> {
        let (header, _) = Header::ref_from_prefix(bytes).map_err(|_| Dropped::Truncated)?;
        let length = header.header_length();
        if header.version() != 4 || length < LENGTH {
            return Err(Dropped::BadIpHeader);
        }
        let packet = bytes.get(..usize::from(header.total_length.get())).ok_or(Dropped::Truncated)?;
        let (head, payload) = packet.split_at_checked(length).ok_or(Dropped::BadIpHeader)?;
        let options = head.get(LENGTH..).ok_or(Dropped::BadIpHeader)?;
        Ok(Packet { header, options, payload })
    }

    /// Whether the header is what its sender wrote.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        let header: &[u8; LENGTH] = zerocopy::transmute_ref!(self.header);
        let sum = Sum::ZERO.header(header);
        if self.options.is_empty() { sum.is_whole() } else { sum.bytes(self.options).is_whole() }
    }
}
