//! An IPv4 address from a DHCP server (RFC 2131), and from those who pretend to be one.

use std::net::Ipv4Addr;
use std::time::Duration;

use taphouse::base::address::{Address, Family};
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::stack::{Asked, Config, Notice, Remembered, Start};

use crate::packet::*;
use crate::reading::{Answer, datagram, read};
use crate::wire::{Host, PLAIN, config};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];
const OURS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const RELEASE: u8 = 7;

/// A host without an IPv4 address.
fn host(start: Start) -> Host {
    Host::new(PLAIN, &Config { addresses: Vec::new(), auto: Some([9; 16]), start, ..config() })
}

/// What our host wrote to a server.
#[derive(Debug)]
struct Letter {
    packet: Answer,
    message: Vec<u8>,
}

impl Letter {
    fn kind(&self) -> u8 {
        self.option(53).expect("every message has a type")[0]
    }

    fn option(&self, wanted: u8) -> Option<Vec<u8>> {
        let mut rest = &self.message[240..];
        while rest[0] != 255 {
            if rest[0] == 0 {
                rest = &rest[1..];
                continue;
            }
            let (option, behind) = rest.split_at(2 + usize::from(rest[1]));
            if option[0] == wanted {
                return Some(option[2..].to_vec());
            }
            rest = behind;
        }
        None
    }
}

