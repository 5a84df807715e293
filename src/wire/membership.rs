//! What IGMP and MLD have in common: queries, and reports of group records (RFC 9776 §4, RFC 9777 §5).
//!
//! MLD is IGMP in ICMPv6, one version number behind, with longer addresses.

use std::time::Duration;

use crate::base::address::{Address, Family};

/// A version of both protocols: those of one name say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// IGMPv1 (RFC 1112): nobody says that he leaves.
    Oldest,
    /// IGMPv2 (RFC 2236) and MLDv1 (RFC 2710): of groups, not of sources.
    Old,
    /// IGMPv3 (RFC 9776) and MLDv2 (RFC 9777).
    Current,
}

/// A router asks who is in which groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The version that the router speaks.
    pub version: Version,
    /// How long an answer may wait at most.
    pub delay: Duration,
    /// The group that it asks about; `None` for all.
    pub group: Option<Address>,
    /// The querier's robustness variable, 1 to 7, if it tells.
    pub robustness: Option<u8>,
    /// How often the querier asks, if it tells.
    pub interval: Option<Duration>,
    /// The sources that it asks about, as they lie in the message.
    sources: &'a [u8],
    family: Family,
}

impl<'a> Query<'a> {
    /// A query of an old version.
    pub(super) fn old(version: Version, family: Family, delay: Duration, group: Option<Address>) -> Query<'a> {
        Query { version, delay, group, robustness: None, interval: None, sources: &[], family }
    }

    /// A query of the current version; its sources are whole addresses.
    pub(super) fn current(delay: Duration, group: Option<Address>, tail: Tail, sources: &'a [u8]) -> Query<'a> {
        // RFC 9776 §4.1.6, §4.1.7: zero says nothing.
        let robustness = Some(tail.flags & 7).filter(|told| *told > 0);
        let interval = Some(eight_bits(tail.interval)).filter(|told| *told > 0).map(u64::from).map(Duration::from_secs);
        let family = if tail.address == 4 { Family::V4 } else { Family::V6 };
        Query { version: Version::Current, delay, group, robustness, interval, sources, family }
    }

    /// The sources that it asks about; none in a query about a whole group.
    pub fn sources(&self) -> impl Iterator<Item = Address> + 'a {
        let family = self.family;
        self.sources.chunks_exact(length(family)).filter_map(move |bytes| read(family, bytes))
    }

    /// Whether it asks about some sources only.
    pub fn has_sources(&self) -> bool {
        !self.sources.is_empty()
    }
}

/// What the current version adds to a query, read.
pub(super) struct Tail {
    pub(super) flags: u8,
    pub(super) interval: u8,
    /// Bytes of an address.
    pub(super) address: usize,
}

/// Bytes of an address on the wire.
pub(super) const fn length(family: Family) -> usize {
    match family {
        Family::V4 => 4,
        Family::V6 => 16,
    }
}

fn read(family: Family, bytes: &[u8]) -> Option<Address> {
    match family {
        Family::V4 => bytes.try_into().ok().map(Address::from_v4),
        Family::V6 => bytes.try_into().ok().map(Address::from_v6),
    }
}

/// A number of eight bits, of which those with the high bit are a mantissa and an exponent (RFC 9776 §4.1.1, §4.1.7).
pub(super) fn eight_bits(code: u8) -> u32 {
    match code {
        0..128 => u32::from(code),
        _ => u32::from(code & 0x0f | 0x10) << ((code >> 4 & 7) + 3),
    }
}

/// The same of sixteen bits (RFC 9777 §5.1.3).
pub(super) fn sixteen_bits(code: u16) -> u32 {
    match code {
        0..0x8000 => u32::from(code),
        _ => u32::from(code & 0x0fff | 0x1000) << ((code >> 12 & 7) + 3),
    }
}

/// What a group record says (RFC 9776 §4.2.13, RFC 9777 §5.2.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// Only these sources are wanted.
    IsInclude = 1,
    /// All but these are.
    IsExclude = 2,
    /// From now on only these are.
    ToInclude = 3,
    /// From now on all but these are.
    ToExclude = 4,
    /// These are wanted from now on.
    Allow = 5,
    /// These are no longer.
    Block = 6,
}

