//! A message on its way to the disk: to mailboxes, to the queue, or both.
//!
//! ```text
//!   open · write …              as it comes; each block is written when it is full
//!   sync · close                when it is complete
//!   link … · rename · sync …    the name in each mailbox, and the directories with those
//!   the queue's steps           if it is for elsewhere, too, or there is to be a report: what that says is true by then
//! ```
//!
//! For one mailbox alone all behind the writing is one work, and all of it is if the message fits into a block.
//!
//! A line of these is begun when the one before it was done well. Only when the last is, 250 may be said. When something
//! fails, all of it is taken back first.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::ErrorKind;

use super::super::super::{Handle, Io, Opening, Work};
use super::super::maildir::{Maildirs, Name};
use super::super::queue::{Envelope, Handles, Id, Placing, Queue};
use super::mailboxes::Mailboxes;
use crate::base::limits;
use crate::buffer::Block;

const MAIL: Handle = Handle(0);
const HANDLES: Handles = Handles { content: Handle(2), envelope: Handle(3) };

/// A file that is being written.
struct File {
    handle: Handle,
    block: Option<Block>,
    /// Bytes that the block takes: few at first, for most messages are small, and who stalls holds one.
    capacity: usize,
}

/// Where it stands.
enum Phase {
    Writing,
    /// All of it is being written.
    Complete,
    Syncing,
    Naming,
    Queueing(Box<Placing>),
    Done,
    /// It failed, and is being taken back.
    Undoing(ErrorKind),
    Failed(ErrorKind),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Storage threads are at work.
    More,
    /// It wants memory or a storage thread: to be called again in a while.
    Starved,
    /// It is on the disk.
    Complete,
    /// It is not, and nothing of it is left.
    Failed(ErrorKind),
}

/// For whom a message is.
pub(super) struct Destinations {
    pub(super) maildirs: Maildirs,
    pub(super) mailboxes: Mailboxes,
    pub(super) name: Name,
    /// Seldom there, and large.
    pub(super) queue: Option<Box<(Queue, Id)>>,
}

impl Destinations {
    /// What the message is called: in the queue as its entry, which is shorter, or else as in a mailbox.
    fn id(&self) -> Name {
        let Some(entry) = &self.queue else { return self.name };
        let mut written = Name::new();
        let fits = write!(written, "{}", entry.1).is_ok();
        debug_assert!(fits, "an entry's name is shorter");
        written
    }
}

/// A message on its way.
pub(super) struct Delivery {
    /// What its work is called.
    tag: u64,
    to: Destinations,
    mail: Option<File>,
    queue: Option<File>,
    phase: Phase,
    /// Its only file is not opened yet: the message may fit into a block.
    unopened: bool,
    /// What no storage thread took yet.
    todo: VecDeque<Work>,
    under_way: usize,
    failed: Option<ErrorKind>,
}

impl Delivery {
    /// Opens its files, unless it may fit into a block.
    pub(super) fn begin(tag: u64, to: Destinations, io: &mut Io<'_>) -> Delivery {
        let mail = (!to.mailboxes.is_empty()).then(|| File::new(MAIL));
        let queue = to.queue.as_ref().map(|_| File::new(HANDLES.content));
        let unopened = to.mailboxes.only().is_some() && to.queue.is_none();
        let (phase, todo) = (Phase::Writing, VecDeque::new());
        let mut delivery = Delivery { tag, to, mail, queue, phase, unopened, todo, under_way: 0, failed: None };
        if !delivery.unopened {
            delivery.open(io);
        }
        delivery
    }

    fn open(&mut self, io: &mut Io<'_>) {
        self.unopened = false;
        let Destinations { maildirs, mailboxes, name, queue } = &self.to;
        let mail = mailboxes.first().map(|mailbox| (MAIL, maildirs.unfinished(mailbox, name)));
        let queue = queue.as_deref().map(|(queue, id)| (HANDLES.content, queue.place(id.content())));
        for (handle, place) in mail.into_iter().chain(queue) {
            self.order(Work::Open(handle, place, Opening::New), io);
        }
    }

    /// What the message is called in `Received:`, and when it is told that it was taken over.
    pub(super) fn id(&self) -> Name {
        self.to.id()
    }

    /// Writes what is in front of the message and has to fit into a block: what only a mailbox has, and what the queue has, too;
    /// `false`: not now.
    pub(super) fn put_in_front(&mut self, of_mail: &[&str], of_both: &[&str], io: &mut Io<'_>) -> bool {
        self.ready(io)
            && self.mail.iter_mut().all(|file| file.append(of_mail))
            && self.mail.iter_mut().chain(&mut self.queue).all(|file| file.append(of_both))
    }

