//! Router discovery, the host's part (RFC 4861 §6.3): asking for routers, and what they tell that is not an address.
//!
//! # Theory of operation
//!
//! ```text
//!               a moment        4 s, 8 s … 1 h (RFC 7559)
//!   (start) ─▶ asked ─▶ asked again ─▶ …          an advertisement with a lifetime       the last router is gone
//!                 └────────────┴──────────────────────────────▶ silent ───────────────────▶ asked
//! ```
//!
//! An advertisement is a list of claims, each with its lifetime: that its sender is a default router, that a prefix is on the
//! link (RFC 5942: nothing else says so), that a route leads through it (RFC 4191), that somebody serves names (RFC 8106). What
//! changes by it is told as [`News`], and so is what runs out; who keeps routes acts on that. Prefixes of which addresses
//! may be made are handed on to [`super::slaac`].
//!
//! Whoever is on the link can say all this. So there is a bound to each list, and the first keep their places; numbers that would
//! cut us off are left out and counted; nothing of it touches what was configured.

use std::time::Duration;

use arrayvec::ArrayVec;

use super::Packet;
use super::route::{Route, Weight, anywhere};
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{Draft, Frame};
use crate::link::interface::{Interface, Terms};
use crate::wire::ipv6;
use crate::wire::router::{Advertisement, Advice, Parsed, Preference, Prefix, names, prefix_flag};

/// All ones: for ever.
const FOR_EVER: u32 = u32::MAX;

/// When something that is told for so many seconds is over.
pub(super) fn until(seconds: u32, now: Instant) -> Instant {
    if seconds == FOR_EVER { Instant::NEVER } else { now + Duration::from_secs(u64::from(seconds)) }
}

/// Checks an advertisement whose checksum is right (RFC 4861 §6.1.2).
pub fn read<'a>(frame: &'a Frame, packet: &Packet) -> Result<Parsed<'a, Advertisement>, Dropped> {
    let message = frame.bytes().get(packet.transport()..).unwrap_or_default();
    let parsed = Parsed::<Advertisement>::parse(message)?;
    let from_the_link = packet.hop_limit == 255 && packet.source.is_link_local();
    if from_the_link && parsed.message.code == 0 { Ok(parsed) } else { Err(Dropped::BadNdp) }
}

/// Writes a solicitation (RFC 4861 §4.1): from `source`, which is named if it is certain, or from nobody.
pub fn solicit(draft: &mut Draft<'_>, interface: &Interface, source: Option<Address>) -> super::Outbound {
    let outbound = super::ndp::outbound(source.unwrap_or(Address::UNSPECIFIED), Address::ALL_ROUTERS);
    // RFC 4429 §2.1: who is not certain of its address tells nobody the station behind it.
    let named = source.is_some_and(|source| !interface.is_probed(source));
    super::ndp::write_solicitation(draft, named.then(|| interface.mac()), &outbound);
    outbound
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A route holds from now on, or is preferred otherwise.
    Route(Route),
    /// A route holds no more.
    NoRoute(Route),
    /// What is told of the link.
    Terms(Terms),
    /// Other name servers, or domains, than before.
    Resolvers,
}

struct Told<T> {
    what: T,
    /// Whose word it is.
    router: Address,
    until: Instant,
}

/// What routers told, and when they are asked.
pub struct Discovery {
    routes: ArrayVec<Told<Route>, { limits::ROUTES_ADVERTISED }>,
    servers: ArrayVec<Told<Address>, { limits::RESOLVERS }>,
    domains: ArrayVec<Told<String>, { limits::RESOLVERS }>,
    terms: Terms,
    /// When we ask, and how long we wait for an answer to the last question.
    ask_at: Instant,
    /// How long the first question waits, so that hosts that start together do not ask together; none once it waited.
    delay: Option<Duration>,
    interval: Duration,
    /// How many claims were left out, for they cannot be or there is no room.
    refused: u64,
}

