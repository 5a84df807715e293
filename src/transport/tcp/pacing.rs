//! Pacing (RFC 9002 §7.7): what a window lets leave is spread over the round trip, or the narrowest queue of the path would
//! have to take half of it at once while slow start doubles it.
//!
//! The rate is the window in a round trip, and somewhat more, so that it is the window that holds back. What leaves at once is
//! what that rate sends in [`limits::PACE`], or two segments; after a pause an initial window. On a path so short that all of
//! a window is little more than that nothing is paced, and nothing is computed.

use std::time::Duration;

use super::connection::Connection;
use crate::base::limits;
use crate::base::time::Instant;

/// When new data leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// On all but the shortest paths not all at once.
    Paced,
    /// As soon as both windows allow.
    Unpaced,
}

/// How far the pace of one connection has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacing {
    /// When all that left would have left at the rate.
    at: Instant,
    /// Bytes that may leave in this turn.
    allowance: usize,
    /// Whether more is to leave then.
    waits: bool,
}

/// A window in a round trip.
#[derive(Clone, Copy)]
struct Rate {
    bytes: u64,
    nanos: u64,
}

impl Rate {
    fn time(self, bytes: usize) -> Duration {
        Duration::from_nanos(bytes as u64 * self.nanos / self.bytes)
    }

    fn bytes(self, time: Duration) -> usize {
        (self.bytes * time.as_nanos() as u64 / self.nanos) as usize
    }
}

impl Pacing {
    /// How much of a piece may leave now: whole segments, as many as there may.
    fn within(&self, piece: usize, size: usize) -> usize {
        if self.allowance >= piece { piece } else { self.allowance / size * size }
    }

    /// What may leave in this turn: at least `least`, if anything may. A pause counts for no more than `burst`.
    fn refill(&mut self, rate: Rate, burst: usize, least: usize, now: Instant) {
        (self.allowance, self.waits) = (0, false);
        if self.at <= now {
            let pause = (now - self.at).min(rate.time(burst));
            self.at = Instant::from_nanos(now.as_nanos() - pause.as_nanos() as u64);
            self.allowance = rate.bytes(pause + limits::PACE).max(least);
        }
    }

    /// So many bytes left.
    fn spend(&mut self, rate: Rate, length: usize) {
        self.allowance = self.allowance.saturating_sub(length);
        self.at = self.at + rate.time(length);
    }
}

impl Connection {
    /// Whether the path is so long that its round trips are paced.
    #[inline]
    pub(super) fn is_far(&self) -> bool {
        self.rtt.least() >= limits::FAR
    }

    /// Finds out what may leave in this turn.
    #[inline]
    pub(super) fn begin_pace(&mut self, now: Instant) {
        if self.is_far() {
            self.refill(now);
        } else if let Some(rare) = &mut self.rare {
            // It may have been far until now.
            rare.pacing = None;
        }
    }

    fn refill(&mut self, now: Instant) {
        let (rate, size) = (self.rate(), self.data_size());
        let burst = limits::INITIAL_WINDOW * size;
        let is_much = self.data_end() - self.snd.nxt > burst;
        if self.tuning.pace == Pace::Paced && (is_much || self.pacing().is_some()) {
            let pacing = self.rare.get_or_insert_default().pacing.get_or_insert_default();
            pacing.refill(rate, burst, 2 * size, now);
        }
    }

    /// How much of a piece of new data may leave now, in whole segments.
    #[inline]
    pub(super) fn paced(&self, piece: usize, size: usize) -> usize {
        self.pacing().map_or(piece, |pacing| pacing.within(piece, size))
    }

    /// So many bytes left.
    #[inline]
    pub(super) fn note_pace(&mut self, length: usize) {
        if self.pacing().is_some() {
            let rate = self.rate();
            if let Some(pacing) = self.pacing_mut() {
                pacing.spend(rate, length);
            }
        }
    }

    /// All that may leave now has left. Whether there is more, that waits for its time alone.
    #[inline]
    pub(super) fn rest_pace(&mut self) {
        let Some(pacing) = self.pacing() else { return };
        let size = self.data_size();
        let more = (self.data_end() - self.snd.nxt).min(size);
        let waits = more > 0 && pacing.within(size, size) == 0 && self.usable() >= more;
        if let Some(pacing) = self.pacing_mut() {
            pacing.waits = waits;
        }
    }

    /// When what waits for its time alone may leave.
    #[inline]
    pub(super) fn paced_until(&self) -> Instant {
        self.pacing().filter(|pacing| pacing.waits).map_or(Instant::NEVER, |pacing| pacing.at)
    }

    /// That time has come.
    pub(super) fn stop_waiting(&mut self) {
        if let Some(pacing) = self.pacing_mut() {
            pacing.waits = false;
        }
    }

    #[inline]
    fn pacing(&self) -> Option<&Pacing> {
        self.rare.as_deref()?.pacing.as_ref()
    }

    fn pacing_mut(&mut self) -> Option<&mut Pacing> {
        self.rare.as_deref_mut()?.pacing.as_mut()
    }

    /// RFC 9002 §7.7: a quarter more than the window in a round trip. While it doubles evenly all the time, 2 ln 2 times as much
    /// leaves as it was at the beginning: 1.39, and a little more than that, not to be what holds back. The window of recovery
    /// follows from what arrives, and is reached when all of it has.
    fn rate(&self) -> Rate {
        let (window, threshold) = (u64::from(self.congestion.window()), u64::from(self.congestion.threshold()));
        let bytes = if self.is_reducing() {
            window.max(threshold) * 5 / 4
        } else if window < threshold {
            window * 3 / 2
        } else {
            window * 5 / 4
        };
        let round_trip = self.rtt.smoothed().unwrap_or(limits::RTO_INITIAL);
        Rate { bytes: bytes.max(1), nanos: round_trip.as_nanos() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: usize = 1000;
    /// A hundred segments in a hundred milliseconds.
    const RATE: Rate = Rate { bytes: 100_000, nanos: 100_000_000 };

    fn turn(pacing: &mut Pacing, now: Instant) -> usize {
        pacing.refill(RATE, 10 * SEGMENT, 2 * SEGMENT, now);
        let length = pacing.within(usize::MAX, SEGMENT);
        pacing.spend(RATE, length);
        length
    }

    /// However seldom there is a turn, as long as the pauses are no longer than a burst.
    #[test]
    fn a_window_takes_a_round_trip() {
        for every in [10, 65, 500, 1000, 3000, 9000] {
            let mut pacing = Pacing::default();
            let start = Instant::from_millis(5000);
            let first = turn(&mut pacing, start);
            assert_eq!(first, 11 * SEGMENT, "an initial window leaves at once");
            let turns = 100_000 / every;
            let later =
                (1..=turns).map(|number| turn(&mut pacing, start + Duration::from_micros(every) * number as u32));
            let left: usize = later.sum();
            assert!((98 * SEGMENT..=102 * SEGMENT).contains(&left), "{left} in turns of {every} µs");
        }
    }

    #[test]
    fn nothing_leaves_before_its_time() {
        let mut pacing = Pacing::default();
        let start = Instant::from_millis(5000);
        turn(&mut pacing, start);
        assert_eq!(turn(&mut pacing, start), 0);
        let next = pacing.at;
        assert!(next > start && next <= start + 2 * limits::PACE, "{next:?}");
        assert_eq!(turn(&mut pacing, next), 2 * SEGMENT);
    }
}
