//! The client of the Dynamic Host Configuration Protocol (RFC 2131): an IPv4 address on loan, renewed while it is needed, and
//! given back in the end.
//!
//! # Theory of operation
//!
//! ```text
//!            DISCOVER            offer: REQUEST             ACK              T1: REQUEST            T2: REQUEST
//!   Waiting ─────────▶ Selecting ─────────────▶ Requesting ─────▶ Bound ─────────────▶ Renewing ─────────────▶ Rebinding
//!    │ ▲                                            │ NAK         ▲ ▲ │ DECLINE          │ ACK, NAK             │ ACK, NAK,
//!    │ └────────────────────────────────────────────┴─────────────┼─┼─┴──────────────────┴──────────────────────┘ over
//!    │            NAK, or no answer: back to Waiting              │ └── ACK
//!    └──────────▶ Rebooting ──────────────────────────────────────┘ ACK
//!       REQUEST
//! ```
//!
//! Who remembers a lease from before a restart asks for that one first (Rebooting: INIT-REBOOT of RFC 2131 §3.2 and §4.4.2). A
//! server that knows nothing of it is silent (§4.3.2), and so it is not asked for long. That address may go on being used then
//! until its time is over; it is not, for nothing says that this is still the same link.
//!
//! It is over UDP, and yet lives here: what it configures is the interface and its routes, it speaks before there is an address,
//! and nobody else can be asked for its way. Whether the address is free is found out as for any other (RFC 5227); if it is not, it
//! is declined.
//!
//! Whoever answers first is believed, as far as it makes sense. An answer has to name our transaction, which nobody can guess who
//! does not hear our questions.

use std::time::Duration;

use arrayvec::ArrayVec;
use zerocopy::IntoBytes;

use super::route::anywhere;
use crate::base::address::{Address, Cidr, Family, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::wire::dhcp::{self, Header, Reply, kind, option};

/// Bits of the prefix of an address of which no mask is told.
const PREFIX: u8 = 24;
/// Every relay and server takes a message of this length (RFC 2131 §2), and some take none that is shorter (RFC 1542 §2.1).
const LEAST: usize = 300;

/// What is leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Our address.
    pub own: Cidr,
    /// Who leased it.
    pub server: Address,
    /// The station through which it answered.
    pub station: Mac,
    /// Ways: where they lead, and the router, or none for the link.
    pub routes: Vec<(Cidr, Option<Address>)>,
    /// Name servers.
    pub resolvers: Vec<Address>,
    /// The domain of our name.
    pub domain: Option<String>,
    /// The largest packet.
    pub mtu: Option<usize>,
    /// T1, T2, and when it is over.
    renew_at: Instant,
    rebind_at: Instant,
    /// When it is over.
    pub until: Instant,
}

/// What is known of a lease from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The address, of IPv4.
    pub address: Address,
    /// When it is over. Until then it is asked for, and from then on only wished for (RFC 2131 §4.4.1).
    pub until: Instant,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// There is an address.
    Leased(Lease),
    /// The lease is longer, and perhaps other than before.
    Renewed {
        /// What it was.
        before: Lease,
        /// What it is.
        after: Lease,
    },
    /// It is over.
    Ended(Lease),
    /// A server says that we may not have this address (any more).
    Refused(Address, Option<Lease>),
}

/// A message to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Which kind: see [`kind`].
    pub kind: u8,
    /// Whom it is from; nobody as long as there is no address.
    pub from: Address,
    /// Whom it is for: a server, or all.
    pub to: Address,
    requested: Option<[u8; 4]>,
    server: Option<[u8; 4]>,
    transaction: u32,
    seconds: u16,
}

enum Phase {
    Waiting,
    Rebooting([u8; 4]),
    Selecting,
    Requesting { address: [u8; 4], server: [u8; 4] },
    Bound(Lease),
    Renewing(Lease),
    Rebinding(Lease),
}

/// The client.
pub struct Client {
    phase: Phase,
    /// The last lease, unless it was refused.
    last: Option<Remembered>,
    transaction: u32,
    /// When it began to look for an address.
    began: Instant,
    /// When it asked last.
    asked: Instant,
    tries: u8,
    due: Instant,
    delay: Option<Duration>,
    refused: u64,
}

impl Client {
    /// A client that asks within a second, first for what is remembered.
    pub fn new(remembered: Option<Remembered>, random: &mut Random) -> Client {
        let delay = Duration::from_nanos(random.below(limits::DHCP_DELAY.as_nanos() as u64));
        Client {
            phase: Phase::Waiting,
            last: remembered.filter(|last| last.address.family() == Family::V4 && last.address.is_unicast()),
            transaction: 0,
            began: Instant::ZERO,
            asked: Instant::ZERO,
            tries: 0,
            due: Instant::ZERO,
            delay: Some(delay),
            refused: 0,
        }
    }

