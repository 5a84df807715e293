//! IGMP (RFC 1112 appendix I, RFC 2236 §2, RFC 9776 §4).

use std::time::Duration;

use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::Sum;
use super::membership::{Query, Tail, Version, eight_bits};
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;

/// Types of messages.
pub mod kind {
    #![allow(missing_docs)]
    pub const QUERY: u8 = 0x11;
    pub const REPORT_V1: u8 = 0x12;
    pub const REPORT_V2: u8 = 0x16;
    pub const LEAVE: u8 = 0x17;
    pub const REPORT_V3: u8 = 0x22;
}

/// How long answers to a router of the first version may wait, which does not say (RFC 9776 §4.1.1).
const DELAY_V1: Duration = Duration::from_secs(10);

/// A message of the first two versions, and what a query of the third begins with.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      | Max Resp Code |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Group Address                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// What it is.
    pub kind: u8,
    /// How long an answer may wait, coded, in tenths of a second.
    pub code: u8,
    /// Over the whole message.
    pub checksum: [u8; 2],
    /// Which group it is about.
    pub group: [u8; 4],
}

impl Header {
    /// A report or a leave, with its checksum.
    pub fn new(kind: u8, group: Address) -> Header {
        let header = Header { kind, code: 0, checksum: [0; 2], group: group.low4() };
        Header { checksum: Sum::of(header.as_bytes()).checksum(), ..header }
    }
}

/// What a query of the third version goes on with, its sources behind it.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Flags |S| QRV |     QQIC      |     Number of Sources (N)     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct QueryTail {
    /// The low three bits are the querier's robustness variable.
    pub flags: u8,
    /// How often it asks, coded, in seconds.
    pub interval: u8,
    /// How many sources follow.
    pub sources: U16,
}

/// A message, valid by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A router asks.
    Query(Query<'a>),
    /// A host of an old version is in this group.
    Report(Address),
    /// What only routers read.
    Other,
}

impl<'a> Message<'a> {
    /// Reads a message; its checksum is looked at, too.
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, Dropped> {
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| Dropped::BadIgmp)?;
        if !Sum::of(bytes).is_whole() {
            return Err(Dropped::BadIgmp);
        }
        let group = Address::from_v4(header.group);
        match header.kind {
            kind::QUERY => Message::query(header, rest).map(Message::Query),
            kind::REPORT_V1 | kind::REPORT_V2 if group.is_multicast() => Ok(Message::Report(group)),
            kind::REPORT_V1 | kind::REPORT_V2 => Err(Dropped::BadIgmp),
            _ => Ok(Message::Other),
        }
    }

    /// RFC 9776 §7.1: the version follows from the length and the code.
    fn query(header: &Header, rest: &'a [u8]) -> Result<Query<'a>, Dropped> {
        let group = Address::from_v4(header.group);
        let group = match header.group {
            [0, 0, 0, 0] => None,
            _ if group.is_multicast() => Some(group),
            _ => return Err(Dropped::BadIgmp),
        };
        let tenths = |tenths: u32| Duration::from_millis(100 * u64::from(tenths));
        match (rest.is_empty(), header.code) {
            (true, 0) => return Ok(Query::old(Version::Oldest, Family::V4, DELAY_V1, group)),
            (true, code) => return Ok(Query::old(Version::Old, Family::V4, tenths(code.into()), group)),
            _ => {}
        }
        let (tail, sources) = QueryTail::ref_from_prefix(rest).map_err(|_| Dropped::BadIgmp)?;
        let sources = sources.get(..4 * usize::from(tail.sources.get())).ok_or(Dropped::BadIgmp)?;
        if group.is_none() && !sources.is_empty() {
            return Err(Dropped::BadIgmp);
        }
        let tail = Tail { flags: tail.flags, interval: tail.interval, address: 4 };
        Ok(Query::current(tenths(eight_bits(header.code)), group, tail, sources))
    }
}
