//! The Address Resolution Protocol (RFC 826), with what RFC 5227 and RFC 1122 §2.3.2 say of it.

use super::Verdict;
use super::interface::{Interface, Place};
use super::neighbors::{Evidence, Neighbors};
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
    let (operation, sender_mac) = (packet.operation, packet.sender_mac());
    let (sender, target) = (Address::from_v4(packet.sender), Address::from_v4(packet.target));
    let for_us = interface.owns(target);
    // Who is known already, at this very station, was looked at before.
    let known = neighbors.knows(sender, sender_mac);
    let tells = if known {
        true
    } else {
        // A probe (RFC 5227 §1.1) comes from nobody: it is answered, but tells nothing.
        let is_probe = sender == Address::UNSPECIFIED_V4;
        if sender_mac.is_multicast() || sender_mac == Mac::default() || !(is_probe || sender.is_unicast()) {
            return Verdict::Drop(Dropped::BadArp);
        }
        match interface.place(sender) {
            Place::Here => return Verdict::Drop(Dropped::AddressConflict),
            Place::OnLink => true,
            // Nothing is believed of hosts that cannot be neighbours.
            Place::Everywhere | Place::Elsewhere => false,
        }
    };
    // A request of who is known tells nothing new: it proves no reachability.
    if tells && !(known && operation == Operation::REQUEST) {
        // Nothing is remembered of who did not ask us.
        let evidence = match operation {
            Operation::REPLY if for_us => Evidence::Answer,
            Operation::REQUEST if for_us => Evidence::Asked,
            _ => Evidence::Overheard,
        };
        neighbors.learn(sender, sender_mac, evidence, outbox, now);
    }
    match operation {
        Operation::REQUEST if for_us => {
            *framed = Framed {
                ethernet: Header::new(sender_mac, interface.mac(), EtherType::ARP),
                packet: Packet::new(Operation::REPLY, (interface.mac(), packet.target), (sender_mac, packet.sender)),
            };
            Verdict::Reply
        }
        Operation::REQUEST if !tells || sender != target => Verdict::Drop(Dropped::ArpNotForUs),
        Operation::REQUEST | Operation::REPLY => Verdict::Done,
        _ => Verdict::Drop(Dropped::ArpOperation),
    }
}

/// A request for the station that has `target`; to be sent to all, or to the one that should confirm it.
pub fn request(interface: &Interface, source: Address, target: Address) -> Packet {
    let sender = (interface.mac(), source.low4());
    Packet::new(Operation::REQUEST, sender, (Mac::default(), target.low4()))
}
