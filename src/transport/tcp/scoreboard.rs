//! What of the data in flight is known to have arrived, and what is taken for lost (RFC 6675, RFC 6582).
//!
//! ```text
//!  una      retransmitted        edge                     nxt
//!  ├── hole ──┼── hole ──┼─ sacked ─┼── hole ──┼─ sacked ──┤
//!   in flight     lost                in flight
//!   once more
//! ```
//!
//! Below `edge` every hole is lost; up to `retransmitted` it was sent again. Three cases differ only in where the edge is:
//! behind the last byte with enough selective acknowledgments above it (RFC 6675 §4, `IsLost`), behind the first segment
//! (RFC 6582, no selective acknowledgments), or at `nxt` after a timeout. The next issue's RACK moves the same edge by time.

use super::sequence::SeqNumber;
use crate::base::limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: SeqNumber,
    end: SeqNumber,
}

impl Range {
    fn len(&self) -> usize {
        self.end - self.start
    }
}

/// A run of lost data that was not sent again yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// Its first byte.
    pub(super) start: SeqNumber,
    /// Its length.
    pub(super) length: usize,
}

/// What is known of the data in flight while something is missing.
#[derive(Clone, Debug)]
pub(super) struct Scoreboard {
    /// Selectively acknowledged, in order, apart from each other.
    sacked: Vec<Range>,
    sacked_bytes: usize,
    /// Duplicate acknowledgments of a peer that does not say what it has: each means that one segment arrived.
    duplicates: usize,
    edge: SeqNumber,
    retransmitted: SeqNumber,
}

impl Scoreboard {
    /// Nothing is known yet of what is in flight from `una` on.
    pub(super) fn new(una: SeqNumber) -> Scoreboard {
        Scoreboard { sacked: Vec::new(), sacked_bytes: 0, duplicates: 0, edge: una, retransmitted: una }
    }

    /// Everything before `una` was acknowledged.
    pub(super) fn acknowledge(&mut self, una: SeqNumber, mss: usize) {
        // An acknowledgment that moves on stands for the segments that the duplicates announced (RFC 6582 §3.2, step 3).
        self.duplicates = self.duplicates.saturating_sub((una - self.retransmitted.earlier(una)) / mss.max(1));
        let gone = self.sacked.iter().take_while(|range| !range.end.is_after(una)).count();
        for range in self.sacked.drain(..gone) {
            self.sacked_bytes -= range.len();
        }
        if let Some(first) = self.sacked.first_mut()
            && first.start.is_before(una)
        {
            self.sacked_bytes -= una - first.start;
            first.start = una;
        }
        (self.edge, self.retransmitted) = (self.edge.later(una), self.retransmitted.later(una));
    }

    /// Takes in a selective acknowledgment within what is in flight; returns how many bytes it newly acknowledges.
    pub(super) fn sack(&mut self, start: SeqNumber, end: SeqNumber) -> usize {
        let first = self.sacked.partition_point(|range| range.end.is_before(start));
        let behind = self.sacked[first..].iter().take_while(|range| !range.start.is_after(end)).count();
        let touched = &self.sacked[first..first + behind];
        let known: usize = touched.iter().map(Range::len).sum();
        let merged = Range {
            start: touched.first().map_or(start, |range| range.start.earlier(start)),
            end: touched.last().map_or(end, |range| range.end.later(end)),
        };
        if behind == 0 && self.sacked.len() >= limits::SACKED_RANGES {
            return 0;
        }
        self.sacked.splice(first..first + behind, [merged]);
        let new = merged.len() - known;
        self.sacked_bytes += new;
        new
    }

    /// A duplicate acknowledgment of a peer without selective ones.
    pub(super) fn duplicate(&mut self) {
        self.duplicates += 1;
    }

