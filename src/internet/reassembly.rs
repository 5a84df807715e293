//! Reassembly (RFC 791 §3.2, RFC 8200 §4.5): fragments until their datagram is whole.
//!
//! ```text
//!  headroom          block of the pool, of the class that what is known of the datagram fits
//!  ├─ head goes here ┼─ 0‥1448 ─┼─ 1448‥2896 ─┼─── not yet ───┼─ 4344‥ ─┤
//! ```
//!
//! Each byte is copied once, to where it belongs; when all are there, the headers of the first fragment go in front and the
//! buffer changes places with the frame in which the last one came.
//!
//! **What contradicts itself is not delivered.** A fragment that overlaps another, or reaches beyond the end, or names another
//! end, spoils its datagram (RFC 5722, for IPv4 as well: RFC 1858 and every evasion since). A spoilt datagram gives its memory
//! back and is remembered, so that the rest of it is not taken for a new one. The same fragment once more changes nothing.
//!
//! **Bounds.** Memory is charged to the pool by capacity, within a quota of its own; datagrams and the fragments of each
//! are counted. One source may have a quarter of both: then its own oldest datagram makes way. When all is taken, the
//! oldest of all does.

use std::collections::{BTreeMap, BTreeSet};

use arrayvec::ArrayVec;
use hashbrown::HashTable;
use zerocopy::{FromBytes, IntoBytes};

use super::Packet;
use super::extension::NEXT_HEADER_FIELD;
use super::fragment::{Fragment, Name, Position};
use crate::base::address::{Address, Family};
use crate::base::counters::{Counters, Dropped};
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::slab::{Id, Slab};
use crate::base::time::Instant;
use crate::buffer::{Block, CAPACITY, DEVICE_ROOM, Frame, HEADROOM, Offload, Pool, PoolFull, Purpose};
use crate::wire::{ethernet, extension, icmpv6, ipv4, ipv6};

/// What an error takes in front of what it quotes, with a tag: IPv6, ICMPv6.
const ERROR: usize = DEVICE_ROOM + ethernet::LENGTH + 4 + ipv6::LENGTH + icmpv6::LENGTH;
const _: () =
    assert!(ERROR + limits::FRAGMENT_HEAD + extension::FRAGMENT_LENGTH <= HEADROOM, "an error about the first one");

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It waits for others.
    Kept,
    /// It was the one that was missing: its frame holds the datagram now.
    Whole,
}

/// Datagrams of which fragments came.
pub struct Reassembly {
    key: HashKey,
    datagrams: Slab<Datagram>,
    names: HashTable<u32>,
    /// Every datagram by its number: the oldest first.
    ages: BTreeMap<u64, Id<Datagram>>,
    sources: BTreeMap<Address, Source>,
    begun: u64,
    /// Whose the last fragment was: the next is likely to be, too.
    latest: Option<Id<Datagram>>,
    /// Bytes of the last datagram that became whole: the next is likely to be as long, and not to have to move then.
    usual: usize,
}

/// What one source has of all this.
#[derive(Default)]
struct Source {
    /// By capacity.
    bytes: usize,
    /// Numbers of its datagrams.
    datagrams: BTreeSet<u64>,
}

struct Datagram {
    name: Name,
    number: u64,
    until: Instant,
    /// None: spoilt.
    block: Option<Block>,
    /// Where the bytes that came belong, in order, and no two overlap.
    pieces: ArrayVec<(u16, u16), { limits::FRAGMENTS }>,
    received: usize,
    /// Where it ends, when that came.
    end: Option<usize>,
    /// Congestion marks that came (RFC 3168 §5.3), as a set of the four.
    marks: u8,
    first: Option<First>,
}

/// What is kept of the first fragment besides its bytes.
struct First {
    packet: Packet,
    /// The Ethernet and IP header, and the extension headers in front of the fragment header if there is room for them.
    head: ArrayVec<u8, { ethernet::LENGTH + limits::FRAGMENT_HEAD }>,
    /// Whether there was.
    fits: bool,
    /// Where in it the number stands that names the fragment header.
    field: usize,
    next_header: u8,
    length: usize,
}

