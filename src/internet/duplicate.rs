//! Duplicate address detection (RFC 4862 §5.4), optimistic (RFC 4429) and with a nonce (RFC 7527): its numbers and its
//! question. The claim itself is [`crate::link::conflict`]'s; what a solicitation or an advertisement means for it,
//! [`super::ndp`] knows.

use std::time::Duration;

use super::{Outbound, ndp};
use crate::base::address::Address;
use crate::base::limits;
use crate::buffer::Draft;
use crate::link::conflict::{Manner, Nonce};
use crate::wire::icmpv6;
use crate::wire::ndp::option;

/// RFC 4861 §10, MAX_RTR_SOLICITATION_DELAY; RFC 4862 §5.1, DupAddrDetectTransmits; RFC 4861 §10, RETRANS_TIMER. All are
/// told of an address only when it is defended.
pub const NDP: Manner = Manner {
    delay: Duration::from_secs(1),
    probes: 1,
    between: (limits::SOLICIT_INTERVAL, limits::SOLICIT_INTERVAL),
    silence: limits::SOLICIT_INTERVAL,
    announcements: 0,
};

/// Writes the question whether anybody has an address: from nobody, to the group of those who may.
pub fn probe(draft: &mut Draft<'_>, target: Address, nonce: Nonce) -> Outbound {
    let outbound = ndp::outbound(Address::UNSPECIFIED, target.solicited_node());
    let kind = icmpv6::kind::NEIGHBOR_SOLICITATION;
    ndp::write(draft, (kind, 0), target, Some((option::NONCE, nonce)), &outbound);
    outbound
}
