//! A packet on its way down: what there is of it, and the room for the headers still to come.

use zerocopy::{FromBytes, IntoBytes, KnownLayout, Unaligned};

/// Spare bytes in front of the Ethernet header that belong to the device (`virtio_net_hdr`).
pub const DEVICE_ROOM: usize = 10;

/// A slice whose front is free. Every layer on the way down prepends its header.
pub struct Draft<'a> {
    bytes: &'a mut [u8],
    start: usize,
}

impl<'a> Draft<'a> {
    /// A draft of `bytes[start..]` with `start` bytes of room.
    #[inline]
    pub fn new(bytes: &'a mut [u8], start: usize) -> Draft<'a> {
        let start = start.min(bytes.len());
        Draft { bytes, start }
    }

    /// Bytes that there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What there is.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// What there is, to be changed.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Opens the place of a header in front, to be written there field by field.
    ///
    /// # Panics
    /// When the room is used up, which is a bug of ours: headroom is made for the longest chain of headers
    /// that the stack itself writes.
    #[inline]
    pub fn prepend<H: FromBytes + IntoBytes + KnownLayout + Unaligned>(&mut self) -> &mut H {
        self.start = self.start.checked_sub(size_of::<H>()).expect("headroom holds every header that we write");
        let (header, _) = H::mut_from_prefix(&mut self.bytes[self.start..]).expect("start was as far on as H is long");
        header
    }

    /// Puts bytes in front whose number the compiler does not know.
    ///
    /// # Panics
    /// As [`Draft::prepend`].
    #[inline]
    pub fn prepend_bytes(&mut self, bytes: &[u8]) {
        let end = self.start;
        self.start = end.checked_sub(bytes.len()).expect("headroom holds every header that we write");
        self.bytes[self.start..end].copy_from_slice(bytes);
    }

    /// What the device gets: its own spare bytes, then the whole frame.
    #[inline]
    pub fn for_device(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start - DEVICE_ROOM..]
    }
}
