//! Randomness that follows from one seed, so that a run can be repeated to the bit.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// A generator whose output cannot be predicted by those who do not know its seed.
///
/// SipHash-2-4 of a counter: a keyed pseudorandom function, a few nanoseconds a number.
#[derive(Clone, Debug)]
pub struct Random {
    key: [u8; 16],
    count: u64,
}

impl Random {
    /// A generator that repeats itself for an equal seed.
    pub fn new(seed: [u8; 16]) -> Random {
        Random { key: seed, count: 0 }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write_u64(self.count);
        hasher.finish()
    }

    /// A number below `end`; zero when `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        // Multiply-shift: the bias is below 2⁻³² for the small ranges that a stack asks for.
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }
}
