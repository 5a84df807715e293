//! What a trace shows.

use std::str::FromStr;

/// A protocol that a trace can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Protocol {
    /// RFC 826.
    Arp,
    /// RFC 903.
    Rarp,
    /// IPv4, whatever it carries.
    Ip,
    /// IPv6, whatever it carries.
    Ip6,
    /// Over IPv4 (RFC 792).
    Icmp,
    /// Over IPv6, neighbour discovery included (RFC 4443).
    Icmpv6,
    /// Neighbour discovery alone (RFC 4861).
    Ndp,
    /// Groups over IPv4 (RFC 9776).
    Igmp,
    /// The same over IPv6, as a part of ICMPv6 (RFC 9777).
    Mld,
    /// Over UDP (RFC 2131).
    Dhcp,
    /// Over either.
    Udp,
    /// Over either.
    Tcp,
}

/// Names as they are written.
const NAMES: [(&str, Protocol); 12] = [
    ("arp", Protocol::Arp),
    ("rarp", Protocol::Rarp),
    ("icmp", Protocol::Icmp),
    ("icmpv6", Protocol::Icmpv6),
    ("ndp", Protocol::Ndp),
    ("igmp", Protocol::Igmp),
    ("mld", Protocol::Mld),
    ("dhcp", Protocol::Dhcp),
    ("udp", Protocol::Udp),
    ("tcp", Protocol::Tcp),
    ("ip", Protocol::Ip),
    ("ip6", Protocol::Ip6),
];

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Protocol, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text).map(|(_, protocol)| *protocol);
        let names = || NAMES.map(|(name, _)| format!("`{name}`")).join(", ");
        found.ok_or_else(|| format!("`{text}` is no protocol of a trace: choose from {}", names()))
    }
}

/// A set of protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols(u16);

impl Protocols {
    /// The same, and `protocol`.
    pub(super) fn and(self, protocol: Protocol) -> Protocols {
        Protocols(self.0 | 1 << protocol as u16)
    }

    /// Whether a frame of the protocols `seen` is shown when these are asked for. Nobody in particular asks for all.
    pub(super) fn show(self, seen: Protocols) -> bool {
        self.0 == 0 || self.0 & seen.0 != 0
    }
}

impl FromIterator<Protocol> for Protocols {
    fn from_iter<I: IntoIterator<Item = Protocol>>(protocols: I) -> Protocols {
        protocols.into_iter().fold(Protocols::default(), Protocols::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_those_asked_for_is_enough() {
        let asked: Protocols = [Protocol::Arp, Protocol::Ndp].into_iter().collect();
        let neighbor = Protocols::default().and(Protocol::Ip6).and(Protocol::Icmpv6).and(Protocol::Ndp);
        assert!(asked.show(neighbor) && asked.show(Protocols::default().and(Protocol::Arp)));
        assert!(!asked.show(Protocols::default().and(Protocol::Udp)));
        assert!(!asked.show(Protocols::default()), "nobody knows what it is");
        assert!(Protocols::default().show(Protocols::default()), "unless everything is asked for");
    }

    #[test]
    fn names_are_those_of_the_help() {
        assert!(NAMES.iter().all(|(name, protocol)| name.parse() == Ok(*protocol)));
        let error = "ftp".parse::<Protocol>().unwrap_err();
        assert!(error.starts_with("`ftp` is no protocol of a trace: choose from `arp`, `rarp`"), "{error}");
    }
}
