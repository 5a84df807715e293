//! Maildirs: a message is written in `tmp`, and when all of it is on the disk it gets its name in `new`, at once and whole.
//!
//! The mailboxes lie beside each other in one folder, so a message for several is one file with a name in each.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// What a name has between its parts: which process gave it, and which host.
    run: String,
    host: String,
    next: AtomicU64,
}

/// The name of a message, which no other one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    text: String,
    /// Bytes without the host.
    unique: usize,
}

impl Name {
    /// The name without the host, which is unique on this one.
    pub fn unique(&self) -> &str {
        &self.text[..self.unique]
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

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
        let Shared { run, host, next, .. } = &*self.0;
        let (mut digits, mut more) = (itoa::Buffer::new(), itoa::Buffer::new());
        let number = more.format(next.fetch_add(1, Ordering::Relaxed));
        let parts = [digits.format(seconds), run, number, host];
        Name { text: parts.concat(), unique: parts[..3].iter().map(|part| part.len()).sum() }
    }

    /// Where a message is written.
    pub fn unfinished(&self, mailbox: &str, name: &Name) -> Place {
        self.place(&[mailbox, "/tmp/", &name.text])
    }

    /// Where it is found.
    pub fn finished(&self, mailbox: &str, name: &Name) -> Place {
        self.place(&[mailbox, "/new/", &name.text])
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
        assert_eq!(names[1].unique(), "1.R00000007Q1");
        let names = names.map(|name| name.to_string());
        assert_eq!(names, ["1.R00000007Q0.a\\057b\\072c", "1.R00000007Q1.a\\057b\\072c"]);
    }
}
