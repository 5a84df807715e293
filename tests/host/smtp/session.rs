//! Conversations, command by command.

use std::time::Duration;

use taphouse::application::smtp::queue::{Body, Envelope, Notify, Return};
use taphouse::application::smtp::server::{Bare, Role};
use taphouse::base::limits;

use super::{Client, QUEUE, disk};
use crate::ftp::{Talk, open};

#[test]
fn a_message_is_stored_once_for_each_with_our_lines_in_front() {
    let mut client = Client::new();
    client.begin(&[
        "<alice@here.test>",
        "<Alice@ALSO.test>",
        "<bob@[IPv6:fd77::2]>",
        "<Postmaster>",
        "<bob@[10.77.0.2]>",
    ]);
    client.send(b"Subject: a\r\n\r\n..dot\r\n...\r\nend");
    client.say("\r\n.", "250 2.0.0 Taken over as ");
    let mail = client.new_mail();
    let boxes: Vec<&str> = mail.keys().map(|path| path.split('/').next().unwrap()).collect();
    assert_eq!(boxes, ["alice", "bob", "postmaster"]);
    for letter in mail.values() {
        let text = String::from_utf8(letter.clone()).unwrap();
        let head = "Return-Path: <me@there.test>\r\nReceived: from client.test ([10.77.0.1])\r\n\tby mx.here.test with ESMTP id ";
        let (front, body) = text.split_once("Subject: a").unwrap();
        assert!(front.starts_with(head) && front.ends_with(" +0000\r\n") && !front.contains("alice"), "{front}");
        assert_eq!(body, "\r\n\r\n.dot\r\n..\r\nend\r\n");
    }
    assert_eq!(client.files(), 3, "nothing is left in tmp");
    // The next one in the same connection, from nobody, for one.
    client.say_all(&[
        ("MAIL FROM:<>", "250"),
        ("RCPT TO:<@a,@b.test:bob@here.test>", "250"),
        ("DATA", "354"),
        (".", "250"),
    ]);
    let empty = client.new_mail().into_values().find(|letter| letter.starts_with(b"Return-Path: <>\r\n")).unwrap();
    assert!(String::from_utf8(empty).unwrap().contains("\r\n\tfor <bob@here.test>;\r\n\t"));
    client.say("QUIT", "221");
    client.is_closed();
    assert_eq!(client.lab.server.memory_pinned(), 0);
}

#[test]
fn commands_may_be_sent_ahead() {
    let mut client = Client::new();
    let message =
        "MAIL FROM:<a@b>\r\nRCPT TO:<alice@here.test>\r\nRCPT TO:<nobody@here.test>\r\nDATA\r\nHello\r\n.\r\n";
    client.send(format!("EHLO me\r\n{}RSET\r\nNOOP\r\nQUIT\r\n", message.repeat(3)).as_bytes());
    client.hear("250 AUTH PLAIN LOGIN");
    for _ in 0..3 {
        ["250 2.1.0", "250 2.1.5", "550 5.1.1", "354", "250 2.0.0 Taken over"]
            .iter()
            .for_each(|reply| drop(client.hear(reply)));
    }
    ["250 2.0.0", "250 2.0.0", "221"].iter().for_each(|reply| drop(client.hear(reply)));
    client.is_closed();
    assert_eq!(client.new_mail().len(), 3);
}

