//! Whether somebody else has an address of ours: asking before it is used, and defending it after (RFC 5227).
//!
//! # Theory of operation
//!
//! ```text
//!            a moment            n questions, then silence         told to all
//!   Waiting ─────────▶ Probing ────────────────────────────▶ Ours ─────────────▶ Ours
//!                         │ somebody has it, or wants it too    │ somebody claims it
//!                         ▼                                     ▼
//!                     given up                              defended, now and then
//! ```
//!
//! Duplicate address detection for IPv6 (RFC 4862 §5.4) goes the same way with other numbers, so both are claims here,
//! each in a [`Manner`]; what is sent, and what counts as a conflict, their own protocols know.
//!
//! Who has an address keeps it: of the three ways of RFC 5227 §2.4, this is (c), for hosts whose address others rely on.
//! With (b) two forged packets within ten seconds would take any address from us.

use std::time::Duration;

use arrayvec::ArrayVec;

use super::outbox::{Outbox, Outgoing};
use crate::base::address::Address;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;

/// Tells our own question from another's when the wire brings it back (RFC 7527 §4.1).
pub type Nonce = [u8; 6];

/// How a family finds out.
#[derive(Debug)]
pub struct Manner {
    /// The longest wait before the first question, so that hosts that start together do not ask together.
    pub delay: Duration,
    /// How many questions.
    pub probes: u8,
    /// The shortest time between two of them, and the longest.
    pub between: (Duration, Duration),
    /// How long the last question may be answered.
    pub silence: Duration,
    /// How often all are told that the address is ours.
    pub announcements: u8,
}

/// RFC 5227 §1.1: PROBE_WAIT, PROBE_NUM, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT, ANNOUNCE_NUM.
pub const ARP: Manner = Manner {
    delay: Duration::from_secs(1),
    probes: 3,
    between: (Duration::from_secs(1), Duration::from_secs(2)),
    silence: Duration::from_secs(2),
    announcements: 2,
};

/// What becomes of an address that somebody else claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// We came later, and give it up.
    Lost,
    /// It is ours, and all are told so.
    Defended,
    /// It is ours, and all were told so a moment ago; or it was our own question that came back.
    Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Probing { left: u8 },
    Ours { announcements: u8 },
}

struct Claim {
    address: Address,
    manner: &'static Manner,
    phase: Phase,
    due: Instant,
    nonce: Nonce,
    /// Whether our question came back before.
    looped: bool,
    defended: Option<Instant>,
}

/// The claims to our addresses.
pub struct Claims {
    claims: ArrayVec<Claim, { limits::OWN_ADDRESSES }>,
    random: Random,
}

impl Claims {
    /// No claims.
    pub fn new(random: &mut Random) -> Claims {
        let [a, b] = [random.next_u64(), random.next_u64()];
        let seed = (u128::from(a) << 64 | u128::from(b)).to_be_bytes();
        Claims { claims: ArrayVec::new(), random: Random::new(seed) }
    }

    /// Asks, from the next call of [`Claims::on_timer`] on, whether anybody has an address. False when there is no room.
    pub fn probe(&mut self, address: Address, manner: &'static Manner) -> bool {
        self.add(address, manner, Phase::Waiting, Instant::ZERO)
    }

    /// Defends an address without asking first. False when there is no room.
    pub fn hold(&mut self, address: Address, manner: &'static Manner) -> bool {
        self.add(address, manner, Phase::Ours { announcements: 0 }, Instant::NEVER)
    }

    fn add(&mut self, address: Address, manner: &'static Manner, phase: Phase, due: Instant) -> bool {
        let nonce = Nonce::default();
        let claim = Claim { address, manner, phase, due, nonce, looped: false, defended: None };
        self.claims.try_push(claim).is_ok()
    }

    /// An address is ours no more, and no claim of ours.
    pub fn give_up(&mut self, address: Address) {
        self.claims.retain(|claim| claim.address != address);
    }

    /// When [`Claims::on_timer`] is due.
    pub fn deadline(&self) -> Instant {
        self.claims.iter().map(|claim| claim.due).min().unwrap_or(Instant::NEVER)
    }

    /// Asks and tells what is due. Returns an address that is ours from now on; to be called again until there is none.
    pub fn on_timer(&mut self, outbox: &mut Outbox, now: Instant) -> Option<Address> {
        let Claims { claims, random } = self;
        claims.iter_mut().filter(|claim| claim.due <= now).find_map(|claim| claim.step(random, outbox, now))
    }

    /// Somebody else claims an address, or asks for it under this nonce. `None` when it is no claim of ours.
    pub fn conflict(
        &mut self,
        address: Address,
        nonce: Option<Nonce>,
        outbox: &mut Outbox,
        now: Instant,
    ) -> Option<Outcome> {
        let index = self.claims.iter().position(|claim| claim.address == address)?;
        let claim = &mut self.claims[index];
        match claim.phase {
            Phase::Probing { .. } if nonce == Some(claim.nonce) => {
                claim.comes_back();
                Some(Outcome::Kept)
            }
            Phase::Waiting | Phase::Probing { .. } => {
                self.claims.remove(index);
                Some(Outcome::Lost)
            }
            Phase::Ours { .. } if claim.defended.is_some_and(|at| now.since(at) < limits::DEFEND_INTERVAL) => {
                Some(Outcome::Kept)
            }
            Phase::Ours { .. } => {
                claim.defended = Some(now);
                outbox.tell(Outgoing::Announce(address));
                Some(Outcome::Defended)
            }
        }
    }
}

