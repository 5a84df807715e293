//! What servers answer: a code and a text, on one line or several (RFC 959 §4.2).

use super::super::line::{Line, Lines};
use super::address::read_port;
use crate::base::limits;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// Of its last line, without control characters.
    pub(super) text: String,
}

/// Puts replies together from what comes.
pub(super) struct Answers {
    lines: Lines,
    /// The code of a reply whose last line has not come.
    within: Option<u16>,
}

/// It is no reply of FTP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer;

impl Answers {
    pub(super) fn new() -> Answers {
        Answers { lines: Lines::new(limits::FTP_LINE), within: None }
    }

    /// Takes bytes up to the end of a reply; returns how many, and the reply if it ended there.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Answer>), NoAnswer> {
        let mut used = 0;
        while used < bytes.len() {
            let (count, line) = self.lines.take(&bytes[used..]);
            used += count;
            if let Some(line) = line {
                let Line::Whole(line) = line else { return Err(NoAnswer) };
                if let Some(answer) = self.end(&line)? {
                    return Ok((used, Some(answer)));
                }
            }
        }
        Ok((used, None))
    }

    fn end(&mut self, line: &[u8]) -> Result<Option<Answer>, NoAnswer> {
        let digits = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let code = digits.map(|digits| digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')));
        match (self.within, code, line.get(3)) {
            (within, Some(code), Some(b' ') | None) if within.is_none_or(|within| within == code) => {
                self.within = None;
                let text = String::from_utf8_lossy(line.get(4..).unwrap_or_default());
                Ok(Some(Answer { code, text: text.chars().filter(|c| !c.is_control()).collect() }))
            }
            (Some(_), ..) => Ok(None),
            (None, Some(code), Some(b'-')) => {
                self.within = Some(code);
                Ok(None)
            }
            (None, ..) => Err(NoAnswer),
        }
    }
}

impl Answer {
    /// The port in `(|||port|)` (RFC 2428 §3).
    pub(super) fn extended_port(&self) -> Option<u16> {
        let inside = self.text.split_once('(')?.1.split_once(')')?.0;
        let bar = inside.chars().next()?;
        let parts: Vec<&str> = inside.split(bar).collect();
        let &["", _, _, port, ""] = parts.as_slice() else { return None };
        port.parse().ok().filter(|port| *port > 0)
    }

    /// The port in `h1,h2,h3,h4,p1,p2`, wherever it stands (RFC 1123 §4.1.2.6). Whose address that is does not matter: data
    /// come from the server that we talk to.
    pub(super) fn passive_port(&self) -> Option<u16> {
        let text = self.text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = text.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(text.len());
        let from_brackets =
            self.text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inside, _)| inside);
        let read = |text: &str| read_port(text).ok().map(|endpoint| endpoint.port).filter(|port| *port > 0);
        from_brackets.and_then(read).or_else(|| read(&text[..end]))
    }

    /// A number that is all of the text.
    pub(super) fn number(&self) -> Option<u64> {
        self.text.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &[u8]) -> Result<Vec<(u16, String)>, NoAnswer> {
        let (mut answers, mut rest, mut all) = (Answers::new(), text, Vec::new());
        while !rest.is_empty() {
            let (used, answer) = answers.take(rest)?;
            all.extend(answer.map(|answer| (answer.code, answer.text)));
            rest = &rest[used..];
        }
        Ok(all)
    }

    #[test]
    fn replies_are_read_however_many_lines_they_have() {
        let text = b"220-Hello\r\n 220 not yet\r\n221 nor yet\r\n220 End\r\n331\r\n";
        assert_eq!(answers(text), Ok(vec![(220, "End".to_owned()), (331, String::new())]));
        assert_eq!(answers(b"HTTP/1.1 400 Bad Request\r\n"), Err(NoAnswer));
        assert_eq!(answers(&vec![b'2'; 10_000]), Ok(vec![]));
        assert_eq!(answers(b"550 no\x1b[31m\r\n"), Ok(vec![(550, "no[31m".to_owned())]));
    }

    #[test]
    fn ports_are_found() {
        let answer = |text: &str| Answer { code: 227, text: text.to_owned() };
        assert_eq!(answer("Entering Extended Passive Mode (|||50001|)").extended_port(), Some(50_001));
        assert_eq!(answer("Entering Passive Mode (10,0,0,1,195,81).").passive_port(), Some(50_001));
        assert_eq!(answer("Entering Passive Mode 10,0,0,1,195,81").passive_port(), Some(50_001));
        for wrong in ["", "(", "(|||)", "(|||0|)", "(||||||)", "(10,0,0,1,195)", "(10,0,0,1,0,0)", "(|||65536|)"] {
            assert_eq!((answer(wrong).extended_port(), answer(wrong).passive_port()), (None, None), "{wrong}");
        }
    }
}