    /// Where the next bytes of the message go; nothing: not now. To be followed by [`Delivery::written`].
    pub(super) fn place(&mut self, io: &mut Io<'_>) -> &mut [u8] {
        if !self.ready(io) {
            return &mut [];
        }
        let room = self.mail.iter().chain(&self.queue).map(File::room).min().unwrap_or(0);
        let first = self.mail.as_mut().or(self.queue.as_mut()).and_then(|file| file.block.as_mut());
        first.map_or(&mut [], |block| block.frame_mut().tailroom(room))
    }

    /// So many bytes lie there now.
    pub(super) fn written(&mut self, length: usize) {
        let mut files = self.mail.iter_mut().chain(&mut self.queue).filter_map(|file| file.block.as_mut());
        let Some(first) = files.next() else { return };
        first.frame_mut().extend(length);
        // For elsewhere as well: the second file has a block of its own.
        if let Some(second) = files.next() {
            let all = first.frame().bytes();
            let bytes = &all[all.len() - length..];
            second.frame_mut().tailroom(length)[..length].copy_from_slice(bytes);
            second.frame_mut().extend(length);
        }
    }

    /// Whether each file has a block with room, or has one now.
    fn ready(&mut self, io: &mut Io<'_>) -> bool {
        if self.failed.is_some() || !matches!(self.phase, Phase::Writing) {
            return false;
        }
        if self.unopened && self.mail.as_ref().is_some_and(File::is_full) {
            self.open(io);
        }
        for file in self.mail.iter_mut().chain(&mut self.queue) {
            if file.is_full()
                && let Some(block) = file.block.take()
            {
                file.capacity = limits::SMTP_BLOCK;
                self.todo.push_back(Work::Write(file.handle, block));
            }
        }
        self.ask(io);
        // Whoever sends faster than the disk writes waits.
        if !self.todo.is_empty() || self.under_way > limits::SMTP_BLOCKS {
            return false;
        }
        self.mail.iter_mut().chain(&mut self.queue).all(|file| {
            if file.block.is_none() {
                file.block = io.block(file.capacity).ok();
            }
            file.block.is_some()
        })
    }

    /// All of it came.
    pub(super) fn complete(&mut self, io: &mut Io<'_>) {
        let Destinations { maildirs, mailboxes, name, .. } = &self.to;
        if self.unopened
            && let Some(mailbox) = mailboxes.only()
            && let Some(block) = self.mail.as_mut().and_then(|file| file.block.take())
        {
            let names = (maildirs.unfinished(mailbox, name), maildirs.finished(mailbox, name));
            self.unopened = false;
            self.phase = Phase::Naming;
            return self.order(Work::Store { handle: MAIL, names, block }, io);
        }
        self.phase = Phase::Complete;
        for handle in [MAIL, HANDLES.content] {
            let file = self.mail.iter_mut().chain(&mut self.queue).find(|file| file.handle == handle);
            match file.and_then(|file| file.block.take()) {
                // The one before it was full just when the message ended.
                Some(block) if block.frame().is_empty() => io.release(block),
                Some(block) => self.order(Work::Write(handle, block), io),
                None => {}
            }
        }
    }

    /// It is not wanted any more.
    pub(super) fn cancel(&mut self) {
        self.failed.get_or_insert(ErrorKind::Interrupted);
    }

    /// Goes on; `envelope` is what the queue is to know.
    pub(super) fn go_on(&mut self, envelope: Option<&Envelope>, io: &mut Io<'_>) -> Step {
        loop {
            if let Some(why) = self.failed
                && !matches!(self.phase, Phase::Undoing(_) | Phase::Failed(_) | Phase::Done)
            {
                self.undo(why, io);
            }
            self.ask(io);
            if !self.todo.is_empty() && self.under_way == 0 {
                return Step::Starved;
            }
            if !self.todo.is_empty() || self.under_way > 0 {
                return Step::More;
            }
            match &mut self.phase {
                Phase::Writing => return Step::More,
                Phase::Complete => self.phase = self.sync(io),
                Phase::Syncing => self.phase = self.name(),
                Phase::Naming => {
                    self.phase = match (self.to.queue.as_deref(), envelope) {
                        (Some((queue, id)), Some(envelope)) => {
                            Phase::Queueing(Box::new(Placing::entry(queue, *id, HANDLES, envelope)))
                        }
                        _ => Phase::Done,
                    }
                }
                Phase::Queueing(placing) => match placing.next(io) {
                    Ok(Some(work)) => self.todo.push_back(work),
                    Ok(None) => self.phase = Phase::Done,
                    Err(_pool_full) => return Step::Starved,
                },
                Phase::Undoing(why) => self.phase = Phase::Failed(*why),
                Phase::Done => return Step::Complete,
                Phase::Failed(why) => return Step::Failed(*why),
            }
        }
    }

