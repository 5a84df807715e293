//! A.1, A.3, A.7 and A.8 as the RFC states them, line by line, beside ours.

use std::time::Duration;

use proptest::prelude::*;

use crate::application::rtp::interval::{Crowd, Due, MINIMUM, Schedule};
use crate::application::rtp::jitter::{Jitter, units};
use crate::application::rtp::sequence::{MAX_DROPOUT, MAX_MISORDER, MIN_SEQUENTIAL, Place, Sequence};
use crate::base::random::Random;
use crate::base::time::Instant;

/// RFC 3550 §A.1 and §A.3: `init_seq`, `update_seq`, and the numbers of a report.
struct Stated {
    max_seq: u16,
    cycles: u32,
    base_seq: u32,
    bad_seq: u32,
    probation: u32,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
}

const SEQ_MOD: u32 = 1 << 16;

impl Stated {
    fn new(seq: u16) -> Stated {
        let mut stated = Stated {
            max_seq: 0,
            cycles: 0,
            base_seq: 0,
            bad_seq: 0,
            probation: 0,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
        };
        stated.init(seq);
        stated.max_seq = seq.wrapping_sub(1);
        stated.probation = u32::from(MIN_SEQUENTIAL);
        stated
    }

    fn init(&mut self, seq: u16) {
        self.base_seq = u32::from(seq);
        self.max_seq = seq;
        self.bad_seq = SEQ_MOD + 1;
        self.cycles = 0;
        self.received = 0;
        self.received_prior = 0;
        self.expected_prior = 0;
    }

    fn update(&mut self, seq: u16) -> bool {
        let udelta = seq.wrapping_sub(self.max_seq);
        if self.probation > 0 {
            if seq == self.max_seq.wrapping_add(1) {
                self.probation -= 1;
                self.max_seq = seq;
                if self.probation == 0 {
                    self.init(seq);
                    self.received += 1;
                    return true;
                }
            } else {
                self.probation = u32::from(MIN_SEQUENTIAL) - 1;
                self.max_seq = seq;
            }
            return false;
        } else if udelta < MAX_DROPOUT {
            if seq < self.max_seq {
                self.cycles = self.cycles.wrapping_add(SEQ_MOD);
            }
            self.max_seq = seq;
        } else if u32::from(udelta) <= SEQ_MOD - u32::from(MAX_MISORDER) {
            if u32::from(seq) == self.bad_seq {
                self.init(seq);
            } else {
                self.bad_seq = (u32::from(seq) + 1) & (SEQ_MOD - 1);
                return false;
            }
        }
        self.received += 1;
        true
    }

    fn extended_max(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.max_seq))
    }

    fn expected(&self) -> u32 {
        self.extended_max().wrapping_sub(self.base_seq).wrapping_add(1)
    }

    fn fraction(&mut self) -> u8 {
        let expected = self.expected();
        let expected_interval = expected.wrapping_sub(self.expected_prior);
        self.expected_prior = expected;
        let received_interval = self.received.wrapping_sub(self.received_prior);
        self.received_prior = self.received;
        let lost_interval = expected_interval.wrapping_sub(received_interval) as i32;
        if expected_interval == 0 || lost_interval <= 0 {
            0
        } else {
            ((lost_interval as u32) << 8).checked_div(expected_interval).unwrap_or(0).min(255) as u8
        }
    }
}

/// What the network does to the numbers of a stream.
#[derive(Clone, Debug)]
enum Step {
    Next,
    Skip(u16),
    Back(u16),
    Anywhere(u16),
    Report,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => Just(Step::Next),
        2 => (1u16..50).prop_map(Step::Skip),
        1 => (2900u16..3100).prop_map(Step::Skip),
        4 => (0u16..120).prop_map(Step::Back),
        2 => any::<u16>().prop_map(Step::Anywhere),
        1 => Just(Step::Report),
    ];
    prop::collection::vec(step, 1..400)
}

