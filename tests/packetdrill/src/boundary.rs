//! The boundary to C: what packetdrill calls, and the only unsafe code.
//!
//! packetdrill hands in pointers that are valid for the call, or null, which is answered as the kernel does. `fcntl` and
//! `ioctl` are variadic there; the one argument that comes is where a named one would be, on every Linux.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_long, c_longlong, c_uint, c_ulong, c_void};
use std::io::{self, ErrorKind};
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use libc::{epoll_event, iovec, msghdr, nfds_t, off_t, pollfd, size_t, sockaddr, socklen_t, ssize_t, timeval};
use taphouse::base::address::{Address, Endpoint, Family};

use crate::buffers::More;
use crate::descriptors::{Descriptors, errno};
use crate::host::{Host, Inner, Wait};
use crate::{epoll, options};

/// The host of this process: packetdrill runs one script in one.
static HOST: OnceLock<Host> = OnceLock::new();

fn host() -> &'static Host {
    HOST.get_or_init(Host::new)
}

/// The number that C knows an error by.
pub(crate) fn number(error: &io::Error) -> c_int {
    error.raw_os_error().unwrap_or(match error.kind() {
        ErrorKind::WouldBlock => libc::EAGAIN,
        ErrorKind::NotConnected => libc::ENOTCONN,
        ErrorKind::ConnectionRefused => libc::ECONNREFUSED,
        ErrorKind::ConnectionReset => libc::ECONNRESET,
        ErrorKind::ConnectionAborted => libc::ECONNABORTED,
        ErrorKind::TimedOut => libc::ETIMEDOUT,
        ErrorKind::HostUnreachable => libc::EHOSTUNREACH,
        ErrorKind::BrokenPipe => libc::EPIPE,
        ErrorKind::AddrInUse => libc::EADDRINUSE,
        _ => libc::EIO,
    })
}

/// A result as C has it: a number, or -1 and `errno`.
fn answer<T: From<i8>>(result: io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        // SAFETY: the address of this thread's `errno` is always valid.
        unsafe { *libc::__errno_location() = number(&error) };
        T::from(-1)
    })
}

/// # Safety
/// `at` is null, or valid for writing `length` bytes for as long as the slice is used.
unsafe fn bytes_mut<'a>(at: *mut c_void, length: size_t) -> io::Result<&'a mut [u8]> {
    match (at.is_null(), length) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(errno(libc::EFAULT)),
        // SAFETY: as promised.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(at.cast(), length) }),
    }
}

/// # Safety
/// `at` is null, or valid for reading `length` values for as long as the slice is used.
unsafe fn values<'a, T>(at: *const T, length: size_t) -> io::Result<&'a [T]> {
    match (at.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(errno(libc::EFAULT)),
        // SAFETY: as promised.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(at, length) }),
    }
}

/// # Safety
/// `at` is null, or a socket address of `length` bytes.
unsafe fn endpoint(at: *const sockaddr, length: socklen_t) -> io::Result<Endpoint> {
    // SAFETY: as promised.
    let bytes = unsafe { values(at.cast::<u8>(), length as usize) }?;
    let invalid = || errno(libc::EINVAL);
    let family = bytes.first_chunk().map(|family| c_int::from(u16::from_ne_bytes(*family))).ok_or_else(invalid)?;
    let part = |from: usize| bytes.get(from..).unwrap_or_default();
    let port = part(2).first_chunk().map(|port| u16::from_be_bytes(*port)).ok_or_else(invalid)?;
    let address = match family {
        libc::AF_INET => part(4).first_chunk().map(|bytes| Address::from_v4(*bytes)),
        libc::AF_INET6 => part(8).first_chunk().map(|bytes| Address::from_v6(*bytes)),
        _ => return Err(errno(libc::EAFNOSUPPORT)),
    };
    Ok(Endpoint { address: address.ok_or_else(invalid)?, port })
}

