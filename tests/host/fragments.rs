//! Fragments that come, and fragments that we send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use taphouse::application::{Answer, Batch, Datagrams, Io};
use taphouse::base::address::{Family, Flow};
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::buffer::Offload;
use taphouse::stack::Config;

use crate::neighbors::here_i_am;
use crate::offload::partial;
use crate::packet::*;
use crate::reading::{datagram, message, read};
use crate::wire::{Host, OFFLOADS, PLAIN, config};

/// A piece of a packet: where it begins, where it ends, and whether it says that others follow.
pub(crate) type Cut = (usize, usize, bool);

/// Bytes that a fragment carries on an Ethernet.
pub(crate) fn room(family: Family) -> usize {
    if family == Family::V4 { 1480 } else { 1448 }
}

/// Where fragments of `length` bytes are cut.
pub(crate) fn cuts(length: usize, room: usize) -> Vec<Cut> {
    (0..length).step_by(room).map(|start| (start, length.min(start + room), start + room < length)).collect()
}

/// One fragment of a packet, of which the frame is given, under a name.
pub(crate) fn piece(frame: &[u8], name: u32, (start, end, more): Cut) -> Vec<u8> {
    let (ethernet, packet) = frame.split_at(14);
    if packet[0] >> 4 == 4 {
        let own = usize::from(packet[0] & 15) * 4;
        let (head, data) = packet.split_at(own);
        let mut head = head.to_vec();
        head[2..4].copy_from_slice(&((own + end - start) as u16).to_be_bytes());
        head[4..6].copy_from_slice(&(name as u16).to_be_bytes());
        let flags = (start / 8) as u16 | if more { 0x2000 } else { 0 };
        head[6..8].copy_from_slice(&flags.to_be_bytes());
        head[10..12].fill(0);
        let checksum = !sum(&[&head]);
        head[10..12].copy_from_slice(&checksum.to_be_bytes());
        [ethernet, &head, &data[start..end]].concat()
    } else {
        let (head, data) = packet.split_at(40);
        let mut head = head.to_vec();
        let next = std::mem::replace(&mut head[6], 44);
        head[4..6].copy_from_slice(&((8 + end - start) as u16).to_be_bytes());
        let fragment = [&[next, 0], &(start as u16 | u16::from(more)).to_be_bytes()[..], &name.to_be_bytes()].concat();
        [ethernet, &head, &fragment, &data[start..end]].concat()
    }
}

/// All fragments of a packet.
pub(crate) fn pieces(frame: &[u8], name: u32, room: usize) -> Vec<Vec<u8>> {
    let length = frame.len() - 14 - if frame[14] >> 4 == 4 { 20 } else { 40 };
    cuts(length, room).into_iter().map(|cut| piece(frame, name, cut)).collect()
}

/// Whether our host sent a part of a packet.
pub(crate) fn is_fragment(frame: &[u8]) -> bool {
    match frame[14] >> 4 {
        4 => frame[20] & 0x3f != 0 || frame[21] != 0,
        _ => frame[20] == 44,
    }
}

