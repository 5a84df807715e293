//! Feedback between the regular reports (RFC 4585 §6): packets that are missing, and pictures that are broken.

use super::{Writer, kind};

/// Format of a generic NACK (§6.2.1).
pub const NACK: u8 = 1;
/// Format of a picture loss indication (§6.3.1).
pub const PLI: u8 = 1;

/// The sequence numbers that a generic NACK asks for.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |            PID                |             BLP               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
pub fn missing(control: &[u8]) -> impl Iterator<Item = u16> + '_ {
    control.chunks_exact(4).flat_map(|entry| {
        let first = u16::from_be_bytes([entry[0], entry[1]]);
        let following = u16::from_be_bytes([entry[2], entry[3]]);
        let others = (0..16).filter(move |bit| following >> bit & 1 == 1).map(move |bit| first.wrapping_add(bit + 1));
        std::iter::once(first).chain(others)
    })
}

impl Writer<'_> {
    /// Asks `about` for packets again: those before `highest` (a sequence number) that `seen` does not have, of which bit *n* is
    /// that of `highest` − *n*. Asks for at most `span` numbers back; false when none is missing or there is no room.
    pub fn nack(&mut self, from: u32, about: u32, highest: u16, seen: u128, span: u32) -> bool {
        let mut entries = [0; 4 * 8];
        let mut used = 0;
        let is_missing = |back: u32| back < span.min(128) && seen >> back & 1 == 0;
        let mut back = span.min(128);
        while back > 0 && used < entries.len() {
            back -= 1;
            if !is_missing(back) {
                continue;
            }
            // The oldest first, and with it those of the sixteen behind it.
            let first = highest.wrapping_sub(back as u16);
            let following = (1..=16.min(back))
                .filter(|ahead| is_missing(back - ahead))
                .fold(0u16, |bits, ahead| bits | 1 << (ahead - 1));
            entries[used..used + 2].copy_from_slice(&first.to_be_bytes());
            entries[used + 2..used + 4].copy_from_slice(&following.to_be_bytes());
            used += 4;
            back = back.saturating_sub(16);
        }
        used > 0 && self.packet(kind::RTPFB, NACK, &[&from.to_be_bytes(), &about.to_be_bytes(), &entries[..used]])
    }

    /// Asks `about` for a whole picture.
    pub fn picture_loss(&mut self, from: u32, about: u32) -> bool {
        self.packet(kind::PSFB, PLI, &[&from.to_be_bytes(), &about.to_be_bytes()])
    }
}
