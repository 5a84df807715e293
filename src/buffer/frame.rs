//! A frame and the room around it.
//!
//! ```text
//!  0          start                          end            capacity
//!  ├─ headroom ─┼─ the frame, as it stands now ─┼─ tailroom ─┤
//!       ◀ prepend   strip ▶                truncate ◀
//! ```
//!
//! Going up, nothing is stripped: a layer looks behind the one before it. Going down, an answer strips the
//! headers that it came with and every layer prepends its own.

use super::draft::{DEVICE_ROOM, Draft};
use super::offload::Offload;

/// Spare bytes in front of a received frame: the device's, and the longest chain of headers that we write (Ethernet,
/// 802.1Q, IPv6, TCP with all of its options: 130 with the device's), rounded up to three cache lines.
pub const HEADROOM: usize = 192;
/// What the largest frame takes, a reassembled IPv6 packet with its Ethernet header and tag: a short buffer would truncate
/// without a word.
pub const CAPACITY: usize = HEADROOM + 18 + 40 + 65_535;

/// The bytes of one frame, owned, with what the device was told about them.
pub struct Frame {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// What the device did, or has yet to do.
    pub offload: Offload,
}

impl Frame {
    /// An empty frame with `capacity` bytes in all, at least [`HEADROOM`].
    pub fn new(capacity: usize) -> Frame {
        let bytes = vec![0; capacity.max(HEADROOM)].into_boxed_slice();
        Frame { bytes, start: HEADROOM, end: HEADROOM, offload: Offload::default() }
    }

    /// A frame that holds `content`.
    pub fn from_bytes(content: &[u8], offload: Offload) -> Frame {
        let mut frame = Frame::new(HEADROOM + content.len());
        frame.fill(content, offload);
        frame
    }

    /// Bytes of the frame.
    #[inline]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The memory that it pins.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// The frame.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The frame, to be changed in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// Empties it for a device that reads its own header of [`DEVICE_ROOM`] bytes and then the frame into
    /// one run of memory; [`Frame::received`] tells how much came.
    #[inline]
    pub fn room_for_device(&mut self) -> &mut [u8] {
        &mut self.bytes[HEADROOM - DEVICE_ROOM..]
    }

    /// Says that `length` bytes came behind the device's header.
    #[inline]
    pub fn received(&mut self, length: usize, offload: Offload) {
        self.start = HEADROOM;
        self.end = (HEADROOM + length).min(self.bytes.len());
        self.offload = offload;
    }

    /// Replaces the content; what does not fit is cut off.
    pub fn fill(&mut self, content: &[u8], offload: Offload) {
        self.received(content.len(), offload);
        let length = self.len();
        self.bytes_mut().copy_from_slice(&content[..length]);
    }

    /// Replaces the content by several parts, one behind the other; what does not fit is cut off.
    pub fn gather<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>, offload: Offload) {
        self.received(0, offload);
        for part in parts {
            let part = &part[..part.len().min(self.bytes.len() - self.end)];
            self.bytes[self.end..self.end + part.len()].copy_from_slice(part);
            self.end += part.len();
        }
    }

    /// The free bytes behind the content, at most `room` of them; [`Frame::extend`] says how many were written.
    #[inline]
    pub fn tailroom(&mut self, room: usize) -> &mut [u8] {
        let end = self.bytes.len().min(self.end + room);
        &mut self.bytes[self.end..end]
    }

    /// Makes `count` bytes of the tailroom content.
    #[inline]
    pub fn extend(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// Takes `count` bytes off the front.
    #[inline]
    pub fn strip(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Puts a header in front.
    ///
    /// # Panics
    /// When the headroom is used up, which is a bug of ours: it is made for the longest chain of headers that the
    /// stack itself writes.
    #[inline]
    pub fn prepend(&mut self, header: &[u8]) {
        let end = self.start;
        self.start = end.checked_sub(header.len()).expect("headroom holds every header that we write");
        self.bytes[self.start..end].copy_from_slice(header);
    }

    /// Cuts the end off behind `length` bytes.
    #[inline]
    pub fn truncate(&mut self, length: usize) {
        self.end = self.end.min(self.start + length);
    }

    /// What the device gets: its own spare bytes, then the whole frame.
    #[inline]
    pub fn for_device(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start - DEVICE_ROOM..self.end]
    }

    /// The frame as something to put headers in front of.
    #[inline]
    pub fn draft(&mut self) -> Draft<'_> {
        Draft::new(&mut self.bytes[..self.end], self.start)
    }
}
