//! Loss recovery: what is lost is found by time (RACK-TLP, RFC 8985), or by counting for peers without selective
//! acknowledgments (RFC 6582); what is sent meanwhile follows from what arrives (RFC 9937); and when nothing was lost after
//! all, it is as if nothing had happened (RFC 3522, RFC 5682, RFC 2883).

use std::time::Duration;

use super::congestion::Congestion;
use super::connection::Connection;
use super::flight::Piece;
use super::scoreboard::{Left, News, Scoreboard};
use super::segment::Segment;
use super::sequence::SeqNumber;
use crate::base::limits;
use crate::base::time::Instant;
use crate::wire::tcp::flag;

/// How far recovery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Something arrived out of order; nothing is taken for lost.
    Watching,
    /// Nothing was lost, but routers marked segments: what is sent follows from what arrives, until all that was in flight
    /// then is acknowledged.
    Reduced,
    /// Segments were lost. What is sent follows from what arrives, until all that was in flight then is acknowledged.
    Fast,
    /// The timer expired. The window grows from one segment on.
    Timeout,
}

/// The last segment sent again, or one more: its acknowledgment tells of a lost tail (RFC 8985 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    None,
    /// It is to be sent.
    Wanted,
    /// New data, which end here, were it.
    New(SeqNumber),
    /// What ends here was sent again.
    Again(SeqNumber),
}

/// Whether a timeout was spurious, when no timestamps tell (RFC 5682 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    None,
    /// The first segment was sent again (step 1).
    Begun,
    /// New data are sent instead of more of the old (step 2b).
    NewData,
}

/// How much may be sent for what arrives (RFC 9937).
#[derive(Clone, Copy, Debug, Default)]
struct Proportion {
    /// RecoverFS: what was in flight at the beginning.
    flight: usize,
    delivered: usize,
    out: usize,
}

/// What there was before, in case nothing was lost.
#[derive(Clone, Debug)]
struct Before {
    congestion: Congestion,
    /// The first segment that was sent again, and our clock then.
    first: Option<(SeqNumber, u32)>,
    /// What was sent again and is not known to have arrived twice.
    resent: usize,
    /// Where what was in flight at the beginning began.
    from: SeqNumber,
    /// It is forgotten when this is acknowledged: known at the end.
    until: Option<SeqNumber>,
}

/// What is kept while something is missing.
pub(super) struct Recovery {
    pub(super) board: Scoreboard,
    pub(super) phase: Phase,
    /// What was in flight when the phase began ends here (RFC 6675 §2, RecoveryPoint).
    point: SeqNumber,
    pub(super) probe: Probe,
    doubt: Doubt,
    proportion: Proportion,
    before: Option<Before>,
    /// When a segment that is late will be taken for lost.
    pub(super) judge_at: Instant,
}

/// What the timer of retransmission is set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// A timeout (RFC 6298), or asking for a closed window.
    Timeout,
    /// A tail loss probe (RFC 8985 §7).
    Probe,
    /// A segment that is late (RFC 8985 §6.2, step 5).
    Late,
}

/// What the selective acknowledgments of a segment said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Bytes that arrived and were not known to have.
    pub(super) new: usize,
    /// Something arrived twice (RFC 2883).
    twice: bool,
}

impl Connection {
    /// Takes in the selective acknowledgments of a segment.
    pub(super) fn take_sacks(&mut self, segment: &Segment, now: Instant) -> Heard {
        let mut heard = Heard::default();
        let least = self.rtt.least();
        for (position, (left, right)) in segment.options.sack.iter().enumerate() {
            let (left, right) = (SeqNumber(*left), SeqNumber(*right));
            // RFC 2883 §4: below the acknowledgment, or within the second range, it came twice.
            let outer = segment.options.sack.get(1).map(|(left, right)| (SeqNumber(*left), SeqNumber(*right)));
            let inside = |outer: (SeqNumber, SeqNumber)| !left.is_before(outer.0) && !right.is_after(outer.1);
            if position == 0 && (!right.is_after(segment.acknowledgment) || outer.is_some_and(inside)) {
                heard.twice = true;
                self.arrived_twice(left, right);
                continue;
            }
            // What was never sent, and what is reversed, nobody can have.
            if !right.is_after(left) || left.is_before(self.snd.una) || right.is_after(self.snd.nxt) {
                continue;
            }
            // RACK judges segments (RFC 8985 §6.2): who has a part of one has not got it.
            let size = self.data_size();
            if right - left < size && !self.snd.flight.begins_segment(left, size) {
                continue;
            }
            let nxt = self.snd.nxt;
            let before = self.recovery().board.sacked();
            let Some(recovery) = &mut self.recovery else { continue };
            recovery.board.sack(&mut self.snd.flight, (left, right), nxt, now, least);
            heard.new += recovery.board.sacked() - before;
        }
        heard
    }

