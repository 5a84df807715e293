//! The lines that we put in front of a message (RFC 5321 §4.4).

use super::super::maildir::Name;
use super::super::queue::Id;
use super::super::{address, dsn};
use crate::base::address::{Address, Family};

/// Whence a message came, and how.
pub(super) struct Received<'a> {
    /// What the client said with EHLO or HELO.
    pub(super) hello: &'a str,
    pub(super) peer: Address,
    /// Our name.
    pub(super) by: &'a str,
    pub(super) extended: bool,
    pub(super) utf8: bool,
    pub(super) secure: bool,
    pub(super) authenticated: bool,
    pub(super) id: &'a str,
    /// The only recipient; of several, none is named, for they need not know of each other (§7.2).
    pub(super) recipient: Option<&'a str>,
    /// Seconds since 1970.
    pub(super) time: u64,
}

impl Received<'_> {
    /// The line, folded.
    pub(super) fn line(&self) -> String {
        let Received { hello, peer, by, id, .. } = self;
        let protocol = self.protocol();
        let literal = match peer.family() {
            Family::V4 => format!("[{peer}]"),
            Family::V6 => format!("[IPv6:{peer}]"),
        };
        // What a client says of itself goes nowhere but where it stands.
        let hello: String =
            hello.chars().filter(|letter| !letter.is_whitespace() && !"()<>;\\\"".contains(*letter)).collect();
        let hello = if hello.is_empty() { "unknown" } else { &hello };
        let recipient = self.recipient.map(|to| format!("\r\n\tfor <{}>", address::quoted(to))).unwrap_or_default();
        let date = dsn::date(self.time);
        format!("Received: from {hello} ({literal})\r\n\tby {by} with {protocol} id {id}{recipient};\r\n\t{date}\r\n")
    }

    /// RFC 3848, RFC 6531 §3.7.3.
    fn protocol(&self) -> String {
        let name = match (self.extended, self.utf8) {
            (false, _) => return "SMTP".to_owned(),
            (true, false) => "ESMTP",
            (true, true) => "UTF8SMTP",
        };
        let secure = if self.secure { "S" } else { "" };
        let authenticated = if self.authenticated { "A" } else { "" };
        format!("{name}{secure}{authenticated}")
    }
}

/// What a message is called in `Received:`, and when it is told that it was taken over.
pub(super) fn id_of(queue: Option<Id>, name: &Name) -> String {
    queue.map_or_else(|| name.to_string().split('.').take(2).collect::<Vec<_>>().join("."), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_tells_whence_and_how() {
        let received = Received {
            hello: "client.example",
            peer: "fd77::1".parse().unwrap(),
            by: "here.example",
            extended: true,
            utf8: false,
            secure: true,
            authenticated: true,
            id: "7",
            recipient: Some("a b@here.example"),
            time: 1_700_000_000,
        };
        let expected = "Received: from client.example ([IPv6:fd77::1])\r\n\tby here.example with ESMTPSA id 7\r\n\
                        \tfor <\"a b\"@here.example>;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n";
        assert_eq!(received.line(), expected);
        let plain = Received { extended: false, recipient: None, hello: "a) b\"", ..received };
        assert!(plain.line().starts_with("Received: from ab ([IPv6:fd77::1])\r\n\tby here.example with SMTP id 7;"));
    }
}
