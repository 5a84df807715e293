//! The relay: takes messages from the queue to their next hops, again and again until they are taken, given up, or refused.
//!
//! # Theory of operation
//!
//! ```text
//!   queue ──announced, listed──▶ schedule ──due──▶ letters ──deliveries──▶ hops ──connections──▶ next hops
//!                                   ▲                │  ▲                    │
//!                                   └─ a while later ┘  └───── outcomes ─────┘
//! ```
//!
//! It is a service of datagrams that takes none: it lives of its timer, of what storage threads did for it, and of what its
//! connections and questions to DNS tell. Port 0 is its place, at which nothing arrives from the wire (RFC 6335 §6). Its files
//! are read and written by storage threads, each letter's in order by one of them.
//!
//! A letter holds the envelope of one message and nothing of its content; few are under way at once, of the rest only the names
//! are known. What became of a recipient for good is on the disk before anything else happens to the message, so that who was
//! served once is served once, also when we are killed: but for a reply that was lost on its way to us, or to the disk.
//! A report to the sender is put into the queue before it is written down that there is nothing more to report.
//!
//! Pauses between tries double, up to a bound; after a lifetime the message comes back.
//!
//! Nothing gets here by itself: what may be in the queue, whoever puts it there decides.
//!
//! Read first: RFC 5321 §4.5.4, §5 and §6, RFC 3464, RFC 3461 §5 and §6.

mod files;
mod hops;
mod letter;
mod local;
mod route;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use self::hops::Hops;
use self::letter::{Letter, Means, Wish};
use super::client::Manner;
use super::queue::{Arrivals, Id, Queue};
use crate::application::dns::Told;
use crate::application::tls::Trust;
use crate::application::{
    Answer, Batch, Bell, Datagrams, Desk, DeskId, Done, Handle, Io, Message, Outcome, SessionId, Work,
};
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::time::Instant;

pub use self::local::Locals;

/// Its place among services of datagrams.
pub const PORT: u16 = 0;

/// What it is told by others goes here; letters have the numbers behind it.
pub const DESK: DeskId = DeskId { port: PORT, number: 0 };

/// A host that takes all mail that we have for elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smarthost {
    /// As it is called.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Where it is; none: DNS is asked.
    pub addresses: Vec<Address>,
}

/// How mail is relayed.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Our name, as reports have it.
    pub name: String,
    /// Who takes everything; none: whom DNS says.
    pub smarthost: Option<Smarthost>,
    /// The server that is asked.
    pub dns: Option<Endpoint>,
    /// Our own addresses.
    pub own: Vec<Address>,
    /// Who has a mailbox here: what comes back to them goes no further.
    pub locals: Option<Arc<dyn Locals>>,
    /// How next hops are spoken with.
    pub manner: Arc<Manner>,
    /// Whom we believe under TLS; none: there is none.
    pub trust: Option<Trust>,
    /// How long it is until the second try; the pause doubles with each.
    pub first_pause: Duration,
    /// How long it is at most.
    pub longest_pause: Duration,
    /// How long a message is tried.
    pub lifetime: Duration,
    /// When senders who want to know are told that it takes long.
    pub late: Duration,
    /// Seconds since 1970 at [`Instant::ZERO`].
    pub began: u64,
}

impl Default for Rules {
    /// RFC 5321 §4.5.4.1: two tries in the first hour, then every hour or so, for five days.
    fn default() -> Rules {
        Rules {
            name: "localhost".to_owned(),
            smarthost: None,
            dns: None,
            own: Vec::new(),
            locals: None,
            manner: Arc::default(),
            trust: None,
            first_pause: limits::SMTP_FIRST_PAUSE,
            longest_pause: limits::SMTP_LONGEST_PAUSE,
            lifetime: limits::SMTP_LIFETIME,
            late: limits::SMTP_LATE,
            began: 0,
        }
    }
}

impl Rules {
    /// How long it is after so many tries until the next.
    fn pause(&self, tries: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << tries.saturating_sub(1).min(16));
        doubled.min(self.longest_pause.max(self.first_pause))
    }
}

/// What is read of the queue's directory.
#[derive(Default)]
struct Listing {
    step: Step,
    /// Contents that nobody of this process wrote.
    contents: Vec<Id>,
    /// What an earlier process left.
    rubbish: VecDeque<Work>,
    asked: bool,
    /// There was more than can be known at once.
    cut: bool,
    /// The disk refused, and is left alone until then.
    not_before: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Open,
    List,
    Close,
    Clean,
    Done,
}

const LISTED: Handle = Handle(0);

/// The relay.
pub struct Relay {
    queue: Queue,
    arrivals: Arrivals,
    rules: Rules,
    desk: Desk,
    listing: Listing,
    /// The first listing is done: what is there is known.
    ready: bool,
    /// When each is to be tried next, in seconds since 1970.
    schedule: BTreeSet<(u64, Id)>,
    /// All in the schedule and under way.
    known: HashSet<Id>,
    letters: HashMap<u32, Letter>,
    free: Vec<u32>,
    hops: Hops,
    tell: Option<Sender<String>>,
    /// Something could not be asked for, for want of memory or of storage threads.
    is_starved: bool,
    next: Instant,
}

