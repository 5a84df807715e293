//! The trace: every frame in words, as a teacher would say it.

use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
use taphouse::base::address::Family;
use taphouse::base::time::Instant;
use taphouse::buffer::{Checksum, Offload, SegmentKind, Segments};
use taphouse::device::{Capabilities, Capture, Captures, Memory, copies};
use taphouse::run::trace;
use taphouse::stack::Stack;

use crate::packet::*;
use crate::wire::{DISKLESS, OFFLOADS, PLAIN, bind_services, config};

/// Our host under watch, and who asks it.
struct Watched {
    stack: Stack<Capture<Memory>>,
    wire: Memory,
    captures: Captures,
    now: Instant,
}

impl Watched {
    fn new(capabilities: Capabilities) -> Watched {
        let (device, wire) = Memory::pair(capabilities);
        let (copies, captures) = copies(512);
        let mut stack = Stack::new(Capture::new(device, vec![copies]), &config()).unwrap();
        bind_services(&mut stack);
        Watched { stack, wire, captures, now: Instant::from_millis(1000) }
    }

    /// What is told of a frame and of what came back.
    fn told(&mut self, frame: &[u8], offload: Offload) -> String {
        self.now = self.now + std::time::Duration::from_micros(1500);
        self.wire.send(frame, offload);
        self.stack.turn(self.now).unwrap();
        std::iter::from_fn(|| self.captures.now()).map(|captured| trace::describe(&captured) + "\n").collect()
    }
}

fn arp(ether_type: u16, operation: u16, sender: ([u8; 6], [u8; 4]), target: ([u8; 6], [u8; 4])) -> Vec<u8> {
    let packet = ArpEthIpv4Packet {
        operation: ArpOperation(operation),
        sender_mac: sender.0,
        sender_ipv4: sender.1,
        target_mac: target.0,
        target_ipv4: target.1,
    };
    let header = Ethernet2Header { source: PEER_MAC, destination: EVERYBODY, ether_type: ether_type.into() };
    [&header.to_bytes()[..], &packet.to_bytes()].concat()
}

#[track_caller]
fn assert_told(told: &str, expected: &str) {
    // The first line break is for the eye.
    let expected = expected.trim_start_matches('\n');
    assert!(told == expected, "told:\n{told}\nexpected:\n{expected}");
}

const RESOLUTION: &str = "
   1.001500 in  ARP request: who has 10.77.0.2? tell 10.77.0.1 at 02:00:00:00:00:01
   1.001500 out ARP reply: 10.77.0.2 is at 02:00:00:00:00:02, to 10.77.0.1 at 02:00:00:00:00:01
   1.003000 in  ARP probe: has anybody 10.77.0.2? asks 02:00:00:00:00:01
   1.003000 out ARP reply: 10.77.0.2 is at 02:00:00:00:00:02, to 0.0.0.0 at 02:00:00:00:00:01
   1.004500 in  ARP announcement: 10.77.0.1 is at 02:00:00:00:00:01
   1.006000 in  RARP request: which address have I? asks 02:00:00:00:00:77
   1.006000 out RARP reply: 02:00:00:00:00:77 has 10.77.0.77, says 10.77.0.2 at 02:00:00:00:00:02
   1.007500 in  RARP request: which address has 02:00:00:00:00:77? asks 02:00:00:00:00:01
   1.007500 out RARP reply: 02:00:00:00:00:77 has 10.77.0.77, says 10.77.0.2 at 02:00:00:00:00:02
";

#[test]
fn arp_and_rarp() {
    let mut host = Watched::new(PLAIN);
    let (peer, nobody) = ((PEER_MAC, PEER_V4.octets()), ([0; 6], [0; 4]));
    let (own, diskless) = (([0; 6], STACK_V4.octets()), (DISKLESS.0, [0; 4]));
    let frames = [
        arp(0x0806, 1, peer, own),
        arp(0x0806, 1, (PEER_MAC, nobody.1), own),
        arp(0x0806, 1, peer, ([0; 6], PEER_V4.octets())),
        arp(0x8035, 3, diskless, diskless),
        arp(0x8035, 3, (PEER_MAC, nobody.1), diskless),
    ];
    let told: String = frames.iter().map(|frame| host.told(frame, Offload::default())).collect();
    assert_told(&told, RESOLUTION);
}

const NEIGHBORS: &str = "
   1.001500 in  ICMPv6 fd77::1 > ff02::1:ff00:2 neighbor solicitation: who has fd77::2? tell 02:00:00:00:00:01
   1.001500 out ICMPv6 fd77::2 > fd77::1 neighbor advertisement: fd77::2 is at 02:00:00:00:00:02, solicited, override
   1.003000 in  ICMPv6 :: > ff02::1:ff00:2 neighbor solicitation: who has fd77::2?
   1.003000 out ICMPv6 fd77::2 > ff02::1 neighbor advertisement: fd77::2 is at 02:00:00:00:00:02, override
   1.004500 in  ICMPv6 fd77::1 > ff02::1 router advertisement: router for 1800 s, hop limit 64, prefix fd77::/64, mtu 1400
