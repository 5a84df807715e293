//! Multicast listener discovery (RFC 2710 §3, RFC 9777 §5). Messages of ICMPv6, whose checksum is looked at with all others.

use std::time::Duration;

use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::membership::{Query, Tail, Version, sixteen_bits};
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;

/// Types of messages.
pub mod kind {
    #![allow(missing_docs)]
    pub const QUERY: u8 = 130;
    pub const REPORT_V1: u8 = 131;
    pub const DONE: u8 = 132;
    pub const REPORT_V2: u8 = 143;
}

/// A message of the first version, and what a query of the second begins with.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |     Code      |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Maximum Response Code     |           Reserved            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Multicast Address (16 bytes)                 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// What it is.
    pub kind: u8,
    /// Nothing.
    pub code: u8,
    /// Over the whole message and its pseudo-header.
    pub checksum: [u8; 2],
    /// How long an answer may wait, coded, in milliseconds.
    pub delay: U16,
    /// Nothing.
    pub reserved: [u8; 2],
    /// Which group it is about.
    pub group: [u8; 16],
}

impl Header {
    /// A report or a done, without its checksum.
    pub fn new(kind: u8, group: Address) -> Header {
        Header { kind, code: 0, checksum: [0; 2], delay: U16::ZERO, reserved: [0; 2], group: group.to_v6() }
    }
}

/// What a query of the second version goes on with, its sources behind it: as IGMP's.
pub type QueryTail = super::igmp::QueryTail;

/// A message, valid by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A router asks.
    Query(Query<'a>),
    /// A host of the first version is in this group.
    Report(Address),
    /// What only routers read.
    Other,
}

/// Whether a type of ICMPv6 message is one of these.
pub fn is_mld(kind: u8) -> bool {
    matches!(kind, kind::QUERY | kind::REPORT_V1 | kind::DONE | kind::REPORT_V2)
}

impl<'a> Message<'a> {
    /// Reads a message.
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, Dropped> {
        if bytes.first().is_some_and(|first| matches!(*first, kind::DONE | kind::REPORT_V2)) {
            return Ok(Message::Other);
        }
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| Dropped::BadMld)?;
        let group = Address::from_v6(header.group);
        match header.kind {
            kind::QUERY => Message::query(header, rest).map(Message::Query),
            kind::REPORT_V1 if group.is_multicast() => Ok(Message::Report(group)),
            _ => Err(Dropped::BadMld),
        }
    }

    /// RFC 9777 §8.1: the version follows from the length.
    fn query(header: &Header, rest: &'a [u8]) -> Result<Query<'a>, Dropped> {
        let group = Address::from_v6(header.group);
        let group = match header.group {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => None,
            _ if group.is_multicast() => Some(group),
            _ => return Err(Dropped::BadMld),
        };
        let millis = |millis: u32| Duration::from_millis(u64::from(millis));
        if rest.is_empty() {
            return Ok(Query::old(Version::Old, Family::V6, millis(header.delay.get().into()), group));
        }
        let (tail, sources) = QueryTail::ref_from_prefix(rest).map_err(|_| Dropped::BadMld)?;
        let sources = sources.get(..16 * usize::from(tail.sources.get())).ok_or(Dropped::BadMld)?;
        if group.is_none() && !sources.is_empty() {
            return Err(Dropped::BadMld);
        }
        let tail = Tail { flags: tail.flags, interval: tail.interval, address: 16 };
        Ok(Query::current(millis(sixteen_bits(header.delay.get())), group, tail, sources))
    }
}