/// Writes an address as sockets of this family have it.
///
/// # Safety
/// `at` is null, or valid for writing `*length` bytes.
unsafe fn put_endpoint(family: Family, endpoint: Endpoint, at: *mut sockaddr, length: *mut socklen_t) {
    if at.is_null() || length.is_null() {
        return;
    }
    let (port, mut bytes) = (endpoint.port.to_be_bytes(), Vec::new());
    match family {
        Family::V4 => {
            bytes.extend((libc::AF_INET as u16).to_ne_bytes());
            bytes.extend(port);
            bytes.extend(endpoint.address.low4());
            bytes.extend([0; 8]);
        }
        Family::V6 => {
            bytes.extend((libc::AF_INET6 as u16).to_ne_bytes());
            bytes.extend(port);
            bytes.extend([0; 4]);
            bytes.extend(endpoint.address.to_v6());
            bytes.extend([0; 4]);
        }
    }
    // SAFETY: as promised; no more than fits is written.
    unsafe {
        let fits = bytes.len().min(*length as usize);
        ptr::copy_nonoverlapping(bytes.as_ptr(), at.cast::<u8>(), fits);
        *length = bytes.len() as socklen_t;
    }
}

/// Whether calls on a descriptor wait.
fn waits(number: c_int, flags: c_int) -> impl FnOnce(&mut Inner) -> Wait {
    move |inner| {
        let nonblocking = inner.descriptors.get(number).is_ok_and(|socket| socket.nonblocking);
        if nonblocking || flags & libc::MSG_DONTWAIT != 0 { Wait::Never } else { Wait::Forever }
    }
}

fn never(_: &mut Inner) -> Wait {
    Wait::Never
}

/// How long a call with a timeout in milliseconds waits.
fn timeout(millis: c_int) -> impl FnOnce(&mut Inner) -> Wait {
    move |inner| match u64::try_from(millis) {
        Err(_) => Wait::Forever,
        Ok(0) => Wait::Never,
        Ok(millis) => Wait::Until(inner.now + Duration::from_millis(millis)),
    }
}

fn read(number: c_int, flags: c_int, into: &mut [u8]) -> io::Result<ssize_t> {
    host().call(waits(number, flags), |inner| {
        let Inner { stack, descriptors, .. } = inner;
        descriptors.get(number)?.read(into, stack).map(|count| count as ssize_t)
    })
}

fn write(number: c_int, flags: c_int, pieces: &[&[u8]]) -> io::Result<ssize_t> {
    let bytes = pieces.concat();
    for (flag, what) in [(libc::MSG_EOR, "ends of records (MSG_EOR)"), (libc::MSG_FASTOPEN, "TCP Fast Open (RFC 7413)")]
    {
        if flags & flag != 0 {
            eprintln!("taphouse has no {what}");
        }
    }
    let more = if flags & libc::MSG_MORE != 0 { More::Announced } else { More::No };
    let mut written = 0;
    let result = host().call(waits(number, flags), |inner| {
        loop {
            let Inner { stack, descriptors, .. } = inner;
            written += descriptors.get(number)?.write(&bytes[written..], written == 0, more, stack)?;
            if written == bytes.len() {
                return Ok(());
            }
            inner.run();
        }
    });
    // What was written counts, whatever came then.
    if written > 0 { Ok(written as ssize_t) } else { result.map(|()| 0) }
}

/// # Safety
/// `iov` is null, or `count` pieces, each null or valid.
unsafe fn pieces<'a>(iov: *const iovec, count: size_t) -> io::Result<Vec<&'a [u8]>> {
    // SAFETY: as promised.
    unsafe {
        values(iov, count)?.iter().map(|piece| values(piece.iov_base.cast_const().cast(), piece.iov_len)).collect()
    }
}

