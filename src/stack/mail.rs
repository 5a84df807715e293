//! What other shards and other threads sent.

use super::mailbox::Message;
use super::storage::Finished;
use super::{Came, Stack};
use crate::application::{DeskId, Rung};
use crate::base::limits;
use crate::device::Device;

impl<D: Device> Stack<D> {
    /// Messages from other shards and from threads, within the budget of a turn; how many there were.
    #[inline]
    pub(super) fn read_mail(&mut self) -> usize {
        let is_quiet = self.mailbox.is_empty() && self.unsent.is_empty() && self.storage.is_settled();
        if is_quiet { 0 } else { self.read_messages() }
    }

    // Not inlined: nearly every turn finds nothing, and is to be little code.
    #[inline(never)]
    fn read_messages(&mut self) -> usize {
        self.unsent.retry(&self.mailbox);
        self.storage.retry();
        for count in 0..limits::MESSAGES_A_TURN {
            match self.mailbox.read() {
                Some(Message::Frame { from, block }) => {
                    self.net.handed_over(&block, &mut self.frame);
                    self.take_in(Came::HandedOver);
                    self.unsent.post(&self.mailbox, from, Message::Return(block));
                }
                Some(Message::Return(block)) => self.net.take_back(block),
                Some(Message::Change(change)) => self.net.heard_of(change),
                Some(Message::Done(finished)) => self.take_done(finished),
                Some(Message::Rung(desk)) => self.ring(desk),
                None => return count,
            }
        }
        limits::MESSAGES_A_TURN
    }

    /// Lets a service of datagrams look.
    pub(super) fn ring(&mut self, desk: DeskId) {
        self.net.note_rung(desk);
        self.udp.on_message(desk, None, Box::new(Rung), &mut self.net);
    }

    /// Tells a session or service what a storage thread did.
    pub(super) fn take_done(&mut self, finished: Finished) {
        self.net.note_done(&finished);
        let (session, done) = finished.open(&mut self.net.pool);
        match DeskId::of(session) {
            Some(desk) => self.udp.on_done(desk, done, &mut self.net),
            None => self.tcp.on_done(session, done, &mut self.net),
        }
    }
}
