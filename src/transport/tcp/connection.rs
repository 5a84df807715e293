//! One connection: its state, and what its user does with it.

use std::sync::Arc;
use std::time::Duration;

use super::congestion::Congestion;
use super::ecn::Ecn;
use super::pacing::Pacing;
use super::path::Larger;
use super::recovery::{Alarm, Recovery};
use super::reordering::Reordering;
use super::rtt::Rtt;
use super::sequence::SeqNumber;
use super::stretch::Stretch;
use super::tuning::{Extension, TimeoutOption, Tuning};
use super::variables::{Clock, Fin, Receiver, Sender};
use crate::base::icmp::IcmpError;
use crate::base::limits;
use crate::base::stream::{Coalescing, Gone};
use crate::base::time::Instant;
use crate::buffer::{Pool, Pressure, SendQueue};
use crate::wire::tcp_options::{TIMESTAMPS_LENGTH, UserTimeout};

/// The states of RFC 9293 §3.3.2 that have queues. LISTEN is a `Listener`, SYN-RECEIVED mostly a
/// [`Handshake`](super::Handshake), and TIME-WAIT becomes a [`TimeWait`](super::TimeWait) as soon as it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// We asked.
    SynSent,
    /// We asked each other at once.
    SynReceived,
    /// Data flow.
    Established,
    /// We have nothing more to send.
    FinWait1,
    /// The peer knows that.
    FinWait2,
    /// The peer has nothing more to send.
    CloseWait,
    /// Neither has, and the peer does not know that we have not.
    Closing,
    /// The peer had nothing more to send first, and does not know yet that we have not.
    LastAck,
    /// Both know.
    TimeWait,
    /// It is over.
    Closed,
}

/// What happened to a connection that its user has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// It is open.
    pub opened: bool,
    /// There is room to write again.
    pub room: bool,
    /// Everything that was written, and the end behind it, was acknowledged.
    pub sent: bool,
    /// The peer has nothing more to send, and all that it sent was taken.
    pub ended: bool,
    /// It is over.
    pub gone: Option<Gone>,
}

/// What is to be sent though nothing else asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urge {
    None,
    /// A question whether the peer is there, or whether its window is open.
    Probe,
    /// Less than a whole segment, because it waited long enough.
    Override,
    /// A reset: the user gave up.
    Reset,
}

/// One connection. Pure state: it decides what is to be sent ([`Connection::plan`]) and what becomes of what came
/// ([`Connection::on_segment`]), and moves no byte.
pub struct Connection {
    pub(super) state: State,
    pub(super) snd: Sender,
    pub(super) rcv: Receiver,
    pub(super) clock: Option<Clock>,
    /// Whether the peer understands selective acknowledgments.
    pub(super) selective: bool,
    pub(super) congestion: Congestion,
    /// The most that was in flight since data were sent that end here: how much of the window is used (RFC 7661 §4.1).
    pub(super) used: (SeqNumber, u32),
    pub(super) rtt: Rtt,
    /// Made when something is missing.
    pub(super) recovery: Option<Box<Recovery>>,
    pub(super) reordering: Reordering,
    pub(super) ecn: Ecn,
    pub(super) urge: Urge,
    pub(super) events: Events,
    /// Something new was acknowledged, or came.
    pub(super) progress: bool,
    pub(super) tuning: Arc<Tuning>,
    /// The peer's user timeout, once it told it (RFC 5482 §3.1: REMOTE_UTO).
    pub(super) their_timeout: Option<UserTimeout>,
    /// Retransmission, or asking for a closed window.
    pub(super) retransmit_at: Instant,
    /// Which of its reasons that has.
    pub(super) alarm: Alarm,
    pub(super) acknowledge_at: Instant,
    /// When the peer was heard last.
    pub(super) heard: Instant,
    /// When what is not acknowledged left, once sending it again brought nothing.
    pub(super) stalled: Instant,
    /// When it is reset if the peer has not acknowledged everything, the end included.
    pub(super) lingers_until: Instant,
    /// When the last challenge was sent, in milliseconds.
    pub(super) challenged: Option<u32>,
    /// Made when there is any of it.
    pub(super) rare: Option<Box<Rare>>,
}

