//! Segments on their way down: header, options, checksum.

use std::io::IoSlice;

use zerocopy::IntoBytes;

use crate::base::address::{Address, Family, Flow};
use crate::base::counters::Dropped;
use crate::buffer::{Checksum, Draft, Frame, HEADROOM, Offload, Pieces, SegmentKind, Segments};
use crate::device::Device;
use crate::internet::path_mtu::PathMtu;
use crate::internet::{Outbound, Packet, output};
use crate::stack::net::{Net, Sent};
use crate::transport::tcp::{Connection, Path, Reply, Segmentation, Verdict};
use crate::wire::checksum::Sum;
use crate::wire::tcp::{CHECKSUM_OFFSET, LENGTH};
use crate::wire::{ethernet, protocol};

/// Data bytes of each segment, and how many bytes there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) size: usize,
    pub(super) length: usize,
    /// Whether routers must not cut them further.
    pub(super) dont_fragment: bool,
    /// The ECN field.
    pub(super) traffic_class: u8,
}

/// What the way to an address takes.
#[inline]
pub(super) fn path<D: Device>(net: &Net<D>, remote: Address) -> Path {
    let headers = output::header_length(remote.family()) + LENGTH;
    let mss = |mtu: usize| u16::try_from(mtu.saturating_sub(headers)).unwrap_or(u16::MAX);
    let PathMtu { mtu, dont_fragment, larger } = net.path_mtu(remote);
    let capabilities = net.capabilities();
    // A superframe is one IP packet, whose length has 16 bits unless the device goes by that of the frame.
    let largest = if remote.family() == Family::V4 { capabilities.superframe_v4 } else { usize::from(u16::MAX) };
    // Where routers may have to cut, each segment gets an identification of its own, and not the one of its superframe.
    let superframe = if dont_fragment { largest - headers } else { usize::from(mss(mtu)) };
    let cuts = capabilities.segment_tcp;
    let segmentation = if cuts { Segmentation::ByDevice } else { Segmentation::BySoftware };
    let (link_mss, larger) = (mss(net.mtu_of(remote.family())), larger.map(mss));
    Path { mss: mss(mtu), link_mss, superframe, segmentation, dont_fragment, larger }
}

/// What a segment that was larger than the path was known to take says of it.
#[cold]
pub(super) fn judge<D: Device>(verdict: Verdict, remote: Address, net: &mut Net<D>) {
    let headers = output::header_length(remote.family()) + LENGTH;
    net.judge_path(
        remote,
        match verdict {
            Verdict::Taken(mss) => Some(usize::from(mss) + headers),
            Verdict::Lost => None,
        },
    );
}

/// How data are laid out to leave: a path that takes less finds more than one segment in a piece, not less; one that takes more
/// has several pieces gathered.
#[inline]
pub(super) fn pieces(remote: Address, connection: &Connection) -> Pieces {
    let headers = output::header_length(remote.family()) + LENGTH;
    Pieces { segment: connection.data_size(), most: usize::from(u16::MAX) - headers }
}

/// Sends a segment whose data lie elsewhere, and are kept by who sent them.
#[inline(always)]
pub(super) fn segment<D: Device>(
    reply: &Reply,
    flow: &Flow,
    payload: &[IoSlice<'_>],
    cut: Cut,
    hop: &mut Option<crate::link::neighbors::NeighborId>,
    net: &mut Net<D>,
) -> Sent {
    let mut room = [0; HEADROOM];
    let mut draft = Draft::new(&mut room, HEADROOM);
    let is_cut = cut.length > cut.size;
    // Whoever cuts it computes the checksums.
    let offloaded = is_cut || net.capabilities().checksum;
    let checksum = head(&mut draft, reply, flow, payload, cut.length, offloaded);
    let kind = if flow.remote.address.family() == Family::V4 { SegmentKind::Tcp4 } else { SegmentKind::Tcp6 };
    let segments = is_cut.then_some(Segments { kind, size: cut.size as u16, ecn: false });
    let Cut { dont_fragment, traffic_class, .. } = cut;
    let outbound = Outbound { dont_fragment, traffic_class, ..outbound(flow, net) };
    net.send_kept(draft, payload, &outbound, Offload { checksum, segments }, hop)
}

/// Sends a segment without data that nobody keeps.
pub(super) fn forgettable<D: Device>(reply: &Reply, flow: &Flow, net: &mut Net<D>) {
    let mut room = [0; HEADROOM];
    let mut draft = Draft::new(&mut room, HEADROOM);
    let checksum = head(&mut draft, reply, flow, &[], 0, net.capabilities().checksum);
    let outbound = outbound(flow, net);
    net.send(draft, &[], &outbound, Offload { checksum, segments: None });
}

/// Answers a segment that was taken in, in its frame.
pub(super) fn answer<D: Device>(reply: &Reply, flow: &Flow, packet: &Packet, frame: &mut Frame, net: &mut Net<D>) {
    net.counters.frames_delivered += 1;
    in_frame(reply, flow, packet, frame, net);
}

/// Answers the station that sent a frame, in that frame.
fn in_frame<D: Device>(reply: &Reply, flow: &Flow, packet: &Packet, frame: &mut Frame, net: &mut Net<D>) {
    frame.strip(frame.len());
    let mut room = [0; HEADROOM];
    let mut draft = Draft::new(&mut room, HEADROOM);
    // A kernel verifies a complete one, and first looks for the header that it is in.
    let checksum = head(&mut draft, reply, flow, &[], 0, net.capabilities().checksum);
    frame.prepend(draft.bytes());
    frame.offload = Offload { checksum, segments: None };
    let outbound = outbound(flow, net);
    net.reply(frame, &outbound, packet.link.station);
}

/// Answers what belongs to no connection with a reset, unless it is one itself.
pub(super) fn reset<D: Device>(
    reset: Option<Reply>,
    flow: &Flow,
    packet: &Packet,
    frame: &mut Frame,
    net: &mut Net<D>,
) {
    let Some(reset) = reset else { return net.counters.drop(Dropped::TcpIgnored) };
    net.counters.resets_sent += 1;
    in_frame(&reset, flow, packet, frame, net);
}

/// The TCP header with its options; what is true of its checksum.
#[inline]
fn head(
    draft: &mut Draft<'_>,
    reply: &Reply,
    flow: &Flow,
    payload: &[IoSlice<'_>],
    length: usize,
    offloaded: bool,
) -> Checksum {
    let options = reply.options.write();
    let mut header = reply.header(flow, options.len());
    let (source, destination) = (flow.local.address, flow.remote.address);
    let pseudo = Sum::pseudo(source, destination, protocol::TCP, LENGTH + options.len() + length);
    let checksum = if offloaded {
        header.checksum = pseudo.folded();
        let start = ethernet::LENGTH + output::header_length(destination.family());
        Checksum::Partial { start: start as u16, offset: CHECKSUM_OFFSET }
    } else {
        let sum = pseudo.bytes(header.as_bytes()).bytes(&options);
        header.checksum = sum.pieces(payload.iter().map(|slice| &**slice)).checksum();
        Checksum::Complete
    };
    draft.prepend_bytes(&options);
    *draft.prepend() = header;
    checksum
}

fn outbound<D: Device>(flow: &Flow, net: &Net<D>) -> Outbound {
    Outbound {
        source: flow.local.address,
        destination: flow.remote.address,
        protocol: protocol::TCP,
        hop_limit: net.interface.hop_limit(flow.remote.address.family()),
        traffic_class: 0,
        // RFC 1191 §3: the path's MTU shows only to who forbids to cut.
        dont_fragment: true,
    }
}