/// # Safety
/// As [`pieces`], for writing.
unsafe fn read_pieces(number: c_int, flags: c_int, iov: *const iovec, count: size_t) -> io::Result<ssize_t> {
    // SAFETY: as promised.
    let iov = unsafe { values(iov, count) }?;
    let mut bytes = vec![0; iov.iter().map(|piece| piece.iov_len).sum()];
    let read = read(number, flags, &mut bytes)?;
    let mut rest = &bytes[..read as usize];
    for piece in iov {
        // SAFETY: as promised.
        let place = unsafe { bytes_mut(piece.iov_base, piece.iov_len) }?;
        let count = place.len().min(rest.len());
        place[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
    }
    Ok(read)
}

type User = *mut c_void;

extern "C" fn free(_: User) {}

extern "C" fn socket(_: User, domain: c_int, kind: c_int, _protocol: c_int) -> c_int {
    let family = match domain {
        libc::AF_INET => Ok(Family::V4),
        libc::AF_INET6 => Ok(Family::V6),
        _ => Err(errno(libc::EAFNOSUPPORT)),
    };
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let family = if kind & !flags == libc::SOCK_STREAM { family } else { Err(errno(libc::EPROTONOSUPPORT)) };
    answer(family.and_then(|family| {
        host().call(never, |inner| {
            let number = inner.descriptors.socket(family);
            inner.descriptors.get(number)?.nonblocking = kind & libc::SOCK_NONBLOCK != 0;
            Ok(number)
        })
    }))
}

extern "C" fn bind(_: User, number: c_int, at: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: packetdrill's addresses are valid.
    let endpoint = unsafe { endpoint(at, length) };
    answer(endpoint.and_then(|endpoint| {
        host().call(never, |inner| inner.descriptors.get(number)?.bind(endpoint.port).map(|()| 0))
    }))
}

extern "C" fn listen(_: User, number: c_int, backlog: c_int) -> c_int {
    answer(host().call(never, |inner| {
        let Inner { stack, descriptors, .. } = inner;
        descriptors.get(number)?.listen(backlog, stack).map(|()| 0)
    }))
}

extern "C" fn accept(_: User, number: c_int, at: *mut sockaddr, length: *mut socklen_t) -> c_int {
    answer(host().call(waits(number, 0), |inner| {
        let (accepted, flow) = inner.descriptors.accept(number)?;
        let socket = inner.descriptors.get(accepted)?;
        // SAFETY: packetdrill's place for the address is valid.
        unsafe { put_endpoint(socket.family, flow.remote, at, length) };
        socket.coalesce(&mut inner.stack);
        Ok(accepted)
    }))
}

extern "C" fn connect(_: User, number: c_int, at: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: packetdrill's addresses are valid.
    let remote = unsafe { endpoint(at, length) };
    answer(remote.and_then(|remote| {
        host().call(waits(number, 0), |inner| {
            let Inner { stack, descriptors, .. } = inner;
            descriptors.get(number)?.connect(remote, stack).map(|()| 0)
        })
    }))
}

extern "C" fn recv(_: User, number: c_int, at: *mut c_void, length: size_t, flags: c_int) -> ssize_t {
    // SAFETY: packetdrill's buffers are valid or null.
    answer(unsafe { bytes_mut(at, length) }.and_then(|into| read(number, flags, into)))
}

extern "C" fn read_plain(user: User, number: c_int, at: *mut c_void, length: size_t) -> ssize_t {
    recv(user, number, at, length, 0)
}

extern "C" fn readv(_: User, number: c_int, iov: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: packetdrill's pieces are valid or null.
    answer(unsafe { read_pieces(number, 0, iov, count.max(0) as size_t) })
}

extern "C" fn recvfrom(
    user: User,
    number: c_int,
    at: *mut c_void,
    length: size_t,
    flags: c_int,
    _from: *mut sockaddr,
    _from_length: *mut socklen_t,
) -> ssize_t {
    recv(user, number, at, length, flags)
}

extern "C" fn recvmsg(_: User, number: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    // SAFETY: packetdrill's message is valid, and so are its pieces.
    answer(unsafe {
        let message = &mut *message;
        if flags & libc::MSG_ERRQUEUE != 0 {
            eprintln!("taphouse has no queue of errors (MSG_ERRQUEUE)");
            return answer(Err(ErrorKind::WouldBlock.into()));
        }
        message.msg_flags = 0;
        let read = read_pieces(number, flags, message.msg_iov, message.msg_iovlen);
        let unread = host().call(never, |inner| {
            let Inner { stack, descriptors, .. } = inner;
            Ok(options::unread(descriptors.get(number)?, stack))
        });
        put_unread(unread.ok().flatten().filter(|_| read.is_ok()), message);
        read
    })
}

/// Says in a control message how much is unread (`TCP_CM_INQ`), or nothing.
///
/// # Safety
/// The place for control messages is null, or as long as it says.
unsafe fn put_unread(unread: Option<c_int>, message: &mut msghdr) {
    // SAFETY: it computes a length.
    let (space, length) = unsafe { (libc::CMSG_SPACE(4) as usize, libc::CMSG_LEN(4) as usize) };
    let fits = !message.msg_control.is_null() && message.msg_controllen >= space;
    let Some(unread) = unread.filter(|_| fits) else {
        message.msg_controllen = 0;
        return;
    };
    message.msg_controllen = space;
    // SAFETY: there is room for one message with a number in it.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(message);
        ptr::write(control, libc::cmsghdr { cmsg_len: length, cmsg_level: libc::SOL_TCP, cmsg_type: options::TCP_INQ });
        ptr::write_unaligned(libc::CMSG_DATA(control).cast(), unread);
    }
}

