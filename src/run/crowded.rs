//! Lets a storage thread leave a core that others want, too.
//!
//! While a file is sent, three work in turn: the storage thread that reads ahead, the loop, and the peer's host or, over a TAP, the
//! client itself. On two cores two of them share one. A storage thread always has something to read, and whoever shares its core
//! waits for it or lets it wait; a loop and its client wait for each other anyway, and what one has just copied the other finds in
//! the core's own cache. The scheduler knows nothing of that, and moves nobody who is waited for only a little.
//!
//! So the storage thread looks how much of its time it did not get, and goes where it may get more. A loop that it meets there
//! steps aside (`apart`).

use std::time::Duration;

use rustix::thread::sched_getcpu;
use rustix::time::{ClockId, clock_gettime};

use super::aside::Aside;
use super::clock::Clock;
use crate::base::limits;
use crate::base::time::Instant;

/// What a thread knows of its own time.
pub(super) struct Crowded {
    clock: Clock,
    /// How long it worked since it last looked.
    worked: Duration,
    /// What it had got of a core then.
    got: Duration,
    aside: Aside,
}

impl Crowded {
    /// To be made by the thread itself.
    pub(super) fn new() -> Crowded {
        Crowded { clock: Clock::new(), worked: Duration::ZERO, got: got(), aside: Aside::default() }
    }

    /// Does some work, and looks then.
    pub(super) fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = self.clock.now();
        let done = work();
        let now = self.clock.now();
        self.worked += now - began;
        // Asking takes a system call.
        if self.worked >= limits::CROWDED_AFTER {
            self.look(now);
        }
        done
    }

    #[cold]
    fn look(&mut self, now: Instant) {
        let (worked, all) = (std::mem::take(&mut self.worked), got());
        let got = all - std::mem::replace(&mut self.got, all);
        if !self.aside.come_back_in_time(now) && is_crowded(worked, got) {
            self.aside.step(sched_getcpu(), now);
        }
    }
}

/// Whether a thread that got so much of a core while it worked for so long had to share it. One that got next to nothing waited for
/// a disk.
fn is_crowded(worked: Duration, got: Duration) -> bool {
    let share = got.as_secs_f64() / worked.as_secs_f64();
    (limits::CROWDED_LEAST..limits::CROWDED_MOST).contains(&share)
}

/// How long the calling thread has run.
fn got() -> Duration {
    // It has run for less than 500 years.
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_some_of_its_time_is_crowded_and_who_gets_none_waits_for_a_disk() {
        let is_crowded = |got| is_crowded(Duration::from_millis(100), Duration::from_millis(got));
        assert!([30, 50, 75].map(is_crowded).iter().all(|is| *is));
        assert!(![0, 5, 95, 100, 110].map(is_crowded).iter().any(|is| *is));
    }

    #[test]
    fn a_thread_that_sleeps_is_not_crowded() {
        let stayed = std::thread::spawn(|| {
            let mut crowded = Crowded::new();
            crowded.watch(|| std::thread::sleep(2 * limits::CROWDED_AFTER));
            let now = crowded.clock.now();
            (crowded.worked, crowded.aside.come_back_in_time(now))
        });
        assert_eq!(stayed.join().unwrap(), (Duration::ZERO, false));
    }
}
