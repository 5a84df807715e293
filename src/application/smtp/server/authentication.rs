//! AUTH (RFC 4954): PLAIN (RFC 4616), and LOGIN, which is older than any standard.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_proto::AUTH_PLAIN;

use super::super::super::{Stream, Work};
use super::VERIFIED;
use super::command::MECHANISMS;
use super::reply::{self, Reply};
use super::session::Conversation;
use crate::base::limits;
use crate::base::time::Instant;

/// Who the client is, as far as it said.
#[derive(Default)]
pub(super) struct Login {
    state: State,
    /// Wrong passwords.
    wrong: u32,
}

#[derive(Default)]
enum State {
    #[default]
    Unknown,
    /// PLAIN was said, and what belongs to it comes.
    Plain,
    /// LOGIN was said, and the name comes.
    Name,
    /// Then the password.
    Password(Vec<u8>),
    /// A storage thread compares the password of this one.
    Verifying(Vec<u8>),
    /// It was wrong, and that is said then.
    Delayed(Instant),
    Known(String),
}

impl Login {
    /// Whose password was right.
    pub(super) fn user(&self) -> Option<&str> {
        match &self.state {
            State::Known(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the next line is no command.
    pub(super) fn expects(&self) -> bool {
        matches!(self.state, State::Plain | State::Name | State::Password(_))
    }

    /// Whether nothing is heard now.
    pub(super) fn waits(&self) -> bool {
        matches!(self.state, State::Verifying(_) | State::Delayed(_))
    }

    pub(super) fn delayed(&self) -> Option<Instant> {
        match self.state {
            State::Delayed(until) => Some(until),
            _ => None,
        }
    }
}

impl Conversation {
    /// AUTH.
    pub(super) fn authenticate(&mut self, mechanism: u64, initial: &str, stream: &mut Stream<'_>) -> Result<(), Reply> {
        if self.hello.as_ref().is_none_or(|hello| !hello.extended) {
            return Err(reply::SAY_HELLO);
        }
        if !self.may_authenticate() {
            return Err(if self.shared.rules.identity.is_some() {
                reply::NOT_IN_THE_CLEAR
            } else {
                reply::NOT_IMPLEMENTED
            });
        }
        if mechanism & MECHANISMS == 0 {
            return Err(reply::MECHANISM);
        }
        // RFC 4954 §4: once, and not within a message.
        if self.login.user().is_some() || self.transaction.is_some() {
            return Err(reply::ALREADY);
        }
        if self.shared.tables().attempts.are_too_many(self.peer, stream.io.now()) {
            self.leave(reply::TOO_MANY_GUESSES);
            return Ok(());
        }
        let plain = mechanism == AUTH_PLAIN;
        self.login.state = if plain { State::Plain } else { State::Name };
        match (initial, plain) {
            ("", true) => self.say(reply::AUTH_ANYTHING),
            ("", false) => self.say(reply::AUTH_NAME),
            // RFC 4954 §4: a response of no bytes.
            ("=", _) => self.hear_login(b"", stream),
            (initial, _) => self.hear_login(initial.as_bytes(), stream),
        }
        Ok(())
    }

    /// What belongs to AUTH.
    pub(super) fn hear_login(&mut self, line: &[u8], stream: &mut Stream<'_>) {
        let state = std::mem::take(&mut self.login.state);
        if line == b"*" {
            return self.say(reply::CANCELLED);
        }
        let Ok(bytes) = STANDARD.decode(line) else { return self.say(reply::NOT_BASE64) };
        match state {
            State::Plain => {
                // Who it wants to act for, who it is, and the password.
                let mut parts = bytes.split(|byte| *byte == 0);
                match (parts.next(), parts.next(), parts.next(), parts.next()) {
                    (Some(acts_for), Some(name), Some(password), None) if acts_for.is_empty() || acts_for == name => {
                        self.verify(name, password, stream);
                    }
                    (Some(_), Some(_), Some(_), None) => self.say(reply::WRONG_PASSWORD),
                    _ => self.say(reply::NOT_BASE64),
                }
            }
            State::Name => {
                self.login.state = State::Password(bytes);
                self.say(reply::AUTH_PASSWORD);
            }
            State::Password(name) => self.verify(&name, &bytes, stream),
            State::Unknown | State::Verifying(_) | State::Delayed(_) | State::Known(_) => {}
        }
    }

    fn verify(&mut self, name: &[u8], password: &[u8], stream: &mut Stream<'_>) {
        let Some(verification) = self.shared.rules.accounts.verification(name, password) else {
            return self.mistrust(stream.io.now());
        };
        match stream.io.ask(VERIFIED, Work::Verify(verification)) {
            Ok(()) => self.login.state = State::Verifying(name.to_vec()),
            Err(_busy) => self.say(reply::NO_VERIFICATION),
        }
    }

    /// A password was compared.
    pub(super) fn verified(&mut self, right: bool, stream: &mut Stream<'_>) {
        let State::Verifying(name) = std::mem::take(&mut self.login.state) else { return };
        match self.shared.rules.accounts.find(&name).filter(|_| right) {
            Some(account) => {
                self.login.state = State::Known(account.name.clone());
                self.say(reply::LOGGED_IN);
            }
            None => self.mistrust(stream.io.now()),
        }
    }

    /// The password was wrong: the answer takes its time.
    fn mistrust(&mut self, now: Instant) {
        let until = now + self.shared.tables().attempts.fail(self.peer, now);
        self.login.state = State::Delayed(until);
        self.login.wrong += 1;
    }

    /// A wrong password was waited for long enough.
    pub(super) fn check_login(&mut self, stream: &mut Stream<'_>) {
        if self.login.delayed().is_none_or(|until| until > stream.io.now()) {
            return;
        }
        self.login.state = State::Unknown;
        self.say(reply::WRONG_PASSWORD);
        if self.login.wrong >= limits::SMTP_PASSWORDS {
            self.leave(reply::TOO_MANY_GUESSES);
        }
    }
}
