//! What Linux's sockets keep written data in, for the scripts expect what follows from it: how much a write takes, when there
//! is room again, and where PSH is set.
//!
//! ```text
//!  acknowledged          sent                      written
//!  ├─ buffer ─┼─ buffer ─┼── buffer ──┼── buffer ───┤
//! ```
//!
//! A buffer holds whole segments up to half of the peer's window. It is cut where less of it leaves at once, and where a
//! selective acknowledgment ends. What is counted of it is its data and what it takes itself. Room is told once a third of
//! the limit is free, so that a writer is not woken for every segment.
//!
//! RFC 9293 §3.9.1.2 asks for PSH where the data end, and lets a sender set it anywhere else. Linux sets it where a write
//! ends, which goes on with the rest when its buffer is cut; at the end of what leaves in one piece of several segments; and
//! where more than half a window was written without one. There is none at the end of what `MSG_MORE` announced more behind.

use std::collections::VecDeque;
use std::time::Duration;

use taphouse::transport::tcp::Info;

/// What a buffer takes besides its data.
const BUFFER: usize = 1280;
/// What each segment is counted for when the limit follows the congestion window, besides its data: header room, rounded up
/// to a power of two, and its description.
const SEGMENT: (usize, usize) = (640, 256);
/// The most that leaves in one piece.
const PIECE: usize = 65_215;
/// The first window, in segments (RFC 6928 §2).
const INITIAL: usize = 10;

/// Whether writing goes on with the next call (`MSG_MORE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Announced,
    No,
}

/// How the limit was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// By the system: it follows the congestion window, up to so much.
    Follows(usize),
    /// By `SO_SNDBUF`.
    Fixed,
}

/// What makes something leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A call, or what the peer sent.
    Event,
    /// Time has passed.
    Timer,
}

/// A buffer, by the positions in the stream that it holds.
#[derive(Clone, Copy, Debug)]
struct Buffer {
    start: u64,
    end: u64,
    push: bool,
}

impl Buffer {
    fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// The buffers of one connection. Positions count from the first byte written.
pub(crate) struct Buffers {
    queue: VecDeque<Buffer>,
    /// Acknowledged, sent and written up to here.
    acknowledged: u64,
    sent: u64,
    written: u64,
    /// The last PSH that a write set.
    pushed: u64,
    /// Bytes that they may take.
    limit: usize,
    chosen: Limit,
    /// A writer found no room, and was not told of any since.
    wants_room: bool,
    /// The peer's largest window.
    window: usize,
    /// `tcp_min_tso_segs`.
    least_segments: usize,
}

impl Buffers {
    /// Limits that the system chose: at first and at most; and the fewest segments of a piece.
    pub(crate) fn new((limit, most): (usize, usize), least_segments: usize) -> Buffers {
        Buffers {
            queue: VecDeque::new(),
            acknowledged: 0,
            sent: 0,
            written: 0,
            pushed: 0,
            limit,
            chosen: Limit::Follows(most),
            wants_room: false,
            window: 0,
            least_segments,
        }
    }

    /// `SO_SNDBUF`.
    pub(crate) fn fix(&mut self, limit: usize) {
        (self.limit, self.chosen) = (limit, Limit::Fixed);
    }

    /// How much of `wanted` bytes goes into one buffer now: none when there is no memory, or more than `low_water` bytes were
    /// not sent. They are written then.
    pub(crate) fn take(&mut self, wanted: usize, is_first: bool, low_water: usize, info: &Info) -> usize {
        self.window = self.window.max(info.send_window);
        let half = if self.window > 536 { self.window / 2 } else { self.window };
        let size = info.segment.max(1);
        let goal = (half.min(PIECE) / size).max(1) * size;
        let (sent, memory, unsent) = (self.sent, self.memory(), (self.written - self.sent) as usize);
        let buffer = match self.queue.back_mut() {
            Some(last) if last.start >= sent && last.len() < goal => {
                last.push &= !is_first;
                last
            }
            _ if memory < self.limit && unsent < low_water => {
                self.queue.push_back(Buffer { start: self.written, end: self.written, push: false });
                self.queue.back_mut().expect("it was just added")
            }
            _ => {
                self.wants_room = true;
                return 0;
            }
        };
        let count = wanted.min(goal - buffer.len());
        buffer.end += count as u64;
        self.written = buffer.end;
        if buffer.len() == goal && self.is_push_due() {
            self.push();
        }
        count
    }

