//! Header prediction below the transport layer: packets come in trains.
//!
//! # Theory of operation
//!
//! The Ethernet and IP headers of a packet nearly always say what those of the packet before it said, but for its length,
//! its identification and the checksum over both. What the layers made of those headers then holds for the next packet,
//! too, and is not asked again. Only what may differ is looked at:
//!
//! ```text
//! Ethernet  │ destination, source, EtherType                                       the same
//! IPv4      │ version, IHL, TOS, flags, offset, TTL, protocol, source, destination the same
//!           │ total length                                                         within the frame
//!           │ identification                                                       of no meaning without fragments
//!           │ header checksum                                                      right: only the three are summed anew
//! IPv6      │ version, class, flow, next header, hop limit, source, destination    the same
//!           │ payload length                                                       within the frame
//!           │ extension headers                                                    the same
//! ```
//!
//! A packet with IPv4 options or a long chain of extension headers begins no train, and what differs from the packet before takes
//! the long way, where every drop has its name. What is remembered holds for one arrangement of the interface's addresses.

use arrayvec::ArrayVec;

use super::Packet;
use crate::base::address::Family;
use crate::buffer::Frame;
use crate::link::interface::{Arrangement, Interface, Place};
use crate::wire::checksum::Sum;
use crate::wire::{ethernet, ipv4, ipv6, protocol};

/// The packet before, and what its headers were.
#[derive(Default)]
pub struct Train {
    packet: Packet,
    /// When there is one that another packet may follow.
    likeness: Option<(Likeness, Arrangement)>,
}

/// What headers have to be like; what may differ is zero.
enum Likeness {
    V4 {
        words: [u64; 4],
        /// Of all that stays as it is in the header.
        sum: Sum,
    },
    V6 {
        words: [u64; 7],
        chain: ArrayVec<u8, CHAIN>,
    },
}

/// Bytes of extension headers that a train may have: a few of the usual ones.
const CHAIN: usize = 64;
const V4_HEADERS: usize = ethernet::LENGTH + ipv4::LENGTH;
const V6_HEADERS: usize = ethernet::LENGTH + ipv6::LENGTH;

impl Train {
    /// The packet that came last: valid when [`Train::continues`] said so, or since [`Train::first`] filled it in.
    #[inline]
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Whether a frame carries the next packet of the train, which is described by [`Train::packet`] then; its padding is
    /// cut off.
    #[inline(always)]
    pub fn continues(&self, frame: &mut Frame, interface: &Interface) -> bool {
        let bytes = frame.bytes();
        let end = match &self.likeness {
            Some((Likeness::V4 { words, sum }, of)) if *of == interface.arrangement() => {
                let Some(head) = bytes.first_chunk() else { return false };
                if !are_alike(v4_words(head), words) || !v4_sum(*sum, head).is_whole() {
                    return false;
                }
                let length = usize::from(u16_at(head, 16));
                if length < ipv4::LENGTH {
                    return false;
                }
                ethernet::LENGTH + length
            }
            Some((Likeness::V6 { words, chain }, of)) if *of == interface.arrangement() => {
                let Some(head) = bytes.first_chunk() else { return false };
                if !are_alike(v6_words(head), words) {
                    return false;
                }
                let length = usize::from(u16_at(head, 18));
                if !chain.is_empty() && (length < chain.len() || !bytes[V6_HEADERS..].starts_with(chain)) {
                    return false;
                }
                V6_HEADERS + length
            }
            _ => return false,
        };
        if end > bytes.len() {
            return false;
        }
        frame.truncate(end);
        true
    }

    /// Where the long way writes what it finds. No train goes on meanwhile.
    #[inline]
    pub fn first(&mut self) -> &mut Packet {
        self.likeness = None;
        &mut self.packet
    }

