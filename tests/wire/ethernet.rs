use etherparse::{Ethernet2Header, Ethernet2Slice};
use pnet_packet::Packet as _;
use pnet_packet::ethernet::{Ethernet, EthernetPacket, MutableEthernetPacket};
use proptest::prelude::*;
use taphouse::base::address::Mac;
use taphouse::wire::ethernet::{EtherType, Header};
use zerocopy::IntoBytes;

use super::bytes;

proptest! {
    #[test]
    fn what_we_build_they_read(
        destination: [u8; 6], source: [u8; 6], ethertype: u16, payload in bytes(0..64),
    ) {
        let header = Header::new(Mac::new(destination), Mac::new(source), EtherType(ethertype.into()));
        let frame = [header.as_bytes(), &payload].concat();

        let read = Ethernet2Slice::from_slice_without_fcs(&frame).unwrap();
        prop_assert_eq!((read.destination(), read.source(), read.ether_type().0), (destination, source, ethertype));
        prop_assert_eq!(read.payload_slice(), &payload);

        let read = EthernetPacket::new(&frame).unwrap();
        prop_assert_eq!(read.get_destination().octets(), destination);
        prop_assert_eq!(read.get_source().octets(), source);
        prop_assert_eq!(read.get_ethertype().0, ethertype);
        prop_assert_eq!(read.payload(), &payload);
    }

    #[test]
    fn what_they_build_we_read(
        destination: [u8; 6], source: [u8; 6], ethertype: u16, payload in bytes(0..64),
    ) {
        let header = Ethernet2Header { source, destination, ether_type: etherparse::EtherType(ethertype) };
        let by_etherparse = [&header.to_bytes()[..], &payload].concat();

        let mut by_pnet = MutableEthernetPacket::owned(vec![0; 14 + payload.len()]).unwrap();
        by_pnet.populate(&Ethernet {
            destination: destination.into(),
            source: source.into(),
            ethertype: pnet_packet::ethernet::EtherType(ethertype),
            payload: payload.clone(),
        });

        for frame in [&by_etherparse, by_pnet.packet()] {
            let (header, rest) = Header::parse(frame).unwrap();
            prop_assert_eq!((header.destination(), header.source()), (Mac::new(destination), Mac::new(source)));
            prop_assert_eq!(header.ethertype, EtherType(ethertype.into()));
            prop_assert_eq!(rest, &payload);
        }
    }

    #[test]
    fn we_accept_what_etherparse_accepts(frame in bytes(0..40)) {
        let theirs = Ethernet2Slice::from_slice_without_fcs(&frame);
        prop_assert_eq!(Header::parse(&frame).is_ok(), theirs.is_ok());
    }
}
