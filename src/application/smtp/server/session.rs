//! A client's connection: what it says, one command after another, and the messages between them.

use std::sync::Arc;

use memchr::memchr3;

use super::super::super::line::{Line, Lines};
use super::super::super::{Data, Done, Io, Session, Stream, Used};
use super::authentication::Login;
use super::delivery::Step;
use super::reply::{self, Reply};
use super::transaction::{Content, Transaction, trouble};
use super::{Role, Shared, VERIFIED};
use crate::base::address::{Address, Flow};
use crate::base::limits;
use crate::base::stream::Ending;
use crate::base::time::Instant;

/// How the client introduced itself.
pub(super) struct Hello {
    /// What `Received:` begins with on this connection.
    pub(super) trace: String,
    /// By EHLO.
    pub(super) extended: bool,
}

/// What comes instead of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A message, up to its end.
    Data,
    /// So many bytes more of a chunk.
    Chunk { left: u64, last: bool },
}

/// One client's connection.
pub(super) struct Conversation {
    pub(super) shared: Arc<Shared>,
    pub(super) role: Role,
    pub(super) peer: Address,
    pub(super) own: Address,
    /// Whether it was let in, and is counted.
    entered: bool,
    /// It is under TLS.
    pub(super) secure: bool,
    /// The handshake is due as soon as the answer to STARTTLS is written.
    pub(super) securing: bool,
    lines: Lines,
    /// Replies that found no room.
    pub(super) out: Vec<u8>,
    pub(super) hello: Option<Hello>,
    pub(super) login: Login,
    /// Large, and seldom there while nothing is said.
    pub(super) transaction: Option<Box<Transaction>>,
    /// Messages that began to come.
    pub(super) messages: u64,
    pub(super) incoming: Option<Incoming>,
    /// The message came, and is being made durable or taken back.
    ending: bool,
    /// When memory or a storage thread is asked for again.
    pub(super) starved: Option<Instant>,
    /// Lines in a row that were no commands.
    errors: u32,
    /// Recipients whom nobody here is called.
    pub(super) strangers: u32,
    idle: Instant,
    pub(super) quitting: bool,
}

impl Conversation {
    pub(super) fn new(shared: Arc<Shared>, role: Role, flow: &Flow, secure: bool) -> Conversation {
        Conversation {
            shared,
            role,
            peer: flow.remote.address,
            own: flow.local.address,
            entered: false,
            secure,
            securing: false,
            lines: Lines::exact(limits::SMTP_LINE),
            out: Vec::with_capacity(limits::SMTP_USUAL_REPLIES),
            hello: None,
            login: Login::default(),
            transaction: None,
            messages: 0,
            incoming: None,
            ending: false,
            starved: None,
            errors: 0,
            strangers: 0,
            idle: Instant::NEVER,
            quitting: false,
        }
    }

    /// Replies with one of the usual lines.
    pub(super) fn say(&mut self, Reply(line): Reply) {
        self.say_line(line);
    }

