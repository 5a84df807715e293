//! Keeps a loop off the core of the storage thread that works for it.
//!
//! Linux wakes a thread where it ran last or where the thread runs that wakes it, and looks for an idle core only while the
//! machine is not busy: of two cores that share a cache no longer than 60 % (SIS_UTIL). A loop and a storage thread that share a
//! core once wake each other there for tens of milliseconds, each waiting for the other, while another core idles.
//!
//! The loop steps aside then, and stays away for a moment, or its next wake takes it back; after that the scheduler does as it
//! likes. Who moves few bytes stays where it is, for a thread on the same core is woken sooner than one on a core that sleeps.

use rustix::thread::sched_getcpu;

use super::aside::Aside;
use crate::base::counters::Counters;
use crate::base::limits;
use crate::base::time::Instant;
use crate::device::Waker;

/// What a loop knows of those who woke it.
#[derive(Default)]
pub(super) struct Apart {
    /// How often in a row it was woken by somebody on its own core.
    meetings: u32,
    /// Bytes that had crossed the device before.
    moved: u64,
    aside: Aside,
}

impl Apart {
    /// The loop was woken. `counters`: what it counted so far; `now`: when its last turn began.
    pub(super) fn woken(&mut self, waker: &Waker, counters: &Counters, now: Instant) {
        self.aside.come_back_in_time(now);
        if let Some(core) = waker.take_core()
            && self.is_to_go(core == sched_getcpu(), counters.bytes_received + counters.bytes_sent)
        {
            self.aside.step(core, now);
        }
    }

    /// It was woken on the core of who woke it, or was not; so many bytes have crossed the device until now. Whether it is to go
    /// to another core.
    fn is_to_go(&mut self, same: bool, moved: u64) -> bool {
        if !same {
            self.meetings = 0;
            return false;
        }
        if self.meetings == 0 {
            self.moved = moved;
        }
        self.meetings += 1;
        if self.meetings < limits::MEETINGS {
            return false;
        }
        self.meetings = 0;
        moved - self.moved >= limits::MEETINGS_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bytes_and_many_meetings_in_a_row_are_worth_a_move() {
        let moves = |bytes: u64, elsewhere: u32, times: u32| {
            let mut apart = Apart::default();
            (1..=times).filter(|time| apart.is_to_go(*time != elsewhere, u64::from(*time) * bytes)).count()
        };
        let (many, few) = (64 << 10, 4 << 10);
        assert_eq!(moves(many, 0, limits::MEETINGS - 1), 0);
        assert_eq!(moves(many, 0, limits::MEETINGS), 1);
        assert_eq!(moves(many, 0, 3 * limits::MEETINGS), 3, "it begins to count again");
        assert_eq!(moves(many, 5, limits::MEETINGS + 4), 0, "not in a row");
        assert_eq!(moves(few, 0, 10 * limits::MEETINGS), 0);
    }
}
