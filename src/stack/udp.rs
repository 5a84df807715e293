//! UDP's way over the top: from a frame to a service, and back down.

use super::net::Net;
use super::owner::Owners;
use crate::application::{Answer, Batch, Datagrams, DeskId, Done, Io, Message, Request, Requests, SessionId, Written};
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::icmp::IcmpError;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{Checksum, Draft, Frame, Offload};
use crate::device::Device;
use crate::internet::notice::Notice;
use crate::internet::{self, Outbound, Packet, output, source};
use crate::link::Cast;
use crate::transport::endpoints::{Endpoints, InUse};
use crate::transport::udp::{self, Arrival};
use crate::wire::udp::{CHECKSUM_OFFSET, LENGTH};
use crate::wire::{ethernet, protocol};

/// Who listens, and what services need while they are called.
pub(super) struct Udp {
    endpoints: Endpoints<Bound>,
    /// Ports of the services that were shown what came since it was last asked when they are to be called.
    shown: Vec<u16>,
    /// Ports of the services that ever had a deadline: few.
    timed: Vec<u16>,
    /// Nothing is due before this.
    alarm: Instant,
    written: Written,
    requests: Requests,
    random: Random,
}

/// What is bound to a port.
struct Bound {
    service: Box<dyn Datagrams>,
    is_shown: bool,
    is_timed: bool,
    /// Hop limit of what it sends to groups.
    multicast_hops: u8,
}

impl Udp {
    pub(super) fn new(mut random: Random) -> Udp {
        Udp {
            endpoints: Endpoints::new(&mut random),
            shown: Vec::new(),
            timed: Vec::new(),
            alarm: Instant::NEVER,
            written: Written::default(),
            requests: Requests::default(),
            random,
        }
    }

    pub(super) fn bind(&mut self, port: u16, service: Box<dyn Datagrams>) -> Result<(), InUse> {
        let multicast_hops = limits::MULTICAST_HOP_LIMIT;
        self.endpoints.bind(None, port, Bound { service, is_shown: false, is_timed: false, multicast_hops })?;
        self.note_deadline(port);
        Ok(())
    }

    /// Nobody has a port any more.
    pub(super) fn unbind(&mut self, port: u16) {
        self.endpoints.unbind_any(port);
        self.timed.retain(|timed| *timed != port);
    }

    /// How far goes what a port sends to groups; false when nobody has it.
    pub(super) fn set_multicast_hops(&mut self, port: u16, hops: u8) -> bool {
        self.at(port).map(|bound| bound.multicast_hops = hops.max(1)).is_some()
    }

    /// Lets services ask for so much work before some of it is done.
    pub(super) fn allow_work(&mut self, most: usize) {
        self.requests.allow_work(most);
    }

    fn at(&mut self, port: u16) -> Option<&mut Bound> {
        let bound = self.endpoints.find(&Endpoint { address: Address::UNSPECIFIED, port });
        bound.map(|bound| &mut bound.owner)
    }

    /// A service was bound, or called: when is it to be called next?
    #[inline]
    fn note_deadline(&mut self, port: u16) {
        let Some(bound) = self.at(port) else { return };
        let Some(deadline) = bound.service.deadline() else { return };
        if !std::mem::replace(&mut bound.is_timed, true) {
            self.timed.push(port);
        }
        self.alarm = self.alarm.min(deadline);
    }

    /// When are those to be called next that were shown what came?
    fn note_deadlines(&mut self) {
        while let Some(port) = self.shown.pop() {
            if let Some(bound) = self.at(port) {
                bound.is_shown = false;
            }
            self.note_deadline(port);
        }
    }

