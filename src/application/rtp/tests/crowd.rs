//! Two thousand join at once, and most of them leave at once: RTCP takes 5 % of the bandwidth, neither more nor much less.

use std::collections::HashSet;

use crate::application::rtp::interval::{Crowd, Due, MINIMUM, Schedule};
use crate::application::rtp::ntp::WallClock;
use crate::application::rtp::rtcp::Writer;
use crate::application::rtp::session::{Config, Session};
use crate::base::address::{Address, Endpoint};
use crate::base::random::Random;
use crate::base::time::Instant;

const MEMBERS: usize = 2000;
/// Octets a second of the session; RTCP has 5 % of it.
const BANDWIDTH: f64 = 100_000.0;
const OVERHEAD: usize = 28;

struct Participant {
    schedule: Schedule,
    leaves: bool,
    gone: bool,
}

/// A session where everybody hears everybody at once, so that all know of the same members, and each of itself.
struct Room {
    all: Vec<Participant>,
    heard: HashSet<usize>,
    /// One real session that listens and never speaks.
    listener: Session,
    /// When RTCP was sent, and how much.
    sent: Vec<(Instant, usize)>,
}

fn place(number: usize) -> Endpoint {
    Endpoint { address: Address::from_v4([10, 0, (number >> 8) as u8, number as u8]), port: 5005 }
}

impl Room {
    fn crowd(&self, number: usize) -> Crowd {
        let own = usize::from(!self.heard.contains(&number));
        Crowd { members: self.heard.len() + own, senders: 0, we_sent: false }
    }

    fn write(number: usize, bye: bool, bytes: &mut [u8]) -> usize {
        let mut writer = Writer::new(bytes);
        writer.receiver_report(number as u32 + 1, &[]);
        writer.name(number as u32 + 1, format!("member {number}").as_bytes());
        if bye {
            writer.bye(number as u32 + 1, "");
        }
        writer.len()
    }

    fn turn(&mut self, now: Instant) {
        for number in 0..self.all.len() {
            if self.all[number].gone || now < self.all[number].schedule.deadline() {
                continue;
            }
            let crowd = self.crowd(number);
            let due = self.all[number].schedule.on_timer(crowd, now);
            if due == Due::No {
                continue;
            }
            let mut bytes = [0; 200];
            let length = Room::write(number, due == Due::Bye, &mut bytes);
            let size = length + OVERHEAD;
            self.sent.push((now, size));
            self.listener.on_rtcp(&bytes[..length], place(number), now, |_| {}).unwrap();
            if due == Due::Report {
                self.heard.insert(number);
                let crowd = self.crowd(number);
                self.all[number].schedule.reported(size, crowd, now);
            } else {
                self.heard.remove(&number);
                self.all[number].gone = true;
            }
            for other in 0..self.all.len() {
                let crowd = self.crowd(other);
                let Participant { schedule, gone, .. } = &mut self.all[other];
                match (due, *gone || other == number, schedule.is_leaving()) {
                    (_, true, _) | (Due::Report, _, true) => {}
                    (Due::Bye, _, true) => schedule.heard_bye(size),
                    (Due::Bye, _, false) => {
                        schedule.received(size);
                        schedule.left(crowd.members, now);
                    }
                    _ => schedule.received(size),
                }
            }
        }
    }

    /// Lets time pass in steps of 10 ms.
    fn run(&mut self, from: u64, to: u64) {
        for step in from * 100..to * 100 {
            self.turn(Instant::from_millis(step * 10));
        }
    }

    /// The share of the bandwidth that RTCP took in a span of seconds.
    fn share(&self, from: u64, to: u64) -> f64 {
        let span = Instant::from_millis(from * 1000)..Instant::from_millis(to * 1000);
        let octets: usize = self.sent.iter().filter(|(at, _)| span.contains(at)).map(|(_, size)| size).sum();
        octets as f64 / ((to - from) as f64 * BANDWIDTH)
    }
}

#[test]
fn rtcp_takes_five_percent_after_a_flood_of_joins_and_one_of_byes() {
    for seed in 0..2 {
        let mut random = Random::new([seed; 16]);
        let start = Instant::ZERO;
        let mut participant = || Participant {
            schedule: Schedule::new(
                BANDWIDTH,
                MINIMUM,
                28 + 28,
                start,
                Random::new(random.next_u64().to_be_bytes().repeat(2).try_into().unwrap()),
            ),
            leaves: false,
            gone: false,
        };
        let all = (0..MEMBERS).map(|_| participant()).collect();
        let clock = WallClock::default();
        let config = Config { bandwidth: BANDWIDTH, ..Config::new(b"listener", clock) };
        let listener = Session::new(config, Random::new([9; 16]), start);
        let mut room = Room { all, heard: HashSet::new(), listener, sent: Vec::new() };

        // The flood: unreconsidered, all two thousand would speak within 5 s, in 50 times what is allowed for them.
        room.run(0, 300);
        assert!(room.share(0, 5) < 0.10, "{seed}: {}", room.share(0, 5));
        for from in (5..300).step_by(20) {
            let share = room.share(from, (from + 20).min(300));
            assert!(share < 0.065, "{seed}: {share} from {from} s on");
        }
        let steady = room.share(100, 300);
        assert!((steady - 0.05 * 0.75).abs() < 0.006, "{seed}: {steady}, of which receivers have three quarters");
        assert_eq!(room.listener.members().present(), MEMBERS, "{seed}");

        // All but a hundred leave at once.
        let now = Instant::from_millis(300_000);
        for number in 100..MEMBERS {
            let members = room.crowd(number).members;
            let Participant { schedule, leaves, .. } = &mut room.all[number];
            *leaves = !schedule.leave(84, members, now);
            assert!(*leaves, "with so many members it has to wait");
        }
        room.run(300, 700);
        assert!(room.share(300, 305) < 0.15, "{seed}: {}", room.share(300, 305));
        for from in (305..700).step_by(20) {
            let share = room.share(from, (from + 20).min(700));
            assert!(share < 0.10, "{seed}: {share} from {from} s on");
        }
        assert_eq!(room.all.iter().filter(|one| one.gone).count(), MEMBERS - 100, "{seed}: all said BYE");
        assert_eq!(room.listener.members().present(), 100, "{seed}");
        // Those that stay report again as often as a hundred may: the least interval of 5 s, not that of two thousand.
        let after = room.share(600, 700);
        let size = room.sent.last().map_or(0.0, |(_, size)| *size as f64);
        let least_interval = 100.0 * size / 5.0 / BANDWIDTH;
        assert!(after > least_interval * 0.8 && after < least_interval * 1.2, "{seed}: {after} of {least_interval}");
    }
}
