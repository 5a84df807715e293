//! What a script's `sysctl` set up, in the network namespace that it runs in: our configuration follows it.

use std::fs;
use std::time::Duration;

use taphouse::base::limits;
use taphouse::transport::tcp::{Choice, Extension, Notification, Pace, Tuning};

use crate::buffers::Buffers;

/// More than any script writes.
const ROOM: usize = 64 << 20;

/// One setting of the namespace, as words.
fn words(name: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// One setting of the namespace, as whole numbers.
fn numbers(name: &str) -> Vec<u64> {
    words(name).iter().filter_map(|word| word.parse().ok()).collect()
}

/// Whether an extension is switched on.
fn extension(name: &str) -> Extension {
    if numbers(name) == [0] { Extension::Refused } else { Extension::Offered }
}

/// How connections are tuned that begin now.
pub(crate) fn tuning() -> Tuning {
    let mut tuning = Tuning {
        timestamps: extension("tcp_timestamps"),
        selective: extension("tcp_sack"),
        // Linux acknowledges at once as long as it does not take a connection for a dialogue, and so do the scripts.
        delayed_ack: Duration::ZERO,
        // Nor does it pace, unless it is told to.
        pace: Pace::Unpaced,
        ..Tuning::default()
    };
    if let [_, _, most] = numbers("tcp_rmem")[..] {
        tuning.receive_buffer.1 = u32::try_from(most).unwrap_or(u32::MAX);
    }
    // What a socket takes is for its buffers to say.
    tuning.send_buffer = (ROOM, ROOM);
    tuning.notification = match numbers("tcp_ecn")[..] {
        [0] => Notification::Never,
        [1] => Notification::Always,
        _ => Notification::WhenAsked,
    };
    if words("tcp_congestion_control") == ["reno"] {
        tuning.congestion = Choice::Reno;
    }
    tuning
}

/// The buffers of a socket that begins now.
pub(crate) fn buffers() -> Buffers {
    let limits = match numbers("tcp_wmem")[..] {
        [_, first, most] => (first as usize, most as usize),
        _ => limits::SEND_BUFFER,
    };
    let least_segments = numbers("tcp_min_tso_segs").first().map_or(2, |segments| *segments as usize);
    Buffers::new(limits, least_segments)
}

/// How much may wait to be sent when nobody says otherwise: anything, unless the script says otherwise.
pub(crate) fn low_water() -> usize {
    numbers("tcp_notsent_lowat").first().map_or(u32::MAX as usize, |bytes| *bytes as usize)
}
