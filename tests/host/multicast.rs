//! Groups: joined and left, told to routers of every version, and what comes for them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use taphouse::base::address::{Address, Family, Mac};
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::stack::{Config, Filter, Groups, JoinError, Mailbox, Stack};

use crate::packet::*;
use crate::wire::{Host, PLAIN, bind_services, config};

const GROUP: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3)), IpAddr::V6(Ipv6Addr::new(0xff1e, 0, 0, 0, 0, 0, 0, 0x1234))];
/// Those of which single sources are wanted only.
const SOURCE_SPECIFIC: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(232, 1, 2, 3)), IpAddr::V6(Ipv6Addr::new(0xff3e, 0, 0, 0, 0, 0, 0, 0x1234))];
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// Our link-local address.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2);
const ALERT6: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];

fn group(family: Family) -> Address {
    GROUP[usize::from(family == Family::V6)].into()
}

fn bytes(address: impl Into<IpAddr>) -> Vec<u8> {
    match address.into() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// Another host of the link, or behind a router.
fn source(family: Family, last: u8) -> Address {
    match family {
        Family::V4 => Address::from_v4([192, 0, 2, last]),
        Family::V6 => Address::from(IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()))),
    }
}

/// What a report or leave says: whom it is for, and its message.
fn told(frame: &[u8]) -> (IpAddr, Vec<u8>) {
    assert_eq!(frame[6..12], STACK_MAC);
    let (destination, message): (IpAddr, &[u8]) = match frame[12..14] {
        [0x08, 0x00] => {
            let ip = &frame[14..];
            assert_eq!((ip[0], ip[1], ip[8], ip[9]), (0x46, 0xc0, 1, 2), "one option, precedence, TTL 1, IGMP");
            assert_eq!((&ip[20..24], sum(&[&ip[..24]])), (&[148, 4, 0, 0][..], 0xffff), "router alert; checksum");
            assert_eq!(usize::from(u16::from_be_bytes([ip[2], ip[3]])), ip.len());
            assert_eq!(ip[12..16], STACK_V4.octets());
            assert_eq!(sum(&[&ip[24..]]), 0xffff, "IGMP checksum");
            (Ipv4Addr::new(ip[16], ip[17], ip[18], ip[19]).into(), &ip[24..])
        }
        _ => {
            let ip = &frame[14..];
            assert_eq!((&frame[12..14], ip[6], ip[7]), (&[0x86, 0xdd][..], 0, 1), "IPv6, hop-by-hop, hop limit 1");
            assert_eq!(ip[40..48], ALERT6);
            let ends: [[u8; 16]; 2] = [ip[8..24].try_into().unwrap(), ip[24..40].try_into().unwrap()];
            let [from, to] = ends.map(|end| IpAddr::from(Ipv6Addr::from(end)));
            assert_eq!(from, IpAddr::from(LINK_LOCAL));
            assert_eq!(sum(&[&pseudo(from, to, ICMPV6, ip.len() - 48), &ip[48..]]), 0xffff, "ICMPv6 checksum");
            (to, &ip[48..])
        }
    };
    assert_eq!(frame[..6], Mac::of_group(destination.into()).bytes());
    (destination, message.to_vec())
}

/// The records of a report of the current version: type, group, sources.
fn records(frame: &[u8]) -> Vec<(u8, Vec<u8>, Vec<Vec<u8>>)> {
    let (destination, message) = told(frame);
    let (kind, length) = if destination.is_ipv4() { (0x22, 4) } else { (143, 16) };
    let routers = if length == 4 { IpAddr::from([224, 0, 0, 22]) } else { "ff02::16".parse().unwrap() };
    assert_eq!((message[0], destination), (kind, routers));
    let mut rest = &message[8..];
    let records = (0..u16::from_be_bytes([message[6], message[7]])).map(|_| {
        let (head, behind) = rest.split_at(4 + length);
        let (sources, behind) = behind.split_at(length * usize::from(u16::from_be_bytes([head[2], head[3]])));
        rest = behind;
        (head[0], head[4..].to_vec(), sources.chunks(length).map(<[u8]>::to_vec).collect())
    });
    let records = records.collect();
    assert!(rest.is_empty());
    records
}

