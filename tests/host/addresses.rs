//! Our own addresses: probed, used with care, given up, defended, asked for over RARP.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
use taphouse::base::address::{Address, Family, Mac};
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::device::Memory;
use taphouse::stack::journal::{Recording, Replay};
use taphouse::stack::{Config, Mailbox, Notice, Stack, Start};

use crate::neighbors::here_i_am;
use crate::packet::*;
use crate::reading::{message, read};
use crate::wire::{Host, PLAIN, bind_services, config};

const LINK_LOCAL: &str = "fe80::ff:fe00:2";
const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 2);
const GROUP_MAC: [u8; 6] = [0x33, 0x33, 0xff, 0, 0, 2];
/// Longer than RFC 5227 takes to claim an address and to announce it.
const LONG: u32 = 140;
const STEP: Duration = Duration::from_millis(100);

fn host(start: Start) -> Host {
    Host::new(PLAIN, &Config { start, ..config() })
}

/// Lets a number of steps pass; what was sent meanwhile.
fn steps(host: &mut Host, count: u32) -> Vec<Vec<u8>> {
    (0..count).flat_map(|_| host.pass(STEP)).map(|(frame, _)| frame).collect()
}

fn notices(host: &mut Host) -> Vec<Notice> {
    std::iter::from_fn(|| host.stack.take_notice()).collect()
}

fn address(own: impl Into<IpAddr>) -> Address {
    own.into().into()
}

fn ours(addresses: &[&str]) -> Notice {
    Notice::Ready(addresses.iter().map(|own| own.parse().unwrap()).collect())
}

fn lost(family: Family) -> Notice {
    Notice::Lost { address: address(stack(family)), station: Mac::new(OTHER_MAC) }
}

fn arp(operation: ArpOperation, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let packet = ArpEthIpv4Packet {
        operation,
        sender_mac: OTHER_MAC,
        sender_ipv4: sender,
        target_mac: [0; 6],
        target_ipv4: target,
    };
    let header = Ethernet2Header { source: OTHER_MAC, destination: EVERYBODY, ether_type: 0x0806.into() };
    [&header.to_bytes()[..], &packet.to_bytes()].concat()
}

/// "I have your address."
fn claim(family: Family) -> Vec<u8> {
    match family {
        Family::V4 => arp(ArpOperation::REPLY, STACK_V4.octets(), STACK_V4.octets()),
        Family::V6 => {
            let rest = [&[0x20, 0, 0, 0], &STACK_V6.octets()[..], &[2, 1], &OTHER_MAC].concat();
            let told = icmp(Family::V6, 136, 0, &rest).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
            Packet { hop_limit: 255, sender: OTHER_MAC, ..told }.frame()
        }
    }
}

/// "May I have your address?"
fn probe(family: Family, option: &[u8]) -> Vec<u8> {
    match family {
        Family::V4 => arp(ArpOperation::REQUEST, [0; 4], STACK_V4.octets()),
        Family::V6 => {
            let rest = [&[0; 4], &STACK_V6.octets()[..], option].concat();
            let asked = icmp(Family::V6, 135, 0, &rest).from(Ipv6Addr::UNSPECIFIED).to(GROUP).at(GROUP_MAC);
            Packet { hop_limit: 255, sender: OTHER_MAC, ..asked }.frame()
        }
    }
}

/// The sender and target of each ARP packet among the frames.
fn arp_of(frames: &[Vec<u8>]) -> Vec<([u8; 4], [u8; 4])> {
    let of_arp = frames.iter().filter(|frame| frame[12..14] == [8, 6]);
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).unwrap();
    of_arp.map(|frame| (address(&frame[28..32]), address(&frame[38..42]))).collect()
}

/// The frames of ICMPv6.
fn icmpv6_of(frames: &[Vec<u8>]) -> Vec<&Vec<u8>> {
    frames.iter().filter(|frame| frame[12..14] == [0x86, 0xdd] && frame[20] == ICMPV6).collect()
}

