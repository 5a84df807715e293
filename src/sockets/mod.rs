//! Connections and datagrams for who comes for what there is, instead of being called: sockets, as most programs know them.
//!
//! ```text
//! Listener ──accept──▶ Socket ──read, write, close──▶ connection of a stack
//!     ▲                  ▲
//!     └── told ──────────┴── told by its session
//! UdpSocket ──recv_from, send_to, join_multicast──▶ UDP port of a stack
//! ```
//!
//! They are handles beside a [`Stack`]: whoever owns the stack turns it, and hands it to each call. No call waits: what
//! cannot be done yet is [`ErrorKind::WouldBlock`], to be tried again after the next turn. What was received stays in the
//! connection's queue until it is read, so a slow reader closes the window and costs nobody else anything; datagrams wait in
//! the socket, as many as may.

mod listener;
mod session;
mod udp;

pub use listener::Listener;
pub use udp::UdpSocket;

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use self::session::{Pulled, Told, lock};
use crate::application::Stream;
use crate::base::address::Endpoint;
use crate::base::stream::{Coalescing, Gone};
use crate::device::Device;
use crate::stack::{ConnectError, ConnectionId, Stack};
use crate::transport::tcp::{Info, Tuning};

/// One end of a connection. Dropping it leaves the connection to itself: [`Socket::close`] ends it.
pub struct Socket {
    told: Arc<Mutex<Told>>,
}

/// What can be done with a socket without waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// There is something to read: data, the end, or an error.
    pub read: bool,
    /// There is room to write, or writing fails.
    pub write: bool,
    /// The peer has nothing more to send.
    pub ended: bool,
    /// Nothing more will come or go.
    pub over: bool,
    /// It ended in another way than by closing.
    pub failed: bool,
    /// How many bytes came in order: more of them, and there is something new to read.
    pub received: u64,
}

impl Socket {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`ConnectError`] when there is no way to the peer, no port, or no room. What happens later, calls say.
    pub fn connect<D: Device>(stack: &mut Stack<D>, remote: Endpoint, tuning: Tuning) -> Result<Socket, ConnectError> {
        let told = Arc::<Mutex<Told>>::default();
        let id = stack.connect_tuned(remote, Box::new(Pulled::new(told.clone())), tuning)?;
        lock(&told).id = Some(id);
        Ok(Socket { told })
    }

    fn id(&self) -> Option<ConnectionId> {
        lock(&self.told).id
    }

    /// How the connection is; `None` when it is gone.
    pub fn info<D: Device>(&self, stack: &Stack<D>) -> Option<Info> {
        stack.info(self.id()?)
    }

    /// Whether the handshake is complete.
    pub fn is_open(&self) -> bool {
        lock(&self.told).opened
    }

    /// What can be done without waiting.
    pub fn ready<D: Device>(&self, stack: &Stack<D>) -> Ready {
        let told = *lock(&self.told);
        let Some(info) = told.id.and_then(|id| stack.info(id)) else {
            let failed = told.failed.is_some();
            return Ready { read: true, write: true, ended: true, over: true, failed, received: 0 };
        };
        Ready {
            read: told.opened && (info.unread > 0 || info.ended),
            write: told.opened && (info.room > 0 || info.closed),
            ended: info.ended,
            over: info.ended && info.closed,
            failed: false,
            received: info.received,
        }
    }

    /// Takes what went wrong since this was last asked; calls say it, too.
    pub fn take_error(&self) -> Option<io::Error> {
        lock(&self.told).failed.take().map(error)
    }

    /// Reads what there is; zero bytes when the peer has nothing more to send, and all of it was read.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when there is nothing yet, or how the connection ended.
    pub fn read<D: Device>(&self, stack: &mut Stack<D>, into: &mut [u8]) -> io::Result<usize> {
        let told = *lock(&self.told);
        if let Some(id) = told.id {
            let read = stack.read(id, into);
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
        }
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let told = *lock(&self.told);
        if told.gone || told.ended { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    /// Writes as much of `bytes` as there is room for, and says how much that was.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when there is no room, [`ErrorKind::BrokenPipe`] when nothing can be written any more, or
    /// how the connection ended.
    pub fn write<D: Device>(&self, stack: &mut Stack<D>, bytes: &[u8]) -> io::Result<usize> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let told = *lock(&self.told);
        let info = told.id.and_then(|id| stack.info(id));
        let open = info.is_some_and(|info| !info.closed);
        if !open || told.gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let written = if told.opened { self.visit(stack, |stream| stream.write(bytes)).unwrap_or(0) } else { 0 };
        if written > 0 || bytes.is_empty() { Ok(written) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    /// Tells the peer that nothing more will be written. Data still come.
    pub fn close_write<D: Device>(&self, stack: &mut Stack<D>) {
        self.visit(stack, |stream| stream.close());
    }

    /// Chooses when small segments leave.
    pub fn set_coalescing<D: Device>(&self, stack: &mut Stack<D>, coalescing: Coalescing) {
        self.visit(stack, |stream| stream.set_coalescing(coalescing));
    }

    /// Tunes the connection from now on.
    pub fn tune<D: Device>(&self, stack: &mut Stack<D>, change: impl FnOnce(&mut Tuning)) {
        if let Some(id) = self.id() {
            stack.tune(id, change);
        }
    }

    /// Closes both directions. What was written is still sent. A peer whose data nobody will read is told so with a reset,
    /// at once or when they come (RFC 9293 §3.10.4, RFC 1122 §4.2.2.13).
    pub fn close<D: Device>(self, stack: &mut Stack<D>) {
        let unread = self.info(stack).is_some_and(|info| info.unread > 0);
        lock(&self.told).left = true;
        if unread {
            return self.abort(stack);
        }
        self.visit(stack, |stream| {
            stream.close();
            stream.resume();
        });
    }

    /// Ends the connection at once, with a reset. What was not sent is lost.
    pub fn abort<D: Device>(self, stack: &mut Stack<D>) {
        self.visit(stack, |stream| stream.abort());
    }

    fn visit<D: Device, R>(&self, stack: &mut Stack<D>, work: impl FnOnce(&mut Stream<'_>) -> R) -> Option<R> {
        stack.visit(self.id()?, work)
    }
}

/// How a connection ended, as programs know it.
fn error(gone: Gone) -> io::Error {
    let kind = match gone {
        Gone::Closed => ErrorKind::NotConnected,
        Gone::Refused => ErrorKind::ConnectionRefused,
        Gone::Reset => ErrorKind::ConnectionReset,
        Gone::TimedOut => ErrorKind::TimedOut,
        Gone::Unreachable => ErrorKind::HostUnreachable,
        Gone::Aborted => ErrorKind::ConnectionAborted,
    };
    kind.into()
}
