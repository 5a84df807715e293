//! What a message costs without stack and disk, beside smtp-proto, which parses the same bytes and undoubles their dots.
//!
//! Counted as ours is all that the session does: every call of it as the stack makes them, the commands, the replies as they
//! lie in the send queue, the message without its dots and looked through for CR, LF and NUL, our lines in front of it in blocks
//! of the pool, the names of its files, what is asked of storage threads, and each of their answers up to the 250. So is, for it
//! cannot be told apart, that the blocks and the queue go back and what was asked for is freed, which others do. Both sides
//! find the bytes in memory and forget what they made of them.
//!
//! Over a kept connection that is from MAIL to the 250; EHLO was said before, and smtp-proto's receiver is kept as well. A
//! connection begins with the session being made and its greeting, for smtp-proto with a receiver, and ends with QUIT.

mod connection;
#[path = "../../tests/session/mod.rs"]
mod session;
#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use smtp_proto::Request;
use smtp_proto::request::receiver::{DataReceiver, RequestReceiver};
use taphouse::application::accounts::{Account, Accounts, PasswordHash};
use taphouse::application::smtp::maildir::Maildirs;
use taphouse::application::smtp::server::{Bare, Role, Rules, Smtp};
use taphouse::application::{Folder, Service as _};
use taphouse::buffer::{Frame, Offload};

use connection::{Connection, Shard, Sum};
use session::{Means, flow};
use support::{Contender, race};

/// How a client begins that does not wait for each reply.
const HELLO: &[u8] = b"EHLO client.example.org\r\n";

/// A message of so many lines.
fn message(lines: usize) -> Vec<u8> {
    let mut text = b"MAIL FROM:<alice@client.example.org> SIZE=1000 BODY=8BITMIME\r\n\
        RCPT TO:<bob@here.example.org>\r\n\
        DATA\r\n"
        .to_vec();
    text.extend(b"From: alice@client.example.org\r\nSubject: hosts\r\n\r\n");
    let line = b"It is a truth universally acknowledged, that a host in possession ....\r\n";
    (0..lines).for_each(|_| text.extend(line));
    text.extend(b"..\r\n.\r\n");
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

/// Bytes of messages that are kept, and how many requests there were.
fn theirs(receiver: &mut RequestReceiver, bytes: &[u8], content: &mut Vec<u8>) -> (usize, usize) {
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

/// What a frame brings.
fn frame(bytes: &[u8]) -> Frame {
    Frame::from_bytes(bytes, Offload::default())
}

/// One conversation, recorded: every reply is a good one, and what is stored is what smtp-proto reads, our lines in front.
fn check(server: &mut Smtp, whole: &[u8]) -> Sum {
    let flow = flow(Role::Transfer.port());
    let (mut means, mut read) = (Means::new(), Vec::new());
    means.talk(server.open(&flow).expect("it serves"), flow, [whole]);
    let (_, requests) = theirs(&mut RequestReceiver::default(), whole, &mut read);
    let stored = means.stored.first().expect("it is stored");
    assert!(stored.ends_with(&read) && stored.starts_with(b"Return-Path: <alice@") && requests == 5);
    let codes: Vec<&[u8]> = means.replies.split(|byte| *byte == b'\n').filter_map(|line| line.get(..4)).collect();
    let last = |code: &&&[u8]| code[3] == b' ';
    assert!(codes.iter().filter(last).eq(&[b"220 ", b"250 ", b"250 ", b"250 ", b"354 ", b"250 ", b"221 "]));
    Sum { stored: stored.len(), said: means.replies.len() }
}

fn compare() {
    let (mut server, flow) = (server(), flow(Role::Transfer.port()));
    for (what, lines, times) in [("1 kB", 13, 20_000), ("20 kB", 280, 2_000)] {
        let message = message(lines);
        let whole = [HELLO, &message, b"QUIT\r\n"].concat();
        let sum = check(&mut server, &whole);

        let (mut shard, mut other, mut content) = (Shard::new(), RequestReceiver::default(), Vec::new());
        let mut kept = Connection::open(&mut server, &mut shard, &flow);
        kept.hear(&mut frame(HELLO));
        let mut arriving = frame(&message);
        assert!(kept.hear(&mut arriving).stored >= sum.stored, "numbers of messages grow");
        let each = race(
            &format!("SMTP, a message of {what} over a kept connection"),
            times,
            Contender::new("taphouse", || kept.hear(black_box(&mut arriving))),
            vec![Contender::new("smtp-proto", || theirs(&mut other, black_box(&message), &mut content))],
        );
        kept.end();

        let mut arriving = frame(&whole);
        let mut converse = || {
            let mut connection = Connection::open(&mut server, &mut shard, &flow);
            let sum = connection.hear(black_box(&mut arriving));
            connection.end();
            sum
        };
        assert!(converse().said >= sum.said, "numbers of messages grow");
        let whole = race(
            &format!("SMTP, a connection with one message of {what}, from its beginning to its end"),
            times,
            Contender::new("taphouse", converse),
            vec![Contender::new("smtp-proto", || {
                theirs(&mut RequestReceiver::default(), black_box(&whole), &mut content)
            })],
        );
        println!("SMTP, {what}: {each:.2} of smtp-proto's time, {whole:.2} with the connection (at most 3)");
    }
}

fn measure(criterion: &mut Criterion) {
    let (mut server, flow, mut shard) = (server(), flow(Role::Transfer.port()), Shard::new());
    let (message, mut connection) = (message(13), Connection::open(&mut server, &mut shard, &flow));
    connection.hear(&mut frame(HELLO));
    let mut arriving = frame(&message);
    criterion.bench_function("smtp/message", |bencher| bencher.iter(|| connection.hear(black_box(&mut arriving))));
    connection.end();
    let mut arriving = frame(&[HELLO, &message, b"QUIT\r\n"].concat());
    criterion.bench_function("smtp/connection", |bencher| {
        bencher.iter(|| {
            let mut connection = Connection::open(&mut server, &mut shard, &flow);
            black_box(connection.hear(black_box(&mut arriving)));
            connection.end();
        });
    });
}

fn main() {
    compare();
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion);
    criterion.final_summary();
}
