//! Whose a segment is: one table for all shapes that a connection takes.

use hashbrown::HashTable;

use crate::base::address::Flow;
use crate::base::hash::HashKey;
use crate::base::random::Random;
use crate::base::ring::Ring;

/// A connection in one of its shapes, by its position in the slab of that shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Connection(u32),
    Handshake(u32),
    TimeWait(u32),
}

/// The same in 32 bits: the table holds one for every connection, and the timers do, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed(u32);

const INDEX_BITS: u32 = Ring::<()>::NAME_BITS;

impl From<Shape> for Packed {
    fn from(shape: Shape) -> Packed {
        let (kind, index) = match shape {
            Shape::Connection(index) => (0, index),
            Shape::Handshake(index) => (1, index),
            Shape::TimeWait(index) => (2, index),
        };
        debug_assert!(index >> INDEX_BITS == 0, "slabs are smaller than that");
        Packed(kind << INDEX_BITS | index)
    }
}

impl From<Packed> for Shape {
    #[inline]
    fn from(Packed(bits): Packed) -> Shape {
        let index = bits & ((1 << INDEX_BITS) - 1);
        match bits >> INDEX_BITS {
            0 => Shape::Connection(index),
            1 => Shape::Handshake(index),
            _ => Shape::TimeWait(index),
        }
    }
}

/// Finds the connection of a flow. It stores positions only: keys are compared where they are.
pub(super) struct Flows {
    table: HashTable<Packed>,
    key: HashKey,
}

impl Flows {
    pub(super) fn new(random: &mut Random) -> Flows {
        Flows { table: HashTable::new(), key: HashKey::new(random) }
    }

    /// Bytes of the table.
    pub(super) fn capacity(&self) -> usize {
        self.table.allocation_size()
    }

    /// Bytes by which one more connection makes it grow: none, or as much as there is.
    pub(super) fn growth(&self) -> usize {
        if self.table.len() == self.table.capacity() { self.table.allocation_size() } else { 0 }
    }

    /// The connection of a flow; `is` tells of every one whether it is that.
    #[inline]
    pub(super) fn find(&self, flow: &Flow, is: impl Fn(Shape) -> bool) -> Option<Shape> {
        self.table.find(self.key.hash(flow), |packed| is(Shape::from(*packed))).map(|packed| Shape::from(*packed))
    }

    /// Adds a connection whose flow is not in the table.
    pub(super) fn insert(&mut self, flow: &Flow, shape: Shape, flow_of: impl Fn(Shape) -> Option<Flow>) {
        let key = &self.key;
        let hash_of = |packed: &Packed| flow_of(Shape::from(*packed)).map_or(0, |flow| key.hash(flow));
        self.table.insert_unique(key.hash(flow), shape.into(), hash_of);
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, flow: &Flow, shape: Shape) {
        let packed = Packed::from(shape);
        if let Ok(found) = self.table.find_entry(self.key.hash(flow), |other| *other == packed) {
            found.remove();
        }
    }

    /// The connection of a flow takes another shape.
    pub(super) fn replace(&mut self, flow: &Flow, old: Shape, new: Shape) {
        let packed = Packed::from(old);
        if let Some(found) = self.table.find_mut(self.key.hash(flow), |other| *other == packed) {
            *found = new.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_pack() {
        for shape in [Shape::Connection(0), Shape::Handshake(7), Shape::TimeWait((1 << INDEX_BITS) - 1)] {
            assert_eq!(Shape::from(Packed::from(shape)), shape);
        }
    }
}
