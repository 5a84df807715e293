//! Small frames that leave together, on a device of system calls.

use std::io::{self, IoSlice};
use std::time::Duration;

use etherparse::TcpHeader;
use taphouse::application::echo::Echo;
use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::{DEVICE_ROOM, Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Memory, Received, Waker};
use taphouse::stack::Stack;

use crate::neighbors::here_i_am;
use crate::packet::*;
use crate::reading::read;
use crate::wire::{PLAIN, bind_services, config};

/// A device of system calls that notes them.
struct Kernel {
    wire: Memory,
    /// `r`: it gave a frame; `t`: it took one, `T`: a large one; `f`: it was full; `e`: it refused one.
    calls: String,
    /// How many frames it takes before it is full.
    room: usize,
    /// It refuses the frame in front of which it takes so many.
    refuses: Option<usize>,
    waited_for: Option<Interest>,
}

impl Device for Kernel {
    const CALLS: bool = true;

    fn capabilities(&self) -> Capabilities {
        self.wire.capabilities()
    }

    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        let received = self.wire.receive(frame)?;
        if received == Received::Frame {
            self.calls.push('r');
        }
        Ok(received)
    }

    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        let call = match (self.room, &mut self.refuses) {
            (0, _) => 'f',
            (_, Some(0)) => 'e',
            _ if head.len() > DEVICE_ROOM + 256 => 'T',
            _ => 't',
        };
        self.calls.push(call);
        match call {
            'f' => return Ok(false),
            'e' => {
                self.refuses = None;
                return Err(io::Error::other("not this one"));
            }
            _ => {}
        }
        self.room -= 1;
        self.refuses = self.refuses.map(|left| left - 1);
        assert!(self.wire.transmit(head, offload, payload)?);
        Ok(true)
    }

    fn wait(&mut self, interest: Interest, _waker: &Waker, _at_most: Option<Duration>) -> io::Result<()> {
        self.waited_for = Some(interest);
        Ok(())
    }
}

/// A host on such a device, and the test at the other end.
struct Bench {
    stack: Stack<Kernel>,
    wire: Memory,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        let (device, wire) = Memory::pair(PLAIN);
        let calls = String::new();
        let kernel = Kernel { wire: device, calls, room: usize::MAX, refuses: None, waited_for: None };
        let mut stack = Stack::new(kernel, &config()).unwrap();
        bind_services(&mut stack);
        stack.listen(7, Box::new(Echo)).unwrap();
        Bench { stack, wire, now: Instant::from_millis(1000) }
    }

    /// One turn, in which these frames wait; the calls that it made.
    fn turn(&mut self, frames: &[Vec<u8>]) -> String {
        frames.iter().for_each(|frame| assert!(self.wire.send(frame, Offload::default())));
        self.now = self.now + Duration::from_micros(100);
        self.stack.turn(self.now).unwrap();
        std::mem::take(&mut self.stack.device_mut().calls)
    }

    /// So many frames came in the last turn that more are expected.
    fn press(&mut self) {
        self.turn(&pings(0..limits::FRAMES_AHEAD));
        self.sent();
    }

    /// What left, above IP.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.wire.take()).map(|(frame, _)| read(&frame).payload).collect()
    }

    /// Which pings were answered.
    fn answered(&mut self) -> Vec<usize> {
        self.sent().iter().map(|answer| usize::from(*answer.last().unwrap())).collect()
    }

    fn dropped(&self, why: Dropped) -> u64 {
        self.stack.counters().dropped(why)
    }

    fn has_room(&mut self, room: usize) {
        self.stack.device_mut().room = room;
    }

    fn waits_for(&mut self) -> Option<Interest> {
        self.stack.wait(&Waker::new().unwrap(), None).unwrap();
        self.stack.device_mut().waited_for
    }
}

/// Pings of both families, each with its number.
fn pings(numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    numbers.map(|number| echo(BOTH[number % 2], &[number as u8]).frame()).collect()
}

#[test]
fn many_leave_together_and_few_one_by_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.turn(&pings(0..3)), "rtrtrt");
    // Not known yet to be many.
    assert_eq!(bench.turn(&pings(0..9)), "rt".repeat(9));
    assert_eq!(bench.turn(&pings(0..20)), "rrrrrrrrttttttttrrrrrrrrttttttttrrrrtttt");
    // Known to be many, and few.
    assert_eq!(bench.turn(&pings(0..3)), "rrrttt");
    assert_eq!(bench.turn(&pings(0..3)), "rtrtrt");
    assert_eq!(bench.answered(), (0..3).chain(0..9).chain(0..20).chain(0..3).chain(0..3).collect::<Vec<_>>());
}

