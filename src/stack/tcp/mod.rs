//! TCP's way over the top: from a segment to a session, and back down.
//!
//! ```text
//!   frame ─▶ flows ─▶ connection ─▶ session        on arrival, or when a timer is due
//!                          │ dirty
//!   frame ◀─ emit ◀─ plan ◀┘                       at the end of the turn
//! ```

mod calls;
mod emit;
mod entry;
mod flows;
mod flush;
mod input;
mod memory;
mod opening;
mod pull;
mod waits;

use std::collections::VecDeque;
use std::sync::Arc;

use self::calls::Caller;
use self::entry::Entry;
use self::flows::{Flows, Packed, Shape};
use self::opening::Opening;
use self::waits::Waits;
use super::net::Net;
use super::owner::Owners;
use super::storage::Storage;
use super::udp::Udp;
use crate::application::{DeskId, Done, Request, Service, SessionId};
use crate::base::address::Endpoint;
use crate::base::counters::Dropped;
use crate::base::icmp::IcmpError;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::slab::{Id, Slab};
use crate::base::time::Instant;
use crate::base::wheel::Wheel;
use crate::device::Device;
use crate::internet::notice::Notice;
use crate::transport::endpoints::{Endpoints, InUse};
use crate::transport::tcp::{Cookies, Secret, SeqNumber, State, Tuning};

/// Names a connection while it is there.
pub type ConnectionId = Id<Entry>;

impl From<SessionId> for ConnectionId {
    fn from(id: SessionId) -> ConnectionId {
        ConnectionId::from_bits(id.0)
    }
}

/// Why a connection cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No source address reaches it, or it is not one host's.
    #[error("no route to {0}")]
    Unreachable(Endpoint),
    /// Every port is in use towards this peer.
    #[error("no free port towards {0}")]
    NoPort(Endpoint),
    /// This shard has no room for another connection.
    #[error("too many connections")]
    TooMany,
}

/// A port at which connections are taken.
struct Listener {
    service: Box<dyn Service>,
    tuning: Arc<Tuning>,
    /// Handshakes that are not complete.
    opening: u32,
}

/// All connections of a shard.
pub(super) struct Tcp {
    flows: Flows,
    /// The entry for which a segment came last.
    last: u32,
    /// It was another one than before, of very many.
    scattered: bool,
    entries: Slab<Entry>,
    openings: Slab<Opening>,
    waits: Waits,
    listeners: Endpoints<Listener>,
    timers: Wheel<Packed>,
    /// Those that may have something to send, in turn.
    dirty: VecDeque<u32>,
    /// Those that wait for a neighbour, or for memory.
    unresolved: Vec<ConnectionId>,
    starved: VecDeque<ConnectionId>,
    /// Where the search for those who hold memory up stands.
    weighed: u32,
    /// The device took no more.
    blocked: bool,
    caller: Caller,
    secret: Secret,
    cookies: Cookies,
    random: Random,
    tuning: Arc<Tuning>,
}

impl Tcp {
    pub(super) fn new(mut random: Random) -> Tcp {
        let mut timers = Wheel::new(limits::CONNECTIONS + limits::HANDSHAKES + 1);
        let wait_timer = timers.add(Shape::TimeWait(0).into()).expect("the wheel is empty");
        Tcp {
            flows: Flows::new(&mut random),
            last: 0,
            scattered: false,
            entries: Slab::new(limits::CONNECTIONS),
            openings: Slab::new(limits::HANDSHAKES),
            waits: Waits::new(wait_timer),
            listeners: Endpoints::new(&mut random),
            timers,
            dirty: VecDeque::new(),
            unresolved: Vec::new(),
            starved: VecDeque::new(),
            weighed: 0,
            blocked: false,
            caller: Caller::new(random.clone()),
            secret: Secret::new(&mut random),
            cookies: Cookies::default(),
            random,
            tuning: Arc::default(),
        }
    }

    /// Lets a service take connections at a port of every address.
    pub(super) fn listen(&mut self, port: u16, service: Box<dyn Service>, tuning: Arc<Tuning>) -> Result<(), InUse> {
        self.listeners.bind(None, port, Listener { service, tuning, opening: 0 }).map(|_id| ())
    }

