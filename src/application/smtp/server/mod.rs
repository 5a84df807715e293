//! The server: takes messages over, for mailboxes of ours and for elsewhere.
//!
//! A connection is a session (`session`) that reads commands (`command`) and answers them. Between MAIL and the end of
//! the message there is a `transaction`: whom it is from and for. The message itself is read by `body`, which finds its end, and
//! goes to the disk by `delivery`, which knows when it is there for good; then the client hears 250, and not before.
//!
//! **One thing at a time.** While a message is being made durable, a password is compared or the handshake of STARTTLS is due,
//! commands wait where they are; so replies come in the order of the commands, however many were sent ahead (RFC 2920).
//!
//! **Nobody relays** but who logged in, and hosts that were named. Who may not is told so at RCPT.
//!
//! **No smuggling.** Only CRLF ends a line, and only CRLF, dot, CRLF a message. What came in the clear behind STARTTLS is
//! discarded ([`tls`](crate::application::tls)).

mod authentication;
mod body;
mod command;
mod delivery;
mod greeting;
mod look;
mod mailboxes;
mod reply;
mod session;
mod trace;
mod transaction;
mod whereabouts;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::accounts::{Accounts, Attempts};
use super::super::headcount::Headcount;
use super::super::tls::{Identity, Secured};
use super::super::{Service, Session};
use super::maildir::Maildirs;
use super::queue::Queue;
use crate::base::address::{Address, Cidr, Flow};
use crate::base::limits;
use crate::base::time::Instant;

use self::greeting::Greetings;
use self::session::Conversation;

pub use body::Bare;

/// What work of a session was for: a password, or the n-th message.
const VERIFIED: u64 = 0;

/// What an administrator chooses.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Our name, in the greeting and in `Received:`.
    pub name: String,
    /// Domains whose mail is ours, in lower case.
    pub domains: Vec<String>,
    /// Addresses of ours, for who writes one instead of a domain. That to which a client talks is one anyway.
    pub addresses: Vec<Address>,
    /// Who has a mailbox, and may log in.
    pub accounts: Arc<Accounts>,
    /// Who we are under TLS; `None`: there is no TLS.
    pub identity: Option<Identity>,
    /// Where mailboxes are.
    pub maildirs: Maildirs,
    /// Where mail for elsewhere goes; `None`: none is taken.
    pub queue: Option<Queue>,
    /// Who may send mail to elsewhere without logging in.
    pub relay_from: Vec<Cidr>,
    /// Bytes of the largest message.
    pub largest: u64,
    /// What is done with a CR or LF that stands alone.
    pub bare: Bare,
    /// Passwords are taken in the clear, too.
    pub clear_passwords: bool,
    /// When the shard's clock began, in seconds since 1970.
    pub began: i64,
}

impl Rules {
    /// Whether passwords are heard: under TLS, or in the clear.
    fn hear_passwords(&self, secure: bool) -> bool {
        secure || self.clear_passwords
    }
}

/// What is to be done at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Other hosts bring mail: port 25.
    Transfer,
    /// Users send mail, and log in first (RFC 6409): port 587.
    Submission,
    /// The same, under TLS from the first byte on (RFC 8314): port 465.
    Submissions,
}

impl Role {
    /// The port that IANA gave it.
    pub const fn port(self) -> u16 {
        match self {
            Role::Transfer => 25,
            Role::Submission => 587,
            Role::Submissions => 465,
        }
    }
}

/// The server at one port.
#[derive(Clone)]
pub struct Smtp {
    shared: Arc<Shared>,
    role: Role,
}

/// What all connections know, of all shards. It is locked for moments: when a connection begins and ends, and by who logs in.
struct Shared {
    rules: Rules,
    greetings: Greetings,
    tables: Mutex<Tables>,
}

struct Tables {
    /// Connections by peer.
    sessions: Headcount<Address>,
    /// Who said wrong passwords.
    attempts: Attempts,
}

impl Smtp {
    /// A server by these rules, for port 25.
    pub fn new(rules: Rules) -> Smtp {
        let sessions = Headcount::new(limits::SMTP_SESSIONS, limits::SMTP_SESSIONS_AN_ADDRESS);
        let tables = Mutex::new(Tables { sessions, attempts: Attempts::default() });
        let greetings = Greetings::new(&rules);
        Smtp { shared: Arc::new(Shared { rules, greetings, tables }), role: Role::Transfer }
    }

    /// The same server at another port.
    pub fn at(&self, role: Role) -> Smtp {
        Smtp { shared: self.shared.clone(), role }
    }
}

impl Service for Smtp {
    fn open(&mut self, flow: &Flow) -> Option<Box<dyn Session>> {
        let conversation = |secure| Box::new(Conversation::new(self.shared.clone(), self.role, flow, secure));
        Some(match (&self.shared.rules.identity, self.role) {
            (Some(identity), Role::Submissions) => Box::new(Secured::at_once(conversation(true), identity.clone())),
            // There is nothing under which it could be.
            (None, Role::Submissions) => return None,
            (Some(identity), _) => Box::new(Secured::in_the_clear(conversation(false), identity.clone())),
            (None, _) => conversation(false),
        })
    }
}

impl Shared {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since 1970.
    fn time(&self, now: Instant) -> u64 {
        (self.rules.began + now.since(Instant::ZERO).as_secs() as i64).max(0) as u64
    }
}
