//! Initial sequence numbers (RFC 6528) and the offsets of timestamps (RFC 7323 §7.1).

use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher24;

use super::connection::Initial;
use super::sequence::SeqNumber;
use crate::base::address::Flow;
use crate::base::random::Random;
use crate::base::time::Instant;

/// A secret of this host, with which the numbers of every flow begin elsewhere.
#[derive(Clone)]
pub struct Secret {
    key: [u8; 16],
}

impl Secret {
    /// A new secret.
    pub fn new(random: &mut Random) -> Secret {
        let (a, b) = (random.next_u64().to_le_bytes(), random.next_u64().to_le_bytes());
        Secret { key: std::array::from_fn(|n| if n < 8 { a[n] } else { b[n - 8] }) }
    }

    /// RFC 6528 §3: a clock that ticks every 4 µs, shifted by a keyed hash of the flow. Numbers of one flow grow with
    /// time; those of another say nothing about them.
    pub fn initial(&self, flow: &Flow, now: Instant) -> Initial {
        let mut hasher = self.hasher();
        flow.hash(&mut hasher);
        let hash = hasher.finish();
        let ticks = (now.as_nanos() / 4_000) as u32;
        Initial { sequence: SeqNumber((hash as u32).wrapping_add(ticks)), clock: (hash >> 32) as u32 }
    }

    /// A hash that nobody else can compute.
    pub(super) fn hasher(&self) -> SipHasher24 {
        SipHasher24::new_with_key(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::{Address, Endpoint};
    use std::collections::HashSet;

    #[test]
    fn numbers_grow_for_one_flow_and_tell_nothing_of_another() {
        let secret = Secret::new(&mut Random::new([1; 16]));
        let end = |last, port| Endpoint { address: Address::from_v4([10, 77, 0, last]), port };
        let flow = |port| Flow { local: end(2, 80), remote: end(1, port) };
        let at = |port, millis| secret.initial(&flow(port), Instant::from_millis(millis)).sequence;
        assert_eq!(at(1, 4) - at(1, 0), 1000);
        let differences: HashSet<u32> = (1..1000).map(|port| at(port + 1, 0).0.wrapping_sub(at(port, 0).0)).collect();
        assert!(differences.len() > 990);
        let other = Secret::new(&mut Random::new([2; 16]));
        assert_ne!(other.initial(&flow(1), Instant::ZERO).sequence, at(1, 0));
    }
}
