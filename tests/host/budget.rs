use std::io::{self, IoSlice};
use std::time::Duration;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::{Frame, Offload, SegmentKind};
use taphouse::device::{Capabilities, Device, Interest, Memory, Received, Waker};
use taphouse::stack::Stack;

use crate::offload::{partial, segments};
use crate::packet::*;
use crate::wire::{Host, PLAIN, config};

#[test]
fn one_turn_takes_few_frames_and_says_that_more_wait() {
    let mut host = Host::plain();
    let asked = echo(Family::V4, b"flood").frame();
    for _ in 0..150 {
        host.give(&asked, Offload::default());
    }
    for (frames, more) in [(64, true), (64, true), (22, false), (0, false)] {
        let turn = host.stack.turn(host.now).unwrap();
        assert_eq!((turn.arrived, turn.more), (frames, more));
    }
    assert_eq!(host.turn().len(), 150);
}

#[test]
fn one_turn_takes_few_bytes() {
    let mut host = Host::offloading();
    let packet = udp(Family::V4, 5000, 9, &pattern(60_000));
    let (frame, offload) = partial(&packet, segments(SegmentKind::Udp, 1000));
    for _ in 0..40 {
        host.give(&frame, offload);
    }
    let turn = host.stack.turn(host.now).unwrap();
    assert_eq!((turn.arrived, turn.more), (limits::BYTES_A_TURN.div_ceil(frame.len()), true));
    while host.stack.turn(host.now).unwrap().more {}
    assert_eq!(host.counters().frames_received, 40);
}

#[test]
fn refused_frames_use_up_the_budget_too() {
    let mut host = Host::offloading();
    let packet = udp(Family::V4, 5000, 9, &pattern(100));
    let (frame, lie) = partial(&packet, segments(SegmentKind::Udp, 0));
    for _ in 0..100 {
        host.give(&frame, lie);
    }
    let turn = host.stack.turn(host.now).unwrap();
    assert_eq!((turn.arrived, turn.more), (64, true));
    host.turn();
    assert_eq!(host.counters().dropped(Dropped::OffloadLie), 100);
    assert_eq!(host.counters().frames_received, 100);
}

#[test]
fn timers_fire_under_a_flood() {
    let mut host = Host::plain();
    host.answer(&udp(Family::V4, 5000, 19, b"").frame());
    let flood = echo(Family::V6, b"flood").frame();
    let mut asked = 1;
    for _ in 0..50 {
        for _ in 0..70 {
            host.give(&flood, Offload::default());
        }
        let sent = host.pass(Duration::from_millis(100));
        asked += sent.iter().filter(|(frame, _)| frame[12..14] == [8, 6]).count();
        while host.stack.turn(host.now).unwrap().more {}
        asked += host.turn().iter().filter(|(frame, _)| frame[12..14] == [8, 6]).count();
    }
    assert_eq!(asked, 3);
    assert_eq!(host.counters().dropped(Dropped::NeighborUnreachable), 1);
}

#[test]
fn a_full_wire_loses_answers_and_nothing_else() {
    let mut host = Host::plain();
    let asked = echo(Family::V4, b"full").frame();
    for _ in 0..20 {
        for _ in 0..64 {
            host.give(&asked, Offload::default());
        }
        host.stack.turn(host.now).unwrap();
    }
    assert_eq!(host.turn().len(), 1024);
    let counters = host.counters();
    assert_eq!((counters.frames_sent, counters.dropped(Dropped::DeviceFull)), (1024, 20 * 64 - 1024));
    host.answer(&asked);
}

/// A device that has nothing until it was asked so often.
struct Late {
    wire: Memory,
    asked: usize,
    until: usize,
}

impl Device for Late {
    fn capabilities(&self) -> Capabilities {
        self.wire.capabilities()
    }

    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        self.asked += 1;
        if self.asked > self.until { self.wire.receive(frame) } else { Ok(Received::Nothing) }
    }

    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        self.wire.transmit(head, offload, payload)
    }

    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        self.wire.wait(interest, waker, at_most)
    }
}

#[test]
fn who_spins_asks_several_times_in_a_turn_until_something_comes() {
    let (device, mut wire) = Memory::pair(PLAIN);
    let mut stack = Stack::new(Late { wire: device, asked: 0, until: 3 }, &config()).unwrap();
    let now = Instant::from_millis(1000);
    let asked = |stack: &mut Stack<Late>| std::mem::take(&mut stack.device_mut().asked);
    assert!(wire.send(&echo(Family::V4, b"late").frame(), Offload::default()));
    assert_eq!(stack.turn(now).unwrap().arrived, 0);
    assert_eq!(asked(&mut stack), 1);
    stack.busy_poll();
    assert_eq!(stack.turn(now).unwrap().arrived, 1);
    assert_eq!(asked(&mut stack), 3 + 1 + 1, "once it came, finding nothing more ends the turn");
    assert!(wire.take().is_some(), "it was answered");
    assert_eq!(stack.turn(now).unwrap().arrived, 0);
    assert_eq!(asked(&mut stack), 1 + limits::LOOKS_A_TURN);
}
