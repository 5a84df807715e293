//! FTP's server, and its [`client`]: RFC 959, with what RFC 1123 §4.1, 2389, 2428, 2577, 2640, 3659, 775 and 7151 made of it.
//!
//! # Theory of operation
//!
//! A control connection (`control`) reads commands and writes replies. Each file or list crosses a data connection of its
//! own (`data`), which the client opens to a port that it was told (PASV, EPSV), or which we open to a port of the client
//! (PORT, EPRT). Both are sessions of one shard and tell each other what happens:
//!
//! ```text
//! control                                   data
//!   EPSV: expects the peer at a port
//!                                ◀── Connected    when it is open
//!   RETR: looks at the file
//!   150     Carry(job) ──▶                        reads, writes, syncs, renames
//!                                ◀── Complete     or why not
//!   226
//! ```
//!
//! Storage threads do what touches the disk. While one looks something up for a command, and during a transfer, commands
//! wait, except ABOR, STAT and QUIT; so one connection has one thing to be done at a time, and replies come in order.
//!
//! **Bytes.** A block is read by a storage thread and given to the stream as it is; what is received is written from the
//! buffer in which it came. A download has [`FTP_BLOCKS`](crate::base::limits::FTP_BLOCKS) blocks on the way, an upload
//! [`FTP_UPLOAD_BLOCKS`](crate::base::limits::FTP_UPLOAD_BLOCKS). Only TYPE A copies, for lines change their length. (`sending`,
//! `receiving`, `ascii`)
//!
//! **Uploads** are written beside their target and renamed when complete and synced; their directory is synced before the
//! client hears 226. One that breaks off stays there, under a name that no client can say or see, and REST or APPE continues
//! it: for as long as the target does not exist, SIZE tells how much of it came. A name is uploaded by one at a time.
//!
//! APPE to a file that exists is the exception: it adds to the file where it lies. If it breaks off, what was there before is
//! there, and behind it as much as came of what was to be added, so that the rest can be appended; 226 comes when all of it is
//! synced.
//!
//! DELE, RMD, MKD and RNTO are answered when the directories are synced in which names changed, the new one first: a power cut
//! in between leaves two names of a file and never none.
//!
//! **Downloads and lists** are said to be complete when the client's TCP has acknowledged all of them, and the end. Who reads
//! slowly holds what its connection has to send and one block more, which count as that and not against the blocks that storage
//! threads read into.
//!
//! **Users** have a home, which is the root for them, and change what lies in it. Others are anonymous: they see all but the
//! homes, and change nothing unless they are let to. A storage thread compares passwords (`login`, `accounts`).
//!
//! **TLS** (RFC 4217) is under the control connection from AUTH on and under data connections after PROT P; it is
//! [`tls`](super::tls) that does it, and nothing here knows. (`security`)
//!
//! **Names** are UTF-8 (`path`). What leads out of the root by `..` is refused here; what does by a symbolic link, by the
//! storage threads, which resolve paths below the root only.
//!
//! **Refusals** of what somebody should not try have a line each, with the address of who did (`Control::refuse`).
//!
//! **No bounce, no theft** (RFC 2577). A data connection goes to the control connection's peer and to no port below 1024, and
//! is taken from the control connection's peer only. A passive port expects one connection, for one client.
//!
//! Passive ports are listened at all the time, and who is not expected is reset; each shard tells clients of those ports only
//! whose connections come to it.

mod address;
mod answer;
mod ascii;
pub mod client;
mod command;
mod control;
mod data;
mod listing;
mod login;
mod path;
mod question;
mod receiving;
mod reply;
mod security;
mod sending;
mod transfer;
pub mod url;

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;

use self::control::Control;
use self::data::DataConnection;
use self::path::VirtualPath;
use super::accounts::{Accounts, Attempts};
use super::headcount::Headcount;
use super::refusals::{Refusal, Refusals};
use super::tls::{Identity, Secured};
use super::{Service, Session, SessionId};
use crate::base::address::{Address, Flow};
use crate::base::limits;

/// The port of FTP.
pub const PORT: u16 = 21;
/// The port of FTP under TLS from the first byte on.
pub const SECURE_PORT: u16 = 990;
/// The ports to which clients may be told to connect.
pub const PASSIVE_PORTS: RangeInclusive<u16> = 50_000..=50_999;

/// What an administrator chooses.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether anonymous users may change what is there.
    pub anonymous: Access,
    /// Who else may log in, to change what lies in a home.
    pub accounts: Arc<Accounts>,
    /// Who we are under TLS; `None`: there is no TLS.
    pub identity: Option<Identity>,
    /// Who is told of what is refused.
    pub refusals: Option<Sender<Refusal>>,
    /// When the shard's clock began, in seconds since 1970.
    pub began: i64,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Look and fetch.
    Read,
    /// And change.
    Write,
}

