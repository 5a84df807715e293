//! Which neighbour a packet goes to next: the longest prefix wins (RFC 1122 §3.3.1, RFC 4861 §5.2), but a router that answers
//! comes before one that does not (RFC 4861 §6.3.6, RFC 4191 §3.2).

use arrayvec::ArrayVec;

use crate::base::address::{Address, Cidr, Family};
use crate::base::limits;
use crate::link::neighbors::{Neighbors, Reach};
use crate::wire::router::Preference;

/// A way to the hosts of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub prefix: Cidr,
    /// None: the destination itself is a neighbour.
    pub gateway: Option<Address>,
    /// How much it is preferred to other routes with this prefix.
    pub weight: Weight,
}

/// Who says so, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A router, or a server of addresses.
    Told(Preference),
    /// Who configured us.
    Given,
}

/// Everywhere, in one family.
pub fn anywhere(family: Family) -> Cidr {
    let all = match family {
        Family::V4 => Address::UNSPECIFIED_V4,
        Family::V6 => Address::UNSPECIFIED,
    };
    Cidr::new(all, 0).expect("no bits are not too many")
}

/// The routes of a host.
#[derive(Default)]
pub struct Routes {
    /// The longest prefix first; of equal ones the most preferred, then the oldest.
    routes: ArrayVec<Route, { limits::ROUTES }>,
    /// Whether there are several routers: nearly always there is one at most, and nothing to choose.
    has_choice: bool,
}

impl Routes {
    /// Adds a route as it is configured; one without a gateway leads to neighbours. False when there is no room.
    pub fn add(&mut self, prefix: Cidr, gateway: Option<Address>) -> bool {
        self.insert(Route { prefix, gateway, weight: Weight::Given })
    }

    /// Takes a configured route to neighbours away.
    pub fn remove(&mut self, prefix: Cidr) {
        self.retain(|route| !(route.prefix == prefix && route.gateway.is_none() && route.weight == Weight::Given));
    }

    /// Adds a default router for its family. False when there is no room.
    pub fn add_default(&mut self, gateway: Address) -> bool {
        self.add(anywhere(gateway.family()), Some(gateway))
    }

    /// Adds a route that was told, or changes how much it is preferred. False when there is no room. What was configured
    /// nobody changes.
    pub fn tell(&mut self, route: Route) -> bool {
        let same = |other: &&Route| (other.prefix, other.gateway) == (route.prefix, route.gateway);
        match self.routes.iter().find(same) {
            Some(known) if known.weight == route.weight || known.weight == Weight::Given => return true,
            Some(_) => self.untell(route.prefix, route.gateway),
            None => {}
        }
        self.insert(route)
    }

    /// Takes a route away that was told.
    pub fn untell(&mut self, prefix: Cidr, gateway: Option<Address>) {
        let is = |route: &Route| (route.prefix, route.gateway) == (prefix, gateway) && route.weight != Weight::Given;
        self.retain(|route| !is(route));
    }

    fn insert(&mut self, route: Route) -> bool {
        let order = |route: &Route| (route.prefix.length(), route.weight);
        let place = self.routes.partition_point(|other| order(other) >= order(&route));
        let inserted = self.routes.try_insert(place, route).is_ok();
        self.arrange();
        inserted
    }

    fn retain(&mut self, keep: impl Fn(&Route) -> bool) {
        self.routes.retain(|route| keep(route));
        self.arrange();
    }

    fn arrange(&mut self) {
        let several = self.routers().nth(1).is_some();
        self.has_choice = several;
    }

    /// The routers of all routes, the same one perhaps several times.
    pub fn routers(&self) -> impl Iterator<Item = Address> {
        self.routes.iter().filter_map(|route| route.gateway)
    }

    /// The neighbour through which a destination is reached.
    #[inline]
    pub fn next_hop(&self, destination: Address, neighbors: &mut Neighbors) -> Option<Address> {
        let fits = |route: &&Route| route.prefix.contains(destination);
        match self.routes.iter().find(fits)?.gateway {
            None => Some(destination),
            Some(_) if self.has_choice => self.choose(destination, neighbors),
            gateway => gateway,
        }
    }

