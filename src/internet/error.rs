//! ICMP errors: when one may be sent, how often, and how it is built around the packet that it quotes.
//!
//! The quoted packet is not copied: it stays where it was received, and the error's headers are put in front of it.

use std::time::Duration;

use zerocopy::IntoBytes;

use super::{Outbound, Packet, Problem, offload, source};
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::Frame;
use crate::link::Cast;
use crate::link::interface::Interface;
use crate::wire::checksum::Sum;
use crate::wire::{icmpv4, icmpv6, ipv4, ipv6, protocol};

/// Turns the frame of a packet into an error about it.
pub fn build(
    frame: &mut Frame,
    packet: &Packet,
    problem: Problem,
    interface: &Interface,
    limiter: &mut Limiter,
    now: Instant,
) -> Result<Outbound, Dropped> {
    if !is_allowed(frame, packet, problem) {
        return Err(Dropped::ErrorForbidden);
    }
    let family = packet.family;
    let source = match packet.cast {
        Cast::Unicast => packet.destination,
        Cast::Multicast | Cast::Broadcast => source::select(interface, packet.source).ok_or(Dropped::NoRoute)?,
    };
    if !limiter.allow(packet.source, now) {
        return Err(Dropped::ErrorRateLimit);
    }
    offload::finish(frame, packet);
    frame.strip(packet.network());

    let (header, protocol, largest, headers) = match family {
        Family::V4 => (v4(problem), protocol::ICMP, limits::ICMPV4_ERROR, ipv4::LENGTH + icmpv4::LENGTH),
        Family::V6 => (v6(problem, packet), protocol::ICMPV6, limits::ICMPV6_ERROR, ipv6::LENGTH + icmpv6::LENGTH),
    };
    frame.truncate(largest.min(interface.mtu()).saturating_sub(headers));
    let length = icmpv4::LENGTH + frame.len();
    let pseudo = match family {
        Family::V4 => Sum::ZERO,
        Family::V6 => Sum::pseudo(source, packet.source, protocol, length),
    };
    let checksum = pseudo.bytes(header.as_bytes()).bytes(frame.bytes()).checksum();
    let header = icmpv4::Header { checksum, ..header };
    frame.prepend(header.as_bytes());
    Ok(Outbound { protocol, dont_fragment: false, ..Outbound::answer(packet, source, interface) })
}

/// RFC 1122 §3.2.2, RFC 4443 §2.4 e.
fn is_allowed(frame: &Frame, packet: &Packet, problem: Problem) -> bool {
    let to_group = packet.cast != Cast::Unicast || packet.link.cast != Cast::Unicast;
    // RFC 4443 §2.4 e.3: one code may be sent about a packet to a group.
    let excepted = packet.family == Family::V6
        && matches!(problem, Problem::Field { code: icmpv6::problem::UNRECOGNIZED_OPTION, .. });
    let kind = frame.bytes().get(packet.transport()).copied();
    let about_error = match packet.protocol {
        protocol::ICMP => kind.is_none_or(icmpv4::Header::is_error),
        protocol::ICMPV6 => kind.is_none_or(icmpv6::is_error),
        _ => false,
    };
    (!to_group || excepted) && !about_error && packet.source.is_unicast()
}

fn v4(problem: Problem) -> icmpv4::Header {
    use icmpv4::{kind, unreachable};
    let (kind, code, first) = match problem {
        Problem::Protocol => (kind::DESTINATION_UNREACHABLE, unreachable::PROTOCOL, 0),
        Problem::Port => (kind::DESTINATION_UNREACHABLE, unreachable::PORT, 0),
        Problem::Incomplete => (kind::TIME_EXCEEDED, icmpv4::REASSEMBLY_TIME_EXCEEDED, 0),
        Problem::Field { pointer, .. } => (kind::PARAMETER_PROBLEM, 0, pointer as u8),
    };
    icmpv4::Header { kind, code, checksum: [0; 2], rest: [first, 0, 0, 0] }
}

