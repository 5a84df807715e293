//! Groups towards routers: IGMP and MLD, the part of hosts (RFC 9776 §5, §7.2; RFC 9777 §6, §8.2).
//!
//! Both are one protocol in two families. [`Filter`] says which sources of a group a [`Member`] wants; a group merges what its
//! members want, keeps what changed and was not told often enough yet; a listener keeps all groups of a family, what was asked of them, and which version the
//! routers of the link speak.
//!
//! What is due becomes [`Message`]s, which the spine fetches and sends. A message is allocated: it takes a change or a
//! question to make one, and those are rare.

mod filter;
mod group;
mod listener;

pub use filter::{Filter, Mode};
pub use group::Member;

use std::time::Duration;

use zerocopy::FromBytes;

use self::group::Group;
use self::listener::Listener;
use super::{Packet, options};
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::Draft;
use crate::link::interface::Arrangement;
use crate::wire::checksum::Sum;
use crate::wire::ethernet::EtherType;
use crate::wire::membership::{Query, Version};
use crate::wire::{extension, igmp, ipv4, ipv6, mld, protocol};

/// RFC 9776 §4.2.15.
const ALL_IGMPV3_ROUTERS: Address = Address::from_v4([224, 0, 0, 22]);
/// RFC 2236 §9.
const ALL_ROUTERS_V4: Address = Address::from_v4([224, 0, 0, 2]);
/// RFC 2710 §5.
const ALL_ROUTERS_V6: Address = Address::from_v6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
/// RFC 9777 §5.2.15.
const ALL_MLDV2_ROUTERS: Address = Address::from_v6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16]);
/// Only the link itself sends and reads these.
const HOP_LIMIT: u8 = 1;
/// RFC 4861 §10, MAX_RTR_SOLICITATION_DELAY.
const JOIN_DELAY: Duration = Duration::from_secs(1);
/// Internetwork control (RFC 9776 §4).
const PRECEDENCE: u8 = 0xc0;
/// Hop-by-hop options with a router alert about MLD (RFC 2711 §2.1), in front of ICMPv6.
const ALERT: [u8; 8] = [protocol::ICMPV6, 0, extension::ROUTER_ALERT, 2, 0, 0, 1, 0];

/// How much a shard says of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// What changes, and what is asked.
    Tells,
    /// What is asked.
    Answers,
    /// Nothing: another shard does.
    Silent,
}

/// Why a group was not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// It is no group, or the one in which everybody is.
    #[error("this is no group that can be joined or left")]
    NotAGroup,
    /// Only single sources of it can be wanted.
    #[error("of a group in 232.0.0.0/8 or ff3x::/32 only named sources can be wanted (RFC 4607)")]
    SourceSpecific,
    /// There are [`limits::GROUPS`] of its family already.
    #[error("no room for another group: a host is in at most {max} of a family", max = limits::GROUPS)]
    TooMany,
    /// It has [`limits::GROUP_MEMBERS`] already.
    #[error("no room for another member: at most {max} ports want one group", max = limits::GROUP_MEMBERS)]
    Crowded,
}

/// What is to be sent above IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    destination: Address,
    bytes: Vec<u8>,
}

/// The groups of both families.
pub struct Memberships {
    v4: Listener,
    v6: Listener,
    voice: Voice,
    random: Random,
    /// When something is due: the loop asks each turn, and nearly always nothing is.
    due: Instant,
    /// Of which addresses the groups were taken over.
    arrangement: Option<Arrangement>,
}

impl Memberships {
    /// In no group yet. Delays follow from a seed of their own.
    pub fn new(voice: Voice, random: &Random) -> Memberships {
        let mut random = random.clone();
        let [low, high] = [random.next_u64(), random.next_u64()];
        let seed = (u128::from(low) | u128::from(high) << 64).to_le_bytes();
        let (v4, v6) = (Listener::new(Family::V4), Listener::new(Family::V6));
        Memberships { v4, v6, voice, random: Random::new(seed), due: Instant::NEVER, arrangement: None }
    }

