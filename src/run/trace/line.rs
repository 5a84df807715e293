//! One frame, one line: what a teacher would say of it.
//!
//! The frame may be anything: what is not understood is named by its number, and what is damaged is told as far as it
//! goes. An ICMP error tells what it is about, but not what that was about: the depth is bounded.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr};

use etherparse::{
    ArpOperation, ArpPacketSlice, EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, LinkSlice, TcpOptionElement,
    TcpSlice, TransportSlice,
};

use super::filter::{Protocol, Protocols};
use super::{dhcp, groups, icmpv4, icmpv6};
use crate::base::address::Mac;
use crate::device::{Captured, Direction};

/// A frame in words.
pub(super) struct Line {
    /// What it is about.
    pub(super) protocols: Protocols,
    pub(super) text: String,
}

/// How many packets there are around the one that is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// A frame of ours.
    Frame,
    /// The packet that an ICMP error quotes. What that one quotes is not told.
    Quote,
}

/// Writes into a string, which takes everything.
macro_rules! tell {
    ($text:expr, $($part:tt)*) => {{
        use std::fmt::Write as _;
        write!($text, $($part)*).expect("a string takes whatever is written to it")
    }};
}
pub(super) use tell;

/// Tells of a frame, with its time and the way it went.
pub(super) fn line(captured: &Captured) -> Line {
    let micros = captured.time.as_nanos() / 1000;
    let direction = match captured.direction {
        Direction::In => "in ",
        Direction::Out => "out",
    };
    let text = format!("{:>4}.{:06} {direction} ", micros / 1_000_000, micros % 1_000_000);
    let mut line = Line { protocols: Protocols::default(), text };
    line.frame(captured);
    if let Some(segments) = captured.offload.segments {
        tell!(line.text, ", to be cut into {} each", segments.size);
    }
    line
}

impl Line {
    fn frame(&mut self, captured: &Captured) {
        let Ok(packet) = LaxSlicedPacket::from_ethernet(&captured.bytes) else {
            return tell!(self.text, "damaged: {} bytes are no Ethernet frame", captured.length);
        };
        for vlan in packet.vlan_ids() {
            tell!(self.text, "VLAN {} ", vlan.value());
        }
        match (&packet.net, packet.ether_payload()) {
            (Some(LaxNetSlice::Arp(arp)), _) => {
                self.protocols = self.protocols.and(Protocol::Arp);
                tell!(self.text, "ARP ");
                self.arp(arp);
            }
            (Some(_), _) => self.packet(&packet, Depth::Frame),
            // RFC 903: the format of ARP under a number of its own, which the crate does not follow.
            (None, Some(payload)) if payload.ether_type == EtherType(0x8035) => {
                self.protocols = self.protocols.and(Protocol::Rarp);
                tell!(self.text, "RARP ");
                match ArpPacketSlice::from_slice(payload.payload) {
                    Ok(rarp) => self.arp(&rarp),
                    Err(_) => tell!(self.text, "damaged: {} bytes are too few", captured.length),
                }
            }
            (None, payload) => {
                let ethertype = payload.map_or(EtherType(0), |payload| payload.ether_type);
                if let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link {
                    tell!(self.text, "{} > {} ", Mac::new(ethernet.source()), Mac::new(ethernet.destination()));
                }
                tell!(self.text, "EtherType {:#06x}, {} bytes", ethertype.0, captured.length);
                self.damage(&packet);
            }
        }
    }