    /// The lease, if there is one.
    pub fn lease(&self) -> Option<&Lease> {
        match &self.phase {
            Phase::Bound(lease) | Phase::Renewing(lease) | Phase::Rebinding(lease) => Some(lease),
            Phase::Waiting | Phase::Rebooting(_) | Phase::Selecting | Phase::Requesting { .. } => None,
        }
    }

    /// How many options were left out since this was asked last.
    pub fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// When [`Client::on_timer`] is due.
    pub fn deadline(&self) -> Instant {
        self.due
    }

    /// What is to be sent when the time has come, and what ran out.
    pub fn on_timer(&mut self, random: &mut Random, now: Instant) -> (Option<Letter>, Option<News>) {
        if now < self.due {
            return (None, None);
        }
        if let Some(delay) = self.delay.take() {
            self.due = now + delay;
            return (None, None);
        }
        match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Waiting => {
                (self.began, self.tries) = (now, 0);
                self.transaction = random.next_u64() as u32;
                self.phase = match self.last.filter(|last| now < last.until) {
                    Some(last) => Phase::Rebooting(last.address.low4()),
                    None => Phase::Selecting,
                };
            }
            Phase::Rebooting(_) if self.tries >= limits::DHCP_REBOOT_REQUESTS => {
                self.only_wish(now);
                return (None, None);
            }
            Phase::Requesting { .. } if self.tries >= limits::DHCP_REQUESTS => {
                // RFC 2131 §3.1.5: it begins anew.
                self.due = now;
                return (None, None);
            }
            Phase::Bound(lease) => {
                (self.began, self.transaction) = (now, random.next_u64() as u32);
                self.phase = Phase::Renewing(lease);
            }
            Phase::Renewing(lease) if now >= lease.rebind_at => self.phase = Phase::Rebinding(lease),
            Phase::Rebinding(lease) if now >= lease.until => {
                self.only_wish(now);
                return (None, Some(News::Ended(lease)));
            }
            same => self.phase = same,
        }
        (Some(self.ask(random, now)), None)
    }

    /// Takes in a message that came through this station.
    ///
    /// # Errors
    /// It answers nothing that was asked, or tells what cannot be.
    pub fn take(
        &mut self,
        reply: &Reply,
        station: Mac,
        random: &mut Random,
        now: Instant,
    ) -> Result<(Option<Letter>, Option<News>), Dropped> {
        if reply.transaction != self.transaction || reply.for_another {
            return Err(Dropped::DhcpNotForUs);
        }
        match (&self.phase, reply.kind) {
            (Phase::Selecting, kind::OFFER) => {
                let server = reply.server.filter(|server| Address::from_v4(*server).is_unicast());
                let server = server.filter(|_| host(reply).is_some()).ok_or(Dropped::DhcpRefused)?;
                if reply.lease.is_some_and(is_too_short) {
                    return Err(Dropped::DhcpRefused);
                }
                self.phase = Phase::Requesting { address: reply.yours, server };
                self.tries = 0;
                Ok((Some(self.ask(random, now)), None))
            }
            (Phase::Requesting { address, server }, kind::ACK) if reply.server == Some(*server) => {
                let (address, server) = (*address, Address::from_v4(*server));
                let lease = self.leased(reply, server, station).filter(|lease| lease.own.address().low4() == address);
                let lease = lease.ok_or(Dropped::DhcpRefused)?;
                self.be_bound(lease.clone());
                Ok((None, Some(News::Leased(lease))))
            }
            (Phase::Rebooting(address), kind::ACK) => {
                let address = *address;
                let server = reply.server.map(Address::from_v4).filter(|server| server.is_unicast());
                let lease = server.and_then(|server| self.leased(reply, server, station));
                let lease = lease.filter(|lease| lease.own.address().low4() == address).ok_or(Dropped::DhcpRefused)?;
                self.be_bound(lease.clone());
                Ok((None, Some(News::Leased(lease))))
            }
            (Phase::Rebooting(address), kind::NAK) => {
                let address = Address::from_v4(*address);
                (self.phase, self.due, self.last) = (Phase::Waiting, now, None);
                Ok((None, Some(News::Refused(address, None))))
            }
            (Phase::Requesting { server, .. }, kind::NAK) if reply.server == Some(*server) => {
                (self.phase, self.due, self.last) = (Phase::Waiting, now + limits::DHCP_PAUSE, None);
                Ok((None, None))
            }
            (Phase::Renewing(before) | Phase::Rebinding(before), kind::ACK) => {
                let before = before.clone();
                let server = reply.server.map_or(before.server, Address::from_v4);
                let lease = self.leased(reply, server, station);
                let after = lease.filter(|after| after.own.address() == before.own.address() && server.is_unicast());
                let after = after.ok_or(Dropped::DhcpRefused)?;
                self.be_bound(after.clone());
                Ok((None, Some(News::Renewed { before, after })))
            }
            (Phase::Renewing(lease) | Phase::Rebinding(lease), kind::NAK) => {
                let lease = lease.clone();
                (self.phase, self.due, self.last) = (Phase::Waiting, now, None);
                Ok((None, Some(News::Refused(lease.own.address(), Some(lease)))))
            }
            _ => Err(Dropped::DhcpNotForUs),
        }
    }

    /// Somebody else has the address that was leased: its server is told so (RFC 2131 §3.1.5). `None` when there is none.
    pub fn decline(&mut self, now: Instant) -> Option<(Letter, Lease)> {
        let lease = self.lease()?.clone();
        let requested = Some(lease.own.address().low4());
        let letter = Letter { requested, server: Some(lease.server.low4()), ..self.letter(kind::DECLINE) };
        (self.phase, self.due, self.last) = (Phase::Waiting, now + limits::DHCP_PAUSE, None);
        Some((letter, lease))
    }

    /// The address is needed no more: its server is told so (RFC 2131 §4.4.6). `None` when there is none.
    pub fn release(&mut self) -> Option<(Letter, Lease)> {
        let lease = self.lease()?.clone();
        let (from, to) = (lease.own.address(), lease.server);
        let letter = Letter { from, to, server: Some(to.low4()), ..self.letter(kind::RELEASE) };
        (self.phase, self.due) = (Phase::Waiting, Instant::NEVER);
        Some((letter, lease))
    }

    /// Asks what this phase asks, and says when to ask again.
    fn ask(&mut self, random: &mut Random, now: Instant) -> Letter {
        self.asked = now;
        self.tries = self.tries.saturating_add(1);
        self.due = match &self.phase {
            Phase::Renewing(lease) => again(lease.rebind_at, now),
            Phase::Rebinding(lease) => again(lease.until, now),
            _ => now + backed_off(self.tries, random),
        };
        let seconds = now.since(self.began).as_secs().min(u64::from(u16::MAX)) as u16;
        let request = Letter { seconds, ..self.letter(kind::REQUEST) };
        match &self.phase {
            Phase::Requesting { address, server } => {
                Letter { requested: Some(*address), server: Some(*server), ..request }
            }
            Phase::Renewing(lease) => Letter { from: lease.own.address(), to: lease.server, ..request },
            Phase::Rebinding(lease) => Letter { from: lease.own.address(), ..request },
            Phase::Rebooting(address) => Letter { requested: Some(*address), ..request },
            _ => {
                let requested = self.last.map(|last| last.address.low4());
                Letter { kind: kind::DISCOVER, requested, ..request }
            }
        }
    }

    fn letter(&self, kind: u8) -> Letter {
        let (from, to) = (Address::UNSPECIFIED_V4, Address::BROADCAST);
        Letter { kind, from, to, requested: None, server: None, transaction: self.transaction, seconds: 0 }
    }

    fn be_bound(&mut self, lease: Lease) {
        self.due = lease.renew_at;
        self.last = Some(Remembered { address: lease.own.address(), until: lease.until });
        self.phase = Phase::Bound(lease);
    }

    /// Begins anew at once, for any address, best the last one.
    fn only_wish(&mut self, now: Instant) {
        (self.phase, self.due) = (Phase::Waiting, now);
        self.last = self.last.map(|last| Remembered { until: now, ..last });
    }

    /// What a server grants, counted from when it was asked (RFC 2131 §4.4.1).
    fn leased(&mut self, reply: &Reply, server: Address, station: Mac) -> Option<Lease> {
        let own = host(reply)?;
        let seconds = reply.lease.filter(|seconds| !is_too_short(*seconds))?;
        let for_ever = seconds == u32::MAX;
        let (renewal, rebinding) = match (reply.renewal, reply.rebinding) {
            (Some(first), Some(second)) if 0 < first && first < second && second < seconds => (first, second),
            // RFC 2131 §4.4.5: half of it, and seven eighths.
            (Some(first), _) if 0 < first && first < seconds / 8 * 7 => (first, seconds / 8 * 7),
            _ => (seconds / 2, seconds / 8 * 7),
        };
        let at = |seconds: u32| match for_ever {
            true => Instant::NEVER,
            false => self.asked + Duration::from_secs(u64::from(seconds)),
        };
        let (renew_at, rebind_at, until) = (at(renewal), at(rebinding), at(seconds));
        self.refused += u64::from(reply.refused);
        let mut routes = Vec::new();
        // RFC 3442: who is told routes does not look at the routers.
        if reply.has_routes {
            routes.extend_from_slice(&reply.routes);
        } else {
            routes.extend(reply.routers.iter().map(|router| (anywhere(Family::V4), Some(Address::from_v4(*router)))));
        }
        let before = routes.len();
        routes.retain(|(_, router)| router.is_none_or(|router| router.is_unicast() && router != own.address()));
        self.refused += (before - routes.len()) as u64;
        let resolvers = reply.resolvers.iter().map(|server| Address::from_v4(*server));
        let resolvers = resolvers.filter(|server| server.is_unicast()).collect();
        let mtu = reply.mtu.map(usize::from).filter(|mtu| *mtu >= limits::MTU_TOLD_LEAST);
        let domain = text(&reply.domain);
        let lost = reply.mtu.is_some() != mtu.is_some() || reply.domain.is_empty() == domain.is_some();
        self.refused += u64::from(lost);
        Some(Lease { own, server, station, routes, resolvers, domain, mtu, renew_at, rebind_at, until })
    }
}

