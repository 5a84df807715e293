//! What a session may do with its connection while it is called. All of it is carried out after the call returns.

use std::time::Duration;

use super::Io;
use crate::base::address::Flow;
use crate::base::stream::Coalescing;
use crate::buffer::{Block, Pieces, Purpose, SendQueue};

/// What a session wants done after its call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Nothing more will be written.
    pub close: bool,
    /// How long the peer has then to acknowledge everything.
    pub linger: Option<Duration>,
    /// The peer is to be told with a reset.
    pub abort: bool,
    /// Whether data are to be shown from now on.
    pub reading: Option<Reading>,
    /// When small segments leave from now on.
    pub coalescing: Option<Coalescing>,
    /// How long data may stay unacknowledged from now on.
    pub user_timeout: Option<Duration>,
    /// The pool had no memory: the session is to be called when it has.
    pub starved: bool,
    /// From here on the connection is under TLS ([`tls`](super::tls)).
    pub secure: bool,
}

/// Whether data are shown to a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// As they come.
    #[default]
    On,
    /// Not until it is resumed; the window closes.
    Paused,
}

/// Where what a session writes waits until it leaves. It is asked only by those that write: most calls bring data, and
/// nothing is written in them.
pub trait Outlet {
    /// How many bytes may be written now.
    fn room(&self) -> usize;

    /// How they will leave.
    fn pieces(&self) -> Pieces;

    /// Where they wait.
    fn queue(&mut self) -> &mut SendQueue;
}

/// A queue that holds so much, and no more.
pub struct Bounded<'a> {
    /// Where bytes wait.
    pub queue: &'a mut SendQueue,
    /// How many may.
    pub most: usize,
    /// How they will leave.
    pub pieces: Pieces,
}

impl Outlet for Bounded<'_> {
    fn room(&self) -> usize {
        self.most.saturating_sub(self.queue.len())
    }

    fn pieces(&self) -> Pieces {
        self.pieces
    }

    fn queue(&mut self) -> &mut SendQueue {
        self.queue
    }
}

/// The connection of a session, while it is called.
pub struct Stream<'a> {
    /// What any service may do.
    pub io: Io<'a>,
    flow: &'a Flow,
    outlet: &'a mut dyn Outlet,
    wishes: Option<Wishes>,
}

