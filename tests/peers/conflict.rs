//! Two hosts that want one address.

use std::time::Duration;

use crate::house::{BOTH, House, V4, V6, count};
use crate::lab::Lab;

const FIRST: &str = "02:00:00:00:00:05";
const SECOND: &str = "02:00:00:00:00:06";

/// A bridge that the host's side is at, with two TAPs in it.
pub(crate) fn bridge(lab: &Lab) {
    lab.ip("link add br0 type bridge");
    for tap in ["tapa", "tapb"] {
        lab.ip(&format!("tuntap add dev {tap} mode tap"));
        lab.ip(&format!("link set {tap} master br0 up"));
    }
    lab.ip("link set br0 up");
    lab.ip("address add 10.77.0.1/24 dev br0");
    lab.ip("address add fd77::1/64 dev br0 nodad");
}

/// The host's pings reach the first one.
fn first_is_there(lab: &Lab) {
    for to in BOTH {
        lab.ping(to);
        let neighbour = lab.ip(&format!("neigh show {to} dev br0"));
        assert!(neighbour.contains(FIRST), "{neighbour}");
    }
}

fn first(lab: &Lab) -> House {
    lab.house(&format!("--tap tapa --no-host --mac {FIRST}"))
}

#[test]
fn the_second_one_yields_and_the_first_one_stays() {
    let Some(lab) = Lab::new() else { return };
    bridge(&lab);
    let first = first(&lab);
    assert_eq!(first.ready, "ready tapa 10.77.0.2 fd77::2 fe80::ff:fe00:5");
    assert!(first.took > Duration::from_secs(4), "it asked first: {:?}", first.took);
    first_is_there(&lab);

    let second = lab.refused(&format!("--tap tapb --no-host --mac {SECOND}"));
    assert_eq!((second.status.code(), second.stdout.as_str()), (Some(1), ""), "{second:?}");
    for own in BOTH {
        let told = format!("taphouse: tapb: {own} belongs to {FIRST} already: it is given up");
        assert_eq!(second.stderr.matches(&told).count(), 1, "{second:?}");
    }
    let last = second.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("taphouse: tapb: no address is left"), "{second:?}");
    first_is_there(&lab);
    assert!(first.end().status.success());
}

#[test]
fn the_second_one_goes_on_with_what_is_left() {
    let Some(lab) = Lab::new() else { return };
    bridge(&lab);
    let _first = first(&lab);
    let arguments = format!("--tap tapb --no-host --mac {SECOND} --address 10.77.0.2/24 --address 10.77.0.3/24");
    let second = lab.house(&arguments);
    assert_eq!(second.ready, "ready tapb 10.77.0.3 fe80::ff:fe00:6");
    lab.ping("10.77.0.3".parse().expect("an address"));
    first_is_there(&lab);
    let told = second.end().stderr;
    assert!(told.contains("10.77.0.2 belongs to") && !told.contains("10.77.0.3 belongs"), "{told}");
}

#[test]
fn who_was_there_first_defends_its_address() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house(&format!("--mac {FIRST} --no-probe"));
    let claim = || lab.python("claim.py", &["tap0", SECOND, FIRST, "10.77.0.2"]);
    assert_eq!(claim(), format!("to ff:ff:ff:ff:ff:ff op 1: 10.77.0.2 is at {FIRST}\n"));
    assert_eq!(claim(), "silence\n", "once in ten seconds");
    lab.ping(V4);
    let told = house.end().stderr;
    assert_eq!(told.matches(&format!("taphouse: tap0: {SECOND} claims 10.77.0.2, which is ours")).count(), 1, "{told}");
    assert_eq!(count(&told, "dropped-address-conflict"), 2);
}

#[test]
fn without_probing_a_tap_that_exists_is_ready_at_once() {
    let Some(lab) = Lab::new() else { return };
    lab.ip("tuntap add dev tap0 mode tap");
    let mut took = Vec::new();
    for _ in 0..3 {
        let house = lab.house("--no-probe");
        took.push(house.took);
        lab.ping(V6);
    }
    assert!(took.iter().any(|took| *took < Duration::from_millis(500)), "{took:?}");
}
