//! A session with one other participant, and the numbers that reports carry.

use std::time::Duration;

use rtp_types::RtpPacketBuilder;

use crate::application::rtp::ntp::{Ntp, WallClock};
use crate::application::rtp::payload::PayloadTypes;
use crate::application::rtp::rtcp::{Compound, Packet, Rule, Writer, feedback};
use crate::application::rtp::sequence::Place;
use crate::application::rtp::session::{Asked, Config, Session, canonical_name};
use crate::base::address::{Address, Endpoint};
use crate::base::counters::Dropped;
use crate::base::random::Random;
use crate::base::time::Instant;

pub(super) const CLOCK: WallClock = WallClock { origin: Duration::from_secs(1_700_000_000) };

pub(super) fn at(last: u8, port: u16) -> Endpoint {
    Endpoint { address: Address::from_v4([10, 0, 0, last]), port }
}

pub(super) fn session(seed: u8) -> Session {
    Session::new(Config::new(b"us", CLOCK), Random::new([seed; 16]), Instant::ZERO)
}

pub(super) fn packet(ssrc: u32, number: u16, timestamp: u32) -> Vec<u8> {
    let payload = [7u8; 160];
    let builder = RtpPacketBuilder::<&[u8], &[u8]>::new().ssrc(ssrc).sequence_number(number).timestamp(timestamp);
    builder.payload_type(0).payload(&payload[..]).write_vec().unwrap()
}

/// Sends every 20 ms what `sends` says, from the first second on; returns when that ended.
fn stream(session: &mut Session, numbers: impl Iterator<Item = u16>) -> Instant {
    let mut now = Instant::from_millis(1000);
    for number in numbers {
        let bytes = packet(5, number, u32::from(number) * 160);
        session.on_rtp(&bytes, &PayloadTypes::default(), at(1, 6000), now).unwrap();
        now = now + Duration::from_millis(20);
    }
    now
}

/// What is due next.
fn next(session: &mut Session) -> (Vec<u8>, Instant) {
    let mut place = [0; 1200];
    for _ in 0..1000 {
        let now = session.deadline().unwrap();
        if let Some(length) = session.on_timer(&mut place, now) {
            return (place[..length].to_vec(), now);
        }
    }
    panic!("nothing is due")
}

#[test]
fn a_report_tells_what_came_and_when_the_last_sender_report_did() {
    let mut receiver = session(1);
    let mut sr = [0; 100];
    let mut writer = Writer::new(&mut sr);
    let info = crate::application::rtp::rtcp::SenderInfo {
        ntp: 0x1111_2222_3333_4444.into(),
        timestamp: 8000.into(),
        packets: 1.into(),
        octets: 160.into(),
    };
    writer.sender_report(5, &info, &[]);
    writer.name(5, b"them");
    let sr = writer.bytes().to_vec();
    // Of a hundred packets, four are missing, one comes twice and one late.
    let numbers = (0..100u16).filter(|n| ![10, 11, 50, 51].contains(n)).flat_map(|n| match n {
        60 => vec![],
        70 => vec![70, 60],
        80 => vec![80, 80],
        n => vec![n],
    });
    stream(&mut receiver, numbers);
    let came = Instant::from_millis(500);
    receiver.on_rtcp(&sr, at(1, 6001), came, |_| {}).unwrap();
    assert_eq!(
        receiver.members().at(0).unwrap().source.as_ref().unwrap().wall_clock(16_000),
        Some(Ntp(0x1111_2223_3333_4444))
    );

    let (report, now) = next(&mut receiver);
    let packets: Vec<_> = Compound::parse(&report, Rule::Compound).unwrap().collect();
    let [Packet::ReceiverReport { blocks: [block], .. }, Packet::Sdes(mut names), Packet::Extended { .. }, ..] =
        packets[..]
    else {
        panic!("{packets:?}")
    };
    assert_eq!(names.next().map(|(_, name)| name), Some(Some(b"us".as_slice())));
    assert_eq!((block.ssrc.get(), block.highest.get()), (5, 99));
    // 100 expected, 97 came of which one twice: RFC 3550 counts what came.
    assert_eq!((block.lost(), block.fraction_lost), (3, 7));
    assert_eq!(block.last_sr.get(), 0x2222_3333);
    let delay = f64::from(block.delay.get()) / 65536.0;
    assert!((delay - now.since(came).as_secs_f64()).abs() < 1e-4);

    let ended = receiver.summaries().next().unwrap();
    let summary = &ended.summary;
    assert_eq!((summary.received, summary.lost, summary.duplicates, summary.reordered), (97, 4, 1, 1));
    assert!(summary.opinion > 3.0 && summary.opinion < 4.4);
    assert_eq!((ended.ssrc, ended.from), (5, at(1, 6000)));
}

