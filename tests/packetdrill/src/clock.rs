//! Time that moves only when it is told to, and who waits for something to happen in it.
//!
//! packetdrill has two threads: one that reads the script, and one for system calls that block. Whoever moves time, or
//! changes what a blocked call waits for, lets that call look first, and waits until it has either gone back to sleep or
//! noted the time at which it returned.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

thread_local! {
    /// This thread's call was blocked, and the time of its end was not asked yet.
    static RETURNS: Cell<bool> = const { Cell::new(false) };
}

/// Who is asleep in a blocked call, and who was woken.
#[derive(Default)]
struct Sleepers {
    asleep: usize,
    /// Woken, and neither asleep again nor through with the call.
    awake: usize,
    /// How often they were woken.
    round: u64,
}

struct Guarded<T> {
    value: T,
    sleepers: Sleepers,
}

/// Something that is seen by one thread at a time, and in which others wait.
pub(crate) struct Shared<T> {
    guarded: Mutex<Guarded<T>>,
    changed: Condvar,
}

/// The right to look at it.
pub(crate) struct Turn<'a, T> {
    shared: &'a Shared<T>,
    guard: Option<MutexGuard<'a, Guarded<T>>>,
}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Shared<T> {
        let guarded = Guarded { value, sleepers: Sleepers::default() };
        Shared { guarded: Mutex::new(guarded), changed: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> Turn<'_, T> {
        let guard = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { shared: self, guard: Some(guard) }
    }

    /// Whether this thread comes back from a blocked call, whose end was to be noted: it is, now.
    pub(crate) fn note_return(&self) -> bool {
        let returns = RETURNS.replace(false);
        if returns {
            let mut turn = self.lock();
            turn.guarded().sleepers.awake -= 1;
            self.changed.notify_all();
        }
        returns
    }
}

impl<'a, T> Turn<'a, T> {
    fn guarded(&mut self) -> &mut Guarded<T> {
        self.guard.as_mut().expect("it is held but while it waits")
    }

    /// What is guarded.
    pub(crate) fn get(&mut self) -> &mut T {
        &mut self.guarded().value
    }

    fn wait(&mut self) {
        let guard = self.guard.take().expect("it is held but while it waits");
        self.guard = Some(self.shared.changed.wait(guard).unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets the calls look that are blocked, and waits for them.
    pub(crate) fn settle(&mut self) {
        let sleepers = &mut self.guarded().sleepers;
        if sleepers.asleep == 0 {
            return;
        }
        sleepers.awake = std::mem::take(&mut sleepers.asleep);
        sleepers.round += 1;
        self.shared.changed.notify_all();
        while self.guarded().sleepers.awake > 0 {
            self.wait();
        }
    }

    /// Tries until it is done; in between, others go on.
    pub(crate) fn block<R>(&mut self, mut attempt: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut slept = false;
        loop {
            if let Some(result) = attempt(self.get()) {
                RETURNS.set(slept);
                return result;
            }
            let sleepers = &mut self.guarded().sleepers;
            if slept {
                sleepers.awake -= 1;
            }
            sleepers.asleep += 1;
            let round = sleepers.round;
            slept = true;
            self.shared.changed.notify_all();
            while self.guarded().sleepers.round == round {
                self.wait();
            }
        }
    }
}
