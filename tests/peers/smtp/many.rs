//! Many messages at once, and what is left when the program is killed among them or the disk is full.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Office;
use crate::house::BOTH;
use crate::program::script_of_tests;

/// Postfix's load generator, 50 sessions at once: every message is there, whole, once.
fn load(messages: usize, bytes: usize) {
    let Some(office) = Office::new() else { return };
    let house = office.house("--memory 256M");
    for to in BOTH {
        let before = office.mailbox("alice").len();
        let start = Instant::now();
        let host = if to.is_ipv6() { format!("inet:[{to}]:25") } else { format!("inet:{to}:25") };
        let (count, length) = (messages.to_string(), bytes.to_string());
        let ended = office.run(
            "smtp-source",
            &["-s", "50", "-l", &length, "-m", &count, "-f", "carol@there.test", "-t", "alice@here.test", &host],
        );
        assert!(ended.status.success(), "{ended:?}");
        let took = start.elapsed();
        println!(
            "{to}: {messages} messages of {bytes} bytes in {took:.1?}, {:.0}/s",
            messages as f64 / took.as_secs_f64()
        );
        let mailbox = office.mailbox("alice");
        assert_eq!(mailbox.len(), before + messages);
        // Each has a name of its own, and the body that all have.
        let (mut names, mut bodies) = (BTreeSet::new(), BTreeSet::new());
        for message in mailbox.values() {
            let text = std::str::from_utf8(message).expect("it is ASCII");
            let (header, body) = text.split_once("\r\n\r\n").expect("there is a header");
            let name = header.lines().find(|line| line.to_lowercase().starts_with("message-id:")).expect("it is there");
            assert!(names.insert(name), "{name} is there twice");
            bodies.insert(body);
        }
        assert!(
            bodies.len() == 1 && bodies.first().is_some_and(|body| (bytes - 1000..bytes + 1000).contains(&body.len()))
        );
    }
    assert_eq!(office.leftovers(), Vec::<std::path::PathBuf>::new());
    assert!(house.end().status.success());
}

#[test]
fn fifty_sessions_at_once() {
    load(500, 20_000);
}

#[test]
#[ignore = "takes minutes"]
fn twenty_thousand_messages() {
    load(20_000, 20_000);
}

/// Kills the program in the middle of deliveries, of which `each` are begun at most, and starts it again, until `least` messages were
/// sent. The script tells which messages got 250.
fn killed(least: usize, each: usize) {
    let Some(office) = Office::new() else { return };
    let mut taken = BTreeSet::new();
    let (mut sent, mut times) = (0, 0);
    while sent < least {
        let round = times;
        times += 1;
        let house = office.house("");
        let mut python = script_of_tests("smtp_load.py");
        let to = BOTH[round % 2].to_string();
        python.args([to.as_str(), "8", &each.to_string(), &format!("{round}")]);
        let script = office.lab.start(python);
        // As much at random as the scheduler and the disk are, besides.
        std::thread::sleep(Duration::from_millis(200 + 83 * (round as u64 * 7 % 11)));
        house.program.signal(Signal::KILL);
        house.program.ended();
        let told = script.ended().ok();
        sent += told.lines().filter(|line| line.starts_with("sent ")).count();
        taken.extend(told.lines().filter_map(|line| line.strip_prefix("taken ")).map(str::to_owned));
    }
    let mut seen = BTreeSet::new();
    for message in office.mailbox("alice").values() {
        let text = String::from_utf8_lossy(message);
        let name = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("every message has one");
        assert!(text.ends_with("the end\r\n"), "{name} is half");
        assert!(seen.insert(name.to_owned()), "{name} is there twice");
    }
    let lost: Vec<&String> = taken.difference(&seen).collect();
    println!("killed {times} times: {sent} sent, {} taken over, {} there", taken.len(), seen.len());
    assert!(lost.is_empty(), "{lost:?}");
    assert!(times > 2 && seen.len() - taken.len() <= 8 * times, "{} and {}", taken.len(), seen.len());
}

#[test]
fn what_was_taken_over_outlasts_a_kill() {
    killed(1000, 400);
}

#[test]
#[ignore = "takes minutes"]
fn what_was_taken_over_of_twenty_thousand_outlasts_many_kills() {
    killed(20_000, 2000);
}

/// Sends more messages than a disk of a mebibyte holds: what fits is taken, the rest gets 452, and all that was taken is there.
fn fill(messages: usize, bytes: usize) {
    let Some(office) = Office::new() else { return };
    fs::create_dir_all(office.state()).unwrap();
    let state = office.state();
    let mount =
        std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&state).status();
    if !mount.is_ok_and(|status| status.success()) {
        return office.lab.skip("a small file system cannot be mounted here");
    }
    let house = office.house("");
    let mut python = script_of_tests("smtp_load.py");
    python.args(["10.77.0.2", "2", &messages.to_string(), "full", &bytes.to_string()]);
    let told = office.lab.start(python).ended().ok();
    let ended = house.end();
    let taken = told.lines().filter(|line| line.starts_with("taken ")).count();
    let full = told.lines().filter(|line| line.starts_with("refused 452 4.3.1 ")).count();
    let there = office.mailbox("alice");
    let left = office.leftovers();
    let whole = there.values().all(|message| message.ends_with(b"the end\r\n"));
    let unmounted = std::process::Command::new("umount").arg(&state).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert!(ended.status.success(), "{ended:?}");
    assert!(taken > 5 && full > 5 && taken + full == messages, "{told}");
    assert!(whole && there.len() == taken && left.is_empty(), "{} of {taken}, {left:?}", there.len());
}

#[test]
fn a_full_disk_loses_nothing() {
    fill(40, 50_000);
}

/// Each of these is stored as one work.
#[test]
fn a_disk_full_of_small_messages_loses_nothing() {
    fill(400, 1000);
}