impl Discovery {
    /// Nothing is known, and routers are asked for within a second.
    pub fn new(random: &mut Random) -> Discovery {
        let delay = random.below(limits::ROUTER_SOLICIT_DELAY.as_nanos() as u64);
        Discovery {
            routes: ArrayVec::new(),
            servers: ArrayVec::new(),
            domains: ArrayVec::new(),
            terms: Terms::default(),
            ask_at: Instant::ZERO,
            delay: Some(Duration::from_nanos(delay)),
            interval: Duration::ZERO,
            refused: 0,
        }
    }

    /// Whether there is a default router.
    pub fn has_router(&self) -> bool {
        self.routes.iter().any(|told| is_default(&told.what))
    }

    /// The default routers.
    pub fn routers(&self) -> impl Iterator<Item = Address> {
        self.routes.iter().filter(|told| is_default(&told.what)).filter_map(|told| told.what.gateway)
    }

    /// Name servers.
    pub fn servers(&self) -> impl Iterator<Item = Address> {
        self.servers.iter().map(|told| told.what)
    }

    /// Domains in which names are looked for.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(|told| told.what.as_str())
    }

    /// How many claims were left out since this was asked last.
    pub fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// When [`Discovery::on_timer`] is due.
    pub fn deadline(&self) -> Instant {
        let routes = self.routes.iter().map(|told| told.until);
        let servers = self.servers.iter().map(|told| told.until);
        let domains = self.domains.iter().map(|told| told.until);
        routes.chain(servers).chain(domains).chain([self.ask_at]).min().unwrap_or(Instant::NEVER)
    }

    /// Takes an advertisement in. Prefixes of which addresses may be made are shown to `autonomous`.
    pub fn hear(
        &mut self,
        advertisement: &Parsed<'_, Advertisement>,
        router: Address,
        now: Instant,
        mut autonomous: impl FnMut(&Prefix),
    ) -> Vec<News> {
        let mut news = Vec::new();
        let message = advertisement.message;
        let lifetime = u32::from(message.lifetime.get());
        // RFC 4191 §2.2: bits that mean nothing mean the middle.
        let preference = Preference::of_flags(message.flags).unwrap_or(Preference::Medium);
        let everywhere = anywhere(Family::V6);
        // RFC 4191 §3.1: an option about everywhere speaks for its router.
        let said_anew = |advice| matches!(advice, Advice::Route { prefix, .. } if prefix == everywhere);
        if !advertisement.advice().any(said_anew) {
            self.route(everywhere, Some((router, preference)), (router, until(lifetime, now)), now, &mut news);
        }
        if lifetime > 0 {
            // RFC 7559 §2.1: until there is a default router.
            (self.ask_at, self.interval) = (Instant::NEVER, Duration::ZERO);
        }
        let before = self.terms;
        self.terms(message);
        let mut other_names = false;
        for advice in advertisement.advice() {
            match advice {
                Advice::Prefix(prefix) => {
                    self.on_link(prefix, router, now, &mut news);
                    if prefix.flags & prefix_flag::AUTONOMOUS != 0 {
                        autonomous(prefix);
                    }
                }
                Advice::Mtu(mtu) => match mtu as usize {
                    mtu if mtu >= ipv6::MINIMUM_MTU => self.terms.mtu_v6 = mtu,
                    _ => self.refused += 1,
                },
                Advice::Route { prefix, preference: Some(preference), lifetime }
                    if !prefix.address().is_multicast() =>
                {
                    let over = until(lifetime, now);
                    self.route(prefix, Some((router, preference)), (router, over), now, &mut news);
                }
                Advice::Resolvers { lifetime, servers } => {
                    let servers = servers.iter().map(|server| Address::from_v6(*server));
                    let good = |server: &Address| server.is_unicast() && server.family() == Family::V6;
                    for server in servers {
                        other_names |= good(&server)
                            && keep(&mut self.servers, server, (router, until(lifetime, now)), now, &mut self.refused);
                        self.refused += u64::from(!good(&server));
                    }
                }
                Advice::Search { lifetime, names: list } => {
                    for name in names(list) {
                        let Some(name) = text(name) else {
                            self.refused += 1;
                            continue;
                        };
                        let told = (router, until(lifetime, now));
                        other_names |= keep(&mut self.domains, name, told, now, &mut self.refused);
                    }
                }
                Advice::Route { .. } | Advice::Impossible => self.refused += 1,
                Advice::Source(_) | Advice::Target(_) | Advice::Other => {}
            }
        }
        if self.terms != before {
            news.push(News::Terms(self.terms));
        }
        if other_names {
            news.push(News::Resolvers);
        }
        self.look_for_routers(now);
        news
    }

    /// Somebody who was a router says that it is none any more (RFC 4861 §7.2.5, §6.3.5).
    pub fn demote(&mut self, router: Address, now: Instant) -> Vec<News> {
        let of_it = |told: &Told<Route>| told.router == router && told.what.gateway.is_some();
        self.end(of_it, now)
    }

    /// Whether it is time to ask, and what ran out.
    pub fn on_timer(&mut self, random: &mut Random, now: Instant) -> (bool, Vec<News>) {
        let mut news = self.end(|told| told.until <= now, now);
        let before = (self.servers.len(), self.domains.len());
        self.servers.retain(|told| told.until > now);
        self.domains.retain(|told| told.until > now);
        if before != (self.servers.len(), self.domains.len()) {
            news.push(News::Resolvers);
        }
        if let (true, Some(delay)) = (self.ask_at <= now, self.delay.take()) {
            self.ask_at = now + delay;
        }
        let asks = self.ask_at <= now;
        if asks {
            self.wait_for_an_answer(random, now);
        }
        (asks, news)
    }

    /// RFC 7559 §2, the algorithm of RFC 8415 §15: twice as long each time, up to a bound, all of it a tenth more or less.
    fn wait_for_an_answer(&mut self, random: &mut Random, now: Instant) {
        let (first, most) = limits::ROUTER_SOLICIT_INTERVAL;
        let mut varied = |base: Duration| {
            let tenth = base / 10;
            base - tenth + Duration::from_nanos(random.below(2 * tenth.as_nanos() as u64))
        };
        self.interval = match self.interval {
            Duration::ZERO => varied(first),
            before if before * 2 > most => varied(most),
            before => before + varied(before),
        };
        self.ask_at = now + self.interval;
    }

    /// Without a router we ask for one.
    fn look_for_routers(&mut self, now: Instant) {
        if self.ask_at == Instant::NEVER && !self.has_router() {
            self.ask_at = now + limits::ROUTER_SOLICIT_DELAY;
        }
    }

    fn end(&mut self, over: impl Fn(&Told<Route>) -> bool, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        self.routes.retain(|told| {
            let ends = over(told);
            if ends {
                news.push(News::NoRoute(told.what));
            }
            !ends
        });
        if !news.is_empty() {
            self.look_for_routers(now);
        }
        news
    }

    /// RFC 4861 §6.3.4: a prefix whose flag is clear says nothing; a link-local one says what is known.
    fn on_link(&mut self, prefix: &Prefix, router: Address, now: Instant, news: &mut Vec<News>) {
        let Some(cidr) = prefix.cidr().filter(|cidr| is_of_hosts(*cidr)) else {
            self.refused += 1;
            return;
        };
        if prefix.flags & prefix_flag::ON_LINK != 0 && !cidr.address().is_link_local() {
            self.route(cidr, None, (router, until(prefix.valid.get(), now)), now, news);
        }
    }

    /// A route through a router, or a prefix of the link.
    fn route(
        &mut self,
        prefix: Cidr,
        through: Option<(Address, Preference)>,
        (router, until): (Address, Instant),
        now: Instant,
        news: &mut Vec<News>,
    ) {
        let weight = Weight::Told(through.map_or(Preference::Medium, |(_, preference)| preference));
        let route = Route { prefix, gateway: through.map(|(gateway, _)| gateway), weight };
        let same = |told: &Told<Route>| (told.what.prefix, told.what.gateway) == (route.prefix, route.gateway);
        match self.routes.iter().position(same) {
            Some(index) if until <= now => news.push(News::NoRoute(self.routes.remove(index).what)),
            Some(index) => {
                let before = std::mem::replace(&mut self.routes[index], Told { what: route, router, until });
                news.extend((before.what != route).then_some(News::Route(route)));
            }
            None if until <= now => {}
            None if self.has_room_for(&route) => {
                self.routes.push(Told { what: route, router, until });
                news.push(News::Route(route));
            }
            None => self.refused += 1,
        }
    }

    fn has_room_for(&self, route: &Route) -> bool {
        let count = |kind: fn(&Route) -> bool| self.routes.iter().filter(|told| kind(&told.what)).count();
        let of_links = |route: &Route| route.gateway.is_none();
        let room = match route {
            _ if is_default(route) => count(is_default) < limits::ROUTERS,
            _ if of_links(route) => count(of_links) < limits::ON_LINK,
            // Places for default routers and links are not taken by other routes.
            _ => count(|route| !is_default(route) && route.gateway.is_some()) < limits::ROUTES_ADVERTISED / 4,
        };
        room && !self.routes.is_full()
    }

    /// What an advertisement says of the link besides options; zero says nothing (RFC 4861 §6.3.4).
    fn terms(&mut self, message: &Advertisement) {
        let Terms { hop_limit, reachable, retransmit, .. } = &mut self.terms;
        match message.hop_limit {
            0 => {}
            told if told >= limits::HOP_LIMIT_LEAST => *hop_limit = told,
            _ => self.refused += 1,
        }
        for (told, (least, most), field) in [
            (message.reachable.get(), limits::REACHABLE_TOLD, reachable),
            (message.retransmit.get(), limits::RETRANSMIT_TOLD, retransmit),
        ] {
            match Duration::from_millis(u64::from(told)) {
                Duration::ZERO => {}
                told if (least..=most).contains(&told) => *field = told,
                _ => self.refused += 1,
            }
        }
    }
}

