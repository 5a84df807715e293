//! Who we are on the link: our Ethernet address, our addresses, the groups that we are in.

use arrayvec::ArrayVec;

use super::Cast;
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::limits;

/// All-hosts, all-nodes, and one solicited-node group an address.
const GROUPS: usize = limits::OWN_ADDRESSES + 2;

/// The one interface of a stack.
pub struct Interface {
    mac: Mac,
    mtu: usize,
    addresses: ArrayVec<Cidr, { limits::OWN_ADDRESSES }>,
    groups: ArrayVec<(Address, Mac), GROUPS>,
}

impl Interface {
    /// An interface without addresses.
    pub fn new(mac: Mac, mtu: usize) -> Interface {
        let mut groups = ArrayVec::new();
        for group in [Address::ALL_HOSTS, Address::ALL_NODES] {
            groups.push((group, Mac::of_group(group)));
        }
        Interface { mac, mtu, addresses: ArrayVec::new(), groups }
    }

    /// Our Ethernet address.
    #[inline]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// The largest IP packet that the link carries.
    #[inline]
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// Our addresses, in the order in which they were given.
    pub fn addresses(&self) -> &[Cidr] {
        &self.addresses
    }

    /// Adds an address of our own, and joins its solicited-node group. False when there is no room, or when we
    /// have it already.
    pub fn add(&mut self, cidr: Cidr) -> bool {
        if self.addresses.is_full() || self.owns(cidr.address()) {
            return false;
        }
        self.addresses.push(cidr);
        let group = cidr.address().solicited_node();
        if cidr.address().family() == Family::V6 && self.groups.iter().all(|(joined, _)| *joined != group) {
            self.groups.push((group, Mac::of_group(group)));
        }
        true
    }

    /// Whether an address is our own.
    #[inline]
    pub fn owns(&self, address: Address) -> bool {
        self.addresses.iter().any(|own| own.address() == address)
    }

    /// Whether an address is a neighbour's, not behind a router.
    pub fn is_on_link(&self, address: Address) -> bool {
        let ours = |own: &Cidr| own.contains(address) && own.address().family() == address.family();
        self.addresses.iter().any(ours)
    }

    /// How many hosts a destination means, if we are among them.
    #[inline]
    pub fn cast(&self, destination: Address) -> Option<Cast> {
        if self.owns(destination) {
            return Some(Cast::Unicast);
        }
        if destination.is_multicast() {
            return self.groups.iter().any(|(group, _)| *group == destination).then_some(Cast::Multicast);
        }
        self.is_broadcast(destination).then_some(Cast::Broadcast)
    }

    /// Whether an address means every IPv4 host of the link (RFC 1122 §3.3.6).
    pub fn is_broadcast(&self, address: Address) -> bool {
        address == Address::BROADCAST || self.addresses.iter().any(|own| own.broadcast() == Some(address))
    }

    /// Whether frames to this Ethernet group can be for us.
    #[inline]
    pub fn hears(&self, group: Mac) -> bool {
        self.groups.iter().any(|(_, mac)| *mac == group)
    }
}
