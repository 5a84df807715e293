//! What a session is like, and the name of a participant.

use std::time::Duration;

use super::super::interval::MINIMUM;
use super::super::ntp::WallClock;
use super::super::rtcp::Rule;
use crate::base::limits;
use crate::base::random::Random;

/// What a session is like.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our canonical name (RFC 7022).
    pub name: Vec<u8>,
    /// Octets a second of all media.
    pub bandwidth: f64,
    /// The least interval between reports: [`MINIMUM`], or less where a profile allows it.
    pub minimum: Duration,
    /// Which RTCP is taken.
    pub rule: Rule,
    /// Whether NACK and PLI are sent (RFC 4585).
    pub feedback: bool,
    /// The time of day.
    pub clock: WallClock,
    /// Members that are remembered.
    pub members: usize,
}

impl Config {
    /// A session with a minimal profile of AVP (RFC 3551) under this name.
    pub fn new(name: &[u8], clock: WallClock) -> Config {
        Config {
            name: name.to_vec(),
            bandwidth: limits::RTP_BANDWIDTH,
            minimum: MINIMUM,
            rule: Rule::ReducedSize,
            feedback: false,
            clock,
            members: limits::RTP_MEMBERS,
        }
    }
}

/// A canonical name that says nothing of us and lasts for a session (RFC 7022 §4.2): 96 random bits in base64.
pub fn canonical_name(random: &mut Random) -> [u8; 16] {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64());
    std::array::from_fn(|n| LETTERS[(bits >> (n * 6)) as usize & 63])
}
