//! The neighbour cache, for ARP and neighbour discovery alike.
//!
//! # Theory of operation
//!
//! The states are those of RFC 4861 §7.3.2 with the one that RFC 7048 adds, and IPv4 neighbours live by them too:
//!
//! ```text
//!              ask               answer              30 s
//!   (nothing) ────▶ Incomplete ─────────▶ Reachable ──────▶ Stale ◀──── overheard, asked by it
//!                       │ 3 × no answer      ▲  ▲             │ used
//!                       ▼                    │  │ answer      ▼
//!                   forgotten         answer │  └── Probe ◀─ Delay
//!                                            │        │   5 s
//!                                       Unreachable ◀─┘ 3 × no answer
//! ```
//!
//! A neighbour that was there and does not answer is Unreachable, and not forgotten: there is no other way to it, so
//! packets still go to its station, and while they do, everybody is asked for it, less and less often (RFC 7048 §3).
//!
//! Reachable turns stale without a timer: the time is compared when the entry is used. So only entries in
//! Incomplete, Delay, Probe and Unreachable wait on the wheel.
//!
//! **Names.** Flows remember the name of the neighbour through which they go. One that became unreachable, or through which
//! they perhaps should not go any more, gets another name: then they look for their way anew.
//!
//! **Bounds.** The cache holds `limits::NEIGHBORS`. `limits::NEIGHBORS_INCOMPLETE` bounds what a scan can have in
//! resolution. Each entry parks few packets, all of them within the pool's quota.
//!
//! Who is remembered only because he asked us is a *stranger* until we send to him. There are at most
//! `limits::NEIGHBORS_STRANGERS`, and one more pushes out the oldest of them, never one whom we sent to: no flood of
//! forged questions costs us a neighbour. One more whom *we* ask for pushes out one of the few entries that a clock hand
//! looks at next: the one that is missed least.

use std::collections::VecDeque;
use std::time::Duration;

use arrayvec::ArrayVec;
use hashbrown::HashTable;

use super::outbox::{Outbox, Outgoing};
use crate::base::address::{Address, Mac};
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::slab::{Id, Slab};
use crate::base::time::Instant;
use crate::base::wheel::{Timer, Wheel};
use crate::buffer::Block;

/// Names a neighbour while it is remembered.
pub type NeighborId = Id<Neighbor>;

/// Why a neighbour's station is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// It was asked for; a packet may be parked with it.
    Asked(NeighborId),
    /// Too many are asked for already.
    TooMany,
}

/// Why a neighbour's station is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It answered our question: reachable, whatever was known before.
    Answer,
    /// It answered without wanting to replace what is known (RFC 4861 §7.2.5, override clear).
    AnswerWithoutOverride,
    /// It asked us, so it will want an answer: remembered, but not proven reachable.
    Asked,
    /// It told everybody: updates what is known and creates nothing.
    Overheard,
    /// It told everybody, but would not replace what is known: helps only who knows nothing yet (RFC 4861 §7.2.5).
    OverheardWithoutOverride,
}

/// Whether a neighbour would get what is sent to it, as far as is known, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It was there a while ago, and was not missed since (RFC 4861 §6.3.6: "probably reachable").
    Likely,
    /// It was never asked for.
    Unknown,
    /// It does not answer.
    Unlikely,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
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

/// What is known of one neighbour.
pub struct Neighbor {
    address: Address,
    mac: Mac,
    state: State,
    used: bool,
    /// It asked us, and we never sent to it.
    stranger: bool,
    timer: Timer<NeighborIndex>,
    parked: ArrayVec<Block, { limits::PARKED_A_NEIGHBOR }>,
}

/// Position in the slab: a neighbour's timer goes with it, so it needs no generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborIndex(u32);

/// The neighbour cache.
pub struct Neighbors {
    entries: Slab<Neighbor>,
    index: HashTable<u32>,
    key: HashKey,
    timers: Wheel<NeighborIndex>,
    incomplete: usize,
    hand: u32,
    /// Those who were strangers when they came, the oldest first. Some are forgotten, or no strangers any more.
    strangers: VecDeque<NeighborId>,
    /// BaseReachableTime, what it was spread to, and until when that holds (RFC 4861 §6.3.4).
    base: Duration,
    reachable: Duration,
    spread_until: Instant,
    /// RetransTimer (RFC 4861 §6.3.2).
    interval: Duration,
    /// Whether one that was asked for was found or given up.
    settled: bool,
    /// Whom we heard last, with the station that the entry has: most of what is heard is heard again.
    last: (Address, Mac),
    heard: Heard,
}

/// Names what was heard last: as long as nothing else is, its name stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard(u32);

