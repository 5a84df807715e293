//! ICMP input (RFC 792, RFC 1122 §3.2.2).

use zerocopy::FromBytes;

use super::{Answer, Packet, Verdict};
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Frame};
use crate::link::Cast;
use crate::wire::checksum::Sum;
use crate::wire::icmpv4::{Header, kind};

/// Takes in a message; an echo request becomes its reply where it lies.
#[inline(always)]
pub fn input(frame: &mut Frame, packet: &Packet) -> Verdict {
    let verified = frame.offload.checksum == Checksum::Verified;
    let message = frame.bytes_mut().get_mut(packet.transport()..).unwrap_or_default();
    if !verified && !Sum::of(message).is_whole() {
        return Verdict::Drop(Dropped::BadIcmpChecksum);
    }
    let Ok((header, _)) = Header::mut_from_prefix(message) else { return Verdict::Drop(Dropped::BadIcmp) };
    if header.kind != kind::ECHO_REQUEST {
        return if Header::is_error(header.kind) { Verdict::Error } else { Verdict::Drop(Dropped::IcmpIgnored) };
    }
    // RFC 1122 §3.2.2.6 lets a host be silent, and one that is not can be used to flood another.
    if packet.cast != Cast::Unicast {
        return Verdict::Drop(Dropped::AskedOfGroup);
    }
    let before = [header.kind, header.code];
    header.kind = kind::ECHO_REPLY;
    let sum = Sum::ZERO.without(header.checksum).without(before).field([header.kind, header.code]);
    header.checksum = sum.checksum();
    // RFC 1122 §3.2.2.6, RFC 1349 §5.1: the type of service goes back as it came.
    Verdict::Answer(Answer { source: packet.destination, traffic_class: packet.traffic_class })
}
