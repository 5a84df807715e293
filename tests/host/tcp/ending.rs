//! How connections end, and what their users hear of it.

use std::time::Duration;

use taphouse::base::stream::Gone;

use super::peer::{LINGER, Peer};
use crate::packet::BOTH;

const SECOND: Duration = Duration::from_secs(1);

/// RFC 9293 §3.10.4, and what SO_LINGER adds: the end does not wait for ever.
#[test]
fn who_lingers_gives_up_with_a_reset() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.data(b"s");
        peer.data(b"w");
        let sent = peer.pass(LINGER - SECOND / 10);
        assert!(sent.iter().all(|segment| !segment.header.rst), "{sent:?}");
        assert_eq!(peer.gone(), None);
        let sent = peer.pass(SECOND);
        assert_eq!(sent.iter().filter(|segment| segment.header.rst).count(), 1, "{sent:?}");
        assert_eq!((peer.gone(), peer.seen().unacknowledged), (Some(Gone::Aborted), 10));
    }
}

/// Also when nothing could be sent because the window is closed.
#[test]
fn a_closed_window_holds_up_nobody_who_lingers() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.window = 0;
        peer.data(b"s");
        peer.data(b"w");
        for _ in 0..5 {
            assert_eq!(peer.gone(), None);
            // It is there and says so.
            peer.send(|_| {}, b"");
            peer.pass(SECOND);
        }
        peer.pass(SECOND);
        assert_eq!((peer.gone(), peer.seen().unacknowledged), (Some(Gone::Aborted), 10));
    }
}

#[test]
fn who_is_acknowledged_in_time_is_not_reset() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.data(b"s");
        let sent = peer.data(b"w");
        assert!(sent.last().is_some_and(|segment| segment.header.fin), "{sent:?}");
        peer.pass(LINGER / 2);
        peer.expected = sent.last().expect("the end").end();
        peer.send(|_| {}, b"");
        // The peer may still send for as long as it wants.
        let sent = peer.pass(4 * LINGER);
        assert!(sent.iter().all(|segment| !segment.header.rst), "{sent:?}");
        assert_eq!(peer.gone(), None);
        peer.data(b"...");
        peer.send(|header| header.fin = true, b"");
        peer.next += 1;
        peer.pass(SECOND);
        assert_eq!((peer.gone(), peer.seen().unacknowledged), (Some(Gone::Closed), 0));
    }
}

/// What was acknowledged arrived, whoever ended the connection and how.
#[test]
fn users_hear_what_may_not_have_arrived() {
    for family in BOTH {
        for (acknowledged, unacknowledged) in [(true, 0), (false, 10)] {
            for abort in [true, false] {
                let mut peer = Peer::connected(family);
                let sent = peer.data(b"s");
                if acknowledged {
                    peer.acknowledge(&sent);
                }
                if abort {
                    peer.data(b"a");
                } else {
                    peer.send(|header| header.rst = true, b"");
                }
                let gone = if abort { Gone::Aborted } else { Gone::Reset };
                assert_eq!((peer.gone(), peer.seen().unacknowledged), (Some(gone), unacknowledged));
            }
        }
    }
}