#[test]
fn an_address_is_not_used_before_nobody_is_found_to_have_it() {
    let mut host = host(Start::Probed);
    host.drops(&arp(ArpOperation::REQUEST, PEER_V4.octets(), STACK_V4.octets()), Dropped::ArpNotForUs);
    for family in BOTH {
        host.drops(&echo(family, b"too early").frame(), Dropped::NotOurAddress);
    }
    assert!(notices(&mut host).is_empty());
    let sent = steps(&mut host, LONG);
    let (nobody, us) = ([0; 4], STACK_V4.octets());
    let expected = [(nobody, us), (nobody, us), (nobody, us), (us, us), (us, us)];
    assert_eq!(arp_of(&sent), expected, "three probes and two announcements (RFC 5227 §2.1.1, §2.3)");

    let (asked, told): (Vec<_>, Vec<_>) = icmpv6_of(&sent).into_iter().partition(|frame| frame[54] == 135);
    assert_eq!(told.len(), 1, "routers are told of one that is not of the link alone (RFC 9131 §4.1)");
    assert_eq!(asked.len(), 2, "one question an address (RFC 4862 §5.1)");
    for (frame, own) in asked.into_iter().zip([STACK_V6, LINK_LOCAL.parse().unwrap()]) {
        // They begin at random moments.
        let question = read(frame);
        assert_eq!((question.source, question.hop_limit), (Ipv6Addr::UNSPECIFIED.into(), 255));
        let (kind, code, _, rest) = message(&question);
        assert_eq!((kind, code, rest.len()), (135, 0, 16 + 8));
        assert_eq!(rest[16..18], [14, 1], "a nonce and nothing else (RFC 7527 §4.1)");
        let group = if rest[..16] == own.octets() {
            own
        } else if own == STACK_V6 {
            LINK_LOCAL.parse().unwrap()
        } else {
            STACK_V6
        };
        assert_eq!(rest[..16], group.octets());
    }
    assert_eq!(notices(&mut host), [ours(&["10.77.0.2/24", "fd77::2/64", "fe80::ff:fe00:2/64"])]);
    for family in BOTH {
        host.answer(&echo(family, b"now").frame());
    }
    assert_eq!(host.stack.deadline(), None);
}

#[test]
fn the_newcomer_yields() {
    for start in [Start::Probed, Start::Optimistic] {
        for family in BOTH {
            // Who asks over ARP for an address that we use already came later.
            let asked = (start == Start::Probed || family == Family::V6).then(|| probe(family, &[]));
            for other in std::iter::once(claim(family)).chain(asked) {
                let mut host = host(start);
                host.turn();
                notices(&mut host);
                steps(&mut host, 3);
                host.give(&other, Offload::default());
                host.turn();
                assert_eq!(notices(&mut host), [lost(family)], "{start:?} {family:?}");
                assert_eq!(host.counters().dropped(Dropped::AddressConflict), 1);
                steps(&mut host, LONG);
                host.drops(&echo(family, b"not ours").frame(), Dropped::NotOurAddress);
                let left: Vec<_> = host.stack.addresses().collect();
                assert_eq!((left.len(), left.contains(&address(stack(family)))), (2, false));
                let announced = notices(&mut host);
                assert_eq!(announced.len(), usize::from(start == Start::Probed), "{announced:?}");
            }
        }
    }
}

