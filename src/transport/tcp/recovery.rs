//! Loss recovery: fast retransmit and fast recovery (RFC 6675; RFC 6582 for peers without selective acknowledgments), and
//! what follows a timeout (RFC 5681 §3.1, RFC 6298 §5).

use super::connection::Connection;
use super::output::Path;
use super::scoreboard::Scoreboard;
use super::segment::Segment;
use super::sequence::SeqNumber;
use crate::base::limits;
use crate::base::time::Instant;

/// How far recovery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Something arrived out of order; nothing is taken for lost.
    Watching,
    /// Segments were lost. The window is held until all that was in flight then is acknowledged.
    Fast,
    /// The timer expired. The window grows from one segment on.
    Timeout,
}

/// What is kept while something is missing.
pub(super) struct Recovery {
    pub(super) board: Scoreboard,
    pub(super) phase: Phase,
    /// What was in flight when the phase began ends here (RFC 6675 §2, RecoveryPoint).
    pub(super) point: SeqNumber,
}

/// What an acknowledgment said.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    /// How far the cumulative acknowledgment moved.
    pub(super) advanced: usize,
    /// Whether it is a duplicate (RFC 5681 §2), or newly acknowledges selectively.
    pub(super) duplicate: bool,
}

impl Connection {
    /// Takes in the selective acknowledgments of a segment; returns whether they say something new.
    pub(super) fn take_sacks(&mut self, segment: &Segment) -> bool {
        let mut new = 0;
        for (position, (left, right)) in segment.options.sack.iter().enumerate() {
            let (left, right) = (SeqNumber(*left), SeqNumber(*right));
            // RFC 2883 §4: below the acknowledgment, or within the second range, it came twice.
            let outer = segment.options.sack.get(1).map(|(left, right)| (SeqNumber(*left), SeqNumber(*right)));
            let inside = |outer: (SeqNumber, SeqNumber)| !left.is_before(outer.0) && !right.is_after(outer.1);
            if position == 0 && (!right.is_after(segment.acknowledgment) || outer.is_some_and(inside)) {
                self.reordered();
                continue;
            }
            // What was never sent, and what is reversed, nobody can have.
            if !right.is_after(left) || left.is_before(self.snd.una) || right.is_after(self.snd.nxt) {
                continue;
            }
            new += self.recovery().board.sack(left, right);
        }
        new > 0
    }

    /// What is known of what is in flight; made when it is first needed.
    fn recovery(&mut self) -> &mut Recovery {
        let una = self.snd.una;
        self.recovery.get_or_insert_with(|| {
            Box::new(Recovery { board: Scoreboard::new(una), phase: Phase::Watching, point: una })
        })
    }

    /// A segment that we sent again had arrived: it was late, not lost. So more must overtake one before it is taken for
    /// lost the next time (RFC 2883 §5, in the spirit of RFC 4653).
    fn reordered(&mut self) {
        self.threshold = (2 * self.threshold).min(limits::DUPLICATES.1);
    }

    /// Goes on with recovery, or begins it.
    pub(super) fn recover(&mut self, news: News, now: Instant) {
        if news.duplicate && !self.selective {
            self.recovery().board.duplicate();
        }
        let (una, nxt, size) = (self.snd.una, self.snd.nxt, self.data_size());
        let threshold = usize::from(self.threshold);
        let Some(recovery) = &mut self.recovery else { return };
        recovery.board.acknowledge(una, size);
        match recovery.phase {
            Phase::Watching => {
                if recovery.board.is_loss(threshold, size) {
                    let in_flight = (nxt - una) as u32;
                    recovery.board.mark_first_lost(una, size);
                    recovery.board.mark_lost(una, threshold, size);
                    (recovery.phase, recovery.point) = (Phase::Fast, nxt);
                    self.congestion.on_loss(in_flight, size as u32, now);
                    self.snd.timed = None;
                    return;
                }
            }
            Phase::Fast | Phase::Timeout if !una.is_before(recovery.point) => recovery.phase = Phase::Watching,
            Phase::Fast => {
                if self.selective {
                    recovery.board.mark_lost(una, threshold, size);
                } else if news.advanced > 0 {
                    // RFC 6582 §3.2, step 3: a partial acknowledgment shows the next hole.
                    recovery.board.mark_first_lost(una, size);
                }
            }
            Phase::Timeout => {}
        }
        if recovery.phase == Phase::Watching && recovery.board.is_done(una) {
            self.recovery = None;
        }
    }

    /// Whether the congestion window is held, not grown.
    pub(super) fn is_in_fast_recovery(&self) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| recovery.phase == Phase::Fast)
    }

    /// The retransmission timer expired (RFC 6298 §5.4 to 5.6).
    pub(super) fn on_retransmission_timeout(&mut self) {
        let (una, nxt, size, in_flight) = (self.snd.una, self.snd.nxt, self.data_size(), self.pipe() as u32);
        // RFC 5681 §3.1: the threshold shrinks once for a loss, however often it times out. A closed window says nothing
        // about the network.
        let again = self.stalled != Instant::NEVER;
        if !again && self.snd.window > 0 {
            self.congestion.on_timeout(in_flight.max((nxt - una) as u32), size as u32);
        }
        let recovery = self.recovery();
        recovery.board.mark_all_lost(una, nxt, again);
        (recovery.phase, recovery.point) = (Phase::Timeout, nxt);
        self.snd.timed = None;
    }

    /// What the path takes now. When that is less than before, what is in flight is sent again in smaller segments, and that
    /// is no congestion (RFC 1191 §6.5, RFC 8201 §5.4). What was smaller anyway was not lost for that.
    #[inline]
    pub fn on_path(&mut self, path: Path) {
        self.on_path_at(path, self.snd.una);
    }

    /// The same, when a router says which segment did not pass: what left before it did.
    #[inline]
    pub fn on_path_at(&mut self, path: Path, first: SeqNumber) {
        let before = std::mem::replace(&mut self.snd.path_mss, path.mss);
        if path.mss < before && self.snd.nxt - self.snd.una > self.data_size() {
            self.send_again_from(first);
        }
    }

    #[cold]
    fn send_again_from(&mut self, first: SeqNumber) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        let recovery = self.recovery();
        // What was lost before is not forgotten.
        let first = if recovery.board.next_hole(nxt).is_some() { una } else { first };
        recovery.board.mark_all_lost(first, nxt, false);
        if recovery.phase == Phase::Watching {
            recovery.phase = Phase::Timeout;
        }
        recovery.point = nxt;
        self.snd.timed = None;
        self.congestion.on_path_shrunk(self.data_size() as u32);
    }
}
