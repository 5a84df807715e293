//! How segments overtake each other on a path (RFC 8985 §6.2): those that do are late, not lost.

use std::time::Duration;

use super::sequence::SeqNumber;
use crate::base::limits;

/// How segments overtake each other on this path (RFC 8985 §6.2, step 4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Reordering {
    /// How often it was seen.
    times: u8,
    /// How many segments one was overtaken by, at most.
    degree: u8,
    /// RACK.reo_wnd_mult: quarters of the shortest round trip for which a segment may be late.
    quarters: u8,
    /// RACK.reo_wnd_persist: recoveries until that is one again.
    persist: u8,
    /// RACK.dsack_round: what was needless in one round trip counts once.
    round: SeqNumber,
}

impl Default for Reordering {
    fn default() -> Reordering {
        Reordering { times: 0, degree: limits::DUPLICATES as u8, quarters: 1, persist: 0, round: SeqNumber(0) }
    }
}

impl Reordering {
    /// RACK.reordering_seen.
    pub(super) fn is_seen(&self) -> bool {
        self.times > 0
    }

    /// How often it was seen.
    pub(super) fn times(&self) -> u8 {
        self.times
    }

    /// By how many segments one was overtaken at most.
    pub(super) fn degree(&self) -> u8 {
        self.degree
    }

    /// RACK.reo_wnd, when the shortest round trip is this: for how long a segment may be late.
    pub(super) fn window(&self, least: Duration) -> Duration {
        least / 4 * u32::from(self.quarters)
    }

    /// A segment was overtaken by so many.
    pub(super) fn note(&mut self, segments: usize) {
        self.times = self.times.saturating_add(1);
        self.degree = self.degree.max(u8::try_from(segments).unwrap_or(u8::MAX));
    }

    /// A segment was sent again that was only late.
    pub(super) fn widen(&mut self, una: SeqNumber, nxt: SeqNumber) {
        if self.persist == 0 || !una.is_before(self.round) {
            self.quarters = self.quarters.saturating_add(1);
            self.round = nxt;
        }
        self.persist = limits::REORDERING_PERSISTS;
    }

    /// A recovery is over.
    pub(super) fn relax(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.quarters = 1;
        }
    }
}
