//! The TCP header (RFC 9293 §3.1).

use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::counters::Dropped;

/// Bytes of a header without options.
pub const LENGTH: usize = 20;
/// Where the checksum lies in it.
pub const CHECKSUM_OFFSET: u8 = 16;

/// Control bits.
pub mod flag {
    #![allow(missing_docs)]
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
    pub const ECE: u8 = 0x40;
    pub const CWR: u8 = 0x80;
}

/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Source Port          |       Destination Port        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Sequence Number                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Acknowledgment Number                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Offset| Rsrvd | Control bits  |            Window             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Checksum            |         Urgent Pointer        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// The sender's port.
    pub source: U16,
    /// The receiver's port.
    pub destination: U16,
    /// Of the first byte, or of the SYN.
    pub sequence: U32,
    /// What the sender expects next, if ACK is set.
    pub acknowledgment: U32,
    offset_reserved: u8,
    /// Control bits.
    pub flags: u8,
    /// What the sender would take, before scaling.
    pub window: U16,
    /// Over the pseudo-header and the segment.
    pub checksum: [u8; 2],
    /// Where urgent data ends, if URG is set.
    pub urgent: U16,
}

impl Header {
    /// A header without options.
    #[inline]
    pub fn new(ports: (U16, U16), sequence: u32, acknowledgment: u32, flags: u8) -> Header {
        Header {
            source: ports.0,
            destination: ports.1,
            sequence: U32::new(sequence),
            acknowledgment: U32::new(acknowledgment),
            offset_reserved: 0x50,
            flags,
            window: U16::ZERO,
            checksum: [0; 2],
            urgent: U16::ZERO,
        }
    }

    /// Bytes of the header with its options: 20 to 60 when it is valid.
    #[inline]
    pub fn header_length(&self) -> usize {
        usize::from(self.offset_reserved >> 4) * 4
    }

    /// The same header before `options` bytes of options, a multiple of four up to 40.
    #[inline]
    pub fn with_options(self, options: usize) -> Header {
        Header { offset_reserved: (((LENGTH + options) / 4) << 4) as u8, ..self }
    }

    /// Whether a control bit is set.
    #[inline]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A segment, valid by construction.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The fixed part of the header.
    pub header: &'a Header,
    /// The options, 0 to 40 bytes.
    pub options: &'a [u8],
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads a segment and checks its data offset.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Segment<'a>, Dropped> {
        let (header, _) = Header::ref_from_prefix(bytes).map_err(|_| Dropped::Truncated)?;
        let (head, payload) = bytes.split_at_checked(header.header_length()).ok_or(Dropped::BadTcp)?;
        let options = head.get(LENGTH..).ok_or(Dropped::BadTcp)?;
        Ok(Segment { header, options, payload })
    }
}
