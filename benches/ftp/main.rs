//! FTP beside vsftpd, in turn within one run: a large file each way, and many small ones.
//!
//! ```text
//!  load, core 0                the kernel                 whichever core is free
//!  a client's sockets ──▶ tap0 ──────────────▶ taphouse, its shard and storage threads
//!   (10.77.0.1, .1.1)  ──▶ veth ──▶ its stack ──▶ vsftpd
//!   (10.77.2.1)        ──▶ veth ──▶ its stack ──▶ vsftpd that reads and writes what it sends
//!                          no wire             this process writes the same blocks itself
//! ```
//!
//! vsftpd sends the pages of files (`sendfile`), so the client's copy is the only one. What leaves through a TAP is copied into
//! the kernel, and before that out of the file: `vsftpd, copying` does as much, and tells what of the distance that is.
//!
//! All files lie on one tmpfs, or where `-- --in FOLDER` says: what is read is in memory, for it was just written. The kernel's TCP
//! is on CUBIC at all ends. taphouse syncs and renames what it is sent before it says 226, vsftpd neither; who writes here syncs,
//! too. Before a large file is stored, as much is written here and removed, so that nobody waits for memory.
//!
//! `cargo bench --bench ftp` prints; with `-- --require` it also fails when taphouse is slower than vsftpd, or stores at less
//! than 0.8 × of what writing takes here, in the median round. `-- --rounds N` measures longer.

mod client;
mod contender;
#[path = "../tap/contest.rs"]
mod contest;
#[path = "../tap/lab.rs"]
mod lab;
#[path = "../tap/veth.rs"]
mod veth;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use client::Client;
use contender::{Running, Sending};
use lab::{Failure, LOAD_CORE, Lab};
use veth::CONGESTION_CONTROL;

const NAMES: [&str; 4] = ["taphouse", "vsftpd", "vsftpd, copying", "writing here"];
const OURS: usize = 0;
const VSFTPD: usize = 1;
const COPYING: usize = 2;
const LOCAL: usize = 3;
const ROUNDS: usize = 7;
const LARGE: usize = 1 << 30;
const SMALL: usize = 4 << 10;
const FILES: usize = 2000;
/// Bytes of a block that is written here: what a TAP brings at once.
const BLOCK: usize = 64 << 10;
/// After so long the host of a virtual machine has been told of all memory that was freed before.
const REPORTED: Duration = Duration::from_millis(2500);
/// Where there is a tmpfs everywhere.
const TMPFS: &str = "/dev/shm";
/// Where both keep their files, below what is the root for them.
const FOLDER: &str = "pub";

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Retr,
    Stor,
    RetrSmall,
    StorSmall,
}

const LOADS: [(Load, &str, &str); 4] = [
    (Load::Retr, "RETR of 1 GiB", "MB/s"),
    (Load::Stor, "STOR of 1 GiB", "MB/s"),
    (Load::RetrSmall, "RETR of 2,000 files of 4 KiB", "files/s"),
    (Load::StorSmall, "STOR of 2,000 files of 4 KiB", "files/s"),
];

/// A rate of each of them; what somebody does not do is missing.
type Round = [Option<f64>; NAMES.len()];

fn main() -> ExitCode {
    contest::begin("ftp", contender::run, contender::obstacle, ROUNDS, measure)
}

/// Prints what each contender reaches, and returns what was asked and not reached.
fn measure(rounds: usize, only: Option<&str>) -> Result<Vec<String>, Failure> {
    let place = std::env::args().skip_while(|word| word != "--in").nth(1).unwrap_or_else(|| TMPFS.to_owned());
    let folder = tempfile::Builder::new().prefix("taphouse-bench").tempdir_in(&place)?;
    let root = plant(folder.path())?;
    let lab = Lab::new()?;
    let vsftpd = |number, sending| contender::vsftpd(&lab, number as u8, folder.path(), &root, sending);
    let running = [
        contender::ours(&lab, OURS as u8, &root)?,
        vsftpd(VSFTPD, Sending::Sendfile)?,
        vsftpd(COPYING, Sending::Copying)?,
    ];
    lab::pin(LOAD_CORE)?;
    println!(
        "the load on core {LOAD_CORE}; IPv4, MTU 1500, checksum and TSO offload; {CONGESTION_CONTROL}; files in {place}"
    );
    let mut missed = Vec::new();
    for (load, name, unit) in LOADS.into_iter().filter(|(_, name, _)| only.is_none_or(|only| name.starts_with(only))) {
        let mut all = Vec::new();
        for round in 0..rounds {
            let mut figures = Round::default();
            for turn in 0..NAMES.len() {
                let index = (round + turn) % NAMES.len();
                let failed = |why| format!("{name}, {}: {why}", NAMES[index]);
                figures[index] = rate(&lab, &running, index, load, &root).map_err(failed)?;
            }
            all.push(figures);
        }
        missed.extend(report(name, unit, load, &all));
    }
    Ok(missed)
}

