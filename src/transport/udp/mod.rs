//! UDP (RFC 768): what arrived, and who it is for.

use zerocopy::{FromBytes, IntoBytes};

use crate::base::address::{Address, Endpoint, Family, Flow};
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Offload};
use crate::wire::checksum::Sum;
use crate::wire::protocol;
use crate::wire::udp::{Header, LENGTH, transmitted};

/// One datagram, or several of equal size in one superframe.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Both ends, seen from here.
    pub flow: Flow,
    /// Bytes of payload, all together.
    pub length: usize,
    /// Bytes of payload in each datagram; the last may have fewer.
    pub size: usize,
    /// Whether its sender computed no checksum.
    pub without_checksum: bool,
}

impl Arrival {
    /// How many datagrams there are: at least one, for a datagram may be empty.
    #[inline]
    pub fn datagrams(&self) -> usize {
        // Nearly all are alone, and dividing costs more than the rest of this layer.
        if self.length <= self.size { 1 } else { self.length.div_ceil(self.size) }
    }
}

/// Checks a datagram from `source` to `destination`.
#[inline(always)]
pub fn input(bytes: &[u8], source: Address, destination: Address, offload: Offload) -> Result<Arrival, Dropped> {
    let (header, payload) = Header::parse(bytes)?;
    let without_checksum = header.checksum == [0; 2] && offload.checksum == Checksum::Complete;
    if without_checksum {
        // RFC 8200 §8.1; RFC 6935's exception is for tunnels that ask for it.
        if source.family() == Family::V6 {
            return Err(Dropped::UdpWithoutChecksum);
        }
    } else if offload.checksum == Checksum::Complete {
        let datagram = bytes.get(..LENGTH + payload.len()).unwrap_or(bytes);
        let pseudo = Sum::pseudo(source, destination, protocol::UDP, datagram.len());
        if !pseudo.bytes(datagram).is_whole() {
            return Err(Dropped::BadUdpChecksum);
        }
    }
    let end = |address, port| Endpoint { address, port };
    Ok(Arrival {
        flow: Flow { local: end(destination, header.destination.get()), remote: end(source, header.source.get()) },
        length: payload.len(),
        size: offload.segments.map_or(payload.len(), |segments| usize::from(segments.size)),
        without_checksum,
    })
}

/// Turns a datagram round: the ports change places, which leaves its checksum as it is. One that came without gets
/// one (RFC 1122 §4.1.3.4), unless the device computes it anyway.
#[inline(always)]
pub fn turn_round(bytes: &mut [u8], arrival: &Arrival) {
    let Ok((header, payload)) = Header::mut_from_prefix(bytes) else { return };
    (header.source, header.destination) = (header.destination, header.source);
    if arrival.without_checksum {
        *header = complete(self::header(&arrival.flow, payload.len()), payload);
    }
}

/// The header of a datagram of ours with `payload` bytes; its checksum is the folded pseudo-header's sum, for the
/// device or for [`complete`] to go on with.
pub fn header(flow: &Flow, payload: usize) -> Header {
    let length = LENGTH + payload;
    let Flow { local, remote } = flow;
    Header {
        source: local.port.into(),
        destination: remote.port.into(),
        length: (length as u16).into(),
        checksum: Sum::pseudo(local.address, remote.address, protocol::UDP, length).folded(),
    }
}

/// Completes the checksum of a header whose field holds the pseudo-header's sum.
pub fn complete(header: Header, payload: &[u8]) -> Header {
    let checksum = transmitted(Sum::of(header.as_bytes()).bytes(payload).checksum());
    Header { checksum, ..header }
}