impl Relay {
    /// A relay for a queue, of which it alone takes messages out. What there is to tell, one line each, goes through `tell`; who
    /// does not read it misses it.
    pub fn new(queue: Queue, arrivals: Arrivals, rules: Rules, tell: Option<Sender<String>>) -> Relay {
        Relay {
            queue,
            arrivals,
            rules,
            desk: Desk::new(DESK),
            listing: Listing::default(),
            ready: false,
            schedule: BTreeSet::new(),
            known: HashSet::new(),
            letters: HashMap::new(),
            free: (1..=limits::SMTP_LETTERS).rev().collect(),
            hops: Hops::new(),
            tell,
            is_starved: false,
            next: Instant::ZERO,
        }
    }

    /// Says what wakes it when something was put into its queue: a bell for [`DESK`].
    pub fn wakes_by(&self, bell: Bell) {
        self.queue.hang(bell);
    }

    /// Seconds since 1970.
    fn seconds(&self, now: Instant) -> u64 {
        self.rules.began + now.since(Instant::ZERO).as_secs()
    }

    /// Everything that can be done now.
    fn go_on(&mut self, io: &mut Io<'_>) {
        let mut is_starved = !self.list(io);
        if self.ready {
            self.arrivals.look();
            while let Some(id) = self.arrivals.next() {
                self.learn(id, 0);
            }
            if self.listing.step == Step::Done && (self.arrivals.missed_any() || self.can_know_more()) {
                self.listing = Listing::default();
                is_starved |= !self.list(io);
            }
            self.hops.go_on(&self.rules, io);
            self.begin_letters(io.now());
            is_starved |= !self.go_on_with_letters(io);
        }
        self.is_starved = is_starved;
        self.plan(io.now());
    }

    /// Whether there is more in the directory, and room to know it again.
    fn can_know_more(&self) -> bool {
        self.listing.cut && self.known.len() < limits::SMTP_KNOWN / 2
    }

    /// Says when to go on, unless somebody tells something before.
    fn plan(&mut self, now: Instant) {
        let pause = match () {
            () if self.is_starved => limits::STARVED_RETRY,
            () if self.hops.are_busy() => limits::SMTP_LOOK,
            () => limits::SMTP_LONG_LOOK,
        };
        // Who has no place waits until one is free, and whoever makes it free goes on.
        let due = self.schedule.first().filter(|_| self.ready && !self.free.is_empty());
        let due = due.map(|(at, _)| Instant::ZERO + Duration::from_secs(at.saturating_sub(self.rules.began)));
        let listing = match self.listing.step {
            Step::Done => self.can_know_more().then_some(now),
            _ if self.listing.asked || self.is_starved => None,
            _ => Some(self.listing.not_before),
        };
        self.next = due.into_iter().chain(listing).fold(now + pause, Instant::min);
    }

    /// An entry is to be tried at this time.
    fn learn(&mut self, id: Id, at: u64) {
        if self.known.len() >= limits::SMTP_KNOWN {
            self.listing.cut = true;
        } else if self.known.insert(id) {
            self.schedule.insert((at, id));
        }
    }

    /// Takes up what is due.
    fn begin_letters(&mut self, now: Instant) {
        let seconds = self.seconds(now);
        while let Some((at, id)) = self.schedule.first().copied().filter(|(at, _)| *at <= seconds) {
            let Some(slot) = self.free.pop() else { return };
            self.schedule.remove(&(at, id));
            let desk = Desk::new(DeskId { port: PORT, number: slot });
            self.letters.insert(slot, Letter::new(id, slot, desk, &self.queue));
        }
    }

    /// Goes on with all letters; false: for want of something not with all.
    fn go_on_with_letters(&mut self, io: &mut Io<'_>) -> bool {
        let slots: Vec<u32> = self.letters.keys().copied().collect();
        let mut all = true;
        for slot in slots {
            all &= self.go_on_with(slot, io);
        }
        all
    }

    /// Goes on with one letter, and with whatever follows of that.
    fn go_on_with(&mut self, slot: u32, io: &mut Io<'_>) -> bool {
        let mut all = true;
        let mut slots = VecDeque::from([slot]);
        while let Some(slot) = slots.pop_front() {
            let Some(letter) = self.letters.get_mut(&slot) else { continue };
            let seconds = self.rules.began + io.now().since(Instant::ZERO).as_secs();
            all &= letter.go_on(&Means { queue: &self.queue, rules: &self.rules, seconds }, io);
            let wishes = std::mem::take(&mut letter.wishes);
            for wish in wishes {
                self.grant(slot, wish, io);
            }
            for outcome in std::mem::take(&mut self.hops.outcomes) {
                if let Some(letter) = self.letters.get_mut(&outcome.slot) {
                    slots.push_back(outcome.slot);
                    letter.delivered(outcome);
                }
            }
        }
        all
    }

