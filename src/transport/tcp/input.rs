//! Segments as they arrive, in the order of RFC 9293 §3.10.7.

use std::ops::Range;

use super::connection::{Connection, State, Urge};
use super::ecn::Notification;
use super::flight::Flight;
use super::segment::Segment;
use super::sequence::SeqNumber;
use super::tuning::{Extension, Tuning};
use super::variables::{Acknowledgment, Clock, millis};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::stream::Gone;
use crate::base::time::Instant;
use crate::buffer::Pool;
use crate::wire::tcp::flag;
use crate::wire::tcp_options::UserTimeout;

/// What becomes of a segment's data. Ranges count from its first data byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// There are none.
    Nothing,
    /// They are next in order: [`Connection::received`] says how many of them found a place.
    Deliver(Range<usize>),
    /// They are early: [`Connection::hold`] keeps them.
    Hold(SeqNumber, Range<usize>),
}

/// Why a segment was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It goes no further.
    Drop(Dropped),
    /// It is answered with a reset (RFC 9293 §3.5.2).
    Reset,
}

/// What a SYN says of its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) sequence: SeqNumber,
    pub(super) window: u16,
    pub(super) mss: u16,
    pub(super) window_scale: Option<u8>,
    pub(super) selective: bool,
    /// Its timestamp.
    pub(super) clock: Option<u32>,
    pub(super) user_timeout: Option<UserTimeout>,
    /// Whether it asks for explicit congestion notification, or agrees to it (RFC 3168 §6.1.1).
    pub(super) notifies: bool,
}

impl Offer {
    pub(super) fn of(segment: &Segment) -> Offer {
        let options = &segment.options;
        let (v4, _) = limits::MSS_DEFAULT;
        Offer {
            sequence: segment.sequence,
            window: segment.window,
            mss: options.maximum_segment_size.unwrap_or(v4).max(limits::MSS_LEAST),
            // RFC 7323 §2.3: shifts of more than 14 are taken for 14.
            window_scale: options.window_scale.map(|scale| scale.min(14)),
            selective: options.sack_permitted,
            clock: options.timestamps.map(|theirs| theirs.value),
            notifies: segment.has(flag::ECE) && segment.has(flag::CWR) != segment.has(flag::ACK),
            user_timeout: options.user_timeout,
        }
    }

    /// Without what our user does not want.
    pub(super) fn within(self, tuning: &Tuning) -> Offer {
        Offer {
            selective: self.selective && tuning.selective == Extension::Offered,
            clock: self.clock.filter(|_| tuning.timestamps == Extension::Offered),
            notifies: self.notifies && tuning.notification != Notification::Never,
            ..self
        }
    }
}

/// RFC 7323 §5.5: an older TS.Recent says nothing.
const RECENT_FOR: u32 = 24 * 24 * 3600 * 1000;

impl Connection {
    /// Takes in a segment of this connection.
    #[inline]
    pub fn on_segment(&mut self, segment: &Segment, now: Instant, pool: &mut Pool) -> Result<Take, Refused> {
        match self.state {
            State::SynSent => self.on_answer(segment, now),
            State::Closed | State::TimeWait => Err(Refused::Drop(Dropped::TcpIgnored)),
            _ => self.on_synchronized(segment, now, pool),
        }
    }

    /// RFC 9293 §3.10.7.3: SYN-SENT.
    fn on_answer(&mut self, segment: &Segment, now: Instant) -> Result<Take, Refused> {
        // First: check the ACK bit.
        let acknowledged = segment.has(flag::ACK);
        if acknowledged && segment.acknowledgment != self.snd.una + 1 {
            return Err(if segment.has(flag::RST) { Refused::Drop(Dropped::TcpIgnored) } else { Refused::Reset });
        }
        // Second: check the RST bit.
        if segment.has(flag::RST) {
            if acknowledged {
                self.end(Gone::Refused);
            }
            return Err(Refused::Drop(Dropped::TcpReset));
        }
        // Fourth: check the SYN bit.
        if !segment.has(flag::SYN) {
            return Err(Refused::Drop(Dropped::TcpIgnored));
        }
        self.agree(&Offer::of(segment).within(&self.tuning), now);
        self.heard = now;
        if acknowledged {
            // Karn (RFC 6298 §3).
            if !self.rtt.is_backing_off() {
                self.rtt.sample(now - self.snd.flight.newest_at());
            }
            self.rtt.stop_backing_off();
            self.snd.una = segment.acknowledgment;
            self.establish(segment);
        } else {
            // Both asked at once: our SYN is sent again, with an acknowledgment.
            self.state = State::SynReceived;
            self.ecn.agreed = false;
            self.snd.nxt = self.snd.una;
        }
        // Data on a SYN are left to be sent again, as RFC 9293 §3.10.7.3 allows: they were not acknowledged.
        Ok(Take::Nothing)
    }