#[test]
fn every_command_has_its_time() {
    let mut client = Client::new();
    client.say_all(&[
        ("MAIL FROM:<a@b>", "503 5.5.1"),
        ("RCPT TO:<alice@here.test>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("HELO [10.77.0.1]", "250 mx.here.test"),
        ("MAIL FROM:<a@b>", "250 2.1.0"),
        ("MAIL FROM:<a@b>", "503 5.5.1"),
        ("DATA", "554 5.5.1"),
        ("RCPT TO:<nobody@here.test>", "550 5.1.1"),
        ("RCPT TO:<a@elsewhere.test>", "550 5.7.1"),
        ("RCPT TO:<a@[10.9.9.9]>", "550 5.7.1"),
        ("VRFY alice", "252 2.5.0"),
        ("EXPN list", "550 5.1.1"),
        ("HELP", "214 2.0.0"),
        ("NOOP anything", "250 2.0.0"),
        ("STARTTLS", "502 5.5.1"),
        ("ETRN here.test", "502 5.5.1"),
        ("RSET", "250 2.0.0"),
        ("DATA", "503 5.5.1"),
        ("EHLO me", "250 AUTH PLAIN LOGIN"),
        ("MAIL FROM:<a@b> SIZE=100001", "552 5.3.4"),
        ("MAIL FROM:<a@b> SIZE=100000 BODY=BINARYMIME", "250 2.1.0"),
        ("RCPT TO:<alice@here.test>", "250 2.1.5"),
        ("DATA", "503 5.5.1"),
        ("QUIT", "221 2.0.0"),
    ]);
    client.is_closed();
}

#[test]
fn commands_are_taken_however_they_are_written() {
    let mut client = Client::new();
    client.say_all(&[
        ("ehlo me", "250 AUTH PLAIN LOGIN"),
        ("mAIL fROM:<a@b> body=8bitmime Size=5 SmtpUtf8 ret=full envid=x", "250 2.1.0"),
        ("rCPT tO:<alice@HERE.test> notify=failure,delay orcpt=RFC822;x", "250 2.1.5"),
        ("rset", "250 2.0.0"),
        // A space that does not belong there, as many send it (RFC 5321 §4.1.1.2 notes it).
        ("MAIL FROM: <a@b>", "250 2.1.0"),
        ("RCPT TO: <alice@here.test>", "250 2.1.5"),
        ("data", "354"),
        ("x\r\n.", "250 2.0.0"),
        ("noop", "250 2.0.0"),
        ("quit", "221 2.0.0"),
    ]);
    client.is_closed();
    assert_eq!(client.new_mail().len(), 1);
}

#[test]
fn addresses_are_read_in_all_of_their_forms() {
    let mut client = Client::with(|rules| rules.relay_from = vec!["0.0.0.0/0".parse().unwrap()]);
    client.say_all(&[("EHLO me", "250"), ("MAIL FROM:<\"me and \\\"you\\\"\"@there.test>", "250 2.1.0")]);
    for to in [
        "<a.b+c=d/e'f@else.test>",
        "<\"a b\"@else.test>",
        "<\"a@b\"@else.test>",
        "<c@[192.0.2.1]>",
        "<d@[IPv6:2001:db8::1]>",
        "<@one.test,@two.test:e@else.test>",
    ] {
        client.say(&format!("RCPT TO:{to}"), "250 2.1.5").unwrap_or_else(|| panic!("{to}"));
    }
    for to in ["<a b@else.test>", "<@>", "<a@[junk]>", "<a@[IPv6:junk]>", "a@else.test"] {
        client.say(&format!("RCPT TO:{to}"), "501").unwrap_or_else(|| panic!("{to}"));
    }
    client.say_all(&[("DATA", "354"), ("x\r\n.", "250 2.0.0")]);
    let id = client.arrivals.next().expect("it is announced");
    let envelope = Envelope::from_bytes(&client.lab.disk().files(QUEUE)[&id.envelope()]).unwrap();
    let to: Vec<&str> = envelope.recipients.iter().map(|to| to.address.as_str()).collect();
    assert_eq!(
        to,
        [
            "a.b+c=d/e'f@else.test",
            "\"a b\"@else.test",
            "\"a@b\"@else.test",
            "c@[192.0.2.1]",
            "d@[IPv6:2001:db8::1]",
            "e@else.test"
        ]
    );
    assert_eq!(envelope.sender, "\"me and \\\"you\\\"\"@there.test");
}

#[test]
fn what_is_flawed_or_too_large_is_refused_at_its_real_end() {
    let mut client = Client::new();
    let smuggled = "MAIL FROM:<x@y>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\nsmuggled";
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r.\r\n",
        "\r.\r",
        "\r\n.\n",
        "\r\n.\r",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
        "\r\r\n.\r\r\n",
        "\n\n.\r\n",
    ] {
        client.begin(&["<alice@here.test>"]);
        client.send(format!("first{end}{smuggled}\r\n.\r\n").as_bytes());
        client.hear("550 5.6.");
        assert_eq!(client.files(), 0, "{end:?}");
    }
    client.begin(&["<alice@here.test>"]);
    client.send(&b"0123456789abcde\r\n".repeat(6000));
    client.say(".", "552 5.3.4");
    assert_eq!(client.files(), 0);
    client.begin(&["<alice@here.test>"]);
    client.say("whole\r\n.", "250");
    assert_eq!(client.new_mail().len(), 1);
    let mut client = Client::with(|rules| rules.bare = Bare::Mend);
    client.begin(&["<alice@here.test>"]);
    client.send(format!("first\n.\n{smuggled}\r\n.\r\n").as_bytes());
    client.hear("250");
    let mail = client.new_mail();
    let (_, letter) = mail.first_key_value().unwrap();
    assert!(mail.len() == 1 && letter.ends_with(format!("first\r\n.\r\n{smuggled}\r\n").as_bytes()));
}

