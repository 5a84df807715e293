//! The tail loss probe (RFC 8985 §7), and the one timer of what is in flight.

use std::time::Duration;

use super::connection::{Connection, State};
use super::recovery::{Alarm, Phase, Probe};
use crate::base::limits;
use crate::base::time::Instant;

impl Connection {
    /// Whether a tail loss probe makes sense (RFC 8985 §7.2).
    #[inline]
    fn may_probe(&self) -> bool {
        self.selective
            && self.snd.window > 0
            && !matches!(self.state, State::SynSent | State::SynReceived)
            && self.recovery.as_ref().is_none_or(|recovery| {
                let is_recovering = matches!(recovery.phase, Phase::Fast | Phase::Timeout);
                !is_recovering && recovery.probe == Probe::None && recovery.board.is_done()
            })
    }

    /// RFC 8985 §7.2: two round trips, and how long a single segment's acknowledgment may be delayed.
    #[inline]
    fn probe_timeout(&self) -> Duration {
        let timeout = self.rtt.timeout();
        let Some(smoothed) = self.rtt.smoothed() else { return timeout };
        let is_single = self.snd.nxt - self.snd.una <= self.data_size();
        let delay = if is_single { limits::PROBE_DELAYED_ACK } else { Duration::ZERO };
        (2 * smoothed + delay).max(limits::PROBE_MINIMUM).min(timeout)
    }

    /// Sets the timer for what is in flight (RFC 6298 §5, RFC 8985 §7.2, §8).
    #[inline]
    pub(super) fn arm(&mut self, now: Instant) {
        if self.snd.una == self.snd.nxt {
            self.retransmit_at = Instant::NEVER;
            self.alarm = Alarm::Timeout;
            return;
        }
        (self.alarm, self.retransmit_at) = match self.may_probe() {
            true => (Alarm::Probe, now + self.probe_timeout()),
            false => (Alarm::Timeout, (now + self.rtt.timeout()).min(self.give_up_at())),
        };
        if let Some(recovery) = &self.recovery
            && recovery.judge_at < self.retransmit_at
        {
            (self.alarm, self.retransmit_at) = (Alarm::Late, recovery.judge_at);
        }
    }

    /// Nothing was heard for too long: the end of what is in flight may be lost (RFC 8985 §7.3).
    pub(super) fn begin_probe(&mut self, now: Instant) {
        self.recovery().probe = Probe::Wanted;
        self.arm(now);
    }

    /// RFC 8985 §7.4.2: what was lost and came with the probe was lost all the same.
    pub(super) fn end_probe(&mut self, is_bare_duplicate: bool, twice: bool, now: Instant) {
        let (una, nxt, size) = (self.snd.una, self.snd.nxt, self.data_size());
        let Some(recovery) = &mut self.recovery else { return };
        if recovery.probe == Probe::Wanted && una == nxt {
            // The device was full when it was due, and there is nothing left to ask for.
            recovery.probe = Probe::None;
        }
        let (Probe::New(end) | Probe::Again(end)) = recovery.probe else { return };
        if una.is_before(end) {
            return;
        }
        let was_again = matches!(recovery.probe, Probe::Again(_));
        if !was_again || twice || is_bare_duplicate {
            recovery.probe = Probe::None;
        } else if una.is_after(end) {
            recovery.probe = Probe::None;
            if recovery.phase == Phase::Watching {
                let in_flight = ((nxt - una) as u32).max(self.congestion.window());
                self.congestion.on_loss(in_flight, size as u32, now);
            }
        }
    }
}
