//! One connection as fast as it goes, both ends on one core, beside smoltcp.
//!
//! No offload: segments of 1,460 bytes, every checksum computed by the sender and verified by the receiver, in both
//! stacks. Time goes on by 5 µs each time both ends had their turn.

mod by_smoltcp;
mod ours;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use criterion::{Criterion, Throughput};

use ours::Source;
use support::{Contender, race};

/// Bytes of a transfer: long enough that turns do not show.
const BYTES: u64 = 4 << 20;
/// smoltcp's fastest of 64 KiB, 256 KiB and 1 MiB.
const SMOLTCP_BUFFERS: [usize; 3] = [64 << 10, 256 << 10, 1 << 20];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("bulk");
    group.throughput(Throughput::Bytes(BYTES));
    for (name, source) in [("written", Source::Written), ("handed over", Source::HandedOver)] {
        let mut pair = ours::Pair::new(source);
        group.bench_function(format!("taphouse, {name}"), |bencher| bencher.iter(|| pair.transfer(BYTES)));
    }
    for buffer in SMOLTCP_BUFFERS {
        let mut pair = by_smoltcp::Pair::new(buffer);
        let name = format!("smoltcp, {} KiB", buffer >> 10);
        group.bench_function(name, |bencher| bencher.iter(|| pair.transfer(BYTES)));
    }
    group.finish();
    criterion.final_summary();
    // A profile is to show what was asked for, and nothing else.
    if std::env::args().any(|argument| argument == "--profile-time") {
        return;
    }

    let kibibytes = (BYTES >> 10) as u32;
    let mut ratios = Vec::new();
    for (name, source) in [("written", Source::Written), ("handed over", Source::HandedOver)] {
        let mut pair = ours::Pair::new(source);
        let ours = Contender::new("taphouse", move || pair.transfer(BYTES)).in_batches_of(kibibytes);
        let names = SMOLTCP_BUFFERS.map(|buffer| format!("smoltcp, buffers of {} KiB", buffer >> 10));
        let theirs = SMOLTCP_BUFFERS.iter().zip(&names).map(|(buffer, name)| {
            let mut pair = by_smoltcp::Pair::new(*buffer);
            Contender::new(name, move || pair.transfer(BYTES)).in_batches_of(kibibytes)
        });
        ratios.push((name, race(&format!("a KiB, {name}"), 2 * kibibytes, ours, theirs.collect())));
    }
    println!("\ntaphouse's throughput in smoltcp's, its fastest (at least 2.0 is asked for):");
    for (name, ratio) in ratios {
        println!("{name:16} {:.2}", 1.0 / ratio);
    }
}
