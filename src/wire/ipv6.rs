//! The IPv6 header (RFC 8200 §3).

use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::address::Address;
use crate::base::counters::Dropped;

/// Bytes of a header.
pub const LENGTH: usize = 40;
/// What every link that carries IPv6 carries in one piece (RFC 8200 §5).
pub const MINIMUM_MTU: usize = 1280;

/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Traffic Class |           Flow Label                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Payload Length        |  Next Header  |   Hop Limit   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Source Address                        |
/// +                           (16 bytes)                          +
/// |                      Destination Address                      |
/// +                           (16 bytes)                          +
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    version_class_flow: [u8; 4],
    /// Bytes behind this header, extension headers included.
    pub payload_length: U16,
    /// What follows.
    pub next_header: u8,
    /// Routers it may still pass.
    pub hop_limit: u8,
    /// Whom it is from.
    pub source: [u8; 16],
    /// Whom it is for.
    pub destination: [u8; 16],
}

impl Header {
    /// A header with flow label zero.
    #[inline]
    pub fn new(
        traffic_class: u8,
        payload_length: u16,
        next_header: u8,
        hop_limit: u8,
        (source, destination): (Address, Address),
    ) -> Header {
        Header {
            version_class_flow: [0x60 | traffic_class >> 4, traffic_class << 4, 0, 0],
            payload_length: U16::new(payload_length),
            next_header,
            hop_limit,
            source: source.to_v6(),
            destination: destination.to_v6(),
        }
    }

    /// Six, if it is IPv6's.
    #[inline]
    pub fn version(&self) -> u8 {
        self.version_class_flow[0] >> 4
    }

    /// Whom it is from.
    #[inline]
    pub fn source(&self) -> Address {
        Address::from_v6(self.source)
    }

    /// Whom it is for.
    #[inline]
    pub fn destination(&self) -> Address {
        Address::from_v6(self.destination)
    }

    /// Says other DSCP and ECN.
    pub fn set_traffic_class(&mut self, class: u8) {
        let [a, b, ..] = &mut self.version_class_flow;
        (*a, *b) = (*a & 0xf0 | class >> 4, *b & 0x0f | class << 4);
    }

    /// DSCP and ECN.
    #[inline]
    pub fn traffic_class(&self) -> u8 {
        let [a, b, ..] = self.version_class_flow;
        a << 4 | b >> 4
    }
}

/// A header with its payload, valid by construction.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// All that follows it; padding of the frame is not part of it.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet and checks what its length promises.
    #[inline(always)]
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Dropped> {
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| Dropped::Truncated)?;
        if header.version() != 6 {
            return Err(Dropped::BadIpHeader);
        }
        let payload = rest.get(..usize::from(header.payload_length.get())).ok_or(Dropped::Truncated)?;
        Ok(Packet { header, payload })
    }
}
