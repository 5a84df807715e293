use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
use taphouse::base::counters::Dropped;

use crate::packet::*;
use crate::reading;
use crate::wire::{DISKLESS, Host};

const REVERSE_REQUEST: ArpOperation = ArpOperation(3);
const REVERSE_REPLY: ArpOperation = ArpOperation(4);
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;

/// "Who has our address? Tell the peer."
fn request() -> ArpEthIpv4Packet {
    ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: PEER_MAC,
        sender_ipv4: PEER_V4.octets(),
        target_mac: [0; 6],
        target_ipv4: STACK_V4.octets(),
    }
}

fn frame(ether_type: u16, packet: &ArpEthIpv4Packet) -> Vec<u8> {
    let header = Ethernet2Header { source: PEER_MAC, destination: EVERYBODY, ether_type: ether_type.into() };
    [&header.to_bytes()[..], &packet.to_bytes()].concat()
}

/// The EtherType, station and packet of an answer, which is as short as it can be.
fn read(frame: &[u8]) -> (u16, [u8; 6], ArpEthIpv4Packet) {
    let (header, rest) = Ethernet2Header::from_slice(frame).unwrap();
    assert_eq!((header.source, rest.len()), (STACK_MAC, ArpEthIpv4Packet::LEN));
    let packet = etherparse::ArpPacketSlice::from_slice(rest).unwrap().to_packet();
    (header.ether_type.0, header.destination, packet.try_eth_ipv4().unwrap())
}

#[test]
fn a_request_for_our_address_is_answered() {
    let mut host = Host::plain();
    let padded = [frame(ARP, &request()), vec![0; 18]].concat();
    for asked in [frame(ARP, &request()), padded] {
        let (ether_type, station, reply) = read(&host.answer(&asked));
        assert_eq!((ether_type, station), (ARP, PEER_MAC));
        let expected = ArpEthIpv4Packet {
            operation: ArpOperation::REPLY,
            sender_mac: STACK_MAC,
            sender_ipv4: STACK_V4.octets(),
            target_mac: PEER_MAC,
            target_ipv4: PEER_V4.octets(),
        };
        assert_eq!(reply, expected);
    }
    assert_eq!(host.counters().arp_answered, 2);
}

/// The last question and its answer are remembered: whatever else is asked or heard, each gets its own answer.
#[test]
fn a_question_that_is_asked_again_is_answered_again() {
    let mut host = Host::plain();
    let from = |mac: u8, last: u8| ArpEthIpv4Packet {
        sender_mac: [2, 0, 0, 0, 0x77, mac],
        sender_ipv4: [10, 77, 0, last],
        ..request()
    };
    let asked = |packet: &ArpEthIpv4Packet| {
        let mut frame = frame(ARP, packet);
        frame[6..12].copy_from_slice(&packet.sender_mac);
        frame
    };
    // The third asks from the first one's address, and is another station; then the first one is back.
    for packet in [from(1, 11), from(1, 11), from(2, 12), from(1, 11), from(3, 11), from(3, 11), from(1, 11)] {
        let (_, station, reply) = read(&host.answer(&asked(&packet)));
        assert_eq!((station, reply.target_mac), (packet.sender_mac, packet.sender_mac));
        assert_eq!(reply.target_ipv4, packet.sender_ipv4);
    }
    let elsewhere = ArpEthIpv4Packet { target_ipv4: [10, 77, 0, 200], ..from(1, 11) };
    host.drops(&asked(&elsewhere), Dropped::ArpNotForUs);
    assert_eq!(host.counters().arp_answered, 7);
}

#[test]
fn a_probe_for_our_address_is_answered() {
    let mut host = Host::plain();
    let probe = ArpEthIpv4Packet { sender_ipv4: [0; 4], ..request() };
    let (_, _, reply) = read(&host.answer(&frame(ARP, &probe)));
    assert_eq!((reply.sender_ipv4, reply.target_ipv4), (STACK_V4.octets(), [0; 4]));
}

#[test]
fn a_request_for_somebody_else_is_not() {
    let mut host = Host::plain();
    for target_ipv4 in [[10, 77, 0, 3], [10, 77, 0, 255], [127, 0, 0, 1], [255; 4], [0; 4]] {
        host.drops(&frame(ARP, &ArpEthIpv4Packet { target_ipv4, ..request() }), Dropped::ArpNotForUs);
    }
}

#[test]
fn who_claims_our_address_is_noticed() {
    let mut host = Host::plain();
    // The first one is defended against.
    host.answer(&frame(ARP, &ArpEthIpv4Packet { sender_ipv4: STACK_V4.octets(), ..request() }));
    assert_eq!(host.counters().dropped(Dropped::AddressConflict), 1);
    for operation in [ArpOperation::REQUEST, ArpOperation::REPLY] {
        for target_ipv4 in [STACK_V4.octets(), PEER_V4.octets()] {
            let claim = ArpEthIpv4Packet { operation, sender_ipv4: STACK_V4.octets(), target_ipv4, ..request() };
            host.drops(&frame(ARP, &claim), Dropped::AddressConflict);
        }
    }
}

