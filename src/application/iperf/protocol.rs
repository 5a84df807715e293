//! What the two sides of an iperf3 test say to each other: state bytes, and JSON behind its length.

use serde::{Deserialize, Serialize};

/// Bytes of the cookie that names a test: 36 characters and a zero.
pub(super) const COOKIE: usize = 37;
/// JSON longer than this is nobody's parameters.
pub(super) const LONGEST: usize = 16 << 10;

/// What a client of UDP sends first, and what it waits for.
pub(super) const UDP_HELLO: usize = 4;
pub(super) const UDP_WELCOME: [u8; 4] = 0x3938_3736u32.to_le_bytes();

/// One byte on the control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum State {
    TestStart = 1,
    TestRunning = 2,
    TestEnd = 4,
    ParamExchange = 9,
    CreateStreams = 10,
    ClientTerminate = 12,
    ExchangeResults = 13,
    DisplayResults = 14,
    IperfDone = 16,
    AccessDenied = -1,
    ServerError = -2,
}

impl State {
    pub(super) fn byte(self) -> u8 {
        self as i8 as u8
    }
}

/// What the client wants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Parameters {
    pub(super) udp: bool,
    /// Seconds at the beginning that do not count.
    pub(super) omit: f64,
    pub(super) parallel: usize,
    pub(super) reverse: bool,
    pub(super) bidirectional: bool,
    /// Bytes of a block, or of a datagram.
    pub(super) len: usize,
    /// Bits a second of each stream; 0 for no limit.
    pub(super) bandwidth: u64,
    /// Datagrams are numbered with 64 bits. Only its presence counts.
    pub(super) udp_counters_64bit: Option<serde_json::Value>,
    pub(super) nodelay: bool,
}

impl Parameters {
    /// Streams on which we receive, and on which we send.
    pub(super) fn streams(&self) -> (usize, usize) {
        match (self.bidirectional, self.reverse) {
            (true, _) => (self.parallel, self.parallel),
            (false, true) => (0, self.parallel),
            (false, false) => (self.parallel, 0),
        }
    }
}

/// What one side counted.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Results {
    pub(super) cpu_util_total: f64,
    pub(super) cpu_util_user: f64,
    pub(super) cpu_util_system: f64,
    /// 1 if retransmissions are counted, 0 if not, −1 if there are none to count.
    pub(super) sender_has_retransmits: i8,
    pub(super) congestion_used: &'static str,
    pub(super) streams: Vec<StreamResults>,
}

/// What one side counted of a stream.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StreamResults {
    pub(super) id: usize,
    pub(super) bytes: u64,
    pub(super) retransmits: i64,
    /// Seconds (RFC 1889, appendix A.8).
    pub(super) jitter: f64,
    pub(super) errors: i64,
    pub(super) packets: i64,
    pub(super) start_time: f64,
    pub(super) end_time: f64,
}

/// JSON behind its length.
pub(super) fn framed(results: &Results) -> Vec<u8> {
    let json = serde_json::to_vec(results).expect("numbers and names always become JSON");
    [&(json.len() as u32).to_be_bytes()[..], &json].concat()
}

/// The JSON at the beginning of `bytes`, and how long it is with its length; `None` when there is more to come.
///
/// # Errors
/// When it is longer than anybody's.
pub(super) fn unframed(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, ()> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > LONGEST {
        return Err(());
    }
    Ok(rest.get(..length).map(|json| (json, 4 + length)))
}
