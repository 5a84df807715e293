//! A hierarchical timer wheel whose timers are lazy.
//!
//! # Theory of operation
//!
//! Six levels of 64 slots; a slot of level *n* spans 64ⁿ ticks of 65.536 µs, so the wheel reaches 52 days
//! ahead (what lies beyond waits in the last level and is put back). Every owner has *one* [`Timer`] for
//! its whole life. Its node sits in at most one slot, in a doubly linked list threaded through a slab.
//!
//! Moving a deadline **later** writes one field: the node stays where it is, and when its slot comes up
//! the wheel sees that the deadline is not due and files it anew. Moving it **earlier** relinks it. Both
//! are O(1), and no number of changes by a peer adds a node.
//!
//! [`Wheel::deadline`] may therefore be earlier than anything that will fire. It is never later.

use super::slab::{Id, Slab};
use super::time::Instant;

const TICK_BITS: u32 = 16;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
const NONE: u32 = u32::MAX;
const UNFILED: u16 = u16::MAX;

/// Names one owner's timer.
pub type Timer<K> = Id<Node<K>>;

/// What the wheel keeps of one timer.
pub struct Node<K> {
    key: K,
    deadline: Instant,
    slot: u16,
    previous: u32,
    next: u32,
}

/// Timers of owners that are named by `K`.
pub struct Wheel<K> {
    nodes: Slab<Node<K>>,
    heads: Box<[u32; SLOTS * LEVELS]>,
    occupied: [u64; LEVELS],
    /// Ticks that are done: nothing is filed before this.
    done: u64,
    /// Nothing fires before this, so that most turns of a loop ask in vain at the cost of one comparison.
    wake: Instant,
}

impl<K: Copy> Wheel<K> {
    /// A wheel for at most `limit` timers, whose time begins at the origin.
    pub fn new(limit: usize) -> Wheel<K> {
        Wheel {
            nodes: Slab::new(limit),
            heads: Box::new([NONE; SLOTS * LEVELS]),
            occupied: [0; LEVELS],
            done: 0,
            wake: Instant::NEVER,
        }
    }

    /// Bytes of its table of timers.
    pub fn capacity(&self) -> usize {
        self.nodes.capacity()
    }

    /// Bytes by which one more timer makes it grow.
    pub fn growth(&self) -> usize {
        self.nodes.growth()
    }

    /// A timer for a new owner, not running. `None` when the wheel is full.
    pub fn add(&mut self, key: K) -> Option<Timer<K>> {
        let node = Node { key, deadline: Instant::NEVER, slot: UNFILED, previous: NONE, next: NONE };
        self.nodes.insert(node).ok()
    }

    /// Changes the name of the owner: for who knows its own name only after it has its timer.
    pub fn rename(&mut self, timer: Timer<K>, key: K) {
        if let Some(node) = self.nodes.get_mut(timer) {
            node.key = key;
        }
    }

    /// Ends a timer with its owner.
    pub fn remove(&mut self, timer: Timer<K>) {
        if self.nodes.get(timer).is_some() {
            self.unfile(timer.index());
            self.nodes.remove(timer);
        }
    }

    /// Lets the timer fire at `deadline`, and not before. [`Instant::NEVER`] stops it.
    pub fn set(&mut self, timer: Timer<K>, deadline: Instant) {
        let Some(node) = self.nodes.get_mut(timer) else { return };
        let earlier = deadline < node.deadline;
        node.deadline = deadline;
        if node.slot == UNFILED {
            if deadline != Instant::NEVER {
                self.file(timer.index());
            }
        } else if earlier {
            self.unfile(timer.index());
            self.file(timer.index());
        }
    }

    /// When to call [`Wheel::expire`] next: never later than the first timer that will fire, and once `expire` has
    /// returned `None`, later than the time that it was called with. Who sleeps until then never spins.
    pub fn deadline(&self) -> Option<Instant> {
        // Not the next slot: before `wake` a call would do nothing, and so be asked for again at once.
        (self.occupied != [0; LEVELS]).then_some(self.wake)
    }