    fn of(&mut self, family: Family) -> &mut Listener {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// From now on a member wants packets of a group from these sources and no others; from none, it leaves.
    ///
    /// # Errors
    /// [`JoinError`]; then nothing changed.
    pub fn want(&mut self, member: Member, group: Address, filter: Filter, now: Instant) -> Result<(), JoinError> {
        let family = group.family();
        let joinable = group.is_multicast() && group != Address::ALL_HOSTS && group != Address::ALL_NODES;
        if !joinable || filter.sources().iter().any(|source| source.family() != family) {
            return Err(JoinError::NotAGroup);
        }
        // RFC 9776 §4.2.13, RFC 9777 §5.2.13: routers ignore what excludes sources of such a group.
        if group.is_source_specific() && filter.mode() == Mode::Exclude {
            return Err(JoinError::SourceSpecific);
        }
        let voice = if self.voice == Voice::Silent { Voice::Silent } else { Voice::Tells };
        let wanted = self.of(family).want((member, group), filter, voice, now);
        self.set_due();
        wanted
    }

    /// Whether [`Memberships::follow`] is to be called.
    #[inline]
    pub fn differs(&self, arrangement: Arrangement) -> bool {
        self.arrangement != Some(arrangement)
    }

    /// Our addresses changed, and these groups follow from them. Routers hear of it after a moment (RFC 4862 §5.4.2: a power
    /// failure is not to make all hosts speak at once).
    pub fn follow(&mut self, groups: &[Address], arrangement: Arrangement, now: Instant) {
        self.arrangement = Some(arrangement);
        let due = now + Duration::from_nanos(self.random.below(JOIN_DELAY.as_nanos() as u64));
        self.v6.follow(groups, self.voice, now, due);
        self.set_due();
    }

    /// Whether somebody wants packets of a group besides those who answer for our addresses.
    pub fn is_wanted(&self, group: Address) -> bool {
        self.find(group).is_some_and(Group::is_wanted)
    }

    /// Whether who has a port wants a packet for a group from this source. A group of which nothing is known is one that nobody
    /// has to join.
    pub fn accepts(&self, group: Address, source: Address, port: u16) -> bool {
        self.find(group).is_none_or(|group| group.accepts(source, port))
    }

    /// The groups that a member is in.
    pub fn groups_of(&self, member: Member) -> Vec<Address> {
        let groups = [&self.v4, &self.v6].into_iter().flat_map(Listener::groups);
        groups.filter(|group| group.has(member)).map(|group| group.address).collect()
    }

    fn find(&self, group: Address) -> Option<&Group> {
        let listener = if group.family() == Family::V4 { &self.v4 } else { &self.v6 };
        listener.find(group)
    }

    /// Takes in a message of IGMP, or one of ICMPv6 whose checksum is right and whose type is one of MLD's.
    pub fn input(&mut self, frame: &[u8], packet: &Packet, now: Instant) -> Result<(), Dropped> {
        match packet.family {
            Family::V4 => self.input_igmp(frame, packet, now),
            Family::V6 => self.input_mld(frame, packet, now),
        }
    }

    fn input_igmp(&mut self, frame: &[u8], packet: &Packet, now: Instant) -> Result<(), Dropped> {
        let message = frame.get(packet.transport()..).unwrap_or_default();
        let message = igmp::Message::parse(message)?;
        if packet.hop_limit != HOP_LIMIT {
            return Err(Dropped::BadIgmp);
        }
        match message {
            igmp::Message::Query(query) => {
                // RFC 9776 §9.1: what a router may have passed on, and what is for all but does not go to all.
                let options = frame.get(packet.network() + ipv4::LENGTH..packet.transport()).unwrap_or_default();
                let alert = options::has_router_alert(options);
                let may_lack_it = query.version == Version::Oldest;
                let astray = packet.destination.is_multicast() && packet.destination != Address::ALL_HOSTS;
                if !alert && !may_lack_it || astray && query.group.is_none() {
                    return Err(Dropped::BadIgmp);
                }
                self.ask(Family::V4, &query, now)
            }
            igmp::Message::Report(group) => self.hear(group, now),
            igmp::Message::Other => Err(Dropped::GroupIgnored),
        }
    }

    fn input_mld(&mut self, frame: &[u8], packet: &Packet, now: Instant) -> Result<(), Dropped> {
        let message = frame.get(packet.transport()..).unwrap_or_default();
        let message = mld::Message::parse(message)?;
        // RFC 9777 §6.2.
        if packet.hop_limit != HOP_LIMIT || !packet.source.is_link_local() || !has_router_alert(frame, packet) {
            return Err(Dropped::BadMld);
        }
        match message {
            mld::Message::Query(query) => self.ask(Family::V6, &query, now),
            mld::Message::Report(group) => self.hear(group, now),
            mld::Message::Other => Err(Dropped::GroupIgnored),
        }
    }

    fn ask(&mut self, family: Family, query: &Query<'_>, now: Instant) -> Result<(), Dropped> {
        if self.voice != Voice::Silent {
            let Memberships { v4, v6, random, .. } = self;
            let listener = if family == Family::V4 { v4 } else { v6 };
            listener.on_query(query, random, now);
            self.set_due();
        }
        Ok(())
    }

    fn hear(&mut self, group: Address, now: Instant) -> Result<(), Dropped> {
        self.of(group.family()).on_report(group, now);
        self.set_due();
        Ok(())
    }

    /// When [`Memberships::on_timer`] is due.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        (self.due != Instant::NEVER).then_some(self.due)
    }