/// RFC 4862 §5.4.4: an advertisement comes from the address that it is about, which is ours, too.
#[test]
fn a_claim_comes_from_the_address_that_is_claimed() {
    for start in [Start::Probed, Start::Optimistic, Start::AtOnce] {
        let mut host = host(start);
        host.turn();
        notices(&mut host);
        let rest = [&[0x20, 0, 0, 0], &STACK_V6.octets()[..], &[2, 1], &OTHER_MAC].concat();
        let told = icmp(Family::V6, 136, 0, &rest).from(STACK_V6).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
        let claim = Packet { hop_limit: 255, sender: OTHER_MAC, ..told };
        host.ask(&claim.frame());
        let expected = match start {
            Start::AtOnce => Notice::Defended { address: address(STACK_V6), station: Mac::new(OTHER_MAC) },
            Start::Optimistic | Start::Probed => lost(Family::V6),
        };
        assert_eq!(notices(&mut host).first(), Some(&expected), "{start:?}");
    }
    // Nothing else may come from it, also not behind such a claim.
    let mut host = host(Start::AtOnce);
    for _ in 0..2 {
        let rest = [&[0x20, 0, 0, 0], &STACK_V6.octets()[..], &[2, 1], &OTHER_MAC].concat();
        let told = icmp(Family::V6, 136, 0, &rest).from(STACK_V6);
        host.ask(&Packet { hop_limit: 255, sender: OTHER_MAC, ..told }.frame());
        let echo = echo(Family::V6, b"?").from(STACK_V6);
        host.drops(&Packet { hop_limit: 255, sender: OTHER_MAC, ..echo }.frame(), Dropped::OwnSource);
        let of_another = [&[0x20, 0, 0, 0], &PEER_V6.octets()[..], &[2, 1], &OTHER_MAC].concat();
        let told = icmp(Family::V6, 136, 0, &of_another).from(STACK_V6);
        host.drops(&Packet { hop_limit: 255, sender: OTHER_MAC, ..told }.frame(), Dropped::OwnSource);
    }
}

#[test]
fn who_was_there_first_defends_now_and_then() {
    for start in [Start::AtOnce, Start::Probed] {
        for family in BOTH {
            let mut host = host(start);
            steps(&mut host, LONG);
            notices(&mut host);
            for round in 0..3 {
                let defence = host.ask(&claim(family));
                assert_eq!(defence.len(), 1, "round {round}");
                assert_defence(&defence[0], family);
                for _ in 0..9 {
                    assert!(host.ask(&claim(family)).is_empty(), "once in ten seconds (RFC 5227 §2.4)");
                    host.pass(Duration::from_secs(1));
                }
                host.pass(Duration::from_secs(1));
            }
            let told = notices(&mut host);
            let defended = Notice::Defended { address: address(stack(family)), station: Mac::new(OTHER_MAC) };
            assert_eq!(told, vec![defended; 3]);
            host.answer(&echo(family, b"still ours").frame());
        }
    }
}

#[track_caller]
fn assert_defence(frame: &[u8], family: Family) {
    match family {
        Family::V4 => assert_eq!(arp_of(&[frame.to_vec()]), [(STACK_V4.octets(), STACK_V4.octets())]),
        Family::V6 => {
            let told = read(frame);
            assert_eq!((told.source, told.destination), (STACK_V6.into(), ALL_NODES.into()));
            let rest = [&STACK_V6.octets()[..], &[2, 1], &STACK_MAC].concat();
            assert_eq!(message(&told), (136, 0, [0x20, 0, 0, 0], &rest[..]));
        }
    }
}

/// RFC 4429 §2.1, §3.3.
#[test]
fn an_address_that_is_probed_is_used_with_care() {
    let mut host = host(Start::Optimistic);
    host.turn();
    assert_eq!(notices(&mut host), [ours(&["10.77.0.2/24", "fd77::2/64", "fe80::ff:fe00:2/64"])], "at once");
    let asked = {
        let rest = [&[0; 4], &STACK_V6.octets()[..], &[1, 1], &PEER_MAC].concat();
        Packet { hop_limit: 255, ..icmp(Family::V6, 135, 0, &rest).to(GROUP).at(GROUP_MAC) }.frame()
    };
    let flags = |host: &mut Host| {
        let answer = read(&host.answer(&asked));
        let (kind, _, flags, _) = message(&answer);
        (kind, flags[0])
    };
    assert_eq!(flags(&mut host), (136, 0x40), "solicited, and replaces nothing");

    // RFC 5227 §2.1.1 has nothing on this: who asks came later.
    let answer = host.answer(&probe(Family::V4, &[]));
    assert_eq!(arp_of(&[answer]), [(STACK_V4.octets(), [0; 4])]);

    // To somebody else than who asked, so that he is not known.
    let wish =
        Packet { sender: OTHER_MAC, ..udp(Family::V6, 5000, 19, b"").from("fd77::7".parse::<Ipv6Addr>().unwrap()) };
    let question = read(&host.answer(&wish.frame()));
    assert_eq!(message(&question).3.len(), 16, "who asks does not say which station it is");
    steps(&mut host, LONG);
    assert_eq!(flags(&mut host), (136, 0x60), "it is certain now");
    let question = read(&host.answer(&wish.frame()));
    assert_eq!(message(&question).3[16..], [&[1, 1], &STACK_MAC[..]].concat());
    steps(&mut host, LONG);
}