";

#[test]
fn neighbor_discovery() {
    let mut host = Watched::new(PLAIN);
    let ndp = |kind, rest: &[u8], source: std::net::Ipv6Addr, destination: std::net::Ipv6Addr, station| {
        let packet = icmp(Family::V6, kind, 0, rest).from(source).to(destination).at(station);
        Packet { hop_limit: 255, ..packet }.frame()
    };
    let group = "ff02::1:ff00:2".parse().unwrap();
    let station = [0x33, 0x33, 0xff, 0, 0, 2];
    let target = [&[0; 4], &STACK_V6.octets()[..]].concat();
    let option = [&[1, 1], &PEER_MAC[..]].concat();
    let prefix = [&[3, 4, 64, 0xc0][..], &[0; 12], &[0xfd, 0x77], &[0; 14]].concat();
    let router = [&[64, 0, 7, 8][..], &[0; 8], &prefix, &[5, 1, 0, 0, 0, 0, 5, 0x78]].concat();
    let frames = [
        ndp(135, &[&target[..], &option].concat(), PEER_V6, group, station),
        ndp(135, &target, std::net::Ipv6Addr::UNSPECIFIED, group, station),
        ndp(134, &router, PEER_V6, ALL_NODES, [0x33, 0x33, 0, 0, 0, 1]),
    ];
    let told: String = frames.iter().map(|frame| host.told(frame, Offload::default())).collect();
    assert_told(&told, NEIGHBORS);
}

const PACKETS: &str = "
   1.001500 in  ICMP 10.77.0.1 > 10.77.0.2 echo request, id 43981, seq 7, 56 bytes
   1.001500 out ICMP 10.77.0.2 > 10.77.0.1 echo reply, id 43981, seq 7, 56 bytes
   1.003000 in  UDP 10.77.0.1:4000 > 10.77.0.2:7, 5 bytes
   1.003000 out UDP 10.77.0.2:7 > 10.77.0.1:4000, 5 bytes
   1.004500 in  UDP 10.77.0.1:4000 > 10.77.0.2:999, 1400 bytes
   1.004500 out ICMP 10.77.0.2 > 10.77.0.1 port unreachable, about UDP 10.77.0.1:4000 > 10.77.0.2:999, 1400 bytes
   1.006000 in  TCP 10.77.0.1:5000 > 10.77.0.2:80 [SYN] seq 1000, window 4096, 0 bytes
   1.006000 out TCP 10.77.0.2:80 > 10.77.0.1:5000 [RST ACK] seq 0, ack 1001, window 0, 0 bytes
   1.007500 in  ICMPv6 fd77::1 > fd77::2 echo request, id 43981, seq 7, 56 bytes
   1.007500 out ICMPv6 fd77::2 > fd77::1 echo reply, id 43981, seq 7, 56 bytes
   1.009000 in  UDP [fd77::1]:4000 > [fd77::2]:7, 5 bytes
   1.009000 out UDP [fd77::2]:7 > [fd77::1]:4000, 5 bytes
   1.010500 in  UDP [fd77::1]:4000 > [fd77::2]:999, 1400 bytes
   1.010500 out ICMPv6 fd77::2 > fd77::1 port unreachable, about UDP [fd77::1]:4000 > [fd77::2]:999, 1400 bytes
   1.012000 in  TCP [fd77::1]:5000 > [fd77::2]:80 [SYN] seq 1000, window 4096, 0 bytes
   1.012000 out TCP [fd77::2]:80 > [fd77::1]:5000 [RST ACK] seq 0, ack 1001, window 0, 0 bytes
";

#[test]
fn ping_udp_and_tcp() {
    let mut host = Watched::new(PLAIN);
    let mut told = String::new();
    for family in BOTH {
        let frames = [
            echo(family, &pattern(56)),
            udp(family, 4000, 7, b"hello"),
            udp(family, 4000, 999, &pattern(1400)),
            tcp(family, |header| header.syn = true, &[]),
        ];
        frames.iter().for_each(|packet| told += &host.told(&packet.frame(), Offload::default()));
    }
    assert_told(&told, PACKETS);
}

const SUPERFRAME: &str = "
   1.001500 in  UDP 10.77.0.1:4000 > 10.77.0.2:7, 3000 bytes, to be cut into 1000 each
   1.001500 out UDP 10.77.0.2:7 > 10.77.0.1:4000, 3000 bytes, to be cut into 1000 each
";

#[test]
fn a_superframe_and_what_it_stands_for() {
    let mut host = Watched::new(OFFLOADS);
    let checksum = Checksum::Partial { start: 34, offset: 6 };
    let segments = Some(Segments { kind: SegmentKind::Udp, size: 1000, ecn: false });
    let frame = udp(Family::V4, 4000, 7, &pattern(3000)).frame();
    assert_told(&host.told(&frame, Offload { checksum, segments }), SUPERFRAME);
}