/// A host that had its first turn.
fn host() -> Host {
    let mut host = Host::plain();
    assert!(host.turn().is_empty());
    host
}

/// What is sent within a time, and when.
fn within(host: &mut Host, span: Duration) -> Vec<(Duration, Vec<u8>)> {
    const STEP: Duration = Duration::from_millis(10);
    let start = host.now;
    let mut sent = Vec::new();
    while host.now.since(start) < span {
        let frames = host.pass(STEP);
        sent.extend(frames.into_iter().map(|(frame, _)| (host.now.since(start), frame)));
    }
    sent
}

/// A message in a packet for all hosts, as routers send it.
pub(crate) fn igmp(mut message: Vec<u8>) -> Packet {
    let checksum = !sum(&[&message]);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let packet = Packet::new(Family::V4, 2, message, None).to(Ipv4Addr::new(224, 0, 0, 1));
    Packet { hop_limit: 1, between: vec![148, 4, 0, 0], ..packet }.at([1, 0, 0x5e, 0, 0, 1])
}

/// The same for all nodes.
pub(crate) fn mld(kind: u8, rest: &[u8]) -> Packet {
    let packet = icmp(Family::V6, kind, 0, rest).from(ROUTER).to(ALL_NODES).at([0x33, 0x33, 0, 0, 0, 1]);
    Packet { hop_limit: 1, ..packet }.behind(0, &ALERT6)
}

/// A question of the current version, whose answer may wait a second.
fn query(family: Family, about: Option<Address>, sources: &[Address]) -> Packet {
    let about = about.map_or(vec![0; if family == Family::V4 { 4 } else { 16 }], bytes);
    let number = (sources.len() as u16).to_be_bytes();
    let sources = sources.iter().flat_map(|source| bytes(*source)).collect::<Vec<_>>();
    let tail = [&about[..], &[2, 125], &number, &sources].concat();
    match family {
        Family::V4 => igmp([&[0x11, 10, 0, 0], &tail[..]].concat()),
        Family::V6 => mld(130, &[&[0x03, 0xe8, 0, 0], &tail[..]].concat()),
    }
}

/// Gives a question, which is taken in, and returns what is sent within a second.
fn answers(host: &mut Host, question: &Packet) -> Vec<(Duration, Vec<u8>)> {
    let before = host.counters().groups_heard;
    let mut sent: Vec<_> = host.ask(&question.frame()).into_iter().map(|frame| (Duration::ZERO, frame)).collect();
    assert_eq!(host.counters().groups_heard, before + 1, "{}", host.counters());
    sent.extend(within(host, Duration::from_millis(1010)));
    sent
}

#[test]
fn joining_and_leaving_are_told_twice_within_a_second() {
    for family in BOTH {
        let mut host = host();
        host.stack.join(group(family), Filter::everything()).unwrap();
        let first = host.turn();
        assert_eq!(first.len(), 1, "at once");
        assert_eq!(records(&first[0].0), [(4, bytes(group(family)), vec![])], "to exclude nothing");
        let again = within(&mut host, Duration::from_secs(5));
        assert_eq!(again.len(), 1, "{again:?}");
        assert!(again[0].0 <= Duration::from_millis(1010) && again[0].1 == first[0].0);

        host.stack.leave(group(family)).unwrap();
        let left = within(&mut host, Duration::from_secs(5));
        assert_eq!(left.len(), 2);
        assert!(
            left.iter().all(|(_, frame)| records(frame) == [(3, bytes(group(family)), vec![])]),
            "to include nothing"
        );
        assert_eq!(host.counters().groups_told, 4);
        assert!(answers(&mut host, &query(family, Some(group(family)), &[])).is_empty(), "it is forgotten");
    }
}

