//! Addresses of hardware.

use std::fmt;
use std::str::FromStr;

use super::{Address, Family, Unreadable};

/// The bits of the number that are the address.
const ADDRESS: u64 = 0xffff_ffff_ffff;

/// An Ethernet address, EUI-48.
///
/// It is kept as a number, because that is what a processor compares: the first byte on the wire is the lowest, and the
/// highest two are zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mac(u64);

impl Mac {
    /// All ones.
    pub const BROADCAST: Mac = Mac(ADDRESS);

    /// The address with these bytes, as they lie in a frame.
    #[inline]
    pub const fn new([a, b, c, d, e, f]: [u8; 6]) -> Mac {
        Mac(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// The address with which eight bytes of a frame begin: read with what lies behind it, it takes one load.
    #[inline]
    pub const fn first_of(bytes: &[u8; 8]) -> Mac {
        Mac(u64::from_le_bytes(*bytes) & ADDRESS)
    }

    /// The six bytes, as they lie in a frame.
    #[inline]
    pub const fn bytes(self) -> [u8; 6] {
        *self.0.to_le_bytes().first_chunk().expect("eight bytes begin with six")
    }

    /// Whether the group bit is set: broadcast and multicast.
    #[inline]
    pub const fn is_multicast(self) -> bool {
        self.0 & 1 == 1
    }

    /// The Ethernet group that carries an IPv6 multicast address (RFC 2464 §7) or an IPv4 one (RFC 1112 §6.4).
    pub const fn of_group(group: Address) -> Mac {
        let [a, b, c, d] = group.low4();
        match group.family() {
            Family::V4 => Mac::new([0x01, 0x00, 0x5e, b & 0x7f, c, d]),
            Family::V6 => Mac::new([0x33, 0x33, a, b, c, d]),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.bytes();
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
        parts.next().is_none().then_some(Mac::new(bytes)).ok_or_else(unreadable)
    }
}

/// Two hexadecimal digits; `from_str_radix` alone would let a sign pass.
fn is_pair(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
