//! What a service may do while it is called. All of it is carried out after the call returns.

use std::ops::Range;

use arrayvec::ArrayVec;

use super::{
    Batch, Data, Datagrams, DeskId, Errand, Message, Request, Requests, Service, Session, SessionId, TooMany, Work,
};
use crate::base::address::{Endpoint, Family, Flow};
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{Block, CAPACITY, Frame, HEADROOM, Pool, PoolFull, Purpose};

/// There is no room for another datagram in this call, or the datagram is larger than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for another datagram of this size in one call")]
pub struct NoRoom;

/// Bytes that one datagram may hold over each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Largest {
    /// Over IPv4.
    pub v4: usize,
    /// Over IPv6.
    pub v6: usize,
}

impl Largest {
    fn over(&self, family: Family) -> usize {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }
}

/// Bytes that the datagrams of one call may take, with the room for their headers.
const ARENA: usize = CAPACITY;

/// One datagram that a service wrote.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Both ends, seen from here.
    pub flow: Flow,
    /// Where it lies in the arena.
    pub payload: Range<usize>,
}

/// The datagrams that a service wrote in one call, each with room in front for its headers.
pub struct Written {
    arena: Box<[u8]>,
    used: usize,
    datagrams: ArrayVec<Datagram, { limits::DATAGRAMS_A_CALL }>,
}

impl Default for Written {
    fn default() -> Written {
        Written { arena: vec![0; ARENA].into_boxed_slice(), used: 0, datagrams: ArrayVec::new() }
    }
}

impl Written {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// One of them, with the arena up to its end.
    pub fn at(&mut self, index: usize) -> Option<(Datagram, &mut [u8])> {
        let datagram = self.datagrams.get(index)?.clone();
        let end = datagram.payload.end;
        Some((datagram, self.arena.get_mut(..end)?))
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.datagrams.clear();
        self.used = 0;
    }
}

/// What a service may do while it is called.
pub struct Io<'a> {
    now: Instant,
    largest: &'a Largest,
    pool: &'a mut Pool,
    random: &'a mut Random,
    written: &'a mut Written,
    requests: &'a mut Requests,
    /// Who is called.
    id: Option<SessionId>,
    errands: Errands,
    copied: usize,
}

/// Work of one session that is under way; `None` if it never asked for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errands(Option<u8>);

impl Errands {
    /// Some was done.
    pub fn done(&mut self) {
        self.0 = self.0.map(|under_way| under_way.saturating_sub(1));
    }

    /// Whether a storage thread may know the session.
    pub fn were_any(self) -> bool {
        self.0.is_some()
    }
}

/// Something of a service of datagrams for which storage threads work: a recording. It has its own files, and its work is
/// done in order.
#[derive(Debug)]
pub struct Desk {
    id: DeskId,
    errands: Errands,
}

impl Desk {
    /// One by its name.
    pub fn new(id: DeskId) -> Desk {
        Desk { id, errands: Errands::default() }
    }

    /// Its name.
    pub fn id(&self) -> DeskId {
        self.id
    }

    /// Some of its work was done.
    pub fn done(&mut self) {
        self.errands.done();
    }
}

