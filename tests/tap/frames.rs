//! Frames between the TAP and the kernel's own UDP and TCP.

use std::io::{IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use taphouse::buffer::{CAPACITY, Checksum, DEVICE_ROOM, Frame, Offload, SegmentKind, Segments};
use taphouse::device::host::LinkLocal;
use taphouse::device::{Device, Interest, Received, Tap, Waker};

use crate::wire::{HOST, Lab, STACK, STACK_MAC};

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Ethernet, IPv4 without options, UDP.
const HEADERS: usize = 14 + 20 + 8;
const UDP_AT_34: Checksum = Checksum::Partial { start: 34, offset: 6 };

/// Bytes that tell where they belong.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// The next frame of a protocol over IPv4; what else a host says by itself is passed over.
fn receive_ip(tap: &mut Tap, protocol: u8) -> Frame {
    let (mut frame, waker) = (Frame::new(CAPACITY), Waker::new().unwrap());
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        match tap.receive(&mut frame).unwrap() {
            Received::Frame if frame.bytes()[12..14] == [8, 0] && frame.bytes()[23] == protocol => return frame,
            Received::Frame => {}
            Received::Nothing => tap.wait(Interest::Receive, &waker, Some(Duration::from_millis(100))).unwrap(),
            Received::Refused(why) => panic!("refused: {why}"),
        }
    }
    panic!("no frame of protocol {protocol} came");
}

/// Device room and all headers of a frame to the host, its checksum left to the device.
fn head(host: [u8; 6], protocol: u8, transport: &[u8], payload: usize) -> Vec<u8> {
    let length = (transport.len() + payload) as u16;
    let mut ip = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    ip[2..4].copy_from_slice(&(20 + length).to_be_bytes());
    ip[12..16].copy_from_slice(&STACK.octets());
    ip[16..].copy_from_slice(&HOST.octets());
    let checksum = !sum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut head = [&[0; DEVICE_ROOM][..], &host, &STACK_MAC, &[8, 0], &ip, transport].concat();
    let field = DEVICE_ROOM + 34 + if protocol == TCP { 16 } else { 6 };
    head[field..field + 2].copy_from_slice(&pseudo(STACK, HOST, protocol, length));
    head
}

/// The same for a datagram from port 5000 to port 4000.
fn udp_head(host: [u8; 6], payload: usize) -> Vec<u8> {
    let [a, b] = (8 + payload as u16).to_be_bytes();
    head(host, UDP, &[19, 136, 15, 160, a, b, 0, 0], payload)
}

/// The sum of the pseudo-header, not complemented.
fn pseudo(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, length: u16) -> [u8; 2] {
    let length = length.to_be_bytes();
    sum(&[&source.octets()[..], &destination.octets(), &[0, protocol], &length].concat()).to_be_bytes()
}

fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[test]
fn a_datagram_of_the_host_arrives() {
    let Some(lab) = Lab::new() else { return };
    let (mut tap, link) = lab.wire();
    lab.socket().send_to(b"are you there?", (STACK, 7)).unwrap();
    let frame = receive_ip(&mut tap, UDP);
    assert_eq!(frame.bytes()[..6], STACK_MAC);
    assert_eq!(frame.bytes()[6..12], link.mac().unwrap().bytes());
    assert_eq!(frame.bytes()[HEADERS..], *b"are you there?");
    assert_eq!(frame.offload, Offload { checksum: UDP_AT_34, segments: None });
    assert_eq!(frame.bytes()[40..42], pseudo(HOST, STACK, UDP, 22));
}

#[test]
fn a_superframe_of_the_host_arrives_whole() {
    let Some(lab) = Lab::new() else { return };
    let (mut tap, _link) = lab.wire();
    if !tap.capabilities().segment_udp {
        return eprintln!("SKIPPED: it takes Linux 6.2");
    }
    // 103 is UDP_SEGMENT.
    let program = "import socket as s; u=s.socket(s.AF_INET,s.SOCK_DGRAM); u.setsockopt(17,103,1400); \
                   u.sendto(bytes(i%251 for i in range(56000)),('10.77.0.2',7))";
    let sender = Command::new("ip").args(["netns", "exec", &lab.name, "python3", "-c", program]).status();
    assert!(sender.unwrap().success());
    let frame = receive_ip(&mut tap, UDP);
    let segments = Segments { kind: SegmentKind::Udp, size: 1400, ecn: false };
    assert_eq!(frame.offload, Offload { checksum: UDP_AT_34, segments: Some(segments) });
    assert_eq!(frame.len(), HEADERS + 56_000);
    assert!(frame.bytes()[HEADERS..].iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251));
}

#[test]
fn a_superframe_in_slices_reaches_the_host() {
    let Some(lab) = Lab::new() else { return };
    let (mut tap, link) = lab.wire();
    if !tap.capabilities().segment_udp {
        return eprintln!("SKIPPED: it takes Linux 6.2");
    }
    let socket = lab.socket();
    let payload = pattern(60_000);
    let mut head = udp_head(link.mac().unwrap().bytes(), payload.len());
    let segments = Some(Segments { kind: SegmentKind::Udp, size: 1400, ecn: false });
    // Odd lengths, so that checksums run across the seams.
    let slices: Vec<_> = payload.chunks(7_777).map(IoSlice::new).collect();
    assert!(tap.transmit(&mut head, Offload { checksum: UDP_AT_34, segments }, &slices).unwrap());
    let mut datagram = [0; 2000];
    for segment in payload.chunks(1400) {
        let (length, from) = socket.recv_from(&mut datagram).unwrap();
        assert_eq!(datagram[..length], *segment);
        assert_eq!(from.port(), 5000);
    }
}

