//! What of the data in flight is taken for lost, and since when (RFC 8985 §6, RFC 6582).
//!
//! RACK: what left before something that arrived, and should have arrived a round trip and a little (the reordering window)
//! after it left, is lost. Data that left once lie in the order in which they left: `edge` moves over them and never looks
//! back. What was sent again is judged in the order in which that happened. So a segment is judged once each time it is sent.

use std::collections::VecDeque;
use std::time::Duration;

use super::flight::{Fate, Flight, Piece};
use super::sequence::SeqNumber;
use crate::base::limits;
use crate::base::time::Instant;

/// A run of lost data that was not sent again yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// Its first byte.
    pub(super) start: SeqNumber,
    /// Its length.
    pub(super) length: usize,
}

/// Which data left, and when.
#[derive(Clone, Copy, Debug)]
struct Departure {
    start: SeqNumber,
    end: SeqNumber,
    at: Instant,
}

/// What one segment of the peer said of ours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// Bytes that newly arrived.
    pub(super) delivered: usize,
    /// Where the furthest of those ends that were sent only once.
    pub(super) original: Option<SeqNumber>,
    /// When the last of those left that were sent only once.
    sample: Option<Instant>,
    /// When the last of the others left, which were sent again.
    again: Option<Instant>,
    /// By how many bytes some of them were overtaken at most, which were sent only once.
    pub(super) overtaken_by: usize,
    /// Routers marked segments.
    pub(super) marked: bool,
}

/// When what was acknowledged left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It was known to have arrived.
    Unknown,
    /// The last of it left then, and all of it once.
    Once(Instant),
    /// The last of what left more than once left then.
    Again(Instant),
}

/// What is known of the data in flight while something is missing.
#[derive(Clone, Debug)]
pub(super) struct Scoreboard {
    sacked: usize,
    lost: usize,
    /// Duplicate acknowledgments of a peer that does not say what it has: each means that one segment arrived.
    duplicates: usize,
    /// What left once and lies before this was judged.
    edge: SeqNumber,
    /// Nothing before this is lost.
    first_lost: SeqNumber,
    /// What was sent again, in the order in which that happened.
    again: VecDeque<Departure>,
    /// RACK.xmit_ts, RACK.end_seq: what left last of all that arrived.
    latest: (Instant, SeqNumber),
    /// RACK.rtt.
    round_trip: Duration,
    /// RACK.fack: where the furthest that arrived ends, before and with the present segment.
    furthest: (SeqNumber, SeqNumber),
    news: News,
}

impl Scoreboard {
    /// Nothing is known yet of what is in flight from `una` on. A round trip takes so long.
    pub(super) fn new(una: SeqNumber, round_trip: Duration) -> Scoreboard {
        Scoreboard {
            sacked: 0,
            lost: 0,
            duplicates: 0,
            edge: una,
            first_lost: una,
            again: VecDeque::new(),
            latest: (Instant::ZERO, una),
            round_trip,
            furthest: (una, una),
            news: News::default(),
        }
    }

    /// Everything before `una` was acknowledged; when that left.
    pub(super) fn acknowledge(
        &mut self,
        flight: &mut Flight,
        una: SeqNumber,
        mss: usize,
        now: Instant,
        least: Duration,
    ) -> Left {
        let announced = self.duplicates * mss;
        flight.acknowledge(una, |piece| self.deliver(piece, now, least));
        // An acknowledgment that moves on stands for the segments that the duplicates announced (RFC 6582 §3.2, step 3).
        let counted = self.news.delivered.min(announced);
        self.news.delivered -= counted;
        self.duplicates -= counted.div_ceil(mss.max(1)).min(self.duplicates);
        (self.edge, self.first_lost) = (self.edge.later(una), self.first_lost.later(una));
        self.find_lost(flight);
        match (self.news.again, self.news.sample) {
            (Some(at), _) => Left::Again(at),
            (None, Some(at)) => Left::Once(at),
            (None, None) => Left::Unknown,
        }
    }

    /// Takes in a selective acknowledgment within what is in flight.
    pub(super) fn sack(
        &mut self,
        flight: &mut Flight,
        (start, end): (SeqNumber, SeqNumber),
        nxt: SeqNumber,
        now: Instant,
        least: Duration,
    ) {
        flight.sack(start, end, nxt, |piece| {
            self.deliver(piece, now, least);
            self.sacked += piece.len();
        });
        self.find_lost(flight);
    }