#[test]
fn changes_of_sources_are_told_by_what_differs() {
    for family in BOTH {
        let mut host = host();
        let [one, two] = [1, 2].map(|last| source(family, last));
        host.stack.join(group(family), Filter::only(&[one]).unwrap()).unwrap();
        let first = host.turn();
        assert_eq!(records(&first[0].0), [(5, bytes(group(family)), vec![bytes(one)])], "allow");
        within(&mut host, Duration::from_secs(2));
        host.stack.join(group(family), Filter::only(&[two]).unwrap()).unwrap();
        let changed = host.turn();
        let differs = [(5, bytes(group(family)), vec![bytes(two)]), (6, bytes(group(family)), vec![bytes(one)])];
        assert_eq!(records(&changed[0].0), differs, "allow and block in one report");
        // Before it was told twice: both changes in one report, twice.
        host.stack.join(group(family), Filter::all_but(&[one]).unwrap()).unwrap();
        let sent = within(&mut host, Duration::from_secs(5));
        assert_eq!(sent.len(), 2);
        assert!(sent.iter().all(|(_, frame)| records(frame) == [(4, bytes(group(family)), vec![bytes(one)])]));
    }
}

#[test]
fn questions_are_answered_within_their_time() {
    for family in BOTH {
        let mut host = host();
        let [one, two, three] = [1, 2, 3].map(|last| source(family, last));
        host.stack.join(group(family), Filter::all_but(&[one, two]).unwrap()).unwrap();
        within(&mut host, Duration::from_secs(5));
        let whole = (2, bytes(group(family)), vec![bytes(one), bytes(two)]);
        let about_group = answers(&mut host, &query(family, Some(group(family)), &[]));
        assert_eq!(about_group.len(), 1);
        assert_eq!(records(&about_group[0].1), std::slice::from_ref(&whole));
        let about_sources = answers(&mut host, &query(family, Some(group(family)), &[two, three]));
        assert_eq!(records(&about_sources[0].1), [(1, bytes(group(family)), vec![bytes(three)])]);
        assert!(answers(&mut host, &query(family, Some(group(family)), &[one])).is_empty(), "nothing to say");
        let general = answers(&mut host, &query(family, None, &[]));
        assert_eq!(general.len(), 1);
        let said = records(&general[0].1);
        // Solicited-node groups are among them: of fd77::2 and of the link-local address, which is one group.
        let expected = if family == Family::V4 { 1 } else { 2 };
        assert!(said.contains(&whole) && said.len() == expected, "{said:02x?}");
        // Delays differ.
        let mut times = Vec::new();
        for _ in 0..10 {
            times.extend(answers(&mut host, &query(family, None, &[])).iter().map(|(time, _)| *time));
        }
        assert_eq!(times.len(), 10);
        times.dedup();
        assert!(times.len() > 5, "at random: {times:?}");
    }
}

/// RFC 4541 §2.1.1: switches do so.
#[test]
fn who_asks_of_groups_in_nobodys_name_is_answered() {
    let mut host = host();
    host.stack.join(group(Family::V4), Filter::everything()).unwrap();
    within(&mut host, Duration::from_secs(5));
    let nobody = query(Family::V4, None, &[]).from(Ipv4Addr::UNSPECIFIED);
    assert_eq!(answers(&mut host, &nobody).len(), 1);
    let echo = echo(Family::V4, b"").from(Ipv4Addr::UNSPECIFIED);
    host.drops(&echo.frame(), Dropped::BadSource);
    let refused = Packet { between: vec![7, 3, 3, 0], ..nobody };
    host.drops(&refused.frame(), Dropped::ErrorForbidden);
}

