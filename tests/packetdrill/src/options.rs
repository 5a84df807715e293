//! Socket options and `ioctl`.

use std::io;
use std::time::Duration;

use taphouse::base::limits;
use taphouse::stack::Stack;
use taphouse::transport::tcp::State;
use zerocopy::IntoBytes;

use crate::descriptors::{Descriptor, errno};
use crate::info::tcp_info;
use crate::wire::Wire;

/// The largest segment that the link takes, IP and TCP headers apart.
const SEGMENT: u16 = 1460;
/// Linux counts what a buffer takes, and takes half of that for data.
const OVERHEAD: i32 = 2;

/// Sets an option. Those that say nothing about TCP are remembered, so that they read back.
pub(crate) fn set(
    socket: &mut Descriptor,
    level: i32,
    name: i32,
    value: &[u8],
    stack: &mut Stack<Wire>,
) -> io::Result<()> {
    let number = match *value {
        // Options of IP may be as short as their field.
        [byte] if level == libc::SOL_IP => byte.into(),
        [a, b, c, d, ..] => i32::from_ne_bytes([a, b, c, d]),
        _ => return Err(errno(libc::EINVAL)),
    };
    let seconds = |number: i32| Duration::from_secs(u64::try_from(number).unwrap_or(0));
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            let after = value.get(4..).and_then(<[u8]>::first_chunk).map(|bytes| i32::from_ne_bytes(*bytes));
            socket.linger = after.filter(|_| number != 0);
        }
        (libc::SOL_SOCKET, libc::SO_SNDBUF) => {
            let bytes = (number.saturating_mul(OVERHEAD)).max(0);
            socket.remembered.insert((level, name), bytes);
            socket.buffers.fix(bytes as usize);
        }
        (libc::SOL_SOCKET, libc::SO_RCVBUF) => {
            socket.remembered.insert((level, name), number.saturating_mul(OVERHEAD));
            let bytes = u32::try_from(number).unwrap_or(0);
            socket.tune(stack, |tuning| tuning.receive_buffer = (bytes, bytes));
        }
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => {
            socket.remembered.insert((level, name), number);
            let idle = socket.remembered.get(&(libc::SOL_TCP, libc::TCP_KEEPIDLE)).copied().unwrap_or(7200);
            socket.tune(stack, |tuning| tuning.keep_alive = (number != 0).then(|| seconds(idle)));
        }
        (libc::SOL_TCP, libc::TCP_KEEPIDLE) => {
            socket.remembered.insert((level, name), number);
            socket.tune(stack, |tuning| tuning.keep_alive = tuning.keep_alive.map(|_| seconds(number)));
        }
        (libc::SOL_TCP, libc::TCP_MAXSEG) => {
            let mss = u16::try_from(number).ok().filter(|mss| (limits::MSS_LEAST..=u16::MAX / 2).contains(mss));
            let mss = mss.ok_or_else(|| errno(libc::EINVAL))?;
            socket.tune(stack, |tuning| tuning.mss = Some(mss));
        }
        (libc::SOL_TCP, libc::TCP_USER_TIMEOUT) => {
            let millis = u64::try_from(number).map_err(|_| errno(libc::EINVAL))?;
            socket.remembered.insert((level, name), number);
            let patience = if millis == 0 { limits::USER_TIMEOUT } else { Duration::from_millis(millis) };
            socket.tune(stack, |tuning| tuning.user_timeout = patience);
        }
        (libc::SOL_TCP, libc::TCP_NODELAY) => {
            socket.nodelay = number != 0;
            if socket.nodelay {
                // What waits leaves, even though the socket is corked.
                socket.push(stack);
            } else {
                socket.coalesce(stack);
            }
        }
        (libc::SOL_TCP, libc::TCP_CORK) => {
            socket.corked = number != 0;
            socket.coalesce(stack);
        }
        (
            libc::SOL_SOCKET,
            libc::SO_REUSEADDR
            | libc::SO_ZEROCOPY
            | libc::SO_REUSEPORT
            | libc::SO_PRIORITY
            | libc::SO_RCVLOWAT
            | libc::SO_MARK,
        )
        | (libc::SOL_IP, libc::IP_TOS | libc::IP_MTU_DISCOVER)
        | (
            libc::SOL_TCP,
            libc::TCP_NOTSENT_LOWAT | libc::TCP_KEEPINTVL | libc::TCP_KEEPCNT | libc::TCP_QUICKACK | TCP_INQ,
        ) => {
            socket.remembered.insert((level, name), number);
        }
        _ => {
            eprintln!("taphouse has no socket option {name} of level {level}");
            return Err(errno(libc::ENOPROTOOPT));
        }
    }
    Ok(())
}

