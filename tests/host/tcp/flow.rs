//! When segments leave: windows, Nagle, delayed acknowledgments, and the timers.

use std::time::Duration;

use taphouse::base::address::Family;
use taphouse::base::limits;
use taphouse::base::stream::Gone;
use taphouse::buffer::Offload;
use taphouse::transport::tcp::Tuning;

use super::peer::{Offer, Peer, Sent, joined, only};
use crate::packet::{BOTH, pattern};

const SECOND: Duration = Duration::from_secs(1);
/// More than a timer may be late.
const TICK: Duration = Duration::from_millis(1);

pub(super) fn with_data(sent: &[Sent]) -> Vec<Sent> {
    sent.iter().filter(|segment| !segment.data.is_empty()).cloned().collect()
}

/// RFC 9293 §3.7.4.
#[test]
fn small_segments_wait_for_those_in_flight() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let first = only(with_data(&peer.data(b"s")));
        assert_eq!(first.data.len(), 10);
        for _ in 0..5 {
            assert!(with_data(&peer.data(b"s")).is_empty());
        }
        let rest = only(with_data(&peer.acknowledge(&[first])));
        assert_eq!(rest.data, pattern(10).repeat(5));
        assert!(rest.header.psh);
        peer.acknowledge(&[rest]);
    }
}

#[test]
fn nothing_waits_when_the_user_says_so() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.data(b"n");
        for _ in 0..5 {
            assert_eq!(only(with_data(&peer.data(b"s"))).data.len(), 10);
        }
    }
}

#[test]
fn a_cork_holds_what_fills_no_segment_for_a_while() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.data(b"k");
        assert!(with_data(&peer.data(b"s")).is_empty());
        let start = peer.host.now;
        let sent = only(with_data(&peer.pass(limits::CORK + TICK)));
        assert_eq!(sent.data.len(), 10);
        assert!(sent.at - start >= limits::CORK);
        peer.acknowledge(&[sent]);
        // Whole segments leave at once, and the end lets the rest go.
        let whole = with_data(&peer.data(b"l"));
        assert!(whole.iter().all(|segment| segment.data.len() >= 1440), "{whole:?}");
        peer.acknowledge(&whole);
        let rest = with_data(&peer.data(b"c"));
        assert!(rest.last().unwrap().header.fin);
    }
}

/// RFC 9293 §3.8.6.3.
#[test]
fn acknowledgments_wait_but_not_long() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        assert!(peer.data(b"x").is_empty());
        let start = peer.host.now;
        let late = only(peer.pass(SECOND));
        assert!(late.at - start >= limits::DELAYED_ACK && late.at - start < limits::DELAYED_ACK + TICK);
        assert_eq!(late.header.acknowledgment_number, peer.next);
        // The first full segment shows how large they are; every second one is acknowledged.
        peer.data(&[b'x'; 1400]);
        peer.pass(SECOND);
        assert!(peer.data(&[b'x'; 1400]).is_empty());
        assert!(only(peer.data(&[b'x'; 1400])).is_bare());
        // A burst once.
        for _ in 0..10 {
            let packet = peer.packet(|_| {}, &[b'x'; 1400]);
            peer.host.give(&packet.frame(), Offload::default());
            peer.next += 1400;
        }
        assert_eq!(only(peer.turn()).header.acknowledgment_number, peer.next);
        // What is out of order, and what fills a gap, at once.
        assert!(only(peer.data_at(10, b"x")).is_bare());
        assert!(only(peer.data(&[b'x'; 10])).is_bare());
        peer.next += 1;
    }
}

/// RFC 9293 §3.8.6.1: asked at growing intervals; what waited goes at once when it opens.
#[test]
fn a_closed_window_is_asked() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.window = 0;
        peer.data(b"nl");
        let start = peer.host.now;
        let mut at = Vec::new();
        for _ in 0..2000 {
            for probe in peer.pass(SECOND / 10) {
                if probe.header.sequence_number.wrapping_add(1) == peer.expected {
                    at.push((probe.at - start).as_millis() as u64);
                    peer.send(|_| {}, b"");
                }
            }
        }
        let gaps: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.len() > 5, "{at:?}");
        assert!(gaps.windows(2).all(|pair| pair[1] >= pair[0] && pair[1] <= 60_000), "they grow: {gaps:?}");
        peer.window = 50_000;
        let from = peer.expected;
        let sent = peer.send(|_| {}, b"");
        assert_eq!(joined(&sent, from), pattern(5000));
    }
}

