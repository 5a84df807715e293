//! Which frames are for us, and the last header on the way down.

use super::interface::Interface;
use zerocopy::FromBytes;

use super::{Arrival, Cast};
use crate::base::address::Mac;
use crate::base::counters::Dropped;
use crate::buffer::{Draft, Frame};
use crate::wire::ethernet::{EtherType, Header};

/// How a frame came, if it is for us.
#[inline(always)]
pub fn input(header: &Header, interface: &Interface) -> Result<Arrival, Dropped> {
    if header.source.is_multicast() {
        return Err(Dropped::MulticastMac);
    }
    let cast = if header.destination == interface.mac() {
        Cast::Unicast
    } else if header.destination == Mac::BROADCAST {
        Cast::Broadcast
    } else if interface.hears(header.destination) {
        Cast::Multicast
    } else {
        return Err(Dropped::NotOurMac);
    };
    Ok(Arrival { station: header.source, cast })
}

/// Turns a frame round: from us, to the station that sent it.
#[inline(always)]
pub fn turn_round(frame: &mut Frame, source: Mac, station: Mac) {
    if let Ok((header, _)) = Header::mut_from_prefix(frame.bytes_mut()) {
        (header.destination, header.source) = (station, source);
    }
}

/// Puts the header in front of what is to be sent.
#[inline(always)]
pub fn output(draft: &mut Draft<'_>, ethertype: EtherType, source: Mac, destination: Mac) {
    *draft.prepend() = Header { destination, source, ethertype };
}
