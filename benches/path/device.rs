//! A device in memory that gives the same frame again and again.

use taphouse::buffer::{Frame, HEADROOM, Offload};

/// Frames of a turn.
pub(crate) const BATCH: usize = 64;
/// Of a buffer. Not a power of two, or all buffers would want the same lines of the cache.
const SIZE: usize = HEADROOM + 1600;

/// A ring of buffers into which one frame is copied, 64 times before each turn, and a place to which every answer is
/// copied, as a write would. Who receives a buffer has it until the next one: nothing is copied on the way in.
pub(crate) struct Treadmill {
    frame: Vec<u8>,
    ring: Vec<Frame>,
    next: usize,
    answer: Box<[u8; 2048]>,
    answered: usize,
    answers: usize,
}

impl Treadmill {
    pub(crate) fn new(frame: &[u8]) -> Treadmill {
        let ring = (0..BATCH).map(|_| Frame::new(SIZE)).collect();
        let answer = Box::new([0; 2048]);
        Treadmill { frame: frame.to_vec(), ring, next: BATCH, answer, answered: 0, answers: 0 }
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

    /// Copies an answer to where a write would put it.
    #[inline]
    pub(crate) fn write(&mut self, frame: &[u8]) {
        self.answer[..frame.len()].copy_from_slice(frame);
        self.answered = frame.len();
        self.answers += 1;
    }

    /// The last answer.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.answer[..self.answered]
    }
}
