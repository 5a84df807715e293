//! IGMP and MLD in words: one protocol in two families (RFC 9776, RFC 9777, and the versions before them).

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::line::tell;

/// So many records, and so many sources of each, are told; of the rest, how many there are.
const TOLD: usize = 4;

/// IGMP, from its type on.
pub(super) fn igmp(text: &mut String, message: &[u8]) {
    let mut rest = Rest { bytes: message, family: Family::V4 };
    let [kind, code] = rest.take().unwrap_or_default();
    let _checksum: Option<[u8; 2]> = rest.take();
    let told = match kind {
        0x11 => {
            let version = match (message.len(), code) {
                (12.., _) => 3,
                (_, 0) => 1,
                _ => 2,
            };
            // Tenths of a second; version 1 has 10 s.
            let tenths = if version == 1 { 100 } else { short_float(code) };
            query(text, &mut rest, version, version == 3, tenths * 100)
        }
        0x12 => member(text, &mut rest, "report, version 1: in"),
        0x16 => member(text, &mut rest, "report, version 2: in"),
        0x17 => member(text, &mut rest, "leave, version 2: out of"),
        0x22 => report(text, &mut rest, 3),
        _ => {
            tell!(text, "type {kind:#04x}, {} bytes", message.len());
            Some(())
        }
    };
    told.unwrap_or_else(|| tell!(text, ", damaged: it is too short"));
}

/// Whether a type of ICMPv6 is one of MLD's.
pub(super) fn is_mld(kind: u8) -> bool {
    matches!(kind, 130..=132 | 143)
}

/// MLD, from the type of ICMPv6 on.
pub(super) fn mld(text: &mut String, message: &[u8]) {
    let mut rest = Rest { bytes: message, family: Family::V6 };
    let [kind, _code, _, _] = rest.take().unwrap_or_default();
    let told = match kind {
        143 => report(text, &mut rest, 2),
        _ => rest.short().zip(rest.short()).and_then(|(code, _reserved)| match kind {
            130 => {
                let current = message.len() >= 28;
                let most = if current { long_float(code) } else { u32::from(code) };
                query(text, &mut rest, if current { 2 } else { 1 }, current, most)
            }
            131 => member(text, &mut rest, "listener report, version 1: in"),
            _ => member(text, &mut rest, "listener done, version 1: out of"),
        }),
    };
    told.unwrap_or_else(|| tell!(text, ", damaged: it is too short"));
}

#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

/// What was not read yet.
struct Rest<'a> {
    bytes: &'a [u8],
    family: Family,
}

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*taken)
    }

    fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn address(&mut self) -> Option<IpAddr> {
        match self.family {
            Family::V4 => self.take::<4>().map(Ipv4Addr::from).map(IpAddr::V4),
            Family::V6 => self.take::<16>().map(Ipv6Addr::from).map(IpAddr::V6),
        }
    }

    /// So many sources: the first of them, and how many there are.
    fn sources(&mut self, number: u16) -> Option<Sources> {
        let mut sources = Sources { first: Vec::new(), number: number.into() };
        for _ in 0..number {
            let source = self.address()?;
            if sources.first.len() < TOLD {
                sources.first.push(source);
            }
        }
        Some(sources)
    }
}

struct Sources {
    first: Vec<IpAddr>,
    number: usize,
}

impl Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.number == 0 {
            return f.write_str("nothing");
        }
        for (index, source) in self.first.iter().enumerate() {
            write!(f, "{}{source}", if index > 0 { " " } else { "" })?;
        }
        let more = self.number - self.first.len();
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

/// A query, from its group on, that waits so many milliseconds for answers.
fn query(text: &mut String, rest: &mut Rest<'_>, version: u8, has_sources: bool, most: u32) -> Option<()> {
    tell!(text, "query, version {version}: ");
    let group = rest.address()?;
    let sources = if has_sources {
        let _flags_and_interval: [u8; 2] = rest.take()?;
        let number = rest.short()?;
        Some(rest.sources(number)?).filter(|sources| sources.number > 0)
    } else {
        None
    };
    match sources {
        _ if group.is_unspecified() => tell!(text, "who is in any group?"),
        None => tell!(text, "who is in {group}?"),
        Some(sources) => tell!(text, "who wants {group} from {sources}?"),
    }
    tell!(text, " within {}.{} s", most / 1000, most % 1000 / 100);
    Some(())
}

/// A message of the old versions about one group.
fn member(text: &mut String, rest: &mut Rest<'_>, what: &str) -> Option<()> {
    tell!(text, "{what} ");
    tell!(text, "{}", rest.address()?);
    Some(())
}

/// A report of the current version, from its reserved field on.
fn report(text: &mut String, rest: &mut Rest<'_>, version: u8) -> Option<()> {
    tell!(text, "report, version {version}: ");
    let (_reserved, number) = (rest.short()?, rest.short()?);
    for index in 0..usize::from(number) {
        if index == TOLD {
            tell!(text, "; and {} more", usize::from(number) - TOLD);
            break;
        }
        let ([kind, words], sources) = (rest.take()?, rest.short()?);
        let group = rest.address()?;
        let sources = rest.sources(sources)?;
        rest.bytes = rest.bytes.get(usize::from(words) * 4..)?;
        let what = match kind {
            1 => "includes",
            2 => "excludes",
            3 => "now includes",
            4 => "now excludes",
            5 => "allows",
            6 => "blocks",
            _ => "has a record of an unknown type with",
        };
        tell!(text, "{}{group} {what} {sources}", if index > 0 { "; " } else { "" });
    }
    Some(())
}

/// The floating point of IGMPv3's codes (RFC 9776 §4.1.1).
fn short_float(code: u8) -> u32 {
    let code = u32::from(code);
    if code < 128 { code } else { (code & 0x0f | 0x10) << ((code >> 4 & 7) + 3) }
}

/// The same of MLDv2 (RFC 9777 §5.1.3).
fn long_float(code: u16) -> u32 {
    let code = u32::from(code);
    if code < 0x8000 { code } else { (code & 0x0fff | 0x1000) << ((code >> 12 & 7) + 3) }
}
