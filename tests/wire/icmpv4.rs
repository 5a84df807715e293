use etherparse::icmpv4::{DestUnreachableHeader, ParameterProblemHeader, TimeExceededCode};
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type};
use pnet_packet::Packet as _;
use pnet_packet::icmp::{IcmpCode, IcmpPacket, IcmpType, echo_reply, echo_request};
use proptest::prelude::*;
use taphouse::wire::checksum::Sum;
use taphouse::wire::icmpv4::{Header, kind, unreachable};
use zerocopy::{FromBytes, IntoBytes};

use super::bytes;

/// A message of ours with its checksum.
fn built(kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut header = Header { kind, code, checksum: [0; 2], rest };
    header.checksum = Sum::of(header.as_bytes()).bytes(payload).checksum();
    [header.as_bytes(), payload].concat()
}

/// A message as etherparse has it, and what the first eight bytes of ours say about the same thing.
fn messages() -> impl Strategy<Value = (Icmpv4Type, (u8, u8, [u8; 4]))> {
    let echo = any::<[u8; 4]>().prop_map(|rest| (IcmpEchoHeader::from_bytes(rest), rest));
    prop_oneof![
        echo.clone().prop_map(|(echo, rest)| (Icmpv4Type::EchoRequest(echo), (kind::ECHO_REQUEST, 0, rest))),
        echo.prop_map(|(echo, rest)| (Icmpv4Type::EchoReply(echo), (kind::ECHO_REPLY, 0, rest))),
        Just((
            Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port),
            (kind::DESTINATION_UNREACHABLE, unreachable::PORT, [0; 4])
        )),
        Just((
            Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Protocol),
            (kind::DESTINATION_UNREACHABLE, unreachable::PROTOCOL, [0; 4])
        )),
        Just((
            Icmpv4Type::TimeExceeded(TimeExceededCode::FragmentReassemblyTimeExceeded),
            (kind::TIME_EXCEEDED, 1, [0; 4])
        )),
        any::<u8>().prop_map(|pointer| (
            Icmpv4Type::ParameterProblem(ParameterProblemHeader::PointerIndicatesError(pointer)),
            (kind::PARAMETER_PROBLEM, 0, [pointer, 0, 0, 0])
        )),
    ]
}

proptest! {
    #[test]
    fn what_we_build_etherparse_reads((message, (kind, code, rest)) in messages(), payload in bytes(0..64)) {
        let packet = built(kind, code, rest, &payload);
        let read = Icmpv4Slice::from_slice(&packet).unwrap();
        prop_assert_eq!(read.header(), Icmpv4Header::with_checksum(message, &payload));
        prop_assert_eq!(read.payload(), &payload);
    }

    #[test]
    fn what_we_build_pnet_reads((_, (kind, code, rest)) in messages(), payload in bytes(0..64)) {
        let packet = built(kind, code, rest, &payload);
        let read = IcmpPacket::new(&packet).unwrap();
        prop_assert_eq!((read.get_icmp_type(), read.get_icmp_code()), (IcmpType(kind), IcmpCode(code)));
        prop_assert_eq!(read.get_checksum(), pnet_packet::icmp::checksum(&read));
        // To pnet_packet the payload begins behind the checksum.
        prop_assert_eq!(read.payload(), [&rest[..], &payload].concat());
    }

    #[test]
    fn what_etherparse_builds_we_read((message, (kind, code, rest)) in messages(), payload in bytes(0..64)) {
        let packet = [&Icmpv4Header::with_checksum(message, &payload).to_bytes(), &payload[..]].concat();
        let (header, behind) = Header::ref_from_prefix(&packet).unwrap();
        prop_assert_eq!((header.kind, header.code, header.rest), (kind, code, rest));
        prop_assert_eq!(behind, &payload);
        prop_assert!(Sum::of(&packet).is_whole());
    }

    #[test]
    fn echoes_that_pnet_builds_we_read(identifier: u16, sequence: u16, payload in bytes(0..64)) {
        let mut request = echo_request::MutableEchoRequestPacket::owned(vec![0; 8 + payload.len()]).unwrap();
        request.set_icmp_type(IcmpType(kind::ECHO_REQUEST));
        request.set_identifier(identifier);
        request.set_sequence_number(sequence);
        request.set_payload(&payload);

        let mut reply = echo_reply::MutableEchoReplyPacket::owned(vec![0; 8 + payload.len()]).unwrap();
        reply.set_icmp_type(IcmpType(kind::ECHO_REPLY));
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
    fn we_accept_what_etherparse_accepts(mut packet in bytes(0..40)) {
        // Timestamps have a fixed length, which etherparse insists on; we don't answer them.
        if let Some(kind @ (13 | 14)) = packet.first_mut() {
            *kind = kind::ECHO_REQUEST;
        }
        prop_assert_eq!(Header::ref_from_prefix(&packet).is_ok(), Icmpv4Slice::from_slice(&packet).is_ok());
    }
}

#[test]
fn errors_are_what_etherparse_takes_for_errors() {
    for kind in 0..=255 {
        let read = Icmpv4Slice::from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]).map(|message| message.icmp_type());
        let is_error = match read {
            Ok(Icmpv4Type::DestinationUnreachable(_) | Icmpv4Type::Redirect(_)) => true,
            Ok(Icmpv4Type::TimeExceeded(_) | Icmpv4Type::ParameterProblem(_)) => true,
            // RFC 6633 took source quench out of use, and etherparse with it; it is an error all the same.
            _ => kind == kind::SOURCE_QUENCH,
        };
        assert_eq!(Header::is_error(kind), is_error, "type {kind}");
    }
}
