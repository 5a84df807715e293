//! What threads send each other: frames that belong to another shard, blocks on their way home, and what storage threads
//! have done.
//!
//! A mailbox is bounded. A frame that finds it full is dropped and counted; a block on its way home waits at the
//! sender and is tried again, for its memory is charged until it is back. There are never more of those than the quota
//! of the pool that they came from.

use std::collections::VecDeque;
use std::io;

use crossbeam_channel::{Receiver, SendError, Sender, TrySendError, bounded};

use super::net::Net;
use super::notice::Change;
use super::owner::ShardId;
use super::storage::Finished;
use crate::application::DeskId;
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::{Block, Frame, PoolFull, Purpose};
use crate::device::{Device, Waker};

/// What a mailbox brings.
pub enum Message {
    /// A frame whose flow belongs to the shard that reads this.
    Frame {
        /// Who received it, and gets the block back.
        from: ShardId,
        /// The frame.
        block: Block,
    },
    /// What was decided on an address of ours.
    Change(Change),
    /// A block of this shard's own pool that is not needed any more.
    Return(Block),
    /// A storage thread did what a session asked for.
    Done(Finished),
    /// Somebody has something for a service of datagrams, and it looks.
    Rung(DeskId),
}

/// Sends to one shard, from any thread.
#[derive(Clone)]
pub struct Post {
    sender: Sender<Message>,
    waker: Option<Waker>,
}

impl Post {
    /// Sends a message and wakes the shard; gives it back when the mailbox is full or its shard gone.
    pub fn send(&self, message: Message) -> Result<(), Message> {
        self.sender.try_send(message).map_err(TrySendError::into_inner)?;
        self.wake();
        Ok(())
    }

    /// The same, and waits while the mailbox is full; gives it back when the shard is gone. Not for shards, which never
    /// wait.
    pub(super) fn send_waiting(&self, message: Message) -> Result<(), Message> {
        self.put_waiting(message)?;
        self.wake();
        Ok(())
    }

    /// The same, and leaves it to what follows at once to wake the shard.
    pub(super) fn put_waiting(&self, message: Message) -> Result<(), Message> {
        self.sender.send(message).map_err(|SendError(message)| message)
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

/// The mailbox of one shard, with the addresses of all.
pub struct Mailbox {
    id: ShardId,
    receiver: Receiver<Message>,
    posts: Vec<Post>,
}

impl Mailbox {
    /// The mailbox of a host's only shard, which nobody wakes.
    pub fn alone() -> Mailbox {
        let (sender, receiver) = bounded(limits::MAILBOX);
        Mailbox { id: ShardId(0), receiver, posts: vec![Post { sender, waker: None }] }
    }

    /// The mailboxes of `shards` shards, and what wakes each.
    pub fn for_shards(shards: u16) -> io::Result<Vec<(Mailbox, Waker)>> {
        let mut receivers = Vec::new();
        let mut posts = Vec::new();
        for _ in 0..shards.max(1) {
            let (sender, receiver) = bounded(limits::MAILBOX);
            let waker = Waker::new()?;
            posts.push(Post { sender, waker: Some(waker.clone()) });
            receivers.push((receiver, waker));
        }
        let mailbox = |(id, (receiver, waker))| (Mailbox { id: ShardId(id), receiver, posts: posts.clone() }, waker);
        Ok((0..).zip(receivers).map(mailbox).collect())
    }

    /// How other threads reach this shard.
    pub fn post(&self) -> Post {
        self.posts[usize::from(self.id.0)].clone()
    }

    pub(super) fn id(&self) -> ShardId {
        self.id
    }

    pub(super) fn shards(&self) -> u16 {
        self.posts.len() as u16
    }

    /// Every shard but this one.
    pub(super) fn others(&self) -> impl Iterator<Item = ShardId> + use<> {
        let own = self.id;
        (0..self.shards()).map(ShardId).filter(move |shard| *shard != own)
    }

    /// Whether there is nothing to read, which is nearly always so: two loads tell. [`Mailbox::read`] finds out by a fence.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    pub(super) fn read(&self) -> Option<Message> {
        self.receiver.try_recv().ok()
    }

    /// Gives a copy of a frame to every other shard.
    pub(super) fn tell_all<D: Device>(&self, frame: &mut Frame, net: &mut Net<D>) {
        net.as_received(frame);
        for shard in self.others() {
            // Not kept, for then the first shard would have it and the others nothing.
            let copied = net.pool.write(frame.len(), Purpose::Taken).map(|mut block| {
                block.frame_mut().fill(frame.bytes(), frame.offload);
                (block, frame.len())
            });
            match self.give(shard, copied, net) {
                Ok(()) => net.counters.frames_told += 1,
                Err(why) => net.counters.drop_unsent(why),
            }
        }
    }

    /// Gives a frame to the shard that owns its flow.
    pub(super) fn hand_over<D: Device>(&self, owner: ShardId, frame: &mut Frame, net: &mut Net<D>) {
        net.as_received(frame);
        let kept = net.pool.keep(frame, Purpose::Taken);
        match self.give(owner, kept, net) {
            Ok(()) => net.counters.frames_handed_over += 1,
            Err(why) => net.counters.drop(why),
        }
    }

    fn give<D: Device>(
        &self,
        shard: ShardId,
        block: Result<(Block, usize), PoolFull>,
        net: &mut Net<D>,
    ) -> Result<(), Dropped> {
        let (block, copied) = block.map_err(|PoolFull| Dropped::PoolFull)?;
        net.counters.bytes_copied += copied as u64;
        self.send(shard, Message::Frame { from: self.id, block }).map_err(|message| {
            if let Message::Frame { block, .. } | Message::Return(block) = message {
                net.pool.release(block);
            }
            Dropped::MailboxFull
        })
    }

    fn send(&self, shard: ShardId, message: Message) -> Result<(), Message> {
        match self.posts.get(usize::from(shard.0)) {
            Some(post) => post.send(message),
            None => Err(message),
        }
    }
}

/// Messages that found a full mailbox and must not be lost.
#[derive(Default)]
pub(super) struct Unsent {
    messages: VecDeque<(ShardId, Message)>,
}

impl Unsent {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Sends a message now or later.
    pub(super) fn post(&mut self, mailbox: &Mailbox, shard: ShardId, message: Message) {
        if let Err(message) = mailbox.send(shard, message) {
            self.messages.push_back((shard, message));
        }
    }

    /// Tries what could not be sent before.
    pub(super) fn retry(&mut self, mailbox: &Mailbox) {
        for _ in 0..self.messages.len() {
            if let Some((shard, message)) = self.messages.pop_front() {
                self.post(mailbox, shard, message);
            }
        }
    }
}
