//! Work on its way to the storage threads and back.
//!
//! All work of a session goes to the same thread, which does it in order; only passwords have a thread of their own. A session
//! may wait behind another one's slow disk then; in return nothing has to be locked, and what a session has open belongs to one
//! thread.
//!
//! Work has a number, and the shard's journal notes only that and the outcome. In a repetition there are no threads: work
//! is kept here until the journal says what came of it.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;

use crossbeam_channel::{Sender, TrySendError};

use super::mailbox::{Message, Post};
use super::owner::ShardId;
use crate::application::{Done, Errand, Outcome, SessionId, Work};
use crate::buffer::{Block, Offload, Pool};

/// Whose work it is, among all shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asker {
    /// The shard.
    pub shard: ShardId,
    /// The session.
    pub session: SessionId,
}

/// What a storage thread is told.
pub enum Order {
    /// To do something, and to send what comes of it.
    Work {
        /// For whom.
        asker: Asker,
        /// What.
        work: Work,
        /// How the answer gets back.
        answer: Answer,
    },
    /// To close what somebody has open, who does not ask for anything any more.
    Forget(Asker),
}

impl Order {
    /// Says that nobody does it.
    fn fail(self) {
        if let Order::Work { work, answer: Answer { post, ticket }, .. } = self {
            let finished = Finished { ticket, result: Err(ErrorKind::BrokenPipe), block: work.into_block() };
            // To ourselves, so it cannot wait for room.
            let _ = post.send(Message::Done(finished));
        }
    }
}

/// The way back of one outcome.
pub struct Answer {
    post: Post,
    ticket: Ticket,
}

impl Answer {
    /// Sends what came of the work, and the block that went with it. Waits while the mailbox is full, which is as long as
    /// its shard's turn takes.
    pub fn send(self, result: Result<Outcome, ErrorKind>, block: Option<Block>) {
        Answer::send_all([(self, result, block)]);
    }

    /// The same for several works of one session, which its shard is woken for once. They are far fewer than its mailbox holds, so
    /// none of them waits for a shard that sleeps.
    pub fn send_all(answers: impl IntoIterator<Item = (Answer, Result<Outcome, ErrorKind>, Option<Block>)>) {
        let mut answers = answers.into_iter().peekable();
        while let Some((Answer { post, ticket }, result, block)) = answers.next() {
            let message = Message::Done(Finished { ticket, result, block });
            // Nobody misses what was done for a shard that has ended: its pool is gone, too.
            let _ = if answers.peek().is_some() { post.put_waiting(message) } else { post.send_waiting(message) };
        }
    }
}

/// Names one work of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// How many came before it: unique, and the same in a repetition.
    pub number: u64,
    session: SessionId,
    tag: u64,
}

/// What came of one work.
pub struct Finished {
    pub(super) ticket: Ticket,
    pub(super) result: Result<Outcome, ErrorKind>,
    pub(super) block: Option<Block>,
}

impl Finished {
    /// Who is to be told, and what. A block that holds nothing new goes back to the pool.
    pub(super) fn open(self, pool: &mut Pool) -> (SessionId, Done) {
        let Finished { ticket: Ticket { session, tag, .. }, result, block } = self;
        let data = match (block, &result) {
            (data, Ok(Outcome::Read)) => data,
            (Some(spare), _) => {
                pool.release(spare);
                None
            }
            (None, _) => None,
        };
        (session, Done { tag, result, data })
    }

    /// What was read.
    pub(super) fn data(&self) -> &[u8] {
        match (&self.block, &self.result) {
            (Some(block), Ok(Outcome::Read)) => block.frame().bytes(),
            _ => &[],
        }
    }
}

/// The storage threads, as one shard knows them.
#[derive(Default)]
pub(super) struct Storage {
    /// `None` in a repetition.
    threads: Option<Threads>,
    next: u64,
    kept: BTreeMap<u64, Errand>,
}

struct Threads {
    shard: ShardId,
    post: Post,
    orders: Vec<Sender<Order>>,
    /// What found a full channel, by thread, and what came behind it. Work is bounded by its number, and so is the rest: a
    /// session is forgotten once.
    unsent: VecDeque<(usize, Order)>,
}

impl Storage {
    /// Threads that take orders through these channels, and answer by this post.
    pub(super) fn new(shard: ShardId, post: Post, orders: Vec<Sender<Order>>) -> Storage {
        Storage { threads: Some(Threads { shard, post, orders, unsent: VecDeque::new() }), ..Storage::default() }
    }

    /// Sends work to its thread.
    pub(super) fn send(&mut self, errand: Errand) {
        let number = self.next;
        self.next += 1;
        let Some(threads) = &mut self.threads else {
            self.kept.insert(number, errand);
            return;
        };
        let Errand { session, tag, work } = errand;
        let answer = Answer { post: threads.post.clone(), ticket: Ticket { number, session, tag } };
        let asker = Asker { shard: threads.shard, session };
        threads.send(asker, Order::Work { asker, work, answer });
    }

    /// Lets the thread of a session forget it.
    pub(super) fn forget(&mut self, session: SessionId) {
        if let Some(threads) = &mut self.threads {
            let asker = Asker { shard: threads.shard, session };
            threads.send(asker, Order::Forget(asker));
        }
    }

    /// Whether nothing waits for room in a channel.
    pub(super) fn is_settled(&self) -> bool {
        self.threads.as_ref().is_none_or(|threads| threads.unsent.is_empty())
    }

    /// Tries what could not be sent before.
    pub(super) fn retry(&mut self) {
        if let Some(threads) = &mut self.threads {
            threads.retry();
        }
    }

    /// In a repetition: what came of work, as it was noted.
    pub(super) fn repeat(&mut self, number: u64, result: Result<Outcome, ErrorKind>, data: &[u8]) -> Option<Finished> {
        let Errand { session, tag, work } = self.kept.remove(&number)?;
        let mut block = work.into_block();
        if let Some(block) = &mut block {
            block.frame_mut().fill(data, Offload::default());
        }
        Some(Finished { ticket: Ticket { number, session, tag }, result, block })
    }

    /// Gives blocks that are kept back: the end of the stack.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        for errand in std::mem::take(&mut self.kept).into_values() {
            if let Some(block) = errand.work.into_block() {
                pool.release(block);
            }
        }
    }
}

impl Threads {
    fn send(&mut self, asker: Asker, order: Order) {
        // The last one compares passwords, which takes long: files are not to wait for that.
        let last = self.orders.len().saturating_sub(1);
        let thread = match &order {
            Order::Work { work: Work::Verify(_), .. } => last,
            // Positions in a table are dense, so they spread evenly.
            _ => asker.session.0 as usize % last.max(1),
        };
        self.unsent.push_back((thread, order));
        self.retry();
    }

    fn retry(&mut self) {
        while let Some((thread, order)) = self.unsent.pop_front() {
            let Some(orders) = self.orders.get(thread) else { return };
            match orders.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => return self.unsent.push_front((thread, order)),
                // Threads end after the shards: it panicked.
                Err(TrySendError::Disconnected(order)) => order.fail(),
            }
        }
    }
}
