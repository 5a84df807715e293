//! What there is to tell of a connection to its user.

use std::time::Duration;

use super::connection::{Connection, State};
use super::recovery::Phase;
use super::variables::Fin;
use crate::base::icmp::IcmpError;

/// What a sender thinks of what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing is.
    None,
    /// Something arrived out of order, or twice.
    Disorder,
    /// Routers marked segments, and less is sent for that (RFC 3168 §6.1.2).
    Congestion,
    /// Segments were lost, and are sent again (RFC 6675 §5).
    Recovery,
    /// The retransmission timer expired (RFC 6298 §5).
    Timeout,
}

/// How a connection is. All amounts are in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Where it stands.
    pub state: State,
    /// Whether segments carry timestamps (RFC 7323 §3).
    pub timestamps: bool,
    /// Whether the peer understands selective acknowledgments (RFC 2018).
    pub selective: bool,
    /// By how many bits the peer's window is shifted, and ours; `None` when they are not (RFC 7323 §2).
    pub scales: Option<(u8, u8)>,
    /// Data of a full segment that we send.
    pub segment: usize,
    /// Data of a full segment of the peer's, as far as they were seen.
    pub peer_segment: usize,
    /// The largest segment that we said we take.
    pub offered: Option<u16>,
    /// The congestion window.
    pub congestion_window: usize,
    /// The slow start threshold; `None` before anything was lost.
    pub threshold: Option<usize>,
    /// Sent and not acknowledged.
    pub in_flight: usize,
    /// Written and not sent.
    pub unsent: usize,
    /// Of those in flight, how many are known to have arrived.
    pub arrived: usize,
    /// How many are taken for lost.
    pub lost: usize,
    /// How many were sent again.
    pub again: usize,
    /// What is thought of them.
    pub trouble: Trouble,
    /// How many segments must overtake one before it is taken for lost at once; or how many did that was not, if those were
    /// more (RFC 8985 §6.2, step 4).
    pub reordering: u8,
    /// How often the peer told that a segment was overtaken.
    pub overtaken: u8,
    /// The smoothed round-trip time, once there was a sample (RFC 6298 §2).
    pub round_trip: Option<Duration>,
    /// How much it varies.
    pub variation: Duration,
    /// The retransmission timeout, and how often it was doubled.
    pub timeout: (Duration, u8),
    /// Questions that the peer left unanswered.
    pub probes: u8,
    /// What routers or the peer's host said since something was acknowledged last (RFC 1122 §4.2.3.9: a soft error).
    pub error: Option<IcmpError>,
    /// What the peer lets us send.
    pub send_window: usize,
    /// What may still be written.
    pub room: usize,
    /// Received in order, since the beginning.
    pub received: u64,
    /// Received and not read.
    pub unread: usize,
    /// Whether the peer has nothing more to send.
    pub ended: bool,
    /// Whether we have nothing more to send.
    pub closed: bool,
}

impl Connection {
    /// How it is.
    pub fn info(&self) -> Info {
        let (una, nxt, segment) = (self.snd.una, self.snd.nxt, self.data_size());
        let board = self.recovery.as_ref().map(|recovery| &recovery.board);
        let threshold = self.congestion.threshold();
        Info {
            state: self.state,
            timestamps: self.clock.is_some(),
            selective: self.selective,
            scales: (self.rcv.scale > 0 || self.snd.scale > 0).then_some((self.snd.scale, self.rcv.scale)),
            segment,
            peer_segment: usize::from(self.rcv.segment),
            offered: self.tuning.mss,
            congestion_window: self.congestion.window() as usize,
            threshold: (threshold < u32::MAX).then_some(threshold as usize),
            in_flight: nxt - una,
            unsent: self.data_end() - nxt.earlier(self.data_end()),
            arrived: board.map_or(0, |board| board.arrived(segment)),
            lost: board.map_or(0, |board| board.lost() + self.snd.flight.again()),
            again: self.snd.flight.again(),
            trouble: match self.recovery.as_ref().map(|recovery| recovery.phase) {
                None => Trouble::None,
                Some(Phase::Watching) if board.is_some_and(|board| board.is_done()) => Trouble::None,
                Some(Phase::Watching) => Trouble::Disorder,
                Some(Phase::Reduced) => Trouble::Congestion,
                Some(Phase::Fast) => Trouble::Recovery,
                Some(Phase::Timeout) => Trouble::Timeout,
            },
            reordering: self.reordering.degree(),
            overtaken: self.reordering.times(),
            round_trip: self.rtt.smoothed(),
            variation: self.rtt.variation(),
            timeout: (self.rtt.timeout(), self.rtt.backoff()),
            probes: self.snd.unanswered,
            error: self.rare.as_deref().and_then(|rare| rare.soft),
            send_window: self.snd.window as usize,
            room: self.room(),
            received: self.rcv.position,
            unread: self.rcv.queue.as_ref().map_or(0, |queue| queue.unread()),
            ended: matches!(
                self.state,
                State::CloseWait | State::LastAck | State::Closing | State::TimeWait | State::Closed
            ),
            closed: self.snd.fin != Fin::Open,
        }
    }
}
