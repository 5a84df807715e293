//! RTP and RTCP (RFC 3550) with the profiles AVP (RFC 3551) and AVPF (RFC 4585).
//!
//! # Theory of operation
//!
//! ```text
//!              ┌──────────────────────── session ─────────────────────────┐
//!  RTP  ──────▶│ members ─▶ source { sequence A.1, jitter A.8 }           │──▶ playout ──▶ a recording
//!              │    │                    │                                │
//!  RTCP ──────▶│ rtcp::read            report blocks, XR                  │
//!       ◀──────│ rtcp::write ◀── interval A.7: when, and whether it is due │
//!              └──────────────────────────────────────────────────────────┘
//! ```
//!
//! Everything is a state machine in virtual time: bytes and the time come in, bytes and decisions go out.
//!
//! | what | where | RFC |
//! |---|---|---|
//! | a packet is parsed | crate `rtp-types`; header extensions in [`extension`] | 3550 §5.1, §5.3.1, 8285 |
//! | is it of the stream? cycles, gaps, restarts | [`sequence`] | 3550 §A.1, §A.3 |
//! | the spread of arrivals | [`jitter`] | 3550 §6.4.1, §A.8 |
//! | what is known of a stream; its report block | [`source`](mod@source) | 3550 §6.4 |
//! | who takes part, and who is gone | [`members`] | 3550 §6.2.1, §6.3.3 to §6.3.5 |
//! | collisions and loops | [`session`] | 3550 §8.2 |
//! | when RTCP is sent, BYE too | [`interval`] | 3550 §6.2, §6.3, §A.7 |
//! | RTCP read and written; compound rules, reduced size | [`rtcp`] | 3550 §6.1, §6.4 to §6.7, §A.2, 5506 |
//! | NACK, picture loss | [`rtcp::feedback`] | 4585 §6 |
//! | extended reports | [`rtcp::xr`] | 3611 §4.1, §4.4, §4.5, §4.7 |
//! | several streams of ours in one session | [`outgoing`] | 8108 |
//! | when a stream of ours has to end | [`breaker`] | 8083 §4 |
//! | names | [`session::canonical_name`] | 7022 §4.2 |
//! | wall clock and round trips | [`ntp`] | 3550 §4, §6.4.1 |
//! | order and time of playing | [`playout`] | – |
//! | payload types | [`payload`] | 3551 §6 |
//! | MOS | [`quality`] | ITU-T G.107 |
//!
//! A session is one place where a participant's datagrams come in and go out. What is encrypted there (SRTP, RFC 3711) is so
//! between the datagram and [`Session::on_rtp`], [`Session::on_rtcp`] and [`Session::on_timer`]: those three see plain text in
//! place, and nothing else does.

pub mod breaker;
pub mod burst;
pub mod extension;
pub mod g711;
pub mod interval;
pub mod jitter;
pub mod media;
pub mod members;
pub mod ntp;
pub mod outgoing;
pub mod payload;
pub mod playout;
pub mod quality;
pub mod rtcp;
pub mod rtpdump;
pub mod sdp;
pub mod sender;
pub mod sequence;
pub mod service;
pub mod session;
pub mod source;
#[cfg(test)]
mod tests;
pub mod wav;

pub use session::{Arrived, Config, Ended, Session};

/// The port of RTP by default (RFC 3551 §8); RTCP has the next one.
pub const PORT: u16 = 5004;
