//! A TAP of the kernel's, with everything that it can do: `virtio_net_hdr`, offloads, several queues.
//!
//! Cost is per call and hardly per byte, so a call moves as much as the kernel gives or takes: one `read` is one
//! frame of up to 64 KiB with its header in front, one `write` or `writev` likewise. The interface is not made
//! persistent: it goes with the last descriptor, however the process ends.

use std::io;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use arrayvec::ArrayVec;
use rustix::io::{Errno, retry_on_intr};

use super::host::Link;
use super::namespace::{Namespace, NamespaceError};
use super::{Capabilities, Device, Interest, Received, Waker, sys, virtio};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::{DEVICE_ROOM, Frame, Offload};

/// Slices of payload that one frame may be made of.
pub const SLICES: usize = 64;
/// A frame of at most so many bytes, with its header, leaves in one piece: copying one of the usual MTU costs less than the fifth
/// of a microsecond that the kernel asks for a list of pieces.
const JOINED: usize = 1536;
/// Queues that the kernel gives one TAP (`MAX_TAP_QUEUES`).
pub const QUEUES: usize = 256;

/// Which TAP to attach to, and how.
#[derive(Clone, Debug)]
pub struct TapOptions {
    /// The interface's name, 1 to 15 bytes.
    pub name: String,
    /// Where the interface is, or is to be made.
    pub namespace: Namespace,
    /// How many queues, 1 to [`QUEUES`]; each becomes a device of its own.
    pub queues: usize,
    /// The largest IP packet, 68 to 65,521 bytes. It is what we go by; the interface's own is set by
    /// [`Link::set_mtu`](super::host::Link::set_mtu).
    pub mtu: usize,
}

impl Default for TapOptions {
    fn default() -> TapOptions {
        TapOptions { name: "tap0".to_owned(), namespace: Namespace::Own, queues: 1, mtu: 1500 }
    }
}

/// One queue of a TAP.
#[derive(Debug)]
pub struct Tap {
    tun: OwnedFd,
    capabilities: Capabilities,
    origin: Origin,
}

/// Whether the interface was there before us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Created,
    Existed,
}

impl Tap {
    /// Opens every queue of a TAP, which is made when there is none of that name.
    ///
    /// # Errors
    /// One line that says what, why and what to do.
    pub fn open(options: &TapOptions) -> Result<Vec<Tap>, TapError> {
        let TapOptions { name, namespace, queues, mtu } = options;
        check(name, *queues, *mtu)?;
        let (tuns, origin) = namespace.enter(|| attach(name, *queues))??;
        let failed = |errno: Errno| TapError::NoOffloads(name.clone(), errno.into());
        // Whoever tells no limit for superframes over IPv4 cannot tell what a total length of 0 means (Linux before 6.3).
        let big = Link::open(namespace, name).is_ok_and(|link| link.knows_big_tcp());
        tuns.into_iter()
            .map(|tun| {
                sys::set_header(&tun, DEVICE_ROOM as i32).map_err(failed)?;
                let mut capabilities = negotiate(&tun, *mtu).map_err(failed)?;
                if big && capabilities.segment_tcp {
                    capabilities.superframe_v4 = limits::SUPERFRAME;
                }
                Ok(Tap { tun, capabilities, origin })
            })
            .collect()
    }

    /// Whether the interface was made when this was opened, and so goes with the last of its queues.
    pub fn created(&self) -> bool {
        self.origin == Origin::Created
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tun.as_fd()
    }
}

