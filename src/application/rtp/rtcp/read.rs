//! Reading: a datagram is checked as a whole, then walked through.

use zerocopy::FromBytes as _;

use super::{Header, ReportBlock, SenderInfo, kind, xr};

/// Which datagrams are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A compound packet begins with an SR or RR (RFC 3550 §6.1).
    Compound,
    /// Any packet may come alone (RFC 5506 §3).
    ReducedSize,
}

/// What is wrong with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends within a packet, or there is nothing in it.
    #[error("it ends within a packet")]
    Truncated,
    /// Not version 2.
    #[error("not version 2")]
    Version,
    /// It does not begin with a report.
    #[error("it does not begin with a report")]
    NoReport,
    /// Padding that is not at the end, or longer than its packet.
    #[error("padding that cannot be")]
    Padding,
    /// A packet is shorter than what it says is in it.
    #[error("a packet is shorter than what it says is in it")]
    Short,
}

/// A datagram that was found to be whole.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Checks a datagram (RFC 3550 §A.2).
    ///
    /// # Errors
    /// What is wrong with it. Nothing of it is to be believed then.
    #[inline]
    pub fn parse(bytes: &'a [u8], rule: Rule) -> Result<Compound<'a>, Malformed> {
        let first = bytes.get(1).ok_or(Malformed::Truncated)?;
        if rule == Rule::Compound && !matches!(*first, kind::SR | kind::RR) {
            return Err(Malformed::NoReport);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (header, body, behind) = split(rest).ok_or(Malformed::Truncated)?;
            if header.first >> 6 != 2 {
                return Err(Malformed::Version);
            }
            let mut body = body;
            if header.first & PADDING != 0 {
                // Only the last packet has padding, and the first never (§6.4.1, §A.2), unless it is the only one.
                if !behind.is_empty() || rest.len() == bytes.len() && rule == Rule::Compound {
                    return Err(Malformed::Padding);
                }
                body = unpadded(body).ok_or(Malformed::Padding)?;
            }
            if !holds(header, body) {
                return Err(Malformed::Short);
            }
            rest = behind;
        }
        Ok(Compound { rest: bytes })
    }
}

const PADDING: u8 = 0x20;

/// The first packet of `bytes`, and what is behind it.
#[inline(always)]
fn split(bytes: &[u8]) -> Option<(&Header, &[u8], &[u8])> {
    let (header, rest) = Header::ref_from_prefix(bytes).ok()?;
    let (body, behind) = rest.split_at_checked(usize::from(header.words.get()) * 4)?;
    Some((header, body, behind))
}

/// A body without its padding, which is whole words.
fn unpadded(body: &[u8]) -> Option<&[u8]> {
    let length = usize::from(*body.last()?);
    if length == 0 || !length.is_multiple_of(4) { None } else { body.get(..body.len().checked_sub(length)?) }
}

/// Whether a body is as long as its header says, and what varies in it is whole.
#[inline(always)]
fn holds(header: &Header, body: &[u8]) -> bool {
    let count = usize::from(header.first & 0x1f);
    match header.kind {
        kind::SR => body.len() >= 4 + size_of::<SenderInfo>() + count * size_of::<ReportBlock>(),
        kind::RR => body.len() >= 4 + count * size_of::<ReportBlock>(),
        kind::SDES => chunks_hold(count, body),
        kind::BYE => {
            let reason = body.get(count * 4..);
            reason.is_some_and(|reason| reason.first().is_none_or(|length| usize::from(*length) < reason.len()))
        }
        kind::APP | kind::RTPFB | kind::PSFB => body.len() >= 8,
        kind::XR => body.len() >= 4 && xr::hold(&body[4..]),
        _ => true,
    }
}

