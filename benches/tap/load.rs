//! The host's side: echoes asked for through the kernel's sockets, in a closed loop.
//!
//! A closed loop keeps so many requests outstanding and asks anew for each answer. The load spins: it never sleeps,
//! so no contender pays for waking it.

use std::fmt;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, bind, connect, ipproto,
    recv, sendmmsg, socket_with, sockopt,
};

use crate::ECHO_PORT;
use crate::lab::{Failure, Lab};

/// Without an answer for so long, what is outstanding counts as lost.
const PATIENCE: Duration = Duration::from_millis(20);
/// No contender may wait here for room: what it writes ends in this buffer.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Requests of one system call, at most.
const AT_ONCE: usize = 64;
/// How long the socket is left alone once it is empty. Whoever looks at it holds its lock, for which the contender's
/// write would have to wait, and a slow contender longest of all, because it leaves the most time for looking.
/// Meanwhile a few answers come, and many more are outstanding.
const PAUSE: Duration = Duration::from_micros(10);
const IPV4: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    Icmp,
    Udp,
}

impl Echo {
    /// A request: 64 bytes above IP or UDP.
    fn request(self) -> Vec<u8> {
        let mut request: Vec<u8> = (0..64).collect();
        if self == Echo::Icmp {
            // Type, code, checksum, identifier, sequence number; the kernel leaves all of it to raw sockets.
            request[..8].copy_from_slice(&[8, 0, 0, 0, 0x7a, 0x70, 0, 1]);
            let sum = taphouse::wire::checksum::Sum::of(&request).checksum();
            request[2..4].copy_from_slice(&sum);
        }
        request
    }

    /// What answers it, as a socket shows it.
    fn is_answer(self, request: &[u8], received: &[u8]) -> bool {
        match self {
            Echo::Udp => received == request,
            // Raw sockets show the IP header too; the type and the checksum differ.
            Echo::Icmp => received.get(IPV4) == Some(&0) && received.get(IPV4 + 4..) == request.get(4..),
        }
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Echo::Icmp => "ICMP echo, 56 bytes",
            Echo::Udp => "UDP echo, 64 bytes",
        })
    }
}

/// One measurement's socket, new for each, so that it shares nothing with the one before.
pub(crate) struct Load {
    socket: OwnedFd,
    echo: Echo,
    request: Vec<u8>,
    received: [u8; 2048],
    outstanding: usize,
    heard: Instant,
    pub(crate) lost: usize,
}

impl Load {
    pub(crate) fn new(lab: &Lab, echo: Echo, contender: Ipv4Addr) -> Result<Load, Failure> {
        let (kind, protocol) = match echo {
            Echo::Icmp => (SocketType::RAW, Some(ipproto::ICMP)),
            Echo::Udp => (SocketType::DGRAM, None),
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = lab.enter(|| socket_with(AddressFamily::INET, kind, flags, protocol))??;
        sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
        connect(&socket, &SocketAddrV4::new(contender, ECHO_PORT))?;
        let (request, received) = (echo.request(), [0; 2048]);
        Ok(Load { socket, echo, request, received, outstanding: 0, heard: Instant::now(), lost: 0 })
    }

    /// Answers a second, with `window` requests outstanding, counted for `span` after `warm_up`.
    pub(crate) fn rate(&mut self, window: usize, warm_up: Duration, span: Duration) -> Result<f64, Failure> {
        self.answers(window, warm_up)?;
        // What was lost while smoltcp asked for our Ethernet address must not narrow the window for good.
        self.settle()?;
        self.lost = 0;
        let start = Instant::now();
        let answers = self.answers(window, span)?;
        let elapsed = start.elapsed();
        self.settle()?;
        Ok(answers as f64 / elapsed.as_secs_f64())
    }

    /// Times from a request to its answer, one at a time, within `span`, after `warm_up`; sorted, and at least one.
    pub(crate) fn round_trips(&mut self, warm_up: Duration, span: Duration) -> Result<Vec<Duration>, Failure> {
        self.answers(1, warm_up)?;
        self.settle()?;
        self.lost = 0;
        let mut trips = Vec::with_capacity(1 << 18);
        let start = Instant::now();
        while start.elapsed() < span {
            let asked = Instant::now();
            self.heard = asked;
            self.ask(1)?;
            while self.outstanding > 0 {
                if self.answer()? {
                    trips.push(asked.elapsed());
                } else {
                    self.give_up();
                }
            }
        }
        trips.sort_unstable();
        if trips.is_empty() { Err("no answer".into()) } else { Ok(trips) }
    }

    fn answers(&mut self, window: usize, span: Duration) -> Result<usize, Failure> {
        let start = Instant::now();
        let mut now = start;
        self.heard = start;
        let mut answers = 0;
        while now - start < span {
            self.ask(window - self.outstanding)?;
            let before = answers;
            while self.outstanding > 0 && self.answer()? {
                answers += 1;
            }
            now = Instant::now();
            if answers == before {
                self.give_up();
            } else {
                self.heard = now;
            }
            if window > 1 {
                pause(now);
            }
        }
        if answers == 0 { Err("no answer".into()) } else { Ok(answers) }
    }

    /// Waits for what is outstanding, so that the next measurement begins on a quiet wire.
    fn settle(&mut self) -> Result<(), Failure> {
        self.heard = Instant::now();
        while self.outstanding > 0 {
            if !self.answer()? {
                self.give_up();
            }
        }
        Ok(())
    }

    fn ask(&mut self, requests: usize) -> Result<(), Failure> {
        if requests == 0 {
            return Ok(());
        }
        let request = [IoSlice::new(&self.request)];
        // Made one by one in place: the array is large, and moving it costs as much as sending.
        let mut nothing = ArrayVec::<_, AT_ONCE>::new();
        let mut messages = ArrayVec::<_, AT_ONCE>::new();
        for _ in 0..requests.min(AT_ONCE) {
            nothing.push(SendAncillaryBuffer::default());
        }
        for nothing in &mut nothing {
            messages.push(MMsgHdr::new(&request, nothing));
        }
        match sendmmsg(&self.socket, &mut messages, SendFlags::DONTWAIT) {
            Ok(sent) => self.outstanding += sent,
            // The wire is full: the answers will make room.
            Err(Errno::AGAIN | Errno::NOBUFS) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    /// Whether there was an answer. Anything else that comes is a mistake of the contender's.
    fn answer(&mut self) -> Result<bool, Failure> {
        match recv(&self.socket, &mut self.received, RecvFlags::DONTWAIT) {
            Ok((length, _)) if self.echo.is_answer(&self.request, &self.received[..length]) => {
                self.outstanding -= 1;
                Ok(true)
            }
            Ok((length, _)) => Err(format!("a wrong answer: {:02x?}", &self.received[..length]).into()),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn give_up(&mut self) {
        if self.outstanding > 0 && self.heard.elapsed() > PATIENCE {
            self.lost += self.outstanding;
            self.outstanding = 0;
            self.heard = Instant::now();
        }
    }
}

fn pause(since: Instant) {
    while since.elapsed() < PAUSE {
        std::hint::spin_loop();
    }
}