    /// All before `una` arrived: when that left, and how many bytes of it were known to have arrived.
    #[inline]
    pub(super) fn take_acknowledged(&mut self, una: SeqNumber, now: Instant) -> (Left, usize) {
        let (size, least) = (self.data_size(), self.rtt.least());
        match &mut self.recovery {
            None => {
                let mut left = Left::Unknown;
                self.snd.flight.acknowledge(una, |Piece { run, .. }| {
                    left = if run.again { Left::Again(run.at) } else { Left::Once(run.at) };
                });
                (left, 0)
            }
            Some(recovery) => {
                let before = recovery.board.arrived(size);
                let left = recovery.board.acknowledge(&mut self.snd.flight, una, size, now, least);
                (left, before - recovery.board.arrived(size))
            }
        }
    }

    /// What is known of what is in flight; made when it is first needed.
    pub(super) fn recovery(&mut self) -> &mut Recovery {
        let una = self.snd.una;
        let round_trip = self.rtt.smoothed().unwrap_or(limits::RTO_INITIAL);
        self.recovery.get_or_insert_with(|| {
            Box::new(Recovery {
                board: Scoreboard::new(una, round_trip),
                phase: Phase::Watching,
                point: una,
                probe: Probe::None,
                doubt: Doubt::None,
                proportion: Proportion::default(),
                before: None,
                judge_at: Instant::NEVER,
            })
        })
    }

