//! What arbitrary bytes make a wire do: frames, valid, damaged and invented, what the device says of them, and how much
//! time passes. Any bytes are a script, so a fuzzer that changes a few of them changes the story a little.
//!
//! ```text
//!  0        1       2         3         4          4 + 3n         5 + 3n
//!  ├─ which ─┼─ span ─┼─ claim ─┼─ patches ┼─ n patches ─┼─ tail length ┼─ tail ─┤ …
//! ```

use std::time::Duration;

use taphouse::buffer::{Checksum, Offload, SegmentKind, Segments};

use super::frames::{aim, repair};

/// One thing that happens on the wire.
pub(crate) struct Step {
    pub(crate) frame: Vec<u8>,
    pub(crate) offload: Offload,
    /// How much time passes before the turn in which the frame is taken in; none: it waits with the next one.
    pub(crate) passes: Option<Duration>,
}

/// The steps of a script.
pub(crate) struct Script<'a> {
    bytes: &'a [u8],
    valid: &'a [Vec<u8>],
}

impl<'a> Script<'a> {
    /// `valid` are the frames from which it makes others.
    pub(crate) fn new(bytes: &'a [u8], valid: &'a [Vec<u8>]) -> Script<'a> {
        Script { bytes, valid }
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}

impl Iterator for Script<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let [which, span, claim, patches] = *self.take(4) else { return None };
        let invented = usize::from(which & 0x3f) >= self.valid.len();
        let mut frame = if invented { Vec::new() } else { self.valid[usize::from(which & 0x3f)].clone() };
        let overwritten = self.take(3 * usize::from(patches & 7));
        let tail = self.take(1).first().copied().unwrap_or(0);
        // Longer than a byte can say, but only now and then: a superframe takes long to make.
        frame.extend(self.take(usize::from(tail)));
        if patches & 0xc0 == 0xc0 && !frame.is_empty() {
            frame.resize(frame.len() + (usize::from(tail) << 8), patches);
        }
        for patch in overwritten.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
            match at {
                0x8000.. => frame.truncate(at & 0xff),
                _ if frame.is_empty() => {}
                _ => {
                    let at = at % frame.len();
                    frame[at] = patch[2];
                }
            }
        }
        if which & 0x40 != 0 {
            aim(&mut frame);
        }
        if patches & 8 == 0 {
            repair(&mut frame);
        }
        // From a microsecond to half an hour.
        let passes = (which & 0x80 == 0).then(|| Duration::from_micros(1 << (span & 31)));
        Some(Step { offload: claim_of(claim, &frame), frame, passes })
    }
}

/// What the device says: mostly what may be true, sometimes what cannot.
fn claim_of(claim: u8, frame: &[u8]) -> Offload {
    let transport = match frame.get(12..15) {
        Some([8, 0, first]) => 14 + u16::from(first & 15) * 4,
        _ => 54,
    };
    let udp = frame.get(23) == Some(&17) || frame.get(20) == Some(&17);
    let partial = |start, offset| Checksum::Partial { start, offset };
    let right = partial(transport, if udp { 6 } else { 16 });
    let segments = |kind, size| Some(Segments { kind, size, ecn: claim & 0x80 != 0 });
    match claim & 15 {
        0..7 => Offload::default(),
        7 => Offload { checksum: Checksum::Verified, segments: None },
        8 => Offload { checksum: right, segments: None },
        9 => Offload { checksum: partial(u16::from(claim), 6), segments: None },
        10 => Offload { checksum: partial(u16::MAX, claim), segments: None },
        11 => Offload { checksum: right, segments: segments(SegmentKind::Udp, u16::from(claim >> 4) * 100) },
        12 => Offload { checksum: right, segments: segments(SegmentKind::Tcp4, 1 + u16::from(claim)) },
        13 => Offload { checksum: right, segments: segments(SegmentKind::Tcp6, 1400) },
        14 => Offload { checksum: right, segments: segments(SegmentKind::Udp, 1) },
        _ => Offload { checksum: Checksum::Complete, segments: segments(SegmentKind::Udp, 0) },
    }
}
