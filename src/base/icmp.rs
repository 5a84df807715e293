//! What an ICMP error says, in words that both families, and all who hear of it, share.

use super::address::Address;

/// What became of a packet of ours, as a router or its destination tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// Its destination has no such protocol or port: a hard error (RFC 1122 §4.2.3.9).
    Refused,
    /// It is forbidden on the way, or there: a hard error.
    Prohibited,
    /// There is no way to its destination now: a soft error.
    Unreachable,
    /// It is larger than the way takes: as many bytes, from the IP header on, or 0 from a router that does not know
    /// (RFC 1191 §5).
    TooBig(u32),
    /// It was on its way for too long, or not all of its fragments came.
    TimeExceeded,
    /// Somebody could not make sense of its header.
    ParameterProblem,
    /// It was passed on, but the next one is better sent through this neighbour.
    Redirected(Address),
}
