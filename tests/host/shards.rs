use std::time::Duration;

use taphouse::base::counters::{Counters, Dropped};
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::{Offload, SegmentKind};
use taphouse::device::Memory;
use taphouse::stack::journal::{Recording, Replay};
use taphouse::stack::{Mailbox, Stack};

use crate::fragments;
use crate::neighbors::here_i_am;
use crate::offload::{partial, segments};
use crate::packet::*;
use crate::reading::{datagram, read_offloaded};
use crate::routers::{quoted, too_big};
use crate::wire::{OFFLOADS, bind_services, config};

/// A host of several shards, each with a wire of its own.
struct Shards {
    shards: Vec<(Stack<Memory>, Memory)>,
    now: Instant,
}

impl Shards {
    fn new(count: u16) -> Shards {
        let mailboxes = Mailbox::for_shards(count).unwrap();
        let shards = mailboxes.into_iter().map(|(mailbox, _waker)| {
            let (device, wire) = Memory::pair(OFFLOADS);
            let mut stack = Stack::shard(device, &config(), mailbox).unwrap();
            bind_services(&mut stack);
            (stack, wire)
        });
        Shards { shards: shards.collect(), now: Instant::from_millis(1) }
    }

    /// Every shard has a turn.
    fn turn(&mut self) {
        self.now = self.now + Duration::from_micros(10);
        for (stack, _) in &mut self.shards {
            stack.turn(self.now).unwrap();
            let counters = stack.counters();
            assert_eq!(counters.frames_ended(), counters.frames_in(), "{counters}");
        }
    }

    /// What each shard sent.
    fn sent(&mut self) -> Vec<Vec<(Vec<u8>, Offload)>> {
        self.shards.iter_mut().map(|(_, wire)| std::iter::from_fn(|| wire.take()).collect()).collect()
    }

    fn counters(&self) -> Counters {
        let mut all = Counters::default();
        self.shards.iter().for_each(|(stack, _)| all.add(stack.counters()));
        all
    }

    fn memory_pinned(&self) -> usize {
        self.shards.iter().map(|(stack, _)| stack.memory_pinned()).sum()
    }
}

#[test]
fn the_owner_of_a_flow_answers_wherever_its_frames_come() {
    for count in 2..=4u16 {
        for family in BOTH {
            let mut shards = Shards::new(count);
            let mut owners = vec![0; usize::from(count)];
            for port in 5000..5100 {
                let mut answered_by = Vec::new();
                for arrives_at in 0..usize::from(count) {
                    let (frame, offload) = partial(&udp(family, port, 7, &pattern(50)), None);
                    assert!(shards.shards[arrives_at].1.send(&frame, offload));
                    shards.turn();
                    shards.turn();
                    for (shard, sent) in shards.sent().into_iter().enumerate() {
                        for (frame, offload) in sent {
                            assert_eq!(datagram(&read_offloaded(&frame, offload)), (7, port, &pattern(50)[..]));
                            answered_by.push(shard);
                        }
                    }
                }
                assert_eq!(answered_by.len(), usize::from(count), "each is answered once");
                assert!(answered_by.iter().all(|shard| *shard == answered_by[0]), "always by the same");
                owners[answered_by[0]] += 1;
            }
            assert!(owners.iter().all(|flows| *flows > 0), "{owners:?}");
            shards.turn();
            assert_eq!(shards.memory_pinned(), 0, "blocks came home");
            let counters = shards.counters();
            assert_eq!(counters.frames_handed_over, 100 * u64::from(count - 1));
            assert_eq!(counters.frames_received, 100 * u64::from(count));
            assert_eq!(counters.datagrams_in_place, counters.frames_received);
            assert_eq!(counters.dropped_in_all(), 0);
        }
    }
}

#[test]
fn an_error_goes_to_the_owner_of_the_flow_that_it_quotes() {
    for family in BOTH {
        let mut shards = Shards::new(3);
        for port in 5000..5050 {
            let quote = quoted(udp(family, 7, port, &pattern(1400)));
            for arrives_at in 0..3 {
                assert!(shards.shards[arrives_at].1.send(&too_big(family, 1300, &quote).frame(), Offload::default()));
            }
            shards.turn();
            shards.turn();
        }
        shards.turn();
        assert_eq!((shards.memory_pinned(), shards.sent().concat().len()), (0, 0));
        let counters = shards.counters();
        assert_eq!((counters.errors_received, counters.frames_handed_over), (150, 100));
        assert_eq!(counters.dropped_in_all(), 0);
    }
}

