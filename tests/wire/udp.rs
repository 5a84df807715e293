use etherparse::{UdpHeader, UdpSlice};
use pnet_packet::Packet as _;
use pnet_packet::udp::{MutableUdpPacket, Udp, UdpPacket};
use proptest::prelude::*;
use taphouse::base::address::Address;
use taphouse::wire::checksum::Sum;
use taphouse::wire::protocol;
use taphouse::wire::udp::Header;
use zerocopy::IntoBytes;

use super::{bytes, damaged};

/// A datagram of ours with its checksum, zero sent as its other form (RFC 768).
fn built(source: Address, destination: Address, ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len();
    let mut header = Header {
        source: ports[0].into(),
        destination: ports[1].into(),
        length: (length as u16).into(),
        checksum: [0; 2],
    };
    let pseudo = Sum::pseudo(source, destination, protocol::UDP, length);
    header.checksum = match pseudo.bytes(header.as_bytes()).bytes(payload).checksum() {
        [0, 0] => [0xff; 2],
        checksum => checksum,
    };
    [header.as_bytes(), payload].concat()
}

proptest! {
    #[test]
    fn what_we_build_they_read_over_ipv4(
        source: [u8; 4], destination: [u8; 4], ports: [u16; 2], payload in bytes(0..64),
    ) {
        let datagram = built(Address::from_v4(source), Address::from_v4(destination), ports, &payload);

        let read = UdpSlice::from_slice(&datagram).unwrap();
        prop_assert_eq!([read.source_port(), read.destination_port()], ports);
        prop_assert_eq!(read.payload(), &payload);
        prop_assert_eq!(
            read.checksum(),
            read.to_header().calc_checksum_ipv4_raw(source, destination, &payload).unwrap()
        );

        let read = UdpPacket::new(&datagram).unwrap();
        prop_assert_eq!([read.get_source(), read.get_destination()], ports);
        prop_assert_eq!(usize::from(read.get_length()), datagram.len());
        prop_assert_eq!(read.payload(), &payload);
        let checksum = pnet_packet::udp::ipv4_checksum(&read, &source.into(), &destination.into());
        // pnet_packet leaves zero as it is.
        prop_assert_eq!(read.get_checksum(), if checksum == 0 { 0xffff } else { checksum });
    }

    #[test]
    fn what_we_build_they_read_over_ipv6(
        source: [u8; 16], destination: [u8; 16], ports: [u16; 2], payload in bytes(0..64),
    ) {
        let datagram = built(Address::from_v6(source), Address::from_v6(destination), ports, &payload);

        let read = UdpSlice::from_slice(&datagram).unwrap();
        prop_assert_eq!(
            read.checksum(),
            read.to_header().calc_checksum_ipv6_raw(source, destination, &payload).unwrap()
        );

        let read = UdpPacket::new(&datagram).unwrap();
        let checksum = pnet_packet::udp::ipv6_checksum(&read, &source.into(), &destination.into());
        prop_assert_eq!(read.get_checksum(), if checksum == 0 { 0xffff } else { checksum });
    }

    #[test]
    fn what_they_build_we_read(ports: [u16; 2], payload in bytes(0..64), padding in bytes(0..20)) {
        let ([source, destination], [from, to]) = (ports, [[10, 0, 0, 1], [10, 0, 0, 2]]);
        let length = 8 + payload.len() as u16;

        let mut header = UdpHeader { source_port: source, destination_port: destination, length, checksum: 0 };
        header.checksum = header.calc_checksum_ipv4_raw(from, to, &payload).unwrap();
        let by_etherparse = [&header.to_bytes(), &payload[..]].concat();

        let mut by_pnet = MutableUdpPacket::owned(vec![0; usize::from(length)]).unwrap();
        by_pnet.populate(&Udp { source, destination, length, checksum: 0, payload: payload.clone() });
        by_pnet.set_checksum(pnet_packet::udp::ipv4_checksum(&by_pnet.to_immutable(), &from.into(), &to.into()));

        for datagram in [&by_etherparse, by_pnet.packet()] {
            let packet = [datagram, &padding].concat();
            let (header, carried) = Header::parse(&packet).unwrap();
            prop_assert_eq!([header.source.get(), header.destination.get()], ports);
            prop_assert_eq!((header.length.get(), carried), (length, &payload[..]));
            let pseudo = Sum::pseudo(Address::from_v4(from), Address::from_v4(to), protocol::UDP, datagram.len());
            prop_assert!(pseudo.bytes(header.as_bytes()).bytes(carried).is_whole());
        }
    }

    #[test]
    fn we_accept_what_etherparse_accepts(
        datagram in prop_oneof![
            bytes(0..40),
            damaged((any::<[u16; 2]>(), bytes(0..64)).prop_map(|(ports, payload)| {
                built(Address::UNSPECIFIED_V4, Address::UNSPECIFIED_V4, ports, &payload)
            })),
        ],
    ) {
        match (Header::parse(&datagram), UdpSlice::from_slice(&datagram)) {
            (Ok((_, ours)), Ok(theirs)) => prop_assert_eq!(ours, theirs.payload()),
            // Length zero is for UDP in jumbograms (RFC 2675 §4), which there are none of here.
            (Err(_), Ok(theirs)) => prop_assert_eq!(theirs.length(), 0),
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok()),
        }
    }
}

#[test]
fn a_checksum_of_zero_is_sent_as_all_ones() {
    let (source, destination) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let build = |payload: [u8; 2]| {
        let datagram = built(Address::from_v4(source), Address::from_v4(destination), [7, 7], &payload);
        let checksum = [datagram[6], datagram[7]];
        (datagram, checksum)
    };
    // A payload equal to the checksum of the rest makes the whole sum all ones.
    let (_, checksum_of_the_rest) = build([0, 0]);
    let (datagram, checksum) = build(checksum_of_the_rest);

    assert_eq!(checksum, [0xff, 0xff]);
    let (header, payload) = UdpHeader::from_slice(&datagram).unwrap();
    assert_eq!(header.calc_checksum_ipv4_raw(source, destination, payload), Ok(0xffff));
}
