//! A table of entries with generational ids that grows by pages.
//!
//! A page is never moved once it exists: growing costs one allocation, and there is no doubling copy in
//! the middle of traffic. An id that outlived its entry finds nothing, never somebody else's entry.

use std::fmt;
use std::marker::PhantomData;

const PAGE_BITS: u32 = 8;
const PAGE: usize = 1 << PAGE_BITS;
const GROUP: usize = 8;
const NONE: u32 = u32::MAX;

/// Names an entry of a [`Slab`]; stays unique after the entry is gone.
pub struct Id<T> {
    index: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The position in the slab, for tables that store only 32 bits.
    pub fn index(self) -> u32 {
        self.index
    }

    /// The whole name as a number, for those who must not know what it names.
    pub fn bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The name that [`Id::bits`] told.
    pub fn from_bits(bits: u64) -> Id<T> {
        Id { index: bits as u32, generation: (bits >> 32) as u32, of: PhantomData }
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}
impl<T> Eq for Id<T> {}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

enum Content<T> {
    Full(T),
    Free { next: u32 },
}

struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

/// Slots that begin with a cache line: one whose size is a multiple of a line's is on no more lines than it fills.
#[repr(align(64))]
struct Group<T>([Slot<T>; GROUP]);

type Page<T> = [Group<T>; PAGE / GROUP];

/// Where a position is: its page, its group in that, and its place there.
#[inline]
fn way(index: u32) -> (usize, usize, usize) {
    let place = index as usize % PAGE;
    ((index >> PAGE_BITS) as usize, place / GROUP, place % GROUP)
}

/// A bounded table of `T`; entries are reused last-in first-out, so the hot ones stay in cache.
pub struct Slab<T> {
    pages: Vec<Box<Page<T>>>,
    free: u32,
    len: usize,
    limit: usize,
}

impl<T> Slab<T> {
    /// An empty slab that will never hold more than `limit` entries.
    pub fn new(limit: usize) -> Slab<T> {
        Slab { pages: Vec::new(), free: NONE, len: 0, limit: limit.min(NONE as usize) }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether [`Slab::insert`] would refuse.
    pub fn is_full(&self) -> bool {
        self.len >= self.limit
    }

    /// Adds an entry; gives it back when the slab is full.
    pub fn insert(&mut self, value: T) -> Result<Id<T>, T> {
        if self.is_full() {
            return Err(value);
        }
        if self.free == NONE {
            self.grow();
        }
        let index = self.free;
        let (page, group, place) = way(index);
        let slot = &mut self.pages[page][group].0[place];
        if let Content::Free { next } = slot.content {
            self.free = next;
        }
        slot.content = Content::Full(value);
        self.len += 1;
        Ok(Id { index, generation: slot.generation, of: PhantomData })
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let free = self.free;
        let slot = self.slot_mut(id.index)?;
        if slot.generation != id.generation || matches!(slot.content, Content::Free { .. }) {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1);
        let Content::Full(value) = std::mem::replace(&mut slot.content, Content::Free { next: free }) else {
            return None;
        };
        self.free = id.index;
        self.len -= 1;
        Some(value)
    }

    /// The entry named by `id`, if it still exists.
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        match self.slot(id.index)? {
            Slot { generation, content: Content::Full(value) } if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    /// The entry named by `id`, if it still exists.
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        match self.slot_mut(id.index)? {
            Slot { generation, content: Content::Full(value) } if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    /// The entry at a position, whatever its generation.
    pub fn at(&self, index: u32) -> Option<&T> {
        match &self.slot(index)?.content {
            Content::Full(value) => Some(value),
            Content::Free { .. } => None,
        }
    }

    /// The entry at a position, whatever its generation.
    pub fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        match &mut self.slot_mut(index)?.content {
            Content::Full(value) => Some(value),
            Content::Free { .. } => None,
        }
    }

    /// Gives the entry at a position another id: the one that it had finds nothing from now on.
    pub fn rename(&mut self, index: u32) {
        if let Some(slot) = self.slot_mut(index).filter(|slot| matches!(slot.content, Content::Full(_))) {
            slot.generation = slot.generation.wrapping_add(1);
        }
    }

    /// The id of the entry at a position, if there is one.
    pub fn id_at(&self, index: u32) -> Option<Id<T>> {
        match self.slot(index)? {
            Slot { generation, content: Content::Full(_) } => {
                Some(Id { index, generation: *generation, of: PhantomData })
            }
            Slot { .. } => None,
        }
    }

    /// Bytes of its pages: what it holds of the system's memory, full or free.
    pub fn capacity(&self) -> usize {
        self.pages.len() * Slab::<T>::PAGE_SIZE
    }

    /// Bytes by which one more entry makes it grow: none, or a page.
    pub fn growth(&self) -> usize {
        if self.free == NONE { Slab::<T>::PAGE_SIZE } else { 0 }
    }

    const PAGE_SIZE: usize = PAGE * size_of::<Slot<T>>();

    /// Positions that exist, full or free: what a clock hand walks over.
    pub fn positions(&self) -> u32 {
        (self.pages.len() * PAGE) as u32
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let (page, group, place) = way(index);
        Some(&self.pages.get(page)?[group].0[place])
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        let (page, group, place) = way(index);
        Some(&mut self.pages.get_mut(page)?[group].0[place])
    }

    fn grow(&mut self) {
        let first = self.positions();
        let last = first + PAGE as u32 - 1;
        let slot = |index| Slot {
            generation: 0,
            content: Content::Free { next: if index == last { NONE } else { index + 1 } },
        };
        let group = |start: u32| Group(std::array::from_fn(|place| slot(start + place as u32)));
        let groups: Box<[Group<T>]> = (first..=last).step_by(GROUP).map(group).collect();
        let page = groups.try_into().ok().expect("as many groups as a page has");
        self.pages.push(page);
        self.free = first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_finds_nothing() {
        let mut slab = Slab::new(10);
        let first = slab.insert("first").unwrap();
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second").unwrap();
        assert_eq!(first.index(), second.index(), "reused last-in first-out");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
    }

    #[test]
    fn it_grows_by_pages_up_to_its_limit() {
        let mut slab = Slab::new(PAGE + 3);
        let ids: Vec<_> = (0..PAGE + 3).map(|n| slab.insert(n).unwrap()).collect();
        assert_eq!(slab.insert(0), Err(0));
        assert!(ids.iter().enumerate().all(|(n, id)| slab.get(*id) == Some(&n)));
        for id in ids {
            slab.remove(id);
        }
        assert!(slab.is_empty());
    }
}
