//! The Internet checksum (RFC 1071).
//!
//! The ones' complement sum does not care for byte order, so everything is summed as it lies in memory and the
//! result is stored as it is: [`Sum`] never swaps a byte of the data.

use multiversion::multiversion;

use crate::base::address::{Address, Family};

/// From here on wide instructions are worth their setting up.
const LONG: usize = 256;

/// A running ones' complement sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Sum = Sum(0);

    /// The sum of bytes that begin at an even position.
    #[inline]
    pub fn of(bytes: &[u8]) -> Sum {
        Sum::ZERO.bytes(bytes)
    }

    /// The pseudo-header of a transport protocol (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1). `length` counts the
    /// transport header and its payload.
    #[inline(always)]
    pub fn pseudo(source: Address, destination: Address, protocol: u8, length: usize) -> Sum {
        let [a, b, c, d] = (length as u32).to_be_bytes();
        let rest = Sum(u64::from(u32::from_ne_bytes([a, b, c, d]))).word(u16::from(protocol));
        match source.family() {
            Family::V4 => rest.quad(source.low4()).quad(destination.low4()),
            Family::V6 => rest.address(source).address(destination),
        }
    }

    /// Adds another sum.
    #[inline]
    pub fn and(self, other: Sum) -> Sum {
        Sum(self.0 + other.0)
    }

    /// Adds a 16-bit number in network order.
    #[inline]
    pub fn word(self, word: u16) -> Sum {
        Sum(self.0 + u64::from(word.to_be()))
    }

    /// Adds a field as it lies in the packet.
    #[inline]
    pub fn field(self, field: [u8; 2]) -> Sum {
        Sum(self.0 + u64::from(u16::from_ne_bytes(field)))
    }

    /// Takes a field away (RFC 1624 §3, equation 4: adds its complement).
    #[inline]
    pub fn without(self, field: [u8; 2]) -> Sum {
        Sum(self.0 + u64::from(!u16::from_ne_bytes(field)))
    }

    /// Adds bytes that begin at an even position.
    #[inline]
    pub fn bytes(self, bytes: &[u8]) -> Sum {
        if bytes.len() >= LONG {
            return Sum(self.0 + long(bytes));
        }
        // Two totals, for each addition has to wait for the one before it.
        let (pairs, rest) = bytes.as_chunks::<16>();
        let (mut even, mut odd) = (Words::default(), Words::default());
        for pair in pairs {
            if let ([one, other], _) = pair.as_chunks::<8>() {
                even.add(*one);
                odd.add(*other);
            }
        }
        let (words, rest) = rest.as_chunks::<8>();
        words.iter().for_each(|word| even.add(*word));
        let sum = self.and(even.sum()).and(odd.sum());
        if rest.is_empty() { sum } else { sum.short(rest) }
    }

    /// Adds several pieces that lie one behind the other on the wire, the first at an even position. What begins at an
    /// odd one counts with its bytes swapped (RFC 1071 §2 B).
    pub fn pieces<'a>(self, pieces: impl Iterator<Item = &'a [u8]>) -> Sum {
        let mut position = 0;
        pieces.fold(self, |sum, piece| {
            let odd = position % 2 == 1;
            position += piece.len();
            if odd {
                let [a, b] = Sum::of(piece).folded();
                sum.field([b, a])
            } else {
                sum.bytes(piece)
            }
        })
    }

    /// Adds fewer than eight bytes.
    #[inline]
    fn short(self, bytes: &[u8]) -> Sum {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let sum = pairs.iter().fold(self, |sum, pair| sum.field(*pair));
        rest.iter().fold(sum, |sum, last| sum.field([*last, 0]))
    }

    /// Adds a header without options, whose length the compiler knows.
    #[inline]
    pub fn header<const N: usize>(self, bytes: &[u8; N]) -> Sum {
        bytes.as_chunks::<4>().0.iter().fold(self, |sum, quad| sum.quad(*quad))
    }

    /// The sum folded to 16 bits, as a partial checksum field holds it.
    #[inline]
    pub fn folded(self) -> [u8; 2] {
        // Halves are added with the carry coming back in, which cannot carry once more.
        let (sum, carry) = ((self.0 >> 32) as u32).overflowing_add(self.0 as u32);
        let sum = sum + u32::from(carry);
        let (sum, carry) = ((sum >> 16) as u16).overflowing_add(sum as u16);
        (sum + u16::from(carry)).to_ne_bytes()
    }

    /// The checksum: the complement of the folded sum.
    #[inline]
    pub fn checksum(self) -> [u8; 2] {
        (!u16::from_ne_bytes(self.folded())).to_ne_bytes()
    }

    /// Whether a sum over data *with* its checksum says that the data is whole.
    #[inline]
    pub fn is_whole(self) -> bool {
        self.folded() == [0xff, 0xff]
    }

    /// Adds an IPv4 address as it lies in the packet.
    #[inline]
    pub fn quad(self, quad: [u8; 4]) -> Sum {
        Sum(self.0 + u64::from(u32::from_ne_bytes(quad)))
    }

    #[inline]
    fn address(self, address: Address) -> Sum {
        let bytes = u128::from_ne_bytes(address.to_v6());
        let quad = |shift: u32| u64::from((bytes >> shift) as u32);
        Sum(self.0 + quad(0) + quad(32) + quad(64) + quad(96))
    }
}

