use etherparse::icmpv6::NdpOptionReadError::{UnexpectedHeader, UnexpectedSize};
use etherparse::icmpv6::{
    Icmpv6PayloadSlice, NdpOptionSlice, NdpOptionsIterator, NeighborAdvertisementHeader, NeighborSolicitationPayload,
};
use etherparse::{Icmpv6Header, Icmpv6Slice, Icmpv6Type};
use pnet_packet::Packet as _;
use pnet_packet::icmpv6::ndp::{
    MutableNeighborAdvertPacket, MutableNeighborSolicitPacket, NdpOption, NdpOptionType, NeighborAdvertPacket,
    NeighborSolicitPacket,
};
use proptest::collection::vec;
use proptest::prelude::*;
use taphouse::base::address::{Address, Mac};
use taphouse::base::limits;
use taphouse::wire::checksum::Sum;
use taphouse::wire::icmpv6::kind;
use taphouse::wire::ndp::{LinkLayer, Message, Parsed, flag, option};
use taphouse::wire::protocol;
use zerocopy::IntoBytes;

use super::{bytes, damaged};

const SOURCE: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const DESTINATION: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// A message of ours with its checksum and one option.
fn built(kind: u8, flags: u8, target: [u8; 16], option: u8, mac: [u8; 6]) -> Vec<u8> {
    let mut message = Message { kind, code: 0, checksum: [0; 2], flags, reserved: [0; 3], target };
    let option = LinkLayer { kind: option, length: 1, mac };
    message.checksum = pseudo().bytes(message.as_bytes()).bytes(option.as_bytes()).checksum();
    [message.as_bytes(), option.as_bytes()].concat()
}

/// The pseudo-header of a message with one option.
fn pseudo() -> Sum {
    Sum::pseudo(Address::from_v6(SOURCE), Address::from_v6(DESTINATION), protocol::ICMPV6, 32)
}

