//! SMTP's client: a session that brings messages to one server, one after the other.
//!
//! # Theory of operation
//!
//! ```text
//!   greeting ─▶ EHLO (HELO) ─▶ STARTTLS ─▶ EHLO ─▶ AUTH ─▶ ready ─▶ MAIL RCPT… DATA message ─▶ ready ─▶ … ─▶ QUIT
//! ```
//!
//! Commands are answered in order: what was said and is not answered stands in a queue. A server that offers PIPELINING is told
//! everything up to DATA at once (RFC 2920). Each recipient has its own verdict, and those that are taken share that on the
//! message. It counts as taken only when the reply to it came: a connection that ends before leaves it with whoever
//! sends it.
//!
//! What becomes of it all is told through a closure ([`Tell`]): to the relay, to the program, to whom you like.
//!
//! Not done: BDAT where DATA does ([`Body::BinaryMime`](super::queue::Body) takes it), conversion of 8-bit content.
//!
//! Read first: RFC 5321 §3 and §4.5, RFC 2920, RFC 3207, RFC 4954, RFC 3461 §5.

mod content;
mod mail;
mod opening;
mod reply;
mod stuffing;
mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;

use content::{Content, Framing};
use reply::{Offers, Replies};
use transaction::{Command, Next, Transaction, said};

use super::super::{Data, Done, Io, Message, Outcome, Session, SessionId, Stream, Used};
use super::queue::Said;
use crate::base::limits;
use crate::base::stream::{Coalescing, Ending, Gone};
use crate::base::time::Instant;

pub use mail::{Fate, Login, Mail, Manner, Order, Patience, Security, Stage, Tell, To, Told, Verdict};
pub use reply::{NoReply, Reply};
pub use stuffing::Stuffing;

/// What was said, and is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    /// AUTH, and what follows until the server has the password.
    Plain,
    LoginUser,
    LoginPassword,
    LoginEnd,
    /// A command of the message that is under way.
    Of(Command),
    Quit,
}

/// What the connection is for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The server is not ready for mail.
    Opening,
    /// STARTTLS was taken, and EHLO is to be said when the handshake is done.
    Handshake,
    Ready,
    /// Nothing more is told.
    Leaving,
}

/// A connection to a server.
pub struct Client {
    manner: Arc<Manner>,
    tell: Tell,
    /// What is to be sent when the server is ready, or the one before is over.
    mail: Option<Box<Mail>>,
    state: State,
    replies: Replies,
    expected: VecDeque<Expected>,
    /// Said, and not sent yet.
    out: Vec<u8>,
    offers: Offers,
    secured: bool,
    /// Who it is, as far as it said so.
    server: String,
    /// The message whose file is being opened, and the one that is under way.
    opening: Option<Box<Mail>>,
    transaction: Option<Transaction>,
    content: Option<Content>,
    opened: bool,
    /// There is no other message than the first.
    alone: bool,
    told_gone: bool,
    deadline: Instant,
}

impl Client {
    /// A client that sends `mail` when the server is ready, and hears of more by [`Order`]s. It connects from `now` on; whoever it
    /// tells hears [`Told::Gone`] once, at the end.
    pub fn new(manner: Arc<Manner>, mail: Option<Box<Mail>>, tell: Tell, now: Instant) -> Client {
        let deadline = now + manner.patience.connection;
        Client {
            manner,
            tell,
            mail,
            state: State::Opening,
            replies: Replies::new(),
            expected: VecDeque::from([Expected::Greeting]),
            out: Vec::new(),
            offers: Offers::default(),
            secured: false,
            server: String::new(),
            opening: None,
            transaction: None,
            content: None,
            opened: false,
            alone: false,
            told_gone: false,
            deadline,
        }
    }

    /// The same, when the connection is under TLS from its first byte on.
    pub fn under_tls(self) -> Client {
        Client { secured: true, ..self }
    }

    /// The same, when there is no other message: it says goodbye as soon as this one is over.
    pub fn for_one(self) -> Client {
        Client { alone: true, ..self }
    }

