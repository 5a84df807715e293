//! Reading ahead, where connections are very many.
//!
//! What is known of one connection among a million is far away in memory, and a segment would wait for it several times over:
//! for its place in the table, and then for what stands there. So where segments come for one connection after another, some
//! frames are received before the first of them is taken in, and what all of them need is asked for at once. Nothing else is
//! different: they are taken in one by one, in the order in which they came. Where they come for few connections, or in bursts
//! for each, one is received at a time, for it would only lie in the cache where the next one could.

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
}

impl<D: Device> Stack<D> {
    /// Lays aside what was received just now; when that makes enough, all are taken in.
    #[inline(never)]
    pub(super) fn lay_aside(&mut self, received: Received) {
        let Ahead { frames, said } = &mut self.ahead;
        frames.resize_with(limits::FRAMES_AHEAD, || Frame::new(CAPACITY));
        std::mem::swap(&mut self.frame, &mut frames[said.len()]);
        said.push(received);
        if said.is_full() {
            self.take_in_laid_aside();
        }
    }

    /// Asks for what all frames need that were laid aside, and takes them in.
    pub(super) fn take_in_laid_aside(&mut self) {
        let said = std::mem::take(&mut self.ahead.said);
        let flows = self.ahead.frames.iter().take(said.len()).filter_map(|frame| flow(frame.bytes()));
        self.tcp.expect(&flows.collect::<ArrayVec<_, { limits::FRAMES_AHEAD }>>());
        for (place, received) in said.into_iter().enumerate() {
            std::mem::swap(&mut self.frame, &mut self.ahead.frames[place]);
            self.take_up(received);
        }
    }
}

impl Ahead {
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
