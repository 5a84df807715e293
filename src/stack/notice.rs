//! What a stack is told of its own addresses, and what it tells.

use crate::base::address::{Address, Cidr, Mac};
use crate::internet::route::Route;
use crate::link::interface::{Standing, Terms};

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
    /// An address that was told can be used from now on.
    Added(Cidr),
    /// A server lent us an address.
    Leased {
        /// The address.
        own: Cidr,
        /// The server.
        server: Address,
        /// For so many seconds, or for ever.
        seconds: Option<u64>,
    },
    /// It is lent for longer.
    Renewed {
        /// The address.
        own: Cidr,
        /// For so many seconds from now on, or for ever.
        seconds: Option<u64>,
    },
    /// The server does not lend us this address (any more).
    Refused(Address),
    /// We gave back what was lent, at the end.
    Released(Cidr),
    /// An address that was told cannot be used any more, for what was told ran out.
    Ended(Address),
    /// The default routers that were told, of both families; perhaps none.
    Routers(Vec<Address>),
    /// The name servers and domains that were told.
    Resolvers {
        /// Name servers, of both families.
        servers: Vec<Address>,
        /// Domains in which names are looked for.
        domains: Vec<String>,
    },
    /// Nobody answered for some seconds: we go on without, and ask on.
    Unanswered(Asked),
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

/// Who is asked for what we do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The routers of IPv6 (RFC 4861).
    Routers,
    /// The servers of IPv4 addresses (RFC 2131).
    Servers,
}

/// What one shard decided, for the others to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is ours now, and stands so.
    Added(Cidr, Standing),
    /// Nobody else has it.
    Preferred(Address),
    /// It goes out of use.
    Deprecated(Address),
    /// It is ours no more.
    Lost(Address),
    /// A way that was told.
    Route(Route),
    /// It is none any more.
    NoRoute(Route),
    /// What was told of the link.
    Terms(Terms),
    /// What was asked for is known, or was waited for for long enough.
    Settled,
}
