//! What a stream has yet to send, or to have acknowledged.
//!
//! ```text
//!  start                       start + offset                        end
//!  ├─ chunk ──────┼─ chunk ───────────┼──── chunk ─────┼─ chunk, room ─┤
//!      sent, kept until acknowledged  ▲  not yet sent          ▲ written here
//!                               slices for a segment
//! ```
//!
//! Bytes are written where they will be sent from, or handed over, and stay there until they are acknowledged: nothing is
//! joined, and nothing is copied to be sent again.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;

use arrayvec::ArrayVec;

use super::pool::{Block, Pool, PoolFull, Purpose};

/// Bytes in one place.
enum Content {
    Block(Block),
    Shared(&'static [u8]),
}

impl Content {
    fn bytes(&self) -> &[u8] {
        match self {
            Content::Block(block) => block.frame().bytes(),
            Content::Shared(bytes) => bytes,
        }
    }
}

struct Chunk {
    /// Where in the stream its first byte stands.
    position: u64,
    content: Content,
    /// Where it is full: a segment is one slice when chunks hold whole segments.
    full: u32,
}

/// How bytes leave: in pieces of whole segments, of which chunks are therefore made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Bytes of a segment, at least one.
    pub segment: usize,
    /// Bytes that may leave in one piece.
    pub most: usize,
}

impl Pieces {
    /// Bytes of a full piece.
    #[inline]
    pub fn full(self) -> usize {
        (self.most / self.segment * self.segment).max(self.segment)
    }
}

/// A queue of bytes that are sent from where they lie.
#[derive(Default)]
pub struct SendQueue {
    chunks: VecDeque<Chunk>,
    /// Positions in the stream of the first byte that is not acknowledged, and behind the last one.
    start: u64,
    end: u64,
    /// The chunk that was read last: the next segment begins in it, or behind it.
    cursor: Cell<u32>,
}

impl SendQueue {
    /// Bytes in it.
    #[inline]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// Lets `write` put at most `room` bytes where they will be sent from, and returns how many it says that it wrote.
    /// What it is given may be shorter than `room`.
    ///
    /// # Errors
    /// [`PoolFull`] when a new chunk is needed and there is none; `write` is not called then.
    pub fn write_with(
        &mut self,
        pool: &mut Pool,
        room: usize,
        pieces: Pieces,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<usize, PoolFull> {
        if room == 0 {
            return Ok(0);
        }
        if self.room_in_last() == 0 {
            let full = pieces.full();
            let block = pool.write(room.min(full), Purpose::Sending)?;
            self.push(Content::Block(block), full);
        }
        let room = room.min(self.room_in_last());
        let Some(Chunk { content: Content::Block(block), .. }) = self.chunks.back_mut() else { return Ok(0) };
        let frame = block.frame_mut();
        let place = frame.tailroom(room);
        let room = place.len();
        let written = write(place).min(room);
        frame.extend(written);
        self.end += written as u64;
        Ok(written)
    }

    /// Takes a block over; it goes back to the pool when all of it is acknowledged.
    pub fn give(&mut self, block: Block) {
        let length = block.frame().len();
        self.push(Content::Block(block), length);
        self.end += length as u64;
    }

    /// Sends bytes that are there for ever.
    pub fn share(&mut self, bytes: &'static [u8]) {
        self.push(Content::Shared(bytes), bytes.len());
        self.end += bytes.len() as u64;
    }

    /// Forgets the first `count` bytes: they were acknowledged.
    #[inline]
    pub fn acknowledge(&mut self, count: usize, pool: &mut Pool) {
        self.start = self.end.min(self.start + count as u64);
        while let Some(chunk) = self.chunks.front() {
            if chunk.position + chunk.content.bytes().len() as u64 > self.start {
                break;
            }
            if let Some(Chunk { content: Content::Block(block), .. }) = self.chunks.pop_front() {
                pool.release(block);
            }
            self.cursor.set(self.cursor.get().saturating_sub(1));
        }
        if self.chunks.is_empty() {
            // An idle connection pins nothing, not even an empty list.
            self.chunks = VecDeque::new();
        }
    }

    /// The bytes from `offset` on, at most `length` of them and as many as fit into `slices`; returns how many that
    /// are.
    #[inline]
    pub fn slices<'a, const N: usize>(
        &'a self,
        offset: usize,
        length: usize,
        slices: &mut ArrayVec<IoSlice<'a>, N>,
    ) -> usize {
        let from = self.start + offset as u64;
        let first = self.chunk_at(from);
        let mut skip = self.chunks.get(first).map_or(0, |chunk| (from - chunk.position) as usize);
        let mut left = length;
        for chunk in self.chunks.range(first..) {
            if left == 0 || slices.is_full() {
                break;
            }
            let bytes = chunk.content.bytes().get(skip..).unwrap_or_default();
            let bytes = &bytes[..bytes.len().min(left)];
            if !bytes.is_empty() {
                slices.push(IoSlice::new(bytes));
                left -= bytes.len();
            }
            skip = 0;
        }
        length - left
    }

