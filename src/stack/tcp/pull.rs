//! Users who come for what there is, instead of being called with it.

use std::sync::Arc;

use super::{ConnectionId, Tcp};
use crate::application::Stream;
use crate::base::address::{Address, Endpoint};
use crate::device::Device;
use crate::stack::net::Net;
use crate::transport::tcp::{Info, Tuning};

impl Tcp {
    /// Lets a user do to its connection what a session may do; `None` when it is gone.
    pub(in crate::stack) fn visit<D: Device, R>(
        &mut self,
        id: ConnectionId,
        net: &mut Net<D>,
        work: impl FnOnce(&mut Stream<'_>) -> R,
    ) -> Option<R> {
        let entry = self.entries.get_mut(id)?;
        let result = self.caller.visit(entry, net, work);
        self.after(id.index(), net);
        Some(result)
    }

    /// Copies unread data; returns how many bytes there were.
    pub(in crate::stack) fn read<D: Device>(&mut self, id: ConnectionId, into: &mut [u8], net: &mut Net<D>) -> usize {
        let Some(entry) = self.entries.get_mut(id) else { return 0 };
        let read = self.caller.read(entry, into, net);
        self.after(id.index(), net);
        read
    }

    /// How a connection is.
    pub(in crate::stack) fn info(&self, id: ConnectionId) -> Option<Info> {
        self.entries.get(id).map(|entry| entry.connection.info())
    }

    /// Tunes the connections that are opened at a port from now on; returns whether somebody listens there.
    pub(in crate::stack) fn tune_port(&mut self, port: u16, change: impl FnOnce(&mut Tuning)) -> bool {
        let listener = self.listeners.find(&Endpoint { address: Address::UNSPECIFIED, port });
        listener.map(|found| change(Arc::make_mut(&mut found.owner.tuning))).is_some()
    }

    /// Tunes one connection; returns whether it is there.
    pub(in crate::stack) fn tune(&mut self, id: ConnectionId, change: impl FnOnce(&mut Tuning)) -> bool {
        self.entries.get_mut(id).map(|entry| entry.connection.tune(change)).is_some()
    }
}