/// A datagram that waited for too long.
pub enum Expired {
    /// Its first fragment as it came, and what that says: its sender is told of that (RFC 1122 §3.3.2, RFC 8200 §4.5). The block
    /// is still charged.
    First(Block, Packet),
    /// Nobody is told: the first fragment did not come.
    Untold,
}

impl Reassembly {
    /// None has begun.
    pub fn new(random: &mut Random) -> Reassembly {
        Reassembly {
            key: HashKey::new(random),
            datagrams: Slab::new(limits::REASSEMBLIES),
            names: HashTable::new(),
            ages: BTreeMap::new(),
            sources: BTreeMap::new(),
            begun: 0,
            latest: None,
            usual: 0,
        }
    }

    /// When the oldest datagram has waited for too long.
    pub fn deadline(&self) -> Option<Instant> {
        let (_, oldest) = self.ages.first_key_value()?;
        self.datagrams.get(*oldest).map(|datagram| datagram.until)
    }

    /// Takes in the fragment in a frame.
    ///
    /// # Errors
    /// Why it goes no further; its datagram may be spoilt by it.
    pub fn take(
        &mut self,
        fragment: &Fragment,
        packet: &Packet,
        frame: &mut Frame,
        pool: &mut Pool,
        counters: &mut Counters,
        now: Instant,
    ) -> Result<Taken, Dropped> {
        let has_name = |id: &Id<Datagram>| self.datagrams.get(*id).is_some_and(|latest| latest.name == fragment.name);
        let id = match self.latest.filter(has_name) {
            Some(latest) => latest,
            None => self.find_or_begin(fragment.name, pool, counters, now).ok_or(Dropped::FragmentsFull)?,
        };
        let datagram = self.datagrams.get_mut(id).ok_or(Dropped::FragmentsFull)?;
        let place = match datagram.place(fragment) {
            Ok(place) => place,
            Err(why) => {
                if why != Dropped::FragmentAgain {
                    self.spoil(id, pool);
                }
                return Err(why);
            }
        };
        let datagram = if datagram.room() < fragment.end() {
            self.make_room(id, fragment, pool, counters)?;
            self.datagrams.get_mut(id).ok_or(Dropped::FragmentsFull)?
        } else {
            datagram
        };
        datagram.put(place, fragment, packet, frame);
        counters.bytes_copied += fragment.data.len() as u64;
        if datagram.end != Some(datagram.received) {
            return Ok(Taken::Kept);
        }
        let whole = self.remove(id).ok_or(Dropped::FragmentsFull)?;
        self.usual = whole.received;
        whole.become_frame(frame, pool, counters)?;
        Ok(Taken::Whole)
    }

    /// Gives one datagram up that waited for too long; `None` when there is none.
    pub fn expire(&mut self, pool: &mut Pool, counters: &mut Counters, now: Instant) -> Option<Expired> {
        let oldest = self.oldest(None)?;
        if self.datagrams.get(oldest)?.until > now {
            return None;
        }
        let Datagram { block, first, name, .. } = self.remove(oldest)?;
        // What was spoilt was counted then.
        let Some(block) = block else { return Some(Expired::Untold) };
        counters.drop_kept(Dropped::FragmentsLate);
        match first.filter(|first| first.fits) {
            Some(first) => {
                let (block, packet) = first.into_what_came(block, &name);
                Some(Expired::First(block, packet))
            }
            None => {
                pool.release(block);
                Some(Expired::Untold)
            }
        }
    }

    /// Gives everything back to the pool.
    pub fn clear(&mut self, pool: &mut Pool) {
        while let Some(oldest) = self.oldest(None) {
            self.give_up(oldest, pool);
        }
    }

