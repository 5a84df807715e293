//! The client of the Reverse Address Resolution Protocol (RFC 903): asks which address is ours until somebody says.
//!
//! RARP tells an address without a prefix length, for it is older than prefixes; classes are obsolete. So the address gets
//! the length of the network that it is in, of those that are known to be on the link, and else 24.

use std::time::Duration;

use super::interface::Interface;
use super::outbox::{Outbox, Outgoing};
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::wire::arp::{Operation, Packet};

/// Bits of the prefix of an address that is in no network that is known.
const LENGTH: u8 = 24;

/// Asks for our address.
pub struct Client {
    networks: Vec<Cidr>,
    interval: Duration,
    due: Instant,
}

impl Client {
    /// A client that asks at once. `networks` are known to be on the link.
    pub fn new(networks: Vec<Cidr>) -> Client {
        Client { networks, interval: limits::RARP_INTERVAL, due: Instant::ZERO }
    }

    /// When [`Client::on_timer`] is due.
    pub fn deadline(&self) -> Instant {
        self.due
    }

    /// Asks when the time has come: at first every second, then less and less often.
    pub fn on_timer(&mut self, random: &mut Random, outbox: &mut Outbox, now: Instant) {
        if now < self.due {
            return;
        }
        outbox.tell(Outgoing::AskReverse);
        // Up to a quarter more, so that many who start together do not ask together for ever.
        let more = Duration::from_nanos(random.below(self.interval.as_nanos() as u64 / 4));
        self.due = now + self.interval + more;
        self.interval = (self.interval * 2).min(limits::RARP_INTERVAL_MOST);
    }

    /// The address that an answer tells us, with the length of its prefix.
    ///
    /// # Errors
    /// It tells somebody else, or what cannot be the address of a host.
    pub fn take(&self, packet: &Packet, interface: &Interface) -> Result<Cidr, Dropped> {
        if packet.target_mac() != interface.mac() {
            return Err(Dropped::ArpNotForUs);
        }
        let address = Address::from_v4(packet.target);
        let near = self.networks.iter().filter(|network| network.contains(address)).max_by_key(|near| near.length());
        let length = near.map_or(LENGTH, |near| near.length());
        let told = Cidr::new(address, length).filter(|told| address.is_unicast() && told.broadcast() != Some(address));
        told.filter(|_| address.family() == Family::V4).ok_or(Dropped::BadArp)
    }
}

/// The question which address is ours.
pub fn request(interface: &Interface) -> Packet {
    let us = (interface.mac(), Address::UNSPECIFIED_V4.low4());
    Packet::new(Operation::REVERSE_REQUEST, us, us)
}

/// Everybody: nobody is known.
pub const SERVERS: Mac = Mac::BROADCAST;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_the_prefix_of_its_network() {
        let us = Mac::new([2; 6]);
        let interface = Interface::new(us, 1500);
        let client = Client::new(["10.0.0.1/8", "10.77.0.1/16"].map(|text| text.parse().unwrap()).to_vec());
        let told = |mac: Mac, target: [u8; 4]| {
            let answer = Packet::new(Operation::REVERSE_REPLY, (Mac::new([4; 6]), [10, 77, 0, 1]), (mac, target));
            client.take(&answer, &interface).map(|told| told.to_string())
        };
        assert_eq!(told(us, [10, 77, 3, 9]), Ok("10.77.3.9/16".to_owned()));
        assert_eq!(told(us, [10, 1, 3, 9]), Ok("10.1.3.9/8".to_owned()));
        assert_eq!(told(us, [192, 0, 2, 9]), Ok("192.0.2.9/24".to_owned()));
        assert_eq!(told(Mac::new([6; 6]), [192, 0, 2, 9]), Err(Dropped::ArpNotForUs));
        for target in [[0; 4], [224, 0, 0, 1], [255; 4], [192, 0, 2, 255], [10, 77, 255, 255]] {
            assert_eq!(told(us, target), Err(Dropped::BadArp), "{target:?}");
        }
    }

    #[test]
    fn it_asks_less_and_less_often() {
        let (mut client, mut random, mut outbox) = (Client::new(Vec::new()), Random::new([3; 16]), Outbox::default());
        let mut now = Instant::from_millis(1);
        let mut waits = Vec::new();
        for _ in 0..8 {
            client.on_timer(&mut random, &mut outbox, now);
            assert!(matches!(outbox.pop(), Some(Outgoing::AskReverse)) && outbox.is_empty());
            waits.push(client.deadline().since(now).as_secs_f64());
            now = client.deadline();
        }
        for (wait, least) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]) {
            assert!((least..=least * 1.25).contains(wait), "{waits:?}");
        }
    }
}
