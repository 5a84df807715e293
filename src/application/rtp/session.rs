//! One participant of one RTP session: what comes in is checked and counted, and RTCP is written when it is due.

mod config;
mod report;

use std::time::Duration;

use arrayvec::ArrayVec;
use rtp_types::RtpPacket;

use super::breaker::Tripped;
use super::interval::{Due, MINIMUM, Schedule};
use super::members::{Member, Members};
use super::ntp::Ntp;
use super::outgoing::Outgoing;
use super::payload::PayloadTypes;
use super::rtcp::feedback::{NACK, PLI};
use super::rtcp::xr::{Block, Dlrr};
use super::rtcp::{Compound, Packet, ReportBlock, SENDER_REPORT, Writer};
use super::sequence::Place;
use super::source::{Source, Summary};
use crate::base::address::Endpoint;
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;

pub use config::{Config, canonical_name};

/// Headers of UDP and IPv4, which count as bandwidth (RFC 3550 §6.2).
pub const OVERHEAD: usize = 28;
/// Octets of a report at first: one block and a CNAME.
const FIRST_REPORT: usize = 28 + SENDER_REPORT + 24 + 32;
/// How long a packet may be overtaken before it is asked for again.
const REORDERING: Duration = Duration::from_millis(20);
/// Between two datagrams of feedback: RFC 4585 §3.5.2 lets one early packet go in an interval; this is one of a point-to-point
/// session at the bandwidth of feedback that a lossy path needs.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);
/// Numbers before the last that are asked for again.
const NACK_SPAN: u32 = 64;

/// A packet that came, and belongs to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Where its source is in the table.
    pub member: u32,
    /// Its source.
    pub ssrc: u32,
    /// What it is in the stream.
    pub place: Place,
    /// Its sequence number.
    pub number: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its payload type.
    pub payload_type: u8,
    /// Where its payload begins, and how long it is.
    pub payload: (usize, usize),
}

/// What RTCP asks of a sender.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Packets again, by [`missing`](super::rtcp::feedback::missing).
    Packets {
        /// Of which stream of ours.
        ssrc: u32,
        /// Which.
        control: &'a [u8],
    },
    /// A whole picture.
    Picture {
        /// Of which stream of ours.
        ssrc: u32,
    },
}

/// A stream that came to an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its source.
    pub ssrc: u32,
    /// Whence it came.
    pub from: Endpoint,
    /// What came of it.
    pub summary: Summary,
}

/// One participant.
pub struct Session {
    config: Config,
    own: Vec<Outgoing>,
    /// The first of them is a stream, and no receiver only.
    sends: bool,
    /// Which of them is the next to report.
    next_own: usize,
    /// Where in the table the next report blocks begin (RFC 3550 §6.4).
    next_block: u32,
    members: Members,
    schedule: Schedule,
    random: Random,
    /// When we reported, and the time before that: who sent since then is a sender (§6.3.8).
    reported: [Instant; 2],
    /// Whence others use an SSRC of ours (§8.2).
    conflicts: ArrayVec<(Endpoint, Instant), { limits::RTP_CONFLICTS }>,
    /// SSRCs that we gave up, to be said.
    given_up: ArrayVec<u32, 4>,
    feedback_due: Option<(Instant, u32)>,
    feedback_sent: Option<Instant>,
    ended: Vec<Ended>,
    over: bool,
}

impl Session {
    /// Joins a session `now`, as a receiver.
    pub fn new(config: Config, mut random: Random, now: Instant) -> Session {
        let members = Members::new(config.members, &mut random);
        let own = Outgoing::new(random.next_u64() as u32, 8000, 0, now);
        let draws = Random::new(seed(&mut random));
        let schedule = Schedule::new(config.bandwidth, config.minimum, FIRST_REPORT, now, draws);
        Session {
            config,
            own: vec![own],
            sends: false,
            next_own: 0,
            next_block: 0,
            members,
            schedule,
            random,
            reported: [now; 2],
            conflicts: ArrayVec::new(),
            given_up: ArrayVec::new(),
            feedback_due: None,
            feedback_sent: None,
            ended: Vec::new(),
            over: false,
        }
    }

    /// Adds a stream of ours, and returns its place among them. The first one takes the SSRC that the receiver had.
    /// A stream that was recorded has an `ssrc` already.
    pub fn add_stream(&mut self, rate: u32, first_timestamp: u32, now: Instant, ssrc: Option<u32>) -> usize {
        if !self.sends {
            self.sends = true;
            let ssrc = ssrc.unwrap_or(self.own[0].ssrc);
            self.own[0] = Outgoing::new(ssrc, rate, first_timestamp, now);
            return 0;
        }
        let ssrc = ssrc.unwrap_or_else(|| self.random.next_u64() as u32);
        self.own.push(Outgoing::new(ssrc, rate, first_timestamp, now));
        self.own.len() - 1
    }

