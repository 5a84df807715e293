//! Every parser of `wire` over arbitrary bytes. None panics, and what is said to be valid by construction is.

use taphouse::base::address::{Address, Family, Mac};
use taphouse::wire::checksum::Sum;
use taphouse::wire::router::Advice;
use taphouse::wire::{
    arp, dhcp, ethernet, extension, icmpv4, igmp, ipv4, ipv6, mld, ndp, quote, router, tcp, tcp_options, udp,
};
use zerocopy::{FromBytes, IntoBytes};

use super::frames::sum;

/// Ethernet, ARP, RARP.
pub(crate) fn link(bytes: &[u8]) {
    if let Ok((header, payload)) = ethernet::Header::parse(bytes) {
        assert_eq!([header.as_bytes(), payload].concat(), bytes);
        let again = ethernet::Header::new(header.destination(), header.source(), header.ethertype);
        assert_eq!(&again, header);
        assert_eq!(arp::Packet::parse(payload).ok(), framed(bytes).map(|framed| framed.packet).as_ref());
    }
    if let Ok(packet) = arp::Packet::parse(bytes) {
        let again = arp::Packet::new(packet.operation, ends(packet).0, ends(packet).1);
        assert_eq!(&again, packet);
        assert_eq!(again.as_bytes(), &bytes[..again.as_bytes().len()]);
    }
}

type End = (Mac, [u8; 4]);

fn ends(packet: &arp::Packet) -> (End, End) {
    ((packet.sender_mac(), packet.sender), (packet.target_mac(), packet.target))
}

fn framed(bytes: &[u8]) -> Option<arp::Framed> {
    arp::Framed::parse(&mut bytes.to_vec()).ok().map(|framed| *framed)
}

/// IPv4, IPv6 and its extension headers, ICMP, neighbour discovery.
pub(crate) fn internet(bytes: &[u8]) {
    if let Ok(packet) = ipv4::Packet::parse(bytes) {
        let length = ipv4::LENGTH + packet.options.len();
        assert_eq!(length, packet.header.header_length());
        assert_eq!(length + packet.payload.len(), usize::from(packet.header.total_length.get()));
        assert_eq!(packet.is_whole(), sum(0, &bytes[..length]) == 0xffff);
        let _ = packet.header.is_fragment();
        let mut turned = *packet.header;
        turned.turn_round([10, 0, 0, 1], bytes[0], 20, 64);
    }
    if let Ok(packet) = ipv6::Packet::parse(bytes) {
        assert_eq!(packet.payload.len(), usize::from(packet.header.payload_length.get()));
        assert_eq!(packet.header.source().to_v6(), bytes[8..24]);
        let _ = packet.header.traffic_class();
    }
    let mut end = 0;
    for option in extension::options(bytes) {
        match option {
            Ok(option) => {
                assert!(option.position >= end && ![0, 1].contains(&option.kind));
                end = option.position + 2 + option.data.len();
                assert_eq!(&bytes[option.position + 2..end], option.data);
            }
            Err(position) => assert!((end..bytes.len()).contains(&position)),
        }
    }
    if let Ok((header, _)) = extension::Header::read_from_prefix(bytes) {
        assert!((8..=2048).contains(&header.length()));
    }
    if let Ok((fragment, _)) = extension::Fragment::read_from_prefix(bytes) {
        assert_eq!(fragment.is_atomic(), bytes[2] == 0 && bytes[3] & 0xf9 == 0);
    }
    if let Ok((header, _)) = icmpv4::Header::read_from_prefix(bytes) {
        let _ = icmpv4::Header::is_error(header.kind);
    }
    for family in [Family::V4, Family::V6] {
        if let Ok(quote) = quote::Quote::parse(family, bytes) {
            assert_eq!((quote.source.family(), quote.destination.family()), (family, family));
            let ports = [quote.transport.source.to_bytes(), quote.transport.destination.to_bytes()].concat();
            let transport = [ports, quote.transport.sequence.to_bytes().to_vec()].concat();
            assert!(bytes.windows(8).any(|window| window == transport));
        }
    }
    let queries = [
        igmp::Message::parse(bytes)
            .ok()
            .and_then(|message| if let igmp::Message::Query(query) = message { Some(query) } else { None }),
        mld::Message::parse(bytes)
            .ok()
            .and_then(|message| if let mld::Message::Query(query) = message { Some(query) } else { None }),
    ];
    for query in queries.into_iter().flatten() {
        assert!(query.sources().count() * 4 <= bytes.len() && query.group.is_none_or(Address::is_multicast));
    }
    if let Ok(parsed) = ndp::Parsed::parse(bytes) {
        assert_eq!((bytes.len() - ndp::LENGTH) % 8, 0);
        for mac in [parsed.source, parsed.target].into_iter().flatten() {
            assert!(bytes.windows(6).any(|window| window == mac.bytes()));
        }
    }
    routers(bytes);
}

