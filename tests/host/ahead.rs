//! Frames that are received before the first of them is taken in: nothing about what is sent shows it.

use std::io::{self, IoSlice};
use std::time::Duration;

use etherparse::TcpHeader;
use taphouse::application::echo::Echo;
use taphouse::base::address::Family;
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::{Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Memory, Received, Waker};
use taphouse::stack::Stack;
use taphouse::stack::journal::{Recording, Replay};

use crate::neighbors::here_i_am;
use crate::packet::*;
use crate::reading::read;
use crate::wire::{Frames, Host, PLAIN, bind_services, config};

/// More than may come before segments for one after another are read ahead.
const COUNT: usize = limits::CROWD + 100;

/// The other end of one of very many connections.
#[derive(Clone, Copy, Default)]
struct Peer {
    number: usize,
    sequence: u32,
    acknowledgment: u32,
}

impl Peer {
    fn family(self) -> Family {
        BOTH[self.number % 2]
    }

    fn port(self) -> u16 {
        10_000 + self.number as u16
    }

    fn segment(self, change: impl FnOnce(&mut TcpHeader), data: &[u8]) -> Vec<u8> {
        let header = |header: &mut TcpHeader| {
            (header.source_port, header.destination_port) = (self.port(), 7);
            (header.sequence_number, header.acknowledgment_number) = (self.sequence, self.acknowledgment);
            change(header);
        };
        tcp(self.family(), header, data).frame()
    }

    /// Its next data, which nobody else sends.
    fn data(&mut self) -> (Vec<u8>, Vec<u8>) {
        let data = [self.port().to_be_bytes(), (self.sequence as u16).to_be_bytes()].concat();
        let frame = self.segment(|header| (header.ack, header.psh) = (true, true), &data);
        self.sequence += data.len() as u32;
        (frame, data)
    }
}

/// The segments that a host sent.
fn segments(frames: &Frames) -> impl Iterator<Item = (TcpHeader, Vec<u8>)> {
    let answers = frames.iter().map(|(frame, _)| read(frame)).filter(|answer| answer.protocol == TCP);
    answers.map(|answer| TcpHeader::from_slice(&answer.payload).map(|(header, data)| (header, data.to_vec())).unwrap())
}

/// Opens all connections of a host that is asked by `ask`.
fn crowd(mut ask: impl FnMut(&[u8]) -> Frames) -> Vec<Peer> {
    for family in BOTH {
        ask(&udp(family, 5000, 19, b"please").frame());
        ask(&here_i_am(family));
    }
    let open = |number| {
        let mut peer = Peer { number, ..Peer::default() };
        let answers = ask(&peer.segment(|header| header.syn = true, b""));
        let (header, _) = segments(&answers).next().unwrap();
        (peer.sequence, peer.acknowledgment) = (1, header.sequence_number.wrapping_add(1));
        ask(&peer.segment(|header| header.ack = true, b""));
        peer
    };
    (0..COUNT).map(open).collect()
}

/// Segments for one after another, now and then several for one, other packets, and what is none.
#[test]
fn frames_that_are_read_ahead_are_taken_in_one_by_one() {
    let mut host = Host::plain();
    host.stack.listen(7, Box::new(Echo)).unwrap();
    let recording = Recording::default();
    host.stack.keep_journal(Box::new(recording.clone()));
    let mut sent = Frames::new();
    let mut peers = crowd(|frame| {
        host.give(frame, Offload::default());
        let answers = host.turn();
        sent.extend(answers.clone());
        answers
    });
    assert_eq!(host.stack.connections(), COUNT, "{}", host.counters());
    let mut place = 1;
    for length in (0..100).map(|number| number % 30) {
        // By the port, what is echoed to it: in the order in which it came first.
        let mut expected = Vec::<(u16, Vec<u8>)>::new();
        for number in 0..length {
            place = (place * 31 + 17) % COUNT;
            for _ in 0..1 + usize::from(number % 7 == 6) {
                let (frame, data) = peers[place].data();
                host.give(&frame, Offload::default());
                match expected.iter_mut().find(|(port, _)| *port == peers[place].port()) {
                    Some((_, before)) => before.extend(data),
                    None => expected.push((peers[place].port(), data)),
                }
            }
            if number % 11 == 10 {
                host.give(&echo(BOTH[number % 2], b"between").frame(), Offload::default());
                host.give(&vec![0x5a; number], Offload::default());
            }
        }
        let answers = host.pass(Duration::from_millis(1));
        let echoed: Vec<_> = segments(&answers).map(|(header, data)| (header.destination_port, data)).collect();
        assert_eq!(echoed, expected);
        for (header, data) in segments(&answers) {
            let peer = &mut peers[usize::from(header.destination_port - 10_000)];
            peer.acknowledgment = header.sequence_number.wrapping_add(data.len() as u32);
            host.give(&peer.segment(|header| header.ack = true, b""), Offload::default());
        }
        sent.extend(answers);
        sent.extend(host.pass(Duration::from_millis(1)));
    }
    // Where all is taken in as it comes the same is sent.
    let mut again = Stack::new(Replay::new(&recording, PLAIN), &config()).unwrap();
    bind_services(&mut again);
    again.listen(7, Box::new(Echo)).unwrap();
    while again.repeat().unwrap() {}
    assert_eq!(again.device_mut().sent(), sent);
}

