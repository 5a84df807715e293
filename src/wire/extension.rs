//! IPv6 extension headers (RFC 8200 §4).

use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::protocol;

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

/// The option that has routers look at a packet that is not for them (RFC 2711).
pub const ROUTER_ALERT: u8 = 5;

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

/// An option to be written: its type, what it holds, and where it has to begin, `alignment.1` bytes behind a multiple of
/// `alignment.0` (RFC 8200 §4.2, "xn+y").
#[derive(Clone, Copy, Debug)]
pub struct OptionToWrite<'a> {
    /// Its type.
    pub kind: u8,
    /// What it holds, at most 255 bytes.
    pub data: &'a [u8],
    /// `(1, 0)` where it may begin anywhere.
    pub alignment: (u8, u8),
}

/// Writes a chain of extension headers.
///
/// ```
/// use taphouse::wire::extension::{Builder, OptionToWrite};
/// use taphouse::wire::protocol;
///
/// let alert = OptionToWrite { kind: 5, data: &[0, 0], alignment: (2, 0) };
/// let (first, bytes) = Builder::default().options(protocol::HOP_BY_HOP, &[alert]).finish(protocol::ICMPV6);
/// assert_eq!((first, &bytes[..]), (protocol::HOP_BY_HOP, &[protocol::ICMPV6, 0, 5, 2, 0, 0, 1, 0][..]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    bytes: Vec<u8>,
    first: std::option::Option<u8>,
    /// Where the number of the next header goes.
    field: usize,
}

impl Builder {
    /// Adds hop-by-hop or destination options, aligned and padded. What does not fit into one header, 2,048 bytes, is left out.
    pub fn options(mut self, kind: u8, options: &[OptionToWrite<'_>]) -> Builder {
        let start = self.open(kind);
        for OptionToWrite { kind, data, alignment: (unit, rest) } in options {
            let (unit, rest) = (usize::from(*unit).max(1), usize::from(*rest));
            let position = self.bytes.len() - start;
            let gap = (unit + rest % unit - position % unit) % unit;
            if data.len() > 255 || position + gap + 2 + data.len() > 2048 {
                continue;
            }
            self.pad(gap);
            self.bytes.extend([*kind, data.len() as u8]);
            self.bytes.extend_from_slice(data);
        }
        self.close(start)
    }

    /// Adds a routing header. Its data is padded to a multiple of eight bytes with zeros and cut at 2,044.
    pub fn routing(mut self, kind: u8, segments_left: u8, data: &[u8]) -> Builder {
        let start = self.open(protocol::ROUTING);
        self.bytes.extend([kind, segments_left]);
        self.bytes.extend_from_slice(&data[..data.len().min(2044)]);
        let length = (self.bytes.len() - start).next_multiple_of(8);
        self.bytes.resize(start + length, 0);
        self.bytes[start + 1] = (length / 8 - 1) as u8;
        self
    }

    /// Adds a fragment header; its own next header is what comes next.
    pub fn fragment(mut self, header: Fragment) -> Builder {
        let start = self.open(protocol::FRAGMENT);
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(header.as_bytes());
        self
    }

    /// The number of the first header and all of them, in front of what has the number `next`.
    pub fn finish(mut self, next: u8) -> (u8, Vec<u8>) {
        let first = self.first.unwrap_or(next);
        if let Some(number) = self.bytes.get_mut(self.field) {
            *number = next;
        }
        (first, self.bytes)
    }

    fn open(&mut self, kind: u8) -> usize {
        match self.first {
            None => self.first = Some(kind),
            Some(_) => self.bytes[self.field] = kind,
        }
        self.field = self.bytes.len();
        self.bytes.extend([0, 0]);
        self.field
    }

    fn close(mut self, start: usize) -> Builder {
        let length = self.bytes.len() - start;
        self.pad(length.next_multiple_of(8) - length);
        self.bytes[start + 1] = ((self.bytes.len() - start) / 8 - 1) as u8;
        self
    }

    /// One byte is Pad1, more are PadN.
    fn pad(&mut self, count: usize) {
        match count {
            0 => {}
            1 => self.bytes.push(0),
            _ => {
                self.bytes.extend([1, (count - 2) as u8]);
                self.bytes.resize(self.bytes.len() + count - 2, 0);
            }
        }
    }
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

    #[test]
    fn a_chain_is_written_as_it_is_read() {
        let option = |kind, data, alignment| OptionToWrite { kind, data, alignment };
        let written = [option(0x1e, &[1, 2, 3][..], (1, 0)), option(0x3e, &[9; 4], (4, 2)), option(5, &[0, 0], (2, 0))];
        let fragment = Fragment::new(0, 1448, true, 77);
        let builder = Builder::default().options(0, &written).routing(4, 0, &[7; 13]).fragment(fragment);
        let (first, bytes) = builder.options(60, &[]).finish(17);
        assert_eq!((first, bytes.len() % 8), (0, 0));
        let (header, _) = Header::read_from_prefix(&bytes).unwrap();
        assert_eq!(header.next_header, protocol::ROUTING);
        let area = &bytes[2..header.length()];
        let read: Vec<_> = options(area).map(|option| option.unwrap()).collect();
        assert_eq!(
            read.iter().map(|option| (option.kind, option.data)).collect::<Vec<_>>(),
            [(0x1e, &[1, 2, 3][..]), (0x3e, &[9; 4]), (5, &[0, 0])]
        );
        assert_eq!(((read[1].position + 2) % 4, (read[2].position + 2) % 2), (2, 0), "aligned");
        let rest = &bytes[header.length()..];
        let (routing, _) = Header::read_from_prefix(rest).unwrap();
        assert_eq!((routing.next_header, routing.first, &rest[4..17]), (protocol::FRAGMENT, [4, 0], &[7; 13][..]));
        let rest = &rest[routing.length()..];
        let (fragment, rest) = Fragment::read_from_prefix(rest).unwrap();
        assert_eq!((fragment.next_header, fragment.offset(), fragment.has_more()), (60, 1448, true));
        assert_eq!(rest, [17, 0, 1, 4, 0, 0, 0, 0]);
        assert_eq!(Builder::default().finish(6), (6, Vec::new()));
    }
}
