//! The header that tun puts in front of every frame: `virtio_net_hdr`.
//!
//! Read first: virtio 1.2 §5.1.6 and include/linux/virtio_net.h of Linux. Not done: UFO (gso type 3), which
//! kernels dropped; UDP tunnels (types 0x20 and 0x40); RSC; all are refused, because nobody negotiated them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, transmute};

use crate::base::counters::Dropped;
use crate::buffer::{Checksum, DEVICE_ROOM, Offload, SegmentKind, Segments};

/// What stands in front of a frame, in the byte order of the machine.
///
/// ```text
///  0       1          2         4          6            8              10
///  ├─ flags ┼─ gso_type ┼─ hdr_len ┼─ gso_size ┼─ csum_start ┼─ csum_offset ┤
/// ```
///
/// `csum_start` counts from the Ethernet header. Behind these virtio's queues have two bytes more (`num_buffers`), which tun would
/// only fill with zeros, and a call takes longer for them.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Header {
    flags: u8,
    gso_type: u8,
    hdr_len: u16,
    gso_size: u16,
    csum_start: u16,
    csum_offset: u16,
}

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// Where the checksum lies in a TCP header; nothing else that is summed has it there.
const TCP_CHECKSUM: u8 = 16;
/// Where the checksum lies in a UDP header.
const UDP_CHECKSUM: u8 = 6;

/// What the header says of a frame of `frame_len` bytes.
///
/// # Errors
/// [`Dropped::OffloadLie`] when it cannot be true: an offset or a length beyond the frame, a superframe of a
/// kind that was not negotiated, without a size, or whose checksum is not where its protocol has it.
#[inline]
pub(super) fn decode(header: &[u8; DEVICE_ROOM], frame_len: usize) -> Result<Offload, Dropped> {
    let header: Header = transmute!(*header);
    let checksum = if header.flags & NEEDS_CSUM != 0 {
        // Nothing that is summed has its checksum farther behind its beginning.
        let offset = u8::try_from(header.csum_offset).map_err(|_| Dropped::OffloadLie)?;
        Checksum::Partial { start: header.csum_start, offset }
    } else if header.flags & DATA_VALID != 0 {
        Checksum::Verified
    } else {
        Checksum::Complete
    };
    let offload = Offload { checksum, segments: segments(&header, frame_len)? };
    offload.check(frame_len)?;
    Ok(offload)
}

/// The header for a frame whose first bytes, up to the end of the transport header at least, are `head`.
///
/// A superframe needs a partial checksum and more payload than one segment; the kernel refuses the one with
/// EINVAL and takes the other at its word.
#[inline]
pub(super) fn encode(offload: Offload, head: &[u8]) -> [u8; DEVICE_ROOM] {
    let mut header = Header { flags: 0, gso_type: GSO_NONE, hdr_len: 0, gso_size: 0, csum_start: 0, csum_offset: 0 };
    match offload.checksum {
        Checksum::Complete => {}
        Checksum::Verified => header.flags = DATA_VALID,
        Checksum::Partial { start, offset } => {
            header.flags = NEEDS_CSUM;
            header.csum_start = start;
            header.csum_offset = u16::from(offset);
            // The kernel keeps so much in one piece and the rest in pages: with 0 here it is slower by a sixth.
            header.hdr_len = headers(start, offset, head);
        }
    }
    if let Some(Segments { kind, size, ecn }) = offload.segments {
        header.gso_size = size;
        header.gso_type = match kind {
            SegmentKind::Tcp4 => GSO_TCPV4,
            SegmentKind::Tcp6 => GSO_TCPV6,
            SegmentKind::Udp => GSO_UDP_L4,
        };
        if ecn && kind != SegmentKind::Udp {
            header.gso_type |= GSO_ECN;
        }
    }
    transmute!(header)
}

fn segments(header: &Header, frame_len: usize) -> Result<Option<Segments>, Dropped> {
    let (kind, field) = match header.gso_type & !GSO_ECN {
        GSO_NONE if header.gso_type == GSO_NONE => return Ok(None),
        GSO_TCPV4 => (SegmentKind::Tcp4, TCP_CHECKSUM),
        GSO_TCPV6 => (SegmentKind::Tcp6, TCP_CHECKSUM),
        // Congestion is TCP's: the bit is a lie here.
        GSO_UDP_L4 if header.gso_type == GSO_UDP_L4 => (SegmentKind::Udp, UDP_CHECKSUM),
        _ => return Err(Dropped::OffloadLie),
    };
    if header.csum_offset != u16::from(field) || usize::from(header.hdr_len) > frame_len {
        return Err(Dropped::OffloadLie);
    }
    Ok(Some(Segments { kind, size: header.gso_size, ecn: header.gso_type & GSO_ECN != 0 }))
}

