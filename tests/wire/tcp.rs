use etherparse::{TcpHeader, TcpOptions, TcpSlice};
use pnet_packet::Packet as _;
use pnet_packet::tcp::{MutableTcpPacket, TcpPacket};
use proptest::prelude::*;
use taphouse::base::address::Address;
use taphouse::wire::checksum::Sum;
use taphouse::wire::tcp::{Header, Segment, flag};
use taphouse::wire::{protocol, tcp};
use zerocopy::IntoBytes;

use super::{bytes, damaged, words_of_options};

/// What varies from segment to segment.
#[derive(Clone, Debug)]
struct Fields {
    ports: [u16; 2],
    sequence: u32,
    acknowledgment: u32,
    flags: u8,
    window: u16,
    urgent: u16,
}

fn fields() -> impl Strategy<Value = Fields> {
    (any::<[u16; 4]>(), any::<[u32; 2]>(), any::<u8>()).prop_map(
        |([source, destination, window, urgent], [sequence, acknowledgment], flags)| Fields {
            ports: [source, destination],
            sequence,
            acknowledgment,
            flags,
            window,
            urgent,
        },
    )
}

/// A segment of ours with its checksum.
fn built(source: Address, destination: Address, fields: &Fields, payload: &[u8]) -> Vec<u8> {
    let ports = fields.ports.map(Into::into);
    let mut header = Header::new((ports[0], ports[1]), fields.sequence, fields.acknowledgment, fields.flags);
    header.window = fields.window.into();
    header.urgent = fields.urgent.into();
    let pseudo = Sum::pseudo(source, destination, protocol::TCP, tcp::LENGTH + payload.len());
    header.checksum = pseudo.bytes(header.as_bytes()).bytes(payload).checksum();
    [header.as_bytes(), payload].concat()
}

fn by_etherparse(fields: &Fields, options: &[u8], payload: &[u8], [from, to]: [[u8; 4]; 2]) -> Vec<u8> {
    let mut header = TcpHeader {
        source_port: fields.ports[0],
        destination_port: fields.ports[1],
        sequence_number: fields.sequence,
        acknowledgment_number: fields.acknowledgment,
        ns: false,
        fin: fields.flags & 0x01 != 0,
        syn: fields.flags & 0x02 != 0,
        rst: fields.flags & 0x04 != 0,
        psh: fields.flags & 0x08 != 0,
        ack: fields.flags & 0x10 != 0,
        urg: fields.flags & 0x20 != 0,
        ece: fields.flags & 0x40 != 0,
        cwr: fields.flags & 0x80 != 0,
        window_size: fields.window,
        checksum: 0,
        urgent_pointer: fields.urgent,
        options: TcpOptions::try_from_slice(options).unwrap(),
    };
    header.checksum = header.calc_checksum_ipv4_raw(from, to, payload).unwrap();
    [&header.to_bytes(), payload].concat()
}

fn by_pnet(fields: &Fields, options: &[u8], payload: &[u8], [from, to]: [[u8; 4]; 2]) -> Vec<u8> {
    let mut segment = MutableTcpPacket::owned(vec![0; 20 + options.len() + payload.len()]).unwrap();
    segment.set_source(fields.ports[0]);
    segment.set_destination(fields.ports[1]);
    segment.set_sequence(fields.sequence);
    segment.set_acknowledgement(fields.acknowledgment);
    segment.set_data_offset((5 + options.len() / 4) as u8);
    segment.set_flags(fields.flags);
    segment.set_window(fields.window);
    segment.set_urgent_ptr(fields.urgent);
    segment.get_options_raw_mut().copy_from_slice(options);
    segment.set_payload(payload);
    segment.set_checksum(pnet_packet::tcp::ipv4_checksum(&segment.to_immutable(), &from.into(), &to.into()));
    segment.packet().to_vec()
}

