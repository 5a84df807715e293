//! The lines that we put in front of a message (RFC 5321 §4.4).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::super::dsn::Date;
use crate::base::address::Address;

/// What `Received:` begins with on a connection: what the client said with EHLO or HELO, its address, and our name.
pub(super) fn beginning(hello: &str, peer: Address, by: &str) -> String {
    // What a client says of itself goes nowhere but where it stands.
    let is_safe =
        |letter: &char| !letter.is_whitespace() && !matches!(letter, '(' | ')' | '<' | '>' | ';' | '\\' | '"');
    let mut line = String::with_capacity(hello.len() + by.len() + 80);
    line.push_str("Received: from ");
    let before = line.len();
    if hello.len() <= 255 && hello.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        // A domain, as nearly all are.
        line.push_str(hello);
    } else {
        line.extend(hello.chars().take(255).filter(is_safe));
    }
    if line.len() == before {
        line.push_str("unknown");
    }
    line.push_str(" ([");
    match IpAddr::from(peer) {
        // Formatting it takes several times as long.
        IpAddr::V4(peer) => {
            let [first, rest @ ..] = peer.octets();
            let mut digits = itoa::Buffer::new();
            line.push_str(digits.format(first));
            rest.iter().for_each(|octet| line.extend([".", digits.format(*octet)]));
        }
        // A string takes whatever is written.
        IpAddr::V6(peer) => drop(write!(line, "IPv6:{peer}")),
    }
    ["])\r\n\tby ", by, " with "].iter().for_each(|part| line.push_str(part));
    line
}

/// How a message came, and when.
pub(super) struct Received<'a> {
    /// What the line begins with ([`beginning`]).
    pub(super) beginning: &'a str,
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
    pub(super) fn parts(&self) -> [&str; 9] {
        let Received { beginning, id, .. } = *self;
        let [before, to, behind] = match &self.recipient {
            Some(to) => ["\r\n\tfor <", to, ">;\r\n\t"],
            None => ["", "", ";\r\n\t"],
        };
        [beginning, self.protocol(), " id ", id, before, to, behind, &self.date, "\r\n"]
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
        let first = beginning("client.example", peer, "here.example");
        let received = Received {
            beginning: &first,
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
        let first = beginning("a) b\"", peer, "here.example");
        let plain = Received { extended: false, recipient: None, beginning: &first, ..received };
        assert!(
            plain
                .parts()
                .concat()
                .starts_with("Received: from ab ([IPv6:fd77::1])\r\n\tby here.example with SMTP id 7;")
        );
        let nameless = beginning("()", Address::from_v4([10, 0, 0, 1]), "here.example");
        assert_eq!(nameless, "Received: from unknown ([10.0.0.1])\r\n\tby here.example with ");
    }
}
