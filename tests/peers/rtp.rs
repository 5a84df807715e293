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
    let (_, lost) = reported(&studio);
    assert_eq!(lost, 0);
    let (mean, last) = jitter_of_capture(&studio, 8000.0);
    assert!((mean / 8.0 - judged.mean_jitter).abs() < 0.01, "{mean}, {judged:?}");
    assert!((last - told.jitter as f64).abs() <= 1.0, "{last}, {told:?}");
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

/// A session description as ours prints it.
fn description(to: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.77.0.2\r\ns=x\r\nc=IN IP4 {to}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}

const PLAYS: &str = "-v error -protocol_whitelist file,udp,rtp";

#[test]
fn a_stream_of_ours_opens_in_ffprobe_and_arrives_whole_in_ffmpeg() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 8);
    let (file, name) = (wav.display(), studio.lab.name.clone());
    let capture = studio.path("all.pcapng");
    // ffprobe opens what we print.
    let send = |to: &str| {
        let line = format!("stream {file} {to} --sdp --stats --netns {name} --record {}", capture.display());
        studio.lab.start(crate::house::taphouse(&line))
    };
    let mut sending = send("rtp://10.77.0.1:6000");
    let printed = sending.printed_with("a=rtpmap:0 PCMU/8000");
    let sdp = studio.path("ours.sdp");
    let from = printed.find("v=0").unwrap();
    fs::write(&sdp, &printed[from..]).unwrap();
    let probe = studio.lab.run(&format!("ffprobe {PLAYS} -show_streams {}", sdp.display())).ok();
    assert!(probe.contains("codec_name=pcm_mulaw") && probe.contains("sample_rate=8000"), "{probe}");
    let ended = sending.ended();
    assert!(ended.status.success(), "{ended:?}");

    // ffmpeg hears all of it.
    let (sdp, heard) = (studio.path("heard.sdp"), studio.path("heard.wav"));
    fs::write(&sdp, description("10.77.0.1", 5004)).unwrap();
    let receive = format!("ffmpeg {PLAYS} -y -i {} -c:a copy {}", sdp.display(), heard.display());
    let receiver = studio.lab.start(command(&receive));
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ended = send("rtp://10.77.0.1:5004").ended();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.contains("sent 400 packets, 64000 octets"), "{}", ended.stderr);
    receiver.ended();
    let (sent, heard) = (studio.samples(&wav, "mulaw"), studio.samples(&heard, "mulaw"));
    // It needs some packets to find out what it is, and keeps them.
    assert!(sent == heard, "{} and {}", sent.len(), heard.len());
    assert_eq!(studio.judged(5004).lost, 0);
    assert_eq!(
        studio.tshark("-Y (udp.port==5004||udp.port==5005)&&(_ws.malformed||_ws.expert.severity>=\"Warning\")"),
        ""
    );
}

#[test]
fn gstreamer_reports_on_a_stream_of_ours() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 12);
    let receive = "gst-launch-1.0 -q rtpbin name=bin udpsrc port=5004 \
                   caps=application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0 ! bin.recv_rtp_sink_0 \
                   bin. ! rtppcmudepay ! fakesink sync=false udpsrc port=5005 ! bin.recv_rtcp_sink_0 \
                   bin.send_rtcp_src_0 ! udpsink host=10.77.0.2 port=5005 sync=false async=false";
    let _receiver = studio.lab.start(command(receive));
    std::thread::sleep(std::time::Duration::from_secs(1));
    let capture = studio.path("all.pcapng");
    let (file, capture) = (wav.display(), capture.display());
    let line = format!("stream {file} rtp://10.77.0.1:5004 --stats --netns {} --record {capture}", studio.lab.name);
    let ended = studio.lab.start(crate::house::taphouse(&line)).ended();
    assert!(ended.status.success(), "{ended:?}");
    let report = ended.stderr.lines().rfind(|line| line.contains("reports: ")).unwrap_or_else(|| panic!("{ended:?}"));
    // It counts a packet of its probation twice, so it may have one more than there were.
    let none = ["reports: lost 0 in all, 0.0 %", "reports: lost -1 in all, 0.0 %"];
    assert!(none.iter().any(|none| report.contains(none)), "{report}");
    assert_eq!(studio.judged(5004).lost, 0);
}