/// RFC 9293 §3.8.6.2.1: a window that opens a little is not filled with little segments.
#[test]
fn a_sender_is_not_silly() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.window = 0;
        peer.data(b"l");
        for window in 1..100 {
            peer.window = window;
            assert!(with_data(&peer.send(|_| {}, b"")).is_empty(), "{window}");
        }
        peer.window = 1460;
        let sent = with_data(&peer.send(|_| {}, b""));
        assert!(only(sent).data.len() >= 1440);
    }
}

/// RFC 9293 §3.8.6.2.2: a window that has closed opens by whole segments.
#[test]
fn a_receiver_is_not_silly() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.data(b"p");
        let mut told = Vec::new();
        for _ in 0..70 {
            told.extend(peer.data(&[b'x'; 1400]));
            told.extend(peer.pass(2 * limits::DELAYED_ACK));
            peer.next = peer.acknowledged;
        }
        let edges: Vec<u32> =
            told.iter().map(|sent| sent.header.acknowledgment_number + u32::from(sent.header.window_size)).collect();
        assert!(edges.windows(2).all(|pair| pair[1] >= pair[0]), "an edge never moves back: {edges:?}");
        assert!(edges.windows(2).all(|pair| pair[1] == pair[0] || pair[1] - pair[0] >= 1400), "steps: {edges:?}");
        assert_eq!(told.last().unwrap().header.window_size, 0);
        // When it is read, it opens without being asked.
        let opened = peer.pass(Duration::from_secs(1100));
        assert!(opened.last().unwrap().header.window_size > 30_000, "{opened:?}");
    }
}

/// A peer that is away for a millisecond finds room for four times what it sends in one, however short the path.
#[test]
fn the_window_of_a_short_path_covers_a_millisecond() {
    const TRIP: Duration = Duration::from_micros(50);
    for family in BOTH {
        let mut peer = Peer::new(family);
        peer.expected = peer.offer(Offer { scale: Some(7), ..Offer::default() }).end();
        peer.next += 1;
        peer.host.now = peer.host.now + TRIP;
        peer.send(|_| {}, b"");
        let mut window = 0;
        for _ in 0..20 {
            for _ in 0..10 {
                peer.host.give(&peer.packet(|_| {}, &[b'x'; 1400]).frame(), Offload::default());
                peer.next += 1400;
            }
            peer.host.now = peer.host.now + TRIP;
            // The least shift with which 16 bits say the largest window.
            window = usize::from(only(peer.turn()).header.window_size) << 7;
        }
        let in_a_millisecond = 20 * 10 * 1400;
        assert!(window > 7 * in_a_millisecond / 2 && window <= 4 * in_a_millisecond, "{window}");
    }
}

fn tuned(family: Family, tuning: Tuning) -> Peer {
    Peer::connected_with(family, Offer::default(), tuning)
}

/// RFC 9293 §3.8.4.
#[test]
fn a_silent_peer_is_asked_whether_it_is_there() {
    for family in BOTH {
        let tuning = Tuning { keep_alive: Some(30 * SECOND), ..Tuning::default() };
        let mut peer = tuned(family, tuning);
        let start = peer.host.now;
        for _ in 0..5 {
            let asked = peer.pass(31 * SECOND);
            let probe = only(asked);
            assert_eq!(probe.header.sequence_number.wrapping_add(1), peer.expected);
            peer.send(|_| {}, b"");
        }
        assert_eq!(peer.gone(), None);
        assert!(peer.host.now - start > 150 * SECOND);
        let start = peer.host.now;
        let asked = peer.pass(30 * SECOND + limits::KEEP_ALIVE_INTERVAL * (1 + u32::from(limits::KEEP_ALIVES)));
        assert_eq!(asked.len(), usize::from(limits::KEEP_ALIVES), "{asked:#?}");
        let waited = [asked[0].at - start, asked[1].at - asked[0].at];
        assert_eq!(waited.map(|span| span.as_secs()), [30, limits::KEEP_ALIVE_INTERVAL.as_secs()]);
        assert_eq!(peer.gone(), Some(Gone::TimedOut));
        // Without it, silence is golden.
        let mut peer = tuned(family, Tuning::default());
        assert!(peer.pass(100_000 * SECOND).is_empty());
    }
}

