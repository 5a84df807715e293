//! The memory that outlives a turn.
//!
//! Every buffer comes in one of three classes and is charged by its class, not by what lies in it: 10,000
//! kept frames of 50 bytes cost 20 MB here, not 640. Every purpose has a quota, so that no use of memory can
//! starve another. Free buffers are reused last-in first-out, which keeps them in cache.

use super::frame::{CAPACITY, Frame, HEADROOM};
use crate::base::limits;
use crate::buffer::Offload;

const CLASSES: [usize; 3] = [2 << 10, 16 << 10, CAPACITY];

/// What memory is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Frames that wait for a neighbour.
    Parked,
    /// What an application took, or another thread holds.
    Taken,
    /// What streams have yet to send, or to have acknowledged.
    Sending,
    /// What came for streams, and is out of order or not read yet.
    Receiving,
}

const PURPOSES: usize = 4;

/// The quota of this purpose is used up; the frame stays where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the buffer pool has no more memory for this purpose")]
pub struct PoolFull;

/// A frame that is charged to the pool until it comes back through [`Pool::release`].
///
/// It may travel to other threads. Dropping it instead leaks its charge, so nothing in the stack does.
#[must_use = "a block stays charged until it is released"]
pub struct Block {
    frame: Frame,
    purpose: Purpose,
}

impl Block {
    /// The frame that is kept.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The frame that is kept, to be changed.
    pub fn frame_mut(&mut self) -> &mut Frame {
        &mut self.frame
    }
}

/// The buffers of one shard.
pub struct Pool {
    free: [Vec<Frame>; CLASSES.len()],
    charged: [usize; PURPOSES],
    quota: [usize; PURPOSES],
}

impl Pool {
    /// A pool that lets at most `capacity` bytes be pinned. Memory is taken from the system when it is first
    /// needed.
    pub fn new(capacity: usize) -> Pool {
        let mut quota = [0; PURPOSES];
        quota[Purpose::Parked as usize] = capacity / 8 * limits::POOL_PARKED;
        quota[Purpose::Taken as usize] = capacity / 8 * limits::POOL_TAKEN;
        quota[Purpose::Sending as usize] = capacity / 8 * limits::POOL_SENDING;
        quota[Purpose::Receiving as usize] = capacity / 8 * limits::POOL_RECEIVING;
        Pool { free: Default::default(), charged: [0; PURPOSES], quota }
    }

    /// Bytes pinned now; zero when every block has come back.
    pub fn charged(&self) -> usize {
        self.charged.iter().sum()
    }

    /// Lets a frame outlive its turn, and leaves an empty one of the same capacity or more in its place.
    ///
    /// A frame that fills its buffer well changes hands; a smaller one is copied into the smallest class
    /// that fits. Returns how many bytes were copied, for the copy ledger.
    pub fn keep(&mut self, frame: &mut Frame, purpose: Purpose) -> Result<(Block, usize), PoolFull> {
        let class = class_of(HEADROOM + frame.len()).ok_or(PoolFull)?;
        if Pool::is_well_filled(frame) {
            let fresh = self.charge(class, purpose)?;
            let frame = std::mem::replace(frame, fresh);
            return Ok((Block { frame, purpose }, 0));
        }
        let copied = frame.len();
        let block = self.copy(frame.bytes(), frame, purpose)?;
        Ok((block, copied))
    }

    /// Whether a frame fills its buffer so well that [`Pool::keep`] lets it change hands.
    pub fn is_well_filled(frame: &Frame) -> bool {
        frame.capacity() == CAPACITY && HEADROOM + frame.len() > CLASSES[CLASSES.len() - 2]
    }

    /// Keeps a copy of `content`; `like` lends its offload.
    fn copy(&mut self, content: &[u8], like: &Frame, purpose: Purpose) -> Result<Block, PoolFull> {
        let mut block = self.write(content.len(), purpose)?;
        block.frame.fill(content, like.offload);
        Ok(block)
    }

    /// An empty block for at least `length` bytes.
    pub fn write(&mut self, length: usize, purpose: Purpose) -> Result<Block, PoolFull> {
        let class = class_of(HEADROOM + length).ok_or(PoolFull)?;
        let frame = self.charge(class, purpose)?;
        Ok(Block { frame, purpose })
    }

    /// Takes a block back.
    pub fn release(&mut self, block: Block) {
        let Block { frame, purpose } = block;
        if let Some(class) = CLASSES.iter().position(|size| *size == frame.capacity()) {
            self.charged[purpose as usize] -= CLASSES[class];
            self.free[class].push(frame);
        }
    }

    fn charge(&mut self, class: usize, purpose: Purpose) -> Result<Frame, PoolFull> {
        let charged = self.charged[purpose as usize] + CLASSES[class];
        if charged > self.quota[purpose as usize] {
            return Err(PoolFull);
        }
        self.charged[purpose as usize] = charged;
        // Allocates only while the pool grows to what the traffic needs.
        let mut frame = self.free[class].pop().unwrap_or_else(|| Frame::new(CLASSES[class]));
        frame.received(0, Offload::default());
        Ok(frame)
    }
}

fn class_of(size: usize) -> Option<usize> {
    CLASSES.iter().position(|class| size <= *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(length: usize) -> Frame {
        let mut frame = Frame::new(CAPACITY);
        frame.fill(&vec![7; length], Offload::default());
        frame
    }

    #[test]
    fn small_frames_are_copied_and_large_ones_change_hands() {
        let mut pool = Pool::new(1 << 20);
        let mut frame = received(60);
        let (small, copied) = pool.keep(&mut frame, Purpose::Taken).unwrap();
        assert_eq!((copied, small.frame().len(), frame.len()), (60, 60, 60));
        assert_eq!(pool.charged(), 2048);

        let mut frame = received(60_000);
        let where_it_lies = frame.bytes().as_ptr();
        let (large, copied) = pool.keep(&mut frame, Purpose::Taken).unwrap();
        assert_eq!((copied, large.frame().bytes().as_ptr()), (0, where_it_lies));
        assert_eq!(frame.capacity(), CAPACITY, "the loop goes on with another buffer");

        pool.release(small);
        pool.release(large);
        assert_eq!(pool.charged(), 0);
    }

    #[test]
    fn quotas_count_capacity_and_do_not_touch_each_other() {
        let mut pool = Pool::new(64 << 10);
        let mut blocks = Vec::new();
        while let Ok((block, _)) = pool.keep(&mut received(50), Purpose::Parked) {
            blocks.push(block);
        }
        assert_eq!(blocks.len(), (64 << 10) / 8 / 2048, "an eighth, by capacity");
        let (taken, _) = pool.keep(&mut received(50), Purpose::Taken).unwrap();
        blocks.push(taken);
        blocks.into_iter().for_each(|block| pool.release(block));
        assert_eq!(pool.charged(), 0);
    }
}
