//! What a program asks of a [`Stack`]: ports, connections, groups.

use std::ops::RangeInclusive;

use super::{ConnectError, ConnectionId, Filter, JoinError, Stack};
use crate::application::{Datagrams, Io, Service, Session, Stream};
use crate::base::address::{Address, Endpoint};
use crate::buffer::Block;
use crate::device::Device;
use crate::internet::multicast::Member;
use crate::transport::endpoints::InUse;
use crate::transport::tcp::{Info, Tuning};

impl<D: Device> Stack<D> {
    /// Lets a service have a UDP port of every address.
    pub fn bind(&mut self, port: u16, service: Box<dyn Datagrams>) -> Result<(), InUse> {
        self.udp.bind(port, service)
    }

    /// Nobody has a UDP port any more; groups that were joined at it are left.
    pub fn unbind(&mut self, port: u16) {
        self.net.leave_groups(port);
        self.udp.unbind(port);
    }

    /// Lets the user of a UDP port do what its service may do when it is called; `None` when nobody has it. What it writes
    /// leaves at once. A journal does not note what is done so.
    pub fn visit_port<R>(&mut self, port: u16, work: impl FnOnce(&mut Io<'_>) -> R) -> Option<R> {
        self.udp.call(port, &mut self.net, |_service, io| work(io))
    }

    /// Gives back what a service [took](Io::take).
    pub fn release(&mut self, block: Block) {
        self.net.pool.release(block);
    }

    /// How many links what a UDP port sends to groups may cross, its time to live or hop limit: 1 as long as nobody chooses, and
    /// no less (RFC 1112 §6.1). False when nobody has the port.
    pub fn set_multicast_ttl(&mut self, port: u16, ttl: u8) -> bool {
        self.udp.set_multicast_hops(port, ttl)
    }

    /// Lets a service take TCP connections at a port of every address.
    pub fn listen(&mut self, port: u16, service: Box<dyn Service>) -> Result<(), InUse> {
        self.tcp.listen(port, service, self.tcp.tuning())
    }

    /// The same, for connections that are tuned like this.
    pub fn listen_tuned(&mut self, port: u16, service: Box<dyn Service>, tuning: Tuning) -> Result<(), InUse> {
        self.tcp.listen(port, service, tuning.into())
    }

    /// Opens a TCP connection from an ephemeral port.
    ///
    /// # Errors
    /// [`ConnectError`] when there is no way to the peer, no port, or no room. What happens later the session is told.
    pub fn connect(&mut self, remote: Endpoint, session: Box<dyn Session>) -> Result<ConnectionId, ConnectError> {
        self.tcp.connect(remote, session, self.tcp.tuning(), &self.owners, &mut self.net)
    }

    /// The same, tuned like this.
    ///
    /// # Errors
    /// As those of [`Stack::connect`].
    pub fn connect_tuned(
        &mut self,
        remote: Endpoint,
        session: Box<dyn Session>,
        tuning: Tuning,
    ) -> Result<ConnectionId, ConnectError> {
        self.tcp.connect(remote, session, tuning.into(), &self.owners, &mut self.net)
    }

    /// Lets the user of a connection do what its session may do when it is called; `None` when the connection is gone.
    /// What is to be sent leaves at the end of the next turn. A journal does not note what is done so.
    pub fn visit<R>(&mut self, id: ConnectionId, work: impl FnOnce(&mut Stream<'_>) -> R) -> Option<R> {
        self.tcp.visit(id, &mut self.net, work)
    }

    /// Copies data that the session of a connection left unread; returns how many bytes there were.
    pub fn read(&mut self, id: ConnectionId, into: &mut [u8]) -> usize {
        self.tcp.read(id, into, &mut self.net)
    }

    /// How a connection is; `None` when it is gone.
    pub fn info(&self, id: ConnectionId) -> Option<Info> {
        self.tcp.info(id)
    }

    /// Tunes one connection from now on; false when it is gone.
    pub fn tune(&mut self, id: ConnectionId, change: impl FnOnce(&mut Tuning)) -> bool {
        self.tcp.tune(id, change)
    }

    /// Tunes the connections that are opened at a port from now on; false when nobody listens there.
    pub fn tune_port(&mut self, port: u16, change: impl FnOnce(&mut Tuning)) -> bool {
        self.tcp.tune_port(port, change)
    }

    /// Takes no more TCP connections at a port. Those that were opened stay.
    pub fn unlisten(&mut self, port: u16) {
        self.tcp.unlisten(port);
    }

    /// How TCP connections that begin from now on are tuned, and those of ports at which we listen from now on.
    pub fn set_tuning(&mut self, tuning: Tuning) {
        self.tcp.set_tuning(tuning);
    }

    /// How many TCP connections there are, without those in TIME-WAIT.
    pub fn connections(&self) -> usize {
        self.tcp.len()
    }

    /// Joins a group for all services, or changes from which sources they want its packets: from then on they get its UDP
    /// datagrams from those, and routers are told (RFC 9776, RFC 9777). Every shard has to be told the same. A journal does not
    /// note it.
    ///
    /// # Errors
    /// [`JoinError`] when it is no group that can be joined, its filter is of another family, or there is no room.
    pub fn join(&mut self, group: Address, filter: Filter) -> Result<(), JoinError> {
        self.net.want_group(Member::Everybody, group, filter)
    }

    /// The same for who has a UDP port, and nobody else. Routers are told what all together want (RFC 9776 §3.2, RFC 9777 §4.2).
    ///
    /// # Errors
    /// As those of [`Stack::join`].
    pub fn join_at(&mut self, port: u16, group: Address, filter: Filter) -> Result<(), JoinError> {
        self.net.want_group(Member::Port(port), group, filter)
    }

    /// Leaves a group, but for who joined it at a port.
    ///
    /// # Errors
    /// [`JoinError::NotAGroup`] when it is none that can be left.
    pub fn leave(&mut self, group: Address) -> Result<(), JoinError> {
        self.net.want_group(Member::Everybody, group, Filter::nothing())
    }

    /// Leaves a group for who has a UDP port, and nobody else.
    ///
    /// # Errors
    /// As that of [`Stack::leave`].
    pub fn leave_at(&mut self, port: u16, group: Address) -> Result<(), JoinError> {
        self.net.want_group(Member::Port(port), group, Filter::nothing())
    }

    /// Keeps all flows of a port of ours at one shard: for a service whose flows have to know of each other. Every shard
    /// has to be told the same.
    pub fn pin(&mut self, port: u16) {
        self.owners.pin(port);
    }

    /// Takes connections at those ports of a range that are this shard's, whoever opens them, and returns these ports: a
    /// service that tells clients where to connect chooses among them, and its sessions are where the connections come in.
    /// Every shard has to be told the same.
    ///
    /// # Errors
    /// [`InUse`] when one of them has a service already.
    pub fn listen_at_own(
        &mut self,
        ports: RangeInclusive<u16>,
        service: impl Fn() -> Box<dyn Service>,
    ) -> Result<Vec<u16>, InUse> {
        self.owners.pin_each(ports.clone());
        let own: Vec<u16> = ports.filter(|port| self.owners.has_port(*port)).collect();
        own.iter().try_for_each(|port| self.listen(*port, service()))?;
        Ok(own)
    }
}