#[test]
fn a_question_whether_we_are_there_is_answered() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        for data in [&b""[..], b"x"] {
            peer.pass(30 * SECOND);
            let answer = only(peer.send(|header| header.sequence_number -= 1, data));
            assert_eq!(
                (answer.header.sequence_number, answer.header.acknowledgment_number),
                (peer.expected, peer.next)
            );
        }
        assert!(peer.seen().data.is_empty());
    }
}

/// RFC 5482.
#[test]
fn data_that_nobody_acknowledges_are_given_up() {
    for family in BOTH {
        let mut peer = tuned(family, Tuning { user_timeout: 20 * SECOND, ..Tuning::default() });
        peer.data(b"s");
        let start = peer.host.now;
        let again = peer.pass(19 * SECOND);
        assert_eq!(peer.gone(), None);
        let gaps: Vec<Duration> = again.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        assert!(gaps.windows(2).all(|pair| pair[1] >= pair[0] * 2 - SECOND / 1000), "it backs off: {gaps:?}");
        assert!(again.iter().all(|segment| segment.data == pattern(10)));
        peer.pass(60 * SECOND);
        assert_eq!(peer.gone(), Some(Gone::TimedOut));
        assert!(peer.host.now - start > 20 * SECOND);
    }
}

/// RFC 5681 §3.2: three duplicates.
#[test]
fn three_duplicates_bring_what_is_missing() {
    for family in BOTH {
        for selective in [false, true] {
            let offer = Offer { selective, ..Offer::default() };
            let mut peer = Peer::connected_with(family, offer, Tuning::default());
            peer.data(b"n");
            let start = peer.expected;
            let sent = with_data(&peer.data(b"l"));
            assert_eq!(sent.len(), 4);
            let size = sent[0].data.len() as u32;
            let mut again = Vec::new();
            for n in 2..=4u32 {
                again = match selective {
                    true => peer.selectively(&[(start + size, start + (n * size).min(5000))]),
                    false => peer.send(|_| {}, b""),
                };
                assert_eq!(with_data(&again).len(), usize::from(n == 4), "{n}: {again:#?}");
            }
            let again = only(with_data(&again));
            assert_eq!((again.header.sequence_number, &again.data), (start, &sent[0].data));
            peer.acknowledge(&sent);
        }
    }
}

/// Data that were sent twice are said so (RFC 2883), and a segment that says it and carries data fits into the MTU.
#[test]
fn duplicates_are_told_and_segments_fit() {
    for family in BOTH {
        for clock in [false, true] {
            let offer = Offer { selective: true, clock, ..Offer::default() };
            let mut peer = Peer::connected_with(family, offer, Tuning::default());
            peer.data(b"HELLO");
            let again = only(peer.send(|header| header.sequence_number -= 5, b"HELLO"));
            let ranges = sack(&again);
            assert_eq!(ranges, [(peer.next - 5, peer.next)]);
            assert_eq!(again.header.acknowledgment_number, peer.next);
            // A command for data, and something twice, in one turn.
            let duplicate = peer.packet(|header| header.sequence_number -= 5, b"HELLO");
            let command = peer.packet(|_| {}, b"l");
            for packet in [command, duplicate] {
                peer.host.give(&packet.frame(), Offload::default());
            }
            peer.next += 1;
            let sent = peer.turn();
            let largest = if family == Family::V4 { 1460 } else { 1440 };
            for segment in &sent {
                let length = segment.header.header_len() - 20 + segment.data.len();
                assert!(length <= largest, "{length} bytes of options and data in a segment of {largest}");
            }
            peer.acknowledge(&sent);
        }
    }
}

