//! One message of the queue that is under way: its files are read, it goes to its next hops, what became of it is written
//! down, its sender is told, and it is taken out.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;

use super::Rules;
use super::files::{Reading, Writing};
use super::hops::{Delivery, Outcome};
use super::local::{Local, Storing};
use super::route::Key;
use crate::application::smtp::client::{Fate, Mail, To};
use crate::application::smtp::dsn::{self, Action, Report, Returned};
use crate::application::smtp::queue::{Body, Envelope, Handles, Id, Placing, Queue, Recipient, Return, Said, Status};
use crate::application::{Desk, Done, Handle, Io, Work};
use crate::base::limits;
use crate::base::time::Instant;

const READ: Handle = Handle(0);
/// What work is called: that of the task, and what takes something back.
const ASKED: u64 = 1;
const UNDONE: u64 = 0;
pub(super) const HANDLES: Handles = Handles { content: Handle(1), envelope: Handle(2) };

/// What storage threads do for it now.
pub(super) enum Task {
    /// The envelope is read.
    Load(Reading),
    /// The beginning of the content, for its header.
    Look(Reading),
    /// What became of it is written down.
    Record(Placing),
    /// What comes back with a report is read.
    Fetch(Reading),
    /// The report is written.
    Write(Writing, Placing),
    /// The report is put into the queue.
    Place(Placing),
    /// It is read for somebody at this host, and put into that mailbox.
    Collect(Reading, Local),
    Store(Storing, Local),
    /// It is taken out.
    Remove(VecDeque<Work>),
}

/// What it wants done.
#[derive(Debug)]
pub(super) enum Wish {
    /// To be brought there.
    Deliver(Key, Delivery),
    /// To be taken up again then, in seconds since 1970.
    Later(u64),
    /// Nothing more: it is not in the queue any more.
    Gone,
    /// Somebody is to know this.
    Say(String),
}

/// What it needs to go on.
pub(super) struct Means<'a> {
    pub(super) queue: &'a Queue,
    pub(super) rules: &'a Rules,
    /// Seconds since 1970.
    pub(super) seconds: u64,
}

impl Means<'_> {
    /// Whether it is too early for what is to be done then. Later than a pause from now nothing is: who wrote that had
    /// another clock.
    fn is_early(&self, then: u64) -> bool {
        let longest = self.rules.longest_pause.max(self.rules.first_pause).as_secs().saturating_add(1);
        then > self.seconds && then - self.seconds <= longest
    }
}

/// One message under way.
pub(super) struct Letter {
    pub(super) id: Id,
    slot: u32,
    pub(super) desk: Desk,
    pub(super) envelope: Option<Envelope>,
    pub(super) task: Option<Task>,
    /// The task waits for a storage thread.
    asked: bool,
    /// What found too many at work.
    refused: Option<Work>,
    /// Recipients at this host that have yet to get it.
    locals: VecDeque<Local>,
    /// Deliveries that are not over.
    outstanding: usize,
    /// The envelope says what the disk does not.
    pub(super) dirty: bool,
    /// When it is to be tried next is decided, and to be written down.
    closing: bool,
    /// Recipients that the report is about which is being put.
    reported: Vec<usize>,
    /// Nothing is asked of the disk until then, for it refused.
    held: Option<Instant>,
    pub(super) wishes: Vec<Wish>,
}

impl Letter {
    pub(super) fn new(id: Id, slot: u32, desk: Desk, queue: &Queue) -> Letter {
        let load = Reading::new(READ, queue.place(id.envelope()), limits::SMTP_ENVELOPE);
        Letter {
            id,
            slot,
            desk,
            envelope: None,
            task: Some(Task::Load(load)),
            asked: false,
            refused: None,
            locals: VecDeque::new(),
            outstanding: 0,
            dirty: false,
            closing: false,
            reported: Vec::new(),
            held: None,
            wishes: Vec::new(),
        }
    }

    /// Does what can be done now; false: for want of memory or of storage threads not all of it.
    pub(super) fn go_on(&mut self, means: &Means<'_>, io: &mut Io<'_>) -> bool {
        if self.held.is_some_and(|until| io.now() < until) {
            return true;
        }
        self.held = None;
        while !self.asked {
            let Some(task) = &mut self.task else {
                if self.settle(means) {
                    continue;
                }
                return true;
            };
            let work = match (self.refused.take(), task) {
                (Some(work), _) => Ok(Some(work)),
                (None, Task::Load(reading) | Task::Look(reading) | Task::Fetch(reading)) => reading.next(io),
                (None, Task::Collect(reading, _)) => reading.next(io),
                (None, Task::Store(storing, _)) => storing.next(io),
                (None, Task::Record(placing) | Task::Place(placing)) => placing.next(io),
                (None, Task::Write(writing, _)) => writing.next(io),
                (None, Task::Remove(works)) => Ok(works.pop_front()),
            };
            match work {
                Ok(Some(work)) => match io.ask_for(&mut self.desk, ASKED, work) {
                    Ok(()) => self.asked = true,
                    Err(work) => {
                        self.refused = Some(work);
                        return false;
                    }
                },
                Ok(None) => self.complete(means),
                Err(_pool_full) => return false,
            }
        }
        true
    }

