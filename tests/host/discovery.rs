//! What routers advertise (RFC 4861 §6.3, RFC 4862 §5.5), and those who pretend to be one.
//!
//! What breaks stacks, and the tests that show that it does not break this one. Without a file they are here.
//!
//! | class H, neighbours | |
//! |---|---|
//! | hop limit ≠ 255, not from the link | `advertisements_that_cannot_be_are_dropped`, `redirects::forged_redirects_are_refused`, `ndp` |
//! | floods of rogue routers, prefixes, routes | `a_flood_of_rogue_routers_is_bounded` |
//! | an advertisement of a thousand options | `an_advertisement_of_a_thousand_options_is_dropped` |
//! | prefix, route and RDNSS lengths that lie | `claims_that_cannot_be_are_left_out_and_counted`, `src/wire/router.rs` |
//! | hop limit 1, MTU 0, timers of 1 ms and of an hour | `terms_of_the_link_are_kept_to_within_bounds` |
//! | lifetimes that end our addresses | `src/internet/slaac.rs`: `two_hours_are_left_whatever_is_told` |
//! | redirects: forged, floods | `redirects::forged_redirects_are_refused`, `a_flood_of_redirects_is_bounded` |
//! | DHCP: option lengths that lie | `src/wire/dhcp.rs`: `lengths_that_lie_are_found_out`, `lease::forged_and_malformed_messages_are_dropped` |
//! | DHCP: spoof, other transactions, floods | `lease::forged_and_malformed_messages_are_dropped`, `a_flood_of_forged_offers_is_dropped` |
//! | DHCP: lease 0, or for ever; MTU 68 | `src/internet/dhcp/tests.rs`: `what_cannot_be_is_refused`, `lease::a_lease_for_ever_lasts`, `routes_and_the_mtu_are_told_along` |
//! | somebody has the address that we were told | `an_address_that_is_taken_is_made_anew`, `lease::an_address_that_somebody_has_is_declined` |
//! | text that a terminal would obey, in names | `claims_that_cannot_be_are_left_out_and_counted`, `src/internet/dhcp/tests.rs`: `what_cannot_be_is_refused` |

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use taphouse::base::address::{Address, Cidr, Family};
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::device::Memory;
use taphouse::stack::{Asked, Config, Mailbox, Notice, Stack, Start};

use crate::packet::*;
use crate::reading::{Answer, message, read};
use crate::redirects::i_am;
use crate::wire::{Host, PLAIN, bind_services, config};

pub(crate) const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe);
const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfd);
const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];
const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xfd];
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9);

/// An advertisement.
#[derive(Clone)]
struct Advertised {
    from: Ipv6Addr,
    sender: [u8; 6],
    hop_limit: u8,
    flags: u8,
    lifetime: u16,
    reachable: u32,
    retransmit: u32,
    options: Vec<u8>,
}

fn advertised(lifetime: u16) -> Advertised {
    let options = [&[1, 1], &ROUTER_MAC[..]].concat();
    let (from, sender) = (ROUTER, ROUTER_MAC);
    Advertised { from, sender, hop_limit: 0, flags: 0, lifetime, reachable: 0, retransmit: 0, options }
}

impl Advertised {
    fn with(mut self, option: &[u8]) -> Advertised {
        self.options.extend(option);
        self
    }

    fn by_the_other(self) -> Advertised {
        let options = [&[1, 1], &OTHER_MAC[..], &self.options[8..]].concat();
        Advertised { from: OTHER, sender: OTHER_MAC, options, ..self }
    }

    fn packet(&self) -> Packet {
        let rest = [
            &[self.hop_limit, self.flags][..],
            &self.lifetime.to_be_bytes(),
            &self.reachable.to_be_bytes(),
            &self.retransmit.to_be_bytes(),
            &self.options,
        ];
        let told = icmp(Family::V6, 134, 0, &rest.concat()).from(self.from).to(ALL_NODES);
        Packet { hop_limit: 255, sender: self.sender, ..told.at([0x33, 0x33, 0, 0, 0, 1]) }
    }

    fn frame(&self) -> Vec<u8> {
        self.packet().frame()
    }
}

