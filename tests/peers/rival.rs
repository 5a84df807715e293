//! Our CUBIC against Linux's, as senders to the same receiver over the same path, in turn.
//!
//! ```text
//!   Linux, receives ── relay: delay, rate, loss ── bridge ─┬─ taphouse: chargen
//!                                                          └─ Linux: a socket with TCP_CONGESTION=cubic
//! ```
//!
//! They take two to three minutes each, and measure: run them alone, as root, with
//! `cargo test --release --test peers rival -- --ignored --nocapture --test-threads 1`.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::house::{CHARGEN, V4};
use crate::impair::Conditions;
use crate::relay::Linked;

/// Linux's address behind the relay, and the port at which it sends.
const RIVAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 77, 0, 3)), 1019);
/// What of Linux's rate ours has to be.
const LEAST: f64 = 0.9;
/// Connections of each turn, whose rates are added: what one reaches depends on when it loses its first segment.
const FLOWS: usize = 6;
/// Between two turns, besides what the path takes to become empty.
const REST: Duration = Duration::from_millis(100);

/// Lets both send for so long in every round, over a path with so much delay each way and so many of 1,000 frames lost. In a
/// round both lose the same frames, as far as they send as many; so what is judged is the median of the rounds' ratios.
fn race(delay: Duration, loss: u64, span: Duration, rounds: u64) {
    let path = Conditions { delay, loss, ..Conditions::default() };
    // Only data are lost: both senders are to meet the same path.
    let back = Conditions { loss: 0, ..path.clone() };
    let Some(linked) = Linked::new(1500, [back, path]) else { return };
    linked.far.ip(&format!("address add {}/24 dev br0", RIVAL.ip()));
    let listener = linked.far.namespace().enter(|| {
        // What one connection learnt of the path is not to help the next.
        fs::write("/proc/sys/net/ipv4/tcp_no_metrics_save", "1").expect("the namespace is ours");
        TcpListener::bind(RIVAL).expect("the address is its own")
    });
    let listener = listener.expect("the lab's namespace is there");
    // It ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || send(stream));
        }
    });
    let house = SocketAddr::new(V4, CHARGEN);
    let receive = |from: SocketAddr| -> f64 {
        let connect = || TcpStream::connect(from).unwrap_or_else(|why| panic!("{from}: {why}"));
        let connect = || linked.near.namespace().enter(connect).expect("the lab's namespace is there");
        let flows: Vec<_> = (0..FLOWS).map(|_| connect()).map(|flow| thread::spawn(move || rate(flow, span))).collect();
        flows.into_iter().map(|flow| flow.join().expect("it does not panic")).sum()
    };
    let mut figures: Vec<[f64; 2]> = Vec::new();
    for round in 0..rounds {
        let mut pair = [0.0; 2];
        for turn in 0..2 {
            // What the last one sent has left the path.
            thread::sleep(4 * delay + REST);
            linked.seed(round);
            let index = ((round + turn) % 2) as usize;
            pair[index] = receive([house, RIVAL][index]);
        }
        figures.push(pair);
    }
    let [ours, theirs] = [0, 1].map(|index| Spread::of(figures.iter().map(|pair| pair[index])));
    let ratio = Spread::of(figures.iter().map(|[ours, theirs]| ours / theirs));
    println!(
        "{:?} there and back, {} % lost, {rounds} rounds of {span:?}: taphouse {ours:.1} Mbit/s, Linux {theirs:.1} Mbit/s, \
         {ratio:.2} times",
        2 * delay,
        loss as f64 / 10.0,
    );
    linked.end();
    assert!(ratio.median >= LEAST, "taphouse sends {ratio:.2} times what Linux does: {figures:.0?}");
}

/// Linux's sender: it sends until the other side leaves. Where its default is bbr it paces, for the socket began with that.
fn send(mut stream: TcpStream) {
    sockopt::set_tcp_congestion(&stream, "cubic").expect("root may choose");
    let bytes = [0x5a; 64 << 10];
    while stream.write_all(&bytes).is_ok() {}
}

/// Megabits a second that arrive within the time.
fn rate(mut stream: TcpStream, span: Duration) -> f64 {
    stream.set_read_timeout(Some(span)).expect("it is not zero");
    let (start, mut count, mut bytes) = (Instant::now(), 0, vec![0; 256 << 10]);
    while start.elapsed() < span {
        count += stream.read(&mut bytes).expect("it goes on sending");
    }
    count as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e6
}

/// The middle of some figures, and between what the middle half of them lies.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    middle: [f64; 2],
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Spread {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let [first, median, third] = [1, 2, 3].map(|quarter| figures[figures.len() * quarter / 4]);
        Spread { median, middle: [first, third] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = f.precision().unwrap_or(2);
        let [first, third] = self.middle;
        write!(f, "{:.precision$} ({first:.precision$}–{third:.precision$})", self.median)
    }
}

#[test]
#[ignore = "measures for two minutes"]
fn a_path_that_loses_a_thousandth() {
    race(Duration::from_millis(5), 1, Duration::from_secs(3), 15);
}

#[test]
#[ignore = "measures for two minutes"]
fn a_path_that_loses_a_hundredth() {
    race(Duration::from_millis(5), 10, Duration::from_secs(3), 15);
}

#[test]
#[ignore = "measures for minutes"]
fn a_long_path_that_loses_a_thousandth() {
    race(Duration::from_millis(33), 1, Duration::from_secs(5), 17);
}

/// What slow start alone reaches in a dozen round trips.
#[test]
#[ignore = "measures for two minutes"]
fn the_beginning_of_a_long_path() {
    race(Duration::from_millis(33), 0, Duration::from_millis(800), 41);
}
