//! Control connections: what a client says, one command after another, and what it is answered.

use std::sync::Arc;

use super::super::line::{Line, Lines};
use super::super::refusals;
use super::super::{Data, Done, Io, Message, Session, SessionId, Stream, Used, Work};
use super::Shared;
use super::command::{self, Verb};
use super::data::News;
use super::login::{Login, User};
use super::path::{BadPath, VirtualPath};
use super::question::Question;
use super::reply::Code;
use super::security::Security;
use super::transfer::Transfers;
use crate::base::address::Endpoint;
use crate::base::limits;
use crate::base::stream::{Coalescing, Ending};
use crate::base::time::Instant;

/// One client's control connection.
pub(super) struct Control {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Endpoint,
    /// Whether it was let in, and is counted.
    entered: bool,
    lines: Lines,
    /// A command that waits for the end of a transfer.
    held: Option<Vec<u8>>,
    /// The command that is obeyed, as it came, and what is to be told of refusals.
    heard: Vec<u8>,
    refused: Vec<String>,
    /// Replies that found no room.
    out: Vec<u8>,
    pub(super) user: User,
    /// Wrong passwords, and when the last one is answered.
    pub(super) wrong: u32,
    pub(super) delayed: Option<Instant>,
    idle: Instant,
    pub(super) quitting: bool,
    pub(super) here: VirtualPath,
    pub(super) ascii: bool,
    /// From REST, for the next transfer.
    pub(super) restart: u64,
    pub(super) rename_from: Option<VirtualPath>,
    /// What a storage thread is asked for.
    pub(super) question: Option<Question>,
    /// When it is asked again, because none could take it.
    pub(super) unasked: Option<(Instant, Work)>,
    pub(super) transfers: Transfers,
    pub(super) security: Security,
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>, peer: Endpoint) -> Control {
        Control {
            shared,
            peer,
            entered: false,
            lines: Lines::new(limits::FTP_LINE),
            held: None,
            heard: Vec::new(),
            refused: Vec::new(),
            out: Vec::new(),
            user: User::Unknown,
            wrong: 0,
            delayed: None,
            idle: Instant::NEVER,
            quitting: false,
            here: VirtualPath::default(),
            ascii: true,
            restart: 0,
            rename_from: None,
            question: None,
            unasked: None,
            transfers: Transfers::default(),
            security: Security::default(),
        }
    }

    /// Replies with one line.
    pub(super) fn say(&mut self, code: Code, text: &str) {
        self.out.extend(code.line(text).as_bytes());
    }

    pub(super) fn say_lines(&mut self, code: Code, first: &str, between: &[String], last: &str) {
        self.out.extend(code.lines(first, between, last).as_bytes());
    }

    /// Replies to what somebody should not try, and lets the administrator know.
    pub(super) fn refuse(&mut self, code: Code, text: &str) {
        self.say(code, text);
        self.tell_of(&format!("{} {text}", code as u16));
    }

    /// Lets the administrator know why the command that is obeyed is refused.
    pub(super) fn tell_of(&mut self, why: &str) {
        // Nobody is to read a password there.
        let password = self.heard.get(..5).filter(|verb| verb.eq_ignore_ascii_case(b"PASS "));
        let said = refusals::shown(password.unwrap_or(&self.heard));
        self.refused.push(if said.is_empty() { why.to_owned() } else { format!("{}: {why}", said.trim_end()) });
    }

    /// Whether another command may be heard.
    fn listens(&self) -> bool {
        let waits = self.security.begins || self.question.is_some() || self.delayed.is_some() || self.held.is_some();
        !waits && !self.quitting && self.out.len() < limits::FTP_REPLIES
    }

    /// Sends what there is to send, and listens again if it may.
    pub(super) fn settle(&mut self, stream: &mut Stream<'_>) {
        if !self.transfers.is_under_way()
            && self.question.is_none()
            && self.delayed.is_none()
            && let Some(line) = self.held.take()
        {
            self.hear(line, stream);
        }
        if !self.refused.is_empty() {
            let now = stream.io.now();
            let mut tables = self.shared.tables();
            self.refused.drain(..).for_each(|why| tables.refusals.tell(self.peer, why, now));
        }
        let sent = stream.write(&self.out);
        self.out.drain(..sent);
        if self.out.is_empty() && std::mem::take(&mut self.security.begins) {
            stream.secure();
        }
        let idle = self.question.is_none() && self.delayed.is_none() && !self.transfers.is_under_way();
        if self.quitting && self.out.is_empty() && idle {
            stream.close_within(limits::FTP_DATA_WAIT);
        }
        // The end of the connection is heard behind what nobody reads any more.
        match self.listens() || self.quitting {
            true => stream.resume(),
            false => stream.pause(),
        }
    }

    fn hear(&mut self, line: Vec<u8>, stream: &mut Stream<'_>) {
        self.idle = stream.io.now() + limits::FTP_IDLE;
        let (verb, argument) = command::read(&line);
        let Some(verb) = verb else { return self.say(Code::SyntaxError, "I do not know that command.") };
        let at_once = matches!(verb, Verb::Abor | Verb::Stat | Verb::Quit);
        if self.transfers.is_under_way() && !at_once {
            self.held = Some(line);
            return;
        }
        if self.login().is_none() && !verb.is_for_all() {
            return self.say(Code::NotLoggedIn, "Say USER and PASS first.");
        }
        let argument = argument.to_vec();
        self.heard = line;
        if verb.writes() && !self.may_write() {
            return self.refuse(Code::FileUnavailable, "You may not change anything here.");
        }
        self.obey(verb, &argument, stream);
    }

    fn obey(&mut self, verb: Verb, argument: &[u8], stream: &mut Stream<'_>) {
        let renaming = self.rename_from.take();
        match verb {
            Verb::User => self.user(argument),
            Verb::Pass => self.pass(argument, stream),
            Verb::Acct => self.say(Code::Superfluous, "No account is needed."),
            Verb::Rein => {
                self.log_out();
                self.say(Code::ServiceReady, "Start again.");
            }
            Verb::Noop => self.say(Code::Okay, "Still here."),
            Verb::Allo => self.say(Code::Superfluous, "There is room, or there will be a 452."),
            Verb::Syst => self.say(Code::SystemType, "UNIX Type: L8"),
            Verb::Clnt => self.say(Code::Okay, "Pleased to meet you."),
            Verb::Host if matches!(self.user, User::Unknown) => self.say(Code::ServiceReady, "All hosts are one here."),
            Verb::Host => self.say(Code::BadSequence, "HOST comes before USER."),
            Verb::Help => self.say_lines(Code::HelpMessage, "Commands:", &command::names(), "That is all."),
            Verb::Feat => self.features(),
            Verb::Opts => self.options(argument),
            Verb::Site => self.site(argument, stream),
            Verb::Auth => self.authenticate(argument),
            Verb::Pbsz => self.buffer_size(argument),
            Verb::Prot => self.protection_level(argument),
            // RFC 4217 §6: with it anybody in between could go on in the client's name.
            Verb::Ccc => self.say(Code::PolicyDenies, "The control connection stays as it is."),
            Verb::Smnt => self.say(Code::NotImplemented, "There is one file system."),
            Verb::Stat => self.status(argument),
            Verb::Quit => {
                self.quitting = true;
                self.idle = stream.io.now() + limits::FTP_DATA_WAIT;
                self.say(Code::Closing, "Goodbye.");
            }
            Verb::Type => self.representation(argument),
            Verb::Stru => self.only(argument, b"F"),
            Verb::Mode => self.only(argument, b"S"),
            Verb::Rest => self.rest(argument),
            Verb::Pwd => {
                let text = format!("{} is where you are.", self.here.quoted());
                self.say(Code::PathIs, &text);
            }
            Verb::Abor => self.abort_transfer(&mut stream.io),
            Verb::Port | Verb::Eprt => self.active(verb, argument, stream),
            Verb::Pasv | Verb::Epsv => self.passive(verb, argument, stream),
            verb => {
                self.rename_from = renaming;
                self.ask(verb, argument, stream);
            }
        }
    }

    fn features(&mut self) {
        let features: Vec<_> = [
            "CLNT",
            "EPRT",
            "EPSV",
            "HOST",
            "MDTM",
            "MFMT",
            "MLST type*;size*;modify*;perm*;",
            "REST STREAM",
            "SIZE",
            "TVFS",
            "UTF8",
        ]
        .iter()
        .chain(if self.shared.rules.identity.is_some() { &["AUTH TLS", "PBSZ", "PROT"][..] } else { &[] })
        .map(|feature| (*feature).to_owned())
        .collect();
        self.say_lines(Code::SystemStatus, "Extensions:", &features, "End");
    }

    fn options(&mut self, argument: &[u8]) {
        let text = String::from_utf8_lossy(argument).to_ascii_uppercase();
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["UTF8"] | ["UTF8", "ON"] | ["UTF-8", "ON"] => self.say(Code::Okay, "Names are UTF-8 always."),
            // RFC 3659 §7.8: all facts are told, whatever is asked for.
            ["MLST", ..] => self.say(Code::Okay, "MLST OPTS type;size;modify;perm;"),
            _ => self.say(Code::ParameterError, "There is no such option."),
        }
    }

    fn status(&mut self, argument: &[u8]) {
        if !argument.is_empty() {
            return self.say(Code::ParameterNotImplemented, "MLST tells of files.");
        }
        let user = match self.login() {
            Some(Login { name: Some(name), .. }) => format!("logged in as {name}"),
            Some(_) => "logged in".to_owned(),
            None => "not logged in".to_owned(),
        };
        let kind = if self.ascii { "ASCII" } else { "image" };
        let transfer = if self.transfers.is_under_way() { "a transfer is under way" } else { "no transfer" };
        let lines =
            [format!("from {}, {user}", self.peer.address), format!("type {kind}, stream, file"), transfer.to_owned()];
        self.say_lines(Code::SystemStatus, "Status:", &lines, "That is all.");
    }

    fn representation(&mut self, argument: &[u8]) {
        self.ascii = match argument.to_ascii_uppercase().as_slice() {
            b"A" | b"A N" => true,
            b"I" | b"L 8" => false,
            _ => return self.say(Code::ParameterNotImplemented, "A, A N, I and L 8 are the types here."),
        };
        self.say(Code::Okay, if self.ascii { "Lines end with CRLF." } else { "Bytes go as they are." });
    }

    fn only(&mut self, argument: &[u8], known: &[u8]) {
        if argument.eq_ignore_ascii_case(known) {
            self.say(Code::Okay, "As always.");
        } else {
            self.say(Code::ParameterNotImplemented, "There is only file structure and stream mode.");
        }
    }

    fn rest(&mut self, argument: &[u8]) {
        let digits = std::str::from_utf8(argument).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|digits| digits.parse().ok()).filter(|at| *at <= i64::MAX as u64) {
            // Where a byte of the file is among converted lines nobody knows without reading all of them.
            Some(1..) if self.ascii => self.say(Code::ParameterNotImplemented, "Only with TYPE I."),
            Some(at) => {
                self.restart = at;
                self.say(Code::FileActionPending, "From there.");
            }
            None => self.say(Code::ParameterError, "REST takes a number of bytes."),
        }
    }

    pub(super) fn say_bad_path(&mut self, why: BadPath) {
        match why {
            BadPath::Unreadable => self.refuse(Code::ParameterError, "Names are UTF-8 without control characters."),
            BadPath::Outside => self.refuse(Code::FileUnavailable, "There is nothing above the root."),
            BadPath::Reserved => self.refuse(Code::NameNotAllowed, "Such names are for uploads under way."),
        }
    }

    /// Seconds since 1970.
    pub(super) fn time(&self, now: Instant) -> i64 {
        self.shared.rules.began + now.since(Instant::ZERO).as_secs() as i64
    }
}

