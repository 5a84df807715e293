//! Moves a thread off a core for a moment.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::base::limits;
use crate::base::time::Instant;

/// Where the calling thread may run; always of the same thread.
#[derive(Default)]
pub(super) struct Aside {
    /// While it stays away from a core: until when, and all that it may use.
    away: Option<(Instant, CpuSet)>,
}

impl Aside {
    /// Lets it use all cores again that it might before, when its time is over; returns whether it still stays away.
    pub(super) fn come_back_in_time(&mut self, now: Instant) -> bool {
        if self.away.is_some_and(|(until, _)| until <= now) {
            self.come_back();
        }
        self.away.is_some()
    }

    /// Moves it to another core that it may use, if there is one.
    pub(super) fn step(&mut self, core: usize, now: Instant) {
        self.come_back();
        let Ok(all) = sched_getaffinity(None) else { return };
        let mut others = all;
        others.unset(core);
        // It fails where there are no others, and then nothing changed.
        if sched_setaffinity(None, &others).is_ok() {
            self.away = Some((now + limits::APART, all));
        }
    }

    /// Whoever chose other cores for it meanwhile has to do so again.
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

    use rustix::thread::sched_getcpu;

    use super::*;

    #[test]
    fn a_thread_steps_aside_and_may_come_back() {
        // In a thread of its own, for it is moved.
        let stepped = thread::spawn(|| {
            let (all, core, now) = (sched_getaffinity(None).unwrap(), sched_getcpu(), Instant::from_millis(1000));
            let mut aside = Aside::default();
            aside.step(core, now);
            let moved = all.count() == 1 || sched_getcpu() != core;
            let mut is_back = |now| {
                let is_away = aside.come_back_in_time(now);
                (is_away, sched_getaffinity(None).unwrap() == all)
            };
            (moved, is_back(now) == (all.count() > 1, all.count() == 1), is_back(now + limits::APART))
        });
        assert_eq!(stepped.join().unwrap(), (true, true, (false, true)));
    }

    #[test]
    fn who_is_pinned_stays() {
        let stayed = thread::spawn(|| {
            let (mut one, core) = (CpuSet::new(), sched_getcpu());
            one.set(core);
            sched_setaffinity(None, &one).unwrap();
            let mut aside = Aside::default();
            aside.step(core, Instant::ZERO);
            (aside.come_back_in_time(Instant::ZERO), sched_getcpu() == core, sched_getaffinity(None).unwrap() == one)
        });
        assert_eq!(stayed.join().unwrap(), (false, true, true));
    }
}
