//! Who is remembered: entries by address and by name, and who goes when one more comes.
//!
//! **Bounds.** The table holds `limits::NEIGHBORS`. Who is remembered only because he asked us is a *stranger* until we send to
//! him. There are at most `limits::NEIGHBORS_STRANGERS`, and one more pushes out the oldest of them, never one whom we sent
//! to: no flood of forged questions costs us a neighbour. One more whom *we* ask for pushes out one of the few entries that a
//! clock hand looks at next: the one that is missed least.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashTable;

use super::{Heard, NeighborId};
use crate::base::address::{Address, Mac};
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::slab::Slab;
use crate::base::time::Instant;
use crate::base::wheel::{Timer, Wheel};
use crate::buffer::Block;

/// What is known of one neighbour.
pub struct Neighbor {
    pub(super) address: Address,
    pub(super) mac: Mac,
    pub(super) state: State,
    pub(super) used: bool,
    /// It asked us, and we never sent to it.
    pub(super) stranger: bool,
    pub(super) timer: Timer<NeighborIndex>,
    /// At most `limits::PARKED_A_NEIGHBOR`. Allocated by those few that are being asked for, not by all that are known.
    pub(super) parked: Vec<Block>,
}

/// See the drawing in [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Incomplete { asked: u8 },
    Reachable { until: Instant },
    Stale,
    Delay,
    Probe { asked: u8 },
    Unreachable { interval: Duration },
}

/// How much an entry would be missed, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It does not answer, or we never sent to it.
    None,
    /// It was not used since the clock hand came by last.
    Old,
    /// It was.
    Used,
    /// It is being probed, so packets go to it.
    Probed,
}

/// Position in the slab: a neighbour's timer goes with it, so it needs no generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeighborIndex(u32);

/// All entries.
pub(super) struct Table {
    entries: Slab<Neighbor>,
    index: HashTable<u32>,
    key: HashKey,
    timers: Wheel<NeighborIndex>,
    hand: u32,
    /// Those who were strangers when they came, the oldest first. Some are forgotten, or no strangers any more.
    strangers: VecDeque<NeighborId>,
    /// Whom we heard last, with the station that the entry has: most of what is heard is heard again.
    last: (Address, Mac),
    heard: Heard,
}

