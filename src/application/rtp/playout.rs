//! The jitter buffer: packets come in any order and leave in the right one, each once, when it is time to play them.
//!
//! A packet is played as long after the first as its timestamp says, and a *delay* later than the quickest packets came. The
//! delay follows the spread of arrivals: it grows when a packet comes late, and shrinks slowly when it is longer than
//! needed. What is missing when its time has come is given up; what comes behind that is discarded.

use std::time::Duration;

use crate::base::limits;
use crate::base::time::Instant;

/// The delay at first, and at least and at most.
const FIRST: i64 = 40_000_000;
const LEAST: i64 = 10_000_000;
const MOST: i64 = 1_000_000_000;
/// Packets after which the delay is looked at, in two halves that overlap.
const WINDOW: u32 = 256;

/// Why a packet is not played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// Its place was played, or given up.
    Late,
    /// It waits there already.
    Again,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Played<'a> {
    /// A packet.
    Packet {
        /// Its extended number.
        number: u32,
        /// Its timestamp.
        timestamp: u32,
        /// What is to be played.
        payload: &'a [u8],
    },
    /// The packet with this number did not come in time.
    Lost(u32),
}

#[derive(Clone, Debug, Default)]
struct Slot {
    number: Option<u32>,
    timestamp: u32,
    /// Stays allocated when the slot is free.
    payload: Vec<u8>,
}

/// The buffer of one source.
#[derive(Clone, Debug)]
pub struct Playout {
    slots: Box<[Slot]>,
    rate: u32,
    /// The next number to be played.
    next: u32,
    /// The highest that came.
    highest: u32,
    /// Timestamps count from here; moved on, so that differences never wrap.
    origin: u32,
    origin_at: i64,
    /// When the quickest packets would have come, had their timestamp been the origin's; now and in the last window.
    base: i64,
    window_base: i64,
    window_spread: i64,
    in_window: u32,
    delay: i64,
}

impl Playout {
    /// A buffer for a stream whose first packet to be played has this number and timestamp.
    pub fn new(rate: u32, first: u32, timestamp: u32, now: Instant) -> Playout {
        let at = now.as_nanos() as i64;
        Playout {
            slots: vec![Slot::default(); limits::RTP_PLAYOUT].into_boxed_slice(),
            rate: rate.max(1),
            next: first,
            highest: first,
            origin: timestamp,
            origin_at: 0,
            base: at,
            window_base: i64::MAX,
            window_spread: 0,
            in_window: 0,
            delay: FIRST,
        }
    }

    /// How long after the quickest packets what came is played.
    pub fn delay(&self) -> Duration {
        Duration::from_nanos(self.delay as u64)
    }

    /// Whether a packet is so far ahead that others have to be [taken](Playout::take_any) first.
    pub fn is_beyond(&self, number: u32) -> bool {
        let ahead = number.wrapping_sub(self.next) as i32;
        ahead >= self.slots.len() as i32
    }

    /// Takes a packet in, which is not [beyond](Playout::is_beyond).
    ///
    /// # Errors
    /// Why it is not played.
    pub fn push(&mut self, number: u32, timestamp: u32, payload: &[u8], now: Instant) -> Result<(), Discarded> {
        let due = self.note_arrival(timestamp, now);
        if (number.wrapping_sub(self.next) as i32) < 0 {
            // The delay was too short for it.
            let late = now.as_nanos() as i64 - due;
            self.delay = (self.delay + late.max(0)).min(MOST);
            return Err(Discarded::Late);
        }
        let length = self.slots.len();
        let slot = &mut self.slots[number as usize % length];
        if slot.number.is_some() {
            return Err(Discarded::Again);
        }
        (slot.number, slot.timestamp) = (Some(number), timestamp);
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
        if (number.wrapping_sub(self.highest) as i32) > 0 {
            self.highest = number;
        }
        Ok(())
    }

    /// Learns from an arrival; returns when the packet is to be played.
    fn note_arrival(&mut self, timestamp: u32, now: Instant) -> i64 {
        let media = self.media_time(timestamp);
        let transit = now.as_nanos() as i64 - media;
        self.window_base = self.window_base.min(transit);
        self.base = self.base.min(transit);
        self.window_spread = self.window_spread.max(transit - self.base);
        self.in_window += 1;
        if self.in_window >= WINDOW {
            // Clocks drift: what was quickest long ago says nothing any more.
            self.base = self.window_base;
            let needed = (self.window_spread + self.window_spread / 4).clamp(LEAST, MOST);
            self.delay = if needed > self.delay { needed } else { self.delay - (self.delay - needed) / 4 };
            (self.window_base, self.window_spread, self.in_window) = (i64::MAX, 0, 0);
        }
        media + self.base + self.delay
    }

    /// Nanoseconds from the first origin to a timestamp.
    fn media_time(&mut self, timestamp: u32) -> i64 {
        let ticks = timestamp.wrapping_sub(self.origin) as i32;
        let span = self.span(ticks);
        if ticks > 1 << 28 {
            (self.origin, self.origin_at) = (timestamp, self.origin_at + span);
            return self.origin_at;
        }
        self.origin_at + span
    }

    fn span(&self, ticks: i32) -> i64 {
        i64::from(ticks) * 1_000_000_000 / i64::from(self.rate)
    }

