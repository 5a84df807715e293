//! One message between MAIL and its end: whom it is from and for.

use std::borrow::Cow;
use std::io::ErrorKind;

use smtp_proto::{
    MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_BODY_BINARYMIME, MAIL_RET_FULL, MAIL_RET_HDRS, MAIL_SMTPUTF8, MailFrom,
    RCPT_NOTIFY_DELAY, RCPT_NOTIFY_FAILURE, RCPT_NOTIFY_NEVER, RCPT_NOTIFY_SUCCESS, RcptTo,
};

use super::super::address;
use super::super::queue::{Body as BodyType, Envelope, Notify, Recipient, Return, Said, Status};
use super::body::Body;
use super::delivery::Delivery;
use super::mailboxes::Mailboxes;
use super::reply::{self, Reply};
use crate::base::limits;

/// A message that comes.
pub(super) struct Transaction {
    /// What MAIL said, those recipients who are elsewhere, and those here of whom the sender is to be told.
    pub(super) envelope: Envelope,
    /// Those here.
    pub(super) mailboxes: Mailboxes,
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
    /// Bytes of our line in front of it, which the queue has, too.
    pub(super) in_front: u64,
    /// Why it will not be taken.
    pub(super) refusal: Option<Reply>,
}

/// Whether MAIL asks for what no extension of ours offers: it may not be left out in silence (RFC 5321 §4.1.1.11).
pub(super) fn asks_for_more(from: &MailFrom<Cow<'_, str>>, with_reports: bool) -> bool {
    const REPORTS: u64 = MAIL_RET_FULL | MAIL_RET_HDRS;
    const OFFERED: u64 = MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_BODY_BINARYMIME | MAIL_SMTPUTF8;
    let about_reports = from.flags & REPORTS != 0 || from.env_id.is_some();
    if about_reports && !with_reports {
        return true;
    }
    let MailFrom { flags, trans_id, by, solicit, mtrk, hold_for, hold_until, mt_priority, .. } = from;
    let texts = trans_id.is_some() || solicit.is_some() || mtrk.is_some();
    flags & !(OFFERED | REPORTS) != 0 || texts || (*by, *hold_for, *hold_until, *mt_priority) != (0, 0, 0, 0)
}

/// Whether RCPT says of what there is to be a report (RFC 3461 §4.1, §4.2).
pub(super) fn asks_for_reports(to: &RcptTo<Cow<'_, str>>) -> bool {
    to.orcpt.is_some() || notify(to).is_some()
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
            sender: address::quoted(&from.address).into_owned(),
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
        Transaction { envelope, mailboxes: Mailboxes::default(), recipients: 0, first: String::new(), content: None }
    }

    /// Somebody of ours, whose mailbox this is.
    pub(super) fn add_mailbox(&mut self, to: &RcptTo<Cow<'_, str>>, mailbox: &str) {
        self.count(&to.address);
        self.mailboxes.add(mailbox);
        // RFC 3461 §5.2.2: it is told that it was delivered, if there is somebody to be told.
        if to.flags & RCPT_NOTIFY_SUCCESS != 0 && !self.envelope.sender.is_empty() {
            self.add(Recipient { status: Status::Delivered, said: Some(Said::delivered()), ..recipient(to) });
        }
    }

    /// Somebody elsewhere.
    pub(super) fn add_remote(&mut self, to: &RcptTo<Cow<'_, str>>) {
        self.count(&to.address);
        self.add(recipient(to));
    }

    fn count(&mut self, to: &str) {
        if self.recipients == 0 {
            self.first = to.to_owned();
        }
        self.recipients += 1;
    }

    /// For the queue, which has nobody twice.
    fn add(&mut self, recipient: Recipient) {
        if !self.envelope.recipients.iter().any(|known| known.address == recipient.address) {
            self.envelope.recipients.push(recipient);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.recipients >= limits::SMTP_RECIPIENTS
    }

    pub(super) fn is_binary(&self) -> bool {
        self.envelope.body == BodyType::BinaryMime
    }
}

/// NOTIFY of RCPT.
fn notify(to: &RcptTo<Cow<'_, str>>) -> Option<Notify> {
    let said = |flag| to.flags & flag != 0;
    let any = RCPT_NOTIFY_SUCCESS | RCPT_NOTIFY_FAILURE | RCPT_NOTIFY_DELAY | RCPT_NOTIFY_NEVER;
    said(any).then(|| Notify {
        success: said(RCPT_NOTIFY_SUCCESS),
        failure: said(RCPT_NOTIFY_FAILURE),
        delay: said(RCPT_NOTIFY_DELAY),
    })
}

/// What RCPT says of somebody.
fn recipient(to: &RcptTo<Cow<'_, str>>) -> Recipient {
    let orcpt = to.orcpt.as_deref().map(|orcpt| format!("rfc822;{}", address::xtext(orcpt)));
    Recipient { notify: notify(to), orcpt, ..Recipient::new(address::quoted(&to.address)) }
}

impl Content {
    pub(super) fn new(body: Body, delivery: Delivery, in_front: u64) -> Content {
        Content { body, delivery: Some(delivery), length: 0, in_front, refusal: None }
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
        // The same reply, however its bytes were cut: of its faults the first of these.
        self.refusal = self.refusal.filter(|known| ![reply::BARE, reply::NUL].contains(known));
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
