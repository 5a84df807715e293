//! Who a message is from and for, as the queue keeps it.
//!
//! JSON, so that who looks into a queue can read it, and a later version can add to it.

use serde::{Deserialize, Serialize};

/// The envelope of a queued message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The reverse-path without its brackets; empty: nobody is to be told (RFC 5321 §4.5.5).
    pub sender: String,
    /// Whom it is for, at elsewhere; and who has it here already, of whom the sender is to be told.
    pub recipients: Vec<Recipient>,
    /// What MAIL said of the content (RFC 6152 §3, RFC 3030 §3).
    #[serde(default)]
    pub body: Body,
    /// MAIL said SMTPUTF8 (RFC 6531 §3.4).
    #[serde(default)]
    pub utf8: bool,
    /// Bytes of the content.
    pub size: u64,
    /// RET of MAIL (RFC 3461 §4.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<Return>,
    /// ENVID of MAIL, as it stood there: in xtext (RFC 3461 §4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
    /// When it was taken over, in seconds since 1970.
    pub arrived: u64,
    /// How often it was tried.
    #[serde(default)]
    pub tries: u32,
    /// When it is to be tried next, in seconds since 1970.
    #[serde(default)]
    pub next: u64,
    /// The sender was told that it takes long (RFC 3461 §4.1, NOTIFY=DELAY).
    #[serde(default)]
    pub told_of_delay: bool,
}

/// One for whom a message is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The forward-path without its brackets and source route.
    pub address: String,
    /// NOTIFY of RCPT; `None`: it was not said (RFC 3461 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// ORCPT of RCPT, as it stood there: `rfc822;` and xtext (RFC 3461 §4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
    /// What became of it.
    #[serde(default)]
    pub status: Status,
    /// What was said of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

impl Recipient {
    /// One of whom nothing more is known than the address.
    pub fn new(address: impl Into<String>) -> Recipient {
        Recipient { address: address.into(), notify: None, orcpt: None, status: Status::Waiting, said: None }
    }
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// To be tried.
    #[default]
    Waiting,
    /// The next hop took it over, and the sender, who wants to hear so, is yet to be told.
    Relayed,
    /// It is in a mailbox of ours, and the sender, who wants to hear so, is yet to be told.
    Delivered,
    /// It will not be taken, and the sender is yet to be told.
    Failed,
    /// Nothing more is to be done.
    Done,
}

/// Why, in words of the next hop or of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The enhanced status code (RFC 3463), as `4.4.1`.
    pub code: String,
    /// The reply, or the reason.
    pub text: String,
    /// Whose reply it is; `None`: nobody's, the reason is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Said {
    /// It is in the mailbox.
    pub fn delivered() -> Said {
        Said { code: "2.1.5".to_owned(), text: "it is in the mailbox".to_owned(), by: None }
    }
}

/// Of what the sender wants to hear; none of them: NOTIFY=NEVER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// That it was delivered.
    #[serde(default)]
    pub success: bool,
    /// That it could not be.
    #[serde(default)]
    pub failure: bool,
    /// That it takes long.
    #[serde(default)]
    pub delay: bool,
}

/// What a message may be made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// Lines of ASCII, or MAIL said nothing.
    #[default]
    SevenBit,
    /// Lines of bytes.
    EightBitMime,
    /// Bytes, which only BDAT can carry.
    BinaryMime,
}

/// How much of a message comes back with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Return {
    /// All of it.
    Full,
    /// Its header.
    Headers,
}

/// It is no envelope of ours.
#[derive(Debug, thiserror::Error)]
#[error("is no envelope: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

impl Envelope {
    /// As it is written to disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("texts and numbers can be written as JSON");
        bytes.push(b'\n');
        bytes
    }

    /// As it was read from disk.
    ///
    /// # Errors
    /// It is none, or was cut off.
    pub fn from_bytes(bytes: &[u8]) -> Result<Envelope, Unreadable> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn envelope() -> Envelope {
        let alice = Recipient {
            notify: Some(Notify { failure: true, ..Notify::default() }),
            orcpt: Some("rfc822;Alice+40there".to_owned()),
            status: Status::Failed,
            said: Some(Said { code: "5.1.1".into(), text: "550 no \"Alice\"\nhere".into(), by: Some("mx".into()) }),
            ..Recipient::new("alice@there.example")
        };
        Envelope {
            sender: "bob@here.example".to_owned(),
            recipients: vec![alice, Recipient::new("jürgen@dört.example")],
            body: Body::EightBitMime,
            utf8: true,
            size: 1 << 40,
            ret: Some(Return::Headers),
            envid: Some("QQ314159".to_owned()),
            arrived: 1_700_000_000,
            tries: 3,
            next: 1_700_003_600,
            told_of_delay: true,
        }
    }

    #[test]
    fn envelopes_are_read_as_they_are_written_and_not_when_cut() {
        let bytes = envelope().to_bytes();
        assert_eq!(Envelope::from_bytes(&bytes).unwrap(), envelope());
        for end in 0..bytes.len() - 1 {
            assert!(Envelope::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_not_said_is_the_usual() {
        let text = br#"{"sender":"","recipients":[{"address":"a@b"}],"size":1,"arrived":7,"unknown":{}}"#;
        let envelope = Envelope::from_bytes(text).unwrap();
        assert_eq!(envelope.recipients, [Recipient::new("a@b")]);
        assert_eq!((envelope.body, envelope.tries, envelope.next, envelope.utf8), (Body::SevenBit, 0, 0, false));
    }
}
