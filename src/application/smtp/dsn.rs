//! Reports on what became of a message (RFC 3464): what its sender gets back.

use arrayvec::ArrayString;
use jiff::Timestamp;
use jiff::tz::Offset;

use super::queue::{Envelope, Notify, Recipient, Status};

/// What is reported of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It will not be delivered.
    Failed,
    /// It was not delivered yet, and is tried further.
    Delayed,
    /// It was handed to a host that does not report.
    Relayed,
    /// It is in a mailbox here.
    Delivered,
}

impl Action {
    /// As RFC 3464 §2.3.3 writes it.
    fn name(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Relayed => "relayed",
            Action::Delivered => "delivered",
        }
    }
}

/// What is to be reported of a recipient now, as its NOTIFY has it (RFC 3461 §4.1, §6.2); `late`: it takes long.
pub fn wanted(recipient: &Recipient, late: bool) -> Option<Action> {
    // What was not said means FAILURE, and DELAY as one likes: we do not.
    let Notify { success, failure, delay } =
        recipient.notify.unwrap_or(Notify { success: false, failure: true, delay: false });
    match recipient.status {
        Status::Failed => failure.then_some(Action::Failed),
        Status::Relayed => success.then_some(Action::Relayed),
        Status::Delivered => success.then_some(Action::Delivered),
        Status::Waiting => (late && delay).then_some(Action::Delayed),
        Status::Done => None,
    }
}

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Who reports: our name.
    pub by: &'a str,
    /// Now, in seconds since 1970.
    pub now: u64,
    /// What no other report has in its identifiers.
    pub unique: &'a str,
    /// The envelope of the message.
    pub envelope: &'a Envelope,
    /// The recipients that it is about.
    pub about: &'a [(&'a Recipient, Action)],
    /// When it is given up if it is only late, in seconds since 1970.
    pub until: u64,
    /// What comes back of the message.
    pub returned: Returned<'a>,
}

