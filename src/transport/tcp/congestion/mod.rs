//! Congestion control (RFC 5681): how much may be in flight.

mod cubic;
mod reno;
mod slow_start;

use cubic::Cubic;
use reno::Reno;
use slow_start::{Growth, SlowStart};

use super::sequence::SeqNumber;

use std::time::Duration;

use crate::base::limits;
use crate::base::time::Instant;

/// An acknowledgment, as congestion control sees it.
#[derive(Clone, Copy, Debug)]
pub struct Acked {
    /// When it came.
    pub now: Instant,
    /// Bytes that it newly acknowledged.
    pub bytes: u32,
    /// The smoothed round-trip time.
    pub round_trip: Duration,
    /// Bytes of data in a segment.
    pub mss: u32,
    /// How long ago the last of what it acknowledged left, if it was sent only once.
    pub sample: Option<Duration>,
    /// SND.UNA and SND.NXT: what is acknowledged, and what was sent.
    pub acknowledged: SeqNumber,
    /// See there.
    pub sent: SeqNumber,
}

/// What decides how the window grows and shrinks. All windows are in bytes.
pub trait Control {
    /// New data were acknowledged outside of recovery, and the window was what held us back.
    fn on_acked(&mut self, window: &mut Window, acked: Acked);
    /// Segments were lost: recovery begins with `in_flight` bytes in the network.
    fn on_loss(&mut self, window: &mut Window, in_flight: u32, mss: u32, now: Instant);
    /// The retransmission timer expired for the first time since something was acknowledged.
    fn on_timeout(&mut self, window: &mut Window, in_flight: u32, mss: u32);
}

/// The congestion window and the threshold below which it grows exponentially.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Bytes that may be in flight.
    pub congestion: u32,
    /// RFC 5681 §3.1.
    pub threshold: u32,
}

impl Window {
    /// RFC 5681 §3.1, equations 2 and 3: slow start, with no more than two segments an acknowledgment. A superframe's
    /// acknowledgment counts for all segments in it, as long as they left in one piece (RFC 3465 §2.3).
    fn slow_start(&mut self, acked: u32) {
        self.congestion = self.congestion.saturating_add(acked).min(limits::CONGESTION_WINDOW);
    }

    /// Whether the window grows exponentially.
    fn is_in_slow_start(&self) -> bool {
        self.congestion < self.threshold
    }
}

/// The algorithms that there are.
#[derive(Clone, Debug)]
enum Algorithm {
    Reno(Reno),
    Cubic(Cubic),
}

/// Which algorithm a connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// RFC 5681 and RFC 6582.
    Reno,
    /// RFC 9438.
    #[default]
    Cubic,
}

/// The congestion control of one connection.
#[derive(Clone, Debug)]
pub struct Congestion {
    window: Window,
    algorithm: Algorithm,
    slow_start: SlowStart,
}

impl Congestion {
    /// Begins with the initial window (RFC 6928 §2).
    pub fn new(choice: Choice, mss: u32) -> Congestion {
        let window = Window { congestion: initial_window(mss), threshold: u32::MAX };
        let algorithm = match choice {
            Choice::Reno => Algorithm::Reno(Reno::default()),
            Choice::Cubic => Algorithm::Cubic(Cubic::default()),
        };
        Congestion { window, algorithm, slow_start: SlowStart::default() }
    }

    /// Both ends agreed on the size of segments, of which nothing was sent yet.
    pub fn on_agreed(&mut self, mss: u32) {
        self.window.congestion = initial_window(mss);
    }

    /// Bytes that may be in flight.
    #[inline]
    pub fn window(&self) -> u32 {
        self.window.congestion
    }

    /// The slow start threshold.
    pub fn threshold(&self) -> u32 {
        self.window.threshold
    }

    /// New data were acknowledged; `most` bytes were in flight at once in the round trip that they left in.
    #[inline]
    pub fn on_acked(&mut self, acked: Acked, most: u32) {
        // RFC 7661 §4.1: a window that was not used proves nothing. In slow start more than half of it is enough, for the
        // window has doubled since the data left.
        let used = if self.window.is_in_slow_start() { most.saturating_mul(2) } else { most + 2 * acked.mss };
        if used <= self.window.congestion {
            return;
        }
        if self.window.threshold < u32::MAX {
            return self.control(|control, window| control.on_acked(window, acked));
        }
        // Nothing is known of the path yet.
        match self.slow_start.on_acked(&acked) {
            Growth::By(bytes) => self.window.slow_start(bytes),
            Growth::Over => self.window.threshold = self.window.congestion,
        }
    }

    /// Recovery begins.
    pub fn on_loss(&mut self, in_flight: u32, mss: u32, now: Instant) {
        self.control(|control, window| control.on_loss(window, in_flight, mss, now));
    }

    /// The retransmission timer expired.
    pub fn on_timeout(&mut self, in_flight: u32, mss: u32) {
        self.control(|control, window| control.on_timeout(window, in_flight, mss));
    }

