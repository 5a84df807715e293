//! The message on its way out: sent from the blocks into which storage threads read it, and copied only where something is to
//! be put in.

use std::collections::VecDeque;
use std::io::ErrorKind;

use super::stuffing::Stuffing;
use crate::application::{Done, Handle, Io, Opening, Outcome, Place, Stream, Work};
use crate::base::limits;
use crate::buffer::Block;

const FILE: Handle = Handle(0);

/// What work was for.
pub(super) const OPENED: u64 = 0;
pub(super) const READ: u64 = 1;
const CLOSED: u64 = 2;

/// How bytes go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// As lines, up to a dot: DATA.
    Lines(Stuffing),
    /// As they are, for their number was said: BDAT.
    Chunk,
}

/// A message on its way out.
pub(super) struct Content {
    framing: Framing,
    reading: usize,
    /// Read, and not sent yet.
    waiting: VecDeque<Block>,
    /// Of the first of them so many bytes are sent.
    encoded: usize,
    ended: bool,
    /// Of what ends it, so many bytes are sent.
    end_sent: usize,
    failed: Option<ErrorKind>,
}

impl Content {
    /// What opens the file of a message.
    pub(super) fn open(place: Place) -> Work {
        Work::Open(FILE, place, Opening::Read(0))
    }

    /// The message in the file that is open.
    pub(super) fn new(framing: Framing) -> Content {
        let waiting = VecDeque::new();
        Content { framing, reading: 0, waiting, encoded: 0, ended: false, end_sent: 0, failed: None }
    }

    /// Sends and reads what it can; whether all was sent.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn go_on(&mut self, stream: &mut Stream<'_>) -> Result<bool, ErrorKind> {
        if let Some(why) = self.failed {
            return Err(why);
        }
        while let Some(block) = self.waiting.pop_front() {
            if let Some(block) = self.send(block, stream) {
                self.waiting.push_front(block);
                break;
            }
        }
        self.read(stream);
        if !self.ended || self.reading > 0 || !self.waiting.is_empty() {
            return Ok(false);
        }
        let end = match &self.framing {
            Framing::Lines(stuffing) => stuffing.end(),
            Framing::Chunk => b"",
        };
        self.end_sent += stream.share(&end[self.end_sent..]);
        if self.end_sent < end.len() {
            return Ok(false);
        }
        // It is closed with the connection at the latest.
        let _full = stream.io.ask(CLOSED, Work::Close(FILE));
        Ok(true)
    }

    /// Sends a block; returns it if there is no room for all of it.
    fn send(&mut self, block: Block, stream: &mut Stream<'_>) -> Option<Block> {
        if stream.room() == 0 {
            return Some(block);
        }
        let Framing::Lines(stuffing) = &mut self.framing else { return stream.give(block).err() };
        if self.encoded == 0 {
            let before = *stuffing;
            if stuffing.pass(block.frame().bytes()) {
                let refused = stream.give(block).err();
                if refused.is_some() {
                    *stuffing = before;
                }
                return refused;
            }
        }
        while self.encoded < block.frame().len() {
            let encoded = &mut self.encoded;
            let written = stream.write_with(usize::MAX, |place| {
                let (read, written) = stuffing.encode(&block.frame().bytes()[*encoded..], place);
                *encoded += read;
                written
            });
            if written == 0 {
                return Some(block);
            }
        }
        self.encoded = 0;
        stream.io.release(block);
        None
    }

    fn read(&mut self, stream: &mut Stream<'_>) {
        let piece = stream.piece();
        while !self.ended && self.reading + self.waiting.len() < limits::SMTP_BLOCKS {
            let Ok(block) = stream.io.block(piece) else { return };
            if let Err(work) = stream.io.ask(READ, Work::Read(FILE, block, piece)) {
                work.into_block().into_iter().for_each(|block| stream.io.release(block));
                return;
            }
            self.reading += 1;
        }
    }

    /// A storage thread read something.
    pub(super) fn read_done(&mut self, done: Done) {
        self.reading -= 1;
        match done.result {
            Ok(Outcome::End) => self.ended = true,
            Ok(_) => self.waiting.extend(done.data),
            Err(why) => self.failed = Some(self.failed.unwrap_or(why)),
        }
    }

    /// Whether nothing is under way that would call it again.
    pub(super) fn wants_memory(&self) -> bool {
        self.reading == 0 && self.waiting.is_empty() && !self.ended
    }

    pub(super) fn release(&mut self, io: &mut Io<'_>) {
        self.waiting.drain(..).for_each(|block| io.release(block));
    }
}