    /// A storage thread did something.
    pub(super) fn done(&mut self, done: Done, means: &Means<'_>, io: &mut Io<'_>) {
        self.desk.done();
        if done.tag != ASKED {
            // Something that was taken back.
            return done.release(io);
        }
        self.asked = false;
        let failed = match &mut self.task {
            Some(Task::Load(reading) | Task::Look(reading) | Task::Fetch(reading)) => reading.done(done, io),
            Some(Task::Collect(reading, _)) => reading.done(done, io),
            Some(Task::Store(storing, _)) => storing.done(done),
            Some(Task::Write(writing, _)) => writing.done(done),
            Some(Task::Remove(_)) => match done.result {
                Err(why) if why != ErrorKind::NotFound => Err(why),
                _ => Ok(()),
            },
            _ => done.result.map(drop),
        };
        if let Err(why) = failed {
            self.fail(why, means, io);
        }
    }

    /// What the disk refuses is tried again a while later, but what is not there is not.
    fn fail(&mut self, why: ErrorKind, means: &Means<'_>, io: &mut Io<'_>) {
        let id = self.id;
        let said = |what: &str| Wish::Say(format!("{id}: {what}: {}", std::io::Error::from(why)));
        self.held = Some(io.now() + limits::SMTP_DISK_PAUSE);
        match self.task.take() {
            Some(Task::Load(_)) if why == ErrorKind::NotFound => self.wishes.push(Wish::Gone),
            // It was being taken out when we were interrupted.
            Some(Task::Look(_)) if why == ErrorKind::NotFound => {
                self.held = None;
                self.remove(means);
            }
            Some(Task::Load(reading)) => {
                self.task = Some(Task::Load(reading.again()));
                self.wishes.push(said("its envelope cannot be read"));
            }
            Some(Task::Look(reading)) => {
                self.task = Some(Task::Look(reading.again()));
                self.wishes.push(said("it cannot be read"));
            }
            Some(Task::Record(_)) => {
                self.dirty = true;
                self.wishes.push(said("what became of it cannot be written down"));
            }
            Some(Task::Fetch(reading)) => self.task = Some(Task::Fetch(reading.again())),
            Some(Task::Write(_, placing) | Task::Place(placing)) => {
                for work in Placing::undo(means.queue, placing.id(), HANDLES) {
                    // Whatever comes of it.
                    let _full = io.ask_for(&mut self.desk, UNDONE, work);
                }
                self.wishes.push(said("its sender cannot be told yet"));
            }
            Some(Task::Collect(_, local)) => {
                self.held = None;
                self.stored(&local, Status::Waiting, Some(why));
            }
            Some(Task::Store(storing, local)) => {
                self.held = None;
                for work in storing.undo() {
                    // Whatever comes of it.
                    let _full = io.ask_for(&mut self.desk, UNDONE, work);
                }
                self.stored(&local, Status::Waiting, Some(why));
            }
            Some(Task::Remove(_)) => {
                self.remove(means);
                self.wishes.push(said("it cannot be taken out of the queue"));
            }
            None => {}
        }
    }

    /// A task was done.
    fn complete(&mut self, means: &Means<'_>) {
        match self.task.take() {
            Some(Task::Load(reading)) => self.loaded(&reading, means),
            Some(Task::Look(reading)) => self.looked(&reading, means),
            Some(Task::Fetch(reading)) => self.report(&reading, means),
            Some(Task::Collect(reading, local)) => self.collected(reading, local),
            Some(Task::Store(_, local)) => self.stored(&local, Status::Delivered, None),
            Some(Task::Write(_, placing)) => self.task = Some(Task::Place(placing)),
            Some(Task::Place(placing)) => {
                means.queue.announce(placing.id());
                self.told(means);
            }
            Some(Task::Remove(_)) => self.wishes.push(Wish::Gone),
            Some(Task::Record(_)) | None => {}
        }
    }

