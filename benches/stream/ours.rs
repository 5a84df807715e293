//! taphouse on its TAP, as `taphouse up` runs it.

use std::io;

use taphouse::application::chargen::Chargen;
use taphouse::application::discard::Discard;
use taphouse::run::{Clock, Shard};
use taphouse::stack::{Config, Mailbox, Stack};

use crate::lab::Wire;
use crate::spin::SPIN;
use crate::{DISCARD_PORT, SOURCE_PORT};

/// Serves until the device fails.
pub(crate) fn run(wire: Wire) -> io::Result<()> {
    let config = Config::new(wire.mac, &[wire.own], [7; 16]);
    let (mailbox, waker) = Mailbox::for_shards(1)?.remove(0);
    let mut stack = Stack::shard(wire.tap, &config, mailbox).map_err(io::Error::other)?;
    stack.listen(DISCARD_PORT, Box::new(Discard)).map_err(io::Error::other)?;
    stack.listen(SOURCE_PORT, Box::new(Chargen::default())).map_err(io::Error::other)?;
    let (shard, _handle) = Shard::new(stack, waker, SPIN);
    shard.run(Clock::new()).1
}
