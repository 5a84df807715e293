//! AUTH, PBSZ and PROT (RFC 2228, RFC 4217): what is under TLS from here on.

use super::Protection;
use super::control::Control;
use super::reply::Code;

/// What of a client's connections is under TLS.
#[derive(Default)]
pub(super) struct Security {
    /// AUTH was answered, or is being answered.
    on: bool,
    /// The control connection is secured as soon as the answer to AUTH is written.
    pub(super) begins: bool,
    /// PBSZ was said.
    sized: bool,
    /// Of data connections to come.
    pub(super) protection: Protection,
}

impl Control {
    /// AUTH (RFC 4217 §4). Who logged in before is to do it again, now that nobody else reads the password.
    pub(super) fn authenticate(&mut self, mechanism: &[u8]) {
        let known = [&b"TLS"[..], b"TLS-C"].iter().any(|known| mechanism.eq_ignore_ascii_case(known));
        if self.shared.rules.identity.is_none() {
            return self.say(Code::NotImplemented, "There is no TLS here.");
        }
        if self.security.on {
            return self.say(Code::BadSequence, "It is under TLS already.");
        }
        if !known {
            return self.say(Code::ParameterNotImplemented, "TLS is the only mechanism.");
        }
        self.log_out();
        self.security = Security { on: true, begins: true, ..Security::default() };
        self.say(Code::SecurityBegins, "Begin.");
    }

    /// PBSZ (RFC 4217 §8).
    pub(super) fn buffer_size(&mut self, size: &[u8]) {
        if !self.security.on {
            return self.say(Code::BadSequence, "Say AUTH TLS first.");
        }
        if size.is_empty() || !size.iter().all(u8::is_ascii_digit) {
            return self.say(Code::ParameterError, "PBSZ takes a number, which is 0.");
        }
        self.security.sized = true;
        self.say(Code::Okay, "PBSZ=0");
    }

    /// PROT (RFC 4217 §9).
    pub(super) fn protection_level(&mut self, level: &[u8]) {
        let protection = match level.to_ascii_uppercase().as_slice() {
            _ if !self.security.sized => return self.say(Code::BadSequence, "Say PBSZ first."),
            b"C" => Protection::Clear,
            b"P" => Protection::Private,
            b"S" | b"E" => return self.say(Code::LevelNotSupported, "C and P are the levels of TLS."),
            _ => return self.say(Code::ParameterNotImplemented, "C and P are the levels."),
        };
        self.security.protection = protection;
        let text = if protection == Protection::Private { "Data go under TLS." } else { "Data go in the clear." };
        self.say(Code::Okay, text);
    }
}
