//! What goes to the client: a file from the blocks into which it was read, or a list.

use std::collections::VecDeque;

use super::super::{Done, Handle, Io, Opening, Outcome, Place, Stream, Work};
use super::ascii;
use super::data::{Failure, Step};
use super::listing::{self, Format};
use super::path::is_listed;
use crate::application::Kind;
use crate::base::limits;
use crate::buffer::Block;

const OPEN: Handle = Handle(0);

/// What work was for.
const OPENED: u64 = 0;
const READ: u64 = 1;

/// A file on its way out.
pub(super) struct Sending {
    /// To be opened.
    open: Option<Work>,
    ascii: bool,
    reading: usize,
    /// Read, and not sent yet.
    waiting: VecDeque<Block>,
    /// Of the first of them, so many bytes are sent: only when lines are converted.
    converted: usize,
    after_cr: bool,
    /// Bytes of the file that are on their way.
    sent: u64,
    ended: bool,
    failed: Option<Failure>,
}

impl Sending {
    pub(super) fn new(file: Place, from: u64, ascii: bool) -> Sending {
        Sending {
            open: Some(Work::Open(OPEN, file, Opening::Read(from))),
            ascii,
            reading: 0,
            waiting: VecDeque::new(),
            converted: 0,
            after_cr: false,
            sent: 0,
            ended: false,
            failed: None,
        }
    }

    pub(super) fn go_on(&mut self, stream: &mut Stream<'_>) -> Step {
        if let Some(failure) = self.failed {
            return Step::Failed(failure);
        }
        if let Some(open) = self.open.take() {
            self.open = stream.io.ask(OPENED, open).err();
        }
        self.send(stream);
        if self.open.is_none() {
            self.read(stream);
        }
        if self.ended && self.reading == 0 && self.waiting.is_empty() { Step::Complete } else { Step::More }
    }

    fn send(&mut self, stream: &mut Stream<'_>) {
        while let Some(block) = self.waiting.pop_front() {
            let length = block.frame().len() as u64;
            let left = if self.ascii { self.convert(block, stream) } else { stream.give(block).err() };
            if let Some(mut block) = left {
                // It waits for the client, like what was sent before it.
                stream.will_give(&mut block);
                return self.waiting.push_front(block);
            }
            self.sent += length;
        }
    }

    /// Sends a block with its lines' ends changed, which is the one copy that this takes; returns it if there is no room
    /// for all of it.
    fn convert(&mut self, block: Block, stream: &mut Stream<'_>) -> Option<Block> {
        while self.converted < block.frame().len() {
            let (converted, after_cr) = (&mut self.converted, &mut self.after_cr);
            let written = stream.write_with(usize::MAX, |place| {
                let (read, written) = ascii::encode(&block.frame().bytes()[*converted..], place, after_cr);
                *converted += read;
                written
            });
            if written == 0 {
                return Some(block);
            }
        }
        self.converted = 0;
        stream.io.release(block);
        None
    }

    fn read(&mut self, stream: &mut Stream<'_>) {
        let piece = stream.piece();
        // No more than there is room for, and one to be there when there is more: who reads slowly holds that one only.
        let ahead = (stream.room() / piece + 1).min(limits::FTP_BLOCKS);
        // Several at a time: the thread is woken once for them, and not before each.
        if self.reading + self.waiting.len() > ahead / 2 {
            return;
        }
        while !self.ended && self.reading + self.waiting.len() < ahead {
            let Ok(block) = stream.io.block(piece) else { return };
            if let Err(work) = stream.io.ask(READ, Work::Read(OPEN, block, piece)) {
                work.into_block().into_iter().for_each(|block| stream.io.release(block));
                return;
            }
            self.reading += 1;
        }
    }

    pub(super) fn done(&mut self, done: Done) {
        if done.tag == READ {
            self.reading -= 1;
        }
        match done.result {
            Ok(Outcome::End) => self.ended = true,
            Ok(_) => self.waiting.extend(done.data),
            Err(why) => self.failed = Some(self.failed.unwrap_or(Failure::Disk(why))),
        }
    }

    /// Bytes that went.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether nothing is under way that would call it again.
    pub(super) fn wants_memory(&self) -> bool {
        self.reading == 0 && self.waiting.is_empty() && !self.ended
    }

    pub(super) fn release(&mut self, io: &mut Io<'_>) {
        self.waiting.drain(..).for_each(|block| io.release(block));
    }
}

/// A list on its way out.
pub(super) struct Listing {
    /// To be asked for.
    next: Option<Work>,
    asked: bool,
    format: Format,
    writable: bool,
    /// Written so far, and not sent yet.
    text: Vec<u8>,
    sent: usize,
    failed: Option<Failure>,
}

impl Listing {
    pub(super) fn new(folder: Place, format: Format, writable: bool) -> Listing {
        let next = Some(Work::OpenDirectory(OPEN, folder));
        Listing { next, asked: false, format, writable, text: Vec::new(), sent: 0, failed: None }
    }

    /// Lines that are there already.
    pub(super) fn of(text: Vec<u8>) -> Listing {
        Listing { next: None, asked: false, format: Format::Names, writable: false, text, sent: 0, failed: None }
    }

    pub(super) fn go_on(&mut self, stream: &mut Stream<'_>) -> Step {
        if let Some(failure) = self.failed {
            return Step::Failed(failure);
        }
        self.sent += stream.write(&self.text[self.sent..]);
        if self.sent < self.text.len() {
            return Step::More;
        }
        self.text.clear();
        self.sent = 0;
        match self.next.take() {
            Some(work) => {
                self.next = stream.io.ask(OPENED, work).err();
                self.asked = self.next.is_none();
                Step::More
            }
            None if self.asked => Step::More,
            None => Step::Complete,
        }
    }

    pub(super) fn done(&mut self, done: Done) {
        self.asked = false;
        match done.result {
            Ok(Outcome::Names(names)) if names.is_empty() => {}
            Ok(Outcome::Names(names)) => {
                // Devices are nobody's business.
                let listed = names.iter().filter(|named| named.metadata.kind != Kind::Other && is_listed(named));
                for named in listed {
                    listing::add(&mut self.text, named, self.format, self.writable);
                }
                self.next = Some(Work::List(OPEN));
            }
            Ok(_) => self.next = Some(Work::List(OPEN)),
            Err(why) => self.failed = Some(Failure::Disk(why)),
        }
    }

    /// Whether a storage thread could not be asked.
    pub(super) fn wants_a_thread(&self) -> bool {
        self.next.is_some() && self.text.is_empty()
    }
}
