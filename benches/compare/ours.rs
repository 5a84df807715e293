//! taphouse, as `taphouse up` runs it.

use std::io::{self, IoSlice};
use std::time::Duration;

use taphouse::application::chargen::Chargen;
use taphouse::application::discard::Discard;
use taphouse::application::echo::Echo;
use taphouse::base::address::{Cidr, Mac};
use taphouse::buffer::{Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Received, Tap, Waker};
use taphouse::run::{Clock, Shard};
use taphouse::stack::{Config, Mailbox, Stack};

use crate::spin::SPIN;
use crate::{DISCARD_PORT, ECHO_PORT, SOURCE_PORT, contender};

/// Serves until the device fails.
pub(crate) fn run(device: impl Device, mac: Mac, own: Cidr) -> io::Result<()> {
    let config = Config::new(mac, &[own], [7; 16]);
    let (mailbox, waker) = Mailbox::for_shards(1)?.remove(0);
    let mut stack = Stack::shard(device, &config, mailbox).map_err(io::Error::other)?;
    stack.bind(ECHO_PORT, Box::new(Echo)).map_err(io::Error::other)?;
    stack.listen(ECHO_PORT, Box::new(Echo)).map_err(io::Error::other)?;
    stack.listen(DISCARD_PORT, Box::new(Discard)).map_err(io::Error::other)?;
    stack.listen(SOURCE_PORT, Box::new(Chargen::default())).map_err(io::Error::other)?;
    let (shard, _handle) = Shard::new(stack, waker, SPIN);
    contender::ready();
    shard.run(Clock::new()).1
}

/// A TAP whose kernel takes no superframe of more than 65,535 bytes.
pub(crate) struct Small(pub(crate) Tap);

impl Device for Small {
    const CALLS: bool = Tap::CALLS;

    fn capabilities(&self) -> Capabilities {
        Capabilities { superframe_v4: 65_535, ..self.0.capabilities() }
    }

    // Inlined as the TAP's own are.
    #[inline(always)]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        self.0.receive(frame)
    }

    #[inline(always)]
    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        self.0.transmit(head, offload, payload)
    }

    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        self.0.wait(interest, waker, at_most)
    }
}
