//! Dots (RFC 5321 §4.5.2): a line that begins with one gets another one in front, and a line with one dot alone ends the
//! message.
//!
//! Only CRLF ends a line on the wire (RFC 5321 §2.3.8), and neither CR nor LF stands alone: what a file on disk has instead
//! becomes CRLF, or what one host takes for two lines another would take for one.

use memchr::memchr2;

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// At its first place.
    #[default]
    Start,
    /// Behind others.
    Within,
    /// Behind a CR.
    AfterCr,
}

/// A message on its way through DATA.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stuffing {
    at: At,
}

/// What comes next of some bytes.
struct Run {
    /// So many go as they are.
    length: usize,
    /// Where the next byte stands then.
    at: At,
    /// What goes between them and the rest, and where the next byte stands behind that.
    insert: Option<(u8, At)>,
}

impl Stuffing {
    /// Takes the next bytes of a message: whether they go as they are. If they do not, they are to be encoded.
    pub fn pass(&mut self, bytes: &[u8]) -> bool {
        let Run { at, insert, .. } = run(self.at, bytes);
        if insert.is_none() {
            self.at = at;
        }
        insert.is_none()
    }

    /// Writes the next bytes of a message as they go over the wire; returns how many were read, and how many written.
    pub fn encode(&mut self, bytes: &[u8], into: &mut [u8]) -> (usize, usize) {
        let (mut read, mut written) = (0, 0);
        while read < bytes.len() && written < into.len() {
            let rest = &bytes[read..];
            let rest = &rest[..rest.len().min(into.len() - written)];
            let Run { length, at, insert } = run(self.at, rest);
            into[written..written + length].copy_from_slice(&rest[..length]);
            (read, written, self.at) = (read + length, written + length, at);
            if let Some((byte, at)) = insert
                && let Some(place) = into.get_mut(written)
            {
                *place = byte;
                (written, self.at) = (written + 1, at);
            }
        }
        (read, written)
    }

    /// What ends the message.
    pub fn end(&self) -> &'static [u8] {
        match self.at {
            At::Start => b".\r\n",
            At::Within => b"\r\n.\r\n",
            At::AfterCr => b"\n.\r\n",
        }
    }
}

/// The bytes up to the first place where something is to be put in.
fn run(mut at: At, bytes: &[u8]) -> Run {
    let mut length = 0;
    loop {
        let insert = match (at, bytes.get(length)) {
            (At::Start, Some(b'.')) => Some((b'.', At::Within)),
            (At::AfterCr, Some(b'\n')) => {
                (length, at) = (length + 1, At::Start);
                continue;
            }
            (At::AfterCr, Some(_)) => Some((b'\n', At::Start)),
            (_, None) => return Run { length, at, insert: None },
            (At::Start | At::Within, Some(_)) => None,
        };
        if insert.is_some() {
            return Run { length, at, insert };
        }
        match memchr2(b'\r', b'\n', &bytes[length..]) {
            None => return Run { length: bytes.len(), at: At::Within, insert: None },
            Some(before) if bytes[length + before] == b'\r' => (length, at) = (length + before + 1, At::AfterCr),
            Some(before) => {
                let at = if before > 0 { At::Within } else { at };
                return Run { length: length + before, at, insert: Some((b'\r', At::AfterCr)) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A message as it goes over the wire, cut like this, through places of so many bytes.
    fn sent(message: &[u8], cuts: &[usize], room: usize) -> Vec<u8> {
        let (mut stuffing, mut wire, mut cuts) = (Stuffing::default(), Vec::new(), cuts.iter().cycle());
        let mut rest = message;
        while !rest.is_empty() {
            let (mut piece, behind) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
            rest = behind;
            if stuffing.pass(piece) {
                wire.extend(piece);
                continue;
            }
            while !piece.is_empty() {
                let mut place = vec![0; room];
                let (read, written) = stuffing.encode(piece, &mut place);
                assert!(read + written > 0 && written <= room);
                wire.extend(&place[..written]);
                piece = &piece[read..];
            }
        }
        wire.extend(stuffing.end());
        wire
    }

    /// RFC 5321 §4.5.2, the receiver's side: the message, and what lies behind its end.
    fn received(wire: &[u8]) -> (Vec<u8>, &[u8]) {
        let (mut message, mut rest) = (Vec::new(), wire);
        loop {
            let end = rest.windows(2).position(|two| two == b"\r\n").expect("a line has an end") + 2;
            let (line, behind) = rest.split_at(end);
            match line {
                b".\r\n" => return (message, behind),
                [b'.', line @ ..] => message.extend(line),
                line => message.extend(line),
            }
            rest = behind;
        }
    }

    /// The message with CRLF at each end of a line, and at its own.
    fn in_lines(message: &[u8]) -> Vec<u8> {
        let text: String = message.iter().map(|byte| char::from(*byte)).collect();
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        if !text.is_empty() && !text.ends_with("\r\n") {
            text += "\r\n";
        }
        text.chars().map(|c| c as u8).collect()
    }

    #[test]
    fn dots_are_doubled_where_a_line_begins() {
        for (message, wire) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a.b\r\n.\r\n..c\r\n", "a.b\r\n..\r\n...c\r\n.\r\n"),
            ("no end", "no end\r\n.\r\n"),
            // The payloads of December 2023: nothing but CRLF ends a line, so no line is hidden.
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\r\nb\r\n.\nc", "a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n"),
            ("a\r\r\n", "a\r\n\r\n.\r\n"),
        ] {
            for cut in 1..=wire.len() {
                let sent = sent(message.as_bytes(), &[cut], 3);
                assert_eq!(String::from_utf8(sent).unwrap(), wire, "{message:?} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn what_has_nothing_to_be_changed_is_passed() {
        let mut stuffing = Stuffing::default();
        assert!(stuffing.pass(b"one.\r\n two\r"));
        assert!(stuffing.pass(b"\nthree"));
        assert!(!stuffing.pass(b"\r\n.four"));
        assert_eq!(stuffing.encode(b"\r\n.four", &mut [0; 9]), (7, 8));
    }

    proptest! {
        #[test]
        fn what_is_sent_is_received(
            message in vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()], 0..300),
            cuts in vec(1usize..40, 1..8),
            room in 1usize..20,
            behind in vec(any::<u8>(), 0..9),
        ) {
            let mut wire = sent(&message, &cuts, room);
            // Neither CR nor LF stands alone.
            let text: String = wire.iter().map(|byte| char::from(*byte)).collect();
            prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            wire.extend(&behind);
            let (message_there, rest) = received(&wire);
            prop_assert_eq!(message_there, in_lines(&message));
            prop_assert_eq!(rest, &behind[..]);
        }
    }
}
