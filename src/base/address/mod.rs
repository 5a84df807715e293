//! Addresses: of hardware, of hosts, of endpoints; prefixes.

mod cidr;
mod mac;

pub use cidr::Cidr;
pub use mac::Mac;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not six pairs of hexadecimal digits.
    #[error("`{0}` is not an Ethernet address: write six pairs of hexadecimal digits, like 02:00:00:00:00:01")]
    Mac(String),
    /// Not an address, a slash and a prefix length.
    #[error("`{0}` is not an address with a prefix length: write it like 10.77.0.2/24 or fd77::2/64")]
    Cidr(String),
    /// Not an address.
    #[error("`{0}` is not an address: write it like 10.77.0.2 or fd77::2")]
    Address(String),
}

/// An IPv6 address, or an IPv4 one in its mapped form `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
///
/// Above the internet layer there is one kind of address, so there is one code path and one flow key for
/// both families. The mapped form never appears on the wire.
///
/// It is kept as two numbers, most significant first, because that is what a processor compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address {
    high: u64,
    low: u64,
}

/// Which internet protocol an address belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Internet Protocol version 4.
    #[default]
    V4,
    /// Internet Protocol version 6.
    V6,
}

/// What stands in front of an IPv4 address, in the lower half.
const MAPPED: u64 = 0xffff;
/// `ff02::`, groups of the link.
const LINK_GROUPS: u64 = 0xff02 << 48;

impl Address {
    /// `::`, the unspecified IPv6 address.
    pub const UNSPECIFIED: Address = Address { high: 0, low: 0 };
    /// `0.0.0.0`, the unspecified IPv4 address ("this host").
    pub const UNSPECIFIED_V4: Address = Address::from_v4([0; 4]);
    /// `255.255.255.255`.
    pub const BROADCAST: Address = Address::from_v4([255; 4]);
    /// `224.0.0.1`, every IPv4 host of the link.
    pub const ALL_HOSTS: Address = Address::from_v4([224, 0, 0, 1]);
    /// `ff02::1`, every IPv6 node of the link.
    pub const ALL_NODES: Address = Address { high: LINK_GROUPS, low: 1 };
    /// `ff02::2`, every IPv6 router of the link.
    pub const ALL_ROUTERS: Address = Address { high: LINK_GROUPS, low: 2 };

    /// The mapped form of an IPv4 address.
    #[inline]
    pub const fn from_v4(v4: [u8; 4]) -> Address {
        Address { high: 0, low: MAPPED << 32 | u32::from_be_bytes(v4) as u64 }
    }

    /// An IPv6 address as it lies in a packet.
    #[inline]
    pub const fn from_v6(v6: [u8; 16]) -> Address {
        let bits = u128::from_be_bytes(v6);
        Address { high: (bits >> 64) as u64, low: bits as u64 }
    }

    /// The four bytes of an IPv4 address.
    #[inline]
    pub const fn to_v4(self) -> Option<[u8; 4]> {
        match self.family() {
            Family::V4 => Some(self.low4()),
            Family::V6 => None,
        }
    }

    /// The last four bytes: the whole of an IPv4 address.
    #[inline]
    pub const fn low4(self) -> [u8; 4] {
        (self.low as u32).to_be_bytes()
    }

    /// The sixteen bytes, as an IPv6 address lies in a packet.
    #[inline]
    pub const fn to_v6(self) -> [u8; 16] {
        ((self.high as u128) << 64 | self.low as u128).to_be_bytes()
    }

    /// The family it belongs to.
    #[inline]
    pub const fn family(self) -> Family {
        if self.high == 0 && self.low >> 32 == MAPPED { Family::V4 } else { Family::V6 }
    }

    /// Groups: `224.0.0.0/4`, `ff00::/8`.
    #[inline]
    pub const fn is_multicast(self) -> bool {
        match self.family() {
            Family::V4 => self.low as u32 >> 28 == 0xe,
            Family::V6 => self.high >> 56 == 0xff,
        }
    }

    /// Groups of which single sources are wanted only: `232.0.0.0/8`, `ff30::/32` in every scope (RFC 4607 §1).
    pub const fn is_source_specific(self) -> bool {
        match self.family() {
            Family::V4 => self.low as u32 >> 24 == 232,
            Family::V6 => self.high >> 52 == 0xff3 && (self.high >> 32) & 0xffff == 0,
        }
    }

    /// `0.0.0.0` or `::`.
    #[inline]
    pub fn is_unspecified(self) -> bool {
        self == Address::UNSPECIFIED || self == Address::UNSPECIFIED_V4
    }

    /// `127.0.0.0/8`, `::1`.
    pub const fn is_loopback(self) -> bool {
        match self.family() {
            Family::V4 => self.low as u32 >> 24 == 127,
            Family::V6 => self.high == 0 && self.low == 1,
        }
    }

    /// `169.254.0.0/16`, `fe80::/10`.
    pub const fn is_link_local(self) -> bool {
        match self.family() {
            Family::V4 => self.low as u32 >> 16 == 0xa9fe,
            Family::V6 => self.high >> 54 == 0xfe80 >> 6,
        }
    }

    /// Whether it may be the source of a packet: one host, and not this one by another name (RFC 1122 §3.2.1.3).
    #[inline]
    pub const fn is_unicast(self) -> bool {
        match self.family() {
            // 0/8 is "this network", 127/8 loopback, 224/3 groups, reserved and broadcast.
            Family::V4 => !matches!(self.low as u32 >> 24, 0 | 127 | 224..),
            Family::V6 => self.high >> 56 != 0xff && (self.high != 0 || self.low > 1),
        }
    }

