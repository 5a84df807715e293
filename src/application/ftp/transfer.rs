//! Data connections as their control connection sees them: how they are opened, and what becomes of them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::super::{Io, SessionId, Stream};
use super::address::{self, BadTarget};
use super::command::Verb;
use super::control::Control;
use super::data::{DataConnection, Job, News, Order};
use super::reply::Code;
use super::{Expected, PASSIVE_PORTS};
use crate::base::address::Endpoint;
use crate::base::limits;
use crate::base::time::Instant;

/// How the next data connection comes to be.
enum Route {
    /// The client has not said.
    Unsaid,
    /// It connects to this port of ours.
    Passive(u16),
    /// We connect to this one of its.
    Active(Endpoint),
    /// It is open.
    Open(SessionId),
}

/// A transfer under way.
struct Transfer {
    /// What is to be carried, until there is a connection.
    job: Option<Job>,
    /// ABOR is to be answered, too.
    aborting: bool,
    /// When it is looked whether the connection is still there, or given up if it never was.
    check: Instant,
}

/// The data connection and what it carries.
pub(super) struct Transfers {
    route: Route,
    /// Which data connection is the latest: news of others are old.
    number: u64,
    alive: Weak<()>,
    transfer: Option<Transfer>,
    /// RFC 2428 §4: the client will say nothing else but EPSV.
    epsv_all: bool,
}

impl Default for Transfers {
    fn default() -> Transfers {
        Transfers { route: Route::Unsaid, number: 0, alive: Weak::new(), transfer: None, epsv_all: false }
    }
}

/// How often it is looked whether a data connection is gone that could not say so.
const CHECK: Duration = Duration::from_secs(5);

impl Transfers {
    pub(super) fn is_under_way(&self) -> bool {
        self.transfer.is_some()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.transfer.as_ref().map(|transfer| transfer.check)
    }
}

impl Control {
    /// PASV and EPSV.
    pub(super) fn passive(&mut self, verb: Verb, argument: &[u8], stream: &mut Stream<'_>) {
        let own = stream.flow().local.address;
        let family = address::protocol(own.family());
        match (verb, argument) {
            (Verb::Pasv, _) if self.transfers.epsv_all => {
                return self.say(Code::BadSequence, "You said EPSV ALL.");
            }
            (Verb::Pasv, _) if own.to_v4().is_none() => {
                return self.say(Code::ProtocolNotSupported, "Use EPSV, use (2)");
            }
            (Verb::Epsv, all) if all.eq_ignore_ascii_case(b"ALL") => {
                self.transfers.epsv_all = true;
                return self.say(Code::Okay, "EPSV it is.");
            }
            (Verb::Pasv, _) | (Verb::Epsv, b"") => {}
            (_, asked) if asked == family.to_string().as_bytes() => {}
            (_, b"1" | b"2") => {
                let text = format!("Network protocol not supported, use ({family})");
                return self.say(Code::ProtocolNotSupported, &text);
            }
            _ => return self.say(Code::ParameterError, "EPSV takes 1, 2 or ALL."),
        }
        self.drop_route(&mut stream.io);
        let Some(control) = stream.io.id() else { return };
        let alive = Arc::new(());
        let peer = stream.flow().remote.address;
        let (number, protection) = (self.transfers.number, self.security.protection);
        let expected = Expected { control, number, peer, alive: alive.clone(), protection };
        let from = stream.io.random(PASSIVE_PORTS.len() as u64) as usize;
        let Some(port) = self.shared.tables().expect(from, expected) else {
            return self.say(Code::NoDataConnection, "All ports are taken: try again.");
        };
        self.transfers.route = Route::Passive(port);
        self.transfers.alive = Arc::downgrade(&alive);
        match (verb, own.to_v4()) {
            (Verb::Pasv, Some(v4)) => {
                let text = format!("Entering Passive Mode {}", address::passive(v4, port));
                self.say(Code::EnteringPassive, &text);
            }
            _ => {
                let text = format!("Entering Extended Passive Mode (|||{port}|)");
                self.say(Code::EnteringExtendedPassive, &text);
            }
        }
    }

    /// PORT and EPRT.
    pub(super) fn active(&mut self, verb: Verb, argument: &[u8], stream: &mut Stream<'_>) {
        if self.transfers.epsv_all {
            return self.say(Code::BadSequence, "You said EPSV ALL.");
        }
        let text = String::from_utf8_lossy(argument);
        let read = if verb == Verb::Port { address::read_port(&text) } else { address::read_eprt(&text) };
        let peer = stream.flow().remote.address;
        match read {
            Err(BadTarget::Unreadable) => self.say(Code::ParameterError, "That is no address and port."),
            Err(BadTarget::Protocol) => {
                self.say(Code::ProtocolNotSupported, "Network protocol not supported, use (1,2)");
            }
            Ok(remote) if remote.address.family() != peer.family() => {
                let text = format!("Network protocol not supported, use ({})", address::protocol(peer.family()));
                self.say(Code::ProtocolNotSupported, &text);
            }
            // RFC 2577 §3: nobody lets us talk to others, nor to services.
            Ok(remote) if remote.address != peer || remote.port < 1024 => {
                self.refuse(Code::ParameterNotImplemented, "Only to yourself, and to no port below 1024.");
            }
            Ok(remote) => {
                self.drop_route(&mut stream.io);
                self.transfers.route = Route::Active(remote);
                self.say(Code::Okay, "I will connect there.");
            }
        }
    }