/// Puts fragments together that our host sent in order, and checks what is true of each. Also their name.
pub(crate) fn joined(fragments: &[Vec<u8>]) -> (Vec<u8>, u32) {
    let mut whole = Vec::new();
    let mut names = Vec::new();
    for (count, frame) in fragments.iter().enumerate() {
        let (is_last, packet) = (count + 1 == fragments.len(), &frame[14..]);
        assert!(packet.len() <= 1500, "{} bytes", packet.len());
        let field = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let (start, more, name, data) = if packet[0] >> 4 == 4 {
            assert_eq!((usize::from(field(2)), sum(&[&packet[..20]])), (packet.len(), 0xffff));
            let flags = field(6);
            assert_eq!(flags & 0xc000, 0, "it may be cut again");
            (usize::from(flags & 0x1fff) * 8, flags & 0x2000 != 0, u32::from(field(4)), &packet[20..])
        } else {
            assert_eq!((usize::from(field(4)), packet[6]), (packet.len() - 40, 44));
            let offset = usize::from(field(42));
            assert_eq!((packet[41], offset & 6), (0, 0), "what is reserved is zero");
            let name = u32::from(field(44)) << 16 | u32::from(field(46));
            (offset & !7, offset & 1 != 0, name, &packet[48..])
        };
        if count == 0 {
            whole.extend_from_slice(&frame[..14 + if packet[0] >> 4 == 4 { 20 } else { 40 }]);
        }
        let head = 14 + if packet[0] >> 4 == 4 { 20 } else { 40 };
        assert_eq!((start, more), (whole.len() - head, !is_last), "in order, the last one is the last");
        assert!(is_last || data.len() % 8 == 0);
        whole.extend_from_slice(data);
        names.push(name);
    }
    assert!(names.iter().all(|name| *name == names[0]), "one name for all");
    let length = whole.len() - 14;
    if whole[14] >> 4 == 4 {
        whole[16..18].copy_from_slice(&(length as u16).to_be_bytes());
        whole[20..22].fill(0);
        whole[24..26].fill(0);
        let checksum = !sum(&[&whole[14..34]]);
        whole[24..26].copy_from_slice(&checksum.to_be_bytes());
    } else {
        whole[18..20].copy_from_slice(&((length - 40) as u16).to_be_bytes());
        whole[20] = fragments[0][14 + 40];
    }
    (whole, names[0])
}

/// Gives frames in turns of as many as fit; all that came back.
fn give_all(host: &mut Host, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for frame in frames {
        host.give(frame, Offload::default());
        answers.extend(host.turn().into_iter().map(|(frame, _)| frame));
    }
    answers
}

fn nothing_waits(host: &Host) {
    assert_eq!(host.stack.memory_pinned(), 0, "{}", host.counters());
}

#[test]
fn echoes_and_datagrams_of_every_size_come_back() {
    for family in BOTH {
        let largest = 65_535 - 8 - if family == Family::V4 { 20 } else { 0 };
        for size in [1472, 1473, 3000, 8000, 15_900, 16_500, 40_000, 60_000, largest - 1, largest] {
            let mut host = Host::plain();
            for (name, asked) in [echo(family, &pattern(size)), udp(family, 5000, 7, &pattern(size))].iter().enumerate()
            {
                let fragments = pieces(&asked.frame(), name as u32 + 9, room(family));
                let answers = give_all(&mut host, &fragments);
                assert_eq!(answers.len(), fragments.len());
                let answer = match answers.len() {
                    1 => read(&answers[0]),
                    _ => read(&joined(&answers).0),
                };
                assert_eq!((answer.source, answer.destination), (stack(family), peer(family)));
                assert_eq!((answer.station, answer.hop_limit), (PEER_MAC, 64));
                match asked.protocol {
                    UDP => assert_eq!(datagram(&answer), (7, 5000, &pattern(size)[..])),
                    _ => assert_eq!(message(&answer).3, pattern(size)),
                }
                nothing_waits(&host);
            }
            assert_eq!(host.counters().dropped_in_all(), 0);
        }
    }
}

#[test]
fn the_order_does_not_matter() {
    for family in BOTH {
        let mut host = Host::plain();
        let asked = udp(family, 5000, 7, &pattern(20_000)).frame();
        for turn in 0..14 {
            let mut fragments = pieces(&asked, turn, room(family));
            fragments.rotate_left(turn as usize);
            fragments[1..].reverse();
            let answer = read(&joined(&give_all(&mut host, &fragments)).0);
            assert_eq!(datagram(&answer).2, pattern(20_000));
            nothing_waits(&host);
        }
        assert_eq!(host.counters().reassembled, 14);
    }
}