    /// The next time at which a slot comes up.
    fn next_slot(&self) -> Option<Instant> {
        (0..LEVELS)
            .filter(|level| self.occupied[*level] != 0)
            .map(|level| {
                let shift = SLOT_BITS * level as u32;
                let position = self.done >> shift;
                let ahead = self.occupied[level].rotate_right((position as u32) & (SLOTS as u32 - 1));
                // Above the lowest level the slot we stand in is the farthest one: what is due in it now
                // was filed below. In the lowest it holds what the last call left.
                let steps = match (level, u64::from((ahead & !1).trailing_zeros())) {
                    (0, _) => u64::from(ahead.trailing_zeros()),
                    (_, 64) => SLOTS as u64,
                    (_, steps) => steps,
                };
                Instant::from_nanos(((position + steps) << shift).saturating_mul(1 << TICK_BITS))
            })
            .min()
    }

    /// One owner whose deadline has come, its timer stopped; `None` when no more are due at `now`.
    ///
    /// Called in a loop, so the caller decides how many it takes in one turn: what it leaves is due again
    /// at the next call.
    #[inline]
    pub fn expire(&mut self, now: Instant) -> Option<K> {
        if self.is_due(now) { self.take_due(now) } else { None }
    }

    /// Whether [`Wheel::expire`] has anything to look at.
    #[inline]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.wake
    }

    // Not inlined, so that asking in vain, which every turn does, is little code.
    #[inline(never)]
    fn take_due(&mut self, now: Instant) -> Option<K> {
        let target = now.as_nanos() >> TICK_BITS;
        loop {
            let slot = (self.done & (SLOTS as u64 - 1)) as usize;
            while self.heads[slot] != NONE {
                let index = self.heads[slot];
                self.unfile(index);
                let node = self.nodes.at_mut(index).expect("a filed node exists");
                if node.deadline <= now {
                    node.deadline = Instant::NEVER;
                    return Some(node.key);
                }
                if node.deadline.as_nanos() >> TICK_BITS <= self.done {
                    // Due within the tick that has begun: wait for the next one rather than for ever.
                    self.file_at(index, self.done + 1);
                } else if node.deadline != Instant::NEVER {
                    self.file(index);
                }
            }
            if self.done >= target {
                self.wake = self.next_slot().unwrap_or(Instant::NEVER);
                return None;
            }
            self.advance(target);
        }
    }

    /// Moves to the next tick at which anything can happen, at most to `target`, and brings down what the
    /// upper levels hold for it.
    fn advance(&mut self, target: u64) {
        let next = self.next_slot().map_or(target, |at| at.as_nanos() >> TICK_BITS);
        self.done = next.clamp(self.done + 1, target.max(self.done + 1));
        for level in (1..LEVELS).rev() {
            let shift = SLOT_BITS * level as u32;
            if self.done & ((1 << shift) - 1) != 0 {
                continue;
            }
            let slot = level * SLOTS + ((self.done >> shift) as usize & (SLOTS - 1));
            let mut index = std::mem::replace(&mut self.heads[slot], NONE);
            self.occupied[level] &= !(1 << (slot % SLOTS));
            while index != NONE {
                let node = self.nodes.at_mut(index).expect("a filed node exists");
                let next = std::mem::replace(&mut node.next, NONE);
                (node.slot, node.previous) = (UNFILED, NONE);
                if node.deadline != Instant::NEVER {
                    self.file(index);
                }
                index = next;
            }
        }
    }

    fn file(&mut self, index: u32) {
        let Some(node) = self.nodes.at(index) else { return };
        // Rounded up, so that a slot's time is never before the deadline of what lies in it.
        let tick = (node.deadline.as_nanos() >> TICK_BITS).saturating_add(1);
        self.file_at(index, tick);
    }

    fn file_at(&mut self, index: u32, tick: u64) {
        let reach = (1 << (SLOT_BITS * LEVELS as u32)) - 1;
        let tick = tick.clamp(self.done, self.done + reach);
        let distance = tick - self.done;
        let level = match distance {
            0 => 0,
            _ => (distance.ilog2() / SLOT_BITS) as usize,
        };
        let slot = level * SLOTS + ((tick >> (SLOT_BITS * level as u32)) as usize & (SLOTS - 1));
        self.wake = self.wake.min(Instant::from_nanos(tick.saturating_mul(1 << TICK_BITS)));
        let head = std::mem::replace(&mut self.heads[slot], index);
        self.occupied[level] |= 1 << (slot % SLOTS);
        if let Some(node) = self.nodes.at_mut(index) {
            (node.slot, node.previous, node.next) = (slot as u16, NONE, head);
        }
        if let Some(second) = self.nodes.at_mut(head) {
            second.previous = index;
        }
    }

    fn unfile(&mut self, index: u32) {
        let Some(node) = self.nodes.at_mut(index) else { return };
        if node.slot == UNFILED {
            return;
        }
        let (slot, previous, next) = (usize::from(node.slot), node.previous, node.next);
        (node.slot, node.previous, node.next) = (UNFILED, NONE, NONE);
        match self.nodes.at_mut(previous) {
            Some(before) => before.next = next,
            None => self.heads[slot] = next,
        }
        if let Some(after) = self.nodes.at_mut(next) {
            after.previous = previous;
        }
        if self.heads[slot] == NONE {
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn moving_a_deadline_later_keeps_one_node() {
        let mut wheel = Wheel::new(1);
        let timer = wheel.add('a').unwrap();
        for millis in 1..1000 {
            wheel.set(timer, Instant::from_millis(millis));
        }
        assert_eq!(wheel.expire(Instant::from_millis(998)), None);
        assert_eq!(wheel.expire(Instant::from_millis(1000)), Some('a'));
        assert_eq!(wheel.expire(Instant::from_millis(9999)), None, "it fires once");
    }

    #[test]
    fn what_one_call_leaves_is_due_at_once() {
        let mut wheel = Wheel::new(2);
        for key in 0..2 {
            let timer = wheel.add(key).unwrap();
            wheel.set(timer, Instant::from_millis(5));
        }
        let now = Instant::from_millis(6);
        assert!(wheel.expire(now).is_some());
        assert!(wheel.deadline().unwrap() <= now);
        assert!(wheel.expire(now).is_some());
        assert_eq!(wheel.deadline(), None);
    }

    /// The timer's slot in an upper level comes up long before the timer itself.
    #[test]
    fn who_sleeps_until_the_deadline_never_spins() {
        let mut wheel = Wheel::new(1);
        let timer = wheel.add('a').unwrap();
        assert_eq!(wheel.expire(Instant::from_millis(500)), None);
        wheel.set(timer, Instant::from_millis(30_000));
        let mut calls = 0;
        while let Some(now) = wheel.deadline() {
            calls += 1;
            if wheel.expire(now).is_none() {
                assert!(wheel.deadline().is_none_or(|next| next > now), "at {now:?}");
            }
        }
        assert!(calls < 10, "{calls} calls for one timer");
    }

    proptest! {
        /// Against a sorted map: everything fires once, never early, at most two ticks late.
        #[test]
        fn like_a_sorted_map(operations in prop::collection::vec((0u8..20, 0u64..1 << 40, 0u64..1 << 34), 1..300)) {
            let mut wheel = Wheel::new(20);
            let timers: Vec<_> = (0..20u8).map(|key| wheel.add(key).unwrap()).collect();
            let mut model: BTreeMap<u8, u64> = BTreeMap::new();
            let mut now = 0;
            for (key, ahead, step) in operations {
                if ahead % 7 == 0 {
                    wheel.set(timers[key as usize], Instant::NEVER);
                    model.remove(&key);
                } else {
                    wheel.set(timers[key as usize], Instant::from_nanos(now + ahead));
                    model.insert(key, now + ahead);
                }
                let wake = wheel.deadline().map_or(u64::MAX, Instant::as_nanos);
                let first = model.values().min().copied().unwrap_or(u64::MAX);
                prop_assert!(wake <= first.saturating_add(2 << TICK_BITS), "wakes at {wake} for {first}");
                now += step;
                while let Some(key) = wheel.expire(Instant::from_nanos(now)) {
                    let due = model.remove(&key);
                    prop_assert!(due.is_some_and(|due| due <= now), "{key} fired at {now}, due {due:?}");
                }
                let next = wheel.deadline().map_or(u64::MAX, Instant::as_nanos);
                prop_assert!(next > now, "at {now} it is to be asked again at {next}");
                prop_assert!(model.values().all(|due| *due + (2 << TICK_BITS) > now), "late at {now}: {model:?}");
            }
        }
    }
}
