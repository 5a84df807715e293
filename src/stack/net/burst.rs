//! Small frames that leave together.
//!
//! The kernel's way of taking a frame is that of its whole stack, more code than a processor's first cache holds, and what we do
//! between two of its calls has to come back from further away each time. So in a turn of many frames the small ones that we send
//! are made first, some after another, and then given to the device one by one, in the order in which they were made; a large one
//! leaves behind them at once. When few come, none waits for another.

use std::io::IoSlice;
use std::ops::Range;

use arrayvec::ArrayVec;

use super::Net;
use super::down::{Transmitted, length_of};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::{DEVICE_ROOM, Offload};
use crate::device::Device;

/// The longest frame that waits for others, without the device's bytes: four cache lines are copied, little beside the system call
/// that follows.
const SMALL: usize = 256;

/// Frames that were made and are to be sent.
#[derive(Default)]
pub(super) struct Burst {
    /// None before there is a turn that gathers.
    places: Vec<Place>,
    /// Those that hold what is to be sent.
    waiting: Range<usize>,
    gathers: bool,
}

/// A frame, with the device's spare bytes in front.
#[derive(Default)]
struct Place {
    bytes: ArrayVec<u8, { DEVICE_ROOM + SMALL }>,
    offload: Offload,
}

impl Burst {
    /// Whether a frame of `length` bytes may go to the device past it.
    // Always inlined, and asked of each frame: a large one pays for nothing else.
    #[inline(always)]
    pub(super) fn lets_past(&self, length: usize) -> bool {
        self.waiting.is_empty() && !(self.gathers && length <= SMALL)
    }

    /// Has a frame wait for others; false when it may not.
    #[inline]
    fn take(&mut self, head: &[u8], payload: &[IoSlice<'_>], offload: Offload) -> bool {
        if !self.gathers || length_of(head, payload) > SMALL {
            return false;
        }
        let Some(place) = self.places.get_mut(self.waiting.end) else { return false };
        place.offload = offload;
        place.bytes.clear();
        let parts = std::iter::once(head).chain(payload.iter().map(|slice| &**slice));
        parts.for_each(|part| place.bytes.try_extend_from_slice(part).expect("all of them have room"));
        self.waiting.end += 1;
        true
    }
}

impl<D: Device> Net<D> {
    /// Many frames are expected in this turn: small ones that are sent wait for each other, until [`Net::let_go`].
    #[inline]
    pub(in crate::stack) fn gather(&mut self) {
        if D::CALLS {
            self.burst.gathers = true;
            self.burst.places.resize_with(limits::FRAMES_AHEAD, Place::default);
        }
    }

    /// Sends what was gathered, and what the device did not take before.
    #[inline(always)]
    pub(in crate::stack) fn let_go(&mut self) {
        self.burst.gathers = false;
        self.let_some_go();
    }

    /// Sends what was gathered so far.
    #[inline(always)]
    pub(in crate::stack) fn let_some_go(&mut self) {
        if D::CALLS && !self.burst.waiting.is_empty() {
            self.send_burst();
        }
    }

    /// Whether the device was full with frames left that it is to have.
    #[inline]
    pub(in crate::stack) fn is_blocked(&self) -> bool {
        !self.burst.waiting.is_empty()
    }

    /// Has a frame wait for others, or sends it behind those that wait.
    #[inline(never)]
    pub(super) fn transmit_behind(
        &mut self,
        head: &mut [u8],
        payload: &[IoSlice<'_>],
        offload: Offload,
    ) -> Transmitted {
        if self.burst.take(head, payload, offload) {
            Transmitted::Yes
        } else if self.send_burst() {
            self.give(head, payload, offload)
        } else {
            Transmitted::Busy
        }
    }

    /// Sends the frames that wait; false: the device is full, and the rest waits on.
    #[inline(always)]
    fn send_burst(&mut self) -> bool {
        let mut places = std::mem::take(&mut self.burst.places);
        for index in self.burst.waiting.clone() {
            let Place { bytes, offload } = &mut places[index];
            match self.give(bytes, &[], *offload) {
                Transmitted::Yes => {}
                Transmitted::Busy => break,
                Transmitted::Refused => self.counters.drop_unsent(Dropped::DeviceError),
            }
            self.burst.waiting.start += 1;
        }
        self.burst.places = places;
        let sent = self.burst.waiting.is_empty();
        if sent {
            self.burst.waiting = 0..0;
        }
        sent
    }
}
