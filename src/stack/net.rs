//! Everything below the transport layer: the device, the pool, the link, the internet. The only place that transmits.

use std::io;
use std::io::IoSlice;

use super::journal::{Event, Journal};
use super::{Config, ConfigError};
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::counters::{Counters, Dropped};
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{Block, Checksum, DEVICE_ROOM, Draft, Frame, HEADROOM, Offload, Pool, Purpose, SegmentKind};
use crate::device::{Capabilities, Device, Received};
use crate::internet::error::Limiter;
use crate::internet::output::Identifications;
use crate::internet::route::Routes;
use crate::internet::{
    Answer, Outbound, Packet, Problem, Refusal, Verdict, error, icmpv4, icmpv6, ipv4, ipv6, ndp, offload, output,
    source,
};
use crate::link::interface::{Interface, Place};
use crate::link::neighbors::{NeighborId, Neighbors, Unresolved};
use crate::link::outbox::{Outbox, Outgoing};
use crate::link::rarp;
use crate::link::{self, Cast, arp, ethernet};
use crate::wire::arp::Framed;
use crate::wire::ethernet::{EtherType, Header};
use crate::wire::{self, protocol};

/// Where a packet goes on its way up.
pub(super) enum Up {
    Tcp,
    Udp,
    /// Nowhere: it was answered, or it did its work.
    Done,
}

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
    fn or_dropped(self) -> Result<(), Dropped> {
        match self {
            Transmitted::Yes => Ok(()),
            Transmitted::Busy => Err(Dropped::DeviceFull),
            Transmitted::Refused => Err(Dropped::DeviceError),
        }
    }
}

/// The lower half of a stack.
pub(super) struct Net<D> {
    pub(super) device: D,
    pub(super) pool: Pool,
    pub(super) interface: Interface,
    pub(super) counters: Counters,
    capabilities: Capabilities,
    neighbors: Neighbors,
    routes: Routes,
    rarp: rarp::Server,
    limiter: Limiter,
    identifications: Identifications,
    outbox: Outbox,
    journal: Option<Box<dyn Journal>>,
    now: Instant,
}

impl<D: Device> Net<D> {
    pub(super) fn new(device: D, config: &Config, random: &mut Random) -> Result<Net<D>, ConfigError> {
        let capabilities = device.capabilities();
        let mut interface = Interface::new(config.mac, capabilities.mtu);
        let mut routes = Routes::default();
        let link_local = Cidr::new(Address::link_local(config.mac), 64)
            .filter(|own| capabilities.mtu >= wire::ipv6::MINIMUM_MTU && !config.addresses.contains(own));
        for own in config.addresses.iter().copied().chain(link_local) {
            if !interface.add(own) {
                return Err(ConfigError::Address(own));
            }
            if !routes.add(own, None) {
                return Err(ConfigError::Route(own.address()));
            }
        }
        for gateway in &config.gateways {
            if !routes.add_default(*gateway) {
                return Err(ConfigError::Route(*gateway));
            }
        }
        let mut rarp = rarp::Server::default();
        for (station, address) in &config.rarp {
            if !rarp.add(*station, *address) {
                return Err(ConfigError::Rarp(*station));
            }
        }
        Ok(Net {
            device,
            pool: Pool::new(config.memory),
            interface,
            counters: Counters::default(),
            capabilities,
            neighbors: Neighbors::new(random),
            routes,
            rarp,
            limiter: Limiter::new(random),
            identifications: Identifications::new(random),
            outbox: Outbox::default(),
            journal: None,
            now: Instant::ZERO,
        })
    }

    pub(super) fn keep_journal(&mut self, journal: Box<dyn Journal>) {
        self.journal = Some(journal);
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    pub(super) fn mtu(&self) -> usize {
        self.interface.mtu()
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// A turn begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.now = now;
        self.device.turn(now);
        self.note(|| Event::Turn(now));
    }

    /// The next frame from the device.
    #[inline]
    pub(super) fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        let received = self.device.receive(frame)?;
        match received {
            Received::Nothing => return Ok(received),
            Received::Frame => {
                self.counters.bytes_received += frame.len() as u64;
                self.note(|| Event::Frame { bytes: frame.bytes(), offload: frame.offload });
            }
            Received::Refused(why) => self.note(|| Event::Refused(why)),
        }
        self.counters.frames_received += 1;
        Ok(received)
    }

    /// A frame that another shard received for us, to be taken in like one of our own.
    pub(super) fn handed_over(&mut self, block: &Block, frame: &mut Frame) {
        let given = block.frame();
        frame.fill(given.bytes(), given.offload);
        self.counters.bytes_copied += frame.len() as u64;
        self.note(|| Event::HandedOver { bytes: frame.bytes(), offload: frame.offload });
    }

    /// A block of our pool came home.
    pub(super) fn take_back(&mut self, block: Block) {
        self.note(|| Event::Returned);
        self.pool.release(block);
    }