extern "C" fn send(_: User, number: c_int, at: *const c_void, length: size_t, flags: c_int) -> ssize_t {
    // SAFETY: packetdrill's buffers are valid or null.
    answer(unsafe { values(at.cast::<u8>(), length) }.and_then(|bytes| write(number, flags, &[bytes])))
}

extern "C" fn write_plain(user: User, number: c_int, at: *const c_void, length: size_t) -> ssize_t {
    send(user, number, at, length, 0)
}

extern "C" fn writev(_: User, number: c_int, iov: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: packetdrill's pieces are valid or null.
    answer(unsafe { pieces(iov, count.max(0) as size_t) }.and_then(|pieces| write(number, 0, &pieces)))
}

extern "C" fn sendto(
    user: User,
    number: c_int,
    at: *const c_void,
    length: size_t,
    flags: c_int,
    _to: *const sockaddr,
    _to_length: socklen_t,
) -> ssize_t {
    send(user, number, at, length, flags)
}

extern "C" fn sendmsg(_: User, number: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    // SAFETY: packetdrill's message is valid, and so are its pieces.
    let pieces = unsafe { pieces((*message).msg_iov, (*message).msg_iovlen) };
    answer(pieces.and_then(|pieces| write(number, flags, &pieces)))
}

extern "C" fn fcntl(_: User, number: c_int, command: c_int, argument: c_long) -> c_int {
    answer(host().call(never, |inner| {
        let socket = inner.descriptors.get(number)?;
        match command {
            libc::F_GETFL => Ok(libc::O_RDWR | if socket.nonblocking { libc::O_NONBLOCK } else { 0 }),
            libc::F_SETFL => {
                socket.nonblocking = argument as c_int & libc::O_NONBLOCK != 0;
                Ok(0)
            }
            libc::F_GETFD | libc::F_SETFD => Ok(0),
            _ => Err(errno(libc::EINVAL)),
        }
    }))
}

extern "C" fn ioctl(_: User, number: c_int, request: c_ulong, argument: *mut c_int) -> c_int {
    answer(host().call(never, |inner| {
        let Inner { stack, descriptors, .. } = inner;
        let amount = options::ask(descriptors.get(number)?, request, stack)?;
        if argument.is_null() {
            return Err(errno(libc::EFAULT));
        }
        // SAFETY: packetdrill's place for the number is valid.
        unsafe { *argument = amount };
        Ok(0)
    }))
}

extern "C" fn close_socket(_: User, number: c_int) -> c_int {
    answer(host().call(never, |inner| {
        let Inner { stack, descriptors, .. } = inner;
        descriptors.close(number, stack).map(|()| 0)
    }))
}

extern "C" fn shutdown(_: User, number: c_int, how: c_int) -> c_int {
    answer(host().call(never, |inner| {
        let Inner { stack, descriptors, .. } = inner;
        descriptors.get(number)?.shutdown(how, stack).map(|()| 0)
    }))
}

