//! What reading and writing headers costs, and the checksum: here, in smoltcp, in etherparse, in pnet_packet.
//!
//! All four read the same bytes, return the same fields and refuse the same mistakes; where a library leaves a
//! check to its caller, its module makes up for it. Everything is compared once before it is measured. The parsers
//! here are inlined wherever they are called, so that nobody has luck; the libraries' own functions are as they are.

mod by_etherparse;
mod by_pnet;
mod by_smoltcp;
mod ours;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Debug;
use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;

use ours::build as we_build;
use support::{Contender, race};

/// What headers are built from.
struct Fields {
    macs: [[u8; 6]; 2],
    v4: [[u8; 4]; 2],
    v6: [[u8; 16]; 2],
    ports: [u16; 2],
    sequence: u32,
    acknowledgment: u32,
    window: u16,
    identification: u16,
    payload_length: u16,
}

const FIELDS: Fields = Fields {
    macs: [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]],
    v4: [[10, 77, 0, 1], [10, 77, 0, 2]],
    v6: [
        [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
    ],
    ports: [40_000, 80],
    sequence: 0x0123_4567,
    acknowledgment: 0x89ab_cdef,
    window: 0xffff,
    identification: 0x4242,
    payload_length: 1000,
};

// What the parsers return: what the next layer or a flow table asks for.

/// Destination, source, what it carries, bytes behind the header.
type Ethernet = ([u8; 6], [u8; 6], u16, usize);
/// Operation, sender, target.
type Arp = (u16, ([u8; 6], [u8; 4]), ([u8; 6], [u8; 4]));
/// Source, destination, what it carries, bytes of payload.
type Ipv4 = ([u8; 4], [u8; 4], u8, usize);
/// Likewise.
type Ipv6 = ([u8; 16], [u8; 16], u8, usize);
/// Source port, destination port, bytes of payload.
type Udp = (u16, u16, usize);
/// Source port, destination port, sequence number, bytes of payload.
type Tcp = (u16, u16, u32, usize);
/// Source, destination, and the segment.
type Frame = ([u8; 4], [u8; 4], Tcp);

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .configure_from_args();
    building(&mut criterion);
    parsing(&mut criterion);
    summing(&mut criterion);
    criterion.final_summary();
    racing();
}

fn building(c: &mut Criterion) {
    use {
        by_etherparse::build as etherparse, by_pnet::build as pnet, by_smoltcp::build as smoltcp, ours::build as ours,
    };
    let f = &FIELDS;
    compare(c, "build/ethernet", f, ours::ethernet, smoltcp::ethernet, etherparse::ethernet, pnet::ethernet);
    compare(c, "build/arp", f, ours::arp, smoltcp::arp, etherparse::arp, pnet::arp);
    compare(c, "build/ipv4", f, ours::ipv4, smoltcp::ipv4, etherparse::ipv4, pnet::ipv4);
    compare(c, "build/ipv6", f, ours::ipv6, smoltcp::ipv6, etherparse::ipv6, pnet::ipv6);
    compare(c, "build/udp", f, ours::udp, smoltcp::udp, etherparse::udp, pnet::udp);
    compare(c, "build/tcp", f, ours::tcp, smoltcp::tcp, etherparse::tcp, pnet::tcp);
}