/// A prefix with its flags, preferred and valid for so many seconds.
fn prefix(text: &str, flags: u8, preferred: u32, valid: u32) -> Vec<u8> {
    let cidr: Cidr = text.parse().unwrap();
    let lifetimes = [valid.to_be_bytes(), preferred.to_be_bytes(), [0; 4]].concat();
    [&[3, 4, cidr.length(), flags][..], &lifetimes, &cidr.address().to_v6()].concat()
}

const ON_LINK: u8 = 0x80;
const AUTONOMOUS: u8 = 0x40;

fn route(text: &str, preference: u8, lifetime: u32) -> Vec<u8> {
    let cidr: Cidr = text.parse().unwrap();
    [&[24, 3, cidr.length(), preference << 3][..], &lifetime.to_be_bytes(), &cidr.address().to_v6()].concat()
}

fn host(start: Start) -> Host {
    Host::new(PLAIN, &Config { auto: Some([9; 16]), start, ..config() })
}

/// Frames that solicit routers, and when.
fn solicitations(host: &mut Host, span: Duration) -> Vec<(Instant, Answer)> {
    let mut found = Vec::new();
    let until = host.now + span;
    while host.now < until {
        for (frame, _) in host.pass(Duration::from_millis(100)) {
            if frame[12..14] == [0x86, 0xdd] && frame[20] == ICMPV6 && frame[54] == 133 {
                found.push((host.now, read(&frame)));
            }
        }
    }
    found
}

fn notices(host: &mut Host) -> Vec<Notice> {
    std::iter::from_fn(|| host.stack.take_notice()).collect()
}

/// The addresses that follow from prefixes.
fn formed(host: &Host) -> Vec<Address> {
    let within: Cidr = "2001:db8::/32".parse().unwrap();
    host.stack.addresses().filter(|own| within.contains(*own)).collect()
}

fn v6(address: Address) -> Ipv6Addr {
    let IpAddr::V6(address) = address.into() else { panic!("{address}") };
    address
}

/// Where characters for a host far away go: to a station, or the neighbour that is asked for; nowhere.
fn way(host: &mut Host, to: Ipv6Addr) -> Option<Way> {
    let mut frames = host.ask(&udp(Family::V6, 5000, 19, b"please").from(to).frame());
    assert!(frames.len() <= 1, "{frames:02x?}");
    let answer = read(&frames.pop()?);
    if answer.protocol == UDP {
        return Some(Way::Station(answer.station));
    }
    let (kind, _, _, rest) = message(&answer);
    assert_eq!(kind, 135);
    Some(Way::Asked(<[u8; 16]>::try_from(&rest[..16]).unwrap().into()))
}

#[derive(Debug, PartialEq, Eq)]
enum Way {
    Station([u8; 6]),
    Asked(Ipv6Addr),
}

fn hear(host: &mut Host, told: &Advertised) {
    let before = host.counters().advertisements;
    host.ask(&told.frame());
    assert_eq!(host.counters().advertisements, before + 1, "{}", host.counters());
}

/// RFC 4861 §6.3.7, RFC 7559 §2.
#[test]
fn routers_are_asked_for_less_and_less_often_until_one_is_there() {
    let mut host = host(Start::AtOnce);
    let begin = host.now;
    let asked = solicitations(&mut host, Duration::from_secs(200));
    assert!(asked[0].0.since(begin) <= Duration::from_millis(1200), "within a second");
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_secs_f64()).collect();
    for (wait, about) in waits.iter().zip([4.0, 8.0, 16.0, 32.0, 64.0]) {
        assert!((about * 0.8..=about * 1.4).contains(wait), "{waits:?}");
    }
    assert!(waits.len() >= 5);
    for (_, question) in asked {
        assert_eq!((question.destination, question.station), (ALL_ROUTERS.into(), [0x33, 0x33, 0, 0, 0, 2]));
        assert_eq!((question.source, question.hop_limit), ("fe80::ff:fe00:2".parse().unwrap(), 255));
        let (kind, code, rest, option) = message(&question);
        assert_eq!((kind, code, rest), (133, 0, [0; 4]));
        assert_eq!(option, [&[1, 1], &STACK_MAC[..]].concat());
    }
    // One that is no default router does not end it, one that is does; when it goes it begins anew.
    hear(&mut host, &advertised(0));
    assert!(!solicitations(&mut host, Duration::from_secs(300)).is_empty());
    hear(&mut host, &advertised(1800));
    assert!(solicitations(&mut host, Duration::from_secs(1700)).is_empty());
    hear(&mut host, &advertised(0));
    assert!(!solicitations(&mut host, Duration::from_secs(20)).is_empty());
}

