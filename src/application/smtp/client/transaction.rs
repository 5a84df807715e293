//! One message as commands and their replies (RFC 5321 §3.3): what may be said next, and what the replies make of it.

use super::mail::{Fate, Mail, Verdict};
use super::reply::{Offers, Reply};
use crate::application::smtp::queue::{Body, Notify, Return, Said};

/// A command of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Mail,
    Rcpt(usize),
    Data,
    /// The message itself: behind DATA, or with BDAT in front.
    Message,
    Reset,
}

/// What follows of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The commands that may be said now.
    GoOn,
    /// The message, behind DATA.
    Send,
    /// A message without anything in it, for nobody would get it.
    SendNothing,
    /// Nothing more is expected.
    Over,
}

/// One message under way.
pub(super) struct Transaction {
    pub(super) mail: Mail,
    /// Bytes of it.
    size: u64,
    offers: Offers,
    /// What is said next.
    next: Option<Command>,
    verdicts: Vec<Option<Verdict>>,
    /// How many of the recipients were answered.
    answered: usize,
    /// RSET was said, or is about to be.
    resetting: bool,
}

impl Transaction {
    /// A message of so many bytes for a server that offers this.
    pub(super) fn new(mail: Mail, size: u64, offers: Offers) -> Transaction {
        let verdicts = vec![None; mail.recipients.len()];
        let next = Some(Command::Mail);
        let mut transaction = Transaction { mail, size, offers, next, verdicts, answered: 0, resetting: false };
        if let Some(why) = transaction.obstacle() {
            transaction.next = None;
            transaction.settle(Fate::Refused, &why);
        }
        transaction
    }

    /// Whether it is over before it began.
    pub(super) fn is_settled(&self) -> bool {
        self.verdicts.iter().all(Option::is_some)
    }

    /// Why this server cannot take the message.
    fn obstacle(&self) -> Option<Said> {
        let Offers { eight_bit, utf8, chunking, binary, size, .. } = self.offers;
        let said = |code: &str, text: String| Some(Said { code: code.to_owned(), text, by: None });
        match self.mail.body {
            // RFC 6152 §3, RFC 3030 §3: it would have to be converted, or comes back.
            Body::EightBitMime if !eight_bit => {
                return said("5.6.3", "the next hop takes nothing but ASCII (8BITMIME)".into());
            }
            Body::BinaryMime if !(binary && chunking) => {
                return said("5.6.3", "the next hop takes nothing but lines (BINARYMIME)".into());
            }
            _ => {}
        }
        if self.mail.utf8 && !utf8 {
            // RFC 6531 §3.5.
            return said("5.6.7", "the next hop takes no addresses and headers but ASCII (SMTPUTF8)".into());
        }
        let most = size.flatten().filter(|most| *most < self.size)?;
        said("5.3.4", format!("the message has {} bytes, and the next hop takes {most}", self.size))
    }

    /// Whether the message goes with BDAT.
    pub(super) fn is_chunk(&self) -> bool {
        self.mail.body == Body::BinaryMime
    }

    /// The next command, with its line, when `waiting` are not answered yet.
    pub(super) fn say(&mut self, waiting: usize) -> Option<(Command, String)> {
        let command = self.next?;
        if waiting > 0 && !self.offers.pipelining {
            return None;
        }
        let (line, next) = match command {
            Command::Mail => (self.mail_line(), Some(Command::Rcpt(0))),
            Command::Rcpt(number) => {
                let next = if number + 1 < self.mail.recipients.len() {
                    Some(Command::Rcpt(number + 1))
                } else {
                    // A chunk does not wait for a reply to begin, but there is to be somebody for it.
                    (!self.is_chunk()).then_some(Command::Data)
                };
                (self.rcpt_line(number), next)
            }
            Command::Data => ("DATA".to_owned(), None),
            Command::Message => (format!("BDAT {} LAST", self.size), None),
            Command::Reset => ("RSET".to_owned(), None),
        };
        self.next = next;
        Some((command, line))
    }

