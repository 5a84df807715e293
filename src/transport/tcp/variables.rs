//! The variables of a connection's two halves (RFC 9293 §3.3.1), and their clock.

use super::flight::Flight;
use super::sequence::SeqNumber;
use crate::base::limits;
use crate::base::stream::Coalescing;
use crate::base::time::Instant;
use crate::buffer::{ReceiveQueue, SendQueue};

/// How far the end of what we send has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fin {
    /// More may be written.
    Open,
    /// It follows the last byte.
    Wanted,
    /// It was sent.
    Sent,
}

/// Our half of the stream (RFC 9293 §3.3.1: SND).
pub(super) struct Sender {
    pub(super) una: SeqNumber,
    pub(super) nxt: SeqNumber,
    pub(super) window: u32,
    pub(super) wl1: SeqNumber,
    pub(super) wl2: SeqNumber,
    /// The largest window so far.
    pub(super) most: u32,
    pub(super) scale: u8,
    /// The largest segment that the peer takes, options included.
    pub(super) mss: u16,
    /// The same of the path, as it is known now.
    pub(super) path_mss: u16,
    pub(super) fin: Fin,
    pub(super) coalescing: Coalescing,
    /// Whether the next acknowledgment is too far away to wait for it with part of a window.
    pub(super) hurries: bool,
    /// Whether the next segment tells our user timeout.
    pub(super) owes_timeout: bool,
    /// Questions that the peer left unanswered.
    pub(super) unanswered: u8,
    pub(super) queue: SendQueue,
    /// What of it is on its way.
    pub(super) flight: Flight,
    /// An acknowledgment of more than this tells the round-trip time (RFC 6298 §3: one a round trip).
    pub(super) measured: SeqNumber,
}

/// The peer's half of the stream (RFC 9293 §3.3.1: RCV).
pub(super) struct Receiver {
    pub(super) nxt: SeqNumber,
    /// Where the window that the peer knows ends. It never moves back (RFC 9293 §3.8.6).
    pub(super) edge: SeqNumber,
    pub(super) scale: u8,
    /// How much the peer may send ahead.
    pub(super) buffer: u32,
    /// The peer's FIN, once it was seen.
    pub(super) fin: Option<SeqNumber>,
    /// How many bytes came in order: the position of `nxt` in the stream.
    pub(super) position: u64,
    /// Made when something has to wait.
    pub(super) queue: Option<Box<ReceiveQueue>>,
    pub(super) acknowledgment: Acknowledgment,
    /// In order since the last acknowledgment.
    pub(super) unacknowledged: u32,
    /// How much of that the next one leaves out.
    pub(super) left_out: u32,
    /// Data bytes of the peer's segments, as far as they were seen.
    pub(super) segment: u16,
    /// Acknowledgments owed to a peer that counts them.
    pub(super) duplicates: u8,
    /// What came twice, to be said once (RFC 2883).
    pub(super) twice: Option<(SeqNumber, SeqNumber)>,
    /// Where what came last out of order begins: the first range of a selective acknowledgment (RFC 2018 §4).
    pub(super) newest: SeqNumber,
    /// Where the present round trip of measuring began.
    pub(super) measured_from: SeqNumber,
    /// When it ends.
    pub(super) measured_until: Instant,
}

/// When what came is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledgment {
    None,
    Delayed,
    Now,
}

/// Timestamps (RFC 7323 §4, §5), once both ends agreed on them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// What is added to our milliseconds, so that they tell nothing else about us (RFC 7323 §7.1).
    pub(super) offset: u32,
    /// TS.Recent.
    pub(super) recent: u32,
    /// When TS.Recent was taken, in our milliseconds without the offset.
    pub(super) recent_at: u32,
}

impl Clock {
    pub(super) fn now(&self, now: Instant) -> u32 {
        self.offset.wrapping_add(millis(now))
    }
}

/// Milliseconds, as timestamps count them. They wrap.
pub(super) fn millis(now: Instant) -> u32 {
    (now.as_nanos() / 1_000_000) as u32
}

impl Sender {
    pub(super) fn new(initial: SeqNumber, mss: u16) -> Sender {
        Sender {
            una: initial,
            nxt: initial,
            window: 0,
            wl1: SeqNumber(0),
            wl2: SeqNumber(0),
            most: 0,
            scale: 0,
            mss,
            path_mss: mss,
            fin: Fin::Open,
            coalescing: Coalescing::default(),
            hurries: false,
            owes_timeout: false,
            unanswered: 0,
            queue: SendQueue::default(),
            flight: Flight::new(initial),
            measured: initial,
        }
    }
}

impl Receiver {
    pub(super) fn new(nxt: SeqNumber, buffer: u32, now: Instant) -> Receiver {
        Receiver {
            nxt,
            edge: nxt,
            scale: 0,
            buffer,
            fin: None,
            position: 0,
            queue: None,
            acknowledgment: Acknowledgment::None,
            unacknowledged: 0,
            left_out: 0,
            segment: limits::MSS_DEFAULT.0,
            duplicates: 0,
            twice: None,
            newest: nxt,
            measured_from: nxt,
            measured_until: now,
        }
    }
}
