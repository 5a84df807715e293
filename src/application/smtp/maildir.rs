//! Maildirs: a message is written in `tmp`, and when all of it is on the disk it gets its name in `new`, at once and whole.
//!
//! The mailboxes lie beside each other in one folder, so a message for several is one file with a name in each.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrayvec::ArrayString;

use super::super::{Folder, Place};

/// The parts of a mailbox.
pub const PARTS: [&str; 3] = ["tmp", "new", "cur"];
/// Whose mailbox takes what is for the postmaster, unless there is a user of that name.
pub const POSTMASTER: &str = "postmaster";

/// The line in front of a message that has arrived, in parts: its sender, as it stands in a path (RFC 5321 §4.4).
pub fn return_path(sender: &str) -> [&str; 3] {
    ["Return-Path: <", sender, ">\r\n"]
}

/// All mailboxes.
#[derive(Clone, Debug)]
pub struct Maildirs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: Folder,
    /// What a name has between its numbers: which process gave it.
    run: String,
    /// What a file's name has behind the message's: which host it came to.
    host: String,
    next: AtomicU64,
}

/// The name of a message, which no other one has on this host. The longest has two numbers of 20 digits and one of 8, and three
/// letters between them.
pub type Name = ArrayString<51>;

impl Maildirs {
    /// Those in a folder; `run` is random, and another one in each process.
    pub fn new(folder: Folder, host: &str, run: u32) -> Maildirs {
        // As the ways of Maildir have it: what would end a name or begin its flags is written in octal.
        let host = host.replace('/', "\\057").replace(':', "\\072");
        let (run, host) = (format!(".R{run:08x}Q"), format!(".{host}"));
        Maildirs(Arc::new(Shared { folder, run, host, next: AtomicU64::new(0) }))
    }

    /// A name for a message that comes now, in seconds since 1970.
    pub fn name(&self, seconds: u64) -> Name {
        let Shared { run, next, .. } = &*self.0;
        let (mut digits, mut name) = (itoa::Buffer::new(), Name::new());
        name.push_str(digits.format(seconds));
        name.push_str(run);
        name.push_str(digits.format(next.fetch_add(1, Ordering::Relaxed)));
        name
    }

    /// Where a message is written.
    pub fn unfinished(&self, mailbox: &str, name: &Name) -> Place {
        self.place(&[mailbox, "/tmp/", name, &self.0.host])
    }

    /// Where it is found.
    pub fn finished(&self, mailbox: &str, name: &Name) -> Place {
        self.place(&[mailbox, "/new/", name, &self.0.host])
    }

    /// All of a mailbox.
    pub fn mailbox(&self, mailbox: &str) -> Place {
        self.place(&[mailbox])
    }

    /// The directory with the names of what came.
    pub fn arrivals(&self, mailbox: &str) -> Place {
        self.place(&[mailbox, "/new"])
    }

    fn place(&self, parts: &[&str]) -> Place {
        Place { folder: self.0.folder, path: PathBuf::from(parts.concat()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_a_path_too() {
        assert_eq!(return_path("").concat(), "Return-Path: <>\r\n");
        assert_eq!(return_path("\"a b\"@there.example").concat(), "Return-Path: <\"a b\"@there.example>\r\n");
    }

    #[test]
    fn no_two_messages_have_one_name() {
        let maildirs = Maildirs::new(Folder(0), "a/b:c", 7);
        let names = [maildirs.name(1), maildirs.clone().name(1)];
        assert_eq!(names.map(|name| name.to_string()), ["1.R00000007Q0", "1.R00000007Q1"]);
        let paths = names.map(|name| maildirs.finished("bob", &name).path);
        assert_eq!(
            paths,
            ["bob/new/1.R00000007Q0.a\\057b\\072c", "bob/new/1.R00000007Q1.a\\057b\\072c"].map(PathBuf::from)
        );
        let longest = Maildirs::new(Folder(0), "a", u32::MAX);
        longest.0.next.store(u64::MAX, Ordering::Relaxed);
        assert!(longest.name(u64::MAX).ends_with("Q18446744073709551615"));
    }
}
