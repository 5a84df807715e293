//! TCP's place on the way up.

use zerocopy::IntoBytes;

use super::net::Net;
use crate::base::counters::Dropped;
use crate::buffer::Frame;
use crate::device::Device;
use crate::internet::{Outbound, Packet};
use crate::link::Cast;
use crate::transport::tcp;

/// Nobody listens yet: a segment is answered with a reset, in its frame.
pub(super) fn input<D: Device>(packet: &Packet, frame: &mut Frame, net: &mut Net<D>) {
    let segment = frame.bytes().get(packet.transport()..).unwrap_or_default();
    // RFC 9293 §3.10.7.4 and RFC 1122 §4.2.3.10: TCP is between two.
    let reset = match packet.cast {
        Cast::Unicast => tcp::refuse(segment, packet.source, packet.destination, frame.offload),
        Cast::Multicast | Cast::Broadcast => Err(Dropped::TcpIgnored),
    };
    match reset {
        Ok(reset) => {
            frame.strip(frame.len());
            frame.prepend(reset.as_bytes());
            frame.offload = Default::default();
            net.counters.resets_sent += 1;
            net.reply(frame, &Outbound::answer(packet, packet.destination), packet.link.station);
        }
        Err(why) => net.counters.drop(why),
    }
}
