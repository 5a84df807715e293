use etherparse::checksum::Sum16BitWords;
use proptest::prelude::*;
use proptest::sample::Index;
use taphouse::wire::checksum::Sum;

use super::bytes;

/// For pnet_packet: leave no word out.
const NO_WORD: usize = usize::MAX;

proptest! {
    #[test]
    fn any_bytes_sum_alike(bytes in bytes(0..3000)) {
        let ours = Sum::of(&bytes).checksum();
        prop_assert_eq!(ours, Sum16BitWords::new().add_slice(&bytes).ones_complement().to_ne_bytes());
        // pnet_packet has an opinion of its own about nothing: zero.
        if !bytes.is_empty() {
            prop_assert_eq!(u16::from_be_bytes(ours), pnet_packet::util::checksum(&bytes, NO_WORD));
        }
    }

    #[test]
    fn a_sum_in_parts_is_the_sum_of_the_whole(bytes in bytes(0..300), cut: Index) {
        let (front, back) = bytes.split_at(cut.index(bytes.len() + 1) & !1);
        let whole = Sum::of(&bytes).folded();
        prop_assert_eq!(Sum::of(front).bytes(back).folded(), whole);

        let by_words = bytes.chunks(2).fold(Sum::ZERO, |sum, pair| match *pair {
            [a, b] => sum.word(u16::from_be_bytes([a, b])),
            _ => sum.bytes(pair),
        });
        prop_assert_eq!(by_words.folded(), whole);

        let by_fields = bytes.chunks(2).fold(Sum::ZERO, |sum, pair| match *pair {
            [a, b] => sum.field([a, b]),
            _ => sum.bytes(pair),
        });
        prop_assert_eq!(by_fields.folded(), whole);
    }

    #[test]
    fn data_with_its_checksum_is_whole(mut bytes in bytes(2..300)) {
        bytes[..2].fill(0);
        let checksum = Sum::of(&bytes).checksum();
        bytes[..2].copy_from_slice(&checksum);
        prop_assert!(Sum::of(&bytes).is_whole());
    }
}

#[test]
fn the_largest_packets_sum_alike() {
    for (length, byte) in [(65_535, 0xff), (65_535, 0x00), (65_534, 0xff), (65_535, 0x80)] {
        let bytes = vec![byte; length];
        let ours = Sum::of(&bytes).checksum();
        assert_eq!(ours, Sum16BitWords::new().add_slice(&bytes).ones_complement().to_ne_bytes());
        assert_eq!(u16::from_be_bytes(ours), pnet_packet::util::checksum(&bytes, NO_WORD));
    }
}
