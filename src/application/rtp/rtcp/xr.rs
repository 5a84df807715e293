//! Extended reports (RFC 3611): which packets were lost, round trips for those who only receive, the quality of a call.

use std::time::Duration;

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Writer, kind};
use crate::application::rtp::ntp::Ntp;

/// Types of blocks (§8.2 of RFC 3611).
pub mod block {
    #![allow(missing_docs, reason = "these are the RFC's names")]
    pub const LOSS_RLE: u8 = 1;
    pub const DUPLICATE_RLE: u8 = 2;
    pub const RECEIVER_REFERENCE_TIME: u8 = 4;
    pub const DLRR: u8 = 5;
    pub const VOIP_METRICS: u8 = 7;
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct BlockHeader {
    kind: u8,
    specific: u8,
    words: U16,
}

/// One part of a DLRR block: what a sender says of a receiver's last reference time (§4.5).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Dlrr {
    /// The receiver.
    pub ssrc: U32,
    /// The middle of the NTP timestamp of its last reference time.
    pub last_rr: U32,
    /// How long ago that came, in 1/65536 s.
    pub delay: U32,
}

/// What is known of a call (§4.7). 127 stands for what is not known.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        SSRC of source                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   loss rate   | discard rate  | burst density |  gap density  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |       burst duration          |         gap duration          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     round trip delay          |       end system delay        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | signal level  |  noise level  |     RERL      |     Gmin      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   R factor    | ext. R factor |    MOS-LQ     |    MOS-CQ     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   RX config   |   reserved    |          JB nominal           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          JB maximum           |          JB abs max           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
#[allow(missing_docs, reason = "these are the RFC's names, drawn above")]
pub struct VoipMetrics {
    pub ssrc: U32,
    pub loss_rate: u8,
    pub discard_rate: u8,
    pub burst_density: u8,
    pub gap_density: u8,
    pub burst_duration: U16,
    pub gap_duration: U16,
    pub round_trip: U16,
    pub end_system: U16,
    pub signal_level: u8,
    pub noise_level: u8,
    pub rerl: u8,
    pub gmin: u8,
    pub r_factor: u8,
    pub external_r_factor: u8,
    pub mos_lq: u8,
    pub mos_cq: u8,
    pub configuration: u8,
    pub reserved: u8,
    pub buffer_nominal: U16,
    pub buffer_maximum: U16,
    pub buffer_limit: U16,
}

/// Stands for what is not known (§4.7).
pub const UNAVAILABLE: u8 = 127;

/// One block of a report.
#[derive(Clone, Copy, Debug)]
pub enum Block<'a> {
    /// Which packets of a range came: the source, the first number, the one behind the last, and chunks of runs and bits.
    LossRuns {
        /// The source.
        ssrc: u32,
        /// The first sequence number.
        begin: u16,
        /// The one behind the last.
        end: u16,
        /// What came between them.
        chunks: &'a [U16],
    },
    /// When a receiver sent this, by its own clock.
    ReceiverReferenceTime(Ntp),
    /// What a sender answers to those.
    Dlrr(&'a [Dlrr]),
    /// How good a call is.
    VoipMetrics(&'a VoipMetrics),
    /// Another one, to be ignored (§3).
    Unknown(u8),
}

/// The blocks of a report, found whole.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    rest: &'a [u8],
}

