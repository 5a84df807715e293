//! Stretch acknowledgments, for a host beside us.
//!
//! It keeps what it sent until that is acknowledged, and then writes the next data in the same memory. If the acknowledgment comes
//! at once, our core has these lines in a cache of its own still, and to take each of them from there costs the sender several
//! times what it costs from the cache that all cores share. So one acknowledgment covers more than our cache holds: then most of
//! what it frees has left that.
//!
//! Departure from RFC 9293 §3.8.6.3 and RFC 5681 §4.2, by which every second full segment SHOULD be acknowledged. What may come of
//! it (RFC 2525 §2.13) are bursts in the network, and there is none between us; a window that grows late; and a peer whose window
//! or buffer is smaller than what we wait for, which stands still. So it is done for superframes that were on no wire, as long as
//! they follow each other within [`limits::STRETCH_GAP`], for at most three quarters of the window that the peer knows, and for a
//! few at first. When nothing follows the peer may wait for us: it gets its acknowledgment, and when it stood still at the same
//! place before, for a while the next ones sooner.

use super::connection::Connection;
use super::variables::Acknowledgment;
use crate::base::limits;
use crate::base::time::Instant;

/// How far acknowledgments are stretched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// Bytes that one covers at most.
    most: u32,
    /// Before this no more are tried.
    grows_at: Instant,
    /// How many waited when the peer stood still the last time, and how often it did so at the same place.
    paused: (u32, u8),
    /// When the last superframe came.
    came_at: Instant,
}

impl Default for Stretch {
    fn default() -> Stretch {
        Stretch { most: limits::STRETCH.0, grows_at: Instant::ZERO, paused: (0, 0), came_at: Instant::ZERO }
    }
}

impl Connection {
    /// Whether the acknowledgment of what came waits for more: of a superframe, or of the rest behind one.
    #[inline]
    pub(super) fn stretches(&mut self, is_large: bool, now: Instant) -> bool {
        (is_large || self.rare.is_some()) && self.may_stretch(is_large, now)
    }

    #[inline(never)]
    fn may_stretch(&mut self, is_large: bool, now: Instant) -> bool {
        // Allocated once, by the first superframe: few connections get any.
        let stretch = &mut self.rare.get_or_insert_default().stretch;
        let follows = now - stretch.came_at <= limits::STRETCH_GAP;
        if is_large {
            stretch.came_at = now;
        }
        let is_delayed = self.rcv.acknowledgment != Acknowledgment::Now && !self.tuning.delayed_ack.is_zero();
        let left = (self.rcv.edge - self.rcv.nxt) as u32;
        if !follows || !is_delayed || left <= self.rcv.buffer / 4 {
            return false;
        }
        if self.rcv.unacknowledged >= stretch.most {
            if stretch.most >= limits::STRETCH.1 {
                stretch.paused.1 = 0;
            } else if now >= stretch.grows_at {
                stretch.most += stretch.most / 2;
            }
            return false;
        }
        self.rcv.acknowledgment = Acknowledgment::Delayed;
        self.acknowledge_at = now + limits::STRETCH_GAP;
        true
    }

    /// Nothing followed, and the acknowledgment leaves.
    pub(super) fn end_stretch(&mut self, now: Instant) {
        let waited = self.rcv.unacknowledged;
        let Some(rare) = self.rare.as_deref_mut().filter(|_| waited >= 2 * u32::from(self.rcv.segment)) else { return };
        let stretch = &mut rare.stretch;
        let (before, pauses) = stretch.paused;
        // A peer that waits for us stands still at the same place each time; one that had something else to do, anywhere.
        let waits_for_us = waited.abs_diff(before) <= waited / 16;
        stretch.paused.0 = waited;
        if waits_for_us {
            stretch.paused.1 = (pauses + 1).min(limits::STRETCH_RETRY.1);
            stretch.most = waited / 4 * 3;
            stretch.grows_at = now + limits::STRETCH_RETRY.0 * (1 << pauses);
        }
    }
}