extern "C" fn get_option(
    _: User,
    number: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    answer(host().call(never, |inner| {
        let Inner { stack, descriptors, .. } = inner;
        let bytes = options::get(descriptors.get(number)?, level, name, stack)?;
        if value.is_null() || length.is_null() {
            return Err(errno(libc::EFAULT));
        }
        // SAFETY: packetdrill's place for the value is as long as it says.
        unsafe {
            let fits = bytes.len().min(*length as usize);
            ptr::copy_nonoverlapping(bytes.as_ptr(), value.cast(), fits);
            *length = fits as socklen_t;
        }
        Ok(0)
    }))
}

extern "C" fn set_option(
    _: User,
    number: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    // SAFETY: packetdrill's values are valid or null.
    let value = unsafe { values(value.cast::<u8>(), length as usize) };
    answer(value.and_then(|value| {
        host().call(never, |inner| {
            let Inner { stack, descriptors, .. } = inner;
            options::set(descriptors.get(number)?, level, name, value, stack)?;
            // What the option lets leave leaves, before the others count again.
            inner.run();
            let Inner { stack, descriptors, .. } = inner;
            descriptors.get(number)?.coalesce(stack);
            Ok(0)
        })
    }))
}

extern "C" fn poll(_: User, fds: *mut pollfd, count: nfds_t, millis: c_int) -> c_int {
    if fds.is_null() {
        return answer(Err(errno(libc::EFAULT)));
    }
    // SAFETY: packetdrill's list is as long as it says.
    let fds = unsafe { std::slice::from_raw_parts_mut(fds, count as usize) };
    let mut found = 0;
    let result = host().call(timeout(millis), |inner| {
        for fd in &mut *fds {
            let ready = inner.descriptors.get(fd.fd).map(|socket| epoll::bits(socket.ready(&inner.stack)));
            let wanted = fd.events | libc::POLLHUP | libc::POLLERR;
            fd.revents = ready.map_or(libc::POLLNVAL, |ready| ready as i16 & wanted);
        }
        found = fds.iter().filter(|fd| fd.revents != 0).count() as c_int;
        if found == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(found) }
    });
    // Nothing within the time is no error.
    result.unwrap_or(found)
}

extern "C" fn epoll_create(_: User, _size: c_int) -> c_int {
    answer(host().call(never, |inner| Ok(inner.descriptors.epoll())))
}

extern "C" fn epoll_ctl(_: User, epoll: c_int, change: c_int, number: c_int, event: *mut epoll_event) -> c_int {
    answer(host().call(never, |inner| {
        inner.descriptors.get(number)?;
        let epoll = inner.descriptors.get_epoll(epoll)?;
        match (change, epoll.watches(number)) {
            (libc::EPOLL_CTL_ADD, true) => return Err(errno(libc::EEXIST)),
            (libc::EPOLL_CTL_DEL | libc::EPOLL_CTL_MOD, false) => return Err(errno(libc::ENOENT)),
            (libc::EPOLL_CTL_DEL, true) => epoll.forget(number),
            _ if event.is_null() => return Err(errno(libc::EFAULT)),
            _ => {
                // SAFETY: packetdrill's event is valid, and unaligned reads are those of a packed struct.
                let event = unsafe { ptr::read_unaligned(event) };
                epoll.watch(number, event.events, event.u64);
            }
        }
        Ok(0)
    }))
}

extern "C" fn epoll_wait(_: User, epoll: c_int, events: *mut epoll_event, most: c_int, millis: c_int) -> c_int {
    if events.is_null() || most <= 0 {
        return answer(Err(errno(libc::EINVAL)));
    }
    let result = host().call(timeout(millis), |inner| {
        let told = inner.descriptors.get_epoll(epoll)?.take(most as usize);
        for (at, (events_told, data)) in told.iter().enumerate() {
            let event = epoll_event { events: *events_told, u64: *data };
            // SAFETY: packetdrill's list has room for as many as it says.
            unsafe { ptr::write_unaligned(events.add(at), event) };
        }
        if told.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(told.len() as c_int) }
    });
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        result => answer(result),
    }
}

