//! When the next RTCP packet is due (RFC 3550 §6.2, §6.3, §A.7).
//!
//! All participants share 5 % of the session's bandwidth, so each is silent the longer the more there are. What is drawn is
//! *reconsidered* when its time comes: after a flood of joins the interval is drawn again, by the number of members that is
//! known now. When members leave, what is waited for is shortened (*reverse reconsideration*). The end of a large session is
//! no flood, either: a BYE waits like a member that has just joined (§6.3.7).

use std::time::Duration;

use crate::base::random::Random;
use crate::base::time::Instant;

/// RTCP's share of the session's bandwidth (§6.2).
pub const SHARE: f64 = 0.05;
/// The senders' share of that, when they are at most a quarter of the members.
const SENDERS: f64 = 0.25;
/// The least that is drawn (§6.2); half of it at first.
pub const MINIMUM: Duration = Duration::from_secs(5);
/// Unconditional reconsideration converges to less than what was drawn: by so much (§6.3.1).
const COMPENSATION: f64 = std::f64::consts::E - 1.5;
/// Members for which a BYE need not wait (§6.3.7).
const FEW: usize = 50;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// All members, ourselves included.
    pub members: usize,
    /// Of them, those that send RTP.
    pub senders: usize,
    /// Whether we are one of those.
    pub we_sent: bool,
}

/// Whether the time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Not yet.
    No,
    /// A report is to be sent; [`Schedule::reported`] tells that it was.
    Report,
    /// The BYE is to be sent, and it is over.
    Bye,
}

/// The times of one participant. Sizes count the headers of UDP and IP.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Octets a second that RTCP may take.
    bandwidth: f64,
    minimum: f64,
    /// When we sent last (tp), and when we may next (tn).
    last: Instant,
    next: Instant,
    /// Members when tn was last computed.
    members_before: usize,
    average_size: f64,
    initial: bool,
    /// BYEs heard since we want to leave, and ourselves.
    leaving: Option<usize>,
    random: Random,
}

impl Schedule {
    /// Of a participant that begins `now`, in a session of so many octets a second, whose first report has `size` octets.
    pub fn new(bandwidth: f64, minimum: Duration, size: usize, now: Instant, random: Random) -> Schedule {
        let mut schedule = Schedule {
            bandwidth: bandwidth * SHARE,
            minimum: minimum.as_secs_f64(),
            last: now,
            next: now,
            members_before: 1,
            average_size: size as f64,
            initial: true,
            leaving: None,
            random,
        };
        schedule.next = now + schedule.draw(Crowd { members: 1, senders: 0, we_sent: false });
        schedule
    }

    /// The interval without its random factor (§6.3.1, Td).
    pub fn interval(&self, crowd: Crowd) -> Duration {
        self.interval_from(crowd, if self.initial { self.minimum / 2.0 } else { self.minimum })
    }

    /// The interval after which who is silent is taken to be gone: with the full minimum (§6.3.5).
    pub fn timeout_interval(&self, crowd: Crowd) -> Duration {
        self.interval_from(Crowd { we_sent: false, ..crowd }, MINIMUM.as_secs_f64())
    }

    fn interval_from(&self, crowd: Crowd, minimum: f64) -> Duration {
        let Crowd { members, senders, we_sent } = crowd;
        let (mut bandwidth, mut n) = (self.bandwidth, members as f64);
        if senders as f64 <= n * SENDERS {
            if we_sent {
                (bandwidth, n) = (bandwidth * SENDERS, senders as f64);
            } else {
                (bandwidth, n) = (bandwidth * (1.0 - SENDERS), n - senders as f64);
            }
        }
        let seconds = if bandwidth > 0.0 { self.average_size * n / bandwidth } else { f64::MAX };
        Duration::try_from_secs_f64(seconds.max(minimum)).unwrap_or(Duration::MAX)
    }

    /// The interval with its random factor.
    fn draw(&mut self, crowd: Crowd) -> Duration {
        let factor = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 + 0.5;
        self.interval(crowd).mul_f64(factor / COMPENSATION)
    }

    /// When to ask [`Schedule::on_timer`].
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// RTCP of `size` octets came.
    pub fn received(&mut self, size: usize) {
        self.count(size);
    }

    fn count(&mut self, size: usize) {
        self.average_size += (size as f64 - self.average_size) / 16.0;
    }

    /// Its time may have come: reconsiders (§6.3.6).
    pub fn on_timer(&mut self, crowd: Crowd, now: Instant) -> Due {
        if now < self.next {
            return Due::No;
        }
        let crowd = match self.leaving {
            Some(members) => Crowd { members, senders: 0, we_sent: false },
            None => crowd,
        };
        self.next = self.last + self.draw(crowd);
        self.members_before = crowd.members;
        match (self.next <= now, self.leaving) {
            (false, _) => Due::No,
            (true, None) => Due::Report,
            (true, Some(_)) => Due::Bye,
        }
    }

    /// A report of `size` octets was sent.
    pub fn reported(&mut self, size: usize, crowd: Crowd, now: Instant) {
        self.count(size);
        self.last = now;
        self.initial = false;
        // Drawn anew, for what was drawn before decided that it was due.
        self.next = now + self.draw(crowd);
        self.members_before = crowd.members;
    }

    /// Members left: reverse reconsideration (§6.3.4).
    pub fn left(&mut self, members: usize, now: Instant) {
        if members < self.members_before && self.leaving.is_none() {
            let ratio = members as f64 / self.members_before as f64;
            self.next = now + self.next.since(now).mul_f64(ratio);
            let since = now.since(self.last).mul_f64(ratio);
            self.last = Instant::from_nanos(now.as_nanos().saturating_sub(since.as_nanos() as u64));
            self.members_before = members;
        }
    }

    /// We want to leave, with a BYE of `size` octets (§6.3.7): true when that may be sent at once.
    pub fn leave(&mut self, size: usize, members: usize, now: Instant) -> bool {
        if members <= FEW {
            return true;
        }
        (self.last, self.leaving, self.initial) = (now, Some(1), true);
        (self.members_before, self.average_size) = (1, size as f64);
        self.next = now + self.draw(Crowd { members: 1, senders: 0, we_sent: false });
        false
    }

    /// Whether we wait to leave.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Somebody else said BYE in `size` octets while we wait to leave: the only ones that count then.
    pub fn heard_bye(&mut self, size: usize) {
        if let Some(members) = &mut self.leaving {
            *members += 1;
            self.count(size);
        }
    }

    /// Octets of the usual RTCP packet.
    pub fn average_size(&self) -> f64 {
        self.average_size
    }
}
