//! Sequence numbers that cross 2^31, where a signed comparison would turn, and 2^32, where they begin again.

use taphouse::base::time::Instant;

use crate::network::{Conditions, Ends, Network, address4};
use crate::transfer::Transfer;
use crate::{Line, carry};

const BYTES: u64 = 1 << 20;
const SEED: u64 = 77;

fn run(start: Instant) -> Network {
    let conditions = Conditions { loss: 20, ..Conditions::default() };
    let mut network = Network::starting(start, SEED, Ends::default(), Line::new(conditions).conditions);
    let transfers = [Transfer::new(SEED, BYTES, BYTES), Transfer::new(SEED, BYTES, BYTES)];
    carry(&mut network, address4(2), transfers, BYTES);
    network
}

/// Lets the stream of one end cross a number in its middle. The initial number is a hash of the flow plus a clock of
/// 4 µs (RFC 6528 §3): a first run tells where the hash puts it, a second one begins when the clock makes up the rest.
fn cross(end: usize, boundary: u32) {
    let early = Instant::from_millis(1000);
    let initial = run(early).hosts[end].initial.expect("it sent a SYN");
    let wanted = boundary.wrapping_sub(BYTES as u32 / 2);
    let ticks = u64::from(wanted.wrapping_sub(initial));
    let network = run(Instant::from_nanos(early.as_nanos() + ticks * 4_000));
    assert_eq!(network.hosts[end].initial, Some(wanted));
}

#[test]
fn of_who_connects_cross_2_to_the_31() {
    cross(0, 1 << 31);
}

#[test]
fn of_who_connects_cross_2_to_the_32() {
    cross(0, 0);
}

#[test]
fn of_who_is_connected_to_cross_2_to_the_31() {
    cross(1, 1 << 31);
}

#[test]
fn of_who_is_connected_to_cross_2_to_the_32() {
    cross(1, 0);
}