    #[inline(never)]
    fn find_or_begin(
        &mut self,
        name: Name,
        pool: &mut Pool,
        counters: &mut Counters,
        now: Instant,
    ) -> Option<Id<Datagram>> {
        let found = self.find(&name);
        self.latest = if found.is_some() { found } else { self.begin(name, pool, counters, now) };
        self.latest
    }

    fn find(&self, name: &Name) -> Option<Id<Datagram>> {
        let has_name = |position: &u32| self.datagrams.at(*position).is_some_and(|datagram| datagram.name == *name);
        let position = self.names.find(self.key.hash(name), has_name)?;
        self.datagrams.id_at(*position)
    }

    fn begin(&mut self, name: Name, pool: &mut Pool, counters: &mut Counters, now: Instant) -> Option<Id<Datagram>> {
        let of_source = |source: &Source| source.datagrams.len() >= limits::REASSEMBLIES / limits::REASSEMBLIES_SHARE;
        if self.sources.get(&name.source).is_some_and(of_source) {
            let oldest = self.oldest_of(name.source, None)?;
            self.make_way(oldest, pool, counters);
        }
        if self.datagrams.is_full() {
            let oldest = self.oldest(None)?;
            self.make_way(oldest, pool, counters);
        }
        self.begun += 1;
        let number = self.begun;
        let datagram = Datagram {
            name,
            number,
            until: now + limits::REASSEMBLY_TIMEOUT,
            block: None,
            pieces: ArrayVec::new(),
            received: 0,
            end: None,
            marks: 0,
            first: None,
        };
        let id = self.datagrams.insert(datagram).ok()?;
        let Reassembly { key, datagrams, names, .. } = self;
        let rehash = |position: &u32| datagrams.at(*position).map_or(0, |datagram| key.hash(datagram.name));
        names.insert_unique(key.hash(name), id.index(), rehash);
        self.ages.insert(number, id);
        self.sources.entry(name.source).or_default().datagrams.insert(number);
        Some(id)
    }

    /// Gives the datagram a block in which the fragment has its place, and, if others follow, one more like it.
    #[inline(never)]
    fn make_room(
        &mut self,
        id: Id<Datagram>,
        fragment: &Fragment,
        pool: &mut Pool,
        counters: &mut Counters,
    ) -> Result<(), Dropped> {
        let datagram = self.datagrams.get(id).ok_or(Dropped::FragmentsFull)?;
        let more = if fragment.position == Position::Inner { fragment.data.len() } else { 0 };
        let usual = if more > 0 && datagram.block.is_none() { self.usual } else { 0 };
        let wanted = (fragment.end() + more).max(usual).min(CAPACITY - HEADROOM);
        let source = datagram.name.source;
        let share = pool.most(Purpose::Fragments) / limits::REASSEMBLIES_SHARE;
        let mut block = loop {
            let has = self.sources.get(&source).map_or(0, |source| source.bytes);
            let oldest = match pool.write(wanted, Purpose::Fragments) {
                Ok(block) if has + block.frame().capacity() <= share => break block,
                Ok(block) => match self.oldest_of(source, Some(id)) {
                    // In the smallest of pools one datagram may be more than the share.
                    None => break block,
                    oldest => {
                        pool.release(block);
                        oldest
                    }
                },
                Err(PoolFull) => self.oldest(Some(id)),
            };
            let Some(oldest) = oldest else {
                self.give_up(id, pool);
                return Err(Dropped::FragmentsFull);
            };
            self.make_way(oldest, pool, counters);
        };
        let source = self.sources.entry(source).or_default();
        source.bytes += block.frame().capacity();
        let datagram = self.datagrams.get_mut(id).ok_or(Dropped::FragmentsFull)?;
        if let Some(small) = datagram.block.take() {
            source.bytes -= small.frame().capacity();
            counters.bytes_copied += small.frame().len() as u64;
            block.frame_mut().fill(small.frame().bytes(), Offload::default());
            pool.release(small);
        }
        datagram.block = Some(block);
        Ok(())
    }

