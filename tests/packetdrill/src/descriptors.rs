//! File descriptors: what they stand for, and the calls on them. Errors are those of POSIX.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;

use taphouse::base::address::{Endpoint, Family, Flow};
use taphouse::base::stream::Coalescing;
use taphouse::sockets::{Listener, Ready, Socket};
use taphouse::stack::{ConnectError, Stack};
use taphouse::transport::tcp::Tuning;

use crate::buffers::{Buffers, Cause, More};
use crate::epoll::Epoll;
use crate::settings;
use crate::wire::Wire;

/// The first number: far above those of the process itself.
const FIRST: i32 = 10_000;

/// What a socket was made into.
enum Shape {
    /// Nothing yet; perhaps it has a port.
    Fresh(Option<u16>),
    Listener(Listener),
    Stream(Socket),
}

/// A socket with its options.
pub(crate) struct Descriptor {
    shape: Shape,
    pub(crate) family: Family,
    pub(crate) nonblocking: bool,
    pub(crate) nodelay: bool,
    pub(crate) corked: bool,
    more: bool,
    /// What was written, as Linux keeps it.
    pub(crate) buffers: Buffers,
    /// The other end, once it is connected.
    peer: Option<Endpoint>,
    /// `SHUT_RD`.
    reads_no_more: bool,
    pub(crate) tuning: Tuning,
    /// Options that are only remembered.
    pub(crate) remembered: BTreeMap<(i32, i32), i32>,
    /// `SO_LINGER` with a time of zero: closing resets.
    pub(crate) linger: Option<i32>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Descriptors {
    sockets: BTreeMap<i32, Descriptor>,
    epolls: BTreeMap<i32, Epoll>,
    used: i32,
}

/// An error of this number.
pub(crate) fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl Descriptors {
    fn next(&mut self) -> i32 {
        self.used += 1;
        FIRST + self.used
    }

    pub(crate) fn socket(&mut self, family: Family) -> i32 {
        let socket = Descriptor {
            shape: Shape::Fresh(None),
            family,
            nonblocking: false,
            nodelay: false,
            corked: false,
            more: false,
            buffers: settings::buffers(),
            peer: None,
            reads_no_more: false,
            tuning: settings::tuning(),
            remembered: BTreeMap::new(),
            linger: None,
        };
        let number = self.next();
        self.sockets.insert(number, socket);
        number
    }

    pub(crate) fn get(&mut self, number: i32) -> io::Result<&mut Descriptor> {
        self.sockets.get_mut(&number).ok_or_else(|| errno(libc::EBADF))
    }

    /// Whether a number is one of ours.
    pub(crate) fn owns(number: i32) -> bool {
        number > FIRST
    }

    pub(crate) fn accept(&mut self, number: i32) -> io::Result<(i32, Flow)> {
        let listening = self.get(number)?;
        let Shape::Listener(listener) = &listening.shape else { return Err(errno(libc::EINVAL)) };
        let (socket, flow) = listener.accept().ok_or(ErrorKind::WouldBlock)?;
        let mut buffers = settings::buffers();
        if let Some(limit) = listening.remembered.get(&(libc::SOL_SOCKET, libc::SO_SNDBUF)) {
            buffers.fix(*limit as usize);
        }
        let accepted = Descriptor {
            shape: Shape::Stream(socket),
            buffers,
            peer: Some(flow.remote),
            family: listening.family,
            nonblocking: false,
            nodelay: listening.nodelay,
            corked: listening.corked,
            more: false,
            reads_no_more: false,
            tuning: listening.tuning.clone(),
            remembered: listening.remembered.clone(),
            linger: listening.linger,
        };
        let number = self.next();
        self.sockets.insert(number, accepted);
        Ok((number, flow))
    }

    pub(crate) fn close(&mut self, number: i32, stack: &mut Stack<Wire>) -> io::Result<()> {
        self.epolls.values_mut().for_each(|epoll| epoll.forget(number));
        if self.epolls.remove(&number).is_some() {
            return Ok(());
        }
        let closed = self.sockets.remove(&number).ok_or_else(|| errno(libc::EBADF))?;
        match closed.shape {
            Shape::Fresh(_) => {}
            Shape::Listener(listener) => listener.close(stack),
            Shape::Stream(socket) if closed.linger == Some(0) => socket.abort(stack),
            Shape::Stream(socket) => socket.close(stack),
        }
        Ok(())
    }

    pub(crate) fn epoll(&mut self) -> i32 {
        let number = self.next();
        self.epolls.insert(number, Epoll::default());
        number
    }

    pub(crate) fn get_epoll(&mut self, number: i32) -> io::Result<&mut Epoll> {
        self.epolls.get_mut(&number).ok_or_else(|| errno(libc::EBADF))
    }

    fn of(&mut self, peer: Endpoint) -> Option<&mut Descriptor> {
        self.sockets.values_mut().find(|socket| socket.peer == Some(peer))
    }

    /// A packet of a peer is about to come, with selective acknowledgments that begin and end there.
    pub(crate) fn hear(&mut self, peer: Endpoint, selective: &[u64], stack: &mut Stack<Wire>) {
        let Some(socket) = self.of(peer) else { return };
        selective.iter().for_each(|at| socket.buffers.split(*at));
        // `MSG_MORE` holds back what it announced more behind until the peer is heard.
        if std::mem::take(&mut socket.more) {
            socket.coalesce(stack);
        }
    }

    /// What a socket wrote leaves: where PSH is set.
    pub(crate) fn leave(
        &mut self,
        peer: Endpoint,
        range: Range<u64>,
        cause: Cause,
        stack: &Stack<Wire>,
    ) -> Option<Vec<u64>> {
        let socket = self.of(peer)?;
        let info = socket.stream().ok()?.info(stack)?;
        Some(socket.buffers.leave(range.start, range.end, cause, &info))
    }

    /// Lets every epoll see what its sockets are ready for.
    pub(crate) fn observe(&mut self, stack: &Stack<Wire>) {
        let Descriptors { sockets, epolls, .. } = self;
        for socket in sockets.values_mut() {
            let low_water = socket.low_water();
            if let Some(info) = socket.stream().ok().and_then(|stream| stream.info(stack)) {
                socket.buffers.hear(low_water, &info);
            }
        }
        for epoll in epolls.values_mut() {
            epoll.observe(|number| sockets.get(&number).map(|socket| socket.ready(stack)));
        }
    }
}

impl Descriptor {
    pub(crate) fn bind(&mut self, port: u16) -> io::Result<()> {
        match &mut self.shape {
            Shape::Fresh(bound) => *bound = Some(port),
            _ => return Err(errno(libc::EINVAL)),
        }
        Ok(())
    }

