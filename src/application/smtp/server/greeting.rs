//! What a client hears of us first: the greeting, and what we can (RFC 5321 §4.1.1.1). It is the same for all, so it is written
//! once.

use super::Rules;
use crate::base::limits;

/// Replies without enhanced status codes (RFC 2034 §4), with their ends.
pub(super) struct Greetings {
    /// A connection begins.
    pub(super) opening: String,
    /// To HELO.
    helo: String,
    /// To EHLO, in the clear and under TLS.
    clear: String,
    secure: String,
}

impl Greetings {
    pub(super) fn new(rules: &Rules) -> Greetings {
        let Rules { name, .. } = rules;
        let greeting = format!("{name} greets you");
        let ehlo = |secure| {
            let extensions = extensions(rules, secure);
            lines(250, &[&[greeting.as_str()], &extensions.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat())
        };
        Greetings {
            opening: lines(220, &[&format!("{name} ESMTP taphouse")]),
            helo: lines(250, &[&greeting]),
            clear: ehlo(false),
            secure: ehlo(true),
        }
    }

    /// To HELO or, extended, EHLO.
    pub(super) fn hello(&self, extended: bool, secure: bool) -> &str {
        match (extended, secure) {
            (false, _) => &self.helo,
            (true, false) => &self.clear,
            (true, true) => &self.secure,
        }
    }
}

fn lines(code: u16, texts: &[&str]) -> String {
    let last = texts.len().saturating_sub(1);
    let line = |(at, text)| format!("{code}{}{text}\r\n", if at == last { ' ' } else { '-' });
    texts.iter().enumerate().map(line).collect()
}

fn extensions(rules: &Rules, secure: bool) -> Vec<String> {
    let mut all = vec![
        "PIPELINING".to_owned(),
        format!("SIZE {}", rules.largest),
        "8BITMIME".to_owned(),
        "SMTPUTF8".to_owned(),
        "CHUNKING".to_owned(),
        "BINARYMIME".to_owned(),
        "ENHANCEDSTATUSCODES".to_owned(),
        format!("LIMITS RCPTMAX={}", limits::SMTP_RECIPIENTS),
        "HELP".to_owned(),
    ];
    // Who cannot send reports promises none (RFC 3461 §5.2.2).
    if rules.queue.is_some() {
        all.push("DSN".to_owned());
    }
    if rules.identity.is_some() && !secure {
        all.push("STARTTLS".to_owned());
    }
    if rules.hear_passwords(secure) {
        all.push("AUTH PLAIN LOGIN".to_owned());
    }
    all
}