    /// The oldest datagram besides one.
    fn oldest(&self, besides: Option<Id<Datagram>>) -> Option<Id<Datagram>> {
        self.ages.values().copied().find(|id| Some(*id) != besides)
    }

    /// The same, of one source.
    fn oldest_of(&self, source: Address, besides: Option<Id<Datagram>>) -> Option<Id<Datagram>> {
        let numbers = self.sources.get(&source)?.datagrams.iter();
        numbers.filter_map(|number| self.ages.get(number)).copied().find(|id| Some(*id) != besides)
    }

    fn make_way(&mut self, id: Id<Datagram>, pool: &mut Pool, counters: &mut Counters) {
        self.give_up(id, pool);
        counters.drop_kept(Dropped::FragmentsFull);
    }

    fn give_up(&mut self, id: Id<Datagram>, pool: &mut Pool) {
        let block = self.remove(id).and_then(|datagram| datagram.block);
        block.into_iter().for_each(|block| pool.release(block));
    }

    /// Remembers a datagram only as one of which nothing more is wanted.
    fn spoil(&mut self, id: Id<Datagram>, pool: &mut Pool) {
        let Some(datagram) = self.datagrams.get_mut(id) else { return };
        // Nothing goes together with an end before the beginning.
        (datagram.first, datagram.end) = (None, Some(0));
        datagram.pieces.clear();
        let name = datagram.name;
        if let Some(block) = datagram.block.take() {
            if let Some(source) = self.sources.get_mut(&name.source) {
                source.bytes -= block.frame().capacity();
            }
            pool.release(block);
        }
    }

    fn remove(&mut self, id: Id<Datagram>) -> Option<Datagram> {
        let datagram = self.datagrams.remove(id)?;
        let hash = self.key.hash(datagram.name);
        if let Ok(entry) = self.names.find_entry(hash, |position| *position == id.index()) {
            entry.remove();
        }
        self.ages.remove(&datagram.number);
        if let Some(source) = self.sources.get_mut(&datagram.name.source) {
            source.bytes -= datagram.block.as_ref().map_or(0, |block| block.frame().capacity());
            source.datagrams.remove(&datagram.number);
            if source.datagrams.is_empty() {
                self.sources.remove(&datagram.name.source);
            }
        }
        Some(datagram)
    }
}

impl Datagram {
    /// Bytes for which there is a place.
    #[inline]
    fn room(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.frame().capacity() - HEADROOM)
    }

    /// Where among the pieces a fragment belongs.
    fn place(&self, fragment: &Fragment) -> Result<usize, Dropped> {
        let range @ (start, end) = (fragment.offset as u16, fragment.end() as u16);
        let is_last = fragment.position == Position::Last;
        // Nearly always behind all that came.
        let place = self.pieces.iter().rposition(|piece| piece.0 < start).map_or(0, |before| before + 1);
        let (before, behind) = (place.checked_sub(1).map(|before| self.pieces[before]), self.pieces.get(place));
        if behind == Some(&range) && is_last == (self.end == Some(fragment.end())) {
            return Err(Dropped::FragmentAgain);
        }
        let overlaps = before.is_some_and(|before| before.1 > start) || behind.is_some_and(|behind| behind.0 < end);
        let ends_elsewhere = match (self.end, is_last) {
            (Some(known), true) => known != fragment.end(),
            (Some(known), false) => known <= fragment.end(),
            (None, true) => behind.is_some(),
            (None, false) => false,
        };
        if overlaps || ends_elsewhere {
            return Err(Dropped::FragmentConflict);
        }
        if self.pieces.is_full() { Err(Dropped::FragmentsFull) } else { Ok(place) }
    }

    fn put(&mut self, place: usize, fragment: &Fragment, packet: &Packet, frame: &Frame) {
        let Some(block) = &mut self.block else { return };
        let end = fragment.end();
        if block.frame().len() < end {
            block.frame_mut().received(end, Offload::default());
        }
        let data = &frame.bytes()[fragment.data.clone()];
        block.frame_mut().bytes_mut()[fragment.offset..end].copy_from_slice(data);
        self.pieces.insert(place, (fragment.offset as u16, end as u16));
        self.received += data.len();
        self.marks |= 1 << (packet.traffic_class & 3);
        if fragment.position == Position::Last {
            self.end = Some(end);
        }
        if fragment.offset == 0 {
            self.first = Some(First::of(fragment, packet, frame));
        }
    }

    /// Makes a frame the whole datagram.
    fn become_frame(self, frame: &mut Frame, pool: &mut Pool, counters: &mut Counters) -> Result<(), Dropped> {
        let Datagram { block, first, received, marks, .. } = self;
        let (Some(mut block), Some(first)) = (block, first) else { return Err(Dropped::FragmentsFull) };
        if block.frame().capacity() == CAPACITY && frame.capacity() == CAPACITY {
            std::mem::swap(frame, block.frame_mut());
        } else {
            frame.fill(block.frame().bytes(), Offload::default());
            counters.bytes_copied += received as u64;
        }
        pool.release(block);
        let class = congestion(first.packet.traffic_class, marks)?;
        frame.prepend(&first.of_whole(received, class));
        Ok(())
    }
}

