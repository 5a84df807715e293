//! The end of a turn: everybody who has something to send sends it, in turn.

use arrayvec::ArrayVec;

use super::{Entry, Tcp, emit};
use crate::base::limits;
use crate::base::stream::Gone;
use crate::base::time::Instant;
use crate::device::{Device, SLICES};
use crate::stack::net::{Net, Sent};
use crate::transport::tcp::{Connection, Why};
use crate::wire::tcp::flag;

/// How far one connection came in its round.
enum Round {
    /// It has nothing more to send now.
    Done,
    /// It has sent its share, and has more.
    More,
    /// The device is full.
    Blocked,
    /// It waits for its neighbour.
    Waits,
}

impl Tcp {
    /// Sends what there is to send, in rounds; returns whether more waits for the next turn.
    #[inline(always)]
    pub(in crate::stack) fn flush<D: Device>(&mut self, net: &mut Net<D>) -> bool {
        let was_blocked = std::mem::replace(&mut self.blocked, false);
        if !self.unresolved.is_empty() && net.neighbors_settled() {
            self.retry_unresolved(net);
        }
        if !self.starved.is_empty() {
            self.feed_starved(net);
        }
        self.relieve(net);
        match self.dirty.is_empty() {
            true => false,
            false if D::CALLS => self.send_in_rounds(was_blocked, net),
            false => self.send_in_rounds_apart(was_blocked, net),
        }
    }

    // Where no system calls are made, a turn that has nothing to send is the faster for not having this within it.
    #[inline(never)]
    fn send_in_rounds_apart<D: Device>(&mut self, was_blocked: bool, net: &mut Net<D>) -> bool {
        self.send_in_rounds(was_blocked, net)
    }

    #[inline(always)]
    fn send_in_rounds<D: Device>(&mut self, was_blocked: bool, net: &mut Net<D>) -> bool {
        let mut sent = 0;
        while let Some(index) = self.dirty.pop_front() {
            let Some(entry) = self.entries.at_mut(index) else { continue };
            entry.dirty = false;
            let round = round(entry, &mut sent, net);
            match round {
                Round::Done => self.settle(index, net),
                Round::More if sent < limits::BYTES_SENT_A_TURN => self.mark(index),
                Round::More | Round::Blocked => {
                    entry.dirty = true;
                    self.dirty.push_front(index);
                    self.blocked = matches!(round, Round::Blocked);
                    if self.blocked && !was_blocked {
                        self.hold_back(net.now());
                    }
                    return !self.blocked;
                }
                Round::Waits => {
                    // The next try comes before the end.
                    entry.connection.rest(net.now());
                    entry.connection.hold_back(net.now());
                    if !std::mem::replace(&mut entry.waits, true) {
                        self.unresolved.extend(self.entries.id_at(index));
                    }
                    self.settle(index, net);
                }
            }
        }
        false
    }

    /// The device is full, and nobody behind the first will be asked for what it has to send.
    #[cold]
    fn hold_back(&mut self, now: Instant) {
        for index in &self.dirty {
            let Some(entry) = self.entries.at_mut(*index) else { continue };
            entry.connection.hold_back(now);
            entry.set_alarm(&mut self.timers);
        }
    }

    /// It has nothing to send now: it waits for a segment or its timer, or is over.
    fn settle<D: Device>(&mut self, index: u32, net: &mut Net<D>) {
        let Some(entry) = self.entries.at_mut(index) else { return };
        if entry.connection.is_over() {
            entry.connection.give_up(Gone::Closed);
            self.after(index, net);
            return;
        }
        entry.connection.rest(net.now());
        entry.set_alarm(&mut self.timers);
    }

    /// A neighbour was found, or given up: who waited for it tries again, or hears of it.
    fn retry_unresolved<D: Device>(&mut self, net: &mut Net<D>) {
        for id in std::mem::take(&mut self.unresolved) {
            let Some(entry) = self.entries.get_mut(id) else { continue };
            entry.waits = false;
            let given_up = entry.hop.is_some_and(|hop| !net.may_reach(hop, entry.flow.remote.address));
            if !given_up {
                self.mark(id.index());
            } else if entry.connection.on_unreachable() {
                self.after(id.index(), net);
            }
        }
    }

    /// There may be memory again.
    fn feed_starved<D: Device>(&mut self, net: &mut Net<D>) {
        // Once around, but not further than the memory goes: those behind come first the next time.
        for _ in 0..self.starved.len() {
            let Some(id) = self.starved.pop_front() else { return };
            let Some(entry) = self.entries.get_mut(id) else { continue };
            self.caller.on_room(entry, net);
            let behind = self.starved.len();
            self.after(id.index(), net);
            if self.starved.len() > behind {
                return;
            }
        }
    }
}

/// Sends the share of one connection.
#[inline(always)]
fn round<D: Device>(entry: &mut Entry, sent: &mut usize, net: &mut Net<D>) -> Round {
    let remote = entry.flow.remote.address;
    if let Some(verdict) = entry.connection.take_verdict() {
        emit::judge(verdict, remote, net);
    }
    let path = emit::path(net, remote);
    entry.connection.on_path(path);
    entry.connection.wake(net.now());
    if let (true, Some(hop)) = (entry.connection.take_progress(), entry.hop) {
        net.confirm(hop);
    }
    let share = *sent + limits::BYTES_A_ROUND;
    loop {
        let connection: &Connection = &entry.connection;
        let Some(mut plan) = connection.plan(path) else { return Round::Done };
        let mut slices = ArrayVec::<_, SLICES>::new();
        let mut length = connection.queue().slices(plan.offset, plan.length, &mut slices);
        if length < plan.length {
            // Too many small pieces for one packet: the rest, and the end, follow in the next.
            plan.flags &= !(flag::FIN | flag::PSH);
        }
        let reply = connection.reply(&plan, path, net.now());
        let (dont_fragment, traffic_class) = (path.dont_fragment, connection.traffic_class(&plan));
        let cut = emit::Cut { size: plan.size, length, dont_fragment, traffic_class };
        let mut blocked = false;
        match emit::segment(&reply, &entry.flow, &slices, cut, &mut entry.hop, net) {
            Sent::Yes => {}
            Sent::Part(part) => (length, blocked) = (part, true),
            Sent::Busy => return Round::Blocked,
            // Nothing changed: it is tried again when its neighbour is found.
            Sent::Unresolved => return Round::Waits,
            // As if the network had lost it: it is sent again when its time comes.
            Sent::Refused(why) => net.counters.drop_unsent(why),
        }
        drop(slices);
        net.counters.segments_sent += 1;
        net.counters.segments_again += u64::from(plan.why == Why::Again);
        entry.connection.commit(&plan, length, net.now());
        *sent += length;
        if blocked {
            return Round::Blocked;
        }
        if *sent >= share {
            return Round::More;
        }
    }
}
