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
   1.004500 in  ICMPv6 fd77::1 > ff02::1 router advertisement: router for 1800 s, hop limit 64, prefix fd77::/64, mtu 1400, name server fd77::53, route fd88::/32
   1.006000 in  ICMPv6 fe80::9 > ff02::2 router solicitation: is there a router? tell 02:00:00:00:00:01
   1.007500 in  ICMPv6 fe80::1 > fd77::2 redirect: fd99::1 is reached through fe80::7 at 02:00:00:00:00:01
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
    let resolver =
        [&[25, 3, 0, 0, 0, 0, 7, 8][..], &"fd77::53".parse::<std::net::Ipv6Addr>().unwrap().octets()].concat();
    let route = [24, 2, 32, 0, 0, 0, 7, 8, 0xfd, 0x88, 0, 0, 0, 0, 0, 0];
    let [asker, gateway, better, far]: [std::net::Ipv6Addr; 4] =
        ["fe80::9", "fe80::1", "fe80::7", "fd99::1"].map(|text| text.parse().unwrap());
    let all_routers = "ff02::2".parse().unwrap();
    let redirect = [&[0; 4][..], &better.octets(), &far.octets(), &[2, 1], &PEER_MAC].concat();
    let router = [&[64, 0, 7, 8][..], &[0; 8], &prefix, &[5, 1, 0, 0, 0, 0, 5, 0x78], &resolver, &route].concat();
    let frames = [
        ndp(135, &[&target[..], &option].concat(), PEER_V6, group, station),
        ndp(135, &target, std::net::Ipv6Addr::UNSPECIFIED, group, station),
        ndp(134, &router, PEER_V6, ALL_NODES, [0x33, 0x33, 0, 0, 0, 1]),
        ndp(133, &[&[0; 4][..], &option].concat(), asker, all_routers, [0x33, 0x33, 0, 0, 0, 2]),
        ndp(137, &redirect, gateway, STACK_V6, STACK_MAC),
    ];
    let told: String = frames.iter().map(|frame| host.told(frame, Offload::default())).collect();
    assert_told(&told, NEIGHBORS);
}

const GROUPS: &str = "
   1.001500 in  IGMP 10.77.0.1 > 224.0.0.1 query, version 3: who is in any group? within 1.0 s
   1.003000 in  IGMP 10.77.0.1 > 224.0.0.1 query, version 3: who wants 232.1.2.3 from 192.0.2.1 192.0.2.2? within 12.8 s
   1.004500 in  IGMP 10.77.0.1 > 224.0.0.1 query, version 2: who is in 232.1.2.3? within 1.0 s
   1.006000 in  IGMP 10.77.0.1 > 224.0.0.1 query, version 1: who is in any group? within 10.0 s
   1.007500 in  IGMP 10.77.0.1 > 224.0.0.1 report, version 2: in 232.1.2.3
   1.009000 in  IGMP 10.77.0.1 > 224.0.0.1 leave, version 2: out of 232.1.2.3
   1.010500 in  IGMP 10.77.0.1 > 224.0.0.1 report, version 3: 232.1.2.3 now excludes nothing; 232.1.2.3 allows 192.0.2.1 192.0.2.2
   1.012000 in  IGMP 10.77.0.1 > 224.0.0.1 report, version 3: , damaged: it is too short
   1.013500 in  ICMPv6 fe80::1 > ff02::1 MLD query, version 2: who is in any group? within 1.0 s
   1.015000 in  ICMPv6 fe80::1 > ff02::1 MLD query, version 1: who is in any group? within 1.0 s
   1.016500 in  ICMPv6 fe80::1 > ff02::1 MLD listener report, version 1: in ff15::1
   1.018000 in  ICMPv6 fe80::1 > ff02::1 MLD listener done, version 1: out of ff15::1
   1.019500 in  ICMPv6 fe80::1 > ff02::1 MLD report, version 2: ff15::1 blocks fd77::9
";