impl Device for Tap {
    const CALLS: bool = true;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// # Errors
    /// EBADFD when the interface was deleted.
    // Always inlined, as is sending: left to the compiler, which takes them apart where there are several stacks, a small frame's
    // round trip is a twentieth longer.
    #[inline(always)]
    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        let room = frame.room_for_device();
        let length = match retry_on_intr(|| rustix::io::read(&self.tun, &mut *room)) {
            Ok(length) => length,
            Err(Errno::AGAIN) => return Ok(Received::Nothing),
            Err(errno) => return Err(errno.into()),
        };
        let (Some(header), Some(length)) = (room.first_chunk(), length.checked_sub(DEVICE_ROOM)) else {
            return Ok(Received::Refused(Dropped::Truncated));
        };
        match virtio::decode(header, length) {
            Ok(offload) => {
                frame.received(length, offload);
                Ok(Received::Frame)
            }
            Err(why) => Ok(Received::Refused(why)),
        }
    }

    /// # Errors
    /// EIO while the interface is down. EINVAL: an offload that cannot be, fewer than 14 bytes. `InvalidInput`:
    /// no spare bytes, or more than [`SLICES`] slices. `WriteZero`: it took a part of the frame only.
    #[inline(always)]
    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        let Some((header, frame)) = head.split_first_chunk_mut() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        *header = virtio::encode(offload, frame);
        write_frame(&self.tun, head, payload)
    }

    /// Also returns on a signal, and at once when the interface was deleted: [`Tap::receive`] tells.
    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        waker.wait_for(&self.tun, interest, at_most)
    }
}

/// Writes a frame to either kind of TAP; false: the device is full.
#[inline(always)]
pub(super) fn write_frame(tun: impl AsFd, head: &[u8], payload: &[IoSlice<'_>]) -> io::Result<bool> {
    let length = head.len() + payload.iter().map(|slice| slice.len()).sum::<usize>();
    let written = if payload.is_empty() {
        retry_on_intr(|| rustix::io::write(&tun, head))
    } else {
        write_pieces(tun, head, payload, length)
    };
    match written {
        Ok(written) if written == length => Ok(true),
        Ok(_) => Err(io::ErrorKind::WriteZero.into()),
        Err(Errno::AGAIN) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Writes a frame of several pieces, `length` bytes in all. EINVAL: more than [`SLICES`] of payload.
// Always inlined, as its callers are: segments that are cut for a plain TAP all come this way.
#[inline(always)]
fn write_pieces(tun: impl AsFd, head: &[u8], payload: &[IoSlice<'_>], length: usize) -> rustix::io::Result<usize> {
    if length <= JOINED && payload.len() <= SLICES {
        let mut joined = ArrayVec::<u8, JOINED>::new();
        let parts = std::iter::once(head).chain(payload.iter().map(|slice| &**slice));
        parts.for_each(|part| joined.try_extend_from_slice(part).expect("all of them have room"));
        return retry_on_intr(|| rustix::io::write(&tun, &joined));
    }
    let mut slices = ArrayVec::<IoSlice<'_>, { SLICES + 1 }>::new();
    slices.push(IoSlice::new(head));
    slices.try_extend_from_slice(payload).map_err(|_| Errno::INVAL)?;
    retry_on_intr(|| rustix::io::writev(&tun, &slices))
}

/// Why a TAP was not opened.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// No interface can have this name.
    #[error("{0:?} cannot be the name of an interface: use 1 to 15 letters, digits, `-`, `_` or `.`")]
    Name(String),
    /// No TAP can have this MTU.
    #[error("{0}: an MTU of {1} cannot be: use 68 to 65521, and at least 1280 for IPv6")]
    Mtu(String, usize),
    /// No TAP can have so many queues.
    #[error("{0}: {1} queues cannot be: use 1 to {QUEUES}")]
    Queues(String, usize),
    /// The namespace was not entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// No tun driver.
    #[error("{0}: there is no /dev/net/tun: load the driver with modprobe tun, or give the container the device")]
    NoDriver(String),
    /// A tun driver, or a sandbox, without `virtio_net_hdr`.
    #[error("{0}: the kernel refuses virtio_net_hdr ({1}): use --device plain and one queue")]
    NoOffloads(String, #[source] io::Error),
    /// A tun driver without several queues.
    #[error("{0}: this kernel's tun driver has one queue only: use --queues 1")]
    NoQueues(String),
    /// The driver is closed to us.
    #[error(
        "{0}: permission denied opening /dev/net/tun: run as root, or make the TAP for your user: \
         ip tuntap add dev {0} mode tap user $USER, and let the user open it: chmod 666 /dev/net/tun"
    )]
    DriverDenied(String),
    /// The TAP is closed to us, or we may not make it.
    #[error(
        "{0}: permission denied: run as root, or make the TAP for your user: \
         ip tuntap add dev {0} mode tap user $USER"
    )]
    Denied(String),
    /// An interface that `--device plain` cannot use.
    #[error(
        "{0}: there is an interface of this name that is no TAP, or one with several queues: \
         name another with --tap, or leave --device plain out"
    )]
    NotPlain(String),
    /// Somebody has it.
    #[error("{0}: busy: another program is attached to it: stop that one, or name another TAP with --tap")]
    Busy(String),
    /// An interface of another kind.
    #[error("{0}: there is an interface of this name that is no TAP: name another with --tap")]
    NotATap(String),
    /// More queues asked for than it has.
    #[error(
        "{0}: the TAP exists with a single queue, and {1} were asked for: use --queues 1, \
         or make it again: ip tuntap add dev {0} mode tap multi_queue"
    )]
    SingleQueue(String, usize),
    /// Anything else.
    #[error("{0}: {1} failed ({2}): try another name with --tap, or --device plain")]
    Failed(String, &'static str, #[source] io::Error),
}

