//! One frame through the whole stack and its answer back, in memory, beside smoltcp's interface.
//!
//! Both stand on the same device ([`device::Treadmill`]): it has 64 frames ready in its buffers before each turn, lends
//! them one after the other, and looks at every answer where it lies. Filling the buffers is part of nobody's time. Both
//! compute and verify every checksum.
//!
//! criterion times each alone; then the two run in turn, and the ratios are printed.

mod device;
mod fragments;
mod frames;
mod ours;
mod smoltcp;
mod stream;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

use device::{BATCH, Treadmill};
use support::{Contender, race};

/// Frames in a round of a race.
const TIMES: u32 = 128 * BATCH as u32;
/// Hosts of each contender, which take its rounds in turn. How fast one is depends on where its memory lies: of one in ten, an ARP
/// reply takes a quarter longer as long as it lives. Why is a guess: lines of a cache that displace each other.
const PLACES: usize = 8;
/// Turns that bring a host's memory into the cache before it is timed.
const WARM: u64 = 4;

fn main() {
    for frame in frames::all().iter().chain(&frames::behind_options()) {
        check(frame);
    }
    let mut criterion = Criterion::default().configure_from_args();
    for frame in frames::all() {
        let mut group = criterion.benchmark_group(format!("path/{}", frame.name));
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut ours = ours::Host::new(&frame);
        group.bench_function("taphouse", |bencher| bencher.iter_custom(|times| time(&mut ours, times)));
        if frame.smoltcp_answers {
            let mut theirs = smoltcp::Host::new(&frame);
            group.bench_function("smoltcp", |bencher| bencher.iter_custom(|times| time(&mut theirs, times)));
        }
        group.finish();
    }
    criterion.final_summary();
    // A profile is to show what was asked for, and nothing else.
    if std::env::args().any(|argument| argument == "--profile-time") {
        return;
    }

    let [plain, behind] = frames::behind_options();
    let with = contender("behind options", || ours::Host::new(&behind));
    let options = race(behind.name, TIMES, with, vec![contender("without", || ours::Host::new(&plain))]);
    let reassembly = fragments::race_with_a_copy();

    let mut ratios = Vec::new();
    let frames = frames::all();
    for frame in frames.iter().filter(|frame| frame.smoltcp_answers) {
        let ours = contender("taphouse", || ours::Host::new(frame));
        let theirs = contender("smoltcp", || smoltcp::Host::new(frame));
        ratios.push((frame, race(frame.name, TIMES, ours, vec![theirs])));
    }
    println!("\ntaphouse / smoltcp, one frame through the whole stack:");
    for (frame, ratio) in ratios {
        println!("{:16} {ratio:.2}  (at most {:.2} is asked for)", frame.name, frame.at_most);
    }
    println!("\nan IPv6 UDP echo behind hop-by-hop and destination options / without: {options:.2}  (at most 1.30)");
    println!("64 KiB of 45 fragments / one copy and one checksum of them: {reassembly:.2}  (at most 2.00)");
}

/// A stack on its treadmill.
trait OnTreadmill {
    fn treadmill(&mut self) -> &mut Treadmill;

    /// A turn of 64 frames.
    fn turn(&mut self);
}

/// A stack in a race.
fn contender<'a, H: OnTreadmill + 'a>(name: &'a str, host: impl Fn() -> H) -> Contender<'a> {
    let mut hosts: Vec<H> = (0..PLACES).map(|_| host()).collect();
    let mut places = (0..PLACES).cycle();
    let work = move |turns: u32| {
        let host = &mut hosts[places.next().unwrap_or_default()];
        time(host, WARM);
        time(host, turns.into())
    };
    Contender::timing_itself(name, work).in_batches_of(BATCH as u32)
}

/// How long so many turns take.
fn time(host: &mut impl OnTreadmill, turns: u64) -> Duration {
    let mut taken = Duration::ZERO;
    for _ in 0..turns {
        host.treadmill().wind();
        let start = Instant::now();
        host.turn();
        taken += start.elapsed();
    }
    taken
}

/// What is timed is the right answer, from both.
fn check(frame: &frames::Sample) {
    check_host(&mut ours::Host::new(frame), frame);
    if frame.smoltcp_answers {
        check_host(&mut smoltcp::Host::new(frame), frame);
    }
}

fn check_host(host: &mut impl OnTreadmill, frame: &frames::Sample) {
    host.treadmill().answer = Some(Vec::new());
    host.treadmill().wind();
    host.turn();
    (frame.check)(host.treadmill().answer.as_deref().expect("it was asked to be kept"));
}
