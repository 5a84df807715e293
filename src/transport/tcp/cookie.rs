//! SYN cookies (RFC 4987 §3.6): passive opens of which nothing is kept.
//!
//! The number of our SYN says what the peer's SYN said, under a keyed hash. An acknowledgment brings it back, and the
//! connection is made from that alone:
//!
//! ```text
//!  our number     | hash of the flow, the peer's number and all that is below (29 bits) | largest segment (3) |
//!  our timestamp  | our clock, rounded down (27 bits)              | window scale (4) | selective (1) |
//! ```
//!
//! A peer without timestamps echoes nothing but the number, so it agrees on the largest segment and on nothing else. A
//! guess hits once in 2²⁸, and only while cookies are out. A secret makes cookies for a minute and is believed for two;
//! then it is forgotten.
//!
//! What a cookie costs: the largest segment is rounded down to one of eight, nobody says our SYN again when it is lost,
//! and RFC 6528's growing numbers are given up as long as the flood lasts.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::connection::{Connection, Initial};
use super::handshake::Handshake;
use super::initial::Secret;
use super::input::Offer;
use super::output::Path;
use super::segment::{Reply, Segment};
use super::sequence::SeqNumber;
use super::tuning::Tuning;
use super::variables::millis;
use crate::base::address::Flow;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::wire::tcp::flag;

/// The largest segments that a cookie can say: the least, dialled lines, the default of IPv4 and IPv6, a tunnel, IPv6 and
/// IPv4 over Ethernet, jumbo frames.
const SIZES: [u16; 1 << SIZE_BITS] = [limits::MSS_LEAST, 216, 536, 1220, 1360, 1440, 1460, 8940];
const SIZE_BITS: u32 = 3;
/// The low bits of a timestamp: window scale and selective acknowledgment.
const CLOCK_BITS: u32 = 5;
/// The window scale of a peer that has none; a shift is 14 at most (RFC 7323 §2.3).
const UNSCALED: u8 = 15;

/// The secrets of cookies that may come back.
#[derive(Clone, Default)]
pub struct Cookies {
    newest: Option<Generation>,
    before: Option<Generation>,
}

#[derive(Clone)]
struct Generation {
    secret: Secret,
    began: Instant,
}

impl Cookies {
    /// Makes a new secret when there is none that is young enough to make cookies with.
    pub fn renew(&mut self, random: &mut Random, now: Instant) {
        if self.newest.as_ref().is_none_or(|newest| now - newest.began >= limits::COOKIE_SECRET) {
            self.before = self.newest.replace(Generation { secret: Secret::new(random), began: now });
        }
    }

    /// The answer to a SYN of which nothing is kept; none without a secret. `clock` is what timestamps of this flow are
    /// shifted by.
    pub fn answer(
        &self,
        flow: &Flow,
        segment: &Segment,
        clock: u32,
        tuning: &Tuning,
        path: Path,
        now: Instant,
    ) -> Option<Reply> {
        let secret = &self.newest.as_ref()?.secret;
        let mut offer = Offer::of(segment).within(tuning);
        let size = SIZES.iter().rposition(|size| *size <= offer.mss).unwrap_or(0) as u8;
        let said = offer.clock.map(|_| pack(&offer));
        if said.is_none() {
            (offer.window_scale, offer.selective) = (None, false);
        }
        let sequence = number(secret, flow, offer.sequence, size, said);
        // Rounded down, and not up: later timestamps are not to be older.
        let shown = clock.wrapping_add(millis(now));
        let early = shown.wrapping_sub(u32::from(said.unwrap_or(0))) & ((1 << CLOCK_BITS) - 1);
        let initial = Initial { sequence, clock: clock.wrapping_sub(early) };
        Some(Handshake::of(offer, initial, now).answer(tuning, path, now))
    }

    /// Whether an acknowledgment may bring a cookie back.
    pub fn are_out(&self, now: Instant) -> bool {
        self.believed(now).next().is_some()
    }

    /// The connection that an acknowledgment opens, if it brings a cookie back. `mss` is what our link takes.
    pub fn open(
        &self,
        flow: &Flow,
        segment: &Segment,
        clock: u32,
        tuning: &Arc<Tuning>,
        mss: u16,
        now: Instant,
    ) -> Option<Connection> {
        if segment.flags & (flag::ACK | flag::SYN | flag::RST) != flag::ACK {
            return None;
        }
        let theirs = SeqNumber(segment.sequence.0.wrapping_sub(1));
        let sequence = SeqNumber(segment.acknowledgment.0.wrapping_sub(1));
        let size = (sequence.0 & ((1 << SIZE_BITS) - 1)) as u8;
        let said = segment.options.timestamps.map(|clocks| (clocks.echo & ((1 << CLOCK_BITS) - 1)) as u8);
        self.believed(now).find(|secret| number(secret, flow, theirs, size, said) == sequence)?;
        let (window_scale, selective) = said.map_or((None, false), unpack);
        let offer = Offer {
            sequence: theirs,
            window: segment.window,
            mss: SIZES[usize::from(size)],
            window_scale,
            selective,
            clock: segment.options.timestamps.map(|clocks| clocks.value),
            user_timeout: None,
            notifies: false,
        };
        Some(Handshake::of(offer, Initial { sequence, clock }, now).open(tuning, mss, now))
    }

    /// The secrets of cookies that are not too old.
    fn believed(&self, now: Instant) -> impl Iterator<Item = &Secret> {
        let generations = [&self.newest, &self.before].into_iter().flatten();
        generations.filter(move |one| now - one.began < 2 * limits::COOKIE_SECRET).map(|one| &one.secret)
    }
}

/// The number of our SYN: the lowest bits say the largest segment, the others that it is ours.
fn number(secret: &Secret, flow: &Flow, theirs: SeqNumber, size: u8, said: Option<u8>) -> SeqNumber {
    let mut hasher = secret.hasher();
    (flow, theirs.0, size, said).hash(&mut hasher);
    SeqNumber((hasher.finish() as u32) << SIZE_BITS | u32::from(size))
}

/// What the low bits of a timestamp say.
fn pack(offer: &Offer) -> u8 {
    offer.window_scale.unwrap_or(UNSCALED) << 1 | u8::from(offer.selective)
}

fn unpack(said: u8) -> (Option<u8>, bool) {
    (Some(said >> 1).filter(|scale| *scale != UNSCALED), said & 1 == 1)
}

#[cfg(test)]
mod tests;
