//! Which shard a flow belongs to: one pure function that every shard computes alike.

use std::ops::RangeInclusive;

use crate::base::address::Flow;
use crate::base::hash::HashKey;
use crate::base::random::Random;
use crate::wire::dhcp;

/// A shard of a host, 0 to one less than their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardId(pub u16);

/// Knows the owner of every flow.
///
/// The hash is keyed, so a peer cannot aim at one shard, and symmetric, so both directions of a flow and an ICMP error
/// that quotes it have the same owner. A service whose flows have to know of each other
/// has its port pinned.
pub struct Owners {
    key: HashKey,
    own: ShardId,
    shards: u16,
    /// Ports of ours whose flows stay together.
    pinned: Vec<RangeInclusive<u16>>,
}

impl Owners {
    /// The owners as shard `own` of `shards` sees them. Equal states of `random` give equal owners.
    pub fn new(random: &mut Random, own: ShardId, shards: u16) -> Owners {
        Owners { key: HashKey::new(random), own, shards: shards.max(1), pinned: Vec::new() }
    }

    /// Keeps all flows of a port of ours together, whoever the peer is.
    pub fn pin(&mut self, port: u16) {
        self.pin_each(port..=port);
    }

    /// The same for each port of a range; every port may have another owner.
    pub fn pin_each(&mut self, ports: RangeInclusive<u16>) {
        if !self.pinned.contains(&ports) {
            self.pinned.push(ports);
        }
    }

    /// Whether this shard has all flows of a pinned port.
    pub fn has_port(&self, port: u16) -> bool {
        self.owner_of_port(port) == self.own
    }

    fn is_pinned(&self, port: u16) -> bool {
        self.pinned.iter().any(|ports| ports.contains(&port))
    }

    fn owner_of_port(&self, port: u16) -> ShardId {
        self.choose(self.key.hash(port))
    }

    /// The shard to which a flow belongs.
    pub fn owner(&self, flow: &Flow) -> ShardId {
        // What configures the host concerns the shard that looks after its addresses.
        if flow.local.port == dhcp::CLIENT_PORT {
            return ShardId(0);
        }
        match self.is_pinned(flow.local.port) {
            true => self.owner_of_port(flow.local.port),
            false => self.choose(self.key.flow(flow)),
        }
    }

    /// Multiply-shift: the high bits of the hash choose.
    fn choose(&self, hash: u64) -> ShardId {
        ShardId(((u128::from(hash) * u128::from(self.shards)) >> 64) as u16)
    }

    /// The shard to which a flow belongs, unless it is this one.
    #[inline]
    pub fn elsewhere(&self, flow: &Flow) -> Option<ShardId> {
        if self.shards == 1 {
            return None;
        }
        Some(self.owner(flow)).filter(|owner| *owner != self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::{Address, Endpoint};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_shard_agrees_from_either_end(ends: [([u8; 16], u16); 2], seed: [u8; 16], shards in 1u16..65) {
            // What configures the host belongs to the first, whatever the other end is.
            prop_assume!(ends.iter().all(|(_, port)| *port != dhcp::CLIENT_PORT));
            let [local, remote] = ends.map(|(address, port)| Endpoint { address: Address::from_v6(address), port });
            let shards_see = |own| Owners::new(&mut Random::new(seed), ShardId(own), shards);
            let owner = shards_see(0).owner(&Flow { local, remote });
            prop_assert!(owner.0 < shards);
            for own in 0..shards {
                let owners = shards_see(own);
                prop_assert_eq!(owners.owner(&Flow { local: remote, remote: local }), owner);
                prop_assert_eq!(owners.elsewhere(&Flow { local, remote }).is_none(), own == owner.0);
            }
        }
    }

    #[test]
    fn flows_spread_over_the_shards() {
        let owners = Owners::new(&mut Random::new([3; 16]), ShardId(0), 4);
        let mut counts = [0; 4];
        for port in 1..=4000 {
            let end = |last, port| Endpoint { address: Address::from_v4([10, 77, 0, last]), port };
            counts[usize::from(owners.owner(&Flow { local: end(2, 7), remote: end(1, port) }).0)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    #[test]
    fn each_port_of_a_pinned_range_has_one_owner_who_knows_it() {
        let mut shards: Vec<_> = (0..4).map(|own| Owners::new(&mut Random::new([3; 16]), ShardId(own), 4)).collect();
        shards.iter_mut().for_each(|owners| owners.pin_each(50_000..=50_999));
        let mut had = [0; 4];
        for port in 50_000..=50_999 {
            let own: Vec<u16> = (0..4).filter(|own| shards[usize::from(*own)].has_port(port)).collect();
            assert_eq!(own.len(), 1, "{port}");
            had[usize::from(own[0])] += 1;
            for peer in 1..20 {
                let local = Endpoint { address: Address::from_v4([10, 77, 0, 2]), port };
                let remote = Endpoint { address: Address::from_v4([10, 77, 0, peer]), port: 1024 + u16::from(peer) };
                assert_eq!(shards[0].owner(&Flow { local, remote }), ShardId(own[0]));
            }
        }
        assert!(had.iter().all(|count| *count > 150), "{had:?}");
    }
}
