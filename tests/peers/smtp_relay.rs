//! The relay against aiosmtpd as next hop: delivered, deferred and tried again, refused and brought back, kept when we are
//! killed. The queue is filled as the server fills it: by writing its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mail_parser::{MessageParser, MimeHeaders as _};
use rustix::process::Signal;
use taphouse::application::Folder;
use taphouse::application::smtp::queue::{Body, Envelope, Notify, Queue, Recipient, Return};

use crate::house::{HOST, House};
use crate::lab::Lab;
use crate::program::PATIENCE;
use crate::smtp_hop::{Kept, PORT, Shelf, certificate, messages};

/// A queue on disk.
struct Disk {
    folder: PathBuf,
    queue: Queue,
}

impl Disk {
    fn of(lab: &Lab) -> Disk {
        let folder = lab.state().join("queue");
        fs::create_dir_all(&folder).expect("it can be made");
        Disk { folder, queue: Queue::new(Folder(0), 7).0 }
    }

    /// Puts a message into it.
    fn put(&self, content: &[u8], recipients: Vec<Recipient>, change: impl FnOnce(&mut Envelope)) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let id = self.queue.name(now);
        let mut envelope = Envelope {
            sender: "a@here.test".to_owned(),
            recipients,
            body: if content.is_ascii() { Body::SevenBit } else { Body::EightBitMime },
            utf8: false,
            size: content.len() as u64,
            ret: None,
            envid: None,
            arrived: now,
            tries: 0,
            next: 0,
            told_of_delay: false,
        };
        change(&mut envelope);
        fs::write(self.folder.join(id.content()), content).expect("it can be written");
        fs::write(self.folder.join(id.envelope()), envelope.to_bytes()).expect("it can be written");
    }

    fn put_for(&self, content: &[u8], address: &str) {
        self.put(content, vec![Recipient::new(address)], |_| ());
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(&self.folder).expect("it can be read").map(name).collect()
    }

    #[track_caller]
    fn wait_until_empty(&self) {
        self.wait_for(0);
    }

    /// Until there are so many entries, and nothing else.
    #[track_caller]
    fn wait_for(&self, entries: usize) {
        let end = Instant::now() + PATIENCE;
        while self.names().len() != 2 * entries {
            assert!(Instant::now() < end, "{:?}", self.names());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn relay(lab: &Lab, options: &str) -> House {
    lab.house(&format!("--services none --mail-name relay.test {options}"))
}

fn through(lab: &Lab, host: &str, options: &str) -> House {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    relay(lab, &format!("--smarthost {host}:{PORT} {options}"))
}

fn recipients(kept: &[Kept]) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    kept.iter().flat_map(|kept| &kept.recipients).for_each(|to| *all.entry(to.as_str()).or_default() += 1);
    all
}

#[test]
fn what_is_queued_is_delivered_byte_for_byte() {
    let Some(lab) = Lab::new() else { return };
    for host in HOST {
        let (shelf, disk) = (Shelf::new(), Disk::of(&lab));
        let _server = shelf.server(&lab, PORT, "");
        let mut expected: Vec<_> = messages();
        for (number, message) in expected.iter().enumerate() {
            disk.put_for(message, &format!("b{number}@there.test"));
        }
        // More recipients than go at once; what an interrupted process left; what is no message's.
        let many = (0..250).map(|number| Recipient::new(format!("many{number}@there.test"))).collect();
        disk.put(b"Subject: many\r\n\r\n", many, |_| ());
        let orphan = disk.queue.name(1);
        fs::write(disk.folder.join(orphan.content()), b"no envelope").unwrap();
        fs::write(disk.folder.join(orphan.unnamed()), b"half").unwrap();
        let house = through(&lab, host, "");
        let kept = shelf.wait_for(expected.len() + 3);
        disk.wait_until_empty();
        expected.extend(vec![b"Subject: many\r\n\r\n".to_vec(); 3]);
        let mut contents: Vec<_> = kept.iter().map(|kept| kept.content.clone()).collect();
        contents.sort();
        expected.sort();
        assert!(contents == expected, "{host}");
        let served = recipients(&kept);
        assert!(served.len() == 250 + messages().len() && served.values().all(|times| *times == 1));
        assert!(kept.iter().all(|kept| kept.sender == "a@here.test" && kept.told.contains("\"helo\": \"relay.test\"")));
        assert!(house.end().status.success());
        assert_eq!(shelf.messages().len(), kept.len());
    }
}

#[test]
fn who_is_deferred_is_tried_again_and_others_are_not() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, disk) = (Shelf::new(), Disk::of(&lab));
    let _server = shelf.server(&lab, PORT, "");
    let all = ["deferred-2@x.test", "b@x.test", "deferred-1@x.test"].map(Recipient::new).to_vec();
    disk.put(b"Subject: x\r\n\r\nhello\r\n", all, |_| ());
    let mut house = through(&lab, HOST[0], "--mail-retry 1");
    house.program.line_with("to <deferred-2@x.test> deferred by mx.test (10.77.0.1): 451 4.2.1 not now");
    shelf.wait_for(3);
    disk.wait_until_empty();
    let kept = shelf.messages();
    assert_eq!(recipients(&kept), [("b@x.test", 1), ("deferred-1@x.test", 1), ("deferred-2@x.test", 1)].into());
    assert!(house.end().status.success());
}

