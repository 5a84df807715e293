use std::sync::{Arc, Mutex};

use super::*;
use crate::buffer::DEVICE_ROOM;
use crate::device::{Capture, Device, Direction, Memory, copies};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn captured(bytes: &[u8]) -> Captured {
    let time = crate::base::time::Instant::from_nanos(12_345_678_901);
    let length = bytes.len();
    Captured { time, direction: Direction::In, bytes: bytes.to_vec(), length, offload: Default::default(), missing: 0 }
}

#[test]
fn a_flood_is_cut_short_and_what_is_left_out_is_told() {
    let (device, _peer) = Memory::plain_pair();
    let (copies, captures) = copies(512);
    let mut device = Capture::new(device, vec![copies]);
    let paper = Paper::default();
    let sent = limits::CAPTURE_FRAMES.min(1000) as u64;
    // The wire in memory is full behind so many.
    for _ in 0..sent {
        assert!(device.transmit(&mut [0; 72], Default::default(), &[]).unwrap());
    }
    drop(device);
    Tracer::start(captures, Protocols::default(), paper.clone()).unwrap().end();
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let most = limits::TRACE_LINES_A_SECOND;
    assert_eq!(lines.len(), most + 1);
    let told =
        format!("            … {} frames left out: a trace has at most {most} lines a second", sent as usize - most);
    assert_eq!(lines[most], told);
}

#[test]
fn only_what_is_asked_for_is_printed() {
    let (device, _peer) = Memory::plain_pair();
    let (copies, captures) = copies(512);
    let mut device = Capture::new(device, vec![copies]);
    let paper = Paper::default();
    for ethertype in [[8, 6], [8, 0], [0x80, 0x35]] {
        let mut frame = [0; DEVICE_ROOM + 60];
        frame[DEVICE_ROOM + 12..][..2].copy_from_slice(&ethertype);
        assert!(device.transmit(&mut frame, Default::default(), &[]).unwrap());
    }
    drop(device);
    let asked = [Protocol::Rarp].into_iter().collect();
    Tracer::start(captures, asked, paper.clone()).unwrap().end();
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(text.lines().count() == 1 && text.contains(" out RARP "), "{text}");
}

#[test]
fn what_is_unknown_or_damaged_is_told_as_far_as_it_goes() {
    let ethernet = [[2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]].concat();
    let frame = |rest: &[u8]| describe(&captured(&[&ethernet[..], rest].concat()));
    assert_eq!(describe(&captured(&[0; 13])), "  12.345678 in  damaged: 13 bytes are no Ethernet frame");
    let lldp = frame(&[0x88, 0xcc, 1, 2, 3]);
    assert_eq!(lldp, "  12.345678 in  02:00:00:00:00:01 > 02:00:00:00:00:02 EtherType 0x88cc, 17 bytes");
    assert!(
        frame(&[0x08, 0x06, 0, 1]).contains("EtherType 0x0806, 16 bytes, damaged: the Address Resolution"),
        "{}",
        frame(&[8, 6, 0, 1])
    );
    assert!(frame(&[0x80, 0x35, 0, 1]).contains("RARP damaged: "));
    assert!(frame(&[0x81, 0x00, 0, 5, 0x88, 0xcc]).contains("VLAN 5 "));
    let sctp = [0x45, 0, 0, 24, 0, 0, 0, 0, 64, 132, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4];
    assert!(frame(&[&[8, 0], &sctp[..]].concat()).ends_with(" IPv4 10.0.0.1 > 10.0.0.2, SCTP, 4 bytes"));
}

/// An error about an error about an error …: RFC 1122 §3.2.2 forbids it, so somebody will send it.
#[test]
fn quotes_are_told_one_deep() {
    let mut packet = vec![0; 4];
    for _ in 0..15 {
        let total = (packet.len() + 28) as u16;
        let [high, low] = total.to_be_bytes();
        let header = [0x45, 0, high, low, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 3, 3, 0, 0, 0, 0, 0, 0];
        packet = [&header[..], &packet].concat();
    }
    let text = describe(&captured(&[&[0; 12][..], &[8, 0], &packet].concat()));
    let error = "ICMP 10.0.0.1 > 10.0.0.2 port unreachable";
    assert_eq!(text, format!("  12.345678 in  {error}, about {error}"));
}

proptest::proptest! {
    #[test]
    fn nothing_breaks_it(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), ethertype in 0usize..5) {
        let ethertypes = [[8, 0], [0x86, 0xdd], [8, 6], [0x80, 0x35], [0x81, 0]];
        if let Some(field) = bytes.get_mut(12..14) {
            field.copy_from_slice(&ethertypes[ethertype]);
        }
        let text = describe(&captured(&bytes));
        proptest::prop_assert!(!text.contains('\n') && text.len() < 1000, "{}", text);
    }
}
