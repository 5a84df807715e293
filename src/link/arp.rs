//! The Address Resolution Protocol (RFC 826), with what RFC 5227 and RFC 1122 §2.3.2 say of it.

use zerocopy::transmute;

use super::Verdict;
use super::interface::{Arrangement, Interface, Place, Standing};
use super::neighbors::{Evidence, Heard, Neighbors};
use super::outbox::Outbox;
use crate::base::address::{Address, Mac};
use crate::base::counters::Dropped;
use crate::base::time::Instant;
use crate::wire::arp::{Framed, Operation, Packet};
use crate::wire::ethernet::{EtherType, Header};

/// Takes in a packet; a request for an address of ours becomes its reply where it lies.
#[inline(always)]
pub fn input(
    framed: &mut Framed,
    interface: &Interface,
    neighbors: &mut Neighbors,
    outbox: &mut Outbox,
    now: Instant,
) -> Verdict {
    let packet = &framed.packet;
    let sender_mac = packet.sender_mac();
    let (sender, target) = (Address::from_v4(packet.sender), Address::from_v4(packet.target));
    let for_us = interface.owns(target);
    let asks = packet.operation == Operation::REQUEST;
    // Who is known already, at this very station, was looked at before, and a request proves no reachability.
    let tells = if asks && neighbors.knows(sender, sender_mac) {
        true
    } else {
        match hear(packet, for_us, interface, neighbors, outbox, now) {
            Ok(tells) => tells,
            Err(verdict) => return verdict,
        }
    };
    if asks && for_us {
        *framed = Framed {
            ethernet: Header::new(sender_mac, interface.mac(), EtherType::ARP),
            packet: Packet::new(Operation::REPLY, (interface.mac(), packet.target), (sender_mac, packet.sender)),
        };
        return Verdict::Reply;
    }
    if asks && (!tells || sender != target) {
        Verdict::Drop(Dropped::ArpNotForUs)
    } else if asks || packet.operation == Operation::REPLY {
        Verdict::Done
    } else {
        Verdict::Drop(Dropped::ArpOperation)
    }
}

/// The last question that was answered, and its answer: who asks asks again, and is told the same.
pub struct Repeated {
    question: Line,
    answer: Line,
    /// Our addresses when it was answered, and what had been heard last: of its asker, if it is to be told again.
    of: (Arrangement, Heard),
}

/// A whole frame.
type Bytes = [u8; size_of::<Framed>()];

/// A frame in a cache line of its own: across two it costs twice as much to compare and to copy.
#[repr(align(64))]
struct Line(Bytes);

impl Default for Repeated {
    fn default() -> Repeated {
        let none = [0; size_of::<Framed>()];
        Repeated { question: Line(none), answer: Line(none), of: Default::default() }
    }
}

impl Repeated {
    /// Whether a frame is that question again, from an asker who is known still; it is the answer then.
    #[inline(always)]
    pub fn answers(&self, frame: &mut [u8], interface: &Interface, neighbors: &Neighbors) -> bool {
        // One with padding is cut down on the long way; a TAP's has none.
        let Ok(frame) = <&mut Bytes>::try_from(frame) else { return false };
        if !same(frame, &self.question.0) || self.of != (interface.arrangement(), neighbors.heard()) {
            return false;
        }
        *frame = self.answer.0;
        true
    }

    /// Remembers a question that became its answer.
    pub fn remember(&mut self, question: &Framed, answer: &Framed, interface: &Interface, neighbors: &Neighbors) {
        let (sender, station) = (Address::from_v4(question.packet.sender), question.packet.sender_mac());
        // A probe comes from nobody, and a stranger may have found no room.
        if neighbors.knows(sender, station) {
            let of = (interface.arrangement(), neighbors.heard());
            let (question, answer) = (Line(transmute!(*question)), Line(transmute!(*answer)));
            *self = Repeated { question, answer, of };
        }
    }
}

/// In two pieces of the lengths that a processor compares, which overlap; in one it would take a call.
#[inline(always)]
fn same(one: &Bytes, other: &Bytes) -> bool {
    one.first_chunk::<32>() == other.first_chunk::<32>() && one.last_chunk::<16>() == other.last_chunk::<16>()
}

/// Takes in what a packet tells of its sender, and says whether it tells anything.
// Not inlined: most of what is heard is heard again, and need not come here.
#[inline(never)]
fn hear(
    packet: &Packet,
    for_us: bool,
    interface: &Interface,
    neighbors: &mut Neighbors,
    outbox: &mut Outbox,
    now: Instant,
) -> Result<bool, Verdict> {
    let (sender, sender_mac) = (Address::from_v4(packet.sender), packet.sender_mac());
    // A probe (RFC 5227 §1.1) comes from nobody: it is answered, but tells nothing.
    let is_probe = sender == Address::UNSPECIFIED_V4;
    if sender_mac.is_multicast() || sender_mac == Mac::default() || !(is_probe || sender.is_unicast()) {
        return Err(Verdict::Drop(Dropped::BadArp));
    }
    if sender_mac == interface.mac() {
        return Err(Verdict::Drop(Dropped::BadSourceMac));
    }
    if is_probe {
        // RFC 5227 §2.1.1: two want one address at the same time, and neither gets it. Where we use it already, with
        // care, we were there first.
        let wanted = interface.standing(Address::from_v4(packet.target)) == Some(Standing::Tentative);
        return if wanted { Err(Verdict::Conflict) } else { Ok(false) };
    }
    match interface.place(sender) {
        Place::Here | Place::Wanted => return Err(Verdict::Conflict),
        Place::OnLink => {}
        // Nothing is believed of hosts that cannot be neighbours.
        Place::Everywhere | Place::Elsewhere => return Ok(false),
    }
    // Nothing is remembered of who did not ask us.
    let evidence = if for_us && packet.operation == Operation::REPLY {
        Evidence::Answer
    } else if for_us && packet.operation == Operation::REQUEST {
        Evidence::Asked
    } else {
        Evidence::Overheard
    };
    neighbors.learn(sender, sender_mac, evidence, outbox, now);
    Ok(true)
}

/// The address of ours about which a packet is a conflict.
pub fn contested(packet: &Packet, interface: &Interface) -> Address {
    let [sender, target] = [packet.sender, packet.target].map(Address::from_v4);
    if interface.standing(sender).is_some() { sender } else { target }
}

/// A request for the station that has `target`; to be sent to all, or to the one that should confirm it.
pub fn request(interface: &Interface, source: Address, target: Address) -> Packet {
    let sender = (interface.mac(), source.low4());
    Packet::new(Operation::REQUEST, sender, (Mac::default(), target.low4()))
}

/// The question whether anybody has `target`, from nobody (RFC 5227 §2.1.1).
pub fn probe(interface: &Interface, target: Address) -> Packet {
    let nobody = (interface.mac(), Address::UNSPECIFIED_V4.low4());
    Packet::new(Operation::REQUEST, nobody, (Mac::default(), target.low4()))
}

/// Word to all that `address` is ours (RFC 5227 §2.3).
pub fn announcement(interface: &Interface, address: Address) -> Packet {
    Packet::new(Operation::REQUEST, (interface.mac(), address.low4()), (Mac::default(), address.low4()))
}