/// RFC 7559 §2: an hour at most.
#[test]
fn asking_for_routers_never_ends() {
    let mut host = host(Start::AtOnce);
    let mut last = host.now;
    for _ in 0..400 {
        let due = host.stack.deadline().expect("it goes on");
        host.now = host.now.max(due);
        if !host.turn().is_empty() {
            assert!(host.now.since(last) <= Duration::from_secs(3600 * 11 / 10 + 1));
            last = host.now;
        }
    }
    assert!(last > Instant::from_millis(7_200_000));
}

/// RFC 4861 §6.3.7: who is not certain of its address does not name its station, or asks from nobody.
#[test]
fn who_probes_its_address_asks_with_care() {
    for (start, from) in [(Start::Probed, "::"), (Start::Optimistic, "fe80::ff:fe00:2")] {
        let mut host = host(start);
        let asked = solicitations(&mut host, Duration::from_secs(1));
        let (_, question) = asked.first().expect("within a second");
        assert_eq!(question.source, from.parse::<IpAddr>().unwrap());
        assert_eq!(message(question).3, [0u8; 0]);
    }
}

#[test]
fn a_default_router_comes_and_goes() {
    let mut host = host(Start::AtOnce);
    assert_eq!(way(&mut host, FAR), None);
    hear(&mut host, &advertised(1800));
    assert_eq!(way(&mut host, FAR), Some(Way::Station(ROUTER_MAC)), "its station was told along");
    host.pass(Duration::from_secs(2));
    hear(&mut host, &advertised(0));
    assert_eq!(way(&mut host, FAR), None, "a lifetime of zero ends it (RFC 4861 §6.3.4)");
    host.pass(Duration::from_secs(2));
    hear(&mut host, &advertised(1800));
    host.pass(Duration::from_secs(1799));
    assert_ne!(way(&mut host, FAR), None);
    host.pass(Duration::from_secs(2));
    assert_eq!(way(&mut host, FAR), None, "it ran out (RFC 4861 §6.3.5)");
    let told: Vec<_> = notices(&mut host)
        .into_iter()
        .filter_map(|notice| if let Notice::Routers(routers) = notice { Some(routers.len()) } else { None })
        .collect();
    assert_eq!(told, [1, 0, 1, 0]);
    // Who comes and goes all the time fills no log.
    for _ in 0..50 {
        hear(&mut host, &advertised(1800));
        hear(&mut host, &advertised(0));
        host.pass(Duration::from_millis(100));
    }
    assert!(notices(&mut host).len() <= 7);
}

/// RFC 4861 §6.1.2.
#[test]
fn advertisements_that_cannot_be_are_dropped() {
    let mut host = host(Start::AtOnce);
    let good = advertised(1800);
    for hop_limit in [0, 1, 64, 254] {
        host.drops(&Packet { hop_limit, ..good.packet() }.frame(), Dropped::BadNdp);
    }
    host.drops(&Advertised { from: PEER_V6, ..good.clone() }.frame(), Dropped::BadNdp);
    host.drops(&good.packet().from(Ipv6Addr::UNSPECIFIED).frame(), Dropped::BadNdp);
    let mut wrong_code = good.packet();
    wrong_code.payload[1] = 1;
    host.drops(&wrong_code.frame(), Dropped::BadNdp);
    for length in 8..16 {
        let mut short = good.packet();
        short.payload.truncate(length);
        host.drops(&short.frame(), Dropped::BadNdp);
    }
    for option in [&[3, 0][..], &[3], &[3, 4, 64, 0xc0], &[14, 255, 0, 0, 0, 0, 0, 0]] {
        host.drops(&good.clone().with(option).frame(), Dropped::BadNdp);
    }
    let atomic = good.packet().behind(44, &[ICMPV6, 0, 0, 0, 1, 2, 3, 4]);
    assert!(host.ask(&atomic.frame()).is_empty());
    assert_eq!((host.counters().advertisements, way(&mut host, FAR)), (0, None));
}

