//! How connections begin: SYNs that come, and those that we send.

use std::sync::Arc;

use super::flows::{Packed, Shape};
use super::{ConnectError, ConnectionId, Entry, Tcp, emit};
use crate::application::{Errands, Reading, Session, SessionId};
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::time::Instant;
use crate::base::wheel::Timer;
use crate::buffer::{Frame, Pressure};
use crate::device::Device;
use crate::internet::{Packet, source};
use crate::stack::net::Net;
use crate::stack::owner::Owners;
use crate::transport::tcp::{Connection, Handshake, Progress, Reply, Segment, SeqNumber, Tuning};
use crate::wire::tcp::flag;

/// A passive open that is not complete.
pub(super) struct Opening {
    pub(super) flow: Flow,
    handshake: Handshake,
    timer: Timer<Packed>,
}

impl Tcp {
    /// A segment that belongs to nothing (RFC 9293 §3.10.7.1, §3.10.7.2).
    pub(super) fn on_stranger<D: Device>(
        &mut self,
        packet: &Packet,
        flow: &Flow,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let opens = segment.flags & (flag::SYN | flag::ACK | flag::RST | flag::FIN) == flag::SYN;
        if opens && self.listeners.find(&flow.local).is_some() {
            self.open_passively(packet, flow, segment, None, frame, net);
        } else if self.cookies.are_out(net.now()) && self.listeners.find(&flow.local).is_some() {
            self.open_by_cookie(packet, flow, segment, frame, net);
        } else {
            emit::reset(Reply::reset(segment), flow, packet, frame, net);
        }
    }

    /// A SYN to a listener: it is answered, and kept until its sender shows that it is there.
    pub(super) fn open_passively<D: Device>(
        &mut self,
        packet: &Packet,
        flow: &Flow,
        segment: &Segment,
        least: Option<SeqNumber>,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let Some(listener) = self.listeners.find(&flow.local) else {
            return emit::reset(Reply::reset(segment), flow, packet, frame, net);
        };
        let (opening, tuning) = (listener.owner.opening, listener.owner.tuning.clone());
        if self.entries.is_full() {
            return net.counters.drop(Dropped::TcpBacklog);
        }
        let pressure = net.pool.pressure();
        if pressure == Pressure::Short || !self.may_add(net) {
            return net.counters.drop(Dropped::TcpMemory);
        }
        let is_crowded = opening >= limits::BACKLOG || self.openings.is_full() || pressure == Pressure::Scarce;
        if is_crowded || !self.may_open(net) {
            return self.send_cookie(packet, flow, segment, frame, net);
        }
        let now = net.now();
        let mut initial = self.secret.initial(flow, now);
        if let Some(least) = least {
            // RFC 6191 §2: behind all that the old connection sent.
            initial.sequence = initial.sequence.later(least);
        }
        let Some(timer) = self.timers.add(Shape::Handshake(0).into()) else {
            return net.counters.drop(Dropped::TcpBacklog);
        };
        let mut handshake = Handshake::new(segment, &tuning, initial, now);
        let reply = handshake.answer(&tuning, emit::path(net, flow.remote.address), now);
        let deadline = handshake.deadline();
        let Ok(id) = self.openings.insert(Opening { flow: *flow, handshake, timer }) else {
            self.timers.remove(timer);
            return net.counters.drop(Dropped::TcpBacklog);
        };
        if let Some(listener) = self.listeners.find(&flow.local) {
            listener.owner.opening += 1;
        }
        let shape = Shape::Handshake(id.index());
        self.timers.rename(timer, shape.into());
        self.timers.set(timer, deadline);
        self.flows.insert(flow, shape);
        emit::answer(&reply, flow, packet, frame, net);
    }

