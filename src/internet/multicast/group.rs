//! One group: who wants it and from which sources, what changed and was not told often enough, what was asked and not answered yet.

use super::JoinError;
use super::filter::{Filter, Mode};
use crate::base::address::Address;
use crate::base::limits;
use crate::base::time::Instant;
use crate::wire::membership::RecordKind;

/// Who wants what comes for a group: the socket of RFC 9776 §3.1 and RFC 9777 §4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// Whoever has a port.
    Everybody,
    /// Who has this one.
    Port(u16),
}

/// A group that we are in, or that we leave.
pub(super) struct Group {
    pub(super) address: Address,
    /// It follows from an address of ours: all sources are wanted, whatever else is.
    pub(super) own: bool,
    /// What each member wants; who wants nothing is none.
    members: Vec<(Member, Filter)>,
    /// What they want together.
    wanted: Filter,
    /// What was told last, or is about to be.
    told: Filter,
    /// How many reports are to tell the whole filter.
    whole: u8,
    /// Sources that changed, and how many reports are to tell so.
    changed: Vec<(Address, u8)>,
    /// When the next one is.
    pub(super) change_due: Instant,
    /// When an answer to a router is due.
    pub(super) answer_due: Instant,
    /// About which sources it asked; none for all.
    asked: Vec<Address>,
}

impl Group {
    pub(super) fn new(address: Address) -> Group {
        Group {
            address,
            own: false,
            members: Vec::new(),
            wanted: Filter::nothing(),
            told: Filter::nothing(),
            whole: 0,
            changed: Vec::new(),
            change_due: Instant::NEVER,
            answer_due: Instant::NEVER,
            asked: Vec::new(),
        }
    }

    /// What is wanted in all.
    pub(super) fn filter(&self) -> Filter {
        if self.own { Filter::everything() } else { self.wanted.clone() }
    }

    /// Whether it has members.
    pub(super) fn is_wanted(&self) -> bool {
        !self.wanted.is_nothing()
    }

    /// Whether somebody is a member of it.
    pub(super) fn has(&self, member: Member) -> bool {
        self.members.iter().any(|(known, _)| *known == member)
    }

    /// From now on a member wants these sources (RFC 9776 §3.2, RFC 9777 §4.2).
    pub(super) fn set_member(&mut self, member: Member, filter: Filter) -> Result<(), JoinError> {
        let others = self.members.iter().filter(|(other, _)| *other != member).count();
        if !filter.is_nothing() && others >= limits::GROUP_MEMBERS {
            return Err(JoinError::Crowded);
        }
        self.members.retain(|(other, _)| *other != member);
        if !filter.is_nothing() {
            self.members.push((member, filter));
        }
        self.wanted = Filter::merged(self.members.iter().map(|(_, filter)| filter));
        Ok(())
    }

    /// Whether who has a port wants packets from a source: what others want is not for it (RFC 9776 §3.2, RFC 9777 §4.2).
    pub(super) fn accepts(&self, source: Address, port: u16) -> bool {
        let concerned = |member: &Member| matches!(member, Member::Everybody) || *member == Member::Port(port);
        self.own || self.members.iter().any(|(member, filter)| concerned(member) && filter.accepts(source))
    }

    /// Whether it was left, and all is said.
    pub(super) fn is_over(&self) -> bool {
        !self.own && self.wanted.is_nothing() && self.change_due == Instant::NEVER
    }

    /// The filter changed: what differs from the last one is to be told so many times, together with what was not told often
    /// enough yet (RFC 9776 §5.1, RFC 9777 §6.1). False when nothing differs.
    pub(super) fn change(&mut self, times: u8) -> bool {
        let new = self.filter();
        let old = std::mem::replace(&mut self.told, new.clone());
        if old == new {
            return false;
        }
        if old.mode() != new.mode() {
            self.whole = times;
            return true;
        }
        let differs = |source: &&Address| old.sources().contains(source) != new.sources().contains(source);
        let differing: Vec<Address> = old.sources().iter().chain(new.sources()).filter(differs).copied().collect();
        self.changed.retain(|(source, _)| !differing.contains(source));
        self.changed.extend(differing.into_iter().map(|source| (source, times)));
        if self.changed.len() > limits::GROUP_CHANGES {
            // Who is told the whole filter needs no list of what changed in it.
            self.changed.clear();
            self.whole = times;
        }
        true
    }

    /// Nothing is to be told of changes any more.
    pub(super) fn forget_changes(&mut self) {
        self.whole = 0;
        self.changed.clear();
        self.change_due = Instant::NEVER;
        self.told = self.filter();
    }

