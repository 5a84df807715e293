//! What a participant says: compound packets of reports, names and extended reports, BYE, and feedback.

use arrayvec::ArrayVec;

use super::super::ntp::{self, Ntp};
use super::super::rtcp::xr::Dlrr;
use super::super::rtcp::{BLOCKS, ReportBlock, SENDER_REPORT, Sdes, Writer, item};
use super::{NACK_SPAN, Session};
use crate::base::time::Instant;

impl Session {
    pub(super) fn say_bye(&mut self, place: &mut [u8], reason: &str, now: Instant) -> usize {
        let length = self.report(place, now);
        let mut writer = Writer::after(place, length);
        for own in &self.own {
            writer.bye(own.ssrc, reason);
        }
        writer.len()
    }

    /// A compound packet: reports of those of ours whose turn it is, with their names, and extended reports.
    pub(super) fn report(&mut self, place: &mut [u8], now: Instant) -> usize {
        let wall = self.config.clock.at(now);
        let name = self.config.name.len().min(255);
        // What has to find room behind the blocks: names of the streams, extended reports, a BYE.
        let reserved = SENDER_REPORT + name + 16 + 160;
        let room = place.len().saturating_sub(reserved) / size_of::<ReportBlock>();
        let mut blocks = ArrayVec::<ReportBlock, BLOCKS>::new();
        let mut reported = ArrayVec::<u32, BLOCKS>::new();
        self.collect_blocks(room.min(BLOCKS), &mut blocks, &mut reported, now);

        let mut writer = Writer::new(place);
        let each = SENDER_REPORT + name + 16;
        let count = self.own.len();
        let begin = self.next_own % count;
        let mut told = 0;
        while told < count && (told == 0 || writer.room() > each + 160) {
            let own = &self.own[(begin + told) % count];
            let blocks = if told == 0 { blocks.as_slice() } else { &[] };
            match own.sent_since(self.reported[1]) && own.packets() > 0 {
                true => writer.sender_report(own.ssrc, &own.info(wall, now), blocks),
                false => writer.receiver_report(own.ssrc, blocks),
            };
            let tool = Sdes { kind: item::TOOL, text: b"taphouse" };
            let items = [Sdes { kind: item::CNAME, text: &self.config.name }, tool];
            writer.description(own.ssrc, if told == 0 { &items } else { &items[..1] });
            told += 1;
        }
        let ssrc = self.own[begin].ssrc;
        self.next_own = (begin + told) % count;
        let length = writer.len();
        self.extend(place, length, ssrc, &reported, wall, now)
    }

    /// Blocks on streams that sent since the last report, those in turn that found no room then (§6.4).
    fn collect_blocks(
        &mut self,
        most: usize,
        blocks: &mut ArrayVec<ReportBlock, BLOCKS>,
        reported: &mut ArrayVec<u32, BLOCKS>,
        now: Instant,
    ) {
        let places = self.members.places();
        for step in 0..places {
            let index = (self.next_block + step) % places;
            if blocks.len() >= most {
                self.next_block = index;
                return;
            }
            let Some(member) = self.members.at_mut(index).filter(|member| member.is_present()) else { continue };
            let ssrc = member.ssrc;
            let Some(source) = &mut member.source else { continue };
            if source.came >= self.reported[0] && source.sequence.is_valid() {
                blocks.push(source.report(ssrc, now));
                reported.push(index);
            }
        }
    }

    /// Extended reports behind a report of `length` (RFC 3611).
    fn extend(&self, place: &mut [u8], length: usize, ssrc: u32, reported: &[u32], wall: Ntp, now: Instant) -> usize {
        let mut writer = Writer::after(place, length);
        if !self.sends {
            writer.reference_time(ssrc, wall);
        } else {
            let mut parts = ArrayVec::<Dlrr, 8>::new();
            for member in self.members.iter().filter(|member| member.is_present()) {
                let Some((middle, came)) = member.reference else { continue };
                let delay = ntp::delay(now.since(came));
                let part = Dlrr { ssrc: member.ssrc.into(), last_rr: middle.into(), delay: delay.into() };
                if parts.try_push(part).is_err() {
                    break;
                }
            }
            if !parts.is_empty() {
                writer.dlrr(ssrc, &parts);
            }
        }
        // Of the first one: more than one call at a time is a conference, which others judge.
        if let Some(member) = reported.first().and_then(|index| self.members.at(*index))
            && let Some(source) = &member.source
        {
            let sequence = &source.sequence;
            writer.loss_runs(ssrc, member.ssrc, sequence.highest() as u16, sequence.seen(), sequence.expected());
            writer.voip_metrics(ssrc, &source.metrics(member.ssrc, member.round_trip));
        }
        writer.len()
    }

    /// Asks for what is missing, and says that the picture is broken.
    pub(super) fn give_feedback(&mut self, place: &mut [u8], index: u32, now: Instant) -> Option<usize> {
        let own = self.own[0].ssrc;
        let member = self.members.at_mut(index)?;
        let ssrc = member.ssrc;
        let source = member.source.as_mut()?;
        let span = source.sequence.expected().min(NACK_SPAN);
        let (highest, seen) = (source.sequence.highest() as u16, source.sequence.seen());
        let broken = source.newly_lost() > 0;
        let mut writer = Writer::new(place);
        writer.receiver_report(own, &[]);
        writer.name(own, &self.config.name);
        let asked = writer.nack(own, ssrc, highest, seen, span);
        let told = broken && writer.picture_loss(own, ssrc);
        self.feedback_sent = Some(now);
        (asked || told).then_some(writer.len())
    }
}