    /// Our own streams, of which there is always one, even if it sends nothing.
    pub fn own(&self) -> &[Outgoing] {
        &self.own
    }

    /// One of them, to be told what was sent.
    pub fn own_mut(&mut self, index: usize) -> Option<&mut Outgoing> {
        self.own.get_mut(index)
    }

    /// Who takes part.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Whether the BYE was sent.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The next stream that came to an end.
    pub fn take_ended(&mut self) -> Option<Ended> {
        self.ended.pop()
    }

    /// What came of every stream that goes on.
    pub fn summaries(&self) -> impl Iterator<Item = Ended> + '_ {
        self.members.iter().filter_map(ended)
    }

    /// A packet came (RFC 3550 §A.1).
    ///
    /// # Errors
    /// Why it is dropped.
    #[inline]
    pub fn on_rtp(
        &mut self,
        bytes: &[u8],
        types: &PayloadTypes,
        from: Endpoint,
        now: Instant,
    ) -> Result<Arrived, Dropped> {
        let packet = RtpPacket::parse(bytes).map_err(|_why| Dropped::BadRtp)?;
        let ssrc = packet.ssrc();
        if self.own.iter().any(|own| own.ssrc == ssrc) {
            return Err(self.collided(ssrc, from, now));
        }
        let index = self.members.look_up(ssrc, now).map_err(|_full| Dropped::RtpFull)?;
        let member = self.members.at_mut(index).ok_or(Dropped::RtpFull)?;
        match member.data_from {
            Some(known) if known == from => {}
            // Another host under the same name: the first one stays (§8.2).
            Some(_) => return Err(Dropped::RtpCollision),
            None if member.control_from.is_some_and(|known| known.address != from.address) => {
                return Err(Dropped::RtpCollision);
            }
            None => member.data_from = Some(from),
        }
        let (number, timestamp, payload_type) = (packet.sequence_number(), packet.timestamp(), packet.payload_type());
        let rate = types.rate(payload_type);
        let octets = packet.payload_len();
        let source = member.source.get_or_insert_with(|| Box::new(Source::new(number, payload_type, rate, now)));
        let place = source.packet(number, timestamp, payload_type, rate, octets, now);
        match place {
            Place::Strange => return Err(Dropped::RtpStrange),
            Place::Probation => self.members.heard(index, false, now),
            Place::Believed(_) => {
                self.members.heard(index, true, now);
                self.members.sent(index, now);
            }
            _ => self.members.sent(index, now),
        }
        if self.config.feedback {
            self.look_for_gaps(index, place, now);
        }
        let payload = (packet.payload_offset(), octets);
        Ok(Arrived { member: index, ssrc, place, number, timestamp, payload_type, payload })
    }

    /// What came from a member was too late to be heard (RFC 3611 §4.7.1).
    pub fn discard(&mut self, member: u32) {
        if let Some(source) = self.members.at_mut(member).and_then(|member| member.source.as_mut()) {
            source.discard();
        }
    }

    fn look_for_gaps(&mut self, index: u32, place: Place, now: Instant) {
        let Some(source) = self.members.at(index).and_then(|member| member.source.as_ref()) else { return };
        let has_gap = source.sequence.seen() & 2 == 0;
        if matches!(place, Place::Next(_)) && has_gap && self.feedback_due.is_none() {
            let free = self.feedback_sent.map_or(now, |sent| sent + FEEDBACK_INTERVAL);
            self.feedback_due = Some(((now + REORDERING).max(free), index));
        }
    }

    /// Somebody else uses an SSRC of ours (§8.2).
    #[cold]
    fn collided(&mut self, ssrc: u32, from: Endpoint, now: Instant) -> Dropped {
        let remembered = MINIMUM * 10;
        self.conflicts.retain(|(_, seen)| now.since(*seen) <= remembered);
        if let Some((_, seen)) = self.conflicts.iter_mut().find(|(known, _)| *known == from) {
            *seen = now;
            return Dropped::RtpLoop;
        }
        if self.conflicts.try_push((from, now)).is_err() {
            // As many others as this have no reason but to make us change our name.
            return Dropped::RtpLoop;
        }
        let fresh = std::iter::repeat_with(|| self.random.next_u64() as u32)
            .find(|fresh| self.members.find(*fresh).is_none() && self.own.iter().all(|own| own.ssrc != *fresh));
        if let (Some(own), Some(fresh)) = (self.own.iter_mut().find(|own| own.ssrc == ssrc), fresh) {
            own.ssrc = fresh;
            let _full = self.given_up.try_push(ssrc);
        }
        Dropped::RtpCollision
    }

    /// RTCP came (RFC 3550 §6.3.3, §6.3.4). Calls `asked` with what a sender is asked for.
    ///
    /// # Errors
    /// Why it is dropped.
    pub fn on_rtcp(
        &mut self,
        bytes: &[u8],
        from: Endpoint,
        now: Instant,
        mut asked: impl FnMut(Asked<'_>),
    ) -> Result<(), Dropped> {
        let compound = Compound::parse(bytes, self.config.rule).map_err(|_why| Dropped::BadRtcp)?;
        let size = bytes.len() + OVERHEAD;
        let wall = self.config.clock.at(now);
        let mut has_bye = false;
        for packet in compound {
            match packet {
                Packet::SenderReport { ssrc, info, blocks } => {
                    let index = self.speaker(ssrc, from, now)?;
                    if let Some(source) = self.members.at_mut(index).and_then(|member| member.source.as_mut()) {
                        source.sender_report(info.ntp(), info.timestamp.get(), now);
                    }
                    self.told(index, ssrc, blocks, wall, now);
                }
                Packet::ReceiverReport { ssrc, blocks } => {
                    let index = self.speaker(ssrc, from, now)?;
                    self.told(index, ssrc, blocks, wall, now);
                }
                Packet::Sdes(chunks) => {
                    for (ssrc, name) in chunks {
                        let index = self.speaker(ssrc, from, now)?;
                        self.members.heard(index, name.is_some(), now);
                    }
                }
                Packet::Bye { sources, .. } => {
                    for ssrc in sources {
                        // A stranger who leaves never was here.
                        has_bye |= self.members.find(ssrc).is_some_and(|index| self.bye(index, from, now));
                    }
                }
                Packet::TransportFeedback { about, format: NACK, control, .. } => {
                    asked(Asked::Packets { ssrc: about, control });
                }
                Packet::PayloadFeedback { about, format: PLI, .. } => asked(Asked::Picture { ssrc: about }),
                Packet::Extended { ssrc, blocks } => {
                    let index = self.speaker(ssrc, from, now)?;
                    for block in blocks {
                        self.extended(index, block, wall, now);
                    }
                }
                Packet::App { .. } | Packet::TransportFeedback { .. } | Packet::PayloadFeedback { .. } => {}
                Packet::Unknown(_) => {}
            }
        }
        match (self.schedule.is_leaving(), has_bye) {
            (true, true) => self.schedule.heard_bye(size),
            // While we wait to leave, only BYEs count (§6.3.7).
            (true, false) => {}
            (false, _) => self.schedule.received(size),
        }
        if has_bye {
            let crowd = self.members.crowd(self.own.len(), false);
            self.schedule.left(crowd.members, now);
        }
        Ok(())
    }

    /// Who speaks RTCP: a name, from where it spoke before.
    fn speaker(&mut self, ssrc: u32, from: Endpoint, now: Instant) -> Result<u32, Dropped> {
        if self.own.iter().any(|own| own.ssrc == ssrc) {
            return Err(self.collided(ssrc, from, now));
        }
        let index = self.members.look_up(ssrc, now).map_err(|_full| Dropped::RtpFull)?;
        let member = self.members.at_mut(index).ok_or(Dropped::RtpFull)?;
        let known = member.control_from.or(member.data_from);
        if known.is_some_and(|known| known.address != from.address) {
            return Err(Dropped::RtpCollision);
        }
        // The port may be another: RTCP may come from that of RTP or from the next (RFC 4961, RFC 5761).
        member.control_from = Some(from);
        self.members.heard(index, false, now);
        Ok(index)
    }

    fn bye(&mut self, index: u32, from: Endpoint, now: Instant) -> bool {
        let Some(member) = self.members.at(index) else { return false };
        // Anybody can write anybody's name.
        if member.control_from.or(member.data_from).is_some_and(|known| known.address != from.address) {
            return false;
        }
        let end = ended(member);
        let left = self.members.bye(index, now);
        if left {
            self.ended.extend(end);
            // What was counted was told.
            if let Some(member) = self.members.at_mut(index) {
                member.source = None;
            }
        }
        left
    }

    /// Report blocks, some of which may be on streams of ours.
    fn told(&mut self, index: u32, from: u32, blocks: &[ReportBlock], wall: Ntp, now: Instant) {
        for block in blocks {
            let ssrc = block.ssrc.get();
            let Some(own) = self.own.iter_mut().find(|own| own.ssrc == ssrc) else { continue };
            let round_trip = own.told(from, block, wall, now);
            if let Some(member) = self.members.at_mut(index) {
                member.round_trip = round_trip.or(member.round_trip);
            }
        }
    }

    fn extended(&mut self, index: u32, block: Block<'_>, wall: Ntp, now: Instant) {
        let own = |ssrc| self.own.iter().any(|own| own.ssrc == ssrc);
        match block {
            Block::ReceiverReferenceTime(ntp) => {
                if let Some(member) = self.members.at_mut(index) {
                    member.reference = Some((ntp.middle(), now));
                }
            }
            Block::Dlrr(parts) => {
                let ours = parts.iter().filter(|part| own(part.ssrc.get()));
                let trip = |part: &Dlrr| super::ntp::round_trip(wall, part.last_rr.get(), part.delay.get());
                if let Some(round_trip) = ours.filter_map(trip).next_back()
                    && let Some(member) = self.members.at_mut(index)
                {
                    member.round_trip = Some(round_trip);
                }
            }
            Block::LossRuns { .. } | Block::VoipMetrics(_) | Block::Unknown(_) => {}
        }
    }

    fn we_sent(&self) -> bool {
        self.own.iter().any(|own| own.sent_since(self.reported[1]) && own.packets() > 0)
    }

    /// Whether and why a stream of ours has to end (RFC 8083).
    pub fn tripped(&mut self, now: Instant) -> Option<Tripped> {
        let crowd = self.members.crowd(self.own.len(), true);
        let interval = self.schedule.interval(crowd).max(MINIMUM);
        self.own.iter_mut().find_map(|own| own.breaker.check(interval, now))
    }

    /// When to call [`Session::on_timer`].
    pub fn deadline(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        if !self.given_up.is_empty() {
            return Some(Instant::ZERO);
        }
        let feedback = self.feedback_due.map(|(due, _)| due);
        Some(feedback.map_or(self.schedule.deadline(), |due| due.min(self.schedule.deadline())))
    }

    /// Writes RTCP that is due to `place`; returns how much.
    pub fn on_timer(&mut self, place: &mut [u8], now: Instant) -> Option<usize> {
        if self.over {
            return None;
        }
        if let Some(old) = self.given_up.pop() {
            let mut writer = Writer::new(place);
            writer.receiver_report(old, &[]);
            writer.name(old, &self.config.name);
            writer.bye(old, "another source has this SSRC");
            return Some(writer.len());
        }
        if let Some((due, index)) = self.feedback_due
            && due <= now
        {
            self.feedback_due = None;
            if let Some(length) = self.give_feedback(place, index, now) {
                return Some(length);
            }
        }
        let we_sent = self.we_sent();
        let own = self.own.len();
        if now >= self.schedule.deadline() && !self.schedule.is_leaving() {
            let interval = self.schedule.timeout_interval(self.members.crowd(own, we_sent));
            let over = &mut self.ended;
            self.members.time_out(interval, now, |member| over.extend(ended(&member)));
        }
        match self.schedule.on_timer(self.members.crowd(own, we_sent), now) {
            Due::No => None,
            Due::Report => {
                let length = self.report(place, now);
                self.schedule.reported(length + OVERHEAD, self.members.crowd(own, we_sent), now);
                self.reported = [now, self.reported[0]];
                Some(length)
            }
            Due::Bye => {
                self.over = true;
                Some(self.say_bye(place, "", now))
            }
        }
    }

    /// Leaves (§6.3.7): writes the BYE to `place` when it may be sent at once, else it comes of [`Session::on_timer`] later.
    pub fn leave(&mut self, place: &mut [u8], reason: &str, now: Instant) -> Option<usize> {
        // Who never was heard need not say that it leaves.
        let silent = self.reported == [self.reported[0]; 2] && self.own.iter().all(|own| own.packets() == 0);
        if silent || self.over {
            self.over = true;
            return None;
        }
        let members = self.members.crowd(self.own.len(), false).members;
        let length = self.say_bye(place, reason, now);
        if !self.schedule.leave(length + OVERHEAD, members, now) {
            return None;
        }
        self.over = true;
        Some(length)
    }
}

/// What came of a member's stream.
fn ended(member: &Member) -> Option<Ended> {
    let source = member.source.as_ref().filter(|source| source.sequence.is_valid())?;
    let from = member.data_from?;
    Some(Ended { ssrc: member.ssrc, from, summary: source.summary(member.round_trip) })
}

fn seed(random: &mut Random) -> [u8; 16] {
    let bits = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64());
    bits.to_be_bytes()
}