    fn loaded(&mut self, reading: &Reading, means: &Means<'_>) {
        match Envelope::from_bytes(&reading.bytes) {
            Ok(envelope) if means.is_early(envelope.next) => self.wishes.push(Wish::Later(envelope.next)),
            Ok(envelope) => {
                let look = Reading::new(READ, means.queue.place(self.id.content()), limits::SMTP_BLOCK);
                self.task = Some(Task::Look(look));
                self.envelope = Some(envelope);
            }
            Err(why) => {
                // It is left for who wants to look at it, and not looked at again before the next start.
                self.wishes.extend([Wish::Say(format!("{}: its envelope {why}", self.id)), Wish::Gone]);
            }
        }
    }

    fn looked(&mut self, reading: &Reading, means: &Means<'_>) {
        let Some(envelope) = &mut self.envelope else { return };
        // RFC 5321 §6.3.
        let is_loop = dsn::hops(dsn::header(&reading.bytes)) > limits::SMTP_HOPS;
        let is_old = means.seconds >= envelope.arrived.saturating_add(means.rules.lifetime.as_secs());
        let waiting = envelope.recipients.iter_mut().filter(|recipient| recipient.status == Status::Waiting);
        if is_loop {
            let said =
                Said { code: "5.4.6".into(), text: "it goes in circles: too many hosts had it".into(), by: None };
            waiting.for_each(|recipient| (recipient.status, recipient.said) = (Status::Failed, Some(said.clone())));
        } else if is_old {
            let never = || Said { code: "5.4.7".into(), text: "it could not be delivered in time".into(), by: None };
            waiting.for_each(|recipient| {
                recipient.status = Status::Failed;
                recipient.said.get_or_insert_with(never);
            });
        } else {
            return self.deliver(means);
        }
        self.dirty = true;
    }

    /// Sends it on its ways.
    fn deliver(&mut self, means: &Means<'_>) {
        let Some(envelope) = &mut self.envelope else { return };
        let mut ways = BTreeMap::<String, Vec<usize>>::new();
        for (number, recipient) in envelope.recipients.iter().enumerate() {
            if recipient.status != Status::Waiting {
                continue;
            }
            let locals = means.rules.locals.as_ref();
            if let Some(maildir) = locals.and_then(|locals| locals.maildir(&recipient.address)) {
                self.locals.push_back(Local { number, maildir });
            } else {
                let domain = recipient.address.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase();
                let way = if means.rules.smarthost.is_some() { String::new() } else { domain };
                ways.entry(way).or_default().push(number);
            }
        }
        envelope.tries = envelope.tries.saturating_add(u32::from(!ways.is_empty() || !self.locals.is_empty()));
        for (domain, numbers) in ways {
            let key = if means.rules.smarthost.is_some() { Key::Smarthost } else { Key::Domain(domain) };
            for numbers in numbers.chunks(limits::SMTP_RECIPIENTS_AT_ONCE) {
                let to = |number: &usize| envelope.recipients.get(*number).map(to);
                let mail = Mail {
                    sender: envelope.sender.clone(),
                    recipients: numbers.iter().filter_map(to).collect(),
                    content: means.queue.place(self.id.content()),
                    body: envelope.body,
                    utf8: envelope.utf8,
                    ret: envelope.ret,
                    envid: envelope.envid.clone(),
                };
                let delivery = Delivery::new(self.slot, numbers.to_vec(), mail);
                self.outstanding += 1;
                self.wishes.push(Wish::Deliver(key.clone(), delivery));
            }
        }
    }

    /// A delivery is over.
    pub(super) fn delivered(&mut self, outcome: Outcome) {
        self.outstanding = self.outstanding.saturating_sub(1);
        let Some(envelope) = &mut self.envelope else { return };
        for (number, verdict) in outcome.recipients.into_iter().zip(outcome.verdicts) {
            let Some(recipient) = envelope.recipients.get_mut(number) else { continue };
            let wants_to_know = recipient.notify.is_some_and(|notify| notify.success);
            recipient.status = match verdict.fate {
                Fate::Taken if wants_to_know && !outcome.dsn => Status::Relayed,
                Fate::Taken => Status::Done,
                Fate::Refused => Status::Failed,
                Fate::Deferred => Status::Waiting,
            };
            if verdict.fate != Fate::Taken {
                let what = if verdict.fate == Fate::Refused { "refused" } else { "deferred" };
                let by = verdict.said.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let line = format!("{}: to <{}> {what}{by}: {}", self.id, recipient.address, verdict.said.text);
                self.wishes.push(Wish::Say(line));
            }
            recipient.said = Some(verdict.said);
            self.dirty |= recipient.status != Status::Waiting;
        }
    }

