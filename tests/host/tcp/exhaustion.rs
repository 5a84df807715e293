//! Peers that want our host to run out of something.

use std::time::Duration;

use etherparse::TcpOptionElement;
use taphouse::application::{Data, Service, Session, Stream, Used};
use taphouse::base::address::{Family, Flow};
use taphouse::base::counters::Dropped;
use taphouse::base::limits;
use taphouse::base::stream::Gone;
use taphouse::buffer::Offload;
use taphouse::transport::tcp::Tuning;

use super::peer::{Offer, Peer, Sent, only};
use crate::packet::BOTH;

/// So many SYNs of others, which nobody completes.
fn flood(peer: &mut Peer, count: u16) -> usize {
    let mut answered = 0;
    for port in 10_001..10_001 + count {
        let syn = peer.packet(|header| (header.syn, header.ack, header.source_port) = (true, false, port), b"");
        peer.host.give(&syn.frame(), Offload::default());
        answered += peer.host.turn().len();
    }
    answered
}

/// Lets time pass behind a flood; how many frames our host sent.
fn outlast(peer: &mut Peer, span: Duration) -> usize {
    let end = peer.host.now + span;
    let mut sent = 0;
    while let Some(next) = peer.host.stack.deadline().filter(|next| *next < end) {
        peer.host.now = peer.host.now.max(next);
        sent += peer.host.turn().len();
    }
    peer.host.now = end;
    sent
}

/// A SYN flood fills its own table and nothing else: connections that exist go on, and of more nothing is kept. It is
/// forgotten in its time.
#[test]
fn a_syn_flood_is_bounded() {
    let mut peer = Peer::connected(Family::V4);
    assert_eq!(flood(&mut peer, 20_000), 20_000);
    assert_eq!(peer.host.counters().cookies_sent, 20_000 - u64::from(limits::BACKLOG));
    assert_eq!((peer.host.stack.connections(), peer.host.stack.memory_pinned()), (1, 0));
    peer.data(b"HELLO");
    assert_eq!(peer.seen().data, b"HELLO");
    // Its answers are repeated, and then it is over.
    let repeated = outlast(&mut peer, Duration::from_secs(200));
    assert!(repeated <= usize::from(limits::SYN_ACKS) * limits::BACKLOG as usize + 10, "{repeated}");
    let syn = peer.packet(|header| (header.syn, header.ack, header.source_port) = (true, false, 9), b"");
    peer.host.give(&syn.frame(), Offload::default());
    assert!(peer.host.turn().iter().any(|(frame, _)| frame[12..14] == [8, 0]), "a new one is answered");
    let (port, next) = (peer.port, peer.next);
    (peer.port, peer.next) = (9, peer.next + 1);
    peer.send(|header| (header.rst, header.ack) = (true, false), b"");
    (peer.port, peer.next) = (port, next);
}

