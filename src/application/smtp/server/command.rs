//! Commands (RFC 5321 §4.1) and what is done about them.

use std::borrow::Cow;

use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error, MailFrom, RcptTo, Request};

use super::super::super::Stream;
use super::super::address;
use super::body::{Body, Form};
use super::delivery::{Delivery, Destinations};
use super::reply::{self, Reply, reply};
use super::session::{Conversation, Hello, Incoming};
use super::trace;
use super::transaction::{Content, Transaction, asks_for_more, asks_for_reports};
use super::whereabouts::Whereabouts;
use super::{Role, Shared};
use crate::base::limits;

/// Why there is no message to be sent.
type Refusal = Result<(), Reply>;

impl Conversation {
    /// Reads a command and does what it says.
    pub(super) fn obey(&mut self, line: &[u8], stream: &mut Stream<'_>) {
        let (whole, literal) = prepared(line);
        match Request::parse(&mut whole.iter()) {
            Ok(mut request) => {
                self.understood();
                if let Some(literal) = literal {
                    put_back(&mut request, literal);
                }
                self.carry_out(request, line, stream);
            }
            Err(why) => self.misunderstood(why, line),
        }
    }

    fn misunderstood(&mut self, why: Error, line: &[u8]) {
        match why {
            Error::InvalidSenderAddress => self.say(reply::BAD_SENDER),
            Error::InvalidRecipientAddress => self.say(reply::BAD_ADDRESS),
            Error::InvalidParameter { .. } => self.say(reply::BAD_PARAMETER),
            Error::UnsupportedParameter { .. } => self.say(reply::UNSUPPORTED_PARAMETER),
            Error::SyntaxError { syntax } => self.say_text(501, (5, 4), &format!("Write it like {syntax}.")),
            _ if is_mechanism_unknown(line) => self.say(reply::MECHANISM),
            _ => self.no_command(reply::UNKNOWN),
        }
    }

    fn carry_out(&mut self, request: Request<Cow<'_, str>>, line: &[u8], stream: &mut Stream<'_>) {
        let done = match request {
            Request::Ehlo { host } => self.hello(&host, true, stream),
            Request::Helo { host } => self.hello(&host, false, stream),
            Request::Mail { from } => self.mail(&from, stream),
            Request::Rcpt { to } => self.rcpt(&to, line),
            Request::Data => self.data(stream),
            Request::Bdat { chunk_size, is_last } => self.bdat(chunk_size as u64, is_last, stream),
            Request::Rset => {
                self.reset(&mut stream.io);
                Err(reply::OKAY)
            }
            Request::Auth { mechanism, initial_response } => self.authenticate(mechanism, &initial_response, stream),
            Request::StartTls => self.start_tls(),
            Request::Vrfy { .. } => Err(reply::NOT_VERIFIED),
            Request::Expn { .. } => Err(reply::NO_LIST),
            Request::Noop { .. } => Err(reply::OKAY),
            Request::Help { .. } => {
                let names = "EHLO HELO MAIL RCPT DATA BDAT RSET VRFY EXPN NOOP HELP STARTTLS AUTH QUIT";
                self.say_text(214, (0, 0), names);
                Ok(())
            }
            Request::Quit => {
                self.reset(&mut stream.io);
                self.leave(reply(221, (0, 0), "Goodbye."));
                Ok(())
            }
            Request::Lhlo { .. } | Request::Etrn { .. } | Request::Atrn { .. } | Request::Burl { .. } => {
                Err(reply::NOT_IMPLEMENTED)
            }
        };
        if let Err(reply) = done {
            self.say(reply);
        }
    }

    fn hello(&mut self, name: &str, extended: bool, stream: &mut Stream<'_>) -> Refusal {
        self.reset(&mut stream.io);
        self.hello = Some(Hello { name: name.chars().take(255).collect(), extended });
        let greeting = format!("{} greets you", self.shared.rules.name);
        let mut lines = vec![greeting];
        if extended {
            lines.extend(self.extensions());
        }
        self.say_lines(250, &lines);
        Ok(())
    }

