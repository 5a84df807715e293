//! A network between two hosts that exists only in memory: seeded, in virtual time, as bad as a test wants it.

use std::time::Duration;

use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::base::random::Random;
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::device::{Capabilities, Memory};
use taphouse::stack::{Config, Stack};

pub(crate) use crate::impair::Conditions;
use crate::impair::{Link, set_out, tcp_at};

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
            let capabilities = Capabilities::plain(ends.mtu);
            let (end, other) = Memory::pair(capabilities);
            Host { stack: Stack::new(other, &config(number, bytes)).expect("a good configuration"), end, initial: None }
        });
        let links = conditions.map(Link::new);
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
                if let Some(frame) = self.links[from].take() {
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
            set_out(links, host, frame, *now, random);
        }
    }

    pub(crate) fn describe(&self) -> String {
        let counters = self.hosts.each_ref().map(|host| host.stack.counters().to_string());
        format!("host 1:\n{}\nhost 2:\n{}", counters[0], counters[1])
    }
}

fn sequence_of_syn(frame: &[u8]) -> Option<u32> {
    let segment = frame.get(tcp_at(frame)?..)?;
    let is_syn = segment.get(13)? & 0x02 != 0;
    is_syn.then(|| u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]))
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