    /// What the next report of changes says, counted.
    pub(super) fn changes(&mut self) -> Vec<(RecordKind, Vec<Address>)> {
        let filter = self.filter();
        let records = if self.whole > 0 {
            let kind = match filter.mode() {
                Mode::Include => RecordKind::ToInclude,
                Mode::Exclude => RecordKind::ToExclude,
            };
            vec![(kind, filter.sources().to_vec())]
        } else {
            let (wanted, blocked) =
                self.changed.iter().map(|(source, _)| *source).partition(|source| filter.accepts(*source));
            let records = [(RecordKind::Allow, wanted), (RecordKind::Block, blocked)];
            records.into_iter().filter(|(_, sources): &(_, Vec<Address>)| !sources.is_empty()).collect()
        };
        self.count_down();
        records
    }

    /// One report of the changes is on its way.
    pub(super) fn count_down(&mut self) {
        self.whole = self.whole.saturating_sub(1);
        self.changed.iter_mut().for_each(|(_, times)| *times -= 1);
        self.changed.retain(|(_, times)| *times > 0);
    }

    /// Whether another report of changes is to follow.
    pub(super) fn has_changes(&self) -> bool {
        self.whole > 0 || !self.changed.is_empty()
    }

    /// A router asks: about these sources, or about all (RFC 9776 §5.2, rules 3 to 5).
    pub(super) fn ask(&mut self, due: Instant, sources: impl Iterator<Item = Address>) {
        let pending_for_all = self.answer_due != Instant::NEVER && self.asked.is_empty();
        let mut sources = sources.peekable();
        if sources.peek().is_none() || pending_for_all {
            self.asked.clear();
        } else {
            for source in sources {
                if !self.asked.contains(&source) {
                    self.asked.push(source);
                }
                if self.asked.len() > limits::GROUP_SOURCES_ASKED {
                    // The whole filter answers for every source.
                    self.asked.clear();
                    break;
                }
            }
        }
        self.answer_due = self.answer_due.min(due);
    }

    /// The answer to what was asked, if there is something to say.
    pub(super) fn answer(&mut self) -> Option<(RecordKind, Vec<Address>)> {
        self.answer_due = Instant::NEVER;
        let filter = self.filter();
        let asked = std::mem::take(&mut self.asked);
        if !asked.is_empty() {
            let wanted: Vec<Address> = asked.into_iter().filter(|source| filter.accepts(*source)).collect();
            return (!wanted.is_empty()).then_some((RecordKind::IsInclude, wanted));
        }
        let kind = match filter.mode() {
            Mode::Include if filter.is_nothing() => return None,
            Mode::Include => RecordKind::IsInclude,
            Mode::Exclude => RecordKind::IsExclude,
        };
        Some((kind, filter.sources().to_vec()))
    }

