//! What it was measured on.

use std::fmt::Write;
use std::fs::read_to_string;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::lab::{CONTENDER_CORE, LOAD_CORE};
use crate::spin::SPIN;
use crate::{CONGESTION_CONTROL, lab};

/// The conditions of every figure, as lines of a list.
pub(crate) fn describe(missing: &[String]) -> String {
    let cores = thread::available_parallelism().map_or(0, |cores| cores.get());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpu = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "* {line}").expect("a String takes all");
    line(format!("{cores} cores of {}, Linux {}", cpu.trim_start_matches([' ', '\t', ':']), kernel.trim()));
    line(format!("the load on core {LOAD_CORE}; the contender, a process of its own, on core {CONTENDER_CORE}"));
    line("the limit is an endpoint without a stack, made by hand: where anybody passes it, it was none".to_owned());
    line(format!(
        "without a kernel to wait in, a contender goes on reading for {SPIN:?} after the last frame, then sleeps"
    ));
    line(format!(
        "IPv4, MTU 1500; the kernel's TCP on {CONGESTION_CONTROL}, which does not pace, at both ends of veth"
    ));
    line("offload: checksums and TSO, over `virtio_net_hdr` where the wire is a TAP; no offload: frames of at most the MTU, \
          every checksum computed and verified; the limit alone verifies none; the host gives a TAP such frames in one piece \
          (scatter-gather off)"
        .to_owned());
    missing.iter().for_each(|missing| line(missing.clone()));
    text
}

/// Lets this process have as many files open as it may.
pub(crate) fn allow_files() -> Result<(), lab::Failure> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Lets the host open connections as fast as they come: in a namespace of its own.
pub(crate) fn widen_ports(lab: &lab::Lab) -> Result<(), lab::Failure> {
    lab.enter(|| -> Result<(), lab::Failure> {
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535")?;
        Ok(std::fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "4096")?)
    })?
}

/// Lets the host hand over no superframes to a device, and no unfinished checksums.
pub(crate) fn no_offload(lab: &lab::Lab, device: &str) -> Result<(), lab::Failure> {
    let off = ["-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off"];
    lab.enter(|| lab::run("ethtool", &off))?
}
