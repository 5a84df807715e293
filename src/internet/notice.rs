//! ICMP errors that came (RFC 792, RFC 1122 §3.2.2, RFC 4443 §2.4): what they say, and of which packet of ours.
//!
//! Anybody can send one. Here it is only read; whether it is believed its connection or endpoint decides (RFC 5927).

use zerocopy::FromBytes;

use super::Packet;
use crate::base::address::{Address, Endpoint, Family, Flow};
use crate::base::counters::Dropped;
use crate::base::icmp::IcmpError;
use crate::link::Cast;
use crate::wire::icmpv4::Header;
use crate::wire::quote::Quote;
use crate::wire::{icmpv4, icmpv6};

/// An ICMP error with what it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub error: IcmpError,
    /// Who says it.
    pub from: Address,
    /// What the packet carried.
    pub protocol: u8,
    /// Where it went, seen from here.
    pub flow: Flow,
    /// Of TCP: the number of its first byte.
    pub sequence: u32,
    /// How long it was, from the IP header on.
    pub length: usize,
}

/// Reads an error whose checksum is right.
pub fn input(frame: &[u8], packet: &Packet) -> Result<Notice, Dropped> {
    let message = frame.get(packet.transport()..).unwrap_or_default();
    let (header, quoted) = Header::ref_from_prefix(message).map_err(|_| Dropped::BadIcmp)?;
    let error = match packet.family {
        Family::V4 => v4(header)?,
        Family::V6 => v6(header)?,
    };
    let quote = Quote::parse(packet.family, quoted)?;
    // An error goes to who sent the packet: to us alone, at the address from which it came.
    if packet.cast != Cast::Unicast || quote.source != packet.destination {
        return Err(Dropped::IcmpUnrelated);
    }
    let local = Endpoint { address: quote.source, port: quote.transport.source.get() };
    let remote = Endpoint { address: quote.destination, port: quote.transport.destination.get() };
    Ok(Notice {
        error,
        from: packet.source,
        protocol: quote.protocol,
        flow: Flow { local, remote },
        sequence: quote.transport.sequence.get(),
        length: quote.length,
    })
}

/// RFC 1122 §4.2.3.9 says which errors are hard; those of RFC 1812 §5.2.7.1 count by their meaning.
fn v4(header: &Header) -> Result<IcmpError, Dropped> {
    use icmpv4::{kind, unreachable};
    match (header.kind, header.code) {
        (kind::DESTINATION_UNREACHABLE, unreachable::PROTOCOL | unreachable::PORT) => Ok(IcmpError::Refused),
        (kind::DESTINATION_UNREACHABLE, unreachable::FRAGMENTATION_NEEDED) => {
            // RFC 1191 §4: the other half of the four bytes is unused.
            let [_, _, high, low] = header.rest;
            Ok(IcmpError::TooBig(u32::from(u16::from_be_bytes([high, low]))))
        }
        (
            kind::DESTINATION_UNREACHABLE,
            unreachable::NETWORK_PROHIBITED | unreachable::HOST_PROHIBITED | unreachable::PROHIBITED,
        ) => Ok(IcmpError::Prohibited),
        (kind::DESTINATION_UNREACHABLE, _) => Ok(IcmpError::Unreachable),
        (kind::TIME_EXCEEDED, _) => Ok(IcmpError::TimeExceeded),
        (kind::PARAMETER_PROBLEM, _) => Ok(IcmpError::ParameterProblem),
        // RFC 1122 §3.2.2.2: one that is about a network is taken for one that is about a host.
        (kind::REDIRECT, 0..=3) => Ok(IcmpError::Redirected(Address::from_v4(header.rest))),
        // RFC 6633 §3: a host must not react to it.
        (kind::SOURCE_QUENCH, _) => Err(Dropped::IcmpQuench),
        _ => Err(Dropped::IcmpIgnored),
    }
}

/// RFC 4443 §3; RFC 5461 §3.2 says which are hard.
fn v6(header: &Header) -> Result<IcmpError, Dropped> {
    use icmpv6::{kind, problem, unreachable};
    match (header.kind, header.code) {
        (kind::DESTINATION_UNREACHABLE, unreachable::PORT) => Ok(IcmpError::Refused),
        (
            kind::DESTINATION_UNREACHABLE,
            unreachable::PROHIBITED | unreachable::SOURCE_POLICY | unreachable::REJECT_ROUTE,
        ) => Ok(IcmpError::Prohibited),
        (kind::DESTINATION_UNREACHABLE, _) => Ok(IcmpError::Unreachable),
        (kind::PACKET_TOO_BIG, _) => Ok(IcmpError::TooBig(u32::from_be_bytes(header.rest))),
        (kind::TIME_EXCEEDED, _) => Ok(IcmpError::TimeExceeded),
        // RFC 4443 §3.4: an unknown next header is what IPv4 calls protocol unreachable.
        (kind::PARAMETER_PROBLEM, problem::UNRECOGNIZED_NEXT_HEADER) => Ok(IcmpError::Refused),
        (kind::PARAMETER_PROBLEM, _) => Ok(IcmpError::ParameterProblem),
        _ => Err(Dropped::IcmpIgnored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: u8, code: u8, rest: [u8; 4]) -> Header {
        Header { kind, code, checksum: [0; 2], rest }
    }

    #[test]
    fn errors_of_ipv4_by_their_codes() {
        let unreachable = |code| v4(&header(3, code, [0; 4])).unwrap();
        for soft in [0, 1, 5, 6, 7, 8, 11, 12, 14, 15, 16, 255] {
            assert_eq!(unreachable(soft), IcmpError::Unreachable);
        }
        assert!([2, 3].iter().all(|code| unreachable(*code) == IcmpError::Refused));
        assert!([9, 10, 13].iter().all(|code| unreachable(*code) == IcmpError::Prohibited));
        assert_eq!(v4(&header(3, 4, [9, 9, 5, 220])), Ok(IcmpError::TooBig(1500)), "two bytes are unused");
        assert_eq!(v4(&header(11, 1, [0; 4])), Ok(IcmpError::TimeExceeded));
        assert_eq!(v4(&header(12, 0, [9; 4])), Ok(IcmpError::ParameterProblem));
        assert_eq!(v4(&header(4, 0, [0; 4])), Err(Dropped::IcmpQuench));
        let router = IcmpError::Redirected(Address::from_v4([10, 77, 0, 3]));
        assert!((0..4).all(|code| v4(&header(5, code, [10, 77, 0, 3])) == Ok(router)));
        assert_eq!(v4(&header(5, 4, [0; 4])), Err(Dropped::IcmpIgnored));
    }

    #[test]
    fn errors_of_ipv6_by_their_codes() {
        let unreachable = |code| v6(&header(1, code, [0; 4])).unwrap();
        assert!([0, 2, 3, 7, 255].iter().all(|code| unreachable(*code) == IcmpError::Unreachable));
        assert!([1, 5, 6].iter().all(|code| unreachable(*code) == IcmpError::Prohibited));
        assert_eq!(unreachable(4), IcmpError::Refused);
        assert_eq!(v6(&header(2, 0, [0, 0, 5, 0])), Ok(IcmpError::TooBig(1280)));
        assert_eq!(v6(&header(3, 0, [0; 4])), Ok(IcmpError::TimeExceeded));
        assert_eq!(v6(&header(4, 1, [0; 4])), Ok(IcmpError::Refused));
        assert_eq!(v6(&header(4, 0, [0; 4])), Ok(IcmpError::ParameterProblem));
        assert_eq!(v6(&header(100, 0, [0; 4])), Err(Dropped::IcmpIgnored));
    }
}
