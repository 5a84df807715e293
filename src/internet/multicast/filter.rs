//! Which sources of a group are wanted (RFC 9776 §3.2, RFC 9777 §4.2).

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