    fn extensions(&self) -> Vec<String> {
        let rules = &self.shared.rules;
        let mut all = vec![
            "PIPELINING".to_owned(),
            format!("SIZE {}", rules.largest),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "CHUNKING".to_owned(),
            "BINARYMIME".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
            format!("LIMITS RCPTMAX={}", limits::SMTP_RECIPIENTS),
            "HELP".to_owned(),
        ];
        // Who cannot send reports promises none (RFC 3461 §5.2.2).
        if rules.queue.is_some() {
            all.push("DSN".to_owned());
        }
        if rules.identity.is_some() && !self.secure {
            all.push("STARTTLS".to_owned());
        }
        if self.may_authenticate() {
            all.push("AUTH PLAIN LOGIN".to_owned());
        }
        all
    }

    /// Whether passwords are heard.
    pub(super) fn may_authenticate(&self) -> bool {
        self.secure || self.shared.rules.clear_passwords
    }

    fn start_tls(&mut self) -> Refusal {
        if self.shared.rules.identity.is_none() {
            return Err(reply::NOT_IMPLEMENTED);
        }
        if self.secure {
            return Err(reply::ALREADY);
        }
        if self.transaction.is_some() {
            return Err(reply::NESTED);
        }
        self.securing = true;
        Err(reply(220, (0, 0), "Begin."))
    }

    fn mail(&mut self, from: &MailFrom<Cow<'_, str>>, stream: &mut Stream<'_>) -> Refusal {
        if self.hello.is_none() {
            return Err(reply::SAY_HELLO);
        }
        if self.transaction.is_some() {
            return Err(reply::NESTED);
        }
        if self.role != Role::Transfer && self.login.user().is_none() {
            return Err(reply::LOG_IN);
        }
        if asks_for_more(from, self.shared.rules.queue.is_some()) {
            return Err(reply::UNSUPPORTED_PARAMETER);
        }
        if from.size as u64 > self.shared.rules.largest {
            return Err(reply::TOO_LARGE);
        }
        let arrived = self.shared.time(stream.io.now());
        let transaction = Transaction::new(from, arrived);
        if !from.address.is_ascii() && !transaction.envelope.utf8 {
            return Err(reply::NOT_ASCII);
        }
        self.transaction = Some(transaction);
        Err(reply::SENDER)
    }

    fn rcpt(&mut self, to: &RcptTo<Cow<'_, str>>, line: &[u8]) -> Refusal {
        let Some(transaction) = &mut self.transaction else { return Err(reply::SAY_MAIL) };
        if transaction.content.is_some() {
            return Err(reply::WITHIN_CHUNKS);
        }
        // Who is nobody is the postmaster, if the line says so: a message has no empty recipient.
        if to.address.is_empty() && !line.to_ascii_lowercase().windows(10).any(|part| part == b"postmaster") {
            return Err(reply::BAD_ADDRESS);
        }
        if !to.address.is_ascii() && !transaction.envelope.utf8 {
            return Err(reply::NOT_ASCII);
        }
        if self.shared.rules.queue.is_none() && asks_for_reports(to) {
            return Err(reply::UNSUPPORTED_PARAMETER);
        }
        if transaction.is_full() {
            return Err(reply::TOO_MANY_RECIPIENTS);
        }
        match self.shared.rules.whereabouts(&to.address, Some(self.own)).ok_or(reply::BAD_ADDRESS)? {
            Whereabouts::Here(mailbox) => transaction.add_mailbox(to, mailbox),
            Whereabouts::Nowhere => return self.know_nobody(),
            Whereabouts::Elsewhere => {
                let known = self.login.user().is_some()
                    || self.shared.rules.relay_from.iter().any(|network| network.contains(self.peer));
                match (known, &self.shared.rules.queue) {
                    (false, _) => return Err(reply::NO_RELAY),
                    (true, None) => return Err(reply::NO_ROUTE),
                    (true, Some(_)) => transaction.add_remote(to),
                }
            }
        }
        Err(reply::RECIPIENT)
    }

    /// Nobody here is called that. Who tries one name after the other learns no more of them.
    fn know_nobody(&mut self) -> Refusal {
        self.strangers += 1;
        if self.strangers < limits::SMTP_STRANGERS {
            return Err(reply::NOBODY);
        }
        self.leave(reply::TOO_MANY_STRANGERS);
        Ok(())
    }

    fn data(&mut self, stream: &mut Stream<'_>) -> Refusal {
        let Some(transaction) = &self.transaction else { return Err(reply::SAY_MAIL) };
        if transaction.content.is_some() {
            return Err(reply::WITHIN_CHUNKS);
        }
        if transaction.is_binary() {
            return Err(reply::BINARY_BY_DATA);
        }
        if transaction.recipients == 0 {
            return Err(reply::NO_RECIPIENT);
        }
        self.begin(Form::Dotted, stream)?;
        self.incoming = Some(Incoming::Data);
        self.say_lines(354, &["The message, then a line with a dot.".to_owned()]);
        Ok(())
    }

