//! What a frame leaves to the device, or the device to us.

use std::fmt;

use crate::base::counters::Dropped;

/// The state of the transport checksum, and whether the frame stands for several.
///
/// Offsets count from the Ethernet header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// What is true of the transport checksum.
    pub checksum: Checksum,
    /// Set when the frame is a superframe.
    pub segments: Option<Segments>,
}

/// What is true of a frame's transport checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// It is in the frame; who receives it verifies it.
    #[default]
    Complete,
    /// It is in the frame, and the device vouches for it.
    Verified,
    /// Its field holds the pseudo-header's sum, *not* complemented; the sum of all from `start` on is still to
    /// be put at `start + offset`.
    Partial {
        /// Where summing begins: at the transport header.
        start: u16,
        /// Where the field lies behind `start`.
        offset: u8,
    },
}

impl Checksum {
    /// What is true of the checksum when what was received is sent: nobody vouches for it any more.
    #[inline]
    pub fn sent(self) -> Checksum {
        match self {
            Checksum::Verified => Checksum::Complete,
            other => other,
        }
    }

    /// Whether it is left to whoever puts the frame on a wire: so far it was on none.
    #[inline]
    pub fn is_partial(self) -> bool {
        matches!(self, Checksum::Partial { .. })
    }
}

/// How a superframe is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// The protocol that cuts it.
    pub kind: SegmentKind,
    /// Payload bytes of a segment; the last one may have fewer.
    pub size: u16,
    /// Whether the first segment of TCP carries CWR (RFC 3168).
    pub ecn: bool,
}

/// The protocol that cuts a superframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP over either.
    Udp,
}

impl Offload {
    /// Payload bytes of a segment of a frame that carries `length`.
    #[inline]
    pub fn segment(&self, length: usize) -> usize {
        self.segments.map_or(length, |segments| usize::from(segments.size))
    }

    /// Refuses what cannot be true of a frame of `length` bytes.
    pub fn check(&self, length: usize) -> Result<(), Dropped> {
        let field_fits = match self.checksum {
            Checksum::Partial { start, offset } => usize::from(start) + usize::from(offset) + 2 <= length,
            Checksum::Complete | Checksum::Verified => true,
        };
        let cuttable =
            self.segments.is_none_or(|segments| segments.size > 0 && matches!(self.checksum, Checksum::Partial { .. }));
        if field_fits && cuttable { Ok(()) } else { Err(Dropped::OffloadLie) }
    }
}

impl fmt::Display for Offload {
    /// With the names of `virtio_net_hdr`, as in `csum_start=34 csum_offset=6 gso_type=udp gso_size=1448`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.checksum {
            Checksum::Complete => f.write_str("csum=complete")?,
            Checksum::Verified => f.write_str("csum=valid")?,
            Checksum::Partial { start, offset } => write!(f, "csum_start={start} csum_offset={offset}")?,
        }
        let Some(Segments { kind, size, ecn }) = self.segments else { return Ok(()) };
        let kind = match kind {
            SegmentKind::Tcp4 => "tcp4",
            SegmentKind::Tcp6 => "tcp6",
            SegmentKind::Udp => "udp",
        };
        write!(f, " gso_type={kind}{} gso_size={size}", if ecn { "+ecn" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_are_named() {
        let partial = |start, offset| Checksum::Partial { start, offset };
        let segments = |size| Some(Segments { kind: SegmentKind::Udp, size, ecn: false });
        let check = |checksum, segments| Offload { checksum, segments }.check(100);
        assert_eq!(check(partial(34, 6), None), Ok(()));
        assert_eq!(check(partial(92, 6), None), Ok(()));
        assert_eq!(check(partial(93, 6), None), Err(Dropped::OffloadLie), "the field beyond the frame");
        assert_eq!(check(partial(u16::MAX, u8::MAX), None), Err(Dropped::OffloadLie));
        assert_eq!(check(partial(34, 6), segments(0)), Err(Dropped::OffloadLie), "segments of nothing");
        assert_eq!(check(Checksum::Complete, segments(9)), Err(Dropped::OffloadLie), "one checksum for many");
    }
}
