//! What happens to the interface while it runs.

use std::thread;
use std::time::Duration;

use crate::house::{BOTH, V4, ping_command};
use crate::lab::Lab;

#[test]
fn a_link_that_goes_down_and_comes_up_is_used_again_without_spinning() {
    const DOWN: Duration = Duration::from_secs(2);
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    let mut ping = lab.start(ping_command("-i 0.1", V4));
    ping.line_with("icmp_seq=3 ");
    lab.ip("link set tap0 down");
    let before = house.processor_time();
    thread::sleep(DOWN);
    let used = house.processor_time() - before;
    assert!(used < DOWN / 20, "{used:?} of {DOWN:?}");
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
fn a_signal_ends_it_while_the_link_is_down() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--queues 2");
    lab.ip("link set tap0 down");
    assert!(house.end().status.success());
    assert!(!lab.has_link("tap0"));
}

#[test]
fn a_tap_that_is_deleted_ends_it_with_one_line() {
    for queues in [1, 3] {
        let Some(lab) = Lab::new() else { return };
        let house = lab.house(&format!("--queues {queues}"));
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