    /// What is to be done when nothing is; false: nothing.
    fn settle(&mut self, means: &Means<'_>) -> bool {
        let Some(envelope) = &mut self.envelope else { return false };
        let is_over = envelope.recipients.iter().all(|recipient| recipient.status == Status::Done);
        if is_over && self.outstanding == 0 {
            self.remove(means);
            return true;
        }
        if std::mem::take(&mut self.dirty) {
            self.task = Some(Task::Record(Placing::envelope(means.queue, self.id, HANDLES, envelope)));
            return true;
        }
        if let Some(local) = self.locals.pop_front() {
            let content = means.queue.place(self.id.content());
            self.task = Some(Task::Collect(Reading::new(READ, content, limits::SMTP_REPORT), local));
            return true;
        }
        if self.outstanding > 0 {
            return false;
        }
        if self.closing {
            self.wishes.push(Wish::Later(envelope.next));
            self.envelope = None;
            return false;
        }
        let late = is_late(envelope, means);
        let about = |(number, recipient)| dsn::wanted(recipient, late).map(|_| number);
        self.reported = envelope.recipients.iter().enumerate().filter_map(about).collect();
        if self.reported.is_empty() || envelope.sender.is_empty() {
            self.told(means);
        } else {
            let content = means.queue.place(self.id.content());
            self.task = Some(Task::Fetch(Reading::new(READ, content, limits::SMTP_RETURNED + 1)));
        }
        true
    }

    fn remove(&mut self, means: &Means<'_>) {
        self.envelope = None;
        self.task = Some(Task::Remove(Placing::removal(means.queue, self.id).into()));
    }

    /// Writes a report, with what was read of the message.
    fn report(&mut self, reading: &Reading, means: &Means<'_>) {
        let Some(envelope) = &self.envelope else { return };
        let late = is_late(envelope, means);
        let recipients = self.reported.iter().filter_map(|number| envelope.recipients.get(*number));
        let about: Vec<(&Recipient, Action)> =
            recipients.filter_map(|recipient| Some((recipient, dsn::wanted(recipient, late)?))).collect();
        let has_failed = about.iter().any(|(_, action)| *action == Action::Failed);
        // RFC 3461 §4.3: RET is about failures; and a report is lines.
        let whole = envelope.ret == Some(Return::Full)
            && has_failed
            && envelope.body != Body::BinaryMime
            && reading.is_whole
            && reading.bytes.len() <= limits::SMTP_RETURNED;
        let returned =
            if whole { Returned::Whole(&reading.bytes) } else { Returned::Header(dsn::header(&reading.bytes)) };
        let id = means.queue.name(means.seconds);
        let bytes = dsn::write(&Report {
            by: &means.rules.name,
            now: means.seconds,
            unique: &id.to_string(),
            envelope,
            about: &about,
            until: envelope.arrived.saturating_add(means.rules.lifetime.as_secs()),
            returned,
        });
        let report = Envelope {
            // RFC 3464 §2, RFC 5321 §4.5.5: nobody is told what becomes of it.
            sender: String::new(),
            recipients: vec![Recipient::new(envelope.sender.clone())],
            body: if bytes.is_ascii() { Body::SevenBit } else { Body::EightBitMime },
            utf8: envelope.utf8 && !bytes.is_ascii(),
            size: bytes.len() as u64,
            ret: None,
            envid: None,
            arrived: means.seconds,
            tries: 0,
            next: 0,
            told_of_delay: false,
        };
        let placing = Placing::entry(means.queue, id, HANDLES, &report);
        let writing = Writing::new(HANDLES.content, means.queue.place(id.content()), bytes);
        self.wishes.push(Wish::Say(format!("{}: its sender <{}> is told in {id}", self.id, envelope.sender)));
        self.task = Some(Task::Write(writing, placing));
    }

    /// The sender was told what there was to tell.
    fn told(&mut self, means: &Means<'_>) {
        let Some(envelope) = &mut self.envelope else { return };
        envelope.told_of_delay |= is_late(envelope, means);
        for recipient in &mut envelope.recipients {
            if recipient.status != Status::Waiting {
                recipient.status = Status::Done;
            }
        }
        let pause = means.rules.pause(envelope.tries);
        envelope.next = means.seconds.saturating_add(pause.as_secs().max(1));
        // What is over is taken out instead.
        (self.dirty, self.closing) = (true, true);
    }

    /// When it can be gone on with, if the disk refused.
    pub(super) fn held(&self) -> Option<Instant> {
        self.held
    }
}

fn is_late(envelope: &Envelope, means: &Means<'_>) -> bool {
    !envelope.told_of_delay && means.seconds >= envelope.arrived.saturating_add(means.rules.late.as_secs())
}

fn to(recipient: &Recipient) -> To {
    To { address: recipient.address.clone(), notify: recipient.notify, orcpt: recipient.orcpt.clone() }
}