    /// Replies with a line, its code in front and its end left out.
    pub(super) fn say_line(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Whether more may be heard.
    fn listens(&self) -> bool {
        let waits = self.securing || self.ending || self.starved.is_some() || self.login.waits();
        !waits && !self.quitting && self.out.len() < limits::SMTP_REPLIES
    }

    /// Sends what there is to send, and listens again if it may.
    fn settle(&mut self, stream: &mut Stream<'_>) {
        if !self.out.is_empty() {
            let sent = stream.write(&self.out);
            self.out.drain(..sent);
        }
        if self.out.is_empty() && std::mem::take(&mut self.securing) {
            self.secure = true;
            self.forget();
            stream.secure();
        }
        if self.quitting && self.out.is_empty() && !self.ending {
            stream.close_within(limits::SMTP_FAREWELL);
        }
        // The end of the connection is heard behind what nobody reads any more.
        match self.listens() || self.quitting {
            true => stream.resume(),
            false => stream.pause(),
        }
    }

    /// Under TLS everything begins anew (RFC 3207 §4.2).
    fn forget(&mut self) {
        self.hello = None;
        self.login = Login::default();
        self.lines = Lines::exact(limits::SMTP_LINE);
    }

    /// Reads up to the end of a line; returns how many bytes that were.
    fn read(&mut self, bytes: &[u8], stream: &mut Stream<'_>) -> usize {
        if let Some(line) = self.lines.at_once(bytes) {
            self.hear(line, stream);
            return line.len();
        }
        let (count, line) = self.lines.take(bytes);
        match line {
            Some(Line::Whole(line)) if memchr3(b'\r', b'\n', 0, &line).is_some() => self.no_command(reply::NO_LINE),
            Some(Line::Whole(mut line)) => {
                line.extend_from_slice(b"\r\n");
                self.hear(&line, stream);
            }
            Some(Line::TooLong) => self.no_command(reply::LINE_TOO_LONG),
            None => {}
        }
        count
    }

    /// A line of text came, its CRLF included.
    fn hear(&mut self, line: &[u8], stream: &mut Stream<'_>) {
        if self.login.expects() {
            self.hear_login(&line[..line.len() - 2], stream);
        } else {
            self.obey(line, stream);
        }
    }

    /// That was nothing.
    pub(super) fn no_command(&mut self, reply: Reply) {
        self.errors += 1;
        self.say(reply);
        if self.errors >= limits::SMTP_ERRORS {
            self.leave(reply::NONSENSE);
        }
    }

    /// That was something.
    pub(super) fn understood(&mut self) {
        self.errors = 0;
    }

    /// Says goodbye.
    pub(super) fn leave(&mut self, reply: Reply) {
        self.say(reply);
        self.quitting = true;
    }

    /// Reads what comes of a message; returns how much of it.
    fn receive(&mut self, incoming: Incoming, bytes: &[u8], stream: &mut Stream<'_>) -> usize {
        let Some(content) = self.transaction.as_mut().and_then(|transaction| transaction.content.as_mut()) else {
            return self.discard(incoming, bytes);
        };
        let bytes = match incoming {
            Incoming::Data => bytes,
            Incoming::Chunk { left, .. } => &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))],
        };
        let taken = match content.delivery.as_mut().filter(|_| content.refusal.is_none()) {
            Some(delivery) => {
                let place = delivery.place(&mut stream.io);
                if place.is_empty() {
                    self.starve(&stream.io);
                    return 0;
                }
                let taken = content.body.take(bytes, place);
                delivery.written(taken.written);
                taken
            }
            // What was refused is read all the same, up to its end.
            None => content.body.take(bytes, &mut [0; 512]),
        };
        content.length += taken.written as u64;
        content.judge(self.shared.rules.largest);
        match incoming {
            Incoming::Data if taken.ended => self.end_message(stream),
            Incoming::Data => {}
            Incoming::Chunk { left, last } => self.count_chunk(left - taken.read as u64, last, stream),
        }
        taken.read
    }

    /// A chunk of which nobody wants anything: it was told why already.
    fn discard(&mut self, incoming: Incoming, bytes: &[u8]) -> usize {
        let Incoming::Chunk { left, last } = incoming else { return bytes.len() };
        let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let left = left - length as u64;
        self.incoming = (left > 0).then_some(Incoming::Chunk { left, last });
        length
    }

    /// So much of a chunk is still to come.
    pub(super) fn count_chunk(&mut self, left: u64, last: bool, stream: &mut Stream<'_>) {
        self.incoming = Some(Incoming::Chunk { left, last });
        if left > 0 {
            return;
        }
        self.incoming = None;
        let Some(content) = self.transaction.as_mut().and_then(|transaction| transaction.content.as_mut()) else {
            return;
        };
        if last {
            content.body.end();
            content.judge(self.shared.rules.largest);
            self.end_message(stream);
        } else if let Some(refusal) = content.refusal {
            // RFC 3030 §2: after a failure the client resets, and no chunk helps.
            self.say(refusal);
        } else {
            self.say(reply::OKAY);
        }
    }

    /// All of a message came: it is made durable, or taken back.
    fn end_message(&mut self, stream: &mut Stream<'_>) {
        self.incoming = None;
        self.ending = true;
        let content = self.transaction.as_mut().and_then(|transaction| transaction.content.as_mut());
        if let Some(Content { delivery: Some(delivery), refusal: None, .. }) = content {
            delivery.complete(&mut stream.io);
        }
        self.go_on(stream);
    }

    /// The disk has done something, or is to.
    fn go_on(&mut self, stream: &mut Stream<'_>) {
        let Some(transaction) = self.transaction.as_mut() else { return self.ending = false };
        let Some(content) = transaction.content.as_mut() else { return self.ending = false };
        transaction.envelope.size = content.in_front + content.length;
        let step = match &mut content.delivery {
            Some(delivery) => {
                let queued = !transaction.envelope.recipients.is_empty();
                delivery.go_on(queued.then_some(&transaction.envelope), &mut stream.io)
            }
            None => Step::Failed(std::io::ErrorKind::Interrupted),
        };
        match step {
            Step::More => return,
            Step::Starved => return self.starve(&stream.io),
            Step::Failed(why) => {
                content.delivery = None;
                content.refuse(trouble(why));
            }
            Step::Complete => {}
        }
        if !self.ending {
            return;
        }
        self.ending = false;
        let refusal = content.refusal;
        if let Some(delivery) = content.delivery.as_ref().filter(|_| refusal.is_none()) {
            if let Some((queue, id)) = delivery.entry() {
                queue.announce(*id);
            }
            let parts = ["250 2.0.0 Taken over as ", &*delivery.id(), ".\r\n"];
            parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
        }
        self.transaction = None;
        if let Some(why) = refusal {
            self.say(why);
        }
    }

    /// Memory or a storage thread was refused: what it waits for is asked for again.
    fn starve(&mut self, io: &Io<'_>) {
        self.starved = Some(io.now() + limits::SMTP_RETRY);
    }

    /// Forgets the message that was to come; what was written of it is taken back.
    pub(super) fn reset(&mut self, io: &mut Io<'_>) {
        let content = self.transaction.take().and_then(|transaction| transaction.content);
        if let Some(delivery) = content.and_then(|content| content.delivery) {
            delivery.abandon(io);
        }
    }

    fn patience(&self) -> std::time::Duration {
        if self.incoming.is_some() { limits::SMTP_DATA_IDLE } else { limits::SMTP_IDLE }
    }
}

