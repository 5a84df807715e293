//! Data connections: each carries one file or list, then ends (RFC 959 §3.2).
//!
//! A data connection belongs to one control connection, and does what that tells it. Files are read and written by storage
//! threads, from and into the blocks in which the bytes cross the wire.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::{Data, Done, Io, Message, Place, Session, SessionId, Stream, Used};
use super::Claim;
use super::listing::Format;
use super::receiving::Receiving;
use super::sending::{Listing, Sending};
use crate::base::limits;
use crate::base::stream::{Ending, Gone};
use crate::base::time::Instant;

/// What a data connection is to carry.
pub(super) enum Job {
    /// A file, from this byte on.
    Send { file: Place, from: u64, ascii: bool },
    /// What becomes a file.
    Receive(Target),
    /// What lies in a directory.
    List { folder: Place, format: Format, writable: bool },
    /// Lines that are there already.
    Say(Vec<u8>),
}

/// Where an upload goes.
pub(super) struct Target {
    /// What is written.
    pub(super) file: Place,
    /// How it is opened.
    pub(super) opening: super::super::Opening,
    /// The name that it gets when it is complete, unless it has it.
    pub(super) name: Option<Place>,
    /// Keeps others away from it.
    pub(super) claim: Option<Claim>,
    /// The directory of both.
    pub(super) folder: Place,
    /// Whether lines are converted.
    pub(super) ascii: bool,
}

/// What a control connection says to its data connection.
pub(super) enum Order {
    /// This is to be carried.
    Carry(Job),
    /// Nothing is wanted any more.
    Abort,
}

/// What a data connection says to its control connection.
pub(super) enum News {
    /// It is open.
    Connected,
    /// It could not be opened.
    Unconnected,
    /// All was carried, and is where it is to be.
    Complete,
    /// It was not.
    Failed(Failure),
}

/// Why something was not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection broke, stood still, or was given up.
    Connection,
    /// The disk could not.
    Disk(ErrorKind),
}

/// What came of a step of a transfer.
pub(super) enum Step {
    /// There is more to do.
    More,
    /// All is done.
    Complete,
    /// It cannot be done.
    Failed(Failure),
}

enum State {
    /// Not told anything yet.
    Idle,
    Sending(Sending),
    Receiving(Receiving),
    Listing(Listing),
    /// All is sent, and not all of it acknowledged.
    Sent,
    /// The control connection knows how it ended.
    Over,
}

/// A data connection.
pub(super) struct DataConnection {
    control: SessionId,
    /// Which of its data connections this is.
    number: u64,
    /// As long as there is one, there is this connection.
    _alive: Arc<()>,
    state: State,
    open: bool,
    /// The peer sends nothing more.
    ended: bool,
    /// When it is given up.
    patience: Option<Instant>,
    /// When memory or a storage thread is asked for again.
    retry: Option<Instant>,
    /// Bytes of the file that were carried, for who watches.
    moved: Option<Arc<AtomicU64>>,
}

impl DataConnection {
    pub(super) fn new(control: SessionId, number: u64, alive: Arc<()>) -> DataConnection {
        DataConnection {
            control,
            number,
            _alive: alive,
            state: State::Idle,
            open: false,
            ended: false,
            patience: None,
            retry: None,
            moved: None,
        }
    }

    /// The same, counting what it carries.
    pub(super) fn counted(self, moved: Arc<AtomicU64>) -> DataConnection {
        DataConnection { moved: Some(moved), ..self }
    }

    fn count(&self) {
        if let Some(moved) = &self.moved {
            let count = match &self.state {
                State::Sending(sending) => sending.sent(),
                State::Receiving(receiving) => receiving.received(),
                State::Idle | State::Listing(_) | State::Sent | State::Over => return,
            };
            moved.store(count, Ordering::Relaxed);
        }
    }

    fn say(&self, news: News, io: &mut Io<'_>) {
        // Who misses this finds that the connection is gone.
        let _full = io.tell(self.control, Box::new((self.number, news)));
    }

    fn carry(&mut self, job: Job, stream: &mut Stream<'_>) {
        self.state = match job {
            Job::Send { file, from, ascii } => State::Sending(Sending::new(file, from, ascii)),
            Job::Receive(target) => State::Receiving(Receiving::new(target)),
            Job::List { folder, format, writable } => State::Listing(Listing::new(folder, format, writable)),
            Job::Say(text) => State::Listing(Listing::of(text)),
        };
        // What comes while we send is not wanted, but its end is heard behind it only.
        stream.resume();
        self.go_on(stream);
    }