/// A source port whose flow to the echo service belongs to the second of two shards.
fn port_of_second(shards: &mut Shards) -> u16 {
    let owned = |port: &u16| {
        assert!(shards.shards[0].1.send(&udp(BOTH[0], *port, 7, b"whose").frame(), Offload::default()));
        shards.turn();
        shards.turn();
        shards.turn();
        !shards.sent()[1].is_empty()
    };
    (6000..7000).find(owned).expect("half of the flows do")
}

#[test]
fn a_superframe_is_handed_over_whole_and_without_a_copy_at_its_receiver() {
    let mut shards = Shards::new(2);
    let port = port_of_second(&mut shards);
    let before = shards.shards[0].0.counters().bytes_copied;
    let (frame, offload) = partial(&udp(BOTH[0], port, 7, &pattern(60_000)), segments(SegmentKind::Udp, 1000));
    assert!(shards.shards[0].1.send(&frame, offload));
    shards.turn();
    let sent = shards.sent();
    assert!(sent[0].is_empty());
    let [(answer, answered)] = &sent[1][..] else { panic!("one answer by the owner") };
    assert_eq!(*answered, offload);
    assert_eq!(datagram(&read_offloaded(answer, *answered)).2, pattern(60_000));
    assert_eq!(shards.shards[0].0.counters().bytes_copied, before);
    shards.turn();
    assert_eq!(shards.memory_pinned(), 0);
}

/// Fragments reassemble where they arrive, and the datagram goes to the owner of its flow.
#[test]
fn a_datagram_in_fragments_is_handed_over_whole() {
    for family in BOTH {
        let mut shards = Shards::new(3);
        for port in 5000..5030 {
            let size = if port % 2 == 0 { 8000 } else { 65_535 - 28 };
            let asked = udp(family, port, 7, &pattern(size));
            let pieces = fragments::pieces(&asked.frame(), u32::from(port), fragments::room(family));
            for piece in &pieces {
                assert!(shards.shards[usize::from(port) % 3].1.send(piece, Offload::default()));
            }
            shards.turn();
            shards.turn();
            let sent = shards.sent().into_iter().filter(|sent| !sent.is_empty()).collect::<Vec<_>>();
            let [answers] = &sent[..] else { panic!("one shard answers") };
            let answers = answers.iter().map(|(frame, _)| frame.clone()).collect::<Vec<_>>();
            let answer = read_offloaded(&fragments::joined(&answers).0, Offload::default());
            assert_eq!(datagram(&answer), (7, port, &pattern(size)[..]));
            shards.turn();
            assert_eq!(shards.memory_pinned(), 0);
        }
        let counters = shards.counters();
        assert_eq!((counters.reassembled, counters.fragmented, counters.dropped_in_all()), (30, 30, 0), "{counters}");
        assert!(counters.frames_handed_over > 5, "{counters}");
    }
}

#[test]
fn an_owner_that_does_not_read_costs_frames_and_no_memory() {
    let mut shards = Shards::new(2);
    let port = port_of_second(&mut shards);
    let dropped = shards.counters().dropped_in_all();
    let handed_over = shards.counters().frames_handed_over;
    let frame = udp(BOTH[0], port, 7, b"nobody reads").frame();
    let many = limits::MAILBOX + 100;
    for _ in 0..many {
        let (stack, wire) = &mut shards.shards[0];
        assert!(wire.send(&frame, Offload::default()));
        stack.turn(shards.now).unwrap();
    }
    let counters = shards.counters();
    assert_eq!(counters.dropped(Dropped::MailboxFull), 100, "{counters}");
    assert_eq!(counters.dropped_in_all(), dropped + 100);
    assert_eq!(counters.frames_handed_over, handed_over + limits::MAILBOX as u64);
    assert_eq!(shards.memory_pinned(), limits::MAILBOX * 2048);
    for _ in 0..2 * many / limits::MESSAGES_A_TURN {
        shards.turn();
    }
    assert_eq!(shards.memory_pinned(), 0, "blocks came home");
    assert_eq!(shards.sent()[1].len(), limits::MAILBOX);
}

