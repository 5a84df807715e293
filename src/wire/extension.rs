//! IPv6 extension headers (RFC 8200 §4).

use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What hop-by-hop options, destination options and routing headers begin with.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Next Header  |  Hdr Ext Len  |    Routing Type and Segments  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+      Left, or options         +
/// ```
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// What follows.
    pub next_header: u8,
    length: u8,
    /// Routing headers: the type and the segments left. Others: the first bytes of options.
    pub first: [u8; 2],
}

impl Header {
    /// Bytes of the whole extension header: 8 to 2,048.
    pub fn length(&self) -> usize {
        (usize::from(self.length) + 1) * 8
    }
}

/// The fragment header (RFC 8200 §4.5).
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Identification                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Fragment {
    /// What the datagram carries.
    pub next_header: u8,
    reserved: u8,
    offset_more: U16,
    /// Names the datagram.
    pub identification: U32,
}

/// Bytes of a fragment header.
pub const FRAGMENT_LENGTH: usize = size_of::<Fragment>();

impl Fragment {
    /// The header of a fragment that belongs `offset` bytes behind the beginning, a multiple of eight.
    pub fn new(next_header: u8, offset: u16, more: bool, identification: u32) -> Fragment {
        let offset_more = U16::new(offset & 0xfff8 | u16::from(more));
        Fragment { next_header, reserved: 0, offset_more, identification: U32::new(identification) }
    }

    /// Where in its datagram it belongs, in bytes.
    pub fn offset(&self) -> usize {
        usize::from(self.offset_more.get() & 0xfff8)
    }

    /// Whether other fragments belong behind it.
    pub fn has_more(&self) -> bool {
        self.offset_more.get() & 1 != 0
    }

    /// Whether it is at the beginning of the datagram.
    pub fn is_first(&self) -> bool {
        self.offset_more.get() & 0xfff8 == 0
    }

    /// Whether it is the whole datagram all the same (RFC 6946).
    pub fn is_atomic(&self) -> bool {
        self.offset_more.get() & 0xfff9 == 0
    }
}

/// An option of a hop-by-hop or destination options header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Option<'a> {
    /// Its type; the two high bits say what to do when it is not known.
    pub kind: u8,
    /// Where it begins, counted from the first option.
    pub position: usize,
    /// What it holds.
    pub data: &'a [u8],
}

/// The options behind the two first bytes of such a header, padding left out.
///
/// Ends with an `Err` of the position where an option runs over the end.
pub fn options(bytes: &[u8]) -> impl Iterator<Item = Result<Option<'_>, usize>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        loop {
            let (kind, rest) = bytes.get(position..)?.split_first()?;
            if *kind == 0 {
                position += 1;
                continue;
            }
            let start = position;
            let data = rest.split_first().and_then(|(length, data)| data.get(..usize::from(*length)));
            let Some(data) = data else {
                position = bytes.len();
                return Some(Err(start));
            };
            position += 2 + data.len();
            if *kind != 1 {
                return Some(Ok(Option { kind: *kind, position: start, data }));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_walked_to_the_end_and_not_beyond() {
        let bytes = [0, 1, 2, 9, 9, 5, 2, 0, 0, 0xc2, 4, 1];
        let found: Vec<_> = options(&bytes).collect();
        assert_eq!(found, [Ok(Option { kind: 5, position: 5, data: &[0, 0] }), Err(9)]);
        assert_eq!(options(&[]).count(), 0);
        assert_eq!(options(&[7]).collect::<Vec<_>>(), [Err(0)]);
    }
}
