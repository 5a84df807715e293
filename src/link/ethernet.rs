//! Which frames are for us, and the last header on the way down.

use zerocopy::IntoBytes;

use super::Cast;
use super::interface::Interface;
use crate::base::address::Mac;
use crate::base::counters::Dropped;
use crate::buffer::Draft;
use crate::wire::ethernet::{EtherType, Header};

/// How many a frame is for, if we are among them.
#[inline]
pub fn input(header: &Header, interface: &Interface) -> Result<Cast, Dropped> {
    if header.source.is_multicast() {
        return Err(Dropped::MulticastMac);
    }
    match header.destination {
        mac if mac == interface.mac() => Ok(Cast::Unicast),
        Mac::BROADCAST => Ok(Cast::Broadcast),
        mac if mac.is_multicast() && interface.hears(mac) => Ok(Cast::Multicast),
        _ => Err(Dropped::NotOurMac),
    }
}

/// Puts the header in front of what is to be sent.
#[inline]
pub fn output(draft: &mut Draft<'_>, ethertype: EtherType, source: Mac, destination: Mac) {
    let header = Header { destination, source, ethertype };
    draft.prepend::<{ crate::wire::ethernet::LENGTH }>().copy_from_slice(header.as_bytes());
}