/// The files that are fetched, and room for those that are brought.
fn plant(folder: &Path) -> Result<PathBuf, Failure> {
    let root = folder.join("root");
    let files = root.join(FOLDER);
    fs::create_dir_all(&files)?;
    let block: Vec<u8> = (0..BLOCK).map(|at| ((at * 31) >> 3) as u8).collect();
    let mut large = File::create(files.join("large"))?;
    (0..LARGE / BLOCK).try_for_each(|_| large.write_all(&block))?;
    (0..FILES).try_for_each(|number| fs::write(files.join(format!("small{number}")), &block[..SMALL]))?;
    // Who reads a page for the first or second time moves it in the kernel's lists, and that is to be nobody's of those who are
    // measured.
    (0..2).try_for_each(|_| io::copy(&mut File::open(files.join("large"))?, &mut io::sink()).map(drop))?;
    contender::open_to_all(folder, &root, &files)?;
    Ok(root)
}

fn rate(lab: &Lab, running: &[Running], index: usize, load: Load, root: &Path) -> Result<Option<f64>, Failure> {
    if index == COPYING && load != Load::Retr || index == LOCAL && load != Load::Stor {
        return Ok(None);
    }
    let per_second = |amount: f64, span: Duration| Some(amount / span.as_secs_f64());
    if load == Load::Stor {
        // What is written next goes where this was. The host of a virtual machine takes memory back that nobody uses, and gives
        // it again for a fault a page, which somebody would be the one to wait for: it made 340 MB/s of 1,700. Linux tells the host
        // of what was freed two seconds later (free page reporting); until then nobody frees anything.
        thread::sleep(REPORTED);
        write_here(root)?;
    }
    if index == LOCAL {
        return Ok(per_second(LARGE as f64 / 1e6, write_here(root)?));
    }
    let mut client = lab.enter(|| Client::connect(running[index].address))??;
    let span = match load {
        Load::Retr => lab.enter(|| client.timed(1, |client, _| client.fetch("large", LARGE)))??,
        Load::Stor => lab.enter(|| client.timed(1, |client, _| client.bring("new", LARGE)))??,
        Load::RetrSmall => {
            lab.enter(|| client.timed(FILES, |client, number| client.fetch(&format!("small{number}"), SMALL)))??
        }
        Load::StorSmall => {
            lab.enter(|| client.timed(FILES, |client, number| client.bring(&format!("new{number}"), SMALL)))??
        }
    };
    for name in fs::read_dir(root.join(FOLDER))?.filter_map(Result::ok).map(|entry| entry.path()) {
        if name.file_name().is_some_and(|name| name.to_string_lossy().starts_with("new")) {
            fs::remove_file(name)?;
        }
    }
    Ok(match load {
        Load::Retr | Load::Stor => per_second(LARGE as f64 / 1e6, span),
        Load::RetrSmall | Load::StorSmall => per_second(FILES as f64, span),
    })
}

/// Writes the blocks of a large file where the others do, and syncs them.
fn write_here(root: &Path) -> Result<Duration, Failure> {
    let path = root.join(FOLDER).join("here");
    let block = vec![0x5a; BLOCK];
    let start = Instant::now();
    let mut file = File::create(&path)?;
    (0..LARGE / BLOCK).try_for_each(|_| file.write_all(&block))?;
    file.sync_all()?;
    drop(file);
    let span = start.elapsed();
    fs::remove_file(path)?;
    Ok(span)
}

/// Prints medians with their spread, and the ratios that are asked for.
fn report(name: &str, unit: &str, load: Load, all: &[Round]) -> Vec<String> {
    let sorted = |of: &dyn Fn(&Round) -> Option<f64>| {
        let mut values: Vec<f64> = all.iter().filter_map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    println!("\n{name}, {} rounds", all.len());
    for (index, contender) in NAMES.into_iter().enumerate() {
        let values = sorted(&|round| round[index]);
        if let (Some(least), Some(most)) = (values.first(), values.last()) {
            println!("  {contender:<16}{:>9.0} {unit}  ({least:.0} – {most:.0})", values[values.len() / 2]);
        }
    }
    let asked: &[(usize, f64)] = match load {
        Load::Retr => &[(VSFTPD, 1.0), (COPYING, 1.0)],
        Load::Stor => &[(VSFTPD, 1.0), (LOCAL, 0.8)],
        Load::RetrSmall | Load::StorSmall => &[(VSFTPD, 1.0)],
    };
    let mut missed = Vec::new();
    for (other, least) in asked {
        let ratios = sorted(&|round| Some(round[OURS]? / round[*other]?));
        let (median, from, to) = (ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1]);
        let line =
            format!("taphouse / {}: {median:.2} ({from:.2} – {to:.2}), at least {least:.1} is the aim", NAMES[*other]);
        println!("  {line}");
        if median < *least {
            missed.push(format!("{name}: {line}"));
        }
    }
    missed
}