/// RFC 791 §3.2 and RFC 8200 §4.5: sender, receiver and name tell datagrams apart, in IPv4 the protocol, too.
#[test]
fn fragments_of_many_datagrams_do_not_mix() {
    for family in BOTH {
        let mut host = Host::plain();
        let asked = |count: u16| udp(family, 5000 + count, 7, &vec![count as u8; 4000]).frame();
        let all: Vec<Vec<Vec<u8>>> =
            (0..50).map(|count| pieces(&asked(count), 100 + u32::from(count), room(family))).collect();
        let mixed: Vec<Vec<u8>> = (0..3).flat_map(|at| all.iter().map(move |pieces| pieces[at].clone())).collect();
        let answers = give_all(&mut host, &mixed);
        for (count, answer) in answers.chunks(3).enumerate() {
            let answer = read(&joined(answer).0);
            assert_eq!(datagram(&answer), (7, 5000 + count as u16, &vec![count as u8; 4000][..]));
        }
        assert_eq!(answers.len(), 150);

        // The same name, from others and for another protocol.
        let other: IpAddr = if family == Family::V4 {
            Ipv4Addr::new(10, 77, 0, 9).into()
        } else {
            Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 9).into()
        };
        let [one, two] = [peer(family), other]
            .map(|source| pieces(&udp(family, 5000, 7, &pattern(2000)).from(source).frame(), 1, room(family)));
        let answers = give_all(&mut host, &[one[0].clone(), two[1].clone()]);
        assert!(answers.is_empty());
        assert_eq!(give_all(&mut host, &[two[0].clone(), one[1].clone()]).len(), 4);
        nothing_waits(&host);
    }
    let mut host = Host::plain();
    let [udp, icmp] = [udp(Family::V4, 5000, 7, &pattern(2000)), echo(Family::V4, &pattern(2000))]
        .map(|packet| pieces(&packet.frame(), 1, 1480));
    assert!(give_all(&mut host, &[udp[0].clone(), icmp[1].clone()]).is_empty());
    assert_eq!(give_all(&mut host, &[icmp[0].clone(), udp[1].clone()]).len(), 4);
}

/// RFC 5722 §4, RFC 8200 §4.5: an overlap spoils the datagram, and what comes of it later.
#[test]
fn an_overlap_drops_the_whole_datagram_and_the_rest_of_it() {
    for family in BOTH {
        let asked = udp(family, 5000, 7, &pattern(2992)).frame();
        let bad: [&[Cut]; 8] = [
            &[(0, 1000, true), (992, 2000, true)],
            &[(1000, 2000, true), (0, 1008, true)],
            &[(0, 3000, true), (1000, 1008, true)],
            &[(1000, 1008, true), (0, 3000, true)],
            &[(0, 1000, true), (0, 1008, true)],
            &[(0, 1008, true), (8, 1008, true)],
            // Another end, and beyond the end.
            &[(2000, 3000, false), (2000, 2992, false)],
            &[(1000, 2000, false), (2000, 2008, true)],
        ];
        for cuts in bad {
            let mut host = Host::plain();
            assert!(give_all(&mut host, &[piece(&asked, 1, cuts[0])]).is_empty());
            host.drops(&piece(&asked, 1, cuts[1]), Dropped::FragmentConflict);
            nothing_waits(&host);
            for cut in [(0, 1000, true), (1000, 2000, true), (2000, 3000, false)] {
                host.drops(&piece(&asked, 1, cut), Dropped::FragmentConflict);
            }
            // Nothing is said of it later, and its name is free again.
            assert!(host.pass(limits::REASSEMBLY_TIMEOUT).is_empty());
            assert_eq!(give_all(&mut host, &pieces(&asked, 1, room(family))).len(), 3);
        }
    }
}

#[test]
fn the_same_fragment_again_changes_nothing() {
    for family in BOTH {
        let mut host = Host::plain();
        let asked = udp(family, 5000, 7, &pattern(4000)).frame();
        let fragments = pieces(&asked, 3, room(family));
        for fragment in &fragments[..2] {
            assert!(host.ask(fragment).is_empty());
            host.drops(fragment, Dropped::FragmentAgain);
        }
        host.drops(&fragments[0], Dropped::FragmentAgain);
        assert_eq!(host.ask(&fragments[2]).len(), 3);
        // The last one once more begins a datagram that nobody ends.
        assert!(host.ask(&fragments[2]).is_empty());
        assert!(host.pass(limits::REASSEMBLY_TIMEOUT).is_empty(), "without the first fragment nobody is told");
        assert_eq!(host.counters().dropped(Dropped::FragmentsLate), 1);
    }
}

