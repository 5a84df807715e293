use etherparse::checksum::Sum16BitWords;

pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    Sum16BitWords::new().add_slice(bytes).ones_complement().to_be()
}

pub(crate) mod build {
    use etherparse::{
        ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header, IpNumber, Ipv4Header, Ipv6Header, TcpHeader,
        UdpHeader,
    };

    use crate::Fields;

    pub(crate) fn ethernet(fields: &Fields) -> [u8; 14] {
        let [source, destination] = fields.macs;
        Ethernet2Header { source, destination, ether_type: EtherType::IPV4 }.to_bytes()
    }

    pub(crate) fn arp(fields: &Fields) -> [u8; 28] {
        ArpEthIpv4Packet {
            operation: ArpOperation::REPLY,
            sender_mac: fields.macs[0],
            sender_ipv4: fields.v4[0],
            target_mac: fields.macs[1],
            target_ipv4: fields.v4[1],
        }
        .to_bytes()
    }

    pub(crate) fn ipv4(fields: &Fields) -> [u8; 20] {
        let [source, destination] = fields.v4;
        let mut header = Ipv4Header {
            total_len: 20 + fields.payload_length,
            identification: fields.identification,
            dont_fragment: true,
            time_to_live: 64,
            protocol: IpNumber::TCP,
            source,
            destination,
            ..Default::default()
        };
        header.header_checksum = header.calc_header_checksum();
        header.to_bytes().as_slice().try_into().expect("a header without options has 20 bytes")
    }

    pub(crate) fn ipv6(fields: &Fields) -> [u8; 40] {
        let [source, destination] = fields.v6;
        Ipv6Header {
            payload_length: fields.payload_length,
            next_header: IpNumber::UDP,
            hop_limit: 64,
            source,
            destination,
            ..Default::default()
        }
        .to_bytes()
    }

    pub(crate) fn udp(fields: &Fields) -> [u8; 8] {
        let [source_port, destination_port] = fields.ports;
        UdpHeader { source_port, destination_port, length: 8 + fields.payload_length, checksum: 0 }.to_bytes()
    }

    pub(crate) fn tcp(fields: &Fields) -> [u8; 20] {
        let [source, destination] = fields.ports;
        let mut header = TcpHeader::new(source, destination, fields.sequence, fields.window);
        header.acknowledgment_number = fields.acknowledgment;
        header.ack = true;
        header.to_bytes().as_slice().try_into().expect("a header without options has 20 bytes")
    }
}

pub(crate) mod parse {
    use etherparse::{
        ArpPacketSlice, EtherType, Ethernet2Slice, IpNumber, Ipv4Slice, Ipv6Slice, NetSlice, SlicedPacket, TcpSlice,
        TransportSlice, UdpSlice,
    };

    use crate::{Arp, Ethernet, Frame, Ipv4, Ipv6, Tcp, Udp};

    #[inline(always)]
    pub(crate) fn ethernet(bytes: &[u8]) -> Option<Ethernet> {
        let frame = Ethernet2Slice::from_slice_without_fcs(bytes).ok()?;
        Some((frame.destination(), frame.source(), frame.ether_type().0, frame.payload_slice().len()))
    }

    #[inline(always)]
    pub(crate) fn arp(bytes: &[u8]) -> Option<Arp> {
        let packet = ArpPacketSlice::from_slice(bytes).ok()?.to_packet().try_eth_ipv4().ok()?;
        let (sender, target) = ((packet.sender_mac, packet.sender_ipv4), (packet.target_mac, packet.target_ipv4));
        Some((packet.operation.0, sender, target))
    }

    #[inline(always)]
    pub(crate) fn ipv4(bytes: &[u8]) -> Option<Ipv4> {
        let packet = Ipv4Slice::from_slice(bytes).ok()?;
        let header = packet.header();
        Some((header.source(), header.destination(), header.protocol().0, packet.payload().payload.len()))
    }

    #[inline(always)]
    pub(crate) fn ipv6(bytes: &[u8]) -> Option<Ipv6> {
        let packet = Ipv6Slice::from_slice(bytes).ok()?;
        let header = packet.header();
        Some((header.source(), header.destination(), header.next_header().0, packet.payload().payload.len()))
    }

    #[inline(always)]
    pub(crate) fn udp(bytes: &[u8]) -> Option<Udp> {
        let datagram = UdpSlice::from_slice(bytes).ok()?;
        Some((datagram.source_port(), datagram.destination_port(), datagram.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn tcp(bytes: &[u8]) -> Option<Tcp> {
        Some(of_segment(&TcpSlice::from_slice(bytes).ok()?))
    }

    /// Layer by layer, which is the fast way.
    #[inline(always)]
    pub(crate) fn frame(bytes: &[u8]) -> Option<Frame> {
        let frame = Ethernet2Slice::from_slice_without_fcs(bytes).ok()?;
        if frame.ether_type() != EtherType::IPV4 {
            return None;
        }
        let packet = Ipv4Slice::from_slice(frame.payload_slice()).ok()?;
        let header = packet.header();
        if packet.payload().ip_number != IpNumber::TCP {
            return None;
        }
        Some((header.source(), header.destination(), tcp(packet.payload().payload)?))
    }

    /// The way that its documentation begins with.
    #[inline(always)]
    pub(crate) fn frame_sliced(bytes: &[u8]) -> Option<Frame> {
        let sliced = SlicedPacket::from_ethernet(bytes).ok()?;
        let (Some(NetSlice::Ipv4(packet)), Some(TransportSlice::Tcp(segment))) = (sliced.net, sliced.transport) else {
            return None;
        };
        let header = packet.header();
        Some((header.source(), header.destination(), of_segment(&segment)))
    }

    #[inline(always)]
    fn of_segment(segment: &TcpSlice<'_>) -> Tcp {
        (segment.source_port(), segment.destination_port(), segment.sequence_number(), segment.payload().len())
    }
}
