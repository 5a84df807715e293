//! Reno (RFC 5681), with what RFC 6582 and RFC 6675 say of its recovery.

use super::{Acked, Control, Window};
use crate::base::limits;
use crate::base::time::Instant;

/// Additive increase, multiplicative decrease.
#[derive(Clone, Debug, Default)]
pub(super) struct Reno {
    /// Bytes acknowledged towards the next segment of growth.
    counted: u32,
}

impl Control for Reno {
    fn on_acked(&mut self, window: &mut Window, acked: Acked) {
        if window.is_in_slow_start() {
            return window.slow_start(acked.bytes);
        }
        // RFC 3465 §2.1: a segment for every window that was acknowledged.
        self.counted += acked.bytes;
        if self.counted >= window.congestion {
            self.counted -= window.congestion;
            window.congestion = (window.congestion + acked.mss).min(limits::CONGESTION_WINDOW);
        }
    }

    fn on_loss(&mut self, window: &mut Window, in_flight: u32, mss: u32, _now: Instant) {
        // RFC 5681 §3.1, equation 4; RFC 6675 §5, step 4.2.
        window.threshold = (in_flight / 2).max(2 * mss);
        window.congestion = window.threshold;
        self.counted = 0;
    }

    fn on_timeout(&mut self, window: &mut Window, in_flight: u32, mss: u32) {
        // RFC 5681 §3.1, equation 4: half of what was in flight, then slow start from one segment.
        window.threshold = (in_flight / 2).max(2 * mss);
        window.congestion = mss;
        self.counted = 0;
    }
}