    /// A piece arrived, or it arrived before and is done with (RFC 8985 §6.2, steps 2 and 3).
    fn deliver(&mut self, piece: Piece, now: Instant, least: Duration) {
        let Piece { run, end } = piece;
        match run.fate {
            Fate::Sacked => return self.sacked -= piece.len(),
            Fate::Lost => self.lost -= piece.len(),
            Fate::Flying => {}
        }
        self.news.delivered += piece.len();
        self.furthest.1 = self.furthest.1.later(end);
        if run.again {
            self.news.again = self.news.again.max(Some(run.at));
        }
        if !run.again {
            self.news.original = Some(self.news.original.map_or(end, |known| known.later(end)));
            self.news.sample = self.news.sample.max(Some(run.at));
            if end.is_before(self.furthest.0) {
                self.news.overtaken_by = self.news.overtaken_by.max(self.furthest.0 - run.start);
            }
        } else if now - run.at < least {
            // So fast is nobody: what arrived is what was thought to be lost.
            return;
        }
        if (run.at, end.from(self.latest.1)) > (self.latest.0, 0) {
            self.latest = (run.at, end);
            self.round_trip = now - run.at;
        }
    }

    /// So much arrived before anything was known here.
    pub(super) fn note_delivered(&mut self, bytes: usize) {
        self.news.delivered += bytes;
    }

    /// A duplicate acknowledgment of a peer without selective ones.
    pub(super) fn duplicate(&mut self, mss: usize) {
        self.duplicates += 1;
        self.news.delivered += mss;
    }

    /// What was said since this was asked last.
    pub(super) fn take_news(&mut self) -> News {
        self.furthest.0 = self.furthest.1;
        std::mem::take(&mut self.news)
    }

    /// Whether the peer's words alone are enough to take something for lost (RFC 8985 §6.2, step 4; RFC 5681 §3.2): three
    /// segments behind it arrived.
    pub(super) fn is_loss(&self, mss: usize) -> bool {
        let threshold = limits::DUPLICATES;
        self.duplicates >= threshold || self.sacked > (threshold - 1) * mss
    }

    /// Takes for lost what should have arrived by now, when it may be late by `window` (RFC 8985 §6.2, step 5). Returns when
    /// the next is to be judged.
    pub(super) fn detect(&mut self, flight: &mut Flight, now: Instant, window: Duration) -> Instant {
        let (latest_at, latest_end) = self.latest;
        let is_before = |at: Instant, end: SeqNumber| at < latest_at || at == latest_at && end.is_before(latest_end);
        let patience = self.round_trip + window;
        let (mut next, mut lost, mut first_lost) = (Instant::NEVER, 0, self.first_lost);
        let none_lost = self.lost == 0;
        let mut lose = |start: SeqNumber, end: SeqNumber| {
            first_lost = if none_lost && lost == 0 { start } else { first_lost.earlier(start) };
            lost += end - start;
        };
        self.edge = flight.judge(self.edge, |run, end| {
            if run.fate == Fate::Flying && !run.again {
                if !is_before(run.at, end) {
                    return false;
                }
                if run.at + patience > now {
                    next = run.at + patience;
                    return false;
                }
                run.fate = Fate::Lost;
                lose(run.start, end);
            }
            true
        });
        while let Some(departure) = self.again.front().copied() {
            if !is_before(departure.at, departure.end) {
                break;
            }
            if departure.at + patience > now {
                next = next.min(departure.at + patience);
                break;
            }
            self.again.pop_front();
            flight.judge(departure.start, |run, end| {
                let is_it = run.fate == Fate::Flying && run.again && run.at == departure.at;
                if is_it && !end.is_after(departure.end) {
                    run.fate = Fate::Lost;
                    lose(run.start, end);
                }
                end.is_before(departure.end)
            });
        }
        (self.lost, self.first_lost) = (self.lost + lost, first_lost);
        next
    }

    /// The first segment is lost (RFC 6582 §3.2), unless it was sent again.
    pub(super) fn lose_first(&mut self, flight: &mut Flight, una: SeqNumber, nxt: SeqNumber, mss: usize) {
        let end = (una + mss).earlier(nxt);
        flight.split(end, nxt);
        let lost = &mut self.lost;
        flight.judge(una, |run, end_of_run| {
            if run.fate == Fate::Flying && !run.again {
                run.fate = Fate::Lost;
                *lost += end_of_run - run.start;
            }
            end_of_run.is_before(end)
        });
        self.first_lost = una;
        self.find_lost(flight);
    }

