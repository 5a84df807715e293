//! Writing: packet behind packet into the place from which they will be sent.

use zerocopy::IntoBytes as _;

use super::{BLOCKS, Header, ReportBlock, SenderInfo, item, kind};

/// Writes a compound packet. What finds no room is left out as a whole, which each method says.
pub struct Writer<'a> {
    place: &'a mut [u8],
    used: usize,
}

/// An item of a source description.
#[derive(Clone, Copy, Debug)]
pub struct Sdes<'a> {
    /// Its kind, as in [`item`].
    pub kind: u8,
    /// At most 255 bytes of it are written.
    pub text: &'a [u8],
}

impl<'a> Writer<'a> {
    /// Writes to `place` from its beginning.
    pub fn new(place: &'a mut [u8]) -> Writer<'a> {
        Writer { place, used: 0 }
    }

    /// Goes on behind `used` bytes that were written to `place` before.
    pub fn after(place: &'a mut [u8], used: usize) -> Writer<'a> {
        let used = used.min(place.len());
        Writer { place, used }
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes that still have room.
    pub fn room(&self) -> usize {
        self.place.len() - self.used
    }

    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.place[..self.used]
    }

    /// A packet of `count` things, which are these slices one behind the other: whole words together.
    pub fn packet(&mut self, kind: u8, count: u8, slices: &[&[u8]]) -> bool {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        let whole = size_of::<Header>() + length.next_multiple_of(4);
        let words = whole / 4 - 1;
        let Ok(words) = u16::try_from(words) else { return false };
        let Some(place) = self.place.get_mut(self.used..self.used + whole) else { return false };
        let header = Header { first: 0x80 | count & 0x1f, kind, words: words.into() };
        let (head, mut rest) = place.split_at_mut(size_of::<Header>());
        head.copy_from_slice(header.as_bytes());
        for slice in slices {
            let (here, behind) = rest.split_at_mut(slice.len());
            here.copy_from_slice(slice);
            rest = behind;
        }
        rest.fill(0);
        self.used += whole;
        true
    }

    /// An SR; of more than [`BLOCKS`] blocks the first ones.
    pub fn sender_report(&mut self, ssrc: u32, info: &SenderInfo, blocks: &[ReportBlock]) -> bool {
        let blocks = &blocks[..blocks.len().min(BLOCKS)];
        let slices = [&ssrc.to_be_bytes(), info.as_bytes(), blocks.as_bytes()];
        self.packet(kind::SR, blocks.len() as u8, &slices)
    }

    /// An RR, likewise.
    pub fn receiver_report(&mut self, ssrc: u32, blocks: &[ReportBlock]) -> bool {
        let blocks = &blocks[..blocks.len().min(BLOCKS)];
        self.packet(kind::RR, blocks.len() as u8, &[&ssrc.to_be_bytes(), blocks.as_bytes()])
    }

    /// The description of one source.
    pub fn description(&mut self, ssrc: u32, items: &[Sdes<'_>]) -> bool {
        let mut chunk = [0; 4 + 2 * 257 + 4];
        chunk[..4].copy_from_slice(&ssrc.to_be_bytes());
        let mut used = 4;
        for Sdes { kind, text } in items {
            let text = &text[..text.len().min(255)];
            let Some(place) = chunk.get_mut(used..used + 2 + text.len()) else { return false };
            (place[0], place[1]) = (*kind, text.len() as u8);
            place[2..].copy_from_slice(text);
            used += place.len();
        }
        // At least one zero ends the items.
        let end = (used + 4) & !3;
        match chunk.get(..end) {
            Some(chunk) => self.packet(kind::SDES, 1, &[chunk]),
            None => false,
        }
    }

    /// The description of one source by its CNAME alone.
    pub fn name(&mut self, ssrc: u32, name: &[u8]) -> bool {
        self.description(ssrc, &[Sdes { kind: item::CNAME, text: name }])
    }

    /// A source leaves.
    pub fn bye(&mut self, ssrc: u32, reason: &str) -> bool {
        let reason = &reason.as_bytes()[..reason.len().min(255)];
        if reason.is_empty() {
            return self.packet(kind::BYE, 1, &[&ssrc.to_be_bytes()]);
        }
        self.packet(kind::BYE, 1, &[&ssrc.to_be_bytes(), &[reason.len() as u8], reason])
    }

    /// Something of an application; its data are padded with zeros to whole words.
    pub fn application(&mut self, ssrc: u32, subtype: u8, name: &[u8; 4], data: &[u8]) -> bool {
        self.packet(kind::APP, subtype, &[&ssrc.to_be_bytes(), name, data])
    }
}