#[test]
fn chunks_are_messages_of_any_bytes() {
    let mut client = Client::new();
    let envelope = [("EHLO me", "250"), ("MAIL FROM:<a@b> BODY=BINARYMIME", "250"), ("RCPT TO:<bob@here.test>", "250")];
    client.say("BDAT 4\r\nNOOP", "503 5.5.1");
    client.hear("500");
    client.say_all(&envelope);
    client.send(b"BDAT 6\r\n\r\n.\r\n\0BDAT 0\r\nBDAT 3 LAST\r\n\r\xff\nNOOP\r\n");
    ["250 2.0.0 Okay", "250 2.0.0 Okay", "250 2.0.0 Taken over", "250 2.0.0"]
        .iter()
        .for_each(|reply| drop(client.hear(reply)));
    assert!(client.new_mail().first_key_value().unwrap().1.ends_with(b"\r\n.\r\n\0\r\xff\n"));
    // What was begun is forgotten, and what is no text is refused unless it is said to be none.
    client.say_all(&envelope);
    client.send(b"BDAT 3\r\nabc");
    client.hear("250 2.0.0 Okay");
    client.say_all(&[("DATA", "503"), ("MAIL FROM:<a@b>", "503"), ("RCPT TO:<bob@here.test>", "503"), ("RSET", "250")]);
    assert_eq!(client.files(), 1);
    client.say_all(&[("MAIL FROM:<a@b>", "250"), ("RCPT TO:<bob@here.test>", "250")]);
    client.say("BDAT 5 LAST\r\na\n.\r\n", "550 5.6.11");
    client.hear("500");
    assert_eq!(client.files(), 1);
}

#[test]
fn lines_recipients_and_mistakes_are_bounded() {
    let mut client = Client::new();
    let mut line = vec![b'A'; 1 << 20];
    line.extend(b"\r\n");
    client.send(&line);
    client.hear("500 5.5.2");
    client.say_all(&[("EHLO me", "250"), ("MAIL FROM:<a@b>", "250")]);
    for number in 0..10_000 {
        let reply = if number < limits::SMTP_RECIPIENTS { "250 2.1.5" } else { "452 4.5.3" };
        client.say("RCPT TO:<alice@here.test>", reply);
    }
    client.say_all(&[("DATA", "354"), ("once\r\n.", "250")]);
    assert_eq!(client.new_mail().len(), 1);
    for line in ["NOOP\nNOOP\r\n", "NO\rOP\r\n", "NO\0OP\r\n", "\u{fc}\r\n", "GET / HTTP/1.1\r\n"] {
        client.send(line.as_bytes());
        client.hear("500 5.5.2");
    }
    for _ in 5..limits::SMTP_ERRORS {
        client.say("GARBAGE", "500");
    }
    client.hear("421 4.7.0");
    client.is_closed();
    let mut client = Client::new();
    client.say_all(&[("EHLO me", "250"), ("MAIL FROM:<a@b>", "250")]);
    for _ in 1..limits::SMTP_STRANGERS {
        client.say("RCPT TO:<guess@here.test>", "550 5.1.1");
    }
    client.say("RCPT TO:<guess@here.test>", "421 4.7.0");
    client.is_closed();
}

#[test]
fn who_is_silent_or_gone_leaves_nothing() {
    let mut client = Client::new();
    client.begin(&["<alice@here.test>", "<bob@here.test>"]);
    client.send(&b"half of a message\r\n".repeat(1000));
    (0..100).for_each(|_| client.lab.turn());
    assert_eq!(client.files(), 1);
    client.lab.wait(limits::SMTP_DATA_IDLE + Duration::from_secs(1));
    client.hear("421 4.4.2");
    client.is_closed();
    assert_eq!((client.files(), client.lab.server.memory_pinned()), (0, 0));
    let mut client = Client::new();
    client.lab.wait(limits::SMTP_IDLE + Duration::from_secs(1));
    client.hear("421 4.4.2");
    client.is_closed();
    for ends in [Talk::close, Talk::abort] {
        let mut client = Client::new();
        client.begin(&["<alice@here.test>"]);
        client.send(b"half of a message\r\n.\r");
        ends(&client.talk, &mut client.lab);
        client.is_closed();
        assert_eq!((client.files(), client.lab.server.memory_pinned()), (0, 0));
    }
}

