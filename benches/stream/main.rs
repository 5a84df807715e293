//! One TCP connection over a real TAP with offload, each way: a bare endpoint, taphouse, and taphouse with idle
//! connections in turn, within one run.
//!
//! ```text
//!       core 0                       the kernel                        core 1
//!  load: send() or recv() ──▶ tap0, tap1, tap2: a TAP each ──▶ bare endpoint, taphouse, taphouse and 10,000 idle
//!        cubic, 256 KiB a call ◀──  (10.77.0, 10.77.1, 10.77.2)   one is busy, two sleep
//! ```
//!
//! The bare endpoint is the limit: headers written once, no retransmission, no timers, no sessions. The kernel's congestion
//! control matters: some pace a sender below what any of the contenders takes.
//!
//! `cargo bench --bench stream` prints; with `-- --require` it also fails when taphouse is below 0.6 × the bare endpoint, or
//! when idle connections cost it more than 5 %, in the median round.

mod bare;
#[path = "../tap/lab.rs"]
mod lab;
#[path = "../tap/others.rs"]
mod others;
mod ours;
#[path = "../tap/spin.rs"]
mod spin;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use lab::{CONTENDER_CORE, Failure, LOAD_CORE, Lab};
use others::Others;
use spin::SPIN;

const NAMES: [&str; 3] = ["bare endpoint", "taphouse", "taphouse, 10,000 idle"];
const BARE: usize = 0;
const PLAIN: usize = 1;
const CROWDED: usize = 2;
const IDLE: usize = 10_000;
/// RFC 862, RFC 863 and RFC 864.
const ECHO_PORT: u16 = 7;
const DISCARD_PORT: u16 = 9;
const SOURCE_PORT: u16 = 19;
const ROUNDS: usize = 9;
/// Bytes of a system call of the load.
const CALL: usize = 256 << 10;
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(700);
/// What of the bare endpoint's rate taphouse has to reach, and what of its own it has to keep beside idle connections.
const OF_BARE: f64 = 0.6;
const OF_ITSELF: f64 = 0.95;
/// A contender that does not answer for so long has failed.
const PATIENCE: Duration = Duration::from_secs(3);
/// Not one that paces.
const CONGESTION_CONTROL: &str = "cubic";

/// Which way the bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    FromTheHost,
    ToTheHost,
}

type Round = [f64; NAMES.len()];

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
            eprintln!("stream: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what each contender reaches, and returns what was asked and not reached.
fn measure(rounds: usize) -> Result<Vec<String>, Failure> {
    let most = Some(2 * IDLE as u64);
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    let lab = Lab::new()?;
    for (number, name) in (0..).zip(NAMES) {
        let wire = lab.wire(number)?;
        let run = move || {
            lab::pin(CONTENDER_CORE)?;
            if usize::from(number) == BARE {
                bare::run(wire.tap, wire.mac, bare::SUPERFRAME, false)
            } else {
                ours::run(wire)
            }
        };
        let run = move || run().unwrap_or_else(|why| eprintln!("{name}: {why}"));
        thread::Builder::new().name(name.to_owned()).spawn(run)?;
    }
    lab::pin(LOAD_CORE)?;
    let connect = |index: usize, port: u16| -> Result<TcpStream, Failure> {
        let remote = SocketAddrV4::new(Ipv4Addr::new(10, 77, index as u8, 2), port);
        Ok(lab.enter(|| lab::connect(remote, CONGESTION_CONTROL, PATIENCE))??)
    };
    let idle = (0..IDLE).map(|_| connect(CROWDED, DISCARD_PORT)).collect::<Result<Vec<_>, _>>()?;
    println!("load on core {LOAD_CORE}, contenders on core {CONTENDER_CORE}, spinning for {SPIN:?}; IPv4, MTU 1500");
    println!("virtio_net_hdr, checksum and TSO offload; the host's congestion control is {CONGESTION_CONTROL}");
    println!("{MEASURED:?} measured after {WARM_UP:?}, {CALL} bytes a call; {} connections idle at one", idle.len());

    let mut missed = Vec::new();
    for way in [Way::FromTheHost, Way::ToTheHost] {
        let mut all = Vec::new();
        for round in 0..rounds {
            let others = Others::now()?;
            let mut figures = Round::default();
            for turn in 0..NAMES.len() {
                let index = (round + turn) % NAMES.len();
                let port = if way == Way::FromTheHost { DISCARD_PORT } else { SOURCE_PORT };
                figures[index] = rate(connect(index, port)?, way).map_err(|why| format!("{}: {why}", NAMES[index]))?;
            }
            all.push((others.since()?, figures));
        }
        missed.extend(report(way, &all));
    }
    Ok(missed)
}

/// Gigabits a second of one connection.
fn rate(mut stream: TcpStream, way: Way) -> Result<f64, Failure> {
    let mut bytes = vec![0x5a; CALL];
    let mut pass = |span: Duration| -> Result<f64, Failure> {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < span {
            let passed = match way {
                Way::FromTheHost => stream.write(&bytes)?,
                Way::ToTheHost => stream.read(&mut bytes)?,
            };
            if passed == 0 {
                return Err("the connection ended".into());
            }
            count += passed;
        }
        Ok(count as f64 * 8.0 / start.elapsed().as_nanos() as f64)
    };
    pass(WARM_UP)?;
    pass(MEASURED)
}

/// Prints medians, spreads and ratios; returns what was asked and not reached.
fn report(way: Way, all: &[(f64, Round)]) -> Vec<String> {
    let title = if way == Way::FromTheHost { "from the host" } else { "to the host" };
    let others = all.iter().map(|(others, _)| *others).fold(0.0, f64::max);
    println!("\n{title}, {} rounds; others used at most {others:.2} of a core", all.len());
    println!("  {:22} {:>16} {:>20}", "", "median", "least – most");
    for (index, name) in NAMES.iter().enumerate() {
        let figures = sorted(all.iter().map(|(_, round)| round[index]));
        let spread = format!("{:.1} – {:.1}", figures[0], figures[figures.len() - 1]);
        println!("  {name:22} {:>9.1} Gbit/s {spread:>20}", figures[figures.len() / 2]);
    }
    let mut missed = Vec::new();
    for (one, other, least) in [(PLAIN, BARE, OF_BARE), (CROWDED, PLAIN, OF_ITSELF)] {
        let ratios = sorted(all.iter().map(|(_, round)| round[one] / round[other]));
        let median = ratios[ratios.len() / 2];
        let (one, other) = (NAMES[one], NAMES[other]);
        let spread = format!("({:.2} – {:.2})", ratios[0], ratios[ratios.len() - 1]);
        println!("  {one} / {other}: {median:.3} in the median round {spread}; at least {least} is asked for");
        if median < least {
            missed.push(format!("{title}: {one} / {other} is {median:.3}, below {least}"));
        }
    }
    missed
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}
