//! FTP's client: one file is fetched or brought, then it says goodbye.
//!
//! It is a session of control connections as the server's is, and uses the same data connections: files are read and written by
//! storage threads, from and into the blocks in which they cross the wire. Commands go one after the other (`Step`), each when
//! the one before it was answered. A file that is fetched lies beside its target until the server has said 226, and is
//! synced and renamed then: who is interrupted has the old file, and what came of the new one to be continued.

mod carriage;
mod transfer;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crossbeam_channel::Sender;

use super::super::{Data, Done, Io, Message, Outcome, Service, Session, SessionId, Stream, Used, Work};
use super::answer::{Answer, Answers};
use super::data::{Failure, News};
use super::{address, listing};
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::limits;
use crate::base::stream::{Coalescing, Ending, Gone};
use crate::base::time::Instant;

use self::carriage::Carriage;
pub use self::transfer::{Direction, Mode, Security, Told, Transfer};

/// What was said last, and is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Greeting,
    Authenticate,
    /// TLS begins.
    Handshake,
    User,
    Password,
    BufferSize,
    Protection,
    Type,
    Folder(usize),
    Size,
    Time,
    ExtendedPassive,
    Passive,
    Port,
    Restart,
    Begin,
    /// The file is under way.
    Carrying,
    /// What came is given its name.
    Finishing,
    Quit,
}

/// A control connection of a client.
pub struct Client {
    transfer: Transfer,
    tell: Sender<Told>,
    answers: Answers,
    step: Step,
    /// Whether the server has greeted us, and the storage thread has told what is there.
    greeted: bool,
    looked: bool,
    file: Carriage,
    /// What is done at last, one behind the other.
    finishing: VecDeque<Work>,
    out: Vec<u8>,
    told: bool,
    patience: Instant,
}

/// Names of what storage threads are asked.
const LOOKED: u64 = 0;
const FINISHED: u64 = 1;

impl Client {
    /// A client for one transfer. It tells through `tell` what becomes of it; `moved` counts bytes of the file that came or went.
    /// Who has not answered until `patience` is not waited for.
    pub fn new(transfer: Transfer, tell: Sender<Told>, moved: Arc<AtomicU64>, patience: Instant) -> Client {
        Client {
            file: Carriage::new(&transfer, moved),
            transfer,
            tell,
            answers: Answers::new(),
            step: Step::Greeting,
            greeted: false,
            looked: false,
            finishing: VecDeque::new(),
            out: Vec::new(),
            told: false,
            patience,
        }
    }

    /// The session of its control connection.
    pub fn into_session(self) -> Box<dyn Session> {
        let security = self.transfer.security.clone();
        security.control(Box::new(self))
    }

    fn tell(&mut self, told: Told) {
        self.told |= !matches!(told, Told::Length(..));
        // Who does not listen any more need not hear.
        let _ = self.tell.send(told);
    }

    fn fail(&mut self, why: String, stream: &mut Stream<'_>) {
        if !self.told {
            self.tell(Told::Failed(why));
        }
        self.file.abort(&mut stream.io);
        self.say(Step::Quit, "QUIT", stream);
        stream.close_within(limits::FTP_DATA_WAIT);
    }

