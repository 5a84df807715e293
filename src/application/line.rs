//! Lines of text as FTP, SMTP and their kin speak them: CRLF at the end, a limit on the length, and for those that are
//! telnet underneath, its commands taken out.

use memchr::memchr3;

/// What one byte of telnet means after those before it (RFC 854).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Telnet {
    #[default]
    Text,
    /// IAC came.
    Command,
    /// WILL, WON'T, DO or DON'T came: an option follows, which is not answered, for we have none.
    Option,
}

const IAC: u8 = 255;
const WILL: u8 = 251;
const DONT: u8 = 254;

/// A line that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes, without CR and LF.
    Whole(Vec<u8>),
    /// It was longer than the limit; nothing of it is left.
    TooLong,
}

/// Puts lines together from what comes. It keeps no more than one line and no more than the limit.
///
/// Over telnet a line ends with LF, with or without CR: what is typed by hand is understood, too. Where one message may be
/// hidden in another, only CRLF is an end ([`Lines::exact`]).
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    line: Vec<u8>,
    too_long: bool,
    /// `None`: every byte is what it is.
    telnet: Option<Telnet>,
    /// The byte before was CR.
    after_cr: bool,
}

impl Lines {
    /// Lines of at most `limit` bytes, without their ends, over telnet.
    pub fn new(limit: usize) -> Lines {
        Lines { limit, line: Vec::new(), too_long: false, telnet: Some(Telnet::Text), after_cr: false }
    }

    /// The same without telnet: only CRLF ends a line, and a CR or LF that stands alone is a byte of it.
    pub fn exact(limit: usize) -> Lines {
        Lines { telnet: None, ..Lines::new(limit) }
    }

