//! What the wire tells of our addresses and ways: routers of IPv6 here, DHCP servers in [`super::lease`].
//!
//! The shard that leads takes it in and decides; the others hear of it as [`Change`]s.

use super::Net;
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{Draft, Frame, HEADROOM};
use crate::device::Device;
use crate::internet::Packet;
use crate::internet::dhcp::{Client, Remembered};
use crate::internet::discovery::{self, Discovery};
use crate::internet::slaac::{self, Slaac};
use crate::link::interface::{Standing, Terms};
use crate::link::neighbors::Evidence;
use crate::stack::notice::{Asked, Change, Notice};
use crate::wire::ipv6;

/// Routers, and the addresses that follow from what they say.
pub(super) struct Auto {
    /// None where the link is too narrow for IPv6.
    discovery: Option<Discovery>,
    slaac: Slaac,
    pub(super) client: Client,
    /// Whether the leased address is on the interface for that, and not because it is configured, too.
    pub(super) has_added: bool,
    terms: Terms,
    /// What the user was not told of yet, and when he may be.
    untold: Untold,
    /// Until then we wait for answers before we are ready.
    patience: Instant,
}

impl Auto {
    pub(super) fn new(secret: [u8; 16], lease: Option<Remembered>, mac: Mac, mtu: usize, random: &mut Random) -> Auto {
        Auto {
            discovery: (mtu >= ipv6::MINIMUM_MTU).then(|| Discovery::new(random)),
            slaac: Slaac::new(secret, mac),
            client: Client::new(lease, random),
            has_added: false,
            terms: Terms::default(),
            untold: Untold::default(),
            patience: Instant::ZERO,
        }
    }

    fn deadline(&self) -> Instant {
        let discovery = self.discovery.as_ref().map_or(Instant::NEVER, Discovery::deadline);
        let untold = if self.untold.routers || self.untold.names { self.untold.not_before } else { Instant::NEVER };
        discovery.min(untold).min(self.slaac.deadline()).min(self.client.deadline())
    }

    /// Whether nothing that was asked for is missing.
    fn is_answered(&self) -> bool {
        self.discovery.as_ref().is_none_or(Discovery::has_router) && self.client.lease().is_some()
    }
}

#[derive(Default)]
struct Untold {
    routers: bool,
    names: bool,
    not_before: Instant,
}

impl<D: Device> Net<D> {
    /// Takes in what a router advertises. Every shard learns its station, the one that leads all the rest.
    #[cold]
    pub(super) fn take_advertisement(&mut self, packet: &Packet, frame: &Frame) -> Result<(), Dropped> {
        if !self.addresses.hears_routers {
            return Err(Dropped::NdpIgnored);
        }
        let advertisement = discovery::read(frame, packet)?;
        // RFC 4861 §6.3.4.
        if let Some(station) = discovery::station(&advertisement) {
            self.neighbors.learn(packet.source, station, Evidence::Asked, &mut self.outbox, self.now);
        }
        let now = self.now;
        let Some(Auto { discovery: Some(discovery), slaac, .. }) = self.addresses.auto.as_deref_mut() else {
            return Ok(());
        };
        self.counters.advertisements += 1;
        let mut formed = Vec::new();
        let news = discovery.hear(&advertisement, packet.source, now, |prefix| formed.extend(slaac.hear(prefix, now)));
        self.counters.claims_refused += discovery.take_refused() + slaac.take_refused();
        self.follow_routers(news);
        formed.into_iter().for_each(|news| self.follow_slaac(news));
        self.settle();
        Ok(())
    }

    /// A router says that it is none any more.
    #[cold]
    pub(super) fn demote(&mut self, router: Address) {
        let now = self.now;
        if let Some(Auto { discovery: Some(discovery), .. }) = self.addresses.auto.as_deref_mut() {
            let news = discovery.demote(router, now);
            self.follow_routers(news);
        }
    }

