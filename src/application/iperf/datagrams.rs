//! The data of a test over UDP.
//!
//! Every datagram begins with when it left, in seconds and microseconds, and its number, of 32 or 64 bits.

use std::time::Duration;

use super::Iperf;
use super::data::Signal;
use super::protocol::{Parameters, UDP_HELLO, UDP_WELCOME};
use super::test::{Direction, Party, Phase, Test};
use crate::application::{Answer, Batch, Datagrams, Io, Stream};
use crate::base::address::Flow;
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::time::Instant;

impl Datagrams for Iperf {
    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        let now = io.now();
        self.with(|current| {
            let Some(test) = current.as_mut().filter(|test| test.parameters.udp) else {
                return Answer::Drop(Dropped::PortUnreachable);
            };
            test.check_omitted(now);
            let wide = test.parameters.udp_counters_64bit.is_some();
            let known = test.streams.iter().position(|stream| stream.party == Party::Udp(*flow));
            match known.and_then(|position| test.streams.get_mut(position)) {
                Some(stream) => {
                    for datagram in batch.iter() {
                        if let Some((number, sent)) = read(datagram, wide) {
                            stream.datagram(number, sent, datagram.len(), now);
                        }
                    }
                }
                None if test.phase == Phase::Streams && batch.bytes().len() == UDP_HELLO => {
                    if test.add(Party::Udp(*flow)).is_some() {
                        let _lost = io.reply(flow, &UDP_WELCOME);
                        if test.is_complete() {
                            let _full = io.tell(test.control, Box::new(Signal::Complete));
                        }
                    }
                }
                None => return Answer::Drop(Dropped::PortUnreachable),
            }
            Answer::Done
        })
    }
}

fn read(datagram: &[u8], wide: bool) -> Option<(i64, f64)> {
    let word = |at: usize| Some(u32::from_be_bytes(datagram.get(at..at + 4)?.try_into().ok()?));
    let sent = f64::from(word(0)?) + f64::from(word(4)?) / 1e6;
    let number = match wide {
        true => i64::from_be_bytes(datagram.get(8..16)?.try_into().ok()?),
        false => i64::from(word(8)?),
    };
    Some((number, sent))
}

/// Sends datagrams at a rate.
pub(super) struct Sender {
    length: usize,
    /// Between two datagrams of a stream.
    interval: Duration,
    wide: bool,
    /// When the next one of each stream is due.
    due: Instant,
    number: i64,
}

/// A datagram holds at least its head.
const LEAST: usize = 16;
/// Between two rounds of a sender without a limit.
const ROUND: Duration = Duration::from_micros(50);

impl Sender {
    pub(super) fn new(parameters: &Parameters, now: Instant) -> Sender {
        let length = parameters.len.max(LEAST);
        let interval = match parameters.bandwidth {
            0 => Duration::ZERO,
            rate => Duration::from_secs_f64(length as f64 * 8.0 / rate as f64),
        };
        let wide = parameters.udp_counters_64bit.is_some();
        Sender { length, interval, wide, due: now, number: 0 }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.due
    }

    /// Sends what is due, to every stream alike.
    pub(super) fn send(&mut self, test: &mut Test, stream: &mut Stream<'_>) {
        let now = stream.io.now();
        for _ in 0..limits::DATAGRAMS_A_CALL {
            if self.due > now {
                return;
            }
            let number = self.number + 1;
            for to in test.streams.iter_mut().filter(|stream| stream.direction == Direction::Send) {
                let Party::Udp(flow) = to.party else { continue };
                let written = stream.io.send(flow, self.length, |place| {
                    write(place, number, now, self.wide);
                    place.len()
                });
                if written.is_err() {
                    // The call is full: the rest is due in the next one.
                    self.due = now + ROUND;
                    return;
                }
                (to.bytes, to.packets) = (to.bytes + self.length as u64, number);
            }
            self.number = number;
            self.due = self.due + self.interval;
        }
        self.due = self.due.max(now + ROUND);
    }
}

fn write(place: &mut [u8], number: i64, now: Instant, wide: bool) {
    let (seconds, nanos) = (now.as_nanos() / 1_000_000_000, now.as_nanos() % 1_000_000_000);
    place.fill(b'0');
    place[..4].copy_from_slice(&(seconds as u32).to_be_bytes());
    place[4..8].copy_from_slice(&((nanos / 1000) as u32).to_be_bytes());
    match wide {
        true => place[8..16].copy_from_slice(&number.to_be_bytes()),
        false => place[8..12].copy_from_slice(&(number as u32).to_be_bytes()),
    }
}