    fn grant(&mut self, slot: u32, wish: Wish, io: &mut Io<'_>) {
        match wish {
            Wish::Deliver(key, delivery) => self.hops.add(key, delivery, &self.rules, io),
            Wish::Say(line) => self.say(line),
            Wish::Later(at) => {
                if let Some(id) = self.put_down(slot, io) {
                    self.schedule.insert((at, id));
                }
            }
            Wish::Gone => {
                if let Some(id) = self.put_down(slot, io) {
                    self.known.remove(&id);
                }
            }
        }
    }

    /// A letter is not under way any more.
    fn put_down(&mut self, slot: u32, io: &mut Io<'_>) -> Option<Id> {
        let letter = self.letters.remove(&slot)?;
        io.close_desk(&letter.desk);
        self.free.push(slot);
        Some(letter.id)
    }

    fn say(&self, line: String) {
        if let Some(tell) = &self.tell {
            // Who does not read it misses it.
            let _ = tell.try_send(line);
        }
    }

    /// Reads the queue's directory; false: for want of storage threads not now.
    fn list(&mut self, io: &mut Io<'_>) -> bool {
        if self.listing.asked || io.now() < self.listing.not_before {
            return true;
        }
        let work = match self.listing.step {
            Step::Open => Work::OpenDirectory(LISTED, self.queue.place("".into())),
            Step::List => Work::List(LISTED),
            Step::Close => Work::Close(LISTED),
            Step::Clean => match self.listing.rubbish.pop_front() {
                Some(work) => work,
                None => {
                    (self.listing.step, self.ready) = (Step::Done, true);
                    return true;
                }
            },
            Step::Done => return true,
        };
        self.listing.asked = io.ask_for(&mut self.desk, 0, work).is_ok();
        self.listing.asked
    }

    /// Something of the directory was read, or cleaned.
    fn listed(&mut self, done: Done, io: &mut Io<'_>) {
        self.desk.done();
        self.listing.asked = false;
        match (self.listing.step, &done.result) {
            (Step::Clean, _) => {}
            (Step::List, Ok(Outcome::Names(names))) if !names.is_empty() => {
                names.iter().filter_map(|named| named.name.to_str()).for_each(|name| self.found(name));
            }
            (Step::Open, Ok(_)) => self.listing.step = Step::List,
            (Step::List, Ok(_)) => self.listing.step = Step::Close,
            (Step::Close, _) => self.listing.step = Step::Clean,
            (_, Err(why)) => {
                self.say(format!("the queue cannot be read: {}", std::io::Error::from(*why)));
                let not_before = io.now() + limits::SMTP_DISK_PAUSE;
                self.listing = Listing { not_before, ..Listing::default() };
            }
            (Step::Done, Ok(_)) => {}
        }
        if self.listing.step == Step::Clean && !self.ready {
            // Nothing was put yet that we have not heard of: what has no envelope was never promised.
            for id in std::mem::take(&mut self.listing.contents) {
                if !self.known.contains(&id) && !self.listing.cut {
                    self.listing.rubbish.push_back(Work::Remove(self.queue.place(id.content())));
                }
            }
        }
        done.release(io);
    }

    /// A file of the queue.
    fn found(&mut self, name: &str) {
        let Some((id, ending)) = name.split_once('.').and_then(|(id, ending)| Some((id.parse().ok()?, ending))) else {
            return;
        };
        let is_others = !self.queue.is_ours(id);
        match ending {
            "envelope" => self.learn(id, 0),
            "content" if is_others && !self.ready => self.listing.contents.push(id),
            "new" if is_others && !self.ready => {
                self.listing.rubbish.push_back(Work::Remove(self.queue.place(id.unnamed())));
            }
            _ => {}
        }
    }
}

impl Datagrams for Relay {
    fn on_datagrams(&mut self, _flow: &Flow, _batch: Batch<'_>, _io: &mut Io<'_>) -> Answer {
        Answer::Drop(Dropped::Unasked)
    }

    fn deadline(&self) -> Option<Instant> {
        let held = self.letters.values().filter_map(Letter::held).min();
        held.into_iter().chain([self.next]).min()
    }

    fn on_timer(&mut self, io: &mut Io<'_>) {
        self.go_on(io);
    }

    fn on_done(&mut self, desk: DeskId, done: Done, io: &mut Io<'_>) {
        if desk == DESK {
            self.listed(done, io);
            self.next = io.now();
            return;
        }
        let Some(letter) = self.letters.get_mut(&desk.number) else { return done.release(io) };
        let seconds = self.rules.began + io.now().since(Instant::ZERO).as_secs();
        letter.done(done, &Means { queue: &self.queue, rules: &self.rules, seconds }, io);
        self.is_starved |= !self.go_on_with(desk.number, io);
        // Its place may be somebody else's now, who is begun with as soon as this call is over.
        self.plan(io.now());
    }

    fn on_message(&mut self, _desk: DeskId, _from: Option<SessionId>, message: Message, io: &mut Io<'_>) {
        if let Ok(told) = message.downcast::<Told>() {
            self.hops.answered(told.number, told.answer, &self.rules, io);
        }
        self.go_on(io);
    }
}
