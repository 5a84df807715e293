//! Wakes a loop that sleeps in its device: an eventfd.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

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
