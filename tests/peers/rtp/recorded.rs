//! What was recorded: as rtpdump, and played back to those who can show it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use taphouse::application::rtp::rtpdump::packets;

use super::{PLAYS, Studio, told};
use crate::house::V4;
use crate::program::command;

/// A codec whose payload we pass on as it is.
struct Codec {
    /// As SDP has it.
    map: &'static str,
    format: &'static str,
    ffmpeg: &'static str,
    gstreamer: &'static str,
    /// How ffmpeg and GStreamer make a file of what they hear.
    kept: &'static str,
    heard: &'static str,
    ending: &'static str,
}

const OPUS: Codec = Codec {
    map: "97=opus/48000",
    format: "m=audio 5004 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n",
    ffmpeg: "-f lavfi -i sine=duration=4 -c:a libopus -ar 48000 -ac 2",
    gstreamer: "audiotestsrc is-live=true num-buffers=200 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=2 ! \
                opusenc ! rtpopuspay pt=97",
    kept: "-c copy",
    heard: "caps=application/x-rtp,media=audio,clock-rate=48000,encoding-name=OPUS,payload=97 ! rtpopusdepay ! \
            opusparse ! oggmux",
    ending: "ogg",
};

const H264: Codec = Codec {
    map: "96=H264/90000",
    format: "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n",
    ffmpeg: "-f lavfi -i testsrc=size=320x240:rate=25:duration=4 -c:v libx264 -g 25 -bf 0 -pix_fmt yuv420p",
    gstreamer: "videotestsrc is-live=true num-buffers=100 ! video/x-raw,width=320,height=240,framerate=25/1 ! \
                x264enc tune=zerolatency sliced-threads=false key-int-max=25 ! rtph264pay config-interval=-1 pt=96",
    kept: "-c:v ffv1 -fps_mode passthrough",
    heard: "caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96 ! rtph264depay ! \
            h264parse ! matroskamux",
    ending: "mkv",
};

impl Codec {
    fn number(&self) -> &str {
        &self.map[..2]
    }

    /// Sends some seconds of it to the service.
    fn send(&self, studio: &Studio, tool: &str) {
        let line = match tool {
            "ffmpeg" => {
                let number = self.number();
                format!(
                    "ffmpeg -v error -re {} -payload_type {number} -f rtp rtp://{V4}:5004?pkt_size=1300",
                    self.ffmpeg
                )
            }
            _ => format!("gst-launch-1.0 -q {} ! udpsink host={V4} port=5004", self.gstreamer),
        };
        studio.lab.start(command(&line)).ended().ok();
    }

    /// Lets a tool hear what a recording is played back as; returns how many frames it made of it.
    fn hear(&self, studio: &Studio, tool: &str, recording: &Path) -> usize {
        let heard = studio.path(&format!("{tool}.{}", self.ending));
        let line = match tool {
            "ffmpeg" => {
                let sdp = studio.path("heard.sdp");
                let head = "v=0\r\no=- 1 1 IN IP4 10.77.0.2\r\ns=x\r\nc=IN IP4 10.77.0.1\r\nt=0 0\r\n";
                fs::write(&sdp, [head, self.format].concat()).unwrap();
                format!("ffmpeg {PLAYS} -y -i {} {} {}", sdp.display(), self.kept, heard.display())
            }
            _ => {
                format!("gst-launch-1.0 -q -e udpsrc port=5004 {} ! filesink location={}", self.heard, heard.display())
            }
        };
        let receiver = studio.lab.start(command(&line));
        std::thread::sleep(Duration::from_secs(2));
        let ended = studio.stream(recording, "rtp://10.77.0.1:5004", "").ended();
        assert!(ended.status.success(), "{ended:?}");
        if tool != "ffmpeg" {
            receiver.signal(Signal::INT);
        }
        receiver.ended();
        let count = "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0";
        let counted = studio.lab.run(&format!("{count} {}", heard.display())).ok();
        counted.trim().trim_end_matches(',').parse().unwrap_or_else(|_| panic!("{tool}: {counted}"))
    }
}

