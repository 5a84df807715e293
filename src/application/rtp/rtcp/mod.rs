//! RTCP packets (RFC 3550 §6): read where they lie, and written where they will be sent from.
//!
//! [`Compound::parse`] finds everything that can be wrong with a datagram (§A.2), so what it yields is whole, and reading it
//! cannot fail.

pub mod feedback;
mod read;
#[cfg(test)]
mod tests;
mod write;
pub mod xr;

pub use read::{Chunks, Compound, Malformed, Packet, Rule, Words};
pub use write::{Sdes, Writer};

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::ntp::Ntp;

/// Packet types (RFC 3550 §12.1, RFC 4585 §6.1, RFC 3611 §2).
pub mod kind {
    #![allow(missing_docs, reason = "these are the RFCs' names")]
    pub const SR: u8 = 200;
    pub const RR: u8 = 201;
    pub const SDES: u8 = 202;
    pub const BYE: u8 = 203;
    pub const APP: u8 = 204;
    pub const RTPFB: u8 = 205;
    pub const PSFB: u8 = 206;
    pub const XR: u8 = 207;
}

/// Items of a source description (RFC 3550 §12.2).
pub mod item {
    #![allow(missing_docs, reason = "these are the RFC's names")]
    pub const END: u8 = 0;
    pub const CNAME: u8 = 1;
    pub const NAME: u8 = 2;
    pub const TOOL: u8 = 6;
}

/// What every RTCP packet begins with.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|  count  |      PT       |             length            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Version, padding, and how much there is of what the packet has.
    pub first: u8,
    /// Its type.
    pub kind: u8,
    /// Its length in words, less one.
    pub words: U16,
}

/// What a sender tells of its own stream (§6.4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |              NTP timestamp, most significant word             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             NTP timestamp, least significant word             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         RTP timestamp                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     sender's packet count                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      sender's octet count                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SenderInfo {
    /// The wall clock.
    pub ntp: U64,
    /// The media clock at the same time.
    pub timestamp: U32,
    /// Packets so far.
    pub packets: U32,
    /// Octets of payload so far.
    pub octets: U32,
}

impl SenderInfo {
    /// The wall clock.
    pub fn ntp(&self) -> Ntp {
        Ntp(self.ntp.get())
    }
}

/// What a receiver tells of one source (§6.4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                              SSRC                             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | fraction lost |       cumulative number of packets lost       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           extended highest sequence number received           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      interarrival jitter                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         last SR (LSR)                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                   delay since last SR (DLSR)                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: U32,
    /// In 256ths, since the report before.
    pub fraction_lost: u8,
    /// 24 bits with a sign.
    pub lost: [u8; 3],
    /// The highest extended sequence number.
    pub highest: U32,
    /// In units of the timestamp.
    pub jitter: U32,
    /// The middle of the NTP timestamp of the source's last SR; 0: there was none.
    pub last_sr: U32,
    /// How long ago that came, in 1/65536 s.
    pub delay: U32,
}

impl ReportBlock {
    /// Packets lost since the beginning; negative where more were duplicated than lost.
    pub fn lost(&self) -> i32 {
        let [high, middle, low] = self.lost;
        i32::from_be_bytes([high, middle, low, 0]) >> 8
    }

    /// The same, as it is written.
    pub fn lost_bytes(lost: i32) -> [u8; 3] {
        let [_, high, middle, low] = lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        [high, middle, low]
    }
}

/// Bytes of an SR with no report block.
pub const SENDER_REPORT: usize = 8 + size_of::<SenderInfo>();
/// Bytes of an RR with no report block.
pub const RECEIVER_REPORT: usize = 8;
/// Report blocks of one packet (§6.4.1).
pub const BLOCKS: usize = 31;
