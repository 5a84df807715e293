use taphouse::wire::checksum::Sum;

pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    u16::from_be_bytes(Sum::of(bytes).checksum())
}

pub(crate) mod build {
    use taphouse::base::address::{Address, Mac};
    use taphouse::wire::{arp, ethernet, ipv4, ipv6, protocol, tcp, udp};

    use crate::Fields;

    pub(crate) fn ethernet(fields: &Fields) -> [u8; 14] {
        let [source, destination] = fields.macs.map(Mac::new);
        zerocopy::transmute!(ethernet::Header::new(destination, source, ethernet::EtherType::IPV4))
    }

    pub(crate) fn arp(fields: &Fields) -> [u8; 28] {
        let ([sender_mac, target_mac], [sender, target]) = (fields.macs.map(Mac::new), fields.v4);
        zerocopy::transmute!(arp::Packet::new(arp::Operation::REPLY, (sender_mac, sender), (target_mac, target)))
    }

    pub(crate) fn ipv4(fields: &Fields) -> [u8; 20] {
        let [source, destination] = fields.v4;
        zerocopy::transmute!(ipv4::Header::new(ipv4::Fields {
            traffic_class: 0,
            payload_length: usize::from(fields.payload_length),
            identification: fields.identification,
            flags_offset: ipv4::DONT_FRAGMENT,
            time_to_live: 64,
            protocol: protocol::TCP,
            source,
            destination,
        }))
    }

    pub(crate) fn ipv6(fields: &Fields) -> [u8; 40] {
        let [source, destination] = fields.v6.map(Address::from_v6);
        zerocopy::transmute!(ipv6::Header::new(0, fields.payload_length, protocol::UDP, 64, (source, destination)))
    }

    pub(crate) fn udp(fields: &Fields) -> [u8; 8] {
        zerocopy::transmute!(udp::Header {
            source: fields.ports[0].into(),
            destination: fields.ports[1].into(),
            length: (fields.payload_length + 8).into(),
            checksum: [0; 2],
        })
    }

    pub(crate) fn tcp(fields: &Fields) -> [u8; 20] {
        let ports = (fields.ports[0].into(), fields.ports[1].into());
        let mut header = tcp::Header::new(ports, fields.sequence, fields.acknowledgment, tcp::flag::ACK);
        header.window = fields.window.into();
        zerocopy::transmute!(header)
    }
}

pub(crate) mod parse {
    use taphouse::wire::ethernet::EtherType;
    use taphouse::wire::{arp, ethernet, ipv4, ipv6, protocol, tcp, udp};

    use crate::{Arp, Ethernet, Frame, Ipv4, Ipv6, Tcp, Udp};

    #[inline(always)]
    pub(crate) fn ethernet(bytes: &[u8]) -> Option<Ethernet> {
        let (header, rest) = ethernet::Header::parse(bytes).ok()?;
        Some((header.destination, header.source, header.ethertype.0.get(), rest.len()))
    }

    #[inline(always)]
    pub(crate) fn arp(bytes: &[u8]) -> Option<Arp> {
        let packet = arp::Packet::parse(bytes).ok()?;
        let (sender, target) = ((packet.sender_mac, packet.sender), (packet.target_mac, packet.target));
        Some((packet.operation.0.get(), sender, target))
    }

    #[inline(always)]
    pub(crate) fn ipv4(bytes: &[u8]) -> Option<Ipv4> {
        let ipv4::Packet { header, payload, .. } = ipv4::Packet::parse(bytes).ok()?;
        Some((header.source, header.destination, header.protocol, payload.len()))
    }

    #[inline(always)]
    pub(crate) fn ipv6(bytes: &[u8]) -> Option<Ipv6> {
        let ipv6::Packet { header, payload } = ipv6::Packet::parse(bytes).ok()?;
        Some((header.source, header.destination, header.next_header, payload.len()))
    }

    #[inline(always)]
    pub(crate) fn udp(bytes: &[u8]) -> Option<Udp> {
        let (header, payload) = udp::Header::parse(bytes).ok()?;
        Some((header.source.get(), header.destination.get(), payload.len()))
    }

    #[inline(always)]
    pub(crate) fn tcp(bytes: &[u8]) -> Option<Tcp> {
        let tcp::Segment { header, payload, .. } = tcp::Segment::parse(bytes).ok()?;
        Some((header.source.get(), header.destination.get(), header.sequence.get(), payload.len()))
    }

    #[inline(always)]
    pub(crate) fn frame(bytes: &[u8]) -> Option<Frame> {
        let (header, rest) = ethernet::Header::parse(bytes).ok()?;
        if header.ethertype != EtherType::IPV4 {
            return None;
        }
        let ipv4::Packet { header, payload, .. } = ipv4::Packet::parse(rest).ok()?;
        if header.protocol != protocol::TCP {
            return None;
        }
        Some((header.source, header.destination, tcp(payload)?))
    }
}
