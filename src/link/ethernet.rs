//! Which frames are for us, and the last header on the way down.

use super::interface::Interface;
use super::{Arrival, Cast};
use crate::base::address::Mac;
use crate::base::counters::Dropped;
use crate::buffer::Draft;
use crate::wire::ethernet::{EtherType, Header};

/// How a frame came, if it is for us.
#[inline]
pub fn input(header: &Header, interface: &Interface) -> Result<Arrival, Dropped> {
    if header.source.is_multicast() {
        return Err(Dropped::MulticastMac);
    }
    let cast = match header.destination {
        mac if mac == interface.mac() => Cast::Unicast,
        Mac::BROADCAST => Cast::Broadcast,
        mac if mac.is_multicast() && interface.hears(mac) => Cast::Multicast,
        _ => return Err(Dropped::NotOurMac),
    };
    Ok(Arrival { station: header.source, cast })
}

/// Puts the header in front of what is to be sent.
#[inline]
pub fn output(draft: &mut Draft<'_>, ethertype: EtherType, source: Mac, destination: Mac) {
    *draft.prepend() = Header { destination, source, ethertype };
}
