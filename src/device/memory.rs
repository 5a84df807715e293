//! Two ends of a wire that exists only in memory.

use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Capabilities, Device, Interest, Received, Waker};
use crate::buffer::{DEVICE_ROOM, Frame, HEADROOM, Offload};

/// Frames on the wire in one direction before it is full.
const LENGTH: usize = 1024;

#[derive(Default)]
struct Direction {
    frames: Mutex<VecDeque<Frame>>,
    arrived: Condvar,
}

impl Direction {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Frame>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a frame on the wire; false when that is full.
    fn send(&self, frame: impl FnOnce() -> Frame) -> bool {
        let mut frames = self.lock();
        let room = frames.len() < LENGTH;
        if room {
            frames.push_back(frame());
            self.arrived.notify_one();
        }
        room
    }
}

/// One end of a wire in memory. The ends may be in different threads.
pub struct Memory {
    capabilities: Capabilities,
    inbound: Arc<Direction>,
    outbound: Arc<Direction>,
}

impl Memory {
    /// A wire; both ends have the same capabilities.
    pub fn pair(capabilities: Capabilities) -> (Memory, Memory) {
        let (there, back) = (Arc::<Direction>::default(), Arc::<Direction>::default());
        let one = Memory { capabilities, inbound: back.clone(), outbound: there.clone() };
        (one, Memory { capabilities, inbound: there, outbound: back })
    }

    /// A wire of MTU 1500 whose ends leave nothing to each other.
    pub fn plain_pair() -> (Memory, Memory) {
        let mtu = 1500;
        Memory::pair(Capabilities::plain(mtu))
    }

    /// Sends a frame that is not written in a [`Frame`]; false when the wire is full.
    pub fn send(&mut self, frame: &[u8], offload: Offload) -> bool {
        self.outbound.send(|| Frame::from_bytes(frame, offload))
    }

    /// Takes the next frame off the wire.
    pub fn take(&mut self) -> Option<(Vec<u8>, Offload)> {
        self.inbound.lock().pop_front().map(|frame| (frame.bytes().to_vec(), frame.offload))
    }
}

impl Device for Memory {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        let Some((bytes, offload)) = self.take() else { return Ok(Received::Nothing) };
        if let Err(why) = offload.check(bytes.len()) {
            return Ok(Received::Refused(why));
        }
        frame.fill(&bytes, offload);
        Ok(Received::Frame)
    }

    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        let parts = || std::iter::once(&head[DEVICE_ROOM..]).chain(payload.iter().map(|slice| &**slice));
        Ok(self.outbound.send(|| {
            let mut frame = Frame::new(HEADROOM + parts().map(<[u8]>::len).sum::<usize>());
            frame.gather(parts(), offload);
            frame
        }))
    }

    fn transmit_written(&mut self, write: impl FnOnce(&mut Frame)) -> Option<bool> {
        Some(self.outbound.send(|| {
            let mut frame = Frame::new(HEADROOM + self.capabilities.mtu);
            write(&mut frame);
            frame
        }))
    }

    /// Looks at the waker every millisecond: two ends in one process have no descriptor to sleep on.
    fn wait(&mut self, _interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        let nap = at_most.unwrap_or(Duration::MAX).min(Duration::from_millis(1));
        let frames = self.inbound.lock();
        if frames.is_empty() {
            let slept = self.inbound.arrived.wait_timeout(frames, nap);
            drop(slept.unwrap_or_else(PoisonError::into_inner));
        }
        waker.reset();
        Ok(())
    }
}
