//! How long data may stay unacknowledged: the user timeout, and what both ends tell each other of it (RFC 5482).

use std::time::Duration;

use taphouse::base::address::Family;
use taphouse::base::limits;
use taphouse::base::stream::Gone;
use taphouse::buffer::Offload;
use taphouse::transport::tcp::{TimeoutOption, Tuning};

use super::peer::{Offer, PATIENCE, Peer, Sent, only};
use crate::packet::{BOTH, echo};

const SECOND: Duration = Duration::from_secs(1);
const MINUTES: u16 = 1 << 15;

fn tuning(seconds: u32, timeout_option: TimeoutOption) -> Tuning {
    Tuning { user_timeout: seconds * SECOND, timeout_option, ..Tuning::default() }
}

fn told(field: u16) -> Offer {
    Offer { timeout: Some(field), selective: true, ..Offer::default() }
}

/// What a segment says of its sender's user timeout.
fn field(sent: &Sent) -> Option<u16> {
    let options = sent.header.options.as_slice();
    let at = options.windows(2).position(|pair| pair == [28, 4])?;
    Some(u16::from_be_bytes([options[at + 2], options[at + 3]]))
}

/// Writes something that the peer never acknowledges; after how long that is given up, to the second.
fn given_up_after(peer: &mut Peer) -> Duration {
    peer.data(b"s");
    let start = peer.host.now;
    while peer.gone().is_none() {
        assert!(peer.host.now - start < Duration::from_secs(2 * 3600), "it never gives up");
        peer.pass(SECOND);
    }
    assert_eq!((peer.gone(), peer.seen().unacknowledged), (Some(Gone::TimedOut), 10));
    peer.host.now - start
}

/// To the second that a test waits; no retransmission is waited for.
#[track_caller]
fn assert_about(span: Duration, expected: Duration) {
    assert!(span >= expected && span <= expected + SECOND, "{span:?}, expected {expected:?}");
}

#[test]
fn nothing_is_told_unless_it_was_asked_for() {
    for family in BOTH {
        let mut peer = Peer::with_tuning(family, tuning(20, TimeoutOption::Off));
        let answer = peer.offer(told(3600));
        assert_eq!(field(&answer), None);
        peer.expected = answer.end();
        peer.next += 1;
        assert!(peer.data(b"s").iter().all(|sent| field(sent).is_none()));
        let start = peer.host.now;
        peer.pass(90 * SECOND);
        assert_eq!(peer.gone(), Some(Gone::TimedOut), "and nothing is heard: {:?}", peer.host.now - start);
    }
}

/// RFC 5482 §3.1: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)).
#[test]
fn the_more_patient_one_counts_within_limits() {
    let (least, most) = limits::USER_TIMEOUT_AGREED;
    for (ours, theirs, agreed) in [
        (20, 300, 300 * SECOND),
        (300, 20, 300 * SECOND),
        (20, 5, least),
        (20, MINUTES | 5, 300 * SECOND),
        (20, MINUTES | 0x7fff, most),
        // Zero says nothing.
        (150, 0, 150 * SECOND),
    ] {
        let mut peer = Peer::connected_with(BOTH[0], told(theirs), tuning(ours, TimeoutOption::Agreed));
        assert_about(given_up_after(&mut peer), agreed);
    }
}

/// RFC 5482 §3.2: options of SYNs get lost, so it is told once more; and whenever it changes.
#[test]
fn it_is_told_with_the_first_segments_and_when_it_changes() {
    for family in BOTH {
        let mut peer = Peer::with_tuning(family, tuning(120, TimeoutOption::Agreed));
        let syn = peer.called();
        assert_eq!(field(&syn), Some(120));
        let first = only(peer.send(|header| header.syn = true, b""));
        peer.next += 1;
        assert_eq!((first.is_bare(), field(&first)), (true, Some(120)));
        let second = peer.data(b"s");
        assert!(second.iter().all(|sent| field(sent).is_none()), "{second:?}");
        peer.acknowledge(&second);
        let changed = peer.data(b"us");
        assert_eq!(changed.iter().filter_map(field).collect::<Vec<_>>(), [PATIENCE.as_secs() as u16]);
    }
}

/// RFC 5482 §3.1: CHANGEABLE is false from then on.
#[test]
fn what_a_user_chose_the_peer_does_not_change() {
    for (option, theirs) in [(TimeoutOption::Agreed, 600), (TimeoutOption::Told, 600), (TimeoutOption::Off, 600)] {
        let mut peer = Peer::connected_with(BOTH[1], told(theirs), tuning(900, option));
        peer.data(b"u");
        assert_about(given_up_after(&mut peer), PATIENCE);
    }
}