/// Reads an option: its bytes.
pub(crate) fn get(socket: &Descriptor, level: i32, name: i32, stack: &Stack<Wire>) -> io::Result<Vec<u8>> {
    let info = socket.stream().ok().and_then(|stream| stream.info(stack));
    let number = match (level, name) {
        (libc::SOL_TCP, libc::TCP_INFO) => {
            let info = info.ok_or_else(|| errno(libc::ENOTCONN))?;
            return Ok(tcp_info(&info, SEGMENT).as_bytes().to_vec());
        }
        // Linux, too, says nothing of CUBIC.
        (libc::SOL_TCP, libc::TCP_CC_INFO) => return Ok(Vec::new()),
        // What its buffers hold: nothing that scripts compare.
        (libc::SOL_SOCKET, SO_MEMINFO) => return Ok(vec![0; 9 * size_of::<u32>()]),
        (libc::SOL_TCP, libc::TCP_CONGESTION) => {
            return Ok(format!("{:?}\0", socket.tuning.congestion).to_lowercase().into_bytes());
        }
        (libc::SOL_TCP, libc::TCP_MAXSEG) => {
            let asked = socket.tuning.mss.unwrap_or(limits::MSS_DEFAULT.0);
            info.filter(|info| info.state != State::SynSent).map_or(asked.into(), |info| info.segment as i32)
        }
        (libc::SOL_TCP, libc::TCP_NODELAY) => socket.nodelay.into(),
        (libc::SOL_TCP, libc::TCP_CORK) => socket.corked.into(),
        (libc::SOL_SOCKET, libc::SO_ERROR) => {
            let error = socket.stream().ok().and_then(|stream| stream.take_error());
            error.map_or(0, |error| crate::boundary::number(&error))
        }
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            let after = socket.linger;
            return Ok([i32::from(after.is_some()), after.unwrap_or(0)].as_bytes().to_vec());
        }
        (libc::SOL_SOCKET, libc::SO_TYPE) => libc::SOCK_STREAM,
        (libc::SOL_TCP, libc::TCP_NOTSENT_LOWAT | TCP_INQ) => *socket.remembered.get(&(level, name)).unwrap_or(&0),
        _ => *socket.remembered.get(&(level, name)).ok_or_else(|| errno(libc::ENOPROTOOPT))?,
    };
    Ok(number.as_bytes().to_vec())
}

/// Answers an `ioctl` that asks for a number.
pub(crate) fn ask(socket: &Descriptor, request: u64, stack: &Stack<Wire>) -> io::Result<i32> {
    let info = socket.stream()?.info(stack);
    let amount = match request {
        libc::FIONREAD => info.map_or(0, |info| info.unread),
        libc::TIOCOUTQ => info.map_or(0, |info| info.in_flight + info.unsent),
        SIOCOUTQNSD => info.map_or(0, |info| info.unsent),
        _ => return Err(errno(libc::EINVAL)),
    };
    Ok(amount as i32)
}

/// What reading left unread, if `TCP_INQ` asks for that: at the end, one, so that the end shows.
pub(crate) fn unread(socket: &Descriptor, stack: &Stack<Wire>) -> Option<i32> {
    socket.remembered.get(&(libc::SOL_TCP, TCP_INQ)).filter(|asks| **asks != 0)?;
    let info = socket.stream().ok()?.info(stack);
    Some(info.map_or(1, |info| if info.unread == 0 { info.ended.into() } else { info.unread as i32 }))
}

/// `TCP_INQ`, also as the type of its control message (`TCP_CM_INQ`).
pub(crate) const TCP_INQ: i32 = 36;
const SO_MEMINFO: i32 = 55;
/// `SIOCOUTQNSD`: bytes that were not sent yet.
const SIOCOUTQNSD: u64 = 0x894b;