/// Who is configured asks nobody and hears nobody.
#[test]
fn a_host_that_is_configured_hears_no_routers() {
    let mut host = Host::plain();
    assert!(solicitations(&mut host, Duration::from_secs(10)).is_empty());
    host.drops(&advertised(1800).frame(), Dropped::NdpIgnored);
    assert_eq!(way(&mut host, FAR), None);
}

/// Class H: rogue routers cost no memory, and do not push out who was there before.
#[test]
fn a_flood_of_rogue_routers_is_bounded() {
    let mut host = host(Start::AtOnce);
    hear(&mut host, &advertised(1800).with(&prefix("2001:db8::/64", ON_LINK | AUTONOMOUS, 1800, 1800)));
    let own = formed(&host);
    for number in 0..2000u16 {
        let from = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, number);
        let told = prefix(&format!("2001:db8:1:{number:x}::/64"), ON_LINK | AUTONOMOUS, 1800, 1800);
        let told = Advertised { from, flags: 0, ..advertised(1800) }.with(&told);
        host.give(&told.with(&route(&format!("2001:db9:{number:x}::/48"), 0, 900)).frame(), Offload::default());
        host.turn();
    }
    assert!(formed(&host).len() == limits::ADDRESSES_FORMED && formed(&host).contains(&own[0]));
    assert_eq!(way(&mut host, FAR), Some(Way::Station(ROUTER_MAC)));
    let counters = host.counters();
    assert_eq!(counters.advertisements, 2001);
    let places = (limits::ROUTERS + limits::ON_LINK + limits::ADDRESSES_FORMED + limits::ROUTES_ADVERTISED / 4) as u64;
    assert!(counters.claims_refused >= 4 * 2000 - places, "{counters}");
    assert_eq!(host.stack.memory_pinned(), 0);
}

/// Class H: RA with 1000 options.
#[test]
fn an_advertisement_of_a_thousand_options_is_dropped() {
    let capabilities = taphouse::device::Capabilities { mtu: 65_000, ..PLAIN };
    let mut host = Host::new(capabilities, &Config { auto: Some([9; 16]), ..config() });
    let many = |count: usize| advertised(1800).with(&[14, 1, 0, 0, 0, 0, 0, 0].repeat(count));
    host.drops(&many(1000).frame(), Dropped::BadNdp);
    host.drops(&many(limits::ROUTER_OPTIONS).frame(), Dropped::BadNdp);
    hear(&mut host, &many(limits::ROUTER_OPTIONS - 1));
}

/// Class H: prefix lengths that lie.
#[test]
fn claims_that_cannot_be_are_left_out_and_counted() {
    let mut host = host(Start::AtOnce);
    let mut refused = 0;
    let long = {
        let mut option = prefix("2001:db8::/64", ON_LINK | AUTONOMOUS, 900, 900);
        option[2] = 200;
        option
    };
    for (option, count) in [
        (long, 2),
        (prefix("ff02::/64", ON_LINK | AUTONOMOUS, 900, 900), 2),
        (prefix("::/0", ON_LINK | AUTONOMOUS, 900, 900), 2),
        (prefix("2001:db8::/48", AUTONOMOUS, 900, 900), 1),
        (prefix("2001:db8::/64", AUTONOMOUS, 901, 900), 1),
        (vec![3, 1, 64, 0xc0, 0, 0, 0, 0], 1),
        (route("ff00::/8", 0, 900), 1),
        (route("2001:db8::/32", 2, 900), 1),
        (vec![5, 1, 0, 0, 0, 0, 5, 0], 0),
        (vec![5, 1, 0, 0, 0, 0, 4, 255], 1),
        (vec![25, 1, 0, 0, 0, 0, 0, 9], 1),
        ([&[25, 3, 0, 0, 0, 0, 0, 9][..], &ALL_NODES.octets()].concat(), 1),
        ([&[31, 2, 0, 0, 0, 0, 0, 9][..], b"\x05a\x1b[2J\0\0"].concat(), 1),
    ] {
        hear(&mut host, &advertised(1800).with(&option));
        refused += count;
        assert_eq!(host.counters().claims_refused, refused, "{option:02x?}");
    }
    assert_eq!(formed(&host), []);
}