    /// The group on which the owner of this IPv6 address listens for solicitations (RFC 4291 §2.7.1).
    pub const fn solicited_node(self) -> Address {
        Address { high: LINK_GROUPS, low: 0x1_ff00_0000 | self.low & 0xff_ffff }
    }

    /// `fe80::` with the modified EUI-64 of an Ethernet address (RFC 2464 §5).
    pub const fn link_local(mac: Mac) -> Address {
        let [a, b, c, d, e, f] = mac.bytes();
        Address { high: 0xfe80 << 48, low: u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]) }
    }

    /// How many leading bits two addresses share.
    pub const fn common_prefix(self, other: Address) -> u8 {
        match (self.high ^ other.high).leading_zeros() {
            64 => 64 + (self.low ^ other.low).leading_zeros() as u8,
            bits => bits as u8,
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Address {
        match ip {
            IpAddr::V4(v4) => Address::from_v4(v4.octets()),
            IpAddr::V6(v6) => Address::from_v6(v6.octets()),
        }
    }
}
impl From<Address> for IpAddr {
    fn from(address: Address) -> IpAddr {
        match address.to_v4() {
            Some(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
            None => IpAddr::V6(Ipv6Addr::from(address.to_v6())),
        }
    }
}
impl FromStr for Address {
    type Err = Unreadable;

    /// Reads either family. The `%zone` of an IPv6 address is left out: a stack has one interface. The mapped
    /// form is refused, since an address has one way to be written.
    fn from_str(text: &str) -> Result<Address, Unreadable> {
        let unreadable = || Unreadable::Address(text.to_owned());
        let bare = match text.split_once('%') {
            Some((bare, zone)) if bare.contains(':') && !zone.is_empty() => bare,
            Some(_) => return Err(unreadable()),
            None => text,
        };
        let address = bare.parse::<IpAddr>().map_err(|_| unreadable())?;
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        (!mapped).then_some(address.into()).ok_or_else(unreadable)
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&IpAddr::from(*self), f)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One end of a flow: a host and a port of one of its transport protocols.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The host.
    pub address: Address,
    /// The port, 1 to 65,535; 0 where none is meant.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::from((IpAddr::from(self.address), self.port)).fmt(f)
    }
}
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Both ends of a flow, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Our end.
    pub local: Endpoint,
    /// The other end.
    pub remote: Endpoint,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_read_and_print() {
        for (text, printed) in [("10.77.0.2", "10.77.0.2"), ("FD77:0::2", "fd77::2"), ("fe80::1%tap0", "fe80::1")] {
            assert_eq!(address(text).to_string(), printed);
        }
        for bad in ["", "10.77.0", "10.77.0.300", "10.77.0.2%tap0", "fe80::1%", "::ffff:10.77.0.2", "fd77::2/64"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_of_both_families() {
        let cidr: Cidr = "10.77.0.2/24".parse().unwrap();
        assert!(cidr.contains(address("10.77.0.255")) && !cidr.contains(address("10.77.1.0")));
        assert!(!cidr.contains(address("::a4d:2")), "the mapped prefix counts");
        assert_eq!(cidr.broadcast(), Some(address("10.77.0.255")));
        assert_eq!("10.0.0.0/31".parse::<Cidr>().unwrap().broadcast(), None);
        let everything: Cidr = "::/0".parse().unwrap();
        assert!(everything.contains(address("fd77::2")));
        for bad in ["10.0.0.1", "10.0.0.1/33", "fd77::/129", "x/8", "10.0.0.1/", "10.0.0.1/+8", "::ffff:10.0.0.1/8", ""]
        {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hardware_addresses_read_and_print() {
        let mac: Mac = "02:00:5e:10:00:fF".parse().unwrap();
        assert_eq!(mac.to_string(), "02:00:5e:10:00:ff");
        for bad in
            ["02:00:5e:10:00", "02:00:5e:10:00:ff:00", "2:00:5e:10:00:ff", "", "gg:00:00:00:00:00", "+2:00:5e:10:00:ff"]
        {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }

    #[test]
    fn groups_have_ethernet_addresses() {
        assert_eq!(Mac::of_group(address("224.129.2.3")).to_string(), "01:00:5e:01:02:03");
        assert_eq!(Mac::of_group(address("ff02::1:ff00:2")).to_string(), "33:33:ff:00:00:02");
        assert_eq!(address("fd77::12:3456").solicited_node(), address("ff02::1:ff12:3456"));
    }

    #[test]
    fn some_groups_are_source_specific() {
        let of = |text| address(text).is_source_specific();
        assert!(["232.0.0.0", "232.255.255.255", "ff35::8000:1", "ff3e:0:ffff::1"].into_iter().all(of));
        let others = ["231.255.255.255", "233.0.0.0", "232::", "ff15::1", "ff35:40:2001:db8::1", "fe35::1", "ff75::1"];
        assert!(!others.into_iter().any(of));
    }

    #[test]
    fn unicast_is_what_may_be_a_source() {
        for good in ["10.0.0.1", "223.255.255.254", "fe80::1", "2001:db8::"] {
            assert!(address(good).is_unicast(), "{good}");
        }
        for bad in
            ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"]
        {
            assert!(!address(bad).is_unicast(), "{bad}");
        }
    }
}
