//! What a host has to do first of all, with both devices, as root and as an ordinary user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::house::{BOTH, House, V4, ping_command};
use crate::lab::Lab;
use crate::user::User;

/// The card of which the RARP table knows, and what else the configuration says.
const CONFIGURATION: &str = "\
    mac = '02:00:00:00:00:05'\n\
    [[rarp]]\nmac = '02:00:00:00:00:aa'\naddress = '10.77.0.99'\n";

/// A file that the user may read too.
fn configuration() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file for the configuration");
    fs::write(file.path(), CONFIGURATION).expect("the file is ours");
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).expect("the file is ours");
    file
}

#[track_caller]
fn assert_serves(lab: &Lab, house: House) {
    for to in BOTH {
        for (arguments, sent) in [("-c 5 -i 0.2", 5), ("-c 2 -i 0.1 -s 1400", 2), ("-f -q -c 20000", 20_000)] {
            let text = lab.start(ping_command(&format!("-W 5 {arguments}"), to)).ended().ok();
            assert!(text.contains(&format!("{sent} packets transmitted, {sent} received, 0% packet loss")), "{text}");
        }
        let family = if to.is_ipv6() { "-6" } else { "" };
        let text = lab.run(&format!("nmap {family} -n -Pn --max-retries 3 -sU -p 7,9,19,999 {to}")).ok();
        for port in ["7/udp   open", "9/udp   open|filtered", "19/udp  open", "999/udp closed"] {
            assert!(text.contains(port), "{text}");
        }
        let told = lab.python("batches.py", &[&to.to_string(), "one"]);
        assert!(told.ends_with("all came back\n"), "{told}");
    }
    let text = lab.run("arping -c 2 -I tap0 10.77.0.2").ok();
    assert!(text.contains("Received 2 response(s)"), "{text}");
    let told = lab.python("rarp.py", &["tap0", "02:00:00:00:00:aa", "02:00:00:00:00:aa", "10"]);
    assert!(told.ends_with("02:00:00:00:00:aa is 10.77.0.99\n"), "{told}");
    lab.ping(V4);
    let ended = house.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    for fault in ["offload-lie", "checksum", "device"] {
        assert!(!ended.stderr.contains(&format!("dropped-{fault}")), "{}", ended.stderr);
    }
}

fn as_root(device: &str) {
    let file = configuration();
    let arguments = format!("--device {device} --config {}", file.path().display());
    // The machine may be busy with other tests: what the program can do shows in the best of a few starts.
    let mut took = Vec::new();
    for _ in 0..3 {
        let Some(lab) = Lab::new() else { return };
        took.push(lab.house(&arguments).took);
        assert!(!lab.has_link("tap0"), "the TAP goes with it");
    }
    assert!(took.iter().any(|took| *took < Duration::from_millis(500)), "{took:?}");
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(&arguments);
    assert_serves(&lab, house);
    assert!(!lab.has_link("tap0"), "the TAP that it made goes with it");
}

fn as_a_user(device: &str) {
    let Some(lab) = Lab::with_users() else { return };
    let file = configuration();
    lab.tap_of_a_user();
    let user = User::new();
    let house = user.house(&lab, &format!("--device {device} --config {}", file.path().display()));
    assert_serves(&lab, house);
    assert!(lab.has_link("tap0"), "the TAP is the user's");
}

#[test]
fn with_offloads_as_root() {
    as_root("offload");
}

#[test]
fn with_offloads_as_a_user() {
    as_a_user("offload");
}

#[test]
fn plain_as_root() {
    as_root("plain");
}

#[test]
fn plain_as_a_user() {
    as_a_user("plain");
}