    /// More open than are kept: the answer to this SYN carries all that there is to know of it (RFC 4987 §3.6).
    #[cold]
    fn send_cookie<D: Device>(
        &mut self,
        packet: &Packet,
        flow: &Flow,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let Some(listener) = self.listeners.find(&flow.local) else { return };
        let (now, path) = (net.now(), emit::path(net, flow.remote.address));
        let clock = self.secret.initial(flow, now).clock;
        self.cookies.renew(&mut self.random, now);
        let Some(reply) = self.cookies.answer(flow, segment, clock, &listener.owner.tuning, path, now) else { return };
        net.counters.cookies_sent += 1;
        emit::answer(&reply, flow, packet, frame, net);
    }

    /// A segment that belongs to nothing, while cookies are out. One that brings none back is not answered with a reset:
    /// the data of a peer whose cookie we believe may have overtaken its acknowledgment.
    #[cold]
    fn open_by_cookie<D: Device>(
        &mut self,
        packet: &Packet,
        flow: &Flow,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let Some(listener) = self.listeners.find(&flow.local) else { return };
        let (now, path) = (net.now(), emit::path(net, flow.remote.address));
        let clock = self.secret.initial(flow, now).clock;
        let tuning = &listener.owner.tuning;
        let Some(connection) = self.cookies.open(flow, segment, clock, tuning, path.link_mss, now) else {
            return net.counters.drop(Dropped::TcpCookie);
        };
        net.counters.cookies_accepted += 1;
        self.open(packet, flow, connection, segment, frame, net);
    }

    /// Who asked is there: a connection begins, with what its last acknowledgment brought.
    fn open<D: Device>(
        &mut self,
        packet: &Packet,
        flow: &Flow,
        connection: Connection,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let session = self.listeners.find(&flow.local).and_then(|found| found.owner.service.open(flow));
        let Some(session) = session else {
            return emit::reset(Reply::reset(segment), flow, packet, frame, net);
        };
        // Who is not acknowledged asks again.
        let Ok(id) = self.add(*flow, connection, session, net) else {
            return net.counters.drop(Dropped::TcpFull);
        };
        self.on_segment(id.index(), packet, segment, frame, net);
    }

    /// A segment for a handshake.
    pub(super) fn on_handshake<D: Device>(
        &mut self,
        index: u32,
        packet: &Packet,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let Some(opening) = self.openings.at_mut(index) else { return };
        let (flow, now) = (opening.flow, net.now());
        let path = emit::path(net, flow.remote.address);
        let Some(listener) = self.listeners.find(&flow.local) else {
            self.forget_opening(index);
            return emit::reset(Reply::reset(segment), &flow, packet, frame, net);
        };
        let tuning = &listener.owner.tuning;
        match opening.handshake.on_segment(segment, tuning, path.link_mss, now) {
            Progress::Ignored => net.counters.drop(Dropped::TcpIgnored),
            Progress::Reset => emit::reset(Reply::reset(segment), &flow, packet, frame, net),
            Progress::Gone => {
                net.counters.drop(Dropped::TcpReset);
                self.forget_opening(index);
            }
            Progress::Again => {
                let reply = opening.handshake.answer(tuning, path, now);
                emit::answer(&reply, &flow, packet, frame, net);
            }
            Progress::Open(connection) => {
                self.forget_opening(index);
                self.open(packet, &flow, *connection, segment, frame, net);
            }
        }
    }

    /// The SYN-ACK was not acknowledged in time.
    pub(super) fn answer_again<D: Device>(&mut self, index: u32, net: &mut Net<D>) {
        let Some(opening) = self.openings.at_mut(index) else { return };
        let (flow, timer) = (opening.flow, opening.timer);
        let listener = self.listeners.find(&flow.local).filter(|_| !opening.handshake.is_over());
        let Some(listener) = listener else { return self.forget_opening(index) };
        let tuning = &listener.owner.tuning;
        let reply = opening.handshake.answer(tuning, emit::path(net, flow.remote.address), net.now());
        self.timers.set(timer, opening.handshake.deadline());
        emit::forgettable(&reply, &flow, net);
    }

