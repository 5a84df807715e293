//! All groups of one family, towards the routers of the link: which version they speak, what is due, what is to be said.

use std::collections::VecDeque;
use std::time::Duration;

use zerocopy::IntoBytes;

use super::filter::Filter;
use super::group::{Group, Member};
use super::{JoinError, Message, Voice};
use crate::base::address::{Address, Family};
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::wire::membership::{Query, RecordKind, Report, Version};
use crate::wire::{igmp, mld};

/// RFC 9776 §8.1, §8.2, §8.3; RFC 9777 §9.1, §9.2, §9.3: until a querier tells others.
const ROBUSTNESS: u8 = 2;
const QUERY_INTERVAL: Duration = Duration::from_secs(125);
const RESPONSE_INTERVAL: Duration = Duration::from_secs(10);
/// RFC 9776 §8.11, RFC 9777 §9.11, Unsolicited Report Interval.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The same of the old versions (RFC 2236 §8.10, RFC 2710 §7.10).
const REPORT_INTERVAL_OLD: Duration = Duration::from_secs(10);

/// One thing to be said.
enum Saying {
    Record(RecordKind, Address, Vec<Address>),
    Report(Address),
    Leave(Address),
}

/// The groups of one family.
pub(super) struct Listener {
    family: Family,
    groups: Vec<Group>,
    /// What waits for a message: at most two records a group, for it is emptied before more is due.
    sayings: VecDeque<Saying>,
    /// The version that was spoken last.
    version: Version,
    /// Until when queriers of the old versions are taken to be there (RFC 9776 §8.12, RFC 9777 §9.12).
    oldest_until: Instant,
    old_until: Instant,
    robustness: u8,
    interval: Duration,
    /// When the answer to a question about all groups is due.
    general_due: Instant,
    /// Before this no answer is given.
    quiet_until: Instant,
}

