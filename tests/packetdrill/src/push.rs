//! Where PSH is set, which packetdrill compares and nobody should.
//!
//! RFC 9293 §3.9.1.2 asks for PSH where the data end, and lets a sender set it anywhere else. Linux sets it at the end of
//! every superframe, too, and the scripts expect that. packetdrill takes several segments for a superframe, but then
//! expects its PSH. So new data that leave in one run of segments get it here, as if the run were superframes of Linux's.

use std::collections::HashMap;

use taphouse::base::address::{Address, Family};
use taphouse::wire::checksum::Sum;
use taphouse::wire::tcp::{CHECKSUM_OFFSET, flag};
use taphouse::wire::{ipv4, ipv6, protocol, tcp};
use zerocopy::{FromBytes, IntoBytes};

/// A flow, by the ports and addresses of its segments.
type Flow = (Address, u16, Address, u16);

/// What was sent of each flow so far.
#[derive(Default)]
pub(crate) struct Push {
    /// Where its data end.
    ends: HashMap<Flow, u32>,
}

/// A segment with data.
struct Data {
    flow: Flow,
    start: u32,
    end: u32,
    /// Where its TCP header begins.
    tcp: usize,
}

impl Push {
    /// Sets PSH in the segments that left in one turn.
    pub(crate) fn mark<'a>(&mut self, packets: impl Iterator<Item = &'a mut Vec<u8>>) {
        let mut previous: Option<(&mut Vec<u8>, Data)> = None;
        for packet in packets {
            let Some(data) = read(packet) else { continue };
            let last = self.ends.entry(data.flow).or_insert(data.start);
            let new = data.end.wrapping_sub(*last) as i32 > 0;
            if !new {
                continue;
            }
            *last = data.end;
            if let Some((before, earlier)) = &mut previous
                && (earlier.flow, earlier.end) == (data.flow, data.start)
            {
                push(before, earlier);
                push(packet, &data);
            }
            previous = Some((packet, data));
        }
    }
}

fn read(packet: &[u8]) -> Option<Data> {
    let family = if packet.first()? >> 4 == 6 { Family::V6 } else { Family::V4 };
    let (source, destination, tcp) = match family {
        Family::V4 => {
            let ip = ipv4::Packet::parse(packet).ok()?.header;
            (ip.protocol == protocol::TCP).then_some((ip.source(), ip.destination(), ip.header_length()))?
        }
        Family::V6 => {
            let ip = ipv6::Packet::parse(packet).ok()?.header;
            (ip.next_header == protocol::TCP).then_some((ip.source(), ip.destination(), size_of::<ipv6::Header>()))?
        }
    };
    let segment = tcp::Segment::parse(&packet[tcp..]).ok()?;
    let start = segment.header.sequence.get();
    let end = start.wrapping_add(segment.payload.len() as u32);
    let flow = (source, segment.header.source.get(), destination, segment.header.destination.get());
    (end != start).then_some(Data { flow, start, end, tcp })
}

fn push(packet: &mut [u8], data: &Data) {
    let (source, _, destination, _) = data.flow;
    let segment = &mut packet[data.tcp..];
    let (header, _) = tcp::Header::mut_from_prefix(segment).expect("it was read before");
    header.flags |= flag::PSH;
    header.checksum = [0; 2];
    let checksum = Sum::pseudo(source, destination, protocol::TCP, segment.len()).bytes(segment).checksum();
    segment[usize::from(CHECKSUM_OFFSET)..][..2].copy_from_slice(checksum.as_bytes());
}
