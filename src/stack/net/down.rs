//! The way down: answers turned round, replies, errors, what was written, and what the leaves ask for. All of it ends
//! in [`Net::transmit`].

use std::io;
use std::io::IoSlice;

use zerocopy::FromBytes;

use super::super::journal::Event;
use super::Net;
use super::up::Up;
use crate::base::address::{Address, Family, Mac};
use crate::base::counters::Dropped;
use crate::buffer::{Block, Checksum, DEVICE_ROOM, Draft, Frame, HEADROOM, Offload, Purpose};
use crate::device::Device;
use crate::internet::{Answer, Outbound, Packet, Problem, error, fragment, icmpv4, ipv4, ipv6, ndp, output, source};
use crate::link::interface::Place;
use crate::link::neighbors::{NeighborId, Unresolved};
use crate::link::outbox::Outgoing;
use crate::link::vlan::Vlan;
use crate::link::{Cast, arp, ethernet, vlan};
use crate::wire;
use crate::wire::ethernet::EtherType;

/// What the device said to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmitted {
    /// It has it.
    Yes,
    /// It is full.
    Busy,
    /// It cannot send it.
    Refused,
}

impl Transmitted {
    /// What a frame that nobody sends again is counted as when the device did not take it.
    pub(super) fn or_dropped(self) -> Result<(), Dropped> {
        match self {
            Transmitted::Yes => Ok(()),
            Transmitted::Busy => Err(Dropped::DeviceFull),
            Transmitted::Refused => Err(Dropped::DeviceError),
        }
    }
}

/// What became of a packet whose owner keeps a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stack) enum Sent {
    /// The device has it.
    Yes,
    /// So many bytes of its payload left, then the device was full.
    Part(usize),
    /// The device is full: nothing changed.
    Busy,
    /// Its neighbour is being asked for.
    Unresolved,
    /// It cannot be sent.
    Refused(Dropped),
}

