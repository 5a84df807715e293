//! Memory that connections take: their tables beside what the pool counts, and what happens when it gets short.
//!
//! ```text
//!   none ──▶ scarce: autotuned buffers shrink; of a SYN nothing is kept (it is answered with a cookie)
//!        ──▶ short:  new connections are refused; who has held data up behind a closed window for long is reset
//! ```

use super::Tcp;
use crate::base::limits;
use crate::buffer::Pressure;
use crate::device::Device;
use crate::stack::net::Net;

impl Tcp {
    /// Bytes of the tables, free places included: pages never go back.
    fn tables(&self) -> usize {
        self.entries.capacity()
            + self.openings.capacity()
            + self.waits.capacity()
            + self.timers.capacity()
            + self.flows.capacity()
    }

    /// Whether there is memory for one more connection; if so, it is charged.
    pub(super) fn may_add<D>(&self, net: &mut Net<D>) -> bool {
        self.may_grow(self.entries.growth() + self.timers.growth() + self.flows.growth(), net)
    }

    /// The same of a handshake.
    pub(super) fn may_open<D>(&self, net: &mut Net<D>) -> bool {
        let growth = self.openings.growth();
        self.openings.capacity() + growth <= net.pool.most_for_tables() / limits::TABLES_SHARE
            && self.may_grow(growth + self.timers.growth() + self.flows.growth(), net)
    }

    /// The same of one in TIME-WAIT.
    pub(super) fn may_wait<D>(&self, net: &mut Net<D>) -> bool {
        let growth = self.waits.growth();
        self.waits.capacity() + growth <= net.pool.most_for_tables() / limits::TABLES_SHARE
            && self.may_grow(growth, net)
    }

    fn may_grow<D>(&self, growth: usize, net: &mut Net<D>) -> bool {
        if growth == 0 {
            return true;
        }
        let tables = self.tables() + growth;
        let may = tables <= net.pool.most_for_tables();
        if may {
            net.pool.note_tables(tables);
        }
        may
    }

    /// RFC 6429 §3: where memory is short, a connection that holds it up is given up; at most one a turn.
    #[inline]
    pub(super) fn relieve<D: Device>(&mut self, net: &mut Net<D>) {
        if net.pool.pressure() >= Pressure::Short {
            self.give_one_up(net);
        }
    }

    #[cold]
    fn give_one_up<D: Device>(&mut self, net: &mut Net<D>) {
        for _ in 0..limits::HELD_UP_WEIGHED.min(self.entries.positions()) {
            self.weighed = (self.weighed + 1) % self.entries.positions();
            if let Some(entry) = self.entries.at_mut(self.weighed)
                && entry.connection.is_held_up(net.now())
            {
                entry.connection.abort();
                net.counters.connections_given_up += 1;
                return self.mark(self.weighed);
            }
        }
    }
}
