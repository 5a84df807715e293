use etherparse::{IpDscp, IpEcn, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv4Slice};
use pnet_packet::Packet as _;
use pnet_packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use proptest::prelude::*;
use taphouse::base::address::Address;
use taphouse::wire::ipv4::{Fields, Header, Packet};
use taphouse::wire::protocol;
use zerocopy::IntoBytes;

use super::{bytes, damaged, words_of_options};

fn fields(payload: &[u8]) -> impl Strategy<Value = Fields> + use<> {
    let payload_length = payload.len();
    // An authentication header would be one of etherparse's extension headers.
    let protocol = any::<u8>().prop_filter("not IPsec", |protocol| *protocol != 51);
    (any::<[u8; 2]>(), any::<[u16; 2]>(), protocol, any::<[[u8; 4]; 2]>()).prop_map(
        move |([traffic_class, time_to_live], [identification, flags_offset], protocol, [source, destination])| {
            Fields {
                traffic_class,
                payload_length,
                identification,
                flags_offset: flags_offset & 0x7fff, // The highest flag is reserved: etherparse cannot set it.
                time_to_live,
                protocol,
                source,
                destination,
            }
        },
    )
}

fn fields_and_payload() -> impl Strategy<Value = (Fields, Vec<u8>)> {
    bytes(0..64).prop_flat_map(|payload| (fields(&payload), Just(payload)))
}

fn by_etherparse(fields: Fields, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header {
        dscp: IpDscp::try_new(fields.traffic_class >> 2).unwrap(),
        ecn: IpEcn::try_new(fields.traffic_class & 3).unwrap(),
        total_len: (20 + options.len() + payload.len()) as u16,
        identification: fields.identification,
        dont_fragment: fields.flags_offset & 0x4000 != 0,
        more_fragments: fields.flags_offset & 0x2000 != 0,
        fragment_offset: IpFragOffset::try_new(fields.flags_offset & 0x1fff).unwrap(),
        time_to_live: fields.time_to_live,
        protocol: IpNumber(fields.protocol),
        header_checksum: 0,
        source: fields.source,
        destination: fields.destination,
        options: Ipv4Options::try_from(options).unwrap(),
    };
    header.header_checksum = header.calc_header_checksum();
    [&header.to_bytes(), payload].concat()
}

fn by_pnet(fields: Fields, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = 20 + options.len() + payload.len();
    let mut packet = MutableIpv4Packet::owned(vec![0; length]).unwrap();
    packet.set_version(4);
    packet.set_header_length((5 + options.len() / 4) as u8);
    packet.set_dscp(fields.traffic_class >> 2);
    packet.set_ecn(fields.traffic_class & 3);
    packet.set_total_length(length as u16);
    packet.set_identification(fields.identification);
    packet.set_flags((fields.flags_offset >> 13) as u8);
    packet.set_fragment_offset(fields.flags_offset & 0x1fff);
    packet.set_ttl(fields.time_to_live);
    packet.set_next_level_protocol(pnet_packet::ip::IpNextHeaderProtocol(fields.protocol));
    packet.set_source(fields.source.into());
    packet.set_destination(fields.destination.into());
    packet.get_options_raw_mut().copy_from_slice(options);
    packet.set_payload(payload);
    packet.set_checksum(pnet_packet::ipv4::checksum(&packet.to_immutable()));
    packet.packet().to_vec()
}

