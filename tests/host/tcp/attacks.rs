//! What a peer, or somebody who pretends to be it, sends to break a connection: each does it no harm.

use std::time::Duration;

use taphouse::base::address::Family;
use taphouse::base::counters::Dropped;
use taphouse::base::stream::Gone;
use taphouse::buffer::Offload;
use taphouse::transport::tcp::Tuning;

use super::peer::{Offer, Peer, Sent, joined, only, timestamps};
use crate::packet::{BOTH, pattern};

/// Shows that a connection still works: data come and go.
#[track_caller]
fn works(peer: &mut Peer) {
    let sent = peer.data(b"n");
    peer.acknowledge(&sent);
    let sent = peer.data(b"s");
    let answer: Vec<&Sent> = sent.iter().filter(|segment| !segment.data.is_empty()).collect();
    assert_eq!(answer.len(), 1, "{sent:?}");
    assert_eq!(answer[0].data, pattern(10));
    peer.acknowledge(&sent);
    assert_eq!(peer.gone(), None);
}

/// RFC 6093 §6: urgent data are data, wherever the pointer points.
#[test]
fn urgent_pointers_are_not_followed() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        for pointer in [0, 1, 4, 5, 6, 1460, u16::MAX] {
            peer.send(|header| (header.urg, header.urgent_pointer) = (true, pointer), b"HELLO");
            peer.next += 5;
        }
        // Without data, and without the bit.
        peer.send(|header| (header.urg, header.urgent_pointer) = (true, 77), b"");
        peer.send(|header| header.urgent_pointer = 77, b"HELLO");
        peer.next += 5;
        assert_eq!(peer.seen().data, b"HELLO".repeat(8));
        works(&mut peer);
    }
}

/// CVE-2019-11477 and its kin.
#[test]
fn selective_acknowledgments_of_the_unsent_and_the_reversed_say_nothing() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let start = peer.expected;
        let sent = peer.data(b"nl");
        let all = joined(&sent, start);
        assert_eq!(all, pattern(5000));
        let end = start + 5000;
        let lies = [
            (end, end + 1000),
            (start + 1000, end + 1),
            (start + 2000, start + 1000),
            (start + 1000, start + 1000),
            (start.wrapping_sub(1000), start + 1000),
            (start.wrapping_add(1 << 31), end),
            (end + 1, start),
        ];
        for lie in lies {
            for others in [vec![lie], vec![lie, lie], vec![(start.wrapping_sub(10), start), lie]] {
                let again = peer.selectively(&others);
                assert!(again.iter().all(Sent::is_bare), "{others:?} makes it send {again:?}");
            }
        }
        // The last segment is a probe (RFC 8985 §7).
        let again = peer.pass(Duration::from_secs(1));
        assert_eq!(again[0].end(), end, "all of it is unacknowledged still");
        assert_eq!(again[1].header.sequence_number, start, "all of it is unacknowledged still");
        peer.acknowledge(&sent);
        works(&mut peer);
    }
}

/// Thousands of ranges of a byte each.
#[test]
fn selective_acknowledgments_of_single_bytes_are_bounded() {
    let mut peer = Peer::connected(Family::V4);
    let start = peer.expected;
    let sent = peer.data(b"l");
    for at in (1..2500).map(|n| start + 2 * n) {
        peer.selectively(&[(at, at + 1)]);
    }
    peer.acknowledge(&sent);
    works(&mut peer);
}

