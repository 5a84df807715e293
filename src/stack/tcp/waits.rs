//! Connections that are over, and wait until nothing of theirs can be on the way any more.

use arrayvec::ArrayVec;

use super::flows::{Packed, Shape};
use super::{Tcp, emit};
use crate::base::address::{Address, Flow};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::ring::Ring;
use crate::base::time::Instant;
use crate::base::wheel::Timer;
use crate::buffer::Frame;
use crate::device::Device;
use crate::internet::Packet;
use crate::stack::net::Net;
use crate::transport::tcp::{Connection, Late, Segment, TimeWait};

/// Those that wait. All wait equally long, so the first that came is the first that is over.
pub(super) struct Waits {
    line: Ring<TimeWait>,
    locals: Locals,
    timer: Timer<Packed>,
}

/// Local addresses of connections that wait, and how many of them each has. They are few, and an entry names one by its place.
struct Locals(ArrayVec<(Address, u32), { limits::TIME_WAIT_LOCALS }>);

impl Waits {
    pub(super) fn new(timer: Timer<Packed>) -> Waits {
        Waits { line: Ring::new(limits::TIME_WAITS), locals: Locals(ArrayVec::new()), timer }
    }

    /// Whose the one at this place is.
    pub(super) fn flow(&self, index: u32) -> Option<Flow> {
        self.line.at(index).map(|wait| wait.flow(self.locals.address(wait.local())))
    }

    /// Bytes of their memory.
    pub(super) fn capacity(&self) -> usize {
        self.line.capacity()
    }

    /// Bytes by which one more makes it grow.
    pub(super) fn growth(&self) -> usize {
        self.line.growth()
    }

    fn push(&mut self, connection: &Connection, flow: &Flow, now: Instant) -> Option<u32> {
        let local = self.locals.hold(flow.local.address)?;
        let index = self.line.push(TimeWait::of(connection, flow, local, now)).ok();
        if index.is_none() {
            self.locals.release(local);
        }
        index
    }

    fn remove(&mut self, index: u32) -> Option<Flow> {
        let flow = self.flow(index)?;
        self.locals.release(self.line.remove(index)?.local());
        Some(flow)
    }
}

impl Locals {
    fn address(&self, local: u8) -> Address {
        self.0.get(usize::from(local)).map_or(Address::UNSPECIFIED, |(address, _)| *address)
    }

    /// The name of an address that one more has; none when others had all names.
    fn hold(&mut self, address: Address) -> Option<u8> {
        let is_free = |held: &(Address, u32)| held.1 == 0;
        let known = self.0.iter().position(|held| held.0 == address).or_else(|| self.0.iter().position(is_free));
        let index = match known {
            Some(index) => index,
            None => {
                self.0.try_push((address, 0)).ok()?;
                self.0.len() - 1
            }
        };
        self.0[index] = (address, self.0[index].1 + 1);
        Some(index as u8)
    }

    fn release(&mut self, local: u8) {
        if let Some((_, count)) = self.0.get_mut(usize::from(local)) {
            *count -= 1;
        }
    }
}

impl Tcp {
    /// A segment for a connection that is over.
    pub(super) fn on_late<D: Device>(
        &mut self,
        index: u32,
        packet: &Packet,
        flow: &Flow,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let Some(wait) = self.waits.line.at_mut(index) else { return };
        match wait.on_segment(segment, net.now()) {
            Late::Acknowledge(reply) => emit::answer(&reply, flow, packet, frame, net),
            Late::Again(reply) => {
                self.begin_anew(index, flow, net.now());
                emit::answer(&reply, flow, packet, frame, net);
            }
            Late::Ignored => net.counters.drop(Dropped::TcpIgnored),
            Late::Reuse(least) => {
                self.forget_wait(index);
                self.open_passively(packet, flow, segment, Some(least), frame, net);
            }
        }
    }

    /// A connection of this shape is over, and waits; or the oldest that wait are forgotten; or, where there is no memory
    /// at all, it is.
    pub(super) fn keep_wait<D: Device>(
        &mut self,
        connection: &Connection,
        flow: &Flow,
        shape: Shape,
        net: &mut Net<D>,
    ) {
        // Memory comes free by pages: more than one may have to go, and then as many find a place.
        while self.waits.line.is_full() || !self.may_wait(net) {
            let Some((oldest, _)) = self.waits.line.front() else { return self.flows.remove(flow, shape) };
            self.forget_wait(oldest);
        }
        let is_first = self.waits.line.front().is_none();
        match self.waits.push(connection, flow, net.now()) {
            Some(index) => self.flows.replace(flow, shape, Shape::TimeWait(index)),
            None => return self.flows.remove(flow, shape),
        }
        if is_first {
            self.timers.set(self.waits.timer, net.now() + limits::TIME_WAIT);
        }
    }

    /// It goes to the end of the line, where its time is in order again.
    fn begin_anew(&mut self, index: u32, flow: &Flow, now: Instant) {
        let Some(mut wait) = self.waits.line.remove(index) else { return };
        wait.begin(now);
        match self.waits.line.push(wait) {
            Ok(anew) => self.flows.replace(flow, Shape::TimeWait(index), Shape::TimeWait(anew)),
            Err(wait) => {
                self.waits.locals.release(wait.local());
                self.flows.remove(flow, Shape::TimeWait(index));
            }
        }
    }

    /// Forgets those whose time has come.
    pub(super) fn end_waits(&mut self, now: Instant) {
        while let Some((index, wait)) = self.waits.line.front() {
            if !wait.is_over(now) {
                return self.timers.set(self.waits.timer, now + wait.left(now));
            }
            self.forget_wait(index);
        }
    }

    fn forget_wait(&mut self, index: u32) {
        if let Some(flow) = self.waits.remove(index) {
            self.flows.remove(&flow, Shape::TimeWait(index));
        }
    }
}
