//! Which frames are for us, and the last header on the way down.

use super::interface::Interface;
use zerocopy::FromBytes;

use super::Cast;
use crate::base::address::Mac;
use crate::base::counters::Dropped;
use crate::buffer::Draft;
use crate::wire::ethernet::{EtherType, Header};

/// How many a frame is for, if we are among them.
#[inline(always)]
pub fn input(header: &Header, interface: &Interface) -> Result<Cast, Dropped> {
    let (source, destination, ours) = (header.source(), header.destination(), interface.mac());
    if source.is_multicast() || source == ours {
        return Err(Dropped::BadSourceMac);
    }
    if destination == ours {
        Ok(Cast::Unicast)
    } else if destination == Mac::BROADCAST {
        Ok(Cast::Broadcast)
    } else if interface.hears(destination) {
        Ok(Cast::Multicast)
    } else {
        Err(Dropped::NotOurMac)
    }
}

/// Turns a frame round: from us, to the station that sent it.
#[inline(always)]
pub fn turn_round(frame: &mut [u8], ethertype: EtherType, source: Mac, station: Mac) {
    if let Ok((header, _)) = Header::mut_from_prefix(frame) {
        *header = Header::new(station, source, ethertype);
    }
}

/// Puts the header in front of what is to be sent.
#[inline(always)]
pub fn output(draft: &mut Draft<'_>, ethertype: EtherType, source: Mac, destination: Mac) {
    *draft.prepend() = Header::new(destination, source, ethertype);
}
