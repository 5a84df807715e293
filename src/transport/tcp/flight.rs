//! What is in flight: when each part of it left, and what became of it.
//!
//! ```text
//!  una                                        newest        nxt
//!  ├─ lost ──┼─ sacked ─┼─ flying, once more ─┼── flying ───┤
//! ```
//!
//! Runs adjoin: each ends where the next begins. What left in one turn left at one time, so it is one run, however many
//! segments it is; the newest of them lies outside of the list, and a connection that has no more than that in flight needs
//! no list.

use std::collections::VecDeque;

use super::sequence::SeqNumber;
use crate::base::limits;
use crate::base::time::Instant;

/// What is known of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is on its way.
    Flying,
    /// The peer has it (RFC 2018).
    Sacked,
    /// It is taken for lost, and to be sent again.
    Lost,
}

/// Where a run begins, and its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: SeqNumber,
    pub(super) fate: Fate,
    /// Whether it was ever sent again.
    pub(super) again: bool,
    /// When it was sent last.
    pub(super) at: Instant,
}

/// A run, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) run: Run,
    pub(super) end: SeqNumber,
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.end - self.run.start
    }
}

/// All that is in flight.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// All but the newest run; none as long as there is no other. In a box, so that who is idle pays for a pointer alone.
    #[allow(clippy::box_collection)]
    older: Option<Box<VecDeque<Run>>>,
    /// Where the newest run begins, and when it left. It was sent once; it is empty when it begins at SND.NXT.
    newest: SeqNumber,
    newest_at: Instant,
}

impl Flight {
    /// Nothing is in flight, and `nxt` will be sent next.
    pub(super) fn new(nxt: SeqNumber) -> Flight {
        Flight { older: None, newest: nxt, newest_at: Instant::ZERO }
    }

    /// New data from `start` on left.
    #[inline]
    pub(super) fn sent(&mut self, start: SeqNumber, now: Instant) {
        if self.newest == start {
            self.newest_at = now;
        } else if now > self.newest_at {
            // A full list takes them for as young as these: they are taken for lost a little later.
            if self.runs().len() < limits::RUNS_IN_FLIGHT {
                self.settle(start);
            }
            self.newest_at = now;
        }
    }

    /// When the first of what is in flight left last.
    pub(super) fn oldest_at(&self) -> Instant {
        self.first().map_or(self.newest_at, |first| first.at)
    }

    /// When the newest data left.
    pub(super) fn newest_at(&self) -> Instant {
        self.newest_at
    }

    /// All before `una` was acknowledged: `each` hears of what that was.
    #[inline]
    pub(super) fn acknowledge(&mut self, una: SeqNumber, mut each: impl FnMut(Piece)) {
        if let Some(runs) = &mut self.older {
            while let Some(run) = runs.front().copied() {
                let end = runs.get(1).map_or(self.newest, |next| next.start);
                if end.is_after(una) {
                    if run.start.is_before(una) {
                        each(Piece { run, end: una });
                        runs[0].start = una;
                    }
                    return;
                }
                each(Piece { run, end });
                runs.pop_front();
            }
        }
        if self.newest.is_before(una) {
            each(Piece { run: self.newest_run(), end: una });
            self.newest = una;
        }
    }

    /// Nothing is in flight any more: no memory is held for it.
    #[inline]
    pub(super) fn rest(&mut self) {
        self.older = None;
    }

    /// The peer has what lies from `start` to `end`, both in flight: `each` hears of what was not known yet.
    pub(super) fn sack(&mut self, start: SeqNumber, end: SeqNumber, nxt: SeqNumber, mut each: impl FnMut(Piece)) {
        if let Some(index) = self.index(start)
            && self.runs()[index].fate == Fate::Sacked
            && !self.end(index).is_before(end)
        {
            return;
        }
        // More than anybody needs (SACK Panic, CVE-2019-11477): what is not remembered is sent again.
        if self.runs().len() >= limits::RUNS_IN_FLIGHT {
            return;
        }
        let (mut from, to) = (self.split(start, nxt), self.split(end, nxt));
        for index in from..to {
            let piece = self.piece(index);
            if piece.run.fate != Fate::Sacked {
                each(piece);
            }
        }
        self.runs_mut()[from].fate = Fate::Sacked;
        let mut behind = from + 1..to;
        if self.runs().get(to).is_some_and(|next| next.fate == Fate::Sacked) {
            behind.end += 1;
        }
        if from > 0 && self.runs()[from - 1].fate == Fate::Sacked {
            (from, behind.start) = (from - 1, from);
        }
        debug_assert!(from < behind.start);
        self.runs_mut().drain(behind);
    }

