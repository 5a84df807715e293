//! What servers reply: a code and lines of text (RFC 5321 §4.2), with an enhanced status code in front perhaps (RFC 2034).

use crate::application::line::{Line, Lines};
use crate::base::limits;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its three digits.
    pub code: u16,
    /// Its lines, without the code and without control characters.
    pub lines: Vec<String>,
}

/// It is no reply of SMTP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not speak SMTP")]
pub struct NoReply;

impl Reply {
    /// 2yz.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 5yz.
    pub fn is_final(&self) -> bool {
        self.code >= 500
    }

    /// The enhanced status code; what comes nearest to the code when it says none that agrees with it.
    pub fn status(&self) -> String {
        let class = self.code / 100;
        let said = self.lines.last().and_then(|line| enhanced(line)).filter(|(first, _)| u16::from(*first) == class);
        said.map_or_else(|| format!("{class}.0.0"), |(_, code)| code.to_owned())
    }

    /// All of it in one line.
    pub fn text(&self) -> String {
        let mut text = format!("{:03}", self.code);
        self.lines.iter().filter(|line| !line.is_empty()).for_each(|line| {
            text.push(' ');
            text.push_str(line);
        });
        text
    }
}

/// The first digit of an enhanced status code at the beginning of a text, and all of it.
fn enhanced(text: &str) -> Option<(u8, &str)> {
    let code = text.split(' ').next()?;
    let parts: Vec<&str> = code.split('.').collect();
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let [class @ ("2" | "4" | "5"), subject, detail] = parts.as_slice() else { return None };
    (is_number(subject) && is_number(detail)).then(|| (class.as_bytes()[0] - b'0', code))
}

/// Puts replies together from what comes.
#[derive(Debug)]
pub(super) struct Replies {
    lines: Lines,
    /// The code of a reply whose last line has not come, and those that have.
    within: Option<(u16, Vec<String>)>,
}

impl Replies {
    pub(super) fn new() -> Replies {
        Replies { lines: Lines::exact(limits::SMTP_REPLY_LINE), within: None }
    }

    /// Takes bytes up to the end of a reply; returns how many, and the reply if it ended there.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Reply>), NoReply> {
        let mut used = 0;
        while used < bytes.len() {
            let (count, line) = self.lines.take(&bytes[used..]);
            used += count;
            if let Some(line) = line {
                let Line::Whole(line) = line else { return Err(NoReply) };
                if let Some(reply) = self.end(&line)? {
                    return Ok((used, Some(reply)));
                }
            }
        }
        Ok((used, None))
    }

    fn end(&mut self, line: &[u8]) -> Result<Option<Reply>, NoReply> {
        let digits = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit)).ok_or(NoReply)?;
        let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let is_last = match line.get(3) {
            Some(b' ') | None => true,
            Some(b'-') => false,
            Some(_) => return Err(NoReply),
        };
        let (begun, mut lines) = self.within.take().unwrap_or((code, Vec::new()));
        // RFC 5321 §4.2.1: the code is the same on every line.
        if begun != code || !(200..600).contains(&code) {
            return Err(NoReply);
        }
        if lines.len() < limits::SMTP_REPLY_LINES {
            let text = String::from_utf8_lossy(line.get(4..).unwrap_or_default());
            lines.push(text.chars().filter(|c| !c.is_control()).collect());
        }
        if is_last {
            return Ok(Some(Reply { code, lines }));
        }
        self.within = Some((code, lines));
        Ok(None)
    }
}

/// What a server can (RFC 5321 §4.1.1.1): the lines of its reply to EHLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) pipelining: bool,
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
    pub(super) chunking: bool,
    pub(super) binary: bool,
    pub(super) dsn: bool,
    pub(super) starttls: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
    /// It knows SIZE, and this is the largest if it says one.
    pub(super) size: Option<Option<u64>>,
}

