//! The retransmission timer's estimate (RFC 6298).

use std::time::Duration;

use crate::base::limits;

/// Smoothed round-trip time, its variation, and the timeout that follows from them.
///
/// Departure: the timeout is at least [`limits::RTO_MINIMUM`] longer than the round trip, instead of RFC 6298's second in all
/// (2.4), as everybody's is. So a peer may delay an acknowledgment, however steady the path and long the round trip. The clock
/// is as fine as time is told, so *G* of (2.2) is nothing beside that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rtt {
    /// Microseconds; zero before the first sample.
    smoothed: u32,
    variation: u32,
    /// The shortest round trip.
    least: u32,
    /// How often the timeout was doubled since something was acknowledged.
    backoff: u8,
}

impl Rtt {
    /// Takes a sample (RFC 6298 §2.2, §2.3), and ends the backing off.
    pub(super) fn sample(&mut self, sample: Duration) {
        let sample = micros(sample);
        self.backoff = 0;
        if self.smoothed == 0 {
            (self.smoothed, self.variation) = (sample, sample / 2);
        } else {
            self.variation = (3 * self.variation + self.smoothed.abs_diff(sample)) / 4;
            self.smoothed = (7 * self.smoothed + sample) / 8;
        }
    }

    /// The smoothed round-trip time, once there was a sample.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        (self.smoothed > 0).then(|| Duration::from_micros(u64::from(self.smoothed)))
    }

    /// How much it varies.
    pub(super) fn variation(&self) -> Duration {
        Duration::from_micros(u64::from(self.variation))
    }

    /// How often the timeout was doubled since something was acknowledged.
    pub(super) fn backoff(&self) -> u8 {
        self.backoff
    }

    /// Something came back so soon after it left.
    #[inline]
    pub(super) fn note_least(&mut self, sample: Duration) {
        let sample = micros(sample);
        if self.least == 0 || sample < self.least {
            self.least = sample;
        }
    }

    /// The shortest round trip; zero before the first.
    pub(super) fn least(&self) -> Duration {
        Duration::from_micros(u64::from(self.least))
    }

    /// Whether the timer expired since something was acknowledged.
    pub(super) fn is_backing_off(&self) -> bool {
        self.backoff > 0
    }

    /// How long to wait before sending again.
    pub(super) fn timeout(&self) -> Duration {
        let base = match self.smoothed() {
            None => limits::RTO_INITIAL,
            Some(smoothed) => {
                let variation = Duration::from_micros(4 * u64::from(self.variation));
                smoothed + variation.max(limits::RTO_MINIMUM)
            }
        };
        (base * (1 << self.backoff.min(16))).min(limits::RTO_MAXIMUM)
    }

    /// The timer expired (RFC 6298 §5.5).
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// Something was acknowledged: the way is open again.
    pub(super) fn stop_backing_off(&mut self) {
        self.backoff = 0;
    }
}

fn micros(sample: Duration) -> u32 {
    u32::try_from(sample.as_micros()).unwrap_or(u32::MAX / 16).clamp(1, u32::MAX / 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_rfc_computes_it() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), Duration::from_secs(1));
        rtt.sample(Duration::from_millis(400));
        assert_eq!(rtt.timeout(), Duration::from_millis(400 + 4 * 200));
        rtt.sample(Duration::from_millis(480));
        // RTTVAR = 3/4 · 200 + 1/4 · 80, SRTT = 7/8 · 400 + 1/8 · 480.
        assert_eq!(rtt.timeout(), Duration::from_millis(410 + 4 * 170));
    }

    #[test]
    fn a_round_trip_may_be_longer_than_the_longest_timeout() {
        for sample in [limits::RTO_MAXIMUM + Duration::from_secs(1), Duration::from_secs(1 << 31), Duration::MAX] {
            let mut rtt = Rtt::default();
            rtt.sample(sample);
            assert_eq!(rtt.timeout(), limits::RTO_MAXIMUM);
        }
    }

    #[test]
    fn it_backs_off_up_to_a_minute() {
        let mut rtt = Rtt::default();
        rtt.sample(Duration::from_micros(50));
        let first = limits::RTO_MINIMUM + Duration::from_micros(50);
        assert_eq!(rtt.timeout(), first);
        let timeouts: Vec<_> = (0..20).map(|_| (rtt.back_off(), rtt.timeout()).1).collect();
        assert_eq!(timeouts[..3], [2, 4, 8].map(|factor| first * factor));
        assert_eq!(timeouts[19], limits::RTO_MAXIMUM);
        rtt.sample(Duration::from_micros(50));
        assert_eq!(rtt.timeout(), first);
    }

    /// A steady path varies by nothing, and its peer may still take its time.
    #[test]
    fn a_delayed_acknowledgment_is_no_loss_on_a_steady_path() {
        let mut rtt = Rtt::default();
        (0..100).for_each(|_| rtt.sample(Duration::from_millis(150)));
        assert!(rtt.timeout() >= Duration::from_millis(150) + limits::RTO_MINIMUM);
    }
}