fn v6(problem: Problem, packet: &Packet) -> icmpv6::Header {
    use icmpv6::{kind, problem as code, unreachable};
    let (kind, code, rest) = match problem {
        // RFC 4443 §3.4: an unknown protocol is an unknown next header.
        Problem::Protocol => {
            (kind::PARAMETER_PROBLEM, code::UNRECOGNIZED_NEXT_HEADER, u32::from(packet.protocol_field))
        }
        Problem::Port => (kind::DESTINATION_UNREACHABLE, unreachable::PORT, 0),
        Problem::Incomplete => (kind::TIME_EXCEEDED, icmpv6::REASSEMBLY_TIME_EXCEEDED, 0),
        Problem::Field { code, pointer } => (kind::PARAMETER_PROBLEM, code, pointer),
    };
    icmpv6::Header { kind, code, checksum: [0; 2], rest: rest.to_be_bytes() }
}

/// How many errors may be sent: token buckets, one for all and one for each destination.
///
/// Destinations share buckets by a secret hash. The bucket for all is tried last and only by those that their own
/// bucket lets pass; and what an error takes from it is a matter of chance. So nobody can count in it how many errors others
/// caused (CVE-2020-25705).
pub struct Limiter {
    key: HashKey,
    buckets: Box<[Bucket]>,
    all: Bucket,
    noise: Random,
}

/// What one error takes from the bucket for all on average; it is one less, as much or one more.
const NOISE: u32 = 2;
const ALL: u32 = limits::ICMP_ERRORS_A_SECOND_GLOBAL * NOISE;

#[derive(Clone, Copy)]
struct Bucket {
    tokens: u32,
    filled: Instant,
}

impl Limiter {
    /// A limiter whose buckets are full.
    pub fn new(random: &mut Random) -> Limiter {
        let full = |tokens| Bucket { tokens, filled: Instant::ZERO };
        Limiter {
            key: HashKey::new(random),
            buckets: vec![full(limits::ICMP_ERRORS_A_SECOND); limits::ICMP_ERROR_BUCKETS].into_boxed_slice(),
            all: full(ALL),
            noise: random.clone(),
        }
    }

    fn allow(&mut self, destination: Address, now: Instant) -> bool {
        let bucket = self.key.hash(destination) as usize % self.buckets.len();
        let price = NOISE - 1 + self.noise.below(3) as u32;
        self.buckets[bucket].take(limits::ICMP_ERRORS_A_SECOND, 1, now) && self.all.take(ALL, price, now)
    }
}

impl Bucket {
    fn take(&mut self, rate: u32, price: u32, now: Instant) -> bool {
        let interval = 1_000_000_000 / u64::from(rate);
        let earned = now.since(self.filled).as_nanos() as u64 / interval;
        if earned > 0 {
            self.tokens = u64::from(self.tokens).saturating_add(earned).min(u64::from(rate)) as u32;
            // The rest of the interval counts towards the next token.
            self.filled = self.filled + Duration::from_nanos(earned * interval);
        }
        let enough = self.tokens >= price;
        if enough {
            self.tokens -= price;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_destination_does_not_use_up_another_ones_errors() {
        let mut limiter = Limiter::new(&mut Random::new([1; 16]));
        let [greedy, other] = [1, 2].map(|last| Address::from_v4([10, 77, 0, last]));
        let now = Instant::from_millis(1);
        let granted = (0..1000).filter(|_| limiter.allow(greedy, now)).count();
        assert_eq!(granted, limits::ICMP_ERRORS_A_SECOND as usize);
        assert!(limiter.allow(other, now));
        let later = now + std::time::Duration::from_millis(500);
        let granted = (0..1000).filter(|_| limiter.allow(greedy, later)).count();
        assert_eq!(granted, limits::ICMP_ERRORS_A_SECOND as usize / 2, "it fills with time");
    }

    /// Who causes all the errors but a few that others cause cannot tell how many those were.
    #[test]
    fn the_limit_for_all_is_a_matter_of_chance() {
        let mut counts = Vec::new();
        for seed in 0..50 {
            let mut limiter = Limiter::new(&mut Random::new([seed; 16]));
            let now = Instant::from_millis(1);
            let sources = (0..200u32).map(|number| Address::from_v4((0x0a4e_0000 + number).to_be_bytes()));
            counts.push(sources.flat_map(|source| [source; 99]).filter(|source| limiter.allow(*source, now)).count());
        }
        let global = limits::ICMP_ERRORS_A_SECOND_GLOBAL as usize;
        assert!(counts.iter().all(|count| count.abs_diff(global) < global / 10), "{counts:?}");
        counts.sort_unstable();
        counts.dedup();
        assert!(counts.len() > 20, "{counts:?}");
    }
}
