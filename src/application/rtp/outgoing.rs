//! A stream of ours, as RTCP sees it.

use std::time::Duration;

use super::breaker::{Breaker, Told};
use super::ntp::{self, Ntp};
use super::rtcp::{ReportBlock, SenderInfo};
use super::source::media_time;
use crate::base::time::Instant;

/// What a receiver said last of a stream of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feedback {
    /// Who.
    pub from: u32,
    /// Of the packets since its last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning.
    pub lost: i32,
    /// The highest extended number that came.
    pub highest: u32,
    /// In units of the timestamp.
    pub jitter: u32,
    /// There and back.
    pub round_trip: Option<Duration>,
}

/// One of our own SSRCs, whether it sends or not.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its name; another one after a collision.
    pub ssrc: u32,
    rate: u32,
    first_timestamp: u32,
    began: Instant,
    packets: u64,
    octets: u64,
    with_headers: u64,
    /// When it sent last.
    sent: Option<Instant>,
    /// What was said of it last.
    pub feedback: Option<Feedback>,
    pub(super) breaker: Breaker,
}

impl Outgoing {
    /// An SSRC whose media clock of `rate` has `first_timestamp` at `began`.
    pub fn new(ssrc: u32, rate: u32, first_timestamp: u32, began: Instant) -> Outgoing {
        Outgoing {
            ssrc,
            rate,
            first_timestamp,
            began,
            packets: 0,
            octets: 0,
            with_headers: 0,
            sent: None,
            feedback: None,
            breaker: Breaker::default(),
        }
    }

    /// A packet was sent, of so many octets, of which so many are payload.
    pub fn packet(&mut self, length: usize, payload: usize, now: Instant) {
        self.packets += 1;
        self.octets += payload as u64;
        self.with_headers += (length + super::session::OVERHEAD) as u64;
        self.sent = Some(now);
    }

    /// Packets so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Octets of payload so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether it sent since `then`.
    pub(super) fn sent_since(&self, then: Instant) -> bool {
        self.sent.is_some_and(|sent| sent >= then)
    }

    /// What an SR says of it.
    pub(super) fn info(&self, ntp: Ntp, now: Instant) -> SenderInfo {
        SenderInfo {
            ntp: ntp.0.into(),
            timestamp: media_time(self.first_timestamp, self.began, self.rate, now).into(),
            packets: (self.packets as u32).into(),
            octets: (self.octets as u32).into(),
        }
    }

    /// Somebody reports on it.
    pub(super) fn told(&mut self, from: u32, block: &ReportBlock, wall: Ntp, now: Instant) -> Option<Duration> {
        let round_trip = ntp::round_trip(wall, block.last_sr.get(), block.delay.get());
        let (fraction_lost, highest) = (block.fraction_lost, block.highest.get());
        let feedback =
            Feedback { from, fraction_lost, lost: block.lost(), highest, jitter: block.jitter.get(), round_trip };
        self.feedback = Some(feedback);
        let told = Told { fraction_lost, highest, round_trip };
        self.breaker.report(told, (self.packets, self.with_headers), now);
        round_trip
    }
}
