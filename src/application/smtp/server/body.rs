//! What a message is made of as it comes: its end found, doubled dots undone, and line ends that are none noticed.
//!
//! Only CRLF ends a line, and only CRLF, dot, CRLF ends a message (RFC 5321 §4.1.1.4): what stands alone is never taken for
//! half of either, or a message could be hidden in another one.

use std::sync::LazyLock;

use memchr::memchr3;
use memchr::memmem::Finder;

use super::look::Look;

/// Bytes that are looked at together: as many as stay at hand until they are copied.
const WINDOW: usize = 4096;
/// A dot that begins a line, and what precedes it.
static STUFFED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n."));

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the first place of a line.
    Start,
    /// Behind others.
    Within,
    /// Behind a CR, which was passed on, mended where that is wished.
    Cr,
    /// Behind a dot at the first place, which is not passed on yet.
    Dot,
    /// Behind both.
    DotCr,
}

/// How a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines with doubled dots, up to the one with a dot alone: DATA.
    Dotted,
    /// Lines, of a length that was told: BDAT.
    Lines,
    /// Bytes, of a length that was told: BDAT of BODY=BINARYMIME.
    Bytes,
}

/// What is done with a CR or LF that stands alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bare {
    /// The message is refused.
    #[default]
    Refuse,
    /// It becomes CRLF.
    Mend,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// A CR or LF stood alone.
    pub(super) bare: bool,
    /// It has a NUL in it (RFC 5321 §4.1.1.4, RFC 6152 §3).
    pub(super) nul: bool,
}

/// A message on its way in.
#[derive(Clone, Debug)]
pub(super) struct Body {
    form: Form,
    bare: Bare,
    at: At,
    faults: Faults,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Bytes that were read.
    pub(super) read: usize,
    /// Bytes that are the message's.
    pub(super) written: usize,
    /// That was its end.
    pub(super) ended: bool,
}

impl Body {
    pub(super) fn new(form: Form, bare: Bare) -> Body {
        Body { form, bare, at: At::Start, faults: Faults::default() }
    }

    /// What is wrong with what came until now.
    pub(super) fn faults(&self) -> Faults {
        self.faults
    }

    /// Reads up to the end of the message, and no more than there is room for what it is made of.
    pub(super) fn take(&mut self, bytes: &[u8], into: &mut [u8]) -> Taken {
        if self.form == Form::Bytes {
            let length = bytes.len().min(into.len());
            into[..length].copy_from_slice(&bytes[..length]);
            return Taken { read: length, written: length, ended: false };
        }
        let mut out = Out { into, written: 0 };
        let mut read = 0;
        let (mut look, mut looked_at) = (Look::default(), 0);
        // A byte makes at most three or, mended, four: what was held back before it, and its own.
        while read < bytes.len() && out.room() >= 4 {
            if matches!(self.at, At::Start | At::Within) {
                if read >= looked_at {
                    looked_at = bytes.len().min(read + WINDOW.min(out.room()));
                    look = Look::at(&bytes[read..looked_at]);
                }
                let rest = &bytes[read..looked_at];
                let rest = &rest[..rest.len().min(out.room() - 3)];
                let run = self.run(rest, look);
                out.put(&rest[..run]);
                read += run;
                if run == rest.len() {
                    continue;
                }
            }
            let byte = bytes[read];
            read += 1;
            if self.byte(byte, &mut out) {
                return Taken { read, written: out.written, ended: true };
            }
        }
        Taken { read, written: out.written, ended: false }
    }

