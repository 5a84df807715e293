//! The memory that outlives a turn.
//!
//! Every buffer comes in one of three classes and is charged by its class, not by what lies in it: 10,000
//! kept frames of 50 bytes cost 20 MB here, not 640. Every purpose has a quota, so that no use of memory can
//! starve another. Free buffers are reused last-in first-out, which keeps them in cache.
//!
//! Tables that grow with what peers do are told to the pool and take from all quotas, so that both together stay within
//! what they were given.

use super::frame::{BARE, CAPACITY, Frame, HEADROOM};
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
    /// Fragments of datagrams that are not whole yet.
    Fragments,
}

const PURPOSES: usize = 5;
/// In sixteenths.
const QUOTAS: [usize; PURPOSES] =
    [limits::POOL_PARKED, limits::POOL_TAKEN, limits::POOL_SENDING, limits::POOL_RECEIVING, limits::POOL_FRAGMENTS];

/// How much memory is left for streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// Enough.
    #[default]
    None,
    /// Nobody is to buffer more than it must.
    Scarce,
    /// Nobody new is to come.
    Short,
}

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
    /// What was taken from the system: charged or free.
    held: usize,
    capacity: usize,
    /// Memory of tables beside the pool.
    tables: usize,
    pressure: Pressure,
}

impl Pool {
    /// A pool that lets at most `capacity` bytes be pinned. Memory is taken from the system when it is first
    /// needed.
    pub fn new(capacity: usize) -> Pool {
        let pressure = Pressure::default();
        Pool { free: Default::default(), charged: [0; PURPOSES], held: 0, capacity, tables: 0, pressure }
    }

    /// Bytes pinned now; zero when every block has come back.
    pub fn charged(&self) -> usize {
        self.charged.iter().sum()
    }

    /// How much is left for streams.
    #[inline]
    pub fn pressure(&self) -> Pressure {
        self.pressure
    }

    /// Bytes that tables beside the pool may take.
    pub fn most_for_tables(&self) -> usize {
        self.capacity / 8 * limits::TABLES
    }

    /// Tables beside the pool take so many bytes now. What is free makes way for them.
    pub fn note_tables(&mut self, bytes: usize) {
        self.tables = bytes;
        self.make_way(0);
        self.weigh();
    }

    /// Bytes that may be pinned for one purpose.
    pub fn most(&self, purpose: Purpose) -> usize {
        self.quota(purpose as usize)
    }

    fn quota(&self, purpose: usize) -> usize {
        self.capacity.saturating_sub(self.tables) / 16 * QUOTAS[purpose]
    }

    /// Gives free buffers back to the system, the largest first, so that `bytes` more can be taken from it.
    fn make_way(&mut self, bytes: usize) {
        let most = self.capacity.saturating_sub(self.tables);
        for class in (0..CLASSES.len()).rev() {
            while self.held + bytes > most && self.free[class].pop().is_some() {
                self.held -= CLASSES[class];
            }
        }
    }

    /// Weighs again after more or less was charged to a purpose: what is no stream's weighs nothing.
    fn weigh_if(&mut self, purpose: Purpose) {
        if matches!(purpose, Purpose::Sending | Purpose::Receiving) {
            self.weigh();
        }
    }

    fn weigh(&mut self) {
        let fullest = |sixteenths: usize| {
            let is_over = |purpose: Purpose| {
                let purpose = purpose as usize;
                self.charged[purpose] >= (self.quota(purpose) / 16 * sixteenths).max(1)
            };
            is_over(Purpose::Sending) || is_over(Purpose::Receiving)
        };
        self.pressure = match (fullest(limits::SCARCE), fullest(limits::SHORT)) {
            (_, true) => Pressure::Short,
            (true, _) => Pressure::Scarce,
            _ => Pressure::None,
        };
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
        let class = class_of(BARE + length).ok_or(PoolFull)?;
        let mut frame = self.charge(class, purpose)?;
        frame.clear();
        Ok(Block { frame, purpose })
    }