    /// Remembers the headers of the frame whose packet the long way let pass.
    #[inline]
    pub fn remember(&mut self, frame: &Frame, interface: &Interface) {
        // What comes from an address of ours is one claim, and no train.
        let is_claim = interface.place(self.packet.source) == Place::Here;
        if self.packet.network() != ethernet::LENGTH || is_claim {
            return;
        }
        let bytes = frame.bytes();
        let likeness = match self.packet.family {
            Family::V4 if !self.packet.is_plain() => None,
            Family::V4 => bytes.first_chunk().map(|head| {
                let sum = Sum::ZERO.field([head[14], head[15]]).field([head[20], head[21]]).field([head[22], head[23]]);
                let sum = sum.bytes(&head[26..]);
                Likeness::V4 { words: v4_words(head), sum }
            }),
            // What of neighbour discovery may stand behind a chain depends on what it is.
            Family::V6 if !self.packet.is_plain() && self.packet.protocol == protocol::ICMPV6 => None,
            Family::V6 => bytes.first_chunk().and_then(|head| {
                let chain = bytes.get(V6_HEADERS..self.packet.transport())?.try_into().ok()?;
                Some(Likeness::V6 { words: v6_words(head), chain })
            }),
        };
        self.likeness = likeness.map(|likeness| (likeness, interface.arrangement()));
    }
}

/// Whether they are the same, without a jump; and word by word, for a comparison of arrays puts them into memory one by one and
/// waits there to read them in wider pieces.
#[inline(always)]
fn are_alike<const N: usize>(words: [u64; N], others: &[u64; N]) -> bool {
    words.iter().zip(others).fold(0, |differences, (word, other)| differences | (word ^ other)) == 0
}

