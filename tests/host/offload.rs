use std::time::Duration;

use etherparse::{TcpHeader, TcpOptionElement};
use taphouse::application::chargen::Chargen;
use taphouse::base::address::Family;
use taphouse::buffer::{Checksum, Offload, SegmentKind, Segments};
use taphouse::device::Capabilities;

use crate::neighbors::here_i_am;
use crate::packet::*;
use crate::reading::{datagram, finished, message, read, read_offloaded};
use crate::wire::{Host, OFFLOADS, config};

/// A packet whose checksum its sender left to the device: the field holds the pseudo-header's sum.
pub(crate) fn partial(packet: &Packet, segments: Option<Segments>) -> (Vec<u8>, Offload) {
    let at = packet.checksum_at.unwrap();
    let mut unsummed = packet.clone();
    let seed = sum(&[&pseudo(packet.source, packet.destination, packet.protocol, packet.payload.len())]);
    unsummed.payload[at..at + 2].copy_from_slice(&seed.to_be_bytes());
    unsummed.checksum_at = None;
    let checksum = Checksum::Partial { start: packet.transport() as u16, offset: at as u8 };
    (unsummed.frame(), Offload { checksum, segments })
}

pub(crate) fn segments(kind: SegmentKind, size: u16) -> Option<Segments> {
    Some(Segments { kind, size, ecn: false })
}

#[test]
fn an_echo_leaves_the_checksum_to_the_device_too() {
    for family in BOTH {
        let mut host = Host::offloading();
        for size in [0, 1, 8, 999, 1400] {
            let (frame, offload) = partial(&udp(family, 5000, 7, &pattern(size)), None);
            host.give(&frame, offload);
            let answers = host.turn();
            assert_eq!(answers.len(), 1, "{}", host.counters());
            let (frame, answered) = &answers[0];
            assert_eq!(*answered, offload, "the same start and field");
            assert_eq!(datagram(&read_offloaded(frame, *answered)), (7, 5000, &pattern(size)[..]));
        }
    }
}

#[test]
fn the_device_is_told_where_the_checksum_is_after_options_are_gone() {
    let mut host = Host::offloading();
    let options = Packet { between: vec![148, 4, 0, 0], ..udp(Family::V4, 5000, 7, b"options") };
    let headers = udp(Family::V6, 5000, 7, b"headers").behind(60, &[UDP, 0, 1, 4, 0, 0, 0, 0]);
    for (packet, start) in [(options, 34), (headers, 54)] {
        let (frame, offload) = partial(&packet, None);
        host.give(&frame, offload);
        let answers = host.turn();
        let (frame, answered) = &answers[0];
        assert_eq!(answered.checksum, Checksum::Partial { start, offset: 6 });
        assert_eq!(datagram(&read_offloaded(frame, *answered)).2, &packet.payload[8..]);
    }
}

#[test]
fn what_the_device_vouches_for_is_not_summed_again() {
    for family in BOTH {
        let mut host = Host::offloading();
        let offload = Offload { checksum: Checksum::Verified, segments: None };
        for packet in [echo(family, b"vouched"), udp(family, 5000, 7, b"vouched")] {
            host.give(&packet.frame(), offload);
            let answers = host.turn();
            assert_eq!(answers[0].1, Offload::default(), "the answer's checksum is complete");
            read(&answers[0].0);
        }
    }
}

#[test]
fn datagrams_in_a_superframe_come_back_in_one() {
    for family in BOTH {
        let mut host = Host::offloading();
        for (size, length) in [(1u16, 64), (100, 6400), (1452, 1452 * 40), (1000, 2001), (1400, 1400), (1400, 9)] {
            let before = host.counters().datagrams_in_place;
            let packet = udp(family, 5000, 7, &pattern(length));
            let (frame, offload) = partial(&packet, segments(SegmentKind::Udp, size));
            host.give(&frame, offload);
            let answers = host.turn();
            assert_eq!(answers.len(), 1, "{}", host.counters());
            let (frame, answered) = &answers[0];
            assert_eq!(*answered, offload);
            assert_eq!(datagram(&read_offloaded(frame, *answered)), (7, 5000, &pattern(length)[..]));
            let datagrams = length.div_ceil(usize::from(size)) as u64;
            assert_eq!(host.counters().datagrams_in_place, before + datagrams);
        }
        assert_eq!(host.counters().bytes_copied, 0);
    }
}

#[test]
fn an_error_quotes_what_the_wire_would_have_carried() {
    for family in BOTH {
        let mut host = Host::offloading();
        let headers = ip_length(family) + 8;
        for (size, length) in [(None, 300), (Some(200), 6000), (Some(1000), 60_000), (Some(500), 100), (Some(500), 500)]
        {
            let superframe = size.and_then(|size| segments(SegmentKind::Udp, size));
            let (frame, offload) = partial(&udp(family, 5000, 4000, &pattern(length)), superframe);
            host.give(&frame, offload);
            let answers = host.turn();
            assert_eq!((answers.len(), answers[0].1), (1, Offload::default()));
            let answer = read(&answers[0].0);
            let first = length.min(size.map_or(length, usize::from));
            // As its sender would have sent it without a device to help.
            let alone = udp(family, 5000, 4000, &pattern(first)).frame();
            let most = if family == Family::V4 { 576 } else { 1280 } - ip_length(family) - 8;
            let quoted = message(&answer).3;
            assert_eq!(quoted.len(), most.min(headers + first));
            assert!(quoted == &alone[14..14 + quoted.len()], "{quoted:02x?}\n{:02x?}", &alone[14..]);
        }
    }
}

