//! What a client is asked for, and what it tells.

use std::time::Duration;

use crate::application::smtp::queue::{Body, Notify, Return, Said};
use crate::application::{Io, Place};
use crate::base::limits;

/// How a client behaves towards a server.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The name that it says in EHLO; `None`: its address as a literal (RFC 5321 §4.1.3).
    pub name: Option<String>,
    /// Who logs in.
    pub login: Option<Login>,
    /// When TLS is begun.
    pub security: Security,
    /// How long it waits.
    pub patience: Patience,
}

/// Who logs in (RFC 4954). A password crosses the wire only under TLS, or where TLS is [`Security::Never`] begun.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({}, …)", self.user)
    }
}

/// When STARTTLS is said (RFC 3207).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// When the server offers it.
    #[default]
    Offered,
    /// Always: a server that does not offer it gets nothing.
    Required,
    /// Never: everything goes in the clear, or the connection is under TLS from its first byte on.
    Never,
}

/// How long a client waits for a server (RFC 5321 §4.5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the connection is open.
    pub connection: Duration,
    /// For the greeting, and the reply to any command but those below.
    pub command: Duration,
    /// For the reply to DATA.
    pub data: Duration,
    /// For room to send more of the message.
    pub block: Duration,
    /// For the reply to the message.
    pub end: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Patience {
            connection: limits::SMTP_CONNECT,
            command: minutes(5),
            data: minutes(2),
            block: minutes(3),
            end: minutes(10),
        }
    }
}

impl Patience {
    /// No longer than this for anything.
    pub fn at_most(self, most: Duration) -> Patience {
        let Patience { connection, command, data, block, end } = self;
        let [connection, command, data, block, end] =
            [connection, command, data, block, end].map(|span: Duration| span.min(most));
        Patience { connection, command, data, block, end }
    }
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The reverse-path, without its brackets; may be empty.
    pub sender: String,
    /// For whom.
    pub recipients: Vec<To>,
    /// The file with the message. Lines that do not end with CRLF are sent as if they did, but not those of
    /// [`Body::BinaryMime`].
    pub content: Place,
    /// What it is made of.
    pub body: Body,
    /// Its header or an address is not in ASCII.
    pub utf8: bool,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<Return>,
    /// ENVID, in xtext (RFC 3461 §4.4).
    pub envid: Option<String>,
}

/// For whom a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct To {
    /// The forward-path, without its brackets.
    pub address: String,
    /// NOTIFY (RFC 3461 §4.1).
    pub notify: Option<Notify>,
    /// ORCPT, with its type (RFC 3461 §4.2).
    pub orcpt: Option<String>,
}

impl To {
    /// One of whom nothing but the address is said.
    pub fn new(address: impl Into<String>) -> To {
        To { address: address.into(), notify: None, orcpt: None }
    }
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it means.
    pub fate: Fate,
    /// In the server's words, or ours.
    pub said: Said,
}

/// What a reply means for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server has the message, and answers for it.
    Taken,
    /// Not now.
    Deferred,
    /// Never.
    Refused,
}

/// What a client tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The connection is open, and the server ready.
    Ready,
    /// What became of a message, in the order of its recipients; whether the server was told of what reports are wanted. It may
    /// be given another one now.
    Over {
        /// For each recipient.
        verdicts: Vec<Verdict>,
        /// It takes NOTIFY and its kin.
        dsn: bool,
    },
    /// The last that is heard of this connection. A message that it was given, and that is not over, was not taken, as far as
    /// anybody knows.
    Gone {
        /// How far it came.
        stage: Stage,
        /// Why.
        said: Said,
    },
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody was reached, or nobody who was ready to take mail.
    Unready,
    /// TLS could not be begun.
    Insecure,
    /// The server was ready for mail.
    Ready,
}

/// Whom a client tells.
pub type Tell = Box<dyn FnMut(Told, &mut Io<'_>) + Send>;

/// What others tell a client.
#[derive(Debug)]
pub enum Order {
    /// To send one more message, when the one before is over.
    Carry(Box<Mail>),
    /// To say goodbye.
    Quit,
}