#[test]
fn questions_from_elsewhere_are_not_answered() {
    let mut host = host();
    for family in BOTH {
        host.stack.join(group(family), Filter::everything()).unwrap();
    }
    within(&mut host, Duration::from_secs(5));
    let good = query(Family::V4, None, &[]);
    let mut wrong_sum = good.clone();
    wrong_sum.payload[2] ^= 1;
    let to_group = good.clone().to(Ipv4Addr::new(239, 1, 2, 3)).at([1, 0, 0x5e, 1, 2, 3]);
    let mut cut = good.clone();
    cut.payload.truncate(7);
    let passed_on = Packet { hop_limit: 2, ..good.clone() };
    let unalerted = Packet { between: vec![1; 4], ..good };
    for bad in [passed_on, unalerted, wrong_sum, to_group, cut, igmp(vec![0x11, 1, 0, 0, 0, 0, 0, 0, 0])] {
        host.drops(&bad.frame(), Dropped::BadIgmp);
    }
    let good = query(Family::V6, None, &[]);
    let passed_on = Packet { hop_limit: 255, ..good.clone() };
    let unalerted = Packet { first: ICMPV6, between: Vec::new(), ..good.clone() };
    let other_alert = good.clone().behind(0, &[ICMPV6, 0, 5, 2, 0, 1, 1, 0]);
    let mut cut = good.clone();
    cut.payload.truncate(27);
    for bad in [passed_on, unalerted, other_alert, good.clone().from(PEER_V6), good.from(Ipv6Addr::UNSPECIFIED), cut] {
        host.drops(&bad.frame(), Dropped::BadMld);
    }
    host.drops(&igmp(vec![0x22, 0, 0, 0, 0, 0, 0, 0]).frame(), Dropped::GroupIgnored);
    host.drops(&mld(143, &[0, 0, 0, 0]).frame(), Dropped::GroupIgnored);
    assert!(within(&mut host, Duration::from_secs(11)).is_empty());
}

#[test]
fn routers_of_old_versions_are_answered_in_theirs() {
    let mut host = host();
    for family in BOTH {
        host.stack.join(group(family), Filter::only(&[source(family, 1)]).unwrap()).unwrap();
    }
    within(&mut host, Duration::from_secs(5));
    let heard = |sent: Vec<(Duration, Vec<u8>)>| sent.iter().map(|(_, frame)| told(frame)).collect::<Vec<_>>();
    let v4 = bytes(group(Family::V4));
    // IGMPv2: a report to the group, of the group only.
    let second = heard(answers(&mut host, &igmp([&[0x11, 10, 0, 0][..], &[0; 4]].concat())));
    let [(to, message)] = &second[..] else { panic!("{second:?}") };
    assert_eq!((to, message[0], &message[4..]), (&GROUP[0], 0x16, &v4[..]));
    // A change is told in the same version, and repeated within ten seconds.
    let other = Address::from_v4([239, 0, 0, 9]);
    host.stack.join(other, Filter::everything()).unwrap();
    let joined = heard(within(&mut host, Duration::from_secs(11)));
    assert_eq!(joined.iter().map(|(_, message)| message[0]).collect::<Vec<_>>(), [0x16, 0x16]);
    host.stack.leave(other).unwrap();
    let left = heard(within(&mut host, Duration::from_secs(11)));
    let [(to, message)] = &left[..] else { panic!("{left:?}") };
    assert_eq!((*to, message[0], &message[4..]), ("224.0.0.2".parse().unwrap(), 0x17, &[239, 0, 0, 9][..]));
    // IGMPv1: whose routers do not read that somebody leaves.
    host.stack.join(other, Filter::everything()).unwrap();
    within(&mut host, Duration::from_secs(11));
    let mut first = igmp(vec![0x11, 0, 0, 0, 0, 0, 0, 0]);
    first.between = Vec::new();
    host.ask(&first.frame());
    let first = heard(within(&mut host, Duration::from_secs(11)));
    assert!(first.len() == 2 && first.iter().all(|(_, message)| message[0] == 0x12), "{first:?}");
    host.stack.leave(other).unwrap();
    assert!(within(&mut host, Duration::from_secs(11)).is_empty());
    // MLDv1, in which solicited-node groups are told, too.
    let asked = mld(130, &[&[0x03, 0xe8, 0, 0][..], &[0; 16]].concat());
    let mut said = heard(answers(&mut host, &asked));
    said.sort();
    let kinds: Vec<u8> = said.iter().map(|(_, message)| message[0]).collect();
    assert_eq!((kinds, said[1].0), (vec![131, 131], GROUP[1]), "{said:?}");
    host.stack.leave(group(Family::V6)).unwrap();
    let done = heard(within(&mut host, Duration::from_secs(11)));
    let [(to, message)] = &done[..] else { panic!("{done:?}") };
    assert_eq!((*to, message[0]), ("ff02::2".parse().unwrap(), 132));
}