    /// Whether the peer's words are enough to take something for lost (RFC 6675 §5, RFC 5681 §3.2): `threshold`
    /// segments, DupThresh, above a hole.
    pub(super) fn is_loss(&self, threshold: usize, mss: usize) -> bool {
        self.duplicates >= threshold || self.sacked.len() >= threshold || self.sacked_bytes > (threshold - 1) * mss
    }

    /// Moves the edge to where RFC 6675's `IsLost` puts it; without selective acknowledgments behind the first segment.
    pub(super) fn mark_lost(&mut self, una: SeqNumber, threshold: usize, mss: usize) {
        if self.sacked.is_empty() {
            self.edge = self.edge.later(una + mss);
            return;
        }
        let mut above = 0;
        for (count, range) in (1..).zip(self.sacked.iter().rev()) {
            above += range.len();
            if count >= threshold || above > (threshold - 1) * mss {
                self.edge = self.edge.later(range.start);
                return;
            }
        }
    }

    /// The first segment is lost whatever else is known: recovery has begun, or went on (RFC 6675 §5, step 4.3).
    pub(super) fn mark_first_lost(&mut self, una: SeqNumber, mss: usize) {
        let first = self.sacked.first().map_or(una + mss, |range| range.start.earlier(una + mss));
        self.edge = self.edge.later(first);
    }

    /// The retransmission timer expired: all that is not known to have arrived is lost, also what was sent again
    /// (RFC 6675 §5.1). Only the cumulative acknowledgment is a promise (RFC 2018 §8): a peer that timed out twice for the
    /// same data may have thrown away what it had, and is not believed any more.
    pub(super) fn mark_all_lost(&mut self, una: SeqNumber, nxt: SeqNumber, reneging: bool) {
        if reneging {
            self.sacked.clear();
            self.sacked_bytes = 0;
        }
        self.duplicates = 0;
        self.edge = nxt;
        self.retransmitted = una;
    }

    /// What is to be sent again next.
    pub(super) fn next_hole(&self, nxt: SeqNumber) -> Option<Hole> {
        let mut start = self.retransmitted;
        let edge = self.edge.earlier(nxt);
        for range in &self.sacked {
            if start.is_before(range.start) {
                break;
            }
            start = start.later(range.end);
        }
        let end = self.sacked.iter().map(|range| range.start).find(|next| next.is_after(start)).unwrap_or(edge);
        let length = end.earlier(edge) - start;
        (length > 0).then_some(Hole { start, length })
    }

    /// Lost data up to `end` were sent again.
    pub(super) fn retransmit(&mut self, end: SeqNumber) {
        self.retransmitted = self.retransmitted.later(end);
    }

    /// Bytes that are known to have arrived beyond what was acknowledged.
    pub(super) fn arrived(&self, mss: usize) -> usize {
        self.sacked_bytes + self.duplicates * mss
    }

    /// Bytes that are taken for lost, whether they were sent again or not.
    pub(super) fn given_up(&self, una: SeqNumber, nxt: SeqNumber) -> usize {
        let edge = self.edge.earlier(nxt);
        let above: usize = self.sacked.iter().map(|range| range.end.earlier(edge) - range.start.earlier(edge)).sum();
        (edge - una) - above
    }

    /// Bytes that were sent again and are not known to have arrived.
    pub(super) fn again(&self, una: SeqNumber) -> usize {
        let end = self.retransmitted;
        let above: usize = self.sacked.iter().map(|range| range.end.earlier(end) - range.start.earlier(end)).sum();
        (end - una) - above
    }

    /// Bytes that are in the network (RFC 6675 §4, `SetPipe`).
    pub(super) fn pipe(&self, una: SeqNumber, nxt: SeqNumber, mss: usize) -> usize {
        let arrived = self.sacked_bytes + self.duplicates * mss;
        (nxt - una).saturating_sub(arrived + self.lost())
    }

    /// Lost bytes that were not sent again.
    fn lost(&self) -> usize {
        let (from, to) = (self.retransmitted, self.edge);
        let between = to - from;
        let sacked: usize = self.sacked.iter().map(|range| range.end.earlier(to) - range.start.later(from)).sum();
        between.saturating_sub(sacked)
    }