#[test]
fn data_out_of_order_are_bounded_in_bytes_and_pieces() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        // Every other byte of the window, then whole segments with gaps, then all over again.
        for _ in 0..2 {
            for offset in (0..20_000).map(|n| 1 + 2 * n) {
                peer.data_at(offset, b"x");
            }
            for offset in (0..60_000).step_by(1401) {
                peer.data_at(offset + 1, &[b'x'; 1400]);
            }
        }
        let pinned = peer.host.stack.memory_pinned();
        assert!(pinned <= 4 * (64 << 10), "{pinned} bytes are pinned");
        assert_eq!(peer.seen().data, b"", "nothing is in order");
        assert!(peer.dropped(Dropped::TcpNoRoom) > 0);
        // The stream comes in order at last, across what is held.
        let stream = vec![b'x'; 50_000];
        for piece in stream.chunks(1000) {
            peer.data(piece);
        }
        assert!(peer.seen().data.len() >= 50_000 && peer.seen().data.iter().all(|byte| *byte == b'x'));
        assert_eq!(peer.acknowledged, 1001 + peer.seen().data.len() as u32);
        peer.next = peer.acknowledged;
        peer.forget_seen();
        // What is behind the window is not taken.
        let before = peer.host.stack.memory_pinned();
        peer.data_at(70_000, b"BEHIND");
        assert_eq!(peer.host.stack.memory_pinned(), before);
    }
}

/// Overlapping pieces that differ: what came first stays, wherever it was cut.
#[test]
fn overlapping_pieces_do_not_shift_the_stream() {
    let mut peer = Peer::connected(Family::V4);
    let stream: Vec<u8> = (0..3000u32).map(|at| b'A' + (at % 23) as u8).collect();
    for (from, to) in [(100, 200), (150, 400), (50, 120), (1000, 2000), (900, 2500), (400, 900), (2999, 3000)] {
        peer.data_at(from as u32, &stream[from..to]);
    }
    for (from, to) in [(0, 60), (20, 900), (2400, 3000), (2000, 2450)] {
        peer.data_at(from as u32, &stream[from..to]);
    }
    assert_eq!(peer.seen().data, stream);
    peer.next += 3000;
}

/// RFC 9293 §3.8.6: what is beyond the new edge is neither sent nor forgotten.
#[test]
fn a_window_that_shrinks_is_kept() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let start = peer.expected;
        peer.window = 3000;
        let mut sent = peer.data(b"l");
        assert!(sent.iter().all(|segment| segment.end() - start <= 3000), "{sent:#?}");
        let first = only(sent.drain(..1).collect());
        peer.window = 100;
        let more = peer.acknowledge(&[first]);
        assert!(more.iter().all(|segment| segment.data.is_empty()), "{more:?}");
        peer.window = 0;
        peer.send(|_| {}, b"");
        let probes = peer.pass(Duration::from_secs(30));
        assert!(probes.len() < 12, "{} segments into a closed window", probes.len());
        assert!(probes.iter().all(|probe| probe.end() - start <= 3000), "nothing new: {probes:?}");
        peer.window = 20_000;
        let mut sent = peer.send(|_| {}, b"");
        for _ in 0..10 {
            sent = peer.acknowledge(&sent);
            sent.extend(peer.pass(Duration::from_secs(1)));
        }
        assert_eq!(peer.expected - start, 5000, "all of it came");
        works(&mut peer);
    }
}

/// RFC 7323 §5: PAWS.
#[test]
fn timestamps_that_run_backwards_are_not_believed() {
    for family in BOTH {
        let mut peer = Peer::connected_with(family, Offer { clock: true, ..Offer::default() }, Tuning::default());
        peer.clock = Some((8000, 0));
        peer.data(b"FIRST");
        peer.pass(Duration::from_secs(1));
        peer.clock = Some((7999, 0));
        let answer = only(peer.data(b"OLDER"));
        assert!(answer.is_bare());
        assert_eq!(peer.seen().data, b"FIRST");
        assert_eq!(peer.dropped(Dropped::TcpClock), 1);
        peer.next -= 5;
        // A clock may stand still, or wrap.
        for value in [8000, 8000u32.wrapping_add(i32::MAX as u32), u32::MAX, 5] {
            peer.clock = Some((value, 0));
            peer.data(b"!");
        }
        assert_eq!(peer.seen().data, b"FIRST!!!!");
        // RFC 7323 §3.2: once agreed, always there.
        peer.clock = None;
        peer.data(b"NONE");
        peer.next -= 4;
        assert_eq!(peer.dropped(Dropped::TcpClock), 2);
        assert_eq!(peer.seen().data, b"FIRST!!!!");
        peer.clock = Some((5, 0));
        works(&mut peer);
    }
}

