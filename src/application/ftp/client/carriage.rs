//! The file of a transfer: where in it we begin, which data connection carries it, and what makes it whole at last.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::super::{Io, Kind, Opening, Outcome, Place, Session, SessionId, Work};
use super::super::data::{DataConnection, Job, Order, Target};
use super::transfer::{Direction, Transfer};

/// A file on its way, as the control connection sees it.
pub(super) struct Carriage {
    direction: Direction,
    ascii: bool,
    resume: bool,
    /// Bytes of it that came or went, for who watches.
    moved: Arc<AtomicU64>,
    /// Where in the file we begin, and its length.
    start: u64,
    length: Option<u64>,
    /// When it was changed, in seconds since 1970.
    pub(super) modified: Option<i64>,
    /// The data connection, what it is to carry, and whether it did and the server said so.
    data: Option<SessionId>,
    job: Option<Job>,
    carried: bool,
    confirmed: bool,
}

impl Carriage {
    pub(super) fn new(transfer: &Transfer, moved: Arc<AtomicU64>) -> Carriage {
        Carriage {
            direction: transfer.direction.clone(),
            ascii: transfer.ascii,
            resume: transfer.resume,
            moved,
            start: 0,
            length: None,
            modified: None,
            data: None,
            job: None,
            carried: false,
            confirmed: false,
        }
    }

    /// What lies here, to be looked at before anything is said.
    pub(super) fn place(&self) -> Place {
        match &self.direction {
            Direction::Get { part, .. } => part.clone(),
            Direction::Put { file } => file.clone(),
        }
    }

    /// A storage thread told what is there.
    ///
    /// # Errors
    /// Why that cannot be brought.
    pub(super) fn looked(&mut self, found: Result<Outcome, ErrorKind>) -> Result<(), String> {
        match (&self.direction, found) {
            (Direction::Put { .. }, Ok(Outcome::Metadata(file))) if file.kind == Kind::File => {
                self.length = Some(file.length);
            }
            (Direction::Put { .. }, Err(why)) => return Err(format!("the file: {}", io::Error::from(why))),
            (Direction::Put { .. }, Ok(_)) => return Err("the file is none: give one".to_owned()),
            (Direction::Get { .. }, Ok(Outcome::Metadata(part))) if self.resume => self.start = part.length,
            (Direction::Get { .. }, _) => {}
        }
        Ok(())
    }

    /// Whether the server is to be asked how much it has: of what is fetched, or of what an earlier transfer brought.
    pub(super) fn asks_for_size(&self) -> bool {
        !self.ascii && (self.is_fetched() || self.resume)
    }

    /// The server told how much it has, or was not asked. Returns the length of the file, if it is known, and where we begin.
    ///
    /// # Errors
    /// Why they do not fit.
    pub(super) fn sized(&mut self, size: Option<u64>) -> Result<Option<(u64, u64)>, String> {
        match self.direction {
            Direction::Get { .. } => self.length = size,
            Direction::Put { .. } => self.start = size.unwrap_or(0),
        }
        match self.length {
            Some(length) if length < self.start => {
                Err("what is there is longer than the file: leave out --resume".to_owned())
            }
            length => Ok(length.map(|length| (length, self.start))),
        }
    }

    /// Whether it comes from the server.
    pub(super) fn is_fetched(&self) -> bool {
        matches!(self.direction, Direction::Get { .. })
    }

    /// Where in the file we begin.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// A session for its data connection, which tells `control` what happens.
    pub(super) fn connection(&self, control: SessionId) -> Box<dyn Session> {
        Box::new(DataConnection::new(control, 0, Arc::new(())).counted(self.moved.clone()))
    }

    /// Makes ready what the data connection is to carry.
    pub(super) fn prepare(&mut self) {
        let ascii = self.ascii;
        self.job = Some(match &self.direction {
            Direction::Get { part, folder, .. } => {
                let opening = if self.start > 0 { Opening::Resume(self.start) } else { Opening::Replace };
                // It gets its name when the server has said that this is all of it.
                let (file, folder) = (part.clone(), folder.clone());
                Job::Receive(Target { file, opening, name: None, claim: None, folder, ascii })
            }
            Direction::Put { file } => Job::Send { file: file.clone(), from: self.start, ascii },
        });
    }

    /// The data connection is open.
    pub(super) fn connected(&mut self, data: SessionId) {
        self.data = Some(data);
    }

    /// The data connection is gone.
    pub(super) fn lost(&mut self) {
        self.data = None;
    }

    /// Lets it be carried; returns whether there was a connection and something to carry.
    pub(super) fn carry(&mut self, io: &mut Io<'_>) -> bool {
        let Some(data) = self.data else { return false };
        let Some(job) = self.job.take() else { return false };
        let _full = io.tell(data, Box::new(Order::Carry(job)));
        true
    }

    /// All was carried.
    pub(super) fn carried(&mut self) {
        self.carried = true;
    }

    /// The server has said that it has all, or sent all.
    pub(super) fn confirmed(&mut self) {
        self.confirmed = true;
    }

    /// Lets go of a data connection that is not done.
    pub(super) fn abort(&mut self, io: &mut Io<'_>) {
        if let Some(data) = self.data.take().filter(|_| !self.carried) {
            let _full = io.tell(data, Box::new(Order::Abort));
        }
    }

    /// When all was carried and the server has said so: what is left to be done, one behind the other.
    ///
    /// # Errors
    /// Not all of it came.
    pub(super) fn finish(&self) -> Result<Option<VecDeque<Work>>, String> {
        if !self.carried || !self.confirmed {
            return Ok(None);
        }
        let Direction::Get { part, file, folder } = self.direction.clone() else { return Ok(Some(VecDeque::new())) };
        let came = self.start + self.moved.load(Ordering::Relaxed);
        if let Some(length) = self.length.filter(|length| *length != came) {
            return Err(format!("{came} of {length} bytes came: try again with --resume"));
        }
        let dated = self.modified.map(|modified| Work::SetModified(file.clone(), modified));
        let named = [Work::Rename(part, file)].into_iter();
        Ok(Some(named.chain(dated).chain([Work::SyncDirectory(folder)]).collect()))
    }
}