    /// The way up. What ends below the transport layer is answered here.
    #[inline]
    pub(super) fn input(&mut self, frame: &mut Frame, packet: &mut Packet) -> Up {
        let up = self.sort(frame, packet);
        if !self.outbox.is_empty() {
            self.empty_outbox();
        }
        up.unwrap_or_else(|why| {
            self.counters.drop(why);
            Up::Done
        })
    }

    /// Link layer.
    #[inline(always)]
    fn sort(&mut self, frame: &mut Frame, packet: &mut Packet) -> Result<Up, Dropped> {
        const NETWORK: usize = wire::ethernet::LENGTH;
        let (header, _) = Header::parse(frame.bytes())?;
        let (ethertype, link) = (header.ethertype, ethernet::input(header, &self.interface)?);
        let read = match ethertype {
            EtherType::IPV4 => ipv4::input(frame, NETWORK, link, &self.interface, packet),
            EtherType::IPV6 => ipv6::input(frame, NETWORK, link, &self.interface, packet),
            EtherType::ARP | EtherType::RARP => return self.resolution(frame, ethertype),
            _ => return Err(Dropped::UnknownEtherType),
        };
        match read {
            Ok(()) => self.packet(packet, frame),
            Err(Refusal::Drop(why)) => Err(why),
            Err(Refusal::Tell(problem)) => Ok(self.tell(frame, packet, problem, Dropped::ErrorForbidden)),
        }
    }

    /// ARP and RARP.
    #[inline(always)]
    fn resolution(&mut self, frame: &mut Frame, ethertype: EtherType) -> Result<Up, Dropped> {
        let Framed { ethernet, packet } = Framed::parse(frame.bytes_mut())?;
        let (verdict, answered) = if ethertype == EtherType::ARP {
            let Net { interface, neighbors, outbox, now, counters, .. } = self;
            (arp::input(packet, interface, neighbors, outbox, *now), &mut counters.arp_answered)
        } else {
            (self.rarp.input(packet, &self.interface), &mut self.counters.rarp_answered)
        };
        match verdict {
            link::Verdict::Reply(station) => {
                *answered += 1;
                (ethernet.destination, ethernet.source) = (station, self.interface.mac());
                frame.truncate(size_of::<Framed>());
                self.transmit(frame.for_device(), &[], Offload::default()).or_dropped().map(|()| Up::Done)
            }
            link::Verdict::Done => Ok(Up::Done),
            link::Verdict::Drop(why) => Err(why),
        }
    }

