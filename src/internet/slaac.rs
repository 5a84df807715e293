//! Addresses that we make of prefixes that routers tell (RFC 4862 §5.5), with interface identifiers that stay the same on a
//! network and tell nothing to another one (RFC 7217).
//!
//! Whether an address is free is found out as for any other; one that is not is made anew, some times. Temporary addresses (RFC
//! 8981) are not made: this host serves, and is to be found again.

use std::hash::Hasher;

use arrayvec::ArrayVec;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::discovery::{is_of_hosts, until};
use crate::base::address::{Address, Cidr, Mac};
use crate::base::limits;
use crate::base::time::Instant;
use crate::wire::router::Prefix;

/// Bits of an interface identifier on Ethernet (RFC 2464 §4), and so of a prefix that it fits.
const IDENTIFIER: u8 = 64;

/// What becomes of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It follows from a prefix, and is to be probed. Its own prefix says nothing of who is on the link (RFC 5942 §4).
    Formed(Cidr),
    /// Nothing new is to begin from it.
    Deprecated(Address),
    /// It is preferred again.
    Preferred(Address),
    /// It is ours no more.
    Expired(Address),
}

struct Formed {
    prefix: Cidr,
    /// None when each that was tried belongs to somebody else.
    address: Option<Address>,
    /// DAD_Counter.
    counter: u8,
    preferred: Instant,
    valid: Instant,
    deprecated: bool,
}

/// The addresses that were made.
pub struct Slaac {
    /// secret_key.
    secret: [u8; 16],
    /// Net_Iface.
    interface: Mac,
    formed: ArrayVec<Formed, { limits::ADDRESSES_FORMED }>,
    refused: u64,
}

impl Slaac {
    /// None is made yet. Addresses stay the same as long as `secret` does.
    pub fn new(secret: [u8; 16], interface: Mac) -> Slaac {
        Slaac { secret, interface, formed: ArrayVec::new(), refused: 0 }
    }

    /// How many prefixes were left out since this was asked last, for they cannot be or there is no room.
    pub fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Takes in a prefix of which addresses may be made (RFC 4862 §5.5.3).
    pub fn hear(&mut self, told: &Prefix, now: Instant) -> Option<News> {
        let (preferred, valid) = (told.preferred.get(), told.valid.get());
        let prefix = told.cidr().filter(|prefix| is_of_hosts(*prefix) && preferred <= valid);
        // Rule b: the link-local prefix is silently ignored. Rule d: lengths have to fit together.
        let Some(prefix) = prefix.filter(|prefix| prefix.length() == IDENTIFIER) else {
            self.refused += 1;
            return None;
        };
        if prefix.address().is_link_local() {
            return None;
        }
        let (preferred, valid) = (until(preferred, now), until(valid, now));
        if let Some(known) = self.formed.iter_mut().find(|formed| formed.prefix == prefix) {
            known.renew(preferred, valid, now);
            return known.settle(now);
        }
        if valid <= now {
            return None;
        }
        if self.formed.is_full() {
            self.refused += 1;
            return None;
        }
        let address = identified(prefix, self.interface, 0, self.secret)?;
        let deprecated = preferred <= now;
        self.formed.push(Formed { prefix, address: Some(address.0), counter: address.1, preferred, valid, deprecated });
        Cidr::new(address.0, 128).map(News::Formed)
    }

    /// An address belongs to somebody else: another one is made in its place, some times (RFC 7217 §6). `None` also when it
    /// is none of these.
    pub fn lost(&mut self, address: Address) -> Option<News> {
        let formed = self.formed.iter_mut().find(|formed| formed.address == Some(address))?;
        formed.address = None;
        let counter = formed.counter + 1;
        let (address, counter) = identified(formed.prefix, self.interface, counter, self.secret)
            .filter(|(_, counter)| *counter <= limits::INTERFACE_IDS)?;
        (formed.address, formed.counter) = (Some(address), counter);
        Cidr::new(address, 128).map(News::Formed)
    }

    /// Whether an address is one of these.
    pub fn has_made(&self, address: Address) -> bool {
        self.formed.iter().any(|formed| formed.address == Some(address))
    }

    /// Whether nothing new is to begin from an address.
    pub fn has_deprecated(&self, address: Address) -> bool {
        self.formed.iter().any(|formed| formed.address == Some(address) && formed.deprecated)
    }

    /// There was no room for an address.
    pub fn forget(&mut self, address: Address) {
        self.formed.retain(|formed| formed.address != Some(address));
        self.refused += 1;
    }

    /// When [`Slaac::on_timer`] is due.
    pub fn deadline(&self) -> Instant {
        let next = |formed: &Formed| if formed.deprecated { formed.valid } else { formed.preferred.min(formed.valid) };
        self.formed.iter().map(next).min().unwrap_or(Instant::NEVER)
    }