/// RFC 1122 §3.3.2, RFC 8200 §4.5, RFC 4443 §3.3: after a minute, and only if the first fragment came.
#[test]
fn the_sender_hears_of_a_datagram_that_was_not_whole_in_time() {
    for family in BOTH {
        let mut host = Host::plain();
        let asked = udp(family, 5000, 7, &pattern(4000)).frame();
        let fragments = pieces(&asked, 3, room(family));
        assert!(host.ask(&fragments[1]).is_empty());
        assert!(host.pass(Duration::from_secs(30)).is_empty());
        assert!(host.ask(&fragments[0]).is_empty());
        let nearly = Duration::from_secs(30) - Duration::from_nanos(1);
        assert!(host.pass(nearly).is_empty(), "a minute from the first that came");
        assert!(host.stack.deadline().is_some());
        let told = host.pass(Duration::from_nanos(1));
        let answer = read(&told[0].0);
        let (kind, code, rest, quoted) = message(&answer);
        let most = if family == Family::V4 { 548 } else { 1232 };
        assert_eq!((told.len(), kind, code, rest), (1, if family == Family::V4 { 11 } else { 3 }, 1, [0; 4]));
        assert!(quoted == &fragments[0][14..14 + most], "the first fragment is quoted as it came");
        assert_eq!((answer.source, answer.destination, answer.station), (stack(family), peer(family), PEER_MAC));
        assert_eq!((host.counters().errors_sent_late, host.counters().dropped(Dropped::FragmentsLate)), (1, 1));
        nothing_waits(&host);

        // Nothing is said of an ICMP error, nor of what went to a group.
        let error = icmp(family, if family == Family::V4 { 3 } else { 1 }, 0, &pattern(3000)).frame();
        assert!(host.ask(&pieces(&error, 4, room(family))[0]).is_empty());
        assert!(host.pass(limits::REASSEMBLY_TIMEOUT).is_empty());
    }
}

/// RFC 6946: a fragment that is a whole packet is one, whatever else comes under its name.
#[test]
fn an_atomic_fragment_waits_for_nothing() {
    let mut host = Host::plain();
    let asked = udp(Family::V6, 5000, 7, &pattern(2000)).frame();
    let fragments = pieces(&asked, 3, 1448);
    assert!(host.ask(&fragments[0]).is_empty());
    let atomic = udp(Family::V6, 5001, 7, b"atomic").behind(44, &[UDP, 0, 0, 0, 0, 0, 0, 3]);
    assert_eq!(datagram(&read(&host.answer(&atomic.frame()))).2, b"atomic");
    assert_eq!(host.ask(&fragments[1]).len(), 2);
}

/// RFC 7112 §5, RFC 8200 §4.5.
#[test]
fn a_first_fragment_holds_the_whole_chain() {
    let mut host = Host::plain();
    let padding = |next: u8, more: usize| {
        let mut header = vec![next, more as u8, 1, (more * 8 + 4) as u8];
        header.resize(8 + more * 8, 0);
        header
    };
    let chain = [padding(60, 2), padding(UDP, 2)].concat();
    let asked = udp(Family::V6, 5000, 7, &pattern(100)).behind(60, &chain).frame();
    // The chain ends with the eight bytes of the UDP header.
    for end in [8, 16, 24, 32, 48] {
        let answer = read(&host.answer(&piece(&asked, end as u32, (0, end, true))));
        let (kind, code, rest, quoted) = message(&answer);
        assert_eq!((kind, code, rest), (4, 3, [0; 4]), "{end}");
        assert_eq!(quoted, &piece(&asked, end as u32, (0, end, true))[14..]);
    }
    assert!(host.ask(&piece(&asked, 7, (0, 56, true))).is_empty());
    assert_eq!(datagram(&read(&host.answer(&piece(&asked, 7, (56, 156, false))))).2, pattern(100));
    nothing_waits(&host);
}