    /// Takes from a SYN what both ends agree on (RFC 7323 §2.2, §3.2; RFC 2018 §2; RFC 9293 §3.7.1).
    pub(super) fn agree(&mut self, offer: &Offer, now: Instant) {
        self.rcv.nxt = offer.sequence + 1;
        self.rcv.edge = self.rcv.nxt + (self.rcv.buffer as usize).min(usize::from(u16::MAX));
        (self.rcv.newest, self.rcv.measured_from, self.rcv.measured_until) = (self.rcv.nxt, self.rcv.nxt, now);
        self.snd.mss = self.snd.mss.min(offer.mss);
        // None is scaled unless both have the option.
        (self.snd.scale, self.rcv.scale) =
            offer.window_scale.map_or((0, 0), |scale| (scale, self.tuning.window_scale()));
        self.selective = offer.selective;
        self.their_timeout = offer.user_timeout;
        self.ecn.agreed = offer.notifies && (self.state != State::SynSent || self.asks_for_notification());
        self.clock = match (self.clock, offer.clock) {
            (Some(clock), Some(recent)) => Some(Clock { recent, recent_at: millis(now), ..clock }),
            _ => None,
        };
        self.rcv.segment = self.rcv.segment.min(self.snd.mss);
        // RFC 6928 §2 counts in segments of the size that leaves.
        self.congestion.on_agreed(self.data_size() as u32);
        // RFC 9293 §3.10.7.3: windows of SYNs are never scaled.
        (self.snd.window, self.snd.most) = (u32::from(offer.window), u32::from(offer.window));
        (self.snd.wl1, self.snd.wl2) = (offer.sequence, self.snd.una);
    }

    /// Our SYN was acknowledged.
    pub(super) fn establish(&mut self, segment: &Segment) {
        self.state = State::Established;
        self.events.opened = true;
        // It may be acknowledged before it was sent again.
        self.snd.nxt = self.snd.nxt.later(self.snd.una);
        (self.snd.flight, self.snd.measured) = (Flight::new(self.snd.nxt), self.snd.una);
        self.snd.wl2 = segment.acknowledgment;
        (self.retransmit_at, self.stalled) = (Instant::NEVER, Instant::NEVER);
        self.acknowledge_now();
    }

    /// RFC 9293 §3.10.7.4: all other states.
    #[inline]
    fn on_synchronized(&mut self, segment: &Segment, now: Instant, pool: &mut Pool) -> Result<Take, Refused> {
        self.check_clock(segment, now)?;
        // First: check the sequence number.
        if !self.accepts(segment) {
            return self.on_unacceptable(segment, now);
        }
        // Second: check the RST bit, as RFC 5961 §3.2 has it.
        if segment.has(flag::RST) {
            if segment.sequence != self.rcv.nxt {
                self.challenge(now);
                return Err(Refused::Drop(Dropped::TcpChallenged));
            }
            self.end(if self.state == State::SynReceived { Gone::Refused } else { Gone::Reset });
            return Err(Refused::Drop(Dropped::TcpReset));
        }
        // Fourth: check the SYN bit (RFC 5961 §4.2).
        if segment.has(flag::SYN) {
            self.challenge(now);
            return Err(Refused::Drop(Dropped::TcpChallenged));
        }
        // Fifth: check the ACK field.
        if !segment.has(flag::ACK) {
            return Err(Refused::Drop(Dropped::TcpIgnored));
        }
        self.heard = now;
        self.snd.unanswered = 0;
        self.on_acknowledgment(segment, now, pool)?;
        self.note_clock(segment, now);
        // RFC 5482 §3.1: the latest that it told; what it is good for is decided when it is needed.
        self.their_timeout = segment.options.user_timeout.or(self.their_timeout);
        // Sixth, the URG bit: urgent data are data, delivered in line (RFC 6093 §6), so the pointer is not looked at.
        // Seventh: process the segment text. Eighth: check the FIN bit.
        Ok(self.take_data(segment, now))
    }

