//! What is sent next, and why.

use super::connection::{Connection, State, Urge};
use super::recovery::{Alarm, Probe};
use super::segment::Reply;
use super::sequence::SeqNumber;
use super::tuning::{Extension, TimeoutOption};
use super::variables::{Acknowledgment, Clock, Fin};
use crate::base::limits;
use crate::base::stream::{Coalescing, Gone};
use crate::base::time::Instant;
use crate::buffer::Pieces;
use crate::wire::tcp::flag;
use crate::wire::tcp_options::{Options, ROOM, Timestamps, USER_TIMEOUT_LENGTH, UserTimeout};

/// What the way to the peer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Bytes of options and data in a segment (RFC 9293 §3.7.1: what is left of the MTU).
    pub mss: u16,
    /// The same of our link alone: what a SYN offers, for the way back may be another (RFC 1191 §3.1).
    pub link_mss: u16,
    /// Bytes of options and data that may leave in one piece, to be cut into segments.
    pub superframe: usize,
    /// Who cuts.
    pub segmentation: Segmentation,
    /// Whether routers must not cut segments.
    pub dont_fragment: bool,
    /// Bytes of options and data in a segment that may be tried though it is larger than the path is known to take.
    pub larger: Option<u16>,
}

/// Who cuts what is larger than a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segmentation {
    /// The device: a full superframe costs it hardly more than a segment, and is worth waiting for.
    ByDevice,
    /// We: it costs as much as its segments do.
    BySoftware,
}

impl Path {
    /// How data leave when segments hold `size` bytes of them.
    #[inline]
    pub fn pieces(&self, size: usize) -> Pieces {
        Pieces { segment: size, most: self.superframe }
    }
}

/// Why something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The connection is to be opened.
    Open,
    /// There are new data, or there is an end.
    New,
    /// It was lost.
    Again,
    /// Is the peer there, or its window open?
    Probe,
    /// Something came.
    Acknowledge,
    /// The user gave up.
    Reset,
}

/// A segment to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Why.
    pub why: Why,
    /// The number of its first byte.
    pub sequence: SeqNumber,
    /// Where its data begin in the queue.
    pub offset: usize,
    /// How many they are.
    pub length: usize,
    /// Data bytes of each segment into which the device cuts it.
    pub size: usize,
    /// Control bits.
    pub flags: u8,
}

impl Connection {
    /// What to send next; `None` when nothing is to be sent now. Pure: nothing changes until [`Connection::commit`].
    #[inline]
    pub fn plan(&self, path: Path) -> Option<Plan> {
        match self.state {
            State::Closed => return None,
            State::SynSent | State::SynReceived => return self.plan_open(),
            _ => {}
        }
        if self.is_aborting() {
            return Some(self.bare(Why::Reset, self.snd.nxt, flag::RST | flag::ACK));
        }
        let options = self.options_length();
        let size = usize::from(self.mss().min(path.mss)).saturating_sub(options).max(1);
        // What leaves in one piece is as many whole segments as one packet holds.
        let piece = Path { superframe: path.superframe.saturating_sub(options), ..path }.pieces(size).full();
        let piece = if self.owes_notification() { size } else { piece };
        let worth_waiting_for = if path.segmentation == Segmentation::ByDevice { piece } else { size };
        self.plan_probe(size)
            .or_else(|| self.plan_again(size, piece))
            .or_else(|| self.plan_larger(&path, options))
            .or_else(|| self.plan_new(size, piece, worth_waiting_for))
            .or_else(|| self.plan_bare())
    }

    /// Bytes of options that the next segment carries.
    #[inline]
    fn options_length(&self) -> usize {
        let fixed = self.fixed_options() + if self.snd.owes_timeout { USER_TIMEOUT_LENGTH } else { 0 };
        if !self.tells_ranges() {
            return fixed;
        }
        let ranges = match self.sack_ranges().len() {
            0 => 0,
            count => 4 + 8 * count,
        };
        (fixed + ranges).min(ROOM)
    }

    /// Whether an acknowledgment says more than its number.
    #[inline]
    fn tells_ranges(&self) -> bool {
        self.rcv.twice.is_some() || self.holds()
    }

    fn plan_open(&self) -> Option<Plan> {
        let acknowledgment = if self.state == State::SynReceived { flag::ACK } else { 0 };
        if self.snd.nxt == self.snd.una {
            let asks = if self.asks_for_notification() { flag::ECE | flag::CWR } else { 0 };
            return Some(self.bare(Why::Open, self.snd.una, flag::SYN | acknowledgment | asks));
        }
        (self.rcv.acknowledgment == Acknowledgment::Now && self.state == State::SynReceived)
            .then(|| self.bare(Why::Acknowledge, self.snd.nxt, flag::ACK))
    }

