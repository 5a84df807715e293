//! Our host at one end of a wire in memory, the test at the other.

use std::time::Duration;

use taphouse::application::chargen::Chargen;
use taphouse::application::discard::Discard;
use taphouse::application::echo::Echo;
use taphouse::base::address::{Address, Mac};
use taphouse::base::counters::{Counters, Dropped};
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::device::{Capabilities, Device, Memory};
use taphouse::stack::{Config, Stack};

use crate::packet::{STACK_MAC, STACK_V4, STACK_V6};

/// Frames with what they leave to the device.
pub(crate) type Frames = Vec<(Vec<u8>, Offload)>;

/// An RARP client that our host knows, and its address.
pub(crate) const DISKLESS: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 0x77], [10, 77, 0, 77]);

pub(crate) const PLAIN: Capabilities = Capabilities::plain(1500);
pub(crate) const OFFLOADS: Capabilities =
    Capabilities { checksum: true, segment_tcp: true, segment_udp: true, ..Capabilities::plain(1500) };

/// Our host with its wire and its time.
pub(crate) struct Host {
    pub(crate) stack: Stack<Memory>,
    pub(crate) wire: Memory,
    pub(crate) now: Instant,
}

pub(crate) fn config() -> Config {
    let own = [format!("{STACK_V4}/24"), format!("{STACK_V6}/64")].map(|own| own.parse().unwrap());
    let rarp = vec![(Mac::new(DISKLESS.0), Address::from_v4(DISKLESS.1))];
    Config { rarp, ..Config::new(Mac::new(STACK_MAC), &own, [7; 16]) }
}

impl Host {
    /// On a wire whose ends leave nothing to each other.
    pub(crate) fn plain() -> Host {
        Host::new(PLAIN, &config())
    }

    /// On a wire whose ends leave checksums and segmentation to each other.
    pub(crate) fn offloading() -> Host {
        Host::new(OFFLOADS, &config())
    }

    /// With echo, discard and chargen.
    pub(crate) fn new(capabilities: Capabilities, config: &Config) -> Host {
        let (device, wire) = Memory::pair(capabilities);
        let mut stack = Stack::new(device, config).unwrap();
        bind_services(&mut stack);
        Host { stack, wire, now: Instant::from_millis(1000) }
    }

    /// Puts a frame on the wire.
    pub(crate) fn give(&mut self, frame: &[u8], offload: Offload) {
        assert!(self.wire.send(frame, offload), "the wire is full");
    }

    /// One turn; what came back.
    pub(crate) fn turn(&mut self) -> Frames {
        self.stack.turn(self.now).unwrap();
        assert_eq!(self.counters().frames_ended(), self.counters().frames_in(), "{}", self.counters());
        std::iter::from_fn(|| self.wire.take()).collect()
    }

    /// Lets time pass, and does what is due; what was sent.
    pub(crate) fn pass(&mut self, span: Duration) -> Frames {
        self.now = self.now + span;
        self.turn()
    }

    /// What comes back of a frame.
    pub(crate) fn ask(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.give(frame, Offload::default());
        let frames = self.turn().into_iter();
        frames
            .map(|(frame, offload)| {
                assert_eq!(offload, Offload::default(), "nothing is left to the device");
                frame
            })
            .collect()
    }

    /// The one frame that comes back.
    #[track_caller]
    pub(crate) fn answer(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut answers = self.ask(frame);
        assert_eq!(answers.len(), 1, "{answers:02x?}\n{}", self.stack.counters());
        answers.remove(0)
    }

    /// Nothing comes back of a frame, and that is counted once, under this name.
    #[track_caller]
    pub(crate) fn drops(&mut self, frame: &[u8], why: Dropped) {
        self.drops_offloaded(frame, Offload::default(), why);
    }

    #[track_caller]
    pub(crate) fn drops_offloaded(&mut self, frame: &[u8], offload: Offload, why: Dropped) {
        let before = self.stack.counters().clone();
        self.give(frame, offload);
        let answers = self.turn();
        assert!(answers.is_empty(), "{why} expected, answered with {answers:02x?}");
        let after = self.stack.counters();
        assert_eq!(after.dropped(why), before.dropped(why) + 1, "{why} expected:\n{after}");
        assert_eq!(after.dropped_in_all(), before.dropped_in_all() + 1, "{after}");
    }

    pub(crate) fn counters(&self) -> &Counters {
        self.stack.counters()
    }
}

impl Drop for Host {
    /// After every test the pool is full again.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.stack.memory_pinned(), 0, "memory is pinned still");
        }
    }
}

pub(crate) fn bind_services<D: Device>(stack: &mut Stack<D>) {
    stack.bind(7, Box::new(Echo)).unwrap();
    stack.bind(9, Box::new(Discard)).unwrap();
    stack.bind(19, Box::new(Chargen::default())).unwrap();
}
