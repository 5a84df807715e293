//! How much leaves, and what is taken for lost: one segment of the peer's at a time.

use std::time::Duration;

use taphouse::transport::tcp::Tuning;

use super::flow::with_data;
use super::peer::{Offer, Peer, Sent, only};
use crate::packet::BOTH;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// The initial window, in segments (RFC 6928 §2).
const INITIAL: usize = 10;

/// A peer to whom 20,000 bytes were written, and the first window of them.
fn written(peer: &mut Peer) -> Vec<Sent> {
    peer.data(b"n");
    with_data(&peer.data(b"llll"))
}

/// Acknowledges everything that comes until nothing does.
fn drain(peer: &mut Peer, mut sent: Vec<Sent>) {
    while !sent.is_empty() {
        sent = with_data(&peer.acknowledge(&sent));
    }
}

/// RFC 3042: the first two duplicates bring a segment of new data each, the third what is missing.
#[test]
fn limited_transmit() {
    for family in BOTH {
        for selective in [false, true] {
            let offer = Offer { selective, ..Offer::default() };
            let mut peer = Peer::connected_with(family, offer, Tuning::default());
            let start = peer.expected;
            let sent = written(&mut peer);
            assert_eq!(sent.len(), INITIAL);
            let size = sent[0].data.len() as u32;
            let mut end = start + INITIAL as u32 * size;
            for n in 2..=4 {
                let brought = match selective {
                    true => peer.selectively(&[(start + size, start + n * size)]),
                    false => peer.send(|_| {}, b""),
                };
                let brought = with_data(&brought);
                if n < 4 {
                    assert_eq!(only(brought).header.sequence_number, end, "new data");
                    end += size;
                } else {
                    assert_eq!(brought[0].header.sequence_number, start, "the first once more");
                }
            }
        }
    }
}

/// RFC 8985 §6.2 judges segments: one of which the peer has a part did not arrive, and shows no loss of those before it.
#[test]
fn a_part_of_a_segment_is_none() {
    for family in BOTH {
        for part in [true, false] {
            let mut peer = Peer::connected(family);
            let start = peer.expected;
            let sent = written(&mut peer);
            let size = sent[0].data.len() as u32;
            let end = start + 3 * size;
            let brought = peer.selectively(&[(if part { end - 1 } else { end - size }, end)]);
            let brought = [brought, peer.pass(MILLISECOND)].concat();
            let again = with_data(&brought).iter().any(|segment| segment.header.sequence_number == start);
            assert_eq!(again, !part, "{brought:?}");
        }
    }
}

/// RFC 6675 §5: an acknowledgment that another overtook tells the truth about what is out of order.
#[test]
fn an_overtaken_acknowledgment_counts() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let start = peer.expected;
        let sent = written(&mut peer);
        let size = sent[0].data.len() as u32;
        peer.acknowledge(&sent[..1]);
        peer.expected = start;
        let brought = peer.selectively(&[(start + 2 * size, start + 3 * size)]);
        let brought = with_data(&[brought, peer.pass(MILLISECOND)].concat());
        assert!(brought.iter().any(|segment| segment.header.sequence_number == start + size), "{brought:?}");
    }
}

/// RFC 3168 §6.1.2 and RFC 9937: after a mark less is sent for what arrives, but no round trip in silence.
#[test]
fn marks_reduce_the_window_proportionally() {
    for family in BOTH {
        let mut peer = Peer::new(family);
        let syn = peer.packet(
            |header| {
                (header.syn, header.ack, header.acknowledgment_number) = (true, false, 0);
                (header.ece, header.cwr) = (true, true);
                header.set_options_raw(&[2, 4, 5, 0xb4]).unwrap();
            },
            b"",
        );
        let answer = only(peer.exchange(&syn));
        (peer.expected, peer.next) = (answer.end(), peer.next + 1);
        peer.send(|_| {}, b"");
        peer.data(b"n");
        let sent = with_data(&peer.data(b"llllll"));
        assert_eq!(sent.len(), INITIAL);
        let brought: Vec<usize> = sent
            .iter()
            .enumerate()
            .map(|(n, segment)| {
                peer.expected = segment.end();
                with_data(&peer.send(|header| header.ece = n == 0, b"")).len()
            })
            .collect();
        // RFC 9438 §4.6: 0.7 of what was in flight in this round trip, which were ten.
        assert_eq!(brought.iter().sum::<usize>(), 7, "{brought:?}");
        assert!(brought[..4].iter().sum::<usize>() >= 2, "{brought:?}");
    }
}

/// RFC 5681 §3.1: what was known to have arrived does not count once more when it is acknowledged.
#[test]
fn a_filled_hole_makes_no_burst() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        let start = peer.expected;
        let sent = written(&mut peer);
        let size = sent[0].data.len() as u32;
        // Limited transmit brings one more, so ten segments are in the network.
        peer.selectively(&[(start + size, start + 2 * size)]);
        // The first was only late: one arrived, and the window grows by that one, so two leave.
        let brought = with_data(&peer.acknowledge(&sent[..2]));
        assert_eq!(brought.len(), 2, "{brought:?}");
    }
}

/// RFC 5681 §4.1: after a pause the window is the initial one again.
#[test]
fn a_window_restarts_after_idling() {
    for family in BOTH {
        for idle in [Duration::ZERO, 5 * SECOND] {
            let mut peer = Peer::connected(family);
            let sent = written(&mut peer);
            drain(&mut peer, sent);
            peer.pass(idle);
            let sent = with_data(&peer.data(b"llll"));
            let all = 20_000usize.div_ceil(sent[0].data.len());
            assert_eq!(sent.len(), if idle.is_zero() { all } else { INITIAL });
        }
    }
}

/// RFC 7661 §4.1: who sends little learns nothing of the path, so its window does not grow.
#[test]
fn a_window_that_is_not_used_does_not_grow() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.data(b"n");
        for _ in 0..50 {
            let sent = with_data(&peer.data(b"s"));
            assert_eq!(sent.len(), 1);
            peer.acknowledge(&sent);
        }
        assert_eq!(with_data(&peer.data(b"llll")).len(), INITIAL);
    }
}