impl Letter {
    /// The message (RFC 2131 §4.4.1, table 5), for a link that carries `mtu` bytes.
    pub fn write(&self, station: Mac, mtu: usize) -> ArrayVec<u8, { LEAST + 100 }> {
        // An address that the client can answer for is in its field, and then answers come to it.
        let client = self.from.low4();
        let flags = if self.from.is_unspecified() { dhcp::BROADCAST } else { 0 };
        let header = Header::new(station, self.transaction, self.seconds, flags, client);
        let mut bytes = ArrayVec::new();
        // There is room for the header and all of these options.
        let mut add = |part: &[u8]| bytes.try_extend_from_slice(part).expect("a letter has room for what we say");
        add(header.as_bytes());
        add(&[option::MESSAGE_TYPE, 1, self.kind, option::CLIENT, 7]);
        add(&dhcp::client(station));
        for (kind, address) in [(option::REQUESTED_ADDRESS, self.requested), (option::SERVER, self.server)] {
            if let Some(address) = address {
                add(&[kind, 4]);
                add(&address);
            }
        }
        if matches!(self.kind, kind::DISCOVER | kind::REQUEST) {
            let [high, low] = u16::try_from(mtu).unwrap_or(u16::MAX).max(limits::MTU_TOLD_LEAST as u16).to_be_bytes();
            add(&[option::MAXIMUM_SIZE, 2, high, low]);
            // RFC 3442: routes are asked for before routers.
            let wanted = [
                option::SUBNET_MASK,
                option::CLASSLESS_ROUTES,
                option::ROUTERS,
                option::RESOLVERS,
                option::DOMAIN,
                option::MTU,
                option::RENEWAL_TIME,
                option::REBINDING_TIME,
            ];
            add(&[option::PARAMETERS, wanted.len() as u8]);
            add(&wanted);
        }
        add(&[option::END]);
        let padding = LEAST.saturating_sub(bytes.len());
        bytes.extend(std::iter::repeat_n(option::PAD, padding));
        bytes
    }
}