/// Router advertisements, redirects and their options.
fn routers(bytes: &[u8]) {
    if let Ok(parsed) = router::Parsed::<router::Advertisement>::parse(bytes) {
        assert!(parsed.advice().count() <= (bytes.len() - 16) / 8);
        for advice in parsed.advice() {
            match advice {
                Advice::Prefix(prefix) => {
                    let cidr = prefix.cidr();
                    assert!(cidr.is_none_or(|cidr| cidr.length() == prefix.length && cidr == cidr.network()));
                }
                Advice::Route { prefix, .. } => assert_eq!(prefix.address().family(), Family::V6),
                Advice::Resolvers { servers, .. } => assert!(!servers.is_empty()),
                Advice::Search { names, .. } => {
                    for name in router::names(names) {
                        assert!((2..=255).contains(&name.len()) && name.ends_with(&[0]));
                    }
                }
                Advice::Source(mac) | Advice::Target(mac) => {
                    assert!(bytes.windows(6).any(|window| window == mac.bytes()));
                }
                Advice::Mtu(_) | Advice::Impossible | Advice::Other => {}
            }
        }
    }
    if let Ok(parsed) = router::Parsed::<router::Redirect>::parse(bytes) {
        assert_eq!(parsed.message.as_bytes(), &bytes[..40]);
    }
}

/// TCP, UDP, the checksum.
pub(crate) fn transport(bytes: &[u8]) {
    if let Ok(segment) = tcp::Segment::parse(bytes) {
        assert_eq!(segment.header.header_length(), tcp::LENGTH + segment.options.len());
        if let Ok(options) = tcp_options::Options::parse(segment.options) {
            // What stands at most once is written as it was read; ranges that found no room are the last ones.
            let again = tcp_options::Options::parse(&options.write()).expect("what we write can be read");
            assert_eq!((again.timestamps, again.window_scale), (options.timestamps, options.window_scale));
            assert!(options.sack.starts_with(&again.sack));
        }
        assert_eq!(segment.header.header_length() + segment.payload.len(), bytes.len());
    }
    if let Ok((header, payload)) = udp::Header::parse(bytes) {
        assert_eq!(udp::LENGTH + payload.len(), usize::from(header.length.get()));
        assert_ne!(udp::transmitted(header.checksum), [0; 2]);
    }
    // As if it were for the station that it names.
    if let Some(station) = bytes.get(28..34).and_then(|station| station.first_chunk())
        && let Ok(reply) = dhcp::Reply::parse(bytes, Mac::new(*station))
    {
        assert!(reply.prefix.is_none_or(|length| length <= 32) && reply.kind != 0);
        for (prefix, router) in &reply.routes {
            assert!(prefix.address().family() == Family::V4 && router.is_none_or(|router| router.to_v4().is_some()));
        }
    }
    let whole = Sum::of(bytes);
    assert_eq!(u16::from_be_bytes(whole.folded()), sum(0, bytes));
    // In two parts of which the first is even, it is the same.
    let (head, tail) = bytes.split_at(bytes.len() / 4 * 2);
    assert_eq!(Sum::of(head).bytes(tail).folded(), whole.folded());
    let pseudo = Sum::pseudo(Address::from_v4([10, 0, 0, 1]), Address::from_v4([10, 0, 0, 2]), 17, bytes.len());
    let length = (bytes.len() as u32).to_be_bytes();
    let plain = sum(sum(sum(0, &[10, 0, 0, 1, 10, 0, 0, 2, 0, 17]), &length), bytes);
    assert_eq!(u16::from_be_bytes(pseudo.bytes(bytes).folded()), plain);
}