#[test]
fn who_is_refused_comes_back_to_its_sender_as_it_likes() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, disk) = (Shelf::new(), Disk::of(&lab));
    let _server = shelf.server(&lab, PORT, "");
    let content = "Subject: lost\r\n\r\ngrüße\r\n".as_bytes();
    let notify = |success, failure| Some(Notify { success, failure, delay: false });
    let refused = Recipient { orcpt: Some("rfc822;Refused+2Bx@x.test".into()), ..Recipient::new("refused@x.test") };
    disk.put(content, vec![refused, Recipient::new("b@x.test")], |envelope| envelope.envid = Some("QQ1".into()));
    let never = Recipient { notify: notify(false, false), ..Recipient::new("refused-never@x.test") };
    disk.put(content, vec![never], |_| ());
    let whole = |envelope: &mut Envelope| envelope.ret = Some(Return::Full);
    disk.put(content, vec![Recipient::new("refused-whole@x.test")], whole);
    disk.put(content, vec![Recipient::new("refused-nobody@x.test")], |envelope| envelope.sender.clear());
    // aiosmtpd does not report, so we do.
    disk.put(content, vec![Recipient { notify: notify(true, true), ..Recipient::new("told@x.test") }], |_| ());
    let house = through(&lab, HOST[1], "");
    let kept = shelf.wait_for(5);
    disk.wait_until_empty();
    assert_eq!(shelf.messages().len(), 5, "two that were taken, and three reports");
    let reports: Vec<&Kept> = kept.iter().filter(|kept| kept.sender.is_empty()).collect();
    assert_eq!(reports.len(), 3);
    let report = |about: &str| {
        let found = reports.iter().find(|kept| String::from_utf8_lossy(&kept.content).contains(about));
        let kept = found.unwrap_or_else(|| panic!("no report about {about}"));
        assert_eq!(kept.recipients, ["a@here.test"]);
        let message = MessageParser::default().parse(&kept.content).expect("it is a message");
        assert_eq!(message.content_type().unwrap().subtype(), Some("report"));
        assert_eq!(message.parts.len(), 4, "{about}");
        let part = |number: u32| String::from_utf8_lossy(message.part(number).unwrap().contents()).into_owned();
        (part(2), part(3))
    };
    let (status, original) = report("<refused@x.test>");
    for field in [
        "Original-Envelope-Id: QQ1\r\n",
        "Reporting-MTA: dns; relay.test\r\n",
        "Original-Recipient: rfc822; Refused+x@x.test\r\nFinal-Recipient: rfc822; refused@x.test\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Remote-MTA: dns; mx.test\r\nDiagnostic-Code: smtp; 550 5.1.1 nobody is called that\r\n",
    ] {
        assert!(status.contains(field), "{field}\n{status}");
    }
    assert_eq!(original.trim_end(), "Subject: lost");
    let (_, original) = report("<refused-whole@x.test>");
    assert!(original.contains("grüße"), "{original}");
    assert!(report("<told@x.test>").0.contains("Action: relayed\r\nStatus: 2.0.0\r\n"));
    assert!(house.end().status.success());
}