pub(super) fn check(name: &str, queues: usize, mtu: usize) -> Result<(), TapError> {
    // `%` makes the kernel choose a number; `/` and `:` it refuses, and `.` and `..` are taken in sysfs.
    let cannot_be = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'/' | b':' | b'%');
    if matches!(name, "" | "." | "..") || name.len() > sys::NAME || name.bytes().any(cannot_be) {
        return Err(TapError::Name(name.to_owned()));
    }
    if !(1..=QUEUES).contains(&queues) {
        return Err(TapError::Queues(name.to_owned(), queues));
    }
    // RFC 791: every link carries 68 bytes. 65,521 is the driver's own limit, 65,535 less an Ethernet header.
    if !(68..=65_521).contains(&mtu) {
        return Err(TapError::Mtu(name.to_owned(), mtu));
    }
    Ok(())
}

/// Opens a descriptor a queue, in the namespace of the thread.
fn attach(name: &str, queues: usize) -> Result<(Vec<OwnedFd>, Origin), TapError> {
    let wanted = if queues > 1 { sys::MULTI_QUEUE } else { 0 };
    let first = open(name, wanted)?;
    let refused = |errno| refusal(name, errno);
    // Two steps, so that it is certain whether we made it.
    let (origin, flags) = match sys::attach(&first, name, wanted | sys::EXCLUSIVE) {
        Ok(()) => (Origin::Created, wanted),
        Err(Errno::BUSY) => (Origin::Existed, attach_existing(&first, name, queues, wanted)?),
        Err(errno) => return Err(refused(errno)),
    };
    let mut tuns = vec![first];
    while tuns.len() < queues {
        let next = open(name, flags)?;
        sys::attach(&next, name, flags).map_err(refused)?;
        tuns.push(next);
    }
    Ok((tuns, origin))
}

/// Attaches to a TAP that is there, and says with which flags that worked.
fn attach_existing(tun: &OwnedFd, name: &str, queues: usize, wanted: u16) -> Result<u16, TapError> {
    let other = wanted ^ sys::MULTI_QUEUE;
    // EINVAL: it has queues and we asked for none, or the other way round, or it is no TAP.
    let flags = match sys::attach(tun, name, wanted) {
        Ok(()) => wanted,
        Err(Errno::INVAL) => match sys::attach(tun, name, other) {
            Ok(()) | Err(Errno::BUSY) if queues > 1 => {
                return Err(TapError::SingleQueue(name.to_owned(), queues));
            }
            Ok(()) => other,
            Err(errno) => return Err(refusal(name, errno)),
        },
        Err(errno) => return Err(refusal(name, errno)),
    };
    // A TAP with queues lets anybody in. One that is not persistent is there only because somebody holds it, and
    // would get half of the frames.
    let shared = sys::attached_flags(tun).is_ok_and(|flags| flags & sys::PERSISTENT == 0);
    if flags == sys::MULTI_QUEUE && shared {
        return Err(TapError::Busy(name.to_owned()));
    }
    Ok(flags)
}

