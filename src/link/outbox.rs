//! What a leaf wants sent besides its answer. The spine empties it after every call.

use arrayvec::ArrayVec;

use super::conflict::Nonce;
use crate::base::address::{Address, Mac};
use crate::base::limits;
use crate::buffer::Block;

/// One thing to be done.
pub enum Outgoing {
    /// Ask who has an address: everybody, or the station that is thought to have it.
    Solicit {
        /// The address.
        target: Address,
        /// The station, when it is only asked to confirm.
        station: Option<Mac>,
    },
    /// Ask everybody whether an address that we want is free.
    Probe {
        /// The address.
        target: Address,
        /// Tells our question from others.
        nonce: Nonce,
    },
    /// Tell everybody that an address is ours.
    Announce(Address),
    /// Ask everybody for an address of ours (RFC 903).
    AskReverse,
    /// A packet that waited for its neighbour, and the neighbour.
    Deliver(Block, Mac),
    /// A packet whose neighbour did not answer.
    GiveUp(Block),
}

/// A bounded list of things to be done. It is nearly always empty, so it lies apart from what every frame touches.
#[derive(Default)]
pub struct Outbox {
    waiting: Box<ArrayVec<Outgoing, { limits::OUTBOX }>>,
}

impl Outbox {
    /// Whether there is nothing to be done.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How much more it holds.
    pub fn room(&self) -> usize {
        self.waiting.remaining_capacity()
    }

    /// Adds a solicitation; false when the outbox is full. The timer of its neighbour asks again.
    pub fn solicit(&mut self, target: Address, station: Option<Mac>) -> bool {
        self.waiting.try_push(Outgoing::Solicit { target, station }).is_ok()
    }

    /// Adds what is asked or told again if it is lost: a full outbox leaves it out.
    pub fn tell(&mut self, outgoing: Outgoing) {
        let _ = self.waiting.try_push(outgoing);
    }

    /// Adds a packet; gives it back when the outbox is full.
    pub fn push(&mut self, outgoing: Outgoing) -> Result<(), Outgoing> {
        self.waiting.try_push(outgoing).map_err(|refused| refused.element())
    }

    /// The next thing to be done.
    pub fn pop(&mut self) -> Option<Outgoing> {
        self.waiting.pop_at(0)
    }
}
