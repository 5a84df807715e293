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

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::draft::{DEVICE_ROOM, Draft};
use super::offload::Offload;

/// Spare bytes in front of a received frame: the device's, and the longest chain of headers that we write (Ethernet,
/// 802.1Q, IPv6, TCP with all of its options: 128 with the device's), and so many more that what TCP brings over IPv4, with
/// timestamps, begins with a cache line: it is written, summed and copied in wide pieces, and each that crosses a line costs
/// twice. The IP header lies at a multiple of four, as processors like it that care.
pub const HEADROOM: usize = 4 * LINE - (14 + 20 + 20 + 12);
/// What the largest frame takes, a reassembled IPv6 packet with its Ethernet header and tag, in whole lines: a short buffer
/// would truncate without a word.
pub const CAPACITY: usize = (HEADROOM + 18 + 40 + 65_535).next_multiple_of(LINE);

/// Where bytes begin that we write without a header in front: with a cache line, too.
pub(super) const BARE: usize = HEADROOM.next_multiple_of(LINE);

/// A cache line.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

const LINE: usize = 64;

/// The bytes of one frame, owned, with what the device was told about them.
pub struct Frame {
    lines: Box<[Line]>,
    /// 32 bits are enough, and 32 bytes a whole frame: it changes hands in two pieces.
    start: u32,
    end: u32,
    /// What the device did, or has yet to do.
    pub offload: Offload,
}

impl Frame {
    /// An empty frame with `capacity` bytes in all, at least [`HEADROOM`], in whole lines.
    pub fn new(capacity: usize) -> Frame {
        let lines = vec![Line([0; LINE]); capacity.max(HEADROOM).div_ceil(LINE)].into_boxed_slice();
        let (start, end) = (HEADROOM as u32, HEADROOM as u32);
        Frame { lines, start, end, offload: Offload::default() }
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
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The memory that it pins.
    pub fn capacity(&self) -> usize {
        self.lines.len() * LINE
    }

    /// The frame.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        &self.lines.as_bytes()[self.start()..self.end()]
    }

    /// The frame, to be changed in place.
    #[inline(always)]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.start(), self.end());
        &mut self.lines.as_mut_bytes()[start..end]
    }

    /// Empties it for a device that reads its own header of [`DEVICE_ROOM`] bytes and then the frame into
    /// one run of memory; [`Frame::received`] tells how much came.
    #[inline]
    pub fn room_for_device(&mut self) -> &mut [u8] {
        &mut self.lines.as_mut_bytes()[HEADROOM - DEVICE_ROOM..]
    }

    /// Says that `length` bytes came behind the device's header.
    #[inline]
    pub fn received(&mut self, length: usize, offload: Offload) {
        self.start = HEADROOM as u32;
        self.set_end(HEADROOM + length);
        self.offload = offload;
    }

    /// Empties it for bytes without a header.
    #[inline]
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (BARE as u32, BARE as u32);
        self.offload = Offload::default();
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
            let room = self.tailroom(part.len());
            let fits = room.len();
            room.copy_from_slice(&part[..fits]);
            self.extend(fits);
        }
    }

    /// The free bytes behind the content, at most `room` of them; [`Frame::extend`] says how many were written.
    #[inline]
    pub fn tailroom(&mut self, room: usize) -> &mut [u8] {
        let end = self.end();
        let behind = &mut self.lines.as_mut_bytes()[end..];
        let room = room.min(behind.len());
        &mut behind[..room]
    }

    /// Makes `count` bytes of the tailroom content.
    #[inline]
    pub fn extend(&mut self, count: usize) {
        self.set_end(self.end() + count);
    }

    /// Takes `count` bytes off the front.
    #[inline]
    pub fn strip(&mut self, count: usize) {
        self.start += count.min(self.len()) as u32;
    }

    /// Puts a header in front.
    ///
    /// # Panics
    /// When the headroom is used up, which is a bug of ours: it is made for the longest chain of headers that the
    /// stack itself writes.
    #[inline]
    pub fn prepend(&mut self, header: &[u8]) {
        let end = self.start();
        let start = end.checked_sub(header.len()).expect("headroom holds every header that we write");
        self.lines.as_mut_bytes()[start..end].copy_from_slice(header);
        self.start = start as u32;
    }

    /// Cuts the end off behind `length` bytes.
    #[inline]
    pub fn truncate(&mut self, length: usize) {
        // Nearly always there is nothing to cut, and what is not written need not be waited for.
        if length < self.len() {
            self.end = self.start + length as u32;
        }
    }

    /// What the device gets: its own spare bytes, then the whole frame.
    #[inline(always)]
    pub fn for_device(&mut self) -> &mut [u8] {
        let (start, end) = (self.start(), self.end());
        &mut self.lines.as_mut_bytes()[start - DEVICE_ROOM..end]
    }

    /// The frame as something to put headers in front of.
    #[inline]
    pub fn draft(&mut self) -> Draft<'_> {
        let (start, end) = (self.start(), self.end());
        Draft::new(&mut self.lines.as_mut_bytes()[..end], start)
    }

    #[inline]
    fn start(&self) -> usize {
        self.start as usize
    }

    #[inline]
    fn end(&self) -> usize {
        self.end as usize
    }

    #[inline]
    fn set_end(&mut self, end: usize) {
        self.end = end.min(self.capacity()) as u32;
    }
}