#[test]
fn the_current_version_comes_back_when_old_routers_are_gone() {
    for family in BOTH {
        let mut host = host();
        host.stack.join(group(family), Filter::everything()).unwrap();
        within(&mut host, Duration::from_secs(2));
        let old = match family {
            Family::V4 => igmp([&[0x11, 10, 0, 0][..], &[0; 4]].concat()),
            Family::V6 => mld(130, &[&[0x03, 0xe8, 0, 0][..], &[0; 16]].concat()),
        };
        assert!(!answers(&mut host, &old).is_empty());
        // A newer question does not change that.
        let about = query(family, Some(group(family)), &[source(family, 1)]);
        let answered = answers(&mut host, &about);
        assert!(matches!(told(&answered[0].1).1[0], 0x16 | 131));
        // Twice 125 seconds, and ten times the second that an answer might wait, or the ten that it waits by default.
        host.pass(Duration::from_secs(255));
        let answered = answers(&mut host, &query(family, Some(group(family)), &[]));
        assert!(matches!(told(&answered[0].1).1[0], 0x16 | 131), "still");
        host.pass(Duration::from_secs(5));
        let answered = answers(&mut host, &query(family, Some(group(family)), &[]));
        assert_eq!(records(&answered[0].1), [(2, bytes(group(family)), vec![])]);
    }
}

/// In the group, asked about it by a router of the old version, and having heard another host's report: what is said.
fn said_behind_another(family: Family, group: IpAddr, filter: Filter) -> usize {
    let mut host = host();
    host.stack.join(group.into(), filter).unwrap();
    within(&mut host, Duration::from_secs(2));
    let about = bytes(group);
    let (asked, report) = match family {
        Family::V4 => (igmp([&[0x11, 10, 0, 0][..], &about].concat()), igmp([&[0x16, 0, 0, 0][..], &about].concat())),
        Family::V6 => {
            let question = mld(130, &[&[0x03, 0xe8, 0, 0][..], &about].concat());
            (question, mld(131, &[&[0, 0, 0, 0][..], &about].concat()))
        }
    };
    let report = report.to(group).at(Mac::of_group(group.into()).bytes());
    let general = match family {
        Family::V4 => igmp([&[0x11, 10, 0, 0][..], &[0; 4]].concat()),
        Family::V6 => mld(130, &[&[0x03, 0xe8, 0, 0][..], &[0; 16]].concat()),
    };
    answers(&mut host, &general);
    assert_eq!(answers(&mut host, &asked).len(), 1);
    host.pass(Duration::from_secs(1));
    assert!(host.ask(&asked.frame()).is_empty());
    assert!(host.ask(&report.frame()).is_empty());
    within(&mut host, Duration::from_secs(2)).len()
}

#[test]
fn who_hears_another_report_of_an_old_version_is_silent() {
    for (family, group) in BOTH.into_iter().zip(GROUP) {
        assert_eq!(said_behind_another(family, group, Filter::everything()), 0);
    }
}