fn open(name: &str, flags: u16) -> Result<OwnedFd, TapError> {
    let tun = sys::open().map_err(|errno| match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => TapError::NoDriver(name.to_owned()),
        Errno::PERM | Errno::ACCESS => TapError::DriverDenied(name.to_owned()),
        _ => TapError::Failed(name.to_owned(), "opening /dev/net/tun", errno.into()),
    })?;
    let features = sys::features(&tun).unwrap_or(0);
    if features & sys::VNET_HDR == 0 {
        return Err(TapError::NoOffloads(name.to_owned(), Errno::OPNOTSUPP.into()));
    }
    if features & flags & sys::MULTI_QUEUE != flags & sys::MULTI_QUEUE {
        return Err(TapError::NoQueues(name.to_owned()));
    }
    Ok(tun)
}

fn refusal(name: &str, errno: Errno) -> TapError {
    let name = name.to_owned();
    match errno {
        Errno::PERM | Errno::ACCESS => TapError::Denied(name),
        Errno::BUSY => TapError::Busy(name),
        Errno::INVAL => TapError::NotATap(name),
        _ => TapError::Failed(name, "attaching to it", errno.into()),
    }
}

/// Asks for every offload, then for less and less: kernels before 6.2 know no UDP segmentation.
fn negotiate(tun: &OwnedFd, mtu: usize) -> Result<Capabilities, Errno> {
    const TCP: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    const UDP: u32 = libc::TUN_F_USO4 | libc::TUN_F_USO6;
    const LESS_AND_LESS: [u32; 4] = [TCP | libc::TUN_F_TSO_ECN | UDP, TCP | libc::TUN_F_TSO_ECN, TCP, libc::TUN_F_CSUM];

    let agreed = LESS_AND_LESS.into_iter().find(|offloads| sys::set_offload(tun, *offloads).is_ok());
    let agreed = match agreed {
        Some(agreed) => agreed,
        // Not even nothing: then it may have kept what somebody agreed on before.
        None => sys::set_offload(tun, 0).map(|()| 0)?,
    };
    let has = |offloads| agreed & offloads == offloads;
    let (checksum, segment_tcp, segment_udp) = (has(libc::TUN_F_CSUM), has(TCP), has(UDP));
    Ok(Capabilities { checksum, segment_tcp, segment_udp, ..Capabilities::plain(mtu) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_opened() {
        let line = |name: &str, queues, mtu| {
            let options = TapOptions { name: name.to_owned(), queues, mtu, ..TapOptions::default() };
            let line = Tap::open(&options).unwrap_err().to_string();
            assert_eq!(line.lines().count(), 1, "{line}");
            line
        };
        for name in ["", ".", "..", "sixteen-bytes-is", "a b", "a/b", "a:b", "tap%d", "a\n", "\0", "täp"] {
            let line = line(name, 1, 1500);
            assert!(line.starts_with(&format!("{name:?} cannot be the name")), "{line}");
        }
        assert!(line("tap0", 0, 1500).starts_with("tap0: 0 queues"));
        assert!(line("tap0", 257, 1500).starts_with("tap0: 257 queues"));
        assert!(line("tap0", 1, 67).starts_with("tap0: an MTU of 67"));
        assert!(line("tap0", 1, 65_522).starts_with("tap0: an MTU of 65522"));
    }

    #[test]
    fn errors_say_what_to_do() {
        let denied = TapError::DriverDenied("tap0".to_owned()).to_string();
        assert!(denied.starts_with("tap0: permission denied opening /dev/net/tun: run as root, or make"), "{denied}");
        assert!(denied.contains("ip tuntap add dev tap0 mode tap user $USER"), "{denied}");
        assert!(!denied.contains('\n') && !denied.contains("  "), "{denied}");
    }
}
