//! What services ask for beyond the connection that they were called for. It is carried out at the end of the turn, so no
//! session is entered twice.

use std::any::Any;
use std::collections::VecDeque;

use super::{Datagrams, Service, Session, Work};
use crate::base::address::Endpoint;
use crate::base::limits;

/// Names a session of this shard; finds nothing once its connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub u64);

/// Names something of a service of datagrams that has files of its own, beside the sessions: the service's port, and what
/// it calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeskId {
    /// The port of the service.
    pub port: u16,
    /// What the service calls it; below 2²⁴ there are no two alike.
    pub number: u32,
}

impl DeskId {
    /// No connection has this bit: a generation is never so high.
    const MARK: u64 = 1 << 63;

    /// The one that an asker is, if it is no connection.
    pub fn of(asker: SessionId) -> Option<DeskId> {
        let SessionId(bits) = asker;
        (bits & DeskId::MARK != 0).then_some(DeskId { port: (bits >> 32) as u16, number: bits as u32 })
    }
}

impl From<DeskId> for SessionId {
    fn from(id: DeskId) -> SessionId {
        SessionId(DeskId::MARK | u64::from(id.port) << 32 | u64::from(id.number))
    }
}

/// What one session tells another of the same service: who gets it knows what it is.
pub type Message = Box<dyn Any + Send>;

/// One thing to be done.
pub enum Request {
    /// A session is told something.
    Tell {
        /// Who says it; `None`: a service of datagrams.
        from: Option<SessionId>,
        /// Who is told: a session, or something of a service of datagrams ([`DeskId`]).
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
    /// Datagrams are to be sent to somebody from a port of their own.
    Open {
        /// To whom.
        remote: Endpoint,
        /// Who sends them, and gets what comes back.
        service: Box<dyn Datagrams>,
    },
    /// Such a port is not needed any more.
    Shut {
        /// The port.
        port: u16,
    },
    /// A storage thread is to do something.
    Work(Errand),
    /// A session that let storage threads work is gone: what it has open is closed, after all that it asked for.
    Forget(SessionId),
}

/// Work of a session.
pub struct Errand {
    /// Whose.
    pub session: SessionId,
    /// What the session calls it.
    pub tag: u64,
    /// What is to be done.
    pub work: Work,
}

/// There are too many requests in this turn, or too much work is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests in one turn")]
pub struct TooMany;

/// A bounded list of them.
#[derive(Default)]
pub struct Requests {
    waiting: VecDeque<Request>,
    /// Work that was asked for and is not done, and how much of it there may be: none without storage threads.
    under_way: usize,
    most_under_way: usize,
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

    /// Lets sessions ask for so much work before some of it is done.
    pub fn allow_work(&mut self, most: usize) {
        self.most_under_way = most;
    }

    /// Adds work; gives it back when there is too much.
    pub(super) fn add_work(&mut self, errand: Errand) -> Result<(), Work> {
        if self.under_way >= self.most_under_way || self.waiting.len() >= limits::REQUESTS {
            return Err(errand.work);
        }
        self.under_way += 1;
        self.waiting.push_back(Request::Work(errand));
        Ok(())
    }

    /// Whether some work is under way.
    #[inline]
    pub fn awaits_work(&self) -> bool {
        self.under_way > 0
    }

    /// Work is done.
    pub fn work_done(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// A session is gone. There is always room for this, once for each that asked for work.
    pub fn forget(&mut self, session: SessionId) {
        self.waiting.push_back(Request::Forget(session));
    }

    /// A port is given back. There is always room for this, once for each that was opened.
    pub(super) fn shut(&mut self, port: u16) {
        self.waiting.push_back(Request::Shut { port });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{Errands, Handle, Io, Largest, Written};
    use crate::base::random::Random;
    use crate::base::time::Instant;
    use crate::buffer::Pool;

    #[test]
    fn work_has_a_limit_for_each_session_and_for_all() {
        let (mut pool, mut random, mut written) = (Pool::new(0), Random::new([1; 16]), Written::default());
        let mut requests = Requests::default();
        let mut ask = |requests: &mut Requests, session: u64| {
            let largest = Largest::default();
            let io = Io::new(Instant::ZERO, &largest, &mut pool, &mut random, &mut written, requests);
            let mut io = io.of(SessionId(session), Errands::default());
            (0..1000).take_while(|tag| io.ask(*tag, Work::Close(Handle(0))).is_ok()).count()
        };
        assert_eq!(ask(&mut requests, 0), 0, "there is nobody who would do it");
        requests.allow_work(limits::WORK);
        let each = usize::from(limits::WORK_A_SESSION);
        for session in 0..limits::WORK / each {
            assert_eq!(ask(&mut requests, session as u64), each);
        }
        assert_eq!(ask(&mut requests, 1_000_000), 0);
        // A session that goes is never too much.
        requests.forget(SessionId(0));
        requests.work_done();
        assert_eq!(ask(&mut requests, 1_000_000), 1);
    }
}
