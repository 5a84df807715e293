//! What happens to the interface while it runs.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::house::{BOTH, CHARGEN, V4, ping_command};
use crate::lab::Lab;

fn down_and_up(device: &str) {
    const DOWN: Duration = Duration::from_secs(5);
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(&format!("--device {device}"));
    let mut ping = lab.start(ping_command("-i 0.1", V4));
    ping.line_with("icmp_seq=3 ");
    lab.ip("link set tap0 down");
    let before = house.processor_time();
    thread::sleep(DOWN);
    let used = house.processor_time() - before;
    assert!(used < DOWN / 100, "{used:?} of {DOWN:?}");
    lab.ip("link set tap0 up");
    // Answers to questions of after that come, at least three.
    (0..3).for_each(|_| drop(ping.line_with(&format!("bytes from {V4}"))));
    drop(ping);
    // The kernel forgot the host's IPv6 address when the link went down.
    lab.ip("address replace fd77::1/64 dev tap0 nodad");
    BOTH.into_iter().for_each(|to| lab.ping(to));
    assert!(house.end().status.success());
}

#[test]
fn a_link_that_goes_down_and_comes_up_is_used_again_without_spinning() {
    down_and_up("auto");
}

#[test]
fn so_is_that_of_the_plain_device() {
    down_and_up("plain");
}

/// Nobody answers what it asks for its neighbour, so it goes on asking while the link is down.
#[test]
fn sending_while_the_link_is_down_is_told_once_and_so_is_its_end() {
    let Some(lab) = Lab::new() else { return };
    let mut house = lab.house("--mac 02:00:00:00:00:05");
    lab.ip("neigh replace 10.77.0.2 lladdr 02:00:00:00:00:05 nud permanent dev tap0");
    // 8: the host answers no ARP request.
    let arp_ignore = |value| fs::write("/proc/sys/net/ipv4/conf/all/arp_ignore", value);
    let silence = |value| lab.namespace().enter(|| arp_ignore(value)).expect("it is there").expect("it is ours");
    silence("8");
    lab.socket(V4, CHARGEN).send(b"?").expect("the link is up");
    // Frames are taken in order: what is answered in place tells that the other was read.
    lab.ping(V4);
    lab.ip("link set tap0 down");
    let told = house.program.line_with("the interface is down");
    let expected = "taphouse: tap0: the interface is down (Input/output error (os error 5)): \
                    set it up with: ip link set tap0 up; trying on";
    assert_eq!(told, expected);
    silence("0");
    lab.ip("link set tap0 up");
    lab.ping(V4);
    house.program.line_with("taphouse: tap0: works again");
    let ended = house.end();
    assert!(ended.status.success(), "{ended:?}");
    let told = ended.stderr.lines().filter(|line| line.starts_with("taphouse: ")).count();
    assert_eq!(told, 2, "{ended:?}");
}

#[test]
fn a_signal_ends_it_while_the_link_is_down() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--queues 2");
    lab.ip("link set tap0 down");
    assert!(house.end().status.success());
    assert!(!lab.has_link("tap0"));
}

#[test]
fn a_tap_that_is_deleted_ends_it_with_one_line() {
    for arguments in ["--queues 1", "--queues 3", "--device plain"] {
        let Some(lab) = Lab::new() else { return };
        let house = lab.house(arguments);
        lab.ping(V4);
        lab.ip("link del tap0");
        let ended = house.program.ended();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("taphouse: ")).collect();
        assert_eq!(lines, ["taphouse: tap0: the interface was deleted: start taphouse again to make a new one"]);
    }
}

#[test]
fn an_interface_that_is_renamed_goes_on_working() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    lab.ip("link set tap0 name renamed");
    BOTH.into_iter().for_each(|to| lab.ping(to));
    assert!(house.end().status.success());
    assert!(!lab.has_link("renamed"));
}