    fn bdat(&mut self, size: u64, last: bool, stream: &mut Stream<'_>) -> Refusal {
        let is_new = match &self.transaction {
            Some(transaction) if transaction.recipients > 0 => Ok(transaction.content.is_none()),
            Some(_) => Err(reply::NO_RECIPIENT),
            None => Err(reply::SAY_MAIL),
        };
        // What it announced comes, whatever is said to it (RFC 3030 §2).
        self.incoming = (size > 0).then_some(Incoming::Chunk { left: size, last });
        if is_new? {
            let is_binary = self.transaction.as_ref().is_some_and(Transaction::is_binary);
            let begun = self.begin(if is_binary { Form::Bytes } else { Form::Lines }, stream);
            if let Err(why) = begun {
                self.reset(&mut stream.io);
                return Err(why);
            }
        }
        if size == 0 {
            self.count_chunk(0, last, stream);
        }
        Ok(())
    }

    /// A message begins to come.
    fn begin(&mut self, form: Form, stream: &mut Stream<'_>) -> Refusal {
        let Some(mut transaction) = self.transaction.take() else { return Err(reply::SAY_MAIL) };
        let Shared { rules, .. } = &*self.shared;
        let name = rules.maildirs.name(transaction.envelope.arrived);
        let is_remote = !transaction.envelope.recipients.is_empty();
        let entry = rules.queue.as_ref().filter(|_| is_remote);
        let entry = entry.map(|queue| (queue.clone(), queue.name(transaction.envelope.arrived)));
        let id = trace::id_of(entry.as_ref().map(|(_, id)| *id), &name);
        let (path, received) = self.trace(&transaction, &id);
        let maildirs = rules.maildirs.clone();
        let to = Destinations { maildirs, mailboxes: transaction.mailboxes.clone(), name, queue: entry };
        self.messages += 1;
        let mut delivery = Delivery::begin(self.messages, to);
        let begun = delivery.put_in_front(path.as_bytes(), &mut stream.io)
            && delivery.write(received.as_bytes(), &mut stream.io);
        if begun {
            let body = Body::new(form, rules.bare);
            transaction.content = Some(Content::new(body, delivery, received.len() as u64, id));
        } else {
            delivery.abandon(&mut stream.io);
        }
        self.transaction = Some(transaction);
        if begun { Ok(()) } else { Err(reply::TROUBLE) }
    }
}

/// What stands for an address literal, which the parser does not know.
const STANDS_FOR_LITERAL: &str = "literal.invalid";

/// A line as the parser wants it: with its end, and another domain in place of an address literal, which is returned.
fn prepared(line: &[u8]) -> (Vec<u8>, Option<&str>) {
    let begins = line.windows(2).position(|two| two == b"@[").map(|at| at + 1);
    let literal = begins.and_then(|at| {
        let length = line[at..].iter().position(|byte| *byte == b'>')?;
        let text = std::str::from_utf8(&line[at..at + length]).ok()?;
        address::literal(text).map(|_address| (at, text))
    });
    let mut whole = Vec::with_capacity(line.len() + 2);
    match literal {
        Some((at, text)) => {
            whole.extend_from_slice(&line[..at]);
            whole.extend_from_slice(STANDS_FOR_LITERAL.as_bytes());
            whole.extend_from_slice(&line[at + text.len()..]);
        }
        None => whole.extend_from_slice(line),
    }
    whole.extend_from_slice(b"\r\n");
    (whole, literal.map(|(_, text)| text))
}

/// Puts a literal back where it was.
fn put_back(request: &mut Request<Cow<'_, str>>, literal: &str) {
    let path = match request {
        Request::Mail { from } => &mut from.address,
        Request::Rcpt { to } => &mut to.address,
        _ => return,
    };
    if let Some(local) = path.strip_suffix(STANDS_FOR_LITERAL) {
        *path = Cow::Owned([local, literal].concat());
    }
}

/// `AUTH` of a mechanism that the parser has no name for.
fn is_mechanism_unknown(line: &[u8]) -> bool {
    line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH "))
}

/// The mechanisms that there are.
pub(super) const MECHANISMS: u64 = AUTH_PLAIN | AUTH_LOGIN;
