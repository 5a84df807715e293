//! Whether packets are lost one at a time or in bursts (RFC 3611 §4.7.2).
//!
//! A burst begins and ends with a loss, and fewer than [`GMIN`] packets come between any two losses in it. What is not in a
//! burst is gap; a loss with [`GMIN`] packets around it lies in one.

/// Packets that come between two losses which do not belong together.
pub const GMIN: u8 = 16;

/// A stretch of losses that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    losses: u64,
    /// From the first loss to the last one.
    length: u64,
    /// Packets that came since.
    since: u64,
}

/// The losses of a stream, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bursts {
    packets: u64,
    last: Stretch,
    bursts: u64,
    /// Packets in bursts, and losses among them.
    length: u64,
    losses: u64,
    /// Losses in gaps.
    single: u64,
}

/// What can be said of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// The share of packets in bursts that were lost.
    pub burst_density: f64,
    /// The share of packets in gaps that were lost.
    pub gap_density: f64,
    /// Packets in a burst, in the mean.
    pub burst_length: f64,
    /// Packets in a gap, in the mean.
    pub gap_length: f64,
}

impl Bursts {
    /// What became of so many packets, up to 128: whether they came, the first of them in the highest bit.
    pub fn packets(&mut self, came: u128, count: u32) {
        let mut left = count;
        while left > 0 {
            let next = (came << (128 - left)).leading_ones().min(left);
            self.came(next);
            left -= next;
            let missing = (came << (128 - left.max(1))).leading_zeros().min(left);
            self.lost(missing.into());
            left -= missing;
        }
    }

    fn came(&mut self, packets: u32) {
        self.packets += u64::from(packets);
        self.last.since += u64::from(packets);
    }

    /// So many in a row did not come.
    pub fn lost(&mut self, packets: u64) {
        if packets == 0 {
            return;
        }
        self.packets += packets;
        if self.last.losses > 0 && self.last.since < u64::from(GMIN) {
            self.last.losses += packets;
            self.last.length += self.last.since + packets;
        } else {
            self.close();
            (self.last.losses, self.last.length) = (packets, packets);
        }
        self.last.since = 0;
    }

    /// The last stretch is over.
    fn close(&mut self) {
        let Stretch { losses, length, .. } = self.last;
        if losses > 1 {
            (self.bursts, self.length, self.losses) = (self.bursts + 1, self.length + length, self.losses + losses);
        } else {
            self.single += losses;
        }
    }

    /// What can be said up to now.
    pub fn so_far(&self) -> Losses {
        let mut all = self.clone();
        all.close();
        let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
        let gaps = all.packets - all.length;
        Losses {
            burst_density: share(all.losses, all.length),
            gap_density: share(all.single, gaps),
            burst_length: share(all.length, all.bursts),
            gap_length: share(gaps, all.bursts + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Marks each packet that lies in a burst, as the definition has it: between two losses that are nearer than `GMIN`.
    fn stated(came: &[bool]) -> Losses {
        let lost: Vec<usize> = (0..came.len()).filter(|n| !came[*n]).collect();
        let mut inside = vec![false; came.len()];
        for pair in lost.windows(2).filter(|pair| pair[1] - pair[0] <= usize::from(GMIN)) {
            inside[pair[0]..=pair[1]].fill(true);
        }
        let bursts = (0..came.len()).filter(|n| inside[*n] && (*n == 0 || !inside[*n - 1])).count();
        let count = |burst: bool, lost: bool| {
            (0..came.len()).filter(|n| inside[*n] == burst && (!lost || !came[*n])).count() as f64
        };
        Losses {
            burst_density: count(true, true) / count(true, false).max(1.0),
            gap_density: count(false, true) / count(false, false).max(1.0),
            burst_length: count(true, false) / bursts.max(1) as f64,
            gap_length: count(false, false) / (bursts + 1) as f64,
        }
    }

    proptest! {
        #[test]
        fn bursts_and_gaps_are_those_of_the_definition(
            runs in prop::collection::vec((any::<bool>(), 1usize..40), 0..30),
            cuts in prop::collection::vec(1u32..=128, 1..20),
        ) {
            let came: Vec<bool> = runs.iter().flat_map(|(came, length)| vec![*came || *length > 3; *length]).collect();
            let (mut bursts, mut rest) = (Bursts::default(), &came[..]);
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*cut as usize));
                bursts.packets(now.iter().fold(0, |bits, came| bits << 1 | u128::from(*came)), now.len() as u32);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(bursts.so_far(), stated(&came));
        }
    }
}