/// What few connections have, and is too large for one that is to be small.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// What was said of what is in flight since something was acknowledged last: why it does not arrive, if it never does.
    pub(super) soft: Option<IcmpError>,
    /// A segment by which the path is tried.
    pub(super) larger: Option<Larger>,
    /// Made when there is more to send on a long path than may leave at once.
    pub(super) pacing: Option<Pacing>,
    /// How far acknowledgments are stretched for a host beside us.
    pub(super) stretch: Stretch,
}

/// The numbers with which a connection begins.
#[derive(Clone, Copy, Debug)]
pub struct Initial {
    /// The initial sequence number, of the SYN (RFC 6528).
    pub sequence: SeqNumber,
    /// What our timestamps are shifted by.
    pub clock: u32,
}

impl Connection {
    /// An active open: the SYN is its first [`Connection::plan`]. `mss` is what our link takes.
    pub fn connect(initial: Initial, mss: u16, tuning: impl Into<Arc<Tuning>>, now: Instant) -> Connection {
        let tuning = tuning.into();
        let mss = tuning.mss(mss);
        let clock = Clock { offset: initial.clock, recent: 0, recent_at: 0 };
        let clock = (tuning.timestamps == Extension::Offered).then_some(clock);
        Connection {
            state: State::SynSent,
            // RFC 5482 §3.2: once behind the SYN, whether that had it or not: options of SYNs get lost.
            snd: Sender {
                owes_timeout: tuning.timeout_option != TimeoutOption::Off,
                ..Sender::new(initial.sequence, mss)
            },
            rcv: Receiver::new(SeqNumber(0), tuning.receive_buffer.0, now),
            clock,
            selective: false,
            used: (initial.sequence, 0),
            congestion: Congestion::new(tuning.congestion, u32::from(mss)),
            rtt: Rtt::default(),
            recovery: None,
            reordering: Reordering::default(),
            ecn: Ecn::new(initial.sequence),
            urge: Urge::None,
            events: Events::default(),
            progress: false,
            tuning,
            their_timeout: None,
            retransmit_at: Instant::NEVER,
            alarm: Alarm::Timeout,
            acknowledge_at: Instant::NEVER,
            heard: now,
            stalled: Instant::NEVER,
            lingers_until: Instant::NEVER,
            challenged: None,
            rare: None,
        }
    }

    /// Reads something of each of its cache lines, as a test of the layout says; what that comes to means nothing.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let Connection { snd, rcv, ecn, heard, rare, state, .. } = self;
        let bits = u32::from(ecn.agreed) ^ u32::from(rare.is_some()) ^ *state as u32 ^ snd.una.0 ^ rcv.edge.0;
        snd.queue.len() as u64 ^ heard.as_nanos() ^ u64::from(bits)
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// What happened since this was asked last.
    pub fn take_events(&mut self) -> Events {
        let mut events = std::mem::take(&mut self.events);
        // The end is shown behind the last byte.
        if !self.is_read_out(events.gone) {
            self.events = Events { ended: events.ended, gone: events.gone, ..Events::default() };
            (events.ended, events.gone) = (false, None);
        }
        events
    }

