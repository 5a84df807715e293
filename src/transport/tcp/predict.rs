//! Header prediction: the short way of a segment that says nothing new but its data.

use std::ops::Range;

use zerocopy::FromBytes;

use super::connection::{Connection, State};
use super::variables::millis;
use crate::base::time::Instant;
use crate::buffer::Offload;
use crate::wire::tcp::{Header, LENGTH, flag};
use crate::wire::tcp_options::Timestamps;

impl Connection {
    /// Takes in a segment that brings the data that are next in order, and says nothing else that is new; tells where its data
    /// lie, counted from its header. So do nearly all segments that a receiver of much gets, and it shows in the header as it
    /// came: nothing is read of it that is not compared, and for these the checks of RFC 9293 §3.10.7.4 come to this. All
    /// others, for which it does nothing, are read and taken in by [`Connection::on_segment`].
    #[inline(always)]
    pub fn take_next(&mut self, bytes: &[u8], offload: Offload, now: Instant) -> Option<Range<usize>> {
        let (header, options) = Header::ref_from_prefix(bytes).ok()?;
        let data = LENGTH + self.fixed_options();
        let length = bytes.len().checked_sub(data)?;
        let is_next = header.sequence.get() == self.rcv.nxt.0
            && header.acknowledgment.get() == self.snd.una.0
            && header.flags & !flag::PSH == flag::ACK
            && header.header_length() == data
            && u32::from(header.window.get()) << self.snd.scale == self.snd.window
            && self.snd.window > 0
            && length > 0
            && length <= self.rcv.edge - self.rcv.nxt
            && self.state == State::Established
            && self.recovery.is_none()
            && self.rcv.fin.is_none();
        if !is_next {
            return None;
        }
        if let Some(clock) = &mut self.clock {
            let theirs = Timestamps::first_of(options)?;
            if (theirs.value.wrapping_sub(clock.recent) as i32) < 0 {
                return None;
            }
            (clock.recent, clock.recent_at) = (theirs.value, millis(now));
        }
        self.heard = now;
        self.snd.unanswered = 0;
        // What came early told the window that holds.
        if !self.rcv.nxt.is_before(self.snd.wl1) {
            (self.snd.wl1, self.snd.wl2) = (self.rcv.nxt, self.snd.una);
        }
        self.note_their_size(offload.segment(length));
        Some(data..data + length)
    }
}
