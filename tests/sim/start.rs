//! The beginning of a stream on a long path, which nothing but slow start is to hold back.

use std::time::Duration;

use taphouse::base::address::Endpoint;
use taphouse::base::time::Instant;
use taphouse::transport::tcp::{Pace, Tuning};

use crate::network::{Conditions, Ends, Network, address4, address6};
use crate::transfer::{Once, Shared, Transfer};
use crate::{LIMIT, PORT};

/// Data bytes of a segment of either family, with timestamps.
const SEGMENTS: [u64; 2] = [1448, 1428];

/// Each round trip brings twice as much as the one before (RFC 5681 §3.1), from ten segments on (RFC 6928 §2): neither the
/// window of the receiver nor the buffer of the sender is ever in the way.
#[test]
fn the_first_round_trips_double() {
    const ROUNDS: u32 = 8;
    let round_trip = Duration::from_millis(66);
    let conditions = Conditions { delay: round_trip / 2, ..Conditions::default() };
    for (to, segment) in [address4(2), address6(2)].into_iter().zip(SEGMENTS) {
        let mut network = Network::new(1, Ends::default(), conditions.clone());
        // What is spread over a round trip is looked at below.
        network.hosts[0].stack.set_tuning(Tuning { pace: Pace::Unpaced, ..Tuning::default() });
        let (client, _) = Transfer::new(1, u64::MAX, 0);
        let (server, arrived) = Transfer::new(1, 0, u64::MAX);
        network.hosts[1].stack.listen(PORT, Box::new(Once(Some(server)))).unwrap();
        network.hosts[0].stack.connect(Endpoint { address: to, port: PORT }, Box::new(client)).unwrap();
        // One for the neighbour's address, and one for the handshake; data arrive in the middle between two looks.
        let until = network.now + (ROUNDS + 2) * round_trip;
        network.drive(LIMIT, |network| network.now >= until);
        let arrived = arrived.lock().unwrap().received;
        let doubled = 10 * segment * ((1 << ROUNDS) - 1);
        let ratio = arrived as f64 / doubled as f64;
        println!("{to}: {arrived} bytes in {ROUNDS} round trips, {ratio:.3} of what doubling makes");
        assert!(ratio >= 0.9, "{to}: {arrived} of {doubled} bytes");
    }
}

/// A stream from host 0 to host 1, at the end of which the bytes are counted that arrived.
fn stream(network: &mut Network, number: u16) -> Shared {
    let (client, _) = Transfer::new(1, u64::MAX, 0);
    let (server, arrived) = Transfer::new(1, 0, u64::MAX);
    network.hosts[1].stack.listen(PORT + number, Box::new(Once(Some(server)))).unwrap();
    let remote = Endpoint { address: address4(2), port: PORT + number };
    network.hosts[0].stack.connect(remote, Box::new(client)).unwrap();
    arrived
}

/// What arrived until then.
fn at(network: &mut Network, until: Instant, arrived: &Shared) -> u64 {
    network.drive(LIMIT, |network| network.now >= until);
    arrived.lock().unwrap().received
}

/// A queue that holds a twentieth of the window is long enough for slow start, for the window does not leave at once.
#[test]
fn a_window_is_spread_over_the_round_trip() {
    const ROUNDS: u32 = 8;
    let round_trip = Duration::from_millis(66);
    let conditions = Conditions { delay: round_trip / 2, queue: 64, ..Conditions::default() };
    let mut network = Network::new(1, Ends::default(), conditions);
    let arrived = stream(&mut network, 0);
    let start = network.now;
    let [before, after] =
        [ROUNDS + 1, ROUNDS + 2].map(|rounds| at(&mut network, start + rounds * round_trip, &arrived));
    let doubled = 10 * SEGMENTS[0] * ((1 << ROUNDS) - 1);
    let again = network.hosts[0].stack.counters().segments_again;
    println!("{before} and {after} bytes, {:.3} of what doubling makes, {again} again", after as f64 / doubled as f64);
    // It doubles as it would anyway, half a round trip later.
    assert!(
        after as f64 >= 1.9 * before as f64 && after as f64 >= 0.7 * doubled as f64,
        "{before}, {after} of {doubled}"
    );
    assert_eq!(again, 0);
}

/// While some of a window are sent again, new data leave in proportion to what arrives (RFC 9937 §6.2): there is something to
/// send, though nothing is acknowledged, and what waits behind the gap does not all leave when it closes.
#[test]
fn recovery_goes_on_with_new_data() {
    let round_trip = Duration::from_millis(66);
    let conditions = Conditions { delay: round_trip / 2, ..Conditions::default() };
    let mut network = Network::new(1, Ends::default(), conditions.clone());
    let arrived = stream(&mut network, 0);
    let start = network.now;
    // In the round trip in which a thousand segments leave, some at its beginning are lost.
    let lossy = start + 8 * round_trip + Duration::from_millis(10);
    at(&mut network, lossy, &arrived);
    network.set(0, Conditions { loss: 1000, ..conditions.clone() });
    let over = network.now + Duration::from_millis(2);
    at(&mut network, over, &arrived);
    network.set(0, conditions);
    // They are found missing a round trip later, and have arrived after another one.
    let before = at(&mut network, lossy + round_trip, &arrived);
    let after = at(&mut network, lossy + 4 * round_trip, &arrived);
    let again = network.hosts[0].stack.counters().segments_again;
    let segments = (after - before) / SEGMENTS[0];
    println!("{segments} segments, {again} again");
    assert!(again > 0 && segments >= 1800, "{segments} segments, {again} again");
}