extern "C" fn pipe(_: User, _ends: *mut c_int) -> c_int {
    answer(Err(errno(libc::ENOSYS)))
}

extern "C" fn splice(
    _: User,
    _from: c_int,
    _from_offset: *mut c_longlong,
    _to: c_int,
    _to_offset: *mut c_longlong,
    _length: size_t,
    _flags: c_uint,
) -> c_int {
    answer(Err(errno(libc::ENOSYS)))
}

extern "C" fn netdev_send(_: User, packet: *const c_void, length: size_t) -> c_int {
    // SAFETY: packetdrill's packet is as long as it says.
    answer(unsafe { values(packet.cast::<u8>(), length) }.map(|packet| {
        host().send(packet);
        0
    }))
}

extern "C" fn netdev_receive(_: User, into: *mut c_void, length: *mut size_t, micros: *mut c_longlong) -> c_int {
    // An empty packet is one that packetdrill cannot read, which ends the script.
    let (at, packet) = host().receive().unwrap_or_default();
    // SAFETY: packetdrill's buffer is as long as it says.
    unsafe {
        let fits = packet.len().min(*length);
        ptr::copy_nonoverlapping(packet.as_ptr(), into.cast(), fits);
        *length = fits;
        *micros = (at.as_nanos() / 1000) as c_longlong;
    }
    0
}

extern "C" fn usleep(_: User, micros: c_uint) -> c_int {
    host().sleep(Duration::from_micros(micros.into()));
    0
}

extern "C" fn gettimeofday(_: User, time: *mut timeval, _zone: *mut c_void) -> c_int {
    let micros = host().look().as_nanos() / 1000;
    // SAFETY: packetdrill's place for the time is valid.
    unsafe { *time = timeval { tv_sec: (micros / 1_000_000) as _, tv_usec: (micros % 1_000_000) as _ } };
    0
}

/// packetdrill's `struct packetdrill_interface`.
#[repr(C)]
pub struct Interface {
    userdata: User,
    free: extern "C" fn(User),
    socket: extern "C" fn(User, c_int, c_int, c_int) -> c_int,
    bind: extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    listen: extern "C" fn(User, c_int, c_int) -> c_int,
    accept: extern "C" fn(User, c_int, *mut sockaddr, *mut socklen_t) -> c_int,
    connect: extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    read: extern "C" fn(User, c_int, *mut c_void, size_t) -> ssize_t,
    readv: extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    recv: extern "C" fn(User, c_int, *mut c_void, size_t, c_int) -> ssize_t,
    recvfrom: extern "C" fn(User, c_int, *mut c_void, size_t, c_int, *mut sockaddr, *mut socklen_t) -> ssize_t,
    recvmsg: extern "C" fn(User, c_int, *mut msghdr, c_int) -> ssize_t,
    write: extern "C" fn(User, c_int, *const c_void, size_t) -> ssize_t,
    writev: extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    send: extern "C" fn(User, c_int, *const c_void, size_t, c_int) -> ssize_t,
    sendto: extern "C" fn(User, c_int, *const c_void, size_t, c_int, *const sockaddr, socklen_t) -> ssize_t,
    sendmsg: extern "C" fn(User, c_int, *const msghdr, c_int) -> ssize_t,
    fcntl: extern "C" fn(User, c_int, c_int, c_long) -> c_int,
    ioctl: extern "C" fn(User, c_int, c_ulong, *mut c_int) -> c_int,
    close: extern "C" fn(User, c_int) -> c_int,
    shutdown: extern "C" fn(User, c_int, c_int) -> c_int,
    getsockopt: extern "C" fn(User, c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int,
    setsockopt: extern "C" fn(User, c_int, c_int, c_int, *const c_void, socklen_t) -> c_int,
    poll: extern "C" fn(User, *mut pollfd, nfds_t, c_int) -> c_int,
    netdev_send: extern "C" fn(User, *const c_void, size_t) -> c_int,
    netdev_receive: extern "C" fn(User, *mut c_void, *mut size_t, *mut c_longlong) -> c_int,
    usleep: extern "C" fn(User, c_uint) -> c_int,
    gettimeofday: extern "C" fn(User, *mut timeval, *mut c_void) -> c_int,
    epoll_create: extern "C" fn(User, c_int) -> c_int,
    epoll_ctl: extern "C" fn(User, c_int, c_int, c_int, *mut epoll_event) -> c_int,
    epoll_wait: extern "C" fn(User, c_int, *mut epoll_event, c_int, c_int) -> c_int,
    pipe: extern "C" fn(User, *mut c_int) -> c_int,
    splice: extern "C" fn(User, c_int, *mut c_longlong, c_int, *mut c_longlong, size_t, c_uint) -> c_int,
}

/// What packetdrill looks for: fills in the functions that it calls from then on.
///
/// # Safety
/// `interface` is packetdrill's, of the version whose fields are those of [`Interface`].
// SAFETY: nothing else has this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn packetdrill_interface_init(_flags: *const c_char, interface: *mut Interface) {
    let functions = Interface {
        userdata: ptr::null_mut(),
        free,
        socket,
        bind,
        listen,
        accept,
        connect,
        read: read_plain,
        readv,
        recv,
        recvfrom,
        recvmsg,
        write: write_plain,
        writev,
        send,
        sendto,
        sendmsg,
        fcntl,
        ioctl,
        close: close_socket,
        shutdown,
        getsockopt: get_option,
        setsockopt: set_option,
        poll,
        netdev_send,
        netdev_receive,
        usleep,
        gettimeofday,
        epoll_create,
        epoll_ctl,
        epoll_wait,
        pipe,
        splice,
    };
    // SAFETY: as promised.
    unsafe { ptr::write(interface, functions) };
}

