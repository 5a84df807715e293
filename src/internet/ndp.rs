//! Neighbour discovery for IPv6, the part that ARP does for IPv4 (RFC 4861 §7).

use zerocopy::{FromBytes, IntoBytes};

use super::{Outbound, Packet, Verdict};
use crate::base::address::{Address, Mac};
use crate::base::counters::Dropped;
use crate::base::time::Instant;
use crate::buffer::{Draft, Frame};
use crate::link::Cast;
use crate::link::interface::{Interface, Place, Standing};
use crate::link::neighbors::{Evidence, Neighbors};
use crate::link::outbox::Outbox;
use crate::wire::checksum::Sum;
use crate::wire::ndp::{LinkLayer, Message, MessageWithOption, Parsed, flag, option};
use crate::wire::router::Solicitation;
use crate::wire::{icmpv6, protocol};

/// What a router would have decremented: only the link itself can send it (RFC 4861 §7.1).
const HOP_LIMIT: u8 = 255;

/// Takes in a solicitation or an advertisement whose checksum is right.
pub fn input(
    frame: &mut Frame,
    packet: &Packet,
    interface: &Interface,
    neighbors: &mut Neighbors,
    outbox: &mut Outbox,
    now: Instant,
) -> Verdict {
    let message = frame.bytes().get(packet.transport()..).unwrap_or_default();
    let Parsed { message, source, target: station, nonce } = match Parsed::parse(message) {
        Ok(parsed) => parsed,
        Err(why) => return Verdict::Drop(why),
    };
    let target = Address::from_v6(message.target);
    if packet.hop_limit != HOP_LIMIT || message.code != 0 || target.is_multicast() {
        return Verdict::Drop(Dropped::BadNdp);
    }
    if message.kind == icmpv6::kind::NEIGHBOR_ADVERTISEMENT {
        return advertisement(packet, message.flags, (target, station), interface, neighbors, outbox, now);
    }

    // RFC 4861 §7.1.1, §7.2.3.
    let probes = packet.source.is_unspecified();
    if probes && (packet.destination != target.solicited_node() || source.is_some()) {
        return Verdict::Drop(Dropped::BadNdp);
    }
    let standing = interface.standing(target);
    if probes && standing.is_some_and(|standing| !standing.is_certain()) {
        // RFC 4862 §5.4.3: two want one address at the same time, or it is our own question that came back.
        return Verdict::Conflict(target, nonce);
    }
    if !interface.owns(target) {
        return Verdict::Drop(Dropped::NdpIgnored);
    }
    if let Some(mac) = source.filter(|mac| !mac.is_multicast() && interface.place(packet.source) == Place::OnLink) {
        neighbors.learn(packet.source, mac, Evidence::Asked, outbox, now);
    }
    // RFC 4861 §7.2.4: who probes for an address that we have is told so with all others.
    // RFC 4429 §3.3: what is not certain yet replaces nothing that others know.
    let replaces = if standing.is_some_and(Standing::is_certain) { flag::OVERRIDE } else { 0 };
    let (destination, flags) = match probes {
        true => (Address::ALL_NODES, replaces),
        false => (packet.source, replaces | flag::SOLICITED),
    };
    let kinds = (icmpv6::kind::NEIGHBOR_ADVERTISEMENT, option::TARGET_LINK_LAYER);
    let outbound = outbound(target, destination);
    frame.strip(frame.len());
    frame.prepend(message_of(kinds, flags, target, interface.mac(), &outbound).as_bytes());
    Verdict::Reply(outbound)
}

/// Writes a solicitation for `target` from our address `source`: to all who may have it, or to the one that should
/// confirm it.
pub fn solicit(draft: &mut Draft<'_>, interface: &Interface, source: Address, target: Address, to: Cast) -> Outbound {
    let destination = if to == Cast::Unicast { target } else { target.solicited_node() };
    let outbound = outbound(source, destination);
    // RFC 4429 §2.1: who is not certain of its address tells nobody the station behind it.
    let named = !interface.is_probed(source);
    let option = named.then(|| (option::SOURCE_LINK_LAYER, interface.mac().bytes()));
    write(draft, (icmpv6::kind::NEIGHBOR_SOLICITATION, 0), target, option, &outbound);
    outbound
}

/// Writes word to all that `address` is ours (RFC 4861 §7.2.6).
pub fn announce(draft: &mut Draft<'_>, interface: &Interface, address: Address) -> Outbound {
    let outbound = outbound(address, Address::ALL_NODES);
    let option = Some((option::TARGET_LINK_LAYER, interface.mac().bytes()));
    write(draft, (icmpv6::kind::NEIGHBOR_ADVERTISEMENT, flag::OVERRIDE), address, option, &outbound);
    outbound
}

