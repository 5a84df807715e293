//! Devices that say of a frame what is not true.

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::buffer::{Checksum, Offload, SegmentKind, Segments};

use crate::offload::{partial, segments};
use crate::packet::*;
use crate::wire::{Host, OFFLOADS, PLAIN, config};

fn at(start: usize, offset: u8) -> Checksum {
    Checksum::Partial { start: start as u16, offset }
}

#[test]
fn a_checksum_field_that_is_elsewhere_is_a_lie() {
    for family in BOTH {
        let mut host = Host::offloading();
        let packet = udp(family, 5000, 7, &pattern(100));
        let start = packet.transport();
        let (frame, _) = partial(&packet, None);
        let lies = [(0, 0), (14, 10), (start - 2, 6), (start + 2, 6), (start, 0), (start, 4), (start, 8), (start, 16)];
        for (start, offset) in lies.into_iter().chain([(frame.len(), 0), (start, 0x7f), (0xffff, 0xff)]) {
            let offload = Offload { checksum: at(start, offset), segments: None };
            host.drops_offloaded(&frame, offload, Dropped::OffloadLie);
        }
    }
}

#[test]
fn a_checksum_that_no_device_computes_is_a_lie() {
    for family in BOTH {
        let mut host = Host::offloading();
        for packet in [echo(family, b"eight by"), Packet::new(family, 99, pattern(30), None)] {
            let offload = Offload { checksum: at(packet.transport(), 2), segments: None };
            host.drops_offloaded(&packet.frame(), offload, Dropped::OffloadLie);
        }
    }
}

#[test]
fn segments_unlike_the_packet_are_a_lie() {
    let kinds = [SegmentKind::Tcp4, SegmentKind::Tcp6, SegmentKind::Udp];
    for family in BOTH {
        let mut host = Host::offloading();
        for kind in kinds {
            if kind != SegmentKind::Udp {
                let (frame, offload) = partial(&udp(family, 5000, 7, &pattern(3000)), segments(kind, 1000));
                host.drops_offloaded(&frame, offload, Dropped::OffloadLie);
            }
            if (kind, family) != (SegmentKind::Tcp4, Family::V4) && (kind, family) != (SegmentKind::Tcp6, Family::V6) {
                let (frame, offload) = partial(&tcp(family, |_| {}, &pattern(3000)), segments(kind, 1000));
                host.drops_offloaded(&frame, offload, Dropped::OffloadLie);
            }
            let frame = echo(family, &pattern(3000)).frame();
            let offload = Offload { checksum: at(14 + ip_length(family), 2), segments: segments(kind, 1000) };
            host.drops_offloaded(&frame, offload, Dropped::OffloadLie);
        }
    }
}

#[test]
fn segments_of_nothing_or_with_one_checksum_are_a_lie() {
    for family in BOTH {
        let mut host = Host::offloading();
        let packet = udp(family, 5000, 7, &pattern(3000));
        let (frame, offload) = partial(&packet, segments(SegmentKind::Udp, 0));
        host.drops_offloaded(&frame, offload, Dropped::OffloadLie);
        for checksum in [Checksum::Complete, Checksum::Verified] {
            let offload = Offload { checksum, segments: segments(SegmentKind::Udp, 1000) };
            host.drops_offloaded(&packet.frame(), offload, Dropped::OffloadLie);
        }
    }
}

#[test]
fn a_device_does_only_what_it_said_it_could() {
    for family in BOTH {
        let mut plain = Host::plain();
        let (frame, offload) = partial(&udp(family, 5000, 7, b"partial"), None);
        plain.drops_offloaded(&frame, offload, Dropped::OffloadLie);
        let superframe = partial(&udp(family, 5000, 7, &pattern(3000)), segments(SegmentKind::Udp, 1000));
        for capabilities in [PLAIN, taphouse::device::Capabilities { segment_udp: false, ..OFFLOADS }] {
            Host::new(capabilities, &config()).drops_offloaded(&superframe.0, superframe.1, Dropped::OffloadLie);
        }
        let kind = if family == Family::V4 { SegmentKind::Tcp4 } else { SegmentKind::Tcp6 };
        let superframe = partial(&tcp(family, |_| {}, &pattern(3000)), Some(Segments { ecn: true, kind, size: 900 }));
        let mut without = Host::new(taphouse::device::Capabilities { segment_tcp: false, ..OFFLOADS }, &config());
        without.drops_offloaded(&superframe.0, superframe.1, Dropped::OffloadLie);
    }
}

#[test]
fn a_lie_is_found_in_a_packet_with_other_faults() {
    let mut host = Host::offloading();
    let packet = udp(Family::V6, 5000, 7, b"headers").behind(60, &[UDP, 0, 0x9e, 4, 0, 0, 0, 0]);
    let offload = Offload { checksum: at(54, 6), segments: None };
    host.drops_offloaded(&packet.frame(), offload, Dropped::OffloadLie);
    let packet = Packet { between: vec![7, 1, 0, 0], ..udp(Family::V4, 5000, 7, b"options") };
    let offload = Offload { checksum: at(34, 6), segments: None };
    host.drops_offloaded(&packet.frame(), offload, Dropped::OffloadLie);
}
