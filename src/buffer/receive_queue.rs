//! What a stream received and nobody took yet: in order and unread, or out of order.
//!
//! ```text
//!   unread, in order    next        held, out of order
//!  ├─ block ─┼─ block ─┤····gap····├─ block ─┼─ block ─┤···gap···├─ block ─┤
//! ```
//!
//! Small pieces are put together: what continues the last block is copied behind it while there is room. So memory is
//! pinned by bytes, not by the number of segments that brought them.

use std::collections::VecDeque;
use std::ops::Range;

use super::frame::{CAPACITY, Frame};
use super::pool::{Block, Pool, PoolFull, Purpose};
use crate::base::limits;

/// A block out of order, with the position in the stream of its first byte.
struct Held {
    position: u64,
    block: Block,
}

impl Held {
    fn end(&self) -> u64 {
        self.position + self.block.frame().len() as u64
    }
}

/// Bytes of a stream that wait to be read.
#[derive(Default)]
pub struct ReceiveQueue {
    unread: VecDeque<Block>,
    /// In order of their positions; they may overlap.
    held: Vec<Held>,
    /// Memory that the unread blocks pin.
    unread_capacity: usize,
    held_capacity: usize,
}

impl ReceiveQueue {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.held.is_empty()
    }

    /// Memory that unread blocks pin: what the window has to be smaller by.
    pub fn unread_capacity(&self) -> usize {
        self.unread_capacity
    }

    /// Bytes in order that were not read.
    pub fn unread(&self) -> usize {
        self.unread.iter().map(|block| block.frame().len()).sum()
    }

    /// Whether something is out of order.
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether something in order was not read.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Keeps bytes of a frame that are next in order; returns how many of them were copied.
    ///
    /// # Errors
    /// [`PoolFull`] when there is no memory for them: they are not in the queue then.
    pub fn push(&mut self, frame: &mut Frame, range: Range<usize>, pool: &mut Pool) -> Result<usize, PoolFull> {
        if let Some(last) = self.unread.back_mut()
            && append(last, &frame.bytes()[range.clone()])
        {
            return Ok(range.len());
        }
        let (block, copied) = keep(frame, range, !self.unread.is_empty(), pool)?;
        self.unread_capacity += block.frame().capacity();
        self.unread.push_back(block);
        Ok(copied)
    }

    /// Takes the first unread bytes out, to be shown; short ones are joined with what follows, up to [`limits::LINE`]
    /// bytes, so that who reads lines sees a whole one. Returns how many bytes that copied, too.
    /// [`ReceiveQueue::put_back`] must follow.
    pub fn take_front(&mut self, pool: &mut Pool) -> Option<(Block, usize)> {
        let mut first = self.unread.pop_front()?;
        let mut copied = 0;
        while let Some(second) = self.unread.front()
            && first.frame().len() + second.frame().len() <= limits::LINE
        {
            let (held, more) = (first.frame().len(), second.frame().len());
            if !append(&mut first, second.frame().bytes()) {
                let Ok(mut joined) = pool.write(held + more, Purpose::Receiving) else { break };
                let parts = [first.frame().bytes(), second.frame().bytes()];
                joined.frame_mut().gather(parts.into_iter(), Default::default());
                self.unread_capacity += joined.frame().capacity();
                self.unread_capacity -= first.frame().capacity();
                pool.release(std::mem::replace(&mut first, joined));
                copied += held;
            }
            copied += more;
            if let Some(second) = self.unread.pop_front() {
                self.unread_capacity -= second.frame().capacity();
                pool.release(second);
            }
        }
        Some((first, copied))
    }

    /// Puts back what was shown, but for its first `used` bytes; what is empty goes back to the pool.
    pub fn put_back(&mut self, mut block: Block, used: usize, pool: &mut Pool) {
        block.frame_mut().strip(used);
        if block.frame().is_empty() {
            self.unread_capacity -= block.frame().capacity();
            pool.release(block);
        } else {
            self.unread.push_front(block);
        }
    }

    /// Keeps bytes that stand at `position`, out of order; returns how many of them were copied.
    ///
    /// # Errors
    /// [`PoolFull`] when more would be held than `most` bytes of memory or [`limits::PIECES`] pieces, or the pool has
    /// none: they are not in the queue then.
    pub fn hold(
        &mut self,
        position: u64,
        frame: &mut Frame,
        range: Range<usize>,
        most: usize,
        pool: &mut Pool,
    ) -> Result<usize, PoolFull> {
        let end = position + range.len() as u64;
        let at = self.held.partition_point(|held| held.position <= position);
        let mut continues = false;
        if let Some(before) = at.checked_sub(1).and_then(|before| self.held.get_mut(before)) {
            if before.end() >= end {
                return Ok(0);
            }
            continues = before.end() >= position;
            let known = before.end().saturating_sub(position) as usize;
            if continues && append(&mut before.block, &frame.bytes()[range.start + known..range.end]) {
                self.swallow(at - 1, pool);
                return Ok(range.len() - known);
            }
        }
        if self.held.len() >= limits::PIECES || self.held_capacity >= most {
            return Err(PoolFull);
        }
        let (block, copied) = keep(frame, range, continues, pool)?;
        self.held_capacity += block.frame().capacity();
        self.held.insert(at, Held { position, block });
        self.swallow(at, pool);
        Ok(copied)
    }

    /// Moves what is next in order at `next` to the unread; returns how many bytes that are.
    pub fn release(&mut self, next: u64, pool: &mut Pool) -> usize {
        let (mut end, mut in_order) = (next, 0);
        for held in &mut self.held {
            if held.position > end {
                break;
            }
            in_order += 1;
            let known = end.saturating_sub(held.position) as usize;
            end = end.max(held.end());
            held.block.frame_mut().strip(known);
        }
        for Held { block, .. } in self.held.drain(..in_order) {
            self.held_capacity -= block.frame().capacity();
            if block.frame().is_empty() {
                pool.release(block);
            } else {
                self.unread_capacity += block.frame().capacity();
                self.unread.push_back(block);
            }
        }
        (end - next) as usize
    }

    /// The ranges out of order, each as long as it goes, by position.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        let mut held = self.held.iter().peekable();
        std::iter::from_fn(move || {
            let first = held.next()?;
            let mut end = first.end();
            while let Some(next) = held.next_if(|next| next.position <= end) {
                end = end.max(next.end());
            }
            Some(first.position..end)
        })
    }

    /// Where what is out of order ends; zero when nothing is.
    pub fn held_end(&self) -> u64 {
        self.held.iter().map(Held::end).max().unwrap_or(0)
    }

    /// Gives everything back to the pool.
    pub fn clear(&mut self, pool: &mut Pool) {
        for block in self.unread.drain(..).chain(self.held.drain(..).map(|held| held.block)) {
            pool.release(block);
        }
        (self.unread_capacity, self.held_capacity) = (0, 0);
    }

    /// Gives back the pieces that the one at `at` covers.
    fn swallow(&mut self, at: usize, pool: &mut Pool) {
        let Some(end) = self.held.get(at).map(Held::end) else { return };
        let covered = self.held[at + 1..].iter().take_while(|held| held.end() <= end).count();
        for Held { block, .. } in self.held.drain(at + 1..=at + covered) {
            self.held_capacity -= block.frame().capacity();
            pool.release(block);
        }
    }
}

