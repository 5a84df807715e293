//! A wire in memory between two stacks on one core: a ring of buffers in each direction, copied into once.

use std::cell::RefCell;
use std::rc::Rc;

use taphouse::buffer::{Frame, HEADROOM, Offload};

/// Frames on the wire in one direction: two turns of ours, and few enough to stay in a cache of the second level.
const SLOTS: usize = 64;
/// Of a buffer. Not a power of two, or all buffers would want the same lines of the cache.
const SIZE: usize = HEADROOM + 1600;

/// One direction.
pub(crate) struct Direction {
    slots: Vec<Frame>,
    first: usize,
    count: usize,
}

/// One end.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) inbound: Rc<RefCell<Direction>>,
    pub(crate) outbound: Rc<RefCell<Direction>>,
}

pub(crate) fn pair() -> (End, End) {
    let direction = || {
        let slots = (0..SLOTS).map(|_| Frame::new(SIZE)).collect();
        Rc::new(RefCell::new(Direction { slots, first: 0, count: 0 }))
    };
    let (there, back) = (direction(), direction());
    let one = End { inbound: back.clone(), outbound: there.clone() };
    (one, End { inbound: there, outbound: back })
}

impl Direction {
    pub(crate) fn is_full(&self) -> bool {
        self.count == SLOTS
    }

    /// The next free slot, empty.
    #[inline]
    pub(crate) fn push(&mut self) -> Option<&mut Frame> {
        if self.is_full() {
            return None;
        }
        let slot = &mut self.slots[(self.first + self.count) % SLOTS];
        self.count += 1;
        slot.received(0, Offload::default());
        Some(slot)
    }

    /// Exchanges the frame that was received last for the oldest one; false when there is none.
    // Not inlined, so that a frame is written in the pieces in which it is read: else the processor waits at each exchange
    // until it can put them together, on the time of both.
    #[inline(never)]
    pub(crate) fn exchange(&mut self, last: &mut Frame) -> bool {
        if self.count == 0 {
            return false;
        }
        std::mem::swap(&mut self.slots[self.first], last);
        self.first = (self.first + 1) % SLOTS;
        self.count -= 1;
        true
    }
}