    /// RFC 9293 §3.10.7.4, first. A segment that begins at the edge is taken even when the window is closed, for what it
    /// acknowledges; its data are cut off.
    #[inline]
    fn accepts(&self, segment: &Segment) -> bool {
        let (nxt, edge, end) = (self.rcv.nxt, self.rcv.edge, segment.end());
        let reaches = if segment.span() == 0 { !end.is_before(nxt) } else { end.is_after(nxt) };
        reaches && !segment.sequence.is_after(edge)
    }

    fn on_unacceptable(&mut self, segment: &Segment, now: Instant) -> Result<Take, Refused> {
        if segment.has(flag::RST) {
            return Err(Refused::Drop(Dropped::TcpOutsideWindow));
        }
        // RFC 9293 §3.10.7.4: the SYN-ACK of a simultaneous open is old, but acknowledges ours.
        let of_open = self.state == State::SynReceived
            && segment.has(flag::SYN)
            && segment.has(flag::ACK)
            && segment.acknowledgment == self.snd.una + 1
            && segment.end() == self.rcv.nxt;
        if of_open {
            self.snd.una = segment.acknowledgment;
            self.establish(segment);
            return Ok(Take::Nothing);
        }
        if segment.length > 0 && !segment.end().is_after(self.rcv.nxt) {
            // It came twice, and its sender may not know that: our acknowledgment was lost (RFC 2883 §4).
            self.rcv.twice = Some((segment.sequence, segment.sequence + segment.length));
            // Departure from RFC 7323 §5.3, whose R3 follows R2: its clock is echoed nevertheless. An older one would make
            // the round trip look as long as the timeout was, and the timeout grow with that. But not while something is
            // missing: it may have left before this, and be on its way still.
            let is_near = self.rcv.nxt - segment.sequence <= self.rcv.buffer as usize;
            if is_near && !self.holds() && segment.has(flag::ACK) && self.is_plausible(segment.acknowledgment) {
                self.note_clock(segment, now);
            }
            self.heard = now;
            self.snd.unanswered = 0;
            self.acknowledge_now();
            return Err(Refused::Drop(Dropped::TcpDuplicate));
        }
        if !segment.has(flag::SYN) && !segment.sequence.is_after(self.rcv.edge) {
            // A question whether we are there, or a FIN again.
            self.heard = now;
            self.snd.unanswered = 0;
        }
        // Seldom, or two who find each other's acknowledgments unacceptable would answer each other for ever.
        self.challenge(now);
        Err(Refused::Drop(Dropped::TcpOutsideWindow))
    }

    /// RFC 7323 §5.3, R1: protection against wrapped sequence numbers.
    #[inline]
    fn check_clock(&mut self, segment: &Segment, now: Instant) -> Result<(), Refused> {
        let Some(clock) = &self.clock else { return Ok(()) };
        let Some(theirs) = segment.options.timestamps else {
            // RFC 7323 §3.2: whoever agreed to timestamps sends them, but for resets.
            return if segment.has(flag::RST) { Ok(()) } else { Err(Refused::Drop(Dropped::TcpClock)) };
        };
        let age = theirs.value.wrapping_sub(clock.recent) as i32;
        if age < 0 && !segment.has(flag::RST) && millis(now).wrapping_sub(clock.recent_at) < RECENT_FOR {
            self.challenge(now);
            return Err(Refused::Drop(Dropped::TcpClock));
        }
        Ok(())
    }

