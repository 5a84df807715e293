//! Commands (RFC 5321 §4.1) and what is done about them.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error, MailFrom, RcptTo, Request};

use super::super::super::Stream;
use super::super::queue::Envelope;
use super::super::{address, dsn, maildir};
use super::body::{Body, Form};
use super::delivery::{Delivery, Destinations};
use super::reply::{self, Reply};
use super::session::{Conversation, Hello, Incoming};
use super::trace::{self, Received};
use super::transaction::{Content, Transaction, asks_for_more, asks_for_reports};
use super::whereabouts::Whereabouts;
use super::{Role, Shared};
use crate::base::limits;

/// Why there is no message to be sent.
type Refusal = Result<(), Reply>;

impl Conversation {
    /// Reads a command, its CRLF included, and does what it says.
    pub(super) fn obey(&mut self, line: &[u8], stream: &mut Stream<'_>) {
        let (whole, literal) = prepared(line);
        match &mut Request::parse(&mut whole.iter()) {
            Ok(request) => {
                self.understood();
                if let Some(literal) = literal {
                    put_back(request, literal);
                }
                self.carry_out(request, line, stream);
            }
            Err(why) => self.misunderstood(why, line),
        }
    }

    fn misunderstood(&mut self, why: &Error, line: &[u8]) {
        match why {
            Error::InvalidSenderAddress => self.say(reply::BAD_SENDER),
            Error::InvalidRecipientAddress => self.say(reply::BAD_ADDRESS),
            Error::InvalidParameter { .. } => self.say(reply::BAD_PARAMETER),
            Error::UnsupportedParameter { .. } => self.say(reply::UNSUPPORTED_PARAMETER),
            Error::SyntaxError { syntax } => self.say_line(&format!("501 5.5.4 Write it like {syntax}.")),
            _ if is_mechanism_unknown(line) => self.say(reply::MECHANISM),
            _ => self.no_command(reply::UNKNOWN),
        }
    }

    fn carry_out(&mut self, request: &Request<Cow<'_, str>>, line: &[u8], stream: &mut Stream<'_>) {
        let done = match request {
            Request::Ehlo { host } => self.hello(host, true, stream),
            Request::Helo { host } => self.hello(host, false, stream),
            Request::Mail { from } => self.mail(from, stream),
            Request::Rcpt { to } => self.rcpt(to, line),
            Request::Data => self.data(stream),
            Request::Bdat { chunk_size, is_last } => self.bdat(*chunk_size as u64, *is_last, stream),
            Request::Rset => {
                self.reset(&mut stream.io);
                Err(reply::OKAY)
            }
            Request::Auth { mechanism, initial_response } => self.authenticate(*mechanism, initial_response, stream),
            Request::StartTls => self.start_tls(),
            Request::Vrfy { .. } => Err(reply::NOT_VERIFIED),
            Request::Expn { .. } => Err(reply::NO_LIST),
            Request::Noop { .. } => Err(reply::OKAY),
            Request::Help { .. } => Err(reply::HELP),
            Request::Quit => {
                self.reset(&mut stream.io);
                self.leave(reply::GOODBYE);
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
        self.hello = Some(Hello { trace: trace::beginning(name, self.peer, &self.shared.rules.name), extended });
        self.out.extend_from_slice(self.shared.greetings.hello(extended, self.secure).as_bytes());
        Ok(())
    }

    /// Whether passwords are heard.
    pub(super) fn may_authenticate(&self) -> bool {
        self.shared.rules.hear_passwords(self.secure)
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
        Err(reply::BEGIN_TLS)
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
        self.transaction = Some(Box::new(transaction));
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
        Err(reply::MESSAGE)
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
            let is_binary = self.transaction.as_ref().is_some_and(|transaction| transaction.is_binary());
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
        let Some(hello) = &self.hello else { return Err(reply::SAY_HELLO) };
        let Some(transaction) = &mut self.transaction else { return Err(reply::SAY_MAIL) };
        let Shared { rules, .. } = &*self.shared;
        let Envelope { sender, arrived, utf8, recipients, .. } = &transaction.envelope;
        let is_remote = !recipients.is_empty();
        let queue = rules.queue.as_ref().filter(|_| is_remote);
        let to = Destinations {
            maildirs: rules.maildirs.clone(),
            mailboxes: std::mem::take(&mut transaction.mailboxes),
            name: rules.maildirs.name(*arrived),
            queue: queue.map(|queue| Box::new((queue.clone(), queue.name(*arrived)))),
        };

        self.messages += 1;
        let mut delivery = Delivery::begin(self.messages, to, &mut stream.io);
        let id = delivery.id();
        let received = Received {
            beginning: &hello.trace,
            extended: hello.extended,
            utf8: *utf8,
            secure: self.secure,
            authenticated: self.login.user().is_some(),
            id: &id,
            recipient: (transaction.recipients == 1).then(|| address::quoted(&transaction.first)),
            date: dsn::date(*arrived),
        };
        let parts = received.parts();
        if delivery.put_in_front(&maildir::return_path(sender), &parts, &mut stream.io) {
            let in_front = parts.iter().map(|part| part.len() as u64).sum();
            transaction.content = Some(Content::new(Body::new(form, rules.bare), delivery, in_front));
            return Ok(());
        }
        transaction.mailboxes = delivery.abandon(&mut stream.io);
        Err(reply::TROUBLE)
    }
}

/// What stands for an address literal, which the parser does not know.
const STANDS_FOR_LITERAL: &str = "literal.invalid";

/// A line as the parser wants it: with another domain in place of an address literal, which is returned.
fn prepared(line: &[u8]) -> (Cow<'_, [u8]>, Option<&str>) {
    let begins = memchr_iter(b'[', line).find(|at| line[..*at].ends_with(b"@"));
    let literal = begins.and_then(|at| {
        let length = memchr(b'>', &line[at..])?;
        let text = std::str::from_utf8(&line[at..at + length]).ok()?;
        address::literal(text).map(|_address| (at, text))
    });
    let Some((at, text)) = literal else { return (Cow::Borrowed(line), None) };
    let whole = [&line[..at], STANDS_FOR_LITERAL.as_bytes(), &line[at + text.len()..]].concat();
    (Cow::Owned(whole), Some(text))
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