/// CVE-2005-0356: a blind segment must not set the clock against which the peer's are measured. RFC 7323 §5.3 takes it
/// from segments that are acceptable (R3 follows R2), and an acknowledgment that makes no sense is not (RFC 5961 §5).
#[test]
fn a_forged_timestamp_does_not_shut_the_peer_out() {
    for family in BOTH {
        let mut peer = Peer::connected_with(family, Offer { clock: true, ..Offer::default() }, Tuning::default());
        let (value, _) = peer.clock.unwrap();
        let forged = timestamps(value.wrapping_add(1 << 30), 0);
        for behind in [1, 1000, 1 << 20, 1 << 30] {
            // Who sees nothing does not know what was sent.
            let blind = |header: &mut etherparse::TcpHeader| {
                header.sequence_number = header.sequence_number.wrapping_sub(behind);
                header.acknowledgment_number = header.acknowledgment_number.wrapping_add(behind << 1 | 1 << 20);
                header.set_options_raw(&forged).unwrap();
            };
            peer.send(blind, b"");
            peer.send(blind, b"x");
        }
        peer.send(
            |header| {
                header.acknowledgment_number = header.acknowledgment_number.wrapping_add(1 << 30);
                header.set_options_raw(&forged).unwrap();
            },
            b"x",
        );
        peer.send(
            |header| {
                (header.rst, header.sequence_number) = (true, header.sequence_number.wrapping_sub(1));
                header.set_options_raw(&forged).unwrap();
            },
            b"",
        );
        peer.clock = Some((value + 1, 0));
        works(&mut peer);
    }
}

/// The echo of a timestamp that was never sent makes the round trip as long as it likes; it is a number, no more.
#[test]
fn forged_echoes_harm_nobody() {
    for family in BOTH {
        let offer = Offer { clock: true, selective: true, ..Offer::default() };
        let mut peer = Peer::connected_with(family, offer, Tuning::default());
        for age in [0u32, 1, 61_000, 1 << 20, i32::MAX as u32, 1 << 31, u32::MAX] {
            let sent = peer.data(b"nl");
            // Something is missing: that is when echoes are looked at.
            let again = peer.pass(Duration::from_secs(61));
            let value = again.iter().find_map(|segment| {
                segment.header.options_iterator().find_map(|option| match option {
                    Ok(etherparse::TcpOptionElement::Timestamp(value, _)) => Some(value),
                    _ => None,
                })
            });
            let (mine, _) = peer.clock.unwrap();
            peer.clock = Some((mine + 1, value.unwrap().wrapping_sub(age)));
            peer.acknowledge(&sent[..1]);
            peer.acknowledge(&again);
            for _ in 0..10 {
                let more = peer.pass(Duration::from_secs(100));
                peer.acknowledge(&more);
            }
        }
        works(&mut peer);
    }
}

/// RFC 5961 §5.2, §10: one challenge, however many there are.
#[test]
fn an_acknowledgment_of_what_was_never_sent_is_challenged_seldom() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.pass(Duration::from_secs(1));
        let mut challenges = Vec::new();
        for beyond in [1, 1000, 1 << 20, 0x7fff_ffff, 1 << 31, 0xf000_0000] {
            for _ in 0..50 {
                challenges.extend(peer.send(
                    |header| header.acknowledgment_number = header.acknowledgment_number.wrapping_add(beyond),
                    b"EVIL",
                ));
            }
        }
        let challenge = only(challenges);
        assert_eq!(
            (challenge.header.sequence_number, challenge.header.acknowledgment_number),
            (peer.expected, peer.next)
        );
        assert_eq!(peer.dropped(Dropped::TcpBadAck), 300);
        assert_eq!(peer.seen().data, b"");
        works(&mut peer);
    }
}

