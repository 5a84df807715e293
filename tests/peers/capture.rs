//! `tcpdump` looks at what is sent, and finds nothing wrong with it.
//!
//! Between the house and the host, a UDP checksum is left to the device: `tcpdump` sees only its seed on the TAP, and
//! the kernel believes it unread. So what is sent over UDP is looked at behind a router, where the host's kernel has
//! finished the sum: from a wrong seed it would have made a wrong checksum.

use crate::house::{BOTH, CHARGEN, ECHO, V4, pattern};
use crate::lab::Lab;
use crate::program::{Program, command};
use crate::routed::{GATEWAYS, Routed};

/// What `tcpdump` says of frames it does not like.
const COMPLAINTS: [&str; 6] = ["bad", "wrong", "incorrect", "truncated", "[|", "invalid"];

fn tcpdump(lab: &Lab, interface: &str, filter: &str) -> Program {
    // -l: a line is seen when it is printed.
    let mut program = lab.start(command(&format!("tcpdump -n -l -vvv -s 0 -i {interface} {filter}")));
    program.line_with("listening on");
    program
}

/// What it printed until a packet with `last` in it.
#[track_caller]
fn assert_content(mut tcpdump: Program, last: &str) -> String {
    tcpdump.line_with(last);
    tcpdump.signal(rustix::process::Signal::INT);
    let ended = tcpdump.ended();
    assert!(ended.stderr.contains("0 packets dropped by kernel"), "{}", ended.stderr);
    let complaints: Vec<&str> =
        ended.stdout.lines().filter(|line| COMPLAINTS.iter().any(|word| line.contains(word))).collect();
    assert!(complaints.is_empty(), "{complaints:#?} in\n{}", ended.stdout);
    ended.stdout
}

#[test]
fn what_is_sent_below_udp_is_dissected_without_complaint() {
    let Some(lab) = Lab::with_users() else { return };
    let house = lab.house("--mac 02:00:00:00:00:05");
    let tcpdump = tcpdump(&lab, "tap0", "ether src 02:00:00:00:00:05");
    for to in BOTH {
        lab.ping(to);
        for port in [9, 999] {
            lab.socket(to, port).send(&pattern(1000, 0)).expect("the link is up");
        }
    }
    lab.run(&format!("ping -n -c 2 -i 0.1 {}%tap0", house.link_local())).ok();
    lab.run("arping -c 1 -I tap0 10.77.0.2").ok();
    lab.run(&format!("ping -n -c 1 -s 1234 {V4}")).ok();
    let text = assert_content(tcpdump, "length 1242");
    for part in ["ARP, Ethernet", "ICMP echo reply", "neighbor advertisement", "port 999 unreachable", "ICMP6, echo"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // tcpdump says so of each ICMPv6 message, and says nothing of an ICMP one that is right.
    assert_eq!(text.matches("ICMP6").count(), text.matches("[icmp6 sum ok]").count(), "{text}");
}

#[test]
fn checksums_of_udp_are_right_when_the_kernel_has_finished_them() {
    let Some(_users) = Lab::with_users() else { return };
    let Some(Routed { house, far, near }) = Routed::new(GATEWAYS) else { return };
    far.python("without_offload.py", &["front"]);
    near.python("without_offload.py", &["back"]);
    let tcpdump = tcpdump(&far, "front", "udp and (src port 7 or src port 19)");
    for to in BOTH {
        for port in [ECHO, CHARGEN] {
            let socket = far.socket(to, port);
            for size in [0, 1, 2, 63, 1400, 1401] {
                socket.send(&pattern(size, size)).expect("the link is up");
                socket.recv(&mut [0; 2000]).unwrap_or_else(|why| panic!("{to} port {port}: {why}"));
            }
        }
    }
    let last = far.socket(V4, ECHO);
    last.send(&pattern(1234, 0)).expect("the link is up");
    let text = assert_content(tcpdump, "length 1234");
    assert_eq!(text.matches("[udp sum ok]").count(), 25, "{text}");
    assert!(house.end().status.success());
}
