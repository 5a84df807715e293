//! Wakes a loop that sleeps in its device: an eventfd, which is written to only while the loop sleeps.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::thread::sched_getcpu;

use super::Interest;

/// Ends the wait of one loop, from any thread.
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// One of the states below: who wakes a loop that does not sleep makes no system call for it.
    state: AtomicU8,
    /// Where who ended a sleep ran then, plus one; 0: nobody did since this was asked.
    core: AtomicU32,
    event: OwnedFd,
}

/// The loop works.
const AWAKE: u8 = 0;
/// It sleeps, or is about to.
const ASLEEP: u8 = 1;
/// It was woken, and has not waited since.
const WOKEN: u8 = 2;

impl Waker {
    /// A waker that was not woken yet.
    pub fn new() -> io::Result<Waker> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Waker { shared: Arc::new(Shared { state: AtomicU8::new(AWAKE), core: AtomicU32::new(0), event }) })
    }

    /// Ends the current wait, or the next one if nobody waits. What the caller did before, the loop sees after its wait.
    pub fn wake(&self) {
        if self.shared.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            // Read from memory that the kernel shares; what costs is the call below.
            self.shared.core.store(sched_getcpu() as u32 + 1, Ordering::Relaxed);
            // It fails only when the counter stands at its end, and then the loop is awake already.
            let _ = rustix::io::write(&self.shared.event, &1u64.to_ne_bytes());
        }
    }

    /// The core on which somebody ran who ended a sleep, if somebody did since this was last asked. A hint: two may have.
    pub fn take_core(&self) -> Option<usize> {
        // Without a fence while there is nothing to take.
        let core =
            if self.shared.core.load(Ordering::Relaxed) == 0 { 0 } else { self.shared.core.swap(0, Ordering::Relaxed) };
        (core as usize).checked_sub(1)
    }

    /// Sleeps for `span`, or until it is woken.
    pub fn wait(&self, span: Duration) -> io::Result<()> {
        self.sleep(&mut [PollFd::new(&self.shared.event, PollFlags::IN)], Some(span))
    }

    /// Sleeps until there is at `device` what `interest` names, until it is woken, for `at_most`, or until a signal. A
    /// device in trouble wakes at once: receiving tells what it is.
    pub(super) fn wait_for(&self, device: impl AsFd, interest: Interest, at_most: Option<Duration>) -> io::Result<()> {
        let events = match interest {
            Interest::Receive => PollFlags::IN,
            Interest::ReceiveAndTransmit => PollFlags::IN | PollFlags::OUT,
        };
        let event = PollFd::new(&self.shared.event, PollFlags::IN);
        self.sleep(&mut [event, PollFd::new(&device, events)], at_most)
    }

    /// Sleeps over these descriptors, of which the first is the event, unless it was woken before.
    fn sleep(&self, polled: &mut [PollFd<'_>], at_most: Option<Duration>) -> io::Result<()> {
        if self.shared.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_err() {
            self.reset();
            return Ok(());
        }
        // A time that the kernel cannot count to is for ever.
        let at_most = at_most.and_then(|time| Timespec::try_from(time).ok());
        let ended = poll(polled, at_most.as_ref());
        self.reset();
        match ended {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        // Who wakes us writes after the state says so: what comes too late for this wait ends the next one for nothing.
        if polled.first().is_some_and(|event| event.revents().contains(PollFlags::IN)) {
            let _ = rustix::io::read(&self.shared.event, &mut [0u8; 8]);
        }
        Ok(())
    }

    /// Forgets that it was woken. Only for who waits.
    pub fn reset(&self) {
        // Not only stored: what was done before it was woken is to be seen.
        self.shared.state.swap(AWAKE, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_loop_is_woken_once_whether_it_sleeps_or_not() {
        let (waker, begun) = (Waker::new().unwrap(), Instant::now());
        waker.wake();
        waker.wake();
        waker.wait(LONG).unwrap();
        assert!(begun.elapsed() < LONG, "woken before it slept");
        let short = Duration::from_millis(10);
        let again = Instant::now();
        waker.wait(short).unwrap();
        assert!(again.elapsed() >= short, "it forgets");
    }

    /// Each time that it is woken it sees what was done before, however the two meet.
    #[test]
    fn nothing_is_missed() {
        const TIMES: u64 = 20_000;
        let waker = Waker::new().unwrap();
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let other = waker.clone();
        let waking = thread::spawn(move || {
            for number in 0..TIMES {
                sender.send(number).unwrap();
                other.wake();
            }
        });
        let mut seen = 0;
        while seen < TIMES {
            match receiver.try_recv() {
                Ok(number) => {
                    assert_eq!(number, seen);
                    seen += 1;
                }
                Err(_) => {
                    let begun = Instant::now();
                    waker.wait(LONG).unwrap();
                    assert!(begun.elapsed() < LONG, "after {seen}");
                }
            }
        }
        waking.join().unwrap();
    }
}
