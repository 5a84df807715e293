//! The only clock of a shard, read once a turn.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::base::time::Instant;

/// Monotonic time since the clock was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// On the kernel's monotonic clock.
    origin: Duration,
    began: SystemTime,
}

impl Clock {
    /// A clock that stands at the origin.
    #[allow(clippy::new_without_default, reason = "two clocks made by default would not agree")]
    pub fn new() -> Clock {
        Clock { origin: monotonic(), began: SystemTime::now() }
    }

    /// The time of day at [`Instant::ZERO`].
    pub fn began(&self) -> SystemTime {
        self.began
    }

    /// The time.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos((monotonic() - self.origin).as_nanos() as u64)
    }
}

// Not by `std::time::Instant`, which is four functions in as many pages: every turn reads it.
#[inline]
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