    /// RFC 7323 §5.3, R3: TS.Recent, only from what is acceptable in every other way: a stranger who could set it would
    /// shut the peer out (CVE-2005-0356).
    #[inline]
    fn note_clock(&mut self, segment: &Segment, now: Instant) {
        let (Some(clock), Some(theirs)) = (&mut self.clock, segment.options.timestamps) else { return };
        // What is not newer than the last acknowledgment may be echoed; the rest might be a retransmission ahead.
        let newer = theirs.value.wrapping_sub(clock.recent) as i32 >= 0;
        let is_old = millis(now).wrapping_sub(clock.recent_at) >= RECENT_FOR;
        if (newer || is_old) && !segment.sequence.is_after(self.rcv.nxt) {
            (clock.recent, clock.recent_at) = (theirs.value, millis(now));
        }
    }

    /// RFC 9293 §3.10.7.4, seventh and eighth.
    #[inline]
    fn take_data(&mut self, segment: &Segment, now: Instant) -> Take {
        if segment.span() == 0 {
            return Take::Nothing;
        }
        if !matches!(self.state, State::Established | State::FinWait1 | State::FinWait2) {
            // Behind the peer's FIN there is nothing.
            return Take::Nothing;
        }
        let (nxt, end) = (self.rcv.nxt, segment.sequence + segment.length);
        if segment.has(flag::FIN) && !end.is_after(self.rcv.edge) && self.rcv.fin.is_none() && !self.holds_beyond(end) {
            self.rcv.fin = Some(end);
        }
        // Behind the FIN there is nothing, also when it came before what is in front of it.
        let edge = self.rcv.fin.map_or(self.rcv.edge, |fin| self.rcv.edge.earlier(fin));
        let start = nxt - segment.sequence;
        let stop = segment.length.min(edge - segment.sequence);
        // RFC 9293 §3.8.6.2.2: what does not fit is not acknowledged, and the window is told once more.
        if segment.length > stop {
            self.acknowledge_now();
        }
        if start >= stop && segment.length > 0 {
            if segment.sequence.is_before(nxt) {
                self.rcv.twice = Some((segment.sequence, end.earlier(nxt)));
            }
            self.reach_fin(now);
            return Take::Nothing;
        }
        self.note_their_size(segment.size);
        if segment.length == 0 {
            self.reach_fin(now);
            if self.rcv.fin.is_some() {
                // Out of order, the peer is told what is missing.
                self.acknowledge_now();
            }
            Take::Nothing
        } else if segment.sequence.is_after(nxt) {
            self.rcv.newest = segment.sequence;
            self.rcv.duplicates = self.rcv.duplicates.saturating_add(1);
            self.acknowledge_now();
            Take::Hold(segment.sequence, 0..stop)
        } else {
            if start > 0 {
                self.rcv.twice = Some((segment.sequence, nxt));
            }
            Take::Deliver(start..stop)
        }
    }

    /// Data of a segment of the peer's. What is larger than any of this connection was joined on its way, and counts for several.
    #[inline]
    pub(super) fn note_their_size(&mut self, size: usize) {
        if size > usize::from(self.rcv.segment) {
            self.rcv.segment = self.rcv.segment.max(size.min(usize::from(self.snd.mss)) as u16);
        }
    }

    /// An acknowledgment leaves with the next segment, or alone at the end of the turn.
    #[inline]
    pub(super) fn acknowledge_now(&mut self) {
        self.rcv.acknowledgment = Acknowledgment::Now;
        self.rcv.left_out = 0;
    }

    /// RFC 5961 §3.2, §4.2, §5.2: an acknowledgment that only our peer can make sense of; seldom, for it answers a stranger
    /// (§7, §10).
    pub(super) fn challenge(&mut self, now: Instant) {
        let now = millis(now);
        let interval = limits::CHALLENGE_INTERVAL.as_millis() as u32;
        if self.challenged.is_none_or(|last| now.wrapping_sub(last) >= interval) {
            self.challenged = Some(now);
            self.acknowledge_now();
        }
    }

    /// Whether the user asked for a reset.
    pub(super) fn is_aborting(&self) -> bool {
        self.urge == Urge::Reset
    }
}