/// RFC 4861 §6.3.6, §7.3.3: failover, and back again.
#[test]
fn a_router_that_falls_silent_is_passed_over() {
    let mut host = host(Start::AtOnce);
    // The silent one is preferred.
    hear(&mut host, &Advertised { flags: 0x08, ..advertised(9000) });
    hear(&mut host, &advertised(9000).by_the_other());
    assert_eq!(way(&mut host, FAR), Some(Way::Station(ROUTER_MAC)));
    for _ in 0..15 {
        host.pass(Duration::from_secs(1));
        host.ask(&udp(Family::V6, 5000, 19, b"please").from(FAR).frame());
    }
    assert_eq!(way(&mut host, FAR), Some(Way::Station(OTHER_MAC)));
    host.ask(&i_am(ROUTER.into(), ROUTER_MAC));
    assert_eq!(way(&mut host, FAR), Some(Way::Station(ROUTER_MAC)));
}

/// RFC 4191 §2.2, §3.1, §3.2.
#[test]
fn preferences_and_routes_choose_the_router() {
    let mut host = host(Start::AtOnce);
    hear(&mut host, &Advertised { flags: 0x18, ..advertised(1800) });
    assert_eq!(way(&mut host, FAR), Some(Way::Station(ROUTER_MAC)));
    hear(&mut host, &Advertised { flags: 0x10, ..advertised(1800).by_the_other() });
    assert_eq!(way(&mut host, FAR), Some(Way::Station(OTHER_MAC)), "10 means the middle, which is more than low");
    // A more specific route leads through the low one, until it is over.
    hear(&mut host, &Advertised { flags: 0x18, ..advertised(1800).with(&route("2001:db8:ffff::/48", 3, 600)) });
    assert_eq!(way(&mut host, FAR), Some(Way::Station(ROUTER_MAC)));
    let elsewhere = "2001:db8:fffe::9".parse().unwrap();
    assert_eq!(way(&mut host, elsewhere), Some(Way::Station(OTHER_MAC)));
    hear(&mut host, &Advertised { flags: 0x18, ..advertised(1800).with(&route("2001:db8:ffff::/48", 3, 0)) });
    assert_eq!(way(&mut host, FAR), Some(Way::Station(OTHER_MAC)));
    // RFC 4191 §3.1: an option about everywhere speaks for its router.
    hear(&mut host, &advertised(1800).with(&route("::/0", 1, 600)));
    assert_eq!(way(&mut host, elsewhere), Some(Way::Station(ROUTER_MAC)));
}

/// RFC 4861 §7.2.5.
#[test]
fn a_router_that_says_that_it_is_none_is_used_no_more() {
    let mut host = host(Start::AtOnce);
    hear(&mut host, &advertised(1800));
    let says = |flags: u8| {
        let rest = [&[flags, 0, 0, 0], &ROUTER.octets()[..], &[2, 1], &ROUTER_MAC].concat();
        let told = icmp(Family::V6, 136, 0, &rest).from(ROUTER).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
        Packet { hop_limit: 255, sender: ROUTER_MAC, ..told }.frame()
    };
    host.ask(&says(0xa0));
    assert_ne!(way(&mut host, FAR), None);
    host.ask(&says(0x20));
    assert_eq!(way(&mut host, FAR), None);
}

/// RFC 5942 §4: an address says nothing of who is on the link; a prefix with its flag does.
#[test]
fn only_a_prefix_says_who_is_on_the_link() {
    let near: Ipv6Addr = "2001:db8::77".parse().unwrap();
    let mut host = host(Start::AtOnce);
    hear(&mut host, &advertised(1800).with(&prefix("2001:db8::/64", AUTONOMOUS, 900, 900)));
    let own = formed(&host);
    assert_eq!(own.len(), 1);
    assert_eq!(way(&mut host, near), Some(Way::Station(ROUTER_MAC)), "through the router");
    hear(&mut host, &advertised(1800).with(&prefix("2001:db8::/64", ON_LINK, 900, 900)));
    assert_eq!(way(&mut host, near), Some(Way::Asked(near)));
    hear(&mut host, &advertised(1800).with(&prefix("2001:db8::/64", ON_LINK, 0, 0)));
    assert_eq!(way(&mut host, near), Some(Way::Station(ROUTER_MAC)), "a lifetime of zero ends it");
    // Without a router nobody is taken for a neighbour (RFC 5942 §4 rule 2).
    hear(&mut host, &advertised(0));
    assert_eq!(way(&mut host, "2001:db8::78".parse().unwrap()), None);
    host.pass(Duration::from_secs(2));
    host.pass(Duration::from_secs(2));
    host.pass(Duration::from_secs(2));
}

