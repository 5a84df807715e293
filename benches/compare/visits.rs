//! Connections that are opened, asked one thing and closed, so many at a time. The load is to have time left, or it is what is
//! measured: one thread, which never sleeps, so that no contender has to wake it; and sockets that are connected again and again,
//! for making one and closing it takes as long as all that is done with it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{self, Errno};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, connect, connect_unspec, recv, send,
    shutdown, socket_with, sockopt,
};

use crate::lab::{Failure, Lab};
use crate::requests::PATIENCE;
use crate::row::WARM_UP;
use crate::{CONGESTION_CONTROL, ECHO_PORT};

/// One connection after another, each from its SYN to the peer's FIN.
struct Visitor {
    socket: OwnedFd,
    waits: For,
    /// Since when.
    since: Instant,
}

/// What a visitor waits for.
#[derive(Clone, Copy)]
enum For {
    Connection,
    Answer,
    End,
}

impl Visitor {
    /// With a connection that is begun.
    fn new(remote: SocketAddrV4, now: Instant) -> io::Result<Visitor> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_congestion(&socket, CONGESTION_CONTROL)?;
        let mut visitor = Visitor { socket, waits: For::Connection, since: now };
        visitor.begin(remote, now)?;
        Ok(visitor)
    }

    fn begin(&mut self, remote: SocketAddrV4, now: Instant) -> io::Result<()> {
        (self.waits, self.since) = (For::Connection, now);
        match connect(&self.socket, &remote) {
            Err(Errno::INPROGRESS) => Ok(()),
            begun => begun,
        }
    }

    /// Begins another connection, where one is over.
    fn begin_anew(&mut self, remote: SocketAddrV4, now: Instant) -> io::Result<()> {
        connect_unspec(&self.socket)?;
        self.begin(remote, now)
    }

    /// What is to be looked for. That both ends have closed, and an error, are told unasked.
    fn awaited(&self) -> PollFd<'_> {
        let flags = match self.waits {
            For::Connection => PollFlags::OUT,
            For::Answer => PollFlags::IN,
            For::End => PollFlags::empty(),
        };
        PollFd::new(&self.socket, flags)
    }

    /// Goes on, for what it waits for is there; returns whether the connection is over, closed in order by both ends.
    fn go_on(&mut self, found: PollFlags, now: Instant) -> io::Result<bool> {
        if found.contains(PollFlags::ERR) {
            sockopt::socket_error(&self.socket)??;
        }
        self.since = now;
        self.waits = match self.waits {
            For::Connection => {
                send(&self.socket, b"?", SendFlags::NOSIGNAL)?;
                For::Answer
            }
            For::Answer => {
                let (_, length) = recv(&self.socket, &mut [0; 1], RecvFlags::empty())?;
                if length == 0 {
                    return Err(Errno::CONNRESET);
                }
                shutdown(&self.socket, Shutdown::Write)?;
                For::End
            }
            For::End => return Ok(true),
        };
        Ok(false)
    }
}

/// Connections a second that were opened, answered one byte and were closed in order, so many at a time.
pub(crate) fn rate(lab: &Lab, number: u8, at_once: usize, span: Duration) -> Result<f64, Failure> {
    let remote = SocketAddrV4::new(Ipv4Addr::new(10, 77, number, 2), ECHO_PORT);
    Ok(lab.enter(|| visit(remote, at_once, span))??)
}

fn visit(remote: SocketAddrV4, at_once: usize, span: Duration) -> io::Result<f64> {
    let begun = Instant::now();
    let mut now = begun;
    let mut visitors = (0..at_once).map(|_| Visitor::new(remote, now)).collect::<io::Result<Vec<_>>>()?;
    let mut count = 0;
    while !visitors.is_empty() {
        let mut awaited: Vec<_> = visitors.iter().map(Visitor::awaited).collect();
        poll(&mut awaited, Some(&Timespec::default()))?;
        let found: Vec<_> = awaited.iter().map(PollFd::revents).collect();
        now = Instant::now();
        // From the last on: where one goes, the last takes its place, and was looked at.
        for (index, found) in found.into_iter().enumerate().rev() {
            let visitor = &mut visitors[index];
            if found.is_empty() {
                if now - visitor.since > PATIENCE {
                    return Err(Errno::TIMEDOUT);
                }
                continue;
            }
            match visitor.go_on(found, now) {
                Ok(false) => continue,
                Ok(true) => count += u64::from(now - begun > WARM_UP),
                // All its sockets are taken for a moment: not counted, and tried again.
                Err(Errno::CONNREFUSED | Errno::CONNRESET) => {}
                Err(why) => return Err(why),
            }
            if now - begun < WARM_UP + span {
                visitor.begin_anew(remote, now)?;
            } else {
                visitors.swap_remove(index);
            }
        }
    }
    Ok(count as f64 / (now - begun - WARM_UP).as_secs_f64())
}
