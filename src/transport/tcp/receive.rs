//! What came: delivered, held, acknowledged, and how much more may come.

use std::ops::Range;

use arrayvec::ArrayVec;

use super::connection::{Connection, State};
use super::sequence::SeqNumber;
use super::variables::Acknowledgment;
use crate::base::limits;
use crate::base::time::Instant;
use crate::buffer::{Block, Frame, Pool, PoolFull, Pressure};
use crate::wire::tcp_options::SACK_RANGES;

impl Connection {
    /// `count` of the bytes that were to be delivered found a place: with the user, or unread. `is_large` when they are a
    /// superframe of a host beside us.
    #[inline]
    pub fn received(&mut self, count: usize, is_large: bool, pool: &mut Pool, now: Instant) {
        self.rcv.nxt += count;
        self.progress |= count > 0;
        self.rcv.position += count as u64;
        let mut came = count;
        let unread = self.rcv.queue.as_ref().map_or(0, |queue| queue.unread_capacity());
        if let Some(queue) = &mut self.rcv.queue
            && queue.holds()
        {
            let released = queue.release(self.rcv.position, pool);
            self.rcv.nxt += released;
            self.rcv.position += released as u64;
            came += released;
            // RFC 5681 §4.2: a gap was filled, wholly or in part.
            self.acknowledge_now();
        }
        self.rcv.duplicates = 0;
        self.rcv.unacknowledged = self.rcv.unacknowledged.saturating_add(came as u32);
        // RFC 9293 §3.8.6.3: at least every second full segment is acknowledged; a burst, at its end.
        if self.rcv.unacknowledged >= 2 * u32::from(self.rcv.segment) || self.tuning.delayed_ack.is_zero() {
            if !self.stretches(is_large, now) {
                self.acknowledge_now();
            }
        } else if self.rcv.acknowledgment == Acknowledgment::None {
            self.rcv.acknowledgment = Acknowledgment::Delayed;
            self.acknowledge_at = now + self.tuning.delayed_ack;
        }
        if now >= self.rcv.measured_until {
            self.tune_buffer(unread, pool.pressure(), now);
        }
        self.reach_fin(now);
    }

    /// Keeps data that are early; returns how many bytes were copied.
    ///
    /// # Errors
    /// [`PoolFull`] when enough is held: they are not acknowledged, and their sender keeps them.
    pub fn hold(
        &mut self,
        start: SeqNumber,
        frame: &mut Frame,
        range: Range<usize>,
        pool: &mut Pool,
    ) -> Result<usize, PoolFull> {
        let position = self.rcv.position + (start - self.rcv.nxt) as u64;
        // Small pieces pin more than they hold: twice the window is what that may cost.
        let most = 2 * self.rcv.buffer as usize;
        self.rcv.queue.get_or_insert_default().hold(position, frame, range, most, pool)
    }

    /// Keeps data that are next in order for later; returns how many bytes were copied.
    ///
    /// # Errors
    /// [`PoolFull`] when there is no memory: they must not be acknowledged.
    pub fn keep(&mut self, frame: &mut Frame, range: Range<usize>, pool: &mut Pool) -> Result<usize, PoolFull> {
        self.rcv.queue.get_or_insert_default().push(frame, range, pool)
    }

    /// Whether data in order wait to be read.
    #[inline]
    pub fn has_unread(&self) -> bool {
        self.rcv.queue.as_ref().is_some_and(|queue| queue.has_unread())
    }

    /// Takes the first unread data out, to be shown; and how many bytes were copied to join them.
    /// [`Connection::consumed`] must follow.
    pub fn take_unread(&mut self, pool: &mut Pool) -> Option<(Block, usize)> {
        self.rcv.queue.as_mut()?.take_front(pool)
    }

    /// The user took the first `used` bytes of what it was shown.
    pub fn consumed(&mut self, block: Block, used: usize, pool: &mut Pool) {
        let queue = self.rcv.queue.get_or_insert_default();
        queue.put_back(block, used, pool);
        if queue.is_empty() {
            self.rcv.queue = None;
        }
        // RFC 9293 §3.8.6.2.2: the peer is told when it gains something by it.
        let (left, gained) = (self.rcv.edge - self.rcv.nxt, self.edge().from(self.rcv.edge));
        if gained > 0 && (left < usize::from(self.rcv.segment) || gained as u32 >= self.rcv.buffer / 2) {
            self.acknowledge_now();
        }
    }