    fn say(&mut self, step: Step, command: &str, stream: &mut Stream<'_>) {
        self.step = step;
        // A line with another one in it would be two commands.
        self.out.extend(command.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
        self.out.extend(b"\r\n");
        self.flush(stream);
        self.patience = stream.io.now() + limits::FTP_IDLE;
    }

    fn flush(&mut self, stream: &mut Stream<'_>) {
        let sent = stream.write(&self.out);
        self.out.drain(..sent);
    }

    fn answered(&mut self, answer: &Answer, stream: &mut Stream<'_>) {
        let good = (200..300).contains(&answer.code);
        match (self.step, answer.code) {
            (_, 421) | (Step::Greeting, 400..) => self.refused(answer, stream),
            // RFC 959 §5.4, 120: it will be ready in some minutes.
            (Step::Greeting, 100..200) => {}
            (Step::Greeting, _) => {
                self.greeted = true;
                self.begin_session(stream);
            }
            (Step::User, 331) => {
                let command = format!("PASS {}", self.transfer.password);
                self.say(Step::Password, &command, stream);
            }
            (Step::Authenticate, 234) => {
                // It is called when TLS is there.
                self.step = Step::Handshake;
                stream.secure();
            }
            (Step::User | Step::Password, _) if good => match self.transfer.security {
                Security::Clear => self.choose_type(stream),
                // RFC 4217 §8, §9.
                Security::Explicit(_) | Security::Implicit(_) => self.say(Step::BufferSize, "PBSZ 0", stream),
            },
            (Step::BufferSize, _) if good => self.say(Step::Protection, "PROT P", stream),
            (Step::Protection, _) if good => self.choose_type(stream),
            (Step::Type, _) if good => self.enter(0, stream),
            (Step::Folder(number), _) if good => self.enter(number + 1, stream),
            (Step::Size, _) => self.sized(answer.number().filter(|_| good), stream),
            (Step::Time, _) => {
                self.file.modified = listing::read_time_value(answer.text.trim()).filter(|_| good);
                self.open_data(stream);
            }
            (Step::ExtendedPassive, 229) => self.connect(answer.extended_port(), answer, stream),
            (Step::ExtendedPassive, 500..) if stream.flow().remote.address.to_v4().is_some() => {
                self.say(Step::Passive, "PASV", stream);
            }
            (Step::Passive, 227) => self.connect(answer.passive_port(), answer, stream),
            (Step::Port, _) if good => self.restart(stream),
            (Step::Restart, 350) => self.begin(stream),
            (Step::Begin, 100..200) => {
                self.step = Step::Carrying;
                self.carry(stream);
            }
            (Step::Begin | Step::Carrying, 226 | 250) => {
                self.file.confirmed();
                self.step = Step::Carrying;
                self.finish(stream);
            }
            (Step::Finishing | Step::Quit, _) => {}
            _ => self.refused(answer, stream),
        }
    }

    fn refused(&mut self, Answer { code, text }: &Answer, stream: &mut Stream<'_>) {
        self.fail(format!("the server says {code} {text}"), stream);
    }

    fn begin_session(&mut self, stream: &mut Stream<'_>) {
        match self.transfer.security {
            _ if !self.greeted || !self.looked => {}
            Security::Explicit(_) => self.say(Step::Authenticate, "AUTH TLS", stream),
            Security::Clear | Security::Implicit(_) => self.log_in(stream),
        }
    }

    fn log_in(&mut self, stream: &mut Stream<'_>) {
        let command = format!("USER {}", self.transfer.user);
        self.say(Step::User, &command, stream);
    }

    fn choose_type(&mut self, stream: &mut Stream<'_>) {
        let command = if self.transfer.ascii { "TYPE A" } else { "TYPE I" };
        self.say(Step::Type, command, stream);
    }

    fn enter(&mut self, number: usize, stream: &mut Stream<'_>) {
        match self.transfer.folders.get(number) {
            Some(folder) => {
                let command = format!("CWD {folder}");
                self.say(Step::Folder(number), &command, stream);
            }
            None if self.file.asks_for_size() => {
                let command = format!("SIZE {}", self.transfer.name);
                self.say(Step::Size, &command, stream);
            }
            None => self.sized(None, stream),
        }
    }

    fn sized(&mut self, size: Option<u64>, stream: &mut Stream<'_>) {
        match self.file.sized(size) {
            Ok(Some((length, start))) => self.tell(Told::Length(length, start)),
            Ok(None) => {}
            Err(why) => return self.fail(why, stream),
        }
        if self.file.is_fetched() {
            let command = format!("MDTM {}", self.transfer.name);
            self.say(Step::Time, &command, stream);
        } else {
            self.open_data(stream);
        }
    }

    fn open_data(&mut self, stream: &mut Stream<'_>) {
        let own = stream.flow().local.address;
        match self.transfer.mode {
            Mode::Passive => self.say(Step::ExtendedPassive, "EPSV", stream),
            Mode::Active => {
                let Some(connection) = self.connection(stream) else { return };
                let port = 49_152 + stream.io.random(16_384) as u16;
                let listener = Incoming { peer: stream.flow().remote.address, connection: Some(connection) };
                // If somebody has the port, nobody comes, and the server says 425.
                let _full = stream.io.listen(port, Box::new(listener));
                let command = match own.to_v4() {
                    Some(v4) => format!("PORT {}", address::passive(v4, port).trim_matches(['(', ')'])),
                    None => format!("EPRT |{}|{own}|{port}|", address::protocol(own.family())),
                };
                self.say(Step::Port, &command, stream);
            }
        }
    }

    fn connection(&mut self, stream: &mut Stream<'_>) -> Option<Box<dyn Session>> {
        let connection = self.file.connection(stream.io.id()?);
        Some(self.transfer.security.data(connection))
    }

    fn connect(&mut self, port: Option<u16>, answer: &Answer, stream: &mut Stream<'_>) {
        let Some(port) = port else { return self.refused(answer, stream) };
        let Some(connection) = self.connection(stream) else { return };
        // Whatever address it tells: nobody lets us talk to others (RFC 2577 §3).
        let remote = Endpoint { port, ..stream.flow().remote };
        if stream.io.connect(remote, connection).is_err() {
            return self.fail("there is too much to be done at once".to_owned(), stream);
        }
        self.restart(stream);
    }

    fn restart(&mut self, stream: &mut Stream<'_>) {
        match self.file.start() {
            0 => self.begin(stream),
            start => self.say(Step::Restart, &format!("REST {start}"), stream),
        }
    }

    fn begin(&mut self, stream: &mut Stream<'_>) {
        self.file.prepare();
        let verb = if self.file.is_fetched() { "RETR" } else { "STOR" };
        let command = format!("{verb} {}", self.transfer.name);
        self.say(Step::Begin, &command, stream);
    }

    /// When the server has said that it is ready, and there is a connection.
    fn carry(&mut self, stream: &mut Stream<'_>) {
        if self.step == Step::Carrying && self.file.carry(&mut stream.io) {
            // It is called at least as often as it stands still for too long.
            self.patience = Instant::NEVER;
        }
    }

    /// When all was carried, and the server has said so.
    fn finish(&mut self, stream: &mut Stream<'_>) {
        match self.file.finish() {
            Ok(None) => {}
            Ok(Some(work)) => {
                self.finishing = work;
                self.step = Step::Finishing;
                self.go_on(stream);
            }
            Err(why) => self.fail(why, stream),
        }
    }

    fn go_on(&mut self, stream: &mut Stream<'_>) {
        match self.finishing.pop_front().map(|work| stream.io.ask(FINISHED, work)) {
            None => self.succeed(stream),
            Some(Ok(())) => {}
            Some(Err(_work)) => self.fail("there is too much to be done at once".to_owned(), stream),
        }
    }

    fn succeed(&mut self, stream: &mut Stream<'_>) {
        self.tell(Told::Done);
        self.say(Step::Quit, "QUIT", stream);
        stream.close_within(limits::FTP_DATA_WAIT);
    }

    /// A storage thread told what is there.
    fn looked(&mut self, found: Result<Outcome, ErrorKind>, stream: &mut Stream<'_>) {
        match self.file.looked(found) {
            Ok(()) => {
                self.looked = true;
                self.begin_session(stream);
            }
            Err(why) => self.fail(why, stream),
        }
    }
}

impl Session for Client {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        stream.set_coalescing(Coalescing::None);
        self.patience = stream.io.now() + limits::FTP_IDLE;
        if stream.io.ask(LOOKED, Work::Look(self.file.place())).is_err() {
            self.fail("there is nobody who reads and writes files".to_owned(), stream);
        }
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let mut rest = data.bytes();
        while !rest.is_empty() {
            match self.answers.take(rest) {
                Ok((used, answer)) => {
                    rest = &rest[used..];
                    answer.into_iter().for_each(|answer| self.answered(&answer, stream));
                }
                Err(_) => {
                    self.fail("the server does not speak FTP".to_owned(), stream);
                    break;
                }
            }
        }
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        if self.step == Step::Handshake {
            self.log_in(stream);
        }
        self.flush(stream);
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        if self.step != Step::Finishing {
            self.fail("the server ended the connection".to_owned(), stream);
        }
    }

