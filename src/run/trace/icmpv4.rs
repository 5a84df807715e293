//! ICMP in words (RFC 792).

use etherparse::icmpv4::{DestUnreachableHeader, ParameterProblemHeader, RedirectHeader, TimeExceededCode};
use etherparse::{Icmpv4Slice, Icmpv4Type};

use super::line::{Depth, Line, tell};

/// `carried` is what the IP header says that there is of it.
pub(super) fn tell_of(line: &mut Line, icmp: &Icmpv4Slice<'_>, carried: usize, depth: Depth) {
    let text = &mut line.text;
    let data = carried.saturating_sub(icmp.header_len());
    match icmp.icmp_type() {
        Icmpv4Type::EchoRequest(echo) => {
            return tell!(text, "echo request, id {}, seq {}, {data} bytes", echo.id, echo.seq);
        }
        Icmpv4Type::EchoReply(echo) => {
            return tell!(text, "echo reply, id {}, seq {}, {data} bytes", echo.id, echo.seq);
        }
        Icmpv4Type::TimestampRequest(stamp) => {
            return tell!(text, "timestamp request, id {}, seq {}", stamp.id, stamp.seq);
        }
        Icmpv4Type::TimestampReply(stamp) => return tell!(text, "timestamp reply, id {}, seq {}", stamp.id, stamp.seq),
        Icmpv4Type::Unknown { type_u8, code_u8, .. } => {
            return tell!(text, "type {type_u8}, code {code_u8}, {data} bytes");
        }
        Icmpv4Type::DestinationUnreachable(why) => unreachable(text, &why),
        Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit) => {
            tell!(text, "time exceeded: its time to live");
        }
        Icmpv4Type::TimeExceeded(TimeExceededCode::FragmentReassemblyTimeExceeded) => {
            tell!(text, "time exceeded: fragments are missing");
        }
        Icmpv4Type::ParameterProblem(ParameterProblemHeader::PointerIndicatesError(at)) => {
            tell!(text, "parameter problem at byte {at}");
        }
        Icmpv4Type::ParameterProblem(_) => tell!(text, "parameter problem"),
        Icmpv4Type::Redirect(RedirectHeader { gateway_internet_address, .. }) => {
            tell!(text, "redirect to {}", std::net::Ipv4Addr::from(gateway_internet_address));
        }
    }
    line.quote(icmp.payload(), depth);
}

fn unreachable(text: &mut String, why: &DestUnreachableHeader) {
    use DestUnreachableHeader as Why;
    let what = match why {
        Why::FragmentationNeeded { next_hop_mtu } => {
            return tell!(text, "fragmentation needed: the next link carries {next_hop_mtu} bytes");
        }
        Why::Network => "network",
        Why::Host => "host",
        Why::Protocol => "protocol",
        Why::Port => "port",
        Why::SourceRouteFailed => "source route failed,",
        Why::NetworkUnknown => "network unknown,",
        Why::HostUnknown => "host unknown,",
        Why::Isolated => "source isolated,",
        Why::NetworkProhibited => "network prohibited,",
        Why::HostProhibited => "host prohibited,",
        Why::TosNetwork => "network for this type of service",
        Why::TosHost => "host for this type of service",
        Why::FilterProhibited => "communication prohibited,",
        Why::HostPrecedenceViolation => "precedence violated,",
        Why::PrecedenceCutoff => "precedence cut off,",
    };
    tell!(text, "{what} unreachable");
}