    /// A write ends, or waits for room.
    pub(crate) fn end_write(&mut self, more: More) {
        if more == More::No || self.is_push_due() {
            self.push();
        }
    }

    fn is_push_due(&self) -> bool {
        self.written > self.pushed + self.window as u64 / 2
    }

    fn push(&mut self) {
        self.pushed = self.written;
        if let Some(last) = self.queue.back_mut() {
            last.push = true;
        }
    }

    fn memory(&self) -> usize {
        self.queue.iter().map(|buffer| BUFFER + buffer.len()).sum()
    }

    /// What lies from `from` to `to` leaves in one turn: where PSH is set.
    pub(crate) fn leave(&mut self, from: u64, to: u64, cause: Cause, info: &Info) -> Vec<u64> {
        let size = info.segment.max(1);
        let most = (self.most_segments(info) * size) as u64;
        self.split(from);
        self.split(to);
        // RFC 9293 §3.8.6.2.1: what a timer overrides is all that there is.
        let is_override = cause == Cause::Timer && from >= self.sent && self.acknowledged >= from;
        let mut pushes = Vec::new();
        let mut at = from;
        while let Some(index) = self.queue.iter().position(|buffer| buffer.start == at && at < to) {
            if self.queue[index].len() as u64 > most {
                self.split(at + most);
            }
            let Buffer { end, push, .. } = self.queue[index];
            if push || end - at > size as u64 || is_override {
                pushes.push(end);
            }
            at = end;
        }
        self.sent = self.sent.max(to);
        pushes
    }

    /// How many segments leave in one piece: half of the congestion window, and what the pace of the connection brings in a
    /// millisecond.
    fn most_segments(&self, info: &Info) -> usize {
        let window = info.congestion_window;
        let round_trip = info.round_trip.unwrap_or(Duration::ZERO).as_micros() as usize;
        let is_early = info.threshold.is_none_or(|threshold| window < threshold / 2);
        let percent = if is_early { 200 } else { 120 };
        // At that pace, what leaves in a 1,024th of a second.
        let paced = (window * percent * 10_000 / round_trip.max(1)) >> 10;
        let near = 65_536usize.checked_shr((round_trip >> 9) as u32).unwrap_or(0);
        let segments = ((paced + near).min(PIECE) / info.segment.max(1)).max(self.least_segments);
        segments.min(window / info.segment.max(1) / 2).max(1)
    }

    /// A selective acknowledgment ends at `at`, or what leaves does.
    pub(crate) fn split(&mut self, at: u64) {
        if let Some(index) = self.queue.iter().position(|buffer| buffer.start < at && at < buffer.end) {
            let whole = self.queue[index];
            self.queue[index] = Buffer { end: at, push: false, ..whole };
            self.queue.insert(index + 1, Buffer { start: at, ..whole });
        }
    }

    /// Looks at what was acknowledged.
    pub(crate) fn hear(&mut self, low_water: usize, info: &Info) {
        let acknowledged = self.written.saturating_sub((info.in_flight + info.unsent) as u64);
        if acknowledged <= self.acknowledged {
            return;
        }
        self.acknowledged = acknowledged;
        while self.queue.front().is_some_and(|first| first.end <= acknowledged) {
            self.queue.pop_front();
        }
        if let Some(first) = self.queue.front_mut() {
            first.start = first.start.max(acknowledged);
        }
        if let (Limit::Follows(most), true) = (self.chosen, self.wants_room && info.in_flight < info.congestion_window)
        {
            let (room, description) = SEGMENT;
            let segments = (info.congestion_window / info.segment.max(1)).max(INITIAL);
            let each = (info.segment + room).next_power_of_two() + description;
            self.limit = self.limit.max((2 * segments * each).min(most));
        }
        self.wants_room &= !self.is_writable(low_water);
    }

    /// Whether a writer that waits is to go on: a third of the limit is free, and less than half of what may stay unsent is.
    pub(crate) fn is_writable(&self, low_water: usize) -> bool {
        let (memory, unsent) = (self.memory(), (self.written - self.sent) as usize);
        self.limit >= memory + memory / 2 && unsent.saturating_mul(2) < low_water
    }

    /// Whether a writer waits for room, and there was not enough yet.
    pub(crate) fn wants_room(&self) -> bool {
        self.wants_room
    }
}
