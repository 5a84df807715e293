//! How connections begin and end: RFC 9293 §3.5, §3.6, §3.10.

use std::time::Duration;

use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::base::stream::Gone;
use taphouse::buffer::Offload;
use taphouse::transport::tcp::Tuning;

use super::peer::{Offer, Peer, Sent, joined, only, timestamps};
use crate::packet::{BOTH, pattern};

/// Where a connection stands, as its peer can bring it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
}

const STAGES: [Stage; 7] = [
    Stage::SynReceived,
    Stage::Established,
    Stage::FinWait1,
    Stage::FinWait2,
    Stage::CloseWait,
    Stage::Closing,
    Stage::LastAck,
];

/// A peer of a connection at that stage.
fn at(stage: Stage, family: taphouse::base::address::Family) -> Peer {
    if stage == Stage::SynReceived {
        let mut peer = Peer::new(family);
        let answer = peer.offer(Offer::default());
        peer.expected = answer.end();
        peer.next += 1;
        return peer;
    }
    let mut peer = Peer::connected_with(family, Offer::default(), Tuning::default());
    match stage {
        Stage::SynReceived | Stage::Established => {}
        Stage::FinWait1 => drop(peer.data(b"c")),
        Stage::FinWait2 => {
            let sent = peer.data(b"c");
            peer.acknowledge(&sent);
        }
        Stage::CloseWait => {
            // It has more to write than the window takes, so its end is not sent yet.
            peer.window = 0;
            peer.send(|header| header.fin = true, b"");
            peer.next += 1;
        }
        Stage::Closing => {
            peer.data(b"c");
            peer.send(|header| header.fin = true, b"");
            peer.next += 1;
        }
        Stage::LastAck => {
            peer.send(|header| header.fin = true, b"");
            peer.next += 1;
            assert!(peer.seen().ended);
        }
    }
    peer
}

#[test]
fn a_reset_ends_every_state_and_is_not_answered() {
    for family in BOTH {
        for stage in STAGES {
            let mut peer = at(stage, family);
            let answer = peer.send(|header| (header.rst, header.ack) = (true, false), b"");
            assert!(answer.is_empty(), "{stage:?}: {answer:?}");
            assert_eq!((peer.host.stack.connections(), peer.host.stack.memory_pinned()), (0, 0), "{stage:?}");
            let expected = (stage != Stage::SynReceived).then_some(Gone::Reset);
            assert_eq!(peer.gone(), expected, "{stage:?}");
            // Nothing is left of it.
            let answer = only(peer.send(|_| {}, b""));
            assert!(answer.header.rst, "{stage:?}: {answer:?}");
        }
    }
}

#[test]
fn a_reset_amid_the_window_is_challenged_in_every_state() {
    for family in BOTH {
        for stage in STAGES {
            let mut peer = at(stage, family);
            peer.pass(Duration::from_millis(150));
            let answer =
                peer.send(|header| (header.rst, header.sequence_number) = (true, header.sequence_number + 1), b"");
            // A handshake says nothing: its SYN-ACK comes again anyway.
            let challenges = usize::from(stage != Stage::SynReceived);
            assert_eq!(answer.len(), challenges, "{stage:?}: {answer:?}");
            assert!(answer.iter().all(|answer| !answer.header.rst));
            assert_eq!(peer.gone(), None, "{stage:?}");
        }
    }
}

/// RFC 5961 §4, and RFC 9293 §3.10.7.4: whatever its number.
#[test]
fn a_syn_ends_no_state() {
    for family in BOTH {
        for stage in STAGES {
            let mut peer = at(stage, family);
            for ahead in [0u32, 1, 5000] {
                peer.send(
                    |header| {
                        (header.syn, header.ack) = (true, false);
                        header.sequence_number = header.sequence_number.wrapping_add(ahead);
                    },
                    b"",
                );
            }
            assert_eq!(peer.gone(), None, "{stage:?}");
            if stage == Stage::SynReceived {
                peer.send(|_| {}, b"");
                assert!(peer.seen().opened);
            }
        }
    }
}

