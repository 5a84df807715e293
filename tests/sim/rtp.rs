//! A stream of RTP over a path that loses, doubles, delays and reorders: what a receiver says of it is what happened to it.

use std::collections::BTreeMap;
use std::time::Duration;

use rtp_types::{RtpPacket, RtpPacketBuilder};
use taphouse::application::rtp::burst::Bursts;
use taphouse::application::rtp::ntp::WallClock;
use taphouse::application::rtp::payload::PayloadTypes;
use taphouse::application::rtp::playout::{Discarded, Played, Playout};
use taphouse::application::rtp::sequence::Place;
use taphouse::application::rtp::session::{Config, Session};
use taphouse::base::address::{Address, Endpoint};
use taphouse::base::random::Random;
use taphouse::base::time::Instant;

use crate::impair::{Conditions, Link, set_out};

const PACKETS: u32 = 3000;
/// So many arrive as they were sent, for what comes before a stream is believed is not counted (RFC 3550 §A.1).
const BELIEVED: u32 = 4;
const TICKS: u32 = 160;
const SPACING: Duration = Duration::from_millis(20);
/// What the path carries besides the packet: an Ethernet header of a local experiment (IEEE 802, 0x88b5).
const HEADER: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];

/// What happened to the packets, by number from the first on.
#[derive(Default)]
struct Happened {
    /// How often each came.
    came: BTreeMap<u32, u64>,
    /// How many came behind a later one, duplicates not counted.
    overtaken: u64,
    played: Vec<u32>,
    given_up: Vec<u32>,
    late: u64,
}

impl Happened {
    fn note(&mut self, next: &Played<'_>, first: u32) {
        match next {
            Played::Packet { number, payload, .. } => {
                let number = number.wrapping_sub(first);
                assert_eq!(payload[..4], number.to_be_bytes(), "each is what its sender made of it");
                self.played.push(number);
            }
            Played::Lost(number) => self.given_up.push(number.wrapping_sub(first)),
        }
    }
}

fn packet(number: u32) -> Vec<u8> {
    // Both wrap on the way.
    let (first, stamp) = (65_000u16, u32::MAX - 100_000);
    let mut payload = [0; TICKS as usize];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    let builder = RtpPacketBuilder::<&[u8], &[u8]>::new().ssrc(7).payload_type(0).payload(&payload[..]);
    let builder = builder.sequence_number(first.wrapping_add(number as u16));
    let bytes = builder.timestamp(stamp.wrapping_add(number * TICKS)).write_vec().unwrap();
    [&HEADER[..], &bytes].concat()
}

