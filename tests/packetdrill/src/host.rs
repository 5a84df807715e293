//! The host under test: a stack on a wire in memory, and virtual time.

use std::io::{self, ErrorKind};
use std::time::Duration;

use taphouse::base::time::Instant;
use taphouse::device::{Capabilities, Memory};
use taphouse::stack::{Config, Stack};

use crate::buffers::Cause;
use crate::clock::{Shared, Turn};
use crate::descriptors::Descriptors;
use crate::link::{Link, OWN};
use crate::wire::Wire;

/// Largest IP packet of the link.
const MTU: usize = 1500;
/// Networks of the host, of both families, and their routers. `scripts/packetdrill` tells packetdrill the same.
const ADDRESSES: [&str; 2] = ["192.168.0.2/16", "fd3d:fa7b:d17d:8888::2/64"];
const GATEWAYS: [&str; 2] = ["192.168.0.1", "fd3d:fa7b:d17d:8888::1"];
/// What a look at the clock takes: packetdrill spins on it.
const LOOK: Duration = Duration::from_micros(1);
/// How long packetdrill waits for a packet that does not come.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// What one thread sees at a time.
pub(crate) struct Inner {
    pub(crate) stack: Stack<Wire>,
    pub(crate) now: Instant,
    pub(crate) descriptors: Descriptors,
    link: Link,
    /// When a blocked call gives up.
    alarm: Option<Instant>,
}

/// The host.
pub(crate) struct Host {
    shared: Shared<Inner>,
}

/// Whether a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It may not.
    Never,
    /// As long as it takes.
    Forever,
    /// Until then it may.
    Until(Instant),
}

impl Host {
    pub(crate) fn new() -> Host {
        let capabilities = Capabilities::plain(MTU);
        let (own, other) = Memory::pair(capabilities);
        let addresses = ADDRESSES.map(|text| text.parse().expect("an address"));
        let config = Config {
            gateways: GATEWAYS.map(|text| text.parse().expect("an address")).to_vec(),
            ..Config::new(OWN, &addresses, [7; 16])
        };
        let stack = Stack::new(Wire::new(own), &config).expect("few addresses and routers");
        // Far from the origin: a connection may have begun before the script did.
        let now = Instant::ZERO + Duration::from_secs(1_000_000);
        let (descriptors, link) = (Descriptors::default(), Link::new(other));
        let inner = Inner { stack, now, descriptors, link, alarm: None };
        Host { shared: Shared::new(inner) }
    }

    /// Does what a call asks; what cannot be done yet is tried again as long as it may wait.
    pub(crate) fn call<R>(
        &self,
        wait: impl FnOnce(&mut Inner) -> Wait,
        mut work: impl FnMut(&mut Inner) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut turn = self.shared.lock();
        turn.get().run();
        let wait = wait(turn.get());
        if let Wait::Until(until) = wait {
            turn.get().alarm = Some(until);
        }
        let result = turn.block(|inner| {
            let result = work(inner);
            inner.run();
            let blocked = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            let over = match wait {
                Wait::Never => true,
                Wait::Forever => false,
                Wait::Until(until) => inner.now >= until,
            };
            (!blocked || over).then_some(result)
        });
        turn.settle();
        result
    }

    /// A packet comes.
    pub(crate) fn send(&self, packet: &[u8]) {
        let mut turn = self.shared.lock();
        let Inner { link, descriptors, stack, .. } = turn.get();
        if let Some((peer, selective)) = link.selective(packet) {
            descriptors.hear(peer, &selective, stack);
        }
        link.send(packet);
        turn.get().run();
        turn.settle();
    }

    /// The next packet that leaves, and when it did; time goes on until there is one.
    pub(crate) fn receive(&self) -> Option<(Instant, Vec<u8>)> {
        let mut turn = self.shared.lock();
        let until = turn.get().now + PATIENCE;
        while !turn.get().link.has_sent() && turn.get().now < until {
            step(&mut turn, until);
        }
        turn.get().link.take()
    }

    /// Time goes on.
    pub(crate) fn sleep(&self, time: Duration) {
        let mut turn = self.shared.lock();
        let until = turn.get().now + time;
        while turn.get().now < until {
            step(&mut turn, until);
        }
    }

    /// What time it is.
    pub(crate) fn look(&self) -> Instant {
        if !self.shared.note_return() {
            self.sleep(LOOK);
        }
        self.shared.lock().get().now
    }
}

/// Time goes on until something is due, and it is done; at the latest until then.
fn step(turn: &mut Turn<'_, Inner>, until: Instant) {
    let inner = turn.get();
    let due = inner.stack.deadline().into_iter().chain(inner.alarm).min().unwrap_or(until);
    // Time never stands still, or what is due again and again would stop it.
    inner.now = due.max(inner.now + Duration::from_nanos(1)).min(until);
    if inner.alarm.is_some_and(|alarm| alarm <= inner.now) {
        inner.alarm = None;
    }
    inner.run_for(Cause::Timer);
    turn.settle();
}

impl Inner {
    /// The stack does what there is to do now.
    pub(crate) fn run(&mut self) {
        self.run_for(Cause::Event);
    }

    fn run_for(&mut self, cause: Cause) {
        let Inner { stack, descriptors, link, now, .. } = self;
        loop {
            let turn = stack.turn(*now).expect("memory does not fail");
            let answered = link.drain(*now, &mut |peer, range| descriptors.leave(peer, range, cause, stack));
            if !turn.more && !answered {
                break;
            }
        }
        descriptors.observe(stack);
    }
}
