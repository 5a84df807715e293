//! The Ethernet address that a host keeps when none is given.

use std::fs;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use siphasher::sip128::{self, Hasher128 as _};
use taphouse::base::address::Mac;

/// What tells this machine from others: its machine id, or else its name.
pub(super) fn machine() -> String {
    let read = |path| fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let paths = ["/etc/machine-id", "/proc/sys/kernel/hostname"];
    paths.into_iter().find_map(read).unwrap_or_default()
}

/// The same for the same machine, namespace and TAP, so that neighbours keep knowing us after a restart.
/// Hashed with a key of our own, since a machine id is not to be shown (machine-id(5)).
pub(super) fn mac(machine: &str, namespace: Option<&str>, tap: &str) -> Mac {
    let mut hasher = SipHasher24::new_with_keys(u64::from_be_bytes(*b"taphouse"), 1);
    for part in [machine, namespace.unwrap_or_default(), tap] {
        hasher.write(part.as_bytes());
        hasher.write(&[0]);
    }
    let [a, b, c, d, e, f, ..] = hasher.finish().to_be_bytes();
    // Locally administered, one host: the bits 0x02 and 0x01 of the first byte (IEEE 802 §8.2.2).
    Mac::new([a & 0xfc | 0x02, b, c, d, e, f])
}

/// The secret from which interface identifiers follow (RFC 7217 §5): the same for the same machine, namespace and TAP. It cannot
/// be told from the addresses, and the machine id, which others of its users may read, not from it.
pub(super) fn secret(machine: &str, namespace: Option<&str>, tap: &str) -> [u8; 16] {
    let mut hasher = sip128::SipHasher24::new_with_keys(u64::from_be_bytes(*b"taphouse"), 2);
    for part in [machine, namespace.unwrap_or_default(), tap] {
        hasher.write(part.as_bytes());
        hasher.write(&[0]);
    }
    hasher.finish128().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept() {
        // Written down: a change here gives every host of every user another address.
        assert_eq!(mac("e8a1", None, "tap0").to_string(), "a2:f6:70:10:af:c6");
    }

    #[test]
    fn every_part_counts() {
        let seen =
            [mac("m", None, "tap0"), mac("n", None, "tap0"), mac("m", Some("lab"), "tap0"), mac("m", None, "tap1")];
        for (i, one) in seen.iter().enumerate() {
            assert_eq!(one.bytes()[0] & 3, 2, "{one} is not locally administered unicast");
            assert!(seen[..i].iter().all(|other| other != one));
        }
        let secrets = [secret("m", None, "tap0"), secret("n", None, "tap0"), secret("m", Some("lab"), "tap0")];
        assert!(secrets[0] != secrets[1] && secrets[0] != secrets[2]);
        assert_ne!(mac("m", Some("a"), "btap0"), mac("m", Some("ab"), "tap0"), "parts do not run together");
    }
}
