//! The queue: messages for elsewhere, on disk until the next hop has taken them over.
//!
//! # Theory of operation
//!
//! An entry is two files in one directory:
//!
//! ```text
//!   ID.content    the message as it came, the Received: line of ours in front, lines ended by CRLF, no dot doubled
//!   ID.envelope   who it is from and for, and what became of that: one JSON object (Envelope)
//!   ID.new        an envelope on its way to its name
//! ```
//!
//! The envelope's name is the entry: without it, a content is what an earlier process left, and is removed. It is given last:
//!
//! ```text
//!   open ID.content · write … · sync                   as the message comes
//!   open ID.new · write                                when it is complete
//!   commit: sync, rename to ID.envelope, directory     and only then is it durable, and 250 may be said
//! ```
//!
//! Each step is asked for when the one before it was done well, or a name could be given to what is not on the disk
//! ([`Placing`]). What is known of recipients changes by the same second and third step: the old envelope is replaced whole. To
//! take an entry out, its envelope is removed and the directory synced, then the content.
//!
//! An entry is put by whoever took the message over, on any shard, who announces it then ([`Queue::announce`]). From there on
//! it is the relay's alone.

mod envelope;
mod placing;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::super::{Bell, Folder, Place};
use crate::base::limits;

pub use envelope::{Body, Envelope, Notify, Recipient, Return, Said, Status, Unreadable};
pub use placing::{Handles, Placing};

/// Names an entry: when it was put, by which process, and which of that process's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Seconds since 1970.
    seconds: u64,
    /// Of the process, at random.
    run: u32,
    number: u32,
}

impl Id {
    /// The file with the message.
    pub fn content(self) -> PathBuf {
        PathBuf::from(format!("{self}.content"))
    }

    /// The file with the envelope.
    pub fn envelope(self) -> PathBuf {
        PathBuf::from(format!("{self}.envelope"))
    }

    /// The file with an envelope that has not its name yet.
    pub fn unnamed(self) -> PathBuf {
        PathBuf::from(format!("{self}.new"))
    }

    /// When it was put, in seconds since 1970.
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

impl fmt::Display for Id {
    /// Names in the order in which they were given, also when sorted as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010x}-{:08x}-{:08x}", self.seconds, self.run, self.number)
    }
}

/// A text that is no entry's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no name in a queue")]
pub struct NoId;

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Id, NoId> {
        let mut parts = text.split('-').map(|part| u64::from_str_radix(part, 16));
        let mut next = || parts.next().and_then(Result::ok).ok_or(NoId);
        let id = Id {
            seconds: next()?,
            run: next()?.try_into().map_err(|_| NoId)?,
            number: next()?.try_into().map_err(|_| NoId)?,
        };
        // One text for each, so that no file has two names.
        if id.to_string() == text { Ok(id) } else { Err(NoId) }
    }
}

/// A queue, for those who put messages into it. All of a process share one.
#[derive(Clone, Debug)]
pub struct Queue {
    folder: Folder,
    run: u32,
    arrivals: Sender<Id>,
    shared: Arc<Shared>,
}

/// What all who put messages share with the relay.
#[derive(Debug, Default)]
struct Shared {
    next: AtomicU32,
    /// There was no room for an arrival.
    missed: AtomicBool,
    /// What wakes the relay, and that it was rung since the relay looked last.
    bell: OnceLock<Bell>,
    rung: AtomicBool,
}

impl Queue {
    /// The queue in a directory; `run` is random, and another one in each process.
    pub fn new(folder: Folder, run: u32) -> (Queue, Arrivals) {
        let (sender, receiver) = bounded(limits::SMTP_ARRIVALS);
        let shared = Arc::<Shared>::default();
        let queue = Queue { folder, run, arrivals: sender, shared: shared.clone() };
        (queue, Arrivals { receiver, shared })
    }

    /// A name that no entry has, for a message that comes now: `seconds` since 1970.
    pub fn name(&self, seconds: u64) -> Id {
        Id { seconds, run: self.run, number: self.shared.next.fetch_add(1, Ordering::Relaxed) }
    }

    /// Whether an entry was put by this process.
    pub fn is_ours(&self, id: Id) -> bool {
        id.run == self.run
    }