    fn due(&self, timestamp: u32) -> i64 {
        let ticks = timestamp.wrapping_sub(self.origin) as i32;
        self.origin_at + self.span(ticks) + self.base + self.delay
    }

    /// What is to be played by now.
    pub fn take(&mut self, now: Instant) -> Option<Played<'_>> {
        // A packet that is missing is waited for until one behind it is due.
        let first = self.first_waiting()?;
        if self.due(first) > now.as_nanos() as i64 { None } else { self.take_any() }
    }

    /// What comes next, though it is not due: to make room, or at the end.
    pub fn take_any(&mut self) -> Option<Played<'_>> {
        self.first_waiting()?;
        let number = self.next;
        self.next = number.wrapping_add(1);
        let length = self.slots.len();
        let slot = &mut self.slots[number as usize % length];
        if slot.number.take_if(|waiting| *waiting == number).is_none() {
            return Some(Played::Lost(number));
        }
        Some(Played::Packet { number, timestamp: slot.timestamp, payload: &slot.payload })
    }

    /// Gives up what is missing before a packet, when nothing waits any more.
    pub fn skip_to(&mut self, number: u32) {
        if self.first_waiting().is_none() {
            (self.next, self.highest) = (number, number);
        }
    }

    /// The timestamp of the first packet that waits.
    fn first_waiting(&self) -> Option<u32> {
        let waiting = self.highest.wrapping_sub(self.next) as i32;
        (0..=waiting).find_map(|ahead| {
            let number = self.next.wrapping_add(ahead as u32);
            let slot = &self.slots[number as usize % self.slots.len()];
            (slot.number == Some(number)).then_some(slot.timestamp)
        })
    }

    /// When [`Playout::take`] has something next, unless more comes.
    pub fn deadline(&self) -> Option<Instant> {
        self.first_waiting().map(|timestamp| Instant::from_nanos(self.due(timestamp).max(0) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    /// Packets of 20 ms at 8 kHz, with loss, duplicates, delays that overtake each other, a clock that is wrong by 100 ppm,
    /// and numbers and timestamps that wrap.
    #[test]
    fn what_is_played_is_in_order_and_once_and_only_what_did_not_come_is_missing() {
        for seed in 0..20 {
            let mut random = Random::new([seed; 16]);
            let mut arrivals = Vec::new();
            let mut sent = vec![];
            let (first, stamp) = (u32::MAX - 1000, u32::MAX - 40_000);
            for n in 0..5000u32 {
                if random.below(100) < 5 {
                    continue;
                }
                sent.push(n);
                for _copy in 0..1 + random.below(20) / 19 {
                    let at = 1_000_000_000 + u64::from(n) * 20_002_000 + random.below(30_000_000);
                    arrivals.push((at, n));
                }
            }
            arrivals.sort_unstable();
            let start = Instant::from_nanos(arrivals[0].0);
            let mut playout = Playout::new(8000, first.wrapping_add(arrivals[0].1), stamp, start);
            let (mut played, mut lost, mut again, mut late) = (vec![], 0, 0, 0);
            let mut note = |playout: &mut Playout, now: Option<Instant>| {
                while let Some(next) = match now {
                    Some(now) => playout.take(now),
                    None => playout.take_any(),
                } {
                    match next {
                        Played::Packet { number, payload, .. } => {
                            assert_eq!(payload, number.wrapping_sub(first).to_be_bytes());
                            played.push(number.wrapping_sub(first));
                        }
                        Played::Lost(_) => lost += 1,
                    }
                }
            };
            for (at, n) in &arrivals {
                let now = Instant::from_nanos(*at);
                note(&mut playout, Some(now));
                assert!(!playout.is_beyond(first.wrapping_add(*n)));
                match playout.push(first.wrapping_add(*n), stamp.wrapping_add(n * 160), &n.to_be_bytes(), now) {
                    Ok(()) => {}
                    Err(Discarded::Again) => again += 1,
                    Err(Discarded::Late) => late += 1,
                }
            }
            note(&mut playout, None);
            assert!(played.is_sorted_by(|one, next| one < next), "in order, and none twice");
            let missing = sent.iter().filter(|n| played.binary_search(n).is_err()).count();
            assert!(missing <= late, "{missing} were not played, {late} came late");
            assert!(late < 60, "the delay follows: {late} late, {again} again, {lost} lost");
            assert!(playout.delay() < Duration::from_millis(120), "{:?}", playout.delay());
        }
    }

    #[test]
    fn a_jump_far_ahead_takes_bounded_room() {
        let mut playout = Playout::new(8000, 0, 0, Instant::ZERO);
        playout.push(0, 0, b"a", Instant::ZERO).unwrap();
        assert!(playout.is_beyond(3000));
        let mut seen = 0;
        while playout.is_beyond(3000) && playout.take_any().is_some() {
            seen += 1;
        }
        assert_eq!(seen, 1, "there is nothing else to be taken");
        playout.skip_to(3000);
        playout.push(3000, 480_000, b"b", Instant::ZERO).unwrap();
        assert_eq!(playout.take_any(), Some(Played::Packet { number: 3000, timestamp: 480_000, payload: b"b" }));
        assert_eq!(playout.take_any(), None);
    }
}
