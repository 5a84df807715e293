//! Addresses of hardware.

use std::fmt;
use std::str::FromStr;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Address, Family, Unreadable};

/// An Ethernet address, EUI-48.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned
)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All ones.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// The address as a number that is quickly compared.
    #[inline]
    const fn bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }

    /// Whether the group bit is set: broadcast and multicast.
    pub const fn is_multicast(self) -> bool {
        self.bits() & 1 == 1
    }

    /// The Ethernet group that carries an IPv6 multicast address (RFC 2464 §7) or an IPv4 one (RFC 1112 §6.4).
    pub const fn of_group(group: Address) -> Mac {
        let [a, b, c, d] = group.low4();
        match group.family() {
            Family::V4 => Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d]),
            Family::V6 => Mac([0x33, 0x33, a, b, c, d]),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Mac, Unreadable> {
        let unreadable = || Unreadable::Mac(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().filter(|part| is_pair(part)).ok_or_else(unreadable)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| unreadable())?;
        }
        parts.next().is_none().then_some(Mac(bytes)).ok_or_else(unreadable)
    }
}

/// Two hexadecimal digits; `from_str_radix` alone would let a sign pass.
fn is_pair(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
