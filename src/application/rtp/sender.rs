//! Streams of ours: packets leave when they are due, with reports beside them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::media::{Beginning, Media};
use super::ntp::WallClock;
use super::outgoing::Feedback;
use super::rtcp::feedback::missing;
use super::service::is_rtcp;
use super::session::{Asked, Config, Session, canonical_name};
use crate::application::{Answer, Batch, Datagrams, Io};
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::random::Random;
use crate::base::time::Instant;

/// What is to be sent, and where to.
pub struct Plan {
    /// What.
    pub media: Media,
    /// How often at once.
    pub streams: usize,
    /// Where to; reports go to the next port, until some come from elsewhere.
    pub to: Endpoint,
    /// Our own port of RTP; that of RTCP is the next.
    pub port: u16,
    /// The time of day.
    pub clock: WallClock,
    /// Who is told what there is to tell.
    pub news: Box<dyn FnMut(News) + Send>,
}

/// What a sender tells.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A receiver reported.
    Reported(Feedback),
    /// All was sent, or had to end.
    Over {
        /// What was sent.
        sent: Box<Sent>,
        /// Why it had to end before (RFC 8083).
        cut_off: Option<&'static str>,
    },
}

/// What was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets.
    pub packets: u64,
    /// Octets of payload.
    pub octets: u64,
    /// Packets that were asked for and sent again.
    pub again: u64,
    /// Whole pictures that were asked for; what is recorded has none to give.
    pub pictures: u64,
    /// How late packets left.
    pub lateness: Lateness,
}

/// How late packets left, in buckets of [`Lateness::STEP`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lateness {
    buckets: [u64; 101],
    /// The latest.
    pub most: Duration,
}

impl Default for Lateness {
    fn default() -> Lateness {
        Lateness { buckets: [0; 101], most: Duration::ZERO }
    }
}

impl Lateness {
    /// What a bucket spans. The last one has all that was later than all others.
    pub const STEP: Duration = Duration::from_micros(100);

    fn note(&mut self, late: Duration) {
        let bucket = (late.as_nanos() / Lateness::STEP.as_nanos()) as usize;
        self.buckets[bucket.min(self.buckets.len() - 1)] += 1;
        self.most = self.most.max(late);
    }

    /// No more than this share of packets left later.
    pub fn quantile(&self, share: f64) -> Duration {
        let all: u64 = self.buckets.iter().sum();
        let mut left = (all as f64 * share).ceil() as u64;
        for (bucket, count) in self.buckets.iter().enumerate() {
            left = left.saturating_sub(*count);
            if left == 0 && bucket + 1 < self.buckets.len() {
                return (Lateness::STEP * (bucket as u32 + 1)).min(self.most);
            }
        }
        self.most
    }
}

/// The sender, to be bound to both of its ports.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    plan: Plan,
    session: Option<Session>,
    streams: Vec<Stream>,
    queue: BinaryHeap<Reverse<(Instant, u32)>>,
    control: Flow,
    sent: Sent,
    /// When the last packet has been played: the BYE is not to overtake it.
    ends: Option<Instant>,
    is_over: bool,
}

struct Stream {
    beginning: Beginning,
    next: usize,
    began: Instant,
    /// Its place in the session.
    own: usize,
}

/// The least time from the last packet to the BYE.
const END: Duration = Duration::from_millis(20);
/// Packets that are sent again for one datagram of feedback.
const AGAIN: usize = 64;
/// The largest compound packet: what every path carries.
const RTCP: usize = 1200;