#[test]
fn resets_of_a_connection_that_was_asked_for() {
    for family in BOTH {
        // Without an acknowledgment, or of something else: not the peer's.
        let mut peer = Peer::new(family);
        let syn = peer.called();
        peer.send(|header| (header.rst, header.ack) = (true, false), b"");
        peer.send(|header| (header.rst, header.acknowledgment_number) = (true, syn.header.sequence_number), b"");
        peer.send(|header| (header.rst, header.acknowledgment_number) = (true, syn.end() + 1), b"");
        assert_eq!(peer.gone(), None);
        peer.send(|header| header.rst = true, b"");
        assert_eq!(peer.gone(), Some(Gone::Refused));

        // RFC 9293 §3.10.7.3, first: an acknowledgment of something else is answered with a reset.
        let mut peer = Peer::new(family);
        let syn = peer.called();
        for wrong in [syn.header.sequence_number, syn.end() + 1, syn.end().wrapping_sub(1 << 31)] {
            let answer = only(peer.send(|header| (header.syn, header.acknowledgment_number) = (true, wrong), b""));
            assert!(answer.header.rst && answer.header.sequence_number == wrong, "{answer:?}");
        }
        // Neither reset nor SYN: nothing.
        assert!(peer.send(|_| {}, b"DATA").is_empty());
        assert_eq!(peer.gone(), None);
        peer.send(|header| header.rst = true, b"");
    }
}

#[test]
fn an_active_open() {
    for family in BOTH {
        let mut peer = Peer::new(family);
        peer.called();
        let answer = only(peer.send(|header| header.syn = true, b""));
        assert!(answer.is_bare() && peer.seen().opened);
        peer.next += 1;
        let sent = peer.data(b"s");
        assert_eq!(joined(&sent, peer.expected), pattern(10));
        peer.acknowledge(&sent);
    }
}

/// RFC 9293 §3.5, figure 7.
/// What opens the connection may carry data, where its last acknowledgment was lost or waited for them.
#[test]
fn it_is_open_before_data_are_shown() {
    for family in BOTH {
        let mut peer = Peer::new(family);
        let answer = peer.offer(Offer::default());
        peer.expected = answer.end();
        peer.next += 1;
        peer.data(b"at once");
        assert_eq!((peer.seen().opened, &peer.seen().data[..]), (true, &b"at once"[..]));
        assert_eq!(peer.host.counters().connections_opened, 1);
    }
}

#[test]
fn both_open_at_once() {
    for family in BOTH {
        for acknowledges_with_syn in [false, true] {
            let mut peer = Peer::new(family);
            let syn = peer.called();
            let answer = only(
                peer.send(|header| (header.syn, header.ack, header.acknowledgment_number) = (true, false, 0), b""),
            );
            assert!(answer.header.syn && answer.header.ack, "{answer:?}");
            assert_eq!(answer.header.sequence_number, syn.header.sequence_number);
            assert_eq!(answer.header.acknowledgment_number, peer.next + 1);
            assert!(!peer.seen().opened);
            if acknowledges_with_syn {
                peer.send(|header| header.syn = true, b"");
            } else {
                peer.next += 1;
                peer.send(|_| {}, b"");
                peer.next -= 1;
            }
            assert!(peer.seen().opened);
            peer.next += 1;
            let sent = peer.data(b"s");
            assert_eq!(joined(&sent, peer.expected), pattern(10));
            peer.acknowledge(&sent);
        }
    }
}

/// The peer's SYN, and what answers ours, in one turn: before our SYN-ACK has left.
#[test]
fn both_open_at_once_in_one_turn() {
    for family in BOTH {
        for acknowledges_with_syn in [false, true] {
            let mut peer = Peer::new(family);
            peer.called();
            let syn =
                peer.packet(|header| (header.syn, header.ack, header.acknowledgment_number) = (true, false, 0), b"");
            let next = |header: &mut etherparse::TcpHeader| {
                header.syn = acknowledges_with_syn;
                header.sequence_number += u32::from(!acknowledges_with_syn);
            };
            let acknowledgment = peer.packet(next, b"");
            peer.host.give(&syn.frame(), Offload::default());
            peer.host.give(&acknowledgment.frame(), Offload::default());
            peer.turn();
            assert!(peer.seen().opened);
            peer.next += 1;
            let sent = peer.data(b"s");
            assert_eq!(joined(&sent, peer.expected), pattern(10));
            peer.acknowledge(&sent);
            let sent = peer.data(b"c");
            assert!(sent.iter().any(|segment| segment.header.fin && segment.header.sequence_number == peer.expected));
            peer.acknowledge(&sent);
        }
    }
}

/// RFC 9293 §3.6, figure 13.
#[test]
fn both_close_at_once() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let end = only(peer.data(b"c"));
        assert!(end.header.fin);
        // It did not see ours yet.
        let answer = only(peer.send(|header| header.fin = true, b""));
        assert!(answer.is_bare() && answer.header.acknowledgment_number == peer.next + 1);
        peer.next += 1;
        assert_eq!(peer.host.stack.connections(), 1);
        peer.acknowledge(&[end]);
        assert_eq!((peer.gone(), peer.host.stack.connections()), (Some(Gone::Closed), 0));
        // Now it is in TIME-WAIT: its end again is acknowledged.
        peer.next -= 1;
        assert!(only(peer.send(|header| header.fin = true, b"")).is_bare());
    }
}

