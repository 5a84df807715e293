//! ICMP input (RFC 792, RFC 1122 §3.2.2).

use zerocopy::{FromBytes, IntoBytes};

use super::{Answer, Packet, Verdict};
use crate::base::counters::Dropped;
use crate::base::time::Instant;
use crate::buffer::{Checksum, Frame};
use crate::link::Cast;
use crate::wire::checksum::Sum;
use crate::wire::icmpv4::{Header, Timestamp, kind};

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
        return match header.kind {
            kind::TIMESTAMP_REQUEST if packet.cast == Cast::Unicast => Verdict::Timestamp,
            kind if Header::is_error(kind) => Verdict::Error,
            _ => Verdict::Drop(Dropped::IcmpIgnored),
        };
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

/// Makes a request for the time its reply (RFC 792, RFC 1122 §3.2.2.8). `time` is one that [`time`] told.
#[cold]
pub fn tell_time(frame: &mut Frame, packet: &Packet, time: u32) -> Result<Answer, Dropped> {
    let message = frame.bytes_mut().get_mut(packet.transport()..).unwrap_or_default();
    let (message, _) = Timestamp::mut_from_prefix(message).map_err(|_| Dropped::BadIcmp)?;
    let before = Sum::of(message.as_bytes()).checksum();
    let checksum = message.header.checksum;
    message.header.kind = kind::TIMESTAMP_REPLY;
    (message.received, message.sent) = (time.to_be_bytes(), time.to_be_bytes());
    // What is behind the message is summed already.
    message.header.checksum = [0; 2];
    let [a, b] = before;
    let sum = Sum::ZERO.without(checksum).field([a, b]).field(checksum).bytes(message.as_bytes());
    message.header.checksum = sum.checksum();
    Ok(Answer { source: packet.destination, traffic_class: packet.traffic_class })
}

/// Milliseconds of a clock that does not know midnight, which the high bit says (RFC 792, RFC 791 §3.1).
pub fn time(now: Instant) -> u32 {
    now.since(Instant::ZERO).as_millis() as u32 | 0x8000_0000
}