/// RFC 4987 §3.6: who comes during a flood is taken all the same, and with timestamps both agree on all that they would
/// have otherwise.
#[test]
fn a_syn_flood_keeps_nobody_out() {
    for family in BOTH {
        let mut peer = Peer::new(family);
        flood(&mut peer, limits::BACKLOG as u16);
        for (port, offer) in [
            (1, Offer { scale: Some(7), clock: true, selective: true, ..Offer::default() }),
            (2, Offer { scale: Some(0), clock: true, selective: false, ..Offer::default() }),
            (3, Offer { scale: None, clock: true, selective: true, ..Offer::default() }),
            (4, Offer { scale: Some(7), clock: false, selective: true, ..Offer::default() }),
        ] {
            (peer.port, peer.next) = (port, 1000 * u32::from(port));
            peer.forget_seen();
            let sent = peer.host.counters().cookies_sent;
            let answer = peer.offer(offer);
            assert_eq!(peer.host.counters().cookies_sent, sent + 1);
            assert_eq!(answer.header.acknowledgment_number, peer.next + 1);
            let options: Vec<TcpOptionElement> = answer.header.options_iterator().map(Result::unwrap).collect();
            let has = |is: fn(&TcpOptionElement) -> bool| options.iter().any(is);
            assert!(has(|option| matches!(option, TcpOptionElement::MaximumSegmentSize(_))), "{options:?}");
            let scales = has(|option| matches!(option, TcpOptionElement::WindowScale(_)));
            assert_eq!(scales, offer.clock && offer.scale.is_some(), "{options:?}");
            let selects = has(|option| matches!(option, TcpOptionElement::SelectiveAcknowledgementPermitted));
            assert_eq!(selects, offer.clock && offer.selective, "{options:?}");
            let shown = options.iter().find_map(|option| match option {
                TcpOptionElement::Timestamp(value, _) => Some(*value),
                _ => None,
            });
            assert_eq!(shown.is_some(), offer.clock);
            peer.clock = peer.clock.zip(shown).map(|((mine, _), theirs)| (mine + 1, theirs));
            (peer.expected, peer.next) = (answer.end(), peer.next + 1);
            // The window counts as it was agreed on: 600 bytes, or 128 times as much.
            peer.window = 600;
            let before = peer.host.counters().cookies_accepted;
            // What it sends first opens it; its bare acknowledgment was lost.
            let mut sent = peer.data(b"l");
            assert_eq!(peer.host.counters().cookies_accepted, before + 1);
            assert_eq!(peer.seen().data, b"l");
            let most = if scales { 600 << offer.scale.unwrap() } else { 600 };
            let all: usize = sent.iter().map(|segment| segment.data.len()).sum();
            assert_eq!(all, most.min(5000), "{sent:?}");
            peer.window = 50_000;
            for _ in 0..10 {
                sent = peer.acknowledge(&sent);
            }
            peer.send(|header| header.rst = true, b"");
            assert_eq!(peer.gone(), Some(Gone::Reset));
        }
    }
}

/// Class F, the cookie secret: a guess opens nothing and is not answered, and without a flood there is nothing to guess.
#[test]
fn a_cookie_that_is_guessed_opens_nothing() {
    let mut peer = Peer::new(Family::V4);
    let answer = only(peer.send(|_| {}, b""));
    assert!(answer.header.rst, "no cookies are out: {answer:?}");
    flood(&mut peer, limits::BACKLOG as u16 + 1);
    let cookie = peer.offer(Offer::default()).end();
    peer.next += 1;
    for guess in (1..2000).map(|step| cookie.wrapping_add(step * 2_146_969)) {
        peer.expected = guess;
        assert!(peer.send(|_| {}, b"EVIL").is_empty());
    }
    assert_eq!((peer.dropped(Dropped::TcpCookie), peer.host.stack.connections()), (1999, 0));
    // What was sent behind it comes first: it is left to come again, and is no reason for a reset.
    peer.expected = cookie;
    assert!(peer.data_at(5, b"WORLD").is_empty());
    peer.data(b"HELLO");
    peer.data(b"WORLD");
    assert_eq!(peer.seen().data, b"HELLOWORLD");
    peer.send(|header| header.rst = true, b"");
    // Too late.
    outlast(&mut peer, 2 * limits::COOKIE_SECRET);
    peer.next = 1001;
    let answer = only(peer.send(|_| {}, b""));
    assert!(answer.header.rst, "{answer:?}");
}

/// Sockstress: a peer asks for data and never opens its window. It costs a bounded amount of memory and a probe a minute.
#[test]
fn a_zero_window_held_for_ever_is_cheap() {
    for family in BOTH {
        let mut peer = Peer::connected(family);
        peer.window = 0;
        peer.data(b"lllll");
        let mut probes = 0;
        for _ in 0..600 {
            for probe in peer.pass(Duration::from_secs(1)) {
                assert!(probe.data.len() <= 1, "{probe:?}");
                probes += 1;
                peer.send(|_| {}, b"");
            }
        }
        assert!((5..30).contains(&probes), "{probes} probes in ten minutes");
        assert_eq!(peer.gone(), None, "RFC 9293 §3.8.6.1: as long as it answers");
        let pinned = peer.host.stack.memory_pinned();
        assert!(pinned <= 25_000 + (64 << 10), "{pinned}");
        // One that does not even answer is given up.
        peer.pass(limits::USER_TIMEOUT + Duration::from_secs(130));
        assert_eq!(peer.gone(), Some(Gone::TimedOut));
        assert_eq!((peer.host.stack.connections(), peer.host.stack.memory_pinned()), (0, 0));
    }
}

