//! What comes from the client: written from the buffers in which it came, and given its name when all of it is on the disk.
//!
//! The order is what makes an upload whole: every byte is written, the file is synced, then it gets its name, then its
//! directory is synced ([`Work::Commit`]); each waits for the one before it to succeed. Only then the client hears 226.

use std::collections::VecDeque;
use std::io::ErrorKind;

use super::super::{Data, Done, Handle, Io, Place, Stream, Used, Work};
use super::Claim;
use super::ascii;
use super::data::{Failure, Step, Target};
use crate::base::limits;

const FILE: Handle = Handle(0);

/// What work was for.
const STEP: u64 = 0;
const WRITTEN: u64 = 1;

/// A file on its way in.
pub(super) struct Receiving {
    file: Place,
    claim: Option<Claim>,
    received: u64,
    /// Whether it has its name already.
    named: bool,
    ascii: bool,
    /// A CR at the end of what came, which may be half of a line's end.
    held: bool,
    writing: usize,
    /// What no storage thread took yet.
    unasked: VecDeque<Work>,
    /// The step under way.
    stepping: bool,
    /// What is to be done before the first write, and behind the last one.
    opening: Option<Work>,
    closing: Option<Work>,
    committing: bool,
    starved: bool,
    failed: Option<Failure>,
}

impl Receiving {
    pub(super) fn new(Target { file, opening, name, claim, folder, ascii }: Target) -> Receiving {
        let named = name.is_none();
        let names = name.map(|name| (file.clone(), name));
        let closing = Work::Commit { handle: FILE, names, directory: folder };
        let open = Work::Open(FILE, file.clone(), opening);
        Receiving {
            file,
            claim,
            received: 0,
            named,
            ascii,
            held: false,
            writing: 0,
            unasked: VecDeque::new(),
            stepping: false,
            opening: Some(open),
            closing: Some(closing),
            committing: false,
            starved: false,
            failed: None,
        }
    }

    /// Data came.
    pub(super) fn take(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        if self.failed.is_some() {
            return Used::Bytes(data.len());
        }
        if self.opening.is_some() || !self.unasked.is_empty() || self.writing >= limits::FTP_UPLOAD_BLOCKS {
            stream.pause();
            return Used::Bytes(0);
        }
        let length = data.len() as u64;
        let Ok(mut block) = stream.io.take_data(data) else {
            self.starved = true;
            stream.pause();
            return Used::Bytes(0);
        };
        self.received += length;
        if self.ascii {
            let (kept, in_front) = ascii::decode(block.frame_mut().bytes_mut(), &mut self.held);
            block.frame_mut().truncate(kept);
            if in_front {
                self.write_cr(stream);
            }
        }
        self.unasked.push_back(Work::Write(FILE, block));
        self.ask_to_write(stream);
        Used::Taken
    }

    /// Writes the CR that was held back, for it was not half of a line's end.
    fn write_cr(&mut self, stream: &mut Stream<'_>) {
        match stream.io.block(1) {
            Ok(mut block) => {
                block.frame_mut().fill(b"\r", Default::default());
                self.unasked.push_back(Work::Write(FILE, block));
            }
            Err(_pool_full) => self.fail(ErrorKind::OutOfMemory),
        }
    }

    fn ask_to_write(&mut self, stream: &mut Stream<'_>) {
        while let Some(work) = self.unasked.pop_front() {
            if let Err(work) = stream.io.ask(WRITTEN, work) {
                self.starved = true;
                return self.unasked.push_front(work);
            }
            self.writing += 1;
        }
    }

    /// `ended`: nothing more comes.
    pub(super) fn go_on(&mut self, ended: bool, stream: &mut Stream<'_>) -> Step {
        self.starved = false;
        if let Some(failure) = self.failed {
            if failure == Failure::Disk(ErrorKind::StorageFull) && !self.named {
                // What cannot be completed is not to fill the disk. If there is no thread, the next upload replaces it.
                let _refused = stream.io.ask(STEP, Work::Remove(self.file.clone()));
            }
            return Step::Failed(failure);
        }
        if let Some(open) = self.opening.take() {
            self.step(open, stream, |receiving, work| receiving.opening = Some(work));
            if self.opening.is_some() {
                return Step::More;
            }
        }
        self.ask_to_write(stream);
        if !ended {
            if self.unasked.is_empty() && self.writing <= limits::FTP_UPLOAD_BLOCKS / 2 {
                stream.resume();
            }
            return Step::More;
        }
        if std::mem::take(&mut self.held) {
            self.write_cr(stream);
            self.ask_to_write(stream);
        }
        if let Some(failure) = self.failed {
            return Step::Failed(failure);
        }
        if !self.unasked.is_empty() || self.writing > 0 || self.stepping {
            return Step::More;
        }
        self.committing = true;
        match self.closing.take() {
            Some(work) => {
                self.step(work, stream, |receiving, work| receiving.closing = Some(work));
                Step::More
            }
            None => Step::Complete,
        }
    }

    fn step(&mut self, work: Work, stream: &mut Stream<'_>, put_back: impl FnOnce(&mut Receiving, Work)) {
        match stream.io.ask(STEP, work) {
            Ok(()) => self.stepping = true,
            Err(work) => {
                self.starved = true;
                put_back(self, work);
            }
        }
    }

    pub(super) fn done(&mut self, done: Done) {
        match done.tag {
            WRITTEN => self.writing -= 1,
            _ => self.stepping = false,
        }
        if let Err(why) = done.result {
            self.fail(why);
        }
    }

    pub(super) fn release(&mut self, io: &mut Io<'_>) {
        self.unasked.drain(..).filter_map(Work::into_block).for_each(|block| io.release(block));
        if self.writing > 0 || self.stepping {
            // What is under way is still written: nobody else is to begin the same upload before that is done.
            let claim = self.claim.take().map(|claim| Work::LetGo(Box::new(claim)));
            let _refused = claim.map(|claim| io.ask(STEP, claim));
        }
    }

    fn fail(&mut self, why: ErrorKind) {
        self.failed = Some(self.failed.unwrap_or(Failure::Disk(why)));
    }

    /// Bytes that came.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Whether all of it came, and it is being given its name.
    pub(super) fn is_committing(&self) -> bool {
        self.committing
    }

    /// Whether memory or a storage thread was refused: nothing under way may call it again.
    pub(super) fn wants_memory(&self) -> bool {
        self.starved || (self.failed.is_some() && self.writing == 0)
    }
}
