use etherparse::icmpv6::{DestUnreachableCode, ParameterProblemCode, ParameterProblemHeader};
use etherparse::{IcmpEchoHeader, Icmpv6Header, Icmpv6Slice, Icmpv6Type};
use pnet_packet::Packet as _;
use pnet_packet::icmpv6::{Icmpv6Code, Icmpv6Packet, Icmpv6Type as PnetType, echo_reply, echo_request};
use proptest::prelude::*;
use taphouse::base::address::Address;
use taphouse::wire::checksum::Sum;
use taphouse::wire::icmpv6::{Header, is_error, kind, problem, unreachable};
use taphouse::wire::protocol;
use zerocopy::{FromBytes, IntoBytes};

use super::bytes;

/// A message of ours with its checksum.
fn built([source, destination]: [[u8; 16]; 2], (kind, code, rest): (u8, u8, [u8; 4]), payload: &[u8]) -> Vec<u8> {
    let mut header = Header { kind, code, checksum: [0; 2], rest };
    let pseudo =
        Sum::pseudo(Address::from_v6(source), Address::from_v6(destination), protocol::ICMPV6, 8 + payload.len());
    header.checksum = pseudo.bytes(header.as_bytes()).bytes(payload).checksum();
    [header.as_bytes(), payload].concat()
}

/// A message as etherparse has it, and what the first eight bytes of ours say about the same thing.
fn messages() -> impl Strategy<Value = (Icmpv6Type, (u8, u8, [u8; 4]))> {
    let echo = any::<[u8; 4]>().prop_map(|rest| (IcmpEchoHeader::from_bytes(rest), rest));
    let parameter_problem = |code, pointer| ParameterProblemHeader { code, pointer };
    prop_oneof![
        echo.clone().prop_map(|(echo, rest)| (Icmpv6Type::EchoRequest(echo), (kind::ECHO_REQUEST, 0, rest))),
        echo.prop_map(|(echo, rest)| (Icmpv6Type::EchoReply(echo), (kind::ECHO_REPLY, 0, rest))),
        Just((
            Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Port),
            (kind::DESTINATION_UNREACHABLE, unreachable::PORT, [0; 4])
        )),
        any::<u32>().prop_map(|mtu| (Icmpv6Type::PacketTooBig { mtu }, (kind::PACKET_TOO_BIG, 0, mtu.to_be_bytes()))),
        any::<u32>().prop_map(move |pointer| (
            Icmpv6Type::ParameterProblem(parameter_problem(ParameterProblemCode::UnrecognizedNextHeader, pointer)),
            (kind::PARAMETER_PROBLEM, problem::UNRECOGNIZED_NEXT_HEADER, pointer.to_be_bytes())
        )),
        any::<u32>().prop_map(move |pointer| (
            Icmpv6Type::ParameterProblem(parameter_problem(ParameterProblemCode::ErroneousHeaderField, pointer)),
            (kind::PARAMETER_PROBLEM, problem::ERRONEOUS_HEADER, pointer.to_be_bytes())
        )),
    ]
}

proptest! {
    #[test]
    fn what_we_build_etherparse_reads(
        ends: [[u8; 16]; 2], (message, fields) in messages(), payload in bytes(0..64),
    ) {
        let packet = built(ends, fields, &payload);
        let read = Icmpv6Slice::from_slice(&packet).unwrap();
        let [source, destination] = ends;
        prop_assert_eq!(read.header(), Icmpv6Header::with_checksum(message, source, destination, &payload).unwrap());
        prop_assert!(read.is_checksum_valid(source, destination));
        prop_assert_eq!(read.payload(), &payload);
    }

    #[test]
    fn what_we_build_pnet_reads(ends: [[u8; 16]; 2], (_, fields) in messages(), payload in bytes(0..64)) {
        let packet = built(ends, fields, &payload);
        let ((kind, code, rest), [source, destination]) = (fields, ends);
        let read = Icmpv6Packet::new(&packet).unwrap();
        prop_assert_eq!((read.get_icmpv6_type(), read.get_icmpv6_code()), (PnetType(kind), Icmpv6Code(code)));
        let checksum = pnet_packet::icmpv6::checksum(&read, &source.into(), &destination.into());
        prop_assert_eq!(read.get_checksum(), checksum);
        // To pnet_packet the payload begins behind the checksum.
        prop_assert_eq!(read.payload(), [&rest[..], &payload].concat());
    }

    #[test]
    fn what_etherparse_builds_we_read(
        ends: [[u8; 16]; 2], (message, fields) in messages(), payload in bytes(0..64),
    ) {
        let [source, destination] = ends;
        let header = Icmpv6Header::with_checksum(message, source, destination, &payload).unwrap();
        let packet = [&header.to_bytes(), &payload[..]].concat();
        let (header, behind) = Header::ref_from_prefix(&packet).unwrap();
        prop_assert_eq!((header.kind, header.code, header.rest), fields);
        prop_assert_eq!(behind, &payload);
        let pseudo = Sum::pseudo(Address::from_v6(source), Address::from_v6(destination), protocol::ICMPV6, packet.len());
        prop_assert!(pseudo.bytes(&packet).is_whole());
    }

    #[test]
    fn echoes_that_pnet_builds_we_read(identifier: u16, sequence: u16, payload in bytes(0..64)) {
        let mut request = echo_request::MutableEchoRequestPacket::owned(vec![0; 8 + payload.len()]).unwrap();
        request.set_icmpv6_type(PnetType(kind::ECHO_REQUEST));
        request.set_identifier(identifier);
        request.set_sequence_number(sequence);
        request.set_payload(&payload);

        let mut reply = echo_reply::MutableEchoReplyPacket::owned(vec![0; 8 + payload.len()]).unwrap();
        reply.set_icmpv6_type(PnetType(kind::ECHO_REPLY));
        reply.set_identifier(identifier);
        reply.set_sequence_number(sequence);
        reply.set_payload(&payload);

        for (packet, kind) in [(request.packet(), kind::ECHO_REQUEST), (reply.packet(), kind::ECHO_REPLY)] {
            let (header, behind) = Header::ref_from_prefix(packet).unwrap();
            let [a, b, c, d] = header.rest;
            prop_assert_eq!((header.kind, header.code), (kind, 0));
            prop_assert_eq!((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])), (identifier, sequence));
            prop_assert_eq!(behind, &payload);
        }
    }

    #[test]
    fn we_accept_what_etherparse_accepts(packet in bytes(0..40)) {
        prop_assert_eq!(Header::ref_from_prefix(&packet).is_ok(), Icmpv6Slice::from_slice(&packet).is_ok());
    }
}

#[test]
fn errors_are_what_etherparse_takes_for_errors() {
    for kind in 0..=255 {
        let is_known_error = match Icmpv6Slice::from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]).unwrap().icmp_type() {
            Icmpv6Type::DestinationUnreachable(_) | Icmpv6Type::PacketTooBig { .. } => true,
            Icmpv6Type::TimeExceeded(_) | Icmpv6Type::ParameterProblem(_) | Icmpv6Type::Redirect => true,
            // RFC 4443 §2.1: types of errors that nobody knows yet have a zero in the highest bit.
            Icmpv6Type::Unknown { type_u8, .. } => type_u8 < 128,
            _ => false,
        };
        assert_eq!(is_error(kind), is_known_error, "type {kind}");
    }
}