    /// Whether nothing is missing: it can be forgotten.
    pub(super) fn is_done(&self, una: SeqNumber) -> bool {
        self.sacked.is_empty() && self.duplicates == 0 && !self.edge.is_after(una)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MSS: usize = 1000;

    fn at(segment: usize) -> SeqNumber {
        SeqNumber(u32::MAX - 5000) + segment * MSS
    }

    #[test]
    fn three_segments_above_make_a_hole_lost() {
        let mut board = Scoreboard::new(at(0));
        for segment in 1..4 {
            assert!(!board.is_loss(3, MSS));
            board.sack(at(segment), at(segment + 1));
            board.mark_lost(at(0), 3, MSS);
        }
        assert!(board.is_loss(3, MSS));
        assert_eq!(board.pipe(at(0), at(10), MSS), 6 * MSS, "the hole is out of the network, three arrived");
        assert_eq!(board.next_hole(at(10)), Some(Hole { start: at(0), length: MSS }));
        board.retransmit(at(1));
        assert_eq!((board.next_hole(at(10)), board.pipe(at(0), at(10), MSS)), (None, 7 * MSS));
        board.acknowledge(at(10), MSS);
        assert!(board.is_done(at(10)));
    }

    #[test]
    fn after_a_timeout_all_but_the_sacked_is_lost() {
        let mut board = Scoreboard::new(at(0));
        board.sack(at(2), at(4));
        board.mark_all_lost(at(0), at(6), false);
        assert_eq!(board.pipe(at(0), at(6), MSS), 0);
        assert_eq!(board.next_hole(at(6)), Some(Hole { start: at(0), length: 2 * MSS }));
        board.retransmit(at(2));
        assert_eq!(board.next_hole(at(6)), Some(Hole { start: at(4), length: 2 * MSS }));
        board.mark_all_lost(at(0), at(6), true);
        assert_eq!(board.next_hole(at(6)), Some(Hole { start: at(0), length: 6 * MSS }), "it reneged");
    }

    #[test]
    fn duplicates_count_where_nothing_else_is_said() {
        let mut board = Scoreboard::new(at(0));
        (0..3).for_each(|_| board.duplicate());
        assert!(board.is_loss(3, MSS));
        board.mark_lost(at(0), 3, MSS);
        assert_eq!(board.pipe(at(0), at(5), MSS), MSS);
        assert_eq!(board.next_hole(at(5)), Some(Hole { start: at(0), length: MSS }));
    }

    proptest! {
        /// Against a set of bytes.
        #[test]
        fn like_a_set(
            sacks in prop::collection::vec((0usize..60, 1usize..10), 0..30),
            acknowledged in 0usize..60,
            again in 0usize..60,
        ) {
            let (una, nxt) = (at(0), at(70));
            let mut board = Scoreboard::new(una);
            let mut model = [false; 70];
            for (start, length) in sacks {
                let new = board.sack(at(start), at(start + length));
                let before = model.iter().filter(|is| **is).count();
                model[start..start + length].fill(true);
                prop_assert_eq!(new, (model.iter().filter(|is| **is).count() - before) * MSS);
            }
            board.acknowledge(at(acknowledged), MSS);
            model[..acknowledged].fill(true);
            board.mark_all_lost(at(acknowledged), nxt, false);
            let missing = |model: &[bool]| model.iter().filter(|is| !**is).count() * MSS;
            prop_assert_eq!(board.lost(), missing(&model));
            board.retransmit(at(again.max(acknowledged)));
            prop_assert_eq!(board.lost(), missing(&model[again.max(acknowledged)..]));
            let mut found = 0;
            while let Some(hole) = board.next_hole(nxt) {
                found += hole.length;
                board.retransmit(hole.start + hole.length);
            }
            prop_assert_eq!(found, missing(&model[again.max(acknowledged)..]));
        }
    }
}
