use etherparse::{ArpEthIpv4Packet, ArpPacketSlice};
use pnet_packet::Packet as _;
use pnet_packet::arp::{Arp, ArpHardwareTypes, ArpPacket, MutableArpPacket};
use pnet_packet::ethernet::EtherTypes;
use proptest::prelude::*;
use taphouse::base::address::Mac;
use taphouse::wire::arp::{Operation, Packet};
use zerocopy::IntoBytes;

use super::{bytes, damaged};

/// ARP's request and reply, RARP's request and reply, and others.
fn operation() -> impl Strategy<Value = u16> {
    prop_oneof![1..=4u16, any::<u16>()]
}

proptest! {
    #[test]
    fn what_we_build_they_read(
        operation in operation(), sender_mac: [u8; 6], sender: [u8; 4], target_mac: [u8; 6], target: [u8; 4],
    ) {
        let built = Packet::new(Operation(operation.into()), (Mac::new(sender_mac), sender), (Mac::new(target_mac), target));

        // RARP is ARP's format under another EtherType. `SlicedPacket` does not follow that one; this does.
        let read = ArpPacketSlice::from_slice(built.as_bytes()).unwrap().to_packet().try_eth_ipv4().unwrap();
        prop_assert_eq!(read.operation.0, operation);
        prop_assert_eq!((read.sender_mac, read.sender_ipv4), (sender_mac, sender));
        prop_assert_eq!((read.target_mac, read.target_ipv4), (target_mac, target));

        let read = ArpPacket::new(built.as_bytes()).unwrap();
        prop_assert_eq!((read.get_hardware_type(), read.get_hw_addr_len()), (ArpHardwareTypes::Ethernet, 6));
        prop_assert_eq!((read.get_protocol_type(), read.get_proto_addr_len()), (EtherTypes::Ipv4, 4));
        prop_assert_eq!(read.get_operation().0, operation);
        prop_assert_eq!(read.get_sender_hw_addr().octets(), sender_mac);
        prop_assert_eq!(read.get_sender_proto_addr().octets(), sender);
        prop_assert_eq!(read.get_target_hw_addr().octets(), target_mac);
        prop_assert_eq!(read.get_target_proto_addr().octets(), target);
    }

    #[test]
    fn what_they_build_we_read(
        operation in operation(), sender_mac: [u8; 6], sender: [u8; 4], target_mac: [u8; 6], target: [u8; 4],
        padding in bytes(0..20),
    ) {
        let by_etherparse = ArpEthIpv4Packet {
            operation: etherparse::ArpOperation(operation),
            sender_mac,
            sender_ipv4: sender,
            target_mac,
            target_ipv4: target,
        }
        .to_bytes();

        let mut by_pnet = MutableArpPacket::owned(vec![0; 28]).unwrap();
        by_pnet.populate(&Arp {
            hardware_type: ArpHardwareTypes::Ethernet,
            protocol_type: EtherTypes::Ipv4,
            hw_addr_len: 6,
            proto_addr_len: 4,
            operation: pnet_packet::arp::ArpOperation(operation),
            sender_hw_addr: sender_mac.into(),
            sender_proto_addr: sender.into(),
            target_hw_addr: target_mac.into(),
            target_proto_addr: target.into(),
            payload: Vec::new(),
        });

        for packet in [&by_etherparse, by_pnet.packet()] {
            let packet = [packet, &padding].concat();
            let read = Packet::parse(&packet).unwrap();
            prop_assert_eq!(read.operation, Operation(operation.into()));
            prop_assert_eq!((read.sender_mac(), read.sender), (Mac::new(sender_mac), sender));
            prop_assert_eq!((read.target_mac(), read.target), (Mac::new(target_mac), target));
        }
    }

    #[test]
    fn we_accept_what_etherparse_accepts(
        packet in prop_oneof![
            bytes(0..40),
            damaged(operation().prop_map(|operation| {
                let nobody = (Mac::default(), [0; 4]);
                Packet::new(Operation(operation.into()), nobody, nobody).as_bytes().to_vec()
            })),
        ],
    ) {
        // `try_eth_ipv4` names the same address spaces that we insist on.
        let theirs = ArpPacketSlice::from_slice(&packet).is_ok_and(|packet| packet.to_packet().try_eth_ipv4().is_ok());
        prop_assert_eq!(Packet::parse(&packet).is_ok(), theirs);
    }
}
