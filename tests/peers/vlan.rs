//! 802.1Q, against the kernel's own VLAN interface and against frames made by hand.

use crate::house::{BOTH, V4};
use crate::lab::Lab;
use crate::program::command;

const HOUSE: &str = "--vlan 5 --mac 02:00:00:00:00:05";

/// Sets the host's interface in the VLAN up, and pings through it.
fn pings_go_through(lab: &Lab) {
    assert!(!lab.ip("address show dev tap0").contains("10.77.0.1"), "the host's side is left alone");
    lab.ip("link set tap0.5 up");
    lab.ip("address add 10.77.0.1/24 dev tap0.5");
    lab.ip("address add fd77::1/64 dev tap0.5 nodad");
    for to in BOTH {
        lab.ping(to);
        let largest = if to == V4 { 1472 } else { 1452 };
        let text = lab.run(&format!("ping -n -c 3 -i 0.1 -M do -s {largest} {to}")).ok();
        assert!(text.contains(" 0% packet loss"), "{text}");
    }
}

#[test]
fn a_vlan_interface_reaches_us() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(HOUSE);
    assert_eq!(house.ready, "ready tap0 10.77.0.2 fd77::2 fe80::ff:fe00:5");
    let trunk = format!("{}/tests/peers/python/trunk.py", env!("CARGO_MANIFEST_DIR"));
    let mut trunk = lab.start(command(&format!("python3 -B {trunk} tap0 tap0.5 5")));
    trunk.line_with("up");
    pings_go_through(&lab);
}

#[test]
fn the_kernels_vlan_interface_reaches_us() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(HOUSE);
    let made = lab.run("ip link add link tap0 name tap0.5 type vlan id 5");
    if made.stderr.contains("Unknown device type") {
        return lab.skip("this kernel has no VLAN interfaces (8021q)");
    }
    made.ok();
    pings_go_through(&lab);
    for to in BOTH {
        for receive in ["one", "joined"] {
            lab.python("batches.py", &[&to.to_string(), receive]);
        }
    }
    let report = house.end();
    assert!(report.status.success(), "{report:?}");
}

#[test]
fn only_frames_of_our_vlan_are_answered() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--vlan 5");
    let text = lab.python("tags.py", &["tap0", "5", "0xe005", "6", "none", "0"]);
    assert_eq!(text, "5: tag 5\n0xe005: tag 5\n6: silence\nnone: silence\n0: silence\n");
    let report = house.end().stderr;
    assert!(report.contains("dropped-other-vlan") && report.contains("dropped-untagged"), "{report}");
}

#[test]
fn without_a_vlan_only_a_priority_is_passed_over() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    let text = lab.python("tags.py", &["tap0", "none", "0", "0xe000", "5"]);
    assert_eq!(text, "none: no tag\n0: no tag\n0xe000: no tag\n5: silence\n");
}
