//! ICMPv6 and neighbour discovery in words (RFC 4443, RFC 4861).

use std::fmt::Display;

use etherparse::icmpv6::{
    DestUnreachableCode, Icmpv6PayloadSlice, NdpOptionSlice, NdpOptionsIterator, RouterAdvertisementHeader,
    TimeExceededCode,
};
use etherparse::{Icmpv6Slice, Icmpv6Type};

use super::filter::Protocol;
use super::groups;
use super::line::{Depth, Line, tell};
use crate::base::address::Mac;

/// `carried` is what the IP header says that there is of it.
pub(super) fn tell_of(line: &mut Line, icmp: &Icmpv6Slice<'_>, carried: usize, depth: Depth) {
    let text = &mut line.text;
    let data = carried.saturating_sub(icmp.header_len());
    match icmp.icmp_type() {
        Icmpv6Type::EchoRequest(echo) => {
            return tell!(text, "echo request, id {}, seq {}, {data} bytes", echo.id, echo.seq);
        }
        Icmpv6Type::EchoReply(echo) => {
            return tell!(text, "echo reply, id {}, seq {}, {data} bytes", echo.id, echo.seq);
        }
        Icmpv6Type::RouterSolicitation
        | Icmpv6Type::RouterAdvertisement(_)
        | Icmpv6Type::NeighborSolicitation
        | Icmpv6Type::NeighborAdvertisement(_)
        | Icmpv6Type::Redirect => {
            line.see(Protocol::Ndp, depth);
            return neighbor_discovery(&mut line.text, icmp);
        }
        Icmpv6Type::Unknown { type_u8, .. } if groups::is_mld(type_u8) => {
            line.see(Protocol::Mld, depth);
            tell!(line.text, "MLD ");
            return groups::mld(&mut line.text, icmp.slice());
        }
        Icmpv6Type::Unknown { type_u8, code_u8, .. } => {
            return tell!(text, "type {type_u8}, code {code_u8}, {data} bytes");
        }
        Icmpv6Type::DestinationUnreachable(why) => tell!(text, "{} unreachable", unreachable(why)),
        Icmpv6Type::PacketTooBig { mtu } => tell!(text, "packet too big: the next link carries {mtu} bytes"),
        Icmpv6Type::TimeExceeded(TimeExceededCode::HopLimitExceeded) => tell!(text, "time exceeded: its hop limit"),
        Icmpv6Type::TimeExceeded(TimeExceededCode::FragmentReassemblyTimeExceeded) => {
            tell!(text, "time exceeded: fragments are missing");
        }
        Icmpv6Type::ParameterProblem(problem) => {
            let code = problem.code.code_u8();
            tell!(text, "parameter problem, code {code}, at byte {}", problem.pointer);
        }
    }
    line.quote(icmp.payload(), depth);
}

fn unreachable(why: DestUnreachableCode) -> &'static str {
    use DestUnreachableCode as Why;
    match why {
        Why::NoRoute => "no route,",
        Why::Prohibited => "communication prohibited,",
        Why::BeyondScope => "beyond the scope of the source,",
        Why::Address => "address",
        Why::Port => "port",
        Why::SourceAddressFailedPolicy => "source address refused,",
        Why::RejectRoute => "route rejected,",
    }
}

