//! Many neighbours at once: forged ones, and more than the cache holds.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use etherparse::{ArpEthIpv4Packet, ArpOperation, Ethernet2Header};
use taphouse::base::address::Family;
use taphouse::base::limits;
use taphouse::buffer::Offload;

use crate::neighbors::here_i_am;
use crate::packet::*;
use crate::reading::read;
use crate::wire::{Host, PLAIN, config};

/// A station of its own for every number.
fn station(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [2, 1, a, b, c, d]
}

fn v4(number: u32) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(Ipv4Addr::new(10, 0, 0, 0)) + 0x10_0000) + number)
}

fn v6(number: u32) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(STACK_V6) + 0x1_0000_0000 + u128::from(number))
}

/// "Who has your address?", asked by one who may not exist.
fn question(family: Family, number: u32) -> Vec<u8> {
    match family {
        Family::V4 => {
            let asked = ArpEthIpv4Packet {
                operation: ArpOperation::REQUEST,
                sender_mac: station(number),
                sender_ipv4: v4(number).octets(),
                target_mac: [0; 6],
                target_ipv4: STACK_V4.octets(),
            };
            let header = Ethernet2Header { source: station(number), destination: EVERYBODY, ether_type: 0x0806.into() };
            [&header.to_bytes()[..], &asked.to_bytes()].concat()
        }
        Family::V6 => {
            let rest = [&[0; 4], &STACK_V6.octets()[..], &[1, 1], &station(number)].concat();
            let asked = icmp(Family::V6, 135, 0, &rest).from(v6(number));
            Packet { hop_limit: 255, sender: station(number), ..asked }.frame()
        }
    }
}

/// A wish for characters, whose answer needs a neighbour.
fn wish(family: Family) -> Vec<u8> {
    udp(family, 5000, 19, b"please").frame()
}

/// A host whose networks have room for many.
fn wide() -> Host {
    let own = [format!("{STACK_V4}/8"), format!("{STACK_V6}/64")].map(|own| own.parse().unwrap());
    Host::new(PLAIN, &taphouse::stack::Config { addresses: own.to_vec(), ..config() })
}

#[test]
fn a_flood_of_forged_questions_costs_no_neighbour_and_no_ping() {
    let mut host = wide();
    for family in BOTH {
        host.ask(&wish(family));
        assert_eq!(host.ask(&here_i_am(family)).len(), 1);
    }
    for number in 0..100_000 {
        let family = BOTH[number as usize % 2];
        assert_eq!(read_station(&host.answer(&question(family, number))), station(number));
        if number % 1000 < 2 {
            host.answer(&echo(family, b"the host's own").frame());
        }
    }
    for family in BOTH {
        let answer = read(&host.answer(&wish(family)));
        assert_eq!(answer.station, PEER_MAC, "it is known still");
    }
    assert_eq!(host.counters().dropped_in_all(), 0);
}

fn read_station(frame: &[u8]) -> [u8; 6] {
    frame[..6].try_into().unwrap()
}

#[test]
fn of_a_flood_the_last_are_remembered() {
    let mut host = wide();
    let many = 3 * limits::NEIGHBORS as u32;
    for number in 0..many {
        host.answer(&question(Family::V4, number));
    }
    let mut wishes = |number: u32| {
        let wish = udp(Family::V4, 5000, 19, b"").from(v4(number));
        read_station(&host.answer(&Packet { sender: station(number), ..wish }.frame()))
    };
    assert_eq!(wishes(many - 1), station(many - 1));
    assert_eq!(wishes(many - limits::NEIGHBORS_STRANGERS as u32), station(many - limits::NEIGHBORS_STRANGERS as u32));
    assert_eq!(wishes(0), EVERYBODY, "it is asked for");
    // Nobody who was asked for answers.
    for _ in 0..4 {
        host.pass(Duration::from_millis(1001));
    }
}

/// Every entry is in use, and waits to be probed: one more neighbour finds a place, and the others go on.
#[test]
fn a_cache_full_of_used_neighbours_takes_one_more() {
    let mut host = wide();
    for number in 0..limits::NEIGHBORS as u32 {
        host.answer(&question(Family::V4, number));
        let wish = udp(Family::V4, 5000, 19, b"").from(v4(number));
        host.answer(&Packet { sender: station(number), ..wish }.frame());
    }
    for family in BOTH {
        assert_eq!(host.ask(&wish(family)).len(), 1, "it is asked for");
        let delivered = host.answer(&here_i_am(family));
        assert_eq!(read(&delivered).station, PEER_MAC);
    }
    assert_eq!(host.counters().dropped_in_all(), 0, "{}", host.counters());
}

/// RFC 7048 §3: packets go on to a neighbour that does not answer, and everybody is asked for it, ever less often.
#[test]
fn a_neighbour_that_was_there_is_not_given_up() {
    for family in BOTH {
        let mut host = Host::plain();
        host.ask(&wish(family));
        assert_eq!(host.ask(&here_i_am(family)).len(), 1);
        // It is not heard of again, and is sent to twice a second.
        let (mut one, mut all) = (Vec::new(), Vec::new());
        for half_second in 0..700 {
            host.give(&wish(family), Offload::default());
            let sent = host.pass(Duration::from_millis(501));
            let (asked, answers): (Vec<_>, Vec<_>) =
                sent.iter().map(|(frame, _)| frame).partition(|frame| !is_datagram(frame));
            assert_eq!(answers.len(), 1);
            assert_eq!(read_station(answers[0]), PEER_MAC);
            for frame in asked {
                let list = if read_station(frame) == PEER_MAC { &mut one } else { &mut all };
                list.push(half_second);
            }
        }
        assert_eq!(one.len(), 3, "three are to its station: {one:?}");
        assert_eq!((one[1] - one[0], one[2] - one[1]), (2, 2));
        let between: Vec<_> = all.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((all[0] - one[2], &between[..5]), (2, &[6, 18, 54, 120, 120][..]), "{all:?}");

        // Nobody sends to it, so nobody asks for it.
        for _ in 0..3 {
            host.pass(Duration::from_secs(61));
        }
        assert_eq!(host.stack.deadline(), None);
        host.answer(&wish(family));
        host.give(&here_i_am(family), Offload::default());
        assert!(host.turn().is_empty());
    }
}

fn is_datagram(frame: &[u8]) -> bool {
    let protocol = if frame[12..14] == [8, 0] { frame[23] } else { frame[20] };
    frame[12..14] != [8, 6] && protocol == UDP
}
