//! Whole hosts under a script. Whatever it says, they do not panic, each frame that came in ends once and is counted so,
//! nothing that they send is malformed, and in the end the pool is full again.

use std::time::Duration;

use taphouse::application::chargen::Chargen;
use taphouse::application::discard::Discard;
use taphouse::application::echo::Echo;
use taphouse::application::{Answer, Batch, Datagrams, Io, Service};
use taphouse::base::address::{Address, Cidr, Flow, Mac};
use taphouse::base::counters::{Counters, Dropped};
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::{Block, Offload};
use taphouse::device::{Capabilities, Device, Memory};
use taphouse::stack::journal::{Recording, Replay};
use taphouse::stack::{Config, Mailbox, Remembered, Stack};

use super::frames::{self, HOST_MAC, HOST_V4, HOST_V6, PEER_MAC};
use super::script::{Script, Step};

const PLAIN: Capabilities = Capabilities::plain(1500);
const OFFLOADS: Capabilities =
    Capabilities { checksum: true, segment_tcp: true, segment_udp: true, ..Capabilities::plain(1500) };
/// Longer than any neighbour is waited for.
const GIVEN_UP: Duration = Duration::from_secs(4);

/// A host on a wire, and one whose wire completes checksums and cuts superframes.
pub(crate) fn alone(script: &[u8], valid: &[Vec<u8>]) {
    for capabilities in [PLAIN, OFFLOADS] {
        let mut host = Host::new(capabilities, Mailbox::alone());
        Script::new(script, valid).for_each(|step| host.step(&step));
        host.end();
    }
}

/// A host of three shards, whose frames come to one after the other.
pub(crate) fn sharded(script: &[u8], valid: &[Vec<u8>]) {
    let mailboxes = Mailbox::for_shards(3).expect("eventfds are to be had");
    let mut shards: Vec<Host> = mailboxes.into_iter().map(|(mailbox, _)| Host::new(OFFLOADS, mailbox)).collect();
    for (number, step) in Script::new(script, valid).enumerate() {
        let at = number % shards.len();
        shards[at].step(&step);
        let now = shards[at].now;
        for shard in &mut shards {
            shard.now = now;
            shard.turn();
        }
    }
    // What was handed over comes home, and each service that keeps something is asked for it, whichever shard has it.
    for port in 0..64 {
        for _ in 0..20 {
            shards.iter_mut().for_each(|shard| shard.pass(GIVEN_UP));
        }
        if shards.iter().all(|shard| shard.stack.memory_pinned() == 0) {
            break;
        }
        let at = usize::from(port) % shards.len();
        shards[at].ask_for_what_was_kept(port);
    }
    shards.iter().for_each(Host::check_memory);
}

/// What a journal notes of a host is repeated to the bit.
pub(crate) fn repeated(script: &[u8], valid: &[Vec<u8>]) {
    let mut host = Host::new(OFFLOADS, Mailbox::alone());
    let recording = Recording::default();
    host.stack.keep_journal(Box::new(recording.clone()));
    Script::new(script, valid).for_each(|step| host.step(&step));
    host.end();

    let mut again = Stack::new(Replay::new(&recording, OFFLOADS), &config()).expect("it was possible before");
    bind(&mut again);
    while again.repeat().expect("the same input gives the same output") {}
    assert_eq!(again.device_mut().sent().len(), host.sent);
    assert_eq!(again.counters(), host.stack.counters());
    // Not that it sent as many, but that it sent the same.
    assert_eq!(digest(again.device_mut().sent().iter().map(|(frame, _)| frame.as_slice())), host.digest);
}

/// What a host counts of these frames.
pub(crate) fn counters_of(frames: &[Vec<u8>]) -> Counters {
    let mut host = Host::new(PLAIN, Mailbox::alone());
    for frame in frames {
        host.step(&Step { frame: frame.clone(), offload: Offload::default(), passes: Some(Duration::from_micros(50)) });
    }
    let counters = host.stack.counters().clone();
    host.end();
    counters
}

struct Host {
    stack: Stack<Memory>,
    wire: Memory,
    now: Instant,
    sent: usize,
    digest: u64,
}

fn config() -> Config {
    let own = [Cidr::new(Address::from_v4(HOST_V4), 24), Cidr::new(Address::from_v6(HOST_V6), 64)];
    let own: Vec<_> = own.into_iter().flatten().collect();
    let rarp = vec![(Mac::new(PEER_MAC), Address::from_v4([10, 77, 0, 77]))];
    // So little that every quota is met.
    let memory = 1 << 20;
    let lease = Some(Remembered { address: Address::from_v4([10, 77, 0, 9]), until: Instant::from_millis(60_000) });
    Config { rarp, memory, auto: Some([9; 16]), lease, ..Config::new(Mac::new(HOST_MAC), &own, [7; 16]) }
}