/// RFC 4862 §5.5.3 d, §5.4; RFC 9131 §4.1.
#[test]
fn an_address_follows_from_a_prefix() {
    for start in [Start::AtOnce, Start::Optimistic, Start::Probed] {
        let mut host = host(start);
        for _ in 0..60 {
            host.pass(Duration::from_millis(100));
        }
        hear(&mut host, &advertised(1800).with(&prefix("2001:db8::/64", ON_LINK | AUTONOMOUS, 900, 900)));
        assert_eq!(formed(&host).len(), usize::from(start != Start::Probed), "{start:?}");
        let mut sent = Vec::new();
        for _ in 0..30 {
            let frames = host.pass(Duration::from_millis(100)).into_iter().map(|(frame, _)| frame);
            let discovers = |frame: &Vec<u8>| frame[12..14] == [0x86, 0xdd] && frame[54] != 133;
            sent.extend(frames.filter(discovers).map(|frame| read(&frame)));
        }
        let [own] = formed(&host)[..] else { panic!("{start:?}") };
        let answer = read(&host.answer(&echo(Family::V6, b"").to(v6(own)).frame()));
        assert_eq!(answer.source, IpAddr::from(own));
        let asked: Vec<_> = sent.iter().map(|answer| (message(answer).0, answer.destination)).collect();
        let group = own.solicited_node().into();
        let expected: &[(u8, IpAddr)] = match start {
            Start::AtOnce => &[],
            Start::Optimistic | Start::Probed => &[(135, group), (136, ALL_ROUTERS.into())],
        };
        assert_eq!(asked, expected, "{start:?}");
        if let Some(introduction) = sent.get(1) {
            let rest = [&v6(own).octets()[..], &[2, 1], &STACK_MAC].concat();
            assert_eq!(message(introduction), (136, 0, [0; 4], &rest[..]), "nothing is replaced");
            assert_eq!(introduction.source, IpAddr::from(own));
        }
        assert!(notices(&mut host).iter().any(|notice| matches!(notice, Notice::Added(cidr) if cidr.address() == own)));
    }
}

/// RFC 4862 §5.5.4, RFC 6724 §5 rule 3.
#[test]
fn an_address_goes_out_of_use_and_ends() {
    let mut host = host(Start::AtOnce);
    hear(&mut host, &advertised(9000).with(&prefix("2001:db8::/64", AUTONOMOUS, 100, 200)));
    hear(&mut host, &advertised(9000).with(&prefix("2001:db8:0:1::/64", AUTONOMOUS, 9000, 9000)));
    let [first, second] = formed(&host)[..] else { panic!() };
    // An echo to all nodes is answered from an address of our choice.
    let chosen = |host: &mut Host| {
        let asked = echo(Family::V6, b"").from("2001:db8::9".parse::<Ipv6Addr>().unwrap());
        read(&host.answer(&asked.to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]).frame())).source
    };
    assert_eq!(chosen(&mut host), IpAddr::from(first));
    host.pass(Duration::from_secs(101));
    assert_eq!(chosen(&mut host), IpAddr::from(second));
    host.answer(&echo(Family::V6, b"still ours").to(v6(first)).frame());
    host.pass(Duration::from_secs(100));
    assert_eq!(formed(&host), [second]);
    host.drops(&echo(Family::V6, b"no more").to(v6(first)).frame(), Dropped::NotOurAddress);
    assert!(notices(&mut host).contains(&Notice::Ended(first)));
}