/// Copies bytes behind those of a block, if there is room.
fn append(block: &mut Block, bytes: &[u8]) -> bool {
    let place = block.frame_mut().tailroom(bytes.len());
    if place.len() < bytes.len() {
        return false;
    }
    place.copy_from_slice(bytes);
    block.frame_mut().extend(bytes.len());
    true
}

/// A block with these bytes of a frame, and how many were copied: none when a well-filled buffer changes hands. What
/// continues another piece is likely to go on, so it gets the room for that.
fn keep(frame: &mut Frame, range: Range<usize>, continues: bool, pool: &mut Pool) -> Result<(Block, usize), PoolFull> {
    if Pool::is_well_filled(frame) {
        let end = frame.len().min(range.end);
        frame.truncate(end);
        frame.strip(range.start);
        return pool.keep(frame, Purpose::Receiving);
    }
    let bytes = &frame.bytes()[range];
    let wanted = if continues { CAPACITY / 2 } else { bytes.len() };
    let mut block = pool.write(wanted.max(bytes.len()), Purpose::Receiving)?;
    block.frame_mut().fill(bytes, Default::default());
    Ok((block, bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: usize = 200_000;

    fn stream() -> Vec<u8> {
        (0..STREAM).map(|n| ((n * 2_654_435_761) >> 16) as u8).collect()
    }

    proptest! {
        /// Pieces in any order, overlapping, come out as the stream that they were cut from, and the pool is full again.
        #[test]
        fn pieces_become_the_stream(
            pieces in prop::collection::vec((0usize..STREAM, 1usize..60_000), 1..80),
            reads in prop::collection::vec(1usize..70_000, 1..20),
        ) {
            let stream = stream();
            let mut pool = Pool::new(256 << 20);
            let mut queue = ReceiveQueue::default();
            let (mut next, mut seen) = (0usize, Vec::new());
            let mut reads = reads.into_iter().cycle();
            let whole = (0..STREAM).step_by(30_000).map(|start| (start, 30_000));
            for (start, length) in pieces.into_iter().chain(whole) {
                let end = STREAM.min(start + length).max(start);
                let mut frame = Frame::new(CAPACITY);
                frame.fill(&stream[start..end], Default::default());
                if end <= next {
                    continue;
                }
                if start <= next {
                    queue.push(&mut frame, next - start..end - start, &mut pool).unwrap();
                    next = end;
                    next += queue.release(next as u64, &mut pool);
                } else {
                    let _full = queue.hold(start as u64, &mut frame, 0..end - start, 32 << 20, &mut pool);
                    let mut last = next as u64;
                    for range in queue.ranges() {
                        prop_assert!(range.start > last && range.end > range.start);
                        last = range.end;
                    }
                }
                let count = reads.next().unwrap();
                if let Some((front, _)) = queue.take_front(&mut pool) {
                    let count = count.min(front.frame().len());
                    seen.extend_from_slice(&front.frame().bytes()[..count]);
                    queue.put_back(front, count, &mut pool);
                }
            }
            while let Some((front, _)) = queue.take_front(&mut pool) {
                let count = front.frame().len();
                seen.extend_from_slice(front.frame().bytes());
                queue.put_back(front, count, &mut pool);
            }
            prop_assert_eq!(next, STREAM);
            prop_assert!(seen == stream, "the bytes are those of the stream");
            queue.clear(&mut pool);
            prop_assert_eq!((queue.unread_capacity(), pool.charged()), (0, 0));
        }
    }

    #[test]
    fn alternating_bytes_are_bounded_in_number() {
        let mut pool = Pool::new(64 << 20);
        let mut queue = ReceiveQueue::default();
        let mut frame = Frame::new(CAPACITY);
        frame.fill(&[7], Default::default());
        let held = (0..10_000u64).filter(|n| queue.hold(2 * n, &mut frame, 0..1, 4 << 20, &mut pool).is_ok()).count();
        assert_eq!(held, limits::PIECES);
        queue.clear(&mut pool);
        assert_eq!(pool.charged(), 0);
    }
}
