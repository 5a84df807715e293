//! Ethernet II (RFC 894, RFC 2464).

use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::address::Mac;
use crate::base::counters::Dropped;

/// Bytes of a header.
pub const LENGTH: usize = 14;

/// The number of the protocol that a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(transparent)]
pub struct EtherType(pub U16);

impl EtherType {
    /// Internet Protocol version 4.
    pub const IPV4: EtherType = EtherType(U16::new(0x0800));
    /// Address Resolution Protocol.
    pub const ARP: EtherType = EtherType(U16::new(0x0806));
    /// Reverse Address Resolution Protocol.
    pub const RARP: EtherType = EtherType(U16::new(0x8035));
    /// A tag of IEEE 802.1Q, with the EtherType of the rest behind it.
    pub const VLAN: EtherType = EtherType(U16::new(0x8100));
    /// Internet Protocol version 6.
    pub const IPV6: EtherType = EtherType(U16::new(0x86dd));
}

/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Destination                          |
/// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                               |            Source             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           EtherType           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Whom it is for.
    pub destination: [u8; 6],
    /// Whom it is from.
    pub source: [u8; 6],
    /// What it carries.
    pub ethertype: EtherType,
}

impl Header {
    /// The header of a frame, and what follows it.
    #[inline(always)]
    pub fn parse(frame: &[u8]) -> Result<(&Header, &[u8]), Dropped> {
        Header::ref_from_prefix(frame).map_err(|_| Dropped::Truncated)
    }

    /// A header to be sent.
    #[inline]
    pub fn new(destination: Mac, source: Mac, ethertype: EtherType) -> Header {
        Header { destination: destination.bytes(), source: source.bytes(), ethertype }
    }

    /// Whom it is for.
    #[inline]
    pub fn destination(&self) -> Mac {
        let bytes: &[u8; LENGTH] = zerocopy::transmute_ref!(self);
        Mac::first_of(bytes.first_chunk().expect("14 bytes begin with eight"))
    }

    /// Whom it is from.
    #[inline]
    pub fn source(&self) -> Mac {
        let bytes: &[u8; LENGTH] = zerocopy::transmute_ref!(self);
        Mac::first_of(bytes.last_chunk().expect("14 bytes end with eight"))
    }
}
