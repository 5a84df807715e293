//! What cannot be: one clear line, the right exit code, nothing left behind.

use std::fs;

use crate::house::{V4, taphouse};
use crate::lab::Lab;
use crate::program::{Ended, command};

/// Its only line, which must tell all of `parts`.
#[track_caller]
fn assert_refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    assert_eq!((ended.stdout.as_str(), ended.stderr.lines().count()), ("", 1), "{ended:?}");
    assert!(ended.stderr.starts_with("taphouse: "), "{ended:?}");
    parts.iter().for_each(|part| assert!(ended.stderr.contains(part), "{part:?} in {ended:?}"));
}

#[track_caller]
fn assert_nothing_left(lab: &Lab) {
    let links = lab.ip("-o link show");
    assert_eq!(links.lines().count(), 1, "only the loopback interface: {links}");
}

#[test]
fn unusable_arguments() {
    let Some(lab) = Lab::new() else { return };
    for (arguments, parts) in [
        ("--address 10.77.0.2/33", ["--address", "10.77.0.2/33"]),
        ("--address 10.77.0/24", ["--address", "10.77.0/24"]),
        ("--host fd77::1/129", ["--host", "fd77::1/129"]),
        ("--services echo,discard=7", ["--services", "7"]),
        ("--services echo,echo", ["--services", "echo"]),
        ("--services nothing-like-it", ["--services", "nothing-like-it"]),
        ("--gateway 192.0.2.1", ["--gateway", "192.0.2.1"]),
        ("--mac ff:ff:ff:ff:ff:ff", ["--mac", "ff:ff:ff:ff:ff:ff"]),
        ("--mtu 65522", ["--mtu", "65522"]),
        ("--mtu 1279", ["--mtu", "1279"]),
        ("--queues 0", ["--queues", "0"]),
        ("--tap a-name-too-long-for-it", ["--tap", "a-name-too-long-for-it"]),
        ("--no-such-option", ["--no-such-option", ""]),
        ("--config /there/is/no/such/file", ["--config", "/there/is/no/such/file"]),
    ] {
        assert_refused(&lab.refused(arguments), 2, &parts);
    }
    assert_nothing_left(&lab);
}

#[test]
fn unusable_configuration() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for the configuration");
    let file = folder.path().join("taphouse.toml");
    for (text, parts) in [
        ("tap = 'tap0'\nservices = ['echo', 'chargen=7']\n", ["taphouse.toml", "7"]),
        ("address = ['10.77.0.2/33']\n", ["taphouse.toml:1", "10.77.0.2/33"]),
        ("tap = 'tap0'\nno_such_key = 1\n", ["taphouse.toml:2", "no_such_key"]),
        ("tap = \n", ["taphouse.toml:1", ""]),
        ("[[rarp]]\nmac = '02:00:00:00:00:aa'\naddress = 'fd77::9'\n", ["taphouse.toml", "fd77::9"]),
    ] {
        fs::write(&file, text).expect("the folder is ours");
        assert_refused(&lab.refused(&format!("--config {}", file.display())), 2, &parts);
    }
    fs::write(&file, [0xff, 0xfe]).expect("the folder is ours");
    assert_refused(&lab.refused(&format!("--config {}", file.display())), 2, &["taphouse.toml"]);
    assert_nothing_left(&lab);
}

#[test]
fn a_tap_that_another_has() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for queues in [1, 2] {
        let ended = lab.refused(&format!("--queues {queues} --address 10.77.0.3/24"));
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert_refused(&ended, 1, &["tap0: "]);
    }
    lab.ping(V4);
}

#[test]
fn an_interface_that_is_no_tap() {
    let Some(lab) = Lab::new() else { return };
    lab.ip("tuntap add dev tun0 mode tun");
    for name in ["lo", "tun0"] {
        assert_refused(&lab.refused(&format!("--tap {name}")), 1, &[name, "no TAP"]);
    }
    lab.ip("link del tun0");
    assert_nothing_left(&lab);
}

#[test]
fn more_queues_than_the_tap_has() {
    let Some(lab) = Lab::new() else { return };
    lab.ip("tuntap add dev tap0 mode tap");
    assert_refused(&lab.refused("--queues 2"), 1, &["tap0: the TAP exists with a single queue", "multi_queue"]);
    let _house = lab.house("");
    lab.ping(V4);
}

#[test]
fn a_namespace_that_there_is_not() {
    let Some(lab) = Lab::new() else { return };
    for (name, why) in [("no-such-namespace", "ip netns add"), ("/proc/self/status", "no network namespace")] {
        let ended = lab.start(taphouse(&format!("up --netns {name}"))).ended();
        assert_refused(&ended, 1, &[name, why]);
    }
    assert_nothing_left(&lab);
}

#[test]
fn a_machine_without_the_driver() {
    let Some(lab) = Lab::new() else { return };
    let mut shell = command("unshare --mount -- sh -c");
    shell.arg(format!("mount -t tmpfs tmpfs /dev/net && exec {} up", env!("CARGO_BIN_EXE_taphouse")));
    assert_refused(&lab.start(shell).ended(), 1, &["tap0: there is no /dev/net/tun: load the driver with modprobe"]);
    assert_nothing_left(&lab);
}

/// The TAP is there by then, and goes again.
#[test]
fn an_address_that_the_host_refuses() {
    let Some(lab) = Lab::new() else { return };
    let disable = "net/ipv6/conf/default/disable_ipv6";
    let off = || fs::write(format!("/proc/sys/{disable}"), "1");
    lab.namespace().enter(off).expect("the namespace is there").expect("IPv6 can be switched off in it");
    assert_refused(&lab.refused(""), 1, &["tap0", "fd77::1"]);
    assert_nothing_left(&lab);
}