/// The server of one shard, at the port of control connections. Files lie below the first folder of the storage threads.
#[derive(Clone)]
pub struct Ftp {
    shared: Arc<Shared>,
}

/// The same at the passive ports.
#[derive(Clone)]
pub struct Passive {
    shared: Arc<Shared>,
}

/// What all connections of a shard know. It is locked for moments, by one thread, and by a storage thread that lets go of a
/// [`Claim`].
struct Shared {
    rules: Rules,
    tables: Mutex<Tables>,
}

struct Tables {
    /// The passive ports that there are.
    ports: Vec<u16>,
    /// Whom we expect at them.
    expected: HashMap<u16, Expected>,
    /// Control connections by peer, and by user.
    sessions: Headcount<Address>,
    users: Headcount<String>,
    /// Who said wrong passwords.
    attempts: Attempts,
    /// Names that are uploaded, below the root of all.
    uploads: HashSet<VirtualPath>,
    refusals: Refusals,
}

/// A data connection that is to come.
struct Expected {
    control: SessionId,
    number: u64,
    peer: Address,
    alive: Arc<()>,
    protection: Protection,
}

/// Whether data connections are under TLS (RFC 4217 §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Protection {
    #[default]
    Clear,
    Private,
}

impl Ftp {
    /// A server by these rules, without passive ports.
    pub fn new(rules: Rules) -> Ftp {
        let tables = Mutex::new(Tables::new(Refusals::new(rules.refusals.clone())));
        Ftp { shared: Arc::new(Shared { rules, tables }) }
    }

    /// What takes connections at passive ports.
    pub fn passive(&self) -> Passive {
        Passive { shared: self.shared.clone() }
    }

    /// The passive ports that clients may be told.
    pub fn set_passive_ports(&mut self, ports: Vec<u16>) {
        self.shared.tables().ports = ports;
    }
}

impl Service for Ftp {
    fn open(&mut self, flow: &Flow) -> Option<Box<dyn Session>> {
        let control = Box::new(Control::new(self.shared.clone(), flow.remote));
        Some(match &self.shared.rules.identity {
            Some(identity) => Box::new(Secured::in_the_clear(control, identity.clone())),
            None => control,
        })
    }
}

impl Service for Passive {
    fn open(&mut self, flow: &Flow) -> Option<Box<dyn Session>> {
        let mut tables = self.shared.tables();
        // RFC 2577 §7: others do not get what the client asked for.
        let expected = tables.expected.get(&flow.local.port).is_some_and(|one| one.peer == flow.remote.address);
        let Expected { control, number, alive, protection, .. } =
            expected.then(|| tables.expected.remove(&flow.local.port)).flatten()?;
        Some(self.shared.protect(DataConnection::new(control, number, alive), protection))
    }
}

/// A name that is uploaded, until this is dropped: as long as anything is done about it, whoever still listens.
struct Claim {
    shared: Arc<Shared>,
    path: VirtualPath,
}

impl Claim {
    /// `None`: somebody else has it.
    fn new(shared: &Arc<Shared>, path: &VirtualPath) -> Option<Claim> {
        let free = shared.tables().uploads.insert(path.clone());
        free.then(|| Claim { shared: shared.clone(), path: path.clone() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.tables().uploads.remove(&self.path);
    }
}

impl Shared {
    fn protect(&self, connection: DataConnection, protection: Protection) -> Box<dyn Session> {
        match (protection, &self.rules.identity) {
            (Protection::Private, Some(identity)) => Box::new(Secured::at_once(Box::new(connection), identity.clone())),
            _ => Box::new(connection),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn new(refusals: Refusals) -> Tables {
        Tables {
            ports: Vec::new(),
            expected: HashMap::new(),
            sessions: Headcount::new(limits::FTP_SESSIONS, limits::FTP_SESSIONS_AN_ADDRESS),
            users: Headcount::new(usize::MAX, limits::FTP_SESSIONS_A_USER),
            attempts: Attempts::default(),
            uploads: HashSet::new(),
            refusals,
        }
    }

    /// Expects somebody at a port that nobody is expected at, looked for from a place in the list on.
    fn expect(&mut self, from: usize, expected: Expected) -> Option<u16> {
        let count = self.ports.len();
        let free = (0..count).map(|step| self.ports[(from + step) % count]);
        let port = free.into_iter().find(|port| !self.expected.contains_key(port))?;
        self.expected.insert(port, expected);
        Some(port)
    }
}
