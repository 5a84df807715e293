//! What a path does to frames, one direction at a time: one model for the simulator, whose time is virtual, and for the relay,
//! whose time is real.
//!
//! Frames wait in a queue of bounded length, leave at a rate, may be lost, spoiled, doubled or overtaken on the way, and
//! arrive after a delay. What is larger than the path takes a router sends back as an error.

mod router;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use taphouse::base::random::Random;
use taphouse::base::time::Instant;

/// What a link does to frames. The default is a good one: 1 Gbit/s, 1 ms, a queue of 1,000 frames.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// How long a frame is on its way.
    pub(crate) delay: Duration,
    /// Bits a second; 0 for no limit.
    pub(crate) rate: u64,
    /// Frames that may wait to leave.
    pub(crate) queue: usize,
    /// Frames that wait from which on another is marked, if it may be (RFC 3168).
    pub(crate) marking: usize,
    /// Of 1,000: how many are lost.
    pub(crate) loss: u64,
    /// Of 1,000: how many arrive twice.
    pub(crate) duplication: u64,
    /// Of 1,000: how many have a bit changed.
    pub(crate) corruption: u64,
    /// Of 1,000: how many are overtaken, and by how many of those behind them at most.
    pub(crate) reordering: (u64, u64),
    /// Of 1,000: how many say a smaller window than their sender meant.
    pub(crate) shrinking: u64,
    /// The largest packets over IPv4 and IPv6 that get through a router on the way.
    pub(crate) mtu: (usize, usize),
    /// That router tells nobody what it drops.
    pub(crate) silent: bool,
}

impl Default for Conditions {
    fn default() -> Conditions {
        Conditions {
            delay: Duration::from_millis(1),
            rate: 1_000_000_000,
            queue: 1000,
            marking: usize::MAX,
            loss: 0,
            duplication: 0,
            corruption: 0,
            reordering: (0, 0),
            shrinking: 0,
            mtu: (usize::MAX, usize::MAX),
            silent: false,
        }
    }
}

/// A frame on its way, first the one that arrives first.
type Arriving = Reverse<(Instant, u64, Vec<u8>)>;

/// Frames on their way at most, whatever the rate and the delay.
const MOST: usize = 100_000;

/// One direction.
pub(crate) struct Link {
    pub(crate) conditions: Conditions,
    arriving: BinaryHeap<Arriving>,
    /// When each frame that waits will have left.
    leaving: VecDeque<Instant>,
    count: u64,
}

impl Link {
    /// An empty one.
    pub(crate) fn new(conditions: Conditions) -> Link {
        Link { conditions, arriving: BinaryHeap::new(), leaving: VecDeque::new(), count: 0 }
    }

    /// A frame sets out, or is lost.
    fn send(&mut self, mut frame: Vec<u8>, now: Instant, random: &mut Random) {
        let Conditions { delay, rate, queue, marking, loss, duplication, corruption, reordering, shrinking, .. } =
            self.conditions.clone();
        // Who asks for a neighbour gives up after three losses; that is tested elsewhere.
        let spared = is_resolution(&frame);
        let chance = |random: &mut Random, of_thousand| !spared && random.below(1000) < of_thousand;
        let transmission = match rate {
            0 => Duration::ZERO,
            rate => Duration::from_nanos(frame.len() as u64 * 8 * 1_000_000_000 / rate),
        };
        while self.leaving.front().is_some_and(|at| *at <= now) {
            self.leaving.pop_front();
        }
        if self.leaving.len() >= queue || self.arriving.len() >= MOST || chance(random, loss) {
            return;
        }
        if self.leaving.len() >= marking {
            mark(&mut frame);
        }
        let left = self.leaving.back().map_or(now, |last| *last) + transmission;
        self.leaving.push_back(left);
        if chance(random, shrinking) {
            shrink_window(&mut frame, random);
        }
        if chance(random, corruption) {
            let bit = random.below(frame.len() as u64 * 8);
            frame[bit as usize / 8] ^= 1 << (bit % 8);
        }
        let mut arrival = left + delay;
        if chance(random, reordering.0) {
            arrival = arrival + transmission.max(Duration::from_micros(1)) * (1 + random.below(reordering.1) as u32);
        }
        let copies = if chance(random, duplication) { 2 } else { 1 };
        for _ in 0..copies {
            self.count += 1;
            self.arriving.push(Reverse((arrival, self.count, frame.clone())));
        }
    }

    /// When the next one arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.arriving.peek().map(|Reverse((at, ..))| *at)
    }

    /// The one that arrives next.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.arriving.pop().map(|Reverse((_, _, frame))| frame)
    }
}

/// A frame leaves one side: over its link, or it comes back as an error of the router on the way.
pub(crate) fn set_out(links: &mut [Link; 2], side: usize, frame: Vec<u8>, now: Instant, random: &mut Random) {
    match router::error(&frame, links[side].conditions.mtu) {
        Some(_) if links[side].conditions.silent => {}
        // The first half of the way there, and back.
        Some(error) => links[1 - side].send(error, now, random),
        None => links[side].send(frame, now, random),
    }
}

/// ARP and neighbour discovery.
fn is_resolution(frame: &[u8]) -> bool {
    let (ethertype, next_header) = (frame.get(12..14), frame.get(20));
    ethertype == Some(&[0x08, 0x06]) || ethertype == Some(&[0x86, 0xdd]) && next_header == Some(&58)
}

/// Where in a frame of ours the TCP header begins, if it has one.
pub(crate) fn tcp_at(frame: &[u8]) -> Option<usize> {
    match (frame.get(12..14)?, *frame.get(20)?, *frame.get(23)?) {
        ([0x08, 0x00], _, 6) => Some(34),
        ([0x86, 0xdd], 6, _) => Some(54),
        _ => None,
    }
}

/// Says a smaller window in a segment, and corrects its checksum (RFC 1624).
fn shrink_window(frame: &mut [u8], random: &mut Random) {
    let Some(segment) = tcp_at(frame).and_then(|at| frame.get_mut(at..)) else { return };
    let word = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
    let (old, checksum) = (word(14), word(16));
    let new = random.below(u64::from(old) + 1) as u16;
    let mut sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    segment[14..16].copy_from_slice(&new.to_be_bytes());
    segment[16..18].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// Marks an IPv4 packet whose sender knows what that means, and corrects its checksum (RFC 3168 §5, RFC 1624).
fn mark(frame: &mut [u8]) {
    if frame[12..14] != [0x08, 0x00] || !matches!(frame[15] & 3, 1 | 2) {
        return;
    }
    let word = |at: usize| u32::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
    let (old, checksum) = (word(14), word(24));
    let mut sum = (checksum ^ 0xffff) + (old ^ 0xffff) + (old | 3);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    frame[15] |= 3;
    frame[24..26].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
