//! Wall-clock time as RTCP carries it (RFC 3550 §4), and round trips (§6.4.1).

use std::time::Duration;

use crate::base::time::Instant;

/// Seconds from 1900, where NTP's time begins, to 1970.
const EPOCH: u64 = 2_208_988_800;
const SECOND: u128 = 1_000_000_000;

/// Seconds since 1900 in 32.32 bits; the era wraps in 2036, and differences go on to be right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ntp(pub u64);

impl Ntp {
    /// So long after 1970.
    pub fn since_1970(span: Duration) -> Ntp {
        Ntp((span.as_secs().wrapping_add(EPOCH) << 32) | fraction(span.subsec_nanos()))
    }

    /// The middle 32 bits, as LSR, LRR and DLSR count: units of 1/65536 s.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

fn fraction(nanos: u32) -> u64 {
    ((u128::from(nanos) << 32) / SECOND) as u64
}

/// Tells the wall clock's time of an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallClock {
    /// How long after 1970 the origin of instants was.
    pub origin: Duration,
}

impl WallClock {
    /// The time at `now`.
    pub fn at(&self, now: Instant) -> Ntp {
        Ntp::since_1970(self.unix(now))
    }

    /// The same as a span since 1970.
    pub fn unix(&self, now: Instant) -> Duration {
        self.origin + now.since(Instant::ZERO)
    }
}

/// A span in units of 1/65536 s, as DLSR carries it.
pub fn delay(span: Duration) -> u32 {
    u32::try_from((span.as_nanos() << 16) / SECOND).unwrap_or(u32::MAX)
}

/// The round trip that a report block tells of: it came `now`, in answer to what we sent at `lsr`, held for `dlsr`. `None`
/// when it answers nothing, or the clocks say that it came before it left.
pub fn round_trip(now: Ntp, lsr: u32, dlsr: u32) -> Option<Duration> {
    if lsr == 0 {
        return None;
    }
    let units = now.middle().wrapping_sub(lsr).wrapping_sub(dlsr);
    // Half the range is a negative number: a clock was set, or somebody lies.
    (units < 1 << 31).then(|| Duration::from_nanos(((u128::from(units) * SECOND) >> 16) as u64))
}
