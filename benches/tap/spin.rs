//! When to stop spinning: the rule of `run::Shard`, for the contenders that have no `Shard`.

use std::time::{Duration, Instant};

/// How long every contender goes on reading after the last frame before it sleeps.
pub(crate) const SPIN: Duration = Duration::from_micros(50);

/// Reading is the poll: whoever finds nothing reads again until [`SPIN`] has passed since the last frame.
pub(crate) struct Spin {
    /// Set by the first read that finds nothing, so that nobody looks at the clock for a frame.
    since: Option<Instant>,
}

impl Spin {
    pub(crate) fn new() -> Spin {
        Spin { since: None }
    }

    /// A frame came.
    pub(crate) fn worked(&mut self) {
        self.since = None;
    }

    /// Nothing came: whether to read again rather than sleep.
    pub(crate) fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        now < *self.since.get_or_insert(now) + SPIN
    }
}