impl Table {
    pub(super) fn new(random: &mut Random) -> Table {
        Table {
            entries: Slab::new(limits::NEIGHBORS),
            index: HashTable::new(),
            key: HashKey::new(random),
            timers: Wheel::new(limits::NEIGHBORS),
            hand: 0,
            strangers: VecDeque::new(),
            last: Default::default(),
            heard: Heard::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    fn find(&self, address: Address) -> Option<u32> {
        let same = |index: &u32| self.entries.at(*index).is_some_and(|neighbor| neighbor.address == address);
        self.index.find(self.key.hash(address), same).copied()
    }

    #[inline]
    pub(super) fn of(&self, address: Address) -> Option<&Neighbor> {
        self.find(address).and_then(|index| self.entries.at(index))
    }

    #[inline]
    pub(super) fn of_mut(&mut self, address: Address) -> Option<&mut Neighbor> {
        self.find(address).and_then(|index| self.entries.at_mut(index))
    }

    /// Its name, while it is remembered.
    pub(super) fn name(&self, address: Address) -> Option<NeighborId> {
        self.find(address).and_then(|index| self.entries.id_at(index))
    }

    #[inline]
    pub(super) fn get(&self, id: NeighborId) -> Option<&Neighbor> {
        self.entries.get(id)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: NeighborId) -> Option<&mut Neighbor> {
        self.entries.get_mut(id)
    }

    /// Gives a neighbour another name.
    pub(super) fn rename(&mut self, address: Address) {
        if let Some(index) = self.find(address) {
            self.entries.rename(index);
        }
    }

    /// Has a neighbour come out of [`Table::expire`] then.
    #[inline]
    pub(super) fn set_timer(&mut self, timer: Timer<NeighborIndex>, deadline: Instant) {
        self.timers.set(timer, deadline);
    }

    /// When [`Table::expire`] has something next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// Whether [`Table::expire`] has anything to look at.
    #[inline]
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.timers.is_due(now)
    }

    /// The next neighbour whose time has come.
    pub(super) fn expire(&mut self, now: Instant) -> Option<NeighborId> {
        loop {
            let NeighborIndex(index) = self.timers.expire(now)?;
            if let Some(id) = self.entries.id_at(index) {
                return Some(id);
            }
        }
    }

    /// Whether this neighbour, at this station, is the one that was heard last.
    #[inline]
    pub(super) fn knows(&self, address: Address, mac: Mac) -> bool {
        self.last == (address, mac)
    }

    #[inline]
    pub(super) fn heard(&self) -> Heard {
        self.heard
    }

    pub(super) fn remember_last(&mut self, address: Address, mac: Mac) {
        if self.last != (address, mac) {
            self.last = (address, mac);
            self.heard.0 = self.heard.0.wrapping_add(1);
        }
    }

    /// What it says next is looked at, whoever it is.
    pub(super) fn forget_last(&mut self) {
        self.remember_last(Address::default(), Mac::default());
    }

    /// Remembers one whom we ask for. `None` when all others are asked for, too.
    pub(super) fn insert(&mut self, address: Address, mac: Mac, state: State) -> Option<NeighborId> {
        if self.entries.is_full() {
            self.evict();
        }
        let timer = self.timers.add(NeighborIndex(0))?;
        let neighbor = Neighbor { address, mac, state, used: false, stranger: false, timer, parked: Vec::new() };
        let Ok(id) = self.entries.insert(neighbor) else {
            self.timers.remove(timer);
            return None;
        };
        self.timers.rename(timer, NeighborIndex(id.index()));
        let (entries, key) = (&self.entries, &self.key);
        let hash_at = |index: &u32| entries.at(*index).map_or(0, |neighbor| key.hash(neighbor.address));
        self.index.insert_unique(key.hash(address), id.index(), hash_at);
        Some(id)
    }

    /// Remembers a stranger.
    pub(super) fn meet(&mut self, address: Address, mac: Mac) {
        while self.strangers.len() == limits::NEIGHBORS_STRANGERS || self.entries.is_full() {
            let Some(oldest) = self.strangers.pop_front() else { return };
            if self.entries.get(oldest).is_some_and(|neighbor| neighbor.stranger) {
                self.remove(oldest);
            }
        }
        let Some(id) = self.insert(address, mac, State::Stale) else { return };
        if let Some(neighbor) = self.entries.get_mut(id) {
            neighbor.stranger = true;
        }
        self.strangers.push_back(id);
        self.remember_last(address, mac);
    }

    /// Forgets the entry that is missed least among the next few under the clock hand.
    fn evict(&mut self) {
        let mut least: Option<(Worth, u32)> = None;
        for _ in 0..limits::NEIGHBORS_WEIGHED {
            self.hand = (self.hand + 1) % self.entries.positions();
            let Some(worth) = self.entries.at_mut(self.hand).and_then(Neighbor::weigh) else { continue };
            if least.is_none_or(|(other, _)| worth < other) {
                least = Some((worth, self.hand));
            }
            if worth <= Worth::Old {
                break;
            }
        }
        if let Some(id) = least.and_then(|(_, index)| self.entries.id_at(index)) {
            self.remove(id);
        }
    }

    pub(super) fn remove(&mut self, id: NeighborId) {
        let Some(neighbor) = self.entries.remove(id) else { return };
        self.forget_last();
        self.timers.remove(neighbor.timer);
        if let Ok(found) = self.index.find_entry(self.key.hash(neighbor.address), |at| *at == id.index()) {
            found.remove();
        }
    }

    /// Takes every parked packet.
    pub(super) fn take_parked(&mut self) -> impl Iterator<Item = Block> {
        let positions = 0..self.entries.positions();
        let take = |index| self.entries.at_mut(index).map(|neighbor| std::mem::take(&mut neighbor.parked));
        positions.filter_map(take).flatten().collect::<Vec<_>>().into_iter()
    }
}

impl Neighbor {
    /// How much it would be missed, as the clock hand comes by. `None` when packets are parked with it.
    fn weigh(&mut self) -> Option<Worth> {
        let used = std::mem::take(&mut self.used);
        match self.state {
            State::Incomplete { .. } => None,
            State::Unreachable { .. } => Some(Worth::None),
            State::Delay | State::Probe { .. } => Some(Worth::Probed),
            State::Reachable { .. } | State::Stale if self.stranger => Some(Worth::None),
            State::Reachable { .. } | State::Stale => Some(if used { Worth::Used } else { Worth::Old }),
        }
    }
}
