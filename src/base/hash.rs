//! Keyed hashing: remote peers choose the keys of our tables, so every table's hash has a secret.

use std::hash::{BuildHasher, Hash};

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use super::address::Flow;
use super::random::Random;

/// A secret under which keys are hashed.
#[derive(Clone)]
pub struct HashKey {
    state: SeedableRandomState,
}

impl HashKey {
    /// A new secret. Equal seeds give equal hashes, which makes a run repeatable.
    pub fn new(random: &mut Random) -> HashKey {
        let state = SeedableRandomState::with_seed(random.next_u64(), SharedSeed::global_fixed());
        HashKey { state }
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: impl Hash) -> u64 {
        self.state.hash_one(key)
    }

    /// The hash of a flow, the same seen from either end.
    #[inline]
    pub fn flow(&self, flow: &Flow) -> u64 {
        let Flow { local, remote } = flow;
        self.state.hash_one(if local < remote { (local, remote) } else { (remote, local) })
    }
}