/// The frames to port 67 among these.
fn letters(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<Letter> {
    let for_servers = |frame: &Vec<u8>| frame[12..14] == [8, 0] && frame[23] == UDP && frame[36..38] == [0, 67];
    let letter = |frame: Vec<u8>| {
        let packet = read(&frame);
        let (from, to, message) = datagram(&packet);
        assert_eq!((from, to), (68, 67));
        let message = message.to_vec();
        Letter { packet, message }
    };
    frames.into_iter().filter(for_servers).map(letter).collect()
}

/// Lets time pass until there is a letter.
#[track_caller]
fn next_letter(host: &mut Host) -> Letter {
    for _ in 0..40_000 {
        let frames = host.pass(Duration::from_millis(100)).into_iter().map(|(frame, _)| frame);
        let mut found = letters(frames);
        if let Some(letter) = found.pop() {
            assert!(found.is_empty());
            return letter;
        }
    }
    panic!("no letter comes");
}

/// A server's message in answer to a letter.
fn reply(letter: &Letter, kind: u8, options: &[u8]) -> Packet {
    let mut message = letter.message[..240].to_vec();
    message[0] = 2;
    message[16..20].copy_from_slice(&OURS.octets());
    let own = [&[53, 1, kind, 54, 4][..], &SERVER.octets()].concat();
    let message = [&message[..], &own, options, &[255]].concat();
    let sent = udp(Family::V4, 67, 68, &message).from(SERVER).to(Ipv4Addr::BROADCAST).at(EVERYBODY);
    Packet { sender: SERVER_MAC, ..sent }
}

/// A lease of so many seconds, with a mask and more.
fn terms(seconds: u32, more: &[u8]) -> Vec<u8> {
    [&[1, 4, 255, 255, 255, 0, 51, 4][..], &seconds.to_be_bytes(), more].concat()
}

/// A host that was lent an address.
fn leased(start: Start, options: &[u8]) -> Host {
    let mut host = host(start);
    let discover = next_letter(&mut host);
    let request = host.ask(&reply(&discover, OFFER, options).frame());
    let request = letters(request).pop().expect("an offer is asked for");
    host.ask(&reply(&request, ACK, options).frame());
    host
}

fn notices(host: &mut Host) -> Vec<Notice> {
    std::iter::from_fn(|| host.stack.take_notice()).collect()
}

/// RFC 2131 §3.1, §4.3.6 table 4, §4.4.1.
#[test]
fn an_address_is_lent() {
    let mut host = host(Start::AtOnce);
    let discover = next_letter(&mut host);
    assert_eq!(discover.kind(), DISCOVER);
    let Answer { source, destination, station, .. } = discover.packet;
    assert_eq!((source, destination, station), (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::BROADCAST.into(), EVERYBODY));
    assert_eq!((discover.message.len(), &discover.message[28..34]), (300, &STACK_MAC[..]));
    assert_eq!(discover.message[10] & 0x80, 0x80, "an answer to one host could not reach us");
    assert_eq!(discover.option(61).unwrap(), [&[1], &STACK_MAC[..]].concat());
    assert!([1, 3, 6, 26, 121].iter().all(|wanted| discover.option(55).unwrap().contains(wanted)));

    let options = terms(3600, &[3, 4, 10, 77, 0, 1, 6, 4, 10, 77, 0, 53, 15, 3, b'l', b'a', b'b']);
    let request = letters(host.ask(&reply(&discover, OFFER, &options).frame())).pop().unwrap();
    assert_eq!((request.kind(), request.packet.destination), (REQUEST, Ipv4Addr::BROADCAST.into()));
    assert_eq!(
        (request.option(50).unwrap(), request.option(54).unwrap()),
        (OURS.octets().into(), SERVER.octets().into())
    );
    assert_eq!(request.message[4..8], discover.message[4..8], "one transaction");
    assert!(host.stack.addresses().count() == 1, "an offer is no lease");
    host.ask(&reply(&request, ACK, &options).frame());

    let answer = read(&host.answer(&echo(Family::V4, b"").to(OURS).frame()));
    assert_eq!(answer.source, std::net::IpAddr::from(OURS));
    // The way elsewhere leads through the router that was told.
    let asked = host.answer(&udp(Family::V4, 5000, 19, b"please").from(Ipv4Addr::new(192, 0, 2, 1)).to(OURS).frame());
    assert_eq!((&asked[12..14], &asked[38..42]), (&[8, 6][..], &SERVER.octets()[..]));
    let told = notices(&mut host);
    let own = "10.77.0.9/24".parse().unwrap();
    assert!(told.contains(&Notice::Leased { own, server: Address::from_v4(SERVER.octets()), seconds: Some(3600) }));
    assert!(told.contains(&Notice::Routers(vec![Address::from_v4(SERVER.octets())])));
    let servers = vec!["10.77.0.53".parse().unwrap()];
    assert!(told.contains(&Notice::Resolvers { servers, domains: vec!["lab".to_owned()] }));
    for _ in 0..8 {
        host.pass(Duration::from_secs(1));
    }
}

/// A host that had our address before it was started again.
fn restarted(seconds: u64) -> Host {
    let address = Address::from_v4(OURS.octets());
    let lease = Some(Remembered { address, until: taphouse::base::time::Instant::from_millis(seconds * 1000) });
    let addresses = Vec::new();
    Host::new(PLAIN, &Config { addresses, auto: Some([9; 16]), lease, start: Start::AtOnce, ..config() })
}

/// RFC 2131 §3.2, §4.3.6 table 4, §4.4.2.
#[test]
fn a_lease_is_asked_for_again_after_a_restart() {
    let mut host = restarted(1_000_000);
    let request = next_letter(&mut host);
    assert_eq!(
        (request.kind(), request.option(50).unwrap(), request.option(54)),
        (REQUEST, OURS.octets().into(), None)
    );
    assert_eq!((request.packet.source, &request.message[12..16]), (Ipv4Addr::UNSPECIFIED.into(), &[0; 4][..]));
    assert_eq!(host.stack.addresses().filter(|own| own.family() == Family::V4).count(), 0);
    host.ask(&reply(&request, ACK, &terms(3600, &[3, 4, 10, 77, 0, 1])).frame());
    host.answer(&echo(Family::V4, b"").to(OURS).frame());
    let own = "10.77.0.9/24".parse().unwrap();
    let server = Address::from_v4(SERVER.octets());
    assert!(notices(&mut host).contains(&Notice::Leased { own, server, seconds: Some(3600) }));
    // In the end it is given back, and said so.
    host.stack.end(host.now);
    assert!(notices(&mut host).contains(&Notice::Released(own)));
}

/// RFC 2131 §3.2: in another network.
#[test]
fn a_lease_that_is_refused_after_a_restart_is_asked_for_no_more() {
    let mut host = restarted(1_000_000);
    let request = next_letter(&mut host);
    host.ask(&reply(&request, NAK, &[]).frame());
    assert!(notices(&mut host).contains(&Notice::Refused(Address::from_v4(OURS.octets()))));
    let discover = next_letter(&mut host);
    assert_eq!((discover.kind(), discover.option(50)), (DISCOVER, None));
}

/// RFC 2131 §4.4.5.
#[test]
fn a_lease_is_renewed_by_its_server_then_by_any_and_ends() {
    let options = terms(1000, &[58, 4, 0, 0, 0, 100, 59, 4, 0, 0, 1, 44]);
    let mut host = leased(Start::AtOnce, &options);
    let begin = host.now;
    // The way to its server is asked for first.
    let mut frames = Vec::new();
    while host.now.since(begin) < Duration::from_secs(102) {
        frames.extend(host.pass(Duration::from_millis(500)).into_iter().map(|(frame, _)| frame));
    }
    assert!(frames.iter().any(|frame| frame[12..14] == [8, 6] && frame[38..42] == SERVER.octets()));
    let here = {
        use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
        let (sender_ipv4, target_ipv4) = (SERVER.octets(), OURS.octets());
        let (sender_mac, target_mac, operation) = (SERVER_MAC, STACK_MAC, ArpOperation::REPLY);
        let reply = ArpEthIpv4Packet { operation, sender_mac, sender_ipv4, target_mac, target_ipv4 };
        let header = Ethernet2Header { source: SERVER_MAC, destination: STACK_MAC, ether_type: 0x0806.into() };
        [&header.to_bytes()[..], &reply.to_bytes()].concat()
    };
    let renew = letters(host.ask(&here)).pop().expect("it waited for its way");
    assert_eq!((renew.kind(), renew.packet.source, renew.packet.destination), (REQUEST, OURS.into(), SERVER.into()));
    assert_eq!((renew.option(50), renew.option(54), &renew.message[12..16]), (None, None, &OURS.octets()[..]));
    assert_eq!(renew.message[10] & 0x80, 0);
    let ack = |letter: &Letter| Packet { station: STACK_MAC, ..reply(letter, ACK, &options).to(OURS) };
    host.ask(&ack(&renew).frame());
    // Renewed: the next question comes a hundred seconds later.
    let renewed = host.now;
    let own = "10.77.0.9/24".parse().unwrap();
    let renewal = notices(&mut host).pop();
    assert!(
        matches!(renewal, Some(Notice::Renewed { own: of, seconds: Some(990..=1000) }) if of == own),
        "{renewal:?}"
    );
    let again = next_letter(&mut host);
    assert!((90..110).contains(&host.now.since(renewed).as_secs()));
    assert_ne!(again.message[4..8], renew.message[4..8], "a transaction of its own");

    let mut letter = again;
    while letter.packet.destination == std::net::IpAddr::from(SERVER) {
        letter = next_letter(&mut host);
    }
    assert!((290..310).contains(&host.now.since(renewed).as_secs()), "T2");
    assert_eq!((letter.packet.source, letter.packet.destination), (OURS.into(), Ipv4Addr::BROADCAST.into()));
    while letter.kind() == REQUEST {
        host.answer(&echo(Family::V4, b"still ours").to(OURS).frame());
        letter = next_letter(&mut host);
    }
    assert!((990..1010).contains(&host.now.since(renewed).as_secs()), "it is over");
    assert_eq!((letter.kind(), host.stack.addresses().count()), (DISCOVER, 1));
    host.drops(&echo(Family::V4, b"").to(OURS).frame(), Dropped::NotOurAddress);
    assert!(notices(&mut host).contains(&Notice::Ended(Address::from_v4(OURS.octets()))));
    for _ in 0..8 {
        host.pass(Duration::from_secs(1));
    }
}

/// RFC 2131 §3.1.5, RFC 5227 §2.1.
#[test]
fn an_address_that_somebody_has_is_declined() {
    for start in [Start::Optimistic, Start::Probed] {
        let options = terms(3600, &[3, 4, 10, 77, 0, 1]);
        let mut host = leased(start, &options);
        let is_used = host.stack.addresses().any(|own| own == Address::from_v4(OURS.octets()));
        assert_eq!(is_used, start == Start::Optimistic);
        let claim = {
            use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
            let (sender_mac, sender_ipv4, target_ipv4) = (PEER_MAC, OURS.octets(), OURS.octets());
            let operation = ArpOperation::REPLY;
            let packet = ArpEthIpv4Packet { operation, sender_mac, sender_ipv4, target_mac: [0; 6], target_ipv4 };
            let header = Ethernet2Header { source: PEER_MAC, destination: EVERYBODY, ether_type: 0x0806.into() };
            [&header.to_bytes()[..], &packet.to_bytes()].concat()
        };
        let decline = letters(host.ask(&claim)).pop().expect("its server is told");
        assert_eq!((decline.kind(), decline.packet.destination), (DECLINE, Ipv4Addr::BROADCAST.into()));
        assert_eq!(decline.option(50).unwrap(), OURS.octets());
        assert_eq!(decline.option(54).unwrap(), SERVER.octets());
        let declined = host.now;
        assert_eq!(host.stack.addresses().filter(|own| own.family() == Family::V4).count(), 0);
        assert_eq!(next_letter(&mut host).kind(), DISCOVER);
        assert!(host.now.since(declined) >= Duration::from_secs(10));
    }
}

/// RFC 2131 §4.4.6.
#[test]
fn an_address_is_given_back_in_the_end() {
    let mut host = leased(Start::AtOnce, &terms(3600, &[]));
    host.stack.end(host.now);
    let frames: Vec<_> = std::iter::from_fn(|| host.wire.take()).map(|(frame, _)| frame).collect();
    let release = letters(frames).pop().expect("a release");
    assert_eq!(
        (release.kind(), release.packet.source, release.packet.destination),
        (RELEASE, OURS.into(), SERVER.into())
    );
    assert_eq!((release.packet.station, &release.message[12..16]), (SERVER_MAC, &OURS.octets()[..]));
    assert_eq!(release.option(54).unwrap(), SERVER.octets());
    // Who has none gives none back.
    let mut host = self::host(Start::AtOnce);
    host.stack.end(host.now);
    assert!(host.wire.take().is_none());
}

/// RFC 3442, RFC 2132 §5.1: what a lease tells besides the address, within bounds.
#[test]
fn routes_and_the_mtu_are_told_along() {
    let routes = [121, 19, 0, 10, 77, 0, 3, 24, 192, 0, 2, 10, 77, 0, 4, 8, 11, 0, 0, 0, 0];
    let options = terms(3600, &[&routes[..], &[3, 4, 10, 77, 0, 1, 26, 2, 3, 232]].concat());
    let mut host = leased(Start::AtOnce, &options);
    let mut hop = |to: [u8; 4]| {
        let asked = host.answer(&udp(Family::V4, 5000, 19, b"please").from(Ipv4Addr::from(to)).to(OURS).frame());
        assert_eq!(asked[12..14], [8, 6]);
        <[u8; 4]>::try_from(&asked[38..42]).unwrap()
    };
    assert_eq!(hop([198, 51, 100, 1]), [10, 77, 0, 3], "routers are not looked at where there are routes");
    assert_eq!(hop([192, 0, 2, 1]), [10, 77, 0, 4]);
    assert_eq!(hop([11, 1, 2, 3]), [11, 1, 2, 3], "on the link");
    assert_eq!(host.ask(&echo(Family::V4, &pattern(1100)).to(OURS).frame()).len(), 2, "cut to 1,000");
    for _ in 0..8 {
        host.pass(Duration::from_secs(1));
    }
    let mut host = leased(Start::AtOnce, &terms(3600, &[26, 2, 0, 68]));
    assert_eq!(host.ask(&echo(Family::V4, &pattern(1100)).to(OURS).frame()).len(), 1);
    assert_eq!(host.counters().options_refused, 1);
}

/// Class H: DHCP spoof.
#[test]
fn forged_and_malformed_messages_are_dropped() {
    let mut host = host(Start::AtOnce);
    let discover = next_letter(&mut host);
    let good = terms(3600, &[]);
    let change = |at: usize, to: u8| {
        let mut packet = reply(&discover, OFFER, &good);
        packet.payload[8 + at] ^= to;
        packet.frame()
    };
    host.drops(&change(0, 3), Dropped::BadDhcp);
    host.drops(&change(236, 1), Dropped::BadDhcp);
    host.drops(&change(4, 1), Dropped::DhcpNotForUs);
    host.drops(&change(33, 1), Dropped::DhcpNotForUs);
    host.drops(&change(2, 1), Dropped::DhcpNotForUs);
    for options in [&[51, 200, 1][..], &[1], &[6, 255]] {
        let mut packet = reply(&discover, OFFER, options);
        packet.payload.pop();
        let length = packet.payload.len() as u16;
        packet.payload[4..6].copy_from_slice(&length.to_be_bytes());
        host.drops(&packet.frame(), Dropped::BadDhcp);
    }
    for lease in [0, 1, 9] {
        host.drops(&reply(&discover, OFFER, &terms(lease, &[])).frame(), Dropped::DhcpRefused);
    }
    host.drops(&reply(&discover, ACK, &good).frame(), Dropped::DhcpNotForUs);
    host.drops(&reply(&discover, NAK, &good).frame(), Dropped::DhcpNotForUs);
    // From another port it is a datagram like any other.
    let mut elsewhere = reply(&discover, OFFER, &good);
    elsewhere.payload[1] = 99;
    host.drops(&elsewhere.frame(), Dropped::PortUnreachable);
    assert_eq!((host.counters().dhcp_received, host.stack.addresses().count()), (0, 1));
    let mut configured = Host::plain();
    configured.drops(&reply(&discover, OFFER, &good).frame(), Dropped::PortUnreachable);
}

#[test]
fn a_lease_for_ever_lasts() {
    let mut host = leased(Start::AtOnce, &terms(u32::MAX, &[]));
    for _ in 0..10 {
        let frames = host.pass(Duration::from_secs(1_000_000)).into_iter().map(|(frame, _)| frame);
        assert!(letters(frames).is_empty());
    }
    host.answer(&echo(Family::V4, b"").to(OURS).frame());
}

/// A flood of answers changes nothing, and costs nothing.
#[test]
fn a_flood_of_forged_offers_is_dropped() {
    let mut host = host(Start::AtOnce);
    let discover = next_letter(&mut host);
    for number in 0..2000u32 {
        let mut packet = reply(&discover, OFFER, &terms(3600, &[]));
        packet.payload[12..16].copy_from_slice(&number.to_be_bytes());
        host.ask(&packet.frame());
    }
    assert!(host.counters().dropped(Dropped::DhcpNotForUs) >= 1999);
    assert_eq!(host.stack.memory_pinned(), 0);
}

/// What is configured stays, whatever is leased.
#[test]
fn an_address_that_is_configured_too_stays() {
    let own = ["10.77.0.9/24".parse().unwrap()].to_vec();
    let mut host = Host::new(PLAIN, &Config { addresses: own, auto: Some([9; 16]), ..config() });
    let discover = next_letter(&mut host);
    let request = letters(host.ask(&reply(&discover, OFFER, &terms(100, &[])).frame())).pop().unwrap();
    host.ask(&reply(&request, ACK, &terms(100, &[])).frame());
    for _ in 0..120 {
        host.pass(Duration::from_secs(1));
    }
    host.answer(&echo(Family::V4, b"").to(OURS).frame());
}

#[test]
fn without_a_server_we_go_on() {
    let mut host = host(Start::Optimistic);
    host.turn();
    let mut told = Vec::new();
    for _ in 0..12 {
        host.pass(Duration::from_secs(1));
        told.extend(notices(&mut host));
    }
    assert!(told.contains(&Notice::Unanswered(Asked::Servers)), "{told:?}");
    assert!(told.iter().any(|notice| matches!(notice, Notice::Ready(own) if own.len() == 1)), "{told:?}");
    // It is asked on, and found.
    let discover = next_letter(&mut host);
    let options = terms(3600, &[]);
    let request = letters(host.ask(&reply(&discover, OFFER, &options).frame())).pop().unwrap();
    host.ask(&reply(&request, ACK, &options).frame());
    assert!(notices(&mut host).iter().any(|notice| matches!(notice, Notice::Added(_))));
    host.answer(&echo(Family::V4, b"").to(OURS).frame());
    assert!(limits::AUTO_PATIENCE < Duration::from_secs(12));
}
