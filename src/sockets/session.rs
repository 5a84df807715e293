//! The session of a connection whose user pulls: it notes what happens, and leaves the data where they are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::application::{Data, Io, Session, Stream, Used};
use crate::base::stream::{Ending, Gone};
use crate::stack::ConnectionId;

/// What the connection told its session, for the socket to see.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) id: Option<ConnectionId>,
    /// The handshake is complete.
    pub(super) opened: bool,
    /// The peer has nothing more to send, and all of it was read.
    pub(super) ended: bool,
    /// The connection is no more.
    pub(super) gone: bool,
    /// It ended in another way than by closing, and nobody was told yet.
    pub(super) failed: Option<Gone>,
    /// The socket is closed: nobody reads any more.
    pub(super) left: bool,
}

/// What was told. Nobody panics with the lock held, so a poisoned one holds what it should.
pub(super) fn lock<T>(told: &Mutex<T>) -> MutexGuard<'_, T> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The session.
pub(super) struct Pulled {
    told: Arc<Mutex<Told>>,
}

impl Pulled {
    pub(super) fn new(told: Arc<Mutex<Told>>) -> Pulled {
        Pulled { told }
    }
}

impl Session for Pulled {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        let mut told = lock(&self.told);
        told.opened = true;
        told.id = stream.io.id().map(ConnectionId::from);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        if lock(&self.told).left {
            // RFC 1122 §4.2.2.13: their sender has to know that they are lost.
            stream.abort();
            return Used::Bytes(data.len());
        }
        stream.pause();
        Used::Bytes(0)
    }

    fn on_end(&mut self, _stream: &mut Stream<'_>) {
        lock(&self.told).ended = true;
    }

    fn on_gone(&mut self, ending: Ending, _io: &mut Io<'_>) {
        let why = ending.why;
        let mut told = lock(&self.told);
        told.gone = true;
        told.failed = (!matches!(why, Gone::Closed | Gone::Aborted)).then_some(why);
    }
}
