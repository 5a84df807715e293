//! The way down of a superframe to a device that does not cut: segment by segment.

use std::io::IoSlice;

use arrayvec::ArrayVec;

use super::Net;
use super::down::{Sent, Transmitted};
use crate::base::address::{Family, Mac};
use crate::base::counters::Dropped;
use crate::buffer::{Draft, Offload};
use crate::device::{Device, SLICES};
use crate::internet::output;
use crate::internet::segmentation::{Layers, Position, Template};
use crate::link::{ethernet, vlan};
use crate::wire::checksum::Sum;
use crate::wire::ethernet::EtherType;

impl<D: Device> Net<D> {
    /// Sends a superframe whose IP header stands in front as its segments, of `size` bytes each.
    // Not inlined: its loop is to have all registers.
    #[inline(never)]
    pub(super) fn send_cut(
        &mut self,
        mut draft: Draft<'_>,
        payload: &[IoSlice<'_>],
        family: Family,
        station: Mac,
        size: usize,
    ) -> Sent {
        let headers = draft.len();
        let ethertype = match family {
            Family::V4 => EtherType::IPV4,
            Family::V6 => EtherType::IPV6,
        };
        ethernet::output(&mut draft, ethertype, self.interface.mac(), station);
        if let Some(own) = self.vlan {
            vlan::output(&mut draft, own);
        }
        let head = draft.for_device();
        let network = head.len() - headers;
        let layers = Layers { family, network, transport: network + output::header_length(family) };
        let length = payload.iter().map(|slice| slice.len()).sum();
        let Some(mut template) = Template::new(head, layers, length) else { return Sent::Refused(Dropped::Misuse) };
        let mut cutter = Cutter::new(payload);
        // Outside of the loop: there is room for many, and all of it would be moved for each segment.
        let mut data = ArrayVec::<_, SLICES>::new();
        let mut sent = 0;
        while sent < length {
            let next = size.min(length - sent);
            cutter.next(next, &mut data);
            let position = if sent + next == length { Position::Last } else { Position::Inner };
            match self.send_segment(&mut template, next, position, &data) {
                Transmitted::Yes => sent += next,
                Transmitted::Busy if sent == 0 => return Sent::Busy,
                Transmitted::Refused if sent == 0 => return Sent::Refused(Dropped::DeviceError),
                // What follows is tried again, and hears then what is wrong.
                Transmitted::Busy | Transmitted::Refused => return Sent::Part(sent),
            }
        }
        Sent::Yes
    }

    /// Sends one of them, whose `length` data bytes lie in `data`.
    #[inline]
    fn send_segment(
        &mut self,
        template: &mut Template<'_>,
        length: usize,
        position: Position,
        data: &[IoSlice<'_>],
    ) -> Transmitted {
        let slices = || data.iter().map(|slice| &**slice);
        let written = self.transmit_written(|frame| {
            let place = frame.tailroom(length);
            let sum = match data {
                [slice] => Sum::copied(slice, place),
                _ => Sum::copied_pieces(slices(), place),
            };
            frame.extend(length);
            template.prepend_next(frame, position, sum);
        });
        written.unwrap_or_else(|| {
            let sum = match data {
                [slice] => Sum::of(slice),
                _ => Sum::ZERO.pieces(slices()),
            };
            self.transmit(template.next(length, position, sum), data, Offload::default())
        })
    }
}

/// A payload in several slices, taken from its front.
pub(super) struct Cutter<'a> {
    payload: &'a [IoSlice<'a>],
    /// Bytes of the first slice that were taken.
    skip: usize,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(payload: &'a [IoSlice<'a>]) -> Cutter<'a> {
        Cutter { payload, skip: 0 }
    }

    /// The next `length` bytes, or as many as there are, into `pieces`.
    #[inline(always)]
    pub(super) fn next(&mut self, mut length: usize, pieces: &mut ArrayVec<IoSlice<'a>, SLICES>) {
        pieces.clear();
        while let Some((first, behind)) = self.payload.split_first() {
            let rest = &first[self.skip..];
            if rest.len() > length {
                self.skip += length;
                if length > 0 {
                    pieces.push(IoSlice::new(&rest[..length]));
                }
                break;
            }
            if !rest.is_empty() {
                pieces.push(IoSlice::new(rest));
            }
            length -= rest.len();
            (self.payload, self.skip) = (behind, 0);
        }
    }
}
