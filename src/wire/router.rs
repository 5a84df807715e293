//! What hosts and routers say to each other: solicitations, advertisements, redirects, and their options (RFC 4861 §4.1, §4.2,
//! §4.5, §4.6; RFC 4191 §2; RFC 8106 §5).

use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::ndp;
use crate::base::address::{Address, Cidr, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;

/// Flags of a prefix.
pub mod prefix_flag {
    /// Whoever has an address in it is a neighbour.
    pub const ON_LINK: u8 = 0x80;
    /// Hosts may make addresses of it.
    pub const AUTONOMOUS: u8 = 0x40;
}

/// A solicitation: its options follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Solicitation {
    /// Router solicitation.
    pub kind: u8,
    /// Zero.
    pub code: u8,
    /// Over the pseudo-header and the whole message.
    pub checksum: [u8; 2],
    /// Zero.
    pub reserved: [u8; 4],
}

/// An advertisement: its options follow.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |     Code      |          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Cur Hop Limit |M|O|H|Prf| Res |       Router Lifetime         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Reachable Time                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Retrans Timer                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Advertisement {
    /// Router advertisement.
    pub kind: u8,
    /// Zero.
    pub code: u8,
    /// Over the pseudo-header and the whole message.
    pub checksum: [u8; 2],
    /// Routers that packets of hosts may pass; zero: not said.
    pub hop_limit: u8,
    /// Managed, other configuration, home agent, and the preference of RFC 4191 §2.2.
    pub flags: u8,
    /// Seconds for which it is a default router; zero: it is none.
    pub lifetime: U16,
    /// Milliseconds for which a neighbour that answered is reachable; zero: not said.
    pub reachable: U32,
    /// Milliseconds between two solicitations of a neighbour; zero: not said.
    pub retransmit: U32,
}

/// A redirect: its options follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Redirect {
    /// Redirect.
    pub kind: u8,
    /// Zero.
    pub code: u8,
    /// Over the pseudo-header and the whole message.
    pub checksum: [u8; 2],
    /// Zero.
    pub reserved: [u8; 4],
    /// Through whom it is reached: a router, or itself.
    pub target: [u8; 16],
    /// What is reached.
    pub destination: [u8; 16],
}

/// A prefix of the link.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |  Length: 4    | Prefix Length |L|A| Reserved1 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Valid Lifetime                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Preferred Lifetime                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                 Reserved, Prefix (16 bytes)                   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Prefix {
    /// Prefix information.
    pub kind: u8,
    /// In units of eight bytes: 4.
    pub units: u8,
    /// Bits of the prefix.
    pub length: u8,
    /// See [`prefix_flag`].
    pub flags: u8,
    /// Seconds for which it, and addresses of it, are valid; all ones: for ever.
    pub valid: U32,
    /// Seconds for which addresses of it are preferred; all ones: for ever.
    pub preferred: U32,
    /// Zero.
    pub reserved: [u8; 4],
    /// The prefix; what is behind its bits says nothing.
    pub prefix: [u8; 16],
}

impl Prefix {
    /// The prefix with nothing behind its bits; `None` when it has more bits than an address, or is of IPv4.
    pub fn cidr(&self) -> Option<Cidr> {
        cidr(self.prefix, self.length)
    }
}

/// How much a router or route is preferred where there are several (RFC 4191 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    /// Less than others.
    Low,
    /// As it is without a word.
    Medium,
    /// More than others.
    High,
}

impl Preference {
    /// Reads the two bits where they lie in a byte of flags; `None` when they mean nothing.
    pub fn of_flags(flags: u8) -> Option<Preference> {
        match flags >> 3 & 3 {
            0b01 => Some(Preference::High),
            0b00 => Some(Preference::Medium),
            0b11 => Some(Preference::Low),
            _ => None,
        }
    }
}

/// An option that says something to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice<'a> {
    /// The station that speaks.
    Source(Mac),
    /// The station that is spoken of.
    Target(Mac),
    /// A prefix of the link.
    Prefix(&'a Prefix),
    /// What the link carries.
    Mtu(u32),
    /// What is reached through the router, for so many seconds (RFC 4191 §2.3).
    Route {
        /// What is reached.
        prefix: Cidr,
        /// How much this way is preferred; `None`: the bits mean nothing, and neither does the option.
        preference: Option<Preference>,
        /// Seconds; all ones: for ever.
        lifetime: u32,
    },
    /// Name servers, for so many seconds (RFC 8106 §5.1).
    Resolvers {
        /// Seconds; all ones: for ever.
        lifetime: u32,
        /// Their addresses.
        servers: &'a [[u8; 16]],
    },
    /// Domains in which names are looked for, for so many seconds (RFC 8106 §5.2).
    Search {
        /// Seconds; all ones: for ever.
        lifetime: u32,
        /// Their names as DNS has them, one behind the other, and padding: see [`names`].
        names: &'a [u8],
    },
    /// What such an option cannot be.
    Impossible,
    /// Something else.
    Other,
}