proptest! {
    #[test]
    fn what_we_build_they_read((fields, payload) in fields_and_payload()) {
        let packet = [Header::new(fields).as_bytes(), &payload].concat();

        let read = Ipv4Slice::from_slice(&packet).unwrap();
        let header = read.header();
        prop_assert_eq!(header.dcp().value() << 2 | header.ecn().value(), fields.traffic_class);
        prop_assert_eq!(usize::from(header.total_len()), 20 + fields.payload_length);
        prop_assert_eq!(header.identification(), fields.identification);
        prop_assert_eq!(header.dont_fragment(), fields.flags_offset & 0x4000 != 0);
        prop_assert_eq!(header.more_fragments(), fields.flags_offset & 0x2000 != 0);
        prop_assert_eq!(header.fragments_offset().value(), fields.flags_offset & 0x1fff);
        prop_assert_eq!((header.ttl(), header.protocol().0), (fields.time_to_live, fields.protocol));
        prop_assert_eq!((header.source(), header.destination()), (fields.source, fields.destination));
        prop_assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
        prop_assert_eq!(read.payload().payload, &payload);

        let read = Ipv4Packet::new(&packet).unwrap();
        prop_assert_eq!((read.get_version(), read.get_header_length()), (4, 5));
        prop_assert_eq!(read.get_dscp() << 2 | read.get_ecn(), fields.traffic_class);
        prop_assert_eq!(usize::from(read.get_total_length()), 20 + fields.payload_length);
        prop_assert_eq!(read.get_identification(), fields.identification);
        prop_assert_eq!(u16::from(read.get_flags()) << 13 | read.get_fragment_offset(), fields.flags_offset);
        prop_assert_eq!((read.get_ttl(), read.get_next_level_protocol().0), (fields.time_to_live, fields.protocol));
        prop_assert_eq!(read.get_source().octets(), fields.source);
        prop_assert_eq!(read.get_destination().octets(), fields.destination);
        prop_assert_eq!(read.get_checksum(), pnet_packet::ipv4::checksum(&read));
        prop_assert_eq!(read.payload(), &payload);
    }

    #[test]
    fn what_they_build_we_read(
        (fields, payload) in fields_and_payload(), options in words_of_options(), padding in bytes(0..20),
    ) {
        for packet in [by_etherparse(fields, &options, &payload), by_pnet(fields, &options, &payload)] {
            let packet = [packet, padding.clone()].concat();
            let read = Packet::parse(&packet).unwrap();
            let header = read.header;
            prop_assert_eq!(header.traffic_class, fields.traffic_class);
            prop_assert_eq!(usize::from(header.total_length.get()), 20 + options.len() + payload.len());
            prop_assert_eq!(header.header_length(), 20 + options.len());
            prop_assert_eq!(header.identification.get(), fields.identification);
            prop_assert_eq!(header.flags_offset.get(), fields.flags_offset);
            prop_assert_eq!(header.is_fragment(), fields.flags_offset & !0x4000 != 0);
            prop_assert_eq!((header.time_to_live, header.protocol), (fields.time_to_live, fields.protocol));
            prop_assert_eq!((header.source, header.destination), (fields.source, fields.destination));
            prop_assert_eq!(header.source(), Address::from_v4(fields.source));
            prop_assert_eq!(header.destination(), Address::from_v4(fields.destination));
            prop_assert_eq!((read.options, read.payload), (&options[..], &payload[..]));
            prop_assert!(read.is_whole());
        }
    }

    #[test]
    fn one_wrong_bit_is_noticed((fields, _) in fields_and_payload(), options in words_of_options(), bit: u16) {
        let mut packet = by_etherparse(fields, &options, &[]);
        let bit = usize::from(bit) % (8 * packet.len());
        packet[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!Packet::parse(&packet).is_ok_and(|packet| packet.is_whole()));
    }

    #[test]
    fn we_accept_what_etherparse_accepts(
        mut packet in prop_oneof![
            bytes(0..80),
            damaged((fields_and_payload(), words_of_options())
                .prop_map(|((fields, payload), options)| by_etherparse(fields, &options, &payload))),
        ],
    ) {
        // IPsec is etherparse's business, not ours.
        if let Some(number @ 51) = packet.get_mut(9) {
            *number = protocol::TCP;
        }
        // Neither looks at the checksum when it parses.
        match (Packet::parse(&packet), Ipv4Slice::from_slice(&packet)) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(ours.options, theirs.header().options());
                prop_assert_eq!(ours.payload, theirs.payload().payload);
            }
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok()),
        }
    }
}
