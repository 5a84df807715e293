//! How large packets may be on their whole way (RFC 1191, RFC 8201): what routers told, for as long as it may be true; and
//! where they tell nothing, what was found out by trying (RFC 4821).
//!
//! A path is supposed to take what our link takes, until a router says that it does not. Only what is less than that is
//! remembered, by destination, for ten minutes; then the path is tried anew. An error makes it less, never more.
//!
//! **Bounds.** The table has a fixed size. A secret hash says in which few places a destination may stand; when they are
//! taken, a clock hand goes round in them and the first that was not used since it came by last is forgotten.

use std::cell::Cell;

use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::wire::ipv6;

/// What a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMtu {
    /// Bytes of a packet, from its IP header on.
    pub mtu: usize,
    /// False where routers may have to cut an IPv4 packet all the same, because the path takes less than we believe of any
    /// (`limits::PATH_MTU_FLOOR`).
    pub dont_fragment: bool,
    /// What may be tried though it is more: only of a path on which packets vanished without a word.
    pub larger: Option<usize>,
}

impl PathMtu {
    /// That of a path of which nothing else is known.
    #[inline]
    pub fn of_link(mtu: usize) -> PathMtu {
        PathMtu { mtu, dont_fragment: true, larger: None }
    }
}

/// Places in which one destination may stand.
const WAYS: usize = 4;

#[derive(Clone)]
struct Entry {
    destination: Address,
    path: PathMtu,
    until: Instant,
    /// When something larger is tried; never where a router told what it takes.
    try_at: Instant,
    /// Since the hand came by last.
    used: Cell<bool>,
}

#[derive(Clone, Default)]
struct Set {
    entries: [Option<Entry>; WAYS],
    hand: usize,
}

/// The paths that take less than our link.
pub struct PathMtus {
    key: HashKey,
    /// None until the first is told: most hosts never hear of one.
    sets: Vec<Set>,
    known: usize,
    /// No entry is over before.
    sweep_at: Instant,
    now: Instant,
}

impl PathMtus {
    /// None is known.
    pub fn new(random: &mut Random) -> PathMtus {
        PathMtus { key: HashKey::new(random), sets: Vec::new(), known: 0, sweep_at: Instant::NEVER, now: Instant::ZERO }
    }

