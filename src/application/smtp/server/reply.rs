//! Replies: a code (RFC 5321 §4.2), an enhanced status code (RFC 3463, RFC 2034), and a text.

/// An enhanced status code without its class, which is the code's first digit.
pub(super) type Detail = (u8, u8);

/// A reply of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) detail: Detail,
    pub(super) text: &'static str,
}

/// One with a text that does not change.
pub(super) const fn reply(code: u16, detail: Detail, text: &'static str) -> Reply {
    Reply { code, detail, text }
}

/// One line: `250 2.1.0 text`.
pub(super) fn line(code: u16, (subject, detail): Detail, text: &str) -> String {
    format!("{code} {}.{subject}.{detail} {text}\r\n", code / 100)
}

/// Several lines without enhanced status codes, which the greeting and answers to EHLO do not have (RFC 2034 §4).
pub(super) fn lines(code: u16, texts: &[String]) -> String {
    let (last, code) = (texts.len().saturating_sub(1), code.to_string());
    let mut all = String::with_capacity(texts.iter().map(|text| text.len() + 6).sum());
    for (at, text) in texts.iter().enumerate() {
        [code.as_str(), if at == last { " " } else { "-" }, text, "\r\n"].iter().for_each(|part| all.push_str(part));
    }
    all
}

pub(super) const OKAY: Reply = reply(250, (0, 0), "Okay.");
pub(super) const SENDER: Reply = reply(250, (1, 0), "Go on.");
pub(super) const RECIPIENT: Reply = reply(250, (1, 5), "Go on.");
pub(super) const LOGGED_IN: Reply = reply(235, (7, 0), "Welcome.");
pub(super) const NOT_VERIFIED: Reply = reply(252, (5, 0), "Send it, and you will see.");
pub(super) const BUSY: Reply = reply(421, (3, 2), "Too many connections: come back later.");
pub(super) const SILENT: Reply = reply(421, (4, 2), "You said nothing for too long.");
pub(super) const NONSENSE: Reply = reply(421, (7, 0), "That was no command too often.");
pub(super) const TOO_MANY_GUESSES: Reply = reply(421, (7, 0), "There were too many wrong passwords: come back later.");
pub(super) const TOO_MANY_STRANGERS: Reply = reply(421, (7, 0), "You asked for too many whom nobody here is called.");
pub(super) const TROUBLE: Reply = reply(451, (3, 0), "It cannot be stored now: try again later.");
pub(super) const DISK_FULL: Reply = reply(452, (3, 1), "The disk is full: try again later.");
pub(super) const TOO_MANY_RECIPIENTS: Reply = reply(452, (5, 3), "These are enough for one message.");
pub(super) const UNKNOWN: Reply = reply(500, (5, 2), "I do not know that command.");
pub(super) const LINE_TOO_LONG: Reply = reply(500, (5, 2), "That line is too long.");
pub(super) const NO_LINE: Reply = reply(500, (5, 2), "A command is text, and ends with CR and LF.");
pub(super) const NOT_BASE64: Reply = reply(501, (5, 2), "That is not base64 of what belongs here.");
pub(super) const CANCELLED: Reply = reply(501, (7, 0), "Not logged in.");
pub(super) const BAD_ADDRESS: Reply = reply(501, (1, 3), "That is no address.");
pub(super) const BAD_SENDER: Reply = reply(501, (1, 7), "That is no address.");
pub(super) const BAD_PARAMETER: Reply = reply(501, (5, 4), "A parameter has a wrong value.");
pub(super) const UNSUPPORTED_PARAMETER: Reply = reply(555, (5, 4), "There is no such parameter here.");
pub(super) const NOT_IMPLEMENTED: Reply = reply(502, (5, 1), "That is not done here.");
pub(super) const SAY_HELLO: Reply = reply(503, (5, 1), "Say EHLO first.");
pub(super) const SAY_MAIL: Reply = reply(503, (5, 1), "Say MAIL first.");
pub(super) const NESTED: Reply = reply(503, (5, 1), "There is a sender already: RSET forgets it.");
pub(super) const WITHIN_CHUNKS: Reply = reply(503, (5, 1), "The message comes by BDAT: send the rest, or RSET.");
pub(super) const BINARY_BY_DATA: Reply = reply(503, (5, 1), "A binary message comes by BDAT.");
pub(super) const ALREADY: Reply = reply(503, (5, 1), "That was done already.");
pub(super) const MECHANISM: Reply = reply(504, (5, 4), "PLAIN and LOGIN are the mechanisms.");
pub(super) const LOG_IN: Reply = reply(530, (7, 0), "Log in first.");
pub(super) const WRONG_PASSWORD: Reply = reply(535, (7, 8), "That is not right.");
pub(super) const NOT_IN_THE_CLEAR: Reply = reply(538, (7, 11), "Say STARTTLS first.");
pub(super) const NOBODY: Reply = reply(550, (1, 1), "There is nobody of that name.");
pub(super) const NO_LIST: Reply = reply(550, (1, 1), "There are no lists here.");
pub(super) const NO_RELAY: Reply = reply(550, (7, 1), "Mail for elsewhere is taken from those only who log in.");
pub(super) const NO_ROUTE: Reply = reply(550, (4, 4), "No mail leaves from here.");
pub(super) const BARE: Reply = reply(550, (6, 11), "A CR or LF stands alone: lines end with both.");
pub(super) const NUL: Reply = reply(550, (6, 0), "There is a NUL in it.");
pub(super) const TOO_LARGE: Reply = reply(552, (3, 4), "The message is too large.");
pub(super) const NOT_ASCII: Reply = reply(553, (6, 7), "Say SMTPUTF8 for such an address.");
pub(super) const NO_RECIPIENT: Reply = reply(554, (5, 1), "There is nobody whom it is for.");
