//! A queue whose entries have names and may leave out of turn.
//!
//! ```text
//!   page                page                page
//!  ├·······─ e ─ hole ─┼─ e ─ e ─ hole ─ e ─┼─ e ─ e ·····┤
//!          ▲ front                                  ▲ next
//! ```
//!
//! An entry's name is its place in line, so order costs no memory: no links, no second list. What leaves out of turn leaves a
//! hole, until everything before it is gone. As in a [`Slab`](super::slab::Slab) no page is ever moved; the first one becomes
//! the last when all in it are gone, so a line that only moves on allocates nothing.

use std::collections::VecDeque;

const PAGE_BITS: u32 = 8;
const PAGE: usize = 1 << PAGE_BITS;

/// A bounded queue of `T`, whose names have [`Ring::NAME_BITS`] bits.
pub struct Ring<T> {
    /// What has a place; the front is in the first page.
    pages: VecDeque<Box<[Option<T>]>>,
    /// The name of the first place of the first page.
    base: u32,
    /// The places of the front, and of what comes next, from there.
    front: usize,
    next: usize,
    limit: usize,
}

impl<T> Ring<T> {
    /// Bits of a name. They wrap, long after what had the same name is gone.
    pub const NAME_BITS: u32 = 30;

    const NAMES: u32 = 1 << Ring::<T>::NAME_BITS;
    const PAGE_SIZE: usize = PAGE * size_of::<Option<T>>();

    /// An empty queue of no more than `limit` places, holes included.
    pub fn new(limit: usize) -> Ring<T> {
        Ring { pages: VecDeque::new(), base: 0, front: 0, next: 0, limit: limit.min(Ring::<T>::NAMES as usize / 2) }
    }

    /// Whether there is no place for another.
    pub fn is_full(&self) -> bool {
        self.next - self.front >= self.limit
    }

    /// Adds an entry at the end and returns its name; gives it back when the queue is full.
    pub fn push(&mut self, value: T) -> Result<u32, T> {
        if self.is_full() {
            return Err(value);
        }
        if self.growth() > 0 {
            self.pages.push_back((0..PAGE).map(|_| None).collect());
        }
        let place = self.next;
        self.pages[place >> PAGE_BITS][place & (PAGE - 1)] = Some(value);
        self.next += 1;
        Ok(self.base.wrapping_add(place as u32) % Ring::<T>::NAMES)
    }

    /// The entry that came first, with its name.
    pub fn front(&self) -> Option<(u32, &T)> {
        let value = self.pages.front()?.get(self.front)?.as_ref()?;
        Some((self.base.wrapping_add(self.front as u32) % Ring::<T>::NAMES, value))
    }

    /// The entry of that name.
    pub fn at(&self, name: u32) -> Option<&T> {
        let place = self.place(name);
        self.pages.get(place >> PAGE_BITS)?[place & (PAGE - 1)].as_ref()
    }

    /// The entry of that name.
    pub fn at_mut(&mut self, name: u32) -> Option<&mut T> {
        let place = self.place(name);
        self.pages.get_mut(place >> PAGE_BITS)?[place & (PAGE - 1)].as_mut()
    }

    /// Takes an entry out, wherever it is.
    pub fn remove(&mut self, name: u32) -> Option<T> {
        let place = self.place(name);
        let value = self.pages.get_mut(place >> PAGE_BITS)?[place & (PAGE - 1)].take()?;
        while self.front < self.next && self.pages[0][self.front].is_none() {
            self.front += 1;
            if self.front == PAGE {
                self.pages.rotate_left(1);
                (self.front, self.next) = (0, self.next - PAGE);
                self.base = self.base.wrapping_add(PAGE as u32) % Ring::<T>::NAMES;
            }
        }
        Some(value)
    }

    /// Bytes of its pages: what it holds of the system's memory, full or free.
    pub fn capacity(&self) -> usize {
        self.pages.len() * Ring::<T>::PAGE_SIZE
    }

    /// Bytes by which one more entry makes it grow: none, or a page.
    pub fn growth(&self) -> usize {
        if self.next == self.pages.len() * PAGE { Ring::<T>::PAGE_SIZE } else { 0 }
    }

    fn place(&self, name: u32) -> usize {
        (name.wrapping_sub(self.base) % Ring::<T>::NAMES) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list of names and values.
        #[test]
        fn like_a_list(operations in prop::collection::vec((0u8..4, any::<prop::sample::Index>()), 1..2000), wraps: bool) {
            let mut ring = Ring::new(3 * PAGE);
            if wraps {
                ring.base = Ring::<usize>::NAMES - PAGE as u32;
            }
            let mut model: Vec<(u32, usize)> = Vec::new();
            for (value, (operation, index)) in operations.into_iter().enumerate() {
                match operation {
                    0 if !model.is_empty() => {
                        let (name, value) = model.remove(index.index(model.len()));
                        prop_assert_eq!(ring.remove(name), Some(value));
                        prop_assert_eq!(ring.at(name), None);
                        prop_assert_eq!(ring.remove(name), None);
                    }
                    1 if !model.is_empty() => {
                        let (name, value) = model.remove(0);
                        prop_assert_eq!(ring.front(), Some((name, &value)));
                        prop_assert_eq!(ring.remove(name), Some(value));
                    }
                    _ => match ring.push(value) {
                        Ok(name) => model.push((name, value)),
                        Err(_full) => prop_assert!(ring.is_full()),
                    },
                }
                prop_assert_eq!(ring.front(), model.first().map(|(name, value)| (*name, value)));
                prop_assert!(model.iter().all(|(name, value)| ring.at(*name) == Some(value)));
            }
        }
    }

    #[test]
    fn a_line_that_moves_on_allocates_nothing() {
        let mut ring = Ring::new(10 * PAGE);
        let mut names: VecDeque<u32> = (0..PAGE).map(|value| ring.push(value).unwrap()).collect();
        let capacity = ring.capacity();
        for value in 0..10 * PAGE {
            ring.remove(names.pop_front().unwrap());
            names.push_back(ring.push(value).unwrap());
        }
        assert!(ring.capacity() <= capacity + Ring::<usize>::PAGE_SIZE);
        assert_eq!(ring.at(names[0].wrapping_sub(1)), None);
    }
}
