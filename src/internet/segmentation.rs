//! TCP segmentation in software: what a device does that cuts superframes, for one that does not.
//!
//! The headers of a superframe are written once. Each of its segments is sent behind the same bytes, of which nothing
//! changes but the sequence number, the checksum, and for the last one the flags and the lengths.

use zerocopy::{FromBytes, IntoBytes};

use crate::base::address::Family;
use crate::buffer::{DEVICE_ROOM, Frame};
use crate::wire::checksum::Sum;
use crate::wire::tcp::{self, flag};
use crate::wire::{ipv4, ipv6};

/// What a superframe says of its end, and so only its last segment.
const OF_THE_LAST: u8 = flag::FIN | flag::PSH;

/// Where the headers of a frame begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Which IP it is.
    pub family: Family,
    /// The IP header, which has no options.
    pub network: usize,
    /// The TCP header; with its options the head ends.
    pub transport: usize,
}

/// Where a segment stands in its superframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Others follow.
    Inner,
    /// It is the last one.
    Last,
}

/// The head of a superframe, made into that of each of its segments in turn.
pub struct Template<'a> {
    head: &'a mut [u8],
    layers: Layers,
    /// Of the pseudo-header and the TCP header, without what changes.
    sum: Sum,
    sequence: u32,
    flags: u8,
    /// Data bytes for which the lengths stand in the head.
    length: usize,
}

impl<'a> Template<'a> {
    /// Takes the head of a superframe with `length` bytes of data, in whose checksum field the sum of the pseudo-header
    /// stands. `None` when there is no such head: a bug of ours.
    pub fn new(head: &'a mut [u8], layers: Layers, length: usize) -> Option<Template<'a>> {
        let whole = head.len().checked_sub(layers.transport)? + length;
        let (header, options) = tcp::Header::mut_from_prefix(head.get_mut(layers.transport..)?).ok()?;
        let (sequence, flags) = (header.sequence.get(), header.flags);
        let pseudo = Sum::ZERO.field(header.checksum).without((whole as u16).to_be_bytes());
        (header.sequence, header.flags, header.checksum) = (0.into(), 0, [0; 2]);
        let sum = pseudo.bytes(header.as_bytes()).bytes(options);
        Some(Template { head, layers, sum, sequence, flags, length })
    }

    /// The head of the next segment: `length` bytes of data whose sum is `data` follow it.
    #[inline]
    pub fn next(&mut self, length: usize, position: Position, data: Sum) -> &mut [u8] {
        let (layers, stamp) = (self.layers, self.stamp(length, position, data));
        stamp.put_on(&mut self.head[layers.transport..]);
        self.head
    }

    /// The same, in front of the data that lie in `frame`. What differs is written where it is sent from, behind a head that
    /// stays as it is: who copies what was just written in small pieces waits for them.
    #[inline]
    pub fn prepend_next(&mut self, frame: &mut Frame, position: Position, data: Sum) {
        let stamp = self.stamp(frame.len(), position, data);
        frame.prepend(&self.head[DEVICE_ROOM..]);
        stamp.put_on(&mut frame.bytes_mut()[self.layers.transport - DEVICE_ROOM..]);
    }

    /// What the next segment has for itself.
    #[inline]
    fn stamp(&mut self, length: usize, position: Position, data: Sum) -> Stamp {
        let segment = self.head.len() - self.layers.transport + length;
        if self.length != length {
            self.length = length;
            self.set_length(segment as u16);
        }
        let flags = if position == Position::Last { self.flags } else { self.flags & !OF_THE_LAST };
        let sequence = self.sequence.to_be_bytes();
        self.sequence = self.sequence.wrapping_add(length as u32);
        let changes = data.quad(sequence).word(u16::from(flags)).word(segment as u16);
        Stamp { sequence, flags, checksum: self.sum.and(changes).checksum() }
    }

    fn set_length(&mut self, segment: u16) {
        let network = &mut self.head[self.layers.network..];
        match self.layers.family {
            Family::V4 => {
                if let Ok((header, _)) = ipv4::Header::mut_from_prefix(network) {
                    header.set_total_length(ipv4::LENGTH as u16 + segment);
                }
            }
            Family::V6 => {
                if let Ok((header, _)) = ipv6::Header::mut_from_prefix(network) {
                    header.payload_length = segment.into();
                }
            }
        }
    }
}

/// What a TCP header has that those of the same superframe do not.
struct Stamp {
    sequence: [u8; 4],
    flags: u8,
    checksum: [u8; 2],
}

impl Stamp {
    #[inline]
    fn put_on(self, header: &mut [u8]) {
        if let Ok((header, _)) = tcp::Header::mut_from_prefix(header) {
            (header.sequence, header.flags, header.checksum) = (self.sequence.into(), self.flags, self.checksum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Address;
    use crate::base::random::Random;
    use crate::buffer::{Draft, HEADROOM};
    use crate::internet::Outbound;
    use crate::internet::output::{Identifications, prepend};
    use crate::wire::protocol;
    use proptest::prelude::*;

    /// A head, written as for a packet with `data` behind it; its checksum, complete or only of the pseudo-header.
    fn head(family: Family, sequence: u32, flags: u8, data: usize, complete_over: Option<&[u8]>) -> Vec<u8> {
        let address = |last| match family {
            Family::V4 => Address::from_v4([10, 77, 0, last]),
            Family::V6 => Address::from_v6([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]),
        };
        let (source, destination) = (address(1), address(2));
        let options = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut header = tcp::Header::new((7.into(), 9.into()), sequence, 77, flags).with_options(options.len());
        header.window = 1000.into();
        let length = tcp::LENGTH + options.len() + data;
        let pseudo = Sum::pseudo(source, destination, protocol::TCP, length);
        header.checksum = match complete_over {
            None => pseudo.folded(),
            Some(data) => pseudo.bytes(header.as_bytes()).bytes(&options).bytes(data).checksum(),
        };
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        draft.prepend_bytes(&options);
        *draft.prepend() = header;
        let outbound = Outbound {
            source,
            destination,
            protocol: protocol::TCP,
            hop_limit: 64,
            traffic_class: 0,
            dont_fragment: true,
        };
        prepend(&mut draft, data, &outbound, &mut Identifications::new(&mut Random::new([1; 16])));
        draft.bytes().to_vec()
    }

    proptest! {
        /// Each segment is what would have been written for it alone.
        #[test]
        fn as_if_each_were_written_alone(
            v6: bool,
            sequence: u32,
            flags in (0u8..0x40).prop_map(|flags| flag::ACK | flags & OF_THE_LAST),
            data in prop::collection::vec(any::<u8>(), 1..9000),
            size in 48usize..1500,
        ) {
            let family = if v6 { Family::V6 } else { Family::V4 };
            let mut superframe = head(family, sequence, flags, data.len(), None);
            let transport = if v6 { ipv6::LENGTH } else { ipv4::LENGTH };
            let layers = Layers { family, network: 0, transport };
            let mut template = Template::new(&mut superframe, layers, data.len()).unwrap();
            let pieces = data.chunks(size).collect::<Vec<_>>();
            for (count, piece) in pieces.iter().enumerate() {
                let (position, flags) = match count + 1 == pieces.len() {
                    true => (Position::Last, flags),
                    false => (Position::Inner, flags & !OF_THE_LAST),
                };
                let at = sequence.wrapping_add((count * size) as u32);
                let alone = head(family, at, flags, piece.len(), Some(piece));
                prop_assert_eq!(&*template.next(piece.len(), position, Sum::of(piece)), &alone[..]);
            }
        }
    }
}