#[test]
fn a_hop_that_is_silent_or_not_there_is_waited_for() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, disk) = (Shelf::new(), Disk::of(&lab));
    disk.put_for(b"Subject: x\r\n\r\nhello\r\n", "b@x.test");
    let mut house = through(&lab, HOST[0], "--mail-retry 1 --mail-patience 1");
    house.program.line_with("deferred: the server refuses connections at this port");
    // It takes connections and says nothing.
    let silent = shelf.server(&lab, PORT, "--silent");
    house.program.line_with("deferred: the server does not answer");
    drop(silent);
    let _server = shelf.server(&lab, PORT, "");
    assert_eq!(shelf.wait_for(1)[0].recipients, ["b@x.test"]);
    disk.wait_until_empty();
    assert!(house.end().status.success());
}

#[test]
fn what_cannot_be_delivered_in_time_comes_back_and_is_no_loop() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, disk) = (Shelf::new(), Disk::of(&lab));
    let _server = shelf.server(&lab, PORT, "");
    disk.put_for(b"Subject: x\r\n\r\nhello\r\n", "deferred-1000@x.test");
    let circles = "Received: from x by y\r\n".repeat(101) + "Subject: round\r\n\r\n";
    disk.put_for(circles.as_bytes(), "round@x.test");
    let late = Recipient {
        notify: Some(Notify { success: false, failure: true, delay: true }),
        ..Recipient::new("deferred-1001@x.test")
    };
    disk.put(b"Subject: late\r\n\r\n", vec![late], |envelope| envelope.arrived -= 5 * 3600);
    let house = through(&lab, HOST[0], &format!("--mail-retry 1 --mail-lifetime {}", 5 * 3600 + 6));
    let reports = shelf.wait_for(3);
    let text = |part: &str| {
        let all: Vec<_> = reports.iter().map(|kept| String::from_utf8_lossy(&kept.content).into_owned()).collect();
        all.into_iter().find(|text| text.contains(part)).unwrap_or_else(|| panic!("no report with {part}"))
    };
    assert!(text("round@x.test").contains("Action: failed\r\nStatus: 5.4.6\r\n"));
    let delayed = text("Action: delayed");
    assert!(delayed.contains("Will-Retry-Until: ") && delayed.contains("deferred-1001@x.test"), "{delayed}");
    let given_up = text("Action: failed\r\nStatus: 5.2.1");
    assert!(given_up.contains("deferred-1001@x.test"), "{given_up}");
    // One is still tried.
    disk.wait_for(1);
    assert!(house.end().status.success());
}

#[test]
fn killed_in_the_middle_it_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    const COUNT: usize = 300;
    let (shelf, disk) = (Shelf::new(), Disk::of(&lab));
    let _server = shelf.server(&lab, PORT, "--slow 10");
    for number in 0..COUNT {
        let two =
            vec![Recipient::new(format!("b{number}@x.test")), Recipient::new(format!("deferred-1-{number}@x.test"))];
        disk.put(format!("Subject: {number}\r\n\r\nhello\r\n").as_bytes(), two, |_| ());
    }
    let mut kills = 0;
    for after in [40, 150, 290, 420] {
        let house = through(&lab, HOST[kills % 2], "--mail-retry 1");
        shelf.wait_for(after);
        house.program.signal(Signal::KILL);
        assert!(!house.program.ended().status.success());
        kills += 1;
    }
    let house = through(&lab, HOST[0], "--mail-retry 1");
    disk.wait_until_empty();
    assert!(house.end().status.success());
    let kept = shelf.messages();
    let served = recipients(&kept);
    assert_eq!(served.len(), 2 * COUNT, "everybody was served");
    let again = served.values().map(|times| times - 1).sum::<usize>();
    // Of each connection one message was in flight, to two recipients at most.
    assert!(again <= kills * 5 * 2, "{again} got it twice");
    assert!(served.values().all(|times| *times <= 1 + kills));
}

