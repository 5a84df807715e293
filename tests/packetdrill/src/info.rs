//! `TCP_INFO` as Linux lays it out.

use std::time::Duration;

use taphouse::transport::tcp::{Info, State, Trouble};
use zerocopy::{Immutable, IntoBytes};

/// The largest threshold: nothing was lost yet.
const INFINITE: u32 = 0x7fff_ffff;

/// Linux's `struct tcp_info`. What taphouse does not count is zero.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct TcpInfo {
    state: u8,
    trouble: u8,
    retransmits: u8,
    probes: u8,
    backoff: u8,
    options: u8,
    scales: u8,
    flags: u8,
    timeout: u32,
    delayed_ack: u32,
    segment: u32,
    peer_segment: u32,
    unacknowledged: u32,
    sacked: u32,
    lost: u32,
    again: u32,
    forward: u32,
    last: [u32; 4],
    path_mtu: u32,
    receive_threshold: u32,
    round_trip: u32,
    variation: u32,
    threshold: u32,
    congestion_window: u32,
    offered: u32,
    reordering: u32,
    receive_round_trip: u32,
    receive_space: u32,
    total_again: u32,
    pacing: [u64; 4],
    segments: [u32; 2],
    unsent: u32,
    least_round_trip: u32,
    data_segments: [u32; 2],
    rates: [u64; 4],
    delivered: [u32; 2],
    bytes: [u64; 2],
    duplicates: u32,
    reorderings: u32,
    out_of_order: u32,
    send_window: u32,
    receive_window: u32,
    rest: [u32; 11],
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// What Linux would say of a connection whose path takes segments of `path` bytes.
pub(crate) fn tcp_info(info: &Info, path: u16) -> TcpInfo {
    let segments = |bytes: usize| bytes.div_ceil(info.segment.max(1)) as u32;
    let (timeout, backoff) = info.timeout;
    TcpInfo {
        state: state(info.state),
        trouble: match info.trouble {
            Trouble::None => 0,
            Trouble::Disorder => 1,
            Trouble::Congestion => 2,
            Trouble::Recovery => 3,
            Trouble::Timeout => 4,
        },
        retransmits: backoff,
        probes: info.probes,
        backoff,
        options: u8::from(info.timestamps) | u8::from(info.selective) << 1 | u8::from(info.scales.is_some()) << 2,
        scales: info.scales.map_or(0, |(theirs, ours)| theirs | ours << 4),
        timeout: micros(timeout),
        segment: info.segment as u32,
        peer_segment: info.peer_segment as u32,
        unacknowledged: segments(info.in_flight),
        sacked: segments(info.arrived),
        lost: segments(info.lost),
        again: segments(info.again),
        round_trip: info.round_trip.map_or(0, micros),
        variation: micros(info.variation),
        threshold: info.threshold.map_or(INFINITE, |threshold| (threshold / info.segment.max(1)) as u32),
        congestion_window: (info.congestion_window / info.segment.max(1)) as u32,
        offered: u32::from(info.offered.unwrap_or(path)),
        reordering: info.reordering.into(),
        reorderings: info.overtaken.into(),
        unsent: info.unsent as u32,
        send_window: info.send_window as u32,
        ..TcpInfo::default()
    }
}

/// Linux's numbers.
fn state(state: State) -> u8 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Closing => 11,
    }
}
