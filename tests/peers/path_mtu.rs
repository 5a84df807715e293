//! A router with a narrow link behind it: the kernel forwards, and tells what is too big.

use crate::house::{V4, V6, count};
use crate::routed::{GATEWAYS, Routed};

const MIB: usize = 1 << 20;

/// The far host's own packets fit the narrow link, but it takes larger ones: only ours have to be told.
fn narrow(routed: &Routed, mtu: usize) {
    routed.near.ip(&format!("link set back mtu {mtu}"));
    routed.far.ip(&format!("route replace default via 10.78.0.1 mtu {mtu} advmss 1460"));
    if mtu >= 1280 {
        routed.far.ip(&format!("-6 route replace default via fd78::1 mtu {mtu} advmss 1440"));
    }
}

fn streams(device: &str, size: usize) {
    let Some(routed) = Routed::new(&format!("{GATEWAYS} --device {device}")) else { return };
    for (to, mtu) in [(V6, 1400), (V4, 1400), (V6, 1280), (V4, 1000), (V4, 600)] {
        narrow(&routed, mtu);
        let told = routed.far.python("tcp.py", &["both_ways", &to.to_string(), &size.to_string()]);
        assert_eq!(told, format!("{size} bytes came back\n"), "over {mtu} bytes");
    }
    let report = routed.house.end().stderr;
    assert!(count(&report, "errors-received") >= 5, "each time the router says so: {report}");
    assert_eq!(count(&report, "connections-opened"), count(&report, "connections-ended"), "{report}");
    if device == "offload" {
        let sent = count(&report, "segments-sent") as usize;
        assert!(sent < 5 * size / 8000, "{sent} pieces: superframes stay large, only what they are cut to shrinks");
    }
}

#[test]
fn streams_pass_a_narrow_link_with_offloads() {
    streams("offload", 16 * MIB);
}

#[test]
fn streams_pass_a_narrow_link_without_offloads() {
    streams("plain", 4 * MIB);
}
