//! How an entry gets its place in the queue: step by step, each when the one before it is on the disk.

use super::{Envelope, Id, Queue};
use crate::application::{Handle, Io, Opening, Work};
use crate::base::limits;
use crate::buffer::PoolFull;

/// Two names that whoever puts an entry has free for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handles {
    /// The content.
    pub content: Handle,
    /// The envelope.
    pub envelope: Handle,
}

/// Puts an entry, or replaces its envelope.
///
/// ```text
///   ask(Work::Open(content, queue.place(id.content()), Opening::New)), ask(Work::Write(content, block)) …
///   let mut placing = Placing::entry(…);
///   while let Some(work) = placing.next(io)? { ask(work), and wait until it is done }
///   queue.announce(id), and 250
/// ```
///
/// When any of it fails, [`Placing::undo`] says what is to be asked for instead.
#[derive(Debug)]
pub struct Placing {
    queue: Queue,
    id: Id,
    handles: Handles,
    text: Vec<u8>,
    written: usize,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    SyncContent,
    CloseContent,
    OpenEnvelope,
    WriteEnvelope,
    CommitEnvelope,
    Done,
}

impl Placing {
    /// Puts an entry whose content was written, and is open yet.
    pub fn entry(queue: &Queue, id: Id, handles: Handles, envelope: &Envelope) -> Placing {
        Placing::at(Step::SyncContent, queue, id, handles, envelope)
    }

    /// Replaces the envelope of an entry.
    pub fn envelope(queue: &Queue, id: Id, handles: Handles, envelope: &Envelope) -> Placing {
        Placing::at(Step::OpenEnvelope, queue, id, handles, envelope)
    }

    fn at(step: Step, queue: &Queue, id: Id, handles: Handles, envelope: &Envelope) -> Placing {
        Placing { queue: queue.clone(), id, handles, text: envelope.to_bytes(), written: 0, step }
    }

    /// Whose entry it is.
    pub fn id(&self) -> Id {
        self.id
    }

    /// What is to be done next, as everything before it was done; `None`: the entry is durable.
    ///
    /// # Errors
    /// There is no memory now: to be asked again.
    pub fn next(&mut self, io: &mut Io<'_>) -> Result<Option<Work>, PoolFull> {
        let Handles { content, envelope } = self.handles;
        let place = |path| self.queue.place(path);
        let (work, next) = match self.step {
            Step::SyncContent => (Work::Sync(content), Step::CloseContent),
            Step::CloseContent => (Work::Close(content), Step::OpenEnvelope),
            // What a process left that was interrupted here is replaced.
            Step::OpenEnvelope => {
                (Work::Open(envelope, place(self.id.unnamed()), Opening::Replace), Step::WriteEnvelope)
            }
            Step::WriteEnvelope => {
                let rest = &self.text[self.written..];
                let mut block = io.block(rest.len().min(limits::SMTP_BLOCK))?;
                let room = block.frame_mut().tailroom(rest.len());
                let length = room.len();
                room.copy_from_slice(&rest[..length]);
                block.frame_mut().extend(length);
                self.written += length;
                let is_all = self.written == self.text.len();
                (Work::Write(envelope, block), if is_all { Step::CommitEnvelope } else { Step::WriteEnvelope })
            }
            Step::CommitEnvelope => {
                let names = Some((place(self.id.unnamed()), place(self.id.envelope())));
                (Work::Commit { handle: envelope, names, directory: place("".into()) }, Step::Done)
            }
            Step::Done => return Ok(None),
        };
        self.step = next;
        Ok(Some(work))
    }

    /// One of these could not be done: what takes an entry back, to be asked for one behind the other, whatever comes of each.
    pub fn undo(queue: &Queue, id: Id, handles: Handles) -> [Work; 5] {
        let remove = |path| Work::Remove(queue.place(path));
        [
            Work::Close(handles.content),
            Work::Close(handles.envelope),
            remove(id.unnamed()),
            // It may have its name, and the directory could not be synced.
            remove(id.envelope()),
            remove(id.content()),
        ]
    }

    /// What takes an entry out, one behind the other, each when the one before it is done: its envelope first, and only when
    /// that is gone for good, the content.
    pub fn removal(queue: &Queue, id: Id) -> [Work; 3] {
        [
            Work::Remove(queue.place(id.envelope())),
            Work::SyncDirectory(queue.place("".into())),
            Work::Remove(queue.place(id.content())),
        ]
    }
}
