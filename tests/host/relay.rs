//! The relay of mail with a real disk, real threads, and a wire on which nobody is: what is given up, and who hears of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use taphouse::application::smtp::client::{Manner, Patience};
use taphouse::application::smtp::queue::{Body, Envelope, Notify, Queue, Recipient, Status};
use taphouse::application::smtp::relay::{DESK, Locals, PORT, Relay, Rules, Smarthost};
use taphouse::application::{Folder, Place};
use taphouse::base::address::Address;
use taphouse::base::time::Instant;
use taphouse::device::Memory;
use taphouse::run::{Folders, Storage};
use taphouse::stack::Stack;

use crate::wire::{PLAIN, config};

/// When all of this happens, in seconds since 1970.
const NOW: u64 = 1_700_000_000;

/// Everybody at here.test has a mailbox.
#[derive(Debug)]
struct Here;

impl Locals for Here {
    fn maildir(&self, address: &str) -> Option<Place> {
        let name = address.strip_suffix("@here.test")?;
        Some(Place { folder: Folder(1), path: name.into() })
    }
}

/// A host with a relay, its queue and its mailboxes.
struct Host {
    folder: tempfile::TempDir,
    queue: Queue,
}

impl Host {
    fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        ["queue", "mail"].iter().for_each(|name| fs::create_dir(folder.path().join(name)).unwrap());
        Host { folder, queue: Queue::new(Folder(0), 7).0 }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, content: &[u8], recipients: Vec<Recipient>, sender: &str) -> String {
        let id = self.queue.name(NOW);
        let envelope = Envelope {
            sender: sender.to_owned(),
            recipients,
            body: Body::SevenBit,
            utf8: false,
            size: content.len() as u64,
            ret: None,
            envid: None,
            arrived: NOW,
            tries: 0,
            next: 0,
            told_of_delay: false,
        };
        fs::write(self.path("queue").join(id.content()), content).unwrap();
        fs::write(self.path("queue").join(id.envelope()), envelope.to_bytes()).unwrap();
        id.to_string()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(self.path(folder)).into_iter().flatten().map(name).collect();
        names.sort();
        names
    }

    /// Runs until `done`, in time that goes by ten times as fast; returns what was said.
    fn run(&self, rules: Rules, done: impl Fn(&Host, &[String]) -> bool) -> Vec<String> {
        let folders =
            Folders::open(&[self.path("queue"), self.path("mail")]).unwrap_or_else(|(_, why)| panic!("{why}"));
        let storage = Storage::start(folders).unwrap();
        let (device, _wire) = Memory::pair(PLAIN);
        let mut stack = Stack::new(device, &config()).unwrap();
        stack.set_storage(storage.orders());
        let (queue, arrivals) = Queue::new(Folder(0), 8);
        let (tell, told) = unbounded();
        let relay = Relay::new(queue, arrivals, rules, Some(tell));
        relay.wakes_by(stack.bell(DESK));
        stack.bind(PORT, Box::new(relay)).unwrap();
        let said = turned(&mut stack, &told, |said| done(self, said));
        let pinned = stack.memory_pinned();
        drop(stack);
        storage.end();
        assert_eq!(pinned, 0, "memory stays behind");
        said
    }
}

fn turned(stack: &mut Stack<Memory>, told: &Receiver<String>, done: impl Fn(&[String]) -> bool) -> Vec<String> {
    let (started, mut said) = (std::time::Instant::now(), Vec::new());
    while !done(&said) {
        let passed = started.elapsed();
        assert!(passed < Duration::from_secs(60), "it does not end: {said:?}");
        stack.turn(Instant::ZERO + passed * 10).unwrap();
        said.extend(told.try_iter());
        thread::sleep(Duration::from_millis(1));
    }
    said
}

fn rules() -> Rules {
    Rules { name: "relay.test".into(), began: NOW, locals: Some(Arc::new(Here)), ..Rules::default() }
}

#[test]
fn what_cannot_go_anywhere_comes_back_into_the_mailbox_of_its_sender() {
    let host = Host::new();
    let id = host.put(b"Subject: lost\r\n\r\nhello\r\n", vec![Recipient::new("b@there.test")], "alice@here.test");
    let rules = Rules { first_pause: Duration::from_secs(1), lifetime: Duration::from_secs(2), ..rules() };
    let said = host.run(rules, |host, _| host.names("queue").is_empty() && !host.names("mail/alice/new").is_empty());
    let expected = format!("{id}: to <b@there.test> deferred: there is neither a smarthost nor a DNS server to ask");
    assert!(said.contains(&expected), "{said:?}");
    let [name] = &host.names("mail/alice/new")[..] else { panic!("one report") };
    assert!(host.names("mail/alice/tmp").is_empty() && host.path("mail/alice/cur").is_dir());
    let report = fs::read_to_string(host.path("mail/alice/new").join(name)).unwrap();
    assert!(
        report.starts_with("Return-Path: <>\r\nFrom: Mail Delivery System <MAILER-DAEMON@relay.test>\r\n"),
        "{report}"
    );
    for part in ["Final-Recipient: rfc822; b@there.test", "Action: failed\r\nStatus: 5.4.4\r\n", "Subject: lost\r\n"] {
        assert!(report.contains(part), "{part}\n{report}");
    }
}

#[test]
fn nobody_is_told_of_what_comes_back_from_nobody_or_was_not_to_be_told() {
    let host = Host::new();
    host.put(b"Subject: x\r\n\r\n", vec![Recipient::new("b@there.test")], "");
    let never = Recipient { notify: Some(Notify::default()), ..Recipient::new("b@there.test") };
    host.put(b"Subject: x\r\n\r\n", vec![never], "alice@here.test");
    let rules = Rules { lifetime: Duration::ZERO, ..rules() };
    let said = host.run(rules, |host, _| host.names("queue").is_empty());
    assert_eq!((host.names("mail"), said), (Vec::<String>::new(), Vec::new()));
}