/// What comes back of a message.
#[derive(Clone, Copy, Debug)]
pub enum Returned<'a> {
    /// Its header.
    Header(&'a [u8]),
    /// All of it.
    Whole(&'a [u8]),
}

/// Writes a report, its lines ended by CRLF.
pub fn write(report: &Report<'_>) -> Vec<u8> {
    let Report { by, now, unique, envelope, about, until, returned } = report;
    let boundary = format!("={unique}/{by}");
    let utf8 = envelope.utf8;
    let kind = if about.iter().any(|(_, action)| *action == Action::Failed) {
        "Undelivered Mail Returned to Sender"
    } else if about.iter().any(|(_, action)| *action == Action::Delayed) {
        "Delayed Mail (still being retried)"
    } else {
        "Successful Mail Delivery Report"
    };
    let mut text = Text(String::new());
    text.line(&format!("From: Mail Delivery System <MAILER-DAEMON@{by}>"));
    text.line(&format!("To: <{}>", envelope.sender));
    text.line(&format!("Subject: {kind}"));
    text.line(&format!("Date: {}", date(*now)));
    text.line(&format!("Message-ID: <{unique}@{by}>"));
    // RFC 3834 §5: nobody answers this by itself.
    text.line("Auto-Submitted: auto-replied");
    text.line("MIME-Version: 1.0");
    text.line(&format!("Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\""));
    text.line("Content-Transfer-Encoding: 8bit");
    text.line("");
    text.line("This is a report in the format of RFC 3464.");
    text.line("");
    text.line(&format!("--{boundary}"));
    text.line("Content-Type: text/plain; charset=utf-8");
    text.line("Content-Transfer-Encoding: 8bit");
    text.line("");
    text.line(&format!("This is the mail system at {by}."));
    text.line("");
    for (recipient, action) in *about {
        let what = match action {
            Action::Failed => "could not be delivered, and is not tried any more",
            Action::Delayed => "could not be delivered yet; you need not send it again",
            Action::Relayed => "was handed to a host that may not report what became of it",
            Action::Delivered => "was delivered",
        };
        text.line(&format!("Your message to <{}> {what}:", recipient.address));
        let said = recipient.said.as_ref();
        let why = match said.and_then(|said| Some((said.by.as_ref()?, &said.text))) {
            Some((by, reply)) => format!("{by} said: {reply}"),
            None => said.map_or("no reason is known", |said| &said.text).to_owned(),
        };
        text.line(&format!("    {why}"));
        text.line("");
    }
    text.line(&format!("--{boundary}"));
    // RFC 6533 §3 for what is not in ASCII.
    text.line(if utf8 {
        "Content-Type: message/global-delivery-status"
    } else {
        "Content-Type: message/delivery-status"
    });
    text.line("");
    if let Some(envid) = &envelope.envid {
        text.line(&format!("Original-Envelope-Id: {}", from_xtext(envid)));
    }
    text.line(&format!("Reporting-MTA: dns; {by}"));
    text.line(&format!("Arrival-Date: {}", date(envelope.arrived)));
    for (recipient, action) in *about {
        text.line("");
        if let Some(orcpt) = &recipient.orcpt
            && let Some((kind, address)) = orcpt.split_once(';')
        {
            text.line(&format!("Original-Recipient: {kind}; {}", from_xtext(address)));
        }
        let kind = if recipient.address.is_ascii() { "rfc822" } else { "utf-8" };
        text.line(&format!("Final-Recipient: {kind}; {}", recipient.address));
        text.line(&format!("Action: {}", action.name()));
        let class = match action {
            Action::Failed => '5',
            Action::Delayed => '4',
            Action::Relayed | Action::Delivered => '2',
        };
        let said = recipient.said.as_ref();
        // RFC 3464 §2.3.4: it agrees with the action: who gives up on a 4.y.z says 5.y.z.
        let rest = said.and_then(|said| said.code.get(1..)).unwrap_or(".0.0");
        text.line(&format!("Status: {class}{rest}"));
        if let Some((said, by)) = said.and_then(|said| Some((said, said.by.as_ref()?))) {
            text.line(&format!("Remote-MTA: dns; {}", by.split(' ').next().unwrap_or_default()));
            text.line(&format!("Diagnostic-Code: smtp; {}", said.text));
        }
        text.line(&format!("Last-Attempt-Date: {}", date(*now)));
        if *action == Action::Delayed {
            text.line(&format!("Will-Retry-Until: {}", date(*until)));
        }
    }
    text.line("");
    text.line(&format!("--{boundary}"));
    let (kind, bytes) = match (returned, utf8) {
        (Returned::Header(bytes), false) => ("text/rfc822-headers", bytes),
        (Returned::Header(bytes), true) => ("message/global-headers", bytes),
        (Returned::Whole(bytes), false) => ("message/rfc822", bytes),
        (Returned::Whole(bytes), true) => ("message/global", bytes),
    };
    text.line(&format!("Content-Type: {kind}"));
    text.line("Content-Transfer-Encoding: 8bit");
    text.line("");
    let Text(text) = text;
    let mut message = text.into_bytes();
    message.extend(*bytes);
    if !message.ends_with(b"\r\n") {
        message.extend(b"\r\n");
    }
    message.extend(format!("\r\n--{boundary}--\r\n").bytes());
    message
}

/// The header of a message: up to the empty line, or all of what there is.
pub fn header(message: &[u8]) -> &[u8] {
    if message.starts_with(b"\r\n") {
        return &[];
    }
    let end = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    &message[..end]
}

/// How often a message was passed on, as its header tells (RFC 5321 §6.3).
pub fn hops(header: &[u8]) -> usize {
    let lines = header.split(|byte| *byte == b'\n');
    lines.filter(|line| line.get(..9).is_some_and(|name| name.eq_ignore_ascii_case(b"received:"))).count()
}

/// Lines of a header: nothing of what others said ends one.
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        let mut written = 0;
        for (number, part) in line.split("\r\n\t").enumerate() {
            if number > 0 {
                self.0.push_str("\r\n\t");
                written = 0;
            }
            for c in part.chars().filter(|c| !c.is_control()) {
                // RFC 5321 §4.5.3.1.6: no line is longer than 1,000 bytes; what is said is folded long before.
                if written > 700 && c == ' ' {
                    self.0.push_str("\r\n");
                    written = 0;
                }
                if written > 990 {
                    continue;
                }
                self.0.push(c);
                written += c.len_utf8();
            }
        }
        self.0.push_str("\r\n");
    }
}