fn bind<D: Device>(stack: &mut Stack<D>) {
    let services: [(u16, Box<dyn Datagrams>); 4] = [
        (7, Box::new(Echo)),
        (9, Box::new(Discard)),
        (19, Box::new(Chargen::default())),
        (2000, Box::new(Keeper(Vec::new()))),
    ];
    for (port, service) in services {
        stack.bind(port, service).expect("no port is there twice");
    }
    let services: [(u16, Box<dyn Service>); 3] =
        [(7, Box::new(Echo)), (9, Box::new(Discard)), (19, Box::new(Chargen::default()))];
    for (port, service) in services {
        stack.listen(port, service).expect("no port is there twice");
    }
}

impl Host {
    fn new(capabilities: Capabilities, mailbox: Mailbox) -> Host {
        let (device, wire) = Memory::pair(capabilities);
        let mut stack = Stack::shard(device, &config(), mailbox).expect("the configuration is possible");
        bind(&mut stack);
        Host { stack, wire, now: Instant::from_millis(1), sent: 0, digest: 0 }
    }

    fn step(&mut self, Step { frame, offload, passes }: &Step) {
        if !self.wire.send(frame, *offload) {
            self.turn();
        }
        if let Some(span) = passes {
            self.pass(*span);
        }
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.turn();
    }

    /// Turns until nothing waits and nothing is due.
    fn turn(&mut self) {
        let mut turns = 0;
        loop {
            let turn = self.stack.turn(self.now).expect("a wire in memory does not fail");
            self.look();
            let due = self.stack.deadline().is_some_and(|deadline| deadline <= self.now);
            if !turn.more && !due {
                break;
            }
            turns += 1;
            assert!(turns < limits::NEIGHBORS, "the loop spins {:?} {:?} {:?}", self.now, self.stack.deadline(), turn);
        }
        let counters = self.stack.counters();
        assert_eq!(counters.frames_ended(), counters.frames_in(), "each frame ends once:\n{counters}");
    }

    /// Takes what was sent off the wire.
    fn look(&mut self) {
        while let Some((frame, offload)) = self.wire.take() {
            self.sent += 1;
            self.digest = fold(self.digest, &frame);
            assert_eq!(offload.check(frame.len()), Ok(()));
            assert!(frame.len() >= 14, "{frame:02x?}");
            assert_eq!(frame[6..12], HOST_MAC);
            assert!([[8, 0], [8, 6], [0x80, 0x35], [0x86, 0xdd]].contains(&[frame[12], frame[13]]), "{frame:02x?}");
            if offload.segments.is_none() {
                assert!(frame.len() <= 14 + 1500 || self.stack.counters().bytes_received > 1500, "{}", frame.len());
            }
        }
    }

    fn ask_for_what_was_kept(&mut self, port: u16) {
        let mut frame = frames::valid().into_iter().nth(PORT_2000).expect("there is one for every port");
        frame[34..36].copy_from_slice(&(6000 + port).to_be_bytes());
        // Bytes 38 and 39 are the length of UDP, 16 and 17 that of IP: nothing but headers.
        frame[38..40].copy_from_slice(&[0, 8]);
        frame[16..18].copy_from_slice(&[0, 28]);
        frames::repair(&mut frame);
        assert!(self.wire.send(&frame, Offload::default()));
    }

    /// Lets everything run out, gets back what services hold, and sees that no memory is left charged.
    fn end(&mut self) {
        self.pass(GIVEN_UP);
        self.ask_for_what_was_kept(0);
        // Until the last SYN-ACK that nobody acknowledges was given up, too.
        for _ in 0..20 {
            self.pass(GIVEN_UP);
        }
        self.check_memory();
    }

    fn check_memory(&self) {
        assert_eq!(self.stack.memory_pinned(), 0, "the pool is full again:\n{}", self.stack.counters());
    }
}

/// Which of the valid frames is UDP over IPv4 for port 2000.
const PORT_2000: usize = 31;

fn digest<'a>(frames: impl Iterator<Item = &'a [u8]>) -> u64 {
    frames.fold(0, fold)
}

/// FNV-1a over one more frame.
fn fold(digest: u64, frame: &[u8]) -> u64 {
    frame
        .iter()
        .fold(digest ^ 0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Keeps the buffers of some datagrams; an empty one makes it give all of them back.
struct Keeper(Vec<Block>);

impl Datagrams for Keeper {
    fn on_datagrams(&mut self, _flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        if batch.is_empty() {
            self.0.drain(..).for_each(|block| io.release(block));
            return Answer::InPlace;
        }
        match io.take(batch) {
            Ok(block) => self.0.push(block),
            Err(_) => return Answer::Drop(Dropped::PoolFull),
        }
        Answer::Done
    }
}
