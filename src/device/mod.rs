//! Where frames come from and go to.
//!
//! A [`Device`] moves whole Ethernet frames. It may leave checksums and segmentation to the other side and
//! say so beside each frame ([`Offload`]).

mod capture;
mod memory;
mod namespace;
mod pcapng;
mod plain;
mod port;
mod sys;
mod tap;
mod virtio;
mod waker;

pub mod host;

use std::io;
use std::io::IoSlice;
use std::time::Duration;

pub use capture::{Capture, Captured, Captures, Copies, Direction, Next, copies};
pub use memory::Memory;
pub use namespace::{Namespace, NamespaceError};
pub use pcapng::Pcapng;
pub use plain::Plain;
pub use port::{Opened, Port, Want};
pub use tap::{QUEUES, SLICES, Tap, TapError, TapOptions};
pub use waker::Waker;

use crate::base::counters::Dropped;
use crate::base::time::Instant;
use crate::buffer::{Frame, Offload};

/// What a device does for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The largest IP packet that the link carries.
    pub mtu: usize,
    /// It completes partial checksums.
    pub checksum: bool,
    /// It cuts TCP superframes of both families.
    pub segment_tcp: bool,
    /// It cuts UDP superframes of both families.
    pub segment_udp: bool,
    /// The largest TCP superframe over IPv4 that it takes, as an IP packet: above 65,535 its total length says 0, and the rest of
    /// the frame is meant (BIG TCP).
    pub superframe_v4: usize,
}

impl Capabilities {
    /// Of a device that carries frames of its MTU, and does no more for us.
    pub const fn plain(mtu: usize) -> Capabilities {
        Capabilities { mtu, checksum: false, segment_tcp: false, segment_udp: false, superframe_v4: 65_535 }
    }
}

/// What [`Device::receive`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing waits now.
    Nothing,
    /// A frame.
    Frame,
    /// A frame that the device itself had to refuse.
    Refused(Dropped),
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// A frame.
    Receive,
    /// A frame, or room to send: the device was full.
    ReceiveAndTransmit,
}

/// Where frames come from and go to.
pub trait Device {
    /// Whether each frame takes a system call, or two: the kernel's code displaces ours from the processor's first cache meanwhile.
    const CALLS: bool = false;

    /// What it does for us.
    fn capabilities(&self) -> Capabilities;

    /// A turn of the loop begins: what a device that stamps or delays frames goes by.
    fn turn(&mut self, _now: Instant) {}

    /// Puts the next waiting frame into `frame`. Never blocks.
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received>;

    /// Sends `head` and `payload` as one frame. `head` begins with [`DEVICE_ROOM`](crate::buffer::DEVICE_ROOM) spare bytes, which the
    /// device may overwrite. `Ok(false)`: the device is full, and who owns the bytes keeps them.
    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool>;

    /// Sends a frame that `write` puts where it leaves from, for a device whose frames lie in memory that we reach: what has to
    /// be copied there is summed on its way. `write` gets an empty frame with room for the MTU. `Some(false)`: the device is full,
    /// and `write` was not called. `None`: it lends no such place, and [`Device::transmit`] is the way.
    #[inline]
    fn transmit_written(&mut self, _write: impl FnOnce(&mut Frame)) -> Option<bool> {
        None
    }

    /// Sleeps until there is what `interest` names, until `waker` is woken, or for `at_most` (for ever: `None`).
    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()>;
}
