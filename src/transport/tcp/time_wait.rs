//! What is left of a connection in TIME-WAIT (RFC 9293 §3.3.2): enough to acknowledge the peer's FIN once more, and to
//! tell a new connection from an old segment.

use super::connection::{Connection, millis};
use super::segment::{Reply, Segment};
use super::sequence::SeqNumber;
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::limits;
use crate::base::time::Instant;
use crate::wire::tcp::flag;
use crate::wire::tcp_options::{Options, Timestamps};

/// A connection in TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    local: Address,
    remote: Address,
    ports: (u16, u16),
    /// SND.NXT and RCV.NXT.
    sent: SeqNumber,
    expected: SeqNumber,
    /// The offset of our clock and the last of theirs, in case both used them.
    clock: (u32, u32),
    has_clock: bool,
    /// When it is over, in wrapping milliseconds.
    until: u32,
}

/// RFC 9293 §3.4.2 asks for patience, not for memory.
const _: () = assert!(size_of::<TimeWait>() <= 64, "one of many that wait");

/// What a segment means to it.
#[derive(Clone, Debug)]
pub enum Late {
    /// It is answered.
    Acknowledge(Reply),
    /// A new connection may take its place; its first number is at least this.
    Reuse(SeqNumber),
    /// It says nothing.
    Ignored,
}

impl TimeWait {
    /// What is left of a connection.
    pub fn of(connection: &Connection, flow: &Flow, now: Instant) -> TimeWait {
        let clock = connection.clock;
        TimeWait {
            local: flow.local.address,
            remote: flow.remote.address,
            ports: (flow.local.port, flow.remote.port),
            sent: connection.snd.nxt,
            expected: connection.rcv.nxt,
            clock: clock.map_or((0, 0), |clock| (clock.offset, clock.recent)),
            has_clock: clock.is_some(),
            until: millis(now + limits::TIME_WAIT),
        }
    }

    /// Whose it is.
    pub fn flow(&self) -> Flow {
        let end = |address, port| Endpoint { address, port };
        Flow { local: end(self.local, self.ports.0), remote: end(self.remote, self.ports.1) }
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Instant) -> bool {
        millis(now).wrapping_sub(self.until) as i32 >= 0
    }

    /// How long it still waits.
    pub fn left(&self, now: Instant) -> std::time::Duration {
        std::time::Duration::from_millis(u64::from(self.until.wrapping_sub(millis(now)).min(i32::MAX as u32)))
    }

    /// What a segment means to it. Resets mean nothing: a forged or late one would end the waiting (RFC 1337 §3).
    pub fn on_segment(&mut self, segment: &Segment, now: Instant) -> Late {
        if segment.has(flag::RST) {
            return Late::Ignored;
        }
        if segment.has(flag::SYN) && !segment.has(flag::ACK) && self.is_newer(segment) {
            return Late::Reuse(self.sent + (usize::from(u16::MAX) + 2));
        }
        if segment.span() == 0 && segment.sequence == self.expected {
            return Late::Ignored;
        }
        if segment.has(flag::FIN) {
            // RFC 9293 §3.10.7.4, eighth: the FIN again begins the wait anew.
            self.until = millis(now + limits::TIME_WAIT);
        }
        let (offset, recent) = self.clock;
        let clock = Timestamps { value: offset.wrapping_add(millis(now)), echo: recent };
        Late::Acknowledge(Reply {
            sequence: self.sent,
            acknowledgment: self.expected,
            flags: flag::ACK,
            window: 0,
            options: Options { timestamps: self.has_clock.then_some(clock), ..Options::default() },
        })
    }

    /// RFC 6191 §2: a SYN with a newer clock, or without clocks with a later number, is a new connection's.
    fn is_newer(&self, segment: &Segment) -> bool {
        match segment.options.timestamps {
            Some(theirs) if self.has_clock && theirs.value != self.clock.1 => {
                (theirs.value.wrapping_sub(self.clock.1) as i32) > 0
            }
            _ => segment.sequence.is_after(self.expected),
        }
    }
}
