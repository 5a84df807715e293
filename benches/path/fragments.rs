//! Reassembly of 64 KiB from 45 fragments, beside what nobody can do without: one copy of the bytes, and one checksum.
//!
//! Each fragment is read as on its way up, the IPv6 header and its fragment header too.

use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::base::counters::Counters;
use taphouse::base::random::Random;
use taphouse::base::time::Instant;
use taphouse::buffer::{CAPACITY, Frame, Offload, Pool};
use taphouse::internet::fragment::Fragment;
use taphouse::internet::reassembly::{Reassembly, Taken};
use taphouse::internet::{Packet, ipv6};
use taphouse::link::Arrival;
use taphouse::link::interface::{Interface, Standing};
use taphouse::wire::checksum::Sum;
use taphouse::wire::{extension, protocol};
use zerocopy::IntoBytes;

use crate::frames::{OUR_MAC, OUR_V6, PEER_MAC, PEER_V6};
use crate::support::{Contender, race};

const FRAGMENTS: usize = 45;
/// Bytes of each on an Ethernet.
const ROOM: usize = 1448;
const LENGTH: usize = FRAGMENTS * ROOM;

fn fragments() -> Vec<Vec<u8>> {
    let data: Vec<u8> = (0..LENGTH).map(|at| (at * 7 % 251) as u8).collect();
    let ends = (Address::from_v6(PEER_V6), Address::from_v6(OUR_V6));
    let fragment = |(at, data): (usize, &[u8])| {
        let header = extension::Fragment::new(protocol::UDP, (at * ROOM) as u16, at + 1 < FRAGMENTS, 77);
        let ip = taphouse::wire::ipv6::Header::new(0, (8 + data.len()) as u16, protocol::FRAGMENT, 64, ends);
        [&OUR_MAC[..], &PEER_MAC, &[0x86, 0xdd], ip.as_bytes(), header.as_bytes(), data].concat()
    };
    data.chunks(ROOM).enumerate().map(fragment).collect()
}

/// Puts the datagram together once a call; returns its length.
pub(crate) fn reassembly() -> impl FnMut() -> usize {
    let mut interface = Interface::new(Mac::new(OUR_MAC), 1500);
    let own = Cidr::new(Address::from_v6(OUR_V6), 64).expect("a length of its family");
    assert!(interface.add(own, Standing::Preferred));
    let mut random = Random::new([7; 16]);
    let (mut reassembly, mut pool) = (Reassembly::new(&mut random), Pool::new(64 << 20));
    let mut counters = Counters::default();
    let sent = fragments();
    let whole: Vec<u8> = sent.iter().flat_map(|frame| &frame[62..]).copied().collect();
    // All but the last lie where they were received; the last one's frame becomes the datagram each time.
    let mut frames: Vec<Frame> = sent.iter().map(|bytes| Frame::from_bytes(bytes, Offload::default())).collect();
    let mut last = Frame::new(CAPACITY);
    let now = Instant::from_millis(1);
    let mut checked = false;
    move || {
        let mut packet = Packet::default();
        for (at, bytes) in sent.iter().enumerate() {
            let frame = if at + 1 < FRAGMENTS { &mut frames[at] } else { &mut last };
            if at + 1 == FRAGMENTS {
                frame.fill(bytes, Offload::default());
            }
            let read = ipv6::input(frame, 14, Arrival::default(), &interface, &mut packet);
            assert!(read.is_err(), "it is a fragment");
            let fragment = Fragment::read(frame.bytes(), &mut packet).expect("a good fragment");
            let taken = reassembly.take(&fragment, &packet, frame, &mut pool, &mut counters, now);
            let expected = if at + 1 < FRAGMENTS { Taken::Kept } else { Taken::Whole };
            assert_eq!(taken, Ok(expected));
        }
        if !checked {
            assert!(last.bytes()[54..] == whole, "what is timed is right");
            checked = true;
        }
        last.len()
    }
}

/// The ratio of both.
pub(crate) fn race_with_a_copy() -> f64 {
    let ours = Contender::new("reassembly", reassembly());
    let from: Vec<u8> = (0..LENGTH).map(|at| (at * 7 % 251) as u8).collect();
    let mut to = vec![0; LENGTH];
    let theirs = Contender::new("copy and checksum", move || {
        to.copy_from_slice(&from);
        Sum::of(std::hint::black_box(&to)).folded()
    });
    race("64 KiB of 45 fragments", 200, ours, vec![theirs])
}