impl Sender {
    /// A sender that begins as soon as it is bound.
    pub fn new(plan: Plan) -> Sender {
        let control = Flow {
            local: Endpoint { address: Address::UNSPECIFIED, port: plan.port.wrapping_add(1) },
            remote: Endpoint { address: plan.to.address, port: plan.to.port.wrapping_add(1) },
        };
        let shared = Shared {
            plan,
            session: None,
            streams: Vec::new(),
            queue: BinaryHeap::new(),
            control,
            sent: Sent::default(),
            ends: None,
            is_over: false,
        };
        Sender { shared: Arc::new(Mutex::new(shared)) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Shared) -> R) -> R {
        // Never waited for: both ports belong to one shard.
        work(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Datagrams for Sender {
    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        let take = |shared: &mut Shared| batch.iter().try_for_each(|datagram| shared.on_datagram(flow, datagram, io));
        self.with(take).map_or_else(Answer::Drop, |()| Answer::Done)
    }

    fn deadline(&self) -> Option<Instant> {
        self.with(|shared| shared.deadline())
    }

    fn on_timer(&mut self, io: &mut Io<'_>) {
        self.with(|shared| shared.on_timer(io));
    }

    fn on_end(&mut self, io: &mut Io<'_>) {
        self.with(|shared| shared.end("", None, io));
    }
}

impl Shared {
    fn deadline(&self) -> Option<Instant> {
        if self.is_over {
            return None;
        }
        let Some(session) = &self.session else { return Some(Instant::ZERO) };
        let packet = self.queue.peek().map(|Reverse((due, _))| *due);
        packet.into_iter().chain(session.deadline()).chain(self.ends).min()
    }

    fn begin(&mut self, io: &mut Io<'_>) {
        let now = io.now();
        let Shared { plan: Plan { media, streams: count, clock, .. }, queue, streams, .. } = self;
        let mut seed = [0; 16];
        seed.iter_mut().for_each(|byte| *byte = io.random(256) as u8);
        let mut random = Random::new(seed);
        let name = canonical_name(&mut random);
        // 5 % of what we send (RFC 3550 §6.2), and never less than that of a call.
        let rate = (media.length(0) + 28) as f64 / media.interval().as_secs_f64().max(1e-3) * *count as f64;
        let config = Config::new(&name, *clock);
        let mut session = Session::new(Config { bandwidth: rate.max(config.bandwidth), ..config }, random.clone(), now);
        for number in 0..*count as u32 {
            // Several begin one after the other, so that their packets do not leave in bursts.
            let began = now + media.interval() * number / *count as u32;
            let drawn =
                Beginning { ssrc: 0, number: random.next_u64() as u16 & 0x7fff, timestamp: random.next_u64() as u32 };
            let recorded = media.recorded();
            let timestamp = recorded.map_or(drawn.timestamp, |recorded| recorded.timestamp);
            let own =
                session.add_stream(media.encoding().rate, timestamp, began, recorded.map(|recorded| recorded.ssrc));
            let ssrc = session.own()[own].ssrc;
            let beginning = Beginning { ssrc, ..recorded.unwrap_or(drawn) };
            streams.push(Stream { beginning, next: 0, began, own });
            queue.push(Reverse((began, number)));
        }
        self.session = Some(session);
    }

    fn on_timer(&mut self, io: &mut Io<'_>) {
        if self.is_over {
            return;
        }
        if self.session.is_none() {
            self.begin(io);
        }
        let now = io.now();
        let Shared { plan, session: Some(session), streams, queue, control, sent, ends, .. } = self else { return };
        let local = Endpoint { address: Address::UNSPECIFIED, port: plan.port };
        let flow = Flow { local, remote: plan.to };
        while let Some(Reverse((due, number))) = queue.peek().copied().filter(|Reverse((due, _))| *due <= now) {
            let stream = &mut streams[number as usize];
            let mut lengths = (0, 0);
            let room = plan.media.length(stream.next);
            let written = io.send(flow, room, |place| {
                lengths = plan.media.write(stream.next, stream.beginning, place);
                lengths.0
            });
            if written.is_err() && sent.packets > 0 && due + Duration::from_secs(1) > now {
                // The call is full: the rest is due in the next one, which comes at once.
                return;
            }
            queue.pop();
            if written.is_ok() {
                sent.lateness.note(now.since(due));
                (sent.packets, sent.octets) = (sent.packets + 1, sent.octets + lengths.1 as u64);
                if let Some(own) = session.own_mut(stream.own) {
                    own.packet(lengths.0, lengths.1, now);
                    // After a collision it has another name (RFC 3550 §8.2).
                    stream.beginning.ssrc = own.ssrc;
                }
            }
            stream.next += 1;
            if let Some(after) = plan.media.due(stream.next) {
                queue.push(Reverse((stream.began + after, number)));
            } else if queue.is_empty() {
                *ends = Some(due + plan.media.interval().max(END));
            }
        }
        let mut place = [0; RTCP];
        if session.deadline().is_some_and(|deadline| deadline <= now)
            && let Some(length) = session.on_timer(&mut place, now)
        {
            let _lost = io.reply(control, &place[..length]);
            if let Some(tripped) = session.tripped(now) {
                return self.end(tripped.reason(), Some(tripped.reason()), io);
            }
        }
        if self.ends.is_some_and(|ends| ends <= now) {
            self.end("", None, io);
        }
    }

    fn on_datagram(&mut self, flow: &Flow, bytes: &[u8], io: &mut Io<'_>) -> Result<(), Dropped> {
        let Shared { plan, session: Some(session), streams, control, sent, .. } = self else {
            return Err(Dropped::PortUnreachable);
        };
        if !is_rtcp(bytes) {
            // A stream to us is nobody's here, but its source may have a name of ours.
            return session.on_rtp(bytes, &Default::default(), flow.remote, io.now()).map(drop);
        }
        let now = io.now();
        let before: Vec<Option<Feedback>> = session.own().iter().take(1).map(|own| own.feedback).collect();
        let mut again = Vec::new();
        session.on_rtcp(bytes, flow.remote, now, |asked| match asked {
            Asked::Packets { ssrc, control } => again.extend(missing(control).take(AGAIN).map(|number| (ssrc, number))),
            Asked::Picture { .. } => sent.pictures += 1,
        })?;
        if !plan.to.address.is_multicast() {
            *control = *flow;
        }
        let to = Flow { local: Endpoint { address: Address::UNSPECIFIED, port: plan.port }, remote: plan.to };
        for (ssrc, number) in again.into_iter().take(AGAIN) {
            let Some(stream) = streams.iter().find(|stream| stream.beginning.ssrc == ssrc) else { continue };
            // The last packet with this number that was sent.
            let back = (stream.beginning.number.wrapping_add(stream.next as u16)).wrapping_sub(number);
            let Some(n) = stream.next.checked_sub(usize::from(back)).filter(|n| *n < stream.next) else { continue };
            let room = plan.media.length(n);
            if io.send(to, room, |place| plan.media.write(n, stream.beginning, place).0).is_ok() {
                sent.again += 1;
            }
        }
        let after = session.own().first().and_then(|own| own.feedback);
        if let Some(feedback) = after.filter(|_| before.first() != Some(&after)) {
            (plan.news)(News::Reported(feedback));
        }
        Ok(())
    }

    fn end(&mut self, reason: &str, cut_off: Option<&'static str>, io: &mut Io<'_>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let mut place = [0; RTCP];
        if let Some(session) = &mut self.session
            && let Some(length) = session.leave(&mut place, reason, io.now())
        {
            let _lost = io.reply(&self.control, &place[..length]);
        }
        (self.plan.news)(News::Over { sent: Box::new(self.sent.clone()), cut_off });
    }
}