/// A service that does not read, and a peer that sends a byte at a time: what that pins is bounded, and so is what the
/// peer may send.
#[test]
fn single_bytes_that_nobody_reads_pin_a_window_and_no_more() {
    for scale in [None, Some(7)] {
        let offer = Offer { scale, ..Offer::default() };
        let mut peer = Peer::connected_with(Family::V4, offer, Tuning::default());
        peer.data(b"p");
        let first = peer.next;
        for _ in 0..200_000 {
            peer.data(b"x");
            // What came before makes it acknowledge at once.
            peer.send(|header| header.sequence_number = header.sequence_number.wrapping_sub(1), b"x");
            peer.next = peer.acknowledged;
        }
        let taken = peer.next.wrapping_sub(first);
        assert!(taken <= 64 << 10, "{taken} bytes were taken, and nobody read one");
        let pinned = peer.host.stack.memory_pinned();
        assert!(pinned <= 2 * (64 << 10) + 4096, "{pinned}");
        peer.pass(Duration::from_secs(1100));
        let seen = peer.seen().data.len();
        assert_eq!(seen as u32, 1 + taken);
    }
}

/// Large segments of which only one byte is new.
#[test]
fn large_segments_with_a_byte_that_is_new_pin_what_they_bring() {
    let mut peer = Peer::connected(Family::V4);
    peer.data(b"p");
    for _ in 0..2000 {
        peer.send(|header| header.sequence_number = header.sequence_number.wrapping_sub(1459), &[b'x'; 1460]);
        peer.next = peer.acknowledged;
    }
    let pinned = peer.host.stack.memory_pinned();
    assert!(pinned <= 2 * (64 << 10) + 4096, "{pinned}");
    peer.pass(Duration::from_secs(1100));
}

/// One that is kept in TIME-WAIT by its peer does not keep the others there.
#[test]
fn time_wait_pins_neither_memory_nor_others() {
    let mut peer = Peer::connected(Family::V4);
    // Two connections end; the peer closes second, so our host waits.
    for _ in 0..2 {
        let end = peer.data(b"c");
        peer.expected = only(end.into_iter().filter(|segment| segment.header.fin).collect()).end();
        let last = peer.send(|header| header.fin = true, b"");
        assert!(only(last).is_bare());
        peer.next += 1;
        assert_eq!((peer.host.stack.connections(), peer.host.stack.memory_pinned()), (0, 0));
        if peer.port == 5000 {
            (peer.port, peer.next) = (5001, 1000);
            peer.forget_seen();
            peer.connect(Offer::default());
        }
    }
    // The first asks again and again, the second is silent.
    let second = (peer.next, peer.expected);
    for _ in 0..13 {
        peer.port = 5000;
        (peer.next, peer.expected) = (1002, peer.expected);
        let answer = only(peer.send(|header| header.fin = true, b""));
        assert!(answer.is_bare(), "it waits: {answer:?}");
        peer.pass(Duration::from_secs(10));
    }
    peer.port = 5001;
    (peer.next, peer.expected) = second;
    let answer = only(peer.send(|_| {}, b""));
    assert!(answer.header.rst, "two minutes are over: {answer:?}");
}

