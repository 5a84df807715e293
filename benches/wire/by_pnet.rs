pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    const LEAVE_NO_WORD_OUT: usize = usize::MAX;
    pnet_packet::util::checksum(bytes, LEAVE_NO_WORD_OUT)
}

pub(crate) mod build {
    use pnet_packet::arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket};
    use pnet_packet::ethernet::{EtherTypes, MutableEthernetPacket};
    use pnet_packet::ip::IpNextHeaderProtocols;
    use pnet_packet::ipv4::{Ipv4Flags, MutableIpv4Packet};
    use pnet_packet::ipv6::MutableIpv6Packet;
    use pnet_packet::tcp::{MutableTcpPacket, TcpFlags};
    use pnet_packet::udp::MutableUdpPacket;

    use crate::Fields;

    const FITS: &str = "the buffer has the length of the header";

    pub(crate) fn ethernet(fields: &Fields) -> [u8; 14] {
        let mut bytes = [0; 14];
        let mut frame = MutableEthernetPacket::new(&mut bytes).expect(FITS);
        frame.set_destination(fields.macs[1].into());
        frame.set_source(fields.macs[0].into());
        frame.set_ethertype(EtherTypes::Ipv4);
        bytes
    }

    pub(crate) fn arp(fields: &Fields) -> [u8; 28] {
        let mut bytes = [0; 28];
        let mut packet = MutableArpPacket::new(&mut bytes).expect(FITS);
        packet.set_hardware_type(ArpHardwareTypes::Ethernet);
        packet.set_protocol_type(EtherTypes::Ipv4);
        packet.set_hw_addr_len(6);
        packet.set_proto_addr_len(4);
        packet.set_operation(ArpOperations::Reply);
        packet.set_sender_hw_addr(fields.macs[0].into());
        packet.set_sender_proto_addr(fields.v4[0].into());
        packet.set_target_hw_addr(fields.macs[1].into());
        packet.set_target_proto_addr(fields.v4[1].into());
        bytes
    }

    pub(crate) fn ipv4(fields: &Fields) -> [u8; 20] {
        let mut bytes = [0; 20];
        let mut packet = MutableIpv4Packet::new(&mut bytes).expect(FITS);
        packet.set_version(4);
        packet.set_header_length(5);
        packet.set_total_length(20 + fields.payload_length);
        packet.set_identification(fields.identification);
        packet.set_flags(Ipv4Flags::DontFragment);
        packet.set_ttl(64);
        packet.set_next_level_protocol(IpNextHeaderProtocols::Tcp);
        packet.set_source(fields.v4[0].into());
        packet.set_destination(fields.v4[1].into());
        packet.set_checksum(pnet_packet::ipv4::checksum(&packet.to_immutable()));
        bytes
    }

    pub(crate) fn ipv6(fields: &Fields) -> [u8; 40] {
        let mut bytes = [0; 40];
        let mut packet = MutableIpv6Packet::new(&mut bytes).expect(FITS);
        packet.set_version(6);
        packet.set_payload_length(fields.payload_length);
        packet.set_next_header(IpNextHeaderProtocols::Udp);
        packet.set_hop_limit(64);
        packet.set_source(fields.v6[0].into());
        packet.set_destination(fields.v6[1].into());
        bytes
    }

    pub(crate) fn udp(fields: &Fields) -> [u8; 8] {
        let mut bytes = [0; 8];
        let mut datagram = MutableUdpPacket::new(&mut bytes).expect(FITS);
        datagram.set_source(fields.ports[0]);
        datagram.set_destination(fields.ports[1]);
        datagram.set_length(8 + fields.payload_length);
        bytes
    }

    pub(crate) fn tcp(fields: &Fields) -> [u8; 20] {
        let mut bytes = [0; 20];
        let mut segment = MutableTcpPacket::new(&mut bytes).expect(FITS);
        segment.set_source(fields.ports[0]);
        segment.set_destination(fields.ports[1]);
        segment.set_sequence(fields.sequence);
        segment.set_acknowledgement(fields.acknowledgment);
        segment.set_data_offset(5);
        segment.set_flags(TcpFlags::ACK);
        segment.set_window(fields.window);
        bytes
    }
}

/// pnet_packet looks at no length but that of the smallest header, so the checks here are made by hand.
pub(crate) mod parse {
    use pnet_packet::Packet as _;
    use pnet_packet::arp::{ArpHardwareTypes, ArpPacket};
    use pnet_packet::ethernet::{EtherTypes, EthernetPacket};
    use pnet_packet::ip::IpNextHeaderProtocols;
    use pnet_packet::ipv4::Ipv4Packet;
    use pnet_packet::ipv6::Ipv6Packet;
    use pnet_packet::tcp::TcpPacket;
    use pnet_packet::udp::UdpPacket;

