//! Wakes a loop that sleeps in its device: an eventfd.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use super::Interest;

/// Ends the wait of one loop, from any thread.
#[derive(Clone, Debug)]
pub struct Waker {
    event: Arc<OwnedFd>,
}

impl Waker {
    /// A waker that was not woken yet.
    pub fn new() -> io::Result<Waker> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Waker { event: Arc::new(event) })
    }

    /// Ends the current wait, or the next one if nobody waits.
    pub fn wake(&self) {
        // It fails only when the counter stands at its end, and then the loop is awake already.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }

    /// Sleeps for `span`, or until it is woken.
    pub fn wait(&self, span: Duration) -> io::Result<()> {
        let timeout = Timespec::try_from(span).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        match poll(&mut [PollFd::new(&self.event, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {
                self.reset();
                Ok(())
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sleeps until there is at `device` what `interest` names, until it is woken, for `at_most`, or until a signal. A
    /// device in trouble wakes at once: receiving tells what it is.
    pub(super) fn wait_for(&self, device: impl AsFd, interest: Interest, at_most: Option<Duration>) -> io::Result<()> {
        let events = match interest {
            Interest::Receive => PollFlags::IN,
            Interest::ReceiveAndTransmit => PollFlags::IN | PollFlags::OUT,
        };
        // A time that the kernel cannot count to is for ever.
        let at_most = at_most.and_then(|time| Timespec::try_from(time).ok());
        let mut polled = [PollFd::new(&device, events), PollFd::new(&self.event, PollFlags::IN)];
        match poll(&mut polled, at_most.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [_, woken] = polled;
        if woken.revents().contains(PollFlags::IN) {
            self.reset();
        }
        Ok(())
    }

    /// Forgets that it was woken.
    pub fn reset(&self) {
        let _ = rustix::io::read(&self.event, &mut [0u8; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