#[test]
fn round_trips_are_measured_by_those_who_send_and_by_those_who_do_not() {
    let (mut sender, mut receiver) = (session(1), session(2));
    sender.add_stream(8000, 0, Instant::ZERO, None);
    let ssrc = sender.own()[0].ssrc;
    let mut now = Instant::from_millis(100);
    let way = Duration::from_millis(35);
    let mut place = [0; 1200];
    let mut number = 0u16;
    for _ in 0..3000 {
        let bytes = packet(ssrc, number, u32::from(number) * 160);
        sender.own_mut(0).unwrap().packet(bytes.len(), 160, now);
        receiver.on_rtp(&bytes, &PayloadTypes::default(), at(1, 5004), now + way).unwrap();
        number += 1;
        if let Some(length) = sender.on_timer(&mut place, now) {
            receiver.on_rtcp(&place[..length], at(1, 5005), now + way, |_| {}).unwrap();
        }
        if let Some(length) = receiver.on_timer(&mut place, now) {
            sender.on_rtcp(&place[..length], at(2, 5005), now + way, |_| {}).unwrap();
        }
        now = now + Duration::from_millis(20);
    }
    let near = |span: Option<Duration>| (span.unwrap().as_secs_f64() - 0.070).abs() < 0.001;
    let feedback = sender.own()[0].feedback.unwrap();
    assert!(near(feedback.round_trip), "{feedback:?}");
    assert_eq!((feedback.lost, feedback.fraction_lost), (0, 0));
    assert!(u32::from(number) - feedback.highest < 8 * 50, "it is told every some seconds");
    // The receiver sends no RTP: it learns by its reference times and DLRR (RFC 3611 §4.4, §4.5).
    let member = receiver.members().iter().next().unwrap();
    assert!(near(member.round_trip), "{:?}", member.round_trip);
    assert_eq!(sender.tripped(now), None);
    // Nobody reports any more.
    assert!(sender.tripped(now + Duration::from_secs(60)).is_some());
}

#[test]
fn who_leaves_is_told_of_and_not_counted_any_more() {
    let mut receiver = session(3);
    let end = stream(&mut receiver, 0..50);
    assert_eq!((receiver.members().present(), receiver.members().senders()), (1, 1));
    let mut place = [0; 100];
    let mut writer = Writer::new(&mut place);
    writer.receiver_report(5, &[]);
    writer.bye(5, "over");
    let length = writer.len();
    // Somebody else says so: nothing happens.
    let _refused = receiver.on_rtcp(&place[..length], at(9, 6001), end, |_| {});
    assert_eq!(receiver.members().present(), 1);
    receiver.on_rtcp(&place[..length], at(1, 6001), end, |_| {}).unwrap();
    assert_eq!((receiver.members().present(), receiver.members().senders()), (0, 0));
    assert_eq!(receiver.take_ended().unwrap().summary.received, 50);
    assert_eq!(receiver.take_ended(), None);
}

#[test]
fn who_is_silent_is_gone_after_five_intervals() {
    let mut receiver = session(4);
    let end = stream(&mut receiver, 0..50);
    let mut last = end;
    while receiver.members().present() > 0 {
        last = next(&mut receiver).1;
        assert!(last.since(end) < Duration::from_secs(60));
    }
    assert!(last.since(end) > Duration::from_secs(25));
    assert_eq!(receiver.take_ended().unwrap().summary.received, 50);
}