impl Session for Control {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        // 226 is not to wait until the client has acknowledged 150.
        stream.set_coalescing(Coalescing::None);
        self.idle = stream.io.now() + limits::FTP_IDLE;
        self.entered = self.shared.tables().sessions.enter(self.peer.address);
        if self.entered {
            self.say(Code::ServiceReady, "taphouse");
        } else {
            self.refuse(Code::NotAvailable, "Too many connections: come back later.");
            self.quitting = true;
        }
        self.settle(stream);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let bytes = data.bytes();
        let mut used = 0;
        while used < bytes.len() && self.listens() {
            let (count, line) = self.lines.take(&bytes[used..]);
            used += count;
            match line {
                Some(Line::Whole(line)) => self.hear(line, stream),
                Some(Line::TooLong) => {
                    self.heard.clear();
                    self.refuse(Code::SyntaxError, "That line is too long.");
                }
                None => {}
            }
        }
        self.settle(stream);
        Used::Bytes(if self.quitting { bytes.len() } else { used })
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.settle(stream);
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        // Who says nothing more may still hear how its transfer ended.
        self.quitting = true;
        self.settle(stream);
    }

    fn on_gone(&mut self, _ending: Ending, io: &mut Io<'_>) {
        self.end_transfers(io);
        self.log_out();
        if self.entered {
            self.shared.tables().sessions.leave(&self.peer.address);
        }
    }

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        if let Some(question) = self.question.take() {
            self.answered(question, done.result, stream);
        }
        self.settle(stream);
    }

    fn on_message(&mut self, from: Option<SessionId>, message: Message, stream: &mut Stream<'_>) {
        if let (Some(from), Ok(news)) = (from, message.downcast::<(u64, News)>()) {
            let (number, news) = *news;
            self.idle = stream.io.now() + limits::FTP_IDLE;
            self.heard_of_data(from, number, news, &mut stream.io);
            self.settle(stream);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let idle = Some(self.idle).filter(|_| !self.transfers.is_under_way());
        let again = self.unasked.as_ref().map(|(again, _)| *again);
        idle.into_iter().chain(again).chain(self.delayed).chain(self.transfers.deadline()).min()
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        if self.delayed.is_some_and(|delayed| delayed <= now) {
            self.refuse_password();
        }
        self.ask_a_thread(stream);
        self.check_transfer(&mut stream.io);
        if self.idle <= now && !self.transfers.is_under_way() {
            if self.quitting {
                return stream.abort();
            }
            self.idle = now + limits::FTP_DATA_WAIT;
            self.quitting = true;
            self.say(Code::NotAvailable, "You said nothing for too long.");
        }
        self.settle(stream);
    }
}