    /// Gives everything back to the pool.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.acknowledge(self.len(), pool);
        debug_assert!(self.chunks.is_empty(), "all of it was acknowledged");
    }

    /// The chunk in which a position lies.
    fn chunk_at(&self, position: u64) -> usize {
        let is_behind = |at: usize| self.chunks.get(at).is_some_and(|chunk| chunk.position > position);
        let mut at = self.cursor.get() as usize;
        while at > 0 && (at >= self.chunks.len() || is_behind(at)) {
            at -= 1;
        }
        while at + 1 < self.chunks.len() && !is_behind(at + 1) {
            at += 1;
        }
        self.cursor.set(at as u32);
        at
    }

    fn push(&mut self, content: Content, full: usize) {
        self.chunks.push_back(Chunk { position: self.end, content, full: full as u32 });
    }

    fn room_in_last(&mut self) -> usize {
        match self.chunks.back_mut() {
            Some(Chunk { content: Content::Block(block), full, .. }) => {
                let room = (*full as usize).saturating_sub(block.frame().len());
                block.frame_mut().tailroom(room).len()
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Operation {
        Write(usize),
        Give(usize),
        Share(usize),
        Acknowledge(usize),
        Read(usize, usize),
    }

    static SHARED: [u8; 5000] = [0x5a; 5000];

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            (0usize..70_000).prop_map(Operation::Write),
            (1usize..3000).prop_map(Operation::Give),
            (1usize..5000).prop_map(Operation::Share),
            (0usize..50_000).prop_map(Operation::Acknowledge),
            (0usize..60_000, 0usize..70_000).prop_map(|(offset, length)| Operation::Read(offset, length)),
        ]
    }

    proptest! {
        /// Against one long vector; and the pool is full again.
        #[test]
        fn like_a_vector(operations in prop::collection::vec(operation(), 1..60), segment in 100usize..65_000) {
            let pieces = Pieces { segment, most: 65_000 };
            let mut pool = Pool::new(64 << 20);
            let mut queue = SendQueue::default();
            let mut model: Vec<u8> = Vec::new();
            let mut next = 0u8;
            for operation in operations {
                match operation {
                    Operation::Write(room) => {
                        let written = queue.write_with(&mut pool, room, pieces, |place| {
                            for byte in place.iter_mut() {
                                next = next.wrapping_mul(31).wrapping_add(7);
                                *byte = next;
                                model.push(next);
                            }
                            place.len()
                        });
                        prop_assert!(written.unwrap() <= room);
                    }
                    Operation::Give(length) => {
                        let mut block = pool.write(length, Purpose::Taken).unwrap();
                        block.frame_mut().fill(&vec![next; length], Default::default());
                        model.extend(vec![next; length]);
                        queue.give(block);
                    }
                    Operation::Share(length) => {
                        queue.share(&SHARED[..length]);
                        model.extend(&SHARED[..length]);
                    }
                    Operation::Acknowledge(count) => {
                        queue.acknowledge(count, &mut pool);
                        model.drain(..count.min(model.len()));
                    }
                    Operation::Read(offset, length) => {
                        let offset = offset.min(model.len());
                        let length = length.min(model.len() - offset);
                        let mut slices = ArrayVec::<_, 64>::new();
                        let gathered = queue.slices(offset, length, &mut slices);
                        prop_assert!(gathered == length || slices.is_full());
                        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
                        prop_assert_eq!(&bytes[..], &model[offset..offset + gathered]);
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
            }
            queue.clear(&mut pool);
            prop_assert_eq!(pool.charged(), 0);
        }
    }
}
