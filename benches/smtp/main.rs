//! SMTP's server beside aiosmtpd, which stores as well, and Postfix's smtp-sink, which does not, in turn within one run.
//!
//! ```text
//!  load, core 0                       the kernel                 whichever core is free
//!  Postfix's smtp-source ──▶ tap0 ──────────────▶ taphouse, its shard and storage threads ──▶ a Maildir
//!   (10.77.0.1, .1.1, .2.1) ─▶ veth ──▶ its stack ──▶ aiosmtpd ──▶ a Maildir
//!                           ─▶ veth ──▶ its stack ──▶ smtp-sink
//! ```
//!
//! Both Maildirs lie on the disk with the build. taphouse says 250 when a message, its name and that name's directory are on the
//! disk; Python's Maildir syncs the message, and not its name. The kernel's TCP is on CUBIC at all ends.
//!
//! `cargo bench --bench smtp` prints; with `-- --require` it also fails when taphouse is slower than aiosmtpd in the median round.
//! `-- --rounds N` measures longer, `-- --row TEXT` only what begins so.

mod contender;
#[path = "../tap/contest.rs"]
mod contest;
#[path = "../tap/lab.rs"]
mod lab;
#[path = "../tap/veth.rs"]
mod veth;

use std::fs;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use contender::Running;
use lab::{Failure, LOAD_CORE, Lab};

const NAMES: [&str; 3] = ["taphouse", "aiosmtpd", "smtp-sink"];
const OURS: usize = 0;
const AIOSMTPD: usize = 1;
const SINK: usize = 2;
const ROUNDS: usize = 7;
const SESSIONS: &str = "20";

/// What is measured.
struct Load {
    name: &'static str,
    messages: usize,
    bytes: usize,
    /// What smtp-source is told besides.
    options: &'static [&'static str],
    unit: &'static str,
}

const LOADS: [Load; 3] = [
    Load { name: "1 kB, a connection for each message", messages: 1000, bytes: 1000, options: &[], unit: "messages/s" },
    Load { name: "1 kB, one behind the other", messages: 1000, bytes: 1000, options: &["-d"], unit: "messages/s" },
    Load { name: "1 MB", messages: 60, bytes: 1_000_000, options: &[], unit: "MB/s" },
];

type Round = [f64; NAMES.len()];

fn main() -> ExitCode {
    contest::begin("smtp", contender::run, contender::obstacle, ROUNDS, measure)
}

/// Prints what each contender reaches, and returns what was asked and not reached.
fn measure(rounds: usize, only: Option<&str>) -> Result<Vec<String>, Failure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let below = |name: &str| folder.path().join(name);
    let lab = Lab::new()?;
    let running = [
        contender::ours(&lab, OURS as u8, &below("ours"))?,
        contender::aiosmtpd(&lab, AIOSMTPD as u8, &below("aiosmtpd"))?,
        contender::sink(&lab, SINK as u8)?,
    ];
    lab::pin(LOAD_CORE)?;
    println!(
        "smtp-source, {SESSIONS} sessions at once, on core {LOAD_CORE}; IPv4, MTU 1500, checksum and TSO offload; {}",
        veth::CONGESTION_CONTROL
    );
    let mut missed = Vec::new();
    for load in LOADS.iter().filter(|load| only.is_none_or(|only| load.name.starts_with(only))) {
        let mut all = Vec::new();
        for round in 0..rounds {
            let mut figures = Round::default();
            for turn in 0..NAMES.len() {
                let index = (round + turn) % NAMES.len();
                let took = time(&lab, &running[index], load);
                let took = took.map_err(|why| format!("{}, {}: {why}", load.name, NAMES[index]))?;
                figures[index] = load.messages as f64 / took.as_secs_f64();
            }
            all.push(figures);
        }
        missed.extend(report(load, &all));
    }
    Ok(missed)
}

/// How long it takes until all messages are taken over; they are all there then, and removed.
fn time(lab: &Lab, running: &Running, load: &Load) -> Result<Duration, Failure> {
    let mut command = Command::new("/usr/sbin/smtp-source");
    command.args(["-s", SESSIONS, "-l", &load.bytes.to_string(), "-m", &load.messages.to_string()]);
    command.args(["-f", "carol@there.test", "-t", "alice@here.test"]).args(load.options);
    command.arg(format!("inet:{}:25", running.address));
    let (took, output) = lab.enter(|| {
        let start = Instant::now();
        command.output().map(|output| (start.elapsed(), output))
    })??;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
    }
    let Some(new) = &running.new else { return Ok(took) };
    let mut there = 0;
    for entry in fs::read_dir(new)? {
        let path = entry?.path();
        if fs::metadata(&path)?.len() < load.bytes as u64 * 9 / 10 {
            return Err(format!("{} is half a message", path.display()).into());
        }
        fs::remove_file(path)?;
        there += 1;
    }
    if there == load.messages {
        Ok(took)
    } else {
        Err(format!("{there} messages of {} are there", load.messages).into())
    }
}

/// Prints medians with their spread and ratios.
fn report(load: &Load, all: &[Round]) -> Option<String> {
    let sorted = |of: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        (values[values.len() / 2], values[0], values[values.len() - 1])
    };
    println!("\n{}, {} messages, {} rounds", load.name, load.messages, all.len());
    for (index, contender) in NAMES.into_iter().enumerate() {
        let (median, least, most) = sorted(&|round| round[index]);
        println!("  {contender:<10}{median:>9.0} {}  ({least:.0} – {most:.0})", load.unit);
    }
    let (share, least, most) = sorted(&|round| round[OURS] / round[SINK]);
    println!("  taphouse / smtp-sink: {share:.2} ({least:.2} – {most:.2}), which stores nothing");
    let (ratio, least, most) = sorted(&|round| round[OURS] / round[AIOSMTPD]);
    let line = format!("taphouse / aiosmtpd: {ratio:.2} ({least:.2} – {most:.2}), at least 1.0 is the aim");
    println!("  {line}");
    (ratio < 1.0).then(|| format!("{}: {line}", load.name))
}