/// It may tell it with any segment, and the last one counts.
#[test]
fn a_peer_may_change_its_mind() {
    let mut peer = Peer::connected_with(BOTH[0], Offer::default(), tuning(120, TimeoutOption::Agreed));
    for theirs in [1000u16, 200] {
        let [a, b] = theirs.to_be_bytes();
        peer.send(|header| header.set_options_raw(&[28, 4, a, b]).unwrap(), b"");
    }
    assert_about(given_up_after(&mut peer), 200 * SECOND);
}

/// A closed window is asked for as long; a peer that answers keeps it closed for as long as it wants (RFC 9293 §3.8.6.1).
#[test]
fn a_silent_peer_with_a_closed_window_is_given_up() {
    for family in BOTH {
        let mut peer = Peer::connected_with(family, Offer::default(), tuning(60, TimeoutOption::Off));
        peer.window = 0;
        peer.send(|_| {}, b"");
        assert_about(given_up_after(&mut peer), 60 * SECOND);
    }
}

/// RFC 5482 §4.2: questions whether it is there do not end what was promised to last longer.
#[test]
fn keep_alives_wait_as_long_as_was_agreed() {
    let keep_alive = Some(10 * SECOND);
    for (theirs, gone) in [(2000, None), (20, Some(Gone::TimedOut))] {
        let tuned = Tuning { keep_alive, ..tuning(20, TimeoutOption::Agreed) };
        let mut peer = Peer::connected_with(BOTH[0], told(theirs), tuned);
        peer.pass(1000 * SECOND);
        assert_eq!(peer.gone(), gone);
    }
}

/// RFC 9293 §3.10.8: the user timeout runs whatever it is that holds data up, also what is on this side of the wire.
#[test]
fn a_device_that_takes_nothing_holds_nobody_up_for_longer() {
    for family in BOTH {
        for in_flight in [false, true] {
            let mut peer = Peer::connected_with(family, Offer::default(), tuning(20, TimeoutOption::Off));
            if in_flight {
                assert_eq!(peer.data(b"ns").len(), 1);
            }
            fill_the_device(&mut peer, family);
            let command = peer.packet(|header| header.psh = true, b"s").frame();
            peer.host.give(&command, Offload::default());
            peer.host.stack.turn(peer.host.now).unwrap();
            let start = peer.host.now;
            while peer.gone().is_none() {
                assert!(peer.host.now - start < 60 * SECOND, "it is held up for ever: {in_flight}");
                peer.host.now = peer.host.now + SECOND;
                peer.host.stack.turn(peer.host.now).unwrap();
            }
            assert_eq!(peer.gone(), Some(Gone::TimedOut));
            assert_about(peer.host.now - start, 20 * SECOND);
            assert_eq!(peer.host.stack.connections(), 0);
            while peer.host.wire.take().is_some() {}
        }
    }
}

/// Nobody takes what comes back, until nothing more fits.
fn fill_the_device(peer: &mut Peer, family: Family) {
    let ping = echo(family, b"").frame();
    for _ in 0..1100 {
        peer.host.give(&ping, Offload::default());
        peer.host.stack.turn(peer.host.now).unwrap();
    }
}

/// Room again before that: everything arrives, and its timer is that of any other data.
#[test]
fn a_device_that_takes_something_again_goes_on() {
    for family in BOTH {
        let mut peer = Peer::connected_with(family, Offer::default(), tuning(20, TimeoutOption::Off));
        fill_the_device(&mut peer, family);
        let command = peer.packet(|header| header.psh = true, b"s").frame();
        peer.host.give(&command, Offload::default());
        peer.next += 1;
        peer.host.stack.turn(peer.host.now).unwrap();
        peer.host.now = peer.host.now + 15 * SECOND;
        while peer.host.wire.take().is_some() {}
        let data = |sent: Vec<Sent>| sent.iter().filter(|segment| !segment.data.is_empty()).count();
        assert_eq!(data(peer.turn()), 1);
        assert!(data(peer.pass(6 * SECOND)) > 1, "it is sent again");
        assert_eq!(peer.gone(), None, "its time began when it left");
        peer.pass(20 * SECOND);
        assert_eq!(peer.gone(), Some(Gone::TimedOut));
    }
}
