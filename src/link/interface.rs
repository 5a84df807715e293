//! Who we are on the link: our Ethernet address, our addresses, the groups that we are in.

use std::cell::Cell;
use std::time::Duration;

use arrayvec::ArrayVec;

use super::Cast;
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::limits;

/// All-hosts, all-nodes, one solicited-node group an address, and those that were joined, of both families.
const GROUPS: usize = limits::OWN_ADDRESSES + 2 + 2 * limits::GROUPS;

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
    /// It is nobody known: we would like to have its address, and ask whether anybody has it.
    Wanted,
}

/// How far an address of ours is ours (RFC 4862 §2, RFC 4429 §2.1; IPv4 addresses alike).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is probed, and not used until nobody is found to have it.
    Tentative,
    /// It is probed, and used with care meanwhile.
    Optimistic,
    /// It is ours.
    Preferred,
    /// It is ours, but goes out of use: nothing new begins from it (RFC 4862 §5.5.4).
    Deprecated,
}

impl Standing {
    /// Whether nobody else was found to have it.
    pub fn is_certain(self) -> bool {
        matches!(self, Standing::Preferred | Standing::Deprecated)
    }
}

/// What routers, or servers of addresses, tell of the link (RFC 4861 §6.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// CurHopLimit, of IPv6.
    pub hop_limit: u8,
    /// BaseReachableTime.
    pub reachable: Duration,
    /// RetransTimer.
    pub retransmit: Duration,
    /// LinkMTU, of IPv6. Where it is larger than the link's own, that holds.
    pub mtu_v6: usize,
    /// The same of IPv4 (RFC 2132 §5.1).
    pub mtu_v4: usize,
}

impl Default for Terms {
    /// As long as nobody tells anything.
    fn default() -> Terms {
        Terms {
            hop_limit: limits::HOP_LIMIT,
            reachable: limits::REACHABLE,
            retransmit: limits::SOLICIT_INTERVAL,
            mtu_v6: usize::MAX,
            mtu_v4: usize::MAX,
        }
    }
}

/// Names our addresses and groups as they are: another arrangement has another name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrangement(u32);

/// The one interface of a stack.
pub struct Interface {
    mac: Mac,
    /// The least of what IPv4 and IPv6 may use, which most packets fit into.
    narrowest: usize,
    mtu_v4: usize,
    mtu_v6: usize,
    hop_limit: u8,
    mtu: usize,
    /// Prefixes whose hosts are neighbours though we have no address in them.
    on_link: ArrayVec<Cidr, { limits::ON_LINK }>,
    /// All of our addresses, in the order in which they were given.
    own: ArrayVec<(Cidr, Standing), { limits::OWN_ADDRESSES }>,
    /// Those that are used.
    addresses: ArrayVec<Cidr, { limits::OWN_ADDRESSES }>,
    /// The same by family: every packet asks, of one family only.
    v4: ArrayVec<Cidr, { limits::OWN_ADDRESSES }>,
    v6: ArrayVec<Cidr, { limits::OWN_ADDRESSES }>,
    /// Apart: there may be many, and what is for one host does not look at them.
    groups: Box<ArrayVec<(Address, Mac), GROUPS>>,
    /// Those that do not follow from our addresses.
    joined: Vec<Address>,
    /// The last address that was looked for, and where it is: most packets come from where the last one came from.
    last: Cell<(Address, Place)>,
    arrangement: Arrangement,
}