#[test]
fn our_own_question_that_comes_back_is_no_conflict() {
    let mut host = host(Start::Probed);
    let mut asked = Vec::new();
    let mut came_back = 0;
    for _ in 0..LONG {
        for frame in steps(&mut host, 1) {
            let asks = |frame: &&Vec<u8>| frame[54] == 135 && frame[62..78] == STACK_V6.octets();
            if icmpv6_of(std::slice::from_ref(&frame)).into_iter().find(asks).is_none() {
                continue;
            }
            asked.push(frame[78..86].to_vec());
            host.give(&probe(Family::V6, &frame[78..86]), Offload::default());
            host.turn();
            came_back += 1;
        }
    }
    assert_eq!(came_back, 4, "three more are asked, once (RFC 7527 §4.2)");
    asked.dedup();
    assert_eq!(asked.len(), 4, "each under a nonce of its own");
    assert_eq!(notices(&mut host), [ours(&["10.77.0.2/24", "fd77::2/64", "fe80::ff:fe00:2/64"])]);
}

/// An answer to our question which address is ours.
fn told(station: [u8; 6], target: [u8; 4]) -> Vec<u8> {
    let packet = ArpEthIpv4Packet {
        operation: ArpOperation(4),
        sender_mac: PEER_MAC,
        sender_ipv4: PEER_V4.octets(),
        target_mac: station,
        target_ipv4: target,
    };
    let header = Ethernet2Header { source: PEER_MAC, destination: STACK_MAC, ether_type: 0x8035.into() };
    [&header.to_bytes()[..], &packet.to_bytes()].concat()
}

#[test]
fn a_diskless_host_asks_until_it_is_told() {
    for start in [Start::AtOnce, Start::Probed] {
        let ask_rarp = Some(vec!["10.77.0.1/16".parse().unwrap()]);
        let mut host = Host::new(PLAIN, &Config { addresses: Vec::new(), ask_rarp, start, ..config() });
        let sent = steps(&mut host, 100);
        let questions: Vec<_> = sent.iter().filter(|frame| frame[12..14] == [0x80, 0x35]).collect();
        assert_eq!(questions.len(), 4, "after 0, 1, 3 and 7 seconds, and somewhat more");
        for question in questions {
            assert_eq!(question[..14], [&EVERYBODY[..], &STACK_MAC, &[0x80, 0x35]].concat());
            assert_eq!(question[20..22], [0, 3], "who am I?");
            assert_eq!((&question[22..28], &question[32..38]), (&STACK_MAC[..], &STACK_MAC[..]));
        }
        assert!(notices(&mut host).is_empty());
        host.drops(&told(PEER_MAC, [10, 77, 3, 9]), Dropped::ArpNotForUs);
        host.drops(&told(STACK_MAC, [224, 0, 0, 9]), Dropped::BadArp);
        host.give(&told(STACK_MAC, [10, 77, 3, 9]), Offload::default());
        host.turn();
        steps(&mut host, if start == Start::Probed { LONG } else { 0 });
        assert_eq!(notices(&mut host), [ours(&["10.77.3.9/16", "fe80::ff:fe00:2/64"])]);
        host.answer(&echo(Family::V4, b"for the new one").to(std::net::Ipv4Addr::new(10, 77, 3, 9)).frame());
        host.drops(&told(STACK_MAC, [10, 77, 3, 10]), Dropped::ArpOperation);
        assert!(steps(&mut host, LONG).iter().all(|frame| frame[12..14] != [0x80, 0x35]), "it asks no more");
    }
}

