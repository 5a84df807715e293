//! Streams that `taphouse stream` sends.

use std::fs;
use std::time::Duration;

use super::{PLAYS, Studio};
use crate::program::{command, script_of_tests};

/// A session description as ours prints it.
fn description(to: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.77.0.2\r\ns=x\r\nc=IN IP4 {to}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}

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
    std::thread::sleep(Duration::from_secs(1));
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

/// Hears PCMU, and reports on it.
const GSTREAMER: &str = "gst-launch-1.0 -q rtpbin name=bin udpsrc port=5004 \
    caps=application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0 ! bin.recv_rtp_sink_0 \
    bin. ! rtppcmudepay ! fakesink sync=false udpsrc port=5005 ! bin.recv_rtcp_sink_0 \
    bin.send_rtcp_src_0 ! udpsink host=10.77.0.2 port=5005 sync=false async=false";

#[test]
fn gstreamer_reports_on_a_stream_of_ours() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 12);
    let _receiver = studio.lab.start(command(GSTREAMER));
    std::thread::sleep(Duration::from_secs(1));
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

/// What a receiver says of our stream.
#[derive(Debug)]
struct Report {
    highest: u32,
    lost: i64,
    jitter: u64,
}

/// All that one said in the capture.
fn reports(studio: &Studio) -> Vec<Report> {
    let fields = "-e rtcp.ssrc.high_seq -e rtcp.ssrc.cum_nr -e rtcp.ssrc.jitter";
    let text = studio.tshark(&format!("-Y rtcp.pt==201&&ip.src==10.77.0.1&&rtcp.ssrc.high_seq -T fields {fields}"));
    let report = |line: &str| {
        let mut words = line.split('\t').map(|word| word.split(',').next().unwrap());
        let mut next = || words.next().unwrap();
        Report { highest: next().parse().unwrap(), lost: next().parse().unwrap(), jitter: next().parse().unwrap() }
    };
    text.lines().map(report).collect()
}

/// Sends a stream to a receiver that runs. The host drops the eighth of every twenty packets before it sees them, so the
/// capture tells what each report has to say; `repeated` packets may count twice.
fn reports_match(studio: &Studio, repeated: i64) {
    let wav = studio.wav("pcm_s16le", 44_100, 2, 14);
    studio.drop("ingress", "inc mod 20 == 7");
    let ended = studio.stream(&wav, "rtp://10.77.0.1:5004", "").ended();
    assert!(ended.status.success(), "{ended:?}");
    let numbers = studio.tshark("-Y udp.dstport==5004&&ip.src==10.77.0.2&&!icmp -T fields -e rtp.seq");
    let numbers: Vec<u32> = numbers.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(studio.dropped(), (numbers.len() as u64 + 12) / 20);
    let reports = reports(studio);
    assert!(reports.len() >= 2, "{ended:?}");
    for report in &reports {
        let place = numbers.iter().position(|number| *number == report.highest).expect("it was sent");
        let lost = (place as i64 + 13) / 20;
        assert!((lost - repeated..=lost).contains(&report.lost), "{lost} lost of {place}, {report:?}");
        // We are punctual to the microsecond; what is left is when the receiver ran: below 10 ms.
        assert!(report.jitter < 441, "{report:?}");
    }
    // The last of them is told by us.
    let told = ended.stderr.lines().rfind(|line| line.contains("reports: ")).unwrap_or_else(|| panic!("{ended:?}"));
    let last = reports.last().unwrap();
    assert!(told.contains(&format!("reports: lost {} in all", last.lost)), "{told}, {last:?}");
}

/// ffmpeg reports only to senders that it knows from RTSP, once for every 280,000 octets.
#[test]
fn ffmpeg_reports_what_the_capture_says() {
    let Some(studio) = Studio::new() else { return };
    studio.lab.ip("link set lo up");
    let mut server = script_of_tests("rtsp.py");
    server.args(["10.77.0.1", "8554", "10.77.0.2"]);
    // The address is the TAP's, which is made when the stream begins: until then it is lo's.
    studio.lab.ip("address add 10.77.0.1/32 dev lo");
    let mut server = studio.lab.start(server);
    server.line_with("listening");
    let ffmpeg = "ffmpeg -v error -rtsp_transport udp -min_port 5004 -max_port 5005 -i rtsp://10.77.0.1:8554/x -c:a copy -f null -";
    let _ffmpeg = studio.lab.start(command(ffmpeg));
    server.line_with("playing");
    reports_match(&studio, 0);
}

/// It counts a packet of its probation twice, so it may miss one less than there were.
#[test]
fn gstreamer_reports_what_the_capture_says() {
    let Some(studio) = Studio::new() else { return };
    let _gstreamer = studio.lab.start(command(
        &GSTREAMER
            .replace("8000,encoding-name=PCMU,payload=0", "44100,encoding-name=L16,payload=10")
            .replace("pcmu", "L16"),
    ));
    std::thread::sleep(Duration::from_secs(2));
    reports_match(&studio, 1);
}

#[test]
fn sipp_sends_every_packet_back() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 4);
    let _sipp = studio.lab.start(command("sipp -sn uas -i 10.77.0.1 -mi 10.77.0.1 -mp 6000 -rtp_echo -nostdin"));
    std::thread::sleep(Duration::from_secs(2));
    let ended = studio.stream(&wav, "rtp://10.77.0.1:6000", "").ended();
    assert!(ended.status.success(), "{ended:?}");
    let went = studio.tshark("-Y udp.dstport==6000&&!icmp -T fields -e udp.payload");
    let came = studio.tshark("-Y udp.srcport==6000&&!icmp -T fields -e udp.payload");
    assert_eq!(went.lines().count(), 200);
    assert!(went == came, "{} went, {} came back", went.lines().count(), came.lines().count());
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
