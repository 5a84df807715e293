//! How many there are of somebody, with a limit for each and for all: a server's connections by their peers, or by their users.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Who is here, how often.
#[derive(Debug)]
pub(super) struct Headcount<K> {
    each: HashMap<K, usize, RandomState>,
    total: usize,
    most: usize,
    most_each: usize,
}

impl<K: Hash + Eq> Headcount<K> {
    /// Nobody yet; at most so many in all, and of each.
    pub(super) fn new(most: usize, most_each: usize) -> Headcount<K> {
        Headcount { each: HashMap::default(), total: 0, most, most_each }
    }

    /// Lets one in, unless there are too many: who was let in has to [leave](Headcount::leave).
    pub(super) fn enter(&mut self, who: K) -> bool {
        if self.total >= self.most || self.most_each == 0 {
            return false;
        }
        let of_them = self.each.entry(who).or_insert(0);
        let fits = *of_them < self.most_each;
        if fits {
            *of_them += 1;
            self.total += 1;
        }
        fits
    }

    /// One who was let in is gone.
    pub(super) fn leave<Q: Hash + Eq + ?Sized>(&mut self, who: &Q)
    where
        K: Borrow<Q>,
    {
        let Some(count) = self.each.get_mut(who) else { return };
        self.total -= 1;
        *count -= 1;
        if *count == 0 {
            self.each.remove(who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_and_all_have_a_limit_and_who_leaves_makes_room() {
        let mut count = Headcount::new(3, 2);
        assert_eq!(["a", "a", "a", "b", "c"].map(|who| count.enter(who)), [true, true, false, true, false]);
        count.leave("stranger");
        count.leave("a");
        assert!(count.enter("c") && !count.enter("a"));
        ["a", "b", "c"].iter().for_each(|who| count.leave(*who));
        assert_eq!((count.total, count.each.len()), (0, 0));
    }
}
