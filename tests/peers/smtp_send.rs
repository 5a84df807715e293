//! `taphouse send` against aiosmtpd: over both families, in the clear and under TLS, with a password and without.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use tempfile::TempDir;

use crate::house::{HOST, taphouse};
use crate::lab::Lab;
use crate::program::Ended;
use crate::smtp_hop::{PORT, Shelf, certificate, messages};

const FROM_TO: &str = "--from a@here.test --to b@there.test";

fn send(lab: &Lab, arguments: &str) -> Ended {
    lab.start(taphouse(&format!("send --netns {} {arguments}", lab.name))).ended()
}

fn server(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// One line on stderr, with this in it, and exit code 1.
#[track_caller]
fn fails(ended: &Ended, said: &str) {
    assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr.contains(said), "{ended:?}");
}

fn file(folder: &TempDir, name: &str, content: &[u8]) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("it can be written");
    path.display().to_string()
}

#[test]
fn messages_arrive_byte_for_byte() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().expect("a directory"));
    let _server = shelf.server(&lab, PORT, "");
    let mut expected = Vec::new();
    for host in HOST {
        for (number, message) in messages().into_iter().enumerate() {
            let path = file(&folder, &number.to_string(), &message);
            send(&lab, &format!("{FROM_TO} --server {} {path}", server(host, PORT))).ok();
            expected.push(message);
            assert!(shelf.messages().last().map(|kept| &kept.content) == expected.last(), "{host} {number}");
        }
        // As an editor leaves it.
        let path = file(&folder, "lines", b"Subject: x\n\n.one\ntwo");
        send(&lab, &format!("--from <> --to b@there.test,c@there.test --server {} {path}", server(host, PORT))).ok();
        expected.push(b"Subject: x\r\n\r\n.one\r\ntwo\r\n".to_vec());
    }
    let kept = shelf.messages();
    assert!(kept.iter().map(|kept| &kept.content).eq(&expected));
    let last = kept.last().unwrap();
    assert_eq!((last.sender.as_str(), &last.recipients[..]), ("", &["b@there.test".into(), "c@there.test".into()][..]));
    assert!(kept[4].told.contains("BODY=8BITMIME") && kept[0].told.contains("SIZE="), "{}", kept[4].told);
    assert!(kept[0].told.contains("\"helo\": \"[10.77.0.2]\""), "{}", kept[0].told);
    assert!(last.told.contains("\"helo\": \"[IPv6:fd77::2]\""), "{}", last.told);
}

