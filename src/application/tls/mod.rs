//! TLS under any session: [`Secured`] is a session with another one inside, which sees plain bytes.
//!
//! # Theory of operation
//!
//! ```text
//!   connection ──on_data──▶ Secured ──decrypted──▶ the session inside
//!   connection ◀──write──── Secured ◀──encrypted── its queue
//! ```
//!
//! The session inside is called with a [`Stream`] of its own, whose queue holds plain bytes; after each call they are encrypted
//! into the queue of the connection, as far as that has room. What it wishes, [`Secured`] wishes for it, but closing waits
//! until everything is encrypted and close_notify is behind it.
//!
//! A session begins in the clear ([`Secured::in_the_clear`]) and is called with the connection's own stream then, at no cost,
//! until it says [`Stream::secure`]: the answer to AUTH or STARTTLS. What lies behind the command in the clear is discarded,
//! so nobody in between can put commands in front of the first encrypted one (RFC 4217 §13, RFC 3207 §6). Or it begins with the
//! handshake ([`Secured::at_once`]), and hears that it is open when that is done.
//!
//! An end without close_notify may be somebody else's: the session does not hear of an end then, but that the connection is gone
//! (RFC 8446 §6.1).
//!
//! Each byte is copied once more than in the clear, out of rustls' records or into them. Keys, and so what is sent, come of the
//! system's randomness and not of the stack's seed: a journal with TLS in it does not repeat to the bit.
//!
//! Read first: RFC 8446, RFC 5246, RFC 4217.

mod identity;
mod machine;
mod trust;

use std::time::Duration;

pub use identity::{BadIdentity, Identity, self_made};
use machine::Machine;
pub use trust::{BadTrust, Complaint, NoName, Server, Trust};

use super::{Data, Done, Io, Message, Reading, Session, SessionId, Stream, Used, Wishes};
use crate::base::limits;
use crate::base::stream::{Ending, Gone};
use crate::base::time::Instant;
use crate::buffer::Block;

/// How long an alert and the end may take to arrive.
const FAREWELL: Duration = Duration::from_secs(5);

/// A session in the clear that can be secured, or one under TLS.
pub struct Secured {
    inside: Box<dyn Session>,
    end: End,
    state: State,
    /// It heard that its connection is gone.
    told_gone: bool,
}

/// Which end of a connection we are.
#[derive(Clone, Debug)]
pub enum End {
    /// The server, who shows who it is.
    Server(Identity),
    /// The client, who wants to see who the server is.
    Client(Server),
}

impl From<Identity> for End {
    fn from(identity: Identity) -> End {
        End::Server(identity)
    }
}

impl From<Server> for End {
    fn from(server: Server) -> End {
        End::Client(server)
    }
}

enum State {
    Clear,
    Secure(Box<Machine>),
    /// The peer did something that TLS does not allow, or was too slow.
    Failed,
}

impl Secured {
    /// Under TLS when the session says so.
    pub fn in_the_clear(inside: Box<dyn Session>, end: impl Into<End>) -> Secured {
        Secured { inside, end: end.into(), state: State::Clear, told_gone: false }
    }

    /// Under TLS from the first byte on.
    pub fn at_once(inside: Box<dyn Session>, end: impl Into<End>) -> Secured {
        let end = end.into();
        let state = Machine::new(&end, Inside::Unopened).map_or(State::Failed, State::from);
        Secured { inside, end, state, told_gone: false }
    }

