//! Who a client says that it is, whether that is believed, and what it may do then.

use super::super::accounts::Keeping;
use super::super::refusals;
use super::super::{Folder, Stream, Work};
use super::Access;
use super::command::Verb;
use super::control::Control;
use super::path::VirtualPath;
use super::question::Question;
use super::reply::Code;
use crate::base::limits;
use crate::base::time::Instant;

/// Who talks to us.
pub(super) enum User {
    Unknown,
    /// USER said anonymous.
    Guest,
    /// USER said another name, whether there is one or not.
    Named(Vec<u8>),
    LoggedIn(Login),
}

/// What somebody may do, and where.
pub(super) struct Login {
    pub(super) access: Access,
    pub(super) folder: Folder,
    /// The parts of the path from the root of all to where this one's root is.
    pub(super) home: Vec<String>,
    /// `None`: anonymous.
    pub(super) name: Option<String>,
}

impl Control {
    pub(super) fn user(&mut self, name: &[u8]) {
        self.log_out();
        let guest = name.eq_ignore_ascii_case(b"anonymous") || name.eq_ignore_ascii_case(b"ftp");
        // A stranger is not told that there is no such name (RFC 2577 §6).
        let text = if guest { "Your mail address, please." } else { "The password, please." };
        self.user = if guest { User::Guest } else { User::Named(name.to_vec()) };
        self.say(Code::NeedPassword, text);
    }

    pub(super) fn pass(&mut self, password: &[u8], stream: &mut Stream<'_>) {
        let now = stream.io.now();
        match &self.user {
            User::Guest => {
                let access = self.shared.rules.anonymous;
                let guest = Login { access, folder: Folder(0), home: Vec::new(), name: None };
                self.user = User::LoggedIn(guest);
                self.say(Code::LoggedIn, "Welcome.");
            }
            User::Named(_) if self.shared.tables().attempts.are_too_many(self.peer.address, now) => {
                self.refuse(Code::NotAvailable, "There were too many wrong passwords: come back later.");
                self.quitting = true;
            }
            User::Named(name) => match self.shared.rules.accounts.verification(name, password) {
                Some(password) => self.put(Question::Password, Work::Verify(password), stream),
                None => self.mistrust(now),
            },
            User::Unknown => self.say(Code::BadSequence, "Say USER first."),
            User::LoggedIn(_) => self.say(Code::LoggedIn, "You are in already."),
        }
    }

    /// The password was right.
    pub(super) fn trust(&mut self) {
        let User::Named(name) = std::mem::replace(&mut self.user, User::Unknown) else { return };
        let Some(account) = self.shared.rules.accounts.find(&name) else { return };
        if !self.shared.tables().users.enter(account.name.clone()) {
            return self.refuse(Code::NotLoggedIn, "You have too many connections: end one.");
        }
        self.user = User::LoggedIn(Login {
            access: Access::Write,
            folder: account.folder,
            home: account.home.parts().to_vec(),
            name: Some(account.name.clone()),
        });
        self.say(Code::LoggedIn, "Welcome home.");
    }

    /// The password was wrong: the answer takes its time.
    pub(super) fn mistrust(&mut self, now: Instant) {
        if let User::Named(name) = std::mem::replace(&mut self.user, User::Unknown) {
            self.tell_of(&format!("a wrong password for {}", refusals::shown(&name)));
        }
        let delay = self.shared.tables().attempts.fail(self.peer.address, now);
        self.delayed = Some(now + delay);
        self.wrong += 1;
    }

    pub(super) fn log_out(&mut self) {
        if let User::LoggedIn(Login { name: Some(name), .. }) = std::mem::replace(&mut self.user, User::Unknown) {
            self.shared.tables().users.leave(&name);
        }
        self.here = VirtualPath::default();
    }

    /// A wrong password was waited for long enough (RFC 2577 §5).
    pub(super) fn refuse_password(&mut self) {
        self.delayed = None;
        if self.wrong < limits::FTP_PASSWORDS {
            self.say(Code::NotLoggedIn, "That is not right.");
        } else {
            self.say(Code::NotAvailable, "That is not right, for the last time.");
            self.quitting = true;
        }
    }

    pub(super) fn login(&self) -> Option<&Login> {
        match &self.user {
            User::LoggedIn(login) => Some(login),
            _ => None,
        }
    }

    pub(super) fn may_write(&self) -> bool {
        self.login().is_some_and(|login| login.access == Access::Write)
    }

    /// The directory that is this user's root.
    pub(super) fn folder(&self) -> Folder {
        self.login().map_or(Folder(0), |login| login.folder)
    }

    /// A path of this user's below the root of all.
    pub(super) fn in_the_root(&self, path: &VirtualPath) -> VirtualPath {
        path.below(self.login().map_or(&[], |login| &login.home))
    }

    /// Whether others keep somebody away from there.
    pub(super) fn is_kept_away(&self, verb: Verb, path: &VirtualPath) -> bool {
        let stranger = self.login().is_none_or(|login| login.name.is_none());
        stranger
            && match self.shared.rules.accounts.keep(path.parts()) {
                Keeping::Public => false,
                Keeping::Above => verb.writes(),
                Keeping::Private => true,
            }
    }
}
