//! What a user may choose for its connections.

use std::time::Duration;

use super::congestion::Choice;
use super::ecn::Notification;
use super::pacing::Pace;
use crate::base::limits;

/// Whether both ends tell each other their user timeouts (RFC 5482 §3.1: ENABLED and CHANGEABLE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutOption {
    /// We say nothing, and do not listen.
    #[default]
    Off,
    /// We tell ours, and keep to it.
    Told,
    /// We tell ours, and both wait as long as who is more patient, within [`limits::USER_TIMEOUT_AGREED`].
    Agreed,
}

/// Whether an extension is used with peers that know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extension {
    /// It is offered, and taken.
    #[default]
    Offered,
    /// It is not.
    Refused,
}

/// What a user may choose for a connection. Connections that are tuned alike share one.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Congestion control.
    pub congestion: Choice,
    /// How long the peer may be silent before it is asked whether it is there (RFC 9293 §3.8.4); never if `None`.
    pub keep_alive: Option<Duration>,
    /// How long data may stay unacknowledged (RFC 9293 §3.9.1, RFC 5482).
    pub user_timeout: Duration,
    /// Whether the peer is told that.
    pub timeout_option: TimeoutOption,
    /// The largest segment that is offered and sent, headers apart, where the path takes it (RFC 9293 §3.7.1).
    pub mss: Option<u16>,
    /// Timestamps (RFC 7323 §3).
    pub timestamps: Extension,
    /// Selective acknowledgments (RFC 2018).
    pub selective: Extension,
    /// How long an acknowledgment may wait for the next segment (RFC 9293 §3.8.6.3: less than half a second); not at all
    /// when it is zero.
    pub delayed_ack: Duration,
    /// Bytes that the peer may send ahead, at first and at most.
    pub receive_buffer: (u32, u32),
    /// Bytes that may be queued to be sent, at first and at most.
    pub send_buffer: (usize, usize),
    /// Whether routers are asked to mark instead of to drop (RFC 3168).
    pub notification: Notification,
    /// Whether a window leaves all at once.
    pub pace: Pace,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            congestion: Choice::default(),
            keep_alive: None,
            user_timeout: limits::USER_TIMEOUT,
            notification: Notification::default(),
            timeout_option: TimeoutOption::default(),
            mss: None,
            timestamps: Extension::Offered,
            selective: Extension::Offered,
            delayed_ack: limits::DELAYED_ACK,
            receive_buffer: limits::RECEIVE_BUFFER,
            send_buffer: limits::SEND_BUFFER,
            pace: Pace::Paced,
        }
    }
}

impl Tuning {
    /// The largest segment on a path that takes `path` bytes.
    pub(super) fn mss(&self, path: u16) -> u16 {
        self.mss.map_or(path, |most| most.clamp(limits::MSS_LEAST, path.max(limits::MSS_LEAST)))
    }

    /// The shift that lets 16 bits say the largest window (RFC 7323 §2.3: at most 14).
    pub(super) fn window_scale(&self) -> u8 {
        let (_, most) = self.receive_buffer;
        (0..14).find(|scale| u32::from(u16::MAX) << scale >= most).unwrap_or(14)
    }

    /// The window of a SYN, which is never scaled (RFC 7323 §2.2).
    pub(super) fn first_window(&self) -> u16 {
        self.receive_buffer.0.min(u32::from(u16::MAX)) as u16
    }
}
