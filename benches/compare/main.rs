//! taphouse beside its peers and beside the limit, over real wires, in turn within one run; what comes of it is written down.
//!
//! ```text
//!      core 0                      the kernel                   core 1
//!  load: its sockets ──▶ tap0, tap1, …, or veth ──▶ one process a contender, of which one works at a time
//!   (10.77.0.1, 10.77.1.1, …)                        (10.77.0.2, 10.77.1.2, …)
//! ```
//!
//! A row is one kind of load. Its contenders start anew for it, each as a process of its own, so that processor time and memory
//! are its own; then every round measures all of them.
//!
//! A shared machine has states, which last for seconds: one and the same endpoint moves 8 Gbit/s in one and 16 in another. So a
//! round is short, a tenth of a second for each contender after as long to warm up, and there are many of them. What counts is the
//! ratio of two contenders *within* a round, where they were measured in the same state as nearly as can be, and of those ratios
//! the median, with the interval in which it lies with 95 % confidence: where that holds what is asked for, the noise hides whether
//! it is met. Each time another one is first, and every other round goes backwards, so that nobody always follows the same one.
//!
//! `cargo bench --bench compare` prints and writes `docs/benchmarks.md` with its charts; `-- --rounds N` measures longer,
//! `-- --row NAME` only what is named so, and then nothing is written.

mod bulk;
mod by_smoltcp;
mod chart;
mod contender;
mod crowd;
mod kernel;
mod machine;
mod ours;
mod peers;
mod report;
mod requests;
mod row;
mod visits;

#[path = "../stream/bare.rs"]
mod bare;
#[path = "../tap/lab.rs"]
mod lab;
#[path = "../tap/load.rs"]
mod load;
#[path = "../tap/others.rs"]
mod others;
#[path = "../tap/phy.rs"]
mod phy;
#[path = "../tap/spin.rs"]
mod spin;
#[path = "../tap/swap.rs"]
mod swap;

use std::process::ExitCode;
use std::time::Instant;

use lab::{Failure, LOAD_CORE, Lab};
use others::Others;
use report::{Measured, Round};
use row::Row;

/// RFC 862, RFC 863 and RFC 864.
const ECHO_PORT: u16 = 7;
const DISCARD_PORT: u16 = 9;
const SOURCE_PORT: u16 = 19;
/// Of every TCP sender in the kernel: not one that paces.
const CONGESTION_CONTROL: &str = "cubic";
const ROUNDS: usize = 31;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let Some(("--contender", contender)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return finish(contender::run(contender));
    }
    if let Some(("--crowd", member)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return finish(machine::allow_files().and_then(|()| crowd::run(member)));
    }
    // `cargo test --benches` runs this too, and is to measure nothing.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    if let Some(obstacle) = lab::obstacle() {
        println!("SKIPPED: {obstacle}");
        return ExitCode::SUCCESS;
    }
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let rounds = value("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    finish(measure(rounds, value("--row").map(String::as_str)))
}

fn finish(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("compare: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Measures every row, or those that are named so, and writes down what all of them gave.
fn measure(rounds: usize, only: Option<&str>) -> Result<(), Failure> {
    let (peers, missing) = peers::build();
    let machine = machine::describe(&missing);
    lab::pin(LOAD_CORE)?;
    machine::allow_files()?;
    print!("{machine}");
    let mut all = Vec::new();
    for row in row::all().into_iter().filter(|row| only.is_none_or(|only| row.name.contains(only))) {
        let row = row.among(&peers);
        let measured = race(row, rounds).map_err(|why| format!("the measurement stopped: {why}"))?;
        print!("\n{measured}");
        all.push(measured);
    }
    match only {
        None => report::write(&machine, &all),
        Some(_) => Ok(()),
    }
}

/// Measures the contenders of a row in turn.
fn race(row: Row, rounds: usize) -> Result<Measured, Failure> {
    let lab = Lab::new()?;
    machine::widen_ports(&lab)?;
    let mut running = Vec::new();
    for (number, contender) in (0..).zip(&row.contenders) {
        let started = contender.start(&lab, number).map_err(|why| format!("{}: {why}", contender.name()))?;
        running.push((started, row.prepare(&lab, number)?));
    }
    let mut all = Vec::new();
    let mut disturbed = 0.0f64;
    for round in 0..rounds {
        let mut figures: Round = vec![Default::default(); running.len()];
        let (others, begun) = (Others::now()?, Instant::now());
        for index in order(round, running.len()) {
            let (contender, _crowd) = &mut running[index];
            let before = contender.processor_time()?;
            let measured = row.measure(&lab, index as u8);
            let mut figure =
                measured.map_err(|why| format!("{}, {}: {why}", row.name, row.contenders[index].name()))?;
            (figure.used, figure.resident) = (contender.processor_time()? - before, contender.resident()?);
            figures[index] = figure;
        }
        let used: f64 = figures.iter().map(|figure| figure.used).sum();
        disturbed = disturbed.max(others.since()? - used / begun.elapsed().as_secs_f64());
        all.push(figures);
    }
    Ok(Measured { row, rounds: all, disturbed: disturbed.max(0.0) })
}

/// Each time another one first, and every other time backwards, from the middle on: so that nobody is measured twice in a row,
/// before what the first time left under way has come to its end.
fn order(round: usize, contenders: usize) -> impl Iterator<Item = usize> {
    let (first, middle) = (round / 2 % contenders, contenders / 2);
    let forwards = round.is_multiple_of(2);
    let at = move |turn| if forwards { first + turn } else { first + middle + contenders - turn };
    (0..contenders).map(move |turn| at(turn) % contenders)
}