proptest! {
    #[test]
    fn sequence_numbers_are_judged_as_in_a_1(first: u16, steps in steps()) {
        let (mut ours, mut stated) = (Sequence::new(first), Stated::new(first));
        let mut number = first.wrapping_sub(1);
        let mut proved = false;
        // What proves a source counts with us, and does not in the RFC.
        let mut more = 0;
        for step in steps {
            number = match step {
                Step::Next => number.wrapping_add(1),
                Step::Skip(by) => number.wrapping_add(by),
                Step::Back(by) => number.wrapping_sub(by),
                Step::Anywhere(to) => to,
                Step::Report if !proved => continue,
                Step::Report => {
                    let (one, other) = (ours.fraction_lost(), stated.fraction());
                    // The first report may tell of one packet more, which was not lost: less is lost of more.
                    prop_assert!(one == other || more > 0 && one < other, "{} {}", one, other);
                    more = 0;
                    continue;
                }
            };
            let (place, valid) = (ours.place(number), stated.update(number));
            let accepted = !matches!(place, Place::Probation | Place::Strange);
            prop_assert_eq!(accepted, valid, "{:?} at {}", place, number);
            if matches!(place, Place::Believed(_)) {
                (proved, more) = (true, u32::from(MIN_SEQUENTIAL) - 1);
            }
            if matches!(place, Place::Restarted(_)) {
                more = 0;
            }
            if proved {
                let counted = if ours.first() & 0xffff == stated.base_seq { 0 } else { 1 };
                prop_assert_eq!(ours.received(), stated.received + counted);
                prop_assert_eq!(ours.expected(), stated.expected() + counted);
                prop_assert_eq!(ours.highest() & 0xffff, stated.extended_max() & 0xffff);
                let lost = i64::from(stated.expected()) - i64::from(stated.received);
                prop_assert_eq!(i64::from(ours.lost()), lost.clamp(-0x80_0000, 0x7f_ffff));
            }
        }
    }

    #[test]
    fn jitter_is_that_of_a_8(packets in prop::collection::vec((any::<u32>(), 0u32..100_000), 1..300)) {
        let (mut ours, mut transit, mut jitter) = (Jitter::default(), None, 0u32);
        for (timestamp, late) in packets {
            let arrival = timestamp.wrapping_add(late);
            ours.packet(timestamp, arrival);
            // transit = arrival - r->ts; d = transit - s->transit; if (d < 0) d = -d;
            // s->jitter += d - ((s->jitter + 8) >> 4);
            let now = arrival.wrapping_sub(timestamp) as i32;
            if let Some(before) = transit.replace(now) {
                let d = now.wrapping_sub(before).unsigned_abs();
                jitter = jitter.wrapping_add(d).wrapping_sub((jitter + 8) >> 4);
            }
            prop_assert_eq!(ours.value(), jitter >> 4);
        }
    }

    #[test]
    fn clock_units_are_exact(nanos in 0u64..1 << 60, rate in 1u32..200_000) {
        let exact = u128::from(nanos) * u128::from(rate) / 1_000_000_000;
        prop_assert_eq!(units(Instant::from_nanos(nanos), rate), exact as u32);
    }
}

/// RFC 3550 §A.7: `rtcp_interval`, `OnExpire`, `OnReceive` and the BYE of §6.3.7, in seconds.
struct Timer {
    rtcp_bw: f64,
    tp: f64,
    tn: f64,
    pmembers: f64,
    avg_rtcp_size: f64,
    initial: bool,
    bye_members: Option<f64>,
    random: Random,
}

fn rtcp_interval(
    members: f64,
    senders: f64,
    rtcp_bw: f64,
    we_sent: bool,
    avg_rtcp_size: f64,
    initial: bool,
    drand48: f64,
) -> f64 {
    let mut rtcp_min_time = 5.0;
    let mut rtcp_bw = rtcp_bw;
    if initial {
        rtcp_min_time /= 2.0;
    }
    let mut n = members;
    if senders <= members * 0.25 {
        if we_sent {
            rtcp_bw *= 0.25;
            n = senders;
        } else {
            rtcp_bw *= 1.0 - 0.25;
            n -= senders;
        }
    }
    let mut t = avg_rtcp_size * n / rtcp_bw;
    if t < rtcp_min_time {
        t = rtcp_min_time;
    }
    t *= drand48 + 0.5;
    // The RFC writes five digits of e.
    t / (std::f64::consts::E - 1.5)
}

impl Timer {
    fn draw(&mut self, crowd: Crowd) -> f64 {
        let drand48 = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let (members, senders) = (crowd.members as f64, crowd.senders as f64);
        rtcp_interval(members, senders, self.rtcp_bw, crowd.we_sent, self.avg_rtcp_size, self.initial, drand48)
    }