#[test]
fn a_smarthost_is_believed_and_logged_in_at() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().expect("a directory"));
    let (certificate, key) = certificate(&lab, &folder);
    let login = folder.path().join("login");
    fs::write(&login, "alice:secret\n").unwrap();
    let disk = Disk::of(&lab);
    let options =
        |ca: &Path| format!("--smarthost-ca {} --smarthost-login {} --mail-retry 1", ca.display(), login.display());
    {
        let _server = shelf.server(&lab, PORT, &format!("--tls {certificate} {key} --login alice secret"));
        for host in HOST {
            disk.put_for(b"Subject: x\r\n\r\nhello\r\n", "b@x.test");
            let house = through(&lab, host, &options(Path::new(&certificate)));
            disk.wait_until_empty();
            assert!(house.end().status.success());
        }
        let kept = shelf.messages();
        assert!(
            kept.len() == 2
                && kept.iter().all(|kept| kept.told.contains("\"tls\": true") && kept.told.contains("alice"))
        );
        // Somebody else vouches: nothing is said to who cannot show that it is the smarthost.
        disk.put_for(b"Subject: x\r\n\r\nhello\r\n", "b@x.test");
        let others = tempfile::tempdir().expect("a directory");
        let (other, _) = crate::smtp_hop::certificate(&lab, &others);
        let mut house = through(&lab, HOST[0], &options(Path::new(&other)));
        house.program.line_with("deferred: TLS cannot be begun");
        assert!(house.end().status.success());
        assert_eq!(shelf.messages().len(), 2);
    }
    // Where nobody is asked to vouch, TLS is better than nothing.
    let _server = shelf.server(&lab, PORT, &format!("--tls {certificate} {key}"));
    let house = through(&lab, HOST[0], "");
    disk.wait_until_empty();
    assert!(shelf.messages().last().unwrap().told.contains("\"tls\": true"));
    assert!(house.end().status.success());
}

#[test]
fn dns_tells_where_mail_goes() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, disk) = (Shelf::new(), Disk::of(&lab));
    let _server = shelf.server(&lab, 25, "");
    // The best host of x.test is not there; y.test takes its mail itself, over IPv6; nobody is called z.test.
    let names = [
        "--mx-host=x.test,gone.test,10",
        "--mx-host=x.test,mx.test,20",
        "--host-record=gone.test,10.77.0.99",
        "--host-record=mx.test,10.77.0.1",
        "--host-record=y.test,fd77::1",
    ];
    let dns = "dnsmasq --no-daemon --no-resolv --no-hosts --bind-interfaces --listen-address=10.77.0.1 --conf-file=/dev/null --local=/test/";
    let put = |to: &str| disk.put_for(b"Subject: x\r\n\r\nhello\r\n", to);
    ["b@x.test", "b@y.test", "b@z.test", "b@[10.77.0.1]"].iter().for_each(|to| put(to));
    let mut house = relay(&lab, "--dns 10.77.0.1 --mail-retry 1");
    house.program.line_with("deferred: the DNS server does not answer");
    let _dns = lab.start(crate::program::command(&format!("{dns} {}", names.join(" "))));
    let kept = shelf.wait_for(3);
    assert_eq!(recipients(&kept), [("b@[10.77.0.1]", 1), ("b@x.test", 1), ("b@y.test", 1)].into());
    assert!(kept.iter().any(|kept| kept.recipients == ["b@y.test"] && kept.told.contains("fd77::2")));
    house.program.line_with("to <b@z.test> refused: there is no such domain");
    // The report goes to here.test, which there is as little of: nobody is told of that.
    disk.wait_until_empty();
    assert!(house.end().status.success());
}