    /// All is written: now it is to last.
    fn sync(&mut self, io: &mut Io<'_>) -> Phase {
        let Destinations { maildirs, mailboxes, name, queue } = &self.to;
        match (mailboxes.only(), queue) {
            // Nearly always: one file with one name.
            (Some(mailbox), None) => {
                let names = Some((maildirs.unfinished(mailbox, name), maildirs.finished(mailbox, name)));
                self.order(Work::Commit { handle: MAIL, names, directory: maildirs.arrivals(mailbox) }, io);
                Phase::Naming
            }
            _ if mailboxes.is_empty() => Phase::Syncing,
            _ => {
                self.todo.extend([Work::Sync(MAIL), Work::Close(MAIL)]);
                Phase::Syncing
            }
        }
    }

    /// The names in the mailboxes: in the first one last, for that takes the unfinished name away.
    fn name(&mut self) -> Phase {
        let Destinations { maildirs, mailboxes, name, .. } = &self.to;
        let Some(first) = mailboxes.first() else { return Phase::Naming };
        let unfinished = maildirs.unfinished(first, name);
        let link = |other: &str| Work::Link(unfinished.clone(), maildirs.finished(other, name));
        self.todo.extend(mailboxes.iter().skip(1).map(link));
        self.todo.push_back(Work::Rename(unfinished.clone(), maildirs.finished(first, name)));
        self.todo.extend(mailboxes.iter().map(|mailbox| Work::SyncDirectory(maildirs.arrivals(mailbox))));
        Phase::Naming
    }

    /// Takes everything back that may have been done.
    fn undo(&mut self, why: ErrorKind, io: &mut Io<'_>) {
        self.release(io);
        let Destinations { maildirs, mailboxes, name, queue } = &self.to;
        if let Some(first) = mailboxes.first().filter(|_| !self.unopened) {
            self.todo.extend([Work::Close(MAIL), Work::Remove(maildirs.unfinished(first, name))]);
        }
        if matches!(self.phase, Phase::Naming | Phase::Queueing(_)) {
            self.todo.extend(mailboxes.iter().map(|mailbox| Work::Remove(maildirs.finished(mailbox, name))));
        }
        if let Some((queue, id)) = queue.as_deref() {
            self.todo.extend(Placing::undo(queue, *id, HANDLES));
        }
        self.phase = Phase::Undoing(why);
    }

    /// The connection is gone: what is not complete is taken back, as far as threads take it. Returns whose mailboxes it was
    /// for.
    pub(super) fn abandon(mut self, io: &mut Io<'_>) -> Mailboxes {
        if !matches!(self.phase, Phase::Done | Phase::Failed(_) | Phase::Undoing(_)) {
            self.undo(ErrorKind::Interrupted, io);
        }
        self.ask(io);
        self.release(io);
        self.to.mailboxes
    }

    fn release(&mut self, io: &mut Io<'_>) {
        let blocks = self.mail.iter_mut().chain(&mut self.queue).filter_map(|file| file.block.take());
        blocks.chain(self.todo.drain(..).filter_map(Work::into_block)).for_each(|block| io.release(block));
    }

    /// Asks for something once what precedes it was asked for.
    fn order(&mut self, work: Work, io: &mut Io<'_>) {
        if !self.todo.is_empty() {
            return self.todo.push_back(work);
        }
        match io.ask(self.tag, work) {
            Ok(()) => self.under_way += 1,
            Err(work) => self.todo.push_back(work),
        }
    }

    fn ask(&mut self, io: &mut Io<'_>) {
        while let Some(work) = self.todo.pop_front() {
            if let Err(work) = io.ask(self.tag, work) {
                return self.todo.push_front(work);
            }
            self.under_way += 1;
        }
    }

    /// One work was done, or could not be. What is done of a message that was given up is nobody's any more.
    pub(super) fn done(&mut self, tag: u64, failed: Option<ErrorKind>) {
        if tag != self.tag {
            return;
        }
        self.under_way -= 1;
        // What is taken back may never have been there.
        if !matches!(self.phase, Phase::Undoing(_))
            && let Some(why) = failed
        {
            self.failed.get_or_insert(why);
        }
    }

    /// Its entry in the queue, to be announced.
    pub(super) fn entry(&self) -> Option<&(Queue, Id)> {
        self.to.queue.as_deref()
    }
}

impl File {
    fn new(handle: Handle) -> File {
        File { handle, block: None, capacity: limits::SMTP_FIRST_BLOCK }
    }

    fn room(&self) -> usize {
        self.block.as_ref().map_or(0, |block| self.capacity.saturating_sub(block.frame().len()))
    }

    fn is_full(&self) -> bool {
        // Less than a line's end and what is held back before it is no room.
        self.block.is_some() && self.room() < 16
    }

    fn append(&mut self, parts: &[&str]) -> bool {
        let Some(block) = &mut self.block else { return false };
        let frame = block.frame_mut();
        let length = parts.iter().map(|part| part.len()).sum();
        let mut room = frame.tailroom(length);
        if room.len() < length {
            return false;
        }
        for part in parts {
            let (place, behind) = room.split_at_mut(part.len());
            place.copy_from_slice(part.as_bytes());
            room = behind;
        }
        frame.extend(length);
        true
    }
}