/// RFC 8200 §4.5: the pointers of what cannot be.
#[test]
fn fragments_that_cannot_be_are_pointed_at() {
    let mut host = Host::plain();
    let asked = udp(Family::V6, 5000, 7, &pattern(4000)).frame();
    let problem = |host: &mut Host, frame: &[u8], pointer: u32| {
        let (kind, code, rest, _) = {
            let answer = read(&host.answer(frame));
            let m = message(&answer);
            (m.0, m.1, m.2, ())
        };
        assert_eq!((kind, code, u32::from_be_bytes(rest)), (4, 0, pointer));
    };
    problem(&mut host, &piece(&asked, 1, (0, 1001, true)), 4);
    let mut far = piece(&asked, 1, (0, 1000, false));
    far[14 + 42..14 + 44].copy_from_slice(&0xfff8u16.to_be_bytes());
    problem(&mut host, &far, 42);
    host.drops(&piece(&asked, 1, (8, 8, true)), Dropped::BadFragment);
    nothing_waits(&host);

    let mut host = Host::plain();
    let asked = udp(Family::V4, 5000, 7, &pattern(4000)).frame();
    host.drops(&piece(&asked, 1, (0, 1001, true)), Dropped::BadFragment);
    host.drops(&piece(&asked, 1, (8, 8, true)), Dropped::BadFragment);
}

/// RFC 6980 §5.
#[test]
fn neighbour_discovery_is_never_fragmented() {
    let mut host = Host::plain();
    for kind in 133..=137 {
        let asked = icmp(Family::V6, kind, 0, &pattern(100)).frame();
        host.drops(&piece(&asked, 1, (0, 64, true)), Dropped::BadNdp);
    }
}

/// RFC 3168 §5.3.
#[test]
fn congestion_of_a_fragment_is_that_of_the_datagram() {
    for family in BOTH {
        let mut host = Host::plain();
        let with = |class: u8| Packet { class, ..echo(family, &pattern(2000)) }.frame();
        for (first, second, whole) in [(2, 3, Some(3)), (3, 1, Some(3)), (2, 2, Some(2)), (0, 3, None)] {
            let fragments = [piece(&with(first), 1, (0, 1448, true)), piece(&with(second), 1, (1448, 2008, false))];
            let answers = give_all(&mut host, &fragments);
            match whole {
                Some(class) => assert_eq!(read(&joined(&answers).0).class, class),
                None => assert!(answers.is_empty()),
            }
        }
        assert_eq!(host.counters().dropped(Dropped::FragmentConflict), 1);
    }
}

#[test]
fn what_the_device_left_undone_is_done_before_a_fragment_is_kept() {
    for family in BOTH {
        let mut host = Host::offloading();
        // A fragment whose checksum is left to the device: its sum is over what it holds.
        let asked = udp(family, 5000, 7, &pattern(1000));
        let (frame, offload) = partial(&asked, None);
        let shift = if family == Family::V4 { 0 } else { 8 };
        let first = piece(&frame, 1, (0, 808, true));
        let taphouse::buffer::Checksum::Partial { start, offset } = offload.checksum else { panic!("it is partial") };
        let checksum = taphouse::buffer::Checksum::Partial { start: start + shift, offset };
        host.give(&first, Offload { checksum, segments: None });
        assert!(host.turn().is_empty());
        // The rest sums to nothing, so that it is right for the whole as well, but for the length in the pseudo-header.
        host.give(&piece(&frame, 1, (808, 1008, false)), Offload::default());
        let answers = host.turn();
        assert!(answers.is_empty(), "the sum of a part is not that of the whole");
        assert_eq!(host.counters().dropped(Dropped::BadUdpChecksum), 1);
        assert_eq!(host.counters().reassembled, 1);
    }
}

/// A flood of one source, never complete, costs nobody else anything, and no more memory than its share.
#[test]
fn a_flood_of_fragments_starves_nobody_else() {
    for family in BOTH {
        let memory = 16 << 20;
        let mut host = Host::new(PLAIN, &Config { memory, ..config() });
        let flooder: IpAddr = if family == Family::V4 {
            Ipv4Addr::new(10, 77, 0, 66).into()
        } else {
            Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x66).into()
        };
        let quota = memory / 16 * limits::POOL_FRAGMENTS;
        let flood = udp(family, 5000, 7, &pattern(50_000)).from(flooder).frame();
        let asked = echo(family, &pattern(8000)).frame();
        let (mut most, mut name) = (0, 0u32);
        for round in 0..200 {
            let fragments = pieces(&asked, round, room(family));
            for fragment in &fragments {
                for _ in 0..50 {
                    name += 1;
                    let start = (name as usize * 8) % 48_000;
                    // Every third one is a small one, so that its count matters more than its memory.
                    let length = if name % 3 == 0 { 8 } else { room(family) };
                    host.give(&piece(&flood, name, (start, start + length, true)), Offload::default());
                    assert!(host.turn().is_empty());
                    most = most.max(host.stack.memory_pinned());
                }
                host.give(fragment, Offload::default());
                let answers: Vec<_> = host.turn().into_iter().map(|(frame, _)| frame).collect();
                if fragment == fragments.last().unwrap() {
                    assert_eq!(message(&read(&joined(&answers).0)).3, pattern(8000), "round {round}");
                }
            }
        }
        assert_eq!((host.counters().echo_answered, host.counters().fragmented), (200, 200));
        assert!(most <= quota / limits::REASSEMBLIES_SHARE + (64 << 10), "{most} of {quota}");
        host.pass(limits::REASSEMBLY_TIMEOUT);
        nothing_waits(&host);
    }
}

