//! Acknowledgments that stay behind, for a host beside us.
//!
//! It keeps what it sent until that is acknowledged, and then writes the next data in the same memory, the last that became free
//! first. If all is acknowledged that came, our core has these lines in a cache of its own still, and to take each of them from
//! there costs the sender several times what it costs from the cache that all cores share. So what came last is left out, more
//! than our cache holds, and is acknowledged when it has left that.
//!
//! Departure from RFC 9293 §3.8.6.3 and RFC 5681 §4.2, by which every second full segment SHOULD be acknowledged. What may come of
//! it (RFC 2525 §2.13) are bursts in the network, and there is none between us; a window that grows late; and a peer that has to
//! wait for us, as its window or buffer is smaller than what is left out, or its pace follows the round trips that it measures. So
//! it is done for superframes that were on no wire, as long as they follow each other within [`limits::STRETCH_GAP`] and a quarter
//! of the window is left; and only while that pays: now and then the other way is tried, and the faster one kept.

use std::time::Duration;

use super::connection::Connection;
use super::sequence::SeqNumber;
use super::variables::Acknowledgment;
use crate::base::limits;
use crate::base::time::Instant;

/// How acknowledgments stay behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// Where they may end, the oldest first: the last one did so there.
    ends: [SeqNumber; limits::STRETCH.1 + 1],
    /// When the last superframe came.
    came_at: Instant,
    trial: Trial,
}

/// Which of two ways brings more bytes.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// Whether acknowledgments stay behind now.
    stretches: bool,
    /// Whether that is tried, beside the rate that the other way had before, in bytes a millisecond; or else kept.
    beside: Option<u64>,
    /// When, and with which byte of the stream, the present measurement began, or begins.
    since: (Instant, u64),
    /// How long the present way is kept, and until when.
    keeps: (Duration, Instant),
}

impl Default for Stretch {
    fn default() -> Stretch {
        let keeps = (limits::STRETCH_TRIAL.1, Instant::ZERO);
        let trial = Trial { stretches: false, beside: None, since: (Instant::ZERO, 0), keeps };
        Stretch { ends: Default::default(), came_at: Instant::ZERO, trial }
    }
}

impl Trial {
    /// A superframe came, so long behind the one before; with it the stream had so many bytes.
    fn measure(&mut self, gap: Duration, position: u64, now: Instant) {
        let (begun, from) = self.since;
        let (measured, least, most) = limits::STRETCH_TRIAL;
        if gap >= measured {
            // The peer had something else to do.
            self.since = (now, position);
            return;
        }
        if now < begun {
            self.since.1 = position;
            return;
        }
        let span = now - begun;
        if span < measured && (self.beside.is_none() || span < measured / 4) {
            return;
        }
        let rate = (position - from) * 1_000_000 / span.as_nanos() as u64;
        // What is much slower is not tried to the end.
        if span < measured && self.beside.is_some_and(|before| rate >= before / 4 * 3) {
            return;
        }
        self.since = (now, position);
        let Some(before) = self.beside.take() else {
            if now >= self.keeps.1 {
                (self.stretches, self.beside) = (!self.stretches, Some(rate));
                // The peer's congestion window has yet to grow to what is left out.
                self.since.0 = if self.stretches { now + measured / 2 } else { now };
            }
            return;
        };
        let (stretched, prompt) = if self.stretches { (rate, before) } else { (before, rate) };
        let pays = stretched > prompt + prompt / 8;
        let kept = if pays == self.stretches { least } else { (4 * self.keeps.0).min(most) };
        (self.stretches, self.keeps) = (pays, (kept, now + kept));
    }
}

impl Connection {
    /// Whether what came is not acknowledged now, or not all of it: a superframe, or the rest behind one.
    #[inline]
    pub(super) fn stretches(&mut self, is_large: bool, now: Instant) -> bool {
        (is_large || self.rare.is_some()) && self.may_stretch(is_large, now)
    }

    #[inline(never)]
    fn may_stretch(&mut self, is_large: bool, now: Instant) -> bool {
        let rcv = &mut self.rcv;
        // Allocated once, by the first superframe: few connections get any.
        let stretch = &mut self.rare.get_or_insert_default().stretch;
        let gap = now - stretch.came_at;
        if is_large {
            stretch.came_at = now;
            stretch.trial.measure(gap, rcv.position, now);
        }
        let is_owed = rcv.acknowledgment == Acknowledgment::Now && rcv.left_out == 0;
        let left = (rcv.edge - rcv.nxt) as u32;
        let follows = gap <= limits::STRETCH_GAP && left > rcv.buffer / 4;
        if !stretch.trial.stretches || !follows || is_owed || self.tuning.delayed_ack.is_zero() {
            stretch.ends.fill(rcv.nxt);
            return false;
        }
        let is_end = (rcv.nxt - stretch.ends[limits::STRETCH.1]) as u32 >= limits::STRETCH.0;
        if is_end {
            stretch.ends.rotate_left(1);
            stretch.ends[limits::STRETCH.1] = rcv.nxt;
        }
        let left_out = (rcv.nxt - stretch.ends[0]) as u32;
        if rcv.left_out > 0 || is_end && left_out < rcv.unacknowledged {
            (rcv.left_out, rcv.acknowledgment) = (left_out, Acknowledgment::Now);
        } else {
            rcv.acknowledgment = Acknowledgment::Delayed;
        }
        self.acknowledge_at = now + limits::STRETCH_GAP;
        true
    }

    /// Which data the next acknowledgment covers.
    #[inline]
    pub(super) fn acknowledges(&self) -> SeqNumber {
        SeqNumber(self.rcv.nxt.0.wrapping_sub(self.rcv.left_out))
    }
}
