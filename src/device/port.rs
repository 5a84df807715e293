//! A TAP in either of its two kinds.
//!
//! Which one it is, is decided once; after that a call costs one comparison, which always goes the same way. The
//! stack is compiled once for both.

use std::io;
use std::io::IoSlice;
use std::time::Duration;

use super::{Capabilities, Device, Interest, Plain, Received, Tap, TapError, TapOptions, Waker};
use crate::buffer::{Frame, Offload};

/// One queue of a TAP.
#[derive(Debug)]
pub enum Port {
    /// With `virtio_net_hdr`, and whatever offloads the kernel agreed to.
    Offload(Tap),
    /// Without.
    Plain(Plain),
}

/// Which kind of TAP is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// [`Port::Offload`], or where the kernel refuses that, [`Port::Plain`].
    Best,
    /// [`Port::Offload`] or none.
    Offload,
    /// [`Port::Plain`] or none.
    Plain,
}

/// What [`Port::open`] came to.
#[derive(Debug)]
pub struct Opened {
    /// Each queue.
    pub ports: Vec<Port>,
    /// Why they are [`Port::Plain`] though that was not asked for: what the kernel says to `virtio_net_hdr`.
    pub fell_back: Option<io::Error>,
}

impl Port {
    /// Opens every queue of a TAP, which is made when there is none of that name.
    ///
    /// # Errors
    /// One line that says what, why and what to do.
    pub fn open(options: &TapOptions, want: Want) -> Result<Opened, TapError> {
        let plain = |fell_back| {
            let plain = Plain::open(options)?;
            Ok(Opened { ports: vec![Port::Plain(plain)], fell_back })
        };
        if want == Want::Plain {
            return plain(None);
        }
        match Tap::open(options) {
            Ok(taps) => Ok(Opened { ports: taps.into_iter().map(Port::Offload).collect(), fell_back: None }),
            Err(TapError::NoOffloads(_, why)) if want == Want::Best && options.queues == 1 => plain(Some(why)),
            Err(why) => Err(why),
        }
    }

    /// Whether the interface was made when this was opened, and so goes with the last of its queues.
    pub fn created(&self) -> bool {
        match self {
            Port::Offload(tap) => tap.created(),
            Port::Plain(plain) => plain.created(),
        }
    }
}

impl Device for Port {
    const CALLS: bool = true;

    fn capabilities(&self) -> Capabilities {
        match self {
            Port::Offload(tap) => tap.capabilities(),
            Port::Plain(plain) => plain.capabilities(),
        }
    }

    #[inline]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        match self {
            Port::Offload(tap) => tap.receive(frame),
            Port::Plain(plain) => plain.receive(frame),
        }
    }

    #[inline]
    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        match self {
            Port::Offload(tap) => tap.transmit(head, offload, payload),
            Port::Plain(plain) => plain.transmit(head, offload, payload),
        }
    }

    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        match self {
            Port::Offload(tap) => tap.wait(interest, waker, at_most),
            Port::Plain(plain) => plain.wait(interest, waker, at_most),
        }
    }
}
