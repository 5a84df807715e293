//! Our own addresses: probed, announced, defended, given up, asked for over RARP. What routers and servers tell of them is in
//! the next room, [`super::auto`].
//!
//! One shard of a host leads: it asks, defends and decides, and the others hear what it decided as a [`Change`]. A frame
//! that contests an address is shown to all shards, so it reaches the one that leads wherever it came.

use std::collections::VecDeque;

use super::Net;
use super::auto::Auto;
use crate::base::address::{Address, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{Draft, HEADROOM, Offload};
use crate::device::Device;
use crate::internet::duplicate;
use crate::internet::ndp;
use crate::link::arp;
use crate::link::conflict::{self, Claims, Nonce, Outcome};
use crate::link::interface::Standing;
use crate::link::rarp_client::{self, Client};
use crate::stack::Config;
use crate::stack::notice::{Change, Notice, Start};
use crate::wire::arp::Packet;
use crate::wire::ethernet::EtherType;

/// Whether a shard decides on addresses, or hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stack) enum Role {
    Leads,
    Follows,
}

/// What a shard knows of our addresses besides having them.
pub(super) struct Addresses {
    start: Start,
    role: Role,
    claims: Claims,
    /// Asks until an address is known. Of those who follow, it only says that none is.
    client: Option<Client>,
    /// What the wire tells of addresses and routers; of those who follow, nothing.
    pub(super) auto: Option<Box<Auto>>,
    /// Whether routers are heard.
    pub(super) hears_routers: bool,
    /// Whether what is asked for may still come before we are ready.
    unsettled: bool,
    pub(super) random: Random,
    due: Instant,
    /// Whether it was said that every address is decided on.
    ready: bool,
    /// Whether something changed that was not told yet.
    stirred: bool,
    changes: VecDeque<Change>,
    notices: VecDeque<Notice>,
}

impl Addresses {
    pub(super) fn new(config: &Config, role: Role, mtu: usize, random: &mut Random) -> Addresses {
        let claims = Claims::new(random);
        let mut own = random.clone();
        let leads = config.auto.filter(|_| role == Role::Leads);
        Addresses {
            start: config.start,
            role,
            claims,
            client: config.ask_rarp.clone().map(Client::new),
            auto: leads.map(|secret| Box::new(Auto::new(secret, config.lease, config.mac, mtu, &mut own))),
            hears_routers: config.auto.is_some(),
            unsettled: config.auto.is_some(),
            random: own,
            due: Instant::ZERO,
            ready: false,
            stirred: true,
            changes: VecDeque::new(),
            notices: VecDeque::new(),
        }
    }

    /// Begins to claim an address; how it stands meanwhile.
    pub(super) fn begin(&mut self, address: Address) -> Standing {
        let manner = match address.family() {
            Family::V4 => &conflict::ARP,
            Family::V6 => &duplicate::NDP,
        };
        if self.role == Role::Leads {
            // There are as many places as on the interface, which says so when they are taken.
            match self.start {
                Start::AtOnce => self.claims.hold(address, manner),
                Start::Optimistic | Start::Probed => self.claims.probe(address, manner),
            };
            self.due = Instant::ZERO;
        }
        match self.start {
            Start::AtOnce => Standing::Preferred,
            Start::Optimistic => Standing::Optimistic,
            Start::Probed => Standing::Tentative,
        }
    }

    /// An address is ours no more.
    pub(super) fn give_up(&mut self, address: Address) {
        self.claims.give_up(address);
        self.due = Instant::ZERO;
    }

    /// Something may be due earlier than it was.
    pub(super) fn look_again(&mut self) {
        self.due = Instant::ZERO;
    }

    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Whether our address is being asked for.
    pub(super) fn asks(&self) -> bool {
        self.client.is_some()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.due != Instant::NEVER).then_some(self.due)
    }

    #[inline]
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        if self.notices.len() < limits::NOTICES {
            self.notices.push_back(notice);
        }
    }
}

impl<D: Device> Net<D> {
    /// Asks and tells what is due.
    #[cold]
    pub(super) fn see_to_addresses(&mut self) {
        while let Some(address) = self.addresses.claims.on_timer(&mut self.outbox, self.now) {
            let was_unused = self.interface.standing(address) == Some(Standing::Tentative);
            self.decide(Change::Preferred(address));
            if was_unused {
                self.introduce(address);
            }
            self.is_ours(address, was_unused);
        }
        let auto = self.see_to_auto();
        let Addresses { client, role, claims, random, due, .. } = &mut self.addresses;
        *due = claims.deadline().min(auto);
        if let Some(client) = client.as_mut().filter(|_| *role == Role::Leads) {
            client.on_timer(random, &mut self.outbox, self.now);
            *due = client.deadline().min(*due);
        }
    }

    /// Somebody else claims an address of ours, or asks for it under this nonce.
    #[cold]
    pub(super) fn conflict(&mut self, address: Address, station: Mac, nonce: Option<Nonce>) {
        self.counters.drop(Dropped::AddressConflict);
        match self.addresses.claims.conflict(address, nonce, &mut self.outbox, self.now) {
            Some(Outcome::Lost) => {
                self.decide(Change::Lost(address));
                self.addresses.notice(Notice::Lost { address, station });
                self.lost(address);
            }
            Some(Outcome::Defended) => self.addresses.notice(Notice::Defended { address, station }),
            // Our question that came back is asked again, and so may be due.
            Some(Outcome::Kept) | None => {}
        }
    }

