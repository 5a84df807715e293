//! The kernel's fragments, and ours for the kernel.

use crate::house::{BOTH, ECHO, V4, count, pattern, ping_command};
use crate::lab::Lab;
use crate::program::script_of_tests;

#[test]
fn large_pings_come_back() {
    let Some(lab) = Lab::new() else { return };
    for device in ["offload", "plain"] {
        let house = lab.house(&format!("--device {device}"));
        for to in BOTH {
            for size in [2000, 8000, 65_000] {
                let text = lab.start(ping_command(&format!("-c 20 -i 0.05 -W 5 -s {size}"), to)).ended().ok();
                assert!(text.contains("20 packets transmitted, 20 received, 0% packet loss"), "{text}");
            }
        }
        let report = house.end().stderr;
        assert_eq!((count(&report, "reassembled"), count(&report, "fragmented")), (120, 120), "{report}");
        assert!(!report.contains("dropped-fragment"), "{report}");
    }
}

#[test]
fn large_datagrams_come_back() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for to in BOTH {
        let socket = lab.socket(to, ECHO);
        for size in [1473, 3000, 20_000, 60_000, 65_507] {
            for seed in 0..5 {
                let sent = pattern(size, seed);
                socket.send(&sent).unwrap_or_else(|why| panic!("{size} bytes to {to}: {why}"));
                let mut answer = vec![0; 65_536];
                let length = socket.recv(&mut answer).unwrap_or_else(|why| panic!("{size} bytes to {to}: {why}"));
                assert!(answer[..length] == sent, "{size} bytes to {to} come back changed");
            }
        }
    }
    let report = house.end().stderr;
    assert_eq!(count(&report, "datagrams-received"), 50, "{report}");
}

/// Fragments of one source that never become whole, at 20,000 a second: another source's pings lose nothing.
#[test]
fn a_flood_of_fragments_leaves_pings_alone() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--mac 02:00:00:00:00:05");
    let mut flood = script_of_tests("fragments.py");
    flood.args(["tap0", "100000", "20000"]);
    let mut flood = lab.start(flood);
    flood.line_with("begun");
    for to in BOTH {
        let text = lab.start(ping_command("-c 100 -i 0.01 -W 5 -s 8000", to)).ended().ok();
        assert!(text.contains("100 packets transmitted, 100 received, 0% packet loss"), "{text}");
    }
    let told = flood.ended().ok();
    assert!(told.contains("100000 sent"), "{told}");
    lab.ping(V4);
    let report = house.end().stderr;
    assert!(count(&report, "fragments-kept") >= 100_000, "{report}");
    assert!(count(&report, "dropped-fragments-full") > 50_000, "its own oldest made way: {report}");
}
