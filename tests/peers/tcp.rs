//! TCP against the kernel's: streams both ways, beginnings and ends, and a path that loses segments.

use std::fs;
use std::net::IpAddr;

use crate::house::{BOTH, ECHO, House, V4, V6, count};
use crate::lab::Lab;
use crate::program::script_of_tests;

const MIB: usize = 1 << 20;

fn client(lab: &Lab, what: &str, to: IpAddr, number: usize) -> String {
    lab.python("tcp.py", &[what, &to.to_string(), &number.to_string()])
}

/// Ends the house; nothing that was opened is left.
#[track_caller]
fn nothing_is_left(house: House) -> String {
    let ended = house.end();
    assert!(ended.status.success(), "{ended:?}");
    let report = ended.stderr;
    assert_eq!(count(&report, "connections-opened"), count(&report, "connections-ended"), "{report}");
    report
}

/// Memory that the program has now, in KiB.
fn resident(house: &House) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", house.program.pid())).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a process has memory");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

fn streams(device: &str, size: usize) {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(&format!("--device {device}"));
    for to in BOTH {
        assert_eq!(client(&lab, "both_ways", to, size), format!("{size} bytes came back\n"));
    }
    let report = nothing_is_left(house);
    assert_eq!(count(&report, "dropped-tcp-checksum"), 0, "{report}");
}

#[test]
fn a_stream_comes_back_with_offloads() {
    streams("offload", 128 * MIB);
}

#[test]
fn a_stream_comes_back_without_offloads() {
    streams("plain", 32 * MIB);
}

#[test]
#[ignore = "1 GiB each way, with both devices: run with --release and --include-ignored"]
fn a_gibibyte_comes_back() {
    streams("offload", 1024 * MIB);
    streams("plain", 1024 * MIB);
}

#[test]
fn a_half_that_is_closed_lets_the_other_go_on() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for to in BOTH {
        client(&lab, "half_close", to, 0);
    }
    nothing_is_left(house);
}

#[test]
fn two_hundred_at_once() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for to in BOTH {
        assert_eq!(client(&lab, "at_once", to, 200), "200 at once\n");
    }
    let report = nothing_is_left(house);
    assert_eq!(count(&report, "connections-opened"), 400);
}

#[test]
fn twenty_thousand_one_after_another_leave_nothing() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    client(&lab, "one_after_another", V4, 1000);
    let before = resident(&house);
    client(&lab, "one_after_another", V4, 10_000);
    client(&lab, "one_after_another", V6, 10_000);
    let after = resident(&house);
    assert!(after < before + 8192, "{before} KiB became {after}");
    let report = nothing_is_left(house);
    assert_eq!(count(&report, "connections-opened"), 21_000);
}

#[test]
fn who_is_refused_and_who_resets() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for to in BOTH {
        assert_eq!(client(&lab, "refused", to, 0), "refused\n");
        assert_eq!(client(&lab, "reset", to, 30), "30 reset\n");
    }
    // Behind the resets: all of them were taken in.
    client(&lab, "half_close", V4, 0);
    let report = nothing_is_left(house);
    assert_eq!(count(&report, "connections-opened"), 64);
}

/// 200,000 spoofed SYNs to the port at which a hundred honest clients connect meanwhile: all of them are served, and the
/// flood takes no memory.
#[test]
fn two_hundred_thousand_forged_syns_keep_no_client_out() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    client(&lab, "at_once", V4, 100);
    let mut command = script_of_tests("syns.py");
    command.args(["tap0", &ECHO.to_string(), "200000", "20000"]);
    let mut flood = lab.start(command);
    flood.line_with("full");
    let before = resident(&house);
    assert_eq!(client(&lab, "at_once", V4, 100), "100 at once\n");
    assert_eq!(flood.ended().ok().lines().last(), Some("200000 sent"));
    let after = resident(&house);
    assert!(after < before + 2048, "{before} KiB became {after}");
    let report = nothing_is_left(house);
    assert_eq!(count(&report, "connections-opened"), 201, "{report}");
    assert_eq!(count(&report, "cookies-accepted"), 100, "{report}");
    assert!(count(&report, "cookies-sent") >= 180_000, "{report}");
}

/// What the kernel says of the connection.
#[test]
fn the_kernel_sees_what_was_agreed_on() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in BOTH {
        let mut command = script_of_tests("tcp.py");
        command.args(["idle", &to.to_string()]);
        let mut idle = lab.start(command);
        idle.line_with("open");
        let told = lab.run(&format!("ss -Htinmo dport = :{ECHO}")).ok();
        for part in [" ts ", " sack ", " wscale:"] {
            assert!(told.contains(part), "no {part:?} in {told}");
        }
        let scale = told.split("wscale:").nth(1).and_then(|rest| rest.split([',', ' ']).next());
        assert!(scale.is_some_and(|scale| scale != "0"), "{told}");
    }
}

/// `nft` drops some of what the kernel sends and gets.
fn lossy(percent: u32, size: usize) {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    // Only segments: neighbours are asked for three times, no more.
    let rule = format!("meta l4proto tcp numgen random mod 100 < {percent} drop");
    lab.run("nft add table inet lossy").ok();
    for hook in ["input", "output"] {
        lab.run(&format!("nft add chain inet lossy {hook} {{ type filter hook {hook} priority 0 ; }}")).ok();
        lab.run(&format!("nft add rule inet lossy {hook} {rule}")).ok();
    }
    for to in BOTH {
        assert_eq!(client(&lab, "both_ways", to, size), format!("{size} bytes came back\n"));
    }
    let report = house.end().stderr;
    assert!(count(&report, "segments-again") > 0, "nothing was lost: {report}");
}

#[test]
fn a_path_that_loses_one_percent() {
    lossy(1, 16 * MIB);
}

#[test]
fn a_path_that_loses_five_percent() {
    lossy(5, 4 * MIB);
}
