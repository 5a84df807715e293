//! What those who use a stream and those who carry it both speak of.

use std::fmt;

/// Why a connection is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Both ends closed it, and everything arrived.
    Closed,
    /// Nobody listens there.
    Refused,
    /// The peer reset it.
    Reset,
    /// The peer did not answer for too long.
    TimedOut,
    /// There is no way to the peer.
    Unreachable,
    /// We reset it.
    Aborted,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why it is no more.
    pub why: Gone,
    /// Bytes that its user wrote and the peer did not acknowledge: 0 if all of them arrived.
    pub unacknowledged: usize,
}

impl Ending {
    /// The end of a connection that never was.
    pub fn unopened(why: Gone) -> Ending {
        Ending { why, unacknowledged: 0 }
    }
}

/// When small segments leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coalescing {
    /// When nothing else is in flight (RFC 9293 §3.7.4, Nagle).
    #[default]
    Nagle,
    /// At once.
    None,
    /// When more has been written, or a while has passed.
    Cork,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gone::Closed => "closed",
            Gone::Refused => "connection refused",
            Gone::Reset => "connection reset by peer",
            Gone::TimedOut => "connection timed out",
            Gone::Unreachable => "no route to host",
            Gone::Aborted => "aborted",
        })
    }
}