    /// Asks what is due, and ends what ran out. Returns when there is more to do.
    pub(super) fn see_to_auto(&mut self) -> Instant {
        let now = self.now;
        let Some(auto) = self.addresses.auto.as_deref_mut() else { return Instant::NEVER };
        if auto.patience == Instant::ZERO {
            auto.patience = now + limits::AUTO_PATIENCE;
        }
        if let Some(discovery) = &mut auto.discovery {
            let (asks, news) = discovery.on_timer(&mut self.addresses.random, now);
            self.follow_routers(news);
            if asks {
                self.ask_routers();
            }
        }
        while let Some(news) = self.addresses.auto.as_deref_mut().and_then(|auto| auto.slaac.on_timer(now)) {
            self.follow_slaac(news);
        }
        self.see_to_lease();
        self.tell_what_changed();
        self.settle();
        let Some(auto) = self.addresses.auto.as_deref() else { return Instant::NEVER };
        let patience = if self.addresses.is_unsettled() { auto.patience } else { Instant::NEVER };
        auto.deadline().min(patience)
    }

    /// When what was asked for came, or was waited for for long enough, we are ready without.
    pub(super) fn settle(&mut self) {
        self.addresses.look_again();
        let Some(auto) = self.addresses.auto.as_deref().filter(|_| self.addresses.is_unsettled()) else { return };
        if auto.is_answered() {
            return self.decide(Change::Settled);
        }
        if auto.patience <= self.now && auto.patience != Instant::ZERO {
            let routers = auto.discovery.as_ref().is_some_and(|discovery| !discovery.has_router());
            let silent = [(routers, Asked::Routers), (auto.client.lease().is_none(), Asked::Servers)];
            for (_, asked) in silent.into_iter().filter(|(is_silent, _)| *is_silent) {
                self.addresses.notice(Notice::Unanswered(asked));
            }
            self.decide(Change::Settled);
        }
    }

    fn follow_routers(&mut self, news: Vec<discovery::News>) {
        let (mut routers, mut resolvers) = (false, false);
        for news in news {
            match news {
                discovery::News::Route(route) => {
                    routers |= route.gateway.is_some();
                    self.decide(Change::Route(route));
                }
                discovery::News::NoRoute(route) => {
                    routers |= route.gateway.is_some();
                    self.decide(Change::NoRoute(route));
                }
                discovery::News::Terms(terms) => self.set_terms(|own| Terms { mtu_v4: own.mtu_v4, ..terms }),
                discovery::News::Resolvers => resolvers = true,
            }
        }
        self.changed(routers, resolvers);
    }

    /// Other routers, or names, are told than before: says so, but not too often.
    pub(super) fn changed(&mut self, routers: bool, names: bool) {
        if let Some(auto) = self.addresses.auto.as_deref_mut() {
            auto.untold.routers |= routers;
            auto.untold.names |= names;
        }
        self.tell_what_changed();
    }

    fn tell_what_changed(&mut self) {
        let Some(Auto { untold, .. }) = self.addresses.auto.as_deref_mut() else { return };
        if self.now < untold.not_before || !untold.routers && !untold.names {
            return;
        }
        let not_before = self.now + limits::AUTO_NEWS;
        let Untold { routers, names, .. } = std::mem::replace(untold, Untold { not_before, ..Untold::default() });
        if routers {
            self.tell_routers();
        }
        if names {
            self.tell_names();
        }
    }

    /// Says which default routers were told.
    fn tell_routers(&mut self) {
        let Some(Auto { discovery, client, .. }) = self.addresses.auto.as_deref() else { return };
        let leased = client.lease().into_iter().flat_map(|lease| &lease.routes);
        let leased = leased.filter(|(prefix, _)| prefix.length() == 0).filter_map(|(_, router)| *router);
        let routers = leased.chain(discovery.iter().flat_map(Discovery::routers)).collect();
        self.addresses.notice(Notice::Routers(routers));
    }

