//! PSH in the segments that leave, which packetdrill compares and nobody should. Where it goes is said in `buffers.rs`.

use std::collections::HashMap;
use std::ops::Range;

use taphouse::base::address::{Address, Endpoint, Family};
use taphouse::wire::checksum::Sum;
use taphouse::wire::tcp::{CHECKSUM_OFFSET, flag};
use taphouse::wire::tcp_options::Options;
use taphouse::wire::{ipv4, ipv6, protocol, tcp};
use zerocopy::{FromBytes, IntoBytes};

/// The initial sequence number of each connection, by its peer.
#[derive(Default)]
pub(crate) struct Push {
    initial: HashMap<Endpoint, u32>,
}

/// A TCP segment in an IP packet.
struct Segment {
    addresses: (Address, Address),
    source: Endpoint,
    destination: Endpoint,
    sequence: u32,
    length: usize,
    flags: u8,
    /// Where its TCP header begins.
    tcp: usize,
}

/// Says where in a range of a stream, which leaves in one turn, PSH is set: of the connection with this peer.
pub(crate) type Judge<'a> = dyn FnMut(Endpoint, Range<u64>) -> Option<Vec<u64>> + 'a;

impl Push {
    /// Sets PSH in the segments that left in one turn, and nowhere else.
    pub(crate) fn mark(&mut self, packets: &mut [(taphouse::base::time::Instant, Vec<u8>)], judge: &mut Judge<'_>) {
        let mut at = 0;
        while let Some((_, packet)) = packets.get(at) {
            let Some(first) = read(packet) else {
                at += 1;
                continue;
            };
            if first.flags & flag::SYN != 0 {
                self.initial.insert(first.destination, first.sequence);
            }
            let adjoining =
                packets[at..].iter().map_while(|(_, packet)| read(packet)).scan(first.sequence, |next, of| {
                    let adjoins = of.destination == first.destination && of.sequence == *next && of.length > 0;
                    *next = next.wrapping_add(of.length as u32);
                    adjoins.then_some(of.length)
                });
            let lengths: Vec<usize> = adjoining.collect();
            let run = &mut packets[at..at + lengths.len()];
            at += lengths.len().max(1);
            let Some(initial) = self.initial.get(&first.destination) else { continue };
            let start = position(first.sequence, *initial);
            let end = start + lengths.iter().sum::<usize>() as u64;
            let Some(pushes) = (start < end).then(|| judge(first.destination, start..end)).flatten() else { continue };
            let mut end = start;
            for ((_, packet), length) in run.iter_mut().zip(lengths) {
                end += length as u64;
                set(packet, pushes.contains(&end));
            }
        }
    }

    /// Where the selective acknowledgments of a packet from a peer begin and end, in our stream; and who that is.
    pub(crate) fn selective(&self, packet: &[u8]) -> Option<(Endpoint, Vec<u64>)> {
        let segment = read(packet)?;
        let bytes = tcp::Segment::parse(&packet[segment.tcp..]).ok()?.options;
        let sack = Options::parse(bytes).ok()?.sack;
        let initial = self.initial.get(&segment.source).copied().unwrap_or(segment.sequence);
        let ends = sack.iter().flat_map(|(left, right)| [*left, *right]).map(|at| position(at, initial));
        Some((segment.source, ends.collect()))
    }
}

/// The position of a sequence number in the stream that follows a SYN.
fn position(sequence: u32, initial: u32) -> u64 {
    sequence.wrapping_sub(initial.wrapping_add(1)).into()
}

fn read(packet: &[u8]) -> Option<Segment> {
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
    Some(Segment {
        addresses: (source, destination),
        source: Endpoint { address: source, port: segment.header.source.get() },
        destination: Endpoint { address: destination, port: segment.header.destination.get() },
        sequence: segment.header.sequence.get(),
        length: segment.payload.len(),
        flags: segment.header.flags,
        tcp,
    })
}

/// Sets PSH, or takes it away.
fn set(packet: &mut [u8], push: bool) {
    let Some(Segment { addresses: (source, destination), tcp, .. }) = read(packet) else { return };
    let segment = &mut packet[tcp..];
    let (header, _) = tcp::Header::mut_from_prefix(segment).expect("it was read before");
    header.flags = header.flags & !flag::PSH | if push { flag::PSH } else { 0 };
    header.checksum = [0; 2];
    let checksum = Sum::pseudo(source, destination, protocol::TCP, segment.len()).bytes(segment).checksum();
    segment[usize::from(CHECKSUM_OFFSET)..][..2].copy_from_slice(checksum.as_bytes());
}
