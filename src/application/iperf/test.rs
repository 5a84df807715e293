//! One test: what was agreed, who takes part, and what was counted.

use std::time::Duration;

use super::protocol::{COOKIE, Parameters, Results, StreamResults};
use crate::application::SessionId;
use crate::base::address::Flow;
use crate::base::time::Instant;

/// Streams of a test in one direction.
pub(super) const STREAMS: usize = 128;

/// How far a test has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client says what it wants.
    Parameters,
    /// Its streams connect.
    Streams,
    /// Data flow.
    Running,
    /// The client tells what it counted, and is told what we did.
    Results,
    /// The client prints them.
    Display,
}

/// Which way the data of a stream go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Receive,
    Send,
}

/// Who a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Party {
    Tcp(SessionId),
    Udp(Flow),
}

/// One stream.
pub(super) struct StreamState {
    pub(super) party: Party,
    pub(super) direction: Direction,
    pub(super) bytes: u64,
    pub(super) packets: i64,
    pub(super) lost: i64,
    pub(super) jitter: f64,
    transit: Option<f64>,
    highest: i64,
    /// Packets and losses that came before what counts.
    before: (i64, i64),
}

impl StreamState {
    /// Takes in a datagram: its number, and when it left by the sender's clock (RFC 1889, appendix A.8).
    pub(super) fn datagram(&mut self, number: i64, sent: f64, length: usize, now: Instant) {
        self.bytes += length as u64;
        if number > self.highest {
            self.lost += number - self.highest - 1;
            self.highest = number;
        } else if self.lost > 0 {
            // It was late, not lost.
            self.lost -= 1;
        }
        self.packets = self.highest;
        let transit = now.as_nanos() as f64 / 1e9 - sent;
        if let Some(last) = self.transit.replace(transit) {
            self.jitter += ((transit - last).abs() - self.jitter) / 16.0;
        }
    }
}

/// A test that is going on.
pub(super) struct Test {
    pub(super) cookie: [u8; COOKIE],
    pub(super) control: SessionId,
    pub(super) phase: Phase,
    pub(super) parameters: Parameters,
    pub(super) streams: Vec<StreamState>,
    /// When what counts began, and ended.
    began: Option<Instant>,
    ended: Option<Instant>,
    omitted: bool,
}

impl Test {
    pub(super) fn new(cookie: [u8; COOKIE], control: SessionId) -> Test {
        let (phase, parameters) = (Phase::Parameters, Parameters::default());
        Test { cookie, control, phase, parameters, streams: Vec::new(), began: None, ended: None, omitted: false }
    }

    /// Adds a stream: those on which we receive connect first. Its position; `None` when all are there.
    pub(super) fn add(&mut self, party: Party) -> Option<usize> {
        let (receiving, sending) = self.parameters.streams();
        let position = self.streams.len();
        if position >= receiving + sending {
            return None;
        }
        let direction = if position < receiving { Direction::Receive } else { Direction::Send };
        let (bytes, packets, lost, jitter, transit) = (0, 0, 0, 0.0, None);
        self.streams.push(StreamState {
            party,
            direction,
            bytes,
            packets,
            lost,
            jitter,
            transit,
            highest: 0,
            before: (0, 0),
        });
        Some(position)
    }

    /// Whether every stream is there.
    pub(super) fn is_complete(&self) -> bool {
        let (receiving, sending) = self.parameters.streams();
        self.streams.len() == receiving + sending
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.phase = Phase::Running;
        self.began = Some(now);
    }

    pub(super) fn end(&mut self, now: Instant) {
        self.phase = Phase::Results;
        self.ended = Some(now);
    }

    /// Forgets what was counted when the seconds that do not count are over.
    pub(super) fn check_omitted(&mut self, now: Instant) {
        let omit = Duration::try_from_secs_f64(self.parameters.omit).unwrap_or_default();
        let Some(began) = self.began.filter(|began| !self.omitted && now - *began >= omit) else { return };
        self.omitted = true;
        self.began = Some(began + omit);
        if omit.is_zero() {
            return;
        }
        for stream in &mut self.streams {
            (stream.bytes, stream.jitter) = (0, 0.0);
            stream.before = (stream.packets, stream.lost);
        }
    }

    pub(super) fn results(&self, now: Instant) -> Results {
        let took = self.began.map_or(0.0, |began| (self.ended.unwrap_or(now) - began).as_secs_f64());
        let results = |(position, stream): (usize, &StreamState)| StreamResults {
            // As iperf3 numbers them: 1, 3, 4, 5 …
            id: if position == 0 { 1 } else { position + 2 },
            bytes: stream.bytes,
            retransmits: if self.parameters.udp { -1 } else { 0 },
            jitter: stream.jitter,
            errors: stream.lost - stream.before.1,
            packets: stream.packets - stream.before.0,
            start_time: 0.0,
            end_time: took,
        };
        Results {
            cpu_util_total: 0.0,
            cpu_util_user: 0.0,
            cpu_util_system: 0.0,
            sender_has_retransmits: if self.parameters.udp { -1 } else { 0 },
            congestion_used: "cubic",
            streams: self.streams.iter().enumerate().map(results).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_datagrams_are_not_lost() {
        let mut test = Test::new([0; COOKIE], SessionId(1));
        test.parameters.parallel = 1;
        let stream = test.add(Party::Tcp(SessionId(2))).unwrap();
        assert_eq!(test.add(Party::Tcp(SessionId(3))), None);
        let stream = &mut test.streams[stream];
        for (number, sent) in [(1, 0.001), (4, 0.004), (3, 0.003)] {
            stream.datagram(number, sent, 100, Instant::from_millis(number as u64));
        }
        assert_eq!((stream.packets, stream.lost, stream.bytes), (4, 1, 300));
        assert!(stream.jitter < 1e-6, "all took equally long");
    }
}