/// Writes a message, of which the type and the flags are given, with one option or none.
pub(super) fn write(
    draft: &mut Draft<'_>,
    (kind, flags): (u8, u8),
    target: Address,
    option: Option<(u8, [u8; 6])>,
    outbound: &Outbound,
) {
    if let Some((kind, mac)) = option {
        *draft.prepend() = LinkLayer { kind, length: 1, mac };
    }
    let message = Message { kind, code: 0, checksum: [0; 2], flags, reserved: [0; 3], target: target.to_v6() };
    *draft.prepend() = message;
    let pseudo = Sum::pseudo(outbound.source, outbound.destination, protocol::ICMPV6, draft.len());
    let checksum = pseudo.bytes(draft.bytes()).checksum();
    if let Ok((message, _)) = Message::mut_from_prefix(draft.bytes_mut()) {
        message.checksum = checksum;
    }
}

/// Writes a question for routers, which may name who asks.
pub(super) fn write_solicitation(draft: &mut Draft<'_>, station: Option<Mac>, outbound: &Outbound) {
    if let Some(mac) = station {
        *draft.prepend() = LinkLayer { kind: option::SOURCE_LINK_LAYER, length: 1, mac: mac.bytes() };
    }
    let kind = icmpv6::kind::ROUTER_SOLICITATION;
    *draft.prepend() = Solicitation { kind, code: 0, checksum: [0; 2], reserved: [0; 4] };
    let pseudo = Sum::pseudo(outbound.source, outbound.destination, protocol::ICMPV6, draft.len());
    let checksum = pseudo.bytes(draft.bytes()).checksum();
    if let Ok((message, _)) = Solicitation::mut_from_prefix(draft.bytes_mut()) {
        message.checksum = checksum;
    }
}

/// Writes word to all routers that `address` is at our station now, so that they need not ask when the first answer comes (RFC
/// 9131 §4.1); it replaces nothing that they know.
pub fn introduce(draft: &mut Draft<'_>, interface: &Interface, address: Address) -> Outbound {
    let outbound = outbound(address, Address::ALL_ROUTERS);
    let option = Some((option::TARGET_LINK_LAYER, interface.mac().bytes()));
    write(draft, (icmpv6::kind::NEIGHBOR_ADVERTISEMENT, 0), address, option, &outbound);
    outbound
}

pub(super) fn outbound(source: Address, destination: Address) -> Outbound {
    Outbound {
        source,
        destination,
        protocol: protocol::ICMPV6,
        hop_limit: HOP_LIMIT,
        traffic_class: 0,
        dont_fragment: true,
    }
}

/// RFC 4861 §7.1.2, §7.2.5.
fn advertisement(
    packet: &Packet,
    flags: u8,
    (target, station): (Address, Option<Mac>),
    interface: &Interface,
    neighbors: &mut Neighbors,
    outbox: &mut Outbox,
    now: Instant,
) -> Verdict {
    let (solicited, replaces) = (flags & flag::SOLICITED != 0, flags & flag::OVERRIDE != 0);
    if solicited && packet.cast != Cast::Unicast || station.is_some_and(Mac::is_multicast) {
        return Verdict::Drop(Dropped::BadNdp);
    }
    if interface.standing(target).is_some() {
        return if station == Some(interface.mac()) {
            Verdict::Drop(Dropped::BadSourceMac)
        } else {
            Verdict::Conflict(target, None)
        };
    }
    let evidence = match (solicited, replaces) {
        (true, true) => Evidence::Answer,
        (true, false) => Evidence::AnswerWithoutOverride,
        (false, true) => Evidence::Overheard,
        (false, false) => Evidence::OverheardWithoutOverride,
    };
    // RFC 4861 §7.2.5: what replaces what is known, or agrees with it, also says whether it is a router.
    let counts = replaces || station.is_none_or(|mac| neighbors.is_at(target, mac));
    let is_router = flags & flag::ROUTER != 0;
    match station {
        Some(mac) => neighbors.learn(target, mac, evidence, outbox, now),
        None if solicited => {
            if let Some(neighbor) = neighbors.name(target) {
                neighbors.confirm(neighbor, now);
            }
        }
        None => {}
    }
    if counts && !is_router && target.is_link_local() { Verdict::Demoted(target) } else { Verdict::Done }
}

/// A message with its checksum.
fn message_of(
    (kind, option): (u8, u8),
    flags: u8,
    target: Address,
    mac: Mac,
    outbound: &Outbound,
) -> MessageWithOption {
    let option = LinkLayer { kind: option, length: 1, mac: mac.bytes() };
    let message = Message { kind, code: 0, checksum: [0; 2], flags, reserved: [0; 3], target: target.to_v6() };
    let mut whole = MessageWithOption { message, option };
    let Outbound { source, destination, .. } = *outbound;
    let pseudo = Sum::pseudo(source, destination, protocol::ICMPV6, size_of::<MessageWithOption>());
    whole.message.checksum = pseudo.bytes(whole.as_bytes()).checksum();
    whole
}
