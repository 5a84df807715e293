//! `iperf3` against our server of its protocol, in all of its modes.

use std::net::IpAddr;

use crate::house::{BOTH, V4};
use crate::lab::Lab;

/// What a run of iperf3 prints as JSON, as far as it is looked at.
#[derive(Debug)]
struct Sums {
    sent: f64,
    received: f64,
}

#[track_caller]
fn iperf3(lab: &Lab, to: IpAddr, arguments: &str) -> Sums {
    // A test ends after a time or after so many bytes.
    let time = if arguments.contains("-n ") { "" } else { "-t 1" };
    let text = lab.run(&format!("iperf3 -J -c {to} {time} {arguments}")).ok();
    let json: serde_json::Value = serde_json::from_str(&text).expect("it prints JSON");
    assert_eq!(json.get("error"), None, "{text}");
    let bytes = |of: &str| json["end"][of]["bytes"].as_f64();
    let sums = match json["end"].get("sum_sent") {
        Some(_) => Sums { sent: bytes("sum_sent").unwrap(), received: bytes("sum_received").unwrap() },
        None => Sums { sent: bytes("sum").unwrap(), received: bytes("sum").unwrap() },
    };
    assert!(sums.sent > 0.0, "{arguments}: {text}");
    sums
}

#[test]
fn every_mode_over_tcp_ends_well_and_both_sides_agree() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for to in BOTH {
        for arguments in ["", "-R", "-P 4", "-R -P 4", "--bidir", "-O 1", "-N -l 1000", "-n 10M", "-R -n 10M"] {
            let Sums { sent, received } = iperf3(&lab, to, arguments);
            // What is still in the queues at the end is counted by the sender only; and each side leaves out a first second of its
            // own.
            let most = if arguments == "-O 1" { 1.1 } else { 1.01 };
            assert!((0.5..=most).contains(&(received / sent)), "{arguments} to {to}: {received} of {sent}");
        }
    }
    let ended = house.end();
    assert!(ended.status.success());
}

#[test]
fn datagrams_are_counted_and_paced() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in BOTH {
        for arguments in ["-u -b 20M", "-u -b 20M -R", "-u -b 10M -P 2", "-u -b 10M --bidir"] {
            let text = lab.run(&format!("iperf3 -J -t 1 -c {to} {arguments}")).ok();
            let json: serde_json::Value = serde_json::from_str(&text).expect("it prints JSON");
            let sum = &json["end"]["sum"];
            let (rate, lost) = (sum["bits_per_second"].as_f64().unwrap(), sum["lost_percent"].as_f64().unwrap());
            assert!(rate > 8e6 && rate < 24e6, "{arguments}: {rate}");
            assert!(lost < 5.0, "{arguments}: {lost} % lost");
        }
    }
}

#[test]
fn a_second_test_is_denied_while_one_runs() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    let first = lab.start(crate::program::command(&format!("iperf3 -t 2 -c {V4}")));
    std::thread::sleep(std::time::Duration::from_millis(500));
    let second = lab.run(&format!("iperf3 -t 1 -c {V4}"));
    assert!(!second.status.success());
    assert!(first.ended().status.success());
    // And then the next one is served.
    iperf3(&lab, V4, "");
}

#[test]
fn a_test_works_whichever_shard_has_the_port() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("--queues 3");
    for arguments in ["-P 4", "-R -P 4", "-u -b 20M"] {
        iperf3(&lab, V4, arguments);
    }
}