proptest! {
    #[test]
    fn solicitations_that_we_build_they_read(target: [u8; 16], mac: [u8; 6]) {
        let packet = built(kind::NEIGHBOR_SOLICITATION, 0, target, option::SOURCE_LINK_LAYER, mac);

        let read = Icmpv6Slice::from_slice(&packet).unwrap();
        prop_assert!(read.is_checksum_valid(SOURCE, DESTINATION));
        let Ok(Icmpv6PayloadSlice::NeighborSolicitation(read)) = read.payload_slice() else { panic!("{read:?}") };
        prop_assert_eq!(read.target_address().octets(), target);
        let options: Vec<_> = read.options_iterator().collect();
        let [Ok(NdpOptionSlice::SourceLinkLayerAddress(source))] = &options[..] else { panic!("{options:?}") };
        prop_assert_eq!(source.link_layer_address(), mac);

        let read = NeighborSolicitPacket::new(&packet).unwrap();
        prop_assert_eq!((read.get_icmpv6_type().0, read.get_icmpv6_code().0), (kind::NEIGHBOR_SOLICITATION, 0));
        prop_assert_eq!((read.get_reserved(), read.get_target_addr().octets()), (0, target));
        let options = read.get_options();
        let [source] = &options[..] else { panic!("{options:?}") };
        prop_assert_eq!((source.option_type.0, source.length, &source.data[..]), (1, 1, &mac[..]));
    }

    #[test]
    fn advertisements_that_we_build_they_read(target: [u8; 16], mac: [u8; 6], flags in 0..8u8) {
        let flags = flags << 5;
        let packet = built(kind::NEIGHBOR_ADVERTISEMENT, flags, target, option::TARGET_LINK_LAYER, mac);

        let read = Icmpv6Slice::from_slice(&packet).unwrap();
        prop_assert!(read.is_checksum_valid(SOURCE, DESTINATION));
        prop_assert_eq!(
            read.icmp_type(),
            Icmpv6Type::NeighborAdvertisement(NeighborAdvertisementHeader {
                router: flags & flag::ROUTER != 0,
                solicited: flags & flag::SOLICITED != 0,
                r#override: flags & flag::OVERRIDE != 0,
            })
        );
        let Ok(Icmpv6PayloadSlice::NeighborAdvertisement(read)) = read.payload_slice() else { panic!("{read:?}") };
        prop_assert_eq!(read.target_address().octets(), target);
        let options: Vec<_> = read.options_iterator().collect();
        let [Ok(NdpOptionSlice::TargetLinkLayerAddress(about))] = &options[..] else { panic!("{options:?}") };
        prop_assert_eq!(about.link_layer_address(), mac);

        let read = NeighborAdvertPacket::new(&packet).unwrap();
        prop_assert_eq!((read.get_icmpv6_type().0, read.get_icmpv6_code().0), (kind::NEIGHBOR_ADVERTISEMENT, 0));
        prop_assert_eq!((read.get_flags(), read.get_reserved()), (flags, 0));
        prop_assert_eq!(read.get_target_addr().octets(), target);
        let options = read.get_options();
        let [about] = &options[..] else { panic!("{options:?}") };
        prop_assert_eq!((about.option_type.0, about.length, &about.data[..]), (2, 1, &mac[..]));
    }

    #[test]
    fn solicitations_that_they_build_we_read(target: [u8; 16], mac: [u8; 6]) {
        // etherparse reads options but does not write them.
        let body = [&NeighborSolicitationPayload { target_address: target.into() }.to_bytes()[..], &[1, 1], &mac].concat();
        let header = Icmpv6Header::with_checksum(Icmpv6Type::NeighborSolicitation, SOURCE, DESTINATION, &body).unwrap();
        let by_etherparse = [&header.to_bytes(), &body[..]].concat();
        prop_assert!(pseudo().bytes(&by_etherparse).is_whole());

        let mut by_pnet = MutableNeighborSolicitPacket::owned(vec![0; 32]).unwrap();
        by_pnet.set_icmpv6_type(pnet_packet::icmpv6::Icmpv6Types::NeighborSolicit);
        by_pnet.set_target_addr(target.into());
        by_pnet.set_options(&[NdpOption { option_type: NdpOptionType(1), length: 1, data: mac.to_vec() }]);

        for packet in [&by_etherparse, by_pnet.packet()] {
            let read = Parsed::parse(packet).unwrap();
            let Message { kind, code, flags, target: about, .. } = *read.message;
            prop_assert_eq!((kind, code, flags), (kind::NEIGHBOR_SOLICITATION, 0, 0));
            prop_assert_eq!((about, read.source, read.target), (target, Some(Mac::new(mac)), None));
        }
    }

    #[test]
    fn advertisements_that_they_build_we_read(target: [u8; 16], mac: [u8; 6], flags in 0..8u8) {
        let flags = flags << 5;
        let message = Icmpv6Type::NeighborAdvertisement(NeighborAdvertisementHeader::from_bytes([flags, 0, 0, 0]));
        let body = [&target[..], &[2, 1], &mac].concat();
        let header = Icmpv6Header::with_checksum(message, SOURCE, DESTINATION, &body).unwrap();
        let by_etherparse = [&header.to_bytes(), &body[..]].concat();
        prop_assert!(pseudo().bytes(&by_etherparse).is_whole());

        let mut by_pnet = MutableNeighborAdvertPacket::owned(vec![0; 32]).unwrap();
        by_pnet.set_icmpv6_type(pnet_packet::icmpv6::Icmpv6Types::NeighborAdvert);
        by_pnet.set_flags(flags);
        by_pnet.set_target_addr(target.into());
        by_pnet.set_options(&[NdpOption { option_type: NdpOptionType(2), length: 1, data: mac.to_vec() }]);

        for packet in [&by_etherparse, by_pnet.packet()] {
            let read = Parsed::parse(packet).unwrap();
            let Message { kind, code, flags: with, target: about, .. } = *read.message;
            prop_assert_eq!((kind, code, with), (kind::NEIGHBOR_ADVERTISEMENT, 0, flags));
            prop_assert_eq!((about, read.source, read.target), (target, None, Some(Mac::new(mac))));
        }
    }

    #[test]
    fn we_accept_the_options_that_etherparse_accepts(options in damaged(list_of_options())) {
        let theirs: Vec<_> = NdpOptionsIterator::from_slice(&options).collect();
        // etherparse also looks into options that we pass over: prefixes, redirected headers, MTUs.
        prop_assume!(!matches!(theirs.last(), Some(Err(UnexpectedSize { .. } | UnexpectedHeader { .. }))));
        // And it takes any number of them.
        let accepted = theirs.iter().all(Result::is_ok) && theirs.len() <= limits::NDP_OPTIONS;

        let packet = [&[kind::NEIGHBOR_SOLICITATION; 1][..], &[0; 23], &options].concat();
        prop_assert_eq!(Parsed::parse(&packet).is_ok(), accepted, "{:?}", theirs);
    }

    #[test]
    fn any_bytes_may_come(packet in bytes(0..80)) {
        let is_long_enough = packet.len() >= 24;
        prop_assert!(Parsed::parse(&packet).is_err() || is_long_enough);
    }
}

/// Options that we know and options that nobody knows, all of them of the length that they claim.
fn list_of_options() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just(1u8), Just(2), Just(14), Just(200)];
    let option = (kind, 1..=3u8).prop_map(|(kind, length)| {
        let mut option = vec![0x55; 8 * usize::from(length)];
        option[..2].copy_from_slice(&[kind, length]);
        option
    });
    vec(option, 0..20).prop_map(|options| options.concat())
}