/// RFC 3168 §5.3: one mark of congestion marks the whole; and such a one beside a fragment that cannot be marked is a lie.
fn congestion(class: u8, marks: u8) -> Result<u8, Dropped> {
    const NOT_CAPABLE: u8 = 0;
    const EXPERIENCED: u8 = 3;
    match (marks & 1 << EXPERIENCED != 0, marks & 1 << NOT_CAPABLE != 0) {
        (true, true) => Err(Dropped::FragmentConflict),
        (true, false) => Ok(class | EXPERIENCED),
        _ => Ok(class),
    }
}

impl First {
    fn of(fragment: &Fragment, packet: &Packet, frame: &Frame) -> First {
        let whole = &frame.bytes()[..fragment.head];
        let (next_header, length) = (fragment.next_header, fragment.data.len());
        match ArrayVec::try_from(whole) {
            Ok(head) => First { packet: *packet, head, fits: true, field: fragment.field, next_header, length },
            Err(_) => {
                // What those headers asked of us was done when they came.
                let plain = &whole[..packet.network() + ipv6::LENGTH];
                let head = ArrayVec::try_from(plain).unwrap_or_default();
                let field = packet.network() + NEXT_HEADER_FIELD;
                First { packet: *packet, head, fits: false, field, next_header, length }
            }
        }
    }

    /// The headers of the whole datagram, of which the fragments have `data` bytes.
    fn of_whole(self, data: usize, class: u8) -> ArrayVec<u8, { ethernet::LENGTH + limits::FRAGMENT_HEAD }> {
        let First { packet, mut head, field, next_header, .. } = self;
        let between = head.len() - packet.network();
        match packet.family {
            Family::V4 => {
                if let Ok((header, options)) = ipv4::Header::mut_from_prefix(&mut head[packet.network()..]) {
                    header.become_whole(options, (between + data) as u16, class);
                }
            }
            Family::V6 => {
                if let Some(number) = head.get_mut(field) {
                    *number = next_header;
                }
                if let Ok((header, _)) = ipv6::Header::mut_from_prefix(&mut head[packet.network()..]) {
                    header.payload_length = ((between - ipv6::LENGTH + data) as u16).into();
                    header.set_traffic_class(class);
                }
            }
        }
        head
    }

    /// The fragment again, in the block that its bytes are in.
    fn into_what_came(self, mut block: Block, name: &Name) -> (Block, Packet) {
        let First { packet, head, next_header, length, .. } = self;
        let frame = block.frame_mut();
        frame.truncate(length);
        if packet.family == Family::V6 {
            let header = extension::Fragment::new(next_header, 0, true, name.identification);
            frame.prepend(header.as_bytes());
        }
        frame.prepend(&head);
        (block, packet)
    }
}