impl<'a> Stream<'a> {
    /// The means of one call: what is written waits in `outlet`.
    #[inline]
    pub fn new(io: Io<'a>, flow: &'a Flow, outlet: &'a mut dyn Outlet) -> Stream<'a> {
        Stream { io, flow, outlet, wishes: None }
    }

    /// Both ends, seen from here.
    pub fn flow(&self) -> &Flow {
        self.flow
    }

    /// How many bytes may be written now. When it was zero, [`Session::on_room`](super::Session::on_room) tells of more.
    pub fn room(&self) -> usize {
        if self.wishes.is_some_and(|wishes| wishes.close || wishes.starved) { 0 } else { self.outlet.room() }
    }

    /// Bytes that leave in one piece: what a block should hold that is read to be given.
    pub fn piece(&self) -> usize {
        self.pieces().full()
    }

    /// Lets `write` put bytes where they will be sent from: at most `most`, and no more than there is room for. Returns
    /// how many it says that it wrote. What `write` gets may be shorter than both, and is not empty; it is not called
    /// when there is no room.
    pub fn write_with(&mut self, most: usize, write: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let room = self.room().min(most);
        if room == 0 {
            return 0;
        }
        let pieces = self.pieces();
        match self.outlet.queue().write_with(self.io.pool(), room, pieces, write) {
            Ok(written) => {
                self.io.count_copied(written);
                written
            }
            Err(_pool_full) => {
                self.wish().starved = true;
                0
            }
        }
    }

    /// Writes as much of `bytes` as there is room for; returns how much that was.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            let rest = &bytes[written..];
            let more = self.write_with(rest.len(), |place| {
                let length = place.len().min(rest.len());
                place[..length].copy_from_slice(&rest[..length]);
                length
            });
            if more == 0 {
                break;
            }
            written += more;
        }
        written
    }

    /// Hands over a block: it is sent from where it lies, and goes back to the pool when all of it was acknowledged. It
    /// is taken even when it is larger than the room, once there is any.
    ///
    /// # Errors
    /// The block, when there is no room.
    pub fn give(&mut self, mut block: Block) -> Result<(), Block> {
        if self.room() == 0 {
            return Err(block);
        }
        self.will_give(&mut block);
        self.outlet.queue().give(block);
        Ok(())
    }

    /// Charges a block, which has to wait for room, to what is for sending: who reads slowly takes from that, and not from what
    /// storage threads read into for everybody.
    pub fn will_give(&mut self, block: &mut Block) {
        self.io.pool().recharge(block, Purpose::Sending);
    }

    /// Sends bytes that are there for ever, without a copy: as many as there is room for; returns how many.
    pub fn share(&mut self, bytes: &'static [u8]) -> usize {
        let length = bytes.len().min(self.room());
        if length > 0 {
            self.outlet.queue().share(&bytes[..length]);
        }
        length
    }

    /// Nothing more will be written: the peer is told behind the last byte. Data still come.
    pub fn close(&mut self) {
        self.wish().close = true;
    }

    /// The same, and ends the connection with a reset if the peer has not acknowledged everything, the end included,
    /// within `limit`. What it has to send in return is not meant.
    pub fn close_within(&mut self, limit: Duration) {
        self.close();
        self.wish().linger = Some(limit);
    }

    /// Ends the connection at once, with a reset. What was not acknowledged may be lost; how much that was
    /// [`Session::on_gone`](super::Session::on_gone) tells.
    pub fn abort(&mut self) {
        self.wish().abort = true;
    }

    /// Shows no more data until [`Stream::resume`]; the window closes when the buffer is full.
    pub fn pause(&mut self) {
        self.wish().reading = Some(Reading::Paused);
    }

    /// Shows data again, those first that came meanwhile.
    pub fn resume(&mut self) {
        self.wish().reading = Some(Reading::On);
    }

    /// Chooses when small segments leave.
    pub fn set_coalescing(&mut self, coalescing: Coalescing) {
        self.wish().coalescing = Some(coalescing);
    }

    /// Chooses how long data may stay unacknowledged before the connection is given up (RFC 9293 §3.9.1).
    pub fn set_user_timeout(&mut self, span: Duration) {
        self.wish().user_timeout = Some(span);
    }

    /// From here on the connection is under TLS. What was written until now leaves in the clear, and what came in the clear
    /// and was not used yet is not shown any more. A session that is not in a [`tls::Secured`](super::tls::Secured) loses its
    /// connection by that.
    pub fn secure(&mut self) {
        self.wish().secure = true;
    }

    /// Whether it wished so, from now on not any more.
    pub(super) fn take_secure(&mut self) -> bool {
        self.wishes.as_mut().is_some_and(|wishes| std::mem::take(&mut wishes.secure))
    }

    /// The same connection for a call within this one, which writes elsewhere.
    pub(super) fn over<'b>(&'b mut self, outlet: &'b mut dyn Outlet) -> Stream<'b> {
        Stream::new(self.io.within(), self.flow, outlet)
    }

    /// How what is written leaves.
    pub(super) fn pieces(&self) -> Pieces {
        self.outlet.pieces()
    }

    /// Wishes for somebody else what is not about bytes.
    pub(super) fn pass_on(&mut self, wishes: &Wishes) {
        let Wishes { close: _, linger: _, abort: _, reading: _, coalescing, user_timeout, starved, secure: _ } =
            *wishes;
        if let Some(coalescing) = coalescing {
            self.set_coalescing(coalescing);
        }
        if let Some(span) = user_timeout {
            self.set_user_timeout(span);
        }
        if starved {
            self.wish().starved = true;
        }
    }

    /// What it wishes, if anything.
    pub fn into_wishes(self) -> Option<Wishes> {
        self.wishes
    }

    fn wish(&mut self) -> &mut Wishes {
        self.wishes.get_or_insert_default()
    }
}