    /// Where the window may end now (RFC 9293 §3.8.6.2.2: it grows by steps that are worth a segment).
    pub(super) fn edge(&self) -> SeqNumber {
        let unread = self.rcv.queue.as_ref().map_or(0, |queue| queue.unread_capacity());
        let largest = usize::from(u16::MAX) << self.rcv.scale;
        let window = (self.rcv.buffer as usize).saturating_sub(unread).min(largest);
        let edge = self.rcv.nxt + window;
        let step = (self.rcv.buffer as usize / 2).min(usize::from(self.rcv.segment));
        if edge.from(self.rcv.edge) >= step as i32 { edge } else { self.rcv.edge.later(self.rcv.nxt) }
    }

    /// The window behind `acknowledgment`, as a header says it: rounded down. So the peer may see the edge move back by less than
    /// a unit as data come in (RFC 7323 §2.4), but everything that it was ever told is taken, and nothing adds up to more than
    /// that.
    pub(super) fn window_field(&self, acknowledgment: SeqNumber, edge: SeqNumber) -> u16 {
        let window = edge - acknowledgment;
        u16::try_from(window >> self.rcv.scale).unwrap_or(u16::MAX)
    }

    /// Whether data are held that stand behind `end`.
    pub(super) fn holds_beyond(&self, end: SeqNumber) -> bool {
        let position = self.rcv.position + (end - self.rcv.nxt) as u64;
        self.rcv.queue.as_ref().is_some_and(|queue| queue.held_end() > position)
    }

    /// What an acknowledgment says besides the number: what came twice (RFC 2883), then what is held, the newest first
    /// (RFC 2018 §4).
    pub(super) fn sack_ranges(&self) -> ArrayVec<(u32, u32), SACK_RANGES> {
        let mut ranges = ArrayVec::new();
        if !self.selective {
            return ranges;
        }
        if let Some((start, end)) = self.rcv.twice {
            ranges.push((start.0, end.0));
        }
        let Some(queue) = &self.rcv.queue else { return ranges };
        let at = |position: u64| self.rcv.nxt + (position - self.rcv.position) as usize;
        let mut newest_at = ranges.len();
        for held in queue.ranges() {
            let (start, end) = (at(held.start), at(held.end));
            let is_newest = !self.rcv.newest.is_before(start) && self.rcv.newest.is_before(end);
            if is_newest {
                if ranges.is_full() {
                    ranges.pop();
                }
                ranges.insert(newest_at.min(ranges.len()), (start.0, end.0));
                newest_at = usize::MAX;
            } else if !ranges.is_full() {
                ranges.push((start.0, end.0));
            }
        }
        ranges
    }

    /// The peer's FIN, if all before it came (RFC 9293 §3.10.7.4, eighth).
    pub(super) fn reach_fin(&mut self, now: Instant) {
        if self.rcv.fin != Some(self.rcv.nxt) {
            return;
        }
        self.rcv.fin = None;
        self.rcv.nxt += 1;
        self.events.ended = true;
        self.acknowledge_now();
        self.state = match self.state {
            State::Established => State::CloseWait,
            State::FinWait1 => State::Closing,
            State::FinWait2 => State::TimeWait,
            other => other,
        };
        self.heard = now;
    }

    /// Lets the peer send four times as far ahead as it came in the last round trip: in slow start each brings twice as much
    /// as the one before (RFC 5681 §3.1), and what this window lets leave arrives two round trips behind what was counted.
    /// So the buffer follows bandwidth × delay, as long as the user keeps up; where the path is shorter than
    /// [`limits::RECEIVE_AHEAD`], bandwidth times that. Who does not read gets no more to leave unread; where memory is scarce
    /// the buffer shrinks again, though not the window that the peer knows (RFC 9293 §3.8.6).
    #[inline(never)]
    fn tune_buffer(&mut self, unread: usize, pressure: Pressure, now: Instant) {
        let (from, until) = (self.rcv.measured_from, self.rcv.measured_until);
        let (least, most) = self.tuning.receive_buffer;
        let trip = self.rtt.smoothed().unwrap_or(limits::RTO_INITIAL);
        if pressure > Pressure::None {
            self.rcv.buffer = (self.rcv.buffer / 2).max(least);
        } else if unread <= self.rcv.buffer as usize / 2 {
            let (came, lasted) = ((self.rcv.nxt - from) as u64, (trip + (now - until)).as_nanos() as u64);
            let ahead = limits::RECEIVE_AHEAD.as_nanos() as u64;
            let came = if lasted < ahead { came * ahead / lasted.max(1) } else { came };
            let wanted = u32::try_from(4 * came).unwrap_or(u32::MAX);
            self.rcv.buffer = wanted.clamp(self.rcv.buffer, most);
        }
        (self.rcv.measured_from, self.rcv.measured_until) = (self.rcv.nxt, now + trip);
    }
}
