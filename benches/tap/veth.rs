//! A wire to a process with the kernel's stack, which is in a namespace of its own.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{self, Failure, Lab};

/// The kernel's, at all ends.
pub(crate) const CONGESTION_CONTROL: &str = "cubic";
const PATIENCE: Duration = Duration::from_secs(3);

/// Lays wire number `number`, a veth pair, to a process that `unshare --net` starts: 10.77.`number`.1 is the host, .2 the process.
pub(crate) fn lay(lab: &Lab, number: u8, process: u32) -> Result<(), Failure> {
    let (here, there) = (format!("veth{number}"), process.to_string());
    // It is in our namespace until `unshare` has made one.
    let (begun, own) = (Instant::now(), fs::read_link("/proc/self/ns/net")?);
    while fs::read_link(format!("/proc/{there}/ns/net"))? == own {
        if begun.elapsed() > PATIENCE {
            return Err("unshare made no namespace".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    lab.enter(|| -> Result<(), Failure> {
        lab::ip(&["link", "add", &here, "type", "veth", "peer", "name", "eth0", "netns", &there])?;
        lab::ip(&["address", "add", &format!("10.77.{number}.1/24"), "dev", &here])?;
        lab::ip(&["link", "set", &here, "up"])
    })??;
    let inside = |words: &str| {
        let words = format!("-t {there} -n {words}");
        lab::run("nsenter", &words.split(' ').collect::<Vec<_>>())
    };
    inside(&format!("ip address add 10.77.{number}.2/24 dev eth0"))?;
    inside("ip link set eth0 up")?;
    // By the route, for a namespace may not choose among all that there are.
    let net = format!("10.77.{number}");
    inside(&format!("ip route replace {net}.0/24 dev eth0 scope link src {net}.2 congctl {CONGESTION_CONTROL}"))
}