    /// Says which name servers and domains were told.
    fn tell_names(&mut self) {
        let Some(Auto { discovery, client, .. }) = self.addresses.auto.as_deref() else { return };
        let leased = client.lease().into_iter().flat_map(|lease| lease.resolvers.iter().copied());
        let servers = leased.chain(discovery.iter().flat_map(Discovery::servers)).collect();
        let leased = client.lease().and_then(|lease| lease.domain.as_deref()).into_iter();
        let domains = leased.chain(discovery.iter().flat_map(Discovery::domains)).map(str::to_owned).collect();
        self.addresses.notice(Notice::Resolvers { servers, domains });
    }

    /// What a server of addresses tells of the link.
    pub(super) fn set_mtu_v4(&mut self, mtu: Option<usize>) {
        self.set_terms(|own| Terms { mtu_v4: mtu.unwrap_or(usize::MAX), ..own });
    }

    fn set_terms(&mut self, change: impl FnOnce(Terms) -> Terms) {
        let Some(auto) = self.addresses.auto.as_deref_mut() else { return };
        let terms = change(auto.terms);
        if std::mem::replace(&mut auto.terms, terms) != terms {
            self.decide(Change::Terms(terms));
        }
    }

    fn follow_slaac(&mut self, news: slaac::News) {
        match news {
            slaac::News::Formed(own) => {
                if !self.begin_told(own)
                    && let Some(auto) = self.addresses.auto.as_deref_mut()
                {
                    auto.slaac.forget(own.address());
                }
            }
            slaac::News::Deprecated(address) => self.decide(Change::Deprecated(address)),
            // One that is probed still becomes so when nobody is found to have it.
            slaac::News::Preferred(address) if self.interface.is_probed(address) => {}
            slaac::News::Preferred(address) => self.decide(Change::Preferred(address)),
            slaac::News::Expired(address) => self.end_told(address),
        }
    }

    /// Begins to claim an address that was told. False when there is no room for it, or we have it already.
    pub(super) fn begin_told(&mut self, own: Cidr) -> bool {
        let address = own.address();
        if self.interface.own().len() == limits::OWN_ADDRESSES || self.interface.standing(address).is_some() {
            return false;
        }
        let standing = self.addresses.begin(address);
        self.decide(Change::Added(own, standing));
        if standing != Standing::Tentative {
            self.addresses.notice(Notice::Added(own));
        }
        true
    }

    /// An address that was told is ours no more.
    pub(super) fn end_told(&mut self, address: Address) {
        self.addresses.give_up(address);
        self.decide(Change::Lost(address));
        self.addresses.notice(Notice::Ended(address));
    }

    /// Nobody else was found to have an address.
    pub(super) fn is_ours(&mut self, address: Address, was_unused: bool) {
        let Some(auto) = self.addresses.auto.as_deref() else { return };
        let leased = auto.client.lease().is_some_and(|lease| lease.own.address() == address);
        if !auto.slaac.has_made(address) && !leased {
            return;
        }
        let is_old = auto.slaac.has_deprecated(address);
        if is_old {
            self.decide(Change::Deprecated(address));
        }
        let own = self.interface.own().iter().find(|(own, _)| own.address() == address);
        if let Some((own, _)) = own.copied().filter(|_| was_unused) {
            self.addresses.notice(Notice::Added(own));
        }
    }

    /// Somebody else has an address of ours: another one may be made in its place.
    pub(super) fn lost(&mut self, address: Address) {
        if let Some(news) = self.addresses.auto.as_deref_mut().and_then(|auto| auto.slaac.lost(address)) {
            self.follow_slaac(news);
        }
        self.decline(address);
    }

    /// Asks who is a router (RFC 4861 §6.3.7).
    fn ask_routers(&mut self) {
        let source = self
            .interface
            .addresses()
            .iter()
            .map(|own| own.address())
            .find(|own| own.is_link_local() && own.family() == Family::V6);
        let mut room = [0; HEADROOM];
        let mut draft = Draft::new(&mut room, HEADROOM);
        let outbound = discovery::solicit(&mut draft, &self.interface, source);
        let transmitted = self.discover(draft, &outbound, None);
        self.count(transmitted.or_dropped());
    }
}
