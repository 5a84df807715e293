//! A connection in the table, with what the stack knows of it.

use std::hint::black_box;

use super::flows::Packed;
use crate::application::{Errands, Reading, Session, SessionId};
use crate::base::address::Flow;
use crate::base::time::Instant;
use crate::base::wheel::{Timer, Wheel};
use crate::link::neighbors::NeighborId;
use crate::transport::tcp::Connection;

/// A connection with its user.
pub struct Entry {
    pub(super) flow: Flow,
    pub(super) connection: Connection,
    pub(super) session: Box<dyn Session>,
    /// Its name, as sessions know it.
    pub(super) id: SessionId,
    pub(super) timer: Timer<Packed>,
    /// When that fires, which may be before anything is due: a deadline that moves later changes neither, so that a segment
    /// does not touch the wheel, which is far away in memory where there are many.
    pub(super) alarm: Instant,
    /// The neighbour through which it goes, or for which it waits.
    pub(super) hop: Option<NeighborId>,
    pub(super) reading: Reading,
    /// Whether it is in the list of those that may have something to send.
    pub(super) dirty: bool,
    /// Whether it is in the list of those that wait for their neighbour.
    pub(super) waits: bool,
    /// Unread bytes that the session has seen and left.
    pub(super) seen: u32,
    /// What storage threads do for it.
    pub(super) errands: Errands,
}

impl Entry {
    /// Reads something of each of its cache lines: a segment needs nearly all of them, one after another.
    #[inline]
    pub(super) fn touch(&self) {
        black_box(self.connection.touch() ^ self.alarm.as_nanos());
    }

    /// When it is to be looked at though nothing comes.
    #[inline]
    pub(super) fn deadline(&self) -> Instant {
        self.connection.deadline().min(self.session.deadline().unwrap_or(Instant::NEVER))
    }

    /// Lets its timer fire in time.
    #[inline]
    pub(super) fn set_alarm(&mut self, timers: &mut Wheel<Packed>) {
        let deadline = self.deadline();
        if deadline < self.alarm {
            self.alarm = deadline;
            timers.set(self.timer, deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn touching_reaches_every_line() {
        const LINE: usize = 64;
        let connection = Connection::TOUCHED.map(|offset| offset_of!(Entry, connection) + offset);
        let touched: Vec<_> = connection.into_iter().chain([offset_of!(Entry, alarm)]).map(|at| at / LINE).collect();
        for line in 0..size_of::<Entry>().div_ceil(LINE) {
            assert!(touched.contains(&line), "line {line} is not among {touched:?}");
        }
    }
}