/// Types of these options, besides those of [`ndp::option`].
mod option {
    pub(super) const PREFIX: u8 = 3;
    pub(super) const MTU: u8 = 5;
    pub(super) const ROUTE: u8 = 24;
    pub(super) const RESOLVERS: u8 = 25;
    pub(super) const SEARCH: u8 = 31;
}

/// A message with its options, all of which lie within it.
#[derive(Clone, Copy, Debug)]
pub struct Parsed<'a, M> {
    /// The fixed part.
    pub message: &'a M,
    options: &'a [u8],
}

impl<'a, M: FromBytes + KnownLayout + Immutable + Unaligned> Parsed<'a, M> {
    /// Reads a message. An option of length zero, or one that ends behind it, spoils all of it (RFC 4861 §6.1.2, §8.1).
    ///
    /// # Errors
    /// [`Dropped::BadNdp`], also when there are more than [`limits::ROUTER_OPTIONS`].
    pub fn parse(bytes: &'a [u8]) -> Result<Parsed<'a, M>, Dropped> {
        let (message, options) = M::ref_from_prefix(bytes).map_err(|_| Dropped::BadNdp)?;
        let mut rest = options;
        for _ in 0..limits::ROUTER_OPTIONS {
            if rest.is_empty() {
                break;
            }
            rest = ndp::first_option(rest)?.1;
        }
        if rest.is_empty() { Ok(Parsed { message, options }) } else { Err(Dropped::BadNdp) }
    }

    /// What the options say, in their order.
    pub fn advice(&self) -> impl Iterator<Item = Advice<'a>> + use<'a, M> {
        let mut rest = self.options;
        std::iter::from_fn(move || {
            let (option, behind) = ndp::first_option(rest).ok()?;
            rest = behind;
            Some(advice(option))
        })
    }

    /// The station that speaks, if it says so.
    pub fn source(&self) -> Option<Mac> {
        self.advice().find_map(|advice| if let Advice::Source(mac) = advice { Some(mac) } else { None })
    }

    /// The station that is spoken of, if that is said.
    pub fn target(&self) -> Option<Mac> {
        self.advice().find_map(|advice| if let Advice::Target(mac) = advice { Some(mac) } else { None })
    }
}

/// What one option says, which has a type, and the length that it says.
fn advice(option: &[u8]) -> Advice<'_> {
    let station = || ndp::LinkLayer::ref_from_bytes(option).ok().map(|option| Mac::new(option.mac));
    let said = match option.first().copied().unwrap_or_default() {
        ndp::option::SOURCE_LINK_LAYER => station().map(Advice::Source),
        ndp::option::TARGET_LINK_LAYER => station().map(Advice::Target),
        option::PREFIX => Prefix::ref_from_bytes(option).ok().map(Advice::Prefix),
        option::MTU => Mtu::ref_from_bytes(option).ok().map(|option| Advice::Mtu(option.mtu.get())),
        option::ROUTE => route(option),
        option::RESOLVERS => {
            let addresses = Timed::ref_from_prefix(option).ok();
            addresses.and_then(|(timed, rest)| {
                let (servers, rest) = rest.as_chunks::<16>();
                let whole = rest.is_empty() && !servers.is_empty();
                whole.then_some(Advice::Resolvers { lifetime: timed.lifetime.get(), servers })
            })
        }
        option::SEARCH => {
            let (timed, names) = Timed::ref_from_prefix(option).ok().unzip();
            let (timed, names): (Option<&Timed>, _) = (timed, names.unwrap_or_default());
            timed.map(|timed| Advice::Search { lifetime: timed.lifetime.get(), names })
        }
        _ => Some(Advice::Other),
    };
    said.unwrap_or(Advice::Impossible)
}

/// What the link carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Mtu {
    kind: u8,
    units: u8,
    reserved: [u8; 2],
    mtu: U32,
}

/// What begins with a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Timed {
    kind: u8,
    units: u8,
    /// Of a route: bits of the prefix, and its preference.
    more: [u8; 2],
    lifetime: U32,
}