#[test]
fn a_large_one_leaves_behind_those_that_wait() {
    let mut bench = Bench::new();
    bench.press();
    let large = |number| echo(Family::V4, &[&[0x5a; 500][..], &[number]].concat()).frame();
    let mut frames = pings(0..12);
    (frames[2], frames[3]) = (large(2), large(3));
    assert_eq!(bench.turn(&frames), "rrrrrrrrttTTttttrrrrtttt");
    assert_eq!(bench.answered(), Vec::from_iter(0..12));
}

#[test]
fn a_full_device_gets_what_waits_before_anything_else() {
    let mut bench = Bench::new();
    bench.press();
    bench.has_room(3);
    // Three of the first eight leave and five wait; the others find the device full.
    let calls = bench.turn(&pings(0..20));
    assert_eq!(calls.matches('t').count(), 3);
    assert_eq!(bench.dropped(Dropped::DeviceFull), 20 - 8);
    assert_eq!(bench.waits_for(), Some(Interest::ReceiveAndTransmit));
    assert_eq!(bench.answered(), [0, 1, 2]);
    assert_eq!(bench.turn(&[]), "f", "it is tried once a turn");
    bench.has_room(2);
    assert_eq!(bench.turn(&[]), "ttf");
    assert_eq!(bench.answered(), [3, 4]);
    // A frame that would not wait for others leaves behind them, too.
    bench.has_room(100);
    assert_eq!(bench.turn(&pings(30..31)), "rtttt");
    assert_eq!(bench.answered(), [5, 6, 7, 30]);
    assert_eq!(bench.waits_for(), Some(Interest::Receive));
    assert_eq!(bench.dropped(Dropped::DeviceFull), 20 - 8);
}

#[test]
fn one_that_is_refused_holds_nobody_up() {
    let mut bench = Bench::new();
    bench.press();
    bench.stack.device_mut().refuses = Some(3);
    let sent_before = bench.stack.counters().frames_sent;
    assert_eq!(bench.turn(&pings(0..8)), "rrrrrrrrtttetttt");
    assert_eq!(bench.answered(), [0, 1, 2, 4, 5, 6, 7]);
    assert_eq!(bench.dropped(Dropped::DeviceError), 1);
    assert_eq!(bench.stack.counters().frames_sent, sent_before + 7);
    assert_eq!(bench.stack.take_refusal().unwrap().to_string(), "not this one");
}

/// Every byte is echoed once, whatever the device takes at a time.
#[test]
fn what_was_acknowledged_is_not_lost_in_a_full_device() {
    const PEERS: u16 = 20;
    let mut bench = Bench::new();
    for family in BOTH {
        // It asks for us first.
        bench.turn(&[udp(family, 5000, 19, b"please").frame(), here_i_am(family)]);
    }
    while bench.wire.take().is_some() {}
    let segment = |port: u16, change: &dyn Fn(&mut TcpHeader), data: &[u8]| {
        let header = |header: &mut TcpHeader| {
            (header.source_port, header.destination_port) = (10_000 + port, 7);
            (header.sequence_number, header.acknowledgment_number) = (0, 0);
            change(header);
        };
        tcp(BOTH[usize::from(port) % 2], header, data).frame()
    };
    let header = |payload: &[u8]| TcpHeader::from_slice(payload).map(|(header, data)| (header, data.to_vec())).unwrap();
    let opened: Vec<u32> = (0..PEERS)
        .map(|port| {
            bench.turn(&[segment(port, &|header| header.syn = true, b"")]);
            header(&bench.sent()[0]).0.sequence_number.wrapping_add(1)
        })
        .collect();
    let data: Vec<_> = (0..PEERS)
        .map(|port| {
            let acknowledges = |header: &mut TcpHeader| {
                (header.sequence_number, header.acknowledgment_number) = (1, opened[usize::from(port)]);
                (header.ack, header.psh) = (true, true);
            };
            segment(port, &acknowledges, &port.to_be_bytes())
        })
        .collect();
    bench.press();
    bench.has_room(0);
    bench.turn(&data);
    let mut echoed = Vec::new();
    for room in [1, 0, 5, 2, 9, 100] {
        bench.has_room(room);
        bench.turn(&[]);
        echoed.extend(bench.sent().iter().map(|payload| header(payload).1));
    }
    assert_eq!(echoed, (0..PEERS).map(|port| port.to_be_bytes().to_vec()).collect::<Vec<_>>());
    assert_eq!(bench.stack.counters().segments_again, 0);
}
