//! One message between MAIL and its end: whom it is from and for.

use std::borrow::Cow;
use std::io::ErrorKind;

use smtp_proto::{
    MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_BODY_BINARYMIME, MAIL_RET_FULL, MAIL_RET_HDRS, MAIL_SMTPUTF8, MailFrom,
    RCPT_NOTIFY_DELAY, RCPT_NOTIFY_FAILURE, RCPT_NOTIFY_NEVER, RCPT_NOTIFY_SUCCESS, RcptTo,
};

use super::super::address;
use super::super::queue::{Body as BodyType, Envelope, Notify, Recipient, Return};
use super::body::{Bare, Body, Form};
use super::delivery::Delivery;
use super::reply::{self, Reply};
use crate::base::limits;

/// A message that comes.
pub(super) struct Transaction {
    /// What MAIL said, and those recipients who are elsewhere.
    pub(super) envelope: Envelope,
    /// Mailboxes, none twice.
    pub(super) mailboxes: Vec<String>,
    /// Every recipient that was accepted.
    pub(super) recipients: usize,
    /// The first of them.
    pub(super) first: String,
    /// What came of it so far.
    pub(super) content: Option<Content>,
}

/// The message itself.
pub(super) struct Content {
    pub(super) body: Body,
    /// `None`: it was refused already, and what comes is thrown away.
    pub(super) delivery: Option<Delivery>,
    /// Bytes of the message.
    pub(super) length: u64,
    /// Why it will not be taken.
    pub(super) refusal: Option<Reply>,
    /// What it will be called.
    pub(super) id: String,
}

/// Whether MAIL asks for what no extension of ours offers: it may not be left out in silence (RFC 5321 §4.1.1.11).
pub(super) fn asks_for_more(from: &MailFrom<Cow<'_, str>>) -> bool {
    const OFFERED: u64 =
        MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_BODY_BINARYMIME | MAIL_RET_FULL | MAIL_RET_HDRS | MAIL_SMTPUTF8;
    let MailFrom { flags, trans_id, by, solicit, mtrk, hold_for, hold_until, mt_priority, .. } = from;
    let texts = trans_id.is_some() || solicit.is_some() || mtrk.is_some();
    flags & !OFFERED != 0 || texts || (*by, *hold_for, *hold_until, *mt_priority) != (0, 0, 0, 0)
}

impl Transaction {
    /// MAIL.
    pub(super) fn new(from: &MailFrom<Cow<'_, str>>, arrived: u64) -> Transaction {
        let said = |flag| from.flags & flag != 0;
        let body = match () {
            () if said(MAIL_BODY_BINARYMIME) => BodyType::BinaryMime,
            () if said(MAIL_BODY_8BITMIME) => BodyType::EightBitMime,
            () => BodyType::SevenBit,
        };
        let ret = match () {
            () if said(MAIL_RET_FULL) => Some(Return::Full),
            () if said(MAIL_RET_HDRS) => Some(Return::Headers),
            () => None,
        };
        let envelope = Envelope {
            sender: address::quoted(&from.address),
            recipients: Vec::new(),
            body,
            utf8: said(MAIL_SMTPUTF8),
            size: 0,
            ret,
            envid: from.env_id.as_deref().map(address::xtext),
            arrived,
            tries: 0,
            next: arrived,
            told_of_delay: false,
        };
        Transaction { envelope, mailboxes: Vec::new(), recipients: 0, first: String::new(), content: None }
    }

    /// Somebody of ours.
    pub(super) fn add_mailbox(&mut self, to: &str, mailbox: String) {
        self.count(to);
        if !self.mailboxes.contains(&mailbox) {
            self.mailboxes.push(mailbox);
        }
    }

    /// Somebody elsewhere.
    pub(super) fn add_remote(&mut self, to: &RcptTo<Cow<'_, str>>) {
        let address = address::quoted(&to.address);
        self.count(&to.address);
        if self.envelope.recipients.iter().any(|known| known.address == address) {
            return;
        }
        let said = |flag| to.flags & flag != 0;
        let any = RCPT_NOTIFY_SUCCESS | RCPT_NOTIFY_FAILURE | RCPT_NOTIFY_DELAY | RCPT_NOTIFY_NEVER;
        let notify = said(any).then(|| Notify {
            success: said(RCPT_NOTIFY_SUCCESS),
            failure: said(RCPT_NOTIFY_FAILURE),
            delay: said(RCPT_NOTIFY_DELAY),
        });
        let orcpt = to.orcpt.as_deref().map(|orcpt| format!("rfc822;{}", address::xtext(orcpt)));
        self.envelope.recipients.push(Recipient { notify, orcpt, ..Recipient::new(address) });
    }

    fn count(&mut self, to: &str) {
        if self.recipients == 0 {
            to.clone_into(&mut self.first);
        }
        self.recipients += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.recipients >= limits::SMTP_RECIPIENTS
    }

    pub(super) fn is_binary(&self) -> bool {
        self.envelope.body == BodyType::BinaryMime
    }
}

impl Content {
    pub(super) fn new(form: Form, bare: Bare, delivery: Option<Delivery>, id: String) -> Content {
        Content { body: Body::new(form, bare), delivery, length: 0, refusal: None, id }
    }

    /// Looks whether it can still be taken.
    pub(super) fn judge(&mut self, largest: u64) {
        let faults = self.body.faults();
        let why = match () {
            () if self.length > largest => reply::TOO_LARGE,
            () if faults.bare => reply::BARE,
            () if faults.nul => reply::NUL,
            () => return,
        };
        self.refuse(why);
    }

    /// It will not be taken.
    pub(super) fn refuse(&mut self, why: Reply) {
        self.refusal.get_or_insert(why);
        if let Some(delivery) = &mut self.delivery {
            delivery.cancel();
        }
    }
}

/// What a client hears when the disk did not take a message.
pub(super) fn trouble(why: ErrorKind) -> Reply {
    match why {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => reply::DISK_FULL,
        _ => reply::TROUBLE,
    }
}
