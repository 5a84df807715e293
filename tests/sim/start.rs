//! The beginning of a stream on a long path, which nothing but slow start is to hold back.

use std::time::Duration;

use taphouse::base::address::Endpoint;

use crate::network::{Conditions, Ends, Network, address4, address6};
use crate::transfer::{Once, Transfer};
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
