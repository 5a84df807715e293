//! Who takes part in a session (RFC 3550 §6.2.1, §6.3.3, §6.3.5), in a table with a bound.
//!
//! An SSRC is a member once it proved itself, by RTP in sequence or by RTCP that names it. Until then it is one of few
//! *strangers*, of which the oldest makes way for the next: a flood of new SSRCs moves strangers only.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashTable;

use super::interval::Crowd;
use super::source::Source;
use crate::base::address::Endpoint;
use crate::base::hash::HashKey;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::slab::{Id, Slab};
use crate::base::time::Instant;

/// Intervals of silence after which a member is gone (§6.3.5).
const SILENT_INTERVALS: u32 = 5;
/// Intervals without RTP after which a sender is none any more (§6.3.5).
const QUIET_INTERVALS: u32 = 2;
/// How long who said BYE is remembered, so that what overtakes it does not make it a member again (§6.2.1).
const AFTERWARDS: Duration = Duration::from_secs(2);

/// One participant.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub ssrc: u32,
    /// Whence its RTP comes, and its RTCP (§8.2).
    pub(super) data_from: Option<Endpoint>,
    pub(super) control_from: Option<Endpoint>,
    heard: Instant,
    /// When it sent RTP last, while it is a sender.
    sent: Option<Instant>,
    proven: bool,
    left: Option<Instant>,
    /// The stream that it sends.
    pub source: Option<Box<Source>>,
    /// The last reference time that it sent (RFC 3611 §4.4), and when it came.
    pub(super) reference: Option<(u32, Instant)>,
    /// Between it and us.
    pub round_trip: Option<Duration>,
}

impl Member {
    /// Whether it proved itself, and did not leave.
    pub fn is_present(&self) -> bool {
        self.proven && self.left.is_none()
    }

    /// Whether it sent RTP lately.
    pub fn is_sender(&self) -> bool {
        self.sent.is_some()
    }
}

/// No room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The table.
pub struct Members {
    members: Slab<Member>,
    by_ssrc: HashTable<u32>,
    key: HashKey,
    strangers: VecDeque<Id<Member>>,
    present: usize,
    senders: usize,
    /// Much of what comes is of the same source as what came before.
    last: u32,
}

impl Members {
    /// An empty table for `limit` members and their strangers.
    pub fn new(limit: usize, random: &mut Random) -> Members {
        Members {
            members: Slab::new(limit),
            by_ssrc: HashTable::new(),
            key: HashKey::new(random),
            strangers: VecDeque::new(),
            present: 0,
            senders: 0,
            last: 0,
        }
    }

    /// Members that are present, without ourselves.
    pub fn present(&self) -> usize {
        self.present
    }

    /// Of them, those that send.
    pub fn senders(&self) -> usize {
        self.senders
    }

    /// Who is there, with `own` of ourselves.
    pub(super) fn crowd(&self, own: usize, we_sent: bool) -> Crowd {
        let own_senders = if we_sent { own } else { 0 };
        Crowd { members: self.present + own, senders: self.senders + own_senders, we_sent }
    }

    /// Where somebody is in the table.
    #[inline]
    pub fn find(&self, ssrc: u32) -> Option<u32> {
        if self.members.at(self.last).is_some_and(|member| member.ssrc == ssrc) {
            return Some(self.last);
        }
        let is_it = |index: &u32| self.members.at(*index).is_some_and(|member| member.ssrc == ssrc);
        self.by_ssrc.find(self.key.hash(ssrc), is_it).copied()
    }

    /// Somebody by the place in the table.
    pub fn at(&self, index: u32) -> Option<&Member> {
        self.members.at(index)
    }

    /// The same, to be changed.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> Option<&mut Member> {
        self.members.at_mut(index)
    }

    /// Places of the table, of which some are free.
    pub fn places(&self) -> u32 {
        self.members.positions()
    }

    /// Everybody who is there, strangers included.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        (0..self.members.positions()).filter_map(|index| self.members.at(index))
    }

    /// The place of an SSRC, which may be a new one; with the stranger who had to make way.
    ///
    /// # Errors
    /// [`Full`] when there are as many members as there may be.
    #[inline]
    pub(super) fn look_up(&mut self, ssrc: u32, now: Instant) -> Result<u32, Full> {
        match self.find(ssrc) {
            Some(index) => {
                self.last = index;
                Ok(index)
            }
            None => self.add(ssrc, now),
        }
    }

    #[cold]
    fn add(&mut self, ssrc: u32, now: Instant) -> Result<u32, Full> {
        while self.strangers.len() >= limits::RTP_STRANGERS
            && let Some(oldest) = self.strangers.pop_front()
        {
            if self.members.get(oldest).is_some_and(|member| !member.proven) {
                self.remove(oldest.index());
            }
        }
        let member = Member {
            ssrc,
            data_from: None,
            control_from: None,
            heard: now,
            sent: None,
            proven: false,
            left: None,
            source: None,
            reference: None,
            round_trip: None,
        };
        let id = self.members.insert(member).map_err(|_member| Full)?;
        self.strangers.push_back(id);
        let Members { members, by_ssrc, key, .. } = self;
        let hash = |index: &u32| members.at(*index).map_or(0, |member| key.hash(member.ssrc));
        by_ssrc.insert_unique(key.hash(ssrc), id.index(), hash);
        Ok(id.index())
    }

    fn remove(&mut self, index: u32) -> Option<Member> {
        let id = self.members.id_at(index)?;
        let member = self.members.remove(id)?;
        if let Ok(found) = self.by_ssrc.find_entry(self.key.hash(member.ssrc), |at| *at == index) {
            found.remove();
        }
        self.present -= usize::from(member.is_present());
        self.senders -= usize::from(member.is_present() && member.is_sender());
        Some(member)
    }

    /// Somebody was heard, and proved who it is or not.
    #[inline]
    pub(super) fn heard(&mut self, index: u32, proves: bool, now: Instant) {
        let Some(member) = self.members.at_mut(index) else { return };
        member.heard = now;
        if proves && !member.proven {
            member.proven = true;
            if member.left.is_none() {
                self.present += 1;
            }
        }
    }

    /// RTP came of somebody who proved itself.
    #[inline]
    pub(super) fn sent(&mut self, index: u32, now: Instant) {
        let Some(member) = self.members.at_mut(index) else { return };
        member.heard = now;
        if member.is_present() && member.sent.replace(now).is_none() {
            self.senders += 1;
        }
    }

    /// Somebody said BYE (§6.3.4). Whether a member left.
    pub(super) fn bye(&mut self, index: u32, now: Instant) -> bool {
        let Some(member) = self.members.at_mut(index) else { return false };
        let was_present = member.is_present();
        self.senders -= usize::from(was_present && member.sent.take().is_some());
        self.present -= usize::from(was_present);
        member.left = Some(now);
        was_present
    }

    /// Lets go who is silent, once an interval (§6.3.5): calls `gone` with each whose stream came to an end.
    pub(super) fn time_out(&mut self, interval: Duration, now: Instant, mut gone: impl FnMut(Member)) {
        for index in 0..self.members.positions() {
            let Some(member) = self.members.at_mut(index) else { continue };
            let silent = now.since(member.heard) > interval * SILENT_INTERVALS;
            let left = member.left.is_some_and(|left| now.since(left) > AFTERWARDS);
            if silent || left {
                if let Some(member) = self.remove(index) {
                    gone(member);
                }
                continue;
            }
            if member.sent.is_some_and(|sent| now.since(sent) > interval * QUIET_INTERVALS) {
                member.sent = None;
                self.senders -= 1;
            }
        }
    }
}
