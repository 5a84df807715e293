//! A segment's way: to its connection, and from there to its session.

use std::ops::Range;

use arrayvec::ArrayVec;

use super::calls::Caller;
use super::flows::Shape;
use super::{Entry, Tcp, emit};
use crate::base::address::{Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::Frame;
use crate::device::Device;
use crate::internet::Packet;
use crate::link::Cast;
use crate::stack::net::Net;
use crate::transport::tcp::{self, Reply, Segment, Take};

/// Reads the segment in a frame, where it is to stand.
#[inline]
fn read(packet: &Packet, frame: &Frame, segment: &mut Segment) -> Result<(), Dropped> {
    segment.marked = tcp::is_marked(packet.traffic_class);
    segment.read(bytes(packet, frame), frame.offload)
}

#[inline(always)]
fn bytes<'a>(packet: &Packet, frame: &'a Frame) -> &'a [u8] {
    frame.bytes().get(packet.transport()..).unwrap_or_default()
}

impl Tcp {
    /// A segment came. If it is what was to be expected behind the one before, it is taken in, for much of what is sent comes in
    /// bursts. Of any other the flow is told, for [`Tcp::input`] or for another shard.
    #[inline]
    pub(in crate::stack) fn arrive<D: Device>(
        &mut self,
        packet: &Packet,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) -> Result<Option<Flow>, Dropped> {
        // RFC 9293 §3.9.2.3 and RFC 1122 §4.2.3.10: TCP is between two.
        if packet.cast != Cast::Unicast {
            return Err(Dropped::TcpIgnored);
        }
        let header = tcp::check(bytes(packet, frame), packet.source, packet.destination, frame.offload)?;
        let (local, remote) = (header.destination.get(), header.source.get());
        if self.take_next((local, remote), packet, frame, net) {
            return Ok(None);
        }
        let end = |address, port| Endpoint { address, port };
        Ok(Some(Flow { local: end(packet.destination, local), remote: end(packet.source, remote) }))
    }

    /// Takes a segment in that brings what is next of the connection that the one before was for, and says nothing else that is
    /// new; returns whether it does.
    #[inline(always)]
    fn take_next<D: Device>(
        &mut self,
        ports: (u16, u16),
        packet: &Packet,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) -> bool {
        let Some(entry) = self.entries.at_mut(self.last) else { return false };
        let Flow { local, remote } = &entry.flow;
        let is_its = (local.port, remote.port) == ports
            && local.address == packet.destination
            && remote.address == packet.source;
        if !is_its || tcp::is_marked(packet.traffic_class) {
            return false;
        }
        let next = entry.connection.take_next(bytes(packet, frame), frame.offload, net.now());
        let Some(data) = next else { return false };
        net.counters.segments_received += 1;
        deliver(entry, &mut self.caller, frame, behind(packet.transport(), data), net);
        // Behind the first of a burst there is nothing to be done but at its end.
        if !(entry.dirty && !self.blocked && self.caller.has_nothing_to_tell(entry)) {
            self.after(self.last, net);
        }
        true
    }

    /// A segment arrived that is to be read.
    // Not inlined: the short way is not to carry its variables.
    #[inline(never)]
    pub(in crate::stack) fn input<D: Device>(
        &mut self,
        packet: &Packet,
        flow: &Flow,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let mut segment = Segment::default();
        if let Err(why) = read(packet, frame, &mut segment) {
            return net.counters.drop(why);
        }
        match self.find(flow) {
            Some(Shape::Connection(index)) => self.on_segment(index, packet, &segment, frame, net),
            Some(Shape::Handshake(index)) => self.on_handshake(index, packet, &segment, frame, net),
            Some(Shape::TimeWait(index)) => self.on_late(index, packet, flow, &segment, frame, net),
            None => self.on_stranger(packet, flow, &segment, frame, net),
        }
    }

    /// The connection that a segment came for last is the first one asked.
    #[inline(always)]
    pub(super) fn find(&mut self, flow: &Flow) -> Option<Shape> {
        if self.entries.at(self.last).is_some_and(|entry| entry.flow == *flow) {
            return Some(Shape::Connection(self.last));
        }
        self.find_another(flow)
    }

    #[inline(never)]
    fn find_another(&mut self, flow: &Flow) -> Option<Shape> {
        let found = self.look_up(flow);
        if let Some(Shape::Connection(index)) = found {
            self.last = index;
            self.scattered = self.entries.len() > limits::CROWD;
        }
        found
    }

    /// Whether segments come for one connection after another, of very many.
    #[inline]
    pub(in crate::stack) fn is_scattered(&self) -> bool {
        self.scattered
    }

    /// Segments seem to have come for these: what they need comes from memory at once, and not one after another.
    pub(in crate::stack) fn expect(&mut self, flows: &[Flow]) {
        // Until one of them is another's than the one before.
        self.scattered = false;
        let hashes: ArrayVec<_, { limits::FRAMES_AHEAD }> = flows.iter().map(|flow| self.flows.expect(flow)).collect();
        for hash in hashes {
            if let Some(Shape::Connection(index)) = self.flows.first(hash)
                && let Some(entry) = self.entries.at(index)
            {
                entry.touch();
            }
        }
    }

    #[inline]
    pub(super) fn look_up(&self, flow: &Flow) -> Option<Shape> {
        self.flows.find(flow, |shape| match shape {
            Shape::Connection(index) => self.entries.at(index).is_some_and(|entry| entry.flow == *flow),
            Shape::Handshake(index) => self.openings.at(index).is_some_and(|opening| opening.flow == *flow),
            Shape::TimeWait(index) => self.waits.flow(index).is_some_and(|wait| wait == *flow),
        })
    }

    /// A segment of a connection.
    pub(super) fn on_segment<D: Device>(
        &mut self,
        index: u32,
        packet: &Packet,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let Some(entry) = self.entries.at_mut(index) else { return };
        net.counters.segments_received += 1;
        let data = packet.transport() + segment.header_length;
        // Every frame ends once: taken in, answered or dropped.
        match entry.connection.on_segment(segment, net.now(), &mut net.pool) {
            Ok(Take::Nothing) => net.counters.frames_delivered += 1,
            Ok(Take::Deliver(range)) => deliver(entry, &mut self.caller, frame, behind(data, range), net),
            Ok(Take::Hold(start, range)) => {
                match entry.connection.hold(start, frame, behind(data, range), &mut net.pool) {
                    Ok(copied) => {
                        net.counters.frames_delivered += 1;
                        net.counters.bytes_copied += copied as u64;
                    }
                    Err(_full) => net.counters.drop(Dropped::TcpNoRoom),
                }
            }
            Err(tcp::Refused::Drop(why)) => net.counters.drop(why),
            Err(tcp::Refused::Reset) => emit::reset(Reply::reset(segment), &entry.flow, packet, frame, net),
        }
        self.after(index, net);
    }
}

#[inline]
fn behind(start: usize, range: Range<usize>) -> Range<usize> {
    start + range.start..start + range.end
}

/// Delivers what is next in order.
#[inline(always)]
fn deliver<D: Device>(
    entry: &mut Entry,
    caller: &mut Caller,
    frame: &mut Frame,
    range: Range<usize>,
    net: &mut Net<D>,
) {
    match caller.deliver(entry, frame, range, net) {
        Ok(()) => net.counters.frames_delivered += 1,
        Err(_full) => net.counters.drop(Dropped::TcpNoRoom),
    }
}
