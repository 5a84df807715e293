//! From a client through our server and our queue to a next hop, and back into a mailbox what that says.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Office, PASSWORD, unwrapped};
use crate::house::{BOTH, HOST, V4};
use crate::postfix::Postfix;
use crate::program::{PATIENCE, command};
use crate::smtp_hop::{PORT, Shelf};

/// Waits until there are so many files in a directory.
#[track_caller]
fn wait_for(directory: &Path, count: usize) {
    let end = Instant::now() + PATIENCE;
    let files = || fs::read_dir(directory).expect("it is there").count();
    while files() != count {
        assert!(Instant::now() < end, "{} files in {}", files(), directory.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}

const MESSAGE: &str = "Subject: on its way\r\n\r\n.\r\n..\r\ngrüße\r\n";

impl Office {
    /// Alice, logged in, sends a message; what RCPT says stands behind each recipient.
    #[track_caller]
    fn sends(&self, to: std::net::IpAddr, recipients: &[&str]) {
        let script = "import smtplib, ssl, sys\n\
            server = smtplib.SMTP(sys.argv[1], 587)\n\
            server.starttls(context=ssl._create_unverified_context())\n\
            server.login('alice', sys.argv[2])\n\
            assert server.mail('alice@here.test', ['BODY=8BITMIME'])[0] == 250\n\
            for to in sys.argv[4:]:\n    assert server.docmd('RCPT TO:' + to)[0] == 250, to\n\
            assert server.data(sys.argv[3].encode())[0] == 250\n\
            server.quit()\n";
        let mut python = command("python3 -c");
        python.args([script, &to.to_string(), PASSWORD, MESSAGE]).args(recipients);
        self.lab.start(python).ended().ok();
    }

    fn arrivals(&self, mailbox: &str) -> std::path::PathBuf {
        self.state().join("mail").join(mailbox).join("new")
    }

    /// The messages of a mailbox, which is empty then.
    #[track_caller]
    fn taken(&self, mailbox: &str, count: usize) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let all = loop {
            let all = self.mailbox(mailbox);
            if all.len() >= count {
                break all;
            }
            assert!(Instant::now() < end, "{} messages for {mailbox}", all.len());
            std::thread::sleep(Duration::from_millis(50));
        };
        let texts: Vec<_> = all.values().map(|message| String::from_utf8_lossy(message)).collect();
        assert_eq!(all.len(), count, "{texts:#?}");
        all.keys().for_each(|name| fs::remove_file(self.arrivals(mailbox).join(name)).expect("it is there"));
        all.into_values().map(|message| String::from_utf8(message).expect("it is text")).collect()
    }
}

#[test]
fn who_logs_in_reaches_everybody_and_hears_what_became_of_it() {
    let Some(office) = Office::new() else { return };
    let shelf = Shelf::new();
    let _hop = shelf.server(&office.lab, PORT, "");
    let house = office.house(&format!("--smarthost {}:{PORT}", HOST[0]));
    for (number, to) in BOTH.into_iter().enumerate() {
        let recipients = [
            "<there@else.test>",
            "<refused@else.test>",
            "<alice@here.test>",
            "<bob@here.test> NOTIFY=SUCCESS ORCPT=rfc822;Bob+2Bx@here.test",
        ];
        office.sends(to, &recipients);
        // Her own copy, and one report on who was refused and who has it.
        let mut all = office.taken("alice", 2);
        all.sort_by_key(|message| message.starts_with("Return-Path: <>"));
        let [copy, report] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(unwrapped(copy.as_bytes()).1, MESSAGE.as_bytes());
        for part in [
            "Final-Recipient: rfc822; refused@else.test\r\nAction: failed\r\nStatus: 5.1.1\r\n",
            "Original-Recipient: rfc822; Bob+x@here.test\r\nFinal-Recipient: rfc822; bob@here.test\r\nAction: delivered\r\nStatus: 2.1.5\r\n",
            "Subject: on its way\r\n",
        ] {
            assert!(report.contains(part), "{part}\n{report}");
        }
        assert_eq!(unwrapped(office.taken("bob", 1)[0].as_bytes()).1, MESSAGE.as_bytes());
        wait_for(&office.state().join("queue"), 0);
        let kept = &shelf.messages()[number];
        assert_eq!(
            (kept.sender.as_str(), kept.recipients.as_slice()),
            ("alice@here.test", &["there@else.test".to_owned()][..])
        );
        assert!(kept.content.starts_with(b"Received: from ") && kept.content.ends_with(MESSAGE.as_bytes()));
    }
    assert!(house.end().status.success());
}

/// Postfix takes one, defers one until it is told otherwise, refuses one, and reports itself on the one of whom that was asked:
/// by our own server.
#[test]
fn postfix_takes_defers_and_refuses() {
    let Some(office) = Office::new() else { return };
    if !Path::new("/usr/sbin/postfix").exists() {
        panic!("postfix: apt-get install postfix");
    }
    let house = office.house(&format!("--smarthost {} --mail-retry 1", HOST[0]));
    let postfix = Postfix::start(&office.lab, "10.77.0.2");
    let mut house = house;
    for to in BOTH {
        let treated = [("later@x.test", "450 4.2.0 not now"), ("never@x.test", "550 5.1.1 nobody is called that")];
        postfix.treat(&office.lab, &treated);
        let recipients = ["<taken@x.test> NOTIFY=SUCCESS,FAILURE", "<later@x.test>", "<never@x.test>"];
        office.sends(to, &recipients);
        house.program.line_with("to <later@x.test> deferred by postfix.x.test (10.77.0.1): 450 4.2.0");
        // What comes back by us, and what Postfix brings us.
        let reports = office.taken("alice", 2);
        let of = |part: &str| {
            reports.iter().find(|report| report.contains(part)).unwrap_or_else(|| panic!("{part}: {reports:?}"))
        };
        let refused = of("Final-Recipient: rfc822; never@x.test\r\nAction: failed\r\nStatus: 5.1.1\r\n");
        assert!(refused.contains("Reporting-MTA: dns; mx.here.test\r\n"), "{refused}");
        let delivered = of("Action: delivered");
        assert!(
            delivered.contains("Reporting-MTA: dns; postfix.x.test") && delivered.contains("taken@x.test"),
            "{delivered}"
        );
        assert_eq!(fs::read_dir(office.state().join("queue")).unwrap().count(), 2, "one is tried again");
        postfix.treat(&office.lab, &[]);
        wait_for(&office.state().join("queue"), 0);
        // Who has a connection open is answered as before: until Postfix ends it.
        std::thread::sleep(Duration::from_secs(3));
    }
    let messages = postfix.wait_for(4);
    assert_eq!(messages.len(), 4);
    // Postfix ends lines as Unix does.
    let kept = MESSAGE.replace("\r\n", "\n");
    assert!(
        messages.iter().all(|message| message.ends_with(&kept) && message.contains("by mx.here.test with ESMTPSA id "))
    );
    for to in ["taken@x.test", "later@x.test"] {
        let count = messages.iter().filter(|message| message.contains(&format!("Delivered-To: {to}\n"))).count();
        assert_eq!(count, 2, "{to}");
    }
    assert!(house.end().status.success());
}

/// Sessions are on all shards, and the queue's relay on one.
#[test]
fn with_several_queues_mail_is_stored_and_leaves() {
    let Some(office) = Office::new() else { return };
    let shelf = Shelf::new();
    let _hop = shelf.server(&office.lab, PORT, "");
    let house = office.house(&format!("--queues 4 --smarthost {}:{PORT} --mail-relay-from 10.77.0.0/24", HOST[0]));
    let begun = Instant::now();
    for (to, count) in [("alice@here.test", 400), ("bob@else.test", 60)] {
        let server = format!("inet:{V4}:25");
        let count = count.to_string();
        let arguments = ["-s", "40", "-l", "3000", "-m", &count, "-f", "bob@here.test", "-t", to, &server];
        office.run("smtp-source", &arguments).ok();
    }
    assert_eq!((office.mailbox("alice").len(), office.leftovers()), (400, vec![]));
    let kept = shelf.wait_for(60);
    wait_for(&office.state().join("queue"), 0);
    // Whoever put it has woken the relay: it did not find it by looking.
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    assert_eq!((kept.len(), shelf.messages().len()), (60, 60));
    assert!(kept.iter().all(|kept| kept.sender == "bob@here.test" && kept.recipients == ["bob@else.test"]));
    assert!(house.end().status.success());
}