/// The same from many sources: who comes last is served, and memory stays within the quota.
#[test]
fn a_flood_of_many_sources_leaves_room_for_the_next() {
    let memory = 16 << 20;
    let mut host = Host::new(PLAIN, &Config { memory, ..config() });
    let quota = memory / 16 * limits::POOL_FRAGMENTS;
    let flood = udp(Family::V4, 5000, 7, &pattern(50_000)).frame();
    let asked = echo(Family::V4, &pattern(8000)).frame();
    for round in 0..100u32 {
        for fragment in pieces(&asked, round, 1480) {
            for count in 0..10u32 {
                let source = Ipv4Addr::from(0x0b00_0000 + (round * 64 + count) * 7);
                let mut frame = flood.clone();
                frame[26..30].copy_from_slice(&source.octets());
                host.give(&piece(&frame, count, (0, 1480, true)), Offload::default());
            }
            host.turn();
            assert!(host.stack.memory_pinned() <= quota);
            host.give(&fragment, Offload::default());
            host.turn();
        }
    }
    assert_eq!(host.counters().echo_answered, 100);
    host.pass(limits::REASSEMBLY_TIMEOUT);
    nothing_waits(&host);
}

#[test]
fn more_fragments_than_are_kept_spoil_their_datagram() {
    let mut host = Host::plain();
    let asked = udp(Family::V4, 5000, 7, &pattern(8 * 400)).frame();
    for count in 0..limits::FRAGMENTS {
        assert!(host.ask(&piece(&asked, 1, (count * 16, count * 16 + 8, true))).is_empty());
    }
    host.drops(&piece(&asked, 1, (8 * 390, 8 * 391, true)), Dropped::FragmentsFull);
    nothing_waits(&host);
}

/// Answers with more than was asked for.
struct Large;

impl Datagrams for Large {
    fn on_datagrams(&mut self, flow: &Flow, _batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        io.reply(flow, &pattern(60_000)).map_or(Answer::Drop(Dropped::Misuse), |()| Answer::Done)
    }
}

/// What is written waits whole for its neighbour, and is cut then; with checksums left to the device it is summed first.
#[test]
fn what_a_service_writes_is_cut_when_its_neighbour_is_known() {
    for family in BOTH {
        for offloads in [PLAIN, OFFLOADS] {
            let mut host = Host::new(offloads, &config());
            host.stack.bind(4000, Box::new(Large)).unwrap();
            host.give(&udp(family, 5000, 4000, b"?").frame(), Offload::default());
            let asked = host.turn();
            assert_eq!(asked.len(), 1, "it asks for the peer");
            host.give(&here_i_am(family), Offload::default());
            for again in 0..2 {
                let answers: Vec<Vec<u8>> = host.turn().into_iter().map(|(frame, _)| frame).collect();
                let answer = read(&joined(&answers).0);
                assert_eq!(datagram(&answer), (4000, 5000, &pattern(60_000)[..]), "{again}");
                host.give(&udp(family, 5000, 4000, b"?").frame(), Offload::default());
            }
            host.turn();
            assert_eq!((host.counters().fragmented, host.counters().dropped_in_all()), (3, 0));
            nothing_waits(&host);
        }
    }
}

