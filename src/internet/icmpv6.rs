//! ICMPv6 input (RFC 4443).

use zerocopy::FromBytes;

use super::{Answer, Packet, Verdict, ndp, source};
use crate::base::address::Address;
use crate::base::counters::Dropped;
use crate::base::time::Instant;
use crate::buffer::{Checksum, Frame};
use crate::link::Cast;
use crate::link::interface::Interface;
use crate::link::neighbors::Neighbors;
use crate::link::outbox::Outbox;
use crate::wire::checksum::Sum;
use crate::wire::icmpv6::{Header, is_error, kind};
use crate::wire::{mld, protocol};

/// Takes in a message; an echo request becomes its reply where it lies.
#[inline]
pub fn input(
    frame: &mut Frame,
    packet: &Packet,
    interface: &Interface,
    neighbors: &mut Neighbors,
    outbox: &mut Outbox,
    now: Instant,
) -> Verdict {
    let verified = frame.offload.checksum == Checksum::Verified;
    let message = frame.bytes_mut().get_mut(packet.transport()..).unwrap_or_default();
    let pseudo = Sum::pseudo(packet.source, packet.destination, protocol::ICMPV6, message.len());
    if !verified && !pseudo.bytes(message).is_whole() {
        return Verdict::Drop(Dropped::BadIcmpChecksum);
    }
    let Ok((header, _)) = Header::mut_from_prefix(message) else { return Verdict::Drop(Dropped::BadIcmp) };
    match header.kind {
        kind::NEIGHBOR_SOLICITATION | kind::NEIGHBOR_ADVERTISEMENT => {
            ndp::input(frame, packet, interface, neighbors, outbox, now)
        }
        kind::ROUTER_ADVERTISEMENT => Verdict::Router,
        kind::REDIRECT => Verdict::Redirect,
        kind if mld::is_mld(kind) => Verdict::Group,
        _ if packet.source.is_unspecified() => Verdict::Drop(Dropped::BadSource),
        kind::ECHO_REQUEST => {
            // RFC 4443 §4.2: an answer comes from one host, also when the question went to a group.
            let source = match packet.cast {
                Cast::Unicast => Some(packet.destination),
                Cast::Multicast | Cast::Broadcast => source::select(interface, packet.source),
            };
            let Some(source) = source else { return Verdict::Drop(Dropped::NoRoute) };
            echo(header, packet, source);
            Verdict::Answer(Answer { source, traffic_class: packet.traffic_class })
        }
        kind if is_error(kind) => Verdict::Error,
        _ => Verdict::Drop(Dropped::IcmpIgnored),
    }
}

/// Turns a request into its reply. Changing places leaves the pseudo-header's sum as it is, so only the type
/// counts, and our own address where the request named a group.
fn echo(header: &mut Header, packet: &Packet, source: Address) {
    let before = [header.kind, header.code];
    header.kind = kind::ECHO_REPLY;
    let mut sum = Sum::ZERO.without(header.checksum).without(before).field([header.kind, header.code]);
    if source != packet.destination {
        let [c, d] = Sum::of(&packet.destination.to_v6()).checksum();
        sum = sum.field([c, d]).bytes(&source.to_v6());
    }
    header.checksum = sum.checksum();
}
