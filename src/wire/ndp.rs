//! Neighbour discovery: solicitations and advertisements (RFC 4861 §4.3, §4.4).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::address::Mac;
use crate::base::counters::Dropped;
use crate::base::limits;

/// Bytes of a message without options, the ICMPv6 header included.
pub const LENGTH: usize = 24;

/// Flags of an advertisement.
pub mod flag {
    /// The sender is a router.
    pub const ROUTER: u8 = 0x80;
    /// It answers a solicitation.
    pub const SOLICITED: u8 = 0x40;
    /// It replaces what was known.
    pub const OVERRIDE: u8 = 0x20;
}

/// Types of options.
pub mod option {
    /// The link-layer address of who sent the message.
    pub const SOURCE_LINK_LAYER: u8 = 1;
    /// The link-layer address of whom the message is about.
    pub const TARGET_LINK_LAYER: u8 = 2;
    /// A number by which who asked knows its own question (RFC 3971 §5.3.2, RFC 7527).
    pub const NONCE: u8 = 14;
}

/// A solicitation or an advertisement behind its ICMPv6 header's first four bytes.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |     Code      |          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |R|S|O|                     Reserved                            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                   Target Address (16 bytes)                   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Message {
    /// Solicitation or advertisement.
    pub kind: u8,
    /// Zero.
    pub code: u8,
    /// Over the pseudo-header and the whole message.
    pub checksum: [u8; 2],
    /// Those of an advertisement; zero in a solicitation.
    pub flags: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// Whom it is about.
    pub target: [u8; 16],
}

/// An option that holds an Ethernet address, or as long a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct LinkLayer {
    /// Source, target or nonce.
    pub kind: u8,
    /// In units of eight bytes: 1.
    pub length: u8,
    /// The address, or the nonce.
    pub mac: [u8; 6],
}

/// A message with its one option, as we send them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MessageWithOption {
    /// The fixed part.
    pub message: Message,
    /// Who speaks.
    pub option: LinkLayer,
}

/// A message with the options that are asked for, valid by construction.
#[derive(Clone, Copy, Debug)]
pub struct Parsed<'a> {
    /// The fixed part.
    pub message: &'a Message,
    /// The source link-layer address, if there is one.
    pub source: Option<Mac>,
    /// The target link-layer address, if there is one.
    pub target: Option<Mac>,
    /// The nonce, if there is one of our length.
    pub nonce: Option<[u8; 6]>,
}

impl<'a> Parsed<'a> {
    /// Reads a message and its options (RFC 4861 §7.1: an option of length zero spoils the whole message).
    pub fn parse(bytes: &'a [u8]) -> Result<Parsed<'a>, Dropped> {
        let (message, mut rest) = Message::ref_from_prefix(bytes).map_err(|_| Dropped::BadNdp)?;
        let mut parsed = Parsed { message, source: None, target: None, nonce: None };
        for _ in 0..limits::NDP_OPTIONS {
            let [kind, _, ..] = rest else { break };
            let kind = *kind;
            let (option, behind) = first_option(rest)?;
            rest = behind;
            let value = LinkLayer::ref_from_bytes(option).ok().map(|option| option.mac);
            match kind {
                option::SOURCE_LINK_LAYER => parsed.source = value.map(Mac::new),
                option::TARGET_LINK_LAYER => parsed.target = value.map(Mac::new),
                option::NONCE => parsed.nonce = value,
                _ => {}
            }
        }
        if rest.is_empty() { Ok(parsed) } else { Err(Dropped::BadNdp) }
    }
}

/// The option with which something begins, and what is behind it (RFC 4861 §4.6).
///
/// # Errors
/// [`Dropped::BadNdp`] when its length is zero, or more than there is.
#[inline]
pub(super) fn first_option(bytes: &[u8]) -> Result<(&[u8], &[u8]), Dropped> {
    let [_, units, ..] = bytes else { return Err(Dropped::BadNdp) };
    let length = usize::from(*units) * 8;
    if length == 0 {
        return Err(Dropped::BadNdp);
    }
    bytes.split_at_checked(length).ok_or(Dropped::BadNdp)
}
