//! The lab that every test on a real TAP is run in: a network namespace of the test's own, and programs in it that
//! the test cannot outlive. All of it is removed when the test ends, however it ends, and no packet leaves it.
//!
//! It takes the right to make namespaces and `/dev/net/tun`. Who is not root gets both in a user namespace where
//! that is permitted, and otherwise each test says on stderr that it is skipped, and why. A program that is missing
//! is no reason to skip: the test fails and says which Debian package brings it.

mod ground;

use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering};

use taphouse::device::Namespace;

use ground::Ground;

/// A network namespace of the test's own.
pub(crate) struct Lab {
    pub(crate) name: String,
    /// What a program there keeps for itself, instead of below /var/lib.
    state: tempfile::TempDir,
}

impl Lab {
    /// `None` where the test is skipped, which was said aloud, or was run in a user namespace instead.
    pub(crate) fn new() -> Option<Lab> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        match Ground::here() {
            Ground::Firm => {}
            Ground::Borrowed => {
                ground::run_in_a_user_namespace();
                return None;
            }
            Ground::None(why) => {
                ground::skipped(&why);
                return None;
            }
        }
        let name = format!("tht-{}-{}", id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        match add_namespace(&name) {
            Ok(()) => Some(Lab { name, state: tempfile::tempdir().expect("a directory") }),
            Err(why) if why.contains("not permitted") || why.contains("ermission denied") => {
                ground::skipped(&format!("this root may not make a network namespace: {why}"));
                None
            }
            Err(why) => panic!("ip netns add {name}: {why}"),
        }
    }

    /// For tests with a second user, whom a user namespace does not know: also `tcpdump` becomes one.
    pub(crate) fn with_users() -> Option<Lab> {
        let lab = Lab::new()?;
        if ground::knows_one_user_only() {
            ground::skipped("it takes a second user, and this user namespace has none: run it as root");
            return None;
        }
        Some(lab)
    }

    /// Says aloud that the rest of a test is skipped.
    #[allow(dead_code, reason = "two programs share the lab, and one of them skips this way")]
    pub(crate) fn skip(&self, why: &str) {
        ground::skipped(why);
    }

    #[allow(dead_code, reason = "two programs share the lab, and one of them keeps nothing")]
    pub(crate) fn state(&self) -> &std::path::Path {
        self.state.path()
    }

    pub(crate) fn namespace(&self) -> Namespace {
        Namespace::named(&self.name)
    }

    /// `ip` in the namespace, which must succeed.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        let arguments: Vec<&str> = ["-n", &self.name].into_iter().chain(arguments.split(' ')).collect();
        ip(&arguments).unwrap_or_else(|why| panic!("ip {arguments:?}: {why}"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.name]);
    }
}

/// The first two to make a namespace on a machine that never had one may both want to prepare /run/netns, and one
/// of them then fails.
fn add_namespace(name: &str) -> Result<(), String> {
    let add = || ip(&["netns", "add", name]).map(drop);
    (0..5).fold(add(), |added, _| added.or_else(|_| add()))
}

fn ip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|why| format!("ip cannot be run ({why}): apt-get install iproute2"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', ", "))
    }
}
