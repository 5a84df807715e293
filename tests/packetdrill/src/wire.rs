//! The stack's end of the wire, which takes nothing while the queue before it is full.

use std::env;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::time::Duration;

use taphouse::buffer::{Frame, Offload};
use taphouse::device::{Capabilities, Device, Interest, Memory, Received, Waker};

/// A wire in memory with a queue before it. Scripts choose with `tc` how long that is; what `scripts/packetdrill` has for it
/// makes a file when nothing fits in.
pub(crate) struct Wire {
    memory: Memory,
    full: Option<PathBuf>,
}

impl Wire {
    pub(crate) fn new(memory: Memory) -> Wire {
        Wire { memory, full: env::var_os("TAPHOUSE_QUEUE_FULL").map(PathBuf::from) }
    }
}

impl Device for Wire {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        self.memory.receive(frame)
    }

    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        if self.full.as_ref().is_some_and(|full| full.exists()) {
            return Ok(false);
        }
        self.memory.transmit(head, offload, payload)
    }

    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        self.memory.wait(interest, waker, at_most)
    }
}