    /// Recovery decides itself how much may be in flight (RFC 9937).
    pub fn set_window(&mut self, window: u32) {
        self.window.congestion = window.min(limits::CONGESTION_WINDOW);
    }

    /// Nothing was lost: all is as it was `before`, but for what it grew since (RFC 4015 §3.2).
    pub fn undo(&mut self, before: Congestion) {
        let window = self.window.congestion.max(before.window.congestion);
        *self = Congestion { window: Window { congestion: window, ..before.window }, ..before };
    }

    /// Nothing was sent for longer than the retransmission timeout (RFC 5681 §4.1).
    pub fn on_idle(&mut self, mss: u32) {
        self.window.congestion = self.window.congestion.min(initial_window(mss));
    }

    /// The path takes smaller packets, and all that was in flight is sent again: that is no congestion, but slow start leads
    /// back to where the window was, or a burst of a whole window would make some (RFC 8201 §5.4).
    pub fn on_path_shrunk(&mut self, mss: u32) {
        self.window.threshold = self.window.threshold.max(self.window.congestion);
        self.window.congestion = self.window.congestion.min(initial_window(mss));
    }

    /// The path takes larger packets: a window of less than one would never let one leave (RFC 5681 §3.1).
    pub fn on_path_widened(&mut self, mss: u32) {
        self.window.congestion = self.window.congestion.max(mss);
    }

    fn control(&mut self, work: impl FnOnce(&mut dyn Control, &mut Window)) {
        match &mut self.algorithm {
            Algorithm::Reno(reno) => work(reno, &mut self.window),
            Algorithm::Cubic(cubic) => work(cubic, &mut self.window),
        }
    }
}

/// RFC 6928 §2: ten segments, but no more than 14,600 bytes unless two segments are more.
fn initial_window(mss: u32) -> u32 {
    (10 * mss).min((2 * mss).max(14_600))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1460;

    fn acked(millis: u64, bytes: u32) -> Acked {
        let (now, round_trip) = (Instant::from_millis(millis), Duration::from_millis(100));
        let (acknowledged, sent) = (SeqNumber(0), SeqNumber(0));
        Acked { now, bytes, round_trip, mss: MSS, sample: None, acknowledged, sent }
    }

    #[test]
    fn slow_start_doubles_and_an_unused_window_does_not_grow() {
        for choice in [Choice::Reno, Choice::Cubic] {
            let mut congestion = Congestion::new(choice, MSS);
            assert_eq!(congestion.window(), 14_600);
            congestion.on_acked(acked(1, 14_600), 14_600);
            assert_eq!(congestion.window(), 29_200, "{choice:?}");
            congestion.on_acked(acked(2, MSS), MSS);
            assert_eq!(congestion.window(), 29_200, "{choice:?}");
        }
    }

    #[test]
    fn loss_and_timeout_shrink_it() {
        for (choice, factor) in [(Choice::Reno, 0.5), (Choice::Cubic, 0.7)] {
            let mut congestion = Congestion::new(choice, MSS);
            (0..6).for_each(|_| congestion.on_acked(acked(1, congestion.window()), congestion.window()));
            let before = congestion.window();
            congestion.on_loss(before, MSS, Instant::from_millis(2));
            let ratio = f64::from(congestion.window()) / f64::from(before);
            assert!((ratio - factor).abs() < 0.01, "{choice:?}: {ratio}");
            congestion.on_timeout(congestion.window(), MSS);
            assert_eq!(congestion.window(), MSS);
            assert!(congestion.threshold() >= 2 * MSS);
        }
    }

    /// RFC 9438 §4.2: back at the window of the last loss after K seconds, then beyond it.
    #[test]
    fn cubic_comes_back_to_where_it_lost() {
        let mut congestion = Congestion::new(Choice::Cubic, MSS);
        (0..9).for_each(|_| congestion.on_acked(acked(1, congestion.window()), congestion.window()));
        let before = congestion.window();
        congestion.on_loss(before, MSS, Instant::from_millis(1));
        let segments = f64::from(before) / f64::from(MSS);
        let k = (segments * 0.3 / 0.4).cbrt();
        let mut reached = None;
        for step in 0..4000u64 {
            let window = congestion.window();
            // One round trip's acknowledgments, ten at a time.
            (0..10).for_each(|_| congestion.on_acked(acked(1 + 100 * step, window / 10), window));
            if congestion.window() >= before {
                reached = Some(step as f64 / 10.0);
                break;
            }
        }
        let reached = reached.expect("it comes back");
        assert!((reached - k).abs() < 0.15 * k + 0.3, "{reached} seconds instead of {k}");
    }

    #[test]
    fn reno_grows_by_a_segment_a_round_trip() {
        let mut congestion = Congestion::new(Choice::Reno, MSS);
        congestion.on_acked(acked(0, 14_600), 14_600);
        congestion.on_loss(congestion.window(), MSS, Instant::ZERO);
        let before = congestion.window();
        (0..10).for_each(|_| congestion.on_acked(acked(1, before / 10), before));
        let grown = congestion.window() - before;
        assert!((MSS * 9 / 10..=MSS).contains(&grown), "{grown}");
    }
}