    /// What lies from `start` to `end` left once more: it is one run from now on.
    pub(super) fn sent_again(&mut self, start: SeqNumber, end: SeqNumber, nxt: SeqNumber, now: Instant) {
        let (from, to) = (self.split(start, nxt), self.split(end, nxt));
        self.runs_mut()[from] = Run { start, fate: Fate::Flying, again: true, at: now };
        self.runs_mut().drain(from + 1..to);
    }

    /// The runs from `start` on, to be judged: `judge` may change a fate, and says whether to go on. Where it stopped.
    pub(super) fn judge(&mut self, start: SeqNumber, mut judge: impl FnMut(&mut Run, SeqNumber) -> bool) -> SeqNumber {
        let mut index = self.runs().partition_point(|run| run.start.is_before(start));
        while index < self.runs().len() {
            let end = self.end(index);
            if !judge(&mut self.runs_mut()[index], end) {
                return self.runs()[index].start;
            }
            index += 1;
        }
        self.newest
    }

    /// Lets the newest run be judged, too.
    pub(super) fn settle(&mut self, nxt: SeqNumber) {
        if self.newest.is_before(nxt) {
            let run = self.newest_run();
            self.older.get_or_insert_default().push_back(run);
            self.newest = nxt;
        }
    }

    /// Lets a run begin at `at`, so that what lies before can be judged apart.
    pub(super) fn split(&mut self, at: SeqNumber, nxt: SeqNumber) -> usize {
        if at.is_after(self.newest) {
            self.settle(nxt);
        }
        match self.index(at) {
            Some(index) if self.runs()[index].start == at => index,
            Some(index) if at.is_before(self.end(index)) => {
                let run = Run { start: at, ..self.runs()[index] };
                self.runs_mut().insert(index + 1, run);
                index + 1
            }
            _ if at == self.newest && at.is_before(nxt) => {
                self.settle(nxt);
                self.runs().len() - 1
            }
            _ => self.runs().len(),
        }
    }

    /// The first lost bytes from `start` on, as far as they adjoin, but no more than `most`.
    pub(super) fn lost(&self, start: SeqNumber, most: usize) -> Option<(SeqNumber, usize)> {
        let index = self.index(start).unwrap_or(0);
        let first = (index..self.runs().len())
            .find(|index| self.runs()[*index].fate == Fate::Lost && self.end(*index).is_after(start))?;
        let from = self.runs()[first].start.later(start);
        let last = (first + 1..self.runs().len())
            .take_while(|index| self.runs()[*index].fate == Fate::Lost && self.runs()[*index].start - from < most)
            .last()
            .unwrap_or(first);
        Some((from, (self.end(last) - from).min(most)))
    }

    /// Where the run begins that left last: what it holds is at the end of what is in flight.
    pub(super) fn last_start(&self, nxt: SeqNumber) -> SeqNumber {
        match self.runs().back() {
            Some(run) if self.newest == nxt => run.start,
            _ => self.newest,
        }
    }

    /// Whether a segment begins at `at`, when segments have `size` bytes: those of a run do, from where it begins.
    pub(super) fn begins_segment(&self, at: SeqNumber, size: usize) -> bool {
        let start = match self.index(at) {
            Some(index) if at.is_before(self.end(index)) => self.runs()[index].start,
            _ => self.newest,
        };
        (at - start).is_multiple_of(size)
    }

    /// Bytes that were sent again and are not known to have arrived.
    pub(super) fn again(&self) -> usize {
        let is_again = |piece: &Piece| piece.run.again && piece.run.fate == Fate::Flying;
        (0..self.runs().len()).map(|index| self.piece(index)).filter(is_again).map(|piece| piece.len()).sum()
    }

    /// The first run, if it is in the list.
    pub(super) fn first(&self) -> Option<&Run> {
        self.runs().front()
    }

    /// The run in which `at` lies.
    fn index(&self, at: SeqNumber) -> Option<usize> {
        self.runs().partition_point(|run| !run.start.is_after(at)).checked_sub(1)
    }

    fn end(&self, index: usize) -> SeqNumber {
        self.runs().get(index + 1).map_or(self.newest, |next| next.start)
    }

