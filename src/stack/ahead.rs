//! Reading ahead, where connections or small frames are very many.
//!
//! What is known of one connection among a million is far away in memory, and a segment would wait for it several times over:
//! for its place in the table, and then for what stands there. So where segments come for one connection after another, some
//! frames are received before the first of them is taken in, and what all of them need is asked for at once. Nothing else is
//! different: they are taken in one by one, in the order in which they came. Where they come for few connections, or in bursts
//! for each, one is received at a time, for it would only lie in the cache where the next one could.
//!
//! Where frames take system calls, and many small ones came in the last turn, some are received before the first is taken in, too,
//! and what is sent to them leaves together. The kernel's way of giving a frame and its way of taking one, which is that of its
//! whole stack, are more code than a processor's first cache holds: what comes several times in a row finds itself there. Where
//! few wait, the first would only be answered later.

use arrayvec::ArrayVec;
use zerocopy::FromBytes;

use super::Stack;
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::limits;
use crate::buffer::{CAPACITY, Frame};
use crate::device::{Device, Received};
use crate::link::vlan;
use crate::wire::ethernet::{self, EtherType};
use crate::wire::{ipv4, ipv6, protocol, tcp};

/// Frames that were received, and are to be taken in.
#[derive(Default)]
pub(super) struct Ahead {
    /// They change places with the frame that is received into; none are made before they are needed.
    frames: Vec<Frame>,
    /// What the device said when it gave them.
    said: ArrayVec<Received, { limits::FRAMES_AHEAD }>,
    /// Whether the last turn took in as many as are received ahead, or more.
    pressed: bool,
}

impl<D: Device> Stack<D> {
    /// Whether what was received just now is not taken in before anything else is received.
    #[inline(always)]
    pub(super) fn reads_ahead(&self) -> bool {
        self.tcp.is_scattered() || D::CALLS && self.ahead.pressed && (self.is_small() || !self.ahead.is_empty())
    }

    /// Whether several frames like the one that was received just now have room in a processor's first cache.
    #[inline(always)]
    fn is_small(&self) -> bool {
        self.frame.len() <= limits::SMALL_FRAME
    }

    /// Lays aside what was received just now; whether that makes enough.
    #[inline(never)]
    pub(super) fn lay_aside(&mut self, received: Received) -> bool {
        let is_last = !self.is_small() && !self.tcp.is_scattered();
        let Ahead { frames, said, .. } = &mut self.ahead;
        frames.resize_with(limits::FRAMES_AHEAD, || Frame::new(CAPACITY));
        std::mem::swap(&mut self.frame, &mut frames[said.len()]);
        said.push(received);
        is_last || said.is_full()
    }

    /// Asks for what all frames need that were laid aside, and takes them in.
    #[inline(never)]
    pub(super) fn take_in_laid_aside(&mut self) {
        let said = std::mem::take(&mut self.ahead.said);
        if self.tcp.is_scattered() {
            let flows = self.ahead.frames.iter().take(said.len()).filter_map(|frame| flow(frame.bytes()));
            self.tcp.expect(&flows.collect::<ArrayVec<_, { limits::FRAMES_AHEAD }>>());
        }
        for (place, received) in said.into_iter().enumerate() {
            std::mem::swap(&mut self.frame, &mut self.ahead.frames[place]);
            self.take_up(received);
        }
    }
}

impl Ahead {
    /// Says whether frames came in such numbers that more of them are likely to wait than one.
    #[inline]
    pub(super) fn press(&mut self, pressed: bool) {
        self.pressed = pressed;
    }

    /// Whether frames came in such numbers in the last turn.
    #[inline(always)]
    pub(super) fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// Whether there are any.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }
}

/// Whose segment a frame seems to carry. Nothing is checked: it decides nothing but what is asked for.
#[inline]
fn flow(frame: &[u8]) -> Option<Flow> {
    let tag = if vlan::is_tagged(frame) { vlan::LENGTH } else { 0 };
    let (ethernet, packet) = ethernet::Header::parse(frame.get(tag..)?).ok()?;
    let (protocol, local, remote, segment) = if ethernet.ethertype == EtherType::IPV4 {
        let (header, segment) = ipv4::Header::ref_from_prefix(packet).ok()?;
        (header.protocol, Address::from_v4(header.destination), Address::from_v4(header.source), segment)
    } else if ethernet.ethertype == EtherType::IPV6 {
        let (header, segment) = ipv6::Header::ref_from_prefix(packet).ok()?;
        (header.next_header, header.destination(), header.source(), segment)
    } else {
        return None;
    };
    let (header, _) = tcp::Header::ref_from_prefix(segment).ok().filter(|_| protocol == protocol::TCP)?;
    let end = |address, port| Endpoint { address, port };
    Some(Flow { local: end(local, header.destination.get()), remote: end(remote, header.source.get()) })
}
