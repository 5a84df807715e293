//! The UDP header (RFC 768).

use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::counters::Dropped;

/// Bytes of a header.
pub const LENGTH: usize = 8;
/// The most bytes of payload over IPv4.
pub const LARGEST_V4: usize = 65_535 - super::ipv4::LENGTH - LENGTH;
/// The same over IPv6, which counts without its own header.
pub const LARGEST_V6: usize = 65_535 - LENGTH;
/// Where the checksum lies in it.
pub const CHECKSUM_OFFSET: u8 = 6;

/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Source Port          |       Destination Port        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |            Length             |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Where an answer goes; zero: nowhere.
    pub source: U16,
    /// Which endpoint it is for.
    pub destination: U16,
    /// Bytes of header and payload.
    pub length: U16,
    /// Over the pseudo-header and the datagram; zero: none was computed.
    pub checksum: [u8; 2],
}

/// A checksum as it is sent: a computed zero becomes all ones, for zero means that there is none (RFC 768).
pub fn transmitted(checksum: [u8; 2]) -> [u8; 2] {
    if checksum == [0; 2] { [0xff; 2] } else { checksum }
}

impl Header {
    /// The header of a datagram, and its payload; what IP carries behind it is not part of it.
    #[inline(always)]
    pub fn parse(bytes: &[u8]) -> Result<(&Header, &[u8]), Dropped> {
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| Dropped::Truncated)?;
        let length = usize::from(header.length.get()).checked_sub(LENGTH).ok_or(Dropped::BadUdp)?;
        let payload = rest.get(..length).ok_or(Dropped::BadUdp)?;
        Ok((header, payload))
    }
}
