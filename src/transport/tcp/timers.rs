//! What happens when time has passed.

use std::time::Duration;

use super::connection::{Connection, State, Urge};
use super::recovery::Alarm;
use super::tuning::TimeoutOption;
use super::variables::Fin;
use crate::base::limits;
use crate::base::stream::Gone;
use crate::base::time::Instant;

impl Connection {
    /// When [`Connection::on_timer`] is due.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.retransmit_at.min(self.acknowledge_at).min(self.lingers_until).min(self.paced_until()).min(self.ask_at())
    }

    /// Does what is due. What is to be sent then is in [`Connection::plan`].
    pub fn on_timer(&mut self, now: Instant) {
        if self.lingers_until <= now {
            self.lingers_until = Instant::NEVER;
            self.abort();
        }
        if self.paced_until() <= now {
            self.stop_waiting();
        }
        if self.acknowledge_at <= now {
            self.acknowledge_now();
            self.acknowledge_at = Instant::NEVER;
        }
        if self.retransmit_at <= now {
            self.retransmit_at = Instant::NEVER;
            match self.alarm {
                Alarm::Timeout => self.on_retransmit(now),
                Alarm::Probe => self.begin_probe(now),
                Alarm::Late => self.judge_late(now),
            }
        }
        if self.state != State::Closed && self.ask_at() <= now {
            // RFC 5482 §4.2: who was promised more patience gets it.
            let is_patient = self.agreed_timeout().is_some_and(|patience| now - self.heard < patience);
            if self.snd.unanswered >= limits::KEEP_ALIVES && !is_patient {
                return self.end(Gone::TimedOut);
            }
            self.snd.unanswered = self.snd.unanswered.saturating_add(1);
            self.urge(Urge::Probe);
        }
    }

    fn on_retransmit(&mut self, now: Instant) {
        if self.give_up_at() <= now {
            return self.time_out();
        }
        match self.state {
            State::SynSent | State::SynReceived => {
                self.rtt.back_off();
                self.snd.nxt = self.snd.una;
            }
            _ if self.snd.nxt != self.snd.una => {
                let left_at = self.snd.flight.oldest_at();
                self.on_retransmission_timeout(now);
                self.rtt.back_off();
                self.note_stall(left_at);
            }
            _ if self.snd.window == 0 => {
                self.urge(Urge::Probe);
                self.rtt.back_off();
                self.note_stall(now);
            }
            // What Nagle, the cork or silly windows held back waited long enough.
            _ => self.urge(Urge::Override),
        }
    }

    /// RFC 5482 §3.1: USER_TIMEOUT.
    fn user_timeout(&self) -> Duration {
        self.agreed_timeout().unwrap_or(self.tuning.user_timeout)
    }

    /// RFC 5482 §3.1: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)).
    fn agreed_timeout(&self) -> Option<Duration> {
        let (least, most) = limits::USER_TIMEOUT_AGREED;
        let theirs = self.their_timeout.filter(|_| self.tuning.timeout_option == TimeoutOption::Agreed)?;
        Some(self.tuning.user_timeout.max(theirs.span()).clamp(least, most))
    }

    fn note_stall(&mut self, since: Instant) {
        if self.stalled == Instant::NEVER {
            self.stalled = since;
        }
    }

    /// When the user timeout expires (RFC 9293 §3.10.8): no retransmission is waited for then.
    pub(super) fn give_up_at(&self) -> Instant {
        if self.stalled == Instant::NEVER {
            return Instant::NEVER;
        }
        self.stalled + self.patience()
    }

    fn patience(&self) -> Duration {
        match self.state {
            State::SynSent | State::SynReceived => limits::CONNECT_TIMEOUT.min(self.tuning.user_timeout),
            _ => self.user_timeout(),
        }
    }

    /// What is to be sent cannot leave: the device takes nothing, or there is no way to the peer. The user timeout runs for that,
    /// too (RFC 9293 §3.10.8).
    pub fn hold_back(&mut self, now: Instant) {
        let is_in_flight = self.snd.nxt != self.snd.una;
        let owes = is_in_flight || self.data_end().is_after(self.snd.nxt) || self.snd.fin == Fin::Wanted;
        if !owes || self.state == State::Closed {
            return;
        }
        if !is_in_flight {
            self.note_stall(now);
        }
        if self.retransmit_at == Instant::NEVER {
            (self.alarm, self.retransmit_at) = (Alarm::Timeout, self.give_up_at());
        }
    }

    /// When a silent peer is asked whether it is there (RFC 9293 §3.8.4). In FIN-WAIT-2 always: nothing else would tell.
    fn ask_at(&self) -> Instant {
        let after = match self.state {
            State::FinWait2 => limits::FIN_WAIT_2,
            State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck => {
                match self.tuning.keep_alive {
                    // What is in flight asks by itself.
                    Some(after) if self.snd.nxt == self.snd.una && self.snd.fin != Fin::Sent => after,
                    _ => return Instant::NEVER,
                }
            }
            _ => return Instant::NEVER,
        };
        self.heard + after + limits::KEEP_ALIVE_INTERVAL * u32::from(self.snd.unanswered)
    }
}