    /// The next thing that time changes (RFC 4862 §5.5.4); to be called again until there is none.
    pub fn on_timer(&mut self, now: Instant) -> Option<News> {
        while let Some(index) = self.formed.iter().position(|formed| formed.valid <= now) {
            if let Some(address) = self.formed.remove(index).address {
                return Some(News::Expired(address));
            }
        }
        self.formed.iter_mut().find_map(|formed| formed.settle(now))
    }
}

impl Formed {
    /// RFC 4862 §5.5.3 e: what makes an address invalid within two hours is not believed, but for what is left less than that.
    fn renew(&mut self, preferred: Instant, valid: Instant, now: Instant) {
        self.preferred = preferred;
        let soonest = now + limits::VALID_LEAST;
        if valid > soonest || valid > self.valid {
            self.valid = valid;
        } else if self.valid > soonest {
            self.valid = soonest;
        }
    }

    /// Whether it is preferred, if that changed.
    fn settle(&mut self, now: Instant) -> Option<News> {
        let deprecated = self.preferred <= now;
        let changed = std::mem::replace(&mut self.deprecated, deprecated) != deprecated;
        let news = if deprecated { News::Deprecated } else { News::Preferred };
        self.address.filter(|_| changed).map(news)
    }
}

/// An address in a prefix, and the counter under which its identifier is none that is reserved (RFC 7217 §5, RFC 5453).
fn identified(prefix: Cidr, interface: Mac, from: u8, secret: [u8; 16]) -> Option<(Address, u8)> {
    (from..=u8::MAX).find_map(|counter| {
        let mut hasher = SipHasher24::new_with_key(&secret);
        hasher.write(&prefix.address().to_v6());
        hasher.write(&interface.bytes());
        hasher.write(&[counter]);
        let identifier = hasher.finish128().h1;
        let network = prefix.address().to_v6();
        let mut bytes = network;
        bytes[8..].copy_from_slice(&identifier.to_be_bytes());
        (!is_reserved(identifier)).then(|| (Address::from_v6(bytes), counter))
    })
}