    /// Nothing is to be answered any more.
    pub(super) fn forget_question(&mut self) {
        self.answer_due = Instant::NEVER;
        self.asked.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> Address {
        Address::from_v4([10, 0, 0, last])
    }

    fn group(filter: Filter) -> Group {
        let mut group = Group::new(Address::from_v4([232, 1, 2, 3]));
        group.set_member(Member::Everybody, filter).unwrap();
        group
    }

    fn change(group: &mut Group, filter: Option<Filter>) {
        group.set_member(Member::Everybody, filter.unwrap()).unwrap();
        assert!(group.change(2));
    }

    #[test]
    fn a_change_of_mode_is_told_whole_and_a_change_of_sources_by_what_differs() {
        let mut group = group(Filter::nothing());
        change(&mut group, Some(Filter::everything()));
        assert_eq!(group.changes(), [(RecordKind::ToExclude, vec![])]);
        assert_eq!(group.changes(), [(RecordKind::ToExclude, vec![])]);
        assert!(!group.has_changes());
        change(&mut group, Filter::all_but(&[host(1)]));
        assert_eq!(group.changes(), [(RecordKind::Block, vec![host(1)])]);
        change(&mut group, Filter::all_but(&[host(2)]));
        let both = [(RecordKind::Allow, vec![host(1)]), (RecordKind::Block, vec![host(2)])];
        assert_eq!(group.changes(), both);
        assert_eq!(group.changes(), both);
        assert!(!group.has_changes() && !group.change(2), "told often enough");
    }

    #[test]
    fn members_change_what_is_told_by_what_they_want_together() {
        let mut group = group(Filter::nothing());
        let want = |group: &mut Group, port, filter: Filter| {
            group.set_member(Member::Port(port), filter).unwrap();
            if group.change(1) { group.changes() } else { Vec::new() }
        };
        let only = |lasts: [u8; 2]| Filter::only(&lasts.map(host)).unwrap();
        assert_eq!(want(&mut group, 1, only([1, 2])), [(RecordKind::Allow, vec![host(1), host(2)])]);
        assert_eq!(want(&mut group, 2, only([2, 3])), [(RecordKind::Allow, vec![host(3)])]);
        let seen = |group: &Group, port| [1, 2, 3].map(|last| group.accepts(host(last), port));
        let each = [seen(&group, 1), seen(&group, 2), seen(&group, 3)];
        assert_eq!(each, [[true, true, false], [false, true, true], [false; 3]], "each its own");
        assert_eq!(want(&mut group, 1, Filter::nothing()), [(RecordKind::Block, vec![host(1)])], "the other stays");
        let but = Filter::all_but(&[host(3), host(4)]).unwrap();
        assert_eq!(want(&mut group, 3, but), [(RecordKind::ToExclude, vec![host(4)])]);
        assert_eq!(want(&mut group, 4, Filter::everything()), [(RecordKind::Allow, vec![host(4)])]);
        assert_eq!(want(&mut group, 5, Filter::everything()), [], "nothing changes");
        for port in 6..=limits::GROUP_MEMBERS as u16 + 1 {
            want(&mut group, port, Filter::everything());
        }
        assert_eq!(group.set_member(Member::Port(99), Filter::everything()), Err(JoinError::Crowded));
        assert!(group.set_member(Member::Port(5), only([1, 2])).is_ok(), "who is in may change");
    }

    #[test]
    fn a_change_joins_one_that_was_not_told_often_enough() {
        let mut group = group(Filter::nothing());
        change(&mut group, Filter::only(&[host(1)]));
        assert_eq!(group.changes(), [(RecordKind::Allow, vec![host(1)])]);
        change(&mut group, Filter::only(&[host(1), host(2)]));
        assert_eq!(group.changes(), [(RecordKind::Allow, vec![host(1), host(2)])]);
        change(&mut group, Filter::all_but(&[host(3)]));
        assert_eq!(group.changes(), [(RecordKind::ToExclude, vec![host(3)])], "all that changed is in it");
        change(&mut group, Filter::all_but(&[host(3), host(4)]));
        assert_eq!(group.changes(), [(RecordKind::ToExclude, vec![host(3), host(4)])], "as often as it has to be");
        assert_eq!(group.changes(), [(RecordKind::Block, vec![host(4)])]);
    }

    #[test]
    fn more_changes_than_are_kept_are_told_whole() {
        let mut group = group(Filter::nothing());
        for from in 0..4 {
            let sources: Vec<Address> = (1..=32).map(|last| host(from * 40 + last)).collect();
            change(&mut group, Filter::only(&sources));
        }
        let [(RecordKind::ToInclude, sources)] = &group.changes()[..] else { panic!() };
        assert_eq!(sources.len(), 32);
    }

    #[test]
    fn answers_say_what_was_asked() {
        let due = Instant::from_millis(5);
        let mut included = group(Filter::only(&[host(1), host(2)]).unwrap());
        let mut excluded = group(Filter::all_but(&[host(1), host(2)]).unwrap());
        let mut ask = |sources: &[Address]| {
            included.ask(due, sources.iter().copied());
            excluded.ask(due, sources.iter().copied());
            (included.answer(), excluded.answer())
        };
        let (one, two) = ask(&[]);
        assert_eq!(one, Some((RecordKind::IsInclude, vec![host(1), host(2)])));
        assert_eq!(two, Some((RecordKind::IsExclude, vec![host(1), host(2)])));
        let (one, two) = ask(&[host(2), host(3)]);
        assert_eq!(one, Some((RecordKind::IsInclude, vec![host(2)])));
        assert_eq!(two, Some((RecordKind::IsInclude, vec![host(3)])));
        assert_eq!(ask(&[host(9)]).0, None, "nothing to say");
    }

    #[test]
    fn questions_are_joined_at_the_earliest_time() {
        let [early, late] = [5, 9].map(Instant::from_millis);
        let mut group = group(Filter::everything());
        group.ask(late, [host(1)].into_iter());
        group.ask(early, [host(2)].into_iter());
        assert_eq!(group.answer_due, early);
        assert_eq!(group.answer(), Some((RecordKind::IsInclude, vec![host(1), host(2)])));
        group.ask(early, [].into_iter());
        group.ask(late, [host(2)].into_iter());
        assert_eq!((group.answer_due, group.answer()), (early, Some((RecordKind::IsExclude, vec![]))));
        group.ask(early, (0..=255).map(host).chain([Address::from_v4([10, 0, 1, 1])]));
        assert_eq!(group.answer(), Some((RecordKind::IsExclude, vec![])), "more than are kept: all");
    }
}
