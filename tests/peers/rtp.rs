//! ffmpeg and GStreamer send us streams, and tshark judges what we say of them.

use std::fs;
use std::path::{Path, PathBuf};

use taphouse::application::rtp::rtpdump::packets;
use tempfile::TempDir;

use crate::house::{House, V4, V6};
use crate::lab::Lab;
use crate::program::command;

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
        self.lab.house(&format!("--services rtp --rtp-record {records} --record {capture} {arguments}"))
    }

    /// A sine sweep as WAV, of so many seconds.
    fn wav(&self, coding: &str, rate: u32, channels: u32, seconds: u32) -> PathBuf {
        let path = self.path(&format!("{coding}.wav"));
        let source = format!("sine=frequency=440:beep_factor=3:sample_rate={rate}:duration={seconds}");
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

/// The last jitter that our receiver reports carry, and the lost packets.
fn reported(studio: &Studio) -> (u64, i64) {
    let fields = "-e rtcp.ssrc.jitter -e rtcp.ssrc.cum_nr";
    let text = studio.tshark(&format!("-Y rtcp.pt==201&&rtcp.ssrc.jitter -T fields {fields}"));
    let last = text.lines().last().unwrap_or_else(|| panic!("no report: {}", studio.tshark("-Y rtcp")));
    let mut words = last.split('\t').map(|word| word.split(',').next().unwrap());
    (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap())
}

#[test]
fn ffmpeg_sends_pcmu_and_the_recording_is_what_was_sent() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 7);
    let house = studio.house("");
    studio.lab.run(&format!("ffmpeg -v error -re -i {} -c:a copy -f rtp rtp://{V4}:5004", wav.display())).ok();
    let ended = house.end();
    assert!(ended.status.success(), "{ended:?}");
    let told = told(&ended.stderr);
    let judged = studio.judged(5004);
    assert_eq!((told.received, told.lost), (judged.packets, judged.lost), "{}", ended.stderr);
    assert_eq!((told.lost, told.duplicate, told.reordered), (0, 0, 0));
    let (sent, recorded) = (studio.samples(&wav, "mulaw"), studio.samples(&studio.recorded("wav"), "mulaw"));
    assert_eq!(sent.len(), recorded.len());
    assert!(sent == recorded);
    let (jitter, lost) = reported(&studio);
    assert_eq!(lost, 0);
    // Of 8 kHz: a millisecond has eight. The report is of one moment, tshark's mean of all.
    assert!((jitter as f64 / 8.0 - judged.mean_jitter).abs() < 2.0, "{jitter}, {judged:?}");
    // tshark decodes all of it, and finds nothing wrong.
    assert_eq!(studio.tshark("-Y _ws.malformed||_ws.expert.severity>=\"Warning\""), "");
    // What is in the dump are the packets that came.
    let dump = fs::read(studio.recorded("rtpdump")).unwrap();
    let kept = packets(&dump).unwrap();
    assert_eq!(kept.len() as u64, judged.packets);
    let payloads: Vec<u8> = kept.into_iter().flat_map(|(_due, range)| dump[range][12..].to_vec()).collect();
    assert!(payloads == sent);
}

#[test]
fn ffmpeg_and_gstreamer_send_linear_sound_over_ipv6_and_ipv4() {
    for (tool, to) in [("ffmpeg", V6), ("gst", V4)] {
        let Some(studio) = Studio::new() else { return };
        let wav = studio.wav("pcm_s16le", 44_100, 2, 4);
        let house = studio.house("");
        let file = wav.display();
        if tool == "ffmpeg" {
            studio
                .lab
                .run(&format!("ffmpeg -v error -re -i {file} -c:a pcm_s16be -f rtp rtp://[{to}]:5004?pkt_size=1400"))
                .ok();
        } else {
            let line = format!(
                "gst-launch-1.0 -q filesrc location={file} ! wavparse ! audioconvert ! rtpL16pay pt=10 ! udpsink host={to} port=5004"
            );
            studio.lab.start(command(&line)).ended().ok();
        }
        let ended = house.end();
        let told = told(&ended.stderr);
        let judged = studio.judged(5004);
        assert_eq!((told.received, told.lost), (judged.packets, judged.lost), "{tool}: {}", ended.stderr);
        let (sent, recorded) = (studio.samples(&wav, "s16le"), studio.samples(&studio.recorded("wav"), "s16le"));
        assert_eq!((told.lost, sent.len()), (0, recorded.len()), "{tool}");
        assert!(sent == recorded, "{tool}");
    }
}