impl Neighbors {
    /// An empty cache.
    pub fn new(random: &mut Random) -> Neighbors {
        Neighbors {
            entries: Slab::new(limits::NEIGHBORS),
            index: HashTable::new(),
            key: HashKey::new(random),
            timers: Wheel::new(limits::NEIGHBORS),
            incomplete: 0,
            hand: 0,
            settled: false,
            strangers: VecDeque::new(),
            base: limits::REACHABLE,
            reachable: spread(limits::REACHABLE, random),
            spread_until: Instant::ZERO + limits::REACHABLE_SPREAD,
            interval: limits::SOLICIT_INTERVAL,
            last: Default::default(),
            heard: Heard::default(),
        }
    }

    /// How long one that answered is reachable from now on, before it is randomised, and how long its answer is waited for.
    pub fn set_times(&mut self, reachable: Duration, interval: Duration, random: &mut Random) {
        (self.base, self.reachable, self.interval) = (reachable, spread(reachable, random), interval);
    }

    /// Randomises anew, every few hours, how long one that answered is reachable (RFC 4861 §6.3.4).
    #[inline]
    pub fn spread_again(&mut self, random: &mut Random, now: Instant) {
        if self.spread_until <= now {
            (self.reachable, self.spread_until) = (spread(self.base, random), now + limits::REACHABLE_SPREAD);
        }
    }

    /// How many neighbours are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The station of a neighbour to whom a packet is to be sent now. Who is not known is asked for.
    pub fn resolve(&mut self, address: Address, outbox: &mut Outbox, now: Instant) -> Result<Mac, Unresolved> {
        let Some(index) = self.find(address) else { return Err(self.ask(address, outbox, now)) };
        let Some(id) = self.entries.id_at(index) else { return Err(Unresolved::TooMany) };
        self.station(id, now).ok_or(Unresolved::Asked(id))
    }

    /// The station of a neighbour by its name, as [`Neighbors::resolve`] would tell it; `None` when it is forgotten, or
    /// not known yet.
    #[inline]
    pub fn station(&mut self, id: NeighborId, now: Instant) -> Option<Mac> {
        let neighbor = self.entries.get_mut(id)?;
        (neighbor.used, neighbor.stranger) = (true, false);
        match neighbor.state {
            State::Incomplete { .. } => None,
            State::Reachable { until } if now < until => Some(neighbor.mac),
            State::Reachable { .. } | State::Stale => {
                neighbor.state = State::Delay;
                self.timers.set(neighbor.timer, now + limits::DELAY_FIRST_PROBE);
                Some(neighbor.mac)
            }
            State::Delay | State::Probe { .. } | State::Unreachable { .. } => Some(neighbor.mac),
        }
    }

    /// The name of a neighbour, while it is remembered.
    pub fn name(&self, address: Address) -> Option<NeighborId> {
        self.find(address).and_then(|index| self.entries.id_at(index))
    }

    /// Whether what is sent to a neighbour would reach it.
    pub fn reach(&self, address: Address) -> Reach {
        match self.find(address).and_then(|index| self.entries.at(index)).map(|neighbor| neighbor.state) {
            None => Reach::Unknown,
            Some(State::Incomplete { .. } | State::Unreachable { .. }) => Reach::Unlikely,
            Some(State::Reachable { .. } | State::Stale | State::Delay | State::Probe { .. }) => Reach::Likely,
        }
    }

    /// Whether a neighbour of whom nothing is known is being asked for.
    pub fn is_asked(&self, address: Address) -> bool {
        let neighbor = self.find(address).and_then(|index| self.entries.at(index));
        neighbor.is_some_and(|neighbor| matches!(neighbor.state, State::Incomplete { .. }))
    }

    /// Something would have been sent to a neighbour if it were reachable: it is asked for on, less and less often.
    pub fn miss(&mut self, address: Address) {
        if let Some(neighbor) = self.find(address).and_then(|index| self.entries.at_mut(index)) {
            neighbor.used = true;
        }
    }

    /// Lets those who send through a neighbour look for their way anew.
    pub fn rename(&mut self, address: Address) {
        if let Some(index) = self.find(address) {
            self.entries.rename(index);
        }
    }

    /// Whether a neighbour is known to be at this station.
    pub fn is_at(&self, address: Address, mac: Mac) -> bool {
        self.find(address).and_then(|index| self.entries.at(index)).is_some_and(|neighbor| neighbor.mac == mac)
    }

    /// Whether it is remembered, or asked for.
    pub fn remembers(&self, id: NeighborId) -> bool {
        self.entries.get(id).is_some()
    }

    /// Whether one that was asked for was found, or given up, since this was asked last.
    pub fn has_settled(&mut self) -> bool {
        std::mem::take(&mut self.settled)
    }