    /// The peer has from `left` to `right` twice. What was sent again had arrived, or the network doubles segments; only of
    /// the former, more may be late the next time (RFC 8985 §6.2, step 4).
    fn arrived_twice(&mut self, left: SeqNumber, right: SeqNumber) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        let Some(recovery) = &mut self.recovery else { return };
        if matches!(recovery.probe, Probe::Again(end) if end == right) {
            return;
        }
        let Some(before) = &mut recovery.before else { return };
        if before.resent > 0 && !left.is_before(before.from) {
            before.resent = before.resent.saturating_sub(right - left);
            self.reordering.widen(una, nxt);
            if before.resent == 0 {
                self.undo();
            }
        }
    }

    /// Goes on with recovery, or begins it, after a segment that acknowledges `advanced` bytes.
    pub(super) fn recover(&mut self, segment: &Segment, advanced: usize, heard: Heard, duplicate: bool, now: Instant) {
        let (una, size) = (self.snd.una, self.data_size());
        if duplicate && !self.selective {
            self.recovery().board.duplicate(size);
        }
        let Some(recovery) = &mut self.recovery else { return };
        let mut news = recovery.board.take_news();
        news.marked = segment.has(flag::ECE);
        if news.overtaken_by > 0 {
            self.reordering.note(news.overtaken_by.div_ceil(size));
        }
        if self.is_spurious(segment, advanced, news) {
            self.reordering.note(0);
            self.reordering.widen(una, self.snd.nxt);
            self.undo();
        }
        self.end_probe(duplicate && heard.new == 0, heard.twice, now);
        self.end_phase();
        self.go_on(news, advanced, now);
        self.grow_out_of_order(heard, now);
        self.make_room(heard);
        if news.delivered > 0 {
            self.arm(now);
        }
        self.forget_recovery();
    }

    /// Segments that were late were to be judged by now.
    pub(super) fn judge_late(&mut self, now: Instant) {
        self.go_on(News::default(), 0, now);
        self.arm(now);
        self.forget_recovery();
    }

    /// Finds what is lost, and how much may be sent.
    fn go_on(&mut self, news: News, advanced: usize, now: Instant) {
        let (una, nxt, size) = (self.snd.una, self.snd.nxt, self.data_size());
        let window = self.reordering_window();
        let Some(recovery) = &mut self.recovery else { return };
        let had_lost = recovery.board.has_lost();
        let is_whole = matches!(recovery.phase, Phase::Watching | Phase::Reduced);
        if self.selective {
            recovery.judge_at = recovery.board.detect(&mut self.snd.flight, now, window);
        } else {
            let is_first = is_whole && recovery.board.is_loss(size);
            // RFC 6582 §3.2, step 3: a partial acknowledgment shows the next hole.
            let is_next = recovery.phase == Phase::Fast && advanced > 0;
            if is_first || is_next {
                recovery.board.lose_first(&mut self.snd.flight, una, nxt, size);
            }
        }
        let has_lost = recovery.board.has_lost();
        match recovery.phase {
            Phase::Watching if has_lost => self.begin_fast(news, now),
            // RFC 3168 §6.1.2: the window is reduced once for all that was in flight.
            Phase::Reduced if has_lost => recovery.phase = Phase::Fast,
            _ => {}
        }
        self.keep_proportion(news, advanced > 0 && !news.marked && (had_lost || !has_lost));
    }

    /// What arrives out of order lets more leave when segments are known to overtake each other on this path; otherwise it
    /// may mean that one was lost.
    fn grow_out_of_order(&mut self, heard: Heard, now: Instant) {
        let is_watching = self.recovery.as_ref().is_some_and(|recovery| recovery.phase == Phase::Watching);
        if heard.new > 0 && is_watching && self.reordering.is_seen() {
            self.grow(heard.new, None, now);
        }
    }

    /// The peer tells of congestion, in a segment that acknowledges `advanced` bytes: less is sent from now on, though nothing
    /// was lost (RFC 3168 §6.1.2), and not all at once (RFC 9937 §6.1).
    pub(super) fn begin_reduction(&mut self, advanced: usize, now: Instant) {
        let (una, nxt, size) = (self.snd.una, self.snd.nxt, self.data_size());
        let in_flight = self.flight_size();
        self.congestion.on_loss(in_flight, size as u32, now);
        if una == nxt {
            return self.congestion.set_window(self.congestion.threshold());
        }
        let is_new = self.recovery.is_none();
        let recovery = self.recovery();
        if is_new {
            recovery.board.note_delivered(advanced);
        }
        (recovery.phase, recovery.point, recovery.before) = (Phase::Reduced, nxt, None);
        let flight = (nxt - una).saturating_sub(recovery.board.sacked()) + advanced;
        recovery.proportion = Proportion { flight, ..Proportion::default() };
    }

    /// How much of the window the network was found to hold: the most that was in flight in this round trip, for between two
    /// superframes there is less (RFC 9438 §4.6). What limited transmit sent ahead (RFC 3042) was never allowed to stay.
    fn flight_size(&self) -> u32 {
        let (until, most) = self.used;
        let most = if self.snd.una.is_before(until) { most } else { 0 };
        most.max((self.snd.nxt - self.snd.una) as u32).min(self.congestion.window())
    }

    /// RFC 6675 §5, step 4; RFC 9937 §6.1.
    fn begin_fast(&mut self, news: News, now: Instant) {
        let (una, nxt, size) = (self.snd.una, self.snd.nxt, self.data_size());
        let before = Before { congestion: self.congestion.clone(), first: None, resent: 0, from: una, until: None };
        let in_flight = self.flight_size();
        self.congestion.on_loss(in_flight, size as u32, now);
        self.ecn.reduced(nxt);
        let Some(recovery) = &mut self.recovery else { return };
        (recovery.phase, recovery.point, recovery.before) = (Phase::Fast, nxt, Some(before));
        let flight = (nxt - una).saturating_sub(recovery.board.sacked()) + news.delivered;
        recovery.proportion = Proportion { flight, ..Proportion::default() };
    }

    /// RFC 9937 §6.2: the window while it is reduced.
    fn keep_proportion(&mut self, news: News, is_safe: bool) {
        let (pipe, size, threshold) = (self.pipe(), self.data_size(), self.congestion.threshold() as usize);
        let Some(recovery) = &mut self.recovery else { return };
        if !matches!(recovery.phase, Phase::Fast | Phase::Reduced) {
            return;
        }
        let Proportion { flight, delivered, out } = &mut recovery.proportion;
        *delivered += news.delivered;
        let more = if pipe > threshold {
            (*delivered * threshold).div_ceil((*flight).max(1)).saturating_sub(*out)
        } else {
            let bound = delivered.saturating_sub(*out).max(news.delivered) + if is_safe { size } else { 0 };
            bound.min(threshold - pipe)
        };
        // The first is sent again at once.
        let more = if *out == 0 { more.max(size) } else { more };
        self.congestion.set_window((pipe + more) as u32);
    }

    /// All that was in flight when a phase began was acknowledged.
    fn end_phase(&mut self) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        let Some(recovery) = &mut self.recovery else { return };
        if recovery.phase == Phase::Watching || una.is_before(recovery.point) {
            return;
        }
        let ended = std::mem::replace(&mut recovery.phase, Phase::Watching);
        recovery.doubt = Doubt::None;
        if let Some(before) = &mut recovery.before {
            before.until = Some(nxt);
        }
        if ended != Phase::Timeout {
            self.congestion.set_window(self.congestion.threshold());
        }
        if ended != Phase::Reduced {
            self.reordering.relax();
        }
    }

    /// Forgets what is not needed any more.
    fn forget_recovery(&mut self) {
        let una = self.snd.una;
        let Some(recovery) = &mut self.recovery else { return };
        if recovery.before.as_ref().is_some_and(|before| before.until.is_some_and(|until| !una.is_before(until))) {
            recovery.before = None;
        }
        let is_done = recovery.board.is_done() && recovery.probe == Probe::None && recovery.before.is_none();
        if recovery.phase == Phase::Watching && is_done {
            self.recovery = None;
        }
    }

    /// Whether what was sent again had arrived.
    fn is_spurious(&mut self, segment: &Segment, advanced: usize, news: News) -> bool {
        let (una, room) = (self.snd.una, (self.snd.una + self.snd.window as usize) - self.snd.nxt);
        let has_new = self.data_end() - self.snd.nxt > 0 && room >= self.data_size();
        let Some(recovery) = &mut self.recovery else { return false };
        if recovery.phase == Phase::Watching {
            return false;
        }
        // RFC 3522 §3.2: the acknowledgment echoes a clock from before anything was sent again.
        if let (Some((start, clock)), Some(theirs), Some(_)) =
            (recovery.before.as_ref().and_then(|before| before.first), segment.options.timestamps, &self.clock)
        {
            return advanced > 0 && una.is_after(start) && (theirs.echo.wrapping_sub(clock) as i32) < 0;
        }
        // RFC 5682 §3.1.
        let is_original = news.original.is_some_and(|end| !end.is_after(recovery.point));
        match recovery.doubt {
            Doubt::None => false,
            Doubt::Begun => {
                let goes_on = advanced > 0 && una.is_before(recovery.point) && has_new;
                recovery.doubt = if goes_on { Doubt::NewData } else { Doubt::None };
                false
            }
            Doubt::NewData => {
                recovery.doubt = Doubt::None;
                is_original
            }
        }
    }

    /// Nothing was lost: the window is what it was (RFC 4015 §3.2).
    fn undo(&mut self) {
        let una = self.snd.una;
        let Some(recovery) = &mut self.recovery else { return };
        let Some(before) = recovery.before.take() else { return };
        recovery.board.forgive(&mut self.snd.flight, una);
        (recovery.phase, recovery.doubt) = (Phase::Watching, Doubt::None);
        self.congestion.undo(before.congestion);
    }

    /// For how long a segment may be late (RFC 8985 §6.2, step 4).
    fn reordering_window(&self) -> Duration {
        let Some(recovery) = &self.recovery else { return Duration::ZERO };
        let is_recovering = matches!(recovery.phase, Phase::Fast | Phase::Timeout);
        let hurries = is_recovering || recovery.board.is_loss(self.data_size());
        if hurries && !self.reordering.is_seen() {
            return Duration::ZERO;
        }
        self.reordering.window(self.rtt.least()).min(self.rtt.smoothed().unwrap_or_default())
    }

    /// Whether the congestion window is held, not grown.
    pub(super) fn is_reducing(&self) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| matches!(recovery.phase, Phase::Fast | Phase::Reduced))
    }

    /// Whether lost data have to wait until it is known that they are lost (RFC 5682 §3.1, step 2b).
    pub(super) fn is_in_doubt(&self) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| recovery.doubt == Doubt::NewData)
    }

    /// New data left: `length` bytes.
    #[inline]
    pub(super) fn note_new(&mut self, start: SeqNumber, length: usize, now: Instant) {
        self.snd.flight.sent(start, now);
        if let Some(recovery) = &mut self.recovery {
            recovery.proportion.out += length;
            if recovery.probe == Probe::Wanted {
                recovery.probe = Probe::New(self.snd.nxt);
            }
        }
    }

    /// What lies from `start` to `end` was sent again.
    pub(super) fn note_again(&mut self, start: SeqNumber, end: SeqNumber, now: Instant) {
        let nxt = self.snd.nxt;
        self.note_lost(start, end);
        let Some(recovery) = &mut self.recovery else { return };
        recovery.board.sent_again(&mut self.snd.flight, (start, end), nxt, now);
        recovery.proportion.out += end - start;
        if recovery.probe == Probe::Wanted {
            recovery.probe = Probe::Again(end);
        } else if let Some(before) = &mut recovery.before {
            before.resent += end - start;
            before.first = before.first.or(self.clock.map(|clock| (start, clock.now(now))));
        }
    }

    /// The retransmission timer expired (RFC 6298 §5.4 to 5.6, RFC 8985 §6.3).
    pub(super) fn on_retransmission_timeout(&mut self, now: Instant) {
        let (una, nxt, size) = (self.snd.una, self.snd.nxt, self.data_size());
        // RFC 5681 §3.1: the threshold shrinks once for a loss, however often it times out. A closed window says nothing
        // about the network.
        let twice = self.stalled != Instant::NEVER;
        let congestion = self.congestion.clone();
        if !twice && self.snd.window > 0 {
            let in_flight = self.flight_size();
            self.congestion.on_timeout(in_flight, size as u32);
            self.ecn.reduced(nxt);
        }
        let (has_clock, window) = (self.clock.is_some(), self.reordering_window());
        self.recovery();
        let Some(recovery) = &mut self.recovery else { return };
        recovery.board.time_out(&mut self.snd.flight, nxt, now, window, twice);
        // Who has no clock may doubt whether anything was lost, once.
        let may_doubt = !has_clock && !twice && recovery.phase == Phase::Watching;
        recovery.doubt = if may_doubt { Doubt::Begun } else { Doubt::None };
        // What there was before is what there was before the first loss of all these.
        let congestion = match recovery.before.take() {
            Some(before) if recovery.phase != Phase::Watching => before.congestion,
            _ => congestion,
        };
        recovery.before = Some(Before { congestion, first: None, resent: 0, from: una, until: None });
        (recovery.phase, recovery.point, recovery.probe) = (Phase::Timeout, nxt, Probe::None);
        recovery.judge_at = Instant::NEVER;
    }

    /// What was in flight from `first` on does not pass: it is sent again in smaller segments.
    #[cold]
    pub(super) fn send_again_from(&mut self, first: SeqNumber) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        self.recovery();
        let Some(recovery) = &mut self.recovery else { return };
        // What was lost before is not forgotten.
        let first = if recovery.board.has_lost() { una } else { first };
        recovery.board.lose_from(&mut self.snd.flight, first, nxt);
        if recovery.phase == Phase::Watching {
            recovery.phase = Phase::Timeout;
        }
        (recovery.point, recovery.before, recovery.doubt) = (nxt, None, Doubt::None);
        self.congestion.on_path_shrunk(self.data_size() as u32);
    }
}