    /// Lost data, as the congestion window allows (RFC 6675 §5, step 4 and C).
    fn plan_again(&self, size: usize, piece: usize) -> Option<Plan> {
        let recovery = self.recovery.as_ref()?;
        if self.is_in_doubt() {
            return None;
        }
        let hole = recovery.board.next_hole(&self.snd.flight, piece)?;
        let window = self.congestion.window() as usize;
        // RFC 6675 §5, step 4.3: the first segment is sent again whatever else is in flight.
        let allowed = window.saturating_sub(self.pipe());
        if allowed < size.min(hole.length) && hole.start != self.snd.una {
            return None;
        }
        let data = (self.data_end() - hole.start).min(hole.length);
        let length = data.min(piece).min(allowed.max(size) / size * size);
        let fin = self.snd.fin == Fin::Sent && length == data && hole.start + length == self.data_end();
        Some(self.with_data(Why::Again, hole.start, length, size, fin))
    }

    /// A tail loss probe (RFC 8985 §7.3): a segment of new data, whatever the congestion window is, or the last one again.
    fn plan_probe(&self, size: usize) -> Option<Plan> {
        if self.recovery.as_ref()?.probe != Probe::Wanted {
            return None;
        }
        let nxt = self.snd.nxt;
        let unsent = (self.data_end() - nxt).min(size);
        if unsent > 0 && unsent <= (self.snd.una + self.snd.window as usize) - nxt {
            let fin = self.snd.fin == Fin::Wanted && nxt + unsent == self.data_end();
            return Some(self.with_data(Why::New, nxt, unsent, size, fin));
        }
        let end = self.data_end().earlier(nxt);
        let last = end - self.snd.flight.last_start(nxt).later(self.data_start());
        let length = if last == 0 { 0 } else { (last - 1) % size + 1 };
        let start = SeqNumber(end.0.wrapping_sub(length as u32));
        Some(self.with_data(Why::Again, start, length, size, self.snd.fin == Fin::Sent))
    }

    /// New data, as both windows allow, in pieces worth sending (RFC 9293 §3.8.6.2.1).
    fn plan_new(&self, size: usize, piece: usize, worth_waiting_for: usize) -> Option<Plan> {
        if self.snd.fin == Fin::Sent {
            return None;
        }
        let nxt = self.snd.nxt;
        let unsent = self.data_end() - nxt;
        let fin = self.snd.fin == Fin::Wanted;
        if unsent == 0 && !fin {
            return None;
        }
        let in_flight = nxt - self.snd.una;
        let usable = self.usable();
        if unsent == 0 {
            return Some(self.with_data(Why::New, nxt, 0, size, true));
        }
        let piece = self.paced(piece, size);
        let all = unsent.min(usable).min(piece);
        if all == 0 {
            return None;
        }
        let whole = all / size * size;
        let last = all == unsent;
        // A short segment may leave when nothing is in flight, or nothing will join it.
        let short_may_leave = last && self.may_send_short(in_flight, fin);
        let length = if last && short_may_leave { all } else { whole };
        if length == 0 {
            let worth = all >= self.snd.most as usize / 2 && in_flight == 0 && !self.is_corked(fin);
            return (worth || self.urge == Urge::Override)
                .then(|| self.with_data(Why::New, nxt, all, size, fin && last));
        }
        // What a window cuts short is worth waiting for while an acknowledgment is near: the superframe that it lets leave will
        // be a fuller one.
        let waits = usable < unsent.min(piece) && in_flight > 0 && !self.snd.hurries;
        if waits && length < worth_waiting_for.min(self.may_wait()) {
            return None;
        }
        Some(self.with_data(Why::New, nxt, length, size, fin && length == unsent))
    }

    /// How much of a window may wait for acknowledgments: a quarter at most, and no more than they make room for within
    /// [`limits::SUPERFRAME_WAIT`], or all of it would take so much longer than a round trip to come around.
    #[inline]
    fn may_wait(&self) -> usize {
        let window = self.congestion.window().min(self.snd.window) as usize;
        let round_trip = self.rtt.smoothed().unwrap_or_default().as_micros() as u64;
        window / ((round_trip / limits::SUPERFRAME_WAIT.as_micros() as u64) as usize).max(4)
    }

