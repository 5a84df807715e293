//! What is known of one stream that comes in.

use std::time::Duration;

use super::burst::{GMIN, Losses};
use super::jitter::{Jitter, units};
use super::ntp;
use super::ntp::Ntp;
use super::quality;
use super::rtcp::ReportBlock;
use super::rtcp::xr::{UNAVAILABLE, VoipMetrics, milliseconds};
use super::sequence::{Place, Sequence};
use crate::base::time::Instant;

/// The last SR of a source.
#[derive(Clone, Copy, Debug)]
struct LastReport {
    middle: u32,
    came: Instant,
    ntp: Ntp,
    timestamp: u32,
}

/// One stream.
#[derive(Clone, Debug)]
pub struct Source {
    /// The numbers of its packets.
    pub sequence: Sequence,
    /// The spread of their arrivals.
    pub jitter: Jitter,
    rate: u32,
    payload_type: u8,
    last_sr: Option<LastReport>,
    first: Instant,
    /// When a packet came last.
    pub came: Instant,
    octets: u64,
    /// What was counted before its numbers began anew.
    before: Totals,
    reported_lost: u32,
    discarded: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    expected: u64,
    received: u64,
    duplicates: u64,
    reordered: u64,
}

/// What came of a stream, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Packets that came, duplicates included.
    pub received: u64,
    /// Packets that did not.
    pub lost: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that came behind later ones.
    pub reordered: u64,
    /// Packets that came too late to be heard, where there is somebody who hears them.
    pub discarded: u64,
    /// Octets of payload.
    pub octets: u64,
    /// In units of the timestamp.
    pub jitter: u32,
    /// Ticks of the timestamp in a second.
    pub rate: u32,
    /// The payload type of the last packet.
    pub payload_type: u8,
    /// From the first packet to the last.
    pub span: Duration,
    /// Between us and its sender, if it is known.
    pub round_trip: Option<Duration>,
    /// Mean opinion score, estimated.
    pub opinion: f64,
}

impl Source {
    /// A stream whose first packet has this number.
    pub fn new(number: u16, payload_type: u8, rate: u32, now: Instant) -> Source {
        Source {
            sequence: Sequence::new(number),
            jitter: Jitter::default(),
            rate,
            payload_type,
            last_sr: None,
            first: now,
            came: now,
            octets: 0,
            before: Totals::default(),
            reported_lost: 0,
            discarded: 0,
        }
    }

    /// A packet came.
    #[inline]
    pub fn packet(
        &mut self,
        number: u16,
        timestamp: u32,
        payload_type: u8,
        rate: u32,
        octets: usize,
        now: Instant,
    ) -> Place {
        if payload_type != self.payload_type {
            (self.payload_type, self.rate) = (payload_type, rate);
            self.jitter.restart();
        }
        let totals = self.totals();
        let place = self.sequence.place(number);
        match place {
            // A packet that is counted in nothing tells nothing of its stream.
            Place::Strange => return place,
            Place::Restarted(_) => {
                // The packet before, which announced the jump, counts nowhere.
                self.before = totals;
                self.jitter.restart();
            }
            _ => {}
        }
        self.jitter.packet(timestamp, units(now, self.rate));
        self.octets += octets as u64;
        self.came = now;
        place
    }

    fn totals(&self) -> Totals {
        let Totals { expected, received, duplicates, reordered } = self.before;
        Totals {
            expected: expected + u64::from(self.sequence.expected()),
            received: received + u64::from(self.sequence.received()),
            duplicates: duplicates + u64::from(self.sequence.duplicates()),
            reordered: reordered + u64::from(self.sequence.reordered()),
        }
    }

    /// Its sender told the time.
    pub fn sender_report(&mut self, ntp: Ntp, timestamp: u32, now: Instant) {
        self.last_sr = Some(LastReport { middle: ntp.middle(), came: now, ntp, timestamp });
    }

    /// When the sender sampled what has this timestamp, by its own wall clock, if it told that ever.
    pub fn wall_clock(&self, timestamp: u32) -> Option<Ntp> {
        let LastReport { ntp, timestamp: then, .. } = self.last_sr?;
        let ticks = i64::from(timestamp.wrapping_sub(then) as i32);
        let units = (i128::from(ticks) << 32) / i128::from(self.rate.max(1));
        Some(Ntp(ntp.0.wrapping_add(units as u64)))
    }

