//! Our stack on the treadmill.

use std::io::{self, IoSlice};
use std::time::Duration;

use taphouse::application::discard::Discard;
use taphouse::application::echo::Echo;
use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::base::time::Instant;
use taphouse::buffer::{DEVICE_ROOM, Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Received, Waker};
use taphouse::stack::{Config, Stack};

use crate::device::Treadmill;
use crate::frames::{OUR_MAC, OUR_V4, OUR_V6, PEER_MAC, PEER_V4, Sample};
use crate::{OnTreadmill, stream};

impl Device for Treadmill {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1500)
    }

    #[inline]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        Ok(if self.exchange(frame) { Received::Frame } else { Received::Nothing })
    }

    #[inline(always)]
    fn transmit(&mut self, head: &mut [u8], _offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        assert!(payload.is_empty(), "answers in place are in one piece");
        self.take(&head[DEVICE_ROOM..]);
        Ok(true)
    }

    fn wait(&mut self, _interest: Interest, _waker: &Waker, _at_most: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) struct Host {
    stack: Stack<Treadmill>,
    now: Instant,
}

impl Host {
    pub(crate) fn new(frame: &Sample) -> Host {
        let own = [(Address::from_v4(OUR_V4), 24), (Address::from_v6(OUR_V6), 64)];
        let own = own.map(|(address, length)| Cidr::new(address, length).expect("a length of its family"));
        let mut config = Config::new(Mac::new(OUR_MAC), &own, [7; 16]);
        config.rarp.push((Mac::new(PEER_MAC), Address::from_v4(PEER_V4)));
        let mut stack = Stack::new(Treadmill::new(&frame.bytes), &config).expect("a good configuration");
        stack.bind(7, Box::new(Echo)).expect("the port is free");
        stack.listen(stream::PORT, Box::new(Discard)).expect("the port is free");
        let mut host = Host { stack, now: Instant::ZERO };
        if frame.is_stream {
            stream::open(&mut host);
        }
        host
    }
}

impl OnTreadmill for Host {
    #[inline]
    fn turn(&mut self) {
        self.now = self.now + Duration::from_micros(3);
        self.stack.turn(self.now).expect("the treadmill does not fail");
        assert!(self.stack.device_mut().has_run_down());
    }

    fn treadmill(&mut self) -> &mut Treadmill {
        self.stack.device_mut()
    }
}