#[test]
fn standard_input_is_a_message_too() {
    let Some(lab) = Lab::new() else { return };
    let shelf = Shelf::new();
    let _server = shelf.server(&lab, PORT, "");
    let folder = tempfile::tempdir().expect("a directory");
    let mut command = taphouse(&format!("send --netns {} {FROM_TO} --server 10.77.0.1:{PORT} -", lab.name));
    command.env("TMPDIR", folder.path()).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = lab.namespace().enter(|| command.spawn()).expect("the lab is there").expect("the program runs");
    child.stdin.take().expect("it is piped").write_all("Subject: ü\n\nü\n".as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let kept = shelf.wait_for(1);
    assert_eq!(kept[0].content, "Subject: ü\r\n\r\nü\r\n".as_bytes());
    assert!(kept[0].told.contains("SMTPUTF8"), "{}", kept[0].told);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn tls_is_begun_with_those_who_are_believed() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().expect("a directory"));
    let (certificate, key) = certificate(&lab, &folder);
    let _server = shelf.server(&lab, PORT, &format!("--tls {certificate} {key} --login alice secret"));
    let other_shelf = Shelf::new();
    let _implicit =
        other_shelf.server(&lab, PORT + 1, &format!("--tls {certificate} {key} --implicit --login alice secret"));
    let message = b"Subject: x\r\n\r\nhello\r\n";
    let path = file(&folder, "message", message);
    for (number, host) in HOST.iter().enumerate() {
        let known = format!("{FROM_TO} --ca-file {certificate}");
        let (plain, implicit) = (server(host, PORT), server(host, PORT + 1));
        send(&lab, &format!("{known} --user alice:secret --server {plain} {path}")).ok();
        send(&lab, &format!("{known} --user alice:secret --tls implicit --server {implicit} {path}")).ok();
        send(&lab, &format!("{FROM_TO} --insecure --user alice:secret --tls required --server {plain} {path}")).ok();
        let mut kept = shelf.wait_for(2 * (number + 1));
        kept.extend(other_shelf.wait_for(number + 1));
        assert!(kept.iter().all(|kept| kept.content == message));
        assert!(
            kept.iter().all(|kept| kept.told.contains("\"tls\": true") && kept.told.contains("\"user\": \"alice\""))
        );
        let stranger = send(&lab, &format!("{FROM_TO} --user alice:secret --server {plain} {path}"));
        fails(&stranger, "TLS cannot be begun: invalid peer certificate");
        let stranger = send(&lab, &format!("{FROM_TO} --user a:b --tls implicit --server {implicit} {path}"));
        fails(&stranger, "TLS cannot be begun: invalid peer certificate");
        let wrong = send(&lab, &format!("{known} --user alice:wrong --server {plain} {path}"));
        fails(&wrong, "the server says 535 5.7.8");
        let nobody = send(&lab, &format!("{known} --server {plain} {path}"));
        fails(&nobody, "the server says 530");
    }
    assert_eq!((shelf.messages().len(), other_shelf.messages().len()), (4, 2), "nothing else was taken");
}

#[test]
fn what_goes_wrong_is_told_in_one_line() {
    let Some(lab) = Lab::new() else { return };
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().expect("a directory"));
    let _server = shelf.server(&lab, PORT, "");
    let path = file(&folder, "message", b"Subject: x\r\n\r\nhello\r\n");
    let at = format!("--server 10.77.0.1:{PORT}");
    fails(&send(&lab, &format!("--from a@here.test --to refused@x {at} {path}")), "the server says 550 5.1.1 nobody");
    let some = send(&lab, &format!("--from a@here.test --to refused@x,b@x {at} {path}"));
    fails(&some, "refused@x alone does not get it: the server says 550");
    assert_eq!(shelf.wait_for(1)[0].recipients, ["b@x"]);
    fails(&send(&lab, &format!("--from a@here.test --to dropped@x {at} {path}")), "the server ");
    fails(&send(&lab, &format!("{FROM_TO} --server 10.77.0.1:9 {path}")), "the server refuses connections");
    fails(&send(&lab, &format!("{FROM_TO} --tls required {at} {path}")), "the server offers no TLS (STARTTLS)");
    fails(&send(&lab, &format!("{FROM_TO} --user a:b {at} {path}")), "a password is not sent in the clear");
    fails(&send(&lab, &format!("{FROM_TO} {path}")), "`there.test` is no address, and not in /etc/hosts");
    fails(&send(&lab, &format!("{FROM_TO} {at} {path}.none")), "No such file");
    for (arguments, said) in [
        (format!("--from here --to b@x {at} {path}"), "`here` is no mailbox"),
        (format!("--from a@x --to b@x --server mx:0 {path}"), "`mx:0` is no server"),
        (format!("--from a@x {path}"), "--to"),
    ] {
        let ended = send(&lab, &arguments);
        assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(2), 1), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    // By the address that the recipient names.
    let other_shelf = Shelf::new();
    let _other = other_shelf.server(&lab, 25, "");
    send(&lab, &format!("--from a@x --to b@[10.77.0.1] {path}")).ok();
    send(&lab, &format!("--from a@x --to b@[IPv6:fd77::1] {path}")).ok();
    assert_eq!((shelf.messages().len(), other_shelf.messages().len()), (1, 2));
}
