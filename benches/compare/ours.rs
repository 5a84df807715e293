//! taphouse, as `taphouse up` runs it.

use std::io;

use taphouse::application::chargen::Chargen;
use taphouse::application::discard::Discard;
use taphouse::application::echo::Echo;
use taphouse::base::address::{Cidr, Mac};
use taphouse::device::Device;
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