    /// What a report says of it (RFC 3550 §6.4.1); the fraction lost is that since the last call.
    pub fn report(&mut self, ssrc: u32, now: Instant) -> ReportBlock {
        let (last_sr, delay) = match self.last_sr {
            Some(LastReport { middle, came, .. }) => (middle, ntp::delay(now.since(came))),
            None => (0, 0),
        };
        ReportBlock {
            ssrc: ssrc.into(),
            fraction_lost: self.sequence.fraction_lost(),
            lost: ReportBlock::lost_bytes(self.sequence.lost()),
            highest: self.sequence.highest().into(),
            jitter: self.jitter.value().into(),
            last_sr: last_sr.into(),
            delay: delay.into(),
        }
    }

    /// Packets that went missing since the last call: for a picture loss indication.
    pub fn newly_lost(&mut self) -> u32 {
        let lost = self.sequence.lost().max(0) as u32;
        let newly = lost.saturating_sub(self.reported_lost);
        self.reported_lost = lost;
        newly
    }

    /// The last packet came too late to be heard.
    pub fn discard(&mut self) {
        self.discarded += 1;
    }

    /// The spread of arrivals as a time.
    pub fn jitter_time(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.jitter.value()) / f64::from(self.rate.max(1)))
    }

    /// What came of it so far.
    pub fn summary(&self, round_trip: Option<Duration>) -> Summary {
        let Totals { expected, received, duplicates, reordered } = self.totals();
        let unique = received - duplicates;
        let lost = expected.saturating_sub(unique);
        let share = lost as f64 / expected.max(1) as f64;
        Summary {
            received,
            lost,
            duplicates,
            reordered,
            discarded: self.discarded,
            octets: self.octets,
            jitter: self.jitter.value(),
            rate: self.rate,
            payload_type: self.payload_type,
            span: self.came.since(self.first),
            round_trip,
            opinion: quality::opinion(quality::rating(share, self.delay(round_trip))),
        }
    }

    /// From mouth to ear, as far as we know it: the way, and a buffer that takes most of the spread.
    fn delay(&self, round_trip: Option<Duration>) -> Duration {
        round_trip.unwrap_or_default() / 2 + self.jitter_time() * 2
    }

    /// The same for an extended report (RFC 3611 §4.7).
    pub fn metrics(&self, ssrc: u32, round_trip: Option<Duration>) -> VoipMetrics {
        let Summary { lost, discarded, opinion, .. } = self.summary(round_trip);
        let expected = self.totals().expected.max(1);
        let share = lost as f64 / expected as f64;
        let buffer = self.jitter_time() * 2;
        let Losses { burst_density, gap_density, burst_length, gap_length } = self.sequence.losses();
        let packet = self.came.since(self.first).as_secs_f64() / expected as f64;
        let time = |packets: f64| milliseconds(Duration::from_secs_f64(packets * packet));
        let tenths = (opinion * 10.0).round() as u8;
        VoipMetrics {
            ssrc: ssrc.into(),
            loss_rate: fraction(share),
            discard_rate: fraction(discarded as f64 / expected as f64),
            burst_density: fraction(burst_density),
            gap_density: fraction(gap_density),
            burst_duration: time(burst_length),
            gap_duration: time(gap_length),
            round_trip: milliseconds(round_trip.unwrap_or_default()),
            end_system: milliseconds(buffer),
            signal_level: UNAVAILABLE,
            noise_level: UNAVAILABLE,
            rerl: UNAVAILABLE,
            gmin: GMIN,
            r_factor: quality::rating(share, self.delay(round_trip)) as u8,
            external_r_factor: UNAVAILABLE,
            mos_lq: tenths,
            mos_cq: tenths,
            configuration: 0,
            reserved: 0,
            buffer_nominal: milliseconds(buffer),
            buffer_maximum: milliseconds(buffer),
            buffer_limit: milliseconds(Duration::from_secs(1)),
        }
    }
}

/// A share in 256ths.
fn fraction(share: f64) -> u8 {
    (share * 256.0).min(255.0) as u8
}

/// The media clock of a stream of ours at the same time as the wall clock's.
pub fn media_time(first: u32, began: Instant, rate: u32, now: Instant) -> u32 {
    first.wrapping_add(units(Instant::ZERO + now.since(began), rate))
}