impl Listener {
    pub(super) fn new(family: Family) -> Listener {
        Listener {
            family,
            groups: Vec::new(),
            sayings: VecDeque::new(),
            version: Version::Current,
            oldest_until: Instant::ZERO,
            old_until: Instant::ZERO,
            robustness: ROBUSTNESS,
            interval: QUERY_INTERVAL,
            general_due: Instant::NEVER,
            quiet_until: Instant::ZERO,
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    pub(super) fn find(&self, group: Address) -> Option<&Group> {
        self.groups.iter().find(|known| known.address == group)
    }

    /// A member wants packets of a group from these sources.
    pub(super) fn want(
        &mut self,
        (member, address): (Member, Address),
        filter: Filter,
        voice: Voice,
        now: Instant,
    ) -> Result<(), JoinError> {
        let wanted = self.groups.iter().filter(|group| group.is_wanted() && group.address != address).count();
        // Groups that were left stay until that was told often enough.
        let crowded = self.groups.len() >= limits::OWN_ADDRESSES + 2 * limits::GROUPS && self.find(address).is_none();
        if !filter.is_nothing() && (wanted >= limits::GROUPS || crowded) {
            return Err(JoinError::TooMany);
        }
        self.look_at_version(now);
        let mut set = Ok(());
        self.set(address, voice, now, |group| set = group.set_member(member, filter));
        set
    }

    /// Which groups follow from our addresses.
    pub(super) fn follow(&mut self, own: &[Address], voice: Voice, now: Instant, due: Instant) {
        self.look_at_version(now);
        let lost: Vec<Address> = self.groups.iter().filter(|group| group.own).map(|group| group.address).collect();
        for address in lost.into_iter().filter(|address| !own.contains(address)) {
            self.set(address, voice, due, |group| group.own = false);
        }
        for address in own {
            self.set(*address, voice, due, |group| group.own = true);
        }
    }

    fn set(&mut self, address: Address, voice: Voice, due: Instant, change: impl FnOnce(&mut Group)) {
        let index = match self.groups.iter().position(|known| known.address == address) {
            Some(index) => index,
            None => {
                self.groups.push(Group::new(address));
                self.groups.len() - 1
            }
        };
        let Some(group) = self.groups.get_mut(index) else { return };
        change(group);
        let is_told = voice == Voice::Tells && is_reported(address);
        if !is_told {
            group.forget_changes();
        } else if group.change(self.robustness) {
            group.change_due = group.change_due.min(due);
        }
        self.groups.retain(|group| !group.is_over());
    }

    /// A router asks (RFC 9776 §5.2, §7.2.1; RFC 9777 §6.2, §8.2.1).
    pub(super) fn on_query(&mut self, query: &Query<'_>, random: &mut Random, now: Instant) {
        match query.version {
            Version::Oldest => self.oldest_until = self.until_gone(query, now),
            // RFC 9776 §7.2.1: what IGMPv2 asks about one group says nothing of the querier.
            Version::Old if self.family == Family::V4 && query.group.is_some() => {}
            Version::Old => self.old_until = self.until_gone(query, now),
            Version::Current => {
                self.robustness = query.robustness.unwrap_or(ROBUSTNESS);
                self.interval = query.interval.unwrap_or(QUERY_INTERVAL);
            }
        }
        self.look_at_version(now);
        let mut draw = || now + some(random, query.delay);
        let groups = self.groups.iter_mut().filter(|group| is_reported(group.address));
        match query.group {
            // Rules 1 and 2: the earlier answer is one to both questions.
            None if self.version == Version::Current => self.general_due = self.general_due.min(draw()),
            None => groups.for_each(|group| group.ask(draw(), std::iter::empty())),
            Some(address) => {
                let due = draw();
                // Rule 1: what is answered sooner for all groups is so for this one.
                let Some(group) = groups.into_iter().find(|group| group.address == address) else { return };
                if self.general_due <= due {
                    return;
                }
                if self.version == Version::Current && query.has_sources() {
                    group.ask(due, query.sources());
                } else {
                    group.ask(due, std::iter::empty());
                }
            }
        }
    }

    /// How long a querier of an old version is taken to be there: for IGMP by the default numbers and ten times what its query lets
    /// an answer wait (RFC 9776 §8.12), for MLD by those that were told last (RFC 9777 §9.12).
    fn until_gone(&self, query: &Query<'_>, now: Instant) -> Instant {
        match self.family {
            Family::V4 => now + QUERY_INTERVAL * u32::from(ROBUSTNESS) + query.delay * 10,
            Family::V6 => now + self.interval * u32::from(self.robustness) + RESPONSE_INTERVAL,
        }
    }

    /// Another host is in a group, and speaks an old version: routers of that version need not hear of a second one (RFC 2236
    /// §3, RFC 2710 §4).
    pub(super) fn on_report(&mut self, address: Address, now: Instant) {
        self.look_at_version(now);
        // RFC 9776 §7.2.2, RFC 9777 §8.2.2: who wants single sources is not spoken for by one who asks for a whole group.
        if self.version == Version::Current || address.is_source_specific() {
            return;
        }
        if let Some(group) = self.groups.iter_mut().find(|group| group.address == address) {
            group.forget_question();
            if !group.filter().is_nothing() {
                group.forget_changes();
            }
        }
    }

    /// RFC 9776 §7.2.1: another version begins with nothing pending.
    fn look_at_version(&mut self, now: Instant) {
        let version = match () {
            () if now < self.oldest_until => Version::Oldest,
            () if now < self.old_until => Version::Old,
            () => Version::Current,
        };
        if std::mem::replace(&mut self.version, version) == version {
            return;
        }
        self.general_due = Instant::NEVER;
        self.sayings.clear();
        for group in &mut self.groups {
            group.forget_question();
            group.forget_changes();
        }
        self.groups.retain(|group| !group.is_over());
    }

    /// When [`Listener::on_timer`] is due.
    pub(super) fn deadline(&self) -> Instant {
        let groups = self.groups.iter().map(|group| group.change_due.min(group.answer_due.max(self.quiet_until)));
        groups.min().unwrap_or(Instant::NEVER).min(self.general_due.max(self.quiet_until))
    }

    /// Says what is due.
    pub(super) fn on_timer(&mut self, random: &mut Random, now: Instant) {
        self.look_at_version(now);
        let may_answer = now >= self.quiet_until;
        let general = may_answer && self.general_due <= now;
        if general {
            self.general_due = Instant::NEVER;
        }
        let mut answered = false;
        for group in &mut self.groups {
            if general && is_reported(group.address) {
                group.ask(now, std::iter::empty());
            }
            if may_answer && group.answer_due <= now {
                answered = true;
                match (self.version, group.answer()) {
                    (_, None) => {}
                    (Version::Current, Some((kind, sources))) => {
                        self.sayings.push_back(Saying::Record(kind, group.address, sources));
                    }
                    _ => self.sayings.push_back(Saying::Report(group.address)),
                }
            }
            if group.change_due <= now {
                say_change(group, self.version, &mut self.sayings);
                let interval = if self.version == Version::Current { REPORT_INTERVAL } else { REPORT_INTERVAL_OLD };
                group.change_due = if group.has_changes() { now + some(random, interval) } else { Instant::NEVER };
            }
        }
        if answered {
            self.quiet_until = now + limits::GROUP_ANSWER_INTERVAL;
        }
        self.groups.retain(|group| !group.is_over());
    }

    /// The next message to be sent, of at most `room` bytes.
    pub(super) fn next(&mut self, room: usize) -> Option<Message> {
        match self.sayings.front()? {
            Saying::Record(..) => {}
            Saying::Report(_) | Saying::Leave(_) => {
                let saying = self.sayings.pop_front()?;
                return self.old_message(&saying);
            }
        }
        let mut report = Report::new(self.family, room);
        while let Some(Saying::Record(kind, group, sources)) = self.sayings.front_mut() {
            match report.add(*kind, *group, sources) {
                Some(added) if added < sources.len() && !kind.excludes() => {
                    sources.drain(..added);
                    break;
                }
                Some(_) => {
                    self.sayings.pop_front();
                }
                None if report.is_empty() => {
                    // No link that carries IP is so narrow.
                    self.sayings.pop_front();
                }
                None => break,
            }
        }
        let destination = match self.family {
            Family::V4 => super::ALL_IGMPV3_ROUTERS,
            Family::V6 => super::ALL_MLDV2_ROUTERS,
        };
        (!report.is_empty()).then(|| Message { destination, bytes: report.finish() })
    }

    fn old_message(&self, saying: &Saying) -> Option<Message> {
        let (address, leaves) = match saying {
            Saying::Record(..) => return None,
            Saying::Report(address) => (*address, false),
            Saying::Leave(address) => (*address, true),
        };
        let (destination, bytes) = match (self.family, leaves) {
            (Family::V4, true) => {
                (super::ALL_ROUTERS_V4, igmp::Header::new(igmp::kind::LEAVE, address).as_bytes().to_vec())
            }
            (Family::V4, false) => {
                let oldest = self.version == Version::Oldest;
                let kind = if oldest { igmp::kind::REPORT_V1 } else { igmp::kind::REPORT_V2 };
                (address, igmp::Header::new(kind, address).as_bytes().to_vec())
            }
            (Family::V6, true) => {
                (super::ALL_ROUTERS_V6, mld::Header::new(mld::kind::DONE, address).as_bytes().to_vec())
            }
            (Family::V6, false) => (address, mld::Header::new(mld::kind::REPORT_V1, address).as_bytes().to_vec()),
        };
        Some(Message { destination, bytes })
    }
}

/// Tells what changed in a group, in the words of a version.
fn say_change(group: &mut Group, version: Version, sayings: &mut VecDeque<Saying>) {
    let address = group.address;
    if version == Version::Current {
        let records = group.changes().into_iter();
        return sayings.extend(records.map(|(kind, sources)| Saying::Record(kind, address, sources)));
    }
    group.count_down();
    match (group.filter().is_nothing(), version) {
        (false, _) => sayings.push_back(Saying::Report(address)),
        // Leaving is said once (RFC 2236 §3), and not at all where nobody reads it.
        (true, version) => {
            group.forget_changes();
            if version == Version::Old {
                sayings.push_back(Saying::Leave(address));
            }
        }
    }
}

/// Whether routers are to hear of a group (RFC 9776 §5, RFC 9777 §6): not of the one in which everybody is, nor of what does not
/// leave a host.
pub(super) fn is_reported(group: Address) -> bool {
    match (group.family(), group.to_v6()) {
        (Family::V4, _) => group != Address::ALL_HOSTS,
        (Family::V6, [_, flags_scope, ..]) => group != Address::ALL_NODES && flags_scope & 0x0f > 1,
    }
}

/// A time at random: more than none, so that nobody answers at once, and at most `most` (RFC 9776 §5.2).
fn some(random: &mut Random, most: Duration) -> Duration {
    Duration::from_nanos(random.below(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)).saturating_add(1))
}
