//! A device in memory that gives the same frame again and again.

use std::hint::black_box;

use taphouse::buffer::{Frame, HEADROOM, Offload};

/// Frames of a turn.
pub(crate) const BATCH: usize = 64;
/// Of a buffer. Not a power of two, or all buffers would want the same lines of the cache.
const SIZE: usize = HEADROOM + 1600;

/// A ring of buffers into which one frame is copied, 64 times before each turn. Who receives a buffer has it until the
/// next one, and an answer is looked at where it lies: the stacks are measured, not copying.
pub(crate) struct Treadmill {
    frame: Vec<u8>,
    ring: Vec<Frame>,
    next: usize,
    answers: usize,
    /// The last answer, kept only while it is checked.
    pub(crate) answer: Option<Vec<u8>>,
}

impl Treadmill {
    pub(crate) fn new(frame: &[u8]) -> Treadmill {
        let ring = (0..BATCH).map(|_| Frame::new(SIZE)).collect();
        Treadmill { frame: frame.to_vec(), ring, next: BATCH, answers: 0, answer: None }
    }

    /// Winds it up for another turn; returns how many answers the last one brought.
    #[inline]
    pub(crate) fn wind(&mut self) -> usize {
        for frame in &mut self.ring {
            frame.fill(&self.frame, Offload::default());
        }
        self.next = 0;
        std::mem::take(&mut self.answers)
    }

    /// The next buffer; none at the end of the turn.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<&mut Frame> {
        let frame = self.ring.get_mut(self.next)?;
        self.next += 1;
        Some(frame)
    }

    /// Takes an answer.
    #[inline(always)]
    pub(crate) fn take(&mut self, frame: &[u8]) {
        self.answers += 1;
        black_box(frame);
        if self.answer.is_some() {
            self.keep(frame);
        }
    }

    #[cold]
    #[inline(never)]
    fn keep(&mut self, frame: &[u8]) {
        self.answer = Some(frame.to_vec());
    }
}