    /// Where a file of it lies.
    pub fn place(&self, path: PathBuf) -> Place {
        Place { folder: self.folder, path }
    }

    /// Says what wakes the relay; once.
    pub fn hang(&self, bell: Bell) {
        // There is one relay, and the first bell is its.
        let _second = self.shared.bell.set(bell);
    }

    /// Says that an entry is durable, and wakes the relay. Never waits: of too many at once the relay hears that there are some.
    pub fn announce(&self, id: Id) {
        let Shared { missed, bell, rung, .. } = &*self.shared;
        if self.arrivals.try_send(id).is_err() {
            missed.store(true, Ordering::Release);
        }
        // Who is about to look need not be woken again.
        if let Some(bell) = bell.get()
            && !rung.swap(true, Ordering::AcqRel)
            && !bell.ring()
        {
            rung.store(false, Ordering::Release);
        }
    }
}

/// What was announced: for the relay.
#[derive(Debug)]
pub struct Arrivals {
    receiver: Receiver<Id>,
    shared: Arc<Shared>,
}

impl Arrivals {
    /// To be called before the entries are looked at: of those that come from now on the relay is told by its bell.
    pub fn look(&self) {
        // By a swap: whoever found it true has put its entry before.
        self.shared.rung.swap(false, Ordering::AcqRel);
    }

    /// The next entry.
    pub fn next(&self) -> Option<Id> {
        // Two loads tell that there is none, which is nearly always so.
        if self.receiver.is_empty() { None } else { self.receiver.try_recv().ok() }
    }

    /// Whether there was no room for one since this was asked last: it is in the directory only.
    pub fn missed_any(&self) -> bool {
        let missed = &self.shared.missed;
        missed.load(Ordering::Relaxed) && missed.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_sorted_by_time() {
        let (queue, _arrivals) = Queue::new(Folder(0), 0xdead_beef);
        let ids: Vec<Id> = [1, 0xffff_ffff, 0x1_0000_0000].into_iter().map(|seconds| queue.name(seconds)).collect();
        let texts: Vec<String> = ids.iter().map(Id::to_string).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!(text.parse(), Ok(*id));
            assert!(queue.is_ours(*id));
            assert_eq!(id.envelope().to_str(), Some(&*format!("{text}.envelope")));
        }
        for wrong in ["", "1-2-3", "000000000G-00000000-00000000", "../../etc/passwd", &format!("{}-0", texts[0])] {
            assert_eq!(wrong.parse::<Id>(), Err(NoId), "{wrong}");
        }
    }

    #[test]
    fn the_relay_is_woken_once_until_it_looks() {
        let (queue, arrivals) = Queue::new(Folder(0), 1);
        let (rung, hears) = (Arc::<AtomicU32>::default(), Arc::<AtomicBool>::default());
        let (counter, ear) = (rung.clone(), hears.clone());
        queue.hang(Bell::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            ear.load(Ordering::Relaxed)
        }));
        let put = |times: u32| {
            let before = rung.load(Ordering::Relaxed);
            (0..times).for_each(|_| queue.announce(queue.name(7)));
            rung.load(Ordering::Relaxed) - before
        };
        assert_eq!(put(2), 2, "nobody heard it");
        hears.store(true, Ordering::Relaxed);
        assert_eq!((put(3), put(1)), (1, 0));
        arrivals.look();
        assert_eq!(std::iter::from_fn(|| arrivals.next()).count(), 6);
        assert_eq!(put(2), 1);
    }

    #[test]
    fn more_than_there_is_room_for_is_told_of_in_one_word() {
        let (queue, arrivals) = Queue::new(Folder(0), 1);
        let ids: Vec<Id> = (0..limits::SMTP_ARRIVALS).map(|_| queue.name(7)).collect();
        ids.iter().for_each(|id| queue.announce(*id));
        assert!(!arrivals.missed_any());
        queue.announce(queue.name(7));
        assert!(arrivals.missed_any() && !arrivals.missed_any());
        let told: Vec<Id> = std::iter::from_fn(|| arrivals.next()).collect();
        assert_eq!(told, ids);
    }
}