#[test]
fn an_ssrc_that_another_has_is_given_up_once_and_a_loop_is_not_answered() {
    let mut ours = session(5);
    let types = PayloadTypes::default();
    ours.add_stream(8000, 0, Instant::ZERO, None);
    let before = ours.own()[0].ssrc;
    let now = Instant::from_millis(10);
    assert_eq!(ours.on_rtp(&packet(before, 1, 1), &types, at(7, 1), now), Err(Dropped::RtpCollision));
    let after = ours.own()[0].ssrc;
    assert_ne!(before, after);
    let mut place = [0; 1200];
    let length = ours.on_timer(&mut place, now).unwrap();
    let byes = Compound::parse(&place[..length], Rule::Compound).unwrap().filter_map(|packet| match packet {
        Packet::Bye { mut sources, .. } => sources.next(),
        _ => None,
    });
    assert_eq!(byes.collect::<Vec<_>>(), [before]);
    // What comes from there under our new name is our own, come back.
    assert_eq!(ours.on_rtp(&packet(after, 1, 1), &types, at(7, 1), now), Err(Dropped::RtpLoop));
    assert_eq!(ours.own()[0].ssrc, after);
    // Another host under the name of a third: the first stays.
    for number in 0..3 {
        ours.on_rtp(&packet(77, number, 1), &types, at(8, 1), now).unwrap();
    }
    assert_eq!(ours.on_rtp(&packet(77, 4, 1), &types, at(9, 1), now), Err(Dropped::RtpCollision));
}

#[test]
fn what_is_missing_is_asked_for_where_that_is_agreed() {
    let config = Config { feedback: true, ..Config::new(b"us", CLOCK) };
    let mut receiver = Session::new(config, Random::new([6; 16]), Instant::ZERO);
    let end = stream(&mut receiver, (0..20u16).filter(|n| ![7, 9].contains(n)));
    let (bytes, now) = next(&mut receiver);
    assert!(now <= end, "long before a report is due");
    let mut sender = session(7);
    let mut wanted = Vec::new();
    let mut pictures = 0;
    sender
        .on_rtcp(&bytes, at(2, 5005), now, |asked| match asked {
            Asked::Packets { ssrc: 5, control } => wanted.extend(feedback::missing(control)),
            Asked::Picture { ssrc: 5 } => pictures += 1,
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert_eq!((wanted, pictures), (vec![7, 9], 1));
}

#[test]
fn several_streams_of_ours_take_turns() {
    let mut sender = session(8);
    for _ in 0..30 {
        sender.add_stream(8000, 0, Instant::ZERO, None);
    }
    assert_eq!(sender.own().len(), 30);
    let mut told = std::collections::HashSet::new();
    for _ in 0..8 {
        let due = sender.deadline().unwrap();
        for n in 0..30 {
            sender.own_mut(n).unwrap().packet(172, 160, due);
        }
        let (bytes, _) = next(&mut sender);
        assert!(bytes.len() <= 1200);
        for packet in Compound::parse(&bytes, Rule::Compound).unwrap() {
            if let Packet::SenderReport { ssrc, info, .. } = packet {
                assert_ne!(info.packets.get(), 0);
                told.insert(ssrc);
            }
        }
    }
    assert_eq!(told.len(), 30);
}

#[test]
fn a_stream_that_begins_anew_is_one_stream_with_all_its_packets() {
    let mut receiver = session(9);
    let types = PayloadTypes::default();
    let mut places = Vec::new();
    for (step, number) in (0..10u16).chain(40_000..40_010).enumerate() {
        let now = Instant::from_millis(1000 + step as u64 * 20);
        let place = receiver.on_rtp(&packet(5, number, 0), &types, at(1, 6000), now).map(|arrived| arrived.place);
        places.push(place);
    }
    assert_eq!(places[0], Ok(Place::Probation));
    assert_eq!(places[1], Ok(Place::Believed(1)));
    assert_eq!((places[10], places[11]), (Err(Dropped::RtpStrange), Ok(Place::Restarted(40_001))));
    let summary = receiver.summaries().next().unwrap().summary;
    assert_eq!((summary.received, summary.lost), (19, 0));
}

#[test]
fn names_tell_nothing() {
    let mut random = Random::new([1; 16]);
    let (one, other) = (canonical_name(&mut random), canonical_name(&mut random));
    assert_ne!(one, other);
    assert!(one.iter().all(|letter| letter.is_ascii_alphanumeric() || b"+/".contains(letter)));
}