/// A device of system calls that fails once, behind so many frames.
struct Failing(Memory, Option<usize>);

impl Device for Failing {
    const CALLS: bool = true;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        match &mut self.1 {
            Some(0) => {
                self.1 = None;
                return Err(io::Error::other("it was pulled out"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.0.receive(frame)
    }

    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        self.0.transmit(head, offload, payload)
    }

    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        self.0.wait(interest, waker, at_most)
    }
}

#[test]
fn what_came_before_the_device_failed_is_taken_in() {
    let (device, mut wire) = Memory::pair(PLAIN);
    let mut stack = Stack::new(Failing(device, None), &config()).unwrap();
    bind_services(&mut stack);
    stack.listen(7, Box::new(Echo)).unwrap();
    let now = Instant::from_millis(1000);
    let peers = crowd(|frame| {
        assert!(wire.send(frame, Offload::default()));
        stack.turn(now).unwrap();
        std::iter::from_fn(|| wire.take()).collect()
    });
    let mut peers = peers.into_iter();
    let mut echoed = |stack: &mut Stack<Failing>, count, works| {
        peers.by_ref().take(count).for_each(|mut peer| assert!(wire.send(&peer.data().0, Offload::default())));
        assert_eq!(stack.turn(now).is_ok(), works);
        segments(&std::iter::from_fn(|| wire.take()).collect()).count()
    };
    // Now it is known that they come for one after another.
    assert_eq!(echoed(&mut stack, 2, true), 2);
    stack.device_mut().1 = Some(5);
    assert_eq!(echoed(&mut stack, 12, false), 5, "but for what it failed behind");
    assert_eq!(echoed(&mut stack, 0, true), 7);
}

/// More small frames than a turn takes in, and now and then a large one, which waits for nothing that follows it.
#[test]
fn a_flood_is_taken_in_one_by_one() {
    let (device, mut wire) = Memory::pair(Capabilities { mtu: 9000, ..PLAIN });
    let mut stack = Stack::new(Failing(device, None), &config()).unwrap();
    bind_services(&mut stack);
    let mut now = Instant::from_millis(1000);
    let payload = |number: usize| {
        let length = if number % 50 == 49 { 2 * limits::SMALL_FRAME } else { 60 };
        [&number.to_be_bytes()[..], &vec![0x5a; length]].concat()
    };
    // Each a time with fewer frames than a turn takes in, once with a failure in between.
    for (waiting, fails) in [(3, None), (200, None), (1, None), (600, None), (300, Some(150)), (70, None)] {
        for number in 0..waiting {
            assert!(wire.send(&udp(BOTH[number / 2 % 2], 5000, 7, &payload(number)).frame(), Offload::default()));
        }
        stack.device_mut().1 = fails;
        for _ in 0..waiting.div_ceil(limits::FRAMES_A_TURN) + 2 {
            now = now + Duration::from_micros(100);
            let _ = stack.turn(now);
        }
        let answers: Frames = std::iter::from_fn(|| wire.take()).collect();
        let echoed = answers.iter().map(|(frame, _)| read(frame)).filter(|answer| answer.protocol == UDP);
        assert_eq!(
            echoed.map(|answer| answer.payload[8..].to_vec()).collect::<Vec<_>>(),
            (0..waiting).map(payload).collect::<Vec<_>>()
        );
    }
}