/// Bytes of all headers together, never more than `head` has: the kernel refuses a length beyond the frame.
fn headers(start: u16, offset: u8, head: &[u8]) -> u16 {
    let start = usize::from(start);
    let transport = match offset {
        // RFC 9293 §3.1: the data offset, in words of four bytes, is the upper half of byte 12.
        TCP_CHECKSUM => head.get(start + 12).map_or(20, |byte| usize::from(byte >> 4) * 4),
        _ => 8,
    };
    u16::try_from((start + transport).min(head.len())).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TCP: Checksum = Checksum::Partial { start: 34, offset: TCP_CHECKSUM };
    const UDP: Checksum = Checksum::Partial { start: 34, offset: UDP_CHECKSUM };

    fn bytes(flags: u8, gso_type: u8, words: [u16; 4]) -> [u8; DEVICE_ROOM] {
        let [hdr_len, gso_size, csum_start, csum_offset] = words;
        transmute!(Header { flags, gso_type, hdr_len, gso_size, csum_start, csum_offset })
    }

    fn superframe(kind: SegmentKind, size: u16) -> Option<Segments> {
        Some(Segments { kind, size, ecn: false })
    }

    #[test]
    fn what_kernels_send_is_understood() {
        let checksum = |flags| decode(&bytes(flags, 0, [0, 0, 34, 16]), 100).unwrap().checksum;
        assert_eq!(checksum(0), Checksum::Complete);
        assert_eq!(checksum(DATA_VALID), Checksum::Verified);
        assert_eq!(checksum(NEEDS_CSUM), TCP);
        assert_eq!(checksum(NEEDS_CSUM | DATA_VALID), TCP, "what is to be done comes first");
        assert_eq!(checksum(0x80), Checksum::Complete, "flags nobody knows are passed over (virtio 1.2 §5.1.6.4.1)");
        let whole = decode(&bytes(NEEDS_CSUM, GSO_TCPV4 | GSO_ECN, [66, 1448, 34, 16]), 60_000).unwrap();
        let segments = Segments { kind: SegmentKind::Tcp4, size: 1448, ecn: true };
        assert_eq!(whole, Offload { checksum: TCP, segments: Some(segments) });
    }

    #[test]
    fn lies_are_refused() {
        let refused = |flags, gso, words, what: &str| {
            assert_eq!(decode(&bytes(flags, gso, words), 100), Err(Dropped::OffloadLie), "{what}");
        };
        refused(NEEDS_CSUM, 0, [0, 0, 93, 6], "the checksum field ends beyond the frame");
        refused(NEEDS_CSUM, 0, [0, 0, u16::MAX, u16::MAX], "sums that overflow");
        refused(NEEDS_CSUM, 3, [42, 9, 34, 6], "UFO");
        refused(NEEDS_CSUM, 2, [42, 9, 34, 6], "a type that there is not");
        refused(NEEDS_CSUM, 0x25, [42, 9, 34, 6], "a UDP tunnel");
        refused(NEEDS_CSUM, GSO_ECN, [42, 9, 34, 16], "ECN of nothing");
        refused(NEEDS_CSUM, GSO_UDP_L4 | GSO_ECN, [42, 9, 34, 6], "ECN of UDP");
        refused(NEEDS_CSUM, GSO_TCPV4, [54, 0, 34, 16], "segments of nothing");
        refused(NEEDS_CSUM, GSO_TCPV4, [101, 9, 34, 16], "headers beyond the frame");
        refused(NEEDS_CSUM, GSO_TCPV4, [54, 9, 34, 6], "TCP with UDP's checksum");
        refused(NEEDS_CSUM, GSO_UDP_L4, [42, 9, 34, 16], "UDP with TCP's checksum");
        refused(0, GSO_TCPV6, [54, 9, 34, 16], "a superframe whose one checksum is complete");
        refused(DATA_VALID, GSO_TCPV6, [54, 9, 34, 16], "or vouched for");
    }

    #[test]
    fn headers_have_their_real_length() {
        let mut head = [0; 66];
        head[34 + 12] = 8 << 4;
        let length = |offload, head: &[u8]| {
            let header: Header = transmute!(encode(offload, head));
            header.hdr_len
        };
        let tcp = Offload { checksum: TCP, segments: superframe(SegmentKind::Tcp4, 1448) };
        assert_eq!(length(tcp, &head), 66, "with twelve bytes of timestamps");
        assert_eq!(length(Offload { checksum: UDP, segments: None }, &head), 42);
        assert_eq!(length(tcp, &head[..60]), 60, "never beyond what there is");
        assert_eq!(length(tcp, &[]), 0);
        assert_eq!(length(Offload::default(), &head), 0);
    }

    fn offloads() -> impl Strategy<Value = Offload> {
        let kinds = (prop_oneof![Just(SegmentKind::Tcp4), Just(SegmentKind::Tcp6)], any::<bool>());
        let kinds = prop_oneof![
            kinds.prop_map(|(kind, ecn)| (kind, TCP_CHECKSUM, ecn)),
            Just((SegmentKind::Udp, UDP_CHECKSUM, false)),
        ];
        let whole = (kinds, 1u16.., 14u16..100).prop_map(|((kind, offset, ecn), size, start)| Offload {
            checksum: Checksum::Partial { start, offset },
            segments: Some(Segments { kind, size, ecn }),
        });
        let partial = (14u16..100, 0u8..20).prop_map(|(start, offset)| Checksum::Partial { start, offset });
        let single = prop_oneof![Just(Checksum::Complete), Just(Checksum::Verified), partial];
        prop_oneof![whole, single.prop_map(|checksum| Offload { checksum, segments: None })]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(offload in offloads(), head in prop::collection::vec(any::<u8>(), 150..300)) {
            prop_assert_eq!(decode(&encode(offload, &head), head.len()), Ok(offload));
        }

        #[test]
        fn whatever_is_read_is_true_of_the_frame(header: [u8; DEVICE_ROOM], length in 0usize..70_000) {
            if let Ok(offload) = decode(&header, length) {
                prop_assert_eq!(offload.check(length), Ok(()));
            }
        }

        #[test]
        fn no_head_breaks_it(offload in offloads(), head in prop::collection::vec(any::<u8>(), 0..200)) {
            let header: Header = transmute!(encode(offload, &head));
            prop_assert!(usize::from(header.hdr_len) <= head.len());
        }
    }
}