    /// Whether every path takes what the link takes, as far as is known.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.known == 0
    }

    /// What was told of the path to a destination.
    pub fn find(&self, destination: Address) -> Option<PathMtu> {
        let entry = self.set(destination)?.entries.iter().flatten().find(|entry| entry.destination == destination)?;
        entry.used.set(true);
        let larger = entry.path.larger.filter(|_| entry.try_at <= self.now);
        Some(PathMtu { larger, ..entry.path })
    }

    /// A router tells that a packet of `length` bytes was larger than the path takes: `told` bytes, or 0 when it does not
    /// know. The path takes what `link` takes, unless less is known.
    ///
    /// # Errors
    /// [`Dropped::IcmpBadMtu`] when that cannot be.
    pub fn shrink(
        &mut self,
        destination: Address,
        told: u32,
        length: usize,
        link: usize,
        now: Instant,
    ) -> Result<(), Dropped> {
        let known = self.find(destination).unwrap_or(PathMtu::of_link(link));
        let told = match (destination.family(), told as usize) {
            // A superframe is quoted whole: then what was sent in it is as long as the path was thought to take.
            (Family::V4, 0) => plateau_below(if length > link { known.mtu } else { length }),
            (Family::V4, told) if told >= limits::PATH_MTU_LEAST => told,
            // RFC 8201 §4: less than the least that IPv6 asks of a link is discarded.
            (Family::V6, told) if told >= ipv6::MINIMUM_MTU => told,
            _ => return Err(Dropped::IcmpBadMtu),
        };
        if told >= length {
            return Err(Dropped::IcmpBadMtu);
        }
        let floor = if destination.family() == Family::V4 { limits::PATH_MTU_FLOOR } else { ipv6::MINIMUM_MTU };
        let path = PathMtu { mtu: told.max(floor), dont_fragment: known.dont_fragment && told >= floor, larger: None };
        // RFC 8201 §4: it is never made larger by an error. The same once more makes it younger.
        if path.mtu < link && path.mtu <= known.mtu {
            self.remember(destination, path, Instant::NEVER, now);
        }
        Ok(())
    }

    /// Packets as large as the path is said to take vanish, and nobody tells why: it is taken to carry what hardly any path does
    /// not (RFC 4821 §7.7). False when less cannot be tried.
    pub fn suspect(&mut self, destination: Address, link: usize, now: Instant) -> bool {
        let mtu = self.find(destination).map_or(link, |path| path.mtu);
        let less = match destination.family() {
            Family::V4 if mtu > limits::PATH_MTU_BASE => limits::PATH_MTU_BASE,
            Family::V4 => limits::PATH_MTU_FLOOR,
            Family::V6 => ipv6::MINIMUM_MTU,
        };
        if less < mtu {
            self.found(destination, less, link, now + limits::MTU_PROBE_AFTER, now);
        }
        less < mtu
    }

    /// A larger packet was tried on a path: it arrived, and so may more; or it did not, and nothing larger is tried for a while
    /// (RFC 4821 §7.6). A path of which a router told meanwhile is left alone.
    pub fn tried(&mut self, destination: Address, taken: Option<usize>, link: usize, now: Instant) {
        let Some(known) = self.find(destination).filter(|path| path.larger.is_some()) else { return };
        match taken {
            Some(mtu) if mtu > known.mtu => self.found(destination, mtu, link, now, now),
            _ => self.found(destination, known.mtu, link, now + limits::PATH_MTU_AGE, now),
        }
    }

    /// A path takes so much, and more is to be tried from a time on. One that takes all of the link needs no place.
    fn found(&mut self, destination: Address, mtu: usize, link: usize, try_at: Instant, now: Instant) {
        if mtu >= link {
            return self.forget(destination);
        }
        let path = PathMtu { mtu, dont_fragment: true, larger: Some(next_above(mtu).min(link)) };
        self.remember(destination, path, try_at, now);
    }

    fn forget(&mut self, destination: Address) {
        let index = self.index(destination);
        let Some(set) = self.sets.get_mut(index) else { return };
        for place in &mut set.entries {
            let forgotten = place.take_if(|entry| entry.destination == destination);
            self.known -= usize::from(forgotten.is_some());
        }
    }

    /// Forgets what is too old.
    #[inline]
    pub fn on_time(&mut self, now: Instant) {
        self.now = now;
        if self.sweep_at <= now {
            self.sweep(now);
        }
    }

    #[cold]
    fn sweep(&mut self, now: Instant) {
        (self.known, self.sweep_at) = (0, Instant::NEVER);
        for place in self.sets.iter_mut().flat_map(|set| &mut set.entries) {
            place.take_if(|entry| entry.until <= now);
            if let Some(entry) = place {
                self.known += 1;
                self.sweep_at = self.sweep_at.min(entry.until);
            }
        }
    }

    fn remember(&mut self, destination: Address, path: PathMtu, try_at: Instant, now: Instant) {
        if self.sets.is_empty() {
            self.sets = vec![Set::default(); limits::PATH_MTUS / WAYS];
        }
        let index = self.index(destination);
        let Some(set) = self.sets.get_mut(index) else { return };
        let place = set.place_for(destination);
        // What is to be tried is remembered until it was.
        let until = if try_at == Instant::NEVER { now } else { try_at } + limits::PATH_MTU_AGE;
        let before = place.replace(Entry { destination, path, until, try_at, used: Cell::new(false) });
        self.known += usize::from(before.is_none());
        self.sweep_at = self.sweep_at.min(until);
    }

    fn set(&self, destination: Address) -> Option<&Set> {
        if self.is_empty() { None } else { self.sets.get(self.index(destination)) }
    }

    fn index(&self, destination: Address) -> usize {
        self.key.hash(destination) as usize % (limits::PATH_MTUS / WAYS)
    }
}