/// RFC 9776 §7.2.2, RFC 9777 §8.2.2.
#[test]
fn a_source_specific_group_is_not_spoken_for() {
    for (family, group) in BOTH.into_iter().zip(SOURCE_SPECIFIC) {
        let filter = Filter::only(&[source(family, 1)]).unwrap();
        assert_eq!(said_behind_another(family, group, filter), 1);
    }
}

#[test]
fn datagrams_for_a_group_come_from_sources_that_are_wanted() {
    for family in BOTH {
        let mut host = host();
        let [one, two] = [1, 2].map(|last| source(family, last));
        let to = GROUP[usize::from(family == Family::V6)];
        let from = |source: Address| {
            udp(family, 5000, 9, b"for all")
                .from(IpAddr::from(source))
                .to(to)
                .at(Mac::of_group(to.into()).bytes())
                .frame()
        };
        host.drops(&from(one), Dropped::NotOurMac);
        let mut check = |filter: Filter, wanted: [bool; 2]| {
            host.stack.join(group(family), filter).unwrap();
            host.turn();
            for (source, wanted) in [one, two].into_iter().zip(wanted) {
                let before = host.counters().datagrams_received;
                match wanted {
                    true => assert!(host.ask(&from(source)).is_empty()),
                    false => host.drops(&from(source), Dropped::SourceFiltered),
                }
                assert_eq!(host.counters().datagrams_received, before + u64::from(wanted));
            }
        };
        check(Filter::everything(), [true, true]);
        check(Filter::only(&[one]).unwrap(), [true, false]);
        check(Filter::all_but(&[one]).unwrap(), [false, true]);
        host.stack.leave(group(family)).unwrap();
        host.turn();
        host.drops(&from(two), Dropped::NotOurMac);
    }
}

/// RFC 9776 §3.2, RFC 9777 §4.2: routers hear what all ports want together, and each gets what it wants.
#[test]
fn what_several_ports_want_is_merged() {
    for family in BOTH {
        let mut host = host();
        let [one, two] = [1, 2].map(|last| source(family, last));
        let only = |source| Filter::only(&[source]).unwrap();
        let said = |host: &mut Host| {
            let sent = within(host, Duration::from_secs(3));
            assert!(sent.windows(2).all(|pair| pair[0].1 == pair[1].1), "the same again");
            sent.first().map(|(_, frame)| records(frame)).unwrap_or_default()
        };
        let about = bytes(group(family));
        host.stack.join_at(9, group(family), only(one)).unwrap();
        assert_eq!(said(&mut host), [(5, about.clone(), vec![bytes(one)])]);
        host.stack.join_at(7, group(family), only(two)).unwrap();
        assert_eq!(said(&mut host), [(5, about.clone(), vec![bytes(two)])], "of one mode: what comes to it");
        let from = |source: Address, port: u16| {
            let datagram = udp(family, 5000, port, b"for some").from(IpAddr::from(source));
            datagram.to(GROUP[usize::from(family == Family::V6)]).at(Mac::of_group(group(family)).bytes()).frame()
        };
        host.drops(&from(two, 9), Dropped::SourceFiltered);
        let before = host.counters().datagrams_received;
        host.ask(&from(one, 9));
        assert_eq!(host.counters().datagrams_received, before + 1);
        // All but one and two, of which the other port still wants one.
        host.stack.join_at(7, group(family), Filter::all_but(&[one, two]).unwrap()).unwrap();
        assert_eq!(said(&mut host), [(4, about.clone(), vec![bytes(two)])], "to exclude");
        host.stack.leave_at(9, group(family)).unwrap();
        assert_eq!(said(&mut host), [(6, about.clone(), vec![bytes(one)])], "block: nobody wants it now");
        host.stack.unbind(7);
        assert_eq!(said(&mut host), [(3, about.clone(), vec![])], "to include nothing");
        host.drops(&from(one, 9), Dropped::NotOurMac);
    }
}

