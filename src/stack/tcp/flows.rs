//! Whose a segment is: one table for all shapes that a connection takes.

use std::hint::black_box;

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
            Shape::Connection(index) => (1, index),
            Shape::Handshake(index) => (2, index),
            Shape::TimeWait(index) => (3, index),
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
            1 => Shape::Connection(index),
            2 => Shape::Handshake(index),
            _ => Shape::TimeWait(index),
        }
    }
}

/// Finds the connection of a flow. It stores positions only: keys are compared where they are.
///
/// A place holds the upper half of a hash beside a position, and the upper bits of that are where it belongs; what finds that
/// taken is in the next place that was free. So a connection among very many is found in one line of the cache, where a table
/// that keeps both apart needs two, one behind the other; nobody else's entry is read on the way; and growing reads this table
/// alone, from one end to the other.
pub(super) struct Flows {
    /// A power of two; a free one is zero.
    places: Vec<u64>,
    len: usize,
    key: HashKey,
}

/// Places of a table that has any.
const LEAST: usize = 16;

impl Flows {
    pub(super) fn new(random: &mut Random) -> Flows {
        Flows { places: Vec::new(), len: 0, key: HashKey::new(random) }
    }

    /// Bytes of the table.
    pub(super) fn capacity(&self) -> usize {
        size_of_val(&*self.places)
    }

    /// Bytes by which one more connection makes it grow: none, or as much as there is.
    pub(super) fn growth(&self) -> usize {
        if self.is_full() { self.capacity().max(LEAST * size_of::<u64>()) } else { 0 }
    }

    /// The connection of a flow; `is` tells of every one whether it is that.
    #[inline]
    pub(super) fn find(&self, flow: &Flow, is: impl Fn(Shape) -> bool) -> Option<Shape> {
        self.search(flow, |packed| is(packed.into())).map(|index| packed(self.places[index]).into())
    }

    /// Reads where the connection of a flow is to be looked for, so that it comes from memory; returns the hash.
    #[inline]
    pub(super) fn expect(&self, flow: &Flow) -> u32 {
        let hash = self.hash(flow);
        black_box(self.places.get(self.home(place(hash, Packed(0)))).copied());
        hash
    }

    /// Who is likely to be the connection of a flow with this hash.
    #[inline]
    pub(super) fn first(&self, hash: u32) -> Option<Shape> {
        self.search_hash(hash, |_| true).map(|index| packed(self.places[index]).into())
    }

    /// Adds a connection whose flow is not in the table.
    pub(super) fn insert(&mut self, flow: &Flow, shape: Shape) {
        if self.is_full() {
            self.grow();
        }
        let place = place(self.hash(flow), shape.into());
        self.put(place);
        self.len += 1;
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, flow: &Flow, shape: Shape) {
        let Some(mut hole) = self.search(flow, |other| other == shape.into()) else { return };
        let mask = self.places.len() - 1;
        let mut index = hole;
        loop {
            index = (index + 1) & mask;
            let place = self.places[index];
            if place == FREE {
                break;
            }
            // Who may stand in the hole moves there, or nobody would look for it behind that.
            let away = index.wrapping_sub(self.home(place)) & mask;
            if away >= index.wrapping_sub(hole) & mask {
                self.places[hole] = place;
                hole = index;
            }
        }
        self.places[hole] = FREE;
        self.len -= 1;
    }

    /// The connection of a flow takes another shape.
    pub(super) fn replace(&mut self, flow: &Flow, old: Shape, new: Shape) {
        if let Some(index) = self.search(flow, |other| other == old.into()) {
            self.places[index] = place(self.hash(flow), new.into());
        }
    }

    /// The place of the connection of a flow for which `is` holds.
    #[inline]
    fn search(&self, flow: &Flow, is: impl Fn(Packed) -> bool) -> Option<usize> {
        self.search_hash(self.hash(flow), is)
    }

    #[inline]
    fn search_hash(&self, hash: u32, is: impl Fn(Packed) -> bool) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let mut index = self.home(place(hash, Packed(0)));
        loop {
            // At least a quarter is free.
            match self.places[index & mask] {
                FREE => return None,
                found if hash_of(found) == hash && is(packed(found)) => return Some(index & mask),
                _ => index += 1,
            }
        }
    }

    #[inline]
    fn hash(&self, flow: &Flow) -> u32 {
        (self.key.hash(flow) >> 32) as u32
    }

    /// Where a place would be if all others were free.
    #[inline]
    fn home(&self, place: u64) -> usize {
        (place >> (u64::BITS - self.places.len().trailing_zeros())) as usize
    }

    /// More than three quarters full, who is looked for would be far from home.
    fn is_full(&self) -> bool {
        self.len >= self.places.len() / 4 * 3
    }

    fn grow(&mut self) {
        let doubled = vec![FREE; (2 * self.places.len()).max(LEAST)];
        for place in std::mem::replace(&mut self.places, doubled) {
            if place != FREE {
                self.put(place);
            }
        }
    }

    fn put(&mut self, place: u64) {
        let mask = self.places.len() - 1;
        let mut index = self.home(place);
        while self.places[index & mask] != FREE {
            index += 1;
        }
        self.places[index & mask] = place;
    }
}

const FREE: u64 = 0;

// No shape is the zero of its kind, so nobody's place looks free.
#[inline]
fn place(hash: u32, Packed(bits): Packed) -> u64 {
    u64::from(hash) << 32 | u64::from(bits)
}

#[inline]
fn hash_of(place: u64) -> u32 {
    (place >> 32) as u32
}

#[inline]
fn packed(place: u64) -> Packed {
    Packed(place as u32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::base::address::{Address, Endpoint};

    #[test]
    fn shapes_pack() {
        for shape in [Shape::Connection(0), Shape::Handshake(7), Shape::TimeWait((1 << INDEX_BITS) - 1)] {
            assert_eq!(Shape::from(Packed::from(shape)), shape);
            assert_ne!(Packed::from(shape), Packed(0), "a free place");
        }
    }

    fn flow(port: u16) -> Flow {
        let end = |last, port| Endpoint { address: Address::from_v4([10, 77, 0, last]), port };
        Flow { local: end(2, 80), remote: end(1, port) }
    }

    proptest! {
        /// Against a map of all that it holds.
        #[test]
        fn like_a_map(steps in prop::collection::vec((0u16..60, 0u8..8, 0u32..9), 1..400), seed: [u8; 16]) {
            let mut flows = Flows::new(&mut Random::new(seed));
            let mut map = HashMap::new();
            for (port, step, number) in steps {
                let old = map.get(&port).copied();
                match (step, old) {
                    (0..4, None) => {
                        flows.insert(&flow(port), Shape::Handshake(number));
                        map.insert(port, Shape::Handshake(number));
                    }
                    (4..7, Some(old)) => {
                        flows.remove(&flow(port), old);
                        map.remove(&port);
                    }
                    (_, Some(old)) => {
                        flows.replace(&flow(port), old, Shape::Connection(number));
                        map.insert(port, Shape::Connection(number));
                    }
                    (_, None) => flows.remove(&flow(port), Shape::TimeWait(number)),
                }
                prop_assert_eq!(flows.len, map.len());
                for port in 0..60 {
                    prop_assert_eq!(flows.find(&flow(port), |_| true), map.get(&port).copied());
                }
            }
        }
    }
}