impl Claim {
    /// Does what is due; returns the address when it becomes ours.
    fn step(&mut self, random: &mut Random, outbox: &mut Outbox, now: Instant) -> Option<Address> {
        let mut up_to = |least: Duration, most: Duration| {
            least + Duration::from_nanos(random.below((most - least).as_nanos() as u64))
        };
        let Manner { delay, probes, between, silence, announcements } = *self.manner;
        let (phase, due) = match self.phase {
            Phase::Waiting => (Phase::Probing { left: probes }, now + up_to(Duration::ZERO, delay)),
            Phase::Probing { left: 0 } => {
                self.phase = Phase::Ours { announcements };
                self.due = if announcements > 0 { now } else { Instant::NEVER };
                return Some(self.address);
            }
            Phase::Probing { left } => {
                let wait = if left == 1 { silence } else { up_to(between.0, between.1) };
                self.nonce = *random.next_u64().to_be_bytes().first_chunk().expect("eight bytes begin with six");
                outbox.tell(Outgoing::Probe { target: self.address, nonce: self.nonce });
                (Phase::Probing { left: left - 1 }, now + wait)
            }
            Phase::Ours { announcements } => {
                outbox.tell(Outgoing::Announce(self.address));
                let left = announcements.saturating_sub(1);
                let due = if left > 0 { now + limits::ANNOUNCE_INTERVAL } else { Instant::NEVER };
                (Phase::Ours { announcements: left }, due)
            }
        };
        (self.phase, self.due) = (phase, due);
        None
    }

    /// RFC 7527 §4.2: on a wire that brings our question back we ask some more, so that an answer is not missed; but only
    /// once, or who repeats what he hears could hold us off for ever.
    fn comes_back(&mut self) {
        if !std::mem::replace(&mut self.looped, true) {
            self.phase = Phase::Probing { left: limits::SOLICITS };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: Address = Address::from_v4([10, 77, 0, 2]);

    /// Runs the claim until nothing is due; what it sent, and when the address became ours.
    fn run(seed: [u8; 16]) -> (Vec<(Instant, bool)>, Instant) {
        let (mut outbox, mut now, mut ours) = (Outbox::default(), Instant::from_millis(5), Instant::NEVER);
        let mut claims = Claims::new(&mut Random::new(seed));
        assert!(claims.probe(OURS, &ARP));
        let mut sent = Vec::new();
        while claims.deadline() != Instant::NEVER {
            now = now.max(claims.deadline());
            if claims.on_timer(&mut outbox, now).is_some() {
                ours = now;
            }
            while let Some(outgoing) = outbox.pop() {
                sent.push((now, matches!(outgoing, Outgoing::Probe { .. })));
            }
        }
        (sent, ours)
    }

    proptest! {
        #[test]
        fn probes_and_announcements_keep_to_the_times_of_the_rfc(seed: [u8; 16]) {
            let (sent, ours) = run(seed);
            let probes: Vec<_> = sent.iter().map(|(_, probe)| *probe).collect();
            prop_assert_eq!(probes, vec![true, true, true, false, false]);
            let at: Vec<_> = sent.iter().map(|(at, _)| *at).collect();
            prop_assert!(at[0].since(Instant::from_millis(5)) <= ARP.delay);
            for pair in at[..3].windows(2) {
                let between = pair[1].since(pair[0]);
                prop_assert!(between >= ARP.between.0 && between <= ARP.between.1);
            }
            prop_assert_eq!((ours, at[3]), (at[2] + ARP.silence, at[2] + ARP.silence));
            prop_assert_eq!(at[4], at[3] + limits::ANNOUNCE_INTERVAL);
        }
    }

    #[test]
    fn an_address_is_defended_now_and_then() {
        let mut outbox = Outbox::default();
        let mut claims = Claims::new(&mut Random::new([1; 16]));
        assert!(claims.hold(OURS, &ARP));
        let mut outcomes = Vec::new();
        for second in 0..25 {
            outcomes.push(claims.conflict(OURS, None, &mut outbox, Instant::from_millis(1000 * second)));
        }
        let defended: Vec<_> = (0..25).filter(|second| outcomes[*second] == Some(Outcome::Defended)).collect();
        assert_eq!(defended, [0, 10, 20]);
        assert_eq!(claims.conflict(Address::BROADCAST, None, &mut outbox, Instant::ZERO), None);
    }

    #[test]
    fn our_own_question_is_no_conflict() {
        let (mut outbox, mut now) = (Outbox::default(), Instant::from_millis(5));
        let mut claims = Claims::new(&mut Random::new([1; 16]));
        assert!(claims.probe(OURS, &ARP));
        let mut asked = 0;
        loop {
            now = now.max(claims.deadline());
            let ours = claims.on_timer(&mut outbox, now);
            while let Some(outgoing) = outbox.pop() {
                if let Outgoing::Probe { nonce, .. } = outgoing {
                    asked += 1;
                    assert_eq!(claims.conflict(OURS, Some(nonce), &mut outbox, now), Some(Outcome::Kept));
                }
            }
            if ours.is_some() {
                break;
            }
        }
        assert_eq!(asked, 1 + limits::SOLICITS, "it asks some more, once");
    }
}