    /// Lets a packet wait for the answer of its neighbour; gives it back when enough wait.
    pub fn park(&mut self, id: NeighborId, block: Block) -> Result<(), Block> {
        match self.entries.get_mut(id) {
            Some(neighbor) => neighbor.parked.try_push(block).map_err(|full| full.element()),
            None => Err(block),
        }
    }

    /// Whether this neighbour, at this station, is the one that was heard last.
    #[inline]
    pub fn knows(&self, address: Address, mac: Mac) -> bool {
        self.last == (address, mac)
    }

    /// The name of what was heard last.
    #[inline]
    pub fn heard(&self) -> Heard {
        self.heard
    }

    fn remember_last(&mut self, address: Address, mac: Mac) {
        if self.last != (address, mac) {
            self.last = (address, mac);
            self.heard.0 = self.heard.0.wrapping_add(1);
        }
    }

    /// Takes in what was heard of a neighbour (RFC 4861 §7.2.3, §7.2.5).
    pub fn learn(&mut self, address: Address, mac: Mac, evidence: Evidence, outbox: &mut Outbox, now: Instant) {
        let Some(neighbor) = self.find(address).and_then(|index| self.entries.at_mut(index)) else {
            if evidence == Evidence::Asked {
                self.meet(address, mac);
            }
            return;
        };
        let proven = State::Reachable { until: now + self.reachable };
        let was_incomplete = matches!(neighbor.state, State::Incomplete { .. });
        let state = match evidence {
            Evidence::Answer => proven,
            Evidence::AnswerWithoutOverride if was_incomplete || neighbor.mac == mac => proven,
            // Another station, politely: believed only so far that the one we know is no longer trusted.
            Evidence::AnswerWithoutOverride => match neighbor.state {
                State::Reachable { .. } => return neighbor.state = State::Stale,
                _ => return,
            },
            // RFC 7048 §3: news of a neighbour that did not answer is a reason to try it anew.
            Evidence::Asked | Evidence::Overheard
                if was_incomplete || neighbor.mac != mac || matches!(neighbor.state, State::Unreachable { .. }) =>
            {
                State::Stale
            }
            Evidence::Asked | Evidence::Overheard => return self.remember_last(address, mac),
            Evidence::OverheardWithoutOverride if was_incomplete => State::Stale,
            Evidence::OverheardWithoutOverride => return,
        };
        (neighbor.mac, neighbor.state) = (mac, state);
        self.timers.set(neighbor.timer, Instant::NEVER);
        if was_incomplete {
            self.incomplete -= 1;
            self.settled = true;
            for block in neighbor.parked.drain(..) {
                deliver(outbox, Outgoing::Deliver(block, mac));
            }
        }
        self.remember_last(address, mac);
    }

    /// Takes in that a neighbour answers, as an advertisement without an address says, or progress above (RFC 4861 §7.3.1).
    #[inline]
    pub fn confirm(&mut self, id: NeighborId, now: Instant) {
        let Some(neighbor) = self.entries.get_mut(id) else { return };
        let reachable = State::Reachable { until: now + self.reachable };
        match std::mem::replace(&mut neighbor.state, reachable) {
            asked @ State::Incomplete { .. } => neighbor.state = asked,
            State::Reachable { .. } | State::Stale => {}
            State::Delay | State::Probe { .. } | State::Unreachable { .. } => {
                self.timers.set(neighbor.timer, Instant::NEVER);
            }
        }
    }

    /// When [`Neighbors::on_timer`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// Asks again, or gives up, where the time has come.
    pub fn on_timer(&mut self, outbox: &mut Outbox, now: Instant) {
        // One neighbour that is given up needs room for all that is parked with it.
        while outbox.room() > limits::PARKED_A_NEIGHBOR {
            let Some(NeighborIndex(index)) = self.timers.expire(now) else { return };
            let Some(neighbor) = self.entries.at_mut(index) else { continue };
            let (mac, again) = (neighbor.mac, self.interval);
            let (state, station, wait) = match neighbor.state {
                State::Incomplete { asked } if asked < limits::SOLICITS => {
                    (State::Incomplete { asked: asked + 1 }, None, again)
                }
                State::Incomplete { .. } => {
                    self.forget(index, outbox);
                    continue;
                }
                State::Delay => (State::Probe { asked: 1 }, Some(mac), again),
                State::Probe { asked } if asked < limits::SOLICITS => {
                    (State::Probe { asked: asked + 1 }, Some(mac), again)
                }
                State::Probe { .. } => backed_off(again),
                // Nobody sends to it: it is asked for no more, and tried anew when somebody does.
                State::Unreachable { .. } if !std::mem::take(&mut neighbor.used) => {
                    neighbor.state = State::Stale;
                    continue;
                }
                State::Unreachable { interval } => backed_off(interval),
                State::Reachable { .. } | State::Stale => continue,
            };
            let was_probed = matches!(neighbor.state, State::Probe { .. });
            neighbor.state = state;
            self.timers.set(neighbor.timer, now + wait);
            outbox.solicit(neighbor.address, station);
            // RFC 4861 §7.3.3: whoever sends to it is to look whether there is another way.
            if was_probed && matches!(state, State::Unreachable { .. }) {
                self.entries.rename(index);
            }
            // What it says next is looked at: it is there again.
            if matches!(state, State::Unreachable { .. }) {
                self.remember_last(Address::default(), Mac::default());
            }
        }
    }

