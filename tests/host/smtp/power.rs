//! The power is cut at every step of a message's way into mailboxes and the queue: what got 250 is there, once and whole, and
//! nothing is there by half.

use std::collections::BTreeMap;

use taphouse::application::smtp::queue::{Envelope, Status};
use taphouse::application::smtp::server::{Role, Rules};

use super::{Client, QUEUE, disk, new_mail};
use crate::disk::{Disk, Survives};

/// More than one block of it, with dots that are doubled on the wire.
fn body() -> String {
    format!("Subject: power\r\n\r\n{}", "..many lines\r\n".repeat(3000))
}

/// What the power left: messages by their mailboxes, and entries of the queue. None is half.
type Found = (BTreeMap<String, usize>, Vec<Envelope>);

#[track_caller]
fn found(left: &Disk) -> Found {
    let kept = body().replace("\r\n..", "\r\n.");
    let mut mailboxes = BTreeMap::new();
    for (path, message) in new_mail(left) {
        let text = String::from_utf8(message).expect("it is text");
        assert!(text.starts_with("Return-Path: <me@there.test>\r\nReceived: "), "{path}: {text}");
        assert!(text.ends_with(&format!("+0000\r\n{kept}")), "{path}: {text}");
        *mailboxes.entry(path.split('/').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let queue = left.files(QUEUE);
    let envelopes = queue.iter().filter(|(path, _)| path.extension().is_some_and(|ending| ending == "envelope"));
    let entries = envelopes.map(|(path, bytes)| {
        let envelope = Envelope::from_bytes(bytes).expect("it is whole");
        let content = queue.get(&path.with_extension("content")).expect("an envelope has its content");
        assert_eq!(envelope.size, content.len() as u64);
        assert!(content.starts_with(b"Received: ") && content.ends_with(kept.as_bytes()));
        envelope
    });
    (mailboxes, entries.collect())
}

/// Cuts the power at every step of a message for these, which is to be in these mailboxes, and in the queue for those;
/// returns how many steps there are.
#[track_caller]
fn cut_everywhere(to: &[&str], mailboxes: &[&str], queued: &[(&str, Status)]) -> usize {
    let body = body();
    for steps in 0.. {
        let anybody = |rules: &mut Rules| rules.relay_from = vec!["0.0.0.0/0".parse().unwrap()];
        let mut client = Client::on(disk().that_stops_after(steps), Role::Transfer, anybody);
        let mut send = || {
            client.begin(to)?;
            client.send(body.as_bytes());
            client.say(".", "250")
        };
        let done = send().is_some();
        for how in Survives::ALL {
            let (came, entries) = found(&client.lab.disk().after_the_cut(how));
            assert!(came.values().all(|times| *times == 1) && entries.len() <= 1, "{how:?}, {steps}: {came:?}");
            let is_complete = came.keys().map(String::as_str).eq(mailboxes.iter().copied());
            for envelope in &entries {
                let all = envelope.recipients.iter().map(|to| (to.address.as_str(), to.status));
                assert!(all.eq(queued.iter().copied()), "{how:?}, {steps}: {envelope:?}");
                assert!(is_complete, "{how:?}, {steps}: what a report says is true");
            }
            if done {
                assert!(is_complete, "{how:?}, {steps}: {came:?}, and 250 was said");
                assert_eq!(entries.len(), usize::from(!queued.is_empty()), "{how:?}, {steps}");
            }
        }
        if !client.lab.has_stopped() {
            assert!(done);
            return steps;
        }
    }
    unreachable!("there is an end to it")
}

const DAVE: (&str, Status) = ("dave@elsewhere.test", Status::Waiting);

#[test]
fn one_mailbox() {
    let steps = cut_everywhere(&["<alice@here.test>"], &["alice"], &[]);
    assert!(steps >= 6, "{steps} steps");
}

#[test]
fn several_mailboxes() {
    let to = ["<bob@here.test>", "<alice@here.test>", "<Postmaster@here.test>", "<Bob@here.test>"];
    let steps = cut_everywhere(&to, &["alice", "bob", "postmaster"], &[]);
    assert!(steps >= 11, "{steps} steps");
}

#[test]
fn elsewhere_alone_and_with_mailboxes() {
    let steps = cut_everywhere(&["<dave@elsewhere.test>"], &[], &[DAVE]);
    assert!(steps >= 9, "{steps} steps");
    let to = ["<dave@elsewhere.test>", "<alice@here.test>", "<bob@here.test>", "<erin@elsewhere.test>"];
    let erin = ("erin@elsewhere.test", Status::Waiting);
    let steps = cut_everywhere(&to, &["alice", "bob"], &[DAVE, erin]);
    assert!(steps >= 18, "{steps} steps");
}

#[test]
fn of_what_is_in_a_mailbox_there_is_a_report() {
    let to = ["<bob@here.test> NOTIFY=SUCCESS ORCPT=rfc822;Bob+40here", "<alice@here.test>"];
    cut_everywhere(&to, &["alice", "bob"], &[("bob@here.test", Status::Delivered)]);
}
