//! ICMPv6 (RFC 4443).

/// Bytes of a header.
pub const LENGTH: usize = 8;

/// Types of messages.
pub mod kind {
    #![allow(missing_docs)]
    pub const DESTINATION_UNREACHABLE: u8 = 1;
    pub const PACKET_TOO_BIG: u8 = 2;
    pub const TIME_EXCEEDED: u8 = 3;
    pub const PARAMETER_PROBLEM: u8 = 4;
    pub const ECHO_REQUEST: u8 = 128;
    pub const ECHO_REPLY: u8 = 129;
    pub const ROUTER_SOLICITATION: u8 = 133;
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    pub const NEIGHBOR_SOLICITATION: u8 = 135;
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    pub const REDIRECT: u8 = 137;
}

/// Code of "time exceeded": it was spent waiting for fragments.
pub const REASSEMBLY_TIME_EXCEEDED: u8 = 1;

/// Codes of "destination unreachable".
pub mod unreachable {
    #![allow(missing_docs)]
    pub const PROHIBITED: u8 = 1;
    pub const PORT: u8 = 4;
    pub const SOURCE_POLICY: u8 = 5;
    pub const REJECT_ROUTE: u8 = 6;
}

/// Codes of "parameter problem".
pub mod problem {
    #![allow(missing_docs)]
    pub const ERRONEOUS_HEADER: u8 = 0;
    pub const UNRECOGNIZED_NEXT_HEADER: u8 = 1;
    pub const UNRECOGNIZED_OPTION: u8 = 2;
    /// RFC 7112 §5.
    pub const INCOMPLETE_FIRST_FRAGMENT: u8 = 3;
    /// RFC 8883 §2.
    pub const CHAIN_TOO_LONG: u8 = 7;
    pub const TOO_MANY_HEADERS: u8 = 8;
    pub const TOO_MANY_OPTIONS: u8 = 9;
}

/// The header has the shape of ICMP's (RFC 4443 §2.1).
pub type Header = super::icmpv4::Header;

/// Whether a type is an error or a redirect, about which no error may be sent (RFC 4443 §2.4 e).
pub fn is_error(kind: u8) -> bool {
    kind < 128 || kind == kind::REDIRECT
}

/// Whether a type is one of neighbour discovery (RFC 4861 §4): solicitations, advertisements and redirects.
pub fn is_neighbor_discovery(kind: u8) -> bool {
    (133..=kind::REDIRECT).contains(&kind)
}
