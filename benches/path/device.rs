//! A device in memory that gives the same frame again and again, or the next segment of a stream.

use std::hint::black_box;

use taphouse::buffer::{Frame, HEADROOM, Offload};

use crate::stream;

/// Frames of a turn.
pub(crate) const BATCH: usize = 64;
/// Of a buffer. Not a power of two, or all buffers would want the same lines of the cache.
const SIZE: usize = HEADROOM + 1600;

/// A ring of buffers into which one frame is copied, 64 times before each turn, on nobody's time. Who receives a buffer has
/// it until the next one, and an answer is looked at where it lies: the stacks are measured, not copying.
pub(crate) struct Treadmill {
    frame: Vec<u8>,
    /// By how much more each frame's sequence number is ahead.
    step: u32,
    ring: Vec<Frame>,
    next: usize,
    /// The last answer, kept only while it is checked.
    pub(crate) answer: Option<Vec<u8>>,
}

impl Treadmill {
    pub(crate) fn new(frame: &[u8]) -> Treadmill {
        let ring = (0..BATCH).map(|_| Frame::new(SIZE)).collect();
        Treadmill { frame: frame.to_vec(), step: 0, ring, next: BATCH, answer: None }
    }

    /// From now on it gives this frame; where `step` is not 0, a TCP segment that many bytes further in its stream each time.
    pub(crate) fn lay(&mut self, frame: Vec<u8>, step: u32) {
        (self.frame, self.step) = (frame, step);
    }

    /// Winds it up for another turn.
    pub(crate) fn wind(&mut self) {
        self.wind_for(BATCH);
    }

    /// Winds it up for so many frames.
    pub(crate) fn wind_for(&mut self, frames: usize) {
        self.next = BATCH - frames;
        for frame in &mut self.ring[self.next..] {
            frame.fill(&self.frame, Offload::default());
            if self.step > 0 {
                stream::advance(&mut self.frame, self.step);
            }
        }
    }

    /// Whether all were taken.
    pub(crate) fn has_run_down(&self) -> bool {
        self.next == BATCH
    }

    /// Exchanges the frame that was received last for the next one; false at the end of the turn.
    // Not inlined, so that a frame is written in the pieces in which it is read: else the processor waits at each exchange
    // until it can put them together, and the time of both would be half the device's.
    #[inline(never)]
    pub(crate) fn exchange(&mut self, last: &mut Frame) -> bool {
        let Some(next) = self.ring.get_mut(self.next) else { return false };
        self.next += 1;
        std::mem::swap(next, last);
        true
    }

    /// Takes an answer.
    #[inline(always)]
    pub(crate) fn take(&mut self, frame: &[u8]) {
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
