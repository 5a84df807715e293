//! Interarrival jitter (RFC 3550 §6.4.1, §A.8), in units of the timestamp.

use crate::base::time::Instant;

/// The estimate of one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    transit: Option<u32>,
    /// Sixteen times the jitter.
    scaled: u32,
}

impl Jitter {
    /// A packet with this timestamp came at `arrival`, in the same units.
    #[inline]
    pub fn packet(&mut self, timestamp: u32, arrival: u32) {
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // Added before it is taken away: the other way round the sum could be less than nothing.
            self.scaled = self.scaled.saturating_add(difference) - ((self.scaled.saturating_add(8)) >> 4);
        }
        self.transit = Some(transit);
    }

    /// The jitter, as a report carries it.
    pub fn value(&self) -> u32 {
        self.scaled >> 4
    }

    /// The next packet is compared with none before it: the stream began anew.
    pub fn restart(&mut self) {
        self.transit = None;
    }
}

/// A time in units of a clock, of which only differences mean anything.
#[inline]
pub fn units(now: Instant, rate: u32) -> u32 {
    const SECOND: u64 = 1_000_000_000;
    let (seconds, rest) = (now.as_nanos() / SECOND, now.as_nanos() % SECOND);
    let whole = seconds.wrapping_mul(u64::from(rate));
    whole.wrapping_add(rest * u64::from(rate) / SECOND) as u32
}
