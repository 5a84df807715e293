use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::device::{Capabilities, Device, Memory};
use taphouse::stack::journal::{Diverged, Recording, Replay};
use taphouse::stack::{Config, Stack};

use crate::mutation::Slow;
use crate::packet::*;
use crate::samples::{Sample, any_sample};
use crate::wire::{Frames, Host, OFFLOADS, PLAIN, bind_services, config};

/// What a host sends, and the journal of it. Frames of one list come in one turn.
fn record(capabilities: Capabilities, turns: &[Vec<Sample>]) -> (Frames, Recording) {
    let mut host = Host::new(capabilities, &config());
    host.stack.bind(2000, Box::new(Slow(None))).unwrap();
    let recording = Recording::default();
    host.stack.keep_journal(Box::new(recording.clone()));
    let mut sent = Vec::new();
    for samples in turns {
        samples.iter().for_each(|(frame, offload)| host.give(frame, *offload));
        sent.extend(host.pass(Duration::from_millis(300)));
    }
    for _ in 0..5 {
        sent.extend(host.pass(Duration::from_secs(3)));
    }
    // What a service holds is not of interest here.
    std::mem::forget(host);
    (sent, recording)
}

/// Repeats a journal.
fn repeat(recording: &Recording, capabilities: Capabilities, config: &Config) -> Result<Frames, Diverged> {
    let mut stack = Stack::new(Replay::new(recording, capabilities), config).unwrap();
    bind_services(&mut stack);
    stack.bind(2000, Box::new(Slow(None))).unwrap();
    while stack.repeat()? {}
    Ok(stack.device_mut().sent().to_vec())
}

fn turns() -> impl Strategy<Value = Vec<Vec<Sample>>> {
    vec(vec(any_sample(), 0..8), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_repetition_sends_the_same_to_the_bit(turns in turns()) {
        for capabilities in [PLAIN, OFFLOADS] {
            let (sent, recording) = record(capabilities, &turns);
            prop_assert_eq!(repeat(&recording, capabilities, &config()), Ok(sent));
        }
    }
}

/// Wishes for characters from neighbours that are not known: lengths and names follow from the seed.
fn wishes() -> Vec<Vec<Sample>> {
    let known = crate::samples::who_has_us();
    let wish = |family| (udp(family, 5000, 19, b"").frame(), Offload::default());
    vec![vec![(known, Offload::default())], vec![wish(BOTH[0]); 3], vec![wish(BOTH[1]); 2], vec![wish(BOTH[0]); 40]]
}

#[test]
fn another_seed_sends_something_else() {
    let (sent, recording) = record(PLAIN, &wishes());
    assert_eq!(repeat(&recording, PLAIN, &config()), Ok(sent.clone()));
    let other = Config { seed: [8; 16], ..config() };
    assert_ne!(repeat(&recording, PLAIN, &other), Ok(sent));
}

#[test]
fn another_configuration_is_noticed() {
    let (sent, recording) = record(PLAIN, &wishes());
    let without_address = Config { addresses: Vec::new(), ..config() };
    assert_eq!(repeat(&recording, PLAIN, &without_address), Err(Diverged));
    let other_station = Config { mac: taphouse::base::address::Mac::new([2; 6]), ..config() };
    assert_ne!(repeat(&recording, PLAIN, &other_station), Ok(sent));
}

#[test]
fn full_turns_are_repeated_too() {
    let mut host = Host::plain();
    let recording = Recording::default();
    host.stack.keep_journal(Box::new(recording.clone()));
    (0..200).for_each(|_| host.give(&echo(BOTH[0], b"flood").frame(), Offload::default()));
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.extend(host.pass(Duration::from_millis(1)));
    }
    assert_eq!(sent.len(), 200);
    assert_eq!(repeat(&recording, PLAIN, &config()), Ok(sent));
}

/// A device that is full every other time.
struct Narrow(Memory, bool);

impl Device for Narrow {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn receive(&mut self, frame: &mut taphouse::buffer::Frame) -> std::io::Result<taphouse::device::Received> {
        self.0.receive(frame)
    }

    fn transmit(
        &mut self,
        head: &mut [u8],
        offload: Offload,
        payload: &[std::io::IoSlice<'_>],
    ) -> std::io::Result<bool> {
        self.1 = !self.1;
        if self.1 { self.0.transmit(head, offload, payload) } else { Ok(false) }
    }

    fn wait(
        &mut self,
        interest: taphouse::device::Interest,
        waker: &taphouse::device::Waker,
        at_most: Option<Duration>,
    ) -> std::io::Result<()> {
        self.0.wait(interest, waker, at_most)
    }
}

#[test]
fn what_the_device_said_is_repeated() {
    let (device, mut wire) = Memory::pair(PLAIN);
    let mut stack = Stack::new(Narrow(device, false), &config()).unwrap();
    let recording = Recording::default();
    stack.keep_journal(Box::new(recording.clone()));
    for number in 0..10 {
        assert!(wire.send(&echo(BOTH[number % 2], &pattern(number)).frame(), Offload::default()));
        stack.turn(Instant::from_millis(number as u64)).unwrap();
    }
    let sent: Frames = std::iter::from_fn(|| wire.take()).collect();
    assert_eq!(sent.len(), 5);
    assert_eq!(repeat(&recording, PLAIN, &config()), Ok(sent));
}