#[test]
fn the_peer_closes_first_and_goes_on_reading() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let start = peer.expected;
        let mut stream = peer.send(|header| header.fin = true, b"l");
        peer.next += 2;
        for _ in 0..10 {
            let more = peer.acknowledge(&stream.clone());
            if more.is_empty() {
                break;
            }
            stream.extend(more);
        }
        assert_eq!(joined(&stream, start), [pattern(5000), pattern(3000)].concat());
        assert!(stream.iter().any(|segment| segment.header.fin));
        assert_eq!(peer.gone(), Some(Gone::Closed));
        let answer = only(peer.send(|_| {}, b""));
        assert!(answer.header.rst, "who closed second does not wait: {answer:?}");
    }
}

#[test]
fn the_host_closes_first_and_goes_on_reading() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let sent = peer.data(b"sc");
        assert!(sent.iter().any(|segment| segment.header.fin));
        peer.acknowledge(&sent);
        for _ in 0..20 {
            peer.data(&[b'x'; 1000]);
            peer.pass(Duration::from_secs(5));
        }
        assert_eq!(peer.seen().data.len(), 20_002);
        peer.send(|header| header.fin = true, b"");
        assert!(peer.seen().ended);
        assert_eq!(peer.gone(), Some(Gone::Closed));
    }
}

#[test]
fn an_abort_resets() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let sent = peer.data(b"la");
        let reset = sent.last().unwrap();
        assert!(reset.header.rst, "{sent:?}");
        assert_eq!((peer.gone(), peer.host.stack.memory_pinned()), (Some(Gone::Aborted), 0));
        // RFC 9293 §3.10.7.4: its number is one that the peer expects, with all that was sent before.
        let sent_before = sent[..sent.len() - 1].iter().map(Sent::end).next_back().unwrap_or(peer.expected);
        assert_eq!(reset.header.sequence_number, sent_before);
    }
}

/// In TIME-WAIT; its peer.
fn waiting(family: taphouse::base::address::Family, offer: Offer) -> Peer {
    let mut peer = Peer::connected_with(family, offer, Tuning::default());
    let sent = peer.data(b"c");
    peer.expected = sent.last().unwrap().end();
    assert!(only(peer.send(|header| header.fin = true, b"")).is_bare());
    peer.next += 1;
    assert_eq!((peer.gone(), peer.host.stack.connections()), (Some(Gone::Closed), 0));
    peer
}

/// RFC 1337 §3: resets and old segments end no TIME-WAIT; after its time it is over.
#[test]
fn time_wait_outlives_resets_and_old_segments() {
    for family in BOTH {
        let mut peer = waiting(family, Offer::default());
        peer.pass(Duration::from_secs(10));
        for (fin, data) in [(true, &b""[..]), (false, b"c"), (true, b"c"), (false, b"DATA")] {
            let at = peer.next - 1 - data.len() as u32;
            let answer = peer.send(|header| (header.fin, header.sequence_number) = (fin, at), data);
            let answer = only(answer);
            assert!(answer.is_bare(), "{answer:?}");
            assert_eq!(
                (answer.header.sequence_number, answer.header.acknowledgment_number),
                (peer.expected, peer.next)
            );
            assert!(peer.send(|header| header.rst = true, b"").is_empty());
        }
        assert_eq!(peer.dropped(Dropped::TcpIgnored), 4);
        peer.pass(limits::TIME_WAIT + Duration::from_secs(1));
        let answer = only(peer.send(|_| {}, b""));
        assert!(answer.header.rst, "it is over: {answer:?}");
    }
}

/// RFC 9293 §3.10.7.4: the peer's FIN again begins the wait anew. Nobody else's does, who would have us wait for ever.
#[test]
fn only_the_end_itself_prolongs_time_wait() {
    for (behind, waits) in [(1, true), (2, false), (1000, false)] {
        let mut peer = waiting(BOTH[0], Offer::default());
        peer.pass(limits::TIME_WAIT - Duration::from_secs(5));
        let at = peer.next - behind;
        let answer = only(peer.send(|header| (header.fin, header.sequence_number) = (true, at), b""));
        assert!(answer.is_bare(), "{answer:?}");
        peer.pass(Duration::from_secs(30));
        let answer = only(peer.send(|header| header.sequence_number = at, b""));
        assert_eq!(answer.header.rst, !waits, "a FIN {behind} behind: {answer:?}");
    }
}