    /// Opens a connection (RFC 9293 §3.10.1). A session whose connection cannot be opened hears that, too.
    pub(in crate::stack) fn connect<D: Device>(
        &mut self,
        remote: Endpoint,
        mut session: Box<dyn Session>,
        tuning: Arc<Tuning>,
        owners: &Owners,
        net: &mut Net<D>,
    ) -> Result<ConnectionId, ConnectError> {
        let (flow, connection) = match self.begin(remote, tuning, owners, net) {
            Ok(begun) => begun,
            Err(why) => {
                self.caller.refuse(session.as_mut(), net);
                return Err(why);
            }
        };
        match self.add(flow, connection, session, net) {
            Ok(id) => {
                self.mark(id.index());
                Ok(id)
            }
            Err(mut session) => {
                self.caller.refuse(session.as_mut(), net);
                Err(ConnectError::TooMany)
            }
        }
    }

    /// A connection that is to be opened.
    fn begin<D: Device>(
        &mut self,
        remote: Endpoint,
        tuning: Arc<Tuning>,
        owners: &Owners,
        net: &Net<D>,
    ) -> Result<(Flow, Connection), ConnectError> {
        if net.pool.pressure() == Pressure::Short {
            return Err(ConnectError::TooMany);
        }
        let unreachable = ConnectError::Unreachable(remote);
        if !remote.address.is_unicast() || remote.port == 0 || net.interface.owns(remote.address) {
            return Err(unreachable);
        }
        let address = source::select(&net.interface, remote.address).ok_or(unreachable)?;
        let flow = self.free_flow(address, remote, owners).ok_or(ConnectError::NoPort(remote))?;
        let now = net.now();
        let initial = self.secret.initial(&flow, now);
        Ok((flow, Connection::connect(initial, emit::path(net, remote.address).link_mss, tuning, now)))
    }

    /// An ephemeral port (RFC 6335 §6) that is free towards this peer, beginning anywhere (RFC 6056 §3.3.1).
    fn free_flow(&mut self, address: Address, remote: Endpoint, owners: &Owners) -> Option<Flow> {
        const FIRST: u16 = 49_152;
        const COUNT: u16 = u16::MAX - FIRST + 1;
        let start = self.random.below(u64::from(COUNT)) as u16;
        (0..COUNT)
            .map(|step| FIRST + (start.wrapping_add(step)) % COUNT)
            .map(|port| Flow { local: Endpoint { address, port }, remote })
            .find(|flow| owners.elsewhere(flow).is_none() && self.find(flow).is_none())
    }

    /// Adds a connection that has begun; gives the session back when there is no room.
    fn add<D>(
        &mut self,
        flow: Flow,
        connection: Connection,
        session: Box<dyn Session>,
        net: &mut Net<D>,
    ) -> Result<ConnectionId, Box<dyn Session>> {
        if !self.may_add(net) {
            return Err(session);
        }
        let Some(timer) = self.timers.add(Shape::Connection(0).into()) else {
            return Err(session);
        };
        let (reading, id, errands) = (Reading::On, SessionId(0), Errands::default());
        let (dirty, waits) = (false, false);
        let (alarm, hop, seen) = (Instant::NEVER, None, 0);
        let entry = Entry { flow, connection, session, id, timer, alarm, hop, reading, dirty, waits, seen, errands };
        let id = match self.entries.insert(entry) {
            Ok(id) => id,
            Err(entry) => {
                self.timers.remove(timer);
                return Err(entry.session);
            }
        };
        if let Some(entry) = self.entries.get_mut(id) {
            entry.id = SessionId(id.bits());
        }
        let shape = Shape::Connection(id.index());
        self.timers.rename(timer, shape.into());
        self.flows.insert(&flow, shape);
        Ok(id)
    }

    fn forget_opening(&mut self, index: u32) {
        let Some(id) = self.openings.id_at(index) else { return };
        if let Some(opening) = self.openings.remove(id) {
            self.timers.remove(opening.timer);
            self.flows.remove(&opening.flow, Shape::Handshake(index));
            if let Some(listener) = self.listeners.find(&opening.flow.local) {
                listener.owner.opening -= 1;
            }
        }
    }
}
