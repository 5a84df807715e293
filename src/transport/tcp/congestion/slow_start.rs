//! HyStart++ (RFC 9406): the first slow start ends when round trips become longer, before a queue overflows.

use super::Acked;
use crate::transport::tcp::sequence::SeqNumber;

/// RFC 9406 §4.3: by how many microseconds a round trip has to be longer: an eighth of it, within these.
const THRESHOLD: (u32, u32) = (4_000, 16_000);
const DIVISOR: u32 = 8;
/// N_RTT_SAMPLE: so many acknowledgments tell what the round trips of a round are.
const SAMPLES: u8 = 8;
/// CSS_GROWTH_DIVISOR, CSS_ROUNDS: by how much slower it grows, and for how long, while it is not sure.
const GROWTH_DIVISOR: u32 = 4;
const ROUNDS: u8 = 5;

/// What it remembers. Times are in microseconds.
///
/// Departure: no limit *L* for the growth of one acknowledgment (§4.2), for it may stand for a superframe.
#[derive(Clone, Debug)]
pub(super) struct SlowStart {
    /// What is acknowledged beyond this belongs to the next round.
    end: SeqNumber,
    /// The shortest round trip of the last round, and of this one.
    last: u32,
    current: u32,
    samples: u8,
    /// Conservative Slow Start: rounds so far, and the shortest round trip when it began; zero before.
    rounds: u8,
    baseline: u32,
}

impl Default for SlowStart {
    fn default() -> SlowStart {
        SlowStart { end: SeqNumber(0), last: u32::MAX, current: u32::MAX, samples: 0, rounds: 0, baseline: 0 }
    }
}

/// How the window grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// By so many bytes.
    By(u32),
    /// Slow start is over.
    Over,
}

impl SlowStart {
    /// New data were acknowledged (RFC 9406 §4.2).
    pub(super) fn on_acked(&mut self, acked: &Acked) -> Growth {
        if self.samples == 0 && self.current == u32::MAX && self.last == u32::MAX && self.end == SeqNumber(0) {
            self.end = acked.sent;
        }
        if acked.acknowledged.is_after(self.end) {
            (self.last, self.current, self.samples, self.end) = (self.current, u32::MAX, 0, acked.sent);
            self.rounds += u8::from(self.is_conservative());
            if self.rounds >= ROUNDS {
                return Growth::Over;
            }
        }
        if let Some(sample) = acked.sample {
            self.current = self.current.min(sample.as_micros() as u32);
            self.samples = self.samples.saturating_add(1);
        }
        if self.samples >= SAMPLES {
            self.judge();
        }
        Growth::By(if self.is_conservative() { acked.bytes / GROWTH_DIVISOR } else { acked.bytes })
    }

    fn judge(&mut self) {
        if self.is_conservative() {
            // It was a false alarm.
            if self.current < self.baseline {
                (self.rounds, self.baseline) = (0, 0);
            }
        } else if self.last < u32::MAX {
            let threshold = (self.last / DIVISOR).clamp(THRESHOLD.0, THRESHOLD.1);
            if self.current >= self.last.saturating_add(threshold) {
                self.baseline = self.current;
            }
        }
    }

    fn is_conservative(&self) -> bool {
        self.baseline > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Instant;
    use std::time::Duration;

    /// A round of ten acknowledgments of 1,000 bytes each, after so many milliseconds; what it grew by, until it is over.
    fn round(start: &mut SlowStart, number: u32, millis: u64) -> Option<u32> {
        let mut grown = 0;
        for segment in 1..=10 {
            let acked = Acked {
                now: Instant::ZERO,
                bytes: 1000,
                round_trip: Duration::from_millis(50),
                mss: 1000,
                sample: Some(Duration::from_millis(millis)),
                acknowledged: SeqNumber(number * 10_000 + segment * 1000),
                sent: SeqNumber((number + 1) * 10_000),
            };
            match start.on_acked(&acked) {
                Growth::By(bytes) => grown += bytes,
                Growth::Over => return None,
            }
        }
        Some(grown)
    }

    /// RFC 9406 §4.2.
    #[test]
    fn it_ends_when_round_trips_stay_longer() {
        let mut start = SlowStart::default();
        assert_eq!([50, 52, 55].map(|millis| round(&mut start, millis as u32 - 49, millis)), [Some(10_000); 3]);
        let slower = round(&mut start, 7, 70).unwrap();
        assert!(slower < 10_000, "{slower}");
        for number in 8..12 {
            assert_eq!(round(&mut start, number, 71), Some(2500));
        }
        assert_eq!(round(&mut start, 12, 71), None);
    }

    #[test]
    fn a_false_alarm_ends() {
        let mut start = SlowStart::default();
        round(&mut start, 1, 50);
        round(&mut start, 2, 60);
        assert_eq!(round(&mut start, 3, 60), Some(2500));
        round(&mut start, 4, 50);
        assert_eq!(round(&mut start, 5, 50), Some(10_000));
    }
}
