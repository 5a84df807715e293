//! The lines that we put in front of a message (RFC 5321 §4.4).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::super::dsn::Date;
use crate::base::address::{Address, Family};

/// Whose connection it is: what the client said with EHLO or HELO, and its address.
pub(super) fn whence(hello: &str, peer: Address) -> String {
    // What a client says of itself goes nowhere but where it stands.
    let is_safe =
        |letter: &char| !letter.is_whitespace() && !matches!(letter, '(' | ')' | '<' | '>' | ';' | '\\' | '"');
    let mut whence = String::with_capacity(hello.len() + 64);
    whence.extend(hello.chars().take(255).filter(is_safe));
    if whence.is_empty() {
        whence.push_str("unknown");
    }
    let tag = if peer.family() == Family::V6 { "IPv6:" } else { "" };
    // A string takes whatever is written.
    let _ = write!(whence, " ([{tag}{peer}])");
    whence
}

/// How a message came, and when.
pub(super) struct Received<'a> {
    /// Whose connection brought it ([`whence`]).
    pub(super) from: &'a str,
    /// Our name.
    pub(super) by: &'a str,
    pub(super) extended: bool,
    pub(super) utf8: bool,
    pub(super) secure: bool,
    pub(super) authenticated: bool,
    pub(super) id: &'a str,
    /// The only recipient, as in a path; of several, none is named, for they need not know of each other (§7.2).
    pub(super) recipient: Option<Cow<'a, str>>,
    pub(super) date: Date,
}

impl Received<'_> {
    /// The line, folded.
    pub(super) fn parts(&self) -> [&str; 14] {
        let Received { from, by, id, .. } = *self;
        let [begin, to, end] = self.recipient.as_deref().map_or(["", "", ";"], |to| ["\r\n\tfor <", to, ">;"]);
        let protocol = self.protocol();
        let date = &self.date;
        [
            "Received: from ",
            from,
            "\r\n\tby ",
            by,
            " with ",
            protocol,
            " id ",
            id,
            begin,
            to,
            end,
            "\r\n\t",
            date,
            "\r\n",
        ]
    }

    /// RFC 3848, RFC 6531 §3.7.3.
    fn protocol(&self) -> &'static str {
        let Received { extended, utf8, secure, authenticated, .. } = *self;
        match (extended, utf8, secure, authenticated) {
            (false, ..) => "SMTP",
            (true, false, false, false) => "ESMTP",
            (true, false, false, true) => "ESMTPA",
            (true, false, true, false) => "ESMTPS",
            (true, false, true, true) => "ESMTPSA",
            (true, true, false, false) => "UTF8SMTP",
            (true, true, false, true) => "UTF8SMTPA",
            (true, true, true, false) => "UTF8SMTPS",
            (true, true, true, true) => "UTF8SMTPSA",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::dsn;
    use super::*;

    #[test]
    fn a_trace_tells_whence_and_how() {
        let peer = "fd77::1".parse().unwrap();
        let from = whence("client.example", peer);
        let received = Received {
            from: &from,
            by: "here.example",
            extended: true,
            utf8: false,
            secure: true,
            authenticated: true,
            id: "7",
            recipient: Some(Cow::Borrowed("\"a b\"@here.example")),
            date: dsn::date(1_700_000_000),
        };
        let expected = "Received: from client.example ([IPv6:fd77::1])\r\n\tby here.example with ESMTPSA id 7\r\n\
                        \tfor <\"a b\"@here.example>;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n";
        assert_eq!(received.parts().concat(), expected);
        let from = whence("a) b\"", peer);
        let plain = Received { extended: false, recipient: None, from: &from, ..received };
        assert!(
            plain
                .parts()
                .concat()
                .starts_with("Received: from ab ([IPv6:fd77::1])\r\n\tby here.example with SMTP id 7;")
        );
        assert_eq!(whence("()", Address::from_v4([10, 0, 0, 1])), "unknown ([10.0.0.1])");
    }
}
