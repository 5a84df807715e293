//! Tags of IEEE 802.1Q: our own, others', none, and those that only tell a priority.

use std::time::Duration;

use proptest::prelude::*;
use taphouse::base::counters::Dropped;
use taphouse::buffer::{Checksum, Offload, SegmentKind};
use taphouse::link::vlan::Vlan;
use taphouse::stack::Config;

use crate::neighbors::here_i_am;
use crate::offload::{partial, segments};
use crate::packet::*;
use crate::reading::{datagram, read, read_offloaded};
use crate::samples::who_has_us;
use crate::wire::{Host, OFFLOADS, PLAIN, config};

const OWN: u16 = 77;

fn in_vlan(capabilities: taphouse::device::Capabilities) -> Host {
    Host::new(capabilities, &Config { vlan: Vlan::new(OWN), ..config() })
}

/// The same frame with a tag.
fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    [&frame[..12], &[0x81, 0], &tag.to_be_bytes(), &frame[12..]].concat()
}

/// The same frame without our tag.
#[track_caller]
fn untagged(frame: &[u8]) -> Vec<u8> {
    assert_eq!(frame[12..16], [0x81, 0, 0, OWN as u8], "it is in our VLAN, with priority 0");
    [&frame[..12], &frame[16..]].concat()
}

fn moved(offload: Offload, by: i16) -> Offload {
    let checksum = match offload.checksum {
        Checksum::Partial { start, offset } => Checksum::Partial { start: start.wrapping_add_signed(by), offset },
        other => other,
    };
    Offload { checksum, ..offload }
}

#[test]
fn within_a_vlan_everything_is_as_without() {
    for capabilities in [PLAIN, OFFLOADS] {
        let (mut with, mut without) = (in_vlan(capabilities), Host::new(capabilities, &config()));
        let mut frames = vec![(who_has_us(), Offload::default())];
        for family in BOTH {
            // Answered in place, parked for a neighbour, delivered to it; an error; behind other headers.
            let plain = [
                echo(family, &pattern(100)).frame(),
                udp(family, 5000, 19, b"").frame(),
                here_i_am(family),
                udp(family, 5000, 19, b"").frame(),
                udp(family, 5000, 99, &pattern(9)).frame(),
                tcp(family, |header| header.syn = true, b"").frame(),
            ];
            frames.extend(plain.map(|frame| (frame, Offload::default())));
            if capabilities == OFFLOADS {
                frames.push(partial(&udp(family, 5000, 7, &pattern(50)), None));
                frames.push(partial(&udp(family, 5000, 7, &pattern(5000)), segments(SegmentKind::Udp, 1000)));
            }
        }
        for (frame, offload) in frames {
            // A priority and the drop bit say nothing to us.
            with.give(&tagged(&frame, 0xf000 | OWN), moved(offload, 4));
            without.give(&frame, offload);
            let [with, without] = [with.turn(), without.turn()];
            let with: Vec<_> =
                with.into_iter().map(|(frame, offload)| (untagged(&frame), moved(offload, -4))).collect();
            assert_eq!(with, without);
        }
        assert_eq!(with.counters().dropped_in_all(), without.counters().dropped_in_all());
    }
}

#[test]
fn frames_of_others_are_dropped_by_name() {
    let mut host = in_vlan(PLAIN);
    for family in BOTH {
        let asked = echo(family, b"").frame();
        for other in [1, OWN + 1, 4094, 4095] {
            host.drops(&tagged(&asked, other), Dropped::OtherVlan);
        }
        host.drops(&asked, Dropped::Untagged);
        host.drops(&tagged(&asked, 0xe000), Dropped::Untagged);
        host.drops(&tagged(&tagged(&asked, OWN), OWN), Dropped::OtherVlan);
        for length in 14..18 {
            host.drops(
                &tagged(&asked, OWN)[..length],
                if length < 16 { Dropped::Untagged } else { Dropped::Truncated },
            );
        }
    }
}

#[test]
fn without_a_vlan_a_priority_is_passed_over() {
    let mut host = Host::plain();
    for family in BOTH {
        let asked = echo(family, b"urgent").frame();
        assert_eq!(host.answer(&tagged(&asked, 0xe000)), host.answer(&asked), "the answer has no tag");
        for other in [1, OWN, 0xe000 | OWN, 4095] {
            host.drops(&tagged(&asked, other), Dropped::OtherVlan);
        }
        host.drops(&tagged(&tagged(&asked, 0), 0), Dropped::OtherVlan);
    }
    let mut host = Host::offloading();
    let (frame, offload) = partial(&udp(BOTH[0], 5000, 7, &pattern(50)), None);
    host.give(&tagged(&frame, 0xe000), moved(offload, 4));
    let answers = host.turn();
    assert_eq!(answers.len(), 1);
    assert_eq!(datagram(&read_offloaded(&answers[0].0, answers[0].1)), (7, 5000, &pattern(50)[..]));
}

#[test]
fn what_is_asked_unasked_is_tagged_too() {
    let start = taphouse::stack::Start::Probed;
    let mut host = Host::new(PLAIN, &Config { vlan: Vlan::new(OWN), start, ask_rarp: Some(Vec::new()), ..config() });
    let sent: Vec<_> = (0..100).flat_map(|_| host.pass(Duration::from_millis(100))).collect();
    assert!(sent.len() > 8);
    for (frame, _) in &sent {
        let frame = untagged(frame);
        if frame[12..14] == [0x86, 0xdd] {
            read(&frame);
        }
    }
}

proptest! {
    #[test]
    fn no_tagged_frame_breaks_the_host(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        tag in prop_oneof![Just(OWN), Just(0), any::<u16>()],
        start: u16,
        own: bool,
    ) {
        let mut host = if own { in_vlan(OFFLOADS) } else { Host::offloading() };
        let mut bytes = bytes;
        if let Some(place) = bytes.get_mut(12..16) {
            place.copy_from_slice(&[[0x81, 0], tag.to_be_bytes()].concat());
        }
        host.give(&bytes, Offload { checksum: Checksum::Partial { start, offset: 6 }, segments: None });
        host.turn();
    }
}