    /// The line that these bytes begin with, its CRLF included, if it is exact, text without CR, LF and NUL, within the limit and
    /// here as a whole, as nearly all are: then it need not be put together. Of any other [`Lines::take`] knows more.
    pub fn at_once<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if !self.line.is_empty() || self.too_long || self.telnet.is_some() {
            return None;
        }
        let end = memchr3(b'\r', b'\n', 0, bytes)?;
        let line = bytes.get(..end + 2)?;
        let text = line.strip_suffix(b"\r\n")?;
        (text.len() <= self.limit).then_some(line)
    }

    /// Takes bytes up to the end of a line; returns how many, and the line if it ended there.
    pub fn take(&mut self, bytes: &[u8]) -> (usize, Option<Line>) {
        for (at, byte) in bytes.iter().enumerate() {
            match self.text(*byte) {
                Some(b'\n') if self.after_cr || self.telnet.is_some() => {
                    self.after_cr = false;
                    return (at + 1, Some(self.end()));
                }
                Some(byte) => {
                    self.after_cr = byte == b'\r';
                    self.push(byte);
                }
                None => {}
            }
        }
        (bytes.len(), None)
    }

    /// What a byte is to those who read text.
    fn text(&mut self, byte: u8) -> Option<u8> {
        let Some(telnet) = self.telnet else { return Some(byte) };
        let (next, text) = match (telnet, byte) {
            (Telnet::Text, IAC) => (Telnet::Command, None),
            (Telnet::Text, byte) => (Telnet::Text, Some(byte)),
            // Doubled, it is a byte like others.
            (Telnet::Command, IAC) => (Telnet::Text, Some(IAC)),
            (Telnet::Command, WILL..=DONT) => (Telnet::Option, None),
            // Interrupt process, data mark: what they ask for, the command behind them does.
            (Telnet::Command | Telnet::Option, _) => (Telnet::Text, None),
        };
        self.telnet = Some(next);
        text
    }

    fn push(&mut self, byte: u8) {
        // One more for the CR.
        if self.line.len() > self.limit {
            self.too_long = true;
            self.line.clear();
        }
        if !self.too_long {
            self.line.push(byte);
        }
    }

    fn end(&mut self) -> Line {
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if std::mem::take(&mut self.too_long) || line.len() > self.limit {
            return Line::TooLong;
        }
        Line::Whole(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines, however the bytes are cut.
    fn lines(bytes: &[u8], piece: usize) -> Vec<Line> {
        read(Lines::new(8), bytes, piece)
    }

    fn read(mut lines: Lines, bytes: &[u8], piece: usize) -> Vec<Line> {
        let mut found = Vec::new();
        for mut piece in bytes.chunks(piece) {
            while !piece.is_empty() {
                let (used, line) = lines.take(piece);
                found.extend(line);
                piece = &piece[used..];
            }
        }
        assert!(lines.line.len() <= 9);
        found
    }

    #[test]
    fn lines_end_where_they_end_however_they_are_cut() {
        let whole = |text: &[u8]| Line::Whole(text.to_vec());
        for piece in [1, 2, 3, 1000] {
            let text = b"one\r\ntwo\n\r\n12345678\r\n123456789\r\na\rb\r\nrest";
            let expected =
                [whole(b"one"), whole(b"two"), whole(b""), whole(b"12345678"), Line::TooLong, whole(b"a\rb")];
            assert_eq!(lines(text, piece), expected);
        }
    }

    #[test]
    fn only_both_bytes_end_an_exact_line() {
        let whole = |text: &[u8]| Line::Whole(text.to_vec());
        for piece in [1, 2, 3, 1000] {
            let text = b"a\nb\r\n\xff\xf4c\r\rd\r\n12345678\n9\r\n\r\n";
            let expected = [whole(b"a\nb"), whole(b"\xff\xf4c\r\rd"), Line::TooLong, whole(b"")];
            assert_eq!(read(Lines::exact(8), text, piece), expected);
        }
    }

    #[test]
    fn a_line_that_is_here_as_a_whole_is_what_would_be_put_together() {
        for text in
            [&b"12345678\r\nab\r\n"[..], b"\r\n", b"a\rb\r\n", b"a\r\r\n", b"123456789\r\n", b"a\nb\r\n", b"ab\r", b""]
        {
            if let Some(line) = Lines::exact(8).at_once(text) {
                let whole = Line::Whole(line[..line.len() - 2].to_vec());
                assert_eq!(Lines::exact(8).take(text), (line.len(), Some(whole)), "{text:?}");
            }
        }
        let at_once = |text| Lines::exact(8).at_once(text);
        assert_eq!(
            (at_once(b"12345678\r\nab\r\n"), at_once(b"\r\n")),
            (Some(&b"12345678\r\n"[..]), Some(&b"\r\n"[..]))
        );
        for text in [&b"123456789\r\n"[..], b"a\nb\r\n", b"a\rb\r\n", b"a\r\r\n", b"a\0\r\n", b"ab\r", b""] {
            assert_eq!(at_once(text), None, "{text:?}");
        }
        assert_eq!(Lines::new(8).at_once(b"a\r\n"), None);
        // What came before belongs to it, be it one that is thrown away.
        for before in [&b"a"[..], b"a\r", b"1234567890"] {
            let mut lines = Lines::exact(8);
            lines.take(before);
            assert_eq!(lines.at_once(b"b\r\n"), None, "{before:?}");
        }
    }

    #[test]
    fn telnet_is_taken_out() {
        for piece in [1, 2, 1000] {
            // IP, data mark, DO echo, and a byte that is doubled.
            let text = b"\xff\xf4\xff\xf2AB\xff\xfd\x01OR\xff\xff\r\n";
            assert_eq!(lines(text, piece), [Line::Whole(b"ABOR\xff".to_vec())]);
        }
    }

    #[test]
    fn a_mebibyte_without_an_end_keeps_nothing() {
        let mut bytes = vec![b'A'; 1 << 20];
        bytes.extend(b"\r\nNOOP\r\n");
        assert_eq!(lines(&bytes, 1460), [Line::TooLong, Line::Whole(b"NOOP".to_vec())]);
    }
}