/// Thousands of timers due at once: each turn fires some, and takes in what came.
#[test]
fn a_storm_of_timers_holds_up_no_frame() {
    let mut peer = Peer::connected(Family::V4);
    const STORM: u16 = 5000;
    flood(&mut peer, STORM);
    // The answers to all of them are due again.
    peer.host.now = peer.host.now + Duration::from_secs(5);
    let mut turns = 0;
    while peer.host.stack.deadline().is_some_and(|next| next <= peer.host.now) {
        let hello = peer.packet(|header| header.psh = true, b"H");
        peer.next += 1;
        peer.host.give(&hello.frame(), Offload::default());
        peer.host.stack.turn(peer.host.now).unwrap();
        while peer.host.wire.take().is_some() {}
        turns += 1;
        assert_eq!(peer.seen().data.len(), turns, "what comes is served in its turn");
        assert!(turns <= usize::from(STORM), "they end");
    }
    assert!(turns >= usize::from(STORM) / limits::TIMERS_A_TURN, "{turns} turns");
    outlast(&mut peer, Duration::from_secs(200));
}

const LITTLE: usize = limits::MEMORY_LEAST;

/// Completes a handshake from a port; whether our host took part in it.
fn joins(peer: &mut Peer, port: u16) -> bool {
    (peer.port, peer.next, peer.expected) = (port, 1000, 0);
    let answer = peer.send(|header| (header.syn, header.ack) = (true, false), b"");
    let Some(syn) = answer.iter().find(|segment| segment.header.syn) else { return false };
    (peer.next, peer.expected) = (1001, syn.end());
    peer.send(|_| {}, b"");
    true
}

/// Ends those of which our host got nothing but the handshake.
fn hang_up(peer: &mut Peer, service: u16, ports: impl IntoIterator<Item = u16>) {
    for port in ports {
        (peer.service, peer.port, peer.next) = (service, port, 1001);
        peer.send(|header| (header.rst, header.ack) = (true, false), b"");
    }
}

/// Writes as much as there is room for, whenever there is some.
struct Talker;

impl Talker {
    fn talk(stream: &mut Stream<'_>) {
        while stream.room() > 0 && stream.write(&[b'x'; 1000]) > 0 {}
    }
}

impl Session for Talker {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        Talker::talk(stream);
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        Talker::talk(stream);
    }

    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        Used::Bytes(data.len())
    }
}

impl Service for Talker {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Talker))
    }
}

/// Idle connections take the tables' share of the memory and no more; those that are there go on, and each that goes
/// makes room for another.
#[test]
fn idle_connections_are_bounded_by_memory() {
    let mut peer = Peer::with_memory(Family::V4, LITTLE);
    let taken = (10_000..60_000).take_while(|port| joins(&mut peer, *port)).count();
    assert_eq!(taken, peer.host.stack.connections());
    assert!((1000..LITTLE / 8 * limits::TABLES / 512).contains(&taken), "{taken} connections");
    assert_eq!(peer.dropped(Dropped::TcpMemory), 1);
    (peer.port, peer.next) = (10_000, 1001);
    peer.send(|header| (header.rst, header.ack) = (true, false), b"");
    assert_eq!(peer.host.stack.connections(), taken - 1);
    assert!(joins(&mut peer, 9999), "in its place");
    peer.data(b"HELLO");
    assert_eq!(peer.seen().data, b"HELLO");
    assert!(!joins(&mut peer, 9998));
}

/// A flood takes neither all of the tables nor what connections need: who comes meanwhile is served.
#[test]
fn a_syn_flood_leaves_memory_to_connections() {
    let mut peer = Peer::with_memory(Family::V4, LITTLE);
    assert_eq!(flood(&mut peer, 20_000), 20_000);
    let kept = 20_000 - peer.host.counters().cookies_sent as usize;
    assert!((500..LITTLE / 8 * limits::TABLES / limits::TABLES_SHARE / 100).contains(&kept), "{kept} are kept");
    for port in 1..500 {
        peer.forget_seen();
        assert!(joins(&mut peer, port));
        peer.data(b"HELLO");
        assert_eq!(peer.seen().data, b"HELLO", "from port {port}");
    }
    assert_eq!(peer.host.counters().cookies_accepted, 499);
}

