//! What services ask for beyond the connection that they were called for. It is carried out at the end of the turn, so no
//! session is entered twice.

use std::any::Any;
use std::collections::VecDeque;

use super::{Service, Session};
use crate::base::address::Endpoint;
use crate::base::limits;

/// Names a session of this shard; finds nothing once its connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub u64);

/// What one session tells another of the same service: who gets it knows what it is.
pub type Message = Box<dyn Any + Send>;

/// One thing to be done.
pub enum Request {
    /// A session is told something.
    Tell {
        /// Who says it; `None`: a service of datagrams.
        from: Option<SessionId>,
        /// Who is told.
        to: SessionId,
        /// What.
        message: Message,
    },
    /// A connection is to be opened.
    Connect {
        /// To whom.
        remote: Endpoint,
        /// Who uses it.
        session: Box<dyn Session>,
    },
    /// Connections are to be taken at a port.
    Listen {
        /// The port.
        port: u16,
        /// By whom.
        service: Box<dyn Service>,
    },
}

/// There are too many requests in this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests in one turn")]
pub struct TooMany;

/// A bounded list of them.
#[derive(Default)]
pub struct Requests {
    waiting: VecDeque<Request>,
}

impl Requests {
    /// Adds one.
    pub fn add(&mut self, request: Request) -> Result<(), TooMany> {
        if self.waiting.len() >= limits::REQUESTS {
            return Err(TooMany);
        }
        self.waiting.push_back(request);
        Ok(())
    }

    /// The one that came first.
    pub fn pop(&mut self) -> Option<Request> {
        self.waiting.pop_front()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