/// RFC 3461 §4: `+2B` is a plus.
fn from_xtext(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.filter(|_| *first == b'+').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A point in time in letters.
pub type Date = ArrayString<{ "Tue, 14 Nov 2023 22:13:20 +0000".len() }>;

/// RFC 5322 §3.3, in universal time.
pub fn date(seconds: u64) -> Date {
    // The first day of 1970 was a Thursday.
    const DAYS: [&str; 7] = ["Thu, ", "Fri, ", "Sat, ", "Sun, ", "Mon, ", "Tue, ", "Wed, "];
    const MONTHS: [&str; 12] =
        [" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec "];
    const DAY: u64 = 86_400;
    let last = Timestamp::MAX.as_second() as u64;
    let seconds = seconds.min(last);
    let day = Offset::UTC.to_datetime(Timestamp::from_second(seconds as i64).unwrap_or_default());
    let (mut digits, mut date) = (itoa::Buffer::new(), Date::new());
    date.push_str(DAYS[(seconds / DAY % 7) as usize]);
    date.push_str(digits.format(day.day()));
    date.push_str(MONTHS[day.month() as usize - 1]);
    // Of four digits: it begins in 1970, and ends with jiff's 9999.
    date.push_str(digits.format(day.year()));
    let mut clock = *b" 00:00:00 +0000";
    for (at, number) in [(1, day.hour()), (4, day.minute()), (7, day.second())] {
        clock[at] += number as u8 / 10;
        clock[at + 1] += number as u8 % 10;
    }
    date.push_str(std::str::from_utf8(&clock).unwrap_or_default());
    date
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders as _};

    use super::super::queue::{Body, Said};
    use super::*;

    fn envelope(utf8: bool) -> Envelope {
        Envelope {
            sender: "alice@here.example".to_owned(),
            recipients: Vec::new(),
            body: Body::EightBitMime,
            utf8,
            size: 100,
            ret: None,
            envid: Some("QQ+2B314159".to_owned()),
            arrived: 1_700_000_000,
            tries: 1,
            next: 0,
            told_of_delay: false,
        }
    }

    fn recipient(address: &str, code: &str, text: &str, by: Option<&str>) -> Recipient {
        let said = Said { code: code.to_owned(), text: text.to_owned(), by: by.map(str::to_owned) };
        Recipient {
            orcpt: Some("rfc822;bob+2Bx@there.example".to_owned()),
            status: Status::Failed,
            said: Some(said),
            ..Recipient::new(address)
        }
    }

    fn report(envelope: &Envelope, about: &[(&Recipient, Action)], returned: Returned<'_>) -> Vec<u8> {
        let (by, unique) = ("relay.example", "1-2-3");
        let message =
            write(&Report { by, now: 1_700_100_000, unique, envelope, about, until: 1_700_432_000, returned });
        // Lines as SMTP has them.
        let text = String::from_utf8_lossy(&message).replace("\r\n", "");
        assert!(!text.contains(['\r', '\n']) && message.ends_with(b"\r\n"));
        assert!(message.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
        message
    }

    #[test]
    fn a_report_is_read_by_others() {
        let refused =
            recipient("bob@there.example", "5.1.1", "550 5.1.1 no\r\nX: y", Some("mx.there.example ([10.0.0.1])"));
        let given_up = recipient("carol@there.example", "4.4.1", "the server does not answer", None);
        let about = [(&refused, Action::Failed), (&given_up, Action::Failed)];
        let original = b"Received: by x\r\nSubject: lost\r\n";
        let bytes = report(&envelope(false), &about, Returned::Header(original));
        let message = MessageParser::default().parse(&bytes).expect("it is a message");
        assert_eq!(message.subject(), Some("Undelivered Mail Returned to Sender"));
        assert_eq!(message.to().unwrap().first().unwrap().address(), Some("alice@here.example"));
        assert_eq!(message.date().unwrap().to_timestamp(), 1_700_100_000);
        let kind = message.content_type().unwrap();
        assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
        assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
        let part = |number: u32| {
            let part = message.part(number).unwrap();
            let kind = part.content_type().unwrap();
            (
                format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()),
                String::from_utf8_lossy(part.contents()).into_owned(),
            )
        };
        assert_eq!(message.parts.len(), 4, "the whole, and three in it");
        let (kind, text) = part(1);
        assert_eq!(kind, "text/plain");
        assert!(text.contains("<bob@there.example>") && text.contains("said: 550 5.1.1 noX: y"), "{text}");
        let (kind, status) = part(2);
        assert_eq!(kind, "message/delivery-status");
        let fields: Vec<&str> = status.split("\r\n").collect();
        for field in [
            "Original-Envelope-Id: QQ+314159",
            "Reporting-MTA: dns; relay.example",
            "Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000",
            "Original-Recipient: rfc822; bob+x@there.example",
            "Final-Recipient: rfc822; bob@there.example",
            "Action: failed",
            "Status: 5.1.1",
            "Remote-MTA: dns; mx.there.example",
            "Diagnostic-Code: smtp; 550 5.1.1 noX: y",
            "Final-Recipient: rfc822; carol@there.example",
            "Status: 5.4.1",
        ] {
            assert!(fields.contains(&field), "{field}\n{status}");
        }
        let (kind, header) = part(3);
        assert_eq!((kind.as_str(), header.trim_end()), ("text/rfc822-headers", "Received: by x\r\nSubject: lost"));
    }

    #[test]
    fn what_is_not_in_ascii_has_types_of_its_own() {
        let late = recipient("jürgen@dört.example", "4.0.0", "später", None);
        let bytes =
            report(&envelope(true), &[(&late, Action::Delayed)], Returned::Whole("Subject: ü\r\n\r\nü\r\n".as_bytes()));
        let text = String::from_utf8(bytes.clone()).unwrap();
        for line in [
            "Subject: Delayed Mail (still being retried)",
            "Content-Type: message/global-delivery-status",
            "Final-Recipient: utf-8; jürgen@dört.example",
            "Action: delayed",
            "Status: 4.0.0",
            "Will-Retry-Until: Sun, 19 Nov 2023 22:13:20 +0000",
            "Content-Type: message/global",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}\n{text}");
        }
        assert!(MessageParser::default().parse(&bytes).is_some());
    }

    #[test]
    fn only_what_is_wanted_is_reported() {
        let one = |notify, status| Recipient { notify, status, ..Recipient::new("a@b") };
        let notify = |success, failure, delay| Some(Notify { success, failure, delay });
        let never = notify(false, false, false);
        for (notify, status, late, action) in [
            (None, Status::Failed, false, Some(Action::Failed)),
            (None, Status::Waiting, true, None),
            (None, Status::Relayed, false, None),
            (never, Status::Failed, false, None),
            (never, Status::Waiting, true, None),
            (notify(true, false, false), Status::Relayed, false, Some(Action::Relayed)),
            (notify(true, false, false), Status::Delivered, false, Some(Action::Delivered)),
            (notify(true, false, false), Status::Failed, false, None),
            (notify(false, true, true), Status::Waiting, true, Some(Action::Delayed)),
            (notify(false, true, true), Status::Waiting, false, None),
            (notify(true, true, true), Status::Done, true, None),
        ] {
            assert_eq!(wanted(&one(notify, status), late), action, "{notify:?} {status:?}");
        }
    }

    #[test]
    fn headers_end_and_hops_are_counted() {
        assert_eq!(header(b"A: b\r\nC: d\r\n\r\nbody"), b"A: b\r\nC: d\r\n");
        assert_eq!(header(b"\r\nbody"), b"");
        assert_eq!(header(b"A: b"), b"A: b");
        assert_eq!(hops(b"Received: a\r\n by b\r\nreceived: c\r\nX-Received: d\r\n"), 2);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (951_868_800, "Wed, 1 Mar 2000 00:00:00 +0000"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 +0000"),
            (4_107_542_400, "Mon, 1 Mar 2100 00:00:00 +0000"),
        ] {
            assert_eq!(date(seconds).as_str(), text);
        }
    }
}