/// A ones' complement sum of 64-bit words.
#[derive(Clone, Copy, Default)]
struct Words(u64);

impl Words {
    #[inline]
    fn add(&mut self, word: [u8; 8]) {
        // The carry comes back in at the bottom.
        let (sum, carry) = self.0.overflowing_add(u64::from_ne_bytes(word));
        self.0 = sum + u64::from(carry);
    }

    #[inline]
    fn sum(self) -> Sum {
        Sum((self.0 >> 32) + (self.0 & 0xffff_ffff))
    }
}

/// The sum of long data. The compiler makes wide instructions of it, which want to be set up; the widest ones that the
/// processor has are picked when the program runs.
#[multiversion(targets("x86_64+avx2"))]
fn long(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<128>();
    let mut lanes = [0u64; 16];
    for block in blocks {
        for half in block.as_chunks::<64>().0 {
            // 32-bit pieces in 64-bit lanes: no carry can be lost below 16 GiB.
            for (lane, quad) in lanes.iter_mut().zip(half.as_chunks::<4>().0) {
                *lane += u64::from(u32::from_ne_bytes(*quad));
            }
        }
    }
    let (quads, rest) = rest.as_chunks::<4>();
    let quads = quads.iter().map(|quad| u64::from(u32::from_ne_bytes(*quad))).sum::<u64>();
    lanes.iter().sum::<u64>() + quads + Sum::ZERO.short(rest).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071 §4.1, word by word.
    fn plainly(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    proptest! {
        #[test]
        fn as_the_rfc_has_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(u16::from_be_bytes(Sum::of(&bytes).checksum()), plainly(&bytes));
        }

        #[test]
        fn replacing_a_field_is_summing_anew(mut bytes in prop::collection::vec(any::<u8>(), 4..64), new: [u8; 2]) {
            let before = Sum::of(&bytes);
            let old = [bytes[2], bytes[3]];
            bytes[2..4].copy_from_slice(&new);
            let updated = before.without(old).field(new);
            // Ones' complement has two zeros; both mean the same.
            let same = |sum: Sum| if sum.folded() == [0xff; 2] { [0; 2] } else { sum.folded() };
            prop_assert_eq!(same(updated), same(Sum::of(&bytes)));
        }
    }

    proptest! {
        #[test]
        fn pieces_add_up(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let whole = pieces.concat();
            let sum = Sum::ZERO.pieces(pieces.iter().map(Vec::as_slice));
            prop_assert_eq!(u16::from_be_bytes(sum.checksum()), plainly(&whole));
        }
    }

    #[test]
    fn the_largest_packet_loses_no_carry() {
        let bytes = vec![0xff; 65_536];
        assert_eq!(u16::from_be_bytes(Sum::of(&bytes).checksum()), plainly(&bytes));
    }
}