/// Eight bytes, as they lie.
#[inline(always)]
fn word<const N: usize>(head: &[u8; N], at: usize) -> u64 {
    head[at..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

#[inline(always)]
fn u16_at<const N: usize>(head: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([head[at], head[at + 1]])
}

/// All but total length, identification and checksum.
#[inline(always)]
fn v4_words(head: &[u8; V4_HEADERS]) -> [u64; 4] {
    const STAYS: u64 = u64::from_ne_bytes([0, 0, 0, 0, 255, 255, 255, 255]);
    [word(head, 8), word(head, 0), word(head, 16) & STAYS, word(head, 26)]
}

/// The header's sum, when that of what stays is known.
#[inline(always)]
fn v4_sum(stays: Sum, head: &[u8; V4_HEADERS]) -> Sum {
    stays.quad([head[16], head[17], head[18], head[19]]).field([head[24], head[25]])
}

/// All but the payload length.
#[inline(always)]
fn v6_words(head: &[u8; V6_HEADERS]) -> [u64; 7] {
    const STAYS: u64 = u64::from_ne_bytes([255, 255, 0, 0, 255, 255, 255, 255]);
    let [a, b, c] = [word(head, 8), word(head, 0), word(head, 16) & STAYS];
    [a, b, c, word(head, 24), word(head, 32), word(head, 40), word(head, 46)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::address::{Cidr, Mac};
    use crate::buffer::Offload;
    use crate::internet::{ipv4, ipv6};
    use crate::link::interface::Standing;
    use crate::link::{Arrival, ethernet};
    use crate::wire::ethernet::{EtherType, Header};

    fn interface() -> Interface {
        let mut interface = Interface::new(Mac::new([2, 0, 0, 0, 0, 2]), 1500);
        for own in ["10.77.0.2/24", "fd77::2/64"] {
            assert!(interface.add(own.parse::<Cidr>().unwrap(), Standing::Preferred));
        }
        interface
    }

    /// The long way, as the spine goes it.
    fn read(train: &mut Train, frame: &mut Frame, interface: &Interface) -> bool {
        let packet = train.first();
        let Ok((header, _)) = Header::parse(frame.bytes()) else { return false };
        let Ok(cast) = ethernet::input(header, interface) else { return false };
        let (ethertype, link) = (header.ethertype, Arrival { station: header.source(), cast });
        let read = match ethertype {
            EtherType::IPV4 => ipv4::input(frame, 14, link, interface, packet).is_ok(),
            EtherType::IPV6 => ipv6::input(frame, 14, link, interface, packet).is_ok(),
            _ => false,
        };
        if read {
            train.remember(frame, interface);
        }
        read
    }

    /// What stands in front of the transport header.
    #[derive(Clone, Copy, Debug)]
    enum Headers {
        V4,
        V6,
        /// Hop-by-hop and destination options.
        V6Options,
        /// An atomic fragment.
        V6Atomic,
    }

    fn behind(headers: Headers, length: usize) -> Vec<u8> {
        let (first, chain): (u8, &[u8]) = match headers {
            Headers::V4 => return frame(Family::V4, length),
            Headers::V6 => return frame(Family::V6, length),
            Headers::V6Options => (0, &[60, 0, 5, 2, 0, 0, 1, 0, 17, 0, 0x1e, 4, 1, 2, 3, 4]),
            Headers::V6Atomic => (44, &[17, 0, 0, 0, 1, 2, 3, 4]),
        };
        let mut bytes = frame(Family::V6, length);
        bytes.splice(54..54, chain.iter().copied());
        bytes[18..20].copy_from_slice(&((chain.len() + length) as u16).to_be_bytes());
        bytes[20] = first;
        bytes
    }

    fn headers() -> impl Strategy<Value = Headers> {
        prop_oneof![Just(Headers::V4), Just(Headers::V6), Just(Headers::V6Options), Just(Headers::V6Atomic)]
    }

    fn frame(family: Family, length: usize) -> Vec<u8> {
        let ethernet = |kind| [[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1].as_slice(), kind].concat();
        let mut bytes = match family {
            Family::V4 => {
                let fields = crate::wire::ipv4::Fields {
                    traffic_class: 0,
                    payload_length: length,
                    identification: 77,
                    flags_offset: 0x4000,
                    time_to_live: 64,
                    protocol: 17,
                    source: [10, 77, 0, 1],
                    destination: [10, 77, 0, 2],
                };
                let header = crate::wire::ipv4::Header::new(fields);
                [&ethernet(&[8, 0]), zerocopy::IntoBytes::as_bytes(&header)].concat()
            }
            Family::V6 => {
                let ends = ("fd77::1".parse().unwrap(), "fd77::2".parse().unwrap());
                let header = crate::wire::ipv6::Header::new(0, length as u16, 17, 64, ends);
                [&ethernet(&[0x86, 0xdd]), zerocopy::IntoBytes::as_bytes(&header)].concat()
            }
        };
        bytes.resize(bytes.len() + length, 0xa5);
        bytes
    }

    #[test]
    fn the_next_packet_continues_the_train() {
        let mut interface = interface();
        for headers in [Headers::V4, Headers::V6, Headers::V6Options, Headers::V6Atomic] {
            let mut train = Train::default();
            let mut first = Frame::from_bytes(&behind(headers, 60), Offload::default());
            assert!(!train.continues(&mut first, &interface), "nothing came before");
            assert!(read(&mut train, &mut first, &interface));
            let padded = [behind(headers, 9), vec![0; 20]].concat();
            let mut next = Frame::from_bytes(&padded, Offload::default());
            assert!(train.continues(&mut next, &interface));
            assert_eq!(next.len(), padded.len() - 20, "padding is cut off");
            let mut cut = Frame::from_bytes(&padded[..padded.len() - 21], Offload::default());
            assert!(!train.continues(&mut cut, &interface), "longer than its frame");
        }
        let mut train = Train::default();
        let mut first = Frame::from_bytes(&frame(Family::V4, 60), Offload::default());
        assert!(read(&mut train, &mut first, &interface));
        interface.remove("10.77.0.2".parse().unwrap());
        assert!(!train.continues(&mut first, &interface), "the address is not ours any more");
    }

    fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
        prop::collection::vec((0usize..76, any::<u8>()), 0..4)
    }

    proptest! {
        /// Whatever continues a train is what the long way would have made of it, to the letter.
        #[test]
        fn a_train_says_what_the_long_way_says(
            headers in headers(),
            length in 0usize..80,
            cut in 0usize..40,
            changes in changes(),
            mend: bool,
        ) {
            let interface = interface();
            let mut train = Train::default();
            let mut first = Frame::from_bytes(&behind(headers, 40), Offload::default());
            prop_assert!(read(&mut train, &mut first, &interface));

            let mut bytes = behind(headers, length);
            for (at, byte) in changes {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            if mend && matches!(headers, Headers::V4) && bytes.len() >= 34 {
                bytes[24..26].fill(0);
                let checksum = Sum::of(&bytes[14..34]).checksum();
                bytes[24..26].copy_from_slice(&checksum);
            }
            let (mut short, mut long) = [(); 2].map(|()| Frame::from_bytes(&bytes, Offload::default())).into();
            if train.continues(&mut short, &interface) {
                let said = format!("{:?}", train.packet());
                let mut other = Train::default();
                prop_assert!(read(&mut other, &mut long, &interface), "what the long way drops continues no train");
                prop_assert_eq!(said, format!("{:?}", other.packet()));
                prop_assert_eq!(short.bytes(), long.bytes());
            }
        }
    }
}
