//! What a message costs from its greeting to its 250, without the disk: commands, replies, the body without its dots, our lines in
//! front, and what is asked of storage threads; beside smtp-proto, which only parses the same bytes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use smtp_proto::Request;
use smtp_proto::request::receiver::{DataReceiver, RequestReceiver};
use taphouse::application::accounts::{Account, Accounts, PasswordHash};
use taphouse::application::smtp::maildir::Maildirs;
use taphouse::application::smtp::server::{Bare, Role, Rules, Smtp};
use taphouse::application::{Folder, Service as _};

use crate::session::{Means, flow};
use crate::support::{Contender, race};

/// A message of so many lines, as clients send it that do not wait for each reply.
fn transaction(lines: usize) -> Vec<u8> {
    let mut text = b"EHLO client.example.org\r\n\
        MAIL FROM:<alice@client.example.org> SIZE=1000 BODY=8BITMIME\r\n\
        RCPT TO:<bob@here.example.org>\r\n\
        DATA\r\n"
        .to_vec();
    text.extend(b"From: alice@client.example.org\r\nSubject: hosts\r\n\r\n");
    let line = b"It is a truth universally acknowledged, that a host in possession ....\r\n";
    (0..lines).for_each(|_| text.extend(line));
    text.extend(b"..\r\n.\r\nQUIT\r\n");
    text
}

fn server() -> Smtp {
    let password = Arc::new(PasswordHash::of(b"secret", &[7; 16]).expect("it can be hashed"));
    let bob = Account { name: "bob".to_owned(), password, home: "bob".parse().expect("a path"), folder: Folder(0) };
    Smtp::new(Rules {
        name: "mx.here.example.org".to_owned(),
        domains: vec!["here.example.org".to_owned()],
        addresses: Vec::new(),
        accounts: Arc::new(Accounts::new(vec![bob])),
        identity: None,
        maildirs: Maildirs::new(Folder(0), "mx.here.example.org", 7),
        queue: None,
        relay_from: Vec::new(),
        largest: 32 << 20,
        bare: Bare::Refuse,
        clear_passwords: false,
        began: 1_700_000_000,
    })
}

/// Bytes that were written and said.
fn ours(server: &mut Smtp, bytes: &[u8], means: &mut Means) -> (usize, usize) {
    let flow = flow(Role::Transfer.port());
    let session = server.open(&flow).expect("it serves");
    means.talk(session, flow, [bytes]);
    (means.stored.first().map_or(0, Vec::len), means.replies.len())
}

/// Bytes of the message that are kept, and how many requests there were.
fn theirs(bytes: &[u8], content: &mut Vec<u8>) -> (usize, usize) {
    let mut receiver = RequestReceiver::default();
    let mut bytes = bytes.iter();
    let mut requests = 0;
    content.clear();
    while !bytes.as_slice().is_empty() {
        let request = receiver.ingest(&mut bytes);
        requests += 1;
        if matches!(black_box(request), Ok(Request::Data)) {
            assert!(DataReceiver::new().ingest(&mut bytes, content));
        }
    }
    (content.len(), requests)
}

pub(crate) fn compare() {
    let mut server = server();
    for (what, lines, times) in [("1 kB", 13, 20_000), ("20 kB", 280, 2_000)] {
        let text = transaction(lines);
        let (mut means, mut other) = (Means::new(), Vec::new());
        let (_, said) = ours(&mut server, &text, &mut means);
        let (_, requests) = theirs(&text, &mut other);
        let stored = means.stored.first().expect("it is stored");
        assert!(stored.ends_with(&other) && stored.starts_with(b"Return-Path: <alice@") && said > 300 && requests == 5);
        let ratio = race(
            &format!(
                "SMTP, a message of {what}: parsed, answered, unstuffed, handed to the disk; beside smtp-proto, which \
                 parses and unstuffs it"
            ),
            times,
            Contender::new("taphouse", || ours(&mut server, black_box(&text), &mut means)),
            vec![Contender::new("smtp-proto", || theirs(black_box(&text), &mut other))],
        );
        println!("SMTP, {what}: {ratio:.2} of smtp-proto's time (at most 3)");
    }
}

pub(crate) fn measure(criterion: &mut Criterion) {
    let (mut server, text, mut means) = (server(), transaction(13), Means::new());
    criterion.bench_function("smtp/message", |bencher| {
        bencher.iter(|| ours(&mut server, black_box(&text), &mut means));
    });
}