impl<'a> Io<'a> {
    /// The means of one call at `now`; no datagram is larger than `largest`.
    pub fn new(
        now: Instant,
        largest: &'a Largest,
        pool: &'a mut Pool,
        random: &'a mut Random,
        written: &'a mut Written,
        requests: &'a mut Requests,
    ) -> Io<'a> {
        Io { now, largest, pool, random, written, requests, id: None, errands: Errands::default(), copied: 0 }
    }

    /// The same means for a call within this one; [`Io::account`] is to be told what they were used for.
    pub(super) fn within(&mut self) -> Io<'_> {
        Io {
            now: self.now,
            largest: self.largest,
            pool: self.pool,
            random: self.random,
            written: self.written,
            requests: self.requests,
            id: self.id,
            errands: self.errands,
            copied: 0,
        }
    }

    /// What a call within this one asked for and copied.
    pub(super) fn account(&mut self, errands: Errands, copied: usize) {
        self.errands = errands;
        self.copied += copied;
    }

    /// The time of this turn.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The same for a session with work under way.
    pub fn of(self, id: SessionId, errands: Errands) -> Io<'a> {
        Io { id: Some(id), errands, ..self }
    }

    /// Who is called; `None` for a service of datagrams.
    pub fn id(&self) -> Option<SessionId> {
        self.id
    }

    /// Tells another session something, at the end of the turn. Nobody hears it when its connection is gone.
    pub fn tell(&mut self, to: SessionId, message: Message) -> Result<(), TooMany> {
        self.requests.add(Request::Tell { from: self.id, to, message })
    }

    /// Opens a connection at the end of the turn. If it cannot be opened, the session hears so.
    pub fn connect(&mut self, remote: Endpoint, session: Box<dyn Session>) -> Result<(), TooMany> {
        self.requests.add(Request::Connect { remote, session })
    }

    /// Takes connections at a port from the end of the turn on, unless it is in use.
    pub fn listen(&mut self, port: u16, service: Box<dyn Service>) -> Result<(), TooMany> {
        self.requests.add(Request::Listen { port, service })
    }

    /// Lets a service have a port of its own from the end of the turn on, one that nobody can guess, from which it sends to
    /// `remote`. It hears in [`Datagrams::on_port`](super::Datagrams::on_port) which.
    pub fn open(&mut self, remote: Endpoint, service: Box<dyn Datagrams>) -> Result<(), TooMany> {
        self.requests.add(Request::Open { remote, service })
    }

    /// Gives such a port back, and ends its service, at the end of the turn. There is always room for this.
    pub fn shut(&mut self, port: u16) {
        self.requests.shut(port);
    }

    /// Lets a storage thread do something, which begins at the end of the turn. [`Session::on_done`] tells when it is
    /// done; `tag` says there which work it was.
    ///
    /// # Errors
    /// The work, when [`limits::WORK_A_SESSION`] of this session or [`limits::WORK`] of the shard is under way, when there
    /// are no storage threads, and always for a service of datagrams.
    pub fn ask(&mut self, tag: u64, work: Work) -> Result<(), Work> {
        let Errands(under_way) = self.errands;
        let under_way = under_way.unwrap_or(0);
        let Some(session) = self.id.filter(|_| under_way < limits::WORK_A_SESSION) else { return Err(work) };
        self.requests.add_work(Errand { session, tag, work })?;
        self.errands = Errands(Some(under_way + 1));
        Ok(())
    }

    /// The same for a service of datagrams, which hears of it in [`Datagrams::on_done`](super::Datagrams::on_done).
    ///
    /// # Errors
    /// As those of [`Io::ask`].
    pub fn ask_for(&mut self, desk: &mut Desk, tag: u64, work: Work) -> Result<(), Work> {
        let Errands(under_way) = desk.errands;
        let under_way = under_way.unwrap_or(0);
        if under_way >= limits::WORK_A_SESSION {
            return Err(work);
        }
        self.requests.add_work(Errand { session: desk.id.into(), tag, work })?;
        desk.errands = Errands(Some(under_way + 1));
        Ok(())
    }

    /// Closes what a desk has open, after all that it asked for.
    pub fn close_desk(&mut self, desk: &Desk) {
        if desk.errands.were_any() {
            self.requests.forget(desk.id.into());
        }
    }

    /// An empty block for at least `length` bytes, to be read into. It stays charged until it is sent or released.
    pub fn block(&mut self, length: usize) -> Result<Block, PoolFull> {
        self.pool.write(length, Purpose::Taken)
    }

    /// A number below `end`.
    pub fn random(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    /// Writes a datagram: from the address of ours from which its peer is best reached, where the flow says none. `write` gets
    /// `room` bytes where it will lie, and returns how many it used.
    pub fn send(&mut self, flow: Flow, room: usize, write: impl FnOnce(&mut [u8]) -> usize) -> Result<(), NoRoom> {
        let start = self.written.used + HEADROOM;
        if room > self.largest.over(flow.remote.address.family()) || self.written.datagrams.is_full() {
            return Err(NoRoom);
        }
        let place = self.written.arena.get_mut(start..start + room).ok_or(NoRoom)?;
        let length = write(place).min(room);
        self.written.datagrams.push(Datagram { flow, payload: start..start + length });
        self.written.used = start + length;
        Ok(())
    }

    /// Answers the sender of a flow's datagrams.
    pub fn reply(&mut self, flow: &Flow, bytes: &[u8]) -> Result<(), NoRoom> {
        self.send(*flow, bytes.len(), |place| {
            place.copy_from_slice(bytes);
            bytes.len()
        })
    }

    /// Sends a datagram to somebody else from the port at which these came.
    pub fn send_to(&mut self, flow: &Flow, remote: Endpoint, bytes: &[u8]) -> Result<(), NoRoom> {
        self.reply(&Flow { remote, ..*flow }, bytes)
    }

    /// Keeps a batch beyond the call: the buffer in which it was received changes hands, or a small batch is copied
    /// into a small one. The block stays charged to the pool until it comes back, from whatever thread, in a
    /// mailbox message.
    pub fn take(&mut self, batch: Batch<'_>) -> Result<Block, PoolFull> {
        let Batch { frame, payload, .. } = batch;
        self.take_buffer(frame, payload)
    }

    /// The same for data of a stream. A session that did this says [`Used::Taken`](super::Used::Taken).
    pub fn take_data(&mut self, data: Data<'_>) -> Result<Block, PoolFull> {
        let Data { frame, payload } = data;
        self.take_buffer(frame, payload)
    }

    fn take_buffer(&mut self, frame: &mut Frame, payload: Range<usize>) -> Result<Block, PoolFull> {
        frame.truncate(payload.end);
        frame.strip(payload.start);
        let (block, copied) = self.pool.keep(frame, Purpose::Taken)?;
        // What is left in the frame is nobody's any more.
        frame.truncate(0);
        self.copied += copied;
        Ok(block)
    }

    /// Gives a block back within the call.
    pub fn release(&mut self, block: Block) {
        self.pool.release(block);
    }

    pub(super) fn pool(&mut self) -> &mut Pool {
        self.pool
    }

    pub(super) fn count_copied(&mut self, bytes: usize) {
        self.copied += bytes;
    }

    /// The session's work that is under way now.
    pub fn errands(&self) -> Errands {
        self.errands
    }

    /// Bytes that were copied in this call, for the ledger.
    pub fn copied(&self) -> usize {
        self.copied
    }
}
