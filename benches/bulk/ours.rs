//! Two of our stacks at the ends of the wire.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use taphouse::application::{Data, Service, Session, Stream, Used};
use taphouse::base::address::{Address, Cidr, Endpoint, Flow, Mac};
use taphouse::base::time::Instant;
use taphouse::buffer::{DEVICE_ROOM, Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Received, Waker};
use taphouse::stack::{Config, Stack};

use crate::wire::{End, pair};

impl Device for End {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1500)
    }

    #[inline]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        Ok(if self.inbound.borrow_mut().exchange(frame) { Received::Frame } else { Received::Nothing })
    }

    #[inline]
    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        let mut outbound = self.outbound.borrow_mut();
        let Some(slot) = outbound.push() else { return Ok(false) };
        let parts = std::iter::once(&head[DEVICE_ROOM..]).chain(payload.iter().map(|slice| &**slice));
        slot.gather(parts, offload);
        Ok(true)
    }

    #[inline]
    fn transmit_written(&mut self, write: impl FnOnce(&mut Frame)) -> Option<bool> {
        let mut outbound = self.outbound.borrow_mut();
        let slot = outbound.push();
        let is_free = slot.is_some();
        // As smoltcp does: where the frame will be read.
        slot.map(write);
        Some(is_free)
    }

    fn wait(&mut self, _interest: Interest, _waker: &Waker, _at_most: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

/// How the sender comes to its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It writes them, as smoltcp's user does.
    Written,
    /// It hands over what lies there.
    HandedOver,
}

static BYTES: [u8; 64 << 10] = [0x5a; 64 << 10];

struct Sender(Source);

impl Sender {
    fn send(&self, stream: &mut Stream<'_>) {
        match self.0 {
            Source::Written => {
                while stream.write_with(usize::MAX, |place| {
                    place.fill(0x5a);
                    place.len()
                }) > 0
                {}
            }
            Source::HandedOver => while stream.share(&BYTES) > 0 {},
        }
    }
}

impl Session for Sender {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.send(stream);
    }

    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.send(stream);
    }
}

struct Sink(Arc<AtomicU64>);

impl Service for Sink {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Sink(self.0.clone())))
    }
}

impl Session for Sink {
    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        // Only this thread writes it: an atomic addition would cost as much as looking its connection up.
        self.0.store(self.0.load(Ordering::Relaxed) + data.len() as u64, Ordering::Relaxed);
        Used::Bytes(data.len())
    }
}

/// A connection that is sending.
pub(crate) struct Pair {
    stacks: [Stack<End>; 2],
    received: Arc<AtomicU64>,
    now: Instant,
}

impl Pair {
    pub(crate) fn new(source: Source) -> Pair {
        let (one, two) = pair();
        let address = |last| Address::from_v4([10, 77, 0, last]);
        let stack = |end, last| {
            let own = Cidr::new(address(last), 24).expect("a length of its family");
            Stack::new(end, &Config::new(Mac::new([2, 0, 0, 0, 0, last]), &[own], [last; 16]))
                .expect("a good configuration")
        };
        let mut stacks = [stack(one, 1), stack(two, 2)];
        let received = Arc::new(AtomicU64::new(0));
        stacks[1].listen(9, Box::new(Sink(received.clone()))).expect("the port is free");
        let remote = Endpoint { address: address(2), port: 9 };
        stacks[0].connect(remote, Box::new(Sender(source))).expect("there is a way");
        let mut pair = Pair { stacks, received, now: Instant::from_millis(1) };
        // Past the slow start.
        pair.transfer(64 << 20);
        pair
    }

    /// Goes on until so many more bytes have arrived.
    pub(crate) fn transfer(&mut self, bytes: u64) {
        let until = self.received.load(Ordering::Relaxed) + bytes;
        while self.received.load(Ordering::Relaxed) < until {
            self.now = self.now + Duration::from_micros(5);
            for stack in &mut self.stacks {
                stack.turn(self.now).expect("the wire does not fail");
            }
        }
    }
}