    /// Charges a block to another purpose, whose quota that may exceed by this block: it is held already, and to refuse it
    /// would free nothing.
    pub fn recharge(&mut self, block: &mut Block, purpose: Purpose) {
        if let Some(class) = CLASSES.iter().position(|size| *size == block.frame.capacity()) {
            self.charged[block.purpose as usize] -= CLASSES[class];
            self.charged[purpose as usize] += CLASSES[class];
            block.purpose = purpose;
            self.weigh();
        }
    }

    /// Takes a block back.
    pub fn release(&mut self, block: Block) {
        let Block { frame, purpose } = block;
        if let Some(class) = CLASSES.iter().position(|size| *size == frame.capacity()) {
            self.charged[purpose as usize] -= CLASSES[class];
            self.free[class].push(frame);
            self.weigh_if(purpose);
        }
    }

    fn charge(&mut self, class: usize, purpose: Purpose) -> Result<Frame, PoolFull> {
        let charged = self.charged[purpose as usize] + CLASSES[class];
        if charged > self.quota(purpose as usize) {
            return Err(PoolFull);
        }
        self.charged[purpose as usize] = charged;
        self.weigh_if(purpose);
        // Allocates only while the pool grows to what the traffic needs.
        let mut frame = self.free[class].pop().unwrap_or_else(|| {
            self.make_way(CLASSES[class]);
            self.held += CLASSES[class];
            Frame::new(CLASSES[class])
        });
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
        assert_eq!(blocks.len(), (64 << 10) / 16 / 2048, "a sixteenth, by capacity");
        let (taken, _) = pool.keep(&mut received(50), Purpose::Taken).unwrap();
        blocks.push(taken);
        blocks.into_iter().for_each(|block| pool.release(block));
        assert_eq!(pool.charged(), 0);
    }

    /// What was free in one size makes way for another, and for tables: all together stay within the memory given.
    #[test]
    fn free_buffers_count_until_they_make_way() {
        let mut pool = Pool::new(1 << 20);
        for length in [50, 10_000, 50_000, 50] {
            let mut blocks = Vec::new();
            while let Ok(block) = pool.write(length, Purpose::Sending) {
                blocks.push(block);
                assert!(pool.held <= 1 << 20);
            }
            assert!(blocks.len() * CLASSES[class_of(length).unwrap()] > (1 << 20) / 4, "of {length} bytes");
            blocks.into_iter().for_each(|block| pool.release(block));
        }
        pool.note_tables(pool.most_for_tables());
        assert!(pool.held + pool.tables <= 1 << 20);
        let halved = std::iter::from_fn(|| pool.write(50, Purpose::Sending).ok()).collect::<Vec<_>>();
        assert_eq!(halved.len(), (1 << 20) / 2 / 16 * limits::POOL_SENDING / 2048);
        halved.into_iter().for_each(|block| pool.release(block));
    }

    #[test]
    fn a_block_that_changes_hands_is_charged_to_who_has_it() {
        let mut pool = Pool::new(1 << 20);
        let mut block = pool.write(50_000, Purpose::Taken).unwrap();
        pool.recharge(&mut block, Purpose::Sending);
        let charged = |pool: &Pool, purpose: Purpose| pool.charged[purpose as usize];
        assert_eq!((charged(&pool, Purpose::Taken), charged(&pool, Purpose::Sending)), (0, CAPACITY));
        pool.release(block);
        assert_eq!(pool.charged(), 0);
    }

    #[test]
    fn pressure_comes_and_goes() {
        let mut pool = Pool::new(1 << 20);
        let quota = (1 << 20) / 16 * limits::POOL_SENDING;
        let mut blocks = Vec::new();
        while let Ok(block) = pool.write(50, Purpose::Sending) {
            blocks.push(block);
            let sixteenths = 16 * pool.charged() / quota;
            let expected = match sixteenths {
                limits::SHORT.. => Pressure::Short,
                limits::SCARCE.. => Pressure::Scarce,
                _ => Pressure::None,
            };
            assert_eq!(pool.pressure(), expected, "{sixteenths} sixteenths");
        }
        blocks.into_iter().for_each(|block| pool.release(block));
        assert_eq!(pool.pressure(), Pressure::None);
    }
}