fn sack(sent: &Sent) -> Vec<(u32, u32)> {
    let mut ranges = Vec::new();
    for option in sent.header.options_iterator().map(Result::unwrap) {
        if let etherparse::TcpOptionElement::SelectiveAcknowledgement(first, rest) = option {
            ranges.push(first);
            ranges.extend(rest.into_iter().flatten());
        }
    }
    ranges
}

/// RFC 2018 §4: the newest first.
#[test]
fn what_is_held_is_told_the_newest_first() {
    let mut peer = Peer::connected(Family::V4);
    let at = peer.next;
    let mut expected = Vec::new();
    for n in [1, 5, 3, 9, 7, 11] {
        let told = only(peer.data_at(n * 100, &[b'x'; 100]));
        expected.insert(0, (at + n * 100, at + n * 100 + 100));
        let ranges = sack(&told);
        assert_eq!(ranges[0], expected[0]);
        assert!(ranges.iter().all(|range| expected.contains(range)), "{ranges:?}");
        assert_eq!(ranges.len(), expected.len().min(4));
    }
    peer.data(&[b'x'; 1200]);
}

/// RFC 4861 §7.3.1: as long as a stream makes progress its neighbour is not asked for.
#[test]
fn progress_confirms_the_neighbour() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let sent = peer.data(b"s");
        let before = peer.host.counters().neighbors_heard;
        peer.acknowledge(&sent);
        for _ in 0..100 {
            peer.pass(SECOND);
            let sent = peer.data(b"s");
            peer.acknowledge(&sent);
        }
        assert_eq!(peer.host.counters().neighbors_heard, before);
        // Silence confirms nothing: who is used after that is asked for.
        peer.pass(100 * SECOND);
        peer.send(|header| header.sequence_number -= 1, b"");
        peer.pass(10 * SECOND);
        assert_eq!(peer.host.counters().neighbors_heard, before + 1);
    }
}

/// RFC 3168 §6.1.1: who asks is answered; §6.1.3: a mark is echoed until the window was reduced.
#[test]
fn marks_are_echoed_and_answered() {
    for family in BOTH {
        for asks in [false, true] {
            let mut peer = Peer::new(family);
            let syn = peer.packet(
                |header| {
                    (header.syn, header.ack, header.acknowledgment_number) = (true, false, 0);
                    (header.ece, header.cwr) = (asks, asks);
                },
                b"",
            );
            let answer = only(peer.exchange(&syn));
            assert!((answer.header.ece, answer.header.cwr) == (asks, false), "{answer:?}");
            peer.expected = answer.end();
            peer.next += 1;
            peer.send(|_| {}, b"");
            let sent = with_data(&peer.data(b"nl"));
            assert!(sent.iter().all(|segment| segment.class & 3 == if asks { 2 } else { 0 }), "{sent:?}");
            for segment in &sent {
                peer.expected = segment.end();
            }
            // The window was reduced, which one segment says, once.
            peer.send(|header| header.ece = true, b"");
            let told = with_data(&peer.data(b"l"));
            let reduced: Vec<bool> = told.iter().map(|segment| segment.header.cwr).collect();
            assert_eq!(reduced, (0..told.len()).map(|n| asks && n == 0).collect::<Vec<_>>());
            peer.acknowledge(&told);
            // What is marked is echoed until the peer says that it has heard it.
            let mut marked = peer.packet(|_| {}, b"x");
            marked.class = 3;
            peer.next += 1;
            peer.exchange(&marked);
            for _ in 0..3 {
                let told = [peer.data(b"x"), peer.pass(SECOND)].concat();
                assert!(told.iter().all(|segment| segment.header.ece == asks), "{told:?}");
            }
            peer.send(|header| header.cwr = true, b"x");
            peer.next += 1;
            let told = [peer.data(b"x"), peer.pass(SECOND)].concat();
            assert!(!told.is_empty() && told.iter().all(|segment| !segment.header.ece), "{told:?}");
        }
    }
}