    fn piece(&self, index: usize) -> Piece {
        Piece { run: self.runs()[index], end: self.end(index) }
    }

    fn runs(&self) -> &VecDeque<Run> {
        const NONE: &VecDeque<Run> = &VecDeque::new();
        self.older.as_deref().unwrap_or(NONE)
    }

    fn runs_mut(&mut self) -> &mut VecDeque<Run> {
        self.older.get_or_insert_default()
    }

    fn newest_run(&self) -> Run {
        Run { start: self.newest, fate: Fate::Flying, again: false, at: self.newest_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(number: usize) -> SeqNumber {
        SeqNumber(u32::MAX - 30) + number
    }

    #[derive(Clone, Copy, Debug)]
    enum Operation {
        Send(usize),
        Acknowledge(usize),
        Sack(usize, usize),
        Lose(usize, usize),
        Again(usize, usize),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let range = (0usize..100, 1usize..30);
        prop_oneof![
            4 => (1usize..20).prop_map(Operation::Send),
            2 => (0usize..30).prop_map(Operation::Acknowledge),
            3 => range.clone().prop_map(|(from, length)| Operation::Sack(from, length)),
            2 => range.clone().prop_map(|(from, length)| Operation::Lose(from, length)),
            2 => range.prop_map(|(from, length)| Operation::Again(from, length)),
        ]
    }

    proptest! {
        /// Against a list of bytes.
        #[test]
        fn like_a_list_of_bytes(operations in prop::collection::vec(operation(), 1..60)) {
            let mut flight = Flight::new(at(0));
            let (mut una, mut nxt) = (0, 0);
            let mut model: Vec<(Fate, bool, u64)> = Vec::new();
            for (time, operation) in (1..).zip(operations) {
                let now = Instant::from_nanos(time / 2);
                let within = |from: usize, length: usize| {
                    let from = una + from;
                    (from < nxt).then(|| (from, (from + length).min(nxt)))
                };
                match operation {
                    Operation::Send(length) => {
                        flight.sent(at(nxt), now);
                        nxt += length;
                        model.resize(nxt, (Fate::Flying, false, time / 2));
                    }
                    Operation::Acknowledge(length) => {
                        let to = (una + length).min(nxt);
                        let mut heard = Vec::new();
                        flight.acknowledge(at(to), |piece| {
                            let run = piece.run;
                            heard.extend(vec![(run.fate, run.again, run.at.as_nanos()); piece.len()]);
                        });
                        prop_assert_eq!(&heard.iter().map(|(fate, ..)| *fate).collect::<Vec<_>>(),
                            &model[una..to].iter().map(|(fate, ..)| *fate).collect::<Vec<_>>());
                        for (heard, model) in heard.iter().zip(&model[una..to]) {
                            prop_assert!(heard.0 == Fate::Sacked || heard == model);
                        }
                        una = to;
                    }
                    Operation::Sack(from, length) => if let Some((from, to)) = within(from, length) {
                        let mut new = 0;
                        flight.sack(at(from), at(to), at(nxt), |piece| new += piece.len());
                        let known = model[from..to].iter().filter(|(fate, ..)| *fate == Fate::Sacked).count();
                        prop_assert_eq!(new, to - from - known);
                        model[from..to].iter_mut().for_each(|byte| byte.0 = Fate::Sacked);
                    },
                    Operation::Lose(from, length) => if let Some((from, to)) = within(from, length) {
                        flight.split(at(from), at(nxt));
                        flight.split(at(to), at(nxt));
                        flight.judge(at(from), |run, end| {
                            if run.fate == Fate::Flying && !end.is_after(at(to)) {
                                run.fate = Fate::Lost;
                            }
                            true
                        });
                        let flying = model[from..to].iter_mut().filter(|byte| byte.0 == Fate::Flying);
                        flying.for_each(|byte| byte.0 = Fate::Lost);
                    },
                    Operation::Again(from, length) => if let Some((from, to)) = within(from, length) {
                        flight.sent_again(at(from), at(to), at(nxt), now);
                        model[from..to].fill((Fate::Flying, true, time / 2));
                    },
                }
                let lost = (una..nxt).find(|at| model[*at].0 == Fate::Lost);
                let run = lost.map(|from| (from..nxt).take_while(|at| model[*at].0 == Fate::Lost).count().min(50));
                prop_assert_eq!(flight.lost(at(una), 50), lost.map(|from| (at(from), run.unwrap())));
            }
        }
    }
}