    /// The retransmission timer expired: what left long enough ago is lost, and the first in any case (RFC 8985 §6.3). Only
    /// the cumulative acknowledgment is a promise (RFC 2018 §8): a peer that timed out twice for the same data, or has what
    /// it does not acknowledge, may have thrown away what it had, and is not believed any more.
    pub(super) fn time_out(
        &mut self,
        flight: &mut Flight,
        nxt: SeqNumber,
        now: Instant,
        window: Duration,
        twice: bool,
    ) {
        flight.settle(nxt);
        let Some(first) = flight.first().copied() else { return };
        let reneges = twice || first.fate == Fate::Sacked;
        let patience = self.round_trip + window;
        self.lose_where(flight, first.start, |start, fate, at| match fate {
            Fate::Sacked => reneges,
            _ => twice || start == first.start || at + patience <= now,
        });
    }

    /// All from `first` on is lost, but for what the peer has: it was too large for the path.
    pub(super) fn lose_from(&mut self, flight: &mut Flight, first: SeqNumber, nxt: SeqNumber) {
        flight.settle(nxt);
        flight.split(first, nxt);
        self.lose_where(flight, first, |_start, fate, _at| fate != Fate::Sacked);
    }

    fn lose_where(&mut self, flight: &mut Flight, from: SeqNumber, is_lost: impl Fn(SeqNumber, Fate, Instant) -> bool) {
        let (sacked, lost) = (&mut self.sacked, &mut self.lost);
        flight.judge(from, |run, end| {
            if run.fate != Fate::Lost && is_lost(run.start, run.fate, run.at) {
                if run.fate == Fate::Sacked {
                    *sacked -= end - run.start;
                }
                run.fate = Fate::Lost;
                *lost += end - run.start;
            }
            true
        });
        self.duplicates = 0;
        (self.edge, self.first_lost) = (self.edge.earlier(from), self.first_lost.earlier(from));
        self.find_lost(flight);
    }

    /// Nothing was lost: what was taken for it is on its way.
    pub(super) fn forgive(&mut self, flight: &mut Flight, una: SeqNumber) {
        if self.lost > 0 {
            flight.judge(una, |run, _end| {
                if run.fate == Fate::Lost {
                    run.fate = Fate::Flying;
                }
                true
            });
        }
        self.lost = 0;
        self.edge = una;
    }

    /// What is to be sent again next, as far as it is no more than `most`.
    pub(super) fn next_hole(&self, flight: &Flight, most: usize) -> Option<Hole> {
        if self.lost == 0 {
            return None;
        }
        flight.lost(self.first_lost, most).map(|(start, length)| Hole { start, length })
    }

    /// Data were sent again, lost or not.
    pub(super) fn sent_again(
        &mut self,
        flight: &mut Flight,
        (start, end): (SeqNumber, SeqNumber),
        nxt: SeqNumber,
        now: Instant,
    ) {
        flight.split(start, nxt);
        flight.split(end, nxt);
        let lost = &mut self.lost;
        flight.judge(start, |run, end_of_run| {
            if run.fate == Fate::Lost {
                *lost -= end_of_run - run.start;
            }
            end_of_run.is_before(end)
        });
        flight.sent_again(start, end, nxt, now);
        match self.again.back_mut() {
            Some(last) if last.end == start && last.at == now => last.end = end,
            _ => self.again.push_back(Departure { start, end, at: now }),
        }
        self.find_lost(flight);
    }

    fn find_lost(&mut self, flight: &Flight) {
        if self.lost > 0
            && let Some((start, _)) = flight.lost(self.first_lost, 1)
        {
            self.first_lost = start;
        }
    }

    /// Bytes that are known to have arrived beyond what was acknowledged.
    pub(super) fn arrived(&self, mss: usize) -> usize {
        self.sacked + self.duplicates * mss
    }

    /// Bytes that are taken for lost and were not sent again yet.
    pub(super) fn lost(&self) -> usize {
        self.lost
    }

    /// Bytes that are in the network (RFC 6675 §4, `SetPipe`).
    pub(super) fn pipe(&self, in_flight: usize, mss: usize) -> usize {
        in_flight.saturating_sub(self.sacked + self.lost + self.duplicates * mss)
    }

    /// Bytes that the peer has, out of order.
    pub(super) fn sacked(&self) -> usize {
        self.sacked
    }

    /// Whether something is to be sent again.
    pub(super) fn has_lost(&self) -> bool {
        self.lost > 0
    }

    /// Whether nothing is missing: it can be forgotten.
    pub(super) fn is_done(&self) -> bool {
        self.sacked == 0 && self.duplicates == 0 && self.lost == 0
    }
}

#[cfg(test)]
mod tests;