    /// New data that both windows allow to leave.
    #[inline]
    pub(super) fn usable(&self) -> usize {
        let congestion = (self.congestion.window() as usize).saturating_sub(self.pipe());
        ((self.snd.una + self.snd.window as usize) - self.snd.nxt).min(congestion)
    }

    /// So many bytes of new data, in one segment.
    pub(super) fn new_data(&self, size: usize) -> Plan {
        let fin = self.snd.fin == Fin::Wanted && self.snd.nxt + size == self.data_end();
        self.with_data(Why::New, self.snd.nxt, size, size, fin)
    }

    /// RFC 9293 §3.7.4: Nagle's algorithm, and what users may choose instead.
    fn may_send_short(&self, in_flight: usize, fin: bool) -> bool {
        if self.is_corked(fin) {
            return false;
        }
        fin || in_flight == 0 || self.snd.coalescing == Coalescing::None || self.urge == Urge::Override
    }

    fn is_corked(&self, fin: bool) -> bool {
        self.snd.coalescing == Coalescing::Cork && !fin && self.urge != Urge::Override
    }

    fn plan_bare(&self) -> Option<Plan> {
        if self.urge == Urge::Probe {
            // RFC 9293 §3.8.4: a number that the peer has acknowledged already, so it has to say where it stands.
            // Departure from §3.8.6.1: no byte of data, as nobody sends one; a closed window would refuse it anyway.
            return Some(self.bare(Why::Probe, SeqNumber(self.snd.una.0.wrapping_sub(1)), flag::ACK));
        }
        let due = self.rcv.acknowledgment == Acknowledgment::Now;
        due.then(|| self.bare(Why::Acknowledge, self.snd.nxt, flag::ACK))
    }

    fn bare(&self, why: Why, sequence: SeqNumber, flags: u8) -> Plan {
        Plan { why, sequence, offset: 0, length: 0, size: 0, flags }
    }

    fn with_data(&self, why: Why, sequence: SeqNumber, length: usize, size: usize, fin: bool) -> Plan {
        let offset = sequence - self.data_start();
        let last = offset + length == self.snd.queue.len();
        // RFC 9293 §3.9.1.2: PSH where what was written ends.
        let push = if last && length > 0 { flag::PSH } else { 0 };
        let fin = if fin && last { flag::FIN } else { 0 };
        Plan { why, sequence, offset, length, size, flags: flag::ACK | push | fin }
    }

    /// The segment that a plan asks for.
    #[inline]
    pub fn reply(&self, plan: &Plan, path: Path, now: Instant) -> Reply {
        let mut options = Options::default();
        if plan.flags & flag::SYN != 0 {
            self.offer(&mut options, path, now);
            let window = self.tuning.first_window();
            let acknowledgment = self.rcv.nxt;
            return Reply { sequence: plan.sequence, acknowledgment, flags: plan.flags, window, options };
        }
        if let Some(clock) = &self.clock {
            options.timestamps = Some(Timestamps { value: clock.now(now), echo: clock.recent });
        }
        if self.snd.owes_timeout {
            options.user_timeout = Some(UserTimeout::new(self.tuning.user_timeout));
        }
        if self.tells_ranges() {
            options.sack = self.sack_ranges();
        }
        let acknowledgment = self.acknowledges();
        Reply {
            sequence: plan.sequence,
            acknowledgment,
            flags: plan.flags | self.notification(plan),
            window: self.window_field(acknowledgment, self.edge()),
            options,
        }
    }

    /// What a SYN offers; with an acknowledgment, what both agreed on.
    fn offer(&self, options: &mut Options, path: Path, now: Instant) {
        let agreed = self.state == State::SynReceived;
        options.maximum_segment_size = Some(self.tuning.mss(path.link_mss));
        options.sack_permitted = if agreed { self.selective } else { self.tuning.selective == Extension::Offered };
        options.window_scale = (!agreed || self.rcv.scale > 0).then(|| self.tuning.window_scale());
        // Not with an acknowledgment: the first segment behind it tells it anyway.
        let told = !agreed && self.tuning.timeout_option != TimeoutOption::Off;
        options.user_timeout = told.then(|| UserTimeout::new(self.tuning.user_timeout));
        options.timestamps = self.clock.map(|clock: Clock| Timestamps { value: clock.now(now), echo: clock.recent });
    }

