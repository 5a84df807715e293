//! Frames for properties: valid ones of every kind, the same with damage, and what devices say of them.

use std::net::Ipv6Addr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use taphouse::base::address::Family;
use taphouse::buffer::{Checksum, Offload, SegmentKind, Segments};

use crate::multicast::{igmp, mld};
use crate::offload::{partial, segments};
use crate::packet::*;

/// An ARP or RARP packet in a frame for all.
fn resolution(ether_type: u8, operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let head = [&EVERYBODY[..], &PEER_MAC, &[8, ether_type, 0, 1, 8, 0, 6, 4, 0, operation]].concat();
    [&head, &PEER_MAC[..], &sender, &[2, 0, 0, 0, 0, 0x77], &target].concat()
}

fn discovery(kind: u8, flags: u8, target: Ipv6Addr) -> Packet {
    let option = [kind - 134, 1, 2, 0, 0, 0, 0, 1];
    let rest = [&[flags, 0, 0, 0], &target.octets()[..], &option].concat();
    Packet { hop_limit: 255, ..icmp(Family::V6, kind, 0, &rest) }
}

/// What a test sends, and what its device says of it.
pub(crate) type Sample = (Vec<u8>, Offload);

/// Valid frames of every kind. All that we answer and all that we refuse is among them.
pub(crate) fn valid() -> impl Strategy<Value = Sample> {
    let payload = prop_oneof![4 => vec(any::<u8>(), 0..80), 1 => vec(any::<u8>(), 1300..1400)];
    let port = select(vec![7u16, 9, 19, 2000, 4000]);
    (0..18, select(&BOTH[..]), payload, port, any::<[u8; 4]>()).prop_map(|(kind, family, payload, port, word)| {
        let whole = |packet: Packet| (packet.frame(), Offload::default());
        let datagram = || udp(family, 5000, port, &payload);
        let chain = |option| [UDP, 0, option, 4, word[0], word[1], word[2], word[3]];
        let bare = |frame| (frame, Offload::default());
        match kind {
            0 => bare(resolution(6, 1, PEER_V4.octets(), STACK_V4.octets())),
            1 => bare(resolution(6, word[0] % 3, [10, 77, 0, word[1] % 4], [10, 77, 0, word[2] % 4])),
            2 => bare(resolution(0x35, 3, [0; 4], [0; 4])),
            3 | 4 => whole(echo(family, &payload)),
            5 => whole(Packet { checksum_at: None, ..datagram() }),
            6 => partial(&datagram(), None),
            7 => partial(
                &udp(family, 5000, port, &pattern(6000)),
                segments(SegmentKind::Udp, 1 + u16::from(word[0]) * 5),
            ),
            8 => whole(tcp(family, |header| (header.syn, header.ack) = (word[0] & 1 > 0, word[0] & 2 > 0), &payload)),
            9 => {
                let kind = if family == Family::V4 { SegmentKind::Tcp4 } else { SegmentKind::Tcp6 };
                partial(&tcp(family, |header| header.ack = true, &pattern(5000)), segments(kind, 1000))
            }
            10 => whole(discovery(135, 0, STACK_V6)),
            11 => whole(discovery(136, word[0] & 0xe0, if word[1] & 1 > 0 { PEER_V6 } else { STACK_V6 })),
            12 => whole(icmp(family, word[0], word[1] % 4, &payload)),
            13 => whole(udp(Family::V6, 5000, port, &payload).behind(select_header(word[0]), &chain(word[1]))),
            14 => {
                whole(Packet { between: vec![word[0], 4, word[1], word[2]], ..udp(Family::V4, 5000, port, &payload) })
            }
            15 => whole(Packet::new(family, word[0], payload, None)),
            16 => whole(match family {
                Family::V4 => igmp([&[0x11, word[0], 0, 0, 224 * (word[1] & 1), 0, 0, word[2]][..], &payload].concat()),
                Family::V6 => mld(130 + word[0] % 3, &[&[word[1], word[2], 0, 0][..], &[0; 16], &payload].concat()),
            }),
            _ => whole(datagram()),
        }
    })
}

fn select_header(number: u8) -> u8 {
    [0, 43, 44, 60][usize::from(number % 4)]
}

/// Anything that a device may say.
fn offloads() -> impl Strategy<Value = Offload> {
    let partial = (prop_oneof![Just(34u16), Just(54), 0..100u16, any::<u16>()], select(vec![0u8, 2, 6, 16, 0xff]))
        .prop_map(|(start, offset)| Checksum::Partial { start, offset });
    let checksum = prop_oneof![Just(Checksum::Complete), Just(Checksum::Verified), partial.clone(), partial];
    let kind = select(vec![SegmentKind::Tcp4, SegmentKind::Tcp6, SegmentKind::Udp]);
    let segments = (kind, any::<u16>(), any::<bool>()).prop_map(|(kind, size, ecn)| Segments { kind, size, ecn });
    (checksum, proptest::option::of(segments)).prop_map(|(checksum, segments)| Offload { checksum, segments })
}

/// A frame after some bytes were overwritten, mostly in its headers, after its end was lost or another one grew, or
/// after its device lied. Half the time what was damaged is given a right IPv4 header checksum again, so that the
/// damage gets further than there.
pub(crate) fn damaged() -> impl Strategy<Value = Sample> {
    let position = prop_oneof![2 => 12..24usize, 3 => 14..62usize, 1 => 0..1500usize];
    let byte = prop_oneof![any::<u8>(), select(vec![0u8, 1, 0x7f, 0x80, 0xff])];
    let overwritten = vec((position, byte), 0..4);
    let end = prop_oneof![3 => Just(None), 1 => any::<Index>().prop_map(Some)];
    let lie = prop_oneof![3 => Just(None), 1 => offloads().prop_map(Some)];
    (valid(), overwritten, end, vec(any::<u8>(), 0..9), lie, any::<bool>()).prop_map(
        |((mut frame, offload), overwritten, end, more, lie, repaired)| {
            for (position, value) in overwritten {
                if let Some(byte) = frame.get_mut(position) {
                    *byte = value;
                }
            }
            match end {
                Some(end) => frame.truncate(end.index(frame.len() + 1)),
                None => frame.extend(more),
            }
            if repaired && frame.len() >= 34 && frame[12..14] == [8, 0] {
                let length = (usize::from(frame[14] & 15) * 4).clamp(20, 60).min(frame.len() - 14);
                frame[24..26].fill(0);
                let checksum = !sum(&[&frame[14..14 + length]]);
                frame[24..26].copy_from_slice(&checksum.to_be_bytes());
            }
            (frame, lie.unwrap_or(offload))
        },
    )
}

/// Damaged ones and valid ones.
pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    prop_oneof![valid(), damaged()]
}

/// The peer asks who has our address, which tells us about the peer.
pub(crate) fn who_has_us() -> Vec<u8> {
    resolution(6, 1, PEER_V4.octets(), STACK_V4.octets())
}