    /// Takes in the answer to our question which address is ours.
    #[cold]
    pub(super) fn take_reverse_reply(&mut self, packet: &Packet) -> Result<(), Dropped> {
        let Some(client) = self.addresses.client.as_ref() else { return Err(Dropped::ArpOperation) };
        let told = client.take(packet, &self.interface)?;
        if self.addresses.role == Role::Leads {
            let standing = match self.interface.standing(told.address()) {
                Some(standing) => standing,
                None => self.addresses.begin(told.address()),
            };
            self.decide(Change::Added(told, standing));
        }
        Ok(())
    }

    /// Does what this shard decided, which the others are to hear.
    pub(super) fn decide(&mut self, change: Change) {
        self.follow(change);
        self.addresses.changes.push_back(change);
    }

    /// Does what was decided.
    pub(in crate::stack) fn follow(&mut self, change: Change) {
        match change {
            Change::Added(cidr, standing) => {
                // An address that we have already, or for which there is no room, changes nothing.
                if self.interface.add(cidr, standing) {
                    self.routes.add(cidr, None);
                }
                if cidr.address().family() == Family::V4 {
                    self.addresses.client = None;
                }
            }
            Change::Preferred(address) => self.interface.prefer(address),
            Change::Deprecated(address) => self.interface.deprecate(address),
            Change::Route(route) => {
                if !self.add_route(route) {
                    self.counters.claims_refused += 1;
                }
            }
            Change::NoRoute(route) => self.remove_route(route),
            Change::Terms(terms) => {
                self.interface.set_terms(&terms);
                self.neighbors.set_times(terms.reachable, terms.retransmit, &mut self.addresses.random);
            }
            Change::Settled => self.addresses.unsettled = false,
            Change::Lost(address) => {
                if let Some(lost) = self.interface.remove(address) {
                    self.routes.remove(lost);
                }
            }
        }
        self.addresses.stirred = true;
    }

    /// Whether [`Net::next_change`] is to be asked.
    #[inline]
    pub(in crate::stack) fn has_changed(&self) -> bool {
        self.addresses.stirred
    }

    /// What the other shards are to hear.
    pub(in crate::stack) fn next_change(&mut self) -> Option<Change> {
        let change = self.addresses.changes.pop_front();
        self.addresses.stirred = change.is_some();
        if change.is_none() {
            self.look_whether_ready();
        }
        change
    }

    fn look_whether_ready(&mut self) {
        let decided = self.interface.own().iter().all(|(_, standing)| *standing != Standing::Tentative);
        let waits = self.addresses.asks() || self.addresses.unsettled;
        if decided && !waits && !std::mem::replace(&mut self.addresses.ready, true) {
            self.addresses.notice(Notice::Ready(self.interface.addresses().to_vec()));
        }
    }

    pub(in crate::stack) fn take_notice(&mut self) -> Option<Notice> {
        self.addresses.notices.pop_front()
    }

    /// Asks whether an address that we want is free.
    pub(super) fn probe(&mut self, target: Address, nonce: Nonce) {
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        let transmitted = match target.family() {
            Family::V4 => {
                *draft.prepend() = arp::probe(&self.interface, target);
                self.frame_out(draft, &[], EtherType::ARP, Mac::BROADCAST, Offload::default())
            }
            Family::V6 => {
                let outbound = duplicate::probe(&mut draft, target, nonce);
                self.discover(draft, &outbound, None)
            }
        };
        self.count(transmitted.or_dropped());
        if self.interface.standing(target) == Some(Standing::Optimistic) {
            self.introduce(target);
        }
    }

    /// Tells routers of an address that can be used from now on (RFC 9131 §4.1).
    fn introduce(&mut self, address: Address) {
        if address.family() == Family::V4 || address.is_link_local() {
            return;
        }
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        let outbound = ndp::introduce(&mut draft, &self.interface, address);
        let transmitted = self.discover(draft, &outbound, None);
        self.count(transmitted.or_dropped());
    }

    /// Tells all that an address is ours.
    pub(super) fn announce(&mut self, address: Address) {
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        let transmitted = match address.family() {
            Family::V4 => {
                *draft.prepend() = arp::announcement(&self.interface, address);
                self.frame_out(draft, &[], EtherType::ARP, Mac::BROADCAST, Offload::default())
            }
            Family::V6 => {
                let outbound = ndp::announce(&mut draft, &self.interface, address);
                self.discover(draft, &outbound, None)
            }
        };
        self.count(transmitted.or_dropped());
    }

    /// Asks which address is ours.
    pub(super) fn ask_reverse(&mut self) {
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        *draft.prepend() = rarp_client::request(&self.interface);
        let transmitted = self.frame_out(draft, &[], EtherType::RARP, rarp_client::SERVERS, Offload::default());
        self.count(transmitted.or_dropped());
    }
}