    /// When [`Udp::fire_timers`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.alarm != Instant::NEVER).then_some(self.alarm)
    }

    /// Calls services whose time has come.
    #[inline]
    pub(super) fn fire_timers<D: Device>(&mut self, net: &mut Net<D>) {
        if !self.shown.is_empty() {
            self.note_deadlines();
        }
        if self.alarm <= net.now() {
            self.call_timed(net);
        }
    }

    fn call_timed<D: Device>(&mut self, net: &mut Net<D>) {
        let now = net.now();
        self.alarm = Instant::NEVER;
        for index in 0..self.timed.len() {
            let port = self.timed[index];
            let is_due = |bound: &mut Bound| bound.service.deadline().is_some_and(|deadline| deadline <= now);
            if self.at(port).is_some_and(is_due) {
                self.call(port, net, |service, io| service.on_timer(io));
            }
            self.note_deadline(port);
        }
    }

    /// A storage thread answered.
    pub(super) fn on_done<D: Device>(&mut self, desk: DeskId, done: Done, net: &mut Net<D>) {
        self.requests.work_done();
        let mut done = Some(done);
        self.call(desk.port, net, |service, io| {
            if let Some(done) = done.take() {
                service.on_done(desk, done, io);
            }
        });
        if let Some(block) = done.and_then(|done| done.data) {
            net.pool.release(block);
        }
        self.note_deadline(desk.port);
    }

    /// A session or a service says something to a service.
    pub(super) fn on_message<D: Device>(
        &mut self,
        desk: DeskId,
        from: Option<SessionId>,
        message: Message,
        net: &mut Net<D>,
    ) {
        self.call(desk.port, net, |service, io| service.on_message(desk, from, message, io));
        self.note_deadline(desk.port);
    }

    /// Lets a service have an ephemeral port (RFC 6335 §6), any that is free and whose flow is ours (RFC 6056 §3.3.2): who
    /// answers in somebody else's name has to guess it (RFC 5452 §9.2).
    pub(super) fn open<D: Device>(
        &mut self,
        remote: Endpoint,
        mut service: Box<dyn Datagrams>,
        owners: &Owners,
        net: &mut Net<D>,
    ) {
        const FIRST: u16 = 49_152;
        const COUNT: u64 = u16::MAX as u64 - FIRST as u64 + 1;
        let address = source::select(&net.interface, remote.address);
        let flow = address.and_then(|address| {
            let port = |_| FIRST + self.random.below(COUNT) as u16;
            let ports: [u16; limits::PORTS_TRIED] = std::array::from_fn(port);
            let mut flows = ports.into_iter().map(|port| Flow { local: Endpoint { address, port }, remote });
            flows.find(|flow| self.at(flow.local.port).is_none() && owners.elsewhere(flow).is_none())
        });
        let Some(flow) = flow else {
            let Udp { written, requests, random, .. } = self;
            let mut io = Io::new(net.now(), &net.largest, &mut net.pool, random, written, requests);
            return service.on_port(None, &mut io);
        };
        // It was looked whether the port is free.
        if self.bind(flow.local.port, service).is_ok() {
            self.call(flow.local.port, net, |service, io| service.on_port(Some(&flow), io));
            self.note_deadline(flow.local.port);
        }
    }

    /// The host ends, which all services hear.
    pub(super) fn end<D: Device>(&mut self, net: &mut Net<D>) {
        for port in self.endpoints.ports() {
            self.call(port, net, |service, io| service.on_end(io));
        }
    }

    /// Calls a service, and sends what it wrote; `None` when there is none.
    pub(super) fn call<D: Device, R>(
        &mut self,
        port: u16,
        net: &mut Net<D>,
        work: impl FnOnce(&mut dyn Datagrams, &mut Io<'_>) -> R,
    ) -> Option<R> {
        let Udp { endpoints, written, requests, random, .. } = self;
        let bound = &mut endpoints.find(&Endpoint { address: Address::UNSPECIFIED, port })?.owner;
        let mut io = Io::new(net.now(), &net.largest, &mut net.pool, random, written, requests);
        let result = work(bound.service.as_mut(), &mut io);
        let copied = io.copied();
        net.counters.bytes_copied += copied as u64;
        if !written.is_empty() {
            send_written(written, bound.multicast_hops, net);
        }
        Some(result)
    }

    /// Whether services asked for anything in this turn.
    #[inline]
    pub(super) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    /// What services asked for in this turn: the one that came first.
    pub(super) fn next_request(&mut self) -> Option<Request> {
        self.requests.pop()
    }

    /// Shows an arrival to the service that listens, and sends what it answers.
    #[inline(always)]
    pub(super) fn input<D: Device>(&mut self, packet: &Packet, arrival: &Arrival, frame: &mut Frame, net: &mut Net<D>) {
        if packet.cast == Cast::Multicast && !net.wants(packet, arrival.flow.local.port) {
            return net.counters.drop(Dropped::SourceFiltered);
        }
        let Some(bound) = self.endpoints.find(&arrival.flow.local) else {
            return net.unclaimed(packet, arrival, frame);
        };
        let payload = packet.transport() + LENGTH;
        let end = payload + arrival.length;
        let datagrams = arrival.datagrams() as u64;
        net.counters.frames_delivered += 1;
        net.counters.datagrams_received += datagrams;

        let mut io =
            Io::new(net.now(), &net.largest, &mut net.pool, &mut self.random, &mut self.written, &mut self.requests);
        let answer =
            bound.owner.service.on_datagrams(&arrival.flow, Batch::new(frame, payload..end, arrival.size), &mut io);
        net.counters.bytes_copied += io.copied() as u64;
        // Only the service knows whether what came changed when it is due: it is asked at the end of the turn.
        if !std::mem::replace(&mut bound.owner.is_shown, true) {
            self.shown.push(arrival.flow.local.port);
        }
        match answer {
            Answer::Done => {}
            Answer::Drop(why) => net.counters.drop_unsent(why),
            Answer::InPlace if packet.cast != Cast::Unicast => net.counters.drop_unsent(Dropped::AskedOfGroup),
            // It took the buffer, so there is nothing left to send back.
            Answer::InPlace if frame.len() < end => net.counters.drop_unsent(Dropped::Misuse),
            Answer::InPlace => {
                frame.truncate(end);
                udp::turn_round(frame.bytes_mut().get_mut(packet.transport()..).unwrap_or_default(), arrival);
                net.counters.datagrams_in_place += datagrams;
                // A new datagram is not marked as the old one was (RFC 3168 §5).
                net.turn_round(frame, packet, &internet::Answer { source: packet.destination, traffic_class: 0 });
            }
        }
        if !self.written.is_empty() {
            send_written(&mut self.written, bound.owner.multicast_hops, net);
        }
    }

    /// An ICMP error quotes a datagram. UDP does not know what it sent, so that the port is in use is all that tells it from
    /// one that was made up; the bounds of [`internet::path_mtu`] keep small what such a one can do.
    pub(super) fn on_error<D: Device>(&mut self, notice: &Notice, net: &mut Net<D>) -> Result<(), Dropped> {
        let bound = self.endpoints.find(&notice.flow.local).ok_or(Dropped::IcmpUnrelated)?;
        match notice.error {
            IcmpError::TooBig(mtu) => net.shrink_path(notice.flow.remote.address, mtu, notice.length)?,
            IcmpError::Redirected(target) => return net.redirect(notice, target),
            _ => {}
        }
        bound.owner.service.on_error(&notice.flow, notice.error);
        Ok(())
    }
}

