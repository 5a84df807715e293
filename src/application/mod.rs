//! Protocols above the transport layer, as state machines that see slices of the received frame.
//!
//! A protocol of datagrams implements [`Datagrams`]. It is called with everything that one frame brought, and
//! answers by what it returns: the frame itself, turned round, or what it wrote through [`Io`].
//!
//! A protocol of streams is a [`Service`], which makes a [`Session`] for each connection. A session is called with what
//! came, where it lies, and says what it wants done to its [`Stream`].

pub mod accounts;
mod bell;
pub mod chargen;
pub mod discard;
pub mod dns;
pub mod echo;
pub mod ftp;
mod headcount;
mod io;
pub mod iperf;
pub mod line;
pub mod refusals;
mod requests;
pub mod rtp;
mod session;
pub mod smtp;
mod stream;
pub mod tls;
mod work;

pub use bell::{Bell, Rung};
pub use io::{Datagram, Desk, Errands, Io, Largest, NoRoom, Written};
pub use requests::{DeskId, Errand, Message, Request, Requests, SessionId, TooMany};
pub use session::{Data, Service, Session, Used};
pub use stream::{Bounded, Outlet, Reading, Stream, Wishes};
pub use work::{Done, Folder, Handle, Kind, Metadata, Named, Opening, Outcome, Place, Work};

use std::ops::Range;

use crate::base::address::Flow;
use crate::base::counters::Dropped;
use crate::base::icmp::IcmpError;
use crate::base::time::Instant;
use crate::buffer::Frame;

/// What a service does with the datagrams that it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing, or what it wrote through [`Io`].
    Done,
    /// The batch goes back as it lies in the frame now.
    InPlace,
    /// They are dropped, for this reason.
    Drop(Dropped),
}

/// A protocol over UDP.
pub trait Datagrams: Send {
    /// Datagrams came, from one sender, in one frame.
    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer;

    /// Something that was sent from our end of `flow` to the other did not arrive, an ICMP error says. Anybody can say so:
    /// it is a hint, and nothing is answered.
    fn on_error(&mut self, _flow: &Flow, _error: IcmpError) {}

    /// When [`Datagrams::on_timer`] is to be called; asked after every call.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline has come.
    fn on_timer(&mut self, _io: &mut Io<'_>) {}

    /// A storage thread did what was asked for with [`Io::ask_for`], or could not. Who overrides this releases what it does
    /// not give on.
    fn on_done(&mut self, _desk: DeskId, done: Done, io: &mut Io<'_>) {
        done.release(io);
    }

    /// It has this port of its own now ([`Io::open`]), and our address from which the other end is reached; `None`: there is
    /// no way to it, or no port, and this is the last that it hears.
    fn on_port(&mut self, _flow: Option<&Flow>, _io: &mut Io<'_>) {}

    /// A session, or another service of datagrams (`None`), says something to something of this one.
    fn on_message(&mut self, _desk: DeskId, _from: Option<SessionId>, _message: Message, _io: &mut Io<'_>) {}

    /// The host ends: what is said and asked for now is the last.
    fn on_end(&mut self, _io: &mut Io<'_>) {}
}

/// Datagrams of one sender that came in one frame, and lie in it still.
pub struct Batch<'a> {
    pub(crate) frame: &'a mut Frame,
    pub(crate) payload: Range<usize>,
    pub(crate) size: usize,
}

impl<'a> Batch<'a> {
    /// The datagrams in `payload` of a frame, of `size` bytes each; the last may be shorter.
    pub fn new(frame: &'a mut Frame, payload: Range<usize>, size: usize) -> Batch<'a> {
        Batch { frame, payload, size: size.max(1) }
    }

    /// How many there are: at least one, for a datagram may be empty.
    pub fn len(&self) -> usize {
        if self.payload.len() <= self.size { 1 } else { self.payload.len().div_ceil(self.size) }
    }

    /// Whether all of them together hold no byte.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// The payload of each.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.bytes();
        (0..self.len()).map(move |n| &bytes[n * self.size..bytes.len().min((n + 1) * self.size)])
    }

    /// All payloads, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        &self.frame.bytes()[self.payload.clone()]
    }

    /// All payloads, to be changed before they go back.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.frame.bytes_mut()[self.payload.clone()]
    }
}

/// Refuses what would answer our answer: RFC 862 to 865 and the lower well-known ports make loops between hosts.
#[inline]
pub fn check_loop(flow: &Flow) -> Result<(), Dropped> {
    if matches!(flow.remote.port, 0 | 7 | 13 | 17 | 19) { Err(Dropped::EchoLoop) } else { Ok(()) }
}
