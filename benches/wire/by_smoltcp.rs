pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    !smoltcp::wire::checksum::data(bytes)
}

pub(crate) mod build {
    use smoltcp::wire::{
        ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Address,
        Ipv4Packet, Ipv6Address, Ipv6Packet, TcpPacket, TcpSeqNumber, UdpPacket,
    };

    use crate::Fields;

    pub(crate) fn ethernet(fields: &Fields) -> [u8; 14] {
        let mut bytes = [0; 14];
        let mut frame = EthernetFrame::new_unchecked(&mut bytes);
        frame.set_dst_addr(EthernetAddress(fields.macs[1]));
        frame.set_src_addr(EthernetAddress(fields.macs[0]));
        frame.set_ethertype(EthernetProtocol::Ipv4);
        bytes
    }

    pub(crate) fn arp(fields: &Fields) -> [u8; 28] {
        let mut bytes = [0; 28];
        ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: EthernetAddress(fields.macs[0]),
            source_protocol_addr: Ipv4Address::from(fields.v4[0]),
            target_hardware_addr: EthernetAddress(fields.macs[1]),
            target_protocol_addr: Ipv4Address::from(fields.v4[1]),
        }
        .emit(&mut ArpPacket::new_unchecked(&mut bytes));
        bytes
    }

    pub(crate) fn ipv4(fields: &Fields) -> [u8; 20] {
        let mut bytes = [0; 20];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
        packet.set_version(4);
        packet.set_header_len(20);
        packet.set_total_len(20 + fields.payload_length);
        packet.set_ident(fields.identification);
        packet.set_dont_frag(true);
        packet.set_hop_limit(64);
        packet.set_next_header(IpProtocol::Tcp);
        packet.set_src_addr(Ipv4Address::from(fields.v4[0]));
        packet.set_dst_addr(Ipv4Address::from(fields.v4[1]));
        packet.fill_checksum();
        bytes
    }

    pub(crate) fn ipv6(fields: &Fields) -> [u8; 40] {
        let mut bytes = [0; 40];
        let mut packet = Ipv6Packet::new_unchecked(&mut bytes);
        packet.set_version(6);
        packet.set_payload_len(fields.payload_length);
        packet.set_next_header(IpProtocol::Udp);
        packet.set_hop_limit(64);
        packet.set_src_addr(Ipv6Address::from(fields.v6[0]));
        packet.set_dst_addr(Ipv6Address::from(fields.v6[1]));
        bytes
    }

    pub(crate) fn udp(fields: &Fields) -> [u8; 8] {
        let mut bytes = [0; 8];
        let mut datagram = UdpPacket::new_unchecked(&mut bytes);
        datagram.set_src_port(fields.ports[0]);
        datagram.set_dst_port(fields.ports[1]);
        datagram.set_len(8 + fields.payload_length);
        bytes
    }

    pub(crate) fn tcp(fields: &Fields) -> [u8; 20] {
        let mut bytes = [0; 20];
        let mut segment = TcpPacket::new_unchecked(&mut bytes);
        segment.set_src_port(fields.ports[0]);
        segment.set_dst_port(fields.ports[1]);
        segment.set_seq_number(TcpSeqNumber(fields.sequence as i32));
        segment.set_ack_number(TcpSeqNumber(fields.acknowledgment as i32));
        segment.set_ack(true);
        segment.set_header_len(20);
        segment.set_window_len(fields.window);
        bytes
    }
}

pub(crate) mod parse {
    use smoltcp::wire::{
        ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket,
    };

    use crate::{Arp, Ethernet, Frame, Ipv4, Ipv6, Tcp, Udp};

    #[inline(always)]
    pub(crate) fn ethernet(bytes: &[u8]) -> Option<Ethernet> {
        let frame = EthernetFrame::new_checked(bytes).ok()?;
        Some((frame.dst_addr().0, frame.src_addr().0, frame.ethertype().into(), frame.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn arp(bytes: &[u8]) -> Option<Arp> {
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_hardware_addr,
            target_protocol_addr,
        } = ArpRepr::parse(&ArpPacket::new_checked(bytes).ok()?).ok()?
        else {
            return None;
        };
        let sender = (source_hardware_addr.0, source_protocol_addr.octets());
        let target = (target_hardware_addr.0, target_protocol_addr.octets());
        Some((operation.into(), sender, target))
    }

    #[inline(always)]
    pub(crate) fn ipv4(bytes: &[u8]) -> Option<Ipv4> {
        let packet = Ipv4Packet::new_checked(bytes).ok()?;
        // Left to the caller.
        if packet.version() != 4 {
            return None;
        }
        let protocol = packet.next_header().into();
        Some((packet.src_addr().octets(), packet.dst_addr().octets(), protocol, packet.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn ipv6(bytes: &[u8]) -> Option<Ipv6> {
        let packet = Ipv6Packet::new_checked(bytes).ok()?;
        // Left to the caller.
        if packet.version() != 6 {
            return None;
        }
        let protocol = packet.next_header().into();
        Some((packet.src_addr().octets(), packet.dst_addr().octets(), protocol, packet.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn udp(bytes: &[u8]) -> Option<Udp> {
        let datagram = UdpPacket::new_checked(bytes).ok()?;
        Some((datagram.src_port(), datagram.dst_port(), datagram.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn tcp(bytes: &[u8]) -> Option<Tcp> {
        let segment = TcpPacket::new_checked(bytes).ok()?;
        Some((segment.src_port(), segment.dst_port(), segment.seq_number().0 as u32, segment.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn frame(bytes: &[u8]) -> Option<Frame> {
        let frame = EthernetFrame::new_checked(bytes).ok()?;
        if frame.ethertype() != EthernetProtocol::Ipv4 {
            return None;
        }
        let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
        if packet.version() != 4 || packet.next_header() != IpProtocol::Tcp {
            return None;
        }
        Some((packet.src_addr().octets(), packet.dst_addr().octets(), tcp(packet.payload())?))
    }
}
