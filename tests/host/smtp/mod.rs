//! SMTP's server without a TAP: what it replies, and what lies in mailboxes and in the queue then.

mod cut;
mod power;
mod session;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use taphouse::application::Folder;
use taphouse::application::accounts::{Account, Accounts, PasswordHash};
use taphouse::application::smtp::maildir::{Maildirs, PARTS};
use taphouse::application::smtp::queue::{Arrivals, Queue};
use taphouse::application::smtp::server::{Bare, Role, Rules, Smtp};

use crate::disk::Disk;
use crate::ftp::{Talk, open};
use crate::storage::Lab;

/// Folders of the disk.
const MAIL: usize = 0;
const QUEUE: usize = 1;

/// A disk with mailboxes of alice, bob and the postmaster, and an empty queue.
fn disk() -> Disk {
    let mut disk = Disk::new(2);
    for mailbox in ["alice", "bob", "postmaster"] {
        disk.make_directory(MAIL, mailbox);
        PARTS.iter().for_each(|part| disk.make_directory(MAIL, &format!("{mailbox}/{part}")));
    }
    disk
}

fn rules() -> Rules {
    let password = Arc::new(PasswordHash::of(b"secret", &[7; 16]).unwrap());
    let account = |name: &str| Account {
        name: name.to_owned(),
        password: password.clone(),
        home: name.parse().unwrap(),
        folder: Folder(9),
    };
    Rules {
        name: "mx.here.test".to_owned(),
        domains: vec!["here.test".to_owned(), "also.test".to_owned()],
        addresses: vec!["fd77::2".parse().unwrap()],
        accounts: Arc::new(Accounts::new(["alice", "bob"].map(account).to_vec())),
        identity: None,
        maildirs: Maildirs::new(Folder(MAIL as u16), "mx.here.test", 1),
        queue: None,
        relay_from: Vec::new(),
        largest: 100_000,
        bare: Bare::Refuse,
        clear_passwords: true,
        began: 1_700_000_000,
    }
}

/// A client that is connected.
struct Client {
    lab: Lab,
    talk: Talk,
    arrivals: Arrivals,
}

impl Client {
    fn new() -> Client {
        Client::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Rules)) -> Client {
        Client::on(disk(), Role::Transfer, change)
    }

    fn on(disk: Disk, role: Role, change: impl FnOnce(&mut Rules)) -> Client {
        let mut lab = Lab::on(disk);
        let (queue, arrivals) = Queue::new(Folder(QUEUE as u16), 7);
        let mut rules = Rules { queue: Some(queue), ..rules() };
        change(&mut rules);
        lab.server.listen(role.port(), Box::new(Smtp::new(rules).at(role))).unwrap();
        let talk = open(&mut lab, role.port());
        let mut client = Client { lab, talk, arrivals };
        client.hear("220 mx.here.test ESMTP");
        client
    }

    /// The last line of a reply; `None` if the power was cut before.
    #[track_caller]
    fn hear(&mut self, beginning: &str) -> Option<String> {
        let line = self.talk.try_to_hear(&mut self.lab)?;
        assert!(line.starts_with(beginning), "{beginning}: {line}");
        Some(line)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.talk.send(&mut self.lab, bytes);
    }

    #[track_caller]
    fn say(&mut self, line: &str, beginning: &str) -> Option<String> {
        self.send(format!("{line}\r\n").as_bytes());
        self.hear(beginning)
    }

    #[track_caller]
    fn say_all(&mut self, lines: &[(&str, &str)]) {
        for (line, beginning) in lines {
            self.say(line, beginning).unwrap_or_else(|| panic!("{line}"));
        }
    }

    /// Says who a message is for, in brackets and with what RCPT says of them, up to DATA.
    #[track_caller]
    fn begin(&mut self, recipients: &[&str]) -> Option<()> {
        self.say("EHLO client.test", "250 ")?;
        self.say("MAIL FROM:<me@there.test>", "250 2.1.0")?;
        for to in recipients {
            self.say(&format!("RCPT TO:{to}"), "250 2.1.5")?;
        }
        self.say("DATA", "354").map(drop)
    }

    /// Waits until the connection is over, and turns until what was asked for is done.
    #[track_caller]
    fn is_closed(&mut self) {
        self.lab.drive(|lab| lab.server.connections() == 0);
        (0..20).for_each(|_| self.lab.turn());
    }

    fn new_mail(&self) -> BTreeMap<String, Vec<u8>> {
        new_mail(self.lab.disk())
    }

    /// Everything on the disk that is a file.
    fn files(&self) -> usize {
        self.lab.disk().files(MAIL).len() + self.lab.disk().files(QUEUE).len()
    }
}

/// What is in `new` of all mailboxes, by path.
fn new_mail(disk: &Disk) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.display().to_string();
    let files = disk.files(MAIL).into_iter().map(|(path, bytes)| (name(&path), bytes));
    files.filter(|(path, _)| path.contains("/new/")).collect()
}
