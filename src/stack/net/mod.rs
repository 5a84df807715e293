//! Everything below the transport layer: the device, the pool, the link, the internet. The only place that transmits.

pub(in crate::stack) mod addresses;
mod auto;
mod burst;
mod cut;
mod down;
mod fragments;
mod lease;
pub(in crate::stack) mod multicast;
mod up;
mod ways;

pub(in crate::stack) use down::Sent;
pub use down::Transmitted;
pub(in crate::stack) use up::{Arrived, Up};

use std::io;

use self::addresses::{Addresses, Role};
use self::burst::Burst;
use super::journal::{Event, Journal};
use super::notice::Change;
use super::storage::Finished;
use super::{Config, ConfigError};
use crate::application::{DeskId, Largest};
use crate::base::address::{Address, Cidr, Family};
use crate::base::counters::{Counters, Dropped};
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{Block, Frame, Pool};
use crate::device::{Capabilities, Device, Received};
use crate::internet::error::Limiter;
use crate::internet::multicast::Memberships;
use crate::internet::output::Identifications;
use crate::internet::path_mtu::{PathMtu, PathMtus};
use crate::internet::reassembly::Reassembly;
use crate::internet::redirect::Redirects;
use crate::internet::route::Routes;
use crate::link::interface::Interface;
use crate::link::neighbors::Neighbors;
use crate::link::outbox::Outbox;
use crate::link::vlan::Vlan;
use crate::link::{arp, rarp, vlan};
use crate::wire;

/// The lower half of a stack.
pub(in crate::stack) struct Net<D> {
    pub(in crate::stack) device: D,
    pub(in crate::stack) pool: Pool,
    pub(in crate::stack) interface: Interface,
    pub(in crate::stack) counters: Counters,
    /// What services may write.
    pub(in crate::stack) largest: Largest,
    capabilities: Capabilities,
    neighbors: Neighbors,
    routes: Routes,
    repeated: arp::Repeated,
    rarp: rarp::Server,
    addresses: Addresses,
    memberships: Memberships,
    limiter: Limiter,
    identifications: Identifications,
    paths: PathMtus,
    redirects: Redirects,
    reassembly: Reassembly,
    outbox: Outbox,
    burst: Burst,
    vlan: Option<Vlan>,
    journal: Option<Box<dyn Journal>>,
    /// Why the device refused a frame, the last time that it did.
    pub(in crate::stack) refusal: Option<io::Error>,
    now: Instant,
}

impl<D: Device> Net<D> {
    pub(in crate::stack) fn new(
        device: D,
        config: &Config,
        role: Role,
        random: &mut Random,
    ) -> Result<Net<D>, ConfigError> {
        let capabilities = device.capabilities();
        let mut interface = Interface::new(config.mac, capabilities.mtu);
        let mut routes = Routes::default();
        let link_local = Cidr::new(Address::link_local(config.mac), 64)
            .filter(|own| capabilities.mtu >= wire::ipv6::MINIMUM_MTU && !config.addresses.contains(own));
        let mut addresses = Addresses::new(config, role, capabilities.mtu, random);
        for own in config.addresses.iter().copied().chain(link_local) {
            if !interface.add(own, addresses.begin(own.address())) {
                return Err(ConfigError::Address(own));
            }
            if !routes.add(own, None) {
                return Err(ConfigError::Route(own.address()));
            }
        }
        for gateway in &config.gateways {
            if !routes.add_default(*gateway) {
                return Err(ConfigError::Route(*gateway));
            }
        }
        let mut rarp = rarp::Server::default();
        for (station, address) in &config.rarp {
            if !rarp.add(*station, *address) {
                return Err(ConfigError::Rarp(*station));
            }
        }
        Ok(Net {
            device,
            largest: Largest { v4: wire::udp::LARGEST_V4, v6: wire::udp::LARGEST_V6 },
            pool: Pool::new(config.memory),
            interface,
            counters: Counters::default(),
            capabilities,
            neighbors: Neighbors::new(random),
            routes,
            repeated: arp::Repeated::default(),
            rarp,
            addresses,
            memberships: Memberships::new(multicast::voice(config, role), random),
            limiter: Limiter::new(random),
            identifications: Identifications::new(random),
            paths: PathMtus::new(random),
            redirects: Redirects::new(random),
            reassembly: Reassembly::new(random),
            outbox: Outbox::default(),
            burst: Burst::default(),
            vlan: config.vlan,
            journal: None,
            refusal: None,
            now: Instant::ZERO,
        })
    }

    pub(in crate::stack) fn keep_journal(&mut self, journal: Box<dyn Journal>) {
        self.journal = Some(journal);
    }

    pub(in crate::stack) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    #[inline]
    pub(in crate::stack) fn mtu_of(&self, family: Family) -> usize {
        self.interface.mtu_of(family)
    }

    /// What the whole way to a destination takes.
    #[inline]
    pub(in crate::stack) fn path_mtu(&self, destination: Address) -> PathMtu {
        let link = PathMtu::of_link(self.mtu_of(destination.family()));
        // Nearly always nothing is known of any.
        if self.paths.is_empty() { link } else { self.known_path(destination, link) }
    }

    #[inline]
    fn known_path(&self, destination: Address, link: PathMtu) -> PathMtu {
        self.paths.find(destination).filter(|path| path.mtu < link.mtu).unwrap_or(link)
    }