#[test]
fn impossible_packets_are_dropped() {
    let mut host = Host::plain();
    let valid = frame(ARP, &request());
    // Hardware type, protocol type, and the length of the addresses of each.
    for (at, value) in [(15, 2), (16, 0x86), (18, 8), (18, 0), (19, 16), (19, 0)] {
        let mut bad = valid.clone();
        bad[at] = value;
        host.drops(&bad, Dropped::BadArp);
    }
    for sender_mac in [EVERYBODY, [1, 0, 0x5e, 0, 0, 1], [0; 6]] {
        host.drops(&frame(ARP, &ArpEthIpv4Packet { sender_mac, ..request() }), Dropped::BadArp);
    }
    for sender_ipv4 in [[224, 0, 0, 1], [255; 4], [127, 0, 0, 1]] {
        host.drops(&frame(ARP, &ArpEthIpv4Packet { sender_ipv4, ..request() }), Dropped::BadArp);
    }
    for operation in [0, 5, 8, 0xffff].map(ArpOperation) {
        host.drops(&frame(ARP, &ArpEthIpv4Packet { operation, ..request() }), Dropped::ArpOperation);
    }
    for length in 0..valid.len() {
        host.drops(&valid[..length], Dropped::Truncated);
    }
}

#[test]
fn neither_groups_nor_we_send_frames_to_us() {
    let mut host = Host::plain();
    for source in [EVERYBODY, STACK_MAC] {
        let mut asked = frame(ARP, &request());
        asked[6..12].copy_from_slice(&source);
        host.drops(&asked, Dropped::BadSourceMac);
    }
}

#[test]
fn other_stations_frames_are_left_alone() {
    let mut host = Host::plain();
    for station in [[2, 0, 0, 0, 0, 9], [1, 0, 0x5e, 9, 9, 9], [0x33, 0x33, 9, 9, 9, 9]] {
        let mut asked = frame(ARP, &request());
        asked[..6].copy_from_slice(&station);
        host.drops(&asked, Dropped::NotOurMac);
    }
    let mut asked = frame(ARP, &request());
    asked[12..14].copy_from_slice(&[0x81, 0]);
    host.drops(&asked, Dropped::OtherVlan);
    asked[12..14].copy_from_slice(&[0x88, 0xa8]);
    host.drops(&asked, Dropped::UnknownEtherType);
}

#[test]
fn a_diskless_station_is_told_its_address() {
    let mut host = Host::plain();
    let (station, address) = DISKLESS;
    let asked = ArpEthIpv4Packet {
        operation: REVERSE_REQUEST,
        sender_mac: station,
        sender_ipv4: [0; 4],
        target_mac: station,
        target_ipv4: [0; 4],
    };
    let (ether_type, to, reply) = read(&host.answer(&frame(RARP, &asked)));
    assert_eq!((ether_type, to), (RARP, station));
    let expected = ArpEthIpv4Packet {
        operation: REVERSE_REPLY,
        sender_mac: STACK_MAC,
        sender_ipv4: STACK_V4.octets(),
        target_mac: station,
        target_ipv4: address,
    };
    assert_eq!(reply, expected);

    // One station may ask for another (RFC 903): the answer goes to who asked.
    let for_another = ArpEthIpv4Packet { sender_mac: PEER_MAC, ..asked.clone() };
    let (_, to, reply) = read(&host.answer(&frame(RARP, &for_another)));
    assert_eq!((to, reply.target_mac, reply.target_ipv4), (PEER_MAC, station, address));

    let unknown = ArpEthIpv4Packet { target_mac: PEER_MAC, ..asked.clone() };
    host.drops(&frame(RARP, &unknown), Dropped::RarpUnknown);
    for operation in [REVERSE_REPLY, ArpOperation::REQUEST] {
        host.drops(&frame(RARP, &ArpEthIpv4Packet { operation, ..asked.clone() }), Dropped::ArpOperation);
    }
    assert_eq!(host.counters().rarp_answered, 2);
}

/// The station to which chargen answers a datagram of the peer's.
fn chargen_goes_to(host: &mut Host) -> [u8; 6] {
    reading::read(&host.answer(&udp(BOTH[0], 5000, 19, b"").frame())).station
}

#[test]
fn a_gratuitous_announcement_updates_what_is_known_and_creates_nothing() {
    let mut host = Host::plain();
    let elsewhere = [2, 0, 0, 0, 0, 0x11];
    let announcement =
        |sender_mac, sender_ipv4| ArpEthIpv4Packet { sender_mac, sender_ipv4, target_ipv4: sender_ipv4, ..request() };
    host.answer(&frame(ARP, &request()));
    assert_eq!(chargen_goes_to(&mut host), PEER_MAC);
    assert!(host.ask(&frame(ARP, &announcement(elsewhere, PEER_V4.octets()))).is_empty());
    assert_eq!(chargen_goes_to(&mut host), elsewhere);

    let stranger = [10, 77, 0, 9];
    assert!(host.ask(&frame(ARP, &announcement(PEER_MAC, stranger))).is_empty());
    let asks = host.answer(&udp(BOTH[0], 5000, 19, b"").from(std::net::Ipv4Addr::from(stranger)).frame());
    assert_eq!(read(&asks).2.operation, ArpOperation::REQUEST, "it was not remembered");
    host.pass(std::time::Duration::from_secs(2));
    host.pass(std::time::Duration::from_secs(2));
    host.pass(std::time::Duration::from_secs(2));
}