/// RFC 7217 §6.
#[test]
fn an_address_that_is_taken_is_made_anew() {
    let mut host = host(Start::Optimistic);
    hear(&mut host, &advertised(1800).with(&prefix("2001:db8::/64", AUTONOMOUS, 900, 900)));
    let mut seen = Vec::new();
    while let Some(own) = formed(&host).first().copied() {
        assert!(!seen.contains(&own));
        seen.push(own);
        let rest = [&[0x20, 0, 0, 0], &v6(own).octets()[..], &[2, 1], &OTHER_MAC].concat();
        let told = icmp(Family::V6, 136, 0, &rest).from(v6(own)).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
        // Its source is ours: it comes from another address of that station.
        host.ask(&Packet { hop_limit: 255, sender: OTHER_MAC, ..told.from(OTHER) }.frame());
    }
    assert_eq!(seen.len(), 1 + usize::from(limits::INTERFACE_IDS));
}

/// RFC 4861 §6.3.4: what is told of the link, within what makes sense.
#[test]
fn terms_of_the_link_are_kept_to_within_bounds() {
    let mut host = host(Start::AtOnce);
    let hop_limit = |host: &mut Host| read(&host.answer(&echo(Family::V6, b"").frame())).hop_limit;
    assert_eq!(hop_limit(&mut host), 64);
    hear(&mut host, &Advertised { hop_limit: 99, ..advertised(1800) });
    assert_eq!(hop_limit(&mut host), 99);
    hear(&mut host, &advertised(1800));
    assert_eq!(hop_limit(&mut host), 99, "zero says nothing");
    hear(&mut host, &Advertised { hop_limit: 1, ..advertised(1800) });
    assert_eq!((hop_limit(&mut host), host.counters().claims_refused), (99, 1), "CVE-2015-2922");
    assert_eq!(read(&host.answer(&echo(Family::V4, b"").frame())).hop_limit, 64, "of IPv6 only");

    // The MTU: large answers are cut to it, and not to less than 1,280.
    let pieces = |host: &mut Host| host.ask(&echo(Family::V6, &pattern(1440)).frame()).len();
    assert_eq!(pieces(&mut host), 1);
    let mtu = |mtu: u32| [&[5, 1, 0, 0][..], &mtu.to_be_bytes()].concat();
    hear(&mut host, &advertised(1800).with(&mtu(9000)));
    assert_eq!(pieces(&mut host), 1, "the link's own holds");
    hear(&mut host, &advertised(1800).with(&mtu(1400)));
    assert_eq!(pieces(&mut host), 2);
    hear(&mut host, &advertised(1800).with(&mtu(1279)));
    assert_eq!((pieces(&mut host), host.counters().claims_refused), (2, 2));
    assert_eq!(host.ask(&echo(Family::V4, &pattern(1440)).frame()).len(), 1);

    // RetransTimer: how often a neighbour is asked for.
    hear(&mut host, &Advertised { retransmit: 300, reachable: 20_000, ..advertised(1800).with(&mtu(1500)) });
    let near: Ipv6Addr = "fd77::99".parse().unwrap();
    assert_eq!(way(&mut host, near), Some(Way::Asked(near)));
    assert!(host.pass(Duration::from_millis(250)).is_empty());
    assert_eq!(host.pass(Duration::from_millis(100)).len(), 1);
    hear(&mut host, &Advertised { retransmit: 1, reachable: 1, ..advertised(1800) });
    hear(&mut host, &Advertised { retransmit: 3_600_000, reachable: u32::MAX, ..advertised(1800) });
    assert_eq!(host.counters().claims_refused, 6);
    host.pass(Duration::from_secs(2));
    host.pass(Duration::from_secs(2));
}

