//! Sessions are called: what came is shown, what happened is told, and what they wish is carried out.

use std::ops::Range;

use super::{Entry, emit};
use crate::application::{
    Data, Done, Io, Message, Outlet, Reading, Requests, Session, SessionId, Stream, Used, Wishes, Written,
};
use crate::base::address::Flow;
use crate::base::icmp::IcmpError;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::stream::{Ending, Gone};
use crate::base::time::Instant;
use crate::buffer::{Frame, Pieces, PoolFull, Pressure, SendQueue};
use crate::device::Device;
use crate::stack::net::Net;
use crate::stack::udp;
use crate::transport::tcp::Connection;

/// What sessions need while they are called.
pub(super) struct Caller {
    written: Written,
    pub(super) requests: Requests,
    random: Random,
    starved: bool,
}

/// What a connection has yet to send.
struct Outgoing<'a> {
    connection: &'a mut Connection,
    flow: &'a Flow,
    pressure: Pressure,
}

impl Outlet for Outgoing<'_> {
    #[inline]
    fn room(&self) -> usize {
        self.connection.room_under(self.pressure)
    }

    #[inline]
    fn pieces(&self) -> Pieces {
        emit::pieces(self.flow.remote.address, self.connection)
    }

    #[inline]
    fn queue(&mut self) -> &mut SendQueue {
        self.connection.queue_mut()
    }
}

impl Caller {
    pub(super) fn new(random: Random) -> Caller {
        Caller { written: Written::default(), requests: Requests::default(), random, starved: false }
    }

    /// Whether the session that was called last wants memory that there is not.
    pub(super) fn is_starved(&mut self) -> bool {
        std::mem::take(&mut self.starved)
    }

    /// Whether nothing happened of which [`Caller::tell`] or [`Caller::is_starved`] would tell.
    #[inline]
    pub(super) fn has_nothing_to_tell(&self, entry: &Entry) -> bool {
        !self.starved && entry.connection.is_quiet()
    }

    /// Data came, next in order, in `range` of the frame.
    ///
    /// # Errors
    /// [`PoolFull`] when some found no place: they are not acknowledged, and come again.
    #[inline]
    pub(super) fn deliver<D: Device>(
        &mut self,
        entry: &mut Entry,
        frame: &mut Frame,
        range: Range<usize>,
        net: &mut Net<D>,
    ) -> Result<(), PoolFull> {
        // With data that came with what opened the connection; nobody is shown those first.
        if entry.connection.take_opened() {
            self.on_open(entry, net);
        }
        let length = range.len();
        let is_large = length >= limits::STRETCH_FRAME && frame.offload.checksum.is_partial();
        let at_once = entry.reading == Reading::On && !entry.connection.has_unread();
        let used = if at_once {
            let shown = range.clone();
            let used = self.call(entry, net, |session, stream| session.on_data(Data::new(frame, shown), stream));
            match used {
                Used::Bytes(count) => count.min(length),
                Used::Taken => length,
            }
        } else {
            0
        };
        let (mut kept, mut result) = (0, Ok(()));
        if used < length {
            match entry.connection.keep(frame, range.start + used..range.end, &mut net.pool) {
                Ok(copied) => {
                    net.counters.bytes_copied += copied as u64;
                    kept = length - used;
                    entry.seen = if at_once { kept as u32 } else { entry.seen };
                }
                Err(full) => result = Err(full),
            }
        }
        let now = net.now();
        entry.connection.received(used + kept, is_large, &mut net.pool, now);
        result
    }

    /// Shows what is unread, as long as the session uses some of it.
    fn show_unread<D: Device>(&mut self, entry: &mut Entry, net: &mut Net<D>) {
        while entry.reading == Reading::On {
            let Some((mut block, copied)) = entry.connection.take_unread(&mut net.pool) else { return };
            net.counters.bytes_copied += copied as u64;
            let length = block.frame().len();
            // No byte is shown twice for nothing.
            let used = if length > entry.seen as usize {
                let data = Data::new(block.frame_mut(), 0..length);
                match self.call(entry, net, |session, stream| session.on_data(data, stream)) {
                    Used::Bytes(count) => count.min(length),
                    Used::Taken => length,
                }
            } else {
                0
            };
            entry.connection.consumed(block, used, &mut net.pool);
            entry.seen = (length - used) as u32;
            if used == 0 {
                return;
            }
        }
    }

    /// Tells the session what happened; returns whether the connection is over.
    #[inline]
    pub(super) fn tell<D: Device>(&mut self, entry: &mut Entry, net: &mut Net<D>) -> bool {
        loop {
            if entry.connection.has_unread() {
                self.show_unread(entry, net);
            }
            let events = entry.connection.take_events();
            if events.opened {
                self.on_open(entry, net);
            }
            if events.room && entry.connection.room_under(net.pool.pressure()) > 0 {
                self.call(entry, net, |session, stream| session.on_room(stream));
            }
            if events.sent {
                self.call(entry, net, |session, stream| session.on_sent(stream));
            }
            if events.ended {
                self.call(entry, net, |session, stream| session.on_end(stream));
            }
            if let Some(why) = events.gone {
                self.on_gone(entry, why, net);
                return true;
            }
            // What the session did may have made something else happen: an abort, or data that it resumed.
            if !(events.opened || events.room || events.sent || events.ended) {
                return false;
            }
        }
    }

