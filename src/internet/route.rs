//! Which neighbour a packet goes to next: the longest prefix wins (RFC 1122 §3.3.1, RFC 4861 §5.2).

use arrayvec::ArrayVec;

use crate::base::address::{Address, Cidr, Family};
use crate::base::limits;

#[derive(Clone, Copy, Debug)]
struct Route {
    prefix: Cidr,
    /// None: the destination itself is a neighbour.
    gateway: Option<Address>,
}

/// The routes of a host.
#[derive(Default)]
pub struct Routes {
    /// The longest prefix first.
    routes: ArrayVec<Route, { limits::ROUTES }>,
}

impl Routes {
    /// Adds a route; one without a gateway leads to neighbours. False when there is no room.
    pub fn add(&mut self, prefix: Cidr, gateway: Option<Address>) -> bool {
        let place = self.routes.partition_point(|route| route.prefix.length() >= prefix.length());
        self.routes.try_insert(place, Route { prefix, gateway }).is_ok()
    }

    /// Takes a route to neighbours away.
    pub fn remove(&mut self, prefix: Cidr) {
        let found = self.routes.iter().position(|route| route.prefix == prefix && route.gateway.is_none());
        found.map(|index| self.routes.remove(index));
    }

    /// Adds a default router for its family. False when there is no room.
    pub fn add_default(&mut self, gateway: Address) -> bool {
        let anywhere = match gateway.family() {
            Family::V4 => Cidr::new(Address::UNSPECIFIED_V4, 0),
            Family::V6 => Cidr::new(Address::UNSPECIFIED, 0),
        };
        anywhere.is_some_and(|prefix| self.add(prefix, Some(gateway)))
    }

    /// The neighbour through which a destination is reached.
    pub fn next_hop(&self, destination: Address) -> Option<Address> {
        let fits = |route: &&Route| route.prefix.contains(destination);
        self.routes.iter().find(fits).map(|route| route.gateway.unwrap_or(destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn the_longest_prefix_wins_within_its_family() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        let mut routes = Routes::default();
        routes.add_default(address("10.77.0.1"));
        routes.add("10.77.0.0/24".parse().unwrap(), None);
        routes.add("10.77.0.128/25".parse().unwrap(), Some(address("10.77.0.3")));
        routes.add("fd77::/64".parse().unwrap(), None);
        assert_eq!(routes.next_hop(address("10.77.0.9")), Some(address("10.77.0.9")));
        assert_eq!(routes.next_hop(address("10.77.0.129")), Some(address("10.77.0.3")));
        assert_eq!(routes.next_hop(address("192.0.2.1")), Some(address("10.77.0.1")));
        assert_eq!(routes.next_hop(address("fd77::9")), Some(address("fd77::9")));
        assert_eq!(routes.next_hop(address("2001:db8::1")), None, "no default router for IPv6");
    }
}
