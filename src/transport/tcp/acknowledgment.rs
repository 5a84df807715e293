//! What an acknowledgment does to what we send (RFC 9293 §3.10.7.4, fifth).

use super::congestion::Acked;
use super::connection::{Connection, State};
use super::input::Refused;
use super::recovery::Heard;
use super::scoreboard::Left;
use super::segment::Segment;
use super::sequence::SeqNumber;
use super::variables::Fin;
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::stream::Gone;
use crate::base::time::Instant;
use crate::buffer::Pool;

impl Connection {
    /// RFC 9293 §3.10.7.4, fifth.
    #[inline]
    pub(super) fn on_acknowledgment(
        &mut self,
        segment: &Segment,
        now: Instant,
        pool: &mut Pool,
    ) -> Result<(), Refused> {
        let acknowledgment = segment.acknowledgment;
        if self.state == State::SynReceived {
            if acknowledgment != self.snd.una + 1 {
                return Err(Refused::Reset);
            }
            self.snd.una = acknowledgment;
            self.establish(segment);
        }
        if !self.is_plausible(acknowledgment) {
            self.challenge(now);
            return Err(Refused::Drop(Dropped::TcpBadAck));
        }
        if acknowledgment.is_before(self.snd.una) {
            // Old, but its data may be new, and so may what it says that the peer has.
            self.take_overtaken(segment, now);
            return Ok(());
        }
        let heard = match segment.options.sack.is_empty() || !self.selective {
            true => Heard::default(),
            false => self.take_sacks(segment, now),
        };
        let advanced = acknowledgment - self.snd.una;
        let window = u32::from(segment.window) << self.snd.scale;
        let silent = segment.span() == 0 && advanced == 0 && self.snd.nxt != self.snd.una;
        let duplicate = heard.new > 0 || silent && window == self.snd.window && window > 0;
        if advanced > 0 {
            self.advance(segment, advanced, now, pool);
        }
        self.update_window(segment, window);
        if self.ecn.agreed {
            self.take_notification(segment, advanced, now);
        }
        if self.recovery.is_some() || duplicate {
            self.recover(segment, advanced, heard, duplicate, now);
        }
        Ok(())
    }

    /// RFC 5961 §5.2: what acknowledges the unsent, or what is older than any window, was not sent by our peer.
    #[inline]
    pub(super) fn is_plausible(&self, acknowledgment: SeqNumber) -> bool {
        let ahead = acknowledgment.from(self.snd.una);
        ahead <= self.snd.nxt.from(self.snd.una) && ahead >= -(self.snd.most as i32)
    }

    /// An acknowledgment that others overtook: what it says of data out of order is as true as before (RFC 6675 §5).
    #[cold]
    fn take_overtaken(&mut self, segment: &Segment, now: Instant) {
        if segment.options.sack.is_empty() || !self.selective {
            return;
        }
        let heard = self.take_sacks(segment, now);
        if heard.new > 0 {
            self.recover(segment, 0, heard, true, now);
        }
    }

    /// What arrives out of order makes room to write, too: otherwise recovery would find nothing new to send (RFC 9937 §6.2).
    pub(super) fn make_room(&mut self, heard: Heard) {
        let runs_dry = self.data_end() - self.snd.nxt < self.data_size();
        self.events.room |= heard.new > 0 && (runs_dry || self.has_much_room());
    }

    /// Whether there is so much room to write that it is worth a call.
    #[inline]
    fn has_much_room(&self) -> bool {
        self.room() >= self.tuning.send_buffer.0 / 2
    }

    /// New data of ours were acknowledged.
    #[inline]
    fn advance(&mut self, segment: &Segment, advanced: usize, now: Instant, pool: &mut Pool) {
        let was_full = self.room() == 0;
        self.snd.una = segment.acknowledgment;
        self.progress = true;
        let data = advanced.min(self.snd.queue.len());
        self.snd.queue.acknowledge(data, pool);
        let (left, known) = self.take_acknowledged(segment.acknowledgment, now);
        let sent = if let Left::Once(at) = left { Some(at) } else { None };
        match (left, &self.clock, segment.options.timestamps) {
            (Left::Once(at), ..) => self.note_round_trip(now - at),
            (Left::Again(at), Some(clock), Some(theirs)) => {
                // RFC 7323 §4: echoes tell the round trip even of what was sent again; but only in whole milliseconds. An
                // older echo is that of what came first, whose acknowledgment was lost: it tells how long we waited.
                let elapsed = std::time::Duration::from_millis(u64::from(clock.now(now).wrapping_sub(theirs.echo)));
                if elapsed <= now - at + std::time::Duration::from_millis(1) {
                    self.rtt.sample(elapsed);
                }
            }
            _ => {}
        }
        self.rtt.stop_backing_off();
        self.stalled = Instant::NEVER;
        if let Some(rare) = &mut self.rare {
            rare.soft = None;
        }
        if !self.is_reducing() {
            // What was known to have arrived lets nothing more leave: that would be a burst (RFC 5681 §3.1, N).
            self.grow(data.saturating_sub(known), sent, now);
        }
        // RFC 6298 §5.2, §5.3.
        self.arm(now);
        if self.snd.una == self.snd.nxt {
            self.snd.flight.rest();
        }
        self.events.room |= was_full || self.snd.queue.is_empty() || self.has_much_room();
        // Everything that we sent, and its FIN.
        if self.snd.fin == Fin::Sent && self.snd.una == self.snd.nxt {
            self.lingers_until = Instant::NEVER;
            self.events.sent = true;
            self.state = match self.state {
                State::FinWait1 => State::FinWait2,
                State::Closing => State::TimeWait,
                State::LastAck => return self.end(Gone::Closed),
                other => other,
            };
        }
    }

    /// So many bytes arrived, the last of which left then, as far as that is known.
    #[inline]
    pub(super) fn grow(&mut self, bytes: usize, sent: Option<Instant>, now: Instant) {
        let acked = Acked {
            now,
            bytes: bytes as u32,
            round_trip: self.rtt.smoothed().unwrap_or(limits::RTO_INITIAL),
            mss: self.data_size() as u32,
            sample: sent.map(|sent| now - sent),
            acknowledged: self.snd.una,
            sent: self.snd.nxt,
        };
        self.congestion.on_acked(acked, self.used.1);
    }

    /// What was acknowledged left so long ago.
    #[inline]
    fn note_round_trip(&mut self, span: std::time::Duration) {
        self.rtt.note_least(span);
        if self.snd.una.is_after(self.snd.measured) {
            self.rtt.sample(span);
            self.snd.measured = self.snd.nxt;
        }
    }

    /// RFC 9293 §3.10.7.4, fifth: the send window, unless the segment is older than the one that told it.
    #[inline]
    fn update_window(&mut self, segment: &Segment, window: u32) {
        let newer = segment.sequence.is_after(self.snd.wl1)
            || segment.sequence == self.snd.wl1 && !segment.acknowledgment.is_before(self.snd.wl2);
        if newer {
            if window > self.snd.window && self.snd.window == 0 {
                // It opened: what waited for that goes at once.
                (self.retransmit_at, self.stalled) = (Instant::NEVER, Instant::NEVER);
                self.rtt.stop_backing_off();
            }
            self.snd.window = window;
            self.snd.most = self.snd.most.max(window);
            (self.snd.wl1, self.snd.wl2) = (segment.sequence, segment.acknowledgment);
        }
        if self.snd.window == 0 {
            // RFC 9293 §3.8.6.1: as long as the peer answers, its window may stay closed for ever.
            self.stalled = Instant::NEVER;
        }
    }
}
