//! Which of our addresses a packet comes from (RFC 6724 §5).
//!
//! Rules 1 (the same address), 2 (appropriate scope), 3 (not a deprecated one, nor an optimistic one, RFC 4429 §3.3) and 8
//! (longest matching prefix) decide here. Rules 4 to 7 tell apart what a host with one interface and configured addresses does not have:
//! home and temporary addresses, other interfaces, labels.

use std::cmp::Reverse;

use crate::base::address::{Address, Family};
use crate::link::interface::{Interface, Standing};

/// The best of our addresses to reach a destination from. `None` when we have none of its family.
pub fn select(interface: &Interface, destination: Address) -> Option<Address> {
    let candidates = interface.addresses().iter().filter(|own| own.address().family() == destination.family());
    let best = candidates.min_by_key(|own| {
        let (source, needed) = (scope(own.address()), scope(destination));
        // Rule 2: the smallest scope that is large enough, else the largest there is.
        let fitness = if source >= needed { (0, source) } else { (1, u8::MAX - source) };
        // Rule 8 counts no further than the source's own prefix.
        let shared = own.address().common_prefix(destination);
        let prefix = own.length() + if own.address().family() == Family::V4 { 96 } else { 0 };
        let avoided = interface.standing(own.address()) != Some(Standing::Preferred);
        (own.address() != destination, fitness, avoided, Reverse(shared.min(prefix)))
    });
    best.map(|own| own.address())
}

/// RFC 4291 §2.7, RFC 6724 §3.1 and §3.2.
fn scope(address: Address) -> u8 {
    const LINK_LOCAL: u8 = 2;
    const GLOBAL: u8 = 14;
    match (address.family(), address.to_v6()) {
        (Family::V6, [0xff, second, ..]) => second & 0x0f,
        _ if address.is_link_local() || address.is_loopback() => LINK_LOCAL,
        _ => GLOBAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::{Cidr, Mac};
    use std::net::IpAddr;

    #[test]
    fn scope_first_then_the_longest_prefix() {
        let mut interface = Interface::new(Mac::new([2; 6]), 1500);
        for own in ["10.77.0.2/24", "192.0.2.2/24", "fe80::2/64", "fd77::2/64", "2001:db8::2/64"] {
            assert!(interface.add(own.parse().unwrap(), Standing::Preferred));
        }
        let from = |to: &str| {
            let destination = Address::from(to.parse::<IpAddr>().unwrap());
            select(&interface, destination).unwrap().to_string()
        };
        assert_eq!(from("192.0.2.9"), "192.0.2.2");
        assert_eq!(from("fe80::9"), "fe80::2");
        assert_eq!(from("ff02::1"), "fe80::2");
        assert_eq!(from("2001:db8::9"), "2001:db8::2");
        assert_eq!(from("fd77::9"), "fd77::2");
        assert_eq!(from("2001:db8::2"), "2001:db8::2");
    }

    #[test]
    fn an_address_that_is_probed_is_not_chosen_where_another_fits() {
        let mut interface = Interface::new(Mac::new([2; 6]), 1500);
        let [probed, ours]: [Cidr; 2] = ["fd77::2", "fd77:0:0:1::2"].map(|own| format!("{own}/64").parse().unwrap());
        assert!(interface.add(probed, Standing::Optimistic) && interface.add(ours, Standing::Preferred));
        let near = "fd77::9".parse().unwrap();
        assert_eq!(select(&interface, near), Some(ours.address()));
        interface.prefer(probed.address());
        assert_eq!(select(&interface, near), Some(probed.address()));
        interface.deprecate(probed.address());
        assert_eq!(select(&interface, near), Some(ours.address()));
        interface.remove(ours.address());
        assert_eq!(select(&interface, near), Some(probed.address()), "better than none");
    }
}
