//! What the running program may do: nothing but serve.

use std::fs;

use rustix::process::Signal;

use crate::house::BOTH;
use crate::lab::Lab;
use crate::program::Program;
use crate::user::User;

/// What the kernel says of every thread.
fn threads(program: &Program) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", program.pid())).expect("it runs");
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).expect("its threads run");
    tasks.map(|task| status(task.expect("a folder that was opened can be read"))).collect()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim()
}

#[track_caller]
fn assert_confined(program: &Program, threads_at_least: usize, sets: &[&str]) {
    let threads = threads(program);
    assert!(threads.len() >= threads_at_least, "{} threads", threads.len());
    for status in threads {
        for set in sets {
            assert_eq!(field(&status, set), "0000000000000000", "{set} of {}", field(&status, "Name"));
        }
        assert_eq!((field(&status, "NoNewPrivs"), field(&status, "Seccomp")), ("1", "2"), "{status}");
    }
}

#[test]
fn no_thread_of_root_has_a_capability() {
    for queues in [1, 4] {
        let Some(lab) = Lab::new() else { return };
        let mut house = lab.house(&format!("--queues {queues}"));
        BOTH.into_iter().for_each(|to| lab.ping(to));
        house.program.signal(Signal::USR1);
        // To the report every shard has answered.
        house.program.line_with("echo-answered");
        // One for each queue, one that waits for signals, one that waits for them all.
        assert_confined(&house.program, queues + 2, &["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]);
        let ended = house.end();
        assert!(ended.status.success(), "{ended:?}");
        assert!(ended.stderr.contains("  confined   no capabilities, "), "{ended:?}");
        assert!(!lab.has_link("tap0"), "the TAP and the host's addresses go without any right to remove them");
    }
}

#[test]
fn an_ordinary_user_is_confined_alike() {
    let Some(lab) = Lab::with_users() else { return };
    lab.tap_of_a_user();
    let user = User::new();
    let house = user.house(&lab, "--no-host");
    BOTH.into_iter().for_each(|to| lab.ping(to));
    // Who has no right to lower the bounding set keeps it, and can gain nothing up to it.
    assert_confined(&house.program, 3, &["CapInh", "CapPrm", "CapEff", "CapAmb"]);
    assert!(house.end().status.success());
}