    /// Something may be due at another time.
    fn set_due(&mut self) {
        self.due = self.v4.deadline().min(self.v6.deadline());
    }

    /// Makes messages of what is due, for [`Memberships::next`].
    pub fn on_timer(&mut self, now: Instant) {
        let Memberships { v4, v6, random, .. } = self;
        v4.on_timer(random, now);
        v6.on_timer(random, now);
        self.set_due();
    }

    /// The next message to be sent over a link with this MTU.
    pub fn next(&mut self, mtu: usize) -> Option<Message> {
        let room = |headers: usize| mtu.saturating_sub(headers).min(limits::GROUP_REPORT);
        let alerted = ipv4::LENGTH + ipv4::ROUTER_ALERT.len();
        self.v4.next(room(alerted)).or_else(|| self.v6.next(room(ipv6::LENGTH + ALERT.len())))
    }
}

impl Message {
    /// Whom it is for.
    pub fn destination(&self) -> Address {
        self.destination
    }

    /// Puts the message with its IP header into a draft. `source` is our address of its family, or nobody's.
    pub fn write(mut self, draft: &mut Draft<'_>, source: Address) -> EtherType {
        let destination = self.destination;
        let sum = match destination.family() {
            Family::V4 => Sum::ZERO,
            Family::V6 => Sum::pseudo(source, destination, protocol::ICMPV6, self.bytes.len()),
        };
        if let Some(checksum) = self.bytes.get_mut(2..4) {
            checksum.fill(0);
        }
        let checksum = sum.bytes(&self.bytes).checksum();
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&checksum);
        }
        draft.prepend_bytes(&self.bytes);
        match destination.family() {
            Family::V4 => {
                let (header, alert) = ipv4::Header::with_router_alert(ipv4::Fields {
                    traffic_class: PRECEDENCE,
                    payload_length: draft.len(),
                    // RFC 6864 §4: what cannot be cut needs no name.
                    identification: 0,
                    flags_offset: ipv4::DONT_FRAGMENT,
                    time_to_live: HOP_LIMIT,
                    protocol: protocol::IGMP,
                    source: source.low4(),
                    destination: destination.low4(),
                });
                *draft.prepend() = alert;
                *draft.prepend() = header;
                EtherType::IPV4
            }
            Family::V6 => {
                draft.prepend_bytes(&ALERT);
                let ends = (source, destination);
                let length = draft.len() as u16;
                *draft.prepend() = ipv6::Header::new(0, length, protocol::HOP_BY_HOP, HOP_LIMIT, ends);
                EtherType::IPV6
            }
        }
    }
}

/// Whether a packet's hop-by-hop options have a router alert about MLD.
fn has_router_alert(frame: &[u8], packet: &Packet) -> bool {
    let Some(Ok((network, behind))) = frame.get(packet.network()..).map(ipv6::Header::ref_from_prefix) else {
        return false;
    };
    let Ok((header, _)) = extension::Header::ref_from_prefix(behind) else { return false };
    let area = behind.get(2..header.length()).unwrap_or_default();
    let is_alert = |option: extension::Option<'_>| option.kind == extension::ROUTER_ALERT && option.data == [0, 0];
    network.next_header == protocol::HOP_BY_HOP && extension::options(area).flatten().any(is_alert)
}
