//! IP output: one header in front of what is to be sent.

use super::Outbound;
use crate::base::address::{Address, Family};
use crate::base::hash::HashKey;
use crate::base::random::Random;
use crate::buffer::Draft;
use crate::wire::ethernet::EtherType;
use crate::wire::{ipv4, ipv6};

/// Names for datagrams that are cut, or may be (RFC 6864 §4.1, RFC 7739 §5.3): counters that are shared by few destinations,
/// start anywhere, and are picked by a secret, which also hides from each destination what the others see of its counter.
pub struct Identifications {
    counters: Box<[u32; 1024]>,
    key: HashKey,
}

impl Identifications {
    /// Counters that start anywhere.
    pub fn new(random: &mut Random) -> Identifications {
        let counters = std::array::from_fn(|_| random.next_u64() as u32);
        Identifications { counters: Box::new(counters), key: HashKey::new(random) }
    }

    /// The next name between two hosts; IPv4 has room for its lower half.
    pub fn next(&mut self, source: Address, destination: Address) -> u32 {
        let hash = self.key.hash((source, destination));
        let counter = &mut self.counters[hash as usize % 1024];
        *counter = counter.wrapping_add(1);
        counter.wrapping_add((hash >> 32) as u32)
    }
}

/// Puts the header in front of a draft behind which `payload` more bytes go. The caller knows that all of it fits
/// into the 16 bits of its length, or that the device takes a superframe over IPv4 without one.
#[inline]
pub fn prepend(
    draft: &mut Draft<'_>,
    payload: usize,
    outbound: &Outbound,
    identifications: &mut Identifications,
) -> EtherType {
    let Outbound { source, destination, protocol, hop_limit, traffic_class, dont_fragment } = *outbound;
    let payload_length = draft.len() + payload;
    match destination.family() {
        Family::V4 => {
            // RFC 6864 §4: what cannot be cut needs no name.
            let (identification, flags_offset) = match dont_fragment {
                true => (0, ipv4::DONT_FRAGMENT),
                false => (identifications.next(source, destination) as u16, 0),
            };
            *draft.prepend() = ipv4::Header::new(ipv4::Fields {
                traffic_class,
                payload_length,
                identification,
                flags_offset,
                time_to_live: hop_limit,
                protocol,
                source: source.low4(),
                destination: destination.low4(),
            });
            EtherType::IPV4
        }
        Family::V6 => {
            let ends = (source, destination);
            *draft.prepend() = ipv6::Header::new(traffic_class, payload_length as u16, protocol, hop_limit, ends);
            EtherType::IPV6
        }
    }
}

/// Bytes of the header that [`prepend`] writes.
#[inline]
pub fn header_length(family: Family) -> usize {
    match family {
        Family::V4 => ipv4::LENGTH,
        Family::V6 => ipv6::LENGTH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// RFC 7739 §3, Class F: what one destination sees of ours says nothing about what another does, or about how much we
    /// send.
    #[test]
    fn identifications_of_one_destination_tell_nothing_of_another() {
        let mut identifications = Identifications::new(&mut Random::new([1; 16]));
        let host = |last: u8| Address::from_v4([10, 77, 0, last]);
        let first = identifications.next(host(2), host(1));
        let others: Vec<u32> = (3..=200).map(|last| identifications.next(host(2), host(last))).collect();
        let moved = identifications.next(host(2), host(1)).wrapping_sub(first);
        assert!((1..=3).contains(&moved), "of 200 others, few share its counter: {moved}");
        let steps: HashSet<u32> = others.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        assert!(steps.len() > 180, "they begin anywhere: {} steps", steps.len());
    }
}
