//! CUBIC (RFC 9438).
//!
//! The window is a cubic function of the time since the last loss: it comes back fast, stays long near where it was lost,
//! then probes beyond. Where Reno would be faster (short round trips), it does as Reno does (§4.3).

use super::{Acked, Control, Window};
use crate::base::limits;
use crate::base::time::Instant;

/// RFC 9438 §4.6.
const BETA: f32 = 0.7;
/// RFC 9438 §4.1, in segments a second cubed.
const C: f32 = 0.4;
/// RFC 9438 §4.3: what makes the Reno-friendly region as aggressive as Reno with half as window reduction.
const ALPHA: f32 = 3.0 * (1.0 - BETA) / (1.0 + BETA);

/// What it remembers. Windows are in segments, as in the RFC.
#[derive(Clone, Debug, Default)]
pub(super) struct Cubic {
    /// W_max: the window just before the last reduction.
    most: f32,
    /// K: seconds until the cubic function is back there.
    k: f32,
    /// W_est: what Reno would have.
    estimate: f32,
    /// When the congestion avoidance stage began, in milliseconds that wrap; none before the first acknowledgment in it.
    epoch: Option<u32>,
    /// When the window grew last, likewise.
    grown: u32,
}

impl Cubic {
    fn reduce(&mut self, window: &mut Window, in_flight: u32, mss: u32) {
        let segments = in_flight as f32 / mss as f32;
        // RFC 9438 §4.7, fast convergence: who has less than before leaves room for others.
        self.most = if segments < self.most { segments * (1.0 + BETA) / 2.0 } else { segments };
        window.threshold = ((in_flight as f32 * BETA) as u32).max(2 * mss);
        self.epoch = None;
    }
}

impl Control for Cubic {
    fn on_acked(&mut self, window: &mut Window, acked: Acked) {
        if window.is_in_slow_start() {
            return window.slow_start(acked.bytes);
        }
        let mss = acked.mss as f32;
        let current = window.congestion as f32 / mss;
        // RFC 9438 §5.8: time in which the application had less to send than it might does not count.
        let now = (acked.now.as_nanos() / 1_000_000) as u32;
        let pause = now.wrapping_sub(self.grown);
        if let Some(epoch) = &mut self.epoch
            && u128::from(pause) > 2 * acked.round_trip.as_millis() + 1
        {
            *epoch = epoch.wrapping_add(pause);
        }
        self.grown = now;
        let epoch = *self.epoch.get_or_insert_with(|| {
            self.estimate = current;
            self.most = self.most.max(current);
            self.k = ((self.most - current) / C).cbrt();
            now
        });
        let segments = acked.bytes as f32 / mss;
        let cubic = |seconds: f32| C * (seconds - self.k).powi(3) + self.most;
        let elapsed = now.wrapping_sub(epoch) as f32 / 1000.0;
        // RFC 9438 §4.3: from W_max on as fast as Reno itself.
        let alpha = if self.estimate < self.most { ALPHA } else { 1.0 };
        self.estimate += alpha * segments / current;
        let next = if cubic(elapsed) < self.estimate {
            self.estimate
        } else {
            // RFC 9438 §4.2: the target of the next round trip, within one and a half times the window.
            let target = cubic(elapsed + acked.round_trip.as_secs_f32()).clamp(current, 1.5 * current);
            current + (target - current) / current * segments
        };
        window.congestion = ((next * mss) as u32).clamp(window.congestion, limits::CONGESTION_WINDOW);
    }

    fn on_loss(&mut self, window: &mut Window, in_flight: u32, mss: u32, _now: Instant) {
        self.reduce(window, in_flight, mss);
        window.congestion = window.threshold;
    }

    fn on_timeout(&mut self, window: &mut Window, in_flight: u32, mss: u32) {
        // RFC 9438 §4.8: the threshold as after a loss, the window as RFC 5681 has it.
        self.reduce(window, in_flight, mss);
        window.congestion = mss;
    }
}