    fn say(&mut self, expected: Expected, line: &str, stream: &mut Stream<'_>) {
        self.expected.push_back(expected);
        // A line with another one in it would be two commands.
        self.out.extend(line.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
        self.out.extend(b"\r\n");
        let patience = &self.manner.patience;
        self.deadline =
            stream.io.now() + if expected == Expected::Of(Command::Data) { patience.data } else { patience.command };
    }

    fn flush(&mut self, stream: &mut Stream<'_>) {
        let sent = stream.write(&self.out);
        self.out.drain(..sent);
    }

    fn answered(&mut self, reply: &Reply, stream: &mut Stream<'_>) {
        let Some(expected) = self.expected.pop_front() else {
            // RFC 5321 §3.8: 421 may come at any time. Nothing else is unasked.
            return self.give_up(self.stage(), said(reply, &self.server), stream);
        };
        if reply.code == 421 {
            return self.give_up(self.stage(), said(reply, &self.server), stream);
        }
        match expected {
            Expected::Of(command) => self.of_message(command, reply, stream),
            expected => self.of_opening(expected, reply, stream),
        }
    }

    fn ready(&mut self, stream: &mut Stream<'_>) {
        self.state = State::Ready;
        (self.tell)(Told::Ready, &mut stream.io);
        self.begin(stream);
    }

    /// Takes up the next message, if there is one and nothing else is under way.
    fn begin(&mut self, stream: &mut Stream<'_>) {
        if self.state != State::Ready || self.transaction.is_some() || self.opening.is_some() {
            return;
        }
        match self.mail.take() {
            Some(mail) if stream.io.ask(content::OPENED, Content::open(mail.content.clone())).is_ok() => {
                self.opening = Some(mail);
                // Disks answer.
                self.deadline = Instant::NEVER;
            }
            Some(mail) => {
                self.mail = Some(mail);
                self.deadline = stream.io.now() + limits::STARVED_RETRY;
            }
            None if self.alone => self.leave(stream),
            None => self.deadline = stream.io.now() + limits::SMTP_LINGER,
        }
    }

    /// The message was opened.
    fn opened(&mut self, done: Done, stream: &mut Stream<'_>) {
        let Some(mail) = self.opening.take() else { return };
        let size = match &done.result {
            Ok(Outcome::Metadata(file)) => file.length,
            _ => 0,
        };
        let transaction = self.transaction.insert(Transaction::new(*mail, size, self.offers));
        if let Err(why) = done.result {
            let text = format!("the message cannot be read: {}", std::io::Error::from(why));
            transaction.settle(Fate::Deferred, &Said { code: "4.3.0".to_owned(), text, by: None });
        }
        if transaction.is_settled() {
            return self.over(stream);
        }
        self.go_on(stream);
    }

    /// Says what may be said.
    fn go_on(&mut self, stream: &mut Stream<'_>) {
        while self.expected.len() < limits::SMTP_PIPELINE
            && let Some(transaction) = &mut self.transaction
            && let Some((command, line)) = transaction.say(self.expected.len())
        {
            self.say(Expected::Of(command), &line, stream);
            if command == Command::Message {
                self.send(Framing::Chunk, stream);
            }
        }
    }

    fn of_message(&mut self, command: Command, reply: &Reply, stream: &mut Stream<'_>) {
        let Some(transaction) = &mut self.transaction else { return };
        match transaction.answered(command, reply, &self.server) {
            Next::GoOn => self.go_on(stream),
            Next::Send => {
                self.expected.push_back(Expected::Of(Command::Message));
                self.send(Framing::Lines(Stuffing::default()), stream);
            }
            Next::SendNothing => {
                self.expected.push_back(Expected::Of(Command::Message));
                self.out.extend(Stuffing::default().end());
                self.deadline = stream.io.now() + self.manner.patience.end;
            }
            Next::Over => self.over(stream),
        }
    }

    fn send(&mut self, framing: Framing, stream: &mut Stream<'_>) {
        self.content = Some(Content::new(framing));
        // Whole segments, but the last one at once.
        stream.set_coalescing(Coalescing::None);
        self.carry(stream);
    }

    /// Sends what it can of the message.
    fn carry(&mut self, stream: &mut Stream<'_>) {
        self.flush(stream);
        let Some(content) = self.content.as_mut().filter(|_| self.out.is_empty()) else { return };
        let now = stream.io.now();
        match content.go_on(stream) {
            Ok(true) => {
                self.content = None;
                self.deadline = now + self.manner.patience.end;
            }
            Ok(false) if content.wants_memory() => self.deadline = now + limits::STARVED_RETRY,
            Ok(false) => self.deadline = now + self.manner.patience.block,
            Err(why) => {
                // Half a message must not look like one: there is no dot behind it.
                let text = format!("the message cannot be read: {}", std::io::Error::from(why));
                self.abandon(Stage::Ready, Said { code: "4.3.0".to_owned(), text, by: None }, stream);
            }
        }
    }

    /// A message is over.
    fn over(&mut self, stream: &mut Stream<'_>) {
        let Some(transaction) = self.transaction.take() else { return };
        let dsn = self.offers.dsn;
        (self.tell)(Told::Over { verdicts: transaction.verdicts(), dsn }, &mut stream.io);
        if self.content.is_some() {
            // It was answered before its end: what is left of it would be taken for commands.
            let text = "the server did not wait for the end of the message".to_owned();
            return self.abandon(Stage::Ready, Said { code: "4.5.0".to_owned(), text, by: None }, stream);
        }
        self.begin(stream);
    }

    /// How far it came.
    fn stage(&self) -> Stage {
        match self.state {
            State::Opening => Stage::Unready,
            State::Handshake => Stage::Insecure,
            State::Ready | State::Leaving => Stage::Ready,
        }
    }

    fn tell_gone(&mut self, stage: Stage, said: Said, io: &mut Io<'_>) {
        if !std::mem::replace(&mut self.told_gone, true) {
            (self.tell)(Told::Gone { stage, said }, io);
        }
    }

    /// Says goodbye, for it goes no further.
    fn give_up(&mut self, stage: Stage, said: Said, stream: &mut Stream<'_>) {
        if self.content.is_some() {
            return self.abandon(stage, said, stream);
        }
        self.tell_gone(stage, said, &mut stream.io);
        self.quit(stream);
    }

    /// Says goodbye, for there is nothing more to send.
    fn leave(&mut self, stream: &mut Stream<'_>) {
        let said = Said { code: "2.0.0".to_owned(), text: "there was nothing more to send".to_owned(), by: None };
        self.give_up(Stage::Ready, said, stream);
    }

    /// Ends the connection without another word.
    fn abandon(&mut self, stage: Stage, said: Said, stream: &mut Stream<'_>) {
        self.tell_gone(stage, said, &mut stream.io);
        self.state = State::Leaving;
        stream.abort();
    }

    fn quit(&mut self, stream: &mut Stream<'_>) {
        self.state = State::Leaving;
        self.say(Expected::Quit, "QUIT", stream);
        self.deadline = stream.io.now() + limits::SMTP_FAREWELL;
        self.flush(stream);
    }

    /// There is nothing to be sent.
    fn is_idle(&self) -> bool {
        self.state == State::Ready && self.transaction.is_none() && self.opening.is_none() && self.mail.is_none()
    }

    /// TLS is about to begin, behind STARTTLS or before all else.
    fn is_in_handshake(&self) -> bool {
        self.state == State::Handshake || self.secured && !self.opened
    }
}

impl Session for Client {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.opened = true;
        self.deadline = stream.io.now() + self.manner.patience.command;
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let mut rest = data.bytes();
        // What comes in the clear behind the reply to STARTTLS is nobody's (RFC 3207 §6).
        while !rest.is_empty() && self.state != State::Handshake {
            match self.replies.take(rest) {
                Ok((used, reply)) => {
                    rest = &rest[used..];
                    if let Some(reply) = reply {
                        match self.state {
                            State::Leaving if self.expected.len() > 1 => drop(self.expected.pop_front()),
                            State::Leaving => stream.close_within(limits::SMTP_FAREWELL),
                            _ => self.answered(&reply, stream),
                        }
                    }
                }
                Err(why) => {
                    let said = Said { code: "4.5.0".to_owned(), text: format!("the server {why}"), by: None };
                    self.abandon(self.stage(), said, stream);
                    break;
                }
            }
        }
        self.carry(stream);
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        if self.state == State::Handshake && stream.room() > 0 {
            self.state = State::Opening;
            self.say_ehlo(stream);
        }
        self.carry(stream);
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        let said = Said { code: "4.4.2".to_owned(), text: "the server ended the connection".to_owned(), by: None };
        if self.content.is_some() {
            return self.abandon(self.stage(), said, stream);
        }
        self.tell_gone(self.stage(), said, &mut stream.io);
        self.state = State::Leaving;
        stream.close();
    }

