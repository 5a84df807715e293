//! What a script's `sysctl` set up, in the network namespace that it runs in: our configuration follows it.

use std::fs;
use std::time::Duration;

use taphouse::transport::tcp::{Choice, Tuning};

/// One setting of the namespace, as whole numbers.
fn numbers(name: &str) -> Vec<u64> {
    let text = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// How connections are tuned that begin now.
pub(crate) fn tuning() -> Tuning {
    let mut tuning = Tuning::default();
    if let [_, first, most] = numbers("tcp_rmem")[..] {
        // The kernel counts what its buffers take, of which half may be data.
        tuning.receive_buffer = (u16::MAX.into(), u32::try_from(most).unwrap_or(u32::MAX));
        let _first = first;
    }
    if let [_, first, most] = numbers("tcp_wmem")[..] {
        tuning.send_buffer = (first as usize, most as usize);
    }
    let choice = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default();
    tuning.congestion = if choice.trim() == "reno" { Choice::Reno } else { Choice::Cubic };
    let _ = Duration::ZERO;
    tuning
}
