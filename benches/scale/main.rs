//! What one connection costs among many.
//!
//! A million connections are opened by frames, and stay idle. Then one more receives data, beside a host that has only
//! that one; and the memory that the million took is looked at. Then segments come for any of them, each answered with
//! an acknowledgment; and on another host a million connections end and wait.

mod frames;
#[path = "../support/mod.rs"]
mod support;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use taphouse::application::discard::Discard;
use taphouse::application::{Data, Service, Session, Stream, Used};
use taphouse::base::address::{Address, Cidr, Flow};
use taphouse::base::time::Instant;
use taphouse::buffer::{Checksum, DEVICE_ROOM, Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Received, Waker};
use taphouse::stack::{Config, Stack};
use taphouse::transport::tcp::Tuning;
use taphouse::wire::tcp::{Header, flag};
use zerocopy::FromBytes;

use frames::{OUR_MAC, OURS, PORT, Peer, ROUTER};
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
    /// Then these, each as long as the first, which lie in one piece: what they cost to read is not measured.
    burst: Vec<u8>,
    /// Where in that the next one begins, and how long each is.
    next: (usize, usize),
    /// The sequence number of what was sent last.
    answered: u32,
    sent: u64,
}

impl Device for Feed {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1500)
    }

    #[inline]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        // Computing checksums is measured elsewhere.
        let offload = Offload { checksum: Checksum::Verified, segments: None };
        let (start, length) = self.next;
        if let Some(bytes) = self.waiting.pop_front() {
            frame.fill(&bytes, offload);
        } else if let Some(bytes) = self.burst.get(start..start + length).filter(|bytes| !bytes.is_empty()) {
            frame.fill(bytes, offload);
            self.next.0 += length;
        } else {
            return Ok(Received::Nothing);
        }
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
/// Room for a million connections with all that they keep.
const MEMORY: usize = 4 << 30;
/// Rounds of which the quickest counts, and turns in each.
const ROUNDS: u32 = 8;
const TURNS: usize = 512;

/// Closes every connection as soon as it is open.
struct Farewell;

impl Session for Farewell {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        stream.close();
    }

    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        Used::Bytes(data.len())
    }
}

impl Service for Farewell {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Farewell))
    }
}

/// Many connections of which any may receive next.
struct Crowd {
    host: Host,
    /// What each peer sends next, and what it acknowledges.
    peers: Vec<(u32, u32)>,
    dice: u64,
}

impl Crowd {
    fn new(count: u32) -> Crowd {
        let mut host = Host::new();
        host.stack.set_tuning(Tuning { delayed_ack: Duration::ZERO, ..Tuning::default() });
        host.stack.unlisten(PORT);
        host.stack.listen(PORT, Box::new(Discard)).expect("the port is free again");
        let peers = (1..=count).map(|number| (1, host.open(Peer(number)))).collect();
        assert_eq!(host.stack.connections(), count as usize + 1, "{}", host.stack.counters());
        Crowd { host, peers, dice: 1 }
    }

    /// The next segment of any peer.
    fn segment(&mut self) -> Vec<u8> {
        // Knuth's linear congruential generator; its upper bits are random enough.
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = (self.dice >> 33) as usize % self.peers.len();
        let (sequence, acknowledgment) = self.peers[number];
        self.peers[number].0 = sequence.wrapping_add(DATA.len() as u32);
        Peer(number as u32 + 1).segment(sequence, acknowledgment, flag::ACK | flag::PSH, &DATA)
    }

    /// What a segment costs with its acknowledgment, in nanoseconds, without what making it costs; so many come in a turn.
    fn cost(&mut self, burst: u32) -> f64 {
        let round = |_| {
            let mut bursts: VecDeque<Vec<u8>> =
                (0..TURNS).map(|_| (0..burst).flat_map(|_| self.segment()).collect()).collect();
            let start = std::time::Instant::now();
            while let Some(frames) = bursts.pop_front() {
                let length = frames.len() / burst as usize;
                let feed = self.host.stack.device_mut();
                (feed.burst, feed.next) = (frames, (0, length));
                self.host.turn();
            }
            start.elapsed().as_secs_f64() * 1e9 / (TURNS as f64 * f64::from(burst))
        };
        (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
    }
}

impl Host {
    fn new() -> Host {
        Host::with(Box::new(Discard))
    }

    fn with(service: Box<dyn Service>) -> Host {
        let own = Cidr::new(Address::from_v4(OURS), 24).expect("a length of its family");
        let gateways = vec![Address::from_v4(ROUTER)];
        let config = Config { memory: MEMORY, gateways, ..Config::new(OUR_MAC, &[own], [7; 16]) };
        let mut stack = Stack::new(Feed::default(), &config).expect("it is possible");
        stack.listen(PORT, service).expect("the port is free");
        let mut host = Host { stack, now: Instant::from_millis(1), sequence: 1, acknowledgment: 0 };
        host.stack.device_mut().waiting.push_back(frames::question());
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

    /// Our host has closed first; now the peer does, too.
    fn part(&mut self, peer: Peer, acknowledgment: u32) {
        let end = peer.segment(1, acknowledgment.wrapping_add(1), flag::ACK | flag::FIN, &[]);
        self.stack.device_mut().waiting.push_back(end);
        self.turn();
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
    let (before, start) = (resident(), std::time::Instant::now());
    crowded.crowd(count);
    let a_second = f64::from(count) / start.elapsed().as_secs_f64();
    let each = (resident() - before) / u64::from(count);
    let mut parting = Host::with(Box::new(Farewell));
    parting.part(ACTIVE, parting.acknowledgment);
    let before = resident();
    for peer in (1..=count).map(Peer) {
        let acknowledgment = parting.open(peer);
        parting.part(peer, acknowledgment);
    }
    assert_eq!(parting.stack.counters().connections_ended, u64::from(count) + 1, "{}", parting.stack.counters());
    let waiting = resident() - before;
    drop(parting);

    // The only one acknowledges a turn of segments at once; alone in its turn each has an acknowledgment, as among many.
    let mut one = Crowd::new(1);
    let (together, each_alone) = (one.cost(BATCH), one.cost(1));
    let [some, all] = [count.min(16_000), count].map(|count| Crowd::new(count).cost(BATCH));

    let work = |host: &'static mut Host| move || host.receive();
    let (alone, crowded) = (Box::leak(Box::new(alone)), Box::leak(Box::new(crowded)));
    let title = format!("a segment, for one of {count} connections and for the only one");
    let ours = Contender::new("among many", work(crowded)).in_batches_of(BATCH);
    let ratio = race(&title, TIMES, ours, vec![Contender::new("alone", work(alone)).in_batches_of(BATCH)]);
    println!("\none among {count} / one alone: {ratio:.3}  (at most 1.05 is asked for)");
    println!("an idle connection takes {each} bytes  (at most 640 are asked for)");
    println!("connections opened a second, their peers included: {a_second:.0}");
    println!("a segment and its acknowledgment, for any of {count}: {all:.0} ns  (at most 900 are asked for)");
    println!(
        "for any of 16,000: {some:.0} ns, {:.2} times the {each_alone:.0} ns for the only one  (at most 4 times), {:.2} times \
         the {together:.0} ns where it acknowledges {BATCH} at once",
        some / each_alone,
        some / together,
    );
    println!("{count} in TIME-WAIT take {:.1} MB  (at most 64 for a million are asked for)", waiting as f64 / 1e6);
}