#[test]
fn an_error_about_extension_headers_quotes_a_right_checksum() {
    let mut host = Host::offloading();
    let packet = udp(Family::V6, 5000, 7, b"headers").behind(60, &[UDP, 0, 0x9e, 4, 0, 0, 0, 0]);
    let (frame, offload) = partial(&packet, None);
    host.give(&frame, offload);
    let answers = host.turn();
    assert_eq!(answers.len(), 1, "{}", host.counters());
    assert!(message(&read(&answers[0].0)).3 == &packet.frame()[14..]);
}

#[test]
fn a_segment_to_a_closed_port_needs_no_checksum() {
    let mut host = Host::offloading();
    let kinds = [SegmentKind::Tcp4, SegmentKind::Tcp6];
    for (family, kind) in BOTH.into_iter().zip(kinds) {
        for superframe in [None, segments(kind, 1000)] {
            let packet = tcp(family, |header| header.ack = true, &pattern(5000));
            let (frame, offload) = partial(&packet, superframe);
            host.give(&frame, offload);
            let answers = host.turn();
            assert_eq!(answers.len(), 1, "{}", host.counters());
            assert_eq!(read_offloaded(&answers[0].0, answers[0].1).payload.len(), 20);
        }
    }
}

#[test]
fn finishing_is_what_complete_frames_have() {
    for family in BOTH {
        let packet = udp(family, 5000, 7, &pattern(99));
        let (frame, offload) = partial(&packet, None);
        let Checksum::Partial { start, offset } = offload.checksum else { panic!("it is partial") };
        assert_eq!(finished(&frame, start, offset), packet.frame());
    }
}

/// BIG TCP: a superframe over IPv4 of more than 65,535 bytes has no total length, for a device that goes by the frame's.
#[test]
fn a_superframe_is_as_large_as_the_device_takes_it() {
    for (family, largest) in [(Family::V4, 128 << 10), (Family::V4, 65_535), (Family::V6, 128 << 10)] {
        let mut host = Host::new(Capabilities { superframe_v4: largest, ..OFFLOADS }, &config());
        host.stack.listen(19, Box::new(Chargen::default())).unwrap();
        let mut acknowledged = 0;
        let mut longest = 0;
        let mut lines = Vec::new();
        for round in 0..24 {
            let segment = tcp(
                family,
                |header| {
                    (header.destination_port, header.window_size) = (19, 0xffff);
                    (header.syn, header.ack) = (round == 0, round > 0);
                    header.sequence_number += u32::from(round > 0);
                    header.acknowledgment_number = acknowledged;
                    if round == 0 {
                        let options = [TcpOptionElement::MaximumSegmentSize(1440), TcpOptionElement::WindowScale(5)];
                        header.set_options(&options).unwrap();
                    }
                },
                b"",
            );
            host.give(&segment.frame(), Offload::default());
            for (frame, offload) in host.pass(Duration::from_millis(1)) {
                let (ip, transport, protocol) = if family == Family::V4 { (14, 34, 23) } else { (14, 54, 20) };
                if frame[12..14] == [8, 6] || frame[protocol] != TCP {
                    host.give(&here_i_am(family), Offload::default());
                    continue;
                }
                let size = frame.len() - ip;
                longest = longest.max(size);
                if family == Family::V4 {
                    let said = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
                    assert_eq!(said, if size > 65_535 { 0 } else { size });
                    assert_eq!(sum(&[&frame[ip..transport]]), 0xffff, "the header is whole");
                }
                let data = &frame[transport + usize::from(frame[transport + 12] >> 4) * 4..];
                let segments = offload.segments.map(|segments| usize::from(segments.size));
                assert!(segments.is_none_or(|size| size == 1440));
                let sequence = u32::from_be_bytes(frame[transport + 4..transport + 8].try_into().unwrap());
                if round == 0 {
                    acknowledged = sequence + 1;
                } else {
                    assert_eq!(sequence, acknowledged, "in order");
                    acknowledged += data.len() as u32;
                    lines.extend_from_slice(data);
                }
            }
        }
        match (family, largest) {
            (Family::V4, 131_072) => assert!(longest > 2 * 60_000, "{longest}"),
            _ => assert!((60_000..=65_575).contains(&longest), "{longest}"),
        }
        // RFC 864: a line begins with the second character of the one before.
        assert!(lines.windows(75).step_by(74).all(|line| line[1] == line[74]), "nothing is missing, or twice");
        let reset = |header: &mut TcpHeader| {
            (header.destination_port, header.rst) = (19, true);
            header.sequence_number += 1;
        };
        host.give(&tcp(family, reset, b"").frame(), Offload::default());
        host.turn();
    }
}