    /// Of all routers that lead there, the first that answers. Those that were passed over for that are asked for on, so that
    /// they are used again when they are there again.
    #[cold]
    fn choose(&self, destination: Address, neighbors: &mut Neighbors) -> Option<Address> {
        let fitting = self.routes.iter().filter(|route| route.prefix.contains(destination));
        let mut best: Option<(Reach, Address)> = None;
        for gateway in fitting.filter_map(|route| route.gateway) {
            let reach = neighbors.reach(gateway);
            if reach == Reach::Unlikely {
                neighbors.miss(gateway);
            }
            if best.is_none_or(|(other, _)| reach < other) {
                best = Some((reach, gateway));
            }
            if reach == Reach::Likely {
                break;
            }
        }
        best.map(|(_, gateway)| gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Mac;
    use crate::base::random::Random;
    use crate::base::time::Instant;
    use crate::link::neighbors::Evidence;
    use crate::link::outbox::Outbox;
    use std::net::IpAddr;

    fn address(text: &str) -> Address {
        Address::from(text.parse::<IpAddr>().unwrap())
    }

    fn told(prefix: &str, gateway: &str, preference: Preference) -> Route {
        let gateway = Some(address(gateway));
        Route { prefix: prefix.parse().unwrap(), gateway, weight: Weight::Told(preference) }
    }

    #[test]
    fn the_longest_prefix_wins_within_its_family() {
        let mut neighbors = Neighbors::new(&mut Random::new([0; 16]));
        let mut routes = Routes::default();
        routes.add_default(address("10.77.0.1"));
        routes.add("10.77.0.0/24".parse().unwrap(), None);
        routes.add("10.77.0.128/25".parse().unwrap(), Some(address("10.77.0.3")));
        routes.add("fd77::/64".parse().unwrap(), None);
        let mut next_hop = |to: &str| routes.next_hop(address(to), &mut neighbors);
        assert_eq!(next_hop("10.77.0.9"), Some(address("10.77.0.9")));
        assert_eq!(next_hop("10.77.0.129"), Some(address("10.77.0.3")));
        assert_eq!(next_hop("192.0.2.1"), Some(address("10.77.0.1")));
        assert_eq!(next_hop("fd77::9"), Some(address("fd77::9")));
        assert_eq!(next_hop("2001:db8::1"), None, "no default router for IPv6");
    }

    /// RFC 4191 §3.2: first who is reachable, then the longest prefix, then the preference.
    #[test]
    fn a_router_that_answers_comes_before_one_that_does_not() {
        let mut neighbors = Neighbors::new(&mut Random::new([0; 16]));
        let (mut outbox, now) = (Outbox::default(), Instant::from_millis(1));
        let mut routes = Routes::default();
        for (prefix, gateway, preference) in [
            ("::/0", "fe80::1", Preference::Low),
            ("::/0", "fe80::2", Preference::High),
            ("::/0", "fe80::3", Preference::Medium),
            ("2001:db8::/32", "fe80::4", Preference::Low),
        ] {
            assert!(routes.tell(told(prefix, gateway, preference)));
        }
        let (near, far) = (address("2001:db8::9"), address("2001:db9::9"));
        assert_eq!(routes.next_hop(near, &mut neighbors), Some(address("fe80::4")));
        assert_eq!(routes.next_hop(far, &mut neighbors), Some(address("fe80::2")));

        // The preferred one is asked for in vain: another one is tried, and one that is known is taken.
        let asked = neighbors.resolve(address("fe80::2"), &mut outbox, now);
        assert!(asked.is_err());
        assert_eq!(routes.next_hop(far, &mut neighbors), Some(address("fe80::3")));
        neighbors.learn(address("fe80::1"), Mac::new([2; 6]), Evidence::Asked, &mut outbox, now);
        assert_eq!(routes.next_hop(far, &mut neighbors), Some(address("fe80::1")));
        assert_eq!(routes.next_hop(near, &mut neighbors), Some(address("fe80::1")));
        neighbors.learn(address("fe80::2"), Mac::new([4; 6]), Evidence::Answer, &mut outbox, now);
        assert_eq!(routes.next_hop(far, &mut neighbors), Some(address("fe80::2")));
    }

    #[test]
    fn what_is_configured_nobody_changes() {
        let mut neighbors = Neighbors::new(&mut Random::new([0; 16]));
        let mut routes = Routes::default();
        routes.add_default(address("fe80::1"));
        assert!(routes.tell(told("::/0", "fe80::1", Preference::Low)));
        assert!(routes.tell(told("::/0", "fe80::2", Preference::High)));
        let far = address("2001:db8::9");
        assert_eq!(routes.next_hop(far, &mut neighbors), Some(address("fe80::1")));
        routes.untell(anywhere(Family::V6), Some(address("fe80::1")));
        assert_eq!(routes.routers().count(), 2);
        routes.untell(anywhere(Family::V6), Some(address("fe80::2")));
        assert_eq!(routes.routers().count(), 1);
    }

    #[test]
    fn a_preference_can_change_and_room_ends() {
        let mut routes = Routes::default();
        for _ in 0..3 {
            assert!(routes.tell(told("::/0", "fe80::1", Preference::Low)));
            assert!(routes.tell(told("::/0", "fe80::1", Preference::High)));
        }
        assert_eq!(routes.routers().count(), 1);
        let fill = |number: usize| told(&format!("fd00:{number:x}::/32"), "fe80::1", Preference::Low);
        assert!((1..limits::ROUTES).all(|number| routes.tell(fill(number))));
        assert!(!routes.tell(fill(limits::ROUTES)));
        assert!(routes.tell(fill(1)), "it is there already");
    }
}