    /// RFC 826 and RFC 903, for Ethernet and IPv4; RFC 5227 has the names of requests that ask nothing.
    fn arp(&mut self, arp: &ArpPacketSlice<'_>) {
        let mac = |bytes: &[u8]| <[u8; 6]>::try_from(bytes).map(Mac::new);
        let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(Ipv4Addr::from);
        let (Ok(sender), Ok(target)) = (mac(arp.sender_hw_addr()), mac(arp.target_hw_addr())) else {
            return tell!(self.text, "between addresses of {} bytes", arp.hw_addr_size());
        };
        let (Ok(from), Ok(about)) = (ip(arp.sender_protocol_addr()), ip(arp.target_protocol_addr())) else {
            return tell!(self.text, "for addresses of {} bytes", arp.proto_addr_size());
        };
        match arp.operation() {
            ArpOperation::REQUEST if from.is_unspecified() => {
                tell!(self.text, "probe: has anybody {about}? asks {sender}");
            }
            ArpOperation::REQUEST if from == about => tell!(self.text, "announcement: {from} is at {sender}"),
            ArpOperation::REQUEST => tell!(self.text, "request: who has {about}? tell {from} at {sender}"),
            ArpOperation::REPLY => tell!(self.text, "reply: {from} is at {sender}, to {about} at {target}"),
            ArpOperation(3) if sender == target => tell!(self.text, "request: which address have I? asks {sender}"),
            ArpOperation(3) => tell!(self.text, "request: which address has {target}? asks {sender}"),
            ArpOperation(4) => tell!(self.text, "reply: {target} has {about}, says {from} at {sender}"),
            ArpOperation(number) => tell!(self.text, "operation {number} from {from} at {sender}"),
        }
    }