/// Whether blocks are whole.
pub(super) fn hold(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match split(rest) {
            Some((_, _, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (header, rest) = BlockHeader::ref_from_prefix(bytes).ok()?;
    let (body, behind) = rest.split_at_checked(usize::from(header.words.get()) * 4)?;
    Some((header.kind, body, behind))
}

impl<'a> Blocks<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Blocks<'a> {
        Blocks { rest }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let (kind, body, behind) = split(self.rest)?;
        self.rest = behind;
        // A block of a wrong length is one that we do not know (§3).
        Some(read(kind, body).unwrap_or(Block::Unknown(kind)))
    }
}

fn read(kind: u8, body: &[u8]) -> Option<Block<'_>> {
    match kind {
        block::LOSS_RLE => {
            let (head, chunks) = <[U16; 4]>::ref_from_prefix(body).ok()?;
            let ssrc = u32::from(head[0].get()) << 16 | u32::from(head[1].get());
            let chunks = <[U16]>::ref_from_bytes(chunks).ok()?;
            Some(Block::LossRuns { ssrc, begin: head[2].get(), end: head[3].get(), chunks })
        }
        block::RECEIVER_REFERENCE_TIME => {
            Some(Block::ReceiverReferenceTime(Ntp(U64::ref_from_bytes(body).ok()?.get())))
        }
        block::DLRR => Some(Block::Dlrr(<[Dlrr]>::ref_from_bytes(body).ok()?)),
        block::VOIP_METRICS => Some(Block::VoipMetrics(VoipMetrics::ref_from_bytes(body).ok()?)),
        _ => None,
    }
}

/// The sequence numbers that runs and bits say came (§4.1.1 to §4.1.3), from `begin` on: whether each of them did. At most
/// 65,535, however long the runs are.
pub fn came(chunks: &[U16]) -> impl Iterator<Item = bool> + '_ {
    chunks
        .iter()
        .map(|chunk| chunk.get())
        .take_while(|chunk| *chunk != 0)
        .flat_map(|chunk| {
            let (bits, length) = match chunk >> 14 {
                0 => (0, usize::from(chunk & 0x3fff)),
                1 => (u16::MAX, usize::from(chunk & 0x3fff)),
                _ => (chunk << 1, 15),
            };
            let is_vector = chunk >> 15 == 1;
            (0..length).map(move |n| if is_vector { bits << n & 0x8000 != 0 } else { bits != 0 })
        })
        .take(usize::from(u16::MAX))
}

impl Writer<'_> {
    fn block(&mut self, ssrc: u32, kind: u8, slices: [&[u8]; 2]) -> bool {
        let words = slices.iter().map(|slice| slice.len()).sum::<usize>() / 4;
        let header = BlockHeader { kind, specific: 0, words: (words as u16).into() };
        self.packet(kind::XR, 0, &[&ssrc.to_be_bytes(), header.as_bytes(), slices[0], slices[1]])
    }

    /// When we send this: for who does not send, and wants to know the round trip.
    pub fn reference_time(&mut self, ssrc: u32, now: Ntp) -> bool {
        self.block(ssrc, block::RECEIVER_REFERENCE_TIME, [&now.0.to_be_bytes(), &[]])
    }

    /// The answer to reference times.
    pub fn dlrr(&mut self, ssrc: u32, parts: &[Dlrr]) -> bool {
        self.block(ssrc, block::DLRR, [parts.as_bytes(), &[]])
    }

    /// How good a call is.
    pub fn voip_metrics(&mut self, ssrc: u32, metrics: &VoipMetrics) -> bool {
        self.block(ssrc, block::VOIP_METRICS, [metrics.as_bytes(), &[]])
    }

    /// Which of the `count` packets up to `highest` came, at most 120: bit *n* of `seen` is that of `highest` − *n*.
    pub fn loss_runs(&mut self, ssrc: u32, source: u32, highest: u16, seen: u128, count: u32) -> bool {
        let count = count.clamp(1, 120);
        let begin = highest.wrapping_sub(count as u16 - 1);
        let mut chunks = [U16::ZERO; 8];
        let vectors = count.div_ceil(15) as usize;
        for (n, chunk) in chunks.iter_mut().take(vectors).enumerate() {
            let bits = (0..15).fold(0u16, |bits, bit| {
                let place = n as u32 * 15 + bit;
                let is_here = place < count && seen >> (count - 1 - place) & 1 == 1;
                bits << 1 | u16::from(is_here)
            });
            *chunk = (0x8000 | bits).into();
        }
        // A chunk of zeros makes whole words (§4.1.3).
        let chunks = &chunks[..vectors.next_multiple_of(2)];
        let head =
            [U16::new((source >> 16) as u16), U16::new(source as u16), begin.into(), highest.wrapping_add(1).into()];
        self.block(ssrc, block::LOSS_RLE, [head.as_bytes(), chunks.as_bytes()])
    }
}

/// Milliseconds as VoIP metrics carry them.
pub fn milliseconds(span: Duration) -> U16 {
    U16::new(u16::try_from(span.as_millis()).unwrap_or(u16::MAX))
}
