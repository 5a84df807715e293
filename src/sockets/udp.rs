//! A UDP port whose user pulls: datagrams wait in it to be read.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use super::session::lock;
use crate::application::{Answer, Batch, Datagrams, Io};
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::icmp::IcmpError;
use crate::base::limits;
use crate::buffer::Block;
use crate::device::Device;
use crate::stack::{Filter, JoinError, Stack};
use crate::transport::endpoints::InUse;

/// A UDP port of every address of ours. Dropping it leaves the port taken: [`UdpSocket::close`] gives it back.
pub struct UdpSocket {
    port: u16,
    received: Arc<Mutex<Received>>,
}

/// What waits to be read.
#[derive(Default)]
struct Received {
    batches: VecDeque<Waiting>,
    /// Bytes of the blocks, by their capacity.
    held: usize,
    failed: Option<IcmpError>,
}

/// Datagrams of one sender that came in one frame.
struct Waiting {
    flow: Flow,
    block: Block,
    /// How long each is; the last may be shorter.
    size: usize,
    /// How much of them was read.
    read: usize,
}

/// Lets what comes wait.
struct Queue {
    received: Arc<Mutex<Received>>,
}

impl Datagrams for Queue {
    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        let mut received = lock(&self.received);
        if received.held >= limits::SOCKET_DATAGRAMS {
            return Answer::Drop(Dropped::SocketFull);
        }
        let size = batch.size;
        // It stays charged to the stack's memory, so a socket that nobody reads costs what it may, and no more.
        let Ok(block) = io.take(batch) else { return Answer::Drop(Dropped::SocketFull) };
        received.held += block.frame().capacity();
        received.batches.push_back(Waiting { flow: *flow, block, size, read: 0 });
        Answer::Done
    }

    fn on_error(&mut self, _flow: &Flow, error: IcmpError) {
        lock(&self.received).failed = Some(error);
    }
}

impl UdpSocket {
    /// Takes a port, at which datagrams wait from now on.
    ///
    /// # Errors
    /// [`InUse`] when somebody has it.
    pub fn bind<D: Device>(stack: &mut Stack<D>, port: u16) -> Result<UdpSocket, InUse> {
        let received = Arc::<Mutex<Received>>::default();
        stack.bind(port, Box::new(Queue { received: received.clone() }))?;
        Ok(UdpSocket { port, received })
    }

    /// Whether a datagram waits.
    pub fn is_ready(&self) -> bool {
        !lock(&self.received).batches.is_empty()
    }

    /// Reads one datagram, and says how long it was and between whom it went: the local address tells a group from an address
    /// of ours. What `into` has no room for is lost.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when there is none.
    pub fn recv_from<D: Device>(&self, stack: &mut Stack<D>, into: &mut [u8]) -> io::Result<(usize, Flow)> {
        let mut received = lock(&self.received);
        let Some(first) = received.batches.front_mut() else { return Err(ErrorKind::WouldBlock.into()) };
        let rest = first.block.frame().bytes().get(first.read..).unwrap_or_default();
        let datagram = &rest[..rest.len().min(first.size)];
        let length = datagram.len().min(into.len());
        into[..length].copy_from_slice(&datagram[..length]);
        first.read += datagram.len();
        let (flow, is_last) = (first.flow, datagram.len() == rest.len());
        if is_last && let Some(Waiting { block, .. }) = received.batches.pop_front() {
            received.held -= block.frame().capacity();
            stack.release(block);
        }
        Ok((length, flow))
    }

    /// Sends one datagram, from the address of ours from which its receiver is best reached.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it is larger than datagrams are.
    pub fn send_to<D: Device>(&self, stack: &mut Stack<D>, bytes: &[u8], remote: Endpoint) -> io::Result<()> {
        let local = Endpoint { address: Address::UNSPECIFIED, port: self.port };
        let sent = stack.visit_port(self.port, |io| io.reply(&Flow { local, remote }, bytes));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(io::Error::new(ErrorKind::InvalidInput, why)),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Takes what an ICMP error said last of something that was sent, since this was last asked (RFC 1122 §4.1.3.3). Anybody can
    /// say so: it is a hint.
    pub fn take_error(&self) -> Option<IcmpError> {
        lock(&self.received).failed.take()
    }

    /// Joins a group, of which datagrams of every source wait from now on.
    ///
    /// # Errors
    /// [`JoinError`] when it is no group that can be joined, or there is no room.
    pub fn join_multicast<D: Device>(&self, stack: &mut Stack<D>, group: Address) -> Result<(), JoinError> {
        stack.join_at(self.port, group, Filter::everything())
    }

    /// Joins a group, or changes from which sources its datagrams are wanted. What other sockets want of it stays as it is
    /// (RFC 9776 §3.1, RFC 9777 §4.1); of no source: leaves it.
    ///
    /// # Errors
    /// As those of [`UdpSocket::join_multicast`], and when a source is of another family than its group.
    pub fn set_source_filter<D: Device>(
        &self,
        stack: &mut Stack<D>,
        group: Address,
        filter: Filter,
    ) -> Result<(), JoinError> {
        stack.join_at(self.port, group, filter)
    }

    /// Leaves a group, in which other sockets may stay.
    ///
    /// # Errors
    /// [`JoinError::NotAGroup`] when it is none that can be left.
    pub fn leave_multicast<D: Device>(&self, stack: &mut Stack<D>, group: Address) -> Result<(), JoinError> {
        stack.leave_at(self.port, group)
    }

    /// How many links what is sent to groups may cross: 1 as long as nobody chooses, and no less
    /// (RFC 1112 §6.1).
    pub fn set_multicast_ttl<D: Device>(&self, stack: &mut Stack<D>, ttl: u8) {
        stack.set_multicast_ttl(self.port, ttl);
    }

    /// Gives the port back, and leaves its groups. What was not read is lost.
    pub fn close<D: Device>(self, stack: &mut Stack<D>) {
        stack.unbind(self.port);
        let waiting = std::mem::take(&mut lock(&self.received).batches);
        waiting.into_iter().for_each(|waiting| stack.release(waiting.block));
    }
}
