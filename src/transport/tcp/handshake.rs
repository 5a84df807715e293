//! A passive open between the SYN and the acknowledgment of ours: SYN-RECEIVED without queues.

use std::sync::Arc;

use super::connection::{Connection, Initial, State};
use super::flight::Flight;
use super::input::Offer;
use super::output::Path;
use super::segment::{Reply, Segment};
use super::tuning::Tuning;
use crate::base::limits;
use crate::base::time::Instant;
use crate::wire::tcp::flag;
use crate::wire::tcp_options::{Options, Timestamps};

/// What is kept of a SYN until its sender shows that it is there.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    initial: Initial,
    offer: Offer,
    /// When the first answer left.
    began: Instant,
    /// How often it was answered.
    answers: u8,
}

/// What a segment means for a handshake.
pub enum Progress {
    /// It is complete. The segment belongs to the connection now.
    Open(Box<Connection>),
    /// The SYN again: it is answered again.
    Again,
    /// The peer gave up.
    Gone,
    /// It cannot be from who sent the SYN (RFC 9293 §3.10.7.4): it is answered with a reset.
    Reset,
    /// It says nothing.
    Ignored,
}

impl Handshake {
    /// Begins with a SYN, whose data are left to be sent again.
    pub fn new(segment: &Segment, tuning: &Tuning, initial: Initial, now: Instant) -> Handshake {
        Handshake::of(Offer::of(segment).within(tuning), initial, now)
    }

    /// Begins with what a SYN said.
    pub(super) fn of(offer: Offer, initial: Initial, now: Instant) -> Handshake {
        Handshake { initial, offer, began: now, answers: 0 }
    }

    /// The SYN-ACK.
    pub fn answer(&mut self, tuning: &Tuning, path: Path, now: Instant) -> Reply {
        self.answers = self.answers.saturating_add(1);
        let clock = |recent| Timestamps { value: self.value(now), echo: recent };
        let options = Options {
            maximum_segment_size: Some(tuning.mss(path.link_mss)),
            window_scale: self.offer.window_scale.map(|_| tuning.window_scale()),
            sack_permitted: self.offer.selective,
            timestamps: self.offer.clock.map(clock),
            ..Options::default()
        };
        Reply {
            sequence: self.initial.sequence,
            acknowledgment: self.offer.sequence + 1,
            flags: flag::SYN | flag::ACK | if self.offer.notifies { flag::ECE } else { 0 },
            window: tuning.first_window(),
            options,
        }
    }

    /// When the SYN-ACK is to be sent again, or the handshake is over.
    pub fn deadline(&self) -> Instant {
        self.began + limits::RTO_INITIAL * ((1 << self.answers.min(limits::SYN_ACKS + 1)) - 1)
    }

    /// Whether it was answered often enough.
    pub fn is_over(&self) -> bool {
        self.answers > limits::SYN_ACKS
    }

    /// What a segment means for it (RFC 9293 §3.10.7.4, SYN-RECEIVED).
    pub fn on_segment(&self, segment: &Segment, tuning: &Arc<Tuning>, mss: u16, now: Instant) -> Progress {
        let next = self.offer.sequence + 1;
        let window = tuning.receive_buffer.0 as usize;
        if segment.has(flag::RST) {
            // RFC 5961 §3.2: exactly the next number, or it could be anybody's.
            return if segment.sequence == next { Progress::Gone } else { Progress::Ignored };
        }
        if segment.has(flag::SYN) {
            let same = segment.sequence == self.offer.sequence && !segment.has(flag::ACK);
            return if same { Progress::Again } else { Progress::Ignored };
        }
        if !segment.has(flag::ACK) || segment.sequence.from(next).unsigned_abs() as usize > window {
            return Progress::Ignored;
        }
        // RFC 7323 §5.3: an older clock is an older connection's.
        if let (Some(theirs), Some(first)) = (segment.options.timestamps, self.offer.clock)
            && (theirs.value.wrapping_sub(first) as i32) < 0
        {
            return Progress::Ignored;
        }
        if segment.acknowledgment != self.initial.sequence + 1 {
            return Progress::Reset;
        }
        // Once a connection; without the box every other answer would be as large as one.
        Progress::Open(Box::new(self.open(tuning, mss, now)))
    }

    /// It is complete.
    pub(super) fn open(&self, tuning: &Arc<Tuning>, mss: u16, now: Instant) -> Connection {
        let mut connection = Connection::connect(self.initial, mss, tuning.clone(), now);
        connection.state = State::Established;
        let first = self.initial.sequence + 1;
        (connection.snd.una, connection.snd.nxt, connection.snd.measured) = (first, first, first);
        connection.snd.flight = Flight::new(first);
        connection.agree(&self.offer, now);
        if self.answers == 1 {
            connection.rtt.sample(now - self.began);
            connection.rtt.note_least(now - self.began);
        }
        connection.events.opened = true;
        connection
    }

    fn value(&self, now: Instant) -> u32 {
        self.initial.clock.wrapping_add(super::variables::millis(now))
    }
}
