//! The only clock of a shard, read once a turn.

use std::time::SystemTime;

use crate::base::time::Instant;

/// Monotonic time since the clock was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
    began: SystemTime,
}

impl Clock {
    /// A clock that stands at the origin.
    #[allow(clippy::new_without_default, reason = "two clocks made by default would not agree")]
    pub fn new() -> Clock {
        Clock { origin: std::time::Instant::now(), began: SystemTime::now() }
    }

    /// The time of day at [`Instant::ZERO`].
    pub fn began(&self) -> SystemTime {
        self.began
    }

    /// The time.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.origin.elapsed().as_nanos() as u64)
    }
}
