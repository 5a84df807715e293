//! One shard's thread: turn after turn, spinning a little while there is traffic, sleeping when there is none.

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::io::Errno;

use super::clock::Clock;
use crate::base::counters::Counters;
use crate::device::{Device, Waker};
use crate::stack::Stack;

/// How often a link that is down is looked at.
const LINK_DOWN: Duration = Duration::from_millis(100);

enum Command {
    Stop,
    Report(Sender<Counters>),
}

/// Reaches a running shard from other threads.
#[derive(Clone)]
pub struct Handle {
    commands: Sender<Command>,
    waker: Waker,
}

impl Handle {
    /// Ends the shard after its turn.
    pub fn stop(&self) {
        // A shard that is gone has stopped, and one whose commands are full has this one among them.
        let _ = self.commands.try_send(Command::Stop);
        self.waker.wake();
    }

    /// What the shard counted so far; `None` when it does not answer within `at_most`.
    pub fn counters(&self, at_most: Duration) -> Option<Counters> {
        let (answer, answered) = bounded(1);
        self.commands.try_send(Command::Report(answer)).ok()?;
        self.waker.wake();
        answered.recv_timeout(at_most).ok()
    }
}

/// A stack with what its loop needs.
pub struct Shard<D> {
    stack: Stack<D>,
    waker: Waker,
    commands: Receiver<Command>,
    busy_poll: Duration,
}

impl<D: Device> Shard<D> {
    /// A shard that spins for `busy_poll` after the last frame before it sleeps. `waker` is the one that the stack's
    /// mailbox wakes.
    pub fn new(stack: Stack<D>, waker: Waker, busy_poll: Duration) -> (Shard<D>, Handle) {
        let (sender, commands) = bounded(16);
        let handle = Handle { commands: sender, waker: waker.clone() };
        (Shard { stack, waker, commands, busy_poll }, handle)
    }

    /// The hot loop, until it is stopped or its device cannot be used any more. Returns what was counted, and why it
    /// ended.
    pub fn run(mut self, clock: Clock) -> (Counters, io::Result<()>) {
        let ended = self.turn_after_turn(clock);
        (self.stack.counters().clone(), ended)
    }

    fn turn_after_turn(&mut self, clock: Clock) -> io::Result<()> {
        let mut awake_until = clock.now();
        loop {
            let now = clock.now();
            // Looking costs two loads, receiving a fence as well.
            if !self.commands.is_empty() {
                match self.commands.try_recv() {
                    Ok(Command::Stop) => return Ok(()),
                    Ok(Command::Report(answer)) => drop(answer.try_send(self.stack.counters().clone())),
                    Err(_) => {}
                }
            }
            match self.stack.turn(now) {
                Ok(turn) if turn.arrived > 0 => {
                    awake_until = now + self.busy_poll;
                    continue;
                }
                // Receiving is the poll: an empty read costs less than asking first and reading then.
                Ok(_) if now < awake_until => continue,
                Ok(_) => {
                    let at_most = self.stack.deadline().map(|deadline| deadline - now);
                    self.stack.wait(&self.waker, at_most)?;
                }
                Err(error) if is_down(&error) => self.waker.wait(LINK_DOWN)?,
                Err(error) => return Err(error),
            }
        }
    }
}

/// The interface is there but down: it may come up again.
fn is_down(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}
