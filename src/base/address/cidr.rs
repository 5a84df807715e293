//! Prefixes.

use std::fmt;
use std::str::FromStr;

use super::{Address, Family, Unreadable};

/// An address with the length of its prefix, as in `10.77.0.2/24`.
///
/// The length counts the bits of the address's own family: 0 to 32, or 0 to 128.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: Address,
    /// Ones where the prefix is, in the mapped form.
    mask: Address,
}

impl Cidr {
    /// An address and the length of its prefix. `None` when the family has not that many bits.
    pub fn new(address: Address, length: u8) -> Option<Cidr> {
        let (most, unused) = match address.family() {
            Family::V4 => (32, 96),
            Family::V6 => (128, 0),
        };
        let ones = |bits: u32| u64::MAX.checked_shl(64u32.saturating_sub(bits)).unwrap_or(0);
        let bits = unused + u32::from(length);
        let mask = Address { high: ones(bits), low: ones(bits.saturating_sub(64)) };
        (length <= most).then_some(Cidr { address, mask })
    }

    /// The address itself.
    pub fn address(self) -> Address {
        self.address
    }

    /// The prefix with nothing behind its bits.
    pub fn network(self) -> Cidr {
        let Cidr { address, mask } = self;
        Cidr { address: Address { high: address.high & mask.high, low: address.low & mask.low }, mask }
    }

    /// The length of the prefix, in bits of the address's family.
    pub fn length(self) -> u8 {
        match self.address.family() {
            Family::V4 => self.mask.low.count_ones() as u8 - 32,
            Family::V6 => (self.mask.high.count_ones() + self.mask.low.count_ones()) as u8,
        }
    }

    /// Whether an address is of the same family and starts with this prefix.
    #[inline]
    pub fn contains(self, address: Address) -> bool {
        self.shares_prefix(address) && self.address.family() == address.family()
    }

    /// Whether an address that is known to be of the same family starts with this prefix.
    #[inline]
    pub fn shares_prefix(self, address: Address) -> bool {
        let Cidr { address: own, mask } = self;
        ((own.high ^ address.high) & mask.high) | ((own.low ^ address.low) & mask.low) == 0
    }

    /// The address whose host part is all ones, which reaches every IPv4 host of the prefix. `/31` and
    /// `/32` have none (RFC 3021).
    #[inline]
    pub fn broadcast(self) -> Option<Address> {
        let has = self.address.family() == Family::V4 && self.mask.low.count_zeros() > 1;
        has.then_some(Address { low: self.address.low | !self.mask.low, ..self.address })
    }
}

impl FromStr for Cidr {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Cidr, Unreadable> {
        let unreadable = || Unreadable::Cidr(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(unreadable)?;
        let address = address.parse().map_err(|_| unreadable())?;
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let length = length.parse().ok().filter(|_| digits).ok_or_else(unreadable)?;
        Cidr::new(address, length).ok_or_else(unreadable)
    }
}
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length())
    }
}
impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