#[test]
fn an_owner_that_is_gone_costs_frames_and_no_memory() {
    let mut shards = Shards::new(2);
    let port = port_of_second(&mut shards);
    shards.shards.pop();
    let frame = udp(BOTH[0], port, 7, b"nobody there").frame();
    for _ in 0..10 {
        assert!(shards.shards[0].1.send(&frame, Offload::default()));
        shards.turn();
    }
    assert_eq!(shards.counters().dropped(Dropped::MailboxFull), 10);
    assert_eq!(shards.memory_pinned(), 0);
}

#[test]
fn what_a_receiver_cannot_keep_is_dropped() {
    let mailboxes = Mailbox::for_shards(2).unwrap();
    let poor = taphouse::stack::Config { memory: 0, ..config() };
    let mut shards = Vec::new();
    for (mailbox, _waker) in mailboxes {
        let (device, wire) = Memory::pair(OFFLOADS);
        let mut stack = Stack::shard(device, &poor, mailbox).unwrap();
        bind_services(&mut stack);
        shards.push((stack, wire));
    }
    let mut shards = Shards { shards, now: Instant::ZERO };
    for port in 5000..5100 {
        assert!(shards.shards[0].1.send(&udp(BOTH[1], port, 7, b"").frame(), Offload::default()));
    }
    shards.turn();
    shards.turn();
    let counters = shards.counters();
    assert_eq!(counters.dropped(Dropped::PoolFull) + counters.datagrams_in_place, 100, "{counters}");
    assert!(counters.dropped(Dropped::PoolFull) > 0 && counters.datagrams_in_place > 0);
    assert_eq!(shards.memory_pinned(), 0);
}

#[test]
fn a_full_turn_with_frames_handed_over_is_repeated() {
    let port = port_of_second(&mut Shards::new(2));
    let mut shards = Shards::new(2);
    let recording = Recording::default();
    shards.shards[1].0.keep_journal(Box::new(recording.clone()));
    let frame = udp(BOTH[0], port, 7, b"both ways").frame();
    for _ in 0..limits::FRAMES_A_TURN {
        assert!(shards.shards[0].1.send(&frame, Offload::default()));
        assert!(shards.shards[1].1.send(&frame, Offload::default()));
    }
    shards.turn();
    let sent = shards.sent().remove(1);
    assert_eq!(sent.len(), 2 * limits::FRAMES_A_TURN);
    let (mailbox, _waker) = Mailbox::for_shards(2).unwrap().remove(1);
    let mut again = Stack::shard(Replay::new(&recording, OFFLOADS), &config(), mailbox).unwrap();
    bind_services(&mut again);
    while again.repeat().unwrap() {}
    assert_eq!(again.device_mut().sent(), sent);
}

/// The answer to a question reaches one queue, and not always that of the shard that asked.
#[test]
fn what_one_shard_hears_of_a_neighbour_all_know() {
    for family in BOTH {
        for arrives_at in 0..3 {
            let mut shards = Shards::new(3);
            let (frame, offload) = partial(&udp(family, 5000, 19, b"please"), None);
            assert!(shards.shards[0].1.send(&frame, offload));
            shards.turn();
            shards.turn();
            assert_eq!(shards.sent().concat().len(), 1, "the owner asks for the peer");

            assert!(shards.shards[arrives_at].1.send(&here_i_am(family), Offload::default()));
            shards.turn();
            shards.turn();
            let delivered = shards.sent().concat();
            assert_eq!(delivered.len(), 1, "chargen's answer was parked for it");
            let (port, ..) = datagram(&read_offloaded(&delivered[0].0, delivered[0].1));
            assert_eq!(port, 19);
            shards.turn();
            assert!(shards.sent().concat().is_empty());
            assert_eq!(shards.memory_pinned(), 0, "every block came home");
        }
    }
}

/// A frame this large changes hands when it is kept, instead of being copied.
#[test]
fn a_large_frame_about_a_neighbour_reaches_all() {
    let mut shards = Shards::new(3);
    let mut frame = here_i_am(BOTH[0]);
    frame.resize(20_000, 0);
    assert!(shards.shards[0].1.send(&frame, Offload::default()));
    for _ in 0..3 {
        shards.turn();
    }
    let counters = shards.counters();
    assert_eq!((counters.neighbors_heard, counters.frames_told, counters.frames_taken_over), (3, 2, 2), "{counters}");
    assert_eq!((counters.dropped_in_all(), shards.memory_pinned()), (0, 0), "{counters}");
}
