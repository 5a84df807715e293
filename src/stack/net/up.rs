//! The way up: link layer, internet layer. What ends below the transport layer is answered here.

use super::Net;
use crate::base::address::Family;
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Frame, Offload, SegmentKind};
use crate::device::{Capabilities, Device};
use crate::internet::train::Train;
use crate::internet::{Packet, Problem, Refusal, Verdict, icmpv4, icmpv6, ipv4, ipv6, offload};
use crate::link::{self, Arrival, arp, ethernet};
use crate::wire::arp::{Framed, Operation};
use crate::wire::ethernet::{EtherType, Header};
use crate::wire::{self, protocol};

/// What becomes of a frame on its way to a packet.
pub(in crate::stack) enum Arrived {
    /// It carries a packet, which the train describes.
    Packet,
    /// It told of a neighbour, which concerns every shard.
    Heard,
    /// Somebody claims an address of ours, which concerns the shard that looks after them.
    Conflict,
    /// It was answered, or dropped.
    Done,
}

/// Where a packet goes on its way up.
pub(in crate::stack) enum Up {
    Tcp,
    Udp,
    /// It is an ICMP error, still to be read.
    Error,
    /// Nowhere: it told of a neighbour, which concerns every shard.
    Heard,
    /// Nowhere: it told or asked of groups, which concerns the shard that looks after them.
    Group,
    /// Nowhere: somebody claims an address of ours, which concerns the shard that looks after them.
    Conflict,
    /// Nowhere: it was answered, or dropped.
    Done,
}

impl<D: Device> Net<D> {
    /// The way up through the link layer, and through the headers of the internet layer; the short way for what is like
    /// the frame before.
    #[inline(always)]
    pub(in crate::stack) fn arrive(&mut self, frame: &mut Frame, train: &mut Train) -> Result<Arrived, Dropped> {
        if train.continues(frame, &self.interface) {
            return Ok(Arrived::Packet);
        }
        if self.repeated.answers(frame.bytes_mut(), &self.interface, &self.neighbors) {
            self.counters.arp_answered += 1;
            return Ok(self.send_resolution(frame));
        }
        self.arrive_anew(frame, train)
    }

    /// The long way.
    #[inline(never)]
    fn arrive_anew(&mut self, frame: &mut Frame, train: &mut Train) -> Result<Arrived, Dropped> {
        let (header, _) = Header::parse(frame.bytes())?;
        let cast = ethernet::input(header, &self.interface)?;
        let (ethertype, link) = (header.ethertype, Arrival { station: header.source(), cast });
        // Compared one after the other: a match would compare byte by byte.
        if ethertype == EtherType::IPV4 {
            self.read(frame, Family::V4, link, train)
        } else if ethertype == EtherType::IPV6 {
            self.read(frame, Family::V6, link, train)
        } else if ethertype == EtherType::ARP || ethertype == EtherType::RARP {
            let arrived = self.resolution(frame, ethertype);
            self.empty_outbox();
            arrived
        } else if ethertype == EtherType::VLAN {
            Err(Dropped::OtherVlan)
        } else {
            Err(Dropped::UnknownEtherType)
        }
    }

    /// ARP and RARP.
    fn resolution(&mut self, frame: &mut Frame, ethertype: EtherType) -> Result<Arrived, Dropped> {
        let framed = Framed::parse(frame.bytes_mut())?;
        let Net { interface, neighbors, outbox, rarp, now, counters, .. } = self;
        let (verdict, answered) = if ethertype == EtherType::ARP {
            let question = *framed;
            let verdict = arp::input(framed, interface, neighbors, outbox, *now);
            if verdict == link::Verdict::Reply {
                self.repeated.remember(&question, framed, interface, neighbors);
            }
            (verdict, &mut counters.arp_answered)
        } else {
            if framed.packet.operation == Operation::REVERSE_REPLY && self.addresses.asks() {
                let packet = framed.packet;
                return self.take_reverse_reply(&packet).map(|()| Arrived::Heard);
            }
            (rarp.input(framed, interface), &mut counters.rarp_answered)
        };
        match verdict {
            link::Verdict::Reply => {
                *answered += 1;
                frame.truncate(size_of::<Framed>());
                Ok(self.send_resolution(frame))
            }
            link::Verdict::Done => Ok(Arrived::Heard),
            link::Verdict::Conflict => {
                let (address, station) = (arp::contested(&framed.packet, interface), framed.packet.sender_mac());
                self.conflict(address, station, None);
                Ok(Arrived::Conflict)
            }
            link::Verdict::Drop(why) => Err(why),
        }
    }

    /// Sends the frame that has become an answer of ARP or RARP.
    #[inline(always)]
    fn send_resolution(&mut self, frame: &mut Frame) -> Arrived {
        let transmitted = self.transmit_in_place(frame, Offload::default());
        self.count(transmitted.or_dropped());
        Arrived::Done
    }