#[test]
fn groups() {
    use crate::multicast::{igmp, mld};
    let mut host = Watched::new(PLAIN);
    let group = [232, 1, 2, 3];
    let sources = [192, 0, 2, 1, 192, 0, 2, 2];
    let of = |kind: u8, code: u8, rest: &[&[u8]]| igmp([&[kind, code, 0, 0][..], &rest.concat()].concat());
    let [six, source]: [[u8; 16]; 2] =
        ["ff15::1", "fd77::9"].map(|text| text.parse::<std::net::Ipv6Addr>().unwrap().octets());
    let zeros: &[u8] = &[0; 16];
    let second: &[u8] = &[3, 0xe8, 0, 0];
    let packets = [
        of(0x11, 10, &[&[0; 4], &[2, 125, 0, 0]]),
        of(0x11, 0x80, &[&group, &[2, 125, 0, 2], &sources]),
        of(0x11, 10, &[&group]),
        of(0x11, 0, &[&[0; 4]]),
        of(0x16, 0, &[&group]),
        of(0x17, 0, &[&group]),
        of(0x22, 0, &[&[0, 0, 0, 2], &[4, 0, 0, 0], &group, &[5, 0, 0, 2], &group, &sources]),
        of(0x22, 0, &[&[0, 0, 0, 1], &[1, 0, 0, 9], &group]),
        mld(130, &[second, zeros, &[2, 125, 0, 0]].concat()),
        mld(130, &[second, zeros].concat()),
        mld(131, &[&[0; 4], &six[..]].concat()),
        mld(132, &[&[0; 4], &six[..]].concat()),
        mld(143, &[&[0, 0, 0, 1, 6, 0, 0, 1], &six[..], &source].concat()),
    ];
    let told: String = packets.iter().map(|packet| host.told(&packet.frame(), Offload::default())).collect();
    // What we answer is not told here.
    let heard: String = told.lines().filter(|line| line.contains(" in  ")).map(|line| line.to_owned() + "\n").collect();
    assert_told(&heard, GROUPS);
}

const LEASES: &str = "
   1.001500 in  UDP 0.0.0.0:68 > 255.255.255.255:67 DHCP discover: who leases 02:00:00:00:00:01 an address? 10.77.0.9 if it may be
   1.003000 in  UDP 10.77.0.1:67 > 10.77.0.9:68 DHCP offer: 10.77.0.9 for 02:00:00:00:00:01 for 3600 s, mask 255.255.255.0, router 10.77.0.1, name server 10.77.0.1, server 10.77.0.1
   1.004500 in  UDP 0.0.0.0:68 > 255.255.255.255:67 DHCP request: 10.77.0.9 for 02:00:00:00:00:01, server 10.77.0.1
   1.006000 in  UDP 10.77.0.1:67 > 10.77.0.9:68 DHCP ack: 10.77.0.9 is leased to 02:00:00:00:00:01 for 3600 s, server 10.77.0.1
   1.007500 in  UDP 10.77.0.1:67 > 10.77.0.9:68 DHCP nak: not to 02:00:00:00:00:01, server 10.77.0.1, “not\\nhere”
   1.009000 in  UDP 10.77.0.1:67 > 10.77.0.9:68 BOOTP, 100 bytes
";

#[test]
fn leases() {
    let mut host = Watched::new(PLAIN);
    let own = [10, 77, 0, 9];
    let message = |yours: [u8; 4], options: &[&[u8]]| {
        let mut message = vec![0; 240];
        message[16..20].copy_from_slice(&yours);
        message[28..34].copy_from_slice(&PEER_MAC);
        message[236..].copy_from_slice(&[99, 130, 83, 99]);
        [&message[..], &options.concat(), &[255]].concat()
    };
    let (server, time): (&[u8], &[u8]) = (&[54, 4, 10, 77, 0, 1], &[51, 4, 0, 0, 14, 16]);
    let wish: &[u8] = &[50, 4, 10, 77, 0, 9];
    let ways: &[u8] = &[1, 4, 255, 255, 255, 0, 3, 4, 10, 77, 0, 1, 6, 4, 10, 77, 0, 1];
    let asks = |message: Vec<u8>| {
        let packet = udp(Family::V4, 68, 67, &message).from(std::net::Ipv4Addr::UNSPECIFIED);
        packet.to(std::net::Ipv4Addr::BROADCAST).at(EVERYBODY).frame()
    };
    let tells = |message: Vec<u8>| udp(Family::V4, 67, 68, &message).to(std::net::Ipv4Addr::from(own)).frame();
    let frames = [
        asks(message([0; 4], &[&[53, 1, 1], wish])),
        tells(message(own, &[&[53, 1, 2], time, ways, server])),
        asks(message([0; 4], &[&[53, 1, 3], wish, server])),
        tells(message(own, &[&[53, 1, 5], time, server])),
        tells(message([0; 4], &[&[53, 1, 6], server, &[56, 8], b"not\nhere"])),
        tells(vec![0; 100]),
    ];
    let told: String = frames.iter().map(|frame| host.told(frame, Offload::default())).collect();
    assert_told(&told, LEASES);
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
