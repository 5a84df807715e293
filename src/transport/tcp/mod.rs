//! The Transmission Control Protocol.
//!
//! # Theory of operation
//!
//! RFCs to read first: 9293 (the protocol), 7323 (windows and timestamps), 2018, 2883 and 6675 (selective acknowledgment),
//! 5681, 6582, 9406 and 9438 (congestion), 9002 §7.7 (pacing), 8985, 9937, 3522 and 5682 (recovery), 3168 (notification),
//! 6298 (timer), 5961 and 4987 (attacks).
//!
//! A connection has three shapes, each as small as its state lets it be:
//!
//! ```text
//!            SYN                     ACK                     both FINs
//! (listener) ───▶ Handshake (small) ─────▶ Connection ──────────────▶ TimeWait (44 B) ─▶ nothing
//!                         connect ─────▶  queues made when used
//! ```
//!
//! All of them are pure: they are told of segments and of time, and answer with values. Who owns a connection does this:
//!
//! 1. [`check()`] checks a segment.
//! 2. [`Connection::take_next`] takes it in if it is what was expected. If not, it is read ([`Segment::read`]), and
//!    [`Connection::on_segment`] takes it in. What is said of the data, [`Take`], is carried out: they are shown to the user,
//!    kept ([`Connection::keep`]) or held ([`Connection::hold`]); [`Connection::received`] says how many found a place.
//!    What was not received is not acknowledged: nothing that was acknowledged is ever lost.
//! 3. [`Connection::take_events`] says what the user has to know.
//! 4. At the end of the turn, [`Connection::plan`] says what to send, again and again until it says nothing. Each plan that
//!    was carried out is committed ([`Connection::commit`]); one that a full device refused is not, and nothing changed. Then
//!    [`Connection::rest`].
//! 5. [`Connection::on_timer`] is called at [`Connection::deadline`], which is one time, however many reasons there are.
//!
//! So a burst of segments is acknowledged once, and a segment costs the same however many connections there are.
//!
//! | room | RFC | what |
//! |---|---|---|
//! | `connection`, `variables` | 9293 §3.3, §3.10 | what there is, and what its user does with it |
//! | `input` | 9293 §3.10.7, 7323 §5, 5961 | what a segment does to the state |
//! | `acknowledgment` | 9293 §3.10.7.4, fifth | what it does to what we send |
//! | `receive` | 9293 §3.8.6.2.2, 2018, 2883 | the receive half: windows, acknowledgments |
//! | `output` | 9293 §3.8.6.2.1, §3.7.4 | what is sent next: windows, Nagle, superframes |
//! | `pacing` | 9002 §7.7 | when it is sent, so that it is no burst |
//! | `path` | 1191, 8201, 4821 | how large segments may be, and black holes |
//! | `predict` | 9293 §3.10.7.4 | the short way of data that are next in order |
//! | `probe` | 8985 §7, 6298 §5 | the timer of what is in flight, and a lost tail |
//! | `recovery`, `scoreboard`, `flight` | 8985, 9937, 6582, 5682, 3522 | what is lost, and sent again |
//! | `congestion` | 5681, 9438, 9406, 6928 | how much may be in flight |
//! | `ecn` | 3168 | routers that say so before they drop |
//! | `rtt`, `timers` | 6298, 9293 §3.8.4 | when |
//! | `info` | | what there is to tell of a connection |
//! | `handshake`, `time_wait`, `initial` | 6528, 6191, 1337 | beginning and end |
//! | `cookie` | 4987 §3.6 | beginnings of which nothing is kept, when there are too many |
//!
//! # Deliberately not done
//!
//! * Data on a SYN are not taken (RFC 9293 §3.10.7.2 would keep them): they come again.
//! * The urgent pointer is not looked at: urgent data are delivered in line (RFC 6093 §6).
//! * Closed windows are asked without a byte of data (RFC 9293 §3.8.6.1), as everybody does.
//! * The retransmission timer is at least 200 ms, not a second (RFC 6298 §2.4), as everybody's.

mod acknowledgment;
mod congestion;
mod connection;
mod cookie;
mod ecn;
mod flight;
mod handshake;
mod info;
mod initial;
mod input;
mod output;
mod pacing;
mod path;
mod predict;
mod probe;
mod receive;
mod recovery;
mod reordering;
mod rtt;
mod scoreboard;
mod segment;
mod sequence;
mod stretch;
mod time_wait;
mod timers;
mod tuning;
mod variables;

pub use congestion::{Acked, Choice, Congestion, Control, Window};
pub use connection::{Connection, Events, Initial, State};
pub use cookie::Cookies;
pub use ecn::{Notification, is_marked};
pub use handshake::{Handshake, Progress};
pub use info::{Info, Trouble};
pub use initial::Secret;
pub use input::{Refused, Take};
pub use output::{Path, Plan, Segmentation, Why};
pub use pacing::Pace;
pub use path::Verdict;
pub use segment::{Reply, Segment, check};
pub use sequence::SeqNumber;
pub use time_wait::{Late, TimeWait};
pub use tuning::{Extension, TimeoutOption, Tuning};