#[test]
fn what_was_recorded_is_played_back_as_the_same_packets() {
    for (codec, arguments) in [
        ("opus", "-f lavfi -i sine=duration=4 -c:a libopus -ar 48000 -ac 2"),
        ("h264", "-f lavfi -i testsrc=size=320x240:rate=25:duration=4 -c:v libx264 -g 25 -pix_fmt yuv420p"),
    ] {
        let Some(studio) = Studio::new() else { return };
        let house = studio.house("");
        studio.lab.run(&format!("ffmpeg -v error -re {arguments} -f rtp rtp://{V4}:5004?pkt_size=1300")).ok();
        let ended = house.end();
        let told = told(&ended.stderr);
        let judged = studio.judged(5004);
        assert_eq!((told.received, told.lost), (judged.packets, judged.lost), "{codec}: {}", ended.stderr);
        let path = studio.recorded("rtpdump");
        let dump = fs::read(&path).unwrap();
        let kept: Vec<String> = packets(&dump).unwrap().into_iter().map(|(_due, range)| hex(&dump[range])).collect();
        assert_eq!(kept.len() as u64, told.received, "{codec}");

        let (file, name, capture) = (path.display(), &studio.lab.name, studio.path("all.pcapng"));
        let line = format!("stream {file} rtp://10.77.0.1:7000 --netns {name} --record {}", capture.display());
        let ended = studio.lab.start(crate::house::taphouse(&line)).ended();
        assert!(ended.status.success(), "{ended:?}");
        let sent = studio.tshark("-Y udp.dstport==7000&&!icmp -T fields -e udp.payload");
        let sent: Vec<&str> = sent.lines().collect();
        assert_eq!(sent.len(), kept.len(), "{codec}");
        assert!(sent.iter().zip(&kept).all(|(sent, kept)| sent == kept), "{codec}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_dropped_on_the_way_is_what_is_said_to_be_lost() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 20);
    let house = studio.house("");
    for rule in [
        "add table netdev lossy",
        "add chain netdev lossy out { type filter hook egress device tap0 priority 0 ; }",
        "add rule netdev lossy out udp dport 5004 numgen random mod 100 < 5 counter drop",
    ] {
        studio.lab.run(&format!("nft {rule}")).ok();
    }
    studio.lab.run(&format!("ffmpeg -v error -re -i {} -c:a copy -f rtp rtp://{V4}:5004", wav.display())).ok();
    let rules = studio.lab.run("nft list table netdev lossy").ok();
    let dropped: u64 = rules.split("counter packets ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let ended = house.end();
    let told = told(&ended.stderr);
    let judged = studio.judged(5004);
    assert_eq!((told.received, told.lost), (judged.packets, judged.lost), "{}", ended.stderr);
    assert_eq!((told.duplicate, told.reordered), (0, 0));
    // Those before the first that came, and behind the last, nobody misses.
    assert!(told.lost <= dropped && told.lost + 5 >= dropped && dropped > 0, "{} of {dropped}", told.lost);
    // Silence is where something is missing, so what follows is at its place.
    let (sent, recorded) = (studio.samples(&wav, "mulaw"), studio.samples(&studio.recorded("wav"), "mulaw"));
    // The recording begins with the first packet that came.
    let begins = sent.windows(400).position(|window| *window == recorded[..400]).expect("it was sent");
    let same = sent[begins..].chunks(80).zip(recorded.chunks(80)).filter(|(one, other)| one == other).count();
    assert!(same * 100 >= sent.len() / 80 * 85, "{same} of {}", sent.len() / 80);
}

#[test]
fn a_stream_to_a_group_is_taken_and_one_that_is_reflected_goes_back() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 7);
    let file = wav.display();
    let house = studio.house("--rtp-group 239.1.2.3 --rtp-group 232.1.2.3@10.77.0.1");
    studio.lab.ip("route add 224.0.0.0/4 dev tap0");
    studio.lab.run(&format!("ffmpeg -v error -re -i {file} -c:a copy -f rtp rtp://239.1.2.3:5004?ttl=4")).ok();
    let ended = house.end();
    assert_eq!(
        (told(&ended.stderr).received, told(&ended.stderr).lost),
        (studio.judged(5004).packets, 0),
        "{}",
        ended.stderr
    );
    let reports = studio.tshark("-Y ip.src==10.77.0.2&&ip.dst==239.1.2.3&&rtcp.pt==201");
    assert!(reports.lines().count() >= 1, "a group's reports are for all of it");

    let house = studio
        .lab
        .house(&format!("--services rtp --rtp-reflect back --record {}", studio.path("all.pcapng").display()));
    studio
        .lab
        .run(&format!("ffmpeg -v error -re -i {file} -t 2 -c:a copy -f rtp rtp://{V4}:5004?localrtpport=6000"))
        .ok();
    house.end();
    let went = studio.tshark("-Y udp.dstport==5004&&!icmp -T fields -e udp.payload");
    let came = studio.tshark("-Y udp.srcport==5004&&udp.dstport==6000&&!icmp -T fields -e udp.payload");
    assert!(!went.is_empty() && went == came);
}

/// Prints how punctual two thousand streams are: a measurement, for a quiet machine.
#[test]
#[ignore = "a measurement"]
fn two_thousand_streams_are_punctual() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 10);
    let line = format!("stream {} rtp://10.77.0.1:9 --streams 2000 --stats --netns {}", wav.display(), studio.lab.name);
    let ended = studio.lab.start(crate::house::taphouse(&line)).ended();
    let sent = ended.stderr.lines().find(|line| line.contains("sent ")).unwrap_or_else(|| panic!("{ended:?}"));
    println!("{sent}");
    let words: Vec<&str> = sent.split_whitespace().collect();
    let late: u64 = words[words.iter().position(|word| *word == "(99").unwrap() - 2].parse().unwrap();
    assert!(late < 2000, "{sent}");
}