    /// A plan was carried out: `length` bytes of data left, which may be fewer than planned.
    #[inline]
    pub fn commit(&mut self, plan: &Plan, length: usize, now: Instant) {
        let fin = plan.flags & flag::FIN != 0 && length == plan.length;
        let nothing_in_flight = self.snd.nxt == self.snd.una;
        match plan.why {
            Why::Open => {
                if self.stalled == Instant::NEVER {
                    self.stalled = now;
                }
                self.snd.nxt = plan.sequence + 1;
                self.snd.flight.sent(plan.sequence, now);
            }
            Why::New => {
                if nothing_in_flight {
                    // What held it back did so until now.
                    self.stalled = Instant::NEVER;
                }
                self.snd.nxt = plan.sequence + length + usize::from(fin);
                self.note_use();
                self.note_new(plan.sequence, length, now);
                self.note_pace(length);
                self.note_size(plan, length);
                self.note_notified(length);
                if fin {
                    self.snd.fin = Fin::Sent;
                    self.state = match self.state {
                        State::Established => State::FinWait1,
                        State::CloseWait => State::LastAck,
                        other => other,
                    };
                }
            }
            Why::Again => {
                self.note_pace(length);
                self.note_again(plan.sequence, plan.sequence + length + usize::from(fin), now);
            }
            Why::Probe | Why::Acknowledge => {}
            Why::Reset => return self.end(Gone::Aborted),
        }
        self.urge(Urge::None);
        let is_first = nothing_in_flight || self.retransmit_at == Instant::NEVER || self.alarm == Alarm::Probe;
        if matches!(plan.why, Why::Open | Why::New if is_first) || plan.why == Why::Again {
            // RFC 6298 §5.1, RFC 8985 §7.2; and what is sent again has its time from then on.
            self.arm(now);
        }
        if plan.flags & flag::ACK != 0 {
            self.acknowledged();
        }
        if plan.flags & flag::SYN == 0 {
            self.snd.owes_timeout = false;
        }
    }

    /// Notes how much of the congestion window is used, a round trip at a time.
    #[inline]
    fn note_use(&mut self) {
        let (end, most) = self.used;
        let in_flight = self.pipe() as u32;
        if !self.snd.una.is_before(end) {
            self.used = (self.snd.nxt, in_flight);
        } else if in_flight > most {
            self.used = (end, in_flight);
        }
    }

    /// An acknowledgment left.
    fn acknowledged(&mut self) {
        self.rcv.edge = self.edge();
        self.rcv.twice = None;
        self.rcv.unacknowledged = std::mem::take(&mut self.rcv.left_out);
        // A peer that counts duplicates gets one for each segment that came out of order (RFC 5681 §4.2).
        self.rcv.duplicates = if self.selective { 0 } else { self.rcv.duplicates.saturating_sub(1) };
        if self.rcv.unacknowledged > 0 {
            self.rcv.acknowledgment = Acknowledgment::Delayed;
        } else if self.rcv.duplicates == 0 {
            self.rcv.acknowledgment = Acknowledgment::None;
            self.acknowledge_at = Instant::NEVER;
        }
    }

    /// Before anything is planned. RFC 5681 §4.1: when nothing was sent for longer than the retransmission timeout, the window
    /// is as old as that.
    #[inline]
    pub fn wake(&mut self, now: Instant) {
        let is_idle = self.snd.nxt == self.snd.una;
        if is_idle && now - self.snd.flight.newest_at() > self.rtt.timeout() {
            self.congestion.on_idle(self.data_size() as u32);
        }
        let round_trip = self.rtt.smoothed().unwrap_or_default();
        let oldest = if is_idle { now } else { self.snd.flight.oldest_at() };
        self.begin_pace(now);
        self.snd.hurries = round_trip > limits::SUPERFRAME_WAIT && oldest + round_trip > now + limits::SUPERFRAME_WAIT;
    }

    /// Whether data are held out of order.
    pub(super) fn holds(&self) -> bool {
        self.rcv.queue.as_ref().is_some_and(|queue| queue.holds())
    }

    /// All plans were carried out: when what could not be sent has to be tried again (RFC 9293 §3.8.6.1, §3.8.6.2.1).
    pub fn rest(&mut self, now: Instant) {
        self.rest_pace();
        let waits = self.data_end().is_after(self.snd.nxt)
            && self.snd.nxt == self.snd.una
            && !matches!(self.state, State::SynSent | State::SynReceived | State::Closed);
        if waits && self.retransmit_at == Instant::NEVER {
            let wait = if self.snd.window == 0 { self.rtt.timeout() } else { limits::CORK };
            (self.alarm, self.retransmit_at) = (Alarm::Timeout, (now + wait).min(self.give_up_at()));
        }
    }
}
