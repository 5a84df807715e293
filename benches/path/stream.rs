//! A TCP connection on the treadmill, made by etherparse, and segments on it.

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use taphouse::base::address::Address;
use taphouse::wire::checksum::Sum;
use taphouse::wire::protocol;

use crate::OnTreadmill;
use crate::device::BATCH;
use crate::frames::{self, OUR_MAC, OUR_V4, PEER_MAC, PEER_V4};

/// RFC 863.
pub(crate) const PORT: u16 = 9;
/// Bytes of a segment.
const SEGMENT: usize = 1460;
/// The sequence number of the SYN.
const INITIAL: u32 = 1000;
/// Turns of half as many segments, before all others.
const HALVES: usize = 3;
/// Where TCP begins, and in it the sequence number and the checksum.
const TCP: usize = 14 + 20;
const SEQUENCE: usize = TCP + 4;
const CHECKSUM: usize = TCP + 16;

/// Opens a connection to the discard port, with a peer that is known; then the treadmill gives its data.
pub(crate) fn open(host: &mut impl OnTreadmill) {
    let arp = frames::all().into_iter().find(|frame| frame.name == "arp").expect("there is one");
    host.treadmill().lay(arp.bytes, 0);
    let _here_we_are = answer(host, 1);
    let syn = write(|tcp| tcp.syn().options_raw(&[2, 4, 5, 0xb4, 3, 3, 7, 0]).expect("a multiple of four"), INITIAL, 0);
    host.treadmill().lay(syn, 0);
    let theirs = sequence_number(&answer(host, 1)).wrapping_add(1);
    host.treadmill().lay(write(|tcp| tcp.ack(theirs), INITIAL + 1, 0), 0);
    let _nothing = answer(host, 1);
    // As much as the first window takes, until it has grown.
    host.treadmill().lay(write(|tcp| tcp.ack(theirs), INITIAL + 1, SEGMENT), SEGMENT as u32);
    (0..HALVES).for_each(|_| drop(answer(host, BATCH / 2)));
}

/// All of the first whole turn is acknowledged.
pub(crate) fn check(answer: &[u8]) {
    let sliced = SlicedPacket::from_ethernet(answer).expect("a packet");
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (sliced.net, sliced.transport) else {
        panic!("not TCP over IPv4")
    };
    assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
    assert!(tcp.ack() && tcp.payload().is_empty());
    let came = (HALVES * BATCH / 2 + BATCH) * SEGMENT;
    assert_eq!((tcp.acknowledgment_number(), tcp.source_port()), (INITIAL + 1 + came as u32, PORT));
    assert_eq!(Ok(tcp.checksum()), tcp.to_header().calc_checksum_ipv4_raw(OUR_V4, PEER_V4, &[]));
}

/// Moves a segment so many bytes further in its stream.
pub(crate) fn advance(frame: &mut [u8], bytes: u32) {
    let sequence = sequence_number(frame).wrapping_add(bytes);
    frame[SEQUENCE..][..4].copy_from_slice(&sequence.to_be_bytes());
    frame[CHECKSUM..][..2].fill(0);
    let (peer, ours) = (Address::from_v4(PEER_V4), Address::from_v4(OUR_V4));
    let sum = Sum::pseudo(peer, ours, protocol::TCP, frame.len() - TCP).bytes(&frame[TCP..]);
    frame[CHECKSUM..][..2].copy_from_slice(&sum.checksum());
}

fn sequence_number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[SEQUENCE..][..4].try_into().expect("four bytes"))
}

/// Gives so many of what was laid, and returns the last answer.
fn answer(host: &mut impl OnTreadmill, frames: usize) -> Vec<u8> {
    host.treadmill().answer = Some(Vec::new());
    host.treadmill().wind_for(frames);
    host.turn();
    host.treadmill().answer.take().expect("it was asked to be kept")
}

type Step = etherparse::PacketBuilderStep<etherparse::TcpHeader>;

/// A segment with `flags`, and so many bytes of data.
fn write(flags: impl FnOnce(Step) -> Step, sequence: u32, length: usize) -> Vec<u8> {
    let head = PacketBuilder::ethernet2(PEER_MAC, OUR_MAC).ipv4(PEER_V4, OUR_V4, 64);
    let mut frame = Vec::new();
    let written = flags(head.tcp(40_000, PORT, sequence, 0xffff)).write(&mut frame, &vec![0x5a; length]);
    written.expect("a Vec takes all");
    frame
}