    fn on_gone(&mut self, ending: Ending, io: &mut Io<'_>) {
        if let Some(content) = &mut self.content {
            content.release(io);
        }
        let (code, text) = match ending.why {
            Gone::Refused => ("4.4.1", "the server refuses connections at this port"),
            Gone::TimedOut => ("4.4.1", "the server does not answer"),
            Gone::Unreachable => ("4.4.1", "the server cannot be reached"),
            Gone::Reset => ("4.4.2", "the server reset the connection"),
            Gone::Aborted if self.is_in_handshake() => ("4.7.5", "TLS cannot be begun"),
            Gone::Closed | Gone::Aborted => ("4.4.2", "the connection ended"),
        };
        let stage = if code == "4.7.5" { Stage::Insecure } else { self.stage() };
        self.tell_gone(stage, Said { code: code.to_owned(), text: text.to_owned(), by: None }, io);
    }

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        match (done.tag, &mut self.content) {
            (content::OPENED, _) => self.opened(done, stream),
            (content::READ, Some(content)) => content.read_done(done),
            _ => done.release(&mut stream.io),
        }
        self.carry(stream);
    }

    fn on_message(&mut self, _from: Option<SessionId>, message: Message, stream: &mut Stream<'_>) {
        let Ok(order) = message.downcast::<Order>() else { return };
        match *order {
            // Who is leaving has told so: whoever gave it will hear.
            Order::Carry(mail) => {
                self.mail = Some(mail);
                self.begin(stream);
            }
            Order::Quit if self.is_idle() => {
                self.quit(stream);
            }
            Order::Quit => {}
        }
        self.carry(stream);
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline).filter(|deadline| *deadline != Instant::NEVER)
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        self.deadline = Instant::NEVER;
        if self.state == State::Leaving {
            return stream.abort();
        }
        if self.is_idle() {
            return self.leave(stream);
        }
        if self.mail.is_some() && self.state == State::Ready {
            return self.begin(stream);
        }
        if self.content.as_ref().is_some_and(Content::wants_memory) {
            return self.carry(stream);
        }
        let text = match (self.state, self.expected.front()) {
            (State::Opening, Some(Expected::Greeting)) => "the server does not answer",
            _ => "the server says nothing any more",
        };
        self.abandon(self.stage(), Said { code: "4.4.2".to_owned(), text: text.to_owned(), by: None }, stream);
    }
}
