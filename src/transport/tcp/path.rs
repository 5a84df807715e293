//! What the path to the peer takes: told by routers (RFC 1191, RFC 8201), or found out from what arrives, where routers that
//! carry less say nothing (RFC 4821): a black hole.
//!
//! The path belongs to the address, not to the connection, so who sends knows only what it tried: that whole segments bring
//! nothing back ([`Connection::is_in_black_hole`]), and what became of one that was larger ([`Connection::take_verdict`]). What
//! follows from that for the path, and when a larger one is to be tried, is decided with all that is known of it.

use super::connection::Connection;
use super::output::{Path, Plan};
use super::sequence::SeqNumber;
use crate::base::limits;

/// A segment larger than the path is known to take, as long as its fate is open (RFC 4821 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Larger {
    start: SeqNumber,
    end: SeqNumber,
    /// Bytes of options and data in it.
    mss: u16,
    /// Whether it was lost.
    is_lost: bool,
}

/// What became of a larger segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived: the path takes so many bytes of options and data in a segment.
    Taken(u16),
    /// It was lost, though what was smaller was not.
    Lost,
}

impl Connection {
    /// What the path takes now. When that is less than before, what is in flight is sent again in smaller segments, and that
    /// is no congestion (RFC 1191 §6.5, RFC 8201 §5.4). What was smaller anyway was not lost for that.
    #[inline]
    pub fn on_path(&mut self, path: Path) {
        self.on_path_at(path, self.snd.una);
    }

    /// The same, when a router says which segment did not pass: what left before it did.
    #[inline]
    pub fn on_path_at(&mut self, path: Path, first: SeqNumber) {
        let before = std::mem::replace(&mut self.snd.path_mss, path.mss);
        if path.mss < before && self.snd.nxt - self.snd.una > self.data_size() {
            self.send_again_from(first);
        } else if path.mss > before {
            self.congestion.on_path_widened(self.data_size() as u32);
        }
    }

    /// Whether the timer expired again and again for a segment as large as the path is said to take, without a word of any
    /// router (RFC 4821 §7.7, RFC 2923 §2.1). To be asked when it has expired just now.
    pub fn is_in_black_hole(&self) -> bool {
        let sent = self.data_end().earlier(self.snd.nxt) - self.data_start();
        let timeouts = self.rtt.backoff();
        let again = timeouts > 0 && timeouts.is_multiple_of(limits::BLACK_HOLE_TIMEOUTS);
        again && self.snd.window > 0 && sent >= self.data_size()
    }

    /// How often the timer expired since something was acknowledged.
    pub fn timeouts(&self) -> u8 {
        self.rtt.backoff()
    }

    /// What became of a segment that was larger, once that is known.
    #[inline]
    pub fn take_verdict(&mut self) -> Option<Verdict> {
        let una = self.snd.una;
        let larger = self.rare.as_deref_mut()?.larger.take_if(|larger| larger.is_lost || !una.is_before(larger.end))?;
        Some(if larger.is_lost { Verdict::Lost } else { Verdict::Taken(larger.mss) })
    }

    /// New data in one segment that is larger than others, where the path is to be tried, nothing is missing, and there are
    /// enough data behind it to tell a loss from silence (RFC 4821 §7.4).
    pub(super) fn plan_larger(&self, path: &Path, options: usize) -> Option<Plan> {
        let mss = path.larger?.min(self.snd.mss);
        let (usual, size) = (self.data_size(), usize::from(mss).saturating_sub(options));
        let is_open = self.rare.as_ref().is_some_and(|rare| rare.larger.is_some());
        if size <= usual || is_open || self.recovery.is_some() {
            return None;
        }
        let enough = size + limits::MTU_PROBE_FOLLOWERS * usual;
        let unsent = self.data_end() - self.snd.nxt;
        (unsent >= enough && self.usable() >= enough).then(|| self.new_data(size))
    }

    /// New data left, in segments of so many bytes.
    #[inline]
    pub(super) fn note_size(&mut self, plan: &Plan, length: usize) {
        if plan.size > self.data_size() && length == plan.size {
            let (start, mss) = (plan.sequence, (plan.size + self.fixed_options()) as u16);
            let larger = Larger { start, end: start + length, mss, is_lost: false };
            self.rare.get_or_insert_default().larger = Some(larger);
        }
    }

    /// What lies from `start` to `end` was lost.
    #[inline]
    pub(super) fn note_lost(&mut self, start: SeqNumber, end: SeqNumber) {
        if let Some(larger) = self.rare.as_deref_mut().and_then(|rare| rare.larger.as_mut())
            && start.is_before(larger.end)
            && end.is_after(larger.start)
        {
            larger.is_lost = true;
        }
    }
}