    /// Calls the session inside, and does what it wishes.
    fn call<R>(
        &mut self,
        stream: &mut Stream<'_>,
        work: impl FnOnce(&mut dyn Session, &mut Stream<'_>) -> R,
    ) -> Option<R> {
        match &mut self.state {
            State::Clear => {
                let result = work(self.inside.as_mut(), stream);
                if stream.take_secure() {
                    self.secure(stream);
                }
                Some(result)
            }
            State::Secure(machine) => {
                let result = machine.call(self.inside.as_mut(), stream, work);
                self.settle(stream);
                Some(result)
            }
            State::Failed => None,
        }
    }

    fn secure(&mut self, stream: &mut Stream<'_>) {
        match Machine::new(&self.end, Inside::Opened) {
            Some(mut machine) => {
                machine.give_up_at = Some(stream.io.now() + limits::TLS_HANDSHAKE);
                self.state = State::from(machine);
                stream.resume();
                // A client speaks first.
                self.settle(stream);
            }
            None => self.fail(stream),
        }
    }

    /// Encrypts and shows what there is, until nothing is left that can be done now.
    fn settle(&mut self, stream: &mut Stream<'_>) {
        let State::Secure(machine) = &mut self.state else { return };
        loop {
            let open = machine.is_open();
            machine.send(stream);
            if open && !machine.is_told {
                machine.is_told = true;
                machine.give_up_at = None;
                match std::mem::replace(&mut machine.inside, Inside::Opened) {
                    Inside::Unopened => {
                        machine.call(self.inside.as_mut(), stream, |inside, stream| inside.on_open(stream));
                    }
                    Inside::Opened => {
                        machine.call(self.inside.as_mut(), stream, |inside, stream| inside.on_room(stream));
                    }
                }
            } else if !machine.show(self.inside.as_mut(), stream) {
                break;
            }
        }
        machine.send(stream);
        if machine.takes() { stream.resume() } else { stream.pause() }
    }

    /// Says why, if there is room, and ends the connection.
    fn fail(&mut self, stream: &mut Stream<'_>) {
        if let State::Secure(machine) = &mut self.state {
            machine.send(stream);
            machine.clear(&mut stream.io);
        }
        self.state = State::Failed;
        self.tell_gone(Ending::unopened(Gone::Aborted), &mut stream.io);
        stream.resume();
        stream.close_within(FAREWELL);
    }

    fn tell_gone(&mut self, ending: Ending, io: &mut Io<'_>) {
        if !std::mem::replace(&mut self.told_gone, true) {
            self.inside.on_gone(ending, io);
        }
    }
}

impl From<Machine> for State {
    fn from(machine: Machine) -> State {
        State::Secure(Box::new(machine))
    }
}

/// Whether the session inside knows of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// It hears that it is open when the handshake is done.
    Unopened,
    /// It was open before.
    Opened,
}

impl Session for Secured {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        match &mut self.state {
            State::Secure(machine) => {
                machine.give_up_at = Some(stream.io.now() + limits::TLS_HANDSHAKE);
                self.settle(stream);
            }
            State::Failed => stream.abort(),
            State::Clear => {
                self.call(stream, |inside, stream| inside.on_open(stream));
            }
        }
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let length = data.len();
        match &mut self.state {
            State::Clear => {
                let used = self.call(stream, |inside, stream| inside.on_data(data, stream));
                match (&self.state, used) {
                    (State::Clear, Some(used)) => used,
                    // What is behind the command that secured the connection came in the clear.
                    _ => Used::Bytes(length),
                }
            }
            State::Secure(_) => {
                let mut used = 0;
                while used < length
                    && let State::Secure(machine) = &mut self.state
                    && machine.takes()
                {
                    match machine.receive(&data.bytes()[used..]) {
                        Ok(count) => used += count,
                        Err(why) => {
                            if let End::Client(server) = &self.end {
                                server.complain(&why);
                            }
                            self.fail(stream);
                        }
                    }
                    self.settle(stream);
                }
                Used::Bytes(if matches!(self.state, State::Failed) { length } else { used })
            }
            State::Failed => Used::Bytes(length),
        }
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        if let State::Secure(machine) = &mut self.state {
            machine.send(stream);
            if !machine.has_room(stream) {
                return;
            }
        }
        self.call(stream, |inside, stream| inside.on_room(stream));
    }

    fn on_sent(&mut self, stream: &mut Stream<'_>) {
        self.call(stream, |inside, stream| inside.on_sent(stream));
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        match &mut self.state {
            State::Clear => {
                self.call(stream, |inside, stream| inside.on_end(stream));
            }
            State::Secure(machine) if machine.is_over() => self.settle(stream),
            // Somebody in between may have cut it.
            State::Secure(_) => stream.abort(),
            State::Failed => stream.close(),
        }
    }

    fn on_gone(&mut self, ending: Ending, io: &mut Io<'_>) {
        if let State::Secure(machine) = &mut self.state {
            machine.clear(io);
        }
        self.tell_gone(ending, io);
    }

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        match &self.state {
            State::Failed => done.release(&mut stream.io),
            _ => drop(self.call(stream, |inside, stream| inside.on_done(done, stream))),
        }
    }

    fn on_message(&mut self, from: Option<SessionId>, message: Message, stream: &mut Stream<'_>) {
        self.call(stream, |inside, stream| inside.on_message(from, message, stream));
    }

    fn deadline(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Secure(machine) => machine.deadline(),
            State::Failed => return None,
            State::Clear => None,
        };
        own.into_iter().chain(self.inside.deadline()).min()
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        if let State::Secure(machine) = &mut self.state {
            if machine.give_up_at.is_some_and(|at| at <= now) {
                self.fail(stream);
                return stream.abort();
            }
            if machine.retry.is_some_and(|at| at <= now) {
                machine.retry = None;
                self.settle(stream);
            }
        }
        if self.inside.deadline().is_some_and(|deadline| deadline <= now) {
            self.call(stream, |inside, stream| inside.on_timer(stream));
        }
    }
}