#[inline(always)]
fn chunks_hold(count: usize, body: &[u8]) -> bool {
    let mut rest = body;
    for _ in 0..count {
        match chunk(rest) {
            Some((_, _, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

/// The first chunk of a source description: whose, its items with the end behind them, and what follows.
#[inline(always)]
fn chunk(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (ssrc, items) = bytes.split_first_chunk::<4>()?;
    let mut at = 0;
    while *items.get(at)? != super::item::END {
        at += 2 + usize::from(*items.get(at + 1)?);
    }
    // The end is at least one zero, up to the next word (§6.5).
    let (items, behind) = items.split_at_checked((at + 4) & !3)?;
    Some((u32::from_be_bytes(*ssrc), &items[..at], behind))
}

impl<'a> Iterator for Compound<'a> {
    type Item = Packet<'a>;

    #[inline]
    fn next(&mut self) -> Option<Packet<'a>> {
        // It was checked, so none of these ends it early.
        let (header, mut body, behind) = split(self.rest)?;
        self.rest = behind;
        if header.first & PADDING != 0 {
            body = unpadded(body)?;
        }
        packet(header, body)
    }
}

#[inline(always)]
fn packet<'a>(header: &Header, body: &'a [u8]) -> Option<Packet<'a>> {
    let count = usize::from(header.first & 0x1f);
    let ssrc = || word(body, 0);
    Some(match header.kind {
        kind::SR => {
            let (info, rest) = SenderInfo::ref_from_prefix(body.get(4..)?).ok()?;
            let (blocks, _) = <[ReportBlock]>::ref_from_prefix_with_elems(rest, count).ok()?;
            Packet::SenderReport { ssrc: ssrc()?, info, blocks }
        }
        kind::RR => {
            let (blocks, _) = <[ReportBlock]>::ref_from_prefix_with_elems(body.get(4..)?, count).ok()?;
            Packet::ReceiverReport { ssrc: ssrc()?, blocks }
        }
        kind::SDES => Packet::Sdes(Chunks { count, rest: body }),
        kind::BYE => {
            let (sources, reason) = body.split_at_checked(count * 4)?;
            let reason = reason.split_first().and_then(|(length, text)| text.get(..usize::from(*length)));
            Packet::Bye { sources: Words(sources), reason: reason.unwrap_or_default() }
        }
        kind::APP => Packet::App {
            ssrc: ssrc()?,
            subtype: count as u8,
            name: *body.get(4..)?.first_chunk()?,
            data: body.get(8..)?,
        },
        kind::RTPFB | kind::PSFB => {
            let (from, about, control) = (ssrc()?, word(body, 4)?, body.get(8..)?);
            let format = count as u8;
            match header.kind {
                kind::RTPFB => Packet::TransportFeedback { from, about, format, control },
                _ => Packet::PayloadFeedback { from, about, format, control },
            }
        }
        kind::XR => Packet::Extended { ssrc: ssrc()?, blocks: xr::Blocks::new(body.get(4..)?) },
        other => Packet::Unknown(other),
    })
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// One packet of a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// What a sender says of its stream, and of those that it receives.
    SenderReport {
        /// Who.
        ssrc: u32,
        /// Of its own stream.
        info: &'a SenderInfo,
        /// Of those that it receives.
        blocks: &'a [ReportBlock],
    },
    /// What who does not send says of the streams that it receives.
    ReceiverReport {
        /// Who.
        ssrc: u32,
        /// Of the streams.
        blocks: &'a [ReportBlock],
    },
    /// Who the sources are.
    Sdes(Chunks<'a>),
    /// Sources leave.
    Bye {
        /// Which.
        sources: Words<'a>,
        /// Why; may be empty.
        reason: &'a [u8],
    },
    /// Something of an application.
    App {
        /// Whose.
        ssrc: u32,
        /// Of the application's choice.
        subtype: u8,
        /// The application.
        name: [u8; 4],
        /// What it says.
        data: &'a [u8],
    },
    /// Feedback on transport (RFC 4585 §6.2).
    TransportFeedback {
        /// Who says so.
        from: u32,
        /// Of which source.
        about: u32,
        /// 1: generic NACK.
        format: u8,
        /// What the format has.
        control: &'a [u8],
    },
    /// Feedback on the payload (RFC 4585 §6.3).
    PayloadFeedback {
        /// Who says so.
        from: u32,
        /// Of which source.
        about: u32,
        /// 1: picture loss indication.
        format: u8,
        /// What the format has.
        control: &'a [u8],
    },
    /// Extended reports (RFC 3611).
    Extended {
        /// Who reports.
        ssrc: u32,
        /// What.
        blocks: xr::Blocks<'a>,
    },
    /// A type that we do not know, to be ignored (RFC 3550 §6.1).
    Unknown(u8),
}

/// Words of 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(&'a [u8]);

impl Iterator for Words<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }
}

/// The chunks of a source description: whose each is, and its CNAME.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    count: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (u32, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let (ssrc, mut items, behind) = chunk(self.rest)?;
        self.rest = behind;
        let mut name = None;
        while let [kind, length, rest @ ..] = items {
            let (text, rest) = rest.split_at_checked(usize::from(*length))?;
            if *kind == super::item::CNAME {
                name = Some(text);
            }
            items = rest;
        }
        Some((ssrc, name))
    }
}
