//! ICMP (RFC 792).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a header.
pub const LENGTH: usize = 8;

/// Types of messages.
pub mod kind {
    #![allow(missing_docs)]
    pub const ECHO_REPLY: u8 = 0;
    pub const DESTINATION_UNREACHABLE: u8 = 3;
    pub const SOURCE_QUENCH: u8 = 4;
    pub const REDIRECT: u8 = 5;
    pub const ECHO_REQUEST: u8 = 8;
    pub const TIME_EXCEEDED: u8 = 11;
    pub const PARAMETER_PROBLEM: u8 = 12;
    pub const TIMESTAMP_REQUEST: u8 = 13;
    pub const TIMESTAMP_REPLY: u8 = 14;
}

/// Code of "time exceeded": it was spent waiting for fragments.
pub const REASSEMBLY_TIME_EXCEEDED: u8 = 1;

/// Codes of "destination unreachable".
pub mod unreachable {
    #![allow(missing_docs)]
    pub const PROTOCOL: u8 = 2;
    pub const PORT: u8 = 3;
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    pub const NETWORK_PROHIBITED: u8 = 9;
    pub const HOST_PROHIBITED: u8 = 10;
    /// RFC 1812 §5.2.7.1.
    pub const PROHIBITED: u8 = 13;
}

/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |     Code      |          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Echo: Identifier, Sequence Number.  Errors: zero, pointer   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// What kind of message.
    pub kind: u8,
    /// Which of its kind.
    pub code: u8,
    /// Over the whole message.
    pub checksum: [u8; 2],
    /// What the kind makes of it.
    pub rest: [u8; 4],
}

/// A timestamp request or reply: when it was sent, came, and was sent back, in milliseconds since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Timestamp {
    /// With an identifier and a sequence number.
    pub header: Header,
    /// By whom asks.
    pub originated: [u8; 4],
    /// By whom answers.
    pub received: [u8; 4],
    /// By whom answers.
    pub sent: [u8; 4],
}

impl Header {
    /// Whether a type is an error, about which no error may be sent (RFC 1122 §3.2.2).
    pub fn is_error(kind: u8) -> bool {
        use kind::*;
        matches!(kind, DESTINATION_UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM)
    }
}