    /// IPv4 or IPv6 and what it carries.
    pub(super) fn packet(&mut self, packet: &LaxSlicedPacket<'_>, depth: Depth) {
        let (source, destination, version) = match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                (IpAddr::V4(header.source_addr()), IpAddr::V4(header.destination_addr()), Protocol::Ip)
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                (IpAddr::V6(header.source_addr()), IpAddr::V6(header.destination_addr()), Protocol::Ip6)
            }
            Some(LaxNetSlice::Arp(_)) | None => return tell!(self.text, "something that is no IP packet"),
        };
        self.see(version, depth);
        let ends = Ends { source, destination };
        match &packet.transport {
            Some(TransportSlice::Udp(udp)) => {
                self.see(Protocol::Udp, depth);
                let (from, to) = ends.with_ports(udp.source_port(), udp.destination_port());
                if dhcp::is_dhcp(udp.source_port(), udp.destination_port()) && depth == Depth::Frame {
                    self.see(Protocol::Dhcp, depth);
                    tell!(self.text, "UDP {from} > {to} ");
                    return dhcp::tell_of(&mut self.text, udp.payload());
                }
                tell!(self.text, "UDP {from} > {to}, {} bytes", udp.length().saturating_sub(8));
            }
            Some(TransportSlice::Tcp(tcp)) => {
                self.see(Protocol::Tcp, depth);
                let (from, to) = ends.with_ports(tcp.source_port(), tcp.destination_port());
                tell!(self.text, "TCP {from} > {to} ");
                self.tcp(tcp);
                let declared = carried(packet).saturating_sub(tcp.header_slice().len());
                tell!(self.text, ", {declared} bytes");
            }
            Some(TransportSlice::Icmpv4(icmp)) => {
                self.see(Protocol::Icmp, depth);
                tell!(self.text, "ICMP {ends} ");
                icmpv4::tell_of(self, icmp, carried(packet), depth);
            }
            Some(TransportSlice::Icmpv6(icmp)) => {
                self.see(Protocol::Icmpv6, depth);
                tell!(self.text, "ICMPv6 {ends} ");
                icmpv6::tell_of(self, icmp, carried(packet), depth);
            }
            Some(TransportSlice::Igmp(_)) => {
                self.see(Protocol::Igmp, depth);
                tell!(self.text, "IGMP {ends} ");
                let message = packet.ip_payload().map(|payload| payload.payload);
                groups::igmp(&mut self.text, message.unwrap_or_default());
            }
            None => {
                let name = if version == Protocol::Ip { "IPv4" } else { "IPv6" };
                tell!(self.text, "{name} {ends}, ");
                self.unknown(packet);
            }
        }
        if depth == Depth::Frame {
            self.damage(packet);
        }
    }

    /// A quoted packet is not what a frame is about.
    pub(super) fn see(&mut self, protocol: Protocol, depth: Depth) {
        if depth == Depth::Frame {
            self.protocols = self.protocols.and(protocol);
        }
    }

    /// What an ICMP error quotes (RFC 1122 §3.2.2, RFC 4443 §2.4 c).
    pub(super) fn quote(&mut self, quoted: &[u8], depth: Depth) {
        if depth == Depth::Quote {
            return;
        }
        tell!(self.text, ", about ");
        match LaxSlicedPacket::from_ip(quoted) {
            Ok(packet) => self.packet(&packet, Depth::Quote),
            Err(_) => tell!(self.text, "something that is no IP packet"),
        }
    }

    fn tcp(&mut self, tcp: &TcpSlice<'_>) {
        let flags = [
            (tcp.syn(), "SYN"),
            (tcp.fin(), "FIN"),
            (tcp.rst(), "RST"),
            (tcp.psh(), "PSH"),
            (tcp.ack(), "ACK"),
            (tcp.urg(), "URG"),
            (tcp.ece(), "ECE"),
            (tcp.cwr(), "CWR"),
        ];
        let set: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        tell!(self.text, "[{}] seq {}", set.join(" "), tcp.sequence_number());
        if tcp.ack() {
            tell!(self.text, ", ack {}", tcp.acknowledgment_number());
        }
        tell!(self.text, ", window {}", tcp.window_size());
        for option in tcp.options_iterator().map_while(Result::ok) {
            match option {
                TcpOptionElement::MaximumSegmentSize(bytes) => tell!(self.text, ", mss {bytes}"),
                TcpOptionElement::WindowScale(shift) => tell!(self.text, ", wscale {shift}"),
                TcpOptionElement::SelectiveAcknowledgementPermitted => tell!(self.text, ", sack permitted"),
                TcpOptionElement::SelectiveAcknowledgement((left, right), _) => {
                    tell!(self.text, ", sack {left}-{right}");
                }
                TcpOptionElement::Timestamp(value, echo) => tell!(self.text, ", timestamp {value} echoes {echo}"),
                TcpOptionElement::Noop => {}
            }
        }
    }

    /// A fragment, or a protocol that is known by its number.
    fn unknown(&mut self, packet: &LaxSlicedPacket<'_>) {
        let Some(payload) = packet.ip_payload() else { return tell!(self.text, "nothing behind it") };
        let name = |number: IpNumber| match number.keyword_str() {
            Some(name) => name.to_owned(),
            None => format!("protocol {}", number.0),
        };
        if payload.fragmented {
            tell!(self.text, "a fragment of {}", name(payload.ip_number));
        } else {
            tell!(self.text, "{}", name(payload.ip_number));
        }
        tell!(self.text, ", {} bytes", carried(packet));
    }

    /// Where reading ended too early.
    fn damage(&mut self, packet: &LaxSlicedPacket<'_>) {
        if let Some((_, layer)) = &packet.stop_err {
            tell!(self.text, ", damaged: the {layer} cannot be read");
        }
    }
}

/// Bytes that the IP header says it carries, without the extension headers.
fn carried(packet: &LaxSlicedPacket<'_>) -> usize {
    match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => usize::from(ip.header().total_len()).saturating_sub(ip.header().slice().len()),
        Some(LaxNetSlice::Ipv6(ip)) => {
            usize::from(ip.header().payload_length()).saturating_sub(ip.extensions().slice().len())
        }
        Some(LaxNetSlice::Arp(_)) | None => 0,
    }
}

/// Whence and whither.
struct Ends {
    source: IpAddr,
    destination: IpAddr,
}

impl Ends {
    fn with_ports(&self, from: u16, to: u16) -> (impl Display, impl Display) {
        (std::net::SocketAddr::new(self.source, from), std::net::SocketAddr::new(self.destination, to))
    }
}

impl Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.source, self.destination)
    }
}
