//! Fragments: kept until their datagram is whole and goes its way up, given up in time, and made of what is too large for its
//! path.

use std::io::IoSlice;

use arrayvec::ArrayVec;

use super::Net;
use super::cut::Cutter;
use super::up::Arrived;
use crate::base::address::Mac;
use crate::base::counters::Dropped;
use crate::buffer::{Draft, Frame, HEADROOM, Offload};
use crate::device::{Device, SLICES};
use crate::internet::fragment::{self, Fragment, Position, Whole};
use crate::internet::reassembly::{Expired, Taken};
use crate::internet::train::Train;
use crate::internet::{Problem, Refusal, error, offload};
use crate::wire::ethernet;

impl<D: Device> Net<D> {
    /// Keeps a fragment. When it was the one that was missing, the frame holds the datagram, and goes on.
    #[cold]
    #[inline(never)]
    pub(super) fn fragment(&mut self, frame: &mut Frame, train: &mut Train) -> Result<Arrived, Dropped> {
        let packet = train.first();
        if frame.offload != Offload::default() {
            self.check_able(&frame.offload)?;
            offload::finish_checksum(frame)?;
        }
        let fragment = match Fragment::read(frame.bytes(), packet) {
            Ok(fragment) => fragment,
            Err(Refusal::Tell(problem)) => {
                self.tell(frame, packet, problem, Dropped::BadFragment);
                return Ok(Arrived::Done);
            }
            Err(Refusal::Drop(why)) => return Err(why),
            Err(Refusal::Fragment) => return Err(Dropped::BadFragment),
        };
        let Net { reassembly, pool, counters, now, .. } = self;
        match reassembly.take(&fragment, packet, frame, pool, counters, *now)? {
            Taken::Kept => {
                counters.fragments_kept += 1;
                Ok(Arrived::Done)
            }
            Taken::Whole => {
                counters.reassembled += 1;
                let (family, link) = (packet.family, packet.link);
                self.read(frame, family, link, train)
            }
        }
    }

    /// Gives up what waited for too long, and tells its sender.
    #[cold]
    pub(super) fn expire_fragments(&mut self) {
        while let Some(expired) = self.reassembly.expire(&mut self.pool, &mut self.counters, self.now) {
            let Expired::First(mut block, packet) = expired else { continue };
            let Net { interface, limiter, now, .. } = self;
            let built = error::build(block.frame_mut(), &packet, Problem::Incomplete, interface, limiter, *now);
            match built {
                Ok(outbound) => {
                    self.counters.errors_sent_late += 1;
                    self.reply(block.frame_mut(), &outbound, packet.link.station);
                }
                Err(Dropped::ErrorForbidden) => {}
                Err(why) => self.counters.drop_unsent(why),
            }
            self.pool.release(block);
        }
    }

    /// Sends a packet whose IP header stands in front, and that is larger than `mtu`, as fragments: heads of their own in front
    /// of slices of it. If the device is full for one, the rest is left out: without it nobody misses them.
    #[cold]
    #[inline(never)]
    pub(super) fn in_fragments(
        &mut self,
        mut draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        station: Mac,
        offload: Offload,
        mtu: usize,
    ) -> Result<(), Dropped> {
        let (whole, network) = Whole::new(draft.bytes(), mtu, &mut self.identifications).ok_or(Dropped::TooBig)?;
        fragment::complete(&mut draft, network, payload, offload);
        let mut slices = ArrayVec::<_, SLICES>::new();
        slices.push(IoSlice::new(&draft.bytes()[network..]));
        slices.try_extend_from_slice(payload).map_err(|_| Dropped::Misuse)?;
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let mut cutter = Cutter::new(&slices);
        let mut data = ArrayVec::new();
        let mut offset = 0;
        while offset < length {
            let next = whole.room().min(length - offset);
            let position = if offset + next == length { Position::Last } else { Position::Inner };
            let mut room = [0; HEADROOM];
            let mut head = Draft::new(&mut room, HEADROOM);
            let ethertype = whole.prepend(&mut head, offset, next, position);
            cutter.next(next, &mut data);
            self.frame_out(head, &data, ethertype, station, Offload::default()).or_dropped()?;
            offset += next;
        }
        self.counters.fragmented += 1;
        Ok(())
    }

    /// What a frame that is sent as it is may have, from its Ethernet header on.
    #[inline]
    pub(super) fn longest(&self) -> usize {
        ethernet::LENGTH + self.interface.narrowest_mtu()
    }
}
