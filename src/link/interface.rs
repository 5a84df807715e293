//! Who we are on the link: our Ethernet address, our addresses, the groups that we are in.

use std::cell::Cell;

use arrayvec::ArrayVec;

use super::Cast;
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::limits;

/// All-hosts, all-nodes, and one solicited-node group an address.
const GROUPS: usize = limits::OWN_ADDRESSES + 2;

/// Where a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is us.
    Here,
    /// It is a neighbour.
    OnLink,
    /// It is every IPv4 host of the link: a broadcast address (RFC 1122 §3.3.6).
    Everywhere,
    /// It is behind a router.
    Elsewhere,
}

/// The one interface of a stack.
pub struct Interface {
    mac: Mac,
    mtu: usize,
    addresses: ArrayVec<Cidr, { limits::OWN_ADDRESSES }>,
    /// The same by family: every packet asks, of one family only.
    v4: ArrayVec<Cidr, { limits::OWN_ADDRESSES }>,
    v6: ArrayVec<Cidr, { limits::OWN_ADDRESSES }>,
    groups: ArrayVec<(Address, Mac), GROUPS>,
    /// The last address that was looked for, and where it is: most packets come from where the last one came from.
    last: Cell<(Address, Place)>,
}

impl Interface {
    /// An interface without addresses.
    pub fn new(mac: Mac, mtu: usize) -> Interface {
        let mut groups = ArrayVec::new();
        for group in [Address::ALL_HOSTS, Address::ALL_NODES] {
            groups.push((group, Mac::of_group(group)));
        }
        let (addresses, v4, v6) = Default::default();
        let last = Cell::new((Address::UNSPECIFIED, Place::Elsewhere));
        Interface { mac, mtu, addresses, v4, v6, groups, last }
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
        self.last.set((Address::UNSPECIFIED, Place::Elsewhere));
        match cidr.address().family() {
            Family::V4 => self.v4.push(cidr),
            Family::V6 => self.v6.push(cidr),
        }
        let group = cidr.address().solicited_node();
        if cidr.address().family() == Family::V6 && self.groups.iter().all(|(joined, _)| *joined != group) {
            self.groups.push((group, Mac::of_group(group)));
        }
        true
    }

    /// Whether an address is our own.
    #[inline(always)]
    pub fn owns(&self, address: Address) -> bool {
        self.of_family(address).iter().any(|own| own.address() == address)
    }

    /// Where a host with this address is, seen from here.
    #[inline(always)]
    pub fn place(&self, address: Address) -> Place {
        let (last, place) = self.last.get();
        if last == address {
            return place;
        }
        let place = self.look_for(address);
        self.last.set((address, place));
        place
    }

    fn look_for(&self, address: Address) -> Place {
        let mut place = if address == Address::BROADCAST { Place::Everywhere } else { Place::Elsewhere };
        for own in self.of_family(address) {
            if own.address() == address {
                return Place::Here;
            }
            if own.shares_prefix(address) {
                place = if own.broadcast() == Some(address) { Place::Everywhere } else { Place::OnLink };
            }
        }
        place
    }

    #[inline]
    fn of_family(&self, address: Address) -> &[Cidr] {
        match address.family() {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// How many hosts a destination means, if we are among them.
    #[inline(always)]
    pub fn cast(&self, destination: Address) -> Option<Cast> {
        if self.owns(destination) { Some(Cast::Unicast) } else { self.cast_of_many(destination) }
    }

    fn cast_of_many(&self, destination: Address) -> Option<Cast> {
        if destination.is_multicast() {
            return self.groups.iter().any(|(group, _)| *group == destination).then_some(Cast::Multicast);
        }
        (self.look_for(destination) == Place::Everywhere).then_some(Cast::Broadcast)
    }

    /// Whether frames to this Ethernet group can be for us.
    #[inline]
    pub fn hears(&self, group: Mac) -> bool {
        self.groups.iter().any(|(_, mac)| *mac == group)
    }
}
