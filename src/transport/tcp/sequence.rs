//! Sequence numbers (RFC 9293 §3.4): 32 bits that wrap, so only those less than 2³¹ apart can be compared.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// The number of a byte of a stream, or of its SYN or FIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// How far this is ahead of `other`; negative when it is behind.
    #[inline]
    pub const fn from(self, other: SeqNumber) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// Whether this comes before `other`.
    #[inline]
    pub const fn is_before(self, other: SeqNumber) -> bool {
        self.from(other) < 0
    }

    /// Whether this comes after `other`.
    #[inline]
    pub const fn is_after(self, other: SeqNumber) -> bool {
        self.from(other) > 0
    }

    /// The later of two.
    #[inline]
    pub const fn later(self, other: SeqNumber) -> SeqNumber {
        if self.is_before(other) { other } else { self }
    }

    /// The earlier of two.
    #[inline]
    pub const fn earlier(self, other: SeqNumber) -> SeqNumber {
        if self.is_after(other) { other } else { self }
    }
}

impl Add<usize> for SeqNumber {
    type Output = SeqNumber;

    #[inline]
    fn add(self, count: usize) -> SeqNumber {
        SeqNumber(self.0.wrapping_add(count as u32))
    }
}

impl AddAssign<usize> for SeqNumber {
    #[inline]
    fn add_assign(&mut self, count: usize) {
        *self = *self + count;
    }
}

impl Sub for SeqNumber {
    type Output = usize;

    /// How far this is ahead; zero when it is behind.
    #[inline]
    fn sub(self, other: SeqNumber) -> usize {
        self.from(other).max(0) as usize
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap() {
        for start in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let (first, second) = (SeqNumber(start), SeqNumber(start) + 5);
            assert!(first.is_before(second) && second.is_after(first) && !first.is_after(first));
            assert_eq!((second - first, first - second, first.from(second)), (5, 0, -5));
            assert_eq!((first.later(second), first.earlier(second)), (second, first));
        }
    }
}