/// Many that come and go leave TIME-WAITs, the oldest of which make way.
#[test]
fn time_wait_leaves_memory_to_connections() {
    let mut peer = Peer::with_memory(Family::V4, LITTLE);
    for port in 1..20_000 {
        assert!(joins(&mut peer, port), "{port}");
        let end = peer.data(b"c");
        peer.expected = only(end.into_iter().filter(|segment| segment.header.fin).collect()).end();
        peer.send(|header| header.fin = true, b"");
        peer.forget_seen();
    }
    assert_eq!((peer.host.stack.connections(), peer.dropped(Dropped::TcpMemory)), (0, 0));
    // The last one waits still, the first does not.
    peer.next += 1;
    assert!(peer.send(|header| header.rst = true, b"").is_empty());
    assert!(only(peer.send(|header| header.fin = true, b"")).is_bare());
    peer.port = 1;
    assert!(only(peer.send(|_| {}, b"")).header.rst);
}

/// Sockstress by many: each asks for much and never opens its window. Buffers shrink, so that more of them fit; then
/// nobody new is taken, until those who took nothing for half a minute are given up (RFC 6429 §3).
#[test]
fn closed_windows_hold_memory_up_for_a_while_only() {
    let mut peer = Peer::with_memory(Family::V4, LITTLE);
    peer.host.stack.listen(81, Box::new(Talker)).unwrap();
    (peer.service, peer.window) = (81, 0);
    let quota = LITTLE / 16 * limits::POOL_SENDING;
    let taken = (10_000..11_000).take_while(|port| joins(&mut peer, *port)).count();
    let (first, _) = limits::SEND_BUFFER;
    assert!(taken > quota / first && taken < 100, "{taken} with {quota} bytes");
    assert!(peer.host.stack.memory_pinned() <= quota);
    (peer.service, peer.window) = (80, 50_000);
    assert!(!joins(&mut peer, 9));
    outlast(&mut peer, Duration::from_secs(60));
    assert!(peer.host.counters().connections_given_up > 0);
    for port in 1..100 {
        assert!(joins(&mut peer, port), "there is room for honest ones: {port}");
        peer.data(b"s");
        let pinned = peer.host.stack.memory_pinned();
        assert!(pinned <= quota, "{pinned}");
        peer.send(|header| (header.rst, header.ack) = (true, false), b"");
    }
    let left = peer.host.stack.connections();
    assert!(left > 0, "no more of them were given up than had to be: {left} of {taken} are left");
    hang_up(&mut peer, 81, 10_000..11_000);
    assert_eq!(peer.host.stack.connections(), 0);
}

/// A peer that reads a segment now and then gets what it reads, and its queue holds no more than a buffer while memory is
/// scarce.
#[test]
fn slow_readers_shrink_to_what_they_read() {
    let mut peer = Peer::with_memory(Family::V4, LITTLE);
    peer.host.stack.listen(81, Box::new(Talker)).unwrap();
    (peer.service, peer.window) = (81, 1000);
    let ports: Vec<u16> = (10_000..11_000).take_while(|port| joins(&mut peer, *port)).collect();
    assert!(ports.len() > 10, "{} are taken", ports.len());
    let pinned = peer.host.stack.memory_pinned();
    // Those that read all that they were promised first make room for others.
    (peer.port, peer.window) = (ports[0], 1000);
    let mut read = 0;
    (peer.next, peer.expected) = (1001, 0);
    let again = peer.pass(Duration::from_secs(2));
    peer.expected = again.iter().find(|sent| sent.header.destination_port == ports[0]).unwrap().header.sequence_number;
    let mut sent: Vec<Sent> = again.into_iter().filter(|sent| sent.header.destination_port == ports[0]).collect();
    for _ in 0..400 {
        read += sent.iter().map(|segment| segment.data.len()).sum::<usize>();
        sent = peer.acknowledge(&sent);
    }
    assert!(read > 200_000, "{read} bytes went to who reads");
    assert!(peer.host.stack.memory_pinned() < pinned, "and its queue became smaller");
    hang_up(&mut peer, 81, ports);
}
