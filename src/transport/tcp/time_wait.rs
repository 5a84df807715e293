//! What is left of a connection in TIME-WAIT (RFC 9293 §3.3.2): enough to acknowledge the peer's FIN once more, and to
//! tell a new connection from an old segment.

use super::connection::Connection;
use super::segment::{Reply, Segment};
use super::sequence::SeqNumber;
use super::variables::millis;
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::limits;
use crate::base::time::Instant;
use crate::wire::tcp::flag;
use crate::wire::tcp_options::{Options, Timestamps};

/// A connection in TIME-WAIT. A million of them are kept, so its remote address lies here as bytes, which need no
/// alignment, and its local one, of which a host has few, as a number.
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    remote: [u8; 16],
    ports: (u16, u16),
    /// SND.NXT and RCV.NXT.
    sent: SeqNumber,
    expected: SeqNumber,
    /// The offset of our clock and the last of theirs, in case both used them.
    clock: (u32, u32),
    has_clock: bool,
    local: u8,
    /// When it is over, in wrapping milliseconds.
    until: u32,
}

/// RFC 9293 §3.4.2 asks for patience, not for memory: with its place in the table of flows, it is to take less than 64.
const _: () = assert!(size_of::<Option<TimeWait>>() <= 44, "one of many that wait");

/// What a segment means to it.
#[derive(Clone, Debug)]
pub enum Late {
    /// It is answered.
    Acknowledge(Reply),
    /// The same, and the wait begins anew.
    Again(Reply),
    /// A new connection may take its place; its first number is at least this.
    Reuse(SeqNumber),
    /// It says nothing.
    Ignored,
}

impl TimeWait {
    /// What is left of a connection, whose local address is called `local`.
    pub fn of(connection: &Connection, flow: &Flow, local: u8, now: Instant) -> TimeWait {
        let clock = connection.clock;
        TimeWait {
            remote: flow.remote.address.to_v6(),
            local,
            ports: (flow.local.port, flow.remote.port),
            sent: connection.snd.nxt,
            expected: connection.rcv.nxt,
            clock: clock.map_or((0, 0), |clock| (clock.offset, clock.recent)),
            has_clock: clock.is_some(),
            until: millis(now + limits::TIME_WAIT),
        }
    }

    /// What its local address is called.
    pub fn local(&self) -> u8 {
        self.local
    }

    /// Whose it is, as its local address is this.
    pub fn flow(&self, local: Address) -> Flow {
        let end = |address, port| Endpoint { address, port };
        Flow { local: end(local, self.ports.0), remote: end(Address::from_v6(self.remote), self.ports.1) }
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Instant) -> bool {
        millis(now).wrapping_sub(self.until) as i32 >= 0
    }

    /// Lets the wait begin anew.
    pub fn begin(&mut self, now: Instant) {
        self.until = millis(now + limits::TIME_WAIT);
    }

    /// How long it still waits.
    pub fn left(&self, now: Instant) -> std::time::Duration {
        std::time::Duration::from_millis(u64::from(self.until.wrapping_sub(millis(now)).min(i32::MAX as u32)))
    }

    /// What a segment means to it. Resets mean nothing: a forged or late one would end the waiting (RFC 1337 §3).
    pub fn on_segment(&self, segment: &Segment, now: Instant) -> Late {
        if segment.has(flag::RST) {
            return Late::Ignored;
        }
        if segment.has(flag::SYN) && !segment.has(flag::ACK) && self.is_newer(segment) {
            return Late::Reuse(self.sent + (usize::from(u16::MAX) + 2));
        }
        if segment.span() == 0 && segment.sequence == self.expected {
            return Late::Ignored;
        }
        let (offset, recent) = self.clock;
        let clock = Timestamps { value: offset.wrapping_add(millis(now)), echo: recent };
        let reply = Reply {
            sequence: self.sent,
            acknowledgment: self.expected,
            flags: flag::ACK,
            window: 0,
            options: Options { timestamps: self.has_clock.then_some(clock), ..Options::default() },
        };
        // RFC 9293 §3.10.7.4, eighth: the FIN again begins the wait anew. The FIN that we know, so that nobody who guesses
        // ports prolongs it; and not for each one of a burst.
        let is_the_fin = segment.has(flag::FIN) && segment.sequence + segment.span() == self.expected;
        let is_due = self.left(now) + limits::TIME_WAIT_ANEW <= limits::TIME_WAIT;
        if is_the_fin && is_due { Late::Again(reply) } else { Late::Acknowledge(reply) }
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