    /// The headers of the internet layer.
    pub(super) fn read(
        &mut self,
        frame: &mut Frame,
        family: Family,
        link: Arrival,
        train: &mut Train,
    ) -> Result<Arrived, Dropped> {
        const NETWORK: usize = wire::ethernet::LENGTH;
        let packet = train.first();
        let read = match family {
            Family::V4 => ipv4::input(frame, NETWORK, link, &self.interface, packet),
            Family::V6 => ipv6::input(frame, NETWORK, link, &self.interface, packet),
        };
        match read {
            Ok(()) => {
                train.remember(frame, &self.interface);
                Ok(Arrived::Packet)
            }
            Err(Refusal::Drop(why)) => Err(why),
            Err(Refusal::Tell(problem)) => self.complain(frame, packet, problem),
            Err(Refusal::Fragment) => self.fragment(frame, train),
        }
    }

    /// A packet whose headers are wrong in a way that its sender is to be told.
    #[cold]
    fn complain(&mut self, frame: &mut Frame, packet: &Packet, problem: Problem) -> Result<Arrived, Dropped> {
        // The quote is completed where the device says that it has to be.
        self.check_offload(packet, &frame.offload)?;
        self.tell(frame, packet, problem, Dropped::ErrorForbidden);
        Ok(Arrived::Done)
    }

    /// What the packet carries. What ends below the transport layer is answered here.
    #[inline(always)]
    pub(in crate::stack) fn input(&mut self, packet: &Packet, frame: &mut Frame) -> Result<Up, Dropped> {
        if frame.offload != Offload::default() {
            self.check_offload(packet, &frame.offload)?;
        }
        let verdict = match (packet.protocol, packet.family) {
            (protocol::UDP, _) => return Ok(Up::Udp),
            (protocol::TCP, _) => return Ok(Up::Tcp),
            (protocol::ICMP, Family::V4) => icmpv4::input(frame, packet),
            (protocol::ICMPV6, Family::V6) => {
                let Net { interface, neighbors, outbox, now, .. } = self;
                icmpv6::input(frame, packet, interface, neighbors, outbox, *now)
            }
            (protocol::IGMP, Family::V4) => Verdict::Group,
            (protocol::AH | protocol::ESP, _) => return Err(Dropped::NoSecurity),
            _ => return Ok(self.tell(frame, packet, Problem::Protocol, Dropped::ErrorForbidden)),
        };
        match verdict {
            Verdict::Answer(answer) => {
                self.counters.echo_answered += 1;
                self.turn_round(frame, packet, &answer);
                Ok(Up::Done)
            }
            Verdict::Reply(outbound) => {
                self.counters.ndp_answered += 1;
                frame.offload = Offload::default();
                self.reply(frame, &outbound, packet.link.station);
                Ok(Up::Done)
            }
            Verdict::Done => Ok(Up::Heard),
            Verdict::Error => Ok(Up::Error),
            Verdict::Router => self.take_advertisement(packet, frame).map(|()| Up::Heard),
            Verdict::Demoted(router) => {
                self.demote(router);
                Ok(Up::Heard)
            }
            Verdict::Redirect => self.take_redirect(packet, frame).map(|()| Up::Heard),
            Verdict::Timestamp => {
                let answer = icmpv4::tell_time(frame, packet, icmpv4::time(self.now))?;
                self.counters.timestamps_answered += 1;
                self.turn_round(frame, packet, &answer);
                Ok(Up::Done)
            }
            Verdict::Group => self.hear_of_groups(frame, packet),
            Verdict::Conflict(address, nonce) => {
                self.conflict(address, packet.link.station, nonce);
                Ok(Up::Conflict)
            }
            Verdict::Drop(why) => Err(why),
        }
    }

    /// A device is believed only what it said it can do, and what the packet's own headers bear out.
    fn check_offload(&self, packet: &Packet, claimed: &Offload) -> Result<(), Dropped> {
        self.check_able(claimed)?;
        offload::check(packet, claimed)
    }

    /// What it said it can do.
    pub(super) fn check_able(&self, claimed: &Offload) -> Result<(), Dropped> {
        let Capabilities { checksum, segment_tcp, segment_udp, .. } = self.capabilities;
        let able = match (claimed.checksum, claimed.segments.map(|segments| segments.kind)) {
            (_, Some(SegmentKind::Tcp4 | SegmentKind::Tcp6)) => segment_tcp,
            (_, Some(SegmentKind::Udp)) => segment_udp,
            (Checksum::Partial { .. }, None) => checksum,
            (Checksum::Complete | Checksum::Verified, None) => true,
        };
        if able { Ok(()) } else { Err(Dropped::OffloadLie) }
    }
}