#[test]
fn what_no_router_may_hear_of_is_not_told() {
    let mut host = host();
    let interface_local: Address = "ff01::99".parse().unwrap();
    host.stack.join(interface_local, Filter::everything()).unwrap();
    assert!(within(&mut host, Duration::from_secs(3)).is_empty());
    for family in BOTH {
        for (_, frame) in answers(&mut host, &query(family, None, &[])) {
            assert!(records(&frame).iter().all(|(_, group, _)| group[..2] == [0xff, 2] && group[15] != 1));
        }
        let all = if family == Family::V4 { Address::ALL_HOSTS } else { Address::ALL_NODES };
        assert!(answers(&mut host, &query(family, Some(all), &[])).is_empty());
        assert_eq!(host.stack.join(all, Filter::everything()), Err(JoinError::NotAGroup));
    }
}

/// RFC 9776 §4.2.13, RFC 9777 §5.2.13.
#[test]
fn no_source_of_a_source_specific_group_is_excluded() {
    for (family, group) in BOTH.into_iter().zip(SOURCE_SPECIFIC) {
        let mut host = host();
        let [one, two] = [1, 2].map(|last| source(family, last));
        for filter in [Filter::everything(), Filter::all_but(&[one]).unwrap()] {
            assert_eq!(host.stack.join(group.into(), filter), Err(JoinError::SourceSpecific));
        }
        assert!(within(&mut host, Duration::from_secs(3)).is_empty());
        host.stack.join(group.into(), Filter::only(&[one, two]).unwrap()).unwrap();
        let mut sent = within(&mut host, Duration::from_secs(3));
        sent.extend(answers(&mut host, &query(family, None, &[])));
        host.stack.leave(group.into()).unwrap();
        sent.extend(within(&mut host, Duration::from_secs(3)));
        let about = |frame: &[u8]| {
            records(frame)
                .into_iter()
                .filter(|(_, of, _)| *of == bytes(group))
                .map(|(kind, ..)| kind)
                .collect::<Vec<_>>()
        };
        let kinds: Vec<u8> = sent.iter().flat_map(|(_, frame)| about(frame)).collect();
        assert_eq!(kinds, [5, 5, 1, 6, 6], "allow, is include, block");
    }
}

#[test]
fn groups_of_our_own_addresses_are_told() {
    let mut host = Host::new(PLAIN, &Config { groups: Groups::All, ..config() });
    let sent = within(&mut host, Duration::from_secs(5));
    assert_eq!(sent.len(), 2, "once and again: {sent:?}");
    // That of fd77::2 and of the link-local address is one: ff02::1:ff00:2.
    let solicited = bytes("ff02::1:ff00:2".parse::<Ipv6Addr>().unwrap());
    assert!(sent.iter().all(|(_, frame)| records(frame) == [(4, solicited.clone(), vec![])]));
    assert!(sent[0].0 <= Duration::from_secs(1), "after a moment");
}