impl Offers {
    pub(super) fn read(reply: &Reply) -> Offers {
        let mut offers = Offers::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let Some(keyword) = words.next().map(str::to_ascii_uppercase) else { continue };
            match keyword.as_str() {
                "PIPELINING" => offers.pipelining = true,
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.utf8 = true,
                "CHUNKING" => offers.chunking = true,
                "BINARYMIME" => offers.binary = true,
                "DSN" => offers.dsn = true,
                "STARTTLS" => offers.starttls = true,
                // RFC 1870 §3: 0 is no limit.
                "SIZE" => {
                    offers.size = Some(words.next().and_then(|most| most.parse().ok()).filter(|most| *most > 0));
                }
                "AUTH" => words.for_each(|mechanism| {
                    offers.plain |= mechanism.eq_ignore_ascii_case("PLAIN");
                    offers.login |= mechanism.eq_ignore_ascii_case("LOGIN");
                }),
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(text: &[u8], piece: usize) -> Result<Vec<Reply>, NoReply> {
        let (mut replies, mut all) = (Replies::new(), Vec::new());
        for mut piece in text.chunks(piece) {
            while !piece.is_empty() {
                let (used, reply) = replies.take(piece)?;
                all.extend(reply);
                piece = &piece[used..];
            }
        }
        Ok(all)
    }

    fn reply(code: u16, lines: &[&str]) -> Reply {
        Reply { code, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let text = b"220 mx ESMTP\r\n250-mx\r\n250-SIZE 10\r\n250 DSN\r\n354\r\n550 5.1.1 no\x07 \xfe\r\n";
        let all = [
            reply(220, &["mx ESMTP"]),
            reply(250, &["mx", "SIZE 10", "DSN"]),
            reply(354, &[""]),
            reply(550, &["5.1.1 no \u{fffd}"]),
        ];
        for piece in 1..text.len() {
            assert_eq!(replies(text, piece).as_deref(), Ok(&all[..]));
        }
    }

    #[test]
    fn what_is_no_reply_is_refused_and_what_never_ends_is_not_kept() {
        for text in ["HTTP/1.1 400 Bad\r\n", "22\r\n", "250-a\r\n251 b\r\n", "250+a\r\n", "999 x\r\n", "\r\n"] {
            assert_eq!(replies(text.as_bytes(), 100), Err(NoReply), "{text}");
        }
        let endless = b"250-more\r\n".repeat(10_000);
        let mut all = Replies::new();
        assert_eq!(all.take(&endless), Ok((endless.len(), None)));
        assert_eq!(all.within.unwrap().1.len(), limits::SMTP_REPLY_LINES);
        assert_eq!(replies(&vec![b'2'; 100_000], 1000), Ok(vec![]));
    }

    #[test]
    fn status_codes_are_those_of_the_reply() {
        assert_eq!(reply(550, &["5.1.1 nobody"]).status(), "5.1.1");
        assert_eq!(reply(451, &["5.1.1 nobody"]).status(), "4.0.0", "it does not agree");
        for line in ["nobody", "5.1", "5.1.1.1 x", "5.1234.1 x", "5..1 x"] {
            assert_eq!(reply(550, &[line]).status(), "5.0.0", "{line}");
        }
        assert_eq!(reply(250, &["2.0.0 one", "2.1.5 two"]).status(), "2.1.5");
        assert_eq!(reply(550, &["a", "", "b"]).text(), "550 a b");
    }

    #[test]
    fn offers_are_read() {
        let offers = Offers::read(&reply(250, &["mx", "size 0", "8bitmime", "AUTH PLAIN LOGIN", "XANY 1"]));
        assert_eq!(offers, Offers { eight_bit: true, plain: true, login: true, size: Some(None), ..Offers::default() });
        assert_eq!(Offers::read(&reply(250, &["SIZE 10"])), Offers::default(), "that is its name");
        assert_eq!(Offers::read(&reply(250, &["mx", "SIZE 10"])).size, Some(Some(10)));
    }
}