    fn on_gone(&mut self, ending: Ending, io: &mut Io<'_>) {
        self.file.abort(io);
        if !self.told {
            let why = match ending.why {
                Gone::Closed | Gone::Aborted => "the connection ended",
                Gone::Refused => "the server refuses connections at this port",
                Gone::Reset => "the server reset the connection",
                Gone::TimedOut => "the server does not answer",
                Gone::Unreachable => "the server cannot be reached",
            };
            let complaint = self.transfer.security.complaint();
            self.tell(Told::Failed(complaint.unwrap_or_else(|| why.to_owned())));
        }
    }

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        match (done.tag, done.result) {
            (LOOKED, found) => self.looked(found, stream),
            (_, Ok(_)) => self.go_on(stream),
            (_, Err(why)) => self.fail(format!("the disk: {}", std::io::Error::from(why)), stream),
        }
    }

    fn on_message(&mut self, from: Option<SessionId>, message: Message, stream: &mut Stream<'_>) {
        let (Some(from), Ok(news)) = (from, message.downcast::<(u64, News)>()) else { return };
        match news.1 {
            News::Connected => {
                self.file.connected(from);
                self.carry(stream);
            }
            News::Complete => {
                self.file.carried();
                self.patience = stream.io.now() + limits::FTP_IDLE;
                self.finish(stream);
            }
            News::Unconnected => {
                let complaint = self.transfer.security.complaint();
                let why = complaint.unwrap_or_else(|| "the data connection cannot be opened: try --active".to_owned());
                self.fail(why, stream);
            }
            News::Failed(Failure::Disk(why)) => self.fail(format!("the disk: {}", std::io::Error::from(why)), stream),
            // Why, the server is about to say.
            News::Failed(Failure::Connection) => {
                self.file.lost();
                self.patience = stream.io.now() + limits::FTP_DATA_WAIT;
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.patience).filter(|patience| *patience != Instant::NEVER)
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        self.patience = Instant::NEVER;
        if self.step == Step::Greeting {
            self.tell(Told::Failed("the server does not answer".to_owned()));
            return stream.abort();
        }
        self.fail("the server says nothing any more".to_owned(), stream);
    }
}

/// Takes the one data connection that a server opens.
struct Incoming {
    peer: Address,
    connection: Option<Box<dyn Session>>,
}

impl Service for Incoming {
    fn open(&mut self, flow: &Flow) -> Option<Box<dyn Session>> {
        (flow.remote.address == self.peer).then(|| self.connection.take()).flatten()
    }
}