#[test]
fn tcp_superframes_of_both_directions() {
    let Some(lab) = Lab::new() else { return };
    let (mut tap, link) = lab.wire();
    let host = link.mac().unwrap().bytes();
    let payload = pattern(60_000);
    // The host's side connects, sends, and tells what it got.
    let namespace = lab.namespace();
    let peer = thread::spawn(move || {
        let mut stream = namespace.enter(|| TcpStream::connect((STACK, 9))).unwrap().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(&pattern(20_000)).unwrap();
        let mut got = vec![0; 60_000];
        stream.read_exact(&mut got).unwrap();
        got
    });
    let syn = receive_ip(&mut tap, TCP);
    let port = u16::from_be_bytes([syn.bytes()[34], syn.bytes()[35]]);
    let sequence = u32::from_be_bytes(syn.bytes()[38..42].try_into().unwrap());
    let segment = |number: u32, flags, options: &[u8], length: usize| {
        let mut tcp = [9u16.to_be_bytes(), port.to_be_bytes()].concat();
        tcp.extend_from_slice(&number.to_be_bytes());
        tcp.extend_from_slice(&sequence.wrapping_add(1).to_be_bytes());
        tcp.extend_from_slice(&[(5 + options.len() as u8 / 4) << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend_from_slice(options);
        head(host, TCP, &tcp, length)
    };
    let partial = Checksum::Partial { start: 34, offset: 16 };
    let (syn_ack, mss_1460, ack, nops) = (0x12, [2, 4, 5, 180], 0x10, [1; 4]);
    let send = |tap: &mut Tap, head: &mut [u8], segments, slices: &[IoSlice<'_>]| {
        assert!(tap.transmit(head, Offload { checksum: partial, segments }, slices).unwrap());
    };
    send(&mut tap, &mut segment(99, syn_ack, &mss_1460, 0), None, &[]);

    let frame = loop {
        let frame = receive_ip(&mut tap, TCP);
        if frame.len() > 1514 {
            break frame;
        }
    };
    let segments = Segments { kind: SegmentKind::Tcp4, size: 1460, ecn: false };
    assert_eq!(frame.offload, Offload { checksum: partial, segments: Some(segments) });
    assert_eq!(frame.bytes()[54..], payload[..frame.len() - 54]);
    println!("a superframe of {} bytes", frame.len());

    // Four bytes of options: what the header's length must count.
    let slices: Vec<_> = payload.chunks(7_777).map(IoSlice::new).collect();
    let whole = Some(Segments { size: 1456, ..segments });
    send(&mut tap, &mut segment(100, ack, &nops, payload.len()), whole, &slices);
    assert!(peer.join().unwrap() == payload);
}

#[test]
fn one_datagram_with_and_without_slices() {
    let Some(lab) = Lab::new() else { return };
    let (mut tap, link) = lab.wire();
    let socket = lab.socket();
    let head = udp_head(link.mac().unwrap().bytes(), 5);
    let partial = Offload { checksum: UDP_AT_34, segments: None };
    let mut datagram = [0; 100];
    let mut joined = [&head[..], b"first"].concat();
    assert!(tap.transmit(&mut joined, partial, &[]).unwrap());
    assert_eq!(socket.recv(&mut datagram).unwrap(), 5);
    let slices = [IoSlice::new(b"sec"), IoSlice::new(b"nd")];
    assert!(tap.transmit(&mut head.clone(), partial, &slices).unwrap());
    assert_eq!(socket.recv(&mut datagram).unwrap(), 5);
    assert_eq!(datagram[..5], *b"secnd");

    let error =
        |tap: &mut Tap, head: &mut [u8], slices: &[IoSlice<'_>]| tap.transmit(head, partial, slices).unwrap_err();
    let invalid = std::io::ErrorKind::InvalidInput;
    assert_eq!(error(&mut tap, &mut [0; 11], &[]).kind(), invalid);
    assert_eq!(error(&mut tap, &mut [0; 20], &[]).kind(), invalid, "not an Ethernet header");
    assert_eq!(error(&mut tap, &mut head.clone(), &[IoSlice::new(b"a"); 65]).kind(), invalid);
    lab.ip("link set tap0 down");
    assert_eq!(error(&mut tap, &mut head.clone(), &[]).raw_os_error(), Some(libc::EIO));
}

#[test]
fn waiting_ends_by_a_frame_a_waker_or_time() {
    let Some(lab) = Lab::new() else { return };
    let mut tap = lab.open();
    let waker = Waker::new().unwrap();
    let mut wait = |interest, at_most| {
        let start = Instant::now();
        tap.wait(interest, &waker, at_most).unwrap();
        start.elapsed()
    };
    let (short, long) = (Duration::from_millis(30), Duration::from_secs(60));
    assert!(wait(Interest::Receive, Some(short)) >= short, "the interface is down: nothing comes");
    waker.wake();
    assert!(wait(Interest::Receive, None) < long);
    assert!(wait(Interest::Receive, Some(short)) >= short, "the waker forgets");
    lab.link().unwrap().set_up(LinkLocal::AtOnce).unwrap();
    assert!(wait(Interest::ReceiveAndTransmit, Some(long)) < long, "there is room");
    assert!(wait(Interest::Receive, Some(long)) < long, "the host reports its groups by itself");
    let mut frame = Frame::new(CAPACITY);
    lab.ip("link del tap0");
    tap.wait(Interest::Receive, &waker, Some(long)).unwrap();
    assert_eq!(tap.receive(&mut frame).unwrap_err().raw_os_error(), Some(libc::EBADFD));
}
