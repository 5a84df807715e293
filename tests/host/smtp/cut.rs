//! However the bytes of a client are cut, it hears the same, and the same is a message. Nothing that it says breaks anything.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use taphouse::application::Folder;
use taphouse::application::Service as _;
use taphouse::application::smtp::maildir::Maildirs;
use taphouse::application::smtp::server::{Role, Rules, Smtp};
use taphouse::base::limits;

use super::rules;
use crate::session::{Means, flow};

/// What was said, and what is stored.
#[derive(Debug, PartialEq)]
struct Heard {
    replies: String,
    stored: Vec<Vec<u8>>,
}

/// What a server makes of it, cut at each of `cuts`.
fn hear(means: &mut Means, input: &[u8], cuts: &[usize]) -> Heard {
    // A password is hashed for them, which takes long.
    static RULES: LazyLock<Rules> = LazyLock::new(rules);
    let rules = Rules { maildirs: Maildirs::new(Folder(0), "mx.here.test", 1), ..RULES.clone() };
    let flow = flow(Role::Transfer.port());
    let session = Smtp::new(rules).open(&flow).expect("it serves");
    let ends = cuts.iter().copied().chain([input.len()]);
    let pieces = ends.scan(0, |start, end| {
        let end = end.clamp(*start, input.len());
        Some(&input[std::mem::replace(start, end)..end])
    });
    means.talk(session, flow, pieces);
    let replies = String::from_utf8(means.replies.clone()).expect("replies are UTF-8");
    Heard { replies, stored: means.stored.clone() }
}

fn script() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => Just(&b"EHLO me\r\n"[..]),
        4 => Just(&b"MAIL FROM:<a@b>\r\n"[..]),
        2 => Just(&b"MAIL FROM:<> BODY=BINARYMIME SIZE=5\r\n"[..]),
        6 => Just(&b"RCPT TO:<alice@here.test>\r\n"[..]),
        1 => Just(&b"RCPT TO:<a@else.test> NOTIFY=NEVER\r\n"[..]),
        4 => Just(&b"DATA\r\n"[..]),
        4 => Just(&b"\r\n.\r\n"[..]),
        2 => Just(&b"..\r\n.a\r\n"[..]),
        2 => Just(&b"BDAT 3\r\n"[..]),
        2 => Just(&b"BDAT 2 LAST\r\n"[..]),
        1 => Just(&b"BDAT 99999999999999999999 LAST\r\n"[..]),
        1 => Just(&b"AUTH LOGIN\r\n"[..]),
        1 => Just(&b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"[..]),
        1 => Just(&b"YWxpY2U=\r\n"[..]),
        1 => Just(&b"RSET\r\n"[..]),
        1 => Just(&b"NOOP\n"[..]),
        1 => Just(&b"\r"[..]),
        1 => Just(&b"\n"[..]),
        1 => Just(&b"."[..]),
        1 => Just(&b"\0\xff<@:>"[..]),
    ];
    vec(line, 0..60).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_conversation_is_the_same_however_it_is_cut(input in script(), mut cuts in vec(0..1000usize, 0..20)) {
        cuts.sort_unstable();
        let mut means = Means::new();
        let whole = hear(&mut means, &input, &[]);
        prop_assert_eq!(&hear(&mut means, &input, &cuts), &whole);
        let each: Vec<usize> = (0..input.len()).collect();
        prop_assert_eq!(&hear(&mut means, &input, &each), &whole);
        // Every reply is a line with a code.
        prop_assert!(whole.replies.split_terminator("\r\n").all(|line| line.len() > 3 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit)));
    }
}

/// A message ends where its block does, and its end comes alone: the block that was meant for more goes back to the pool.
#[test]
fn a_block_that_stays_empty_goes_back() {
    let mut means = Means::new();
    let head = b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n";
    for length in limits::SMTP_FIRST_BLOCK - 300..limits::SMTP_FIRST_BLOCK {
        let input = [&head[..], &vec![b'a'; length], b"\r\n.\r\n"].concat();
        let stored = hear(&mut means, &input, &[input.len() - 3]).stored;
        assert!(stored.len() == 1 && stored[0].ends_with(&input[head.len()..input.len() - 3]));
    }
}
