//! swaks, curl, msmtp and Python's smtplib.

use std::fs;

use super::{Office, PASSWORD, unwrapped};
use crate::house::BOTH;
use crate::program::{command, script_of_tests};

/// Everything that could go wrong on the way: dots, long lines, bytes beyond ASCII, a line that begins like our own.
const MESSAGE: &str = "From: carol@there.test\r\nTo: alice@here.test\r\nSubject: all of it\r\n\r\n.\r\n..\r\n.hidden\r\n\
                       From here\r\n\r\nümläut €\r\nReceived: from nowhere\r\nend.\r\n";

#[test]
fn swaks_in_all_of_its_modes() {
    let Some(office) = Office::new() else { return };
    let house = office.house("--mail-size 1M");
    let letter = office.path("letter");
    // swaks makes CRLF of every LF, and ends the last line.
    fs::write(&letter, MESSAGE.replace("\r\n", "\n").trim_end()).unwrap();
    let data = format!("@{}", letter.display());
    let mut expected = 0;
    for to in BOTH {
        let server = to.to_string();
        let swaks = |arguments: &[&str]| {
            let base = ["--server", &server, "--from", "carol@there.test", "--to", "alice@here.test", "--data", &data];
            office.run("swaks", &[&base, arguments].concat())
        };
        for (arguments, with) in [
            (&[][..], "ESMTP"),
            (&["--protocol", "SMTP"], "SMTP"),
            (&["--tls"], "ESMTPS"),
            (
                &["--tlsc", "--port", "465", "--auth", "PLAIN", "--auth-user", "alice", "--auth-password", PASSWORD],
                "ESMTPSA",
            ),
            (
                &["--tls", "--port", "587", "--auth", "PLAIN", "--auth-user", "alice", "--auth-password", PASSWORD],
                "ESMTPSA",
            ),
            (
                &["--tls", "--port", "587", "--auth", "LOGIN", "--auth-user", "alice", "--auth-password", PASSWORD],
                "ESMTPSA",
            ),
            (&["--pipeline"], "ESMTP"),
            (&["--ehlo", "[10.77.0.1]"], "ESMTP"),
        ] {
            let before = office.mailbox("alice");
            let ended = swaks(arguments);
            assert!(ended.status.success(), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
            expected += 1;
            let after = office.mailbox("alice");
            let (_, message) = after.iter().find(|(name, _)| !before.contains_key(*name)).expect("it came");
            let (front, rest) = unwrapped(message);
            assert!(front.starts_with("Return-Path: <carol@there.test>\r\nReceived: from "), "{front}");
            assert!(front.contains(&format!("by mx.here.test with {with} id ")), "{arguments:?}: {front}");
            assert!(front.contains("for <alice@here.test>;"), "{front}");
            assert!(rest == MESSAGE.as_bytes(), "{arguments:?}: {}", String::from_utf8_lossy(&rest));
            assert_eq!(after.len(), expected);
        }
        // What is refused, and how.
        for (arguments, reply) in [
            (&["--to", "eve@here.test"][..], "550 5.1.1"),
            (&["--to", "dave@elsewhere.test"], "550 5.7.1"),
            (&["--port", "587"], "530 5.7.0"),
            (
                &["--auth", "PLAIN", "--auth-user", "alice", "--auth-password", PASSWORD],
                "did not advertise authentication",
            ),
            (&["--tls", "--auth", "PLAIN", "--auth-user", "alice", "--auth-password", "wrong"], "535 5.7.8"),
            (&["--tls", "--auth", "LOGIN", "--auth-user", "eve", "--auth-password", PASSWORD], "535 5.7.8"),
        ] {
            let ended = swaks(arguments);
            let told = [ended.stdout, ended.stderr].concat();
            assert!(!ended.status.success() && told.contains(reply), "{arguments:?}: {told}");
        }
        // Too large, said at once and said late.
        let large = office.path("large");
        fs::write(&large, format!("Subject: x\n\n{}", "0123456789\n".repeat(100_000))).unwrap();
        let ended = swaks(&["--data", &format!("@{}", large.display())]);
        assert!([ended.stdout, ended.stderr].concat().contains("552 5.3.4"));
        assert_eq!(office.mailbox("alice").len(), expected, "what was refused is not there");
        let postmaster = swaks(&[
            "--to",
            &format!("postmaster@[{}]", if to.is_ipv6() { format!("IPv6:{to}") } else { server.clone() }),
        ]);
        assert!(postmaster.status.success(), "{postmaster:?}");
    }
    assert_eq!((office.mailbox("postmaster").len(), office.leftovers()), (2, vec![]));
    assert!(house.end().status.success());
}

#[test]
fn curl_and_msmtp_bring_mail_byte_for_byte() {
    let Some(office) = Office::new() else { return };
    let house = office.house("");
    let letter = office.path("letter");
    fs::write(&letter, MESSAGE).unwrap();
    for to in BOTH {
        let url = if to.is_ipv6() { format!("smtp://[{to}]") } else { format!("smtp://{to}") };
        let path = letter.display().to_string();
        let user = format!("alice:{PASSWORD}");
        let both =
            ["--mail-from", "carol@there.test", "--mail-rcpt", "alice@here.test", "--mail-rcpt", "bob@HERE.test"];
        let base = [&["-sS", "-g", "--max-time", "60", "-T", &path][..], &both].concat();
        let before = (office.mailbox("alice").len(), office.mailbox("bob").len());
        office.run("curl", &[&base[..], &[&url]].concat()).ok();
        let submission = format!("{url}:587/client.there.test");
        office.run("curl", &[&base[..], &["--ssl-reqd", "-k", "-u", &user, &submission]].concat()).ok();
        let submissions = format!("{}:465", url.replace("smtp://", "smtps://"));
        office.run("curl", &[&base[..], &["-k", "-u", &user, &submissions]].concat()).ok();
        assert_eq!((office.mailbox("alice").len(), office.mailbox("bob").len()), (before.0 + 3, before.1 + 3));

        let mut msmtp = command("sh -c");
        let host = format!("--host={to}");
        msmtp.args([r#"exec msmtp "$@" <"$0""#, &path, &host, "--port=587", "--tls=on", "--tls-certcheck=off"]);
        msmtp.args(["--auth=plain", "--user=alice", &format!("--passwordeval=echo \"{PASSWORD}\"")]);
        msmtp.args(["--from=carol@there.test", "--domain=client.there.test", "--", "alice@here.test"]);
        let ended = office.lab.start(msmtp).ended();
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(office.mailbox("alice").len(), before.0 + 4);
    }
    for mailbox in ["alice", "bob"] {
        for message in office.mailbox(mailbox).values() {
            let (front, rest) = unwrapped(message);
            // Who is one of several does not learn of the others. msmtp writes lines of its own in front of it.
            assert_eq!(
                front.contains("\tfor <"),
                mailbox == "alice" && !rest.starts_with(b"From: carol") || front.contains("for <alice")
            );
            assert!(rest.ends_with(MESSAGE.as_bytes()), "{}", String::from_utf8_lossy(message));
        }
    }
    assert_eq!(office.leftovers(), Vec::<std::path::PathBuf>::new());
    assert!(house.end().status.success());
}

#[test]
fn smtplib_uses_every_extension() {
    let Some(office) = Office::new() else { return };
    // Reports can be sent, so they are promised: DSN is offered.
    let house = office.house("--smarthost 10.77.0.1:2525");
    for to in BOTH {
        let mut python = script_of_tests("smtp.py");
        python.args([&to.to_string(), "alice", PASSWORD, &office.state().join("mail").display().to_string()]);
        let told = office.lab.start(python).ended().ok();
        assert!(told.contains("all is well"), "{told}");
    }
    assert!(house.end().status.success());
}