/// RFC 5961 §3: only a reset with exactly the next number resets.
#[test]
fn a_blind_reset_is_challenged_seldom() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.pass(Duration::from_secs(1));
        let mut challenges = Vec::new();
        for ahead in (1..60_000).step_by(100) {
            challenges.extend(
                peer.send(|header| (header.rst, header.sequence_number) = (true, header.sequence_number + ahead), b""),
            );
        }
        assert!(only(challenges).is_bare());
        for outside in [70_000, 1 << 30, 0xffff_ffff] {
            let sequence = peer.next.wrapping_add(outside);
            let answer = peer.send(|header| (header.rst, header.sequence_number) = (true, sequence), b"");
            assert!(answer.is_empty(), "{answer:?}");
        }
        works(&mut peer);
        peer.send(|header| header.rst = true, b"");
        assert_eq!(peer.gone(), Some(Gone::Reset));
    }
}

/// RFC 5961 §4: a SYN, in the window or not, is challenged.
#[test]
fn a_blind_syn_is_challenged_seldom() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.pass(Duration::from_secs(1));
        let mut challenges = Vec::new();
        for ahead in [0, 1, 1000, 60_000, 70_000, 1 << 30, 1 << 31, 0xffff_ff00] {
            for _ in 0..10 {
                let sequence = peer.next.wrapping_add(ahead);
                challenges.extend(
                    peer.send(|header| (header.syn, header.ack, header.sequence_number) = (true, false, sequence), b""),
                );
            }
        }
        let challenge = only(challenges);
        assert!(challenge.is_bare());
        assert_eq!(challenge.header.acknowledgment_number, peer.next);
        works(&mut peer);
    }
}

/// CVE-2016-5696: a limit that all connections shared would tell a stranger, by what is left of it on a connection of its
/// own, whether it guessed another's numbers. RFC 5961 §7: here each has its own.
#[test]
fn challenges_of_one_connection_tell_nothing_of_another() {
    for family in BOTH {
        let challenges = |guesses: u32| {
            let mut peer = Peer::connected(family);
            let victim = (peer.port, peer.next, peer.expected);
            (peer.port, peer.next) = (5001, 1000);
            peer.forget_seen();
            peer.connect(Offer::default());
            let own = (peer.port, peer.next, peer.expected);
            peer.pass(Duration::from_secs(1));
            let mut answered = Vec::new();
            for _ in 0..100 {
                (peer.port, peer.next, peer.expected) = victim;
                for ahead in 1..=guesses {
                    peer.send(|header| (header.rst, header.sequence_number) = (true, victim.1 + ahead), b"");
                }
                (peer.port, peer.next, peer.expected) = own;
                answered.push(peer.send(|header| (header.rst, header.sequence_number) = (true, own.1 + 1), b"").len());
                peer.pass(Duration::from_millis(10));
            }
            answered
        };
        let alone = challenges(0);
        assert_eq!(alone.iter().sum::<usize>(), 10, "ten a second: {alone:?}");
        assert_eq!(challenges(5), alone, "and the same when others are challenged");
    }
}

/// RFC 5961 §5: data whose acknowledgment is older than any window are not the peer's.
#[test]
fn blind_data_are_not_taken() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        for _ in 0..100 {
            let wrong = peer.expected.wrapping_sub(100_000);
            peer.send(|header| header.acknowledgment_number = wrong, b"EVIL");
        }
        assert_eq!(peer.seen().data, b"");
        // Nor without an acknowledgment at all.
        peer.send(|header| header.ack = false, b"EVIL");
        assert_eq!(peer.seen().data, b"");
        works(&mut peer);
    }
}

/// Two ends that each find the other's acknowledgments unacceptable would answer each other for ever.
#[test]
fn acknowledgments_outside_the_window_are_answered_seldom() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.pass(Duration::from_secs(1));
        for outside in [-1000i32, -1, 70_000, 1 << 30] {
            peer.pass(Duration::from_secs(1));
            let mut answers = Vec::new();
            for _ in 0..100 {
                let sequence = peer.next.wrapping_add(outside as u32);
                answers.extend(peer.send(|header| header.sequence_number = sequence, b""));
            }
            assert!(only(answers).is_bare(), "{outside}");
        }
        works(&mut peer);
    }
}