/// What the leading shard decides, the other one follows, and repeats.
#[test]
fn all_shards_agree_on_addresses() {
    let config = Config { start: Start::Probed, ask_rarp: Some(Vec::new()), ..config() };
    let mut shards = Vec::new();
    for (mailbox, _waker) in Mailbox::for_shards(2).unwrap() {
        let (device, wire) = Memory::pair(PLAIN);
        let mut stack = Stack::shard(device, &config, mailbox).unwrap();
        bind_services(&mut stack);
        shards.push((stack, wire));
    }
    let recording = Recording::default();
    shards[1].0.keep_journal(Box::new(recording.clone()));
    let mut now = Instant::from_millis(1);
    let mut sent = [Vec::new(), Vec::new()];
    for step in 0..LONG {
        // The second shard hears the other station's claim, and what RARP tells.
        match step {
            3 => assert!(shards[1].1.send(&claim(Family::V6), Offload::default())),
            5 => assert!(shards[1].1.send(&told(STACK_MAC, [10, 77, 0, 9]), Offload::default())),
            _ => {}
        }
        now = now + STEP;
        for (sent, (stack, wire)) in sent.iter_mut().zip(&mut shards) {
            stack.turn(now).unwrap();
            sent.extend(std::iter::from_fn(|| wire.take()));
        }
    }
    assert!(sent[1].is_empty(), "only one asks");
    assert!(arp_of(&sent[0].iter().map(|(frame, _)| frame.clone()).collect::<Vec<_>>()).len() == 10);
    let ready = ours(&["10.77.0.2/24", "10.77.0.9/24", "fe80::ff:fe00:2/64"]);
    let said = shards.iter_mut().map(|(stack, _)| std::iter::from_fn(|| stack.take_notice()).collect::<Vec<_>>());
    assert_eq!(said.collect::<Vec<_>>(), [vec![lost(Family::V6), ready.clone()], vec![ready]]);

    for family in BOTH {
        let (stack, wire) = &mut shards[1];
        assert!(wire.send(&echo(family, b"").frame(), Offload::default()));
        stack.turn(now).unwrap();
        let answered: Vec<_> = std::iter::from_fn(|| wire.take()).collect();
        assert_eq!(answered.len(), usize::from(family == Family::V4));
        sent[1].extend(answered);
    }
    let (mailbox, _waker) = Mailbox::for_shards(2).unwrap().remove(1);
    let mut again = Stack::shard(Replay::new(&recording, PLAIN), &config, mailbox).unwrap();
    bind_services(&mut again);
    while again.repeat().unwrap() {}
    assert_eq!(again.device_mut().sent(), sent[1]);
    assert_eq!(again.addresses().collect::<Vec<_>>(), shards[1].0.addresses().collect::<Vec<_>>());
}

#[test]
fn nobody_who_takes_no_notices_costs_memory() {
    let mut host = host(Start::AtOnce);
    for _ in 0..2 * limits::NOTICES {
        host.ask(&claim(Family::V4));
        host.pass(Duration::from_secs(10));
    }
    assert_eq!(notices(&mut host).len(), limits::NOTICES);
}

#[test]
fn a_neighbour_is_known_where_an_address_was_lost() {
    let mut host = host(Start::Optimistic);
    host.turn();
    host.give(&claim(Family::V6), Offload::default());
    host.turn();
    host.drops(&here_i_am(Family::V6), Dropped::NotOurAddress);
    host.answer(&echo(Family::V4, b"the other family goes on").frame());
}
