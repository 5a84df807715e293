//! Every format against two independent implementations, etherparse and pnet_packet:
//!
//! * what we build, they read with the same fields and the same checksum;
//! * what they build, we read with the same fields;
//! * of arbitrary and of damaged bytes we accept what etherparse's strict parsers accept. Where our rules
//!   differ on purpose, the test says so. pnet_packet takes no part in it: it can panic on such bytes.

mod arp;
mod checksum;
mod ethernet;
mod extension;
mod icmpv4;
mod icmpv6;
mod ipv4;
mod ipv6;
mod membership;
mod ndp;
mod tcp;
mod udp;

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Any bytes, of a length in `length`.
fn bytes(length: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length)
}

/// IPv4 or TCP options as far as their headers are concerned: up to 40 bytes in whole words.
fn words_of_options() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<[u8; 4]>(), 0..=10).prop_map(|words| words.concat())
}

/// A valid packet after up to three bytes were overwritten and, half the time, its end was lost.
///
/// Most damage goes to the first bytes, where the lengths are.
fn damaged(valid: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let position = prop_oneof![3 => 0..16usize, 1 => 0..1000usize];
    let overwritten = vec((position, any::<u8>()), 0..=3);
    (valid, overwritten, proptest::option::of(any::<Index>())).prop_map(|(mut bytes, overwritten, cut)| {
        for (position, value) in overwritten {
            if let Some(byte) = bytes.get_mut(position) {
                *byte = value;
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes
    })
}