    fn go_on(&mut self, stream: &mut Stream<'_>) {
        let ended = self.ended;
        let step = match &mut self.state {
            State::Idle | State::Sent | State::Over => return,
            State::Sending(sending) => sending.go_on(stream),
            State::Listing(listing) => listing.go_on(stream),
            State::Receiving(receiving) => receiving.go_on(ended, stream),
        };
        self.count();
        let now = stream.io.now();
        self.patience = Some(now + limits::FTP_STALLED);
        self.retry = None;
        match step {
            Step::More => {
                let waits = match &self.state {
                    State::Sending(sending) => sending.wants_memory(),
                    State::Listing(listing) => listing.wants_a_thread(),
                    State::Receiving(receiving) => receiving.wants_memory(),
                    State::Idle | State::Sent | State::Over => false,
                };
                self.retry = waits.then(|| now + limits::STARVED_RETRY);
            }
            Step::Complete => {
                stream.close_within(limits::FTP_STALLED);
                match self.state {
                    State::Receiving(_) => self.finish(News::Complete, &mut stream.io),
                    // Nobody is told that it is there before it is.
                    _ => self.state = State::Sent,
                }
            }
            Step::Failed(failure) => self.fail(failure, stream),
        }
    }

    fn fail(&mut self, failure: Failure, stream: &mut Stream<'_>) {
        stream.abort();
        self.finish(News::Failed(failure), &mut stream.io);
    }

    fn finish(&mut self, news: News, io: &mut Io<'_>) {
        self.drop_blocks(io);
        self.state = State::Over;
        self.retry = None;
        self.say(news, io);
    }

    fn drop_blocks(&mut self, io: &mut Io<'_>) {
        match &mut self.state {
            State::Sending(sending) => sending.release(io),
            State::Receiving(receiving) => receiving.release(io),
            State::Idle | State::Listing(_) | State::Sent | State::Over => {}
        }
    }
}

impl Session for DataConnection {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.open = true;
        self.patience = Some(stream.io.now() + limits::FTP_IDLE);
        // Nobody has said yet where it goes.
        stream.pause();
        self.say(News::Connected, &mut stream.io);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        match &mut self.state {
            State::Receiving(receiving) => {
                let used = receiving.take(data, stream);
                self.patience = Some(stream.io.now() + limits::FTP_STALLED);
                if receiving.wants_memory() {
                    self.retry = Some(stream.io.now() + limits::STARVED_RETRY);
                }
                self.count();
                used
            }
            State::Idle => {
                stream.pause();
                Used::Bytes(0)
            }
            // Nobody wants it.
            State::Sending(_) | State::Listing(_) | State::Sent | State::Over => Used::Bytes(data.len()),
        }
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.go_on(stream);
    }

    fn on_sent(&mut self, stream: &mut Stream<'_>) {
        if matches!(self.state, State::Sent) {
            self.finish(News::Complete, &mut stream.io);
        }
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        self.ended = true;
        if matches!(self.state, State::Receiving(_)) {
            self.go_on(stream);
        }
    }

    fn on_gone(&mut self, ending: Ending, io: &mut Io<'_>) {
        match self.state {
            State::Sent if ending.why == Gone::Closed => self.finish(News::Complete, io),
            State::Idle if !self.open => self.finish(News::Unconnected, io),
            State::Over => {}
            _ => self.finish(News::Failed(Failure::Connection), io),
        }
    }

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        match &mut self.state {
            State::Sending(sending) => sending.done(done),
            State::Listing(listing) => listing.done(done),
            State::Receiving(receiving) => receiving.done(done),
            State::Idle | State::Sent | State::Over => return done.release(&mut stream.io),
        }
        self.go_on(stream);
    }

    fn on_message(&mut self, from: Option<SessionId>, message: Message, stream: &mut Stream<'_>) {
        if from != Some(self.control) {
            return;
        }
        match message.downcast::<Order>().map(|order| *order) {
            Ok(Order::Carry(job)) if matches!(self.state, State::Idle) => self.carry(job, stream),
            Ok(Order::Abort) => match &self.state {
                // All of it is there and half of it has its name: what is begun is ended, and told.
                State::Receiving(receiving) if receiving.is_committing() => {}
                State::Over => {}
                _ => self.fail(Failure::Connection, stream),
            },
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.patience.into_iter().chain(self.retry).min()
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        if self.patience.is_some_and(|patience| patience <= now) {
            self.patience = None;
            match self.state {
                State::Over => stream.abort(),
                _ => self.fail(Failure::Connection, stream),
            }
        } else if self.retry.is_some_and(|retry| retry <= now) {
            self.retry = None;
            self.go_on(stream);
        }
    }
}