    /// Gives back every parked packet: the end of the stack.
    pub fn clear(&mut self) -> impl Iterator<Item = Block> {
        (0..self.entries.positions())
            .filter_map(|index| self.entries.at_mut(index).map(|neighbor| std::mem::take(&mut neighbor.parked)))
            .flatten()
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[inline]
    fn find(&self, address: Address) -> Option<u32> {
        let same = |index: &u32| self.entries.at(*index).is_some_and(|neighbor| neighbor.address == address);
        self.index.find(self.key.hash(address), same).copied()
    }

    fn ask(&mut self, address: Address, outbox: &mut Outbox, now: Instant) -> Unresolved {
        if self.incomplete >= limits::NEIGHBORS_INCOMPLETE {
            return Unresolved::TooMany;
        }
        let Some(id) = self.insert(address, Mac::default(), State::Incomplete { asked: 1 }) else {
            return Unresolved::TooMany;
        };
        self.incomplete += 1;
        if let Some(neighbor) = self.entries.get_mut(id) {
            neighbor.used = true;
            self.timers.set(neighbor.timer, now + self.interval);
        }
        outbox.solicit(address, None);
        Unresolved::Asked(id)
    }

    /// Remembers a stranger.
    fn meet(&mut self, address: Address, mac: Mac) {
        while self.strangers.len() == limits::NEIGHBORS_STRANGERS || self.entries.is_full() {
            let Some(oldest) = self.strangers.pop_front() else { return };
            if self.entries.get(oldest).is_some_and(|neighbor| neighbor.stranger) {
                self.remove(oldest.index());
            }
        }
        let Some(id) = self.insert(address, mac, State::Stale) else { return };
        if let Some(neighbor) = self.entries.get_mut(id) {
            neighbor.stranger = true;
        }
        self.strangers.push_back(id);
        self.remember_last(address, mac);
    }

    fn insert(&mut self, address: Address, mac: Mac, state: State) -> Option<NeighborId> {
        if self.entries.is_full() {
            self.evict();
        }
        let timer = self.timers.add(NeighborIndex(0))?;
        let neighbor = Neighbor { address, mac, state, used: false, stranger: false, timer, parked: ArrayVec::new() };
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
        if let Some((_, index)) = least {
            self.remove(index);
        }
    }

    /// Forgets a neighbour that does not answer, and what waits for it.
    fn forget(&mut self, index: u32, outbox: &mut Outbox) {
        let Some(neighbor) = self.entries.at_mut(index) else { return };
        if matches!(neighbor.state, State::Incomplete { .. }) {
            self.incomplete -= 1;
            self.settled = true;
        }
        for block in neighbor.parked.drain(..) {
            deliver(outbox, Outgoing::GiveUp(block));
        }
        self.remove(index);
    }

    fn remove(&mut self, index: u32) {
        let Some(id) = self.entries.id_at(index) else { return };
        let Some(neighbor) = self.entries.remove(id) else { return };
        self.remember_last(Address::default(), Mac::default());
        self.timers.remove(neighbor.timer);
        if let Ok(found) = self.index.find_entry(self.key.hash(neighbor.address), |at| *at == index) {
            found.remove();
        }
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

/// RFC 4861 §6.3.2: between 0.5 and 1.5 times the base, so that hosts do not probe in step.
fn spread(base: Duration, random: &mut Random) -> Duration {
    base / 2 + Duration::from_nanos(random.below(base.as_nanos() as u64))
}

/// RFC 7048 §3: everybody is asked next, and then less and less often.
fn backed_off(last: Duration) -> (State, Option<Mac>, Duration) {
    let interval = (last * limits::SOLICIT_BACKOFF).min(limits::SOLICIT_INTERVAL_MOST);
    (State::Unreachable { interval }, None, interval)
}

/// Hands on what was parked.
fn deliver(outbox: &mut Outbox, outgoing: Outgoing) {
    let pushed = outbox.push(outgoing);
    // The spine empties the outbox after every call, and it holds more than one neighbour's packets.
    assert!(pushed.is_ok(), "the outbox has room for one neighbour's packets");
}
