//! The input log of a shard, and its repetition.
//!
//! A journal notes the time of each turn, the frames with their offload, what other shards handed over, what
//! storage threads did, and what the device said to each transmission. With the same [`Config`](super::Config), seed and services, a [`Replay`] of it
//! sends the same frames to the bit. That is what makes a bug report exact.

use std::collections::VecDeque;
use std::io;
use std::io::{ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Change, Stack, Ticket, Transmitted};
use crate::application::{DeskId, Outcome};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::time::Instant;
use crate::buffer::{DEVICE_ROOM, Frame, Offload};
use crate::device::{Capabilities, Device, Interest, Received, Waker};

/// Something that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A turn began.
    Turn(Instant),
    /// The device gave a frame.
    Frame {
        /// The frame.
        bytes: &'a [u8],
        /// What the device said of it.
        offload: Offload,
    },
    /// The device refused a frame.
    Refused(Dropped),
    /// Another shard handed over a frame.
    HandedOver {
        /// The frame.
        bytes: &'a [u8],
        /// What the device said of it.
        offload: Offload,
    },
    /// The shard that leads decided on an address.
    Changed(Change),
    /// A block came home.
    Returned,
    /// A storage thread answered.
    Done {
        /// Which work.
        ticket: Ticket,
        /// What came of it, or why it could not be done.
        result: &'a Result<Outcome, ErrorKind>,
        /// What was read.
        data: &'a [u8],
    },
    /// A service of datagrams was rung for.
    Rung(DeskId),
    /// What became of a transmission.
    Transmitted(Transmitted),
}

/// Notes what comes in.
pub trait Journal: Send {
    /// Notes one event.
    fn note(&mut self, event: Event<'_>);
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Turn(Instant),
    Frame(Vec<u8>, Offload),
    Refused(Dropped),
    Changed(Change),
    Done(u64, Result<Outcome, ErrorKind>, Vec<u8>),
    Rung(DeskId),
    Transmitted(Transmitted),
}

/// What came by mail and not from the device.
enum Mail {
    Change(Change),
    Done(u64, Result<Outcome, ErrorKind>, Vec<u8>),
    Rung(DeskId),
}

/// A journal in memory. Clones share what they note.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Journal for Recording {
    fn note(&mut self, event: Event<'_>) {
        let entry = match event {
            Event::Turn(now) => Entry::Turn(now),
            // A handed-over frame takes the same way up as one of our own.
            Event::Frame { bytes, offload } | Event::HandedOver { bytes, offload } => {
                Entry::Frame(bytes.to_vec(), offload)
            }
            Event::Refused(why) => Entry::Refused(why),
            Event::Changed(change) => Entry::Changed(change),
            Event::Done { ticket, result, data } => Entry::Done(ticket.number, result.clone(), data.to_vec()),
            Event::Rung(desk) => Entry::Rung(desk),
            Event::Transmitted(transmitted) => Entry::Transmitted(transmitted),
            // What a service or thread gave back follows from the services, which the repetition has too.
            Event::Returned => return,
        };
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

/// A device that repeats a recording, and keeps what is sent: see [`Stack::repeat`].
pub struct Replay {
    capabilities: Capabilities,
    entries: VecDeque<Entry>,
    sent: Vec<(Vec<u8>, Offload)>,
    /// Something was sent that was not when it was recorded.
    diverged: bool,
}

impl Replay {
    /// Repeats what was recorded at a device with these capabilities.
    pub fn new(recording: &Recording, capabilities: Capabilities) -> Replay {
        let entries = recording.entries.lock().unwrap_or_else(PoisonError::into_inner);
        Replay { capabilities, entries: entries.iter().cloned().collect(), sent: Vec::new(), diverged: false }
    }

    /// The time of the next turn; `None` at the end.
    fn next_turn(&mut self) -> Result<Option<Instant>, Diverged> {
        if self.diverged {
            return Err(Diverged);
        }
        match self.entries.pop_front() {
            Some(Entry::Turn(now)) => Ok(Some(now)),
            None => Ok(None),
            Some(_) => Err(Diverged),
        }
    }

    /// What came by mail, if that comes next.
    fn next_mail(&mut self) -> Option<Mail> {
        let is_mail = |entry: &mut Entry| matches!(entry, Entry::Changed(_) | Entry::Done(..) | Entry::Rung(_));
        let next = self.entries.pop_front_if(is_mail);
        next.and_then(|entry| match entry {
            Entry::Changed(change) => Some(Mail::Change(change)),
            Entry::Done(number, result, data) => Some(Mail::Done(number, result, data)),
            Entry::Rung(desk) => Some(Mail::Rung(desk)),
            _ => None,
        })
    }

    /// What was sent so far.
    pub fn sent(&self) -> &[(Vec<u8>, Offload)] {
        &self.sent
    }
}

impl Stack<Replay> {
    /// Says that the host had storage threads. What they did is in the recording.
    pub fn had_storage(&mut self) {
        self.allow_work(limits::WORK);
    }

    /// Repeats one turn; false at the end of the recording.
    ///
    /// What came in by mail lies in the recording beside the frames of the device, so the budgets of a turn do not
    /// hold here: all that was recorded of a turn belongs to it.
    ///
    /// # Errors
    /// When the stack did not do what it did when it was recorded.
    pub fn repeat(&mut self) -> Result<bool, Diverged> {
        let Some(now) = self.net.device.next_turn()? else { return Ok(false) };
        self.net.begin(now);
        loop {
            match self.net.device.receive(&mut self.frame) {
                Ok(received @ (Received::Frame | Received::Refused(_))) => self.take_up(received),
                Ok(Received::Nothing) | Err(_) => match self.net.device.next_mail() {
                    Some(Mail::Change(change)) => self.net.heard_of(change),
                    Some(Mail::Done(number, result, data)) => {
                        let finished = self.storage.repeat(number, result, &data).ok_or(Diverged)?;
                        self.take_done(finished);
                    }
                    Some(Mail::Rung(desk)) => self.ring(desk),
                    None => break,
                },
            }
        }
        self.end_turn();
        if self.net.device.diverged { Err(Diverged) } else { Ok(true) }
    }
}

/// The repetition took another way than what was recorded: another configuration, seed or program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the repetition took another way than the recording: is it the same configuration, seed and version?")]
pub struct Diverged;

impl Device for Replay {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        match self.entries.front() {
            Some(Entry::Frame(bytes, offload)) => frame.fill(bytes, *offload),
            Some(Entry::Refused(why)) => {
                let why = *why;
                self.entries.pop_front();
                return Ok(Received::Refused(why));
            }
            Some(Entry::Turn(_) | Entry::Changed(_) | Entry::Done(..) | Entry::Rung(_) | Entry::Transmitted(_))
            | None => {
                return Ok(Received::Nothing);
            }
        }
        self.entries.pop_front();
        Ok(Received::Frame)
    }

    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        let mut frame = head[DEVICE_ROOM..].to_vec();
        payload.iter().for_each(|slice| frame.extend_from_slice(slice));
        match self.entries.pop_front() {
            Some(Entry::Transmitted(Transmitted::Yes)) => {
                self.sent.push((frame, offload));
                Ok(true)
            }
            Some(Entry::Transmitted(Transmitted::Busy)) => Ok(false),
            Some(Entry::Transmitted(_)) => Err(io::Error::other("the device refused it when it was recorded")),
            Some(_) | None => {
                self.diverged = true;
                Err(io::Error::other(Diverged))
            }
        }
    }

    fn wait(&mut self, _interest: Interest, _waker: &Waker, _at_most: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}
