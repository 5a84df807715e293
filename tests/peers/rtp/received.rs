//! Streams that come to the service.

use std::collections::BTreeSet;
use std::fs;

use taphouse::application::rtp::rtpdump::packets;

use super::{Studio, jitter_of_capture, reported, told};
use crate::house::{V4, V6, count};
use crate::program::command;

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
    // Ours is in whole units (RFC 3550 §A.8): each difference of arrivals is up to one off, and so is what is told of them.
    assert!((last - told.jitter as f64).abs() < 2.0, "{last}, {told:?}");
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

#[test]
fn what_is_dropped_on_the_way_is_what_is_said_to_be_lost() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 20);
    let house = studio.house("");
    studio.drop("egress", "random mod 100 < 5");
    studio.lab.run(&format!("ffmpeg -v error -re -i {} -c:a copy -f rtp rtp://{V4}:5004", wav.display())).ok();
    let dropped = studio.dropped();
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

/// Any source's group, groups of one source only, and one that another source sends to in vain.
#[test]
fn streams_to_groups_are_taken_from_whom_they_are_wanted() {
    for (group, to, more, comes) in [
        ("239.1.2.3", "239.1.2.3", "", true),
        ("232.1.2.3@10.77.0.1", "232.1.2.3", "", true),
        ("232.1.2.3@10.77.0.1", "232.1.2.3", "&localaddr=10.77.0.9", false),
        ("ff15::1234", "[ff15::1234]", "", true),
        ("ff35::8000:1234@fd77::1", "[ff35::8000:1234]", "", true),
        ("ff35::8000:1234@fd77::9", "[ff35::8000:1234]", "", false),
    ] {
        let Some(studio) = Studio::new() else { return };
        let wav = studio.wav("pcm_mulaw", 8000, 1, 7);
        let house = studio.house(&format!("--rtp-group {group}"));
        studio.lab.ip("route add 224.0.0.0/4 dev tap0");
        studio.lab.ip("address add 10.77.0.9/24 dev tap0");
        let url = format!("rtp://{to}:5004?ttl=4&pkt_size=172{more}");
        studio.lab.run(&format!("ffmpeg -v error -re -i {} -c:a copy -f rtp {url}", wav.display())).ok();
        let ended = house.end();
        let judged = studio.judged(5004);
        assert!(judged.packets > 300, "{group}");
        if !comes {
            assert!(count(&ended.stderr, "dropped-source-filtered") >= judged.packets, "{}", ended.stderr);
            assert!(!ended.stderr.contains("jitter"), "{}", ended.stderr);
            continue;
        }
        assert_eq!((told(&ended.stderr).received, told(&ended.stderr).lost), (judged.packets, 0), "{}", ended.stderr);
        let reports =
            studio.tshark("-Y (ip.src==10.77.0.2||ipv6.src==fd77::2)&&rtcp.pt==201 -T fields -e ip.dst -e ipv6.dst");
        let group = group.split('@').next().unwrap();
        assert!(reports.lines().count() >= 1, "{group}");
        assert!(reports.lines().all(|to| to.trim() == group), "a group's reports are for all of it: {reports}");
    }
}

/// Every packet that the host drops is asked for again, and none that came (RFC 4585 §6.2.1).
#[test]
fn what_is_dropped_is_asked_for_again() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 8);
    let house = studio.house("--rtp-feedback");
    studio.drop("egress", "inc mod 20 == 7");
    studio
        .lab
        .run(&format!("ffmpeg -v error -re -i {} -c:a copy -f rtp rtp://{V4}:5004?pkt_size=172", wav.display()))
        .ok();
    let dropped = studio.dropped();
    house.end();
    let came = studio.tshark("-Y udp.dstport==5004&&!icmp -T fields -e rtp.seq");
    let came: Vec<u16> = came.lines().map(|line| line.parse().unwrap()).collect();
    assert!(came.is_sorted_by_key(|number| number.wrapping_sub(came[0])), "reordered: {came:?}");
    let numbers = 0..=came[came.len() - 1].wrapping_sub(came[0]);
    let missing: BTreeSet<u16> = numbers.map(|number| came[0].wrapping_add(number)).collect();
    let missing = &missing - &came.iter().copied().collect();
    assert!(missing.len() as u64 >= dropped - 1 && dropped > 10, "{missing:?}");
    let asked = studio
        .tshark("-Y rtcp.rtpfb.fmt==1&&ip.src==10.77.0.2 -T fields -e rtcp.rtpfb.nack_pid -e rtcp.rtpfb.nack_blp");
    let mut wanted = BTreeSet::new();
    for line in asked.lines() {
        let (first, others) = line.split_once('\t').unwrap();
        for (first, others) in first.split(',').zip(others.split(',')) {
            let first: u16 = first.parse().unwrap();
            let others =
                others.strip_prefix("0x").map_or_else(|| others.parse(), |hex| u16::from_str_radix(hex, 16)).unwrap();
            wanted.insert(first);
            wanted.extend((0..16).filter(|bit| others >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1)));
        }
    }
    assert_eq!(wanted, missing);
}

#[test]
fn a_stream_that_is_reflected_goes_back() {
    let Some(studio) = Studio::new() else { return };
    let wav = studio.wav("pcm_mulaw", 8000, 1, 3);
    let file = wav.display();
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
