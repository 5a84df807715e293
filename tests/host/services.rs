use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use taphouse::application::{Answer, Batch, Datagrams, Io};
use taphouse::base::address::Flow;
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::buffer::{Block, CAPACITY, Offload, PoolFull, SegmentKind};
use taphouse::stack::{Config, Mailbox, Message, Stack};

use crate::offload::{partial, segments};
use crate::packet::*;
use crate::wire::{Host, OFFLOADS, PLAIN, config};
use taphouse::base::time::Instant;
use taphouse::device::Memory;

/// Keeps everything that comes, until it gets a datagram that says "give back".
#[derive(Default)]
struct Hoarder {
    blocks: Vec<Block>,
}

impl Datagrams for Hoarder {
    fn on_datagrams(&mut self, _flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        if batch.bytes() == b"give back" {
            self.blocks.drain(..).for_each(|block| io.release(block));
            return Answer::InPlace;
        }
        let expected = batch.bytes().to_vec();
        match io.take(batch) {
            Ok(block) => {
                assert_eq!(block.frame().bytes(), expected, "the payload changes hands");
                self.blocks.push(block);
                Answer::Done
            }
            Err(PoolFull) => Answer::Drop(Dropped::PoolFull),
        }
    }
}

/// Takes everything and hands it to a thread.
struct Storage(Sender<Block>);

impl Datagrams for Storage {
    fn on_datagrams(&mut self, _flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        match io.take(batch) {
            Ok(block) => {
                self.0.send(block).expect("the thread lives");
                Answer::Done
            }
            Err(PoolFull) => Answer::Drop(Dropped::PoolFull),
        }
    }
}

#[test]
fn who_holds_blocks_is_charged_until_its_quota_is_full() {
    for family in BOTH {
        let memory = 64 << 10;
        let mut host = Host::new(PLAIN, &Config { memory, ..config() });
        host.stack.bind(2000, Box::new(Hoarder::default())).unwrap();
        let asked = udp(family, 5000, 2000, b"keep me").frame();
        let most = memory / 16 * limits::POOL_TAKEN / 2048;
        for held in 1..=most {
            assert!(host.ask(&asked).is_empty());
            assert_eq!(host.stack.memory_pinned(), held * 2048, "charged by capacity");
        }
        for _ in 0..10 {
            host.drops(&asked, Dropped::PoolFull);
        }
        // What others do goes on.
        host.answer(&udp(family, 5000, 7, b"echo").frame());
        host.answer(&udp(family, 5000, 2000, b"give back").frame());
        assert_eq!(host.stack.memory_pinned(), 0);

        let counters = host.counters();
        assert_eq!(counters.frames_received, counters.datagrams_received);
        let delivered = most as u64;
        assert_eq!(
            counters.datagrams_received,
            counters.datagrams_in_place + delivered + counters.dropped(Dropped::PoolFull)
        );
        assert_eq!(counters.bytes_copied, delivered * 7, "small frames are copied into small buffers");
    }
}

#[test]
fn a_large_batch_changes_hands_without_a_copy() {
    for family in BOTH {
        let mut host = Host::new(OFFLOADS, &config());
        host.stack.bind(2000, Box::new(Hoarder::default())).unwrap();
        for count in 1..=3 {
            let packet = udp(family, 5000, 2000, &pattern(60_000));
            let (frame, offload) = partial(&packet, segments(SegmentKind::Udp, 1000));
            host.give(&frame, offload);
            assert!(host.turn().is_empty());
            assert_eq!(host.stack.memory_pinned(), count * CAPACITY);
        }
        assert_eq!((host.counters().datagrams_received, host.counters().bytes_copied), (180, 0));
        let (frame, offload) = partial(&udp(family, 5000, 2000, b"give back"), None);
        host.give(&frame, offload);
        assert_eq!(host.turn().len(), 1, "the loop went on with other buffers");
    }
}

/// Answers with the frame that it took.
struct Confused(Vec<Block>);

impl Datagrams for Confused {
    fn on_datagrams(&mut self, _flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        self.0.drain(..).for_each(|block| io.release(block));
        if batch.bytes() != b"nothing" {
            self.0.extend(io.take(batch));
        }
        Answer::InPlace
    }
}

#[test]
fn a_frame_that_was_given_away_is_not_sent() {
    for family in BOTH {
        let mut host = Host::offloading();
        host.stack.bind(2000, Box::new(Confused(Vec::new()))).unwrap();
        host.drops(&udp(family, 5000, 2000, b"small").frame(), Dropped::Misuse);
        let (frame, offload) = partial(&udp(family, 5000, 2000, &pattern(50_000)), segments(SegmentKind::Udp, 1000));
        host.drops_offloaded(&frame, offload, Dropped::Misuse);
        assert_eq!(host.ask(&udp(family, 5000, 2000, b"nothing").frame()).len(), 1);
        host.drops(&udp(family, 5000, 2000, b"").frame(), Dropped::Misuse);
        host.ask(&udp(family, 5000, 2000, b"nothing").frame());
    }
}

#[test]
fn blocks_come_home_from_another_thread() {
    let (device, mut wire) = Memory::pair(PLAIN);
    let mailbox = Mailbox::alone();
    let post = mailbox.post();
    let mut stack = Stack::shard(device, &config(), mailbox).unwrap();
    let (sender, receiver): (_, Receiver<Block>) = channel();
    stack.bind(2000, Box::new(Storage(sender))).unwrap();
    let storage = thread::spawn(move || {
        let mut stored = 0;
        for block in receiver.iter().take(500) {
            stored += block.frame().len();
            let mut message = Message::Return(block);
            while let Err(refused) = post.send(message) {
                message = refused;
                thread::yield_now();
            }
        }
        stored
    });
    let mut now = Instant::from_millis(1);
    for number in 0..500 {
        let family = BOTH[number % 2];
        assert!(wire.send(&udp(family, 5000, 2000, &pattern(number)).frame(), Offload::default()));
        now = now + std::time::Duration::from_micros(10);
        stack.turn(now).unwrap();
    }
    assert_eq!(storage.join().unwrap(), (0..500).sum::<usize>());
    while stack.turn(now).unwrap().more {}
    assert_eq!(stack.memory_pinned(), 0);
    assert_eq!((stack.counters().datagrams_received, stack.counters().dropped_in_all()), (500, 0));
}