impl Session for Conversation {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.idle = stream.io.now() + limits::SMTP_IDLE;
        self.entered = self.shared.tables().sessions.enter(self.peer);
        if self.entered {
            self.out.extend_from_slice(self.shared.greetings.opening.as_bytes());
        } else {
            self.leave(reply::BUSY);
        }
        self.settle(stream);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let bytes = data.bytes();
        let mut used = 0;
        while used < bytes.len() && self.listens() {
            match self.incoming {
                Some(incoming) => used += self.receive(incoming, &bytes[used..], stream),
                None => used += self.read(&bytes[used..], stream),
            }
        }
        if used > 0 {
            self.idle = stream.io.now() + self.patience();
        }
        let quitting = self.quitting;
        self.settle(stream);
        Used::Bytes(if quitting { bytes.len() } else { used })
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.settle(stream);
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        // Who says nothing more may still hear what became of its message.
        self.quitting = true;
        self.settle(stream);
    }

    fn on_gone(&mut self, _ending: Ending, io: &mut Io<'_>) {
        self.reset(io);
        if self.entered {
            self.shared.tables().sessions.leave(&self.peer);
        }
    }

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        let failed = done.result.as_ref().err().copied();
        match done.tag {
            VERIFIED => self.verified(failed.is_none(), stream),
            tag => {
                let content = self.transaction.as_mut().and_then(|transaction| transaction.content.as_mut());
                if let Some(delivery) = content.and_then(|content| content.delivery.as_mut()) {
                    delivery.done(tag, failed);
                    self.starved = None;
                    self.go_on(stream);
                }
            }
        }
        done.release(&mut stream.io);
        self.settle(stream);
    }

    fn deadline(&self) -> Option<Instant> {
        let idle = Some(self.idle).filter(|_| !self.ending);
        idle.into_iter().chain(self.starved).chain(self.login.delayed()).min()
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        if self.starved.is_some_and(|at| at <= now) {
            self.starved = None;
            self.go_on(stream);
        }
        self.check_login(stream);
        if self.idle <= now && !self.ending {
            if self.quitting {
                return stream.abort();
            }
            self.idle = now + limits::SMTP_FAREWELL;
            self.leave(reply::SILENT);
        }
        self.settle(stream);
    }
}
