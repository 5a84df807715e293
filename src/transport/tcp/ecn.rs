//! Explicit congestion notification (RFC 3168): routers mark what they would have to drop soon.
//!
//! The receiver of a mark echoes it (ECE) until the sender says that it has reduced its window (CWR). Neither what is sent
//! again nor a bare acknowledgment may be marked (§6.1.4, §6.1.5).

use super::connection::{Connection, State};
use super::output::{Plan, Why};
use super::recovery::Phase;
use super::segment::Segment;
use super::sequence::SeqNumber;
use crate::base::time::Instant;
use crate::wire::tcp::flag;

/// Whether a SYN asks for explicit congestion notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notification {
    /// Who asks for it gets it, as everybody does it: there are paths that lose a SYN which asks.
    #[default]
    WhenAsked,
    /// Every SYN asks, but for one that is sent again (RFC 3168 §6.1.1.1).
    Always,
    /// Nobody asks, and nobody gets it.
    Never,
}

/// The ECN field of an IP header that routers may mark: ECT(0) (RFC 3168 §5).
const CAPABLE: u8 = 0b10;
/// And that of one which they did.
const MARKED: u8 = 0b11;

/// What a connection knows of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ecn {
    /// Both ends agreed on it.
    pub(super) agreed: bool,
    /// A mark is to be echoed.
    echoes: bool,
    /// The peer is to hear that the window was reduced.
    owes: bool,
    /// What is acknowledged before this left before the window was reduced.
    reduced: SeqNumber,
}

/// Whether the ECN field of a packet says that it was marked.
pub fn is_marked(traffic_class: u8) -> bool {
    traffic_class & MARKED == MARKED
}

impl Ecn {
    pub(super) fn new(initial: SeqNumber) -> Ecn {
        Ecn { agreed: false, echoes: false, owes: false, reduced: initial }
    }

    /// The window was reduced, for whatever reason (RFC 3168 §6.1.2).
    pub(super) fn reduced(&mut self, nxt: SeqNumber) {
        (self.owes, self.reduced) = (self.agreed, nxt);
    }
}

impl Connection {
    /// Whether a SYN that leaves now asks for it.
    pub(super) fn asks_for_notification(&self) -> bool {
        self.state == State::SynSent && self.tuning.notification == Notification::Always && !self.rtt.is_backing_off()
    }

    /// What an acceptable segment says of congestion (RFC 3168 §6.1.2, §6.1.3).
    pub(super) fn take_notification(&mut self, segment: &Segment, advanced: usize, now: Instant) {
        if segment.has(flag::CWR) {
            self.ecn.echoes = false;
        }
        self.ecn.echoes |= segment.marked && segment.length > 0;
        if !segment.has(flag::ECE) || self.snd.una.is_before(self.ecn.reduced) {
            return;
        }
        if self.recovery.as_ref().is_none_or(|recovery| recovery.phase == Phase::Watching) {
            self.begin_reduction(advanced, now);
        }
        self.ecn.reduced(self.snd.nxt);
    }

    /// Whether the next new data tell of a reduced window: they are one segment, for only one may say it.
    #[inline]
    pub(super) fn owes_notification(&self) -> bool {
        self.ecn.owes
    }

    /// New data left.
    #[inline]
    pub(super) fn note_notified(&mut self, length: usize) {
        self.ecn.owes &= length == 0;
    }

    /// The bits that a segment carries for it.
    #[inline]
    pub(super) fn notification(&self, plan: &Plan) -> u8 {
        if !self.ecn.agreed {
            return 0;
        }
        let echo = if self.ecn.echoes { flag::ECE } else { 0 };
        let reduced = if self.ecn.owes && plan.why == Why::New && plan.length > 0 { flag::CWR } else { 0 };
        echo | reduced
    }

    /// The ECN field of the packet that carries a segment.
    #[inline]
    pub fn traffic_class(&self, plan: &Plan) -> u8 {
        if self.ecn.agreed && plan.why == Why::New && plan.length > 0 { CAPABLE } else { 0 }
    }
}
