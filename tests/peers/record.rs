//! `--record`: what is captured is what `tcpdump` and `tshark` read.

use std::path::Path;
use std::process::Command;

use crate::house::{BOTH, V4, V6, count};
use crate::lab::Lab;
use crate::program::{Ended, Program, command};

/// What either says of frames that it does not like.
const COMPLAINTS: [&str; 8] =
    ["bad", "wrong", "incorrect", "truncated", "[|", "invalid", "Malformed", "cut short in the middle"];

fn reader(line: &str, file: &Path) -> Command {
    let mut command = command(line);
    command.arg(file);
    command
}

#[track_caller]
fn assert_read(lab: &Lab, line: &str, file: &Path) -> String {
    let ended = lab.start(reader(line, file)).ended();
    let said = |line: &&str| !line.starts_with("reading from file") && !line.starts_with("Running as user");
    let complaints: Vec<&str> = ended.stderr.lines().filter(said).filter(|line| !line.is_empty()).collect();
    assert!(ended.status.success() && complaints.is_empty(), "{line}: {complaints:?}");
    let complaints: Vec<&str> =
        ended.stdout.lines().filter(|line| COMPLAINTS.iter().any(|word| line.contains(word))).collect();
    assert!(complaints.is_empty(), "{line}: {complaints:#?}");
    ended.stdout
}

/// Some of everything, in frames of every size.
fn traffic(lab: &Lab) {
    BOTH.into_iter().for_each(|to| lab.ping(to));
    lab.run("arping -c 2 -I tap0 10.77.0.2").ok();
    lab.run(&format!("ping -n -c 1 -s 1400 {V6}")).ok();
    lab.socket(V4, 999).send(b"nobody there").expect("the link is up");
    for to in BOTH {
        let told = lab.python("batches.py", &[&to.to_string(), "one"]);
        assert!(told.ends_with("all came back\n"), "{told}");
    }
}

#[track_caller]
fn assert_recorded(lab: &Lab, ended: &Ended, file: &Path) {
    assert!(ended.status.success(), "{ended:?}");
    let passed = count(&ended.stderr, "frames-received") + count(&ended.stderr, "frames-sent");
    let told = format!("taphouse: {}: {passed} frames captured, capture dropped 0", file.display());
    assert!(ended.stderr.lines().any(|line| line == told), "{told} in {}", ended.stderr);

    let text = assert_read(lab, "tcpdump -n -r", file);
    assert_eq!(text.lines().count() as u64, passed, "a line a frame");
    for part in ["ARP, Request", "ICMP echo reply", "ICMP6, neighbor advertisement", "udp port 999 unreachable"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let fields = "frame.time_epoch frame.len frame.cap_len frame.packet_flags_direction frame.comment";
    let fields: String = fields.split(' ').map(|field| format!(" -e {field}")).collect();
    let text = assert_read(lab, &format!("tshark -n -T fields -E separator=,{fields} -r"), file);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.splitn(5, ',').collect()).collect();
    assert_eq!(lines.len() as u64, passed);
    assert!(lines.iter().all(|line| line[1] == line[2]), "whole frames");
    assert!(lines.iter().any(|line| line[0].ends_with(|digit: char| digit != '0')), "nanoseconds");
    let direction = |number| lines.iter().filter(|line| line[3].ends_with(number)).count() as u64;
    let (received, sent) = (direction('1'), direction('2'));
    assert_eq!(received, count(&ended.stderr, "frames-received"), "{}", lines[0].join(","));
    assert_eq!(sent, count(&ended.stderr, "frames-sent"));
    let mut times: Vec<f64> = lines.iter().map(|line| line[0].parse().expect("seconds")).collect();
    times.dedup();
    assert!(times.is_sorted() && times.len() > 10, "{times:?}");
}

#[track_caller]
fn superframes(lab: &Lab, file: &Path) -> Vec<String> {
    let line = "tshark -n -Y frame.len>3000 -T fields -E separator=, -e frame.len -e udp.length -e frame.comment -r";
    assert_read(lab, line, file).lines().map(str::to_owned).collect()
}

#[test]
fn superframes_stand_in_the_file_as_they_were() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let file = folder.path().join("capture.pcapng");
    let house = lab.house(&format!("--record {}", file.display()));
    traffic(&lab);
    assert_recorded(&lab, &house.end(), &file);
    let superframes = superframes(&lab, &file);
    assert!(superframes.len() > 100, "{}", superframes.len());
    for line in superframes {
        let comment = line.splitn(3, ',').nth(2).unwrap_or_default();
        assert!(comment.contains("csum_offset=6 gso_type=udp gso_size="), "{line}");
    }
}

#[test]
fn frames_of_the_plain_device_stand_there_one_by_one() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let file = folder.path().join("capture.pcapng");
    let house = lab.house(&format!("--device plain --record {}", file.display()));
    BOTH.into_iter().for_each(|to| lab.ping(to));
    lab.run("arping -c 2 -I tap0 10.77.0.2").ok();
    lab.socket(V4, 999).send(&[7; 1400]).expect("the link is up");
    lab.ping(V4);
    assert_recorded(&lab, &house.end(), &file);
    assert_eq!(superframes(&lab, &file), Vec::<String>::new());
    // Everything is complete here, so the checksums can be looked at too.
    let check = "-o udp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y _ws.expert.severity>=6291456";
    assert_eq!(assert_read(&lab, &format!("tshark -n {check} -r"), &file), "");
}

#[test]
fn a_capture_can_be_read_while_it_is_written_and_after_a_kill() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let file = folder.path().join("capture.pcapng");
    let house = lab.house(&format!("--record {}", file.display()));
    lab.ping(V4);
    let requests = |lab: &Lab| {
        let text = assert_read(lab, "tcpdump -n -r", &file);
        text.matches("ICMP echo request").count()
    };
    // Who cannot start does not touch it.
    let ended = lab.refused(&format!("--record {}", file.display()));
    assert!(ended.stderr.contains("busy"), "{ended:?}");
    // The last one may be on its way to the file still.
    assert!(requests(&lab) >= 2);
    let program: Program = house.program;
    program.signal(rustix::process::Signal::KILL);
    program.ended();
    assert_eq!(requests(&lab), 3);
}

#[test]
fn a_file_that_cannot_be_written_is_told_in_one_line() {
    let Some(lab) = Lab::new() else { return };
    let ended = lab.refused("--record /there/is/no/such/folder/file.pcapng");
    assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr.contains("--record /there/is/no/such/folder/file.pcapng: "), "{ended:?}");
    assert!(!lab.has_link("tap0"));
}

#[test]
fn a_disk_that_becomes_full_ends_the_capture_and_not_the_host() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let folder = folder.path().display();
    let mut shell = command("unshare --mount -- sh -c");
    shell.arg(format!(
        "mount -t tmpfs -o size=64k tmpfs {folder} || exit 99
         exec {} up --record {folder}/file.pcapng",
        env!("CARGO_BIN_EXE_taphouse")
    ));
    let mut house = lab.house_from(shell);
    lab.run(&format!("ping -f -q -n -c 1000 {V4}")).ok();
    let told = house.program.line_with("writing the capture failed");
    assert!(told.contains("No space left on device") && told.contains("the host goes on"), "{told}");
    lab.ping(V4);
    let ended = house.end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("file.pcapng: the capture is incomplete"), "{ended:?}");
    assert!(count(&ended.stderr, "echo-answered") >= 1003, "{ended:?}");
}
