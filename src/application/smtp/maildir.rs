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

/// The line in front of a message that has arrived: its sender, as it stands in a path (RFC 5321 §4.4).
pub fn return_path(sender: &str) -> String {
    format!("Return-Path: <{sender}>\r\n")
}

/// All mailboxes.
#[derive(Clone, Debug)]
pub struct Maildirs {
    folder: Folder,
    host: String,
    run: u32,
    next: Arc<AtomicU64>,
}

/// The name of a message, which no other one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Maildirs {
    /// Those in a folder; `run` is random, and another one in each process.
    pub fn new(folder: Folder, host: &str, run: u32) -> Maildirs {
        // As the ways of Maildir have it: what would end a name or begin its flags is written in octal.
        let host = host.replace('/', "\\057").replace(':', "\\072");
        Maildirs { folder, host, run, next: Arc::default() }
    }

    /// A name for a message that comes now, in seconds since 1970.
    pub fn name(&self, seconds: u64) -> Name {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Name(format!("{seconds}.R{:08x}Q{number}.{}", self.run, self.host))
    }

    /// Where a message is written.
    pub fn unfinished(&self, mailbox: &str, name: &Name) -> Place {
        self.place(mailbox, "tmp", &name.0)
    }

    /// Where it is found.
    pub fn finished(&self, mailbox: &str, name: &Name) -> Place {
        self.place(mailbox, "new", &name.0)
    }

    /// All of a mailbox.
    pub fn mailbox(&self, mailbox: &str) -> Place {
        Place { folder: self.folder, path: mailbox.into() }
    }

    /// The directory with the names of what came.
    pub fn arrivals(&self, mailbox: &str) -> Place {
        Place { folder: self.folder, path: [mailbox, "new"].iter().collect() }
    }

    fn place(&self, mailbox: &str, part: &str, name: &str) -> Place {
        Place { folder: self.folder, path: [mailbox, part, name].iter().collect::<PathBuf>() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_a_path_too() {
        assert_eq!(return_path(""), "Return-Path: <>\r\n");
        assert_eq!(return_path("\"a b\"@there.example"), "Return-Path: <\"a b\"@there.example>\r\n");
    }

    #[test]
    fn no_two_messages_have_one_name() {
        let maildirs = Maildirs::new(Folder(0), "a/b:c", 7);
        let names = [maildirs.name(1), maildirs.clone().name(1)].map(|name| name.to_string());
        assert_eq!(names, ["1.R00000007Q0.a\\057b\\072c", "1.R00000007Q1.a\\057b\\072c"]);
    }
}
