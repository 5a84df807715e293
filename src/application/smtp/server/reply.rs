//! Replies: a code (RFC 5321 §4.2), an enhanced status code (RFC 3463, RFC 2034), and a text.

/// A reply of one line, which does not change, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply(pub(super) &'static str);

pub(super) const HELP: Reply =
    Reply("214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET VRFY EXPN NOOP HELP STARTTLS AUTH QUIT");
pub(super) const BEGIN_TLS: Reply = Reply("220 2.0.0 Begin.");
pub(super) const GOODBYE: Reply = Reply("221 2.0.0 Goodbye.");
pub(super) const LOGGED_IN: Reply = Reply("235 2.7.0 Welcome.");
pub(super) const OKAY: Reply = Reply("250 2.0.0 Okay.");
pub(super) const SENDER: Reply = Reply("250 2.1.0 Go on.");
pub(super) const RECIPIENT: Reply = Reply("250 2.1.5 Go on.");
pub(super) const NOT_VERIFIED: Reply = Reply("252 2.5.0 Send it, and you will see.");
/// RFC 4954 §4: what AUTH wants to hear next, in base64. Nothing, "Username:", "Password:".
pub(super) const AUTH_ANYTHING: Reply = Reply("334 ");
pub(super) const AUTH_NAME: Reply = Reply("334 VXNlcm5hbWU6");
pub(super) const AUTH_PASSWORD: Reply = Reply("334 UGFzc3dvcmQ6");
pub(super) const MESSAGE: Reply = Reply("354 The message, then a line with a dot.");
pub(super) const BUSY: Reply = Reply("421 4.3.2 Too many connections: come back later.");
pub(super) const SILENT: Reply = Reply("421 4.4.2 You said nothing for too long.");
pub(super) const NONSENSE: Reply = Reply("421 4.7.0 That was no command too often.");
pub(super) const TOO_MANY_GUESSES: Reply = Reply("421 4.7.0 There were too many wrong passwords: come back later.");
pub(super) const TOO_MANY_STRANGERS: Reply = Reply("421 4.7.0 You asked for too many whom nobody here is called.");
pub(super) const TROUBLE: Reply = Reply("451 4.3.0 It cannot be stored now: try again later.");
pub(super) const DISK_FULL: Reply = Reply("452 4.3.1 The disk is full: try again later.");
pub(super) const TOO_MANY_RECIPIENTS: Reply = Reply("452 4.5.3 These are enough for one message.");
pub(super) const NO_VERIFICATION: Reply = Reply("454 4.7.0 Passwords cannot be compared now: try again later.");
pub(super) const UNKNOWN: Reply = Reply("500 5.5.2 I do not know that command.");
pub(super) const LINE_TOO_LONG: Reply = Reply("500 5.5.2 That line is too long.");
pub(super) const NO_LINE: Reply = Reply("500 5.5.2 A command is text, and ends with CR and LF.");
pub(super) const NOT_BASE64: Reply = Reply("501 5.5.2 That is not base64 of what belongs here.");
pub(super) const CANCELLED: Reply = Reply("501 5.7.0 Not logged in.");
pub(super) const BAD_ADDRESS: Reply = Reply("501 5.1.3 That is no address.");
pub(super) const BAD_SENDER: Reply = Reply("501 5.1.7 That is no address.");
pub(super) const BAD_PARAMETER: Reply = Reply("501 5.5.4 A parameter has a wrong value.");
pub(super) const UNSUPPORTED_PARAMETER: Reply = Reply("555 5.5.4 There is no such parameter here.");
pub(super) const NOT_IMPLEMENTED: Reply = Reply("502 5.5.1 That is not done here.");
pub(super) const SAY_HELLO: Reply = Reply("503 5.5.1 Say EHLO first.");
pub(super) const SAY_MAIL: Reply = Reply("503 5.5.1 Say MAIL first.");
pub(super) const NESTED: Reply = Reply("503 5.5.1 There is a sender already: RSET forgets it.");
pub(super) const WITHIN_CHUNKS: Reply = Reply("503 5.5.1 The message comes by BDAT: send the rest, or RSET.");
pub(super) const BINARY_BY_DATA: Reply = Reply("503 5.5.1 A binary message comes by BDAT.");
pub(super) const ALREADY: Reply = Reply("503 5.5.1 That was done already.");
pub(super) const MECHANISM: Reply = Reply("504 5.5.4 PLAIN and LOGIN are the mechanisms.");
pub(super) const LOG_IN: Reply = Reply("530 5.7.0 Log in first.");
pub(super) const WRONG_PASSWORD: Reply = Reply("535 5.7.8 That is not right.");
pub(super) const NOT_IN_THE_CLEAR: Reply = Reply("538 5.7.11 Say STARTTLS first.");
pub(super) const NOBODY: Reply = Reply("550 5.1.1 There is nobody of that name.");
pub(super) const NO_LIST: Reply = Reply("550 5.1.1 There are no lists here.");
pub(super) const NO_RELAY: Reply = Reply("550 5.7.1 Mail for elsewhere is taken from those only who log in.");
pub(super) const NO_ROUTE: Reply = Reply("550 5.4.4 No mail leaves from here.");
pub(super) const BARE: Reply = Reply("550 5.6.11 A CR or LF stands alone: lines end with both.");
pub(super) const NUL: Reply = Reply("550 5.6.0 There is a NUL in it.");
pub(super) const TOO_LARGE: Reply = Reply("552 5.3.4 The message is too large.");
pub(super) const NOT_ASCII: Reply = Reply("553 5.6.7 Say SMTPUTF8 for such an address.");
pub(super) const NO_RECIPIENT: Reply = Reply("554 5.5.1 There is nobody whom it is for.");
