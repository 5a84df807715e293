//! Floods and packets that are not what they say.

use super::session::{CLOCK, at, packet, session};
use crate::application::rtp::payload::PayloadTypes;
use crate::application::rtp::rtcp::Writer;
use crate::application::rtp::session::{Config, Session};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;

#[test]
fn a_flood_of_new_ssrcs_moves_strangers_only() {
    let mut ours = session(1);
    let types = PayloadTypes::default();
    let now = Instant::from_millis(10);
    for number in 0..10 {
        ours.on_rtp(&packet(5, number, 0), &types, at(1, 6000), now).unwrap();
    }
    for ssrc in 0..1_000_000u32 {
        ours.on_rtp(&packet(0x1000_0000 + ssrc, 1, 0), &types, at(2, 6000), now).unwrap();
        if ssrc % 1000 == 0 {
            let number = 10 + (ssrc / 1000) as u16;
            ours.on_rtp(&packet(5, number, 0), &types, at(1, 6000), now).unwrap();
        }
    }
    assert_eq!((ours.members().present(), ours.members().senders()), (1, 1));
    assert!(ours.members().iter().count() <= 1 + limits::RTP_STRANGERS);
    assert_eq!(ours.summaries().next().unwrap().summary.received, 1010);
}

#[test]
fn members_that_prove_themselves_fill_the_table_and_no_more() {
    let config = Config { members: 100, ..Config::new(b"us", CLOCK) };
    let mut ours = Session::new(config, Random::new([1; 16]), Instant::ZERO);
    let mut refused = 0;
    for ssrc in 0..1000 {
        let mut place = [0; 100];
        let mut writer = Writer::new(&mut place);
        writer.receiver_report(0x1000_0000 + ssrc, &[]);
        writer.name(0x1000_0000 + ssrc, b"x");
        match ours.on_rtcp(writer.bytes(), at(2, 5005), Instant::from_millis(1), |_| {}) {
            Ok(()) => {}
            Err(why) => {
                assert_eq!(why, Dropped::RtpFull);
                refused += 1;
            }
        }
    }
    assert_eq!((ours.members().present(), refused), (100, 900));
}

#[test]
fn rtp_that_cannot_be_is_dropped_by_its_name() {
    let mut ours = session(1);
    let types = PayloadTypes::default();
    let mut take =
        |bytes: &[u8]| ours.on_rtp(bytes, &types, at(1, 1), Instant::from_millis(1)).map(|arrived| arrived.payload);
    let good = packet(5, 1, 1);
    assert_eq!(take(&good), Ok((12, 160)));
    for length in 0..12 {
        assert_eq!(take(&good[..length]), Err(Dropped::BadRtp), "{length}");
    }
    let with = |first: u8, at: usize, to: u8| {
        let mut bytes = good[..20].to_vec();
        bytes[0] = first;
        bytes[at] = to;
        bytes
    };
    assert_eq!(take(&with(0x40, 19, 0)), Err(Dropped::BadRtp), "version 1");
    assert_eq!(take(&with(0x8f, 19, 0)), Err(Dropped::BadRtp), "fifteen CSRCs");
    assert_eq!(take(&with(0x90, 15, 200)), Err(Dropped::BadRtp), "an extension beyond the packet");
    assert_eq!(take(&with(0xa0, 19, 200)), Err(Dropped::BadRtp), "padding beyond the packet");
    assert_eq!(take(&with(0xa0, 19, 0)), Err(Dropped::BadRtp), "no padding where some is said to be");
    assert_eq!(take(&with(0xa0, 19, 8)), Ok((12, 0)), "padding and nothing else");
    // SSRC 0 is as good as any other (RFC 3550 §8.1 draws at random).
    assert_eq!(take(&packet(0, 1, 1)), Ok((12, 160)));
}

#[test]
fn no_bytes_at_all_make_a_session_stumble() {
    let mut ours = session(1);
    let types = PayloadTypes::default();
    let mut random = Random::new([7; 16]);
    let mut place = [0; 1200];
    for n in 0..200_000u64 {
        let mut bytes: Vec<u8> = (0..random.below(80)).map(|_| random.next_u64() as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = 0x80 | *first & 0x3f;
        }
        if let Some(second) = bytes.get_mut(1).filter(|_| n % 2 == 0) {
            *second = 200 + (*second % 8);
            let words = (bytes.len() / 4).saturating_sub(1) as u16;
            if let Some(length) = bytes.get_mut(2..4) {
                length.copy_from_slice(&words.to_be_bytes());
            }
            bytes.truncate(bytes.len() / 4 * 4);
        }
        let (from, now) = (at(random.below(4) as u8, 1), Instant::from_millis(n));
        let _rtp = ours.on_rtp(&bytes, &types, from, now);
        let _rtcp = ours.on_rtcp(&bytes, from, now, |_| {});
        let _written = ours.on_timer(&mut place, now);
        while ours.take_ended().is_some() {}
    }
    assert!(ours.members().iter().count() <= limits::RTP_MEMBERS);
}