    /// Internet layer.
    #[inline(always)]
    fn packet(&mut self, packet: &Packet, frame: &mut Frame) -> Result<Up, Dropped> {
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
            Verdict::Done => Ok(Up::Done),
            Verdict::Drop(why) => Err(why),
        }
    }

    /// A device is believed only what it said it can do, and what the packet's own headers bear out.
    fn check_offload(&self, packet: &Packet, claimed: &Offload) -> Result<(), Dropped> {
        let Capabilities { mtu: _, checksum, segment_tcp, segment_udp } = self.capabilities;
        let able = match (claimed.checksum, claimed.segments.map(|segments| segments.kind)) {
            (_, Some(SegmentKind::Tcp4 | SegmentKind::Tcp6)) => segment_tcp,
            (_, Some(SegmentKind::Udp)) => segment_udp,
            (Checksum::Partial { .. }, None) => checksum,
            (Checksum::Complete | Checksum::Verified, None) => true,
        };
        if able { offload::check(packet, claimed) } else { Err(Dropped::OffloadLie) }
    }

    /// Sends a packet back under its own headers, turned round, when what it carries has become its answer.
    #[inline]
    pub(super) fn turn_round(&mut self, frame: &mut Frame, packet: &Packet, answer: &Answer) {
        if !packet.is_plain() {
            // Options and extension headers were the question's: the answer gets headers of its own.
            frame.strip(packet.transport());
            let outbound = Outbound::answer(packet, answer.source);
            let outbound = Outbound { traffic_class: answer.traffic_class, ..outbound };
            return self.reply(frame, &outbound, packet.link.station);
        }
        match packet.family {
            Family::V4 => ipv4::turn_round(frame, packet, answer),
            Family::V6 => ipv6::turn_round(frame, packet, answer),
        }
        ethernet::turn_round(frame, self.interface.mac(), packet.link.station);
        // Both ends changing places leaves a partial checksum what it was.
        let offload = Offload { checksum: frame.offload.checksum.sent(), ..frame.offload };
        let transmitted = self.transmit(frame.for_device(), &[], offload);
        self.count(transmitted.or_dropped());
    }

    /// Sends what a frame holds above IP back to the station from which the frame came. It needs no neighbour, and if
    /// the device is full it is dropped: who asked will ask again.
    #[inline]
    pub(super) fn reply(&mut self, frame: &mut Frame, outbound: &Outbound, station: Mac) {
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
        let ethertype = output::prepend(&mut draft, 0, outbound, &mut self.identifications);
        let transmitted = self.frame_out(draft, &[], ethertype, station, offload);
        self.count(transmitted.or_dropped());
    }

    /// Tells the sender of a packet what is wrong with it, if that may be told; else counts `otherwise`.
    pub(super) fn tell(&mut self, frame: &mut Frame, packet: &Packet, problem: Problem, otherwise: Dropped) -> Up {
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
    pub(super) fn send(&mut self, draft: Draft<'_>, payload: &[IoSlice<'_>], outbound: &Outbound, offload: Offload) {
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
        if length > self.mtu() && offload.segments.is_none() {
            return Err(Dropped::TooBig);
        }
        let ethertype = output::prepend(&mut draft, behind, outbound, &mut self.identifications);
        let station = if destination.is_multicast() {
            Ok(Mac::of_group(destination))
        } else if self.interface.place(destination) == Place::Everywhere {
            Ok(Mac::BROADCAST)
        } else {
            let hop = self.routes.next_hop(destination).ok_or(Dropped::NoRoute)?;
            self.neighbors.resolve(hop, &mut self.outbox, self.now)
        };
        match station {
            Ok(station) => self.frame_out(draft, payload, ethertype, station, offload).or_dropped(),
            Err(Unresolved::Asked(neighbor)) => self.park(draft.bytes(), payload, offload, neighbor),
            Err(Unresolved::TooMany) => Err(Dropped::NeighborsFull),
        }
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

    /// When [`Net::fire_timers`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.neighbors.deadline()
    }

    /// Does what is due.
    pub(super) fn fire_timers(&mut self) {
        self.neighbors.on_timer(&mut self.outbox, self.now);
        self.empty_outbox();
    }

    /// Sends what the leaves asked for besides their answers.
    fn empty_outbox(&mut self) {
        while let Some(outgoing) = self.outbox.pop() {
            match outgoing {
                Outgoing::Solicit { target, station } => self.solicit(target, station),
                Outgoing::Deliver(block, station) => self.deliver(block, station),
                Outgoing::GiveUp(block) => {
                    self.counters.drop(Dropped::NeighborUnreachable);
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
                let (outbound, message) = ndp::solicit(&self.interface, source, target, to);
                *draft.prepend() = message;
                let ethertype = output::prepend(&mut draft, 0, &outbound, &mut self.identifications);
                let station = station.unwrap_or_else(|| Mac::of_group(outbound.destination));
                self.frame_out(draft, &[], ethertype, station, Offload::default())
            }
        };
        self.count(transmitted.or_dropped());
    }

    /// Sends a packet that waited for its neighbour.
    fn deliver(&mut self, mut block: Block, station: Mac) {
        let offload = block.frame().offload;
        let ethertype = match block.frame().bytes().first().map(|byte| byte >> 4) {
            Some(6) => EtherType::IPV6,
            _ => EtherType::IPV4,
        };
        let transmitted = self.frame_out(block.frame_mut().draft(), &[], ethertype, station, offload);
        self.count(transmitted.or_dropped());
        self.pool.release(block);
    }

    /// The last header of every way down.
    #[inline]
    fn frame_out(
        &mut self,
        mut draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        ethertype: EtherType,
        station: Mac,
        offload: Offload,
    ) -> Transmitted {
        ethernet::output(&mut draft, ethertype, self.interface.mac(), station);
        self.transmit(draft.for_device(), payload, offload)
    }

    /// Gives a frame, with the device's spare bytes in front, to the device.
    #[inline]
    fn transmit(&mut self, head: &mut [u8], payload: &[IoSlice<'_>], offload: Offload) -> Transmitted {
        let length = head.len() - DEVICE_ROOM + payload.iter().map(|slice| slice.len()).sum::<usize>();
        let transmitted = match self.device.transmit(head, offload, payload) {
            Ok(true) => Transmitted::Yes,
            Ok(false) => Transmitted::Busy,
            Err(_) => Transmitted::Refused,
        };
        if transmitted == Transmitted::Yes {
            self.counters.frames_sent += 1;
            self.counters.bytes_sent += length as u64;
        }
        self.note(|| Event::Transmitted(transmitted));
        transmitted
    }

    #[inline]
    fn count(&mut self, sent: Result<(), Dropped>) {
        if let Err(why) = sent {
            self.counters.drop(why);
        }
    }

    /// The event is made only when somebody notes it: building one for nobody costs as much as parsing a frame.
    #[inline]
    fn note<'a>(&mut self, event: impl FnOnce() -> Event<'a>) {
        if let Some(journal) = &mut self.journal {
            journal.note(event());
        }
    }
}

impl<D> Net<D> {
    /// Gives the memory of parked packets back: the end of the stack.
    pub(super) fn clear(&mut self) {
        for block in self.neighbors.clear() {
            self.pool.release(block);
        }
        debug_assert!(std::thread::panicking() || self.outbox.is_empty(), "the outbox was emptied");
    }
}
