//! What one connection costs among many.
//!
//! A million connections are opened by frames, and stay idle. Then one more receives data, beside a host that has only
//! that one; and the memory that the million took is looked at.

mod frames;
#[path = "../support/mod.rs"]
mod support;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use taphouse::application::discard::Discard;
use taphouse::base::address::{Address, Cidr};
use taphouse::base::time::Instant;
use taphouse::buffer::{Checksum, DEVICE_ROOM, Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Received, Waker};
use taphouse::stack::{Config, Stack};
use taphouse::wire::tcp::{Header, flag};
use zerocopy::FromBytes;

use frames::{OUR_MAC, OURS, PORT, Peer};
use support::{Contender, race};

/// Segments of a turn.
const BATCH: u32 = 64;
/// Segments in a round of a race.
const TIMES: u32 = 512 * BATCH;
const DATA: [u8; 64] = [0x5a; 64];

/// Brings frames, and keeps the numbers of what is sent.
#[derive(Default)]
struct Feed {
    waiting: VecDeque<Vec<u8>>,
    /// The sequence number of what was sent last.
    answered: u32,
    sent: u64,
}

impl Device for Feed {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mtu: 1500, checksum: false, segment_tcp: false, segment_udp: false }
    }

    #[inline]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        let Some(bytes) = self.waiting.pop_front() else { return Ok(Received::Nothing) };
        // Computing checksums is measured elsewhere.
        frame.fill(&bytes, Offload { checksum: Checksum::Verified, segments: None });
        Ok(Received::Frame)
    }

    #[inline]
    fn transmit(&mut self, head: &mut [u8], _offload: Offload, _payload: &[IoSlice<'_>]) -> io::Result<bool> {
        if let Some(Ok((header, _))) = head.get(DEVICE_ROOM + 34..).map(Header::ref_from_prefix) {
            self.answered = header.sequence.get();
        }
        self.sent += 1;
        Ok(true)
    }

    fn wait(&mut self, _interest: Interest, _waker: &Waker, _at_most: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

struct Host {
    stack: Stack<Feed>,
    now: Instant,
    /// What the active peer sends next.
    sequence: u32,
    acknowledgment: u32,
}

const ACTIVE: Peer = Peer(0);

impl Host {
    fn new() -> Host {
        let own = Cidr::new(Address::from_v4(OURS), 8).expect("a length of its family");
        let mut stack = Stack::new(Feed::default(), &Config::new(OUR_MAC, &[own], [7; 16])).expect("it is possible");
        stack.listen(PORT, Box::new(Discard)).expect("the port is free");
        let mut host = Host { stack, now: Instant::from_millis(1), sequence: 1, acknowledgment: 0 };
        host.stack.device_mut().waiting.push_back(ACTIVE.ask());
        host.acknowledgment = host.open(ACTIVE);
        host
    }

    fn turn(&mut self) {
        self.now = self.now + Duration::from_micros(3);
        self.stack.turn(self.now).expect("the feed does not fail");
    }

    /// A handshake; returns what the peer acknowledges from then on.
    fn open(&mut self, peer: Peer) -> u32 {
        self.stack.device_mut().waiting.push_back(peer.syn());
        self.turn();
        let acknowledgment = self.stack.device_mut().answered.wrapping_add(1);
        let complete = peer.segment(1, acknowledgment, flag::ACK, &[]);
        self.stack.device_mut().waiting.push_back(complete);
        self.turn();
        acknowledgment
    }

    /// Opens so many more.
    fn crowd(&mut self, count: u32) {
        let before = self.stack.connections();
        (1..=count).for_each(|number| {
            self.open(Peer(number));
        });
        assert_eq!(self.stack.connections() - before, count as usize, "{}", self.stack.counters());
    }

    /// A turn of segments for the active connection.
    fn receive(&mut self) {
        for _ in 0..BATCH {
            let segment = ACTIVE.segment(self.sequence, self.acknowledgment, flag::ACK | flag::PSH, &DATA);
            self.sequence = self.sequence.wrapping_add(DATA.len() as u32);
            self.stack.device_mut().waiting.push_back(segment);
        }
        let sent = self.stack.device_mut().sent;
        self.turn();
        assert_eq!(self.stack.device_mut().sent, sent + 1, "one acknowledgment for the burst");
    }
}

/// Memory that the process has, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says so");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says that, too");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

fn main() {
    // Fewer than a million where somebody only wants to see that it works.
    let count = std::env::var("TAPHOUSE_SCALE").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let alone = Host::new();
    let mut crowded = Host::new();
    let before = resident();
    crowded.crowd(count);
    let each = (resident() - before) / u64::from(count);
    let work = |host: &'static mut Host| move || host.receive();
    let (alone, crowded) = (Box::leak(Box::new(alone)), Box::leak(Box::new(crowded)));
    let title = format!("a segment, for one of {count} connections and for the only one");
    let ours = Contender::new("among many", work(crowded)).in_batches_of(BATCH);
    let ratio = race(&title, TIMES, ours, vec![Contender::new("alone", work(alone)).in_batches_of(BATCH)]);
    println!("\none among {count} / one alone: {ratio:.3}  (at most 1.05 is asked for)");
    println!("an idle connection takes {each} bytes  (at most 640 are asked for)");
}
