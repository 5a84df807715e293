//! How many instructions the hot loop takes, as valgrind counts them: the same on a busy machine and on a quiet one.
//!
//! `scripts/instructions` runs this once for each sample, counts what is executed in [`counted`], and compares it with
//! `baseline.txt`. The samples are those of the benches `path` and `bulk`, which time them.

#[path = "../bulk/ours.rs"]
mod bulk;
#[path = "../path/device.rs"]
mod device;
#[path = "../path/fragments.rs"]
#[allow(dead_code, reason = "nobody races here")]
mod fragments;
#[path = "../path/frames.rs"]
#[allow(dead_code, reason = "answers are checked where they are timed")]
mod frames;
#[path = "../path/ours.rs"]
mod ours;
#[path = "../path/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "nobody races here")]
mod support;
#[path = "../bulk/wire.rs"]
mod wire;

use std::hint::black_box;
use std::process::ExitCode;

use bulk::{Pair, Source};
use device::{BATCH, Treadmill};

/// Turns of frames that are counted, and that come before them.
const TURNS: usize = 100;
const WARM: usize = 10;
const MIB: u64 = 1 << 20;

/// A stack on its treadmill.
trait OnTreadmill {
    fn treadmill(&mut self) -> &mut Treadmill;

    /// A turn of 64 frames.
    fn turn(&mut self);
}

/// Everything that is counted happens in here.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

/// Names of all samples, and what of each one is counted.
fn samples() -> Vec<(String, &'static str)> {
    let frames = frames::all().into_iter().chain(frames::behind_options().into_iter().skip(1));
    let frames = frames.map(|frame| (frame.name.to_owned(), "frame"));
    let others = [("reassembly", "64-KiB"), ("bulk-written", "KiB"), ("bulk-handed-over", "KiB")];
    frames.chain(others.map(|(name, unit)| (name.to_owned(), unit))).collect()
}

/// Does the work of a sample; returns how many units were counted.
fn run(name: &str) -> Option<usize> {
    let bulk = |source| {
        let mut pair = Pair::new(source);
        counted(&mut || pair.transfer(4 * MIB));
        Some(4 << 10)
    };
    match name {
        "bulk-written" => return bulk(Source::Written),
        "bulk-handed-over" => return bulk(Source::HandedOver),
        "reassembly" => {
            let mut reassemble = fragments::reassembly();
            reassemble();
            (0..TURNS).for_each(|_| counted(&mut || _ = black_box(reassemble())));
            return Some(TURNS);
        }
        _ => {}
    }
    let frame = frames::all().into_iter().chain(frames::behind_options()).find(|frame| frame.name == name)?;
    let mut host = ours::Host::new(&frame);
    for turn in 0..WARM + TURNS {
        host.treadmill().wind();
        if turn < WARM { host.turn() } else { counted(&mut || host.turn()) }
    }
    Some(TURNS * BATCH)
}

/// `--list` prints each sample and its unit; a sample's name does its work and prints how many units that were.
fn main() -> ExitCode {
    // cargo adds arguments of its own.
    let Some(argument) = std::env::args().skip(1).find(|argument| argument != "--bench") else {
        eprintln!("instructions: run scripts/instructions, which counts them");
        return ExitCode::SUCCESS;
    };
    if argument == "--list" {
        samples().iter().for_each(|(name, unit)| println!("{name} {unit}"));
        return ExitCode::SUCCESS;
    }
    match run(&argument) {
        Some(units) => println!("{units}"),
        None => {
            eprintln!("instructions: there is no sample {argument}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
