//! What our host sent, read with etherparse. Reading checks everything that is true of every frame of ours: our
//! Ethernet address, lengths without padding, complete and right checksums.

use std::net::IpAddr;

use etherparse::{Ethernet2Header, Ipv4Header, Ipv6Header};
use taphouse::buffer::{Checksum, Offload};

use crate::packet::{ICMP, ICMPV6, STACK_MAC, TCP, UDP, pseudo, sum};

/// A packet of our host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) station: [u8; 6],
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) hop_limit: u8,
    pub(crate) class: u8,
    pub(crate) dont_fragment: bool,
    pub(crate) payload: Vec<u8>,
}

/// Reads a frame that leaves nothing to the device.
pub(crate) fn read(frame: &[u8]) -> Answer {
    let answer = read_unsummed(frame);
    if [ICMP, TCP, UDP, ICMPV6].contains(&answer.protocol) {
        let Answer { source, destination, protocol, payload, .. } = &answer;
        let pseudo = pseudo(*source, *destination, *protocol, payload.len());
        assert_eq!(sum(&[&pseudo, payload]), 0xffff, "the checksum of {answer:?}");
    }
    answer
}

/// Reads a frame whose checksum the device is to finish, and finishes it.
pub(crate) fn read_offloaded(frame: &[u8], offload: Offload) -> Answer {
    let Checksum::Partial { start, offset } = offload.checksum else { return read(frame) };
    read(&finished(frame, start, offset))
}

/// What a device makes of a partial checksum.
pub(crate) fn finished(frame: &[u8], start: u16, offset: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let (start, field) = (usize::from(start), usize::from(start) + usize::from(offset));
    let checksum = match !sum(&[&frame[start..]]) {
        0 => 0xffff,
        checksum => checksum,
    };
    frame[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// Reads a frame without its transport checksum.
pub(crate) fn read_unsummed(frame: &[u8]) -> Answer {
    let (ethernet, rest) = Ethernet2Header::from_slice(frame).unwrap();
    assert_eq!(ethernet.source, STACK_MAC, "we say who we are");
    let station = ethernet.destination;
    match ethernet.ether_type.0 {
        0x0800 => {
            let (header, payload) = Ipv4Header::from_slice(rest).unwrap();
            assert_eq!(header.header_checksum, header.calc_header_checksum(), "{header:?}");
            assert_eq!(usize::from(header.total_len), rest.len(), "a frame without padding: {header:?}");
            assert!(!header.is_fragmenting_payload() && header.options.is_empty(), "{header:?}");
            Answer {
                station,
                source: header.source.into(),
                destination: header.destination.into(),
                protocol: header.protocol.0,
                hop_limit: header.time_to_live,
                class: header.dscp.value() << 2 | header.ecn.value(),
                dont_fragment: header.dont_fragment,
                payload: payload.to_vec(),
            }
        }
        0x86dd => {
            let (header, payload) = Ipv6Header::from_slice(rest).unwrap();
            assert_eq!(usize::from(header.payload_length), payload.len(), "a frame without padding: {header:?}");
            Answer {
                station,
                source: header.source.into(),
                destination: header.destination.into(),
                protocol: header.next_header.0,
                hop_limit: header.hop_limit,
                class: header.traffic_class,
                dont_fragment: true,
                payload: payload.to_vec(),
            }
        }
        other => panic!("not IP: {other:#06x}"),
    }
}

/// A datagram of our host: its ports and payload.
pub(crate) fn datagram(answer: &Answer) -> (u16, u16, &[u8]) {
    assert_eq!(answer.protocol, UDP);
    let (header, payload) = etherparse::UdpHeader::from_slice(&answer.payload).unwrap();
    assert_eq!(usize::from(header.length), answer.payload.len());
    assert_ne!(header.checksum, 0, "we always compute one");
    (header.source_port, header.destination_port, payload)
}

/// An ICMP message of our host: its type, its code, the four bytes behind the checksum, the rest.
pub(crate) fn message(answer: &Answer) -> (u8, u8, [u8; 4], &[u8]) {
    assert!([ICMP, ICMPV6].contains(&answer.protocol), "{answer:?}");
    let (head, rest) = answer.payload.split_first_chunk::<8>().unwrap();
    let [kind, code, _, _, a, b, c, d] = *head;
    (kind, code, [a, b, c, d], rest)
}
