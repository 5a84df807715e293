//! Keeps a loop off the core of the storage thread that works for it.
//!
//! Linux wakes a thread where it ran last or where the thread runs that wakes it, and looks for an idle core only while the
//! machine is not busy: of two cores that share a cache no longer than 60 % (SIS_UTIL). A loop and a storage thread that share a
//! core once wake each other there for tens of milliseconds, each waiting for the other, while another core idles.
//!
//! Nothing is pinned: the loop steps aside, and from then on the scheduler does as it likes. Who moves few bytes stays, for a
//! thread on the same core is woken sooner than one on a core that sleeps.

use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity};

use crate::base::counters::Counters;
use crate::base::limits;
use crate::device::Waker;

/// What a loop knows of those who woke it.
#[derive(Default)]
pub(super) struct Apart {
    /// How often in a row it was woken by somebody on its own core.
    meetings: u32,
    /// Bytes that had crossed the device before.
    moved: u64,
}

impl Apart {
    /// The loop was woken. `counters`: what it counted so far.
    pub(super) fn woken(&mut self, waker: &Waker, counters: &Counters) {
        if let Some(core) = waker.take_core()
            && self.is_to_go(core == sched_getcpu(), counters.bytes_received + counters.bytes_sent)
        {
            step_aside(core);
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

/// Moves the calling thread to another core that it may use, if there is one.
fn step_aside(core: usize) {
    let Ok(all) = sched_getaffinity(None) else { return };
    let mut others = all;
    others.unset(core);
    // It fails where there are no others, and then nothing changed.
    if sched_setaffinity(None, &others).is_ok() {
        // Whoever changed it in between, within a microsecond, has to do so again.
        let _ = sched_setaffinity(None, &all);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::thread::CpuSet;

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

    #[test]
    fn a_thread_steps_aside_and_may_come_back() {
        // In a thread of its own, for it is moved.
        let stepped = thread::spawn(|| {
            let all = sched_getaffinity(None).unwrap();
            // The scheduler may take it back at once; not each time.
            let moved = (0..100).any(|_| {
                let core = sched_getcpu();
                step_aside(core);
                sched_getcpu() != core
            });
            (all.count() == 1 || moved, sched_getaffinity(None).unwrap() == all)
        });
        assert_eq!(stepped.join().unwrap(), (true, true));
    }

    #[test]
    fn who_is_pinned_stays() {
        let stayed = thread::spawn(|| {
            let mut one = CpuSet::new();
            let core = sched_getcpu();
            one.set(core);
            sched_setaffinity(None, &one).unwrap();
            step_aside(core);
            (core, sched_getcpu(), sched_getaffinity(None).unwrap() == one)
        });
        let (before, after, same) = stayed.join().unwrap();
        assert!(before == after && same);
    }
}
