//! A TAP without offloads, over the crate `tun-tap`: for kernels and sandboxes that refuse `virtio_net_hdr`.
//!
//! Every checksum is computed and verified by us, and a frame is never more than the link carries. The crate opens the driver and
//! attaches to the TAP; it knows one queue only. Frames are moved as those of the other kind are: the C library, which the crate
//! calls, asks around every read whether its thread is to be cancelled.

use std::io;
use std::io::{ErrorKind, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use tun_tap::{Iface, Mode};

use super::host::{HostError, Link};
use super::namespace::Namespace;
use super::tap::{Origin, TapError, TapOptions, check, write_frame};
use super::{Capabilities, Device, Interest, Received, Waker, sys};
use crate::base::limits;
use crate::buffer::{DEVICE_ROOM, Frame, Offload};

/// Frames that wait for us without loss: as many of the usual size as [`limits::RECEIVE_BUFFER`] lets come, and a thousand, which
/// is the kernel's own choice.
const QUEUE: u32 = (limits::RECEIVE_BUFFER.1 / 1448) + 1000;

/// A TAP that carries frames as they are on the wire.
#[derive(Debug)]
pub struct Plain {
    tap: Iface,
    mtu: usize,
    origin: Origin,
}

impl Plain {
    /// Opens the TAP, which is made when there is none of that name. It has one queue, whatever `options` says.
    ///
    /// # Errors
    /// One line that says what, why and what to do.
    pub fn open(options: &TapOptions) -> Result<Plain, TapError> {
        let TapOptions { name, namespace, queues: _, mtu } = options;
        check(name, 1, *mtu)?;
        let opened = namespace.enter(|| Iface::without_packet_info(name, Mode::Tap))?;
        let tap = opened.map_err(|why| refusal(name, why))?;
        let failed = |why| TapError::Failed(name.clone(), "preparing it", why);
        tap.set_non_blocking().map_err(failed)?;
        let descriptor = sys::descriptor(&tap);
        // A TAP that stays remembers what the program before us could take, and would give us superframes and
        // unfinished checksums.
        sys::set_offload(descriptor, 0).map_err(|errno| failed(errno.into()))?;
        // One that does not stay would not have let us in, had somebody else made it.
        let origin = match sys::attached_flags(descriptor) {
            Ok(flags) if flags & sys::PERSISTENT != 0 => Origin::Existed,
            Ok(_) => Origin::Created,
            Err(errno) => return Err(failed(errno.into())),
        };
        if origin == Origin::Created {
            // What it is without is speed: a host that refuses it has its reasons.
            let _ = prepare(namespace, name);
        }
        Ok(Plain { tap, mtu: *mtu, origin })
    }

    /// Whether the interface was made when this was opened, and so goes with it.
    pub fn created(&self) -> bool {
        self.origin == Origin::Created
    }
}

impl AsFd for Plain {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::descriptor(&self.tap)
    }
}

impl Device for Plain {
    const CALLS: bool = true;

    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(self.mtu)
    }

    /// # Errors
    /// EBADFD when the interface was deleted.
    // Always inlined, as is sending: see the other kind of TAP.
    #[inline(always)]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        let room = &mut frame.room_for_device()[DEVICE_ROOM..];
        match retry_on_intr(|| rustix::io::read(sys::descriptor(&self.tap), &mut *room)) {
            Ok(length) => {
                frame.received(length, Offload::default());
                Ok(Received::Frame)
            }
            Err(Errno::AGAIN) => Ok(Received::Nothing),
            Err(errno) => Err(errno.into()),
        }
    }

    /// # Errors
    /// EIO while the interface is down. EINVAL: fewer than 14 bytes. `InvalidInput`: no spare bytes, more than
    /// [`SLICES`](super::SLICES) slices, or an offload, which this device has none of. `WriteZero`: it took a part of the frame only.
    #[inline(always)]
    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        let frame = head.get(DEVICE_ROOM..).filter(|_| offload == Offload::default());
        let frame = frame.ok_or(ErrorKind::InvalidInput)?;
        write_frame(self, frame, payload)
    }

    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        waker.wait_for(sys::descriptor(&self.tap), interest, at_most)
    }
}

/// Makes a TAP that is ours alone as fast as it can be. A frame in one piece is read in less time than one of a head and pages
/// that its neighbours share, and the host joins them on its own core. And what waits without loss is as many frames of the
/// usual size as the window of a connection covers.
fn prepare(namespace: &Namespace, name: &str) -> Result<(), HostError> {
    let mut link = Link::open(namespace, name)?;
    link.set_scatter_gather(false)?;
    link.set_queue_length(QUEUE)
}

/// The crate says of no error which call it came from; these are told apart by their numbers.
fn refusal(name: &str, why: io::Error) -> TapError {
    let name = name.to_owned();
    match Errno::from_io_error(&why) {
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => TapError::NoDriver(name),
        Some(Errno::ACCESS) => TapError::DriverDenied(name),
        Some(Errno::PERM) => TapError::Denied(name),
        Some(Errno::BUSY) => TapError::Busy(name),
        Some(Errno::INVAL) => TapError::NotPlain(name),
        _ => TapError::Failed(name, "attaching to it", why),
    }
}
