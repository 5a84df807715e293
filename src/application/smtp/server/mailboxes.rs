//! Whose mailboxes a message is for.

/// Names of mailboxes, none twice. Nearly every message has one, and no list for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mailboxes {
    first: Option<String>,
    others: Vec<String>,
}

impl Mailboxes {
    /// One more, unless it is there.
    pub(super) fn add(&mut self, mailbox: &str) {
        match &self.first {
            None => self.first = Some(mailbox.to_owned()),
            Some(_) if self.iter().any(|known| known == mailbox) => {}
            Some(_) => self.others.push(mailbox.to_owned()),
        }
    }

    /// All of them, as they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.first().into_iter().chain(self.others.iter().map(String::as_str))
    }

    /// The one that was added first.
    pub(super) fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// The one, if there are no others.
    pub(super) fn only(&self) -> Option<&str> {
        self.first().filter(|_| self.others.is_empty())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_there_twice() {
        let mut mailboxes = Mailboxes::default();
        assert_eq!((mailboxes.is_empty(), mailboxes.only(), mailboxes.iter().next()), (true, None, None));
        for (mailbox, only) in [("bob", Some("bob")), ("bob", Some("bob")), ("eve", None), ("bob", None), ("eve", None)]
        {
            mailboxes.add(mailbox);
            let known = (mailboxes.first(), mailboxes.only(), mailboxes.is_empty());
            assert_eq!(known, (Some("bob"), only, false), "{mailbox}");
        }
        assert!(mailboxes.iter().eq(["bob", "eve"]));
    }
}
