//! A TCP connection that carries the data of a test.

use std::sync::LazyLock;

use super::Iperf;
use super::test::Direction;
use crate::application::Stream;
use crate::base::time::Instant;

/// What sessions of a test tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// The last stream connected.
    Complete,
    /// The data may flow.
    Start,
    /// They have flowed.
    Stop,
}

/// What is sent: as much as a superframe holds, so that nothing is ever copied.
static BYTES: LazyLock<Box<[u8]>> = LazyLock::new(|| (0..128 << 10).map(|n| b'0' + (n % 10) as u8).collect());

/// The data half of a connection.
pub(super) struct Carrier {
    position: usize,
    direction: Direction,
    flows: bool,
}

impl Carrier {
    pub(super) fn new(position: usize, direction: Direction) -> Carrier {
        Carrier { position, direction, flows: false }
    }

    pub(super) fn start(&mut self) {
        self.flows = true;
    }

    pub(super) fn stop(&mut self) {
        self.flows = false;
    }

    pub(super) fn received(&self, iperf: &Iperf, count: usize, now: Instant) {
        self.count(iperf, count, now);
    }

    /// Sends as much as there is room for.
    pub(super) fn send(&self, iperf: &Iperf, stream: &mut Stream<'_>) {
        if !self.flows || self.direction == Direction::Receive {
            return;
        }
        let mut count = 0;
        while stream.room() > 0 {
            count += stream.share(&BYTES);
        }
        self.count(iperf, count, stream.io.now());
    }

    fn count(&self, iperf: &Iperf, count: usize, now: Instant) {
        iperf.with(|current| {
            if let Some(test) = current {
                test.check_omitted(now);
                if let Some(stream) = test.streams.get_mut(self.position) {
                    stream.bytes += count as u64;
                }
            }
        });
    }
}
