//! How fast one connection is on what path, and how two share one: tables that are kept beside this, so that a change of
//! behaviour shows as a change of numbers. Where one is to change, `TABLES=write` writes it anew.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use taphouse::base::address::Endpoint;
use taphouse::transport::tcp::{Choice, Notification, Tuning};

use crate::network::{Conditions, Ends, Network, address4};
use crate::transfer::{Once, Shared, Transfer};
use crate::{LIMIT, PORT};

const ALGORITHMS: [(&str, Choice); 2] = [("reno", Choice::Reno), ("cubic", Choice::Cubic)];
/// Data bytes of a segment, with timestamps.
const SEGMENT: f64 = 1448.0;

/// Lets host 0 send so many bytes on a connection of its own.
fn begin(network: &mut Network, number: u16, choice: Choice, bytes: u64) -> Shared {
    let [client, server] = [(bytes, 0), (0, bytes)].map(|(to_send, to_receive)| Transfer::new(7, to_send, to_receive));
    for host in &mut network.hosts {
        let notification = Notification::Always;
        host.stack.set_tuning(Tuning { congestion: choice, notification, ..Tuning::default() });
    }
    network.hosts[1].stack.listen(PORT + number, Box::new(Once(Some(server.0)))).unwrap();
    let remote = Endpoint { address: address4(2), port: PORT + number };
    network.hosts[0].stack.connect(remote, Box::new(client.0)).unwrap();
    server.1
}

/// What comes back is not lost, and finds room.
fn path(there: Conditions) -> [Conditions; 2] {
    let back = Conditions { loss: 0, queue: 10_000, ..there.clone() };
    [there, back]
}

/// Bits of data a second that arrive behind the first `skipped`; and how many segments are sent again meanwhile.
fn goodput(choice: Choice, there: Conditions, skipped: u64, bytes: u64, seed: u64) -> (f64, u64) {
    let mut network = Network::asymmetric(seed, Ends::default(), path(there));
    let end = begin(&mut network, 0, choice, bytes);
    let mut past = |bytes| {
        network.drive(LIMIT, |_| end.lock().unwrap().received >= bytes);
        (network.now, network.hosts[0].stack.counters().segments_again)
    };
    let (began, before) = past(skipped);
    let (ended, after) = past(bytes);
    ((bytes - skipped) as f64 * 8.0 / (ended - began).as_secs_f64(), after - before)
}

fn round_trip(span: Duration, conditions: Conditions) -> Conditions {
    Conditions { delay: span / 2, ..conditions }
}

/// RFC 9438 §5: segments in flight on average where one of so many is lost, as CUBIC has them, and as Reno.
fn response(loss: f64, span: Duration) -> f64 {
    let cubic = 1.054 * (span.as_secs_f64() / loss).powf(0.75);
    let reno = 1.22 / loss.sqrt();
    cubic.max(reno)
}

/// By so much of the response function a sender may differ: less wastes the path, more takes it from others.
#[track_caller]
fn responds(of_thousand: u64, bytes: u64, seeds: u64) {
    let span = Duration::from_millis(66);
    let conditions = Conditions { loss: of_thousand, ..Conditions::default() };
    let sum: f64 = (0..seeds)
        .map(|seed| goodput(Choice::Cubic, round_trip(span, conditions.clone()), bytes / 2, bytes, seed).0)
        .sum();
    let expected = response(of_thousand as f64 / 1000.0, span) * SEGMENT * 8.0 / span.as_secs_f64();
    let ratio = sum / seeds as f64 / expected;
    println!("{of_thousand} of 1,000 lost: {ratio:.3} of the response function");
    assert!((0.85..=1.3).contains(&ratio), "{ratio:.3} of the response function");
}

#[test]
fn the_response_to_one_percent() {
    responds(10, 16 << 20, 2);
}

#[test]
fn the_response_to_one_in_a_thousand() {
    responds(1, 96 << 20, 4);
}

mod whole {
    use super::responds;

    #[test]
    #[ignore = "minutes in a debug build: run with --release and --include-ignored"]
    fn the_response_to_one_percent() {
        responds(10, 64 << 20, 8);
    }

    #[test]
    #[ignore = "minutes in a debug build: run with --release and --include-ignored"]
    fn the_response_to_one_in_a_thousand() {
        responds(1, 256 << 20, 8);
    }
}

