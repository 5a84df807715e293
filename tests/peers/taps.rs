//! A TAP that was there before.

use crate::house::{BOTH, V4};
use crate::lab::Lab;
use crate::program::command;
use crate::user::{USER, User};

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

#[test]
fn a_tap_made_for_a_user_is_attached_to_by_that_user_and_stays() {
    let Some(lab) = Lab::with_users() else { return };
    lab.tap_of_a_user();
    for arguments in ["--no-host", "", "--device plain"] {
        let user = User::new();
        let house = user.house(&lab, arguments);
        BOTH.into_iter().for_each(|to| lab.ping(to));
        assert!(house.end().status.success());
    }
    assert!(lab.has_link("tap0"));
}

#[test]
fn a_user_without_a_tap_of_his_own_is_refused_in_one_line() {
    let Some(lab) = Lab::with_users() else { return };
    lab.ip(&format!("tuntap add dev theirs mode tap user {}", USER + 1));
    let user = User::new();
    for (name, device) in [("tap0", "auto"), ("theirs", "auto"), ("tap0", "plain"), ("theirs", "plain")] {
        let ended = lab.start(user.taphouse(&format!("up --tap {name} --device {device}"))).ended();
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
