//! Whose an address is.

use super::super::super::Place;
use super::super::address;
use super::super::maildir::POSTMASTER;
use super::super::relay::Locals;
use super::Rules;
use crate::base::address::Address;

/// Where somebody is.
pub(super) enum Whereabouts<'a> {
    /// In a mailbox of ours.
    Here(&'a str),
    /// On another host.
    Elsewhere,
    /// It would be here.
    Nowhere,
}

impl Rules {
    /// Where an address is; `own` is the address of ours that the client talks to. Nothing is nobody: the postmaster.
    pub(super) fn whereabouts(&self, to: &str, own: Option<Address>) -> Option<Whereabouts<'_>> {
        // The postmaster's mail is always taken (RFC 5321 §4.5.1).
        if to.is_empty() {
            return Some(Whereabouts::Here(POSTMASTER));
        }
        let (local, domain) = address::split(to)?;
        let ours = match address::literal(domain) {
            Some(None) => return None,
            Some(literal) => own.iter().chain(&self.addresses).any(|ours| Some(*ours) == literal),
            None => self.domains.iter().any(|known| known.eq_ignore_ascii_case(domain)),
        };
        if !ours {
            return Some(Whereabouts::Elsewhere);
        }
        if local.eq_ignore_ascii_case(POSTMASTER) {
            return Some(Whereabouts::Here(POSTMASTER));
        }
        // Only the host that has the mailbox knows whether case matters (RFC 5321 §2.4): here it does not.
        let account = self.accounts.find(local.as_bytes());
        let account = account.or_else(|| self.accounts.find(local.to_lowercase().as_bytes()));
        Some(account.map_or(Whereabouts::Nowhere, |account| Whereabouts::Here(&account.name)))
    }
}

impl Locals for Rules {
    fn maildir(&self, address: &str) -> Option<Place> {
        match self.whereabouts(address, None) {
            Some(Whereabouts::Here(mailbox)) => Some(self.maildirs.mailbox(mailbox)),
            _ => None,
        }
    }
}
