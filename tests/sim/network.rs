//! A network between two hosts that exists only in memory: seeded, in virtual time, as bad as a test wants it.
//!
//! Each direction is a link: frames wait in a queue of bounded length, leave at a rate, may be lost, spoiled, doubled or
//! overtaken on the way, and arrive after a delay. What is larger than it takes a router sends back as an error.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::base::random::Random;
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::device::{Capabilities, Memory};
use taphouse::stack::{Config, Stack};

use crate::routers;

/// What a link does to frames. The default is a good one: 1 Gbit/s, 1 ms, a queue of 1,000 frames.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// How long a frame is on its way.
    pub(crate) delay: Duration,
    /// Bits a second; 0 for no limit.
    pub(crate) rate: u64,
    /// Frames that may wait to leave.
    pub(crate) queue: usize,
    /// Of 1,000: how many are lost.
    pub(crate) loss: u64,
    /// Of 1,000: how many arrive twice.
    pub(crate) duplication: u64,
    /// Of 1,000: how many have a bit changed.
    pub(crate) corruption: u64,
    /// Of 1,000: how many are overtaken, and by how many of those behind them at most.
    pub(crate) reordering: (u64, u64),
    /// Of 1,000: how many say a smaller window than their sender meant.
    pub(crate) shrinking: u64,
    /// The largest packets over IPv4 and IPv6 that get through a router on the way.
    pub(crate) mtu: (usize, usize),
}

impl Default for Conditions {
    fn default() -> Conditions {
        Conditions {
            delay: Duration::from_millis(1),
            rate: 1_000_000_000,
            queue: 1000,
            loss: 0,
            duplication: 0,
            corruption: 0,
            reordering: (0, 0),
            shrinking: 0,
            mtu: (usize::MAX, usize::MAX),
        }
    }
}

/// A frame on its way, first the one that arrives first.
type Arriving = Reverse<(Instant, u64, Vec<u8>)>;

/// One direction.
struct Link {
    conditions: Conditions,
    arriving: BinaryHeap<Arriving>,
    /// When the last frame that waits has left.
    busy_until: Instant,
    count: u64,
}

impl Link {
    fn send(&mut self, mut frame: Vec<u8>, now: Instant, random: &mut Random) {
        let Conditions { delay, rate, queue, loss, duplication, corruption, reordering, shrinking, mtu: _ } =
            self.conditions.clone();
        // Who asks for a neighbour gives up after three losses; that is tested elsewhere.
        let spared = is_resolution(&frame);
        let chance = |random: &mut Random, of_thousand| !spared && random.below(1000) < of_thousand;
        let transmission = match rate {
            0 => Duration::ZERO,
            rate => Duration::from_nanos(frame.len() as u64 * 8 * 1_000_000_000 / rate),
        };
        let waiting = if transmission.is_zero() {
            0
        } else {
            ((self.busy_until - now).as_nanos() / transmission.as_nanos()) as usize
        };
        if waiting >= queue || chance(random, loss) {
            return;
        }
        self.busy_until = self.busy_until.max(now) + transmission;
        if chance(random, shrinking) {
            shrink_window(&mut frame, random);
        }
        if chance(random, corruption) {
            let bit = random.below(frame.len() as u64 * 8);
            frame[bit as usize / 8] ^= 1 << (bit % 8);
        }
        let mut arrival = self.busy_until + delay;
        if chance(random, reordering.0) {
            arrival = arrival + transmission.max(Duration::from_micros(1)) * (1 + random.below(reordering.1) as u32);
        }
        let copies = if chance(random, duplication) { 2 } else { 1 };
        for _ in 0..copies {
            self.count += 1;
            self.arriving.push(Reverse((arrival, self.count, frame.clone())));
        }
    }

    fn next(&self) -> Option<Instant> {
        self.arriving.peek().map(|Reverse((at, ..))| *at)
    }
}

/// One host with its end of the network.
pub(crate) struct Host {
    pub(crate) stack: Stack<Memory>,
    end: Memory,
    /// The number of the first SYN that it sent.
    pub(crate) initial: Option<u32>,
}

/// Two hosts, `10.77.0.1` and `10.77.0.2`, `fd77::1` and `fd77::2`, and the links between them.
pub(crate) struct Network {
    pub(crate) now: Instant,
    mtu: usize,
    pub(crate) hosts: [Host; 2],
    /// `links[n]` leads away from host `n`.
    links: [Link; 2],
    random: Random,
    /// Steps since time went on.
    idle: usize,
}

/// What both hosts' devices can do, and how large packets may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) mtu: usize,
}

impl Default for Ends {
    fn default() -> Ends {
        Ends { mtu: 1500 }
    }
}

impl Network {
    pub(crate) fn new(seed: u64, ends: Ends, conditions: Conditions) -> Network {
        Network::asymmetric(seed, ends, [conditions.clone(), conditions])
    }

    /// With other conditions there than back.
    pub(crate) fn asymmetric(seed: u64, ends: Ends, conditions: [Conditions; 2]) -> Network {
        Network::starting(Instant::from_millis(1000 + seed % 1000), seed, ends, conditions)
    }

