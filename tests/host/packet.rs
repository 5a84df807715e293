//! Frames to send to our host: a packet whose every field can be changed before etherparse writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    Ethernet2Header, IpDscp, IpEcn, IpNumber, Ipv4Header, Ipv4Options, Ipv6FlowLabel, Ipv6Header, TcpHeader, UdpHeader,
};
use taphouse::base::address::Family;

pub(crate) const STACK_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub(crate) const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const EVERYBODY: [u8; 6] = [0xff; 6];
pub(crate) const STACK_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
pub(crate) const PEER_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const STACK_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2);
pub(crate) const PEER_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const BOTH: [Family; 2] = [Family::V4, Family::V6];

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;

pub(crate) fn stack(family: Family) -> IpAddr {
    if family == Family::V4 { STACK_V4.into() } else { STACK_V6.into() }
}

pub(crate) fn peer(family: Family) -> IpAddr {
    if family == Family::V4 { PEER_V4.into() } else { PEER_V6.into() }
}

/// Bytes of an IP header without anything between it and the payload.
pub(crate) fn ip_length(family: Family) -> usize {
    if family == Family::V4 { 20 } else { 40 }
}

/// Bytes that tell where they belong.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// A packet to our host.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) station: [u8; 6],
    pub(crate) sender: [u8; 6],
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: u8,
    pub(crate) class: u8,
    pub(crate) dont_fragment: bool,
    /// What the IP header says follows it.
    pub(crate) first: u8,
    /// IPv4 options or IPv6 extension headers.
    pub(crate) between: Vec<u8>,
    pub(crate) protocol: u8,
    pub(crate) payload: Vec<u8>,
    /// Where in the payload its checksum is put.
    pub(crate) checksum_at: Option<usize>,
}

impl Packet {
    pub(crate) fn new(family: Family, protocol: u8, payload: Vec<u8>, checksum_at: Option<usize>) -> Packet {
        Packet {
            station: STACK_MAC,
            sender: PEER_MAC,
            source: peer(family),
            destination: stack(family),
            hop_limit: 33,
            class: 0,
            dont_fragment: false,
            first: protocol,
            between: Vec::new(),
            protocol,
            payload,
            checksum_at,
        }
    }

    pub(crate) fn to(self, destination: impl Into<IpAddr>) -> Packet {
        Packet { destination: destination.into(), ..self }
    }

    pub(crate) fn from(self, source: impl Into<IpAddr>) -> Packet {
        Packet { source: source.into(), ..self }
    }

    /// In a frame for another station or group.
    pub(crate) fn at(self, station: [u8; 6]) -> Packet {
        Packet { station, ..self }
    }

    /// With these extension headers, of which the first has the number `first`; the last names our protocol.
    pub(crate) fn behind(self, first: u8, between: &[u8]) -> Packet {
        Packet { first, between: between.to_vec(), ..self }
    }

    /// Where its transport header begins in the frame.
    pub(crate) fn transport(&self) -> usize {
        14 + if self.source.is_ipv4() { 20 } else { 40 } + self.between.len()
    }

    /// The transport header and what is behind it, its checksum right.
    fn upper(&self) -> Vec<u8> {
        let mut payload = self.payload.clone();
        if let Some(at) = self.checksum_at {
            payload[at..at + 2].fill(0);
            let pseudo = pseudo(self.source, self.destination, self.protocol, payload.len());
            let checksum = match !sum(&[&pseudo, &payload]) {
                0 if self.protocol == UDP => 0xffff,
                checksum => checksum,
            };
            payload[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
        }
        payload
    }

    /// The frame.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let upper = self.upper();
        let length = (self.between.len() + upper.len()) as u16;
        let ether_type = if self.source.is_ipv4() { 0x0800.into() } else { 0x86dd.into() };
        let ethernet = Ethernet2Header { source: self.sender, destination: self.station, ether_type };
        let ip = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ends = (source.octets(), destination.octets());
                let mut header = Ipv4Header::new(0, self.hop_limit, IpNumber(self.first), ends.0, ends.1).unwrap();
                header.total_len = 20 + length;
                header.dscp = IpDscp::try_new(self.class >> 2).unwrap();
                header.ecn = IpEcn::try_new(self.class & 3).unwrap();
                header.identification = 0x1234;
                header.dont_fragment = self.dont_fragment;
                header.options = Ipv4Options::try_from(&self.between[..]).unwrap();
                header.header_checksum = header.calc_header_checksum();
                header.to_bytes().to_vec()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let header = Ipv6Header {
                    traffic_class: self.class,
                    flow_label: Ipv6FlowLabel::ZERO,
                    payload_length: length,
                    next_header: IpNumber(self.first),
                    hop_limit: self.hop_limit,
                    source: source.octets(),
                    destination: destination.octets(),
                };
                [&header.to_bytes()[..], &self.between].concat()
            }
            _ => panic!("both ends are of one family"),
        };
        [&ethernet.to_bytes()[..], &ip, &upper].concat()
    }
}

/// A datagram.
pub(crate) fn udp(family: Family, from: u16, to: u16, payload: &[u8]) -> Packet {
    let length = (8 + payload.len()) as u16;
    let header = UdpHeader { source_port: from, destination_port: to, length, checksum: 0 };
    Packet::new(family, UDP, [&header.to_bytes()[..], payload].concat(), Some(6))
}

/// An ICMP message.
pub(crate) fn icmp(family: Family, kind: u8, code: u8, rest: &[u8]) -> Packet {
    let protocol = if family == Family::V4 { ICMP } else { ICMPV6 };
    Packet::new(family, protocol, [&[kind, code, 0, 0], rest].concat(), Some(2))
}

/// An echo request.
pub(crate) fn echo(family: Family, payload: &[u8]) -> Packet {
    let kind = if family == Family::V4 { 8 } else { 128 };
    icmp(family, kind, 0, &[&[0xab, 0xcd, 0, 7], payload].concat())
}

/// A TCP segment from port 5000 to port 80.
pub(crate) fn tcp(family: Family, change: impl FnOnce(&mut TcpHeader), payload: &[u8]) -> Packet {
    let mut header = TcpHeader::new(5000, 80, 1000, 4096);
    change(&mut header);
    Packet::new(family, TCP, [&header.to_bytes(), payload].concat(), Some(16))
}

/// The folded one's complement sum of the parts, which are one behind the other.
pub(crate) fn sum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low))).sum::<u32>();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// What the checksum covers besides the packet; nothing for ICMP over IPv4.
pub(crate) fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let length = (length as u32).to_be_bytes();
    match (source, destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) if protocol == ICMP => Vec::new(),
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            [&source.octets()[..], &destination.octets(), &[0, protocol], &length[2..]].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            [&source.octets()[..], &destination.octets(), &length, &[0, 0, 0, protocol]].concat()
        }
        _ => panic!("both ends are of one family"),
    }
}