#[test]
fn what_was_done_is_not_done_again_and_what_was_to_be_told_is() {
    let host = Host::new();
    // As it was when an earlier process was killed: two were served, one refused, of which nobody was told.
    let with = |address: &str, status| Recipient { status, ..Recipient::new(address) };
    let all = vec![
        with("done@there.test", Status::Done),
        with("failed@there.test", Status::Failed),
        with("local@here.test", Status::Waiting),
    ];
    host.put(b"Subject: half\r\n\r\nhello\r\n", all, "alice@here.test");
    host.run(rules(), |host, _| host.names("queue").is_empty());
    let mailbox = |name: &str| {
        let names = host.names(&format!("mail/{name}/new"));
        let [only] = &names[..] else { panic!("{name} has one: {names:?}") };
        fs::read_to_string(host.path(format!("mail/{name}/new")).join(only)).unwrap()
    };
    assert_eq!(mailbox("local"), "Return-Path: <alice@here.test>\r\nSubject: half\r\n\r\nhello\r\n");
    let report = mailbox("alice");
    assert!(report.contains("failed@there.test") && !report.contains("done@there.test") && !report.contains("local@"));
}

#[test]
fn what_is_no_entry_is_left_or_taken_away() {
    let host = Host::new();
    let orphan = host.queue.name(NOW);
    fs::write(host.path("queue").join(orphan.content()), b"no envelope").unwrap();
    fs::write(host.path("queue").join(orphan.unnamed()), b"{").unwrap();
    let bad = host.queue.name(NOW);
    fs::write(host.path("queue").join(bad.envelope()), b"{").unwrap();
    fs::write(host.path("queue/README"), b"not ours").unwrap();
    // An entry that was being taken out, of which the content is gone already.
    let empty = host.put(b"", vec![Recipient::new("b@there.test")], "alice@here.test");
    fs::remove_file(host.path("queue").join(format!("{empty}.content"))).unwrap();
    let left = ["README".to_owned(), format!("{bad}.envelope")];
    let left = |host: &Host| {
        let mut left = left.to_vec();
        left.sort();
        host.names("queue") == left
    };
    let said = host.run(rules(), |host, said| left(host) && !said.is_empty());
    assert!(said.len() == 1 && said[0].starts_with(&format!("{bad}: its envelope is no envelope: ")), "{said:?}");
}

#[test]
fn a_smarthost_that_does_not_answer_is_tried_again_with_growing_pauses() {
    let host = Host::new();
    host.put(b"Subject: x\r\n\r\n", vec![Recipient::new("b@there.test")], "alice@here.test");
    // Nobody is there.
    let smarthost = Smarthost { name: "hub".into(), port: 25, addresses: vec![Address::from_v4([192, 0, 2, 1])] };
    let patience = Patience::default().at_most(Duration::from_secs(1));
    let manner = Arc::new(Manner { patience, ..Manner::default() });
    let rules = Rules { smarthost: Some(smarthost), first_pause: Duration::from_secs(1), manner, ..rules() };
    host.run(rules, |_, said| {
        said.iter().filter(|line| line.contains("deferred: the server does not answer")).count() == 3
    });
    let names = host.names("queue");
    let envelope = names.iter().find(|name| name.ends_with(".envelope")).expect("it is there");
    let envelope = Envelope::from_bytes(&fs::read(host.path("queue").join(envelope)).unwrap()).unwrap();
    // The third may not be written down yet: pauses of 1 s, 2 s and 4 s.
    assert!(envelope.tries >= 2 && envelope.next >= NOW + 3, "{envelope:?}");
    assert_eq!(envelope.recipients[0].status, Status::Waiting);
}

#[test]
fn with_nothing_to_do_it_sleeps_and_what_is_put_wakes_it() {
    let host = Host::new();
    let folders = Folders::open(&[host.path("queue"), host.path("mail")]).unwrap_or_else(|(_, why)| panic!("{why}"));
    let storage = Storage::start(folders).unwrap();
    let (device, _wire) = Memory::pair(PLAIN);
    let mut stack = Stack::new(device, &config()).unwrap();
    stack.set_storage(storage.orders());
    let (queue, arrivals) = Queue::new(Folder(0), 8);
    let (tell, told) = unbounded();
    let relay = Relay::new(queue.clone(), arrivals, rules(), Some(tell));
    relay.wakes_by(stack.bell(DESK));
    stack.bind(PORT, Box::new(relay)).unwrap();
    // It reads the directory, and then it waits.
    let asleep = Duration::from_secs(30);
    let is_asleep = |stack: &Stack<Memory>, now: Instant| stack.deadline().is_none_or(|next| next >= now + asleep);
    let mut now = Instant::ZERO;
    while !is_asleep(&stack, now) {
        stack.turn(now).unwrap();
        now = now + Duration::from_millis(1);
        thread::sleep(Duration::from_millis(1));
    }
    // Another shard's session does the same.
    let id = host.put(b"Subject: x\r\n\r\nhello\r\n", vec![Recipient::new("bob@here.test")], "alice@here.test");
    thread::spawn(move || queue.announce(id.parse().unwrap())).join().unwrap();
    while host.names("mail/bob/new").is_empty() {
        stack.turn(now).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    drop(stack);
    storage.end();
    assert_eq!(told.try_iter().count(), 0);
}