#[test]
fn groups_and_sources_are_bounded() {
    let mut host = host();
    let nth = |number: usize| Address::from_v4([239, 1, 0, number as u8]);
    for number in 0..limits::GROUPS {
        host.stack.join(nth(number), Filter::everything()).unwrap();
    }
    assert_eq!(host.stack.join(nth(99), Filter::everything()), Err(JoinError::TooMany));
    // Leaving makes room, but not before routers know of those that were left.
    let mut refused = 0;
    for number in 0..200 {
        host.stack.leave(nth(number)).unwrap();
        refused += u32::from(host.stack.join(nth(number + 1), Filter::everything()).is_err());
    }
    assert!(refused > 0);
    within(&mut host, Duration::from_secs(3));
    (0..=200).for_each(|number| host.stack.leave(nth(number)).unwrap());
    within(&mut host, Duration::from_secs(3));
    for number in 0..limits::GROUPS {
        host.stack.join(nth(number), Filter::everything()).unwrap();
    }
    let other: Address = "ff15::1".parse().unwrap();
    host.stack.join(other, Filter::everything()).unwrap();
    assert!(Filter::only(&[nth(1); 2]).is_none(), "a group is no source");
    let sources: Vec<Address> = (0..=limits::GROUP_SOURCES as u8).map(|last| source(Family::V4, last)).collect();
    assert!(Filter::only(&sources).is_none() && Filter::only(&sources[1..]).is_some());
    assert_eq!(
        host.stack.join(other, Filter::only(&sources[1..2]).unwrap()),
        Err(JoinError::NotAGroup),
        "two families"
    );
    let sent = within(&mut host, Duration::from_secs(3));
    let told: usize = sent.iter().filter(|(_, frame)| frame[12] == 8).map(|(_, frame)| records(frame).len()).sum();
    assert_eq!(told, 2 * limits::GROUPS, "each twice");
    // A long list goes into several reports, none longer than the link carries.
    for number in 0..limits::GROUPS {
        host.stack.join(nth(number), Filter::all_but(&sources[1..]).unwrap()).unwrap();
    }
    let sent = within(&mut host, Duration::from_secs(3));
    let told: usize = sent.iter().map(|(_, frame)| records(frame).len()).sum();
    assert!(told == 2 * limits::GROUPS && sent.len() > 2 && sent.iter().all(|(_, frame)| frame.len() <= 1514));
}

#[test]
fn a_flood_of_questions_gets_ten_answers_a_second() {
    for family in BOTH {
        let mut host = host();
        host.stack.join(group(family), Filter::everything()).unwrap();
        within(&mut host, Duration::from_secs(3));
        // Answers are demanded at once.
        let mut at_once = query(family, None, &[]);
        match family {
            Family::V4 => at_once = igmp([&[0x11, 0, 0, 0][..], &at_once.payload[4..]].concat()),
            Family::V6 => at_once.payload[4..6].fill(0),
        }
        let about = query(family, Some(group(family)), &(1..=50).map(|last| source(family, last)).collect::<Vec<_>>());
        let mut sent = 0;
        for _ in 0..1000 {
            for asked in [&at_once, &about] {
                sent += host.ask(&asked.frame()).len();
            }
            sent += host.pass(Duration::from_millis(1)).len();
        }
        assert!((5..=11).contains(&sent), "{sent} in a second");
        assert_eq!(host.counters().groups_heard, 2000);
    }
}

/// All shards hear a group; one of them speaks of it, also when another one is asked.
#[test]
fn one_shard_speaks() {
    let mailboxes = Mailbox::for_shards(2).unwrap();
    let mut shards: Vec<Host> = mailboxes
        .into_iter()
        .map(|(mailbox, _waker)| {
            let (device, wire) = taphouse::device::Memory::pair(PLAIN);
            let mut stack = Stack::shard(device, &config(), mailbox).unwrap();
            bind_services(&mut stack);
            Host { stack, wire, now: taphouse::base::time::Instant::from_millis(1000) }
        })
        .collect();
    let spoken = |shards: &mut Vec<Host>, span: u64| -> Vec<usize> {
        (0..span).fold(vec![0, 0], |counts, _| {
            let sent = shards.iter_mut().map(|shard| shard.pass(Duration::from_millis(10)).len());
            counts.into_iter().zip(sent).map(|(count, sent)| count + sent).collect()
        })
    };
    spoken(&mut shards, 1);
    for shard in &mut shards {
        shard.stack.join(group(Family::V4), Filter::everything()).unwrap();
    }
    assert_eq!(spoken(&mut shards, 300), [2, 0]);
    shards[1].give(&query(Family::V4, None, &[]).frame(), Default::default());
    assert_eq!(spoken(&mut shards, 300), [1, 0]);
}