    fn on_expire(&mut self, crowd: Crowd, size: f64, tc: f64) -> Due {
        let crowd = match self.bye_members {
            Some(members) => Crowd { members: members as usize, senders: 0, we_sent: false },
            None => crowd,
        };
        let t = self.draw(crowd);
        self.tn = self.tp + t;
        self.pmembers = crowd.members as f64;
        if self.tn > tc {
            return Due::No;
        }
        if self.bye_members.is_some() {
            return Due::Bye;
        }
        self.avg_rtcp_size = (1.0 / 16.0) * size + (15.0 / 16.0) * self.avg_rtcp_size;
        self.tp = tc;
        self.initial = false;
        self.tn = tc + self.draw(crowd);
        Due::Report
    }

    fn on_bye(&mut self, members: f64, tc: f64) {
        if members < self.pmembers {
            self.tn = tc + members / self.pmembers * (self.tn - tc);
            self.tp = tc - members / self.pmembers * (tc - self.tp);
            self.pmembers = members;
        }
    }
}

#[test]
fn the_timer_is_that_of_a_7() {
    let second = |at: Instant| at.as_nanos() as f64 / 1e9;
    for seed in 0..50 {
        let mut random = Random::new([seed; 16]);
        let bandwidth = 1000.0 + random.below(100_000) as f64;
        let start = Instant::from_millis(1_000_000);
        let mut ours = Schedule::new(bandwidth, MINIMUM, 120, start, Random::new([seed + 100; 16]));
        let mut stated = Timer {
            rtcp_bw: bandwidth * 0.05,
            tp: second(start),
            tn: 0.0,
            pmembers: 1.0,
            avg_rtcp_size: 120.0,
            initial: true,
            bye_members: None,
            random: Random::new([seed + 100; 16]),
        };
        let mut crowd = Crowd { members: 1, senders: 0, we_sent: false };
        stated.tn = stated.tp + stated.draw(crowd);
        let mut now = start;
        let (mut reports, mut left) = (0, false);
        for step in 0..400 {
            let close = (second(ours.deadline()) - stated.tn).abs();
            assert!(close < 1e-3 + stated.tn * 1e-5, "{seed}, {step}: {} and {}", second(ours.deadline()), stated.tn);
            // Nanoseconds and seconds in floating point differ a little: from here on both have the same.
            stated.tn = second(ours.deadline());
            now = (now + Duration::from_millis(random.below(3000))).max(now);
            match random.below(6) {
                0 => crowd.members += random.below(50) as usize,
                1 if crowd.members > 1 => {
                    crowd.members -= random.below(crowd.members as u64 - 1) as usize;
                    crowd.senders = crowd.senders.min(crowd.members);
                    if !left {
                        ours.left(crowd.members, now);
                        stated.on_bye(crowd.members as f64, second(now));
                    }
                }
                2 => crowd.senders = random.below(crowd.members as u64 + 1) as usize,
                3 => {
                    crowd.we_sent = random.below(2) == 1;
                    crowd.senders = crowd.senders.max(1);
                }
                4 if !left => {
                    let size = 60 + random.below(500) as usize;
                    ours.received(size);
                    stated.avg_rtcp_size = size as f64 / 16.0 + stated.avg_rtcp_size * 15.0 / 16.0;
                }
                _ if left && random.below(2) == 0 => {
                    ours.heard_bye(80);
                    stated.bye_members = stated.bye_members.map(|members| members + 1.0);
                    stated.avg_rtcp_size = 80.0 / 16.0 + stated.avg_rtcp_size * 15.0 / 16.0;
                }
                _ => {}
            }
            if step == 300 && crowd.members > 50 {
                assert!(!ours.leave(90, crowd.members, now));
                left = true;
                (stated.tp, stated.pmembers, stated.initial) = (second(now), 1.0, true);
                (stated.avg_rtcp_size, stated.bye_members) = (90.0, Some(1.0));
                stated.tn = stated.tp + stated.draw(Crowd { members: 1, senders: 0, we_sent: false });
            }
            if now < ours.deadline() {
                continue;
            }
            let (one, other) = (ours.on_timer(crowd, now), stated.on_expire(crowd, 200.0, second(now)));
            assert_eq!(one, other, "{seed}, {step}");
            match one {
                Due::Report => {
                    ours.reported(200, crowd, now);
                    reports += 1;
                }
                Due::Bye => break,
                Due::No => {}
            }
        }
        assert!(reports > 5, "{seed}: {reports}");
    }
}