/// Bytes of a frame, without the device's.
#[inline(always)]
pub(super) fn length_of(head: &[u8], payload: &[IoSlice<'_>]) -> usize {
    head.len() - DEVICE_ROOM + payload.iter().map(|slice| slice.len()).sum::<usize>()
}

impl<D: Device> Net<D> {
    /// Sends a packet back under its own headers, turned round, when what it carries has become its answer.
    #[inline(always)]
    pub(in crate::stack) fn turn_round(&mut self, frame: &mut Frame, packet: &Packet, answer: &Answer) {
        let may_be_too_long = frame.len() > self.longest() || !self.paths.is_empty();
        if may_be_too_long && !self.fits(frame, packet) || packet.has_options() {
            return self.answer_anew(frame, packet, answer);
        }
        // Of IPv6, for what has options is answered anew.
        if !packet.is_plain() {
            ipv6::leave_extensions_out(frame, packet);
        }
        let bytes = frame.bytes_mut();
        let ethertype = match packet.family {
            Family::V4 => {
                ipv4::turn_round(bytes, packet, answer);
                EtherType::IPV4
            }
            Family::V6 => {
                ipv6::turn_round(bytes, packet, answer, self.interface.hop_limit(Family::V6));
                EtherType::IPV6
            }
        };
        ethernet::turn_round(bytes, ethertype, self.interface.mac(), packet.link.station);
        // Both ends changing places leaves a partial checksum what it was.
        let offload = Offload { checksum: frame.offload.checksum.sent(), ..frame.offload };
        let transmitted = self.transmit_in_place(frame, offload);
        self.count(transmitted.or_dropped());
    }

    /// Sends an answer under headers of its own: the options were the question's, and what is cut is another packet. Only what
    /// records where an echo was goes back with it, if it goes in one piece.
    #[cold]
    fn answer_anew(&mut self, frame: &mut Frame, packet: &Packet, answer: &Answer) {
        let is_echo = packet.family == Family::V4 && packet.protocol == wire::protocol::ICMP;
        if is_echo && frame.len() <= self.longest() {
            let time = icmpv4::time(self.now);
            if ipv4::turn_round_recording(frame, packet, answer, time) {
                ethernet::turn_round(frame.bytes_mut(), EtherType::IPV4, self.interface.mac(), packet.link.station);
                frame.offload = Offload::default();
                let transmitted = self.transmit_in_place(frame, Offload::default());
                return self.count(transmitted.or_dropped());
            }
        }
        frame.strip(packet.transport());
        let outbound = Outbound::answer(packet, answer.source, &self.interface);
        let outbound = Outbound { traffic_class: answer.traffic_class, ..outbound };
        self.reply(frame, &outbound, packet.link.station);
    }

    /// Whether an answer is no larger than its path takes, or the link if routers may cut it. Each of a superframe's packets is as
    /// long as its headers and one segment.
    #[cold]
    fn fits(&self, frame: &Frame, packet: &Packet) -> bool {
        let headers = output::header_length(packet.family);
        let carried = frame.len() - packet.transport();
        let carried = frame.offload.segments.map_or(carried, |segments| wire::udp::LENGTH + usize::from(segments.size));
        headers + carried <= self.takes(packet.source, packet.dont_fragment)
    }

    /// How large a packet to a destination may be that is to arrive whole, or that routers may cut.
    fn takes(&self, destination: Address, dont_fragment: bool) -> usize {
        let whole = dont_fragment || destination.family() == Family::V6;
        if whole { self.path_mtu(destination).mtu } else { self.mtu_of(destination.family()) }
    }

    /// Sends what a frame holds above IP back to the station from which the frame came. It needs no neighbour, and if
    /// the device is full it is dropped: who asked will ask again.
    #[inline]
    pub(in crate::stack) fn reply(&mut self, frame: &mut Frame, outbound: &Outbound, station: Mac) {
        let checksum = match frame.offload.checksum.sent() {
            Checksum::Partial { offset, .. } => {
                let start = wire::ethernet::LENGTH + output::header_length(outbound.destination.family());
                Checksum::Partial { start: start as u16, offset }
            }
            other => other,
        };
        let offload = Offload { checksum, ..frame.offload };
        let station = match outbound.destination.is_multicast() {
            true => Mac::of_group(outbound.destination),
            false => station,
        };
        let mut draft = frame.draft();
        let length = output::header_length(outbound.destination.family()) + draft.len();
        let ethertype = output::prepend(&mut draft, 0, outbound, &mut self.identifications);
        let sent = match self.takes(outbound.destination, outbound.dont_fragment) {
            mtu if length > mtu && offload.segments.is_none() => match fragment::may_be_cut(outbound, length) {
                true => self.in_fragments(draft, &[], station, offload, mtu),
                false => Err(Dropped::TooBig),
            },
            _ => self.frame_out(draft, &[], ethertype, station, offload).or_dropped(),
        };
        self.count(sent);
    }

    /// Tells the sender of a packet what is wrong with it, if that may be told; else counts `otherwise`.
    pub(in crate::stack) fn tell(
        &mut self,
        frame: &mut Frame,
        packet: &Packet,
        problem: Problem,
        otherwise: Dropped,
    ) -> Up {
        let Net { interface, limiter, now, .. } = self;
        match error::build(frame, packet, problem, interface, limiter, *now) {
            Ok(outbound) => {
                self.counters.errors_sent += 1;
                self.reply(frame, &outbound, packet.link.station);
            }
            Err(Dropped::ErrorForbidden) => self.counters.drop(otherwise),
            Err(why) => self.counters.drop(why),
        }
        Up::Done
    }

    /// Sends a packet that nobody keeps a copy of: it waits, within a quota, for a neighbour that is not known yet.
    pub(in crate::stack) fn send(
        &mut self,
        draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        outbound: &Outbound,
        offload: Offload,
    ) {
        let sent = self.try_send(draft, payload, outbound, offload);
        self.count(sent);
        self.empty_outbox();
    }

    fn try_send(
        &mut self,
        mut draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        outbound: &Outbound,
        offload: Offload,
    ) -> Result<(), Dropped> {
        let destination = outbound.destination;
        let behind: usize = payload.iter().map(|slice| slice.len()).sum();
        let length = output::header_length(destination.family()) + draft.len() + behind;
        let mtu = self.takes(destination, outbound.dont_fragment);
        let is_cut = length > mtu && offload.segments.is_none();
        if is_cut && !fragment::may_be_cut(outbound, length) {
            return Err(Dropped::TooBig);
        }
        let ethertype = output::prepend(&mut draft, behind, outbound, &mut self.identifications);
        let station = if destination.is_multicast() {
            Ok(Mac::of_group(destination))
        } else if self.interface.place(destination) == Place::Everywhere {
            Ok(Mac::BROADCAST)
        } else {
            let hop = self.next_hop(destination).ok_or(Dropped::NoRoute)?;
            self.neighbors.resolve(hop, &mut self.outbox, self.now)
        };
        match station {
            Ok(station) if is_cut => self.in_fragments(draft, payload, station, offload, mtu),
            Ok(station) => self.frame_out(draft, payload, ethertype, station, offload).or_dropped(),
            Err(Unresolved::Asked(neighbor)) => self.park(draft.bytes(), payload, offload, neighbor),
            Err(Unresolved::TooMany) => Err(Dropped::NeighborsFull),
        }
    }

    /// Sends a packet of which its owner keeps a copy: it does not wait here for anything. `hop` remembers the neighbour
    /// through which its flow goes.
    #[inline(always)]
    pub(in crate::stack) fn send_kept(
        &mut self,
        mut draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        outbound: &Outbound,
        offload: Offload,
        hop: &mut Option<NeighborId>,
    ) -> Sent {
        let station = match hop.and_then(|id| self.neighbors.station(id, self.now)) {
            Some(station) => station,
            None => match self.find_hop(outbound.destination, hop) {
                Ok(station) => station,
                Err(sent) => return sent,
            },
        };
        let behind: usize = payload.iter().map(|slice| slice.len()).sum();
        let ethertype = output::prepend(&mut draft, behind, outbound, &mut self.identifications);
        if let Some(segments) = offload.segments
            && !self.capabilities.segment_tcp
        {
            let family = outbound.destination.family();
            return self.send_cut(draft, payload, family, station, usize::from(segments.size));
        }
        match self.frame_out_inlined(draft, payload, ethertype, station, offload) {
            Transmitted::Yes => Sent::Yes,
            Transmitted::Busy => Sent::Busy,
            Transmitted::Refused => Sent::Refused(Dropped::DeviceError),
        }
    }

    fn find_hop(&mut self, destination: Address, hop: &mut Option<NeighborId>) -> Result<Mac, Sent> {
        let next = self.next_hop(destination).ok_or(Sent::Refused(Dropped::NoRoute))?;
        let station = self.neighbors.resolve(next, &mut self.outbox, self.now);
        self.empty_outbox();
        match station {
            Ok(station) => {
                *hop = self.neighbors.name(next);
                Ok(station)
            }
            Err(Unresolved::Asked(id)) => {
                *hop = Some(id);
                Err(Sent::Unresolved)
            }
            Err(Unresolved::TooMany) => Err(Sent::Refused(Dropped::NeighborsFull)),
        }
    }

    /// Whether a neighbour that was asked for was found, or given up, since this was asked last.
    pub(in crate::stack) fn neighbors_settled(&mut self) -> bool {
        self.neighbors.has_settled()
    }

    /// A neighbour passes on, or takes, what we send: it need not be asked (RFC 4861 §7.3.1).
    #[inline]
    pub(in crate::stack) fn confirm(&mut self, neighbor: NeighborId) {
        self.neighbors.confirm(neighbor, self.now);
    }

    /// Copies a packet to where it can wait for its neighbour.
    fn park(
        &mut self,
        head: &[u8],
        payload: &[IoSlice<'_>],
        offload: Offload,
        neighbor: NeighborId,
    ) -> Result<(), Dropped> {
        let length = head.len() + payload.iter().map(|slice| slice.len()).sum::<usize>();
        let mut block = self.pool.write(length, Purpose::Parked).map_err(|_| Dropped::ParkedFull)?;
        let parts = std::iter::once(head).chain(payload.iter().map(|slice| &**slice));
        block.frame_mut().gather(parts, offload);
        self.counters.bytes_copied += length as u64;
        self.neighbors.park(neighbor, block).map_err(|block| {
            self.pool.release(block);
            Dropped::ParkedFull
        })
    }

    /// Sends what the leaves asked for besides their answers.
    #[inline]
    pub(in crate::stack) fn empty_outbox(&mut self) {
        if !self.outbox.is_empty() {
            self.send_outgoing();
        }
    }

    #[cold]
    fn send_outgoing(&mut self) {
        while let Some(outgoing) = self.outbox.pop() {
            match outgoing {
                Outgoing::Solicit { target, station } => self.solicit(target, station),
                Outgoing::Probe { target, nonce } => self.probe(target, nonce),
                Outgoing::Announce(address) => self.announce(address),
                Outgoing::AskReverse => self.ask_reverse(),
                Outgoing::Deliver(block, station) => self.deliver(block, station),
                Outgoing::GiveUp(block) => {
                    self.counters.drop_unsent(Dropped::NeighborUnreachable);
                    self.pool.release(block);
                }
            }
        }
    }

    /// Asks for a neighbour: everybody, or the station that is thought to be it.
    fn solicit(&mut self, target: Address, station: Option<Mac>) {
        let Some(source) = source::select(&self.interface, target) else { return };
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        let transmitted = match target.family() {
            Family::V4 => {
                let request = arp::request(&self.interface, source, target);
                *draft.prepend() = request;
                let station = station.unwrap_or(Mac::BROADCAST);
                self.frame_out(draft, &[], EtherType::ARP, station, Offload::default())
            }
            Family::V6 => {
                let to = if station.is_some() { Cast::Unicast } else { Cast::Multicast };
                let outbound = ndp::solicit(&mut draft, &self.interface, source, target, to);
                self.discover(draft, &outbound, station)
            }
        };
        self.count(transmitted.or_dropped());
    }

    /// Sends neighbour discovery: to a group, unless a station is named.
    pub(super) fn discover(&mut self, mut draft: Draft<'_>, outbound: &Outbound, station: Option<Mac>) -> Transmitted {
        let ethertype = output::prepend(&mut draft, 0, outbound, &mut self.identifications);
        let station = station.unwrap_or_else(|| Mac::of_group(outbound.destination));
        self.frame_out(draft, &[], ethertype, station, Offload::default())
    }

    /// Sends a packet that waited for its neighbour.
    fn deliver(&mut self, mut block: Block, station: Mac) {
        let offload = block.frame().offload;
        let draft = block.frame_mut().draft();
        let (ethertype, mtu) = match wire::ipv6::Header::ref_from_prefix(draft.bytes()) {
            Ok((header, _)) if header.version() == 6 => (EtherType::IPV6, self.takes(header.destination(), true)),
            _ => (EtherType::IPV4, self.mtu_of(Family::V4)),
        };
        let sent = if draft.len() > mtu && offload.segments.is_none() {
            self.in_fragments(draft, &[], station, offload, mtu)
        } else {
            self.frame_out(draft, &[], ethertype, station, offload).or_dropped()
        };
        self.count(sent);
        self.pool.release(block);
    }

    /// The last header of every way down.
    // Left to the compiler, but for the data of connections: the other ways are many, and seldom gone.
    #[inline]
    pub(super) fn frame_out(
        &mut self,
        draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        ethertype: EtherType,
        station: Mac,
        offload: Offload,
    ) -> Transmitted {
        self.frame_out_inlined(draft, payload, ethertype, station, offload)
    }

    #[inline(always)]
    fn frame_out_inlined(
        &mut self,
        mut draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        ethertype: EtherType,
        station: Mac,
        offload: Offload,
    ) -> Transmitted {
        ethernet::output(&mut draft, ethertype, self.interface.mac(), station);
        match self.vlan {
            None => self.transmit(draft.for_device(), payload, offload),
            Some(own) => self.transmit_tagged(draft, payload, offload, own),
        }
    }

    /// Sends the frame that came, when it has become its answer.
    #[inline(always)]
    pub(super) fn transmit_in_place(&mut self, frame: &mut Frame, offload: Offload) -> Transmitted {
        match self.vlan {
            None => self.transmit(frame.for_device(), &[], offload),
            Some(own) => self.transmit_tagged(frame.draft(), &[], offload, own),
        }
    }

    #[inline(never)]
    fn transmit_tagged(
        &mut self,
        mut draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        offload: Offload,
        own: Vlan,
    ) -> Transmitted {
        vlan::output(&mut draft, own);
        self.transmit(draft.for_device(), payload, vlan::behind_tag(offload))
    }

    /// Sends a frame, with the device's spare bytes in front.
    #[inline(always)]
    pub(super) fn transmit(&mut self, head: &mut [u8], payload: &[IoSlice<'_>], offload: Offload) -> Transmitted {
        let transmitted = if !D::CALLS || self.burst.lets_past(length_of(head, payload)) {
            self.give(head, payload, offload)
        } else {
            self.transmit_behind(head, payload, offload)
        };
        self.note(|| Event::Transmitted(transmitted));
        transmitted
    }

    /// Gives a frame to the device.
    #[inline(always)]
    pub(super) fn give(&mut self, head: &mut [u8], payload: &[IoSlice<'_>], offload: Offload) -> Transmitted {
        let length = length_of(head, payload);
        let transmitted = match self.device.transmit(head, offload, payload) {
            Ok(true) => Transmitted::Yes,
            Ok(false) => Transmitted::Busy,
            Err(why) => self.refused(why),
        };
        self.account(transmitted, length);
        transmitted
    }

    /// Has the device send a frame without offload that `write` puts where it leaves from; `None` when it lends no such place.
    #[inline(always)]
    pub(super) fn transmit_written(&mut self, write: impl FnOnce(&mut Frame)) -> Option<Transmitted> {
        let mut length = 0;
        let sent = self.device.transmit_written(|frame| {
            write(frame);
            length = frame.len();
        });
        let transmitted = if sent? { Transmitted::Yes } else { Transmitted::Busy };
        self.account(transmitted, length);
        self.note(|| Event::Transmitted(transmitted));
        Some(transmitted)
    }

    #[inline(always)]
    fn account(&mut self, transmitted: Transmitted, length: usize) {
        if transmitted == Transmitted::Yes {
            self.counters.frames_sent += 1;
            self.counters.bytes_sent += length as u64;
        }
    }

    #[cold]
    fn refused(&mut self, why: io::Error) -> Transmitted {
        self.refusal = Some(why);
        Transmitted::Refused
    }
}