impl RecordKind {
    /// Whether a list that is cut says less of the same: a router that forwards too much does no harm, so that the rest of such a
    /// list is left out, and that of others goes into a record of its own (RFC 9776 §4.2.17).
    pub fn excludes(self) -> bool {
        matches!(self, RecordKind::IsExclude | RecordKind::ToExclude)
    }
}

/// Bytes of a report before its first record. They are alike in IGMP and in ICMPv6:
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |   Reserved    |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |            Reserved           |   Number of Group Records     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Record Type  | Aux Data Len  |     Number of Sources         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Group, sources …                             |
/// ```
pub const REPORT_LENGTH: usize = 8;

/// Writes a report of the current version, without its checksum.
#[derive(Clone, Debug)]
pub struct Report {
    family: Family,
    bytes: Vec<u8>,
    room: usize,
}

impl Report {
    /// An empty one, of the type that its family gives it, which may become `room` bytes long.
    pub fn new(family: Family, room: usize) -> Report {
        let kind = match family {
            Family::V4 => super::igmp::kind::REPORT_V3,
            Family::V6 => super::mld::kind::REPORT_V2,
        };
        Report { family, bytes: vec![kind, 0, 0, 0, 0, 0, 0, 0], room }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == REPORT_LENGTH
    }

    /// Adds a record with as many of the sources as there is room for; returns how many that were. `None` when there is no room
    /// for a record, or for one of its sources.
    pub fn add(&mut self, kind: RecordKind, group: Address, sources: &[Address]) -> Option<usize> {
        let address = length(self.family);
        let room = self.room.checked_sub(self.bytes.len() + 4 + address)? / address;
        if room == 0 && !sources.is_empty() {
            return None;
        }
        let sources = sources.get(..room).unwrap_or(sources);
        let number = u16::try_from(sources.len()).ok()?;
        self.bytes.extend([kind as u8, 0]);
        self.bytes.extend(number.to_be_bytes());
        for address in std::iter::once(&group).chain(sources) {
            match self.family {
                Family::V4 => self.bytes.extend(address.low4()),
                Family::V6 => self.bytes.extend(address.to_v6()),
            }
        }
        if let Some([high, low]) = self.bytes.get_mut(6..8) {
            [*high, *low] = u16::from_be_bytes([*high, *low]).saturating_add(1).to_be_bytes();
        }
        Some(sources.len())
    }

    /// The message, its checksum zero.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbers_or_mantissa_and_exponent() {
        assert_eq!([0, 1, 127, 128, 0x8f, 0xff].map(eight_bits), [0, 1, 127, 128, 248, 31744]);
        assert_eq!([0, 10_000, 0x7fff, 0x8000, 0xffff].map(sixteen_bits), [0, 10_000, 32767, 32768, 8_387_584]);
    }

    #[test]
    fn a_report_is_as_long_as_its_room_lets_it_be() {
        let group = Address::from_v4([232, 1, 2, 3]);
        let sources: Vec<Address> = (1..=3).map(|last| Address::from_v4([10, 0, 0, last])).collect();
        let mut report = Report::new(Family::V4, 8 + 8 + 12 + 8 + 7);
        assert!(report.is_empty());
        assert_eq!(report.add(RecordKind::Allow, group, &sources), Some(3));
        assert_eq!(report.add(RecordKind::Block, group, &sources), Some(1), "as many as there is room for");
        assert_eq!(report.add(RecordKind::ToExclude, group, &[]), None, "no room for another record");
        let bytes = report.finish();
        assert_eq!(bytes[..20], [0x22, 0, 0, 0, 0, 0, 0, 2, 5, 0, 0, 3, 232, 1, 2, 3, 10, 0, 0, 1]);
        assert_eq!(bytes[28..], [6, 0, 0, 1, 232, 1, 2, 3, 10, 0, 0, 1]);
    }
}
