//! Better ways to single destinations, as routers tell them (RFC 4861 §8, RFC 1122 §3.2.2.2): the part of the destination
//! cache that does not follow from routes.
//!
//! Who may tell is the router through which we go now, and nobody else; what it tells is a neighbour. A forged redirect thus
//! needs the address of our router, and over IPv6 to come from the link; over IPv4, where it could come from anywhere, it has to
//! quote what we sent, which who sent it looks into.
//!
//! **Bounds.** `limits::REDIRECTS` destinations, each for `limits::REDIRECT_AGE`; one more takes the place of the oldest.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::Packet;
use crate::base::address::{Address, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::Frame;
use crate::link::interface::{Interface, Place};
use crate::wire::router::{self, Parsed};

/// What a redirect says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Who says it.
    pub router: Address,
    /// What is reached.
    pub destination: Address,
    /// Through whom: another router, or the destination itself, which is a neighbour.
    pub target: Address,
    /// The station of the target, if that is said.
    pub station: Option<Mac>,
}

/// Reads an IPv6 redirect whose checksum is right (RFC 4861 §8.1).
pub fn read(frame: &Frame, packet: &Packet) -> Result<Redirect, Dropped> {
    let message = frame.bytes().get(packet.transport()..).unwrap_or_default();
    let parsed = Parsed::<router::Redirect>::parse(message)?;
    let target = Address::from_v6(parsed.message.target);
    let destination = Address::from_v6(parsed.message.destination);
    let from_the_link = packet.hop_limit == 255 && packet.source.is_link_local();
    let possible = target.is_unicast() && (target.is_link_local() || target == destination);
    if !from_the_link || parsed.message.code != 0 || !destination.is_unicast() || !possible {
        return Err(Dropped::BadNdp);
    }
    let station = parsed.target().filter(|mac| !mac.is_multicast());
    Ok(Redirect { router: packet.source, destination, target, station })
}

struct Way {
    destination: Address,
    next: Address,
    until: Instant,
}

/// The destinations to which there is a better way.
pub struct Redirects {
    key: HashKey,
    ways: HashTable<Way>,
    /// Destinations with the time at which they were told of, the oldest first. Some were told of again, and have another time.
    ages: VecDeque<(Instant, Address)>,
}

impl Redirects {
    /// None is known.
    pub fn new(random: &mut Random) -> Redirects {
        Redirects { key: HashKey::new(random), ways: HashTable::new(), ages: VecDeque::new() }
    }

