//! The wire and who is on it: Ethernet, ARP, RARP, the neighbour cache, the interface's own addresses.

pub mod arp;
pub mod conflict;
pub mod ethernet;
pub mod interface;
pub mod neighbors;
pub mod outbox;
pub mod rarp;
pub mod rarp_client;
pub mod vlan;

use crate::base::address::Mac;
use crate::base::counters::Dropped;

/// What becomes of a frame that ends at this layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the answer now.
    Reply,
    /// It told of a neighbour.
    Done,
    /// Somebody else claims an address of ours, or wants the same one.
    Conflict,
    /// It goes no further.
    Drop(Dropped),
}

/// How a frame that is for us came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The station that sent it.
    pub station: Mac,
    /// How many it was for.
    pub cast: Cast,
}

/// How many a frame or packet is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cast {
    /// One.
    #[default]
    Unicast,
    /// A group.
    Multicast,
    /// All on the link.
    Broadcast,
}
