//! Sequence numbers: which packets are of the stream, in which cycle, and how many are missing (RFC 3550 §A.1, §A.3).

use super::burst::{Bursts, Losses};

/// Packets in order that make a source believed (RFC 3550 §A.1, MIN_SEQUENTIAL).
pub const MIN_SEQUENTIAL: u8 = 2;
/// A gap that is still one of the same stream (MAX_DROPOUT).
pub const MAX_DROPOUT: u16 = 3000;
/// How far back a late packet may be (MAX_MISORDER).
pub const MAX_MISORDER: u16 = 100;

/// How many of the last packets are remembered.
const WINDOW: u16 = 128;
const CYCLE: u32 = 1 << 16;
/// Matches no sequence number.
const NONE: u32 = CYCLE + 1;

/// What a packet is in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The next one, or one behind a gap, with its extended number.
    Next(u32),
    /// It comes late, but came never before.
    Late(u32),
    /// It came before.
    Duplicate,
    /// The first of a stream that begins anew: its sender was started again, or its numbers jumped twice alike.
    Restarted(u32),
    /// The source is not believed yet. The packet is to be kept until it is.
    Probation,
    /// The last packet of the probation. All that was kept since the last such verdict is valid.
    Believed(u32),
    /// Far from all that came: of no stream that we know, unless another one follows it.
    Strange,
}

/// The numbers of one source.
#[derive(Clone, Debug)]
pub struct Sequence {
    max: u16,
    cycles: u32,
    base: u32,
    bad: u32,
    probation: u8,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
    /// Which of the last 128 came, the youngest in the lowest bit.
    seen: u128,
    duplicates: u32,
    reordered: u32,
    /// What became of those before the last `open`; these may still come late.
    bursts: Bursts,
    open: u16,
}

impl Sequence {
    /// A source whose first packet has this number; the packet itself is still to be [placed](Sequence::place).
    pub fn new(first: u16) -> Sequence {
        let mut sequence = Sequence {
            max: 0,
            cycles: 0,
            base: 0,
            bad: NONE,
            probation: MIN_SEQUENTIAL,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            seen: 0,
            duplicates: 0,
            reordered: 0,
            bursts: Bursts::default(),
            open: 0,
        };
        sequence.begin(first);
        sequence.max = first.wrapping_sub(1);
        sequence
    }

    fn begin(&mut self, first: u16) {
        (self.base, self.max, self.bad, self.cycles) = (u32::from(first), first, NONE, 0);
        (self.received, self.received_prior, self.expected_prior) = (0, 0, 0);
        (self.seen, self.duplicates, self.reordered) = (0, 0, 0);
        self.open = 1;
    }

    /// Says what a packet with this number is.
    #[inline]
    pub fn place(&mut self, number: u16) -> Place {
        let ahead = number.wrapping_sub(self.max);
        if self.probation > 0 {
            return self.prove(number, ahead);
        }
        if ahead < MAX_DROPOUT {
            if ahead == 0 {
                (self.received, self.duplicates) = (self.received.wrapping_add(1), self.duplicates + 1);
                return Place::Duplicate;
            }
            if number < self.max {
                self.cycles = self.cycles.wrapping_add(CYCLE);
            }
            if self.open + ahead > WINDOW {
                self.judge(ahead);
            }
            self.open += ahead.min(WINDOW);
            self.max = number;
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.received = self.received.wrapping_add(1);
            return Place::Next(self.highest());
        }
        if ahead <= u16::MAX - MAX_MISORDER + 1 {
            return self.jump(number);
        }
        self.received = self.received.wrapping_add(1);
        let back = self.max.wrapping_sub(number);
        let bit = 1 << back;
        if self.seen & bit != 0 {
            self.duplicates += 1;
            return Place::Duplicate;
        }
        self.seen |= bit;
        self.reordered += 1;
        // What lies before the first packet is late, and nothing that was expected.
        Place::Late(self.highest().wrapping_sub(u32::from(back)))
    }

    /// Those that are too old to come, and those that lie too far back once so many more are open, are judged.
    #[cold]
    fn judge(&mut self, ahead: u16) {
        let judged = (self.open + ahead - WINDOW).max(WINDOW - MAX_MISORDER).min(self.open);
        self.bursts.packets(self.seen >> (self.open - judged), judged.into());
        self.open -= judged;
        self.bursts.lost(ahead.saturating_sub(WINDOW).into());
    }

    /// Whether packets are lost one at a time or in bursts.
    pub fn losses(&self) -> Losses {
        let mut bursts = self.bursts.clone();
        bursts.packets(self.seen, self.open.into());
        bursts.so_far()
    }

    #[cold]
    fn prove(&mut self, number: u16, ahead: u16) -> Place {
        if ahead != 1 {
            self.probation = MIN_SEQUENTIAL - 1;
            self.max = number;
            return Place::Probation;
        }
        self.probation -= 1;
        self.max = number;
        if self.probation > 0 {
            return Place::Probation;
        }
        // RFC 3550 §A.1 begins to count here. What proved the source was kept, so it counts, too.
        let before = MIN_SEQUENTIAL - 1;
        self.begin(number.wrapping_sub(u16::from(before)));
        (self.max, self.received) = (number, u32::from(MIN_SEQUENTIAL));
        self.cycles = if number < u16::from(before) { CYCLE } else { 0 };
        self.seen = (1 << MIN_SEQUENTIAL) - 1;
        self.open = MIN_SEQUENTIAL.into();
        Place::Believed(self.highest())
    }

    #[cold]
    fn jump(&mut self, number: u16) -> Place {
        if u32::from(number) != self.bad {
            self.bad = u32::from(number.wrapping_add(1));
            return Place::Strange;
        }
        self.bursts.packets(self.seen, self.open.into());
        self.begin(number);
        (self.received, self.seen) = (1, 1);
        Place::Restarted(self.highest())
    }

    /// Whether it was believed.
    pub fn is_valid(&self) -> bool {
        self.probation == 0
    }

    /// The highest extended number that came (RFC 3550 §6.4.1).
    pub fn highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.max))
    }

    /// The extended number of the first packet.
    pub fn first(&self) -> u32 {
        self.base
    }

    /// Packets that should have come.
    pub fn expected(&self) -> u32 {
        if self.is_valid() { self.highest().wrapping_sub(self.base).wrapping_add(1) } else { 0 }
    }

    /// Packets that came, duplicates included.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Of them, those that came before.
    pub fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Of them, those that came behind a later one.
    pub fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Packets missing; negative where there were more duplicates than losses. 24 bits with a sign, as a report carries it
    /// (RFC 3550 §A.3).
    pub fn lost(&self) -> i32 {
        let lost = i64::from(self.expected()) - i64::from(self.received);
        lost.clamp(-0x80_0000, 0x7f_ffff) as i32
    }

    /// The fraction lost since the last call, in 256ths (RFC 3550 §A.3).
    pub fn fraction_lost(&mut self) -> u8 {
        let (expected, received) = (self.expected(), self.received);
        let expected_interval = expected.wrapping_sub(self.expected_prior);
        let received_interval = received.wrapping_sub(self.received_prior);
        (self.expected_prior, self.received_prior) = (expected, received);
        let lost = i64::from(expected_interval) - i64::from(received_interval);
        if expected_interval == 0 || lost <= 0 {
            0
        } else {
            ((lost << 8) / i64::from(expected_interval)).min(255) as u8
        }
    }

    /// Which of the last 128 packets came: bit *n* is that of [`Sequence::highest`] − *n*.
    pub fn seen(&self) -> u128 {
        self.seen
    }
}
