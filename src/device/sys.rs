//! What needs `unsafe` at the tun driver: its ioctls, ethtool's, and a foreign descriptor, made safe here and nowhere else.
//!
//! Read first: Documentation/networking/tuntap.rst, drivers/net/tun.c and include/uapi/linux/ethtool.h of Linux.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io;
use rustix::ioctl::{self, Getter, IntegerSetter, Opcode, Setter, Updater};

/// The longest name of an interface, in bytes; the kernel's field ends with a zero.
pub(super) const NAME: usize = libc::IFNAMSIZ - 1;

/// Fails with EBUSY when the interface exists. (`IFF_TUN_EXCL`, which does not fit `libc`'s type.)
pub(super) const EXCLUSIVE: u16 = 0x8000;
/// Several descriptors share the interface, a queue each.
pub(super) const MULTI_QUEUE: u16 = libc::IFF_MULTI_QUEUE as u16;
/// The interface stays when nobody holds it. (`IFF_PERSIST`.)
pub(super) const PERSISTENT: u16 = 0x0800;
/// Every frame has a `virtio_net_hdr` in front.
pub(super) const VNET_HDR: u16 = libc::IFF_VNET_HDR as u16;
/// Ethernet frames without any header of the driver's own.
const TAP: u16 = (libc::IFF_TAP | libc::IFF_NO_PI) as u16;

/// `struct ifreq`, as TUNSETIFF reads and writes it.
///
/// ```text
///  0                16       18                        40
///  ├─ name, zeros ──┼─ flags ─┼─ the rest of the union ─┤
/// ```
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: u16,
    rest: [u8; size_of::<libc::ifreq>() - libc::IFNAMSIZ - 2],
}

const _: () = assert!(size_of::<Request>() == size_of::<libc::ifreq>());

/// `struct ifreq`, as SIOCETHTOOL reads it.
///
/// ```text
///  0                16        24                       40
///  ├─ name, zeros ──┼─ value ─┼─ the rest of the union ─┤
/// ```
#[repr(C)]
struct Ethtool<'a> {
    name: [u8; libc::IFNAMSIZ],
    value: &'a mut EthtoolValue,
    rest: [u8; size_of::<libc::ifreq>() - libc::IFNAMSIZ - size_of::<usize>()],
}

const _: () = assert!(size_of::<Ethtool<'_>>() == size_of::<libc::ifreq>());

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Tells, and sets, whether frames may be given to the driver in pieces.
const ETHTOOL_GSG: u32 = 0x18;
const ETHTOOL_SSG: u32 = 0x19;

const ETHTOOL: Opcode = libc::SIOCETHTOOL as Opcode;
const FEATURES: Opcode = libc::TUNGETFEATURES as Opcode;
const SET_INTERFACE: Opcode = libc::TUNSETIFF as Opcode;
const GET_INTERFACE: Opcode = libc::TUNGETIFF as Opcode;
const SET_HEADER: Opcode = libc::TUNSETVNETHDRSZ as Opcode;
const SET_OFFLOAD: Opcode = libc::TUNSETOFFLOAD as Opcode;

/// Opens the tun driver: a descriptor that never blocks and is not inherited, attached to nothing yet.
pub(super) fn open() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open("/dev/net/tun", flags, Mode::empty())
}

/// The `IFF_…` flags that this kernel knows.
pub(super) fn features(tun: impl AsFd) -> io::Result<u16> {
    // SAFETY: TUNGETFEATURES writes one `unsigned int`.
    let features = unsafe { ioctl::ioctl(tun, Getter::<FEATURES, u32>::new()) }?;
    // Flags are 16 bits wide wherever they are used.
    Ok(features as u16)
}

/// Attaches a descriptor to the TAP `name` with `VNET_HDR` and `flags`; makes the TAP if there is none.
///
/// EINVAL is also the answer to a name that does not fit.
pub(super) fn attach(tun: impl AsFd, name: &str, flags: u16) -> io::Result<()> {
    let mut request = Request { name: field(name)?, flags: TAP | VNET_HDR | flags, rest: [0; _] };
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, whose layout `Request` has.
    unsafe { ioctl::ioctl(tun, Updater::<SET_INTERFACE, Request>::new(&mut request)) }
}

/// The flags of the interface that a descriptor is attached to.
pub(super) fn attached_flags(tun: impl AsFd) -> io::Result<u16> {
    // SAFETY: TUNGETIFF writes one `struct ifreq`, whose layout `Request` has and of which all bits are valid.
    let request = unsafe { ioctl::ioctl(tun, Getter::<GET_INTERFACE, Request>::new()) }?;
    Ok(request.flags)
}

/// Sets how many bytes of header stand in front of every frame.
pub(super) fn set_header(tun: impl AsFd, bytes: c_int) -> io::Result<()> {
    // SAFETY: TUNSETVNETHDRSZ reads one `int`.
    unsafe { ioctl::ioctl(tun, Setter::<SET_HEADER, c_int>::new(bytes)) }
}

/// Tells the kernel what it may leave to us: `TUN_F_…`. EINVAL when it does not know one of them.
pub(super) fn set_offload(tun: impl AsFd, offloads: u32) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    unsafe { ioctl::ioctl(tun, IntegerSetter::<SET_OFFLOAD>::new_usize(offloads as usize)) }
}

/// Whether the host may give the interface `name` a frame in pieces; `socket` is any of its namespace.
pub(super) fn scatter_gather(socket: impl AsFd, name: &str) -> io::Result<bool> {
    ethtool(socket, name, EthtoolValue { command: ETHTOOL_GSG, data: 0 }).map(|data| data != 0)
}

/// Lets the host give the interface `name` a frame in pieces, or not.
pub(super) fn set_scatter_gather(socket: impl AsFd, name: &str, on: bool) -> io::Result<()> {
    ethtool(socket, name, EthtoolValue { command: ETHTOOL_SSG, data: on.into() }).map(drop)
}

/// Carries out a command that takes and gives one value.
fn ethtool(socket: impl AsFd, name: &str, mut value: EthtoolValue) -> io::Result<u32> {
    let mut request = Ethtool { name: field(name)?, value: &mut value, rest: [0; _] };
    // SAFETY: SIOCETHTOOL reads and writes one `struct ifreq`, whose layout `Ethtool` has, and the commands above read and write
    // the one `struct ethtool_value` that it points to.
    unsafe { ioctl::ioctl(socket, Updater::<ETHTOOL, Ethtool<'_>>::new(&mut request)) }?;
    Ok(value.data)
}

/// A name as `struct ifreq` has it. EINVAL when it does not fit.
fn field(name: &str) -> io::Result<[u8; libc::IFNAMSIZ]> {
    let mut field = [0; libc::IFNAMSIZ];
    field[..NAME].get_mut(..name.len()).ok_or(io::Errno::INVAL)?.copy_from_slice(name.as_bytes());
    Ok(field)
}

/// The descriptor of the plain device, whose crate is older than descriptors with lifetimes.
pub(super) fn descriptor(plain: &tun_tap::Iface) -> BorrowedFd<'_> {
    // SAFETY: the interface owns the descriptor and is borrowed for as long as it is used.
    unsafe { BorrowedFd::borrow_raw(plain.as_raw_fd()) }
}