    /// How many of these bytes are taken as they are: of lines without a flaw all, up to the next dot that begins one.
    fn run(&mut self, rest: &[u8], look: Look) -> usize {
        let dotted = self.form == Form::Dotted;
        let run = match rest {
            [b'.', ..] if dotted && self.at == At::Start => 0,
            // What precedes it is not known to have been a CR.
            [b'\n', ..] => 0,
            _ if look.flawed && self.at == At::Start => 0,
            _ if look.flawed => memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len()),
            _ if look.dotted && dotted => STUFFED.find(rest).map_or(rest.len(), |at| at + 1),
            _ => rest.len(),
        };
        // The last CR may have its LF or not.
        let run = run - usize::from(rest[..run].last() == Some(&b'\r'));
        match rest[..run].last() {
            Some(b'\n') => self.at = At::Start,
            Some(_) => self.at = At::Within,
            None => {}
        }
        run
    }

    /// Takes one byte; returns whether it ended the message.
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) -> bool {
        let dotted = self.form == Form::Dotted;
        self.at = match (self.at, byte) {
            (At::Start, b'.') if dotted => At::Dot,
            (At::Dot, b'\r') => At::DotCr,
            (At::DotCr, b'\n') => return true,
            (At::Cr, b'\n') => {
                if self.bare == Bare::Refuse {
                    out.push(b'\n');
                }
                At::Start
            }
            (At::Cr, _) => {
                self.faults.bare |= self.bare == Bare::Refuse;
                self.text(byte, out)
            }
            (At::DotCr, _) => {
                self.stands_alone(b'\r', out);
                self.text(byte, out)
            }
            // A dot in front of another byte was there to hide that one's being the first, or should have been.
            (At::Start | At::Within | At::Dot, _) => self.text(byte, out),
        };
        false
    }

    fn text(&mut self, byte: u8, out: &mut Out<'_>) -> At {
        match byte {
            b'\r' => {
                out.push(b'\r');
                if self.bare == Bare::Mend {
                    out.push(b'\n');
                }
                return At::Cr;
            }
            // What follows is no line of its own, for whoever wrote it does not end lines like this.
            b'\n' => self.stands_alone(b'\n', out),
            byte => {
                self.faults.nul |= byte == 0;
                out.push(byte);
            }
        }
        At::Within
    }

    fn stands_alone(&mut self, byte: u8, out: &mut Out<'_>) {
        match self.bare {
            Bare::Refuse => {
                self.faults.bare = true;
                out.put(&[byte]);
            }
            Bare::Mend => out.put(b"\r\n"),
        }
    }

    /// Nothing more comes, where the length was told.
    pub(super) fn end(&mut self) {
        self.faults.bare |= self.at == At::Cr && self.bare == Bare::Refuse;
        self.at = At::Within;
    }
}

/// Where it is written to.
struct Out<'a> {
    into: &'a mut [u8],
    written: usize,
}