fn carry(conditions: &Conditions, seed: u8) {
    let mut random = Random::new([seed; 16]);
    let good = Conditions { delay: conditions.delay, rate: conditions.rate, ..Conditions::default() };
    let mut links = [Link::new(good.clone()), Link::new(good)];
    let clock = WallClock { origin: Duration::from_secs(1_700_000_000) };
    let mut session = Session::new(Config::new(b"us", clock), Random::new([seed + 1; 16]), Instant::ZERO);
    let from = Endpoint { address: Address::from_v4([10, 77, 0, 1]), port: 6000 };
    let (types, begins) = (PayloadTypes::default(), Instant::from_millis(1000));
    let mut happened = Happened::default();
    let mut playout: Option<(u32, Playout)> = None;
    let mut highest = 0;
    let mut place = [0; 1200];
    let mut sent = 0;
    loop {
        let leaves = (sent < PACKETS).then(|| begins + SPACING * sent);
        let arrives = links[0].next();
        let Some(now) = [leaves, arrives].into_iter().flatten().min() else { break };
        while session.deadline().is_some_and(|at| at <= now) {
            session.on_timer(&mut place, now);
        }
        if let Some((first, playout)) = &mut playout {
            while let Some(next) = playout.take(now) {
                happened.note(&next, *first);
            }
        }
        if leaves == Some(now) {
            if sent == BELIEVED {
                links[0].conditions = conditions.clone();
            }
            set_out(&mut links, 0, packet(sent), now, &mut random);
            sent += 1;
            continue;
        }
        let frame = links[0].take().unwrap();
        let rtp = RtpPacket::parse(&frame[HEADER.len()..]).unwrap();
        let number = u32::from_be_bytes(rtp.payload()[..4].try_into().unwrap());
        let times = happened.came.entry(number).or_default();
        *times += 1;
        happened.overtaken += u64::from(*times == 1 && number < highest);
        highest = highest.max(number);
        let arrived = session.on_rtp(&frame[HEADER.len()..], &types, from, now).unwrap();
        let extended = match arrived.place {
            Place::Next(extended) | Place::Late(extended) | Place::Believed(extended) => extended,
            Place::Duplicate | Place::Probation => continue,
            place => panic!("{place:?} at {number}"),
        };
        let (_, playout) = playout.get_or_insert_with(|| {
            let playout = Playout::new(8000, extended, arrived.timestamp, now);
            (extended.wrapping_sub(number), playout)
        });
        match playout.push(extended, arrived.timestamp, rtp.payload(), now) {
            Ok(()) => {}
            Err(Discarded::Late) => happened.late += 1,
            Err(Discarded::Again) => panic!("{number} was no duplicate for the session"),
        }
    }
    let (first, mut playout) = playout.expect("the stream was believed");
    while let Some(next) = playout.take_any() {
        happened.note(&next, first);
    }
    check(conditions, &happened, &session);
}

fn check(conditions: &Conditions, happened: &Happened, session: &Session) {
    let Happened { came, overtaken, played, given_up, late } = happened;
    let summary = session.summaries().next().expect("the stream is known").summary;
    let (first, last) = (*came.first_key_value().unwrap().0, *came.last_key_value().unwrap().0);
    let dropped = u64::from(last - first) + 1 - came.len() as u64;
    let again: u64 = came.values().map(|times| times - 1).sum();
    println!(
        "{} ‰ lost, {:?} reordered, {} ‰ doubled: {dropped} dropped, {again} again, {overtaken} overtaken, {late} late",
        conditions.loss, conditions.reordering, conditions.duplication
    );
    assert_eq!((summary.lost, summary.duplicates, summary.received), (dropped, again, came.len() as u64 + again));
    assert_eq!(summary.reordered, *overtaken);
    let mut losses = Bursts::default();
    (first..=last).for_each(|number| losses.packets(came.contains_key(&number).into(), 1));
    let source = session.members().iter().find_map(|member| member.source.as_ref()).expect("the stream is known");
    assert_eq!(source.sequence.losses(), losses.so_far(), "lost in the same bursts");
    assert!(played.is_sorted_by(|one, next| one < next), "in order, and none twice");
    assert!(given_up.is_sorted_by(|one, next| one < next));
    assert!(given_up.iter().all(|number| played.binary_search(number).is_err()));
    let unheard = came.keys().filter(|number| **number >= played[0] && played.binary_search(number).is_err());
    assert_eq!(unheard.count() as u64, *late, "what is not heard came late");
    assert!(*late < 30, "the delay follows");
}

#[test]
fn what_a_receiver_says_of_a_stream_is_what_the_path_did_to_it() {
    // A packet takes 15 ms of this rate, so one that is overtaken comes up to 60 ms late.
    let base = Conditions { delay: Duration::from_millis(80), rate: 100_000, queue: 10_000, ..Conditions::default() };
    for (seed, (loss, reordering, duplication)) in
        (0..).zip([(0, (0, 0), 0), (50, (0, 0), 0), (0, (300, 4), 0), (50, (300, 4), 20), (200, (500, 4), 100)])
    {
        carry(&Conditions { loss, reordering, duplication, ..base.clone() }, seed);
    }
}
