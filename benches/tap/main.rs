//! Echoes over a real TAP: the bare swap loop, taphouse and smoltcp in turn, within one run.
//!
//! ```text
//!       core 0                         the kernel                          core 1
//!  load: UDP or ICMP ──send──▶ tap0, tap1, tap2: a TAP each ──read──▶ swap loop, taphouse, smoltcp
//!        closed loop ◀─recv── (10.77.0, 10.77.1, 10.77.2)   ◀─write── one is busy, two sleep
//! ```
//!
//! The swap loop is the limit: two system calls an echo and nothing between them. The host's receive path runs inside
//! the contender's write, so the contender's core is the one that is full.
//!
//! `cargo bench --bench tap` prints; with `-- --require` it also fails when taphouse is below 0.90 × the swap loop or
//! below smoltcp, in the median round. `-- --rounds 50` measures longer.

mod by_smoltcp;
mod lab;
mod load;
mod others;
mod ours;
mod phy;
mod report;
mod spin;
mod swap;

use std::fs::read_to_string;
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use lab::{CONTENDER_CORE, Failure, LOAD_CORE, Lab, Wire};
use load::{Echo, Load};
use others::Others;
use report::{NAMES, Round, SMOLTCP, SWAP};
use spin::SPIN;

const ECHO_PORT: u16 = 7;
const OUTSTANDING: usize = 64;
const ROUNDS: usize = 25;
/// Cores that others may use in a quiet round.
const DISTURBED: f64 = 0.05;
const WARM_UP: Duration = Duration::from_millis(100);
const MEASURED: Duration = Duration::from_millis(300);
/// Round trips need fewer.
const TRIPS: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this too, and is to measure nothing.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    if let Some(obstacle) = lab::obstacle() {
        println!("SKIPPED: {obstacle}");
        return ExitCode::SUCCESS;
    }
    let rounds = arguments.iter().skip_while(|argument| *argument != "--rounds").nth(1);
    let rounds = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let required = arguments.iter().any(|argument| argument == "--require");
    match measure(rounds) {
        Ok(missed) => {
            missed.iter().for_each(|line| println!("\nMISSED  {line}"));
            if required && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(why) => {
            eprintln!("tap: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what each contender reaches, and returns what was asked of taphouse and not reached.
fn measure(rounds: usize) -> Result<Vec<String>, Failure> {
    let lab = Lab::new()?;
    for (number, name) in (0..).zip(NAMES) {
        start(name, usize::from(number), lab.wire(number)?)?;
    }
    print_conditions();
    lab::pin(LOAD_CORE)?;

    let mut missed = Vec::new();
    for echo in [Echo::Icmp, Echo::Udp] {
        let rate = |load: &mut Load| load.rate(OUTSTANDING, WARM_UP, MEASURED);
        let title = format!("{echo}, {OUTSTANDING} outstanding, answers a second");
        let rounds = race(&lab, echo, rounds, rate)?;
        report::print(&title, "/s", &rounds);
        missed.extend(report::missed(&title, &rounds));
    }
    let trip = |load: &mut Load| {
        let trips = load.round_trips(WARM_UP, TRIPS)?;
        Ok(trips[trips.len() / 2].as_nanos() as f64 / 1000.0)
    };
    let rounds = race(&lab, Echo::Udp, rounds, trip)?;
    report::print(&format!("{}, 1 outstanding, round trip p50", Echo::Udp), "µs", &rounds);
    Ok(missed)
}

/// Starts a contender. It ends with the process, and its TAP with it.
fn start(name: &'static str, index: usize, wire: Wire) -> io::Result<()> {
    let run = move || -> io::Result<()> {
        lab::pin(CONTENDER_CORE)?;
        match index {
            SWAP => swap::run(wire.tap),
            SMOLTCP => by_smoltcp::run(wire),
            _ => ours::run(wire),
        }
    };
    let run = move || run().unwrap_or_else(|why| eprintln!("{name}: {why}"));
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// Measures all contenders in turn, each time another one first, and again while others disturb it: the quietest
/// rounds count.
fn race(
    lab: &Lab,
    echo: Echo,
    rounds: usize,
    figure: impl Fn(&mut Load) -> Result<f64, Failure>,
) -> Result<Vec<Round>, Failure> {
    let mut all = Vec::new();
    let mut quiet = 0;
    for round in 0..2 * rounds {
        let others = Others::now()?;
        let mut figures = Round::default();
        for turn in 0..NAMES.len() {
            let index = (round + turn) % NAMES.len();
            let mut load = Load::new(lab, echo, Ipv4Addr::new(10, 77, index as u8, 2))?;
            figures[index] = figure(&mut load).map_err(|why| format!("{}: {why}", NAMES[index]))?;
            if load.lost > 0 {
                println!("{echo}: {} lost {} in round {round}", NAMES[index], load.lost);
            }
        }
        let others = others.since()?;
        quiet += usize::from(others < DISTURBED);
        all.push((others, figures));
        if quiet == rounds {
            break;
        }
    }
    all.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let measured = all.len();
    all.truncate(rounds);
    let most = all.last().map_or(0.0, |(others, _)| *others);
    println!("\n{echo}: {} quietest rounds of {measured}; others used at most {most:.2} of a core", all.len());
    Ok(all.into_iter().map(|(_, figures)| figures).collect())
}

fn print_conditions() {
    let cores = thread::available_parallelism().map_or(0, |cores| cores.get());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpu = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cpu = cpu.trim_start_matches([' ', '\t', ':']);
    println!("{cores} cores of {cpu}, Linux {}", kernel.trim());
    println!(
        "load on core {LOAD_CORE}, always spinning; contenders on core {CONTENDER_CORE}, spinning by reading for {SPIN:?}"
    );
    println!("a TAP each with virtio_net_hdr (12 bytes), checksum, TSO and USO offload, MTU 1500; IPv4");
    println!("{MEASURED:?} measured after {WARM_UP:?} of warm-up, in turn, each round another one first");
}