/// RFC 8106 §5, §6.
#[test]
fn name_servers_are_remembered_while_they_live() {
    let mut host = host(Start::AtOnce);
    let servers = |lifetime: u32, last: u8| {
        let mut address = PEER_V6.octets();
        address[15] = last;
        [&[25, 3, 0, 0][..], &lifetime.to_be_bytes(), &address].concat()
    };
    let domain = [&[31, 3, 0, 0, 0, 0, 0, 60][..], b"\x03lab\x07example\0\0\0\0"].concat();
    hear(&mut host, &advertised(1800).with(&servers(60, 7)).with(&domain));
    let resolvers = |host: &mut Host| {
        let of =
            |notice| if let Notice::Resolvers { servers, domains } = notice { Some((servers, domains)) } else { None };
        notices(host).into_iter().filter_map(of).next_back()
    };
    let (known, domains) = resolvers(&mut host).expect("they are told");
    assert_eq!((known, domains), (vec!["fd77::7".parse().unwrap()], vec!["lab.example".to_owned()]));
    hear(&mut host, &advertised(1800).with(&servers(60, 7)));
    assert_eq!(resolvers(&mut host), None, "nothing new");
    host.pass(Duration::from_secs(2));
    for last in 8..100 {
        hear(&mut host, &advertised(1800).with(&servers(60, last)));
    }
    host.pass(Duration::from_secs(2));
    assert_eq!(resolvers(&mut host).map(|(servers, _)| servers.len()), Some(limits::RESOLVERS));
    host.pass(Duration::from_secs(2));
    hear(&mut host, &advertised(1800).with(&servers(0, 7)));
    assert_eq!(resolvers(&mut host).map(|(servers, _)| servers.len()), Some(limits::RESOLVERS - 1));
    host.pass(Duration::from_secs(61));
    assert_eq!(resolvers(&mut host), Some((vec![], vec![])));
}

#[test]
fn we_are_ready_when_a_router_is_there_or_was_waited_for() {
    let is_ready = |host: &mut Host| notices(host).iter().any(|notice| matches!(notice, Notice::Ready(_)));
    let mut host = self::host(Start::Optimistic);
    host.turn();
    assert!(!is_ready(&mut host));
    hear(&mut host, &advertised(1800).with(&prefix("2001:db8::/64", AUTONOMOUS, 900, 900)));
    host.pass(limits::AUTO_PATIENCE + Duration::from_secs(1));
    let told = notices(&mut host);
    let ready = told.iter().find_map(|notice| if let Notice::Ready(own) = notice { Some(own.len()) } else { None });
    assert_eq!(ready, Some(4), "{told:?}");
    assert!(!told.contains(&Notice::Unanswered(Asked::Routers)));

    let mut host = self::host(Start::Optimistic);
    host.turn();
    host.pass(limits::AUTO_PATIENCE + Duration::from_secs(1));
    let told = notices(&mut host);
    assert!(told.contains(&Notice::Unanswered(Asked::Routers)), "{told:?}");
    assert!(told.iter().any(|notice| matches!(notice, Notice::Ready(own) if own.len() == 3)), "{told:?}");
}

/// The shard that leads decides, wherever the advertisement came, and all of them have the address and the way.
#[test]
fn every_shard_follows() {
    let config = Config { auto: Some([9; 16]), ..config() };
    let mut now = Instant::from_millis(1000);
    let mut shards: Vec<(Stack<Memory>, Memory)> = Mailbox::for_shards(2)
        .unwrap()
        .into_iter()
        .map(|(mailbox, _waker)| {
            let (device, wire) = Memory::pair(PLAIN);
            let mut stack = Stack::shard(device, &config, mailbox).unwrap();
            bind_services(&mut stack);
            (stack, wire)
        })
        .collect();
    let told = advertised(1800).with(&prefix("2001:db8::/64", AUTONOMOUS, 900, 900));
    assert!(shards[1].1.send(&told.frame(), Offload::default()));
    for _ in 0..5 {
        now = now + Duration::from_millis(100);
        shards.iter_mut().for_each(|(stack, _)| assert!(stack.turn(now).is_ok()));
    }
    let own = |stack: &Stack<Memory>| stack.addresses().collect::<Vec<_>>();
    assert_eq!(own(&shards[0].0).len(), 4);
    assert_eq!(own(&shards[0].0), own(&shards[1].0));
    // Whichever owns the flow, the characters go through the router.
    let mut sent = 0;
    for port in 5000..5010 {
        let wish = udp(Family::V6, port, 19, b"please").from(FAR).frame();
        assert!(shards[usize::from(port % 2)].1.send(&wish, Offload::default()));
        for _ in 0..3 {
            shards.iter_mut().for_each(|(stack, _)| assert!(stack.turn(now).is_ok()));
        }
        for (_, wire) in &mut shards {
            while let Some((frame, _)) = wire.take() {
                sent += usize::from(frame[..6] == ROUTER_MAC);
            }
        }
    }
    assert_eq!(sent, 10);
}