/// The registry of RFC 5453: the routers of the subnet, proxies of mobile hosts, and reserved anycast (RFC 2526).
fn is_reserved(identifier: u64) -> bool {
    const PROXIES: std::ops::RangeInclusive<u64> = 0x0200_5eff_fe00_0000..=0x0200_5eff_fe00_5213;
    const ANYCAST: std::ops::RangeInclusive<u64> = 0xfdff_ffff_ffff_ff80..=0xfdff_ffff_ffff_ffff;
    identifier == 0 || PROXIES.contains(&identifier) || ANYCAST.contains(&identifier)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Instant = Instant::from_millis(1000);
    const SECRET: [u8; 16] = [9; 16];

    fn slaac() -> Slaac {
        Slaac::new(SECRET, Mac::new([2, 0, 0, 0, 0, 2]))
    }

    fn prefix(text: &str, preferred: u32, valid: u32) -> Prefix {
        let cidr: Cidr = text.parse().unwrap();
        Prefix {
            kind: 3,
            units: 4,
            length: cidr.length(),
            flags: 0xc0,
            valid: valid.into(),
            preferred: preferred.into(),
            reserved: [0; 4],
            prefix: cidr.address().to_v6(),
        }
    }

    fn address(news: Option<News>) -> Address {
        match news {
            Some(News::Formed(cidr)) => cidr.address(),
            other => panic!("{other:?}"),
        }
    }

    /// RFC 7217 §5: the same again for the same, and another for another prefix, card, counter or secret.
    #[test]
    fn identifiers_are_stable_and_of_one_network() {
        let told = prefix("2001:db8:0:1::/64", 100, 100);
        let first = address(slaac().hear(&told, NOW));
        // Written down: a change here gives every host another address.
        assert_eq!(first.to_string(), "2001:db8:0:1:b08e:1a24:691f:a1be");
        assert_eq!(address(slaac().hear(&told, NOW)), first);
        let other_prefix = address(slaac().hear(&prefix("2001:db8:0:2::/64", 100, 100), NOW));
        let other_card = address(Slaac::new(SECRET, Mac::new([2, 0, 0, 0, 0, 3])).hear(&told, NOW));
        let other_secret = address(Slaac::new([8; 16], Mac::new([2, 0, 0, 0, 0, 2])).hear(&told, NOW));
        let mut slaac = slaac();
        slaac.hear(&told, NOW);
        let other_try = address(slaac.lost(first));
        let tails = [first, other_prefix, other_card, other_secret, other_try].map(|one| one.to_v6()[8..].to_vec());
        for (at, tail) in tails.iter().enumerate() {
            assert!(!tails[..at].contains(tail), "{tails:02x?}");
        }
        assert_eq!(other_try.to_v6()[..8], first.to_v6()[..8]);
    }

    #[test]
    fn reserved_identifiers_are_not_used() {
        for reserved in [0, 0x0200_5eff_fe00_0001, 0xfdff_ffff_ffff_ff80, 0xfdff_ffff_ffff_ffff] {
            assert!(is_reserved(reserved));
        }
        assert!(!is_reserved(1) && !is_reserved(0xfdff_ffff_ffff_ff7f) && !is_reserved(u64::MAX));
    }

    #[test]
    fn another_identifier_is_tried_some_times() {
        let mut slaac = slaac();
        let mut taken = vec![address(slaac.hear(&prefix("2001:db8::/64", 100, 100), NOW))];
        while let Some(news) = slaac.lost(taken[taken.len() - 1]) {
            taken.push(address(Some(news)));
        }
        assert_eq!(taken.len(), 1 + usize::from(limits::INTERFACE_IDS));
        // And not by hearing the prefix once more.
        assert_eq!(slaac.hear(&prefix("2001:db8::/64", 100, 100), NOW), None);
    }

    /// RFC 4862 §5.5.3 a to d.
    #[test]
    fn prefixes_that_cannot_be_make_no_address() {
        let mut slaac = slaac();
        for (bad, preferred, valid) in [
            ("2001:db8::/63", 100, 100),
            ("2001:db8::/65", 100, 100),
            ("2001:db8::/128", 100, 100),
            ("::/0", 100, 100),
            ("ff02::/64", 100, 100),
            ("2001:db8::/64", 101, 100),
        ] {
            assert_eq!(slaac.hear(&prefix(bad, preferred, valid), NOW), None, "{bad}");
        }
        assert_eq!(slaac.take_refused(), 6);
        let too_long = Prefix { length: 129, ..prefix("2001:db8::/64", 1, 1) };
        assert_eq!((slaac.hear(&too_long, NOW), slaac.take_refused()), (None, 1));
        for ignored in [prefix("fe80::/64", 100, 100), prefix("2001:db8::/64", 0, 0)] {
            assert_eq!((slaac.hear(&ignored, NOW), slaac.take_refused()), (None, 0));
        }
    }

    #[test]
    fn prefixes_are_bounded() {
        let mut slaac = slaac();
        let made = (0..1000)
            .filter(|number| slaac.hear(&prefix(&format!("2001:db8:0:{number:x}::/64"), 100, 100), NOW).is_some());
        assert_eq!(made.count(), limits::ADDRESSES_FORMED);
        assert_eq!(slaac.take_refused(), 1000 - limits::ADDRESSES_FORMED as u64);
    }

    #[test]
    fn an_address_is_deprecated_then_invalid() {
        let mut slaac = slaac();
        let own = address(slaac.hear(&prefix("2001:db8::/64", 10, 20), NOW));
        let after = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!(slaac.deadline(), after(10));
        assert_eq!(slaac.on_timer(after(9)), None);
        assert_eq!(slaac.on_timer(after(10)), Some(News::Deprecated(own)));
        assert_eq!((slaac.on_timer(after(10)), slaac.deadline()), (None, after(20)));
        // A word of its router makes it preferred again.
        assert_eq!(slaac.hear(&prefix("2001:db8::/64", 10, 30), after(15)), Some(News::Preferred(own)));
        assert_eq!(slaac.on_timer(after(25)), Some(News::Deprecated(own)));
        assert_eq!(slaac.on_timer(after(45)), Some(News::Expired(own)));
        assert_eq!(slaac.deadline(), Instant::NEVER);
        slaac.hear(&prefix("2001:db8::/64", u32::MAX, u32::MAX), NOW);
        assert_eq!(slaac.deadline(), Instant::NEVER, "for ever");
    }

    /// RFC 4862 §5.5.3 e.
    #[test]
    fn two_hours_are_left_whatever_is_told() {
        let hours = |count: u32| count * 3600;
        let left = |first: u32, then: u32| {
            let mut slaac = slaac();
            slaac.hear(&prefix("2001:db8::/64", 0, first), NOW);
            slaac.hear(&prefix("2001:db8::/64", 0, then), NOW);
            slaac.deadline().since(NOW).as_secs() as u32
        };
        assert_eq!(left(hours(10), hours(5)), hours(5), "more than two hours is believed");
        assert_eq!(left(hours(1), hours(1) + 60), hours(1) + 60, "so is what makes it longer");
        assert_eq!(left(hours(10), 0), hours(2));
        assert_eq!(left(hours(10), hours(1)), hours(2));
        assert_eq!(left(hours(1), 60), hours(1), "less than two hours stay");
    }
}