    /// One whose time begins at `now`, from which follow initial sequence numbers (RFC 6528).
    pub(crate) fn starting(now: Instant, seed: u64, ends: Ends, conditions: [Conditions; 2]) -> Network {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let hosts = [1, 2].map(|number| {
            bytes[8] = number;
            let capabilities = Capabilities { mtu: ends.mtu, checksum: false, segment_tcp: false, segment_udp: false };
            let (end, other) = Memory::pair(capabilities);
            Host { stack: Stack::new(other, &config(number, bytes)).expect("a good configuration"), end, initial: None }
        });
        let links =
            conditions.map(|conditions| Link { conditions, arriving: BinaryHeap::new(), busy_until: now, count: 0 });
        let mut network = Network { now, mtu: ends.mtu, hosts, links, random: Random::new(bytes), idle: 0 };
        // A host learns what time it is when it has its turn.
        (0..2).for_each(|host| network.turn(host));
        network
    }

    /// Changes what a link does from now on.
    pub(crate) fn set(&mut self, from: usize, conditions: Conditions) {
        self.links[from].conditions = conditions;
    }

    /// Goes on to the next time at which anything happens; false when nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let now = self.now;
        let arrivals = self.links.iter().filter_map(Link::next);
        let deadlines = self.hosts.iter().filter_map(|host| host.stack.deadline());
        let Some(next) = arrivals.chain(deadlines).min() else { return false };
        self.now = next.max(now);
        self.idle = if self.now == now { self.idle + 1 } else { 0 };
        assert!(
            self.idle < 10_000,
            "time stands still at {now:?}: {:?}\n{}",
            self.hosts.each_ref().map(|host| host.stack.deadline()),
            self.describe()
        );
        for from in 0..2 {
            let to = 1 - from;
            while self.links[from].next().is_some_and(|at| at <= self.now) {
                if let Some(Reverse((_, _, frame))) = self.links[from].arriving.pop() {
                    assert!(self.hosts[to].end.send(&frame, Offload::default()), "a turn takes what arrives");
                }
                // A wire in memory is bounded; a host takes in what arrived before there is more.
                self.turn(to);
            }
        }
        (0..2).for_each(|host| self.turn(host));
        true
    }

    /// Steps until `done` says so.
    ///
    /// # Panics
    /// When it does not within `limit` of virtual time, or nothing happens any more.
    pub(crate) fn drive(&mut self, limit: Duration, mut done: impl FnMut(&mut Network) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            assert!(self.now < end, "not done after {limit:?} of virtual time\n{}", self.describe());
            assert!(self.step(), "nothing happens any more\n{}", self.describe());
        }
    }

    fn turn(&mut self, host: usize) {
        let Network { now, mtu, hosts, links, random, .. } = self;
        let Host { stack, end, initial } = &mut hosts[host];
        while stack.turn(*now).expect("a wire in memory does not fail").more {}
        while let Some((frame, _)) = end.take() {
            assert!(frame.len() <= 14 + *mtu, "{} bytes for an MTU of {mtu}", frame.len() - 14);
            *initial = initial.or_else(|| sequence_of_syn(&frame));
            match routers::error(&frame, links[host].conditions.mtu) {
                // The first half of the way there, and back.
                Some(error) => links[1 - host].send(error, *now, random),
                None => links[host].send(frame, *now, random),
            }
        }
    }

    pub(crate) fn describe(&self) -> String {
        let counters = self.hosts.each_ref().map(|host| host.stack.counters().to_string());
        format!("host 1:\n{}\nhost 2:\n{}", counters[0], counters[1])
    }
}

/// ARP and neighbour discovery.
fn is_resolution(frame: &[u8]) -> bool {
    let (ethertype, next_header) = (frame.get(12..14), frame.get(20));
    ethertype == Some(&[0x08, 0x06]) || ethertype == Some(&[0x86, 0xdd]) && next_header == Some(&58)
}

/// Where in a frame of ours the TCP header begins, if it has one.
fn tcp_at(frame: &[u8]) -> Option<usize> {
    match (frame.get(12..14)?, *frame.get(20)?, *frame.get(23)?) {
        ([0x08, 0x00], _, 6) => Some(34),
        ([0x86, 0xdd], 6, _) => Some(54),
        _ => None,
    }
}

fn sequence_of_syn(frame: &[u8]) -> Option<u32> {
    let segment = frame.get(tcp_at(frame)?..)?;
    let is_syn = segment.get(13)? & 0x02 != 0;
    is_syn.then(|| u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]))
}

/// Says a smaller window in a segment, and corrects its checksum (RFC 1624).
fn shrink_window(frame: &mut [u8], random: &mut Random) {
    let Some(segment) = tcp_at(frame).and_then(|at| frame.get_mut(at..)) else { return };
    let word = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
    let (old, checksum) = (word(14), word(16));
    let new = random.below(u64::from(old) + 1) as u16;
    let mut sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    segment[14..16].copy_from_slice(&new.to_be_bytes());
    segment[16..18].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

fn config(number: u8, seed: [u8; 16]) -> Config {
    let addresses = [Cidr::new(address4(number), 24), Cidr::new(address6(number), 64)];
    Config::new(Mac::new([2, 0, 0, 0, 0, number]), &addresses.map(|own| own.expect("a length of its family")), seed)
}

pub(crate) fn address4(number: u8) -> Address {
    Address::from_v4([10, 77, 0, number])
}

pub(crate) fn address6(number: u8) -> Address {
    Address::from_v6([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
}