#[test]
fn who_logs_in_may_send_anywhere() {
    let mut client = Client::on(disk(), Role::Submission, |_| ());
    client.say_all(&[
        ("EHLO me", "250"),
        ("MAIL FROM:<a@b>", "530 5.7.0"),
        ("AUTH CRAM-MD5", "504 5.5.4"),
        ("AUTH PLAIN ???", "501 5.5.2"),
        ("AUTH PLAIN", "334"),
        ("*", "501 5.7.0"),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        ("YWxpY2U=", "334 UGFzc3dvcmQ6"),
        ("c2VjcmV0", "235 2.7.0"),
        ("AUTH PLAIN", "503 5.5.1"),
        ("MAIL FROM:<alice@here.test> RET=HDRS ENVID=x+2B BODY=8BITMIME", "250"),
        ("RCPT TO:<there@else.test> NOTIFY=SUCCESS ORCPT=rfc822;There+40else", "250"),
        ("RCPT TO:<bob@here.test>", "250"),
        ("DATA", "354"),
    ]);
    client.say("for both\r\n.", "250");
    let id = client.arrivals.next().expect("it is announced");
    let queue = client.lab.disk().files(QUEUE);
    let content = String::from_utf8(queue[&id.content()].clone()).unwrap();
    assert!(content.starts_with("Received: from me ([10.77.0.1])\r\n\tby mx.here.test with ESMTPA id "), "{content}");
    assert!(content.ends_with("\r\nfor both\r\n"));
    let envelope = Envelope::from_bytes(&queue[&id.envelope()]).unwrap();
    assert_eq!((envelope.sender.as_str(), envelope.size), ("alice@here.test", content.len() as u64));
    assert_eq!(
        (envelope.ret, envelope.envid.as_deref(), envelope.body),
        (Some(Return::Headers), Some("x+2B"), Body::EightBitMime)
    );
    let [there] = envelope.recipients.as_slice() else { panic!("{envelope:?}") };
    assert_eq!(there.notify, Some(Notify { success: true, ..Notify::default() }));
    assert_eq!((there.address.as_str(), there.orcpt.as_deref()), ("there@else.test", Some("rfc822;There@else")));
    let local = client.new_mail().into_values().next().unwrap();
    assert_eq!(String::from_utf8(local).unwrap(), format!("Return-Path: <alice@here.test>\r\n{content}"));
    assert_eq!(client.files(), 3);
}

#[test]
fn nobody_else_may() {
    let networks = |text: &str| vec![text.parse().unwrap()];
    let begin = [("EHLO me", "250"), ("MAIL FROM:<a@b>", "250")];
    let mut client = Client::with(|rules| rules.relay_from = networks("10.78.0.0/16"));
    client.say_all(&begin);
    client.say_all(&[("RCPT TO:<a@else.test>", "550 5.7.1"), ("RCPT TO:<@here.test:a@else.test>", "550 5.7.1")]);
    client.say_all(&[
        ("RCPT TO:<a%else.test@here.test>", "550 5.1.1"),
        ("RCPT TO:<\"a@else.test\"@here.test>", "550 5.1.1"),
    ]);
    let mut client = Client::with(|rules| rules.relay_from = networks("10.77.0.0/16"));
    client.say_all(&begin);
    client.say_all(&[("RCPT TO:<a@else.test>", "250"), ("DATA", "354"), ("x\r\n.", "250")]);
    assert_eq!(client.lab.disk().files(QUEUE).len(), 2);
    let mut client = Client::with(|rules| (rules.relay_from, rules.queue) = (networks("10.77.0.0/16"), None));
    client.say_all(&begin);
    client.say("RCPT TO:<a@else.test>", "550 5.4.4");
    let mut client = Client::with(|rules| rules.clear_passwords = false);
    client.say_all(&[("EHLO me", "250"), ("AUTH PLAIN AGFsaWNlAHNlY3JldA==", "502 5.5.1")]);
}

#[test]
fn wrong_passwords_take_time_and_end_the_conversation() {
    let mut client = Client::new();
    client.say("EHLO me", "250");
    for number in 1..=limits::SMTP_PASSWORDS {
        client.send(b"AUTH PLAIN AGFsaWNlAHdyb25n\r\nNOOP\r\n");
        (0..50).for_each(|_| client.lab.turn());
        client.lab.wait(Duration::from_secs(1 << number));
        client.hear("535 5.7.8");
        if number < limits::SMTP_PASSWORDS {
            client.hear("250 2.0.0");
        }
    }
    client.hear("421 4.7.0");
    client.is_closed();
}

#[test]
fn only_so_many_come_from_one_address() {
    let mut client = Client::new();
    let more: Vec<Talk> = (1..limits::SMTP_SESSIONS_AN_ADDRESS).map(|_| open(&mut client.lab, 25)).collect();
    for mut talk in more {
        assert!(talk.try_to_hear(&mut client.lab).unwrap().starts_with("220"));
    }
    let mut one_more = open(&mut client.lab, 25);
    assert!(one_more.try_to_hear(&mut client.lab).unwrap().starts_with("421 4.3.2"));
}