#[test]
fn data_behind_the_end_are_not_taken() {
    for family in BOTH {
        // In order.
        let mut peer = Peer::connected(family);
        peer.send(|header| header.fin = true, b"ALL");
        peer.next += 4;
        peer.data(b"MORE");
        peer.send(|header| header.fin = true, b"MORE");
        assert_eq!((&peer.seen().data[..], peer.seen().ended), (&b"ALL"[..], true));
        assert_eq!(peer.acknowledged, 1001 + 4);

        // The end first, then what is said to be behind it, then what was missing.
        let mut peer = Peer::connected(family);
        peer.send(|header| (header.fin, header.sequence_number) = (true, header.sequence_number + 10), b"");
        peer.data_at(20, b"BEYOND");
        peer.data_at(5, b"OVERLAPS");
        peer.data_at(10, b"BEYOND");
        assert!(!peer.seen().ended);
        peer.data_at(0, b"0123456789");
        assert_eq!(peer.seen().data, b"0123456789");
        assert!(peer.seen().ended);
        assert_eq!(peer.acknowledged, 1001 + 11);

        // The other way round: an end amid what is held is none.
        let mut peer = Peer::connected(family);
        peer.data_at(5, b"OVERLAPS");
        peer.send(|header| (header.fin, header.sequence_number) = (true, header.sequence_number + 10), b"");
        peer.data_at(0, b"01234");
        assert_eq!((&peer.seen().data[..], peer.seen().ended), (&b"01234OVERLAPS"[..], false));
        peer.next += 13;
        works(&mut peer);
    }
}

/// The end counts when its data are old, and not before its data fit.
#[test]
fn an_end_on_a_trimmed_segment() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.data(b"HELLO");
        peer.send(|header| (header.fin, header.sequence_number) = (true, header.sequence_number - 5), b"HELLO");
        assert!(peer.seen().ended);
        assert_eq!(peer.acknowledged, 1001 + 6);

        let mut peer = Peer::connected(family);
        peer.data(b"HELLO");
        peer.send(|header| (header.fin, header.sequence_number) = (true, header.sequence_number - 2), b"LO WORLD");
        assert_eq!((&peer.seen().data[..], peer.seen().ended), (&b"HELLO WORLD"[..], true));

        // The window ends within it: the end is not to be seen yet.
        let mut peer = Peer::connected(family);
        peer.data(b"p");
        let full = vec![b'x'; 1000];
        for _ in 0..65 {
            peer.data(&full);
        }
        let at = peer.next;
        assert!((1..1400).contains(&(1001 + 65_535 - at)), "the window ends within the next segment");
        peer.send(|header| (header.fin, header.sequence_number) = (true, at), &[b'x'; 1400]);
        peer.pass(Duration::from_secs(1100));
        assert!(!peer.seen().ended);
        let at = peer.acknowledged;
        assert_eq!(peer.seen().data.len() as u32, at - 1001);
        peer.send(|header| (header.fin, header.sequence_number) = (true, at), b"x");
        assert!(peer.seen().ended);
    }
}

/// Everything of a burst that says nothing good, at once: one turn, no harm.
#[test]
fn a_burst_of_nonsense_in_one_turn() {
    let mut peer = Peer::connected(Family::V4);
    for flags in 0..64u8 {
        let packet = peer.packet(
            |header| {
                header.fin = flags & 1 != 0 && flags & 0x12 != 0x10;
                header.syn = flags & 2 != 0;
                header.rst = flags & 4 != 0;
                header.psh = flags & 8 != 0;
                header.ack = flags & 16 != 0;
                header.urg = flags & 32 != 0;
                header.sequence_number = header.sequence_number.wrapping_add(0x1000_0000);
            },
            b"NONSENSE",
        );
        peer.host.give(&packet.frame(), Offload::default());
    }
    assert!(peer.turn().len() <= 2);
    works(&mut peer);
}