    use crate::{Arp, Ethernet, Frame, Ipv4, Ipv6, Tcp, Udp};

    #[inline(always)]
    pub(crate) fn ethernet(bytes: &[u8]) -> Option<Ethernet> {
        let frame = EthernetPacket::new(bytes)?;
        let (destination, source) = (frame.get_destination().octets(), frame.get_source().octets());
        Some((destination, source, frame.get_ethertype().0, frame.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn arp(bytes: &[u8]) -> Option<Arp> {
        let packet = ArpPacket::new(bytes)?;
        let hardware = (packet.get_hardware_type(), packet.get_hw_addr_len());
        let protocol = (packet.get_protocol_type(), packet.get_proto_addr_len());
        if hardware != (ArpHardwareTypes::Ethernet, 6) || protocol != (EtherTypes::Ipv4, 4) {
            return None;
        }
        let sender = (packet.get_sender_hw_addr().octets(), packet.get_sender_proto_addr().octets());
        let target = (packet.get_target_hw_addr().octets(), packet.get_target_proto_addr().octets());
        Some((packet.get_operation().0, sender, target))
    }

    #[inline(always)]
    pub(crate) fn ipv4(bytes: &[u8]) -> Option<Ipv4> {
        let packet = ipv4_checked(bytes)?;
        let (source, destination) = (packet.get_source().octets(), packet.get_destination().octets());
        Some((source, destination, packet.get_next_level_protocol().0, packet.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn ipv6(bytes: &[u8]) -> Option<Ipv6> {
        let packet = Ipv6Packet::new(bytes)?;
        if packet.get_version() != 6 || 40 + usize::from(packet.get_payload_length()) > bytes.len() {
            return None;
        }
        let (source, destination) = (packet.get_source().octets(), packet.get_destination().octets());
        Some((source, destination, packet.get_next_header().0, packet.payload().len()))
    }

    #[inline(always)]
    pub(crate) fn udp(bytes: &[u8]) -> Option<Udp> {
        let datagram = UdpPacket::new(bytes)?;
        // Its payload is all there is, whatever the length says.
        let length = usize::from(datagram.get_length());
        if length < 8 || length > bytes.len() {
            return None;
        }
        Some((datagram.get_source(), datagram.get_destination(), length - 8))
    }

    #[inline(always)]
    pub(crate) fn tcp(bytes: &[u8]) -> Option<Tcp> {
        let segment = TcpPacket::new(bytes)?;
        let header_length = usize::from(segment.get_data_offset()) * 4;
        if header_length < 20 || header_length > bytes.len() {
            return None;
        }
        Some(of_segment(&segment))
    }

    #[inline(always)]
    pub(crate) fn frame(bytes: &[u8]) -> Option<Frame> {
        let frame = EthernetPacket::new(bytes)?;
        if frame.get_ethertype() != EtherTypes::Ipv4 {
            return None;
        }
        let packet = ipv4_checked(frame.payload())?;
        if packet.get_next_level_protocol() != IpNextHeaderProtocols::Tcp {
            return None;
        }
        let (source, destination) = (packet.get_source().octets(), packet.get_destination().octets());
        Some((source, destination, tcp(packet.payload())?))
    }

    /// As it comes, for what that saves.
    #[inline(always)]
    pub(crate) fn frame_unchecked(bytes: &[u8]) -> Option<Frame> {
        let frame = EthernetPacket::new(bytes)?;
        if frame.get_ethertype() != EtherTypes::Ipv4 {
            return None;
        }
        let packet = Ipv4Packet::new(frame.payload())?;
        if packet.get_next_level_protocol() != IpNextHeaderProtocols::Tcp {
            return None;
        }
        let (source, destination) = (packet.get_source().octets(), packet.get_destination().octets());
        Some((source, destination, of_segment(&TcpPacket::new(packet.payload())?)))
    }

    #[inline(always)]
    fn ipv4_checked(bytes: &[u8]) -> Option<Ipv4Packet<'_>> {
        let packet = Ipv4Packet::new(bytes)?;
        let header_length = usize::from(packet.get_header_length()) * 4;
        let total_length = usize::from(packet.get_total_length());
        let lengths_agree = 20 <= header_length && header_length <= total_length && total_length <= bytes.len();
        (packet.get_version() == 4 && lengths_agree).then_some(packet)
    }

    #[inline(always)]
    fn of_segment(segment: &TcpPacket<'_>) -> Tcp {
        (segment.get_source(), segment.get_destination(), segment.get_sequence(), segment.payload().len())
    }
}