    /// A router tells that a packet of `length` bytes was too big, and who caused it believes that.
    pub(in crate::stack) fn shrink_path(
        &mut self,
        destination: Address,
        told: u32,
        length: usize,
    ) -> Result<(), Dropped> {
        self.paths.shrink(destination, told, length, self.mtu_of(destination.family()), self.now)
    }

    /// Packets vanish on the path to a destination, and nobody tells why.
    #[cold]
    pub(in crate::stack) fn suspect_path(&mut self, destination: Address) -> bool {
        let suspected = self.paths.suspect(destination, self.mtu_of(destination.family()), self.now);
        self.counters.paths_suspected += u64::from(suspected);
        suspected
    }

    /// A larger packet was tried on the path to a destination: one of this length arrived, or none.
    #[cold]
    pub(in crate::stack) fn judge_path(&mut self, destination: Address, taken: Option<usize>) {
        self.paths.tried(destination, taken, self.mtu_of(destination.family()), self.now);
    }

    pub(in crate::stack) fn now(&self) -> Instant {
        self.now
    }

    /// A turn begins.
    pub(in crate::stack) fn begin(&mut self, now: Instant) {
        self.now = now;
        self.device.turn(now);
        self.note(|| Event::Turn(now));
    }

    /// What the device received is to be taken in now: what of it there is to take in.
    // Always inlined: where the device says what it is that came, nobody asks again.
    #[inline(always)]
    pub(in crate::stack) fn came(&mut self, received: Received, frame: &mut Frame) -> Received {
        match received {
            Received::Nothing => return received,
            Received::Frame => {
                self.counters.bytes_received += frame.len() as u64;
                self.note(|| Event::Frame { bytes: frame.bytes(), offload: frame.offload });
            }
            Received::Refused(why) => self.note(|| Event::Refused(why)),
        }
        self.counters.frames_received += 1;
        match self.vlan {
            Some(own) if received == Received::Frame => {
                vlan::input(frame, own).map_or_else(Received::Refused, |()| received)
            }
            _ => received,
        }
    }

    /// A frame that another shard received for us, to be taken in like one of our own.
    pub(in crate::stack) fn handed_over(&mut self, block: &Block, frame: &mut Frame) {
        let given = block.frame();
        frame.fill(given.bytes(), given.offload);
        self.counters.bytes_copied += frame.len() as u64;
        self.counters.frames_taken_over += 1;
        self.note(|| Event::HandedOver { bytes: frame.bytes(), offload: frame.offload });
        if let Some(own) = self.vlan {
            // Whoever received it looked at the tag.
            let _ = vlan::input(frame, own);
        }
    }

    /// Makes a frame what it was when it came, for another shard.
    pub(in crate::stack) fn as_received(&self, frame: &mut Frame) {
        if let Some(own) = self.vlan.filter(|_| !vlan::is_tagged(frame.bytes())) {
            vlan::restore(frame, own);
        }
    }

    /// The shard that leads decided something.
    pub(in crate::stack) fn heard_of(&mut self, change: Change) {
        self.note(|| Event::Changed(change));
        self.follow(change);
    }

    /// A block of our pool came home.
    pub(in crate::stack) fn take_back(&mut self, block: Block) {
        self.note(|| Event::Returned);
        self.pool.release(block);
    }

    /// A storage thread answered.
    pub(in crate::stack) fn note_done(&mut self, finished: &Finished) {
        let (ticket, result, data) = (finished.ticket, &finished.result, finished.data());
        self.note(|| Event::Done { ticket, result, data });
    }

    /// Somebody rang for a service of datagrams.
    pub(in crate::stack) fn note_rung(&mut self, desk: DeskId) {
        self.note(|| Event::Rung(desk));
    }

    /// When [`Net::fire_timers`] is due.
    pub(in crate::stack) fn deadline(&self) -> Option<Instant> {
        let fragments = self.reassembly.deadline();
        let rest = self.addresses.deadline().into_iter().chain(fragments).chain(self.memberships.deadline());
        self.neighbors.deadline().into_iter().chain(rest).min()
    }

    /// Does what is due.
    pub(in crate::stack) fn fire_timers(&mut self) {
        if self.addresses.is_due(self.now) {
            self.see_to_addresses();
        }
        if self.reassembly.deadline().is_some_and(|due| due <= self.now) {
            self.expire_fragments();
        }
        self.see_to_groups();
        self.paths.on_time(self.now);
        self.redirects.on_time(self.now);
        self.neighbors.spread_again(&mut self.addresses.random, self.now);
        self.neighbors.on_timer(&mut self.outbox, self.now);
        self.empty_outbox();
    }

    #[inline]
    fn count(&mut self, sent: Result<(), Dropped>) {
        if let Err(why) = sent {
            self.counters.drop_unsent(why);
        }
    }

    /// The event is made only when somebody notes it: building one for nobody costs as much as parsing a frame.
    #[inline]
    fn note<'a>(&mut self, event: impl FnOnce() -> Event<'a>) {
        if let Some(journal) = &mut self.journal {
            journal.note(event());
        }
    }
}

impl<D> Net<D> {
    /// Gives the memory of parked packets back: the end of the stack.
    pub(in crate::stack) fn clear(&mut self) {
        self.reassembly.clear(&mut self.pool);
        for block in self.neighbors.clear() {
            self.pool.release(block);
        }
        debug_assert!(std::thread::panicking() || self.outbox.is_empty(), "the outbox was emptied");
    }
}
