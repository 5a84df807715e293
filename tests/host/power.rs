//! The power is cut at every step of everything that a client of FTP can change: afterwards each name is the old file or the
//! whole new one, and what was answered is there.

use std::collections::BTreeMap;
use std::path::Path;

use taphouse::application::accounts::Accounts;
use taphouse::application::ftp::{Access, PORT};

use crate::disk::{Disk, Survives};
use crate::ftp::{Talk, open, serve};
use crate::packet::pattern;
use crate::storage::Lab;

/// What lies on a disk: files by their names, and directories with a slash behind theirs.
type Tree = BTreeMap<String, Vec<u8>>;

fn tree(files: &[(&str, &[u8])]) -> Tree {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

fn disk(tree: &Tree) -> Disk {
    let mut disk = Disk::new(1);
    for (name, bytes) in tree {
        match name.strip_suffix('/') {
            Some(name) => disk.make_directory(0, name),
            None => disk.put(0, name, bytes),
        }
    }
    disk
}

/// What clients see of it: no upload that is not complete.
fn seen(disk: &Disk) -> Tree {
    let directories = disk.directories(0).into_iter().map(|path| (format!("{}/", path.display()), Vec::new()));
    let files = disk.files(0).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes));
    directories.chain(files.filter(|(name, _)| !name.ends_with(".upload~"))).collect()
}

/// A client until the power is cut: what it does is `None` then.
struct Client {
    lab: Lab,
    control: Talk,
}

impl Client {
    fn on(disk: Disk) -> Client {
        let mut lab = Lab::on(disk);
        let _told = serve(&mut lab, Access::Write, Accounts::default());
        let control = open(&mut lab, PORT);
        let mut client = Client { lab, control };
        client.hear("220");
        for (line, code) in [("USER anonymous", "331"), ("PASS me@", "230"), ("TYPE I", "200")] {
            client.say(line, code).expect("this takes no disk");
        }
        client
    }

    #[track_caller]
    fn hear(&mut self, code: &str) -> Option<String> {
        let line = self.control.try_to_hear(&mut self.lab)?;
        assert!(line.starts_with(code), "{line}");
        Some(line)
    }

    #[track_caller]
    fn say(&mut self, line: &str, code: &str) -> Option<String> {
        self.control.send(&mut self.lab, format!("{line}\r\n").as_bytes());
        self.hear(code)
    }

    #[track_caller]
    fn send(&mut self, command: &str, bytes: &[u8]) -> Option<()> {
        let port = self.say("EPSV", "229")?.split('|').nth(3)?.parse().expect("a port");
        let data = open(&mut self.lab, port);
        self.say(command, "150")?;
        data.send(&mut self.lab, bytes);
        data.close(&mut self.lab);
        self.hear("226").map(drop)
    }
}

/// Cuts the power at every step of what a client does; `look` sees what is left, and whether the client had its answer.
#[track_caller]
fn cut_everywhere(before: &Disk, does: impl Fn(&mut Client) -> Option<()>, mut look: impl FnMut(Disk, Survives, bool)) {
    for steps in 0.. {
        let mut client = Client::on(before.clone().that_stops_after(steps));
        let done = does(&mut client).is_some();
        Survives::ALL.into_iter().for_each(|how| look(client.lab.disk().after_the_cut(how), how, done));
        if !client.lab.has_stopped() {
            assert!(done && steps > 1, "{steps} steps");
            return;
        }
    }
}

/// The same for what changes whole names.
#[track_caller]
fn leaves_old_or_new(before: &[(&str, &[u8])], after: &[(&str, &[u8])], does: impl Fn(&mut Client) -> Option<()>) {
    let (before, after) = (tree(before), tree(after));
    cut_everywhere(&disk(&before), does, |left, how, done| {
        let left = seen(&left);
        if done {
            assert_eq!(left, after, "{how:?}: what was answered is there");
        }
        for name in before.keys().chain(after.keys()).chain(left.keys()) {
            let found = left.get(name);
            assert!(found == before.get(name) || found == after.get(name), "{how:?}: {name} is neither old nor new");
        }
        for kept in before.values().filter(|bytes| after.values().any(|other| other == *bytes)) {
            assert!(left.values().any(|bytes| bytes == kept), "{how:?}: a file is lost on its way to another name");
        }
    });
}

