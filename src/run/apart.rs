//! Keeps a loop off the core of the storage thread that works for it.
//!
//! Linux wakes a thread where it ran last or where the thread runs that wakes it, and looks for an idle core only while the
//! machine is not busy: of two cores that share a cache no longer than 60 % (SIS_UTIL). A loop and a storage thread that share a
//! core once wake each other there for tens of milliseconds, each waiting for the other, while another core idles.
//!
//! The loop steps aside then, and stays away for a moment, or its next wake takes it back; after that the scheduler does as it
//! likes. Who moves few bytes stays where it is, for a thread on the same core is woken sooner than one on a core that sleeps.

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

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
    /// While it stays away from a core: until when, and all that it may use.
    away: Option<(Instant, CpuSet)>,
}

impl Apart {
    /// The loop was woken. `counters`: what it counted so far; `now`: when its last turn began.
    pub(super) fn woken(&mut self, waker: &Waker, counters: &Counters, now: Instant) {
        if self.away.is_some_and(|(until, _)| until <= now) {
            self.come_back();
        }
        if let Some(core) = waker.take_core()
            && self.is_to_go(core == sched_getcpu(), counters.bytes_received + counters.bytes_sent)
        {
            self.come_back();
            self.step_aside(core, now);
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

    /// Moves the calling thread to another core that it may use, if there is one.
    fn step_aside(&mut self, core: usize, now: Instant) {
        let Ok(all) = sched_getaffinity(None) else { return };
        let mut others = all;
        others.unset(core);
        // It fails where there are no others, and then nothing changed.
        if sched_setaffinity(None, &others).is_ok() {
            self.away = Some((now + limits::APART, all));
        }
    }

    /// Lets it use all cores again that it might before. Whoever chose others for it meanwhile has to do so again.
    fn come_back(&mut self) {
        if let Some((_, all)) = self.away.take() {
            // It fails where none of them is left, and then it uses what there is.
            let _ = sched_setaffinity(None, &all);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

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
            let (all, core, now) = (sched_getaffinity(None).unwrap(), sched_getcpu(), Instant::from_millis(1000));
            let (mut apart, waker) = (Apart::default(), Waker::new().unwrap());
            apart.step_aside(core, now);
            let moved = all.count() == 1 || sched_getcpu() != core;
            let mut woken = |now| {
                apart.woken(&waker, &Counters::default(), now);
                sched_getaffinity(None).unwrap() == all
            };
            (moved, woken(now) == (all.count() == 1), woken(now + limits::APART))
        });
        assert_eq!(stepped.join().unwrap(), (true, true, true));
    }

    #[test]
    fn who_is_pinned_stays() {
        let stayed = thread::spawn(|| {
            let (mut one, core) = (CpuSet::new(), sched_getcpu());
            one.set(core);
            sched_setaffinity(None, &one).unwrap();
            let mut apart = Apart::default();
            apart.step_aside(core, Instant::ZERO);
            (apart.away.is_none(), sched_getcpu() == core, sched_getaffinity(None).unwrap() == one)
        });
        assert_eq!(stayed.join().unwrap(), (true, true, true));
    }
}
