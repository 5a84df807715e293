//! The wire between packetdrill, which speaks of IP packets, and the stack, which speaks of Ethernet frames. Whoever the
//! stack asks for on it is there.

use std::collections::VecDeque;

use taphouse::base::address::{Address, Endpoint, Mac};
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::device::Memory;
use taphouse::wire::checksum::Sum;
use taphouse::wire::ethernet::{EtherType, Header};
use taphouse::wire::ndp::{self, LinkLayer, Message, MessageWithOption, Parsed};
use taphouse::wire::{arp, icmpv6, ipv6, protocol};
use zerocopy::IntoBytes;

use crate::push::{Judge, Push};

/// The station at the other end, by whatever address.
const PEER: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
/// The stack's.
pub(crate) const OWN: Mac = Mac::new([2, 0, 0, 0, 0, 2]);

/// The other end of the wire.
pub(crate) struct Link {
    end: Memory,
    /// Packets that the stack sent, and when.
    sent: VecDeque<(Instant, Vec<u8>)>,
    push: Push,
}

impl Link {
    pub(crate) fn new(end: Memory) -> Link {
        Link { end, sent: VecDeque::new(), push: Push::default() }
    }

    /// Where the selective acknowledgments of a packet from a peer begin and end, in our stream; and who that is.
    pub(crate) fn selective(&self, packet: &[u8]) -> Option<(Endpoint, Vec<u64>)> {
        self.push.selective(packet)
    }

    /// Gives the stack an IP packet.
    pub(crate) fn send(&mut self, packet: &[u8]) {
        let kind = if packet.first().is_some_and(|first| first >> 4 == 6) { EtherType::IPV6 } else { EtherType::IPV4 };
        self.frame(kind, packet);
    }

    /// The next packet that the stack sent.
    pub(crate) fn take(&mut self) -> Option<(Instant, Vec<u8>)> {
        self.sent.pop_front()
    }

    /// Whether the stack sent something that was not taken.
    pub(crate) fn has_sent(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Takes what the stack sent, and sets PSH where `judge` wants it; returns whether it was answered.
    pub(crate) fn drain(&mut self, now: Instant, judge: &mut Judge<'_>) -> bool {
        let mut answered = false;
        let before = self.sent.len();
        while let Some((frame, _)) = self.end.take() {
            let Ok((header, payload)) = Header::parse(&frame) else { continue };
            match header.ethertype {
                EtherType::ARP => answered |= self.answer_arp(payload),
                EtherType::IPV6 if is_neighbor_discovery(payload) => answered |= self.answer_solicitation(payload),
                EtherType::IPV4 | EtherType::IPV6 => self.sent.push_back((now, payload.to_vec())),
                _ => {}
            }
        }
        self.push.mark(&mut self.sent.make_contiguous()[before..], judge);
        answered
    }

    fn answer_arp(&mut self, bytes: &[u8]) -> bool {
        let Ok(request) = arp::Packet::parse(bytes) else { return false };
        // Who asks for its own address asks whether another has it.
        if request.operation != arp::Operation::REQUEST || request.sender == request.target {
            return false;
        }
        let target = (request.sender_mac(), request.sender);
        let reply = arp::Packet::new(arp::Operation::REPLY, (PEER, request.target), target);
        self.frame(EtherType::ARP, reply.as_bytes());
        true
    }

    fn answer_solicitation(&mut self, bytes: &[u8]) -> bool {
        let Ok(packet) = ipv6::Packet::parse(bytes) else { return false };
        let Ok(asked) = Parsed::parse(packet.payload) else { return false };
        let asker = packet.header.source();
        if asked.message.kind != icmpv6::kind::NEIGHBOR_SOLICITATION || asker.is_unspecified() {
            return false;
        }
        let message = Message {
            kind: icmpv6::kind::NEIGHBOR_ADVERTISEMENT,
            code: 0,
            checksum: [0; 2],
            flags: ndp::flag::SOLICITED | ndp::flag::OVERRIDE,
            reserved: [0; 3],
            target: asked.message.target,
        };
        let option = LinkLayer { kind: ndp::option::TARGET_LINK_LAYER, length: 1, mac: PEER.bytes() };
        let mut answer = MessageWithOption { message, option };
        let source = Address::from_v6(asked.message.target);
        let length = answer.as_bytes().len();
        let sum = Sum::pseudo(source, asker, protocol::ICMPV6, length).bytes(answer.as_bytes());
        answer.message.checksum = sum.checksum();
        let header = ipv6::Header::new(0, length as u16, protocol::ICMPV6, 255, (source, asker));
        self.frame(EtherType::IPV6, &[header.as_bytes(), answer.as_bytes()].concat());
        true
    }

    fn frame(&mut self, kind: EtherType, payload: &[u8]) {
        let header = Header::new(OWN, PEER, kind);
        self.end.send(&[header.as_bytes(), payload].concat(), Offload::default());
    }
}

/// What the link itself is asked, and packetdrill never sees.
fn is_neighbor_discovery(bytes: &[u8]) -> bool {
    ipv6::Packet::parse(bytes).is_ok_and(|packet| {
        packet.header.next_header == protocol::ICMPV6
            && packet.payload.first().is_some_and(|kind| icmpv6::is_neighbor_discovery(*kind))
    })
}