    fn mail_line(&self) -> String {
        let Offers { eight_bit, utf8, dsn, size, .. } = self.offers;
        let Mail { sender, body, utf8: is_utf8, ret, envid, .. } = &self.mail;
        let mut line = format!("MAIL FROM:<{sender}>");
        if size.is_some() {
            line += &format!(" SIZE={}", self.size);
        }
        match body {
            Body::SevenBit => {}
            Body::EightBitMime if eight_bit => line += " BODY=8BITMIME",
            Body::EightBitMime => {}
            Body::BinaryMime => line += " BODY=BINARYMIME",
        }
        if *is_utf8 && utf8 {
            line += " SMTPUTF8";
        }
        if dsn {
            match ret {
                Some(Return::Full) => line += " RET=FULL",
                Some(Return::Headers) => line += " RET=HDRS",
                None => {}
            }
            if let Some(envid) = envid {
                line += &format!(" ENVID={envid}");
            }
        }
        line
    }

    fn rcpt_line(&self, number: usize) -> String {
        let Some(to) = self.mail.recipients.get(number) else { return "NOOP".to_owned() };
        let mut line = format!("RCPT TO:<{}>", to.address);
        if self.offers.dsn {
            if let Some(Notify { success, failure, delay }) = to.notify {
                let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
                let said: Vec<_> = words.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
                line += " NOTIFY=";
                line += if said.is_empty() { "NEVER".to_owned() } else { said.join(",") }.as_str();
            }
            if let Some(orcpt) = &to.orcpt {
                line += &format!(" ORCPT={orcpt}");
            }
        }
        line
    }

    /// The reply to a command; `by` whom.
    pub(super) fn answered(&mut self, command: Command, reply: &Reply, by: &str) -> Next {
        match command {
            Command::Mail if reply.is_good() => Next::GoOn,
            Command::Mail => {
                self.settle(fate(reply), &said(reply, by));
                // What was said ahead is answered yet.
                self.stop()
            }
            Command::Rcpt(number) => {
                self.answered += 1;
                if let Some(verdict) = self.verdicts.get_mut(number).filter(|_| !reply.is_good()) {
                    verdict.get_or_insert(Verdict { fate: fate(reply), said: said(reply, by) });
                }
                if self.answered < self.mail.recipients.len() {
                    return Next::GoOn;
                }
                if self.is_settled() {
                    return self.stop();
                }
                if self.is_chunk() {
                    self.next = Some(Command::Message);
                }
                Next::GoOn
            }
            // RFC 2920 §3.1: it was said ahead, and may be believed although nobody gets the message.
            Command::Data if reply.code == 354 && self.is_settled() => Next::SendNothing,
            Command::Data if reply.code == 354 => Next::Send,
            // The server may still have the sender: the next MAIL would be a second one (RFC 5321 §4.1.4, RFC 3030 §2).
            Command::Data => {
                self.settle(fate(reply), &said(reply, by));
                self.reset()
            }
            Command::Message => {
                self.settle(fate(reply), &said(reply, by));
                if self.is_chunk() && !reply.is_good() { self.reset() } else { Next::Over }
            }
            Command::Reset => Next::Over,
        }
    }

    /// Nobody gets it: how it is brought to its end.
    fn stop(&mut self) -> Next {
        // DATA was said ahead already, and is answered.
        let is_answered = self.next.is_none() && !self.is_chunk();
        if is_answered { Next::GoOn } else { self.reset() }
    }

    /// Lets the server forget it, once.
    fn reset(&mut self) -> Next {
        if !std::mem::replace(&mut self.resetting, true) {
            self.next = Some(Command::Reset);
        }
        Next::GoOn
    }

    /// All of whom nothing is known.
    pub(super) fn settle(&mut self, fate: Fate, said: &Said) {
        for verdict in &mut self.verdicts {
            verdict.get_or_insert_with(|| Verdict { fate, said: said.clone() });
        }
    }

