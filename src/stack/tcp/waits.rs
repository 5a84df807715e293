//! Connections that are over, and wait until nothing of theirs can be on the way any more.

use super::flows::Shape;
use super::{Tcp, emit};
use crate::base::address::Flow;
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::slab::Id;
use crate::base::time::Instant;
use crate::buffer::Frame;
use crate::device::Device;
use crate::internet::Packet;
use crate::stack::net::Net;
use crate::transport::tcp::{Late, Segment, TimeWait};

/// One in TIME-WAIT, and when to look whether it is over: its peer may have let it begin anew.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    id: Id<TimeWait>,
    until: Instant,
}

impl Tcp {
    /// A segment for a connection that is over.
    pub(super) fn on_late<D: Device>(
        &mut self,
        index: u32,
        packet: &Packet,
        segment: &Segment,
        frame: &mut Frame,
        net: &mut Net<D>,
    ) {
        let Some(wait) = self.waits.at_mut(index) else { return };
        let flow = wait.flow();
        match wait.on_segment(segment, net.now()) {
            Late::Acknowledge(reply) => emit::answer(&reply, &flow, packet, frame, net),
            Late::Ignored => net.counters.drop(Dropped::TcpIgnored),
            Late::Reuse(least) => {
                self.forget_wait(index);
                self.open_passively(packet, &flow, segment, Some(least), frame, net);
            }
        }
    }

    pub(super) fn keep_wait<D: Device>(&mut self, wait: TimeWait, flow: &Flow, shape: Shape, net: &mut Net<D>) {
        if (self.waits.is_full() || !self.may_wait(net))
            && let Some(oldest) = self.wait_order.pop_front()
        {
            self.forget_wait(oldest.id.index());
        }
        let Ok(id) = self.waits.insert(wait) else { return self.flows.remove(flow, shape) };
        self.flows.replace(flow, shape, Shape::TimeWait(id.index()));
        let until = net.now() + limits::TIME_WAIT;
        if self.wait_order.is_empty() {
            self.timers.set(self.wait_timer, until);
        }
        self.wait_order.push_back(Waiting { id, until });
    }

    /// Forgets those whose time has come; one that began its wait anew goes to the end.
    pub(super) fn end_waits(&mut self, now: Instant) {
        while let Some(Waiting { id, until }) = self.wait_order.front().copied() {
            if until > now {
                return self.timers.set(self.wait_timer, until);
            }
            self.wait_order.pop_front();
            match self.waits.get(id) {
                Some(wait) if wait.is_over(now) => self.forget_wait(id.index()),
                // More than now, so this ends; and before whoever comes next, so it holds up nobody.
                Some(wait) => self.wait_order.push_back(Waiting { id, until: now + wait.left(now) }),
                None => {}
            }
        }
    }

    fn forget_wait(&mut self, index: u32) {
        let Some(id) = self.waits.id_at(index) else { return };
        if let Some(wait) = self.waits.remove(id) {
            self.flows.remove(&wait.flow(), Shape::TimeWait(index));
        }
    }
}