#[test]
fn stor_of_a_new_name_and_over_an_old_one() {
    let new = pattern(8000);
    leaves_old_or_new(&[], &[("file", &new)], |client| client.send("STOR file", &pattern(8000)));
    leaves_old_or_new(&[], &[("file", b"")], |client| client.send("STOR file", b""));
    leaves_old_or_new(&[("file", b"old")], &[("file", &new)], |client| client.send("STOR file", &pattern(8000)));
    leaves_old_or_new(&[("a/", b"")], &[("a/", b""), ("a/file", &new)], |client| {
        client.send("STOR a/file", &pattern(8000))
    });
}

#[test]
fn rnto_to_a_new_name_an_old_one_and_another_directory() {
    let rename = |to: &'static str| {
        move |client: &mut Client| {
            client.say("RNFR a/file", "350")?;
            client.say(to, "250").map(drop)
        }
    };
    let before: &[(&str, &[u8])] = &[("a/", b""), ("a/file", b"it"), ("a/old", b"old"), ("b/", b"")];
    let after = |name| [("a/", &b""[..]), ("a/old", b"old"), ("b/", b""), (name, b"it")];
    leaves_old_or_new(before, &after("a/new"), rename("RNTO a/new"));
    leaves_old_or_new(before, &after("b/new"), rename("RNTO b/new"));
    leaves_old_or_new(before, &after("new"), rename("RNTO new"));
    leaves_old_or_new(before, &[("a/", b""), ("a/old", b"it"), ("b/", b"")], rename("RNTO a/old"));
}

#[test]
fn dele_mkd_and_rmd() {
    let kept: (&str, &[u8]) = ("kept", b"kept");
    let say = |line: &'static str, code: &'static str| move |client: &mut Client| client.say(line, code).map(drop);
    leaves_old_or_new(&[("file", b"old"), kept], &[kept], say("DELE file", "250"));
    leaves_old_or_new(&[kept], &[kept, ("new/", b"")], say("MKD new", "257"));
    leaves_old_or_new(&[("new/", b"")], &[("new/", b""), ("new/er/", b"")], say("MKD new/er", "257"));
    leaves_old_or_new(&[kept, ("new/", b"")], &[kept], say("RMD new", "250"));
}

/// REST and APPE add to what is there, and both may be cut off, too.
#[test]
fn an_upload_is_continued_after_the_power_was_cut() {
    let whole = pattern(8000);
    let mut halves = Vec::new();
    cut_everywhere(&Disk::new(1), |client| client.send("STOR file", &whole), |left, _, _| halves.push(left));
    halves.retain(|left| !left.files(0).contains_key(Path::new("file")));
    halves.dedup_by_key(|left| left.files(0));
    assert!(halves.iter().any(|left| left.files(0).values().any(|half| !half.is_empty() && half.len() < whole.len())));
    for half in halves {
        for command in ["STOR file", "APPE file"] {
            let continues = |client: &mut Client| {
                let size = half.files(0).values().next().map(Vec::len);
                if let Some(size) = size {
                    assert_eq!(client.say("SIZE file", "213")?, format!("213 {size}"));
                }
                let size = size.unwrap_or(0);
                if size > 0 && command.starts_with("STOR") {
                    client.say(&format!("REST {size}"), "350")?;
                }
                client.send(command, &whole[size..])
            };
            cut_everywhere(&half, continues, |left, how, done| {
                let file = seen(&left).remove("file");
                assert!(file.is_none() && !done || file.as_ref() == Some(&whole), "{how:?} {command}");
            });
        }
    }
}

/// APPE to a file that is there adds in place: what was there stays, and behind it is as much of the rest as came.
#[test]
fn appe_in_place_keeps_what_was_there() {
    let (old, more) = (b"what was there, ", pattern(8000));
    let whole = [&old[..], &more].concat();
    cut_everywhere(
        &disk(&tree(&[("file", old)])),
        |client| client.send("APPE file", &more),
        |left, how, done| {
            let file = seen(&left).remove("file").expect("it is there");
            assert!(file.starts_with(old) && whole.starts_with(&file), "{how:?}");
            assert!(file == whole || !done, "{how:?}: what was answered is there");
        },
    );
}