proptest! {
    #[test]
    fn what_we_build_they_read_over_ipv4(
        fields in fields(), source: [u8; 4], destination: [u8; 4], payload in bytes(0..64),
    ) {
        let segment = built(Address::from_v4(source), Address::from_v4(destination), &fields, &payload);

        let read = TcpSlice::from_slice(&segment).unwrap();
        prop_assert_eq!([read.source_port(), read.destination_port()], fields.ports);
        prop_assert_eq!(read.sequence_number(), fields.sequence);
        prop_assert_eq!(read.acknowledgment_number(), fields.acknowledgment);
        prop_assert_eq!(read.fin(), fields.flags & flag::FIN != 0);
        prop_assert_eq!(read.syn(), fields.flags & flag::SYN != 0);
        prop_assert_eq!(read.rst(), fields.flags & flag::RST != 0);
        prop_assert_eq!(read.psh(), fields.flags & flag::PSH != 0);
        prop_assert_eq!(read.ack(), fields.flags & flag::ACK != 0);
        prop_assert_eq!(read.urg(), fields.flags & flag::URG != 0);
        prop_assert_eq!((read.window_size(), read.urgent_pointer()), (fields.window, fields.urgent));
        prop_assert_eq!(read.payload(), &payload);
        prop_assert_eq!(read.checksum(), read.calc_checksum_ipv4(source, destination).unwrap());

        let read = TcpPacket::new(&segment).unwrap();
        prop_assert_eq!([read.get_source(), read.get_destination()], fields.ports);
        prop_assert_eq!((read.get_sequence(), read.get_acknowledgement()), (fields.sequence, fields.acknowledgment));
        prop_assert_eq!((read.get_data_offset(), read.get_reserved(), read.get_flags()), (5, 0, fields.flags));
        prop_assert_eq!((read.get_window(), read.get_urgent_ptr()), (fields.window, fields.urgent));
        prop_assert_eq!(read.payload(), &payload);
        let checksum = pnet_packet::tcp::ipv4_checksum(&read, &source.into(), &destination.into());
        prop_assert_eq!(read.get_checksum(), checksum);
    }

    #[test]
    fn what_we_build_they_read_over_ipv6(
        fields in fields(), source: [u8; 16], destination: [u8; 16], payload in bytes(0..64),
    ) {
        let segment = built(Address::from_v6(source), Address::from_v6(destination), &fields, &payload);

        let read = TcpSlice::from_slice(&segment).unwrap();
        prop_assert_eq!(read.checksum(), read.calc_checksum_ipv6(source, destination).unwrap());

        let read = TcpPacket::new(&segment).unwrap();
        let checksum = pnet_packet::tcp::ipv6_checksum(&read, &source.into(), &destination.into());
        prop_assert_eq!(read.get_checksum(), checksum);
    }

    #[test]
    fn what_they_build_we_read(
        fields in fields(), options in words_of_options(), payload in bytes(0..64), ends: [[u8; 4]; 2],
    ) {
        let segments = [by_etherparse(&fields, &options, &payload, ends), by_pnet(&fields, &options, &payload, ends)];
        for segment in segments {
            let read = Segment::parse(&segment).unwrap();
            let header = read.header;
            prop_assert_eq!([header.source.get(), header.destination.get()], fields.ports);
            prop_assert_eq!(header.sequence.get(), fields.sequence);
            prop_assert_eq!(header.acknowledgment.get(), fields.acknowledgment);
            prop_assert_eq!(header.flags, fields.flags);
            prop_assert_eq!(header.has(flag::SYN), fields.flags & 0x02 != 0);
            prop_assert_eq!((header.window.get(), header.urgent.get()), (fields.window, fields.urgent));
            prop_assert_eq!(header.header_length(), 20 + options.len());
            prop_assert_eq!((read.options, read.payload), (&options[..], &payload[..]));

            let [from, to] = ends.map(Address::from_v4);
            let pseudo = Sum::pseudo(from, to, protocol::TCP, segment.len());
            let sum = pseudo.bytes(header.as_bytes()).bytes(read.options).bytes(read.payload);
            prop_assert!(sum.is_whole());
        }
    }

    #[test]
    fn we_accept_what_etherparse_accepts(
        segment in prop_oneof![
            bytes(0..80),
            damaged((fields(), words_of_options(), bytes(0..64))
                .prop_map(|(fields, options, payload)| by_etherparse(&fields, &options, &payload, [[0; 4]; 2]))),
        ],
    ) {
        match (Segment::parse(&segment), TcpSlice::from_slice(&segment)) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!((ours.options, ours.payload), (theirs.options(), theirs.payload()));
            }
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok()),
        }
    }
}
