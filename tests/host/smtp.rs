//! The power is cut at every step of a message's way into mailboxes and the queue: what got 250 is there, once and whole, and
//! nothing is there by half.

use std::sync::Arc;

use taphouse::application::Folder;
use taphouse::application::accounts::{Account, Accounts, PasswordHash};
use taphouse::application::smtp::maildir::{Maildirs, PARTS};
use taphouse::application::smtp::queue::{Envelope, Queue};
use taphouse::application::smtp::server::{Bare, Role, Rules, Smtp};

use crate::disk::{Disk, Survives};
use crate::ftp::{Talk, open};
use crate::storage::Lab;

const BODY: &str = "Subject: power\r\n\r\n..one\r\nlast\r\n";
const KEPT: &str = "Subject: power\r\n\r\n.one\r\nlast\r\n";
const QUEUE: usize = 1;

fn disk() -> Disk {
    let mut disk = Disk::new(2);
    for mailbox in ["alice", "bob", "postmaster"] {
        disk.make_directory(0, mailbox);
        PARTS.iter().for_each(|part| disk.make_directory(0, &format!("{mailbox}/{part}")));
    }
    disk
}

fn server() -> Smtp {
    let password = Arc::new(PasswordHash::of(b"secret", &[7; 16]).unwrap());
    let account = |name: &str| Account {
        name: name.to_owned(),
        password: password.clone(),
        home: name.parse().unwrap(),
        folder: Folder(0),
    };
    let (queue, _arrivals) = Queue::new(Folder(QUEUE as u16), 1);
    Smtp::new(Rules {
        name: "mx.here.test".to_owned(),
        domains: vec!["here.test".to_owned()],
        accounts: Arc::new(Accounts::new(["alice", "bob"].map(account).to_vec())),
        identity: None,
        maildirs: Maildirs::new(Folder(0), "mx.here.test", 1),
        queue: Some(queue),
        relay_from: vec!["10.0.0.0/8".parse().unwrap(), "192.0.2.0/24".parse().unwrap(), "0.0.0.0/0".parse().unwrap()],
        largest: 1 << 20,
        bare: Bare::Refuse,
        clear_passwords: false,
        began: 1_700_000_000,
    })
}

/// Sends one message for these; whether it got 250 before the power was cut.
fn send(lab: &mut Lab, to: &[&str]) -> bool {
    let mut control = open(lab, Role::Transfer.port());
    let mut say = |text: &str, code: &str| hear(lab, &mut control, text, code);
    let sent = (|| {
        say("", "220")?;
        say("HELO client.there.test\r\n", "250")?;
        say("MAIL FROM:<carol@there.test>\r\n", "250")?;
        to.iter().try_for_each(|to| say(&format!("RCPT TO:<{to}>\r\n"), "250"))?;
        say("DATA\r\n", "354")?;
        say(&format!("{BODY}.\r\n"), "250")
    })();
    sent.is_some()
}

fn hear(lab: &mut Lab, control: &mut Talk, text: &str, code: &str) -> Option<()> {
    if !text.is_empty() {
        control.send(lab, text.as_bytes());
    }
    let line = control.try_to_hear(lab)?;
    assert!(line.starts_with(code), "{text}: {line}");
    Some(())
}

/// Messages by their mailboxes, and entries of the queue.
type Found = (Vec<(String, String)>, Vec<(Envelope, String)>);

/// What is found in `new` of each mailbox, and whole entries of the queue.
fn found(left: &Disk) -> Found {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mail = left.files(0).into_iter().filter(|(path, _)| path.parent().unwrap().ends_with("new"));
    let mail = mail.map(|(path, bytes)| (path.iter().next().unwrap().to_str().unwrap().to_owned(), text(&bytes)));
    let queue = left.files(QUEUE);
    let entries = queue.iter().filter(|(path, _)| path.extension().is_some_and(|ending| ending == "envelope"));
    let entries = entries.map(|(path, bytes)| {
        let content = queue.get(&path.with_extension("content")).expect("an envelope has its content");
        (Envelope::from_bytes(bytes).expect("it is whole"), text(content))
    });
    (mail.collect(), entries.collect())
}

fn cut_everywhere(to: &[&str], mailboxes: &[&str], elsewhere: &[&str]) {
    for steps in 0.. {
        let mut lab = Lab::on(disk().that_stops_after(steps));
        lab.server.listen(Role::Transfer.port(), Box::new(server())).unwrap();
        let done = send(&mut lab, to);
        for how in Survives::ALL {
            let (mail, entries) = found(&lab.disk().after_the_cut(how));
            for (mailbox, message) in &mail {
                assert!(mailboxes.contains(&mailbox.as_str()), "{how:?}: {mailbox}");
                assert!(message.starts_with("Return-Path: <carol@there.test>\r\nReceived: "), "{message}");
                assert!(message.ends_with(&format!("+0000\r\n{KEPT}")), "{how:?}, {steps}: {message}");
            }
            for (envelope, message) in &entries {
                let to: Vec<&str> = envelope.recipients.iter().map(|to| to.address.as_str()).collect();
                assert_eq!((to.as_slice(), envelope.size), (elsewhere, KEPT.len() as u64));
                assert!(message.starts_with("Received: ") && message.ends_with(KEPT), "{how:?}, {steps}: {message}");
            }
            let mut came: Vec<&str> = mail.iter().map(|(mailbox, _)| mailbox.as_str()).collect();
            came.sort_unstable();
            assert!(came.windows(2).all(|two| two[0] != two[1]), "{how:?}: {came:?}");
            if done {
                assert_eq!(came, mailboxes, "{how:?}: what got 250 is there");
                assert_eq!(entries.len(), usize::from(!elsewhere.is_empty()), "{how:?}");
            }
        }
        if !lab.has_stopped() {
            assert!(done && steps > 2, "{steps} steps");
            return;
        }
    }
}

#[test]
fn one_mailbox() {
    cut_everywhere(&["alice@here.test"], &["alice"], &[]);
}

#[test]
fn several_mailboxes() {
    cut_everywhere(
        &["bob@here.test", "alice@here.test", "Postmaster@here.test", "Bob@here.test"],
        &["alice", "bob", "postmaster"],
        &[],
    );
}

#[test]
fn elsewhere_alone_and_with_mailboxes() {
    cut_everywhere(&["dave@elsewhere.test"], &[], &["dave@elsewhere.test"]);
    cut_everywhere(
        &["dave@elsewhere.test", "alice@here.test", "bob@here.test", "erin@elsewhere.test"],
        &["alice", "bob"],
        &["dave@elsewhere.test", "erin@elsewhere.test"],
    );
}