impl Interface {
    /// An interface without addresses.
    pub fn new(mac: Mac, mtu: usize) -> Interface {
        let (own, addresses, v4, v6, groups) = Default::default();
        let joined = Vec::new();
        let last = Cell::new((Address::UNSPECIFIED, Place::Elsewhere));
        let arrangement = Arrangement::default();
        let (narrowest, hop_limit, on_link) = (mtu, limits::HOP_LIMIT, ArrayVec::new());
        let mut interface = Interface {
            mac,
            narrowest,
            mtu_v4: mtu,
            mtu_v6: mtu,
            hop_limit,
            mtu,
            on_link,
            own,
            addresses,
            v4,
            v6,
            groups,
            joined,
            last,
            arrangement,
        };
        interface.arrange();
        interface
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

    /// The same for one family, which may have been told to use less of it.
    #[inline]
    pub fn mtu_of(&self, family: Family) -> usize {
        match family {
            Family::V4 => self.mtu_v4,
            Family::V6 => self.mtu_v6,
        }
    }

    /// What the link carries whatever the family.
    #[inline]
    pub fn narrowest_mtu(&self) -> usize {
        self.narrowest
    }

    /// Hop limit, or time to live, of what we send.
    #[inline]
    pub fn hop_limit(&self, family: Family) -> u8 {
        match family {
            Family::V4 => limits::HOP_LIMIT,
            Family::V6 => self.hop_limit,
        }
    }

    /// Keeps to what was told of the link. Who told it was found to make sense.
    pub fn set_terms(&mut self, terms: &Terms) {
        self.hop_limit = terms.hop_limit;
        (self.mtu_v4, self.mtu_v6) = (terms.mtu_v4.min(self.mtu), terms.mtu_v6.min(self.mtu));
        self.narrowest = self.mtu_v4.min(self.mtu_v6);
    }

    /// Hosts of this prefix are neighbours, though we have no address in it (RFC 5942 §4). False when there is no room.
    pub fn add_on_link(&mut self, prefix: Cidr) -> bool {
        let added = self.on_link.contains(&prefix) || self.on_link.try_push(prefix).is_ok();
        self.arrange();
        added
    }

    /// They are not any more.
    pub fn remove_on_link(&mut self, prefix: Cidr) {
        self.on_link.retain(|other| *other != prefix);
        self.arrange();
    }

    /// Our addresses that are used, in the order in which they were given.
    pub fn addresses(&self) -> &[Cidr] {
        &self.addresses
    }

    /// All of our addresses, and how far they are ours, in the order in which they were given.
    pub fn own(&self) -> &[(Cidr, Standing)] {
        &self.own
    }

    /// Adds an address of our own, and joins its solicited-node group. False when there is no room, or when we
    /// have it already.
    pub fn add(&mut self, cidr: Cidr, standing: Standing) -> bool {
        if self.own.is_full() || self.standing(cidr.address()).is_some() {
            return false;
        }
        // The link-local one that follows from our Ethernet address stays last.
        let made = |own: &(Cidr, Standing)| own.0.address() == Address::link_local(self.mac);
        let place = self.own.len() - usize::from(self.own.last().is_some_and(made));
        self.own.insert(place, (cidr, standing));
        self.arrange();
        true
    }

    /// Nobody else was found to have an address: it is ours.
    pub fn prefer(&mut self, address: Address) {
        self.stand(address, Standing::Preferred);
    }

    /// An address that is ours goes out of use.
    pub fn deprecate(&mut self, address: Address) {
        if self.standing(address).is_some_and(Standing::is_certain) {
            self.stand(address, Standing::Deprecated);
        }
    }

    fn stand(&mut self, address: Address, now: Standing) {
        if let Some((_, standing)) = self.own.iter_mut().find(|(own, _)| own.address() == address) {
            *standing = now;
        }
        self.arrange();
    }

    /// Gives an address up.
    pub fn remove(&mut self, address: Address) -> Option<Cidr> {
        let index = self.own.iter().position(|(own, _)| own.address() == address)?;
        let (cidr, _) = self.own.remove(index);
        self.arrange();
        Some(cidr)
    }

    /// How far an address is ours, if it is at all.
    pub fn standing(&self, address: Address) -> Option<Standing> {
        self.own.iter().find(|(own, _)| own.address() == address).map(|(_, standing)| *standing)
    }

    /// Whether an address is probed still.
    pub fn is_probed(&self, address: Address) -> bool {
        self.standing(address).is_some_and(|standing| !standing.is_certain())
    }

    /// Hears a group, until it is [left](Interface::leave). Who calls keeps them few: [`limits::GROUPS`] of a family.
    pub fn join(&mut self, group: Address) {
        if !self.joined.contains(&group) {
            self.joined.push(group);
            self.arrange();
        }
    }

    /// Hears a group no longer, unless it follows from an address of ours.
    pub fn leave(&mut self, group: Address) {
        self.joined.retain(|joined| *joined != group);
        self.arrange();
    }

    /// The groups of other hosts' questions for our IPv6 addresses (RFC 4291 §2.7.1).
    pub fn solicited_nodes(&self) -> impl Iterator<Item = Address> {
        let six = self.own.iter().filter(|(own, _)| own.address().family() == Family::V6);
        six.map(|(own, _)| own.address().solicited_node())
    }

    /// Computes what follows from our addresses.
    fn arrange(&mut self) {
        let used = |(own, standing): &(Cidr, Standing)| (*standing != Standing::Tentative).then_some(*own);
        self.addresses = self.own.iter().filter_map(used).collect();
        let of = |family| self.addresses.iter().copied().filter(move |own| own.address().family() == family);
        (self.v4, self.v6) = (of(Family::V4).collect(), of(Family::V6).collect());
        // RFC 4862 §5.4.2: the group of an address is joined before it is probed.
        let six = self.own.iter().filter(|(own, _)| own.address().family() == Family::V6);
        self.groups.clear();
        let mut join = |group: Address| {
            if self.groups.iter().all(|(joined, _)| *joined != group) {
                // There is room for as many as there can be.
                let _ = self.groups.try_push((group, Mac::of_group(group)));
            }
        };
        [Address::ALL_HOSTS, Address::ALL_NODES].into_iter().for_each(&mut join);
        six.for_each(|(own, _)| join(own.address().solicited_node()));
        self.joined.iter().copied().for_each(&mut join);
        self.last.set((Address::UNSPECIFIED, Place::Elsewhere));
        self.arrangement.0 = self.arrangement.0.wrapping_add(1);
    }

    /// Whoever remembers what follows from our addresses remembers this with it, and compares.
    #[inline]
    pub fn arrangement(&self) -> Arrangement {
        self.arrangement
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
        if self.standing(address) == Some(Standing::Tentative) {
            return Place::Wanted;
        }
        let mut place = if address == Address::BROADCAST { Place::Everywhere } else { Place::Elsewhere };
        for own in self.of_family(address) {
            if own.address() == address {
                return Place::Here;
            }
            if own.shares_prefix(address) {
                place = if own.broadcast() == Some(address) { Place::Everywhere } else { Place::OnLink };
            }
        }
        if place == Place::Elsewhere && self.on_link.iter().any(|prefix| prefix.contains(address)) {
            place = Place::OnLink;
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
