//! What a stack is told of its own addresses, and what it tells.

use crate::base::address::{Address, Cidr, Mac};
use crate::link::interface::Standing;

/// When a stack uses its addresses: before, while or after it asks whether somebody else has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once, and nobody is asked.
    AtOnce,
    /// At once, with care, while others are asked (RFC 4429, and ARP likewise).
    Optimistic,
    /// When nobody was found to have them (RFC 5227, RFC 4862 §5.4).
    Probed,
}

/// What a stack tells of its addresses: see [`Stack::take_notice`](super::Stack::take_notice).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Every address was decided on. These are ours, in the order in which they were given, and can be used.
    Ready(Vec<Cidr>),
    /// Another station has an address of ours, and we gave it up.
    Lost {
        /// The address.
        address: Address,
        /// Who has it.
        station: Mac,
    },
    /// Another station claims an address of ours, and was told that it is ours.
    Defended {
        /// The address.
        address: Address,
        /// Who claims it.
        station: Mac,
    },
}

/// What one shard decided on an address, for the others to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is ours now, and stands so.
    Added(Cidr, Standing),
    /// Nobody else has it.
    Preferred(Address),
    /// Somebody else has it.
    Lost(Address),
}
