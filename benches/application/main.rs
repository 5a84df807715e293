//! What a packet costs in protocols above the transport layer, beside libraries that only parse it. Everything is compared
//! once before it is measured, and nothing of ours may allocate.

#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use rtp_types::{RtpPacket, RtpPacketBuilder};
use taphouse::application::rtp::ntp::WallClock;
use taphouse::application::rtp::payload::PayloadTypes;
use taphouse::application::rtp::rtcp::{Compound, Packet, ReportBlock, Rule, SenderInfo, Writer};
use taphouse::application::rtp::{Config, Session};
use taphouse::base::address::{Address, Endpoint};
use taphouse::base::random::Random;
use taphouse::base::time::Instant;

use support::{Contender, race};

fn packet() -> Vec<u8> {
    let payload = [7u8; 160];
    let builder = RtpPacketBuilder::<&[u8], &[u8]>::new().ssrc(5).payload_type(0).payload(&payload[..]);
    builder.write_vec().expect("it fits")
}

/// A stream that goes on for ever: the same packet with the next number and timestamp.
struct Stream {
    bytes: Vec<u8>,
    number: u16,
    timestamp: u32,
    now: Instant,
}

impl Stream {
    fn new() -> Stream {
        Stream { bytes: packet(), number: 0, timestamp: 0, now: Instant::from_millis(1000) }
    }

    #[inline(always)]
    fn next(&mut self) -> (&[u8], Instant) {
        (self.number, self.timestamp) = (self.number.wrapping_add(1), self.timestamp.wrapping_add(160));
        self.now = self.now + Duration::from_millis(20);
        self.bytes[2..4].copy_from_slice(&self.number.to_be_bytes());
        self.bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        (&self.bytes, self.now)
    }
}

/// What a parser is asked for.
#[inline(always)]
fn parsed(bytes: &[u8]) -> Option<(u32, u16, u32, u8, usize)> {
    let packet = RtpPacket::parse(bytes).ok()?;
    let payload = packet.payload().len();
    Some((packet.ssrc(), packet.sequence_number(), packet.timestamp(), packet.payload_type(), payload))
}

fn compound() -> Vec<u8> {
    let block = |ssrc: u32| ReportBlock {
        ssrc: ssrc.into(),
        fraction_lost: 1,
        lost: [0, 0, 5],
        highest: 77.into(),
        jitter: 8.into(),
        last_sr: 9.into(),
        delay: 10.into(),
    };
    let info = SenderInfo { ntp: 1.into(), timestamp: 2.into(), packets: 3.into(), octets: 4.into() };
    let mut place = [0; 500];
    let mut writer = Writer::new(&mut place);
    writer.sender_report(1, &info, &[block(2), block(3), block(4)]);
    writer.name(1, b"someone@example.org");
    writer.bye(1, "over");
    writer.bytes().to_vec()
}

/// Everything that a session reads of a compound packet, added up.
fn ours(bytes: &[u8]) -> Option<u64> {
    let mut sum = 0;
    for packet in Compound::parse(bytes, Rule::Compound).ok()? {
        sum += match packet {
            Packet::SenderReport { ssrc, info, blocks } => {
                let blocks = blocks.iter().map(|block| u64::from(block.ssrc.get()) + u64::from(block.highest.get()));
                u64::from(ssrc) + info.ntp.get() + u64::from(info.timestamp.get()) + blocks.sum::<u64>()
            }
            Packet::Sdes(chunks) => {
                chunks.map(|(ssrc, name)| u64::from(ssrc) + name.map_or(0, <[u8]>::len) as u64).sum()
            }
            Packet::Bye { sources, reason } => sources.map(u64::from).sum::<u64>() + reason.len() as u64,
            _ => return None,
        };
    }
    Some(sum)
}

fn theirs(bytes: &[u8]) -> Option<u64> {
    use rtcp_types::Packet;
    let mut sum = 0;
    for packet in rtcp_types::Compound::parse(bytes).ok()? {
        sum += match packet.ok()? {
            Packet::Sr(sr) => {
                let block = |block: rtcp_types::ReportBlock<'_>| {
                    u64::from(block.ssrc()) + u64::from(block.extended_sequence_number())
                };
                let blocks: u64 = sr.report_blocks().map(block).sum();
                u64::from(sr.ssrc()) + sr.ntp_timestamp() + u64::from(sr.rtp_timestamp()) + blocks
            }
            Packet::Sdes(sdes) => sdes
                .chunks()
                .map(|chunk| {
                    let name = chunk.items().find(|item| item.type_() == rtcp_types::SdesItem::CNAME);
                    u64::from(chunk.ssrc()) + name.map_or(0, |item| item.value().len() as u64)
                })
                .sum(),
            Packet::Bye(bye) => bye.ssrcs().map(u64::from).sum::<u64>() + bye.reason().map_or(0, <[u8]>::len) as u64,
            _ => return None,
        };
    }
    Some(sum)
}

fn main() {
    let from = Endpoint { address: Address::from_v4([10, 0, 0, 1]), port: 6000 };
    let types = PayloadTypes::default();
    let mut session = Session::new(Config::new(b"us", WallClock::default()), Random::new([1; 16]), Instant::ZERO);
    let mut stream = Stream::new();
    for _ in 0..10 {
        let (bytes, now) = stream.next();
        let arrived = session.on_rtp(bytes, &types, from, now).expect("it is a good packet");
        let read = parsed(bytes).expect("it is a good packet");
        assert_eq!((arrived.ssrc, arrived.number, arrived.timestamp, arrived.payload_type, arrived.payload.1), read);
    }
    let report = compound();
    assert_eq!(ours(&report), theirs(&report));
    assert!(ours(&report).is_some());

    let mut place = [0; 1200];
    let allocated = allocation_counter::measure(|| {
        for n in 0..10_000 {
            let (bytes, now) = stream.next();
            session.on_rtp(bytes, &types, from, now).expect("it is a good packet");
            black_box(ours(&report));
            if n % 100 == 0 {
                session.on_rtcp(&report, Endpoint { port: 6001, ..from }, now, |_| {}).expect("it is a good packet");
                black_box(session.on_timer(&mut place, now));
            }
        }
    });
    println!("allocations in 10,000 packets with their reports: {}", allocated.count_total);
    assert_eq!(allocated.count_total, 0);

    let mut other = Stream::new();
    let validated = race(
        "an RTP packet: parsed, validated, its jitter taken; beside rtp-types, which parses it",
        100_000,
        Contender::new("taphouse", || {
            let (bytes, now) = stream.next();
            session.on_rtp(black_box(bytes), &types, from, now)
        }),
        vec![Contender::new("rtp-types", || {
            let (bytes, now) = other.next();
            (parsed(black_box(bytes)), now)
        })],
    );
    let reports = race(
        "an RTCP compound packet: SR with three blocks, SDES, BYE",
        100_000,
        Contender::new("taphouse", || ours(black_box(&report))),
        vec![Contender::new("rtcp-types", || theirs(black_box(&report)))],
    );
    println!("RTP {validated:.2} of rtp-types' parse (at most 4), RTCP {reports:.2} of rtcp-types' (at most 1)");

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("rtp/packet", |bencher| {
        bencher.iter(|| {
            let (bytes, now) = stream.next();
            session.on_rtp(black_box(bytes), &types, from, now)
        });
    });
    criterion.bench_function("rtcp/compound", |bencher| bencher.iter(|| ours(black_box(&report))));
    criterion.final_summary();
}
