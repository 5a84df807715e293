//! Hosts behind a router: the host's side forwards to a second namespace.

use std::fs;
use std::time::Duration;

use crate::house::{BOTH, CHARGEN, ECHO, House, pattern};
use crate::lab::Lab;

/// The lab with `taphouse`, and another lab with a host behind it.
pub(crate) struct Routed {
    pub(crate) house: House,
    pub(crate) far: Lab,
    pub(crate) near: Lab,
}

/// The gateways to give the house.
pub(crate) const GATEWAYS: &str = "--gateway 10.77.0.1 --gateway fd77::1";

impl Routed {
    pub(crate) fn new(arguments: &str) -> Option<Routed> {
        let near = Lab::new()?;
        let house = near.house(arguments);
        let far = behind(&near)?;
        Some(Routed { house, far, near })
    }
}

/// Another lab with a host behind this one, which forwards.
pub(crate) fn behind(near: &Lab) -> Option<Lab> {
    let far = Lab::new()?;
    near.ip(&format!("link add name back type veth peer name front netns {}", far.name));
    for (lab, name, host) in [(near, "back", 1), (&far, "front", 2)] {
        lab.ip(&format!("address add 10.78.0.{host}/24 dev {name}"));
        lab.ip(&format!("address add fd78::{host}/64 dev {name} nodad"));
        lab.ip(&format!("link set {name} up"));
    }
    far.ip("route add default via 10.78.0.1");
    far.ip("-6 route add default via fd78::1");
    let forward = || {
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
    };
    near.namespace().enter(forward).expect("the namespace is there").expect("forwarding can be switched on");
    // The kernel may still be busy with the link that just came up.
    far.run("ping -n -c 50 -i 0.1 -W 1 -o 10.78.0.1");
    Some(far)
}

#[test]
fn hosts_behind_a_gateway_are_answered() {
    let Some(Routed { house, far, near: _near }) = Routed::new(GATEWAYS) else { return };
    for to in BOTH {
        far.ping(to);
        // Echo answers in the frame that came, to the station that it came from; characters are sent by route.
        for port in [ECHO, CHARGEN] {
            let socket = far.socket(to, port);
            for size in [0, 1, 1400] {
                socket.send(&pattern(size, 0)).expect("the link is up");
                let length = socket.recv(&mut [0; 2000]).unwrap_or_else(|why| panic!("{to} port {port}: {why}"));
                assert!(port != ECHO || length == size);
            }
        }
    }
    let report = house.end().stderr;
    assert!(!report.contains("dropped-no-route"), "{report}");
}

#[test]
fn batches_pass_a_router() {
    let Some(Routed { house, far, near: _near }) = Routed::new(GATEWAYS) else { return };
    for to in BOTH {
        let told = far.python("batches.py", &[&to.to_string(), "one"]);
        assert!(told.ends_with("all came back\n"), "{told}");
    }
    assert!(house.end().status.success());
}

#[test]
fn without_a_gateway_there_is_no_way() {
    let Some(Routed { house, far, near: _near }) = Routed::new("") else { return };
    for to in BOTH {
        let socket = far.socket(to, CHARGEN);
        socket.set_read_timeout(Some(Duration::from_millis(300))).expect("not zero");
        socket.send(b"?").expect("the link is up");
        socket.recv(&mut [0; 600]).expect_err("there is no way back");
    }
    assert_eq!(house.counted("dropped-no-route"), 2);
}
