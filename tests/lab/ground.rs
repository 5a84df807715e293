//! What the tests stand on: the rights of the user who runs them.

use std::fs::{File, OpenOptions};
use std::io::{Write as _, stderr};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs, thread};

/// Set in the user namespace, so that nobody looks for another one there.
const INSIDE: &str = "TAPHOUSE_LAB_INSIDE";
/// Names a file to which skipped tests are written, for runners that show nothing of tests that pass.
const SKIPPED: &str = "TAPHOUSE_LAB_SKIPPED";
/// A user namespace in which we are root, with a network and a /run of its own, which `ip netns` writes to.
const UNSHARE: [&str; 5] = ["--user", "--map-root-user", "--net", "--mount", "--"];

/// Whether, and how, namespaces and TAPs can be made here.
#[derive(Clone)]
pub(super) enum Ground {
    /// We are root.
    Firm,
    /// We are root in a user namespace, once we enter one.
    Borrowed,
    /// Not at all, and why.
    None(String),
}

impl Ground {
    pub(super) fn here() -> Ground {
        static HERE: OnceLock<Ground> = OnceLock::new();
        HERE.get_or_init(look).clone()
    }
}

fn look() -> Ground {
    if let Err(why) = File::open("/dev/net/tun") {
        return Ground::None(format!("/dev/net/tun cannot be opened: {why}"));
    }
    if rustix::process::geteuid().is_root() {
        return Ground::Firm;
    }
    if env::var_os(INSIDE).is_some() {
        return Ground::None("the user namespace did not make us root".to_owned());
    }
    let tried = Command::new("unshare").args(UNSHARE).args(["sh", "-c", "mount -t tmpfs tmpfs /run"]).output();
    match tried {
        Ok(tried) if tried.status.success() => Ground::Borrowed,
        Ok(tried) => {
            let why = String::from_utf8_lossy(&tried.stderr).trim().replace('\n', ", ");
            Ground::None(format!("we are not root, and a user namespace does not work: {why}"))
        }
        Err(why) => Ground::None(format!("we are not root, and unshare cannot be run: {why}")),
    }
}

/// Runs the test that calls this once more, where it is root.
pub(super) fn run_in_a_user_namespace() {
    let test = thread::current().name().expect("a test's thread has the test's name").to_owned();
    let program = env::current_exe().expect("the test's own program is a file");
    let again = Command::new("unshare")
        .args(UNSHARE)
        .args(["sh", "-c", "mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\""])
        .arg(program)
        .args(["--exact", &test, "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .expect("unshare ran a moment ago");
    let text = [again.stdout, again.stderr].concat();
    assert!(again.status.success(), "in a user namespace:\n{}", String::from_utf8_lossy(&text));
    // What is skipped in there is to be seen out here.
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().filter(|line| line.starts_with("SKIPPED ")).for_each(say);
}

/// Whether this is a user namespace with nobody else in it.
pub(super) fn knows_one_user_only() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().nth(2) == Some("1")
}

/// One line for a test that is skipped, written past the harness, which keeps what passing tests print to itself.
pub(super) fn skipped(why: &str) {
    let thread = thread::current();
    say(&format!("SKIPPED {}: {why}", thread.name().unwrap_or("a test")));
}

fn say(line: &str) {
    let line = format!("{line}\n");
    let _ = stderr().write_all(line.as_bytes());
    let file = env::var_os(SKIPPED).filter(|_| env::var_os(INSIDE).is_none());
    if let Some(mut file) = file.and_then(|path| OpenOptions::new().append(true).create(true).open(path).ok()) {
        let _ = file.write_all(line.as_bytes());
    }
}