/// Sends what a service wrote; to groups, so far.
pub(super) fn send_written<D: Device>(written: &mut Written, multicast_hops: u8, net: &mut Net<D>) {
    for index in 0..written.len() {
        let Some((datagram, arena)) = written.at(index) else { break };
        let length = datagram.payload.len();
        send(net, &datagram.flow, multicast_hops, Draft::new(arena, datagram.payload.start), length);
    }
    written.clear();
}

/// What a frame brings, checked.
#[inline(always)]
pub(super) fn arrival(packet: &Packet, frame: &Frame) -> Result<Arrival, Dropped> {
    let bytes = frame.bytes().get(packet.transport()..).unwrap_or_default();
    udp::input(bytes, packet.source, packet.destination, frame.offload)
}

/// Puts the header in front of one datagram, and lets it go.
fn send<D: Device>(net: &mut Net<D>, flow: &Flow, multicast_hops: u8, mut draft: Draft<'_>, length: usize) {
    let destination = flow.remote.address;
    let source = match flow.local.address.is_unspecified() {
        true => source::select(&net.interface, destination).unwrap_or_default(),
        false => flow.local.address,
    };
    let flow = &Flow { local: Endpoint { address: source, port: flow.local.port }, ..*flow };
    // A service that answers what came for a group has no address to answer from.
    if !net.interface.owns(source) {
        return net.counters.drop_unsent(Dropped::AskedOfGroup);
    }
    let checksum = if net.capabilities().checksum {
        *draft.prepend() = udp::header(flow, length);
        let start = ethernet::LENGTH + output::header_length(destination.family());
        Checksum::Partial { start: start as u16, offset: CHECKSUM_OFFSET }
    } else {
        let header = udp::complete(udp::header(flow, length), draft.bytes());
        *draft.prepend() = header;
        Checksum::Complete
    };
    let outbound = Outbound {
        source,
        destination,
        protocol: protocol::UDP,
        hop_limit: if destination.is_multicast() {
            multicast_hops
        } else {
            net.interface.hop_limit(destination.family())
        },
        traffic_class: 0,
        dont_fragment: false,
    };
    net.counters.datagrams_sent += 1;
    net.send(draft, &[], &outbound, Offload { checksum, segments: None });
}