    pub(crate) fn listen(&mut self, backlog: i32, stack: &mut Stack<Wire>) -> io::Result<()> {
        let Shape::Fresh(Some(port)) = self.shape else { return Err(errno(libc::EINVAL)) };
        let backlog = usize::try_from(backlog).unwrap_or(0) + 1;
        let listener = Listener::bind(stack, port, backlog, self.tuning.clone());
        self.shape = Shape::Listener(listener.map_err(|_in_use| ErrorKind::AddrInUse)?);
        Ok(())
    }

    /// A stream's socket, if it is one that has begun.
    pub(crate) fn stream(&self) -> io::Result<&Socket> {
        match &self.shape {
            Shape::Stream(socket) => Ok(socket),
            _ => Err(errno(libc::ENOTCONN)),
        }
    }

    pub(crate) fn connect(&mut self, remote: Endpoint, stack: &mut Stack<Wire>) -> io::Result<()> {
        match &self.shape {
            Shape::Listener(_) => Err(errno(libc::EISCONN)),
            Shape::Stream(socket) => match socket.take_error() {
                Some(error) => Err(error),
                None if socket.is_open() => Ok(()),
                None if self.nonblocking => Err(errno(libc::EALREADY)),
                None => Err(ErrorKind::WouldBlock.into()),
            },
            Shape::Fresh(_) => {
                let socket = Socket::connect(stack, remote, self.tuning.clone()).map_err(|why| match why {
                    ConnectError::NoPort(_) => errno(libc::EADDRNOTAVAIL),
                    ConnectError::TooMany => errno(libc::ENOBUFS),
                    ConnectError::Unreachable(_) => errno(libc::ENETUNREACH),
                })?;
                socket.set_coalescing(stack, self.coalescing());
                (self.shape, self.peer) = (Shape::Stream(socket), Some(remote));
                Err(if self.nonblocking { errno(libc::EINPROGRESS) } else { ErrorKind::WouldBlock.into() })
            }
        }
    }