    /// Begins to carry something.
    pub(super) fn begin(&mut self, job: Job, text: &str, io: &mut Io<'_>) {
        let check = io.now() + limits::FTP_DATA_WAIT;
        let mut transfer = Transfer { job: Some(job), aborting: false, check };
        let begun = match self.transfers.route {
            Route::Unsaid => false,
            Route::Passive(_) => true,
            Route::Active(remote) => self.connect(remote, io),
            Route::Open(id) => {
                let order = transfer.job.take().map(Order::Carry);
                transfer.check = io.now() + CHECK;
                order.is_some_and(|order| io.tell(id, Box::new(order)).is_ok())
            }
        };
        self.transfers.transfer = Some(transfer);
        if begun {
            self.say(Code::OpeningData, text);
        } else {
            self.end(io);
            self.say(Code::NoDataConnection, "There is no data connection: say EPSV, PASV, EPRT or PORT.");
        }
    }

    fn connect(&mut self, remote: Endpoint, io: &mut Io<'_>) -> bool {
        let Some(control) = io.id() else { return false };
        let alive = Arc::new(());
        self.transfers.alive = Arc::downgrade(&alive);
        let connection = DataConnection::new(control, self.transfers.number, alive);
        let connection = self.shared.protect(connection, self.security.protection);
        io.connect(remote, connection).is_ok()
    }

    /// A data connection says something.
    pub(super) fn heard_of_data(&mut self, from: SessionId, number: u64, news: News, io: &mut Io<'_>) {
        if number != self.transfers.number {
            // Nobody waits for it any more.
            let _full = io.tell(from, Box::new(Order::Abort));
            return;
        }
        let aborted = self.transfers.transfer.as_ref().is_some_and(|transfer| transfer.aborting);
        match (news, &mut self.transfers.transfer) {
            (News::Connected, transfer) => {
                self.transfers.route = Route::Open(from);
                if let Some(transfer) = transfer
                    && let Some(job) = transfer.job.take()
                {
                    transfer.check = io.now() + CHECK;
                    // It would be missed, and end by standing still.
                    let _full = io.tell(from, Box::new(Order::Carry(job)));
                }
                return;
            }
            (_, None) => return self.drop_route(io),
            (News::Unconnected, _) => {
                self.refuse(Code::NoDataConnection, "I cannot connect there.");
            }
            (News::Complete, _) => self.say(Code::TransferComplete, "All of it is there."),
            (News::Failed(failure), _) => self.say_failure(failure),
        }
        if aborted {
            self.say(Code::TransferComplete, "Aborted.");
        }
        self.end(io);
    }

    /// The transfer is over, and its connection.
    fn end(&mut self, io: &mut Io<'_>) {
        self.transfers.transfer = None;
        self.drop_route(io);
    }

    /// Whatever comes of the connection that was agreed on, it is not wanted.
    fn drop_route(&mut self, io: &mut Io<'_>) {
        match std::mem::replace(&mut self.transfers.route, Route::Unsaid) {
            Route::Passive(port) => {
                let mut tables = self.shared.tables();
                // Somebody else may be expected there already, after ours came and could not say so.
                if tables.expected.get(&port).is_some_and(|one| Some(one.control) == io.id()) {
                    tables.expected.remove(&port);
                }
            }
            Route::Open(id) => {
                let _full = io.tell(id, Box::new(Order::Abort));
            }
            Route::Unsaid | Route::Active(_) => {}
        }
        self.transfers.number += 1;
        self.transfers.alive = Weak::new();
    }

    /// ABOR (RFC 959 §4.1.3).
    pub(super) fn abort_transfer(&mut self, io: &mut Io<'_>) {
        match (&mut self.transfers.transfer, &self.transfers.route) {
            (Some(transfer), Route::Open(id)) => {
                transfer.aborting = true;
                let _full = io.tell(*id, Box::new(Order::Abort));
            }
            (Some(_), _) => {
                self.end(io);
                self.say(Code::TransferAborted, "The transfer broke off.");
                self.say(Code::TransferComplete, "Aborted.");
            }
            (None, _) => {
                self.drop_route(io);
                self.say(Code::TransferComplete, "There was nothing to be aborted.");
            }
        }
    }

    /// Looks whether the data connection is still there.
    pub(super) fn check_transfer(&mut self, io: &mut Io<'_>) {
        let now = io.now();
        let Some(transfer) = self.transfers.transfer.as_mut().filter(|transfer| transfer.check <= now) else { return };
        if transfer.job.is_some() {
            self.end(io);
            self.refuse(Code::NoDataConnection, "Nobody connected.");
        } else if self.transfers.alive.upgrade().is_none() {
            self.end(io);
            self.say(Code::TransferAborted, "The transfer broke off.");
        } else {
            transfer.check = now + CHECK;
        }
    }

    /// The control connection is gone.
    pub(super) fn end_transfers(&mut self, io: &mut Io<'_>) {
        self.end(io);
    }
}