    /// Nobody takes connections there any more.
    pub(super) fn unlisten(&mut self, port: u16) {
        self.listeners.unbind_any(port);
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What connections are tuned to when nobody says otherwise.
    pub(super) fn tuning(&self) -> Arc<Tuning> {
        self.tuning.clone()
    }

    /// What the connections are tuned to from now on.
    pub(super) fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning.into();
    }

    /// An ICMP error quotes a segment (RFC 5927 §4). Handshakes and TIME-WAIT have nothing that an error could change.
    ///
    /// A packet too big is believed at once. RFC 5927 §7.2 would have it wait until the segment times out, to blunt errors
    /// that are made up. But those have to guess a number in flight, and then cannot make segments smaller than our floors
    /// let them, for ten minutes; and every honest path that becomes narrow would stand still for a timeout.
    #[cold]
    pub(super) fn on_error<D: Device>(&mut self, notice: &Notice, net: &mut Net<D>) -> Result<(), Dropped> {
        let Some(Shape::Connection(index)) = self.find(&notice.flow) else { return Err(Dropped::IcmpUnrelated) };
        let entry = self.entries.at_mut(index).ok_or(Dropped::IcmpUnrelated)?;
        let sequence = SeqNumber(notice.sequence);
        if !entry.connection.has_in_flight(sequence) {
            return Err(Dropped::IcmpOutsideWindow);
        }
        match notice.error {
            IcmpError::TooBig(mtu) => {
                let remote = notice.flow.remote.address;
                net.shrink_path(remote, mtu, notice.length)?;
                entry.connection.on_path_at(emit::path(net, remote), sequence);
                self.mark(index);
            }
            IcmpError::Redirected(target) => net.redirect(notice, target)?,
            error => {
                let was_open = entry.connection.state() != State::SynSent;
                if !entry.connection.on_error(error) && was_open {
                    self.caller.on_error(entry, error, net);
                }
                self.after(index, net);
            }
        }
        Ok(())
    }