    pub(crate) fn read(&self, into: &mut [u8], stack: &mut Stack<Wire>) -> io::Result<usize> {
        match self.stream()?.read(stack, into) {
            Err(error) if self.reads_no_more && error.kind() == ErrorKind::WouldBlock => Ok(0),
            result => result,
        }
    }

    /// Writes what goes into one buffer; what it returns may leave before the rest is written, so the stack is to have a turn.
    pub(crate) fn write(
        &mut self,
        bytes: &[u8],
        is_first: bool,
        more: More,
        stack: &mut Stack<Wire>,
    ) -> io::Result<usize> {
        self.stream()?.write(stack, &[])?;
        let info = self.stream()?.info(stack).filter(|_| self.stream().is_ok_and(|socket| socket.is_open()));
        let info = info.ok_or(ErrorKind::WouldBlock)?;
        if self.buffers.wants_room() && !self.buffers.is_writable(self.low_water()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.buffers.take(bytes.len(), is_first, self.low_water(), &info);
        let ends = count == bytes.len();
        if ends || count == 0 && !is_first {
            self.buffers.end_write(if ends { more } else { More::No });
        }
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.more = ends && more == More::Announced;
        let socket = self.stream()?;
        socket.set_coalescing(stack, self.coalescing());
        let written = socket.write(stack, &bytes[..count])?;
        debug_assert_eq!(written, count, "the connection has room for what the buffers have");
        Ok(written)
    }

    /// `TCP_NOTSENT_LOWAT`: how much may wait to be sent.
    fn low_water(&self) -> usize {
        let chosen = self.remembered.get(&(libc::SOL_TCP, libc::TCP_NOTSENT_LOWAT));
        chosen.filter(|bytes| **bytes != 0).map_or_else(settings::low_water, |bytes| *bytes as u32 as usize)
    }

    pub(crate) fn shutdown(&mut self, how: i32, stack: &mut Stack<Wire>) -> io::Result<()> {
        let socket = self.stream()?;
        match how {
            libc::SHUT_RD => self.reads_no_more = true,
            libc::SHUT_WR => socket.close_write(stack),
            libc::SHUT_RDWR => {
                socket.close_write(stack);
                self.reads_no_more = true;
            }
            _ => return Err(errno(libc::EINVAL)),
        }
        Ok(())
    }

    /// What can be done without waiting.
    pub(crate) fn ready(&self, stack: &Stack<Wire>) -> Ready {
        match &self.shape {
            Shape::Fresh(_) => Ready { write: true, over: true, ..Ready::default() },
            Shape::Listener(listener) => Ready { read: listener.is_ready(), ..Ready::default() },
            Shape::Stream(socket) => {
                let ready = socket.ready(stack);
                let closed = socket.info(stack).is_none_or(|info| info.closed);
                let write = ready.write && (closed || self.buffers.is_writable(self.low_water()));
                Ready { read: ready.read || self.reads_no_more, write, ..ready }
            }
        }
    }

    /// When small segments leave, as the options have it.
    fn coalescing(&self) -> Coalescing {
        match (self.corked || self.more, self.nodelay) {
            (true, _) => Coalescing::Cork,
            (false, true) => Coalescing::None,
            (false, false) => Coalescing::Nagle,
        }
    }

    /// The options changed; what waits leaves now when they say so.
    pub(crate) fn coalesce(&self, stack: &mut Stack<Wire>) {
        if let Ok(socket) = self.stream() {
            socket.set_coalescing(stack, self.coalescing());
        }
    }

    /// Lets what waits leave now; [`Descriptor::coalesce`] must follow in another turn.
    pub(crate) fn push(&mut self, stack: &mut Stack<Wire>) {
        self.more = false;
        if let Ok(socket) = self.stream() {
            socket.set_coalescing(stack, Coalescing::None);
        }
    }

    /// Changes how it is tuned, and its connection, if it has one.
    pub(crate) fn tune(&mut self, stack: &mut Stack<Wire>, change: impl Fn(&mut Tuning)) {
        change(&mut self.tuning);
        match &self.shape {
            Shape::Fresh(_) => {}
            Shape::Listener(listener) => listener.tune(stack, change),
            Shape::Stream(socket) => socket.tune(stack, change),
        }
    }
}
