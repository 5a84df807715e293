//! Header prediction: the short way of a segment that says nothing new but its data.

use super::connection::{Connection, State};
use super::input::Take;
use super::segment::Segment;
use super::variables::millis;
use crate::base::time::Instant;
use crate::wire::tcp::{LENGTH, flag};

impl Connection {
    /// Header prediction: whether it brings the data that are next in order, and says nothing else that is new. So do nearly
    /// all segments that a receiver of much gets, and for these the checks below come to this.
    #[inline]
    pub(super) fn predicted(&self, segment: &Segment) -> bool {
        let clock_goes_on = match (&self.clock, &segment.options.timestamps) {
            (Some(clock), Some(theirs)) => theirs.value.wrapping_sub(clock.recent) as i32 >= 0,
            (None, _) => true,
            (Some(_), None) => false,
        };
        self.state == State::Established
            && segment.flags & !flag::PSH == flag::ACK
            && segment.sequence == self.rcv.nxt
            && segment.acknowledgment == self.snd.una
            && u32::from(segment.window) << self.snd.scale == self.snd.window
            && self.snd.window > 0
            && segment.length > 0
            && !segment.marked
            && segment.length <= self.rcv.edge - self.rcv.nxt
            // No options but the timestamps.
            && segment.header_length == LENGTH + self.fixed_options()
            && self.recovery.is_none()
            && self.rcv.fin.is_none()
            && clock_goes_on
    }

    /// Takes in a segment that was predicted.
    #[inline]
    pub(super) fn take_predicted(&mut self, segment: &Segment, now: Instant) -> Take {
        self.heard = now;
        self.snd.unanswered = 0;
        if let (Some(clock), Some(theirs)) = (&mut self.clock, &segment.options.timestamps) {
            (clock.recent, clock.recent_at) = (theirs.value, millis(now));
        }
        (self.snd.wl1, self.snd.wl2) = (segment.sequence, segment.acknowledgment);
        self.rcv.segment = self.rcv.segment.max(segment.size.min(usize::from(u16::MAX)) as u16);
        Take::Deliver(0..segment.length)
    }
}
