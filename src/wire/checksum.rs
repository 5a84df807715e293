//! The Internet checksum (RFC 1071).
//!
//! The ones' complement sum does not care for byte order, so everything is summed as it lies in memory and the
//! result is stored as it is: [`Sum`] never swaps a byte of the data.

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
        if bytes.len() >= LONG { Sum(self.0 + long(bytes)) } else { self.brief(bytes) }
    }

    /// Adds bytes for which wide instructions are not worth their setting up.
    // Always inlined: of a datagram of some dozen bytes a call would be a noticeable part.
    #[inline(always)]
    fn brief(self, bytes: &[u8]) -> Sum {
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
            if odd { sum.swapped(Sum::of(piece)) } else { sum.bytes(piece) }
        })
    }

    /// The sum of bytes that are copied to `to`: each is read once for both. What does not fit is left out.
    #[inline]
    pub fn copied(from: &[u8], to: &mut [u8]) -> Sum {
        let fits = from.len().min(to.len());
        Sum(copy(&from[..fits], &mut to[..fits]))
    }

    /// The same of several pieces, one behind the other.
    pub fn copied_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>, mut to: &mut [u8]) -> Sum {
        let mut position = 0;
        pieces.fold(Sum::ZERO, |sum, piece| {
            let copied = Sum::copied(piece, to);
            let fits = piece.len().min(to.len());
            to = &mut std::mem::take(&mut to)[fits..];
            let odd = position % 2 == 1;
            position += fits;
            if odd { sum.swapped(copied) } else { sum.and(copied) }
        })
    }

    /// Adds the sum of a piece that begins at an odd position.
    #[inline]
    fn swapped(self, piece: Sum) -> Sum {
        let [a, b] = piece.folded();
        self.field([b, a])
    }

    /// Adds fewer than eight bytes.
    #[inline]
    fn short(mut self, mut bytes: &[u8]) -> Sum {
        // One step each: of a loop the compiler makes wide instructions, which take longer than all of it.
        if let Some((quad, rest)) = bytes.split_first_chunk() {
            (self, bytes) = (self.quad(*quad), rest);
        }
        if let Some((pair, rest)) = bytes.split_first_chunk() {
            (self, bytes) = (self.field(*pair), rest);
        }
        if let Some(last) = bytes.first() { self.field([*last, 0]) } else { self }
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

/// The sum of long data, with the widest instructions that the processor has.
#[inline(never)]
fn long(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() <= wide::MOST
        && let Some(v3) = pulp::x86::V3::try_new()
    {
        return v3.vectorize(wide::Wide { v3, bytes });
    }
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut lanes = [0u64; 16];
    for block in blocks {
        // 32-bit pieces in 64-bit lanes: no carry can be lost below 16 GiB.
        for (lane, quad) in lanes.iter_mut().zip(block.as_chunks::<4>().0) {
            *lane += u64::from(u32::from_ne_bytes(*quad));
        }
    }
    lanes.iter().sum::<u64>() + Sum::ZERO.brief(rest).0
}

/// The sum of data that are copied to where as many fit.
#[inline(never)]
fn copy(from: &[u8], to: &mut [u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if from.len() <= wide::MOST
        && let Some(v3) = pulp::x86::V3::try_new()
    {
        return v3.vectorize(wide::Copied { v3, from, to });
    }
    to.copy_from_slice(from);
    Sum::of(from).0
}

#[cfg(target_arch = "x86_64")]
mod wide {
    //! With AVX2, 32 bytes at a time.

    use pulp::x86::V3;
    use pulp::{NullaryFnOnce, cast, i16x16, i32x8};

    use super::Sum;

    /// Bytes of which no 32-bit lane overflows: 128 bytes add 2^16 to it at most.
    pub(super) const MOST: usize = 1 << 20;

    /// As many as there are additions under way at once: each waits for the one before it.
    type Lanes = [i32x8; 4];

    // VPMADDWD adds neighbouring words in one step, but takes them for signed: 2^15 less than they are, if their highest
    // bit is turned over.
    #[inline(always)]
    fn add(v3: V3, lanes: &mut i32x8, words: i16x16) {
        let signed = v3.xor_i16x16(words, v3.splat_i16x16(i16::MIN));
        let pairs: i32x8 = cast(v3.avx2._mm256_madd_epi16(cast(signed), cast(v3.splat_i16x16(1))));
        *lanes = v3.wrapping_add_i32x8(*lanes, pairs);
    }

    /// The sum of all that was added, `count` times.
    #[inline(always)]
    fn sum(v3: V3, [a, b, c, d]: Lanes, count: usize) -> u64 {
        let lanes = v3.wrapping_add_i32x8(v3.wrapping_add_i32x8(a, b), v3.wrapping_add_i32x8(c, d));
        let lanes: [i32; 8] = cast(lanes);
        let signed: i64 = lanes.iter().map(|lane| i64::from(*lane)).sum();
        // Sixteen words, each 2^15 short.
        (signed + ((count as i64) << 19)) as u64
    }

    /// What is to be summed.
    pub(super) struct Wide<'a> {
        pub(super) v3: V3,
        pub(super) bytes: &'a [u8],
    }

    impl NullaryFnOnce for Wide<'_> {
        type Output = u64;

        #[inline(always)]
        fn call(self) -> u64 {
            let Wide { v3, bytes } = self;
            let (words, rest) = bytes.as_chunks::<32>();
            let (blocks, few) = words.as_chunks::<4>();
            let mut lanes: Lanes = [v3.splat_i32x8(0); 4];
            for block in blocks {
                for (lanes, words) in lanes.iter_mut().zip(block) {
                    add(v3, lanes, cast(*words));
                }
            }
            for (lanes, words) in lanes.iter_mut().zip(few) {
                add(v3, lanes, cast(*words));
            }
            sum(v3, lanes, words.len()) + Sum::ZERO.brief(rest).0
        }
    }

    /// What is to be summed and copied.
    pub(super) struct Copied<'a> {
        pub(super) v3: V3,
        pub(super) from: &'a [u8],
        pub(super) to: &'a mut [u8],
    }

    impl NullaryFnOnce for Copied<'_> {
        type Output = u64;

        #[inline(always)]
        fn call(self) -> u64 {
            let Copied { v3, from, to } = self;
            let (words, rest) = from.as_chunks::<32>();
            let (places, place) = to.as_chunks_mut::<32>();
            // Seldom more than a few words, for which a call is not worth it.
            let (rest_words, rest_bytes) = rest.as_chunks::<8>();
            let (word_places, byte_places) = place.as_chunks_mut::<8>();
            for (place, word) in word_places.iter_mut().zip(rest_words) {
                *place = *word;
            }
            for (place, byte) in byte_places.iter_mut().zip(rest_bytes) {
                *place = *byte;
            }
            let (blocks, few) = words.as_chunks::<4>();
            let (block_places, few_places) = places.as_chunks_mut::<4>();
            let mut lanes: Lanes = [v3.splat_i32x8(0); 4];
            for (block, places) in blocks.iter().zip(block_places) {
                // All are read before the first is added: each is then read once, not once for its place and once for its sum,
                // which costs where pieces cross cache lines.
                let block: [i16x16; 4] = block.map(cast);
                for (words, place) in block.iter().zip(places) {
                    *place = cast(*words);
                }
                for (lanes, words) in lanes.iter_mut().zip(block) {
                    add(v3, lanes, words);
                }
            }
            for ((lanes, words), place) in lanes.iter_mut().zip(few).zip(few_places) {
                *place = *words;
                add(v3, lanes, cast(*words));
            }
            sum(v3, lanes, words.len()) + Sum::ZERO.brief(rest).0
        }
    }
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

    proptest! {
        #[test]
        fn pieces_are_copied(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8), room in 0usize..3200) {
            let whole = pieces.concat();
            let mut place = vec![0; room];
            let sum = Sum::copied_pieces(pieces.iter().map(Vec::as_slice), &mut place);
            let fits = room.min(whole.len());
            prop_assert_eq!(&place[..fits], &whole[..fits]);
            prop_assert_eq!(u16::from_be_bytes(sum.checksum()), plainly(&whole[..fits]));
        }
    }

    #[test]
    fn the_largest_packet_loses_no_carry() {
        let bytes = vec![0xff; 65_536];
        assert_eq!(u16::from_be_bytes(Sum::of(&bytes).checksum()), plainly(&bytes));
    }
}