impl Set {
    /// Where a destination stands, or is to stand.
    fn place_for(&mut self, destination: Address) -> &mut Option<Entry> {
        let is = |place: &Option<Entry>| place.as_ref().is_some_and(|entry| entry.destination == destination);
        let there = self.entries.iter().position(is).or_else(|| self.entries.iter().position(Option::is_none));
        let place = there.unwrap_or_else(|| self.turn_hand());
        &mut self.entries[place]
    }

    /// The place of the first that was not used since the hand came by; once round, all of them have lost that.
    fn turn_hand(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (place + 1) % WAYS;
            if !self.entries[place].as_ref().is_some_and(|entry| entry.used.take()) {
                return place;
            }
        }
    }
}

/// The next smaller MTU that is common (RFC 1191 §7.1), for routers that do not say theirs.
fn plateau_below(length: usize) -> usize {
    const PLATEAUS: [usize; 10] = [65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296];
    PLATEAUS.into_iter().find(|plateau| *plateau < length).unwrap_or(limits::PATH_MTU_LEAST)
}

/// The next larger MTU that is common: the least of IPv6, Ethernet in tunnels, Ethernet, FDDI, jumbo frames.
fn next_above(mtu: usize) -> usize {
    const COMMON: [usize; 7] = [1024, 1280, 1400, 1492, 1500, 4352, 9000];
    COMMON.into_iter().find(|common| *common > mtu).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: usize = 1500;

    fn v4(number: u32) -> Address {
        Address::from_v4(number.to_be_bytes())
    }

    fn v6() -> Address {
        "fd77::9".parse().unwrap()
    }

    struct Paths(PathMtus, Instant);

    impl Paths {
        fn new() -> Paths {
            Paths(PathMtus::new(&mut Random::new([5; 16])), Instant::from_millis(1000))
        }

        /// What the path takes after a router told `told` of a packet of `length` bytes.
        fn after(&mut self, to: Address, told: u32, length: usize) -> Result<(usize, bool), Dropped> {
            self.0.shrink(to, told, length, LINK, self.1)?;
            let path = self.0.find(to).unwrap_or(PathMtu::of_link(LINK));
            Ok((path.mtu, path.dont_fragment))
        }
    }

    #[test]
    fn errors_make_it_smaller_and_never_larger() {
        for to in [v4(9), v6()] {
            let mut paths = Paths::new();
            assert_eq!(paths.after(to, 1400, 1500), Ok((1400, true)));
            assert_eq!(paths.after(to, 1300, 1400), Ok((1300, true)));
            assert_eq!(paths.after(to, 1400, 1500), Ok((1300, true)));
            assert_eq!(paths.after(to, 9000, 65_000), Ok((1300, true)));
            assert_eq!(paths.after(to, 1300, 1300), Err(Dropped::IcmpBadMtu), "it fitted");
        }
        let mut paths = Paths::new();
        assert_eq!(paths.after(v4(9), 1500, 65_000), Ok((1500, true)));
        assert!(paths.0.is_empty(), "the link's own needs no place");
    }

    #[test]
    fn minimums_are_enforced() {
        let mut paths = Paths::new();
        for told in [1, 67] {
            assert_eq!(paths.after(v4(9), told, 1500), Err(Dropped::IcmpBadMtu));
        }
        for told in [0, 68, 576, 1279] {
            assert_eq!(paths.after(v6(), told, 1500), Err(Dropped::IcmpBadMtu));
        }
        assert_eq!(paths.after(v6(), 1280, 1500), Ok((1280, true)));
        assert_eq!(paths.after(v4(9), 552, 1500), Ok((552, true)));
        assert_eq!(paths.after(v4(9), 68, 1500), Ok((552, false)), "routers cut what is left");
        assert_eq!(paths.after(v4(9), 552, 1500), Ok((552, false)));
    }

    #[test]
    fn old_routers_are_answered_with_the_next_plateau() {
        let mut paths = Paths::new();
        for (length, mtu) in [(1500, 1492), (1500, 1492), (1492, 1006), (1006, 552), (60_000, 552)] {
            assert_eq!(paths.after(v4(9), 0, length).map(|(mtu, _)| mtu), Ok(mtu));
        }
        // The quote of a superframe says nothing of its segments.
        for mtu in [1492, 1006, 552] {
            assert_eq!(paths.after(v4(8), 0, 60_000).map(|(mtu, _)| mtu), Ok(mtu));
        }
    }

    /// RFC 4821: down at once, up one step after the other, and not again for a while where that fails.
    #[test]
    fn a_path_on_which_packets_vanish_is_found_out_by_trying() {
        for (to, least) in [(v4(9), 1024), (v6(), 1280)] {
            let Paths(mut paths, now) = Paths::new();
            let known = |paths: &mut PathMtus, now: Instant| {
                paths.on_time(now);
                paths.find(to).map(|path| (path.mtu, path.larger))
            };
            assert!(paths.suspect(to, LINK, now));
            assert_eq!(known(&mut paths, now), Some((least, None)), "nothing is tried yet");
            let mut now = now + limits::MTU_PROBE_AFTER;
            for (mtu, larger) in [(1024, 1280), (1280, 1400)].into_iter().filter(|(mtu, _)| *mtu >= least) {
                assert_eq!(known(&mut paths, now), Some((mtu, Some(larger))));
                paths.tried(to, Some(larger), LINK, now);
            }
            paths.tried(to, None, LINK, now);
            assert_eq!(known(&mut paths, now), Some((1400, None)), "lost: later");
            now = now + limits::PATH_MTU_AGE;
            for larger in [1492, 1500] {
                assert_eq!(known(&mut paths, now), Some((if larger == 1492 { 1400 } else { 1492 }, Some(larger))));
                paths.tried(to, Some(larger), LINK, now);
            }
            assert!(known(&mut paths, now).is_none() && paths.is_empty(), "all that the link takes");
            // What a router tells is worth more.
            paths.suspect(to, LINK, now);
            paths.shrink(to, 1300, 1500, LINK, now).unwrap();
            assert_eq!(known(&mut paths, now).unwrap().0, least);
        }
        let Paths(mut paths, now) = Paths::new();
        assert!(paths.suspect(v4(9), LINK, now) && paths.suspect(v4(9), LINK, now));
        assert_eq!(paths.find(v4(9)).unwrap().mtu, limits::PATH_MTU_FLOOR);
        assert!(!paths.suspect(v4(9), LINK, now), "no less");
    }

    #[test]
    fn what_is_ten_minutes_old_is_forgotten() {
        let Paths(mut paths, now) = Paths::new();
        paths.shrink(v6(), 1300, 1500, LINK, now).unwrap();
        let later = now + limits::PATH_MTU_AGE / 2;
        paths.shrink(v4(1), 1300, 1500, LINK, later).unwrap();
        paths.on_time(now + limits::PATH_MTU_AGE);
        assert!(paths.find(v6()).is_none() && paths.find(v4(1)).is_some() && !paths.is_empty());
        paths.on_time(later + limits::PATH_MTU_AGE);
        assert!(paths.is_empty());
    }

    #[test]
    fn a_flood_is_bounded_and_spares_who_is_used() {
        let Paths(mut paths, now) = Paths::new();
        paths.shrink(v6(), 1300, 1500, LINK, now).unwrap();
        for number in 1..100_000 {
            paths.shrink(v4(number), 1300, 1500, LINK, now).unwrap();
            assert!(paths.find(v6()).is_some(), "after {number}");
        }
        assert!(paths.known <= limits::PATH_MTUS);
        paths.on_time(now + limits::PATH_MTU_AGE);
        assert!(paths.is_empty());
    }
}
