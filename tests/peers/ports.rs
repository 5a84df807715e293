//! `nmap`: which ports are open.

use crate::house::BOTH;
use crate::lab::Lab;

/// What nmap says of each port.
#[track_caller]
fn scan(lab: &Lab, arguments: &str, to: std::net::IpAddr) -> String {
    let family = if to.is_ipv6() { "-6" } else { "" };
    // --max-retries: a port that never answers is asked again and again otherwise.
    lab.run(&format!("nmap {family} -n -Pn --max-retries 3 --reason {arguments} {to}")).ok()
}

#[track_caller]
fn assert_state(text: &str, port: &str, state: &str) {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut ports = words.filter(|words| words.first().is_some_and(|word| word.split('/').next() == Some(port)));
    assert_eq!(ports.next().map(|words| words[1]), Some(state), "{port} in {text}");
}

#[test]
fn udp_ports() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in BOTH {
        let text = scan(&lab, "-sU -p 7,9,19,999", to);
        for (port, state) in [("7", "open"), ("9", "open|filtered"), ("19", "open"), ("999", "closed")] {
            assert_state(&text, port, state);
        }
    }
}

#[test]
fn a_tcp_port_is_closed() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in BOTH {
        for scan_kind in ["-sS", "-sF", "-sX", "-sN", "-sT"] {
            assert_state(&scan(&lab, &format!("{scan_kind} -p 7,999"), to), "999", "closed");
        }
        assert_state(&scan(&lab, "-sA -p 999", to), "999", "unfiltered");
    }
}

#[test]
fn a_protocol_that_we_do_not_speak_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    // 132 is SCTP.
    assert_state(&scan(&lab, "-sO -p 1,17,132", crate::house::V4), "132", "closed");
}