/// RFC 4191 §2.3: as much of the prefix as there is, which has to be as much as its length says.
fn route(option: &[u8]) -> Option<Advice<'_>> {
    let (Timed { more: [length, flags], lifetime, .. }, there) = Timed::ref_from_prefix(option).ok()?;
    if there.len() > 16 || usize::from(*length) > 8 * there.len() {
        return None;
    }
    let mut prefix = [0; 16];
    for (to, from) in prefix.iter_mut().zip(there) {
        *to = *from;
    }
    let prefix = cidr(prefix, *length)?;
    Some(Advice::Route { prefix, preference: Preference::of_flags(*flags), lifetime: lifetime.get() })
}

/// Not of IPv4: such a prefix would be one of the other family, above this layer.
fn cidr(prefix: [u8; 16], length: u8) -> Option<Cidr> {
    let address = Address::from_v6(prefix);
    Cidr::new(address, length).filter(|_| address.to_v4().is_none()).map(Cidr::network)
}

/// The names of a search list (RFC 8106 §5.2, RFC 1035 §3.1), each as its labels with their lengths in front. It ends at the
/// padding, or where no name can be.
pub fn names(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = name_length(bytes).filter(|length| *length > 1)?;
        let (name, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        Some(name)
    })
}

/// Bytes of the name with which something begins, its end included; a compressed one is none.
fn name_length(bytes: &[u8]) -> Option<usize> {
    const LONGEST: usize = 255;
    let mut at = 0;
    while at < LONGEST {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            label @ 1..=63 => at += 1 + label,
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADVERTISEMENT: [u8; 16] = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];

    fn advised(options: &[u8]) -> Vec<String> {
        let bytes = [&ADVERTISEMENT[..], options].concat();
        let parsed = Parsed::<Advertisement>::parse(&bytes).unwrap();
        parsed.advice().map(|advice| format!("{advice:?}")).collect()
    }

    #[test]
    fn routes_are_as_long_as_they_say() {
        let prefix = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8];
        let route = |units: u8, length: u8| {
            let there = &prefix[..8 * usize::from(units - 1)];
            advised(&[&[24, units, length, 0x08, 0, 0, 0, 9], there].concat()).remove(0)
        };
        let with = |prefix: &str| format!("Route {{ prefix: {prefix}, preference: Some(High), lifetime: 9 }}");
        assert_eq!(route(1, 0), with("::/0"));
        assert_eq!(route(2, 56), with("2001:db8::/56"));
        assert_eq!(route(3, 48), with("2001:db8::/48"));
        assert_eq!(route(3, 128), with("2001:db8:0:80:102:304:506:708/128"));
        for (units, length) in [(1, 1), (2, 65), (3, 129), (3, 255)] {
            assert_eq!(route(units, length), "Impossible", "{units} {length}");
        }
        assert_eq!(advised(&[&[24, 4, 0, 0], &[0; 28][..]].concat()), ["Impossible"]);
        let of_ipv4 = [&[24, 3, 8, 0, 0, 0, 0, 9][..], &[0; 10], &[255, 255, 10, 0, 0, 0]].concat();
        assert_eq!(advised(&of_ipv4), ["Impossible"], "no router of IPv6 tells routes of IPv4");
    }

    #[test]
    fn servers_are_whole_addresses() {
        let servers = |units: u8| {
            advised(&[&[25, units, 0, 0, 0, 0, 0, 1][..], &[1; 120][..8 * usize::from(units - 1)]].concat())
        };
        assert_eq!([1, 2, 4].map(|units| servers(units).remove(0)), ["Impossible"; 3]);
        assert!(servers(3)[0].starts_with("Resolvers { lifetime: 1, servers: [[1, "), "{:?}", servers(3));
    }

    #[test]
    fn names_end_where_they_cannot_be() {
        let read = |bytes: &'static [u8]| names(bytes).collect::<Vec<_>>();
        assert_eq!(read(b"\x03lab\x00\x01a\x01b\x00\0\0\0"), [&b"\x03lab\x00"[..], b"\x01a\x01b\x00"]);
        for bad in [&b"\x03la"[..], b"\xc0\x0c\0", b"\x03lab", b"\0\0\0", b""] {
            assert!(read(bad).is_empty(), "{bad:?}");
        }
        let long: &'static [u8] = [b"\x01a".repeat(200), vec![0]].concat().leak();
        assert!(read(long).is_empty());
    }
}