    /// Whether nobody told of any: nearly always so.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ways.is_empty()
    }

    /// The neighbour through which a destination is reached.
    pub fn find(&self, destination: Address) -> Option<Address> {
        self.ways.find(self.key.hash(destination), |way| way.destination == destination).map(|way| way.next)
    }

    /// Takes a redirect in. `current` is the router through which its destination is reached now.
    ///
    /// # Errors
    /// [`Dropped::RedirectRefused`] when it is not that router's to say, or leads to ourselves or to nobody on the link.
    pub fn take(
        &mut self,
        redirect: &Redirect,
        current: Option<Address>,
        interface: &Interface,
        now: Instant,
    ) -> Result<(), Dropped> {
        let Redirect { router, destination, target, .. } = *redirect;
        let place = |address| interface.place(address);
        // RFC 1122 §3.2.2.2: the new router is on the link. Over IPv6 a link-local one is, and so is what we are told is.
        let near = target.family() == Family::V6 || place(target) == Place::OnLink;
        let sound = near && place(target) != Place::Here && place(destination) != Place::Here && target != router;
        if current != Some(router) || !sound || !destination.is_unicast() || !target.is_unicast() {
            return Err(Dropped::RedirectRefused);
        }
        self.remember(destination, target, now);
        Ok(())
    }

    fn remember(&mut self, destination: Address, next: Address, now: Instant) {
        self.forget(destination);
        while self.ages.len() >= limits::REDIRECTS {
            self.forget_oldest();
        }
        let until = now + limits::REDIRECT_AGE;
        let Redirects { key, ways, ages } = self;
        ways.insert_unique(key.hash(destination), Way { destination, next, until }, |way| key.hash(way.destination));
        ages.push_back((until, destination));
    }

    /// Forgets what is too old.
    #[inline]
    pub fn on_time(&mut self, now: Instant) {
        while self.ages.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_oldest();
        }
    }

    /// Nothing goes through this neighbour any more (RFC 4861 §6.3.5, §7.3.3).
    pub fn forget_through(&mut self, next: Address) {
        self.ways.retain(|way| way.next != next);
    }

    fn forget_oldest(&mut self) {
        let Some((until, destination)) = self.ages.pop_front() else { return };
        let stale = |way: &Way| way.destination == destination && way.until == until;
        if let Ok(found) = self.ways.find_entry(self.key.hash(destination), stale) {
            found.remove();
        }
    }

    fn forget(&mut self, destination: Address) {
        if let Ok(found) = self.ways.find_entry(self.key.hash(destination), |way| way.destination == destination) {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Cidr;
    use crate::link::interface::Standing;

    const NOW: Instant = Instant::from_millis(1000);

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn interface() -> Interface {
        let mut interface = Interface::new(Mac::new([2; 6]), 1500);
        for own in ["10.77.0.2/24", "fd77::2/64", "fe80::2/64"] {
            assert!(interface.add(own.parse::<Cidr>().unwrap(), Standing::Preferred));
        }
        interface
    }

    fn redirects() -> Redirects {
        Redirects::new(&mut Random::new([4; 16]))
    }

    fn redirect(router: &str, destination: &str, target: &str) -> Redirect {
        let [router, destination, target] = [router, destination, target].map(address);
        Redirect { router, destination, target, station: None }
    }

    #[test]
    fn only_the_router_in_use_may_tell_and_only_of_neighbours() {
        let (interface, mut redirects) = (interface(), redirects());
        for (router, destination, target, good) in [
            ("10.77.0.1", "192.0.2.9", "10.77.0.3", true),
            ("10.77.0.1", "192.0.2.8", "192.0.2.1", false),
            ("10.77.0.1", "192.0.2.8", "10.77.0.2", false),
            ("10.77.0.1", "192.0.2.8", "10.77.0.255", false),
            ("10.77.0.1", "192.0.2.8", "10.77.0.1", false),
            ("10.77.0.1", "10.77.0.2", "10.77.0.3", false),
            ("10.77.0.1", "224.0.0.9", "10.77.0.3", false),
            ("10.77.0.4", "192.0.2.8", "10.77.0.3", false),
            ("fe80::1", "2001:db8::9", "fe80::3", true),
            ("fe80::1", "2001:db8::7", "2001:db8::7", true),
            ("fe80::1", "2001:db8::8", "fe80::2", false),
            ("fe80::1", "fd77::2", "fe80::3", false),
            ("fe80::4", "2001:db8::8", "fe80::3", false),
        ] {
            let told = redirect(router, destination, target);
            let current = address(if told.router.family() == Family::V4 { "10.77.0.1" } else { "fe80::1" });
            let taken = redirects.take(&told, Some(current), &interface, NOW);
            assert_eq!(taken, if good { Ok(()) } else { Err(Dropped::RedirectRefused) }, "{told:?}");
            assert_eq!(redirects.find(told.destination), good.then_some(told.target), "{told:?}");
        }
        let told = redirect("10.77.0.1", "192.0.2.7", "10.77.0.3");
        assert_eq!(redirects.take(&told, None, &interface, NOW), Err(Dropped::RedirectRefused));
    }

    #[test]
    fn they_are_bounded_and_grow_old() {
        let (interface, mut redirects) = (interface(), redirects());
        let tell = |redirects: &mut Redirects, number: u32, now| {
            let destination = Address::from_v4((0xc000_0200 + number).to_be_bytes());
            let told = Redirect { destination, ..redirect("10.77.0.1", "192.0.2.9", "10.77.0.3") };
            redirects.take(&told, Some(told.router), &interface, now).unwrap();
            destination
        };
        let oldest = tell(&mut redirects, 0, NOW);
        let count = limits::REDIRECTS as u32;
        for number in 1..3 * count {
            tell(&mut redirects, number, NOW);
            assert!(redirects.ways.len() <= limits::REDIRECTS && redirects.ages.len() <= limits::REDIRECTS);
        }
        assert!(redirects.find(oldest).is_none());
        // What is told again and again takes one place, and is as old as it was told last.
        let mut now = NOW;
        let mut again = oldest;
        for _ in 0..2 * count {
            now = now + limits::REDIRECT_AGE / (4 * count);
            again = tell(&mut redirects, 7, now);
        }
        redirects.on_time(NOW + limits::REDIRECT_AGE);
        assert_eq!(redirects.find(again), Some(address("10.77.0.3")));
        redirects.on_time(now + limits::REDIRECT_AGE);
        assert!(redirects.is_empty() && redirects.ages.is_empty());
    }

    #[test]
    fn nothing_goes_through_who_is_gone() {
        let (interface, mut redirects) = (interface(), redirects());
        for (destination, target) in [("192.0.2.7", "10.77.0.3"), ("192.0.2.8", "10.77.0.4")] {
            let told = redirect("10.77.0.1", destination, target);
            redirects.take(&told, Some(told.router), &interface, NOW).unwrap();
        }
        redirects.forget_through(address("10.77.0.3"));
        assert_eq!(redirects.find(address("192.0.2.7")), None);
        assert_eq!(redirects.find(address("192.0.2.8")), Some(address("10.77.0.4")));
    }
}
