//! A TAP that was there before.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::house::{BOTH, V4};
use crate::lab::Lab;
use crate::program::{Program, command};

/// Nobody in particular.
const USER: u32 = 12_345;

#[test]
fn a_tap_that_exists_is_attached_to_and_stays() {
    let Some(lab) = Lab::new() else { return };
    for (make, arguments) in [("tap0 mode tap", ""), ("many mode tap multi_queue", "--tap many --queues 2")] {
        lab.ip(&format!("tuntap add dev {make}"));
        for _ in 0..2 {
            let house = lab.house(arguments);
            BOTH.into_iter().for_each(|to| lab.ping(to));
            assert!(house.end().status.success());
        }
        let name = make.split(' ').next().unwrap_or_default();
        assert!(lab.has_link(name));
        lab.ip(&format!("link del {name}"));
    }
}

/// Starts the program as a user without any rights, in a mount namespace in which everybody may open the driver, as
/// on most machines.
pub(crate) fn house_of_a_user(lab: &Lab, arguments: &str) -> (Program, tempfile::TempDir) {
    // The folder of the build may be closed to others.
    let folder = tempfile::tempdir().expect("a folder for the program");
    let program = folder.path().join("taphouse");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    fs::copy(env!("CARGO_BIN_EXE_taphouse"), &program).expect("a copy of the program");
    let script = format!(
        "mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 || exit 99
         exec setpriv --reuid {USER} --regid {USER} --clear-groups {} up {arguments}",
        program.display()
    );
    let mut shell = command("unshare --mount -- sh -c");
    shell.arg(script);
    (lab.start(shell), folder)
}

#[test]
fn a_tap_made_for_a_user_is_attached_to_by_that_user() {
    let Some(lab) = Lab::with_users() else { return };
    lab.ip(&format!("tuntap add dev tap0 mode tap user {USER}"));
    lab.ip("link set tap0 up");
    lab.ip("address add 10.77.0.1/24 dev tap0");
    lab.ip("address add fd77::1/64 dev tap0 nodad");
    for arguments in ["--no-host", ""] {
        let (mut program, _folder) = house_of_a_user(&lab, arguments);
        program.line_with("ready tap0");
        BOTH.into_iter().for_each(|to| lab.ping(to));
        program.signal(rustix::process::Signal::TERM);
        let ended = program.ended();
        assert!(ended.status.success(), "{ended:?}");
    }
    assert!(lab.has_link("tap0"));
}

#[test]
fn a_user_without_a_tap_of_his_own_is_refused_in_one_line() {
    let Some(lab) = Lab::with_users() else { return };
    lab.ip(&format!("tuntap add dev theirs mode tap user {}", USER + 1));
    for name in ["tap0", "theirs"] {
        let (program, _folder) = house_of_a_user(&lab, &format!("--tap {name}"));
        let ended = program.ended();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let told =
            format!("taphouse: {name}: permission denied: run as root, or make the TAP for your user: ip tuntap");
        assert!(ended.stderr.starts_with(&told) && ended.stderr.lines().count() == 1, "{ended:?}");
    }
    assert!(!lab.has_link("tap0"));
}

#[test]
fn who_may_not_open_the_driver_is_told_so_in_one_line() {
    let Some(lab) = Lab::new() else { return };
    let mut shell = command("unshare --mount -- sh -c");
    // Nothing else than the driver: root without its capabilities is a user like any other.
    shell.arg(format!(
        "mount -t tmpfs tmpfs /dev/net && touch /dev/net/tun && chmod 0 /dev/net/tun || exit 99
         exec setpriv --bounding-set=-all --inh-caps=-all {} up",
        env!("CARGO_BIN_EXE_taphouse")
    ));
    let ended = lab.start(shell).ended();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told = "taphouse: tap0: permission denied opening /dev/net/tun: run as root";
    assert!(ended.stderr.starts_with(told) && ended.stderr.lines().count() == 1, "{ended:?}");
    let _house = lab.house("");
    lab.ping(V4);
}