fn neighbor_discovery(text: &mut String, icmp: &Icmpv6Slice<'_>) {
    let payload = match icmp.payload_slice() {
        Ok(payload) => payload,
        Err(_) => return tell!(text, "neighbor discovery, damaged: it is too short"),
    };
    match (icmp.icmp_type(), &payload) {
        (_, Icmpv6PayloadSlice::NeighborSolicitation(asked)) => {
            tell!(text, "neighbor solicitation: who has {}?", asked.target_address());
            // A probe for duplicates has none (RFC 4862 §5.4.2).
            if let Some(mac) = link_layer(asked.options_iterator()) {
                tell!(text, " tell {mac}");
            }
        }
        (Icmpv6Type::NeighborAdvertisement(header), Icmpv6PayloadSlice::NeighborAdvertisement(told)) => {
            tell!(text, "neighbor advertisement: {} is ", told.target_address());
            match link_layer(told.options_iterator()) {
                Some(mac) => tell!(text, "at {mac}"),
                None => tell!(text, "here"),
            }
            let flags = [(header.router, "router"), (header.solicited, "solicited"), (header.r#override, "override")];
            flags.iter().filter(|(set, _)| *set).for_each(|(_, name)| tell!(text, ", {name}"));
        }
        (_, Icmpv6PayloadSlice::RouterSolicitation(asked)) => {
            tell!(text, "router solicitation: is there a router?");
            if let Some(mac) = link_layer(asked.options_iterator()) {
                tell!(text, " tell {mac}");
            }
        }
        (Icmpv6Type::RouterAdvertisement(header), Icmpv6PayloadSlice::RouterAdvertisement(told)) => {
            router(text, &header, told.options_iterator());
        }
        (_, Icmpv6PayloadSlice::Redirect(told)) => {
            let (destination, target) = (told.destination_address(), told.target_address());
            match destination == target {
                true => tell!(text, "redirect: {destination} is on the link"),
                false => tell!(text, "redirect: {destination} is reached through {target}"),
            }
            if let Some(mac) = link_layer(told.options_iterator()) {
                tell!(text, " at {mac}");
            }
        }
        _ => tell!(text, "neighbor discovery"),
    }
}

fn router(text: &mut String, header: &RouterAdvertisementHeader, options: NdpOptionsIterator<'_>) {
    match header.router_lifetime {
        0 => tell!(text, "router advertisement: no default router"),
        seconds => tell!(text, "router advertisement: router for {seconds} s"),
    }
    tell!(text, ", hop limit {}", header.cur_hop_limit);
    let flags = [(header.managed_address_config, "managed"), (header.other_config, "other configuration")];
    flags.iter().filter(|(set, _)| *set).for_each(|(_, name)| tell!(text, ", {name}"));
    for option in options.map_while(Result::ok) {
        match option {
            NdpOptionSlice::PrefixInformation(prefix) => {
                tell!(text, ", prefix {}/{}", std::net::Ipv6Addr::from(prefix.prefix()), prefix.prefix_length());
            }
            NdpOptionSlice::Mtu(mtu) => tell!(text, ", mtu {}", mtu.mtu()),
            NdpOptionSlice::Unknown(other) => more(text, other.as_bytes()),
            _ => {}
        }
    }
}

/// What the crate does not know: a route (RFC 4191 §2.3), name servers and domains (RFC 8106 §5).
fn more(text: &mut String, option: &[u8]) {
    let address = |at: usize| {
        let mut bytes = [0; 16];
        let given = option.get(at..).unwrap_or_default();
        let length = given.len().min(16);
        bytes[..length].copy_from_slice(&given[..length]);
        std::net::Ipv6Addr::from(bytes)
    };
    match option {
        [24, _, length, ..] if option.len() >= 8 => tell!(text, ", route {}/{length}", address(8)),
        [25, ..] => (8..option.len()).step_by(16).for_each(|at| tell!(text, ", name server {}", address(at))),
        [31, ..] => tell!(text, ", search domains"),
        _ => {}
    }
}

/// The Ethernet address that is told.
fn link_layer(options: NdpOptionsIterator<'_>) -> Option<impl Display> {
    let addresses = options.map_while(Result::ok).filter_map(|option| match option {
        NdpOptionSlice::SourceLinkLayerAddress(option) => Some(option.link_layer_address()),
        NdpOptionSlice::TargetLinkLayerAddress(option) => Some(option.link_layer_address()),
        _ => None,
    });
    addresses.filter_map(|address| <[u8; 6]>::try_from(address).ok()).map(Mac::new).next()
}