    /// What became of each recipient.
    pub(super) fn verdicts(self) -> Vec<Verdict> {
        let unknown = || Said { code: "4.0.0".to_owned(), text: "nothing was said".to_owned(), by: None };
        let verdict =
            |verdict: Option<Verdict>| verdict.unwrap_or_else(|| Verdict { fate: Fate::Deferred, said: unknown() });
        self.verdicts.into_iter().map(verdict).collect()
    }
}

/// What a reply means.
fn fate(reply: &Reply) -> Fate {
    match reply.code {
        200..300 => Fate::Taken,
        // RFC 5321 §4.5.3.1.10: 552 of old servers means 452 where it speaks of recipients; the enhanced code tells.
        552 if reply.status() == "5.5.3" => Fate::Deferred,
        500.. => Fate::Refused,
        _ => Fate::Deferred,
    }
}

/// A reply as it is told on.
pub(super) fn said(reply: &Reply, by: &str) -> Said {
    Said { code: reply.status(), text: reply.text(), by: Some(by.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::super::mail::To;
    use super::*;
    use crate::application::{Folder, Place};

    fn mail(recipients: &[&str]) -> Mail {
        Mail {
            sender: "a@here".to_owned(),
            recipients: recipients.iter().map(|address| To::new(*address)).collect(),
            content: Place { folder: Folder(0), path: "message".into() },
            body: Body::SevenBit,
            utf8: false,
            ret: None,
            envid: None,
        }
    }

    /// Talks with a server that gives these replies, in order; returns what was said, and the verdicts.
    fn talk(mut transaction: Transaction, replies: &[&str]) -> (Vec<String>, Vec<(Fate, String)>) {
        let (mut said, mut waiting, mut replies) = (Vec::new(), std::collections::VecDeque::new(), replies.iter());
        while !(transaction.is_settled() && waiting.is_empty() && transaction.next.is_none()) {
            while let Some((command, line)) = transaction.say(waiting.len()) {
                said.push(line);
                waiting.push_back(command);
            }
            let Some(command) = waiting.pop_front() else { break };
            let reply = replies.next().expect("a reply is expected");
            let (code, line) = reply.split_once(' ').unwrap_or((reply, ""));
            let reply = Reply { code: code.parse().unwrap(), lines: vec![line.to_owned()] };
            match transaction.answered(command, &reply, "mx") {
                Next::GoOn => {}
                Next::Send => {
                    said.push("(message)".into());
                    waiting.push_back(Command::Message);
                }
                Next::SendNothing => {
                    said.push("(nothing)".into());
                    waiting.push_back(Command::Message);
                }
                Next::Over => break,
            }
        }
        assert_eq!(replies.next(), None, "all replies were waited for");
        let verdicts = transaction.verdicts().into_iter().map(|one| (one.fate, one.said.code)).collect();
        (said, verdicts)
    }

    fn verdict(fate: Fate, code: &str) -> (Fate, String) {
        (fate, code.to_owned())
    }

    const AHEAD: Offers = Offers {
        pipelining: true,
        eight_bit: false,
        utf8: false,
        chunking: false,
        binary: false,
        dsn: false,
        starttls: false,
        plain: false,
        login: false,
        size: None,
    };

    #[test]
    fn who_is_refused_does_not_keep_others_from_it() {
        let replies = ["250", "250", "550 5.1.1 no", "451", "354", "250 2.0.0 queued"];
        for offers in [AHEAD, Offers::default()] {
            let (said, verdicts) = talk(Transaction::new(mail(&["b@x", "c@x", "d@x"]), 9, offers), &replies);
            let lines = ["MAIL FROM:<a@here>", "RCPT TO:<b@x>", "RCPT TO:<c@x>", "RCPT TO:<d@x>", "DATA", "(message)"];
            assert_eq!(said, lines);
            let expected =
                [verdict(Fate::Taken, "2.0.0"), verdict(Fate::Refused, "5.1.1"), verdict(Fate::Deferred, "4.0.0")];
            assert_eq!(verdicts, expected);
        }
    }

    #[test]
    fn a_message_for_nobody_is_brought_to_an_end() {
        let one = || mail(&["b@x"]);
        let refused = [verdict(Fate::Refused, "5.0.0")];
        // DATA was said ahead, and is believed or not.
        let (said, verdicts) = talk(Transaction::new(one(), 9, AHEAD), &["250", "550", "354", "554"]);
        assert_eq!((said.last().unwrap().as_str(), &verdicts[..]), ("(nothing)", &refused[..]));
        // The sender was taken, and would be in the way of the next one.
        let (said, verdicts) = talk(Transaction::new(one(), 9, AHEAD), &["250", "550", "554", "250"]);
        assert_eq!((said.last().unwrap().as_str(), &verdicts[..]), ("RSET", &refused[..]));
        // It is not said at all.
        let (said, verdicts) = talk(Transaction::new(one(), 9, Offers::default()), &["250", "550", "250"]);
        assert_eq!((said.last().unwrap().as_str(), &verdicts[..]), ("RSET", &refused[..]));
        let (said, verdicts) = talk(Transaction::new(one(), 9, Offers::default()), &["550", "250"]);
        assert_eq!((said.len(), &verdicts[..]), (2, &refused[..]));
        let (said, verdicts) = talk(Transaction::new(one(), 9, AHEAD), &["451", "503", "503", "250"]);
        assert_eq!((said.len(), verdicts), (4, vec![verdict(Fate::Deferred, "4.0.0")]));
    }

    #[test]
    fn what_a_server_does_not_offer_is_not_said() {
        let mut wanted = mail(&["b@x", "c@x"]);
        wanted.ret = Some(Return::Headers);
        wanted.envid = Some("QQ+2B".to_owned());
        wanted.recipients[0].notify = Some(Notify::default());
        wanted.recipients[1].notify = Some(Notify { success: true, failure: true, delay: false });
        wanted.recipients[1].orcpt = Some("rfc822;c@x".to_owned());
        let (said, _) = talk(Transaction::new(wanted.clone(), 9, AHEAD), &["250", "250", "250", "354", "250"]);
        assert_eq!(said[..3], ["MAIL FROM:<a@here>", "RCPT TO:<b@x>", "RCPT TO:<c@x>"]);
        let offers = Offers { dsn: true, size: Some(Some(9)), eight_bit: true, utf8: true, ..AHEAD };
        (wanted.body, wanted.utf8) = (Body::EightBitMime, true);
        let (said, _) = talk(Transaction::new(wanted.clone(), 9, offers), &["250", "250", "250", "354", "250"]);
        let lines = [
            "MAIL FROM:<a@here> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B",
            "RCPT TO:<b@x> NOTIFY=NEVER",
            "RCPT TO:<c@x> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c@x",
        ];
        assert_eq!(said[..3], lines);
        for (offers, size, body, code) in [
            (AHEAD, 9, Body::EightBitMime, "5.6.3"),
            (Offers { eight_bit: true, ..AHEAD }, 9, Body::EightBitMime, "5.6.7"),
            (offers, 10, Body::EightBitMime, "5.3.4"),
            (offers, 9, Body::BinaryMime, "5.6.3"),
        ] {
            wanted.body = body;
            let (said, verdicts) = talk(Transaction::new(wanted.clone(), size, offers), &[]);
            assert_eq!((said.len(), &verdicts[0]), (0, &verdict(Fate::Refused, code)));
        }
    }

    #[test]
    fn bytes_go_as_one_chunk_when_there_is_somebody_for_them() {
        let mut binary = mail(&["b@x"]);
        binary.body = Body::BinaryMime;
        let offers = Offers { chunking: true, binary: true, ..AHEAD };
        let (said, verdicts) = talk(Transaction::new(binary.clone(), 77, offers), &["250", "250", "250"]);
        assert_eq!((said.last().unwrap().as_str(), verdicts[0].0), ("BDAT 77 LAST", Fate::Taken));
        let (said, verdicts) = talk(Transaction::new(binary, 77, offers), &["250", "550", "250"]);
        assert_eq!((said.last().unwrap().as_str(), verdicts[0].0), ("RSET", Fate::Refused));
    }
}
