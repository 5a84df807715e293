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
//! **Bounds.** `limits::NEIGHBORS_INCOMPLETE` bounds what a scan can have in resolution. Each entry parks few packets, all of
//! them within the pool's quota. How many are remembered, and who is forgotten for another, is told in `table`.

mod table;

pub use table::Neighbor;

use std::time::Duration;

use self::table::{State, Table};
use super::outbox::{Outbox, Outgoing};
use crate::base::address::{Address, Mac};
use crate::base::limits;
use crate::base::random::Random;
use crate::base::slab::Id;
use crate::base::time::Instant;
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

/// The neighbour cache.
pub struct Neighbors {
    table: Table,
    incomplete: usize,
    /// BaseReachableTime, what it was spread to, and until when that holds (RFC 4861 §6.3.4).
    base: Duration,
    reachable: Duration,
    spread_until: Instant,
    /// RetransTimer (RFC 4861 §6.3.2).
    interval: Duration,
    /// Whether one that was asked for was found or given up.
    settled: bool,
}

/// Names what was heard last: as long as nothing else is, its name stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard(u32);

impl Neighbors {
    /// An empty cache.
    pub fn new(random: &mut Random) -> Neighbors {
        Neighbors {
            table: Table::new(random),
            incomplete: 0,
            settled: false,
            base: limits::REACHABLE,
            reachable: spread(limits::REACHABLE, random),
            spread_until: Instant::ZERO + limits::REACHABLE_SPREAD,
            interval: limits::SOLICIT_INTERVAL,
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
        self.table.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The station of a neighbour to whom a packet is to be sent now. Who is not known is asked for.
    pub fn resolve(&mut self, address: Address, outbox: &mut Outbox, now: Instant) -> Result<Mac, Unresolved> {
        let Some(id) = self.table.name(address) else { return Err(self.ask(address, outbox, now)) };
        self.station(id, now).ok_or(Unresolved::Asked(id))
    }

    /// The station of a neighbour by its name, as [`Neighbors::resolve`] would tell it; `None` when it is forgotten, or
    /// not known yet.
    #[inline]
    pub fn station(&mut self, id: NeighborId, now: Instant) -> Option<Mac> {
        let neighbor = self.table.get_mut(id)?;
        (neighbor.used, neighbor.stranger) = (true, false);
        match neighbor.state {
            State::Incomplete { .. } => None,
            State::Reachable { until } if now < until => Some(neighbor.mac),
            State::Reachable { .. } | State::Stale => {
                neighbor.state = State::Delay;
                let (mac, timer) = (neighbor.mac, neighbor.timer);
                self.table.set_timer(timer, now + limits::DELAY_FIRST_PROBE);
                Some(mac)
            }
            State::Delay | State::Probe { .. } | State::Unreachable { .. } => Some(neighbor.mac),
        }
    }

    /// The name of a neighbour, while it is remembered.
    pub fn name(&self, address: Address) -> Option<NeighborId> {
        self.table.name(address)
    }

    /// Whether what is sent to a neighbour would reach it.
    pub fn reach(&self, address: Address) -> Reach {
        match self.table.of(address).map(|neighbor| neighbor.state) {
            None => Reach::Unknown,
            Some(State::Incomplete { .. } | State::Unreachable { .. }) => Reach::Unlikely,
            Some(State::Reachable { .. } | State::Stale | State::Delay | State::Probe { .. }) => Reach::Likely,
        }
    }

    /// Whether a neighbour of whom nothing is known is being asked for.
    pub fn is_asked(&self, address: Address) -> bool {
        self.table.of(address).is_some_and(|neighbor| matches!(neighbor.state, State::Incomplete { .. }))
    }

    /// Something would have been sent to a neighbour if it were reachable: it is asked for on, less and less often.
    pub fn miss(&mut self, address: Address) {
        if let Some(neighbor) = self.table.of_mut(address) {
            neighbor.used = true;
        }
    }

    /// Lets those who send through a neighbour look for their way anew.
    pub fn rename(&mut self, address: Address) {
        self.table.rename(address);
    }

    /// Whether a neighbour is known to be at this station.
    pub fn is_at(&self, address: Address, mac: Mac) -> bool {
        self.table.of(address).is_some_and(|neighbor| neighbor.mac == mac)
    }

    /// Whether it is remembered, or asked for.
    pub fn remembers(&self, id: NeighborId) -> bool {
        self.table.get(id).is_some()
    }

    /// Whether one that was asked for was found, or given up, since this was asked last.
    pub fn has_settled(&mut self) -> bool {
        std::mem::take(&mut self.settled)
    }

    /// Lets a packet wait for the answer of its neighbour; gives it back when enough wait.
    pub fn park(&mut self, id: NeighborId, block: Block) -> Result<(), Block> {
        match self.table.get_mut(id) {
            Some(neighbor) if neighbor.parked.len() < limits::PARKED_A_NEIGHBOR => {
                neighbor.parked.push(block);
                Ok(())
            }
            _ => Err(block),
        }
    }

    /// Whether this neighbour, at this station, is the one that was heard last.
    #[inline]
    pub fn knows(&self, address: Address, mac: Mac) -> bool {
        self.table.knows(address, mac)
    }

    /// The name of what was heard last.
    #[inline]
    pub fn heard(&self) -> Heard {
        self.table.heard()
    }

    /// Takes in what was heard of a neighbour (RFC 4861 §7.2.3, §7.2.5).
    pub fn learn(&mut self, address: Address, mac: Mac, evidence: Evidence, outbox: &mut Outbox, now: Instant) {
        let Some(neighbor) = self.table.of_mut(address) else {
            if evidence == Evidence::Asked {
                self.table.meet(address, mac);
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
            Evidence::Asked | Evidence::Overheard => return self.table.remember_last(address, mac),
            Evidence::OverheardWithoutOverride if was_incomplete => State::Stale,
            Evidence::OverheardWithoutOverride => return,
        };
        (neighbor.mac, neighbor.state) = (mac, state);
        let timer = neighbor.timer;
        if was_incomplete {
            self.incomplete -= 1;
            self.settled = true;
            for block in std::mem::take(&mut neighbor.parked) {
                deliver(outbox, Outgoing::Deliver(block, mac));
            }
        }
        self.table.set_timer(timer, Instant::NEVER);
        self.table.remember_last(address, mac);
    }

    /// Takes in that a neighbour answers, as an advertisement without an address says, or progress above (RFC 4861 §7.3.1).
    #[inline]
    pub fn confirm(&mut self, id: NeighborId, now: Instant) {
        let Some(neighbor) = self.table.get_mut(id) else { return };
        let reachable = State::Reachable { until: now + self.reachable };
        match std::mem::replace(&mut neighbor.state, reachable) {
            asked @ State::Incomplete { .. } => neighbor.state = asked,
            State::Reachable { .. } | State::Stale => {}
            State::Delay | State::Probe { .. } | State::Unreachable { .. } => {
                let timer = neighbor.timer;
                self.table.set_timer(timer, Instant::NEVER);
            }
        }
    }

    /// When [`Neighbors::on_timer`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.table.deadline()
    }

    /// Asks again, or gives up, where the time has come.
    #[inline]
    pub fn on_timer(&mut self, outbox: &mut Outbox, now: Instant) {
        if self.table.is_due(now) {
            self.see_to_due(outbox, now);
        }
    }

    #[inline(never)]
    fn see_to_due(&mut self, outbox: &mut Outbox, now: Instant) {
        // One neighbour that is given up needs room for all that is parked with it.
        while outbox.room() > limits::PARKED_A_NEIGHBOR {
            let Some(id) = self.table.expire(now) else { return };
            let Some(neighbor) = self.table.get_mut(id) else { continue };
            let (mac, again) = (neighbor.mac, self.interval);
            let (state, station, wait) = match neighbor.state {
                State::Incomplete { asked } if asked < limits::SOLICITS => {
                    (State::Incomplete { asked: asked + 1 }, None, again)
                }
                State::Incomplete { .. } => {
                    self.forget(id, outbox);
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
            let (address, timer) = (neighbor.address, neighbor.timer);
            self.table.set_timer(timer, now + wait);
            outbox.solicit(address, station);
            // RFC 4861 §7.3.3: whoever sends to it is to look whether there is another way.
            if was_probed && matches!(state, State::Unreachable { .. }) {
                self.table.rename(address);
            }
            // What it says next is looked at: it is there again.
            if matches!(state, State::Unreachable { .. }) {
                self.table.forget_last();
            }
        }
    }

    /// Gives back every parked packet: the end of the stack.
    pub fn clear(&mut self) -> impl Iterator<Item = Block> {
        self.table.take_parked()
    }

    fn ask(&mut self, address: Address, outbox: &mut Outbox, now: Instant) -> Unresolved {
        if self.incomplete >= limits::NEIGHBORS_INCOMPLETE {
            return Unresolved::TooMany;
        }
        let Some(id) = self.table.insert(address, Mac::default(), State::Incomplete { asked: 1 }) else {
            return Unresolved::TooMany;
        };
        self.incomplete += 1;
        if let Some(neighbor) = self.table.get_mut(id) {
            neighbor.used = true;
            let timer = neighbor.timer;
            self.table.set_timer(timer, now + self.interval);
        }
        outbox.solicit(address, None);
        Unresolved::Asked(id)
    }

    /// Forgets a neighbour that does not answer, and what waits for it.
    fn forget(&mut self, id: NeighborId, outbox: &mut Outbox) {
        let Some(neighbor) = self.table.get_mut(id) else { return };
        if matches!(neighbor.state, State::Incomplete { .. }) {
            self.incomplete -= 1;
            self.settled = true;
        }
        for block in std::mem::take(&mut neighbor.parked) {
            deliver(outbox, Outgoing::GiveUp(block));
        }
        self.table.remove(id);
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