/// The address that is told, if it can be a host's.
fn host(reply: &Reply) -> Option<Cidr> {
    let address = Address::from_v4(reply.yours);
    let own = Cidr::new(address, reply.prefix.filter(|length| *length > 0).unwrap_or(PREFIX))?;
    let is_network = own.length() < 31 && own.network().address() == address;
    (address.is_unicast() && own.broadcast() != Some(address) && !is_network).then_some(own)
}

fn is_too_short(seconds: u32) -> bool {
    Duration::from_secs(u64::from(seconds)) < limits::LEASE_LEAST
}

/// RFC 2131 §4.4.5: half of what is left, but not too soon.
fn again(end: Instant, now: Instant) -> Instant {
    end.min(now + (end.since(now) / 2).max(limits::DHCP_RENEW_LEAST))
}

/// RFC 2131 §4.1: 4, 8, 16 … 64 seconds, one more or less.
fn backed_off(tries: u8, random: &mut Random) -> Duration {
    const VARIED: Duration = Duration::from_secs(1);
    let (first, most) = limits::DHCP_INTERVAL;
    let base = (first * (1 << tries.saturating_sub(1).min(8))).min(most);
    base - VARIED + Duration::from_nanos(random.below(2 * VARIED.as_nanos() as u64))
}

/// A domain as it is written, if nothing in it could be anything else.
fn text(domain: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = !domain.is_empty() && domain.iter().all(plain);
    good.then(|| String::from_utf8_lossy(domain).into_owned())
}

#[cfg(test)]
mod tests;