    /// Whether nothing happened that its user has to know, and it has nothing to read.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        let Events { opened, room, sent, ended, gone } = self.events;
        !(opened | room | sent | ended | gone.is_some()) && !self.has_unread()
    }

    /// Whether it is over, and its user has nothing more to read.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::TimeWait | State::Closed) && self.is_read_out(self.events.gone)
    }

    /// Whether all was read that will be: nobody reads on after a reset.
    fn is_read_out(&self, gone: Option<Gone>) -> bool {
        !self.has_unread() || !matches!(gone, None | Some(Gone::Closed))
    }

    /// Whether it opened since this or all events were asked for last.
    #[inline]
    pub fn take_opened(&mut self) -> bool {
        // Written only when it changes: all events are read together soon, and would wait for the one that was written alone.
        self.events.opened && std::mem::take(&mut self.events.opened)
    }

    /// How many bytes the user may write now.
    #[inline]
    pub fn room(&self) -> usize {
        if self.snd.fin != Fin::Open || self.state == State::Closed {
            return 0;
        }
        let (least, most) = self.tuning.send_buffer;
        // What may be in flight, and what is to be sent when that is acknowledged. While something is missing, what arrived
        // behind it has to be kept, too: without room beside that, recovery would find nothing new to send (RFC 9937 §6.2).
        let window = self.congestion.window().min(self.snd.window) as usize;
        let kept = window.max(self.snd.nxt - self.snd.una);
        let most = if self.is_far() { most } else { most.min(limits::SEND_BUFFER_NEAR.max(least)) };
        let buffer = (kept + window.min(limits::SEND_AHEAD)).clamp(least, most);
        buffer.saturating_sub(self.snd.queue.len())
    }

    /// The same where others need the memory, too.
    #[inline]
    pub fn room_under(&self, pressure: Pressure) -> usize {
        match pressure {
            Pressure::None => self.room(),
            _ => self.room().min(limits::SEND_BUFFER_SCARCE.saturating_sub(self.snd.queue.len())),
        }
    }

    /// Whether the peer has taken nothing for [`limits::HELD_UP`], though we have something to send (RFC 6429 §3).
    pub fn is_held_up(&self, now: Instant) -> bool {
        self.snd.window == 0 && !self.snd.queue.is_empty() && self.stalled + limits::HELD_UP <= now
    }

    /// What is to be sent: the user writes into it, within [`Connection::room`].
    #[inline]
    pub fn queue_mut(&mut self) -> &mut SendQueue {
        &mut self.snd.queue
    }

    /// What is to be sent.
    #[inline]
    pub fn queue(&self) -> &SendQueue {
        &self.snd.queue
    }

    /// Tunes it from now on. What the SYN told the peer stays as it is.
    pub fn tune(&mut self, change: impl FnOnce(&mut Tuning)) {
        change(Arc::make_mut(&mut self.tuning));
    }

    /// When small segments leave.
    pub fn set_coalescing(&mut self, coalescing: Coalescing) {
        self.snd.coalescing = coalescing;
    }

    /// How long data may stay unacknowledged from now on, whatever the peer says of that (RFC 5482 §3.1).
    pub fn set_user_timeout(&mut self, span: Duration) {
        let tuning = Arc::make_mut(&mut self.tuning);
        tuning.user_timeout = span;
        if tuning.timeout_option != TimeoutOption::Off {
            tuning.timeout_option = TimeoutOption::Told;
            self.snd.owes_timeout = true;
        }
    }

    /// The user has nothing more to send (RFC 9293 §3.10.4).
    pub fn close(&mut self) {
        if self.snd.fin == Fin::Open {
            self.snd.fin = Fin::Wanted;
        }
        if self.state == State::SynSent {
            self.end(Gone::Closed);
        }
    }

    /// The same, and the user gives up if the peer has not acknowledged everything within `limit`.
    pub fn close_within(&mut self, limit: Duration, now: Instant) {
        self.close();
        if !matches!(self.state, State::FinWait2 | State::TimeWait | State::Closed) {
            self.lingers_until = self.lingers_until.min(now + limit);
        }
    }

    /// The user gives up: the peer is told with a reset (RFC 9293 §3.10.5).
    pub fn abort(&mut self) {
        match self.state {
            State::SynSent | State::Closed | State::TimeWait => self.end(Gone::Aborted),
            _ => self.urge = Urge::Reset,
        }
    }

    /// Ends it without a word to the peer, who knows or cannot be told. In TIME-WAIT it stays there: its user has left.
    pub fn give_up(&mut self, why: Gone) {
        match self.state {
            State::TimeWait => self.events.gone = Some(why),
            _ => self.end(why),
        }
    }

    /// There is no way to the peer now. That is a soft error (RFC 9293 §3.9.2.2), but for who is only opening, or wants to
    /// send nothing but a reset. Returns whether it is over.
    pub fn on_unreachable(&mut self) -> bool {
        match (self.state, self.is_aborting()) {
            (_, true) => self.end(Gone::Aborted),
            (State::SynSent, _) => self.end(Gone::Unreachable),
            _ => return false,
        }
        true
    }

    /// Whether a number was sent and is not acknowledged: all that an ICMP error can truly quote (RFC 5927 §4).
    pub fn has_in_flight(&self, sequence: SeqNumber) -> bool {
        !sequence.is_before(self.snd.una) && sequence.is_before(self.snd.nxt)
    }

    /// An ICMP error quotes what is in flight. A hard one ends who is only opening (RFC 1122 §4.2.3.9); who is open goes on,
    /// for what still arrives is worth more than what anybody can say (RFC 5927 §5.2), and it is remembered as the reason in
    /// case that nothing does (RFC 5461 §2.2). Returns whether it is over.
    pub fn on_error(&mut self, error: IcmpError) -> bool {
        let why = match (self.state, error) {
            (State::SynSent, IcmpError::Refused) => Gone::Refused,
            (State::SynSent, IcmpError::Prohibited) => Gone::Unreachable,
            _ => {
                self.rare.get_or_insert_default().soft = Some(error);
                return false;
            }
        };
        self.end(why);
        true
    }

    /// Whether the peer showed since this was asked last that what we send reaches it (RFC 4861 §7.3.1).
    #[inline]
    pub fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    /// Asks for something to be sent, unless the user gave up already.
    pub(super) fn urge(&mut self, urge: Urge) {
        if !self.is_aborting() {
            self.urge = urge;
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, why: Gone) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.events.gone = Some(why);
            (self.retransmit_at, self.acknowledge_at) = (Instant::NEVER, Instant::NEVER);
            self.lingers_until = Instant::NEVER;
        }
    }

    /// Nothing was acknowledged for too long: the reason is what was said of it, if anything was.
    pub(super) fn time_out(&mut self) {
        self.end(match self.rare.as_deref().and_then(|rare| rare.soft) {
            Some(IcmpError::Unreachable | IcmpError::Prohibited | IcmpError::TimeExceeded) => Gone::Unreachable,
            Some(IcmpError::Refused) => Gone::Refused,
            _ => Gone::TimedOut,
        });
    }

    /// Gives the memory of its queues back to the pool.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.snd.queue.clear(pool);
        if let Some(mut queue) = self.rcv.queue.take() {
            queue.clear(pool);
        }
    }

    /// Where our data begin: behind a SYN that was not acknowledged.
    #[inline]
    pub(super) fn data_start(&self) -> SeqNumber {
        match self.state {
            State::SynSent | State::SynReceived => self.snd.una + 1,
            _ => self.snd.una,
        }
    }

    /// Where our data end, as far as they were written.
    #[inline]
    pub(super) fn data_end(&self) -> SeqNumber {
        self.data_start() + self.snd.queue.len()
    }

    /// Data in flight, or taken for it.
    #[inline]
    pub(super) fn pipe(&self) -> usize {
        match &self.recovery {
            None => self.snd.nxt - self.snd.una,
            Some(recovery) => recovery.board.pipe(self.snd.nxt - self.snd.una, self.data_size()),
        }
    }

    /// Data bytes of a full segment, as the congestion control counts.
    #[inline]
    pub fn data_size(&self) -> usize {
        usize::from(self.mss()) - self.fixed_options()
    }

    /// Bytes of options and data in a segment, as the peer and the path take them.
    #[inline]
    pub(super) fn mss(&self) -> u16 {
        self.snd.mss.min(self.snd.path_mss)
    }

    /// Bytes of options that every segment carries.
    #[inline]
    pub(super) fn fixed_options(&self) -> usize {
        if self.clock.is_some() { TIMESTAMPS_LENGTH } else { 0 }
    }
}

#[cfg(test)]
impl Connection {
    /// Where that lies which [`Connection::touch`] reads.
    pub(crate) const TOUCHED: [usize; 7] = {
        use std::mem::offset_of;
        [
            offset_of!(Connection, snd.queue),
            offset_of!(Connection, snd.una),
            offset_of!(Connection, rcv.edge),
            offset_of!(Connection, ecn.agreed),
            offset_of!(Connection, heard),
            offset_of!(Connection, rare),
            offset_of!(Connection, state),
        ]
    };
}