impl Out<'_> {
    fn room(&self) -> usize {
        self.into.len() - self.written
    }

    fn push(&mut self, byte: u8) {
        self.into[self.written] = byte;
        self.written += 1;
    }

    fn put(&mut self, bytes: &[u8]) {
        self.into[self.written..self.written + bytes.len()].copy_from_slice(bytes);
        self.written += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The message, what is wrong with it, and what came behind its end, if that came; cut into pieces, with so much room.
    fn read(mut body: Body, bytes: &[u8], pieces: &[usize], room: usize) -> (Vec<u8>, Faults, Option<Vec<u8>>) {
        let (mut message, mut rest, mut pieces) = (Vec::new(), bytes, pieces.iter().cycle());
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(*pieces.next().unwrap())];
            let mut into = vec![0; room];
            let taken = body.take(piece, &mut into);
            message.extend(&into[..taken.written]);
            rest = &rest[taken.read..];
            if taken.ended {
                return (message, body.faults(), Some(rest.to_vec()));
            }
        }
        body.end();
        (message, body.faults(), None)
    }

    fn data(bytes: &[u8], bare: Bare) -> (Vec<u8>, Faults, Option<Vec<u8>>) {
        read(Body::new(Form::Dotted, bare), bytes, &[bytes.len()], 2 * bytes.len() + 4)
    }

    const FINE: Faults = Faults { bare: false, nul: false };
    const BARE: Faults = Faults { bare: true, nul: false };

    #[test]
    fn dots_are_undone_and_the_end_is_found() {
        let whole = |wire: &[u8]| data(wire, Bare::Refuse);
        assert_eq!(whole(b".\r\nQUIT\r\n"), (vec![], FINE, Some(b"QUIT\r\n".to_vec())));
        assert_eq!(whole(b"a\r\n.\r\n"), (b"a\r\n".to_vec(), FINE, Some(vec![])));
        assert_eq!(whole(b"..\r\n...a\r\nb.\r\n.\r\nX"), (b".\r\n..a\r\nb.\r\n".to_vec(), FINE, Some(b"X".to_vec())));
        // A dot that nobody doubled is taken away all the same (RFC 5321 §4.5.2).
        assert_eq!(whole(b".a\r\n.\r\n").0, b"a\r\n");
        assert_eq!(whole(b"a\0b\r\n.\r\n").1, Faults { nul: true, ..FINE });
        assert_eq!(whole(b"a\r\n.\r").2, None);
    }

    /// What was published in December 2023, and its kin: none of it ends a message.
    #[test]
    fn nothing_else_is_an_end() {
        for end in [
            &b"\n.\n"[..],
            b"\n.\r\n",
            b"\r.\r\n",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r.\r",
            b"\r\n\0.\r\n",
            b"\r\n.\0\r\n",
            b"\r\n.\r\r\n",
            b"\n.\r",
            b"\r.\n",
            b"\r\n .\r\n",
            b"\r\n.\r\0\n",
        ] {
            for bare in [Bare::Refuse, Bare::Mend] {
                let wire = [b"one", end, b"MAIL FROM:<a@b>\r\n.\r\nQUIT\r\n"].concat();
                let (message, faults, rest) = data(&wire, bare);
                assert_eq!(rest.as_deref(), Some(&b"QUIT\r\n"[..]), "{end:?}");
                assert!(message.windows(4).any(|four| four == b"MAIL"), "{end:?}");
                if bare == Bare::Refuse {
                    assert!(faults != FINE || end == b"\r\n .\r\n", "{end:?}");
                } else {
                    assert!(!faults.bare);
                    assert!(!message.windows(2).any(|two| (two[0] == b'\r') != (two[1] == b'\n')), "{end:?}");
                }
            }
        }
        // A line that was mended has no dots to be undone, and no end.
        assert_eq!(data(b"a\n..b\n.\n\r\n.\r\n", Bare::Mend).0, b"a\r\n..b\r\n.\r\n\r\n");
        assert_eq!(data(b"a\n.\r\n.\r\n", Bare::Refuse), (b"a\n.\r\n".to_vec(), BARE, Some(vec![])));
    }

    #[test]
    fn chunks_are_looked_through_for_line_ends_unless_they_are_binary() {
        let of = |form, wire: &[u8]| read(Body::new(form, Bare::Refuse), wire, &[3], 8);
        assert_eq!(of(Form::Lines, b"..a\r\n.\r\nb"), (b"..a\r\n.\r\nb".to_vec(), FINE, None));
        assert_eq!(of(Form::Lines, b"a\nb"), (b"a\nb".to_vec(), BARE, None));
        assert_eq!(of(Form::Lines, b"a\r"), (b"a\r".to_vec(), BARE, None));
        assert_eq!(of(Form::Bytes, b"a\n\r\0\r\n.\r\n"), (b"a\n\r\0\r\n.\r\n".to_vec(), FINE, None));
    }

    proptest! {
        #[test]
        fn pieces_and_room_change_nothing(
            bytes in prop::collection::vec(prop::sample::select(b"\r\n..a\0".to_vec()), 0..60),
            pieces in prop::collection::vec(1usize..9, 1..8),
            room in 4usize..20,
            form in prop::sample::select(vec![Form::Dotted, Form::Lines, Form::Bytes]),
            mend in any::<bool>(),
        ) {
            let body = Body::new(form, if mend { Bare::Mend } else { Bare::Refuse });
            let whole = read(body.clone(), &bytes, &[bytes.len().max(1)], 3 * bytes.len() + 4);
            prop_assert_eq!(read(body, &bytes, &pieces, room), whole);
        }

        /// The wire's form of any text is what the RFC says, and it is read back.
        #[test]
        fn what_was_stuffed_is_read_back(lines in prop::collection::vec("[.a\u{e9}]{0,5}", 0..8), room in 4usize..20) {
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let doubled = |line: &String| format!("{}{line}\r\n", if line.starts_with('.') { "." } else { "" });
            let wire: String = lines.iter().map(doubled).collect::<String>() + ".\r\nrest";
            let (read, faults, rest) = read(Body::new(Form::Dotted, Bare::Refuse), wire.as_bytes(), &[5, 1], room);
            prop_assert_eq!((read, faults, rest), (message.into_bytes(), FINE, Some(b"rest".to_vec())));
        }
    }
}