fn parsing(c: &mut Criterion) {
    use {
        by_etherparse::parse as etherparse, by_pnet::parse as pnet, by_smoltcp::parse as smoltcp, ours::parse as ours,
    };
    let payload = vec![0x55; usize::from(FIELDS.payload_length)];
    let packet = |header: &[u8]| [header, &payload].concat();

    let p = &packet(&we_build::ethernet(&FIELDS))[..];
    compare(c, "parse/ethernet", p, ours::ethernet, smoltcp::ethernet, etherparse::ethernet, pnet::ethernet);
    let p = &we_build::arp(&FIELDS)[..];
    compare(c, "parse/arp", p, ours::arp, smoltcp::arp, etherparse::arp, pnet::arp);
    let p = &packet(&we_build::ipv4(&FIELDS))[..];
    compare(c, "parse/ipv4", p, ours::ipv4, smoltcp::ipv4, etherparse::ipv4, pnet::ipv4);
    let p = &packet(&we_build::ipv6(&FIELDS))[..];
    compare(c, "parse/ipv6", p, ours::ipv6, smoltcp::ipv6, etherparse::ipv6, pnet::ipv6);
    let p = &packet(&we_build::udp(&FIELDS))[..];
    compare(c, "parse/udp", p, ours::udp, smoltcp::udp, etherparse::udp, pnet::udp);
    let p = &packet(&we_build::tcp(&FIELDS))[..];
    compare(c, "parse/tcp", p, ours::tcp, smoltcp::tcp, etherparse::tcp, pnet::tcp);
    let p = &frame()[..];
    compare(c, "parse/frame", p, ours::frame, smoltcp::frame, etherparse::frame, pnet::frame);
}

fn summing(c: &mut Criterion) {
    for length in [20, 64, 1460, 65_535] {
        let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + i / 251) as u8).collect();
        compare(
            c,
            &format!("checksum/{length}"),
            &bytes[..],
            ours::checksum,
            by_smoltcp::checksum,
            by_etherparse::checksum,
            by_pnet::checksum,
        );
    }
}

/// Measures what four contenders do with the same input, after making sure that it is the same.
fn compare<I: ?Sized, T: PartialEq + Debug>(
    criterion: &mut Criterion,
    name: &str,
    input: &I,
    ours: impl Fn(&I) -> T,
    smoltcp: impl Fn(&I) -> T,
    etherparse: impl Fn(&I) -> T,
    pnet: impl Fn(&I) -> T,
) {
    let expected = ours(input);
    assert_eq!(smoltcp(input), expected, "{name}: smoltcp");
    assert_eq!(etherparse(input), expected, "{name}: etherparse");
    assert_eq!(pnet(input), expected, "{name}: pnet_packet");

    let mut group = criterion.benchmark_group(name);
    group.bench_function("taphouse", |bencher| bencher.iter(|| ours(black_box(input))));
    group.bench_function("smoltcp", |bencher| bencher.iter(|| smoltcp(black_box(input))));
    group.bench_function("etherparse", |bencher| bencher.iter(|| etherparse(black_box(input))));
    group.bench_function("pnet_packet", |bencher| bencher.iter(|| pnet(black_box(input))));
    group.finish();
}

/// A TCP segment in an IPv4 packet in an Ethernet frame.
fn frame() -> Vec<u8> {
    let segment = [&we_build::tcp(&FIELDS)[..], &vec![0x55; usize::from(FIELDS.payload_length) - 20]].concat();
    [&we_build::ethernet(&FIELDS)[..], &we_build::ipv4(&FIELDS), &segment].concat()
}

/// The comparison that counts, in turn within one run: criterion's figures are minutes apart.
fn racing() {
    let frame = frame();
    assert_eq!(by_etherparse::parse::frame_sliced(&frame), ours::parse::frame(&frame));
    assert_eq!(by_pnet::parse::frame_unchecked(&frame), ours::parse::frame(&frame));
    race(
        "Parse Ethernet/IPv4/TCP",
        200_000,
        Contender::new("taphouse", || ours::parse::frame(black_box(&frame))),
        vec![
            Contender::new("smoltcp", || by_smoltcp::parse::frame(black_box(&frame))),
            Contender::new("etherparse, layer by layer", || by_etherparse::parse::frame(black_box(&frame))),
            Contender::new("etherparse, SlicedPacket", || by_etherparse::parse::frame_sliced(black_box(&frame))),
            Contender::new("pnet_packet", || by_pnet::parse::frame(black_box(&frame))),
            Contender::new("pnet_packet, no length checked", || by_pnet::parse::frame_unchecked(black_box(&frame))),
        ],
    );
}
