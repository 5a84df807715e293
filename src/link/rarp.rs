//! The server of the Reverse Address Resolution Protocol (RFC 903): tells stations which address is theirs.

use hashbrown::HashMap;

use super::Verdict;
use crate::base::address::{Address, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::link::interface::Interface;
use crate::wire::arp::{Framed, Operation, Packet};
use crate::wire::ethernet::{EtherType, Header};

/// The table of stations and their addresses.
#[derive(Default)]
pub struct Server {
    table: HashMap<Mac, [u8; 4], foldhash::fast::RandomState>,
}

impl Server {
    /// Adds a station. False when the table is full or the address is not IPv4.
    pub fn add(&mut self, station: Mac, address: Address) -> bool {
        let room = self.table.len() < limits::RARP_ENTRIES || self.table.contains_key(&station);
        match address.to_v4().filter(|_| room) {
            Some(address) => {
                self.table.insert(station, address);
                true
            }
            None => false,
        }
    }

    /// Takes in a packet; a request for a station in the table becomes its reply where it lies.
    pub fn input(&self, framed: &mut Framed, interface: &Interface) -> Verdict {
        let packet = &framed.packet;
        if packet.operation != Operation::REVERSE_REQUEST {
            return Verdict::Drop(Dropped::ArpOperation);
        }
        if packet.sender_mac().is_multicast() {
            return Verdict::Drop(Dropped::BadArp);
        }
        // The server names itself by an address of its own, in the station's prefix if there is one.
        let own = |address: [u8; 4]| {
            let ours = interface.addresses().iter().filter(|own| own.address().family() == Family::V4);
            let near = ours.clone().find(|own| own.contains(Address::from_v4(address)));
            near.or(ours.clone().next()).map(|own| own.address().low4())
        };
        let found = self.table.get(&packet.target_mac()).and_then(|address| Some((*address, own(*address)?)));
        let Some((address, server)) = found else { return Verdict::Drop(Dropped::RarpUnknown) };
        let (sender, target) = ((interface.mac(), server), (packet.target_mac(), address));
        *framed = Framed {
            ethernet: Header::new(packet.sender_mac(), interface.mac(), EtherType::RARP),
            packet: Packet::new(Operation::REVERSE_REPLY, sender, target),
        };
        Verdict::Reply
    }
}
