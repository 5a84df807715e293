use etherparse::TcpHeader;
use taphouse::base::counters::Dropped;

use crate::packet::*;
use crate::reading::read;
use crate::wire::Host;

/// The reset that answers a segment.
fn reset(host: &mut Host, packet: &Packet) -> TcpHeader {
    let answer = read(&host.answer(&packet.frame()));
    assert_eq!((answer.protocol, answer.hop_limit, answer.station), (TCP, 64, PEER_MAC));
    let (header, rest) = TcpHeader::from_slice(&answer.payload).unwrap();
    assert_eq!((header.source_port, header.destination_port, rest.len()), (80, 5000, 0));
    assert!(header.rst && !header.syn && !header.fin);
    header
}

#[test]
fn a_closed_port_resets() {
    for family in BOTH {
        let mut host = Host::plain();
        let to_syn = reset(&mut host, &tcp(family, |header| header.syn = true, b""));
        assert_eq!((to_syn.ack, to_syn.sequence_number, to_syn.acknowledgment_number), (true, 0, 1001));

        let with_data = tcp(family, |header| (header.syn, header.fin) = (true, true), b"five!");
        assert_eq!(reset(&mut host, &with_data).acknowledgment_number, 1000 + 5 + 2);

        let wraps = tcp(family, |header| (header.syn, header.sequence_number) = (true, u32::MAX), b"");
        assert_eq!(reset(&mut host, &wraps).acknowledgment_number, 0);

        let acknowledges = tcp(family, |header| (header.ack, header.acknowledgment_number) = (true, 77), b"data");
        let answer = reset(&mut host, &acknowledges);
        assert_eq!((answer.ack, answer.sequence_number), (false, 77));
        assert_eq!(host.counters().resets_sent, 4);
    }
}

#[test]
fn a_reset_is_not_answered() {
    for family in BOTH {
        let mut host = Host::plain();
        for ack in [false, true] {
            host.drops(&tcp(family, |header| (header.rst, header.ack) = (true, ack), b"").frame(), Dropped::TcpIgnored);
        }
    }
}

#[test]
fn a_segment_that_cannot_be_is_dropped() {
    for family in BOTH {
        let mut host = Host::plain();
        for words in [0, 1, 4, 6, 15] {
            let mut packet = tcp(family, |header| header.syn = true, b"");
            packet.payload[12] = words << 4;
            host.drops(&packet.frame(), Dropped::BadTcp);
        }
        let mut damaged = tcp(family, |header| header.syn = true, b"").frame();
        *damaged.last_mut().unwrap() ^= 1;
        host.drops(&damaged, Dropped::BadTcpChecksum);
    }
}

#[test]
fn a_group_is_not_connected_to() {
    let mut host = Host::plain();
    let syn = |family| tcp(family, |header| header.syn = true, b"");
    host.drops(&syn(BOTH[0]).to(std::net::Ipv4Addr::BROADCAST).at(EVERYBODY).frame(), Dropped::TcpIgnored);
    host.drops(&syn(BOTH[1]).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]).frame(), Dropped::TcpIgnored);
}