/// RFC 7739 §4, RFC 6864 §4: names that nobody guesses, and never the same for two in a row.
#[test]
fn names_of_what_is_cut_are_not_those_of_others() {
    for family in BOTH {
        let mut host = Host::plain();
        let mut name_for = |last: u8| {
            let source: IpAddr = if family == Family::V4 {
                Ipv4Addr::new(10, 77, 0, last).into()
            } else {
                Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, u16::from(last)).into()
            };
            let asked = echo(family, &pattern(2000)).from(source).frame();
            joined(&give_all(&mut host, &pieces(&asked, 1, room(family)))).1
        };
        let names: Vec<u32> = (10..60).map(&mut name_for).collect();
        let mut apart = names.clone();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), 50);
        assert!(names.windows(2).all(|pair| pair[0].abs_diff(pair[1]) > 1), "{names:?}");
        let again: Vec<u32> = (10..60).map(&mut name_for).collect();
        assert!(names.iter().zip(&again).all(|(one, two)| one != two));
    }
}

/// Options and extension headers in front of the fragments are those of the first one.
#[test]
fn what_is_behind_options_or_extension_headers_becomes_whole() {
    let mut host = Host::plain();
    let with = |between: Vec<u8>| Packet { between, ..echo(Family::V4, &pattern(3000)) }.frame();
    let (first, later) = (with(vec![148, 4, 0, 0]), with(Vec::new()));
    let fragments = [piece(&first, 1, (0, 1456, true)), piece(&later, 1, (1456, 3008, false))];
    let answers = give_all(&mut host, &fragments);
    assert_eq!(message(&read(&joined(&answers).0)).3, pattern(3000));

    // Hop-by-hop options in front, some too long to be kept.
    for more in [0u8, 7, 8, 16, 100] {
        let length = 8 + usize::from(more) * 8;
        let mut options = vec![44, more, 1, (length - 4).min(255) as u8];
        options.resize(length, 0);
        let asked = udp(Family::V6, 5000, 7, &pattern(1800)).frame();
        let behind = |fragment: Vec<u8>| {
            let (head, rest) = fragment.split_at(54);
            let mut head = head.to_vec();
            let payload = (rest.len() + options.len()) as u16;
            head[18..20].copy_from_slice(&payload.to_be_bytes());
            head[20] = 0;
            [&head[..], &options, rest].concat()
        };
        let fragments =
            [(0, 600, true), (600, 1200, true), (1200, 1808, false)].map(|cut| behind(piece(&asked, 5, cut)));
        let answers = give_all(&mut host, &fragments);
        assert_eq!(datagram(&read(&joined(&answers).0)).2, pattern(1800));
        nothing_waits(&host);
        assert!(host.ask(&fragments[0]).is_empty());
        let told = host.pass(limits::REASSEMBLY_TIMEOUT);
        if length <= limits::FRAGMENT_HEAD - 40 {
            assert_eq!(message(&read(&told[0].0)).3, &fragments[0][14..], "{length} bytes of options");
        } else {
            assert!(told.is_empty(), "what is not remembered is not quoted");
        }
    }
}

/// Whatever the fragments are, and wherever they are cut, what is delivered is what was sent.
#[test]
fn cuts_at_random_become_the_datagram() {
    let mut random = taphouse::base::random::Random::new([5; 16]);
    for family in BOTH {
        let mut host = Host::plain();
        for round in 0..300 {
            let size = random.below(20_000) as usize;
            let asked = echo(family, &pattern(size)).frame();
            let length = size + 8;
            let mut at = 0;
            let mut cuts: Vec<Cut> = Vec::new();
            while at < length {
                let end = length.min(at + 24 + 8 * random.below(180) as usize);
                cuts.push((at, end, end < length));
                at = end;
            }
            for place in (1..cuts.len()).rev() {
                cuts.swap(place, random.below(place as u64 + 1) as usize);
            }
            if cuts.len() > limits::FRAGMENTS {
                continue;
            }
            let fragments: Vec<_> = cuts.into_iter().map(|cut| piece(&asked, round, cut)).collect();
            let answers = give_all(&mut host, &fragments);
            let whole = if answers.len() == 1 { read(&answers[0]) } else { read(&joined(&answers).0) };
            assert_eq!(message(&whole).3, pattern(size));
        }
        nothing_waits(&host);
    }
}
