//! Which sources of a group are wanted, by one member of it and by all together (RFC 9776 §3, RFC 9777 §4).

use crate::base::address::Address;
use crate::base::limits;

/// What the list of a filter means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its sources, and no other.
    Include,
    /// All but its sources.
    Exclude,
}

/// The sources from which a group's packets are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    mode: Mode,
    sources: Vec<Address>,
}

impl Filter {
    /// Every source.
    pub const fn everything() -> Filter {
        Filter { mode: Mode::Exclude, sources: Vec::new() }
    }

    /// No source: not in the group.
    pub const fn nothing() -> Filter {
        Filter { mode: Mode::Include, sources: Vec::new() }
    }

    /// These sources only. `None` when they are more than [`limits::GROUP_SOURCES`], or one is no host.
    pub fn only(sources: &[Address]) -> Option<Filter> {
        Filter::of(Mode::Include, sources)
    }

    /// All sources but these, likewise.
    pub fn all_but(sources: &[Address]) -> Option<Filter> {
        Filter::of(Mode::Exclude, sources)
    }

    /// What the interface has to take for all of these members together (RFC 9776 §3.2, RFC 9777 §4.2): every source that one of
    /// them wants. Its list may be as long as theirs together.
    pub(super) fn merged<'a>(members: impl Iterator<Item = &'a Filter> + Clone) -> Filter {
        let of = |mode: Mode| members.clone().filter(move |filter| filter.mode == mode);
        let is_included = |source: &Address| of(Mode::Include).any(|filter| filter.sources.contains(source));
        let (mode, mut sources) = match of(Mode::Exclude).next() {
            Some(first) => {
                let by_all = |source: &&Address| of(Mode::Exclude).all(|filter| filter.sources.contains(source));
                let sources = first.sources.iter().filter(by_all).filter(|source| !is_included(source));
                (Mode::Exclude, sources.copied().collect::<Vec<_>>())
            }
            None => (Mode::Include, of(Mode::Include).flat_map(|filter| &filter.sources).copied().collect()),
        };
        sources.sort_unstable();
        sources.dedup();
        Filter { mode, sources }
    }

    fn of(mode: Mode, sources: &[Address]) -> Option<Filter> {
        let mut sources = sources.to_vec();
        sources.sort_unstable();
        sources.dedup();
        let good = sources.len() <= limits::GROUP_SOURCES && sources.iter().all(|source| source.is_unicast());
        good.then_some(Filter { mode, sources })
    }

    /// What the list means.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The list, in order.
    pub fn sources(&self) -> &[Address] {
        &self.sources
    }

    /// Whether nothing is wanted.
    pub fn is_nothing(&self) -> bool {
        self.mode == Mode::Include && self.sources.is_empty()
    }

    /// Whether packets from a source are wanted.
    pub fn accepts(&self, source: Address) -> bool {
        self.sources.contains(&source) == (self.mode == Mode::Include)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(last: u8) -> Address {
        Address::from_v4([10, 0, 0, last])
    }

    fn merged(filters: &[Filter]) -> Filter {
        Filter::merged(filters.iter())
    }

    /// The examples of RFC 9776 §3.2, with a, b, c and so on as 1, 2, 3.
    #[test]
    fn members_are_merged_as_the_rfc_says() {
        let hosts = |lasts: &[u8]| lasts.iter().copied().map(host).collect::<Vec<_>>();
        let only = |lasts: &[u8]| Filter::only(&hosts(lasts)).unwrap();
        let all_but = |lasts: &[u8]| Filter::all_but(&hosts(lasts)).unwrap();
        let excluding = [all_but(&[1, 2, 3, 4]), all_but(&[2, 3, 4, 5]), only(&[4, 5, 6])];
        assert_eq!(merged(&excluding), all_but(&[2, 3]));
        assert_eq!(merged(&[only(&[1, 2, 3]), only(&[2, 3, 4]), only(&[5, 6])]), only(&[1, 2, 3, 4, 5, 6]));
        assert_eq!(merged(&[only(&[1]), Filter::everything()]), Filter::everything());
        assert_eq!(merged(&[]), Filter::nothing());
    }

    proptest! {
        #[test]
        fn a_source_is_taken_when_a_member_wants_it(
            members in prop::collection::vec((any::<bool>(), prop::collection::vec(1u8..9, 0..6)), 0..5),
            source in 1u8..10,
        ) {
            let filter = |(includes, lasts): &(bool, Vec<u8>)| {
                let sources: Vec<Address> = lasts.iter().copied().map(host).collect();
                if *includes { Filter::only(&sources) } else { Filter::all_but(&sources) }.unwrap()
            };
            let filters: Vec<Filter> = members.iter().map(filter).collect();
            let wanted = filters.iter().any(|filter| filter.accepts(host(source)));
            prop_assert_eq!(merged(&filters).accepts(host(source)), wanted);
        }
    }
}