    /// What every event of a connection is followed by: its user is told, and what it has to send is sent in its turn.
    #[inline]
    fn after<D: Device>(&mut self, index: u32, net: &mut Net<D>) {
        let Some(entry) = self.entries.at_mut(index) else { return };
        let over = self.caller.tell(entry, net);
        if self.caller.is_starved() {
            self.starved.push_back(ConnectionId::from_bits(entry.id.0));
        }
        if over {
            return self.remove(index, net);
        }
        if self.blocked {
            entry.connection.hold_back(net.now());
            entry.set_alarm(&mut self.timers);
        }
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push_back(index);
        }
    }

    /// It may have something to send.
    #[inline]
    fn mark(&mut self, index: u32) {
        if let Some(entry) = self.entries.at_mut(index)
            && !entry.dirty
        {
            entry.dirty = true;
            self.dirty.push_back(index);
        }
    }

    /// What is due. Returns how many timers fired.
    #[inline]
    pub(super) fn fire_timers<D: Device>(&mut self, net: &mut Net<D>) -> usize {
        if self.timers.is_due(net.now()) { self.fire_due(net) } else { 0 }
    }

    #[inline(never)]
    fn fire_due<D: Device>(&mut self, net: &mut Net<D>) -> usize {
        let now = net.now();
        for count in 0..limits::TIMERS_A_TURN {
            let Some(packed) = self.timers.expire(now) else { return count };
            match Shape::from(packed) {
                Shape::Connection(index) => {
                    let Some(entry) = self.entries.at_mut(index) else { continue };
                    entry.alarm = Instant::NEVER;
                    if entry.deadline() > now {
                        entry.set_alarm(&mut self.timers);
                        continue;
                    }
                    if entry.connection.deadline() <= now {
                        let timeouts = entry.connection.timeouts();
                        entry.connection.on_timer(now);
                        if entry.connection.timeouts() > timeouts && entry.connection.is_in_black_hole() {
                            net.suspect_path(entry.flow.remote.address);
                        }
                    }
                    if entry.session.deadline().is_some_and(|deadline| deadline <= now) {
                        self.caller.on_timer(entry, net);
                    }
                    self.after(index, net);
                }
                Shape::Handshake(index) => self.answer_again(index, net),
                Shape::TimeWait(_) => self.end_waits(now),
            }
        }
        limits::TIMERS_A_TURN
    }

    /// Carries out what sessions asked for in this turn, and services of datagrams.
    #[inline]
    pub(super) fn carry_out<D: Device>(
        &mut self,
        udp: &mut Udp,
        storage: &mut Storage,
        owners: &Owners,
        net: &mut Net<D>,
    ) {
        if !self.caller.requests.is_empty() || udp.has_requests() {
            self.carry_out_requests(udp, storage, owners, net);
        }
    }

    #[inline(never)]
    fn carry_out_requests<D: Device>(
        &mut self,
        udp: &mut Udp,
        storage: &mut Storage,
        owners: &Owners,
        net: &mut Net<D>,
    ) {
        while let Some(request) = self.caller.requests.pop().or_else(|| udp.next_request()) {
            match request {
                Request::Tell { from, to, message } => {
                    if let Some(desk) = DeskId::of(to) {
                        udp.on_message(desk, from, message, net);
                        continue;
                    }
                    let id = ConnectionId::from(to);
                    let Some(entry) = self.entries.get_mut(id) else { continue };
                    self.caller.on_message(entry, from, message, net);
                    self.after(id.index(), net);
                }
                Request::Connect { remote, session } => {
                    // Who cannot be connected is told so by the connection that never was.
                    let _told = self.connect(remote, session, self.tuning(), owners, net);
                }
                Request::Listen { port, service } => {
                    if self.listen(port, service, self.tuning()).is_err() {
                        net.counters.drop_unsent(Dropped::Misuse);
                    }
                }
                Request::Open { remote, service } => udp.open(remote, service, owners, net),
                Request::Shut { port } => udp.unbind(port),
                Request::Work(errand) => storage.send(errand),
                Request::Forget(session) => storage.forget(session),
            }
        }
    }

    /// Lets sessions ask for so much work before some of it is done.
    pub(super) fn awaits_work(&self) -> bool {
        self.caller.requests.awaits_work()
    }

    pub(super) fn allow_work(&mut self, most: usize) {
        self.caller.requests.allow_work(most);
    }

    /// A storage thread answered a session, which may be gone.
    pub(super) fn on_done<D: Device>(&mut self, session: SessionId, done: Done, net: &mut Net<D>) {
        self.caller.requests.work_done();
        let id = ConnectionId::from_bits(session.0);
        match (self.entries.get_mut(id), done.data) {
            (Some(entry), data) => {
                self.caller.on_done(entry, Done { data, ..done }, net);
                self.after(id.index(), net);
            }
            (None, Some(block)) => net.pool.release(block),
            (None, None) => {}
        }
    }

    /// When [`Tcp::fire_timers`] or [`Tcp::flush`] is due.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if !self.dirty.is_empty() && !self.blocked {
            return Some(now);
        }
        let starved = (!self.starved.is_empty()).then(|| now + limits::STARVED_RETRY);
        self.timers.deadline().into_iter().chain(starved).min()
    }

    /// Whether the device is to be watched for room.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Takes a connection out; in TIME-WAIT a little of it stays.
    fn remove<D: Device>(&mut self, index: u32, net: &mut Net<D>) {
        let Some(id) = self.entries.id_at(index) else { return };
        let Some(mut entry) = self.entries.remove(id) else { return };
        net.counters.connections_ended += 1;
        entry.connection.clear(&mut net.pool);
        self.timers.remove(entry.timer);
        let shape = Shape::Connection(index);
        if entry.connection.state() == State::TimeWait {
            self.keep_wait(&entry.connection, &entry.flow, shape, net);
        } else {
            self.flows.remove(&entry.flow, shape);
        }
    }

    /// Gives all memory back to the pool: the end of the stack.
    pub(super) fn clear<D>(&mut self, net: &mut Net<D>) {
        for index in 0..self.entries.positions() {
            if let Some(entry) = self.entries.at_mut(index) {
                entry.connection.clear(&mut net.pool);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million idle connections are to fit into 640 bytes each, with their timers and their place in the table.
    #[test]
    fn an_idle_connection_is_small() {
        // Eight cache lines, with what its slot adds.
        assert!(size_of::<Entry>() <= 512 - 8, "{}", size_of::<Entry>());
        assert!(size_of::<Opening>() <= 128, "{}", size_of::<Opening>());
    }
}
