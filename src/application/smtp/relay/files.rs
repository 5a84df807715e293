//! A file that is read or written as a whole, in steps.

use std::io::ErrorKind;

use crate::application::{Done, Handle, Io, Opening, Outcome, Place, Work};
use crate::base::limits;
use crate::buffer::PoolFull;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Open,
    Carry,
    Close,
    Done,
}

/// A file that is read.
#[derive(Debug)]
pub(super) struct Reading {
    handle: Handle,
    place: Place,
    most: usize,
    pub(super) bytes: Vec<u8>,
    /// There was no more.
    pub(super) is_whole: bool,
    step: Step,
}

impl Reading {
    /// Its beginning, at most so many bytes.
    pub(super) fn new(handle: Handle, place: Place, most: usize) -> Reading {
        Reading { handle, place, most, bytes: Vec::new(), is_whole: false, step: Step::Open }
    }

    /// The same from its beginning.
    pub(super) fn again(self) -> Reading {
        Reading::new(self.handle, self.place, self.most)
    }

    /// What is to be done next; `None`: it was read.
    pub(super) fn next(&mut self, io: &mut Io<'_>) -> Result<Option<Work>, PoolFull> {
        Ok(Some(match self.step {
            Step::Open => Work::Open(self.handle, self.place.clone(), Opening::Read(0)),
            Step::Carry => {
                let most = (self.most - self.bytes.len()).min(limits::SMTP_BLOCK);
                Work::Read(self.handle, io.block(most)?, most)
            }
            Step::Close => Work::Close(self.handle),
            Step::Done => return Ok(None),
        }))
    }

    /// The last was done.
    pub(super) fn done(&mut self, done: Done, io: &mut Io<'_>) -> Result<(), ErrorKind> {
        match (self.step, done.result?) {
            (Step::Open, _) => self.step = Step::Carry,
            (Step::Carry, Outcome::End) => (self.is_whole, self.step) = (true, Step::Close),
            (Step::Carry, _) => {
                if let Some(block) = done.data {
                    self.bytes.extend(block.frame().bytes());
                    io.release(block);
                }
                if self.bytes.len() >= self.most {
                    self.step = Step::Close;
                }
            }
            (Step::Close | Step::Done, _) => self.step = Step::Done,
        }
        Ok(())
    }
}

/// A file that is written, and is left open.
#[derive(Debug)]
pub(super) struct Writing {
    handle: Handle,
    place: Place,
    bytes: Vec<u8>,
    written: usize,
    step: Step,
}

impl Writing {
    /// A file that must not exist yet.
    pub(super) fn new(handle: Handle, place: Place, bytes: Vec<u8>) -> Writing {
        Writing { handle, place, bytes, written: 0, step: Step::Open }
    }

    /// What is to be done next; `None`: it was written.
    pub(super) fn next(&mut self, io: &mut Io<'_>) -> Result<Option<Work>, PoolFull> {
        let rest = &self.bytes[self.written..];
        Ok(match self.step {
            Step::Open => Some(Work::Open(self.handle, self.place.clone(), Opening::New)),
            _ if rest.is_empty() => None,
            _ => {
                let mut block = io.block(rest.len().min(limits::SMTP_BLOCK))?;
                let room = block.frame_mut().tailroom(rest.len());
                let length = room.len();
                room.copy_from_slice(&rest[..length]);
                block.frame_mut().extend(length);
                self.written += length;
                Some(Work::Write(self.handle, block))
            }
        })
    }

    /// The last was done.
    pub(super) fn done(&mut self, done: Done) -> Result<(), ErrorKind> {
        done.result?;
        self.step = Step::Carry;
        Ok(())
    }
}
