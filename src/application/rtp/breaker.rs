//! When a stream of ours has to end, because it does harm or nobody hears it (RFC 8083).

use std::time::Duration;

use crate::base::time::Instant;

/// Reports in a row that have to say the same (RFC 8083 §4.3: CB_INTERVAL with an interval of 5 s is 3).
const REPORTS: u32 = 3;
/// Intervals of reporting after which silence is a failure (§4.4).
const SILENT_INTERVALS: u32 = 3;
/// How many times what TCP would send is too much (§4.3).
const TOO_MUCH: f64 = 10.0;

/// Why a stream of ours ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tripped {
    /// Reports say that nothing arrives (§4.2).
    MediaTimeout,
    /// Who reported does not any more (§4.4). Who never did is not known to speak RTCP.
    RtcpTimeout,
    /// It takes ten times what TCP would on that path (§4.3).
    Congestion,
}

impl Tripped {
    /// For the BYE, and for people.
    pub fn reason(self) -> &'static str {
        match self {
            Tripped::MediaTimeout => "receivers report that nothing arrives",
            Tripped::RtcpTimeout => "receivers do not report any more",
            Tripped::Congestion => "the path is congested",
        }
    }
}

/// What a report says of the stream.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Of the packets since the last report.
    pub fraction_lost: u8,
    /// Extended.
    pub highest: u32,
    /// If it can be told.
    pub round_trip: Option<Duration>,
}

/// The breaker of one stream.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    heard: Option<Instant>,
    highest: u32,
    standing: u32,
    congested: u32,
    sent_before: (u64, u64, Instant),
    tripped: Option<Tripped>,
}

impl Breaker {
    /// A report came. So much was sent before: packets, and octets with all headers.
    pub fn report(&mut self, told: Told, sent: (u64, u64), now: Instant) {
        let Told { fraction_lost, highest, round_trip } = told;
        let (packets, octets, since) = self.sent_before;
        let (packets, octets) = (sent.0.saturating_sub(packets), sent.1.saturating_sub(octets));
        self.sent_before = (sent.0, sent.1, now);
        let is_first = self.heard.replace(now).is_none();
        // What was sent before the first report says nothing of an interval.
        let stands = !is_first && packets > 0 && highest == self.highest;
        self.standing = if stands { self.standing + 1 } else { 0 };
        self.highest = highest;
        let rate = octets as f64 / now.since(since).as_secs_f64().max(1e-3);
        let congested = match round_trip.map(|span| span.as_secs_f64()) {
            Some(round_trip) if !is_first && packets > 0 && fraction_lost > 0 && round_trip > 0.0 => {
                let size = octets as f64 / packets as f64;
                let loss = f64::from(fraction_lost) / 256.0;
                rate > TOO_MUCH * size / (round_trip * (loss * 2.0 / 3.0).sqrt())
            }
            _ => false,
        };
        self.congested = if congested { self.congested + 1 } else { 0 };
        if self.standing >= REPORTS {
            self.tripped.get_or_insert(Tripped::MediaTimeout);
        } else if self.congested >= REPORTS {
            self.tripped.get_or_insert(Tripped::Congestion);
        }
    }

    /// Looks at it, once an interval of reporting: whether and why the stream has to end.
    pub fn check(&mut self, interval: Duration, now: Instant) -> Option<Tripped> {
        if self.heard.is_some_and(|heard| now.since(heard) > interval * SILENT_INTERVALS) {
            self.tripped.get_or_insert(Tripped::RtcpTimeout);
        }
        self.tripped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(told: impl Fn(u64) -> Told, sent: impl Fn(u64) -> (u64, u64)) -> Option<Tripped> {
        let mut breaker = Breaker::default();
        for n in 1..=5 {
            let now = Instant::from_millis(n * 5000);
            breaker.report(told(n), sent(n), now);
            assert!(n >= 4 || breaker.check(Duration::from_secs(5), now).is_none(), "not before the fourth");
        }
        breaker.check(Duration::from_secs(5), Instant::from_millis(25_000))
    }

    fn told(fraction_lost: u8, highest: u32, millis: u64) -> Told {
        Told { fraction_lost, highest, round_trip: Some(Duration::from_millis(millis)) }
    }

    #[test]
    fn a_stream_ends_when_it_does_harm_or_nobody_hears_it() {
        let calm = |n| (n * 250, n * 250 * 212);
        assert_eq!(after(|n| told(0, n as u32 * 250, 50), calm), None);
        assert_eq!(after(|n| told(13, n as u32 * 250, 50), calm), None, "5 % is no reason to end a call");
        assert_eq!(after(|_| told(0, 250, 50), calm), Some(Tripped::MediaTimeout));
        assert_eq!(after(|_| told(0, 250, 50), |_| (0, 0)), None, "nothing arrives, for nothing is sent");
        let flood = |n| (n * 50_000, n * 50_000 * 1400);
        assert_eq!(after(|n| told(128, n as u32 * 50_000, 200), flood), Some(Tripped::Congestion));
        let mut breaker = Breaker::default();
        assert_eq!(breaker.check(Duration::from_secs(5), Instant::from_millis(100_000)), None);
        breaker.report(told(0, 1, 1), (1, 1), Instant::from_millis(100_000));
        assert_eq!(breaker.check(Duration::from_secs(5), Instant::from_millis(115_000)), None);
        assert_eq!(breaker.check(Duration::from_secs(5), Instant::from_millis(115_001)), Some(Tripped::RtcpTimeout));
    }
}
