//! What a client is asked for, and what it tells.

use super::super::super::tls::{Secured, Server};
use super::super::super::{Place, Session};

/// What a client is to do.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Who logs in.
    pub user: String,
    /// With which password.
    pub password: String,
    /// The server's directories to go through, one after the other.
    pub folders: Vec<String>,
    /// The file there.
    pub name: String,
    /// Whether lines are converted.
    pub ascii: bool,
    /// What is under TLS.
    pub security: Security,
    /// Who opens the data connection.
    pub mode: Mode,
    /// Whether what an earlier one left is continued.
    pub resume: bool,
    /// Where the file comes from and goes to.
    pub direction: Direction,
}

/// What is under TLS, and who the server must be then.
#[derive(Clone, Debug)]
pub enum Security {
    /// Nothing.
    Clear,
    /// All behind AUTH TLS, which comes before the login (RFC 4217); a server that does not do it is left.
    Explicit(Server),
    /// All from the first byte on, as `ftps://` says.
    Implicit(Server),
}

impl Security {
    /// A control connection's session.
    pub(super) fn control(&self, session: Box<dyn Session>) -> Box<dyn Session> {
        match self {
            Security::Clear => session,
            Security::Explicit(server) => Box::new(Secured::in_the_clear(session, server.clone())),
            Security::Implicit(server) => Box::new(Secured::at_once(session, server.clone())),
        }
    }

    /// A data connection's session.
    pub(super) fn data(&self, session: Box<dyn Session>) -> Box<dyn Session> {
        match self {
            Security::Clear => session,
            Security::Explicit(server) | Security::Implicit(server) => {
                Box::new(Secured::at_once(session, server.clone()))
            }
        }
    }

    /// What is wrong with the server, if anything is.
    pub(super) fn complaint(&self) -> Option<String> {
        match self {
            Security::Clear => None,
            Security::Explicit(server) | Security::Implicit(server) => server.complaint().text(),
        }
    }
}

/// Who opens the data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// We do.
    Passive,
    /// The server does.
    Active,
}

/// Where the file comes from and goes to. Places are those of the storage threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the server.
    Get {
        /// Where it lies until it is complete.
        part: Place,
        /// Where it lies then.
        file: Place,
        /// The directory of both.
        folder: Place,
    },
    /// To the server.
    Put {
        /// The file.
        file: Place,
    },
}

/// What a client tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// So many bytes the file has, of which so many are where they are to be already.
    Length(u64, u64),
    /// All is done.
    Done,
    /// It cannot be done: one line that says why.
    Failed(String),
}