/// Both tools send a codec, what is recorded is what came, and goes out again as it came; both hear all of that.
fn goes_through(codec: &Codec) {
    for tool in ["ffmpeg", "gstreamer"] {
        let Some(studio) = Studio::new() else { return };
        let house = studio.house(&format!("--rtp-map {}", codec.map));
        codec.send(&studio, tool);
        let ended = house.end();
        let told = told(&ended.stderr);
        let judged = studio.judged(5004);
        assert_eq!((told.received, told.lost), (judged.packets, judged.lost), "{tool}: {}", ended.stderr);
        let path = studio.recorded("rtpdump");
        let dump = fs::read(&path).unwrap();
        let kept: Vec<String> = packets(&dump).unwrap().into_iter().map(|(_due, range)| hex(&dump[range])).collect();
        assert_eq!(kept.len() as u64, told.received, "{tool}");

        // A frame's packets have one timestamp.
        let frames = kept.iter().map(|packet| &packet[8..16]).collect::<BTreeSet<_>>().len();
        for receiver in ["ffmpeg", "gstreamer"] {
            let heard = codec.hear(&studio, receiver, &path);
            let sent = studio.tshark("-Y udp.dstport==5004&&!icmp -T fields -e udp.payload");
            assert!(sent.lines().eq(kept.iter().map(String::as_str)), "{tool}: other packets were played back");
            assert_eq!(heard, frames, "{receiver} of what {tool} sent");
        }
    }
}

#[test]
fn opus_of_both_is_recorded_and_played_back_to_both() {
    goes_through(&OPUS);
}

#[test]
fn h264_of_both_is_recorded_and_played_back_to_both() {
    goes_through(&H264);
}

/// tshark reads rtpdump from version 4.2 on; `TSHARK` names one.
#[test]
fn a_recording_opens_in_tshark() {
    let Some(studio) = Studio::new() else { return };
    let tshark = std::env::var("TSHARK").unwrap_or("tshark".into());
    let version = studio.lab.run(&format!("{tshark} --version")).ok();
    let number = version.split_whitespace().find_map(|word| word.split_once('.').filter(|(major, _)| *major >= "4"));
    if number.is_none_or(|(major, rest)| major == "4" && (rest.starts_with("0.") || rest.starts_with("1."))) {
        return studio.lab.skip("this tshark does not know rtpdump: name one of 4.2 or newer with TSHARK");
    }
    let wav = studio.wav("pcm_mulaw", 8000, 1, 4);
    let house = studio.house("");
    studio.lab.run(&format!("ffmpeg -v error -re -i {} -c:a copy -f rtp rtp://{V4}:5004", wav.display())).ok();
    let told = told(&house.end().stderr);
    let path = studio.recorded("rtpdump");
    let dump = fs::read(&path).unwrap();
    let kept: Vec<String> = packets(&dump).unwrap().into_iter().map(|(_due, range)| hex(&dump[range])).collect();
    let read = |arguments: &str| studio.lab.run(&format!("{tshark} -n -r {} {arguments}", path.display())).ok();
    let payloads = read("-Y rtp -T fields -e rtp.ssrc -e rtp.seq -e rtp.timestamp -e rtp.payload");
    assert_eq!(payloads.lines().count() as u64, told.received);
    for (line, packet) in payloads.lines().zip(&kept) {
        let words: Vec<&str> = line.split('\t').collect();
        let [ssrc, number, timestamp, payload] = words[..] else { panic!("{line}") };
        let number: u16 = number.parse().unwrap();
        let timestamp: u32 = timestamp.parse().unwrap();
        let read = format!("{number:04x}{timestamp:08x}{}{}", &ssrc[2..], payload.replace(':', ""));
        assert_eq!(packet[4..], read);
    }
    assert_eq!(read("-Y _ws.malformed||_ws.expert.severity>=\"Warning\""), "");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