/// packetdrill reads `TCP_INFO` with the C library's function even of a shared object's sockets, and closes them so at the
/// end. So this object is preloaded, too, and answers for its own; what else is asked goes to the kernel.
///
/// # Safety
/// As that of the C library.
// SAFETY: it takes the place of the C library's on purpose.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockopt(
    number: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    if Descriptors::owns(number) {
        return get_option(ptr::null_mut(), number, level, name, value, length);
    }
    // SAFETY: as promised.
    unsafe { libc::syscall(libc::SYS_getsockopt, number, level, name, value, length) as c_int }
}

/// packetdrill sends files so, too, even to a shared object's sockets.
///
/// # Safety
/// As that of the C library.
// SAFETY: it takes the place of the C library's on purpose.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile(to: c_int, from: c_int, offset: *mut off_t, count: size_t) -> ssize_t {
    if !Descriptors::owns(to) {
        // SAFETY: as promised.
        return unsafe { libc::syscall(libc::SYS_sendfile, to, from, offset, count) as ssize_t };
    }
    let mut bytes = vec![0; count];
    // SAFETY: the buffer is as long as it says, and the offset valid or null.
    let read = unsafe {
        match offset.as_mut() {
            Some(offset) => libc::pread(from, bytes.as_mut_ptr().cast(), count, *offset),
            None => libc::read(from, bytes.as_mut_ptr().cast(), count),
        }
    };
    let Ok(read) = usize::try_from(read) else { return -1 };
    let written = answer(write(to, 0, &[&bytes[..read]]));
    // SAFETY: as before.
    if let (Some(offset), 0..) = (unsafe { offset.as_mut() }, written) {
        *offset += written as off_t;
    }
    written
}

/// The same.
// SAFETY: it takes the place of the C library's on purpose.
#[unsafe(no_mangle)]
pub extern "C" fn close(number: c_int) -> c_int {
    if Descriptors::owns(number) {
        return close_socket(ptr::null_mut(), number);
    }
    // SAFETY: the kernel checks the number.
    unsafe { libc::syscall(libc::SYS_close, number) as c_int }
}