/// Segments that overtake up to 20 others cost a tenth of the goodput at most, and none is sent again for that after the
/// first window.
#[test]
fn reordering_costs_little() {
    for (name, choice) in ALGORITHMS {
        // Late by 0.24, 0.24 and 2.4 ms at most: up to a good part of a round trip.
        for (rate, millis) in [(1_000_000_000, 2), (1_000_000_000, 66), (100_000_000, 10)] {
            let good = Conditions { rate, queue: 10_000, ..Conditions::default() };
            let good = round_trip(Duration::from_millis(millis), good);
            let bad = Conditions { reordering: (100, 20), ..good.clone() };
            let (expected, _) = goodput(choice, good, 1 << 20, 16 << 20, 1);
            let (reached, again) = goodput(choice, bad, 1 << 20, 16 << 20, 1);
            println!("{name} {rate} {millis} ms: {:.3}, {again} again", reached / expected);
            assert!(reached >= 0.9 * expected, "{name}: {reached} instead of {expected}, {again} again");
            assert!(again == 0, "{name}: {again}");
        }
    }
}

/// RFC 3168: where routers mark, nothing is lost, and the queue stays as short as they want it.
#[test]
fn marks_are_as_good_as_losses() {
    for (name, choice) in ALGORITHMS {
        let conditions = Conditions { rate: 20_000_000, marking: 60, ..Conditions::default() };
        let conditions = round_trip(Duration::from_millis(20), conditions);
        let (reached, again) = goodput(choice, conditions, 1 << 20, 16 << 20, 1);
        println!("{name}: {reached:.0}, {again} again");
        assert!(reached >= 0.9 * 20e6 && again == 0, "{name}: {reached}, {again} again");
    }
}

#[test]
fn the_table_of_goodput() {
    let mut table = String::from("Mbit/s of data, of 20 on the path; then segments sent again\n\n");
    table += "algorithm  loss  round trip  queue    goodput  again\n";
    for (name, choice) in ALGORITHMS {
        for loss in [0, 1, 10, 50] {
            for span in [10, 66, 200] {
                for queue in [20, 100] {
                    let conditions = Conditions { loss, queue, rate: 20_000_000, ..Conditions::default() };
                    let conditions = round_trip(Duration::from_millis(span), conditions);
                    let (reached, again) = goodput(choice, conditions, 0, 4 << 20, 1);
                    let (loss, reached) = (loss as f64 / 10.0, reached / 1e6);
                    writeln!(table, "{name:9} {loss:4.1} % {span:7} ms  {queue:5} {reached:10.2} {again:6}").unwrap();
                }
            }
        }
    }
    compare("goodput.txt", &table);
}

/// Jain's index: one if both have the same, a half if one has all.
#[test]
fn the_table_of_fairness() {
    let mut table = String::from("Mbit/s of each of two, of 10 on the path, over 60 s; and Jain's index\n\n");
    table += "first  second  round trip   first  second  index\n";
    let pairs = [(ALGORITHMS[1], ALGORITHMS[1]), (ALGORITHMS[1], ALGORITHMS[0]), (ALGORITHMS[0], ALGORITHMS[0])];
    for ((first, one), (second, other)) in pairs {
        for span in [10, 66] {
            let conditions = Conditions { queue: 50, rate: 10_000_000, ..Conditions::default() };
            let conditions = path(round_trip(Duration::from_millis(span), conditions));
            let mut network = Network::asymmetric(1, Ends::default(), conditions);
            // The second comes to a path that the first has for itself.
            let first_end = begin(&mut network, 0, one, u64::MAX);
            let until = |network: &mut Network, span| {
                let end = network.now + span;
                network.drive(LIMIT, |network| network.now >= end);
            };
            until(&mut network, Duration::from_secs(10));
            let second_end = begin(&mut network, 1, other, u64::MAX);
            until(&mut network, Duration::from_secs(20));
            let received = || [&first_end, &second_end].map(|end| end.lock().unwrap().received);
            let before = received();
            until(&mut network, Duration::from_secs(60));
            let after = received();
            let [a, b] = [0, 1].map(|end| (after[end] - before[end]) as f64 * 8.0 / 60e6);
            let index = (a + b).powi(2) / (2.0 * (a * a + b * b));
            writeln!(table, "{first:5}  {second:6} {span:7} ms {a:7.2} {b:7.2}   {index:.3}").unwrap();
        }
    }
    compare("fairness.txt", &table);
}

/// A table is what it was.
#[track_caller]
fn compare(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim").join(name);
    if std::env::var_os("TABLES").is_some_and(|what| what == "write") {
        std::fs::write(&path, table).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == table, "{name} is another now; if it is to be so, TABLES=write writes it:\n{table}");
}
