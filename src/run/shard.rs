//! One shard's thread: turn after turn, spinning a little while there is traffic, sleeping when there is none.

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::apart::Apart;
use super::clock::Clock;
use super::trouble::{Doing, News, Troubles, is_gone};
use crate::base::counters::Counters;
use crate::base::time::Instant;
use crate::device::{Device, Waker};
use crate::stack::{Notice, Stack, Turn};

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
    apart: Apart,
    troubles: Troubles,
    /// Frames sent when the last one was refused.
    sent_before: u64,
    notices: Option<Sender<Notice>>,
}

impl<D: Device> Shard<D> {
    /// A shard that spins for `busy_poll` once nothing comes any more before it sleeps. `waker` is the one that the stack's
    /// mailbox wakes.
    pub fn new(mut stack: Stack<D>, waker: Waker, busy_poll: Duration) -> (Shard<D>, Handle) {
        if busy_poll > Duration::ZERO {
            stack.busy_poll();
        }
        let (sender, commands) = bounded(16);
        let handle = Handle { commands: sender, waker: waker.clone() };
        let (apart, troubles) = (Apart::default(), Troubles::new());
        (Shard { stack, waker, commands, busy_poll, apart, troubles, sent_before: 0, notices: None }, handle)
    }

    /// Says through `news` when the device fails, and when it works again. Who does not read it misses it.
    pub fn tell(&mut self, news: Sender<News>) {
        self.troubles.tell(news);
    }

    /// Tells what there is to tell of our addresses. Who does not read it misses it.
    pub fn tell_of_addresses(&mut self, notices: Sender<Notice>) {
        self.notices = Some(notices);
    }

    /// The hot loop, until it is stopped or its device cannot be used any more. Returns what was counted, and why it
    /// ended.
    pub fn run(mut self, clock: Clock) -> (Counters, io::Result<()>) {
        let ended = self.turn_after_turn(clock);
        (self.stack.counters().clone(), ended)
    }

    fn turn_after_turn(&mut self, clock: Clock) -> io::Result<()> {
        // Since when nothing came. Not from the last frame on: a turn that took in many may last longer than `busy_poll`.
        let mut idle_since = None;
        loop {
            let now = clock.now();
            // Looking costs two loads, receiving a fence as well.
            if !self.commands.is_empty() {
                match self.commands.try_recv() {
                    Ok(Command::Stop) => {
                        self.stack.end(now);
                        self.pass_on_notices();
                        return Ok(());
                    }
                    Ok(Command::Report(answer)) => drop(answer.try_send(self.stack.counters().clone())),
                    Err(_) => {}
                }
            }
            let turned = self.stack.turn(now);
            self.look_for_troubles(&turned, now);
            self.pass_on_notices();
            let (doing, error) = match turned {
                Ok(turn) if turn.arrived > 0 => {
                    idle_since = None;
                    continue;
                }
                // Receiving is the poll: an empty read costs less than asking first and reading then. While storage threads
                // work for us, who spins may hold the core that they need: on two cores a transfer takes twice as long.
                Ok(_) if !self.stack.awaits_work() && now < *idle_since.get_or_insert(now) + self.busy_poll => continue,
                Ok(_) => {
                    let at_most = self.stack.deadline().map(|deadline| deadline - now);
                    match self.stack.wait(&self.waker, at_most) {
                        Ok(()) => {
                            self.troubles.works(Doing::Waiting);
                            self.apart.woken(&self.waker, self.stack.counters(), now);
                            continue;
                        }
                        Err(error) => (Doing::Waiting, error),
                    }
                }
                Err(error) => (Doing::Receiving, error),
            };
            if is_gone(&error) {
                return Err(error);
            }
            let nap = self.troubles.failing(doing, error, now);
            self.waker.wait(nap)?;
        }
    }

    #[inline]
    fn pass_on_notices(&mut self) {
        while let Some(notice) = self.stack.take_notice() {
            if let Some(notices) = &self.notices {
                // Who does not listen any more need not hear.
                let _ = notices.try_send(notice);
            }
        }
    }

    /// Hears of frames that the device refused, and of what works again.
    #[inline]
    fn look_for_troubles(&mut self, turned: &io::Result<Turn>, now: Instant) {
        if let Some(refusal) = self.stack.take_refusal() {
            self.troubles.failing(Doing::Sending, refusal, now);
            self.sent_before = self.stack.counters().frames_sent;
        } else if turned.is_ok() {
            self.troubles.works(Doing::Receiving);
            if self.stack.counters().frames_sent > self.sent_before {
                self.troubles.works(Doing::Sending);
            }
        }
    }
}