    /// Lets the user do what a session may do when it is called.
    pub(super) fn visit<D: Device, R>(
        &mut self,
        entry: &mut Entry,
        net: &mut Net<D>,
        work: impl FnOnce(&mut Stream<'_>) -> R,
    ) -> R {
        self.call(entry, net, |_session, stream| work(stream))
    }

    /// Copies unread data to their user; returns how many bytes.
    pub(super) fn read<D: Device>(&mut self, entry: &mut Entry, into: &mut [u8], net: &mut Net<D>) -> usize {
        let mut read = 0;
        while read < into.len()
            && let Some((block, joined)) = entry.connection.take_unread(&mut net.pool)
        {
            let bytes = block.frame().bytes();
            let count = bytes.len().min(into.len() - read);
            into[read..read + count].copy_from_slice(&bytes[..count]);
            entry.connection.consumed(block, count, &mut net.pool);
            net.counters.bytes_copied += (joined + count) as u64;
            read += count;
        }
        read
    }

    fn on_open<D: Device>(&mut self, entry: &mut Entry, net: &mut Net<D>) {
        net.counters.connections_opened += 1;
        self.call(entry, net, |session, stream| session.on_open(stream));
    }

    pub(super) fn on_timer<D: Device>(&mut self, entry: &mut Entry, net: &mut Net<D>) {
        self.call(entry, net, |session, stream| session.on_timer(stream));
    }

    /// RFC 1122 §4.2.4.1: soft errors are told to who wants to hear of them.
    pub(super) fn on_error<D: Device>(&mut self, entry: &mut Entry, error: IcmpError, net: &mut Net<D>) {
        self.call(entry, net, |session, stream| session.on_error(error, stream));
    }

    pub(super) fn on_message<D: Device>(
        &mut self,
        entry: &mut Entry,
        from: Option<SessionId>,
        message: Message,
        net: &mut Net<D>,
    ) {
        self.call(entry, net, |session, stream| session.on_message(from, message, stream));
    }

    /// A storage thread answered.
    pub(super) fn on_done<D: Device>(&mut self, entry: &mut Entry, done: Done, net: &mut Net<D>) {
        entry.errands.done();
        self.call(entry, net, |session, stream| session.on_done(done, stream));
    }

    /// Tells the session for the last time. What it has open is closed after what it asks for now.
    fn on_gone<D: Device>(&mut self, entry: &mut Entry, why: Gone, net: &mut Net<D>) {
        let ending = Ending { why, unacknowledged: entry.connection.queue().len() };
        let mut io = self.io(net).of(entry.id, entry.errands);
        entry.session.on_gone(ending, &mut io);
        let errands = io.errands();
        self.after_call(net);
        if errands.were_any() {
            self.requests.forget(entry.id);
        }
    }

    /// Tells a session that its connection cannot be opened.
    pub(super) fn refuse<D: Device>(&mut self, session: &mut dyn Session, net: &mut Net<D>) {
        session.on_gone(Ending::unopened(Gone::Unreachable), &mut self.io(net));
        self.after_call(net);
    }

    pub(super) fn on_room<D: Device>(&mut self, entry: &mut Entry, net: &mut Net<D>) {
        self.call(entry, net, |session, stream| session.on_room(stream));
    }

    /// Calls a session, and carries out what it wishes.
    #[inline]
    fn call<D: Device, R>(
        &mut self,
        entry: &mut Entry,
        net: &mut Net<D>,
        work: impl FnOnce(&mut dyn Session, &mut Stream<'_>) -> R,
    ) -> R {
        let Entry { flow, connection, session, id, errands, .. } = entry;
        let mut outlet = Outgoing { connection, flow, pressure: net.pool.pressure() };
        let io = self.io(net).of(*id, *errands);
        let mut stream = Stream::new(io, flow, &mut outlet);
        let result = work(session.as_mut(), &mut stream);
        let copied = stream.io.copied();
        *errands = stream.io.errands();
        let wishes = stream.into_wishes();
        net.counters.bytes_copied += copied as u64;
        if let Some(wishes) = wishes {
            self.carry_out(wishes, entry, net.now());
        }
        self.after_call(net);
        result
    }

    /// The means of one call.
    #[inline]
    fn io<'a, D: Device>(&'a mut self, net: &'a mut Net<D>) -> Io<'a> {
        let Caller { written, requests, random, .. } = self;
        Io::new(net.now(), &net.largest, &mut net.pool, random, written, requests)
    }

    /// Sends the datagrams that were written in a call.
    #[inline]
    fn after_call<D: Device>(&mut self, net: &mut Net<D>) {
        if !self.written.is_empty() {
            udp::send_written(&mut self.written, limits::MULTICAST_HOP_LIMIT, net);
        }
    }

    fn carry_out(&mut self, wishes: Wishes, entry: &mut Entry, now: Instant) {
        let Wishes { close, linger, abort, reading, coalescing, user_timeout, starved, secure } = wishes;
        if let Some(reading) = reading {
            entry.reading = reading;
            entry.seen = 0;
        }
        if let Some(coalescing) = coalescing {
            entry.connection.set_coalescing(coalescing);
        }
        if let Some(span) = user_timeout {
            entry.connection.set_user_timeout(span);
        }
        if close {
            entry.connection.close();
        }
        if let Some(limit) = linger {
            entry.connection.close_within(limit, now);
        }
        // Nobody is there who could: rather nothing than everything in the clear.
        if abort || secure {
            entry.connection.abort();
        }
        self.starved |= starved;
    }
}
