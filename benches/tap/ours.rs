//! taphouse on its TAP, as `taphouse up` runs it.

use std::io;

use taphouse::application::echo::Echo;
use taphouse::run::{Clock, Shard};
use taphouse::stack::{Config, Mailbox, Stack};

use crate::ECHO_PORT;
use crate::lab::Wire;
use crate::spin::SPIN;

/// Answers until the device fails.
pub(crate) fn run(wire: Wire) -> io::Result<()> {
    let config = Config::new(wire.mac, &[wire.own], [7; 16]);
    let (mailbox, waker) = Mailbox::for_shards(1)?.remove(0);
    let mut stack = Stack::shard(wire.tap, &config, mailbox).map_err(io::Error::other)?;
    stack.bind(ECHO_PORT, Box::new(Echo)).map_err(io::Error::other)?;
    let (shard, _handle) = Shard::new(stack, waker, SPIN);
    shard.run(Clock::new()).1
}