/// RFC 6191: a SYN that is newer opens a new connection, whose numbers begin behind the old one's.
#[test]
fn time_wait_is_reused() {
    for family in BOTH {
        for clock in [false, true] {
            let offer = Offer { clock, ..Offer::default() };
            // Older: acknowledged, not opened.
            let mut peer = waiting(family, offer);
            let behind = peer.next - 2;
            let old = timestamps(6000, 0);
            let answer = only(peer.send(
                |header| {
                    (header.syn, header.ack, header.sequence_number) = (true, false, behind);
                    if clock {
                        header.set_options_raw(&old).unwrap();
                    }
                },
                b"",
            ));
            assert!(answer.is_bare(), "{answer:?}");
            // Newer.
            let before = peer.expected;
            peer.next += if clock { 0 } else { 1 };
            let newer = timestamps(7001, 0);
            let answer = only(peer.send(
                |header| {
                    (header.syn, header.ack) = (true, false);
                    if clock {
                        header.set_options_raw(&newer).unwrap();
                    }
                },
                b"",
            ));
            assert!(answer.header.syn && answer.header.ack, "{answer:?}");
            let ahead = answer.header.sequence_number.wrapping_sub(before) as i32;
            assert!(ahead > 65_535, "{ahead}");
            peer.clock = clock.then_some((7002, 0));
            peer.forget_seen();
            peer.next += 1;
            peer.expected = answer.end();
            peer.send(|_| {}, b"");
            assert!(peer.seen().opened);
            let sent = peer.data(b"s");
            assert_eq!(joined(&sent, peer.expected), pattern(10));
            peer.acknowledge(&sent);
        }
    }
}

/// RFC 6298 §5, and RFC 9293 §3.8.3: for at least three minutes.
#[test]
fn a_syn_is_repeated_and_given_up() {
    for family in BOTH {
        let mut peer = Peer::new(family);
        let first = peer.called();
        let started = peer.host.now;
        let again = peer.pass(Duration::from_secs(400));
        assert!(again.iter().all(|syn| syn.header.syn && syn.header.sequence_number == first.header.sequence_number));
        let at: Vec<u64> = again.iter().take(4).map(|syn| (syn.at - started).as_secs()).collect();
        assert_eq!(at, [1, 3, 7, 15]);
        assert_eq!(peer.gone(), Some(Gone::TimedOut));
        assert!(again.last().unwrap().at - started >= Duration::from_secs(63));
    }
}

#[test]
fn a_syn_ack_is_repeated_and_given_up() {
    for family in BOTH {
        let mut peer = at(Stage::SynReceived, family);
        let again = peer.pass(Duration::from_secs(200));
        assert_eq!(again.len(), usize::from(limits::SYN_ACKS), "{again:#?}");
        assert!(again.iter().all(|answer| answer.header.syn && answer.header.ack && answer.end() == peer.expected));
        let answer = only(peer.send(|_| {}, b""));
        assert!(answer.header.rst, "it is forgotten: {answer:?}");
        // The last acknowledgment may come with data.
        let mut peer = at(Stage::SynReceived, family);
        peer.data(b"HELLO");
        assert_eq!((peer.seen().opened, &peer.seen().data[..]), (true, &b"HELLO"[..]));
    }
}

/// Options that both have, and what they change.
#[test]
fn options_are_agreed_on() {
    for family in BOTH {
        for bits in 0..8 {
            let (selective, clock, scale) = (bits & 1 != 0, bits & 2 != 0, (bits & 4 != 0).then_some(3));
            let offer = Offer { selective, clock, scale, timeout: None };
            let mut peer = Peer::new(family);
            let answer = peer.offer(offer);
            let options: Vec<_> = answer.header.options_iterator().map(Result::unwrap).collect();
            use etherparse::TcpOptionElement::{
                MaximumSegmentSize, SelectiveAcknowledgementPermitted, Timestamp, WindowScale,
            };
            let has = |wanted: &dyn Fn(&etherparse::TcpOptionElement) -> bool| options.iter().any(wanted);
            assert!(has(&|option| matches!(option, MaximumSegmentSize(_))));
            assert_eq!(has(&|option| matches!(option, SelectiveAcknowledgementPermitted)), offer.selective);
            assert_eq!(has(&|option| matches!(option, Timestamp(_, 7000))), offer.clock);
            assert_eq!(has(&|option| matches!(option, WindowScale(_))), offer.scale.is_some());
            peer.expected = answer.end();
            peer.next += 1;
            let mss = if family == taphouse::base::address::Family::V4 { 1460 } else { 1440 };
            peer.window = 50_000 >> offer.scale.unwrap_or(0);
            let sent = peer.data(b"l");
            assert_eq!(sent.iter().map(|segment| segment.data.len()).max(), Some(mss - 12 * usize::from(offer.clock)));
            peer.acknowledge(&sent);
        }
    }
}
