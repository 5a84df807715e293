//! ffmpeg and GStreamer send us streams and hear ours, and tshark judges what both say of them.

mod received;
mod recorded;
mod sent;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::house::{BOTH, House, taphouse};
use crate::lab::Lab;
use crate::program::Program;

/// How ffmpeg and ffprobe open a session description.
const PLAYS: &str = "-v error -protocol_whitelist file,udp,rtp";

/// A lab with files: what is sent, and what is recorded.
struct Studio {
    lab: Lab,
    files: TempDir,
}

/// What we say of a stream at its end.
#[derive(Debug, PartialEq)]
struct Told {
    received: u64,
    lost: u64,
    duplicate: u64,
    reordered: u64,
    jitter: u64,
}

/// What tshark says of one.
#[derive(Debug)]
struct Judged {
    packets: u64,
    lost: u64,
    mean_jitter: f64,
}

impl Studio {
    fn new() -> Option<Studio> {
        Some(Studio { lab: Lab::new()?, files: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn house(&self, arguments: &str) -> House {
        let (records, capture) = (self.path("rtp"), self.path("all.pcapng"));
        let (records, capture) = (records.display(), capture.display());
        let house = self.lab.house(&format!("--services rtp --rtp-record {records} --record {capture} {arguments}"));
        // Linux sends what waited for a neighbour beside what no longer has to: a burst at the beginning would be reordered.
        BOTH.iter().for_each(|address| self.lab.ping(*address));
        house
    }

    /// A sine sweep as WAV, of so many seconds.
    fn wav(&self, coding: &str, rate: u32, channels: u32, seconds: u32) -> PathBuf {
        let path = self.path(&format!("{coding}.wav"));
        // Nothing in it comes twice, so that what is heard of it tells where it belongs.
        let source = format!("aevalsrc=0.5*sin(2*PI*(200+25*t)*t):s={rate}:d={seconds}");
        let line = format!("ffmpeg -v error -y -f lavfi -i {source} -ac {channels} -c:a {coding} {}", path.display());
        self.lab.run(&line).ok();
        path
    }

    /// The samples in a WAV file as ffmpeg reads them, without any head.
    fn samples(&self, path: &Path, format: &str) -> Vec<u8> {
        let raw = self.path("raw");
        self.lab.run(&format!("ffmpeg -v error -y -i {} -f {format} {}", path.display(), raw.display())).ok();
        fs::read(raw).unwrap()
    }

    /// The only recording with this ending.
    fn recorded(&self, ending: &str) -> PathBuf {
        let all: Vec<PathBuf> = fs::read_dir(self.path("rtp")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let those: Vec<_> = all.iter().filter(|path| path.extension().is_some_and(|is| is == ending)).collect();
        assert_eq!(those.len(), 1, "{all:?}");
        those[0].clone()
    }

    fn tshark(&self, arguments: &str) -> String {
        let capture = self.path("all.pcapng");
        self.lab
            .run(&format!(
                "tshark -n -r {} -d udp.port==5004,rtp -d udp.port==5005,rtcp {arguments}",
                capture.display()
            ))
            .ok()
    }

    /// What tshark says of the only stream in the capture that goes to `port`.
    fn judged(&self, port: u16) -> Judged {
        let text = self.tshark("-q -z rtp,streams");
        let port = port.to_string();
        let line =
            text.lines().find(|line| line.split_whitespace().nth(5) == Some(&port)).unwrap_or_else(|| panic!("{text}"));
        // Payload names may have spaces; what follows them is counted from "(".
        let percent = line.find('(').unwrap();
        let before: Vec<&str> = line[..percent].split_whitespace().collect();
        let behind: Vec<&str> = line[percent..].split(')').nth(1).unwrap().split_whitespace().collect();
        let number = |text: &str| text.parse::<f64>().unwrap();
        let (packets, lost) = (before[before.len() - 2], before[before.len() - 1]);
        // Min, mean and max of deltas, then of jitter.
        Judged { packets: packets.parse().unwrap(), lost: lost.parse().unwrap(), mean_jitter: number(behind[4]) }
    }
}

/// The last number of a stream's line behind a word.
fn told(stderr: &str) -> Told {
    let line = stderr.lines().find(|line| line.contains("received ")).unwrap_or_else(|| panic!("{stderr}"));
    let after = |word: &str| {
        let rest = line.split(word).nth(1).unwrap();
        rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    Told {
        received: after("received"),
        lost: after("lost"),
        duplicate: after("duplicate"),
        reordered: after("reordered"),
        jitter: after("jitter"),
    }
}

/// The jitter of the stream in the capture as tshark computes it, in units of the timestamp: its mean, and its last value.
fn jitter_of_capture(studio: &Studio, rate: f64) -> (f64, f64) {
    let text = studio.tshark("-Y rtp&&udp.dstport==5004 -T fields -e frame.time_epoch -e rtp.timestamp");
    let (mut before, mut jitter, mut all) = (None, 0.0f64, Vec::new());
    for line in text.lines() {
        let (time, timestamp) = line.split_once('\t').unwrap();
        // Of the seconds the last six digits are enough, and keep what is behind the point exact.
        let time: f64 = time[4..].parse().unwrap();
        let timestamp: f64 = timestamp.parse().unwrap();
        if let Some((then, stamp)) = before.replace((time, timestamp)) {
            let difference: f64 = (time - then) * rate - (timestamp - stamp);
            jitter += (difference.abs() - jitter) / 16.0;
            all.push(jitter);
        }
    }
    (all.iter().sum::<f64>() / all.len() as f64, jitter)
}

/// The last jitter that our receiver reports carry, and the lost packets.
fn reported(studio: &Studio) -> (u64, i64) {
    let fields = "-e rtcp.ssrc.jitter -e rtcp.ssrc.cum_nr";
    let text = studio.tshark(&format!("-Y rtcp.pt==201&&rtcp.ssrc.jitter -T fields {fields}"));
    let last = text.lines().last().unwrap_or_else(|| panic!("no report: {}", studio.tshark("-Y rtcp")));
    let mut words = last.split('\t').map(|word| word.split(',').next().unwrap());
    (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap())
}

impl Studio {
    /// Starts `taphouse stream`, whose packets and what it is told of them are captured.
    fn stream(&self, file: &Path, to: &str, arguments: &str) -> Program {
        let (file, capture) = (file.display(), self.path("all.pcapng"));
        let (name, state, capture) = (&self.lab.name, self.lab.state().display(), capture.display());
        let line = format!("stream {file} {to} --stats --netns {name} --state {state} --record {capture} {arguments}");
        self.lab.start(taphouse(&line))
    }

    /// Lets the host drop packets to port 5004 by this rule, on their way out of it or into it.
    fn drop(&self, direction: &str, which: &str) {
        for rule in [
            "add table netdev lossy",
            &format!("add chain netdev lossy way {{ type filter hook {direction} device tap0 priority 0 ; }}"),
            &format!("add rule netdev lossy way udp dport 5004 numgen {which} counter drop"),
        ] {
            self.lab.run(&format!("nft {rule}")).ok();
        }
    }

    /// How many were.
    fn dropped(&self) -> u64 {
        let rules = self.lab.run("nft list table netdev lossy").ok();
        rules.split("counter packets ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    }
}
