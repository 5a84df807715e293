use etherparse::{IpNumber, Ipv6FlowLabel, Ipv6Header, Ipv6Slice};
use pnet_packet::Packet as _;
use pnet_packet::ipv6::{Ipv6, Ipv6Packet, MutableIpv6Packet};
use proptest::prelude::*;
use taphouse::base::address::Address;
use taphouse::wire::ipv6::{Header, Packet};
use taphouse::wire::protocol;
use zerocopy::IntoBytes;

use super::{bytes, damaged};

fn by_etherparse(class: u8, flow: u32, hop_limit: u8, addresses: [[u8; 16]; 2], payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        traffic_class: class,
        flow_label: Ipv6FlowLabel::try_new(flow).unwrap(),
        payload_length: payload.len() as u16,
        next_header: IpNumber(protocol::UDP),
        hop_limit,
        source: addresses[0],
        destination: addresses[1],
    };
    [&header.to_bytes(), payload].concat()
}

fn by_pnet(class: u8, flow: u32, hop_limit: u8, addresses: [[u8; 16]; 2], payload: &[u8]) -> Vec<u8> {
    let mut packet = MutableIpv6Packet::owned(vec![0; 40 + payload.len()]).unwrap();
    packet.populate(&Ipv6 {
        version: 6,
        traffic_class: class,
        flow_label: flow,
        payload_length: payload.len() as u16,
        next_header: pnet_packet::ip::IpNextHeaderProtocols::Udp,
        hop_limit,
        source: addresses[0].into(),
        destination: addresses[1].into(),
        payload: payload.to_vec(),
    });
    packet.packet().to_vec()
}

proptest! {
    #[test]
    fn what_we_build_they_read(class: u8, hop_limit: u8, addresses: [[u8; 16]; 2], payload in bytes(0..64)) {
        let [source, destination] = addresses;
        let ends = (Address::from_v6(source), Address::from_v6(destination));
        let header = Header::new(class, payload.len() as u16, protocol::UDP, hop_limit, ends);
        let packet = [header.as_bytes(), &payload].concat();

        let read = Ipv6Slice::from_slice(&packet).unwrap();
        prop_assert_eq!(read.header().traffic_class(), class);
        prop_assert_eq!(read.header().flow_label().value(), 0);
        prop_assert_eq!(read.header().next_header(), IpNumber::UDP);
        prop_assert_eq!(read.header().hop_limit(), hop_limit);
        prop_assert_eq!((read.header().source(), read.header().destination()), (source, destination));
        prop_assert_eq!(read.payload().payload, &payload);

        let read = Ipv6Packet::new(&packet).unwrap();
        prop_assert_eq!((read.get_version(), read.get_traffic_class(), read.get_flow_label()), (6, class, 0));
        prop_assert_eq!(read.get_next_header().0, protocol::UDP);
        prop_assert_eq!(read.get_hop_limit(), hop_limit);
        prop_assert_eq!((read.get_source().octets(), read.get_destination().octets()), (source, destination));
        prop_assert_eq!(read.payload(), &payload);
    }

    #[test]
    fn what_they_build_we_read(
        class: u8, flow in 0..1u32 << 20, hop_limit: u8, addresses: [[u8; 16]; 2],
        payload in bytes(0..64), padding in bytes(0..20),
    ) {
        let packets = [
            by_etherparse(class, flow, hop_limit, addresses, &payload),
            by_pnet(class, flow, hop_limit, addresses, &payload),
        ];
        for packet in packets {
            let packet = [packet, padding.clone()].concat();
            let Packet { header, payload: carried } = Packet::parse(&packet).unwrap();
            prop_assert_eq!(header.traffic_class(), class);
            prop_assert_eq!(usize::from(header.payload_length.get()), payload.len());
            prop_assert_eq!((header.next_header, header.hop_limit), (protocol::UDP, hop_limit));
            prop_assert_eq!([header.source, header.destination], addresses);
            prop_assert_eq!(carried, &payload);
        }
    }

    #[test]
    fn we_accept_what_etherparse_accepts(
        mut packet in prop_oneof![
            bytes(0..80),
            damaged((any::<u8>(), any::<[[u8; 16]; 2]>(), bytes(0..64))
                .prop_map(|(class, addresses, payload)| by_etherparse(class, 0, 64, addresses, &payload))),
        ],
    ) {
        // etherparse walks extension headers as it parses; we do that elsewhere. UDP has none before it.
        if let Some(next_header) = packet.get_mut(6) {
            *next_header = protocol::UDP;
        }
        match (Packet::parse(&packet), Ipv6Slice::from_slice(&packet)) {
            // Length zero belongs to jumbograms (RFC 2675), for which etherparse takes all there is. Without
            // the jumbo option, which no link of ours can need, it means just that: nothing.
            (Ok(ours), Ok(_)) if ours.header.payload_length == 0 => prop_assert!(ours.payload.is_empty()),
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours.payload, theirs.payload().payload),
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok()),
        }
    }
}
