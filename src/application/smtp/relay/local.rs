//! What comes back to somebody at this host: it goes into a Maildir and not to a next hop.

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use super::files::{Reading, Writing};
use super::letter::{HANDLES, Letter, Task, Wish};
use crate::application::smtp::maildir;
use crate::application::smtp::queue::{Said, Status};
use crate::application::{Done, Handle, Io, Place, Work};
use crate::buffer::PoolFull;

/// Who has a mailbox at this host.
pub trait Locals: Send + Sync + fmt::Debug {
    /// The Maildir of an address, with `tmp`, `new` and `cur` in it or about to be; `None`: the address is elsewhere.
    fn maildir(&self, address: &str) -> Option<Place>;
}

/// A recipient at this host.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) number: usize,
    pub(super) maildir: Place,
}

/// A message on its way into a Maildir: written to `tmp`, on the disk, and only then in `new`.
pub(super) struct Storing {
    file: Handle,
    /// What makes the directories that are missing.
    making: VecDeque<Work>,
    is_making: bool,
    writing: Writing,
    temporary: Place,
    commit: Option<Work>,
}

impl Storing {
    /// A message for the Maildir at `place`, under a name that no other has.
    pub(super) fn new(file: Handle, place: &Place, name: &str, bytes: Vec<u8>) -> Storing {
        let below = |path: &Path| Place { folder: place.folder, path: place.path.join(path) };
        let (temporary, new) = (below(&Path::new("tmp").join(name)), below(&Path::new("new").join(name)));
        let making = ["", "tmp", "new", "cur"].map(|name| Work::MakeDirectory(below(Path::new(name))));
        let names = Some((temporary.clone(), new));
        let commit = Some(Work::Commit { handle: file, names, directory: below(Path::new("new")) });
        let writing = Writing::new(file, temporary.clone(), bytes);
        Storing { file, making: making.into(), is_making: false, writing, temporary, commit }
    }

    /// What is to be done next; `None`: it is there for good.
    pub(super) fn next(&mut self, io: &mut Io<'_>) -> Result<Option<Work>, PoolFull> {
        let make = self.making.pop_front();
        self.is_making = make.is_some();
        if make.is_some() {
            return Ok(make);
        }
        Ok(self.writing.next(io)?.or_else(|| self.commit.take()))
    }

    /// The last was done.
    pub(super) fn done(&mut self, done: Done) -> Result<(), ErrorKind> {
        match done.result {
            // It is there already, or it will show when the file is made.
            _ if self.is_making => Ok(()),
            Ok(_) => self.writing.done(done),
            Err(why) => Err(why),
        }
    }

    /// What takes it back.
    pub(super) fn undo(self) -> [Work; 2] {
        [Work::Close(self.file), Work::Remove(self.temporary)]
    }
}

impl Letter {
    /// It was read for somebody at this host: a Return-Path goes in front (RFC 5321 §4.4).
    pub(super) fn collected(&mut self, reading: Reading, local: Local) {
        let Some(envelope) = &self.envelope else { return };
        if !reading.is_whole {
            return self.stored(&local, Status::Failed, Some(ErrorKind::FileTooLarge));
        }
        let mut bytes = maildir::return_path(&envelope.sender).concat().into_bytes();
        bytes.extend(reading.bytes);
        let name = format!("{}.{}-{}.relay", self.id.seconds(), self.id, local.number);
        let storing = Storing::new(HANDLES.content, &local.maildir, &name, bytes);
        self.task = Some(Task::Store(storing, local));
    }

    /// Somebody at this host got it, or could not.
    pub(super) fn stored(&mut self, local: &Local, status: Status, why: Option<ErrorKind>) {
        let recipient = self.envelope.as_mut().and_then(|envelope| envelope.recipients.get_mut(local.number));
        let Some(recipient) = recipient else { return };
        let wants_to_know = recipient.notify.is_some_and(|notify| notify.success);
        recipient.status = match status {
            Status::Delivered if !wants_to_know => Status::Done,
            status => status,
        };
        if status == Status::Delivered {
            recipient.said = Some(Said::delivered());
        }
        if let Some(why) = why {
            let text = format!("the mailbox cannot take it: {}", std::io::Error::from(why));
            self.wishes.push(Wish::Say(format!("{}: to <{}>: {text}", self.id, recipient.address)));
            recipient.said = Some(Said { code: "4.2.0".to_owned(), text, by: None });
        }
        self.dirty = true;
    }
}
