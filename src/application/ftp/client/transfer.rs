//! What a client is asked for, and what it tells.

use super::Place;

/// What a client is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Who opens the data connection.
    pub mode: Mode,
    /// Whether what an earlier one left is continued.
    pub resume: bool,
    /// Where the file comes from and goes to.
    pub direction: Direction,
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