fn is_default(route: &Route) -> bool {
    route.prefix.length() == 0 && route.gateway.is_some()
}

/// Whether hosts can have addresses in it.
pub(super) fn is_of_hosts(prefix: Cidr) -> bool {
    let address = prefix.address();
    !address.is_multicast() && !address.is_loopback() && prefix.length() > 0
}

/// Remembers something until then; whether there is another list now.
fn keep<T: PartialEq>(
    list: &mut ArrayVec<Told<T>, { limits::RESOLVERS }>,
    what: T,
    (router, until): (Address, Instant),
    now: Instant,
    refused: &mut u64,
) -> bool {
    match list.iter().position(|told| told.what == what) {
        // RFC 8106 §5.1: a lifetime of zero ends it.
        Some(index) if until <= now => {
            list.remove(index);
            true
        }
        Some(index) => {
            list[index].until = until;
            false
        }
        None if until <= now => false,
        None => {
            let kept = list.try_push(Told { what, router, until }).is_ok();
            *refused += u64::from(!kept);
            kept
        }
    }
}

/// A name as it is written, if nothing in it could be anything else.
fn text(name: &[u8]) -> Option<String> {
    let mut labels = Vec::new();
    let mut rest = name;
    while let Some((length, behind)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, next) = behind.split_at_checked(usize::from(*length))?;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        labels.push(label.iter().all(plain).then(|| String::from_utf8_lossy(label).into_owned())?);
        rest = next;
    }
    Some(labels.join("."))
}

/// The station that an advertisement names, when it can be one.
pub fn station(advertisement: &Parsed<'_, Advertisement>) -> Option<Mac> {
    advertisement.source().filter(|mac| !mac.is_multicast())
}
