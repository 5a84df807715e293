//! The frames that are answered, made by etherparse, and what a right answer looks like.

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header, NetSlice, PacketBuilder, SlicedPacket};

use crate::stream;

pub(crate) const OUR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub(crate) const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const OUR_V4: [u8; 4] = [10, 77, 0, 2];
pub(crate) const PEER_V4: [u8; 4] = [10, 77, 0, 1];
pub(crate) const OUR_V6: [u8; 16] = [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
pub(crate) const PEER_V6: [u8; 16] = [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A frame and its answer.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) check: fn(&[u8]),
    /// It is what a connection brings that is opened first.
    pub(crate) is_stream: bool,
    /// smoltcp has no RARP.
    pub(crate) smoltcp_answers: bool,
    /// Which share of smoltcp's time it may take.
    pub(crate) at_most: f64,
}

pub(crate) fn all() -> Vec<Sample> {
    let sample =
        |name, bytes, check, at_most| Sample { name, bytes, check, is_stream: false, smoltcp_answers: true, at_most };
    let ethernet = || PacketBuilder::ethernet2(PEER_MAC, OUR_MAC);
    let v4 = || ethernet().ipv4(PEER_V4, OUR_V4, 64);
    let v6 = || ethernet().ipv6(PEER_V6, OUR_V6, 64);
    let (ping, datagram) = ([0x5a; 56], [0xa5; 64]);
    let mut frames = [const { Vec::new() }; 4];
    v4().icmpv4_echo_request(7, 1).write(&mut frames[0], &ping).expect("a Vec takes all");
    v6().icmpv6_echo_request(7, 1).write(&mut frames[1], &ping).expect("a Vec takes all");
    v4().udp(40_000, 7).write(&mut frames[2], &datagram).expect("a Vec takes all");
    v6().udp(40_000, 7).write(&mut frames[3], &datagram).expect("a Vec takes all");
    let [echo_v4, echo_v6, udp_v4, udp_v6] = frames;
    let arp = address_request(EtherType::ARP, ArpOperation::REQUEST, PEER_V4, [0; 6], OUR_V4);
    let rarp = address_request(EtherType(0x8035), ArpOperation(3), [0; 4], PEER_MAC, [0; 4]);
    vec![
        sample("echo-v4", echo_v4, |answer| check_ip(answer, &[0, 0], 56), 0.30),
        sample("echo-v6", echo_v6, |answer| check_ip(answer, &[129, 0], 56), 0.30),
        sample("udp-echo-v4", udp_v4, |answer| check_ip(answer, &[0, 7, 0x9c, 0x40], 64), 0.30),
        sample("udp-echo-v6", udp_v6, |answer| check_ip(answer, &[0, 7, 0x9c, 0x40], 64), 0.30),
        sample("arp", arp, |answer| check_resolution(answer, 2, OUR_V4), 0.50),
        Sample { smoltcp_answers: false, ..sample("rarp", rarp, |answer| check_resolution(answer, 4, OUR_V4), 1.0) },
        Sample { is_stream: true, ..sample("tcp-data", Vec::new(), stream::check, 0.40) },
    ]
}

/// The datagram of `udp-echo-v6`, and the same behind hop-by-hop and destination options: a router alert, and one that is skipped.
pub(crate) fn behind_options() -> [Sample; 2] {
    let plain = all().swap_remove(3);
    let (head, rest) = plain.bytes.split_at(14 + 40);
    let between = [60, 0, 5, 2, 0, 0, 1, 0, 17, 0, 0x1e, 4, 1, 2, 3, 4];
    let mut bytes = [head, &between, rest].concat();
    let length = (between.len() + rest.len()) as u16;
    bytes[18..20].copy_from_slice(&length.to_be_bytes());
    bytes[20] = 0;
    let behind = Sample { name: "udp-echo-v6-options", bytes, smoltcp_answers: false, at_most: 1.3, ..plain };
    [plain, behind]
}

fn address_request(
    ether_type: EtherType,
    operation: ArpOperation,
    sender: [u8; 4],
    target_mac: [u8; 6],
    target: [u8; 4],
) -> Vec<u8> {
    let packet =
        ArpEthIpv4Packet { operation, sender_mac: PEER_MAC, sender_ipv4: sender, target_mac, target_ipv4: target };
    let ethernet = Ethernet2Header { source: PEER_MAC, destination: [0xff; 6], ether_type };
    [&ethernet.to_bytes()[..], &packet.to_bytes()].concat()
}

/// From us, to the peer, whole, with this beginning behind the IP header and this much payload at the end.
fn check_ip(answer: &[u8], transport: &[u8], payload: usize) {
    let sliced = SlicedPacket::from_ethernet(answer).expect("a packet");
    let (source, destination, body) = match sliced.net.expect("an IP packet") {
        NetSlice::Ipv4(ip) => {
            assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
            (ip.header().source().to_vec(), ip.header().destination().to_vec(), ip.payload().payload)
        }
        NetSlice::Ipv6(ip) => (ip.header().source().to_vec(), ip.header().destination().to_vec(), ip.payload().payload),
        NetSlice::Arp(_) => panic!("not an IP packet"),
    };
    let (ours, peers): (&[u8], &[u8]) = if source.len() == 4 { (&OUR_V4, &PEER_V4) } else { (&OUR_V6, &PEER_V6) };
    assert_eq!((&source[..], &destination[..], &answer[..6]), (ours, peers, &PEER_MAC[..]));
    assert!(body.starts_with(transport), "{body:02x?}");
    assert_eq!(body.len(), 8 + payload);
    match sliced.transport.expect("a transport header") {
        etherparse::TransportSlice::Udp(udp) => {
            let header = udp.to_header();
            let checksum = match source.len() {
                4 => header.calc_checksum_ipv4_raw(OUR_V4, PEER_V4, udp.payload()),
                _ => header.calc_checksum_ipv6_raw(OUR_V6, PEER_V6, udp.payload()),
            };
            assert_eq!(Ok(udp.checksum()), checksum);
        }
        etherparse::TransportSlice::Icmpv4(icmp) => {
            let header = icmp.header();
            assert_eq!(icmp.checksum(), header.icmp_type.calc_checksum(icmp.payload()));
        }
        etherparse::TransportSlice::Icmpv6(icmp) => {
            assert!(icmp.is_checksum_valid(OUR_V6, PEER_V6));
        }
        other => panic!("{other:?}"),
    }
}

fn check_resolution(answer: &[u8], operation: u8, told: [u8; 4]) {
    assert_eq!(answer[..6], PEER_MAC);
    assert_eq!(answer[20..22], [0, operation]);
    assert_eq!(answer[22..32], [&OUR_MAC[..], &OUR_V4].concat());
    assert!(answer[28..32] == told || answer[38..42] == told);
}

/// A neighbour solicitation from the peer for our IPv6 address.
pub(crate) fn solicitation() -> Vec<u8> {
    use taphouse::base::address::{Address, Mac};
    let group = Address::from_v6(OUR_V6).solicited_node();
    let body = [&OUR_V6[..], &[1, 1], &PEER_MAC].concat();
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(PEER_MAC, Mac::of_group(group).bytes())
        .ipv6(PEER_V6, group.to_v6(), 255)
        .icmpv6_raw(135, 0, [0; 4])
        .write(&mut frame, &body)
        .expect("a Vec takes all");
    frame
}
