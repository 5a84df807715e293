//! Mail that comes to us: from the usual clients, from many at once, and from those who mean no good.

mod clients;
mod hostile;
mod many;
mod relayed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::house::House;
use crate::lab::Lab;
use crate::program::{Ended, command};
use crate::users::hash;

/// What a user says to log in.
const PASSWORD: &str = "alice's secret";

/// A host that takes mail for alice and bob, and a lab around it.
struct Office {
    lab: Lab,
    files: TempDir,
}

impl Office {
    fn new() -> Option<Office> {
        let (lab, files) = (Lab::new()?, tempfile::tempdir().expect("a directory"));
        let hash = hash(PASSWORD);
        let user = |name: &str| format!("[[user]]\nname = '{name}'\npassword = '{hash}'\nhome = '{name}'\n");
        fs::write(files.path().join("taphouse.toml"), [user("alice"), user("bob")].concat()).unwrap();
        Some(Office { lab, files })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// What is kept, also when the program is gone.
    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn house(&self, arguments: &str) -> House {
        let (config, state) = (self.path("taphouse.toml"), self.state());
        let mail = "--mail-name mx.here.test --mail-domain here.test --services smtp,submission,submissions";
        let line = format!(
            "up --netns {} --state {} --config {} {mail} {arguments}",
            self.lab.name,
            state.display(),
            config.display()
        );
        self.lab.house_from(crate::house::taphouse(&line))
    }

    /// All messages in a mailbox, by name.
    fn mailbox(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        files(&self.state().join("mail").join(name).join("new"))
    }

    /// What was not finished, or is not meant to be there.
    fn leftovers(&self) -> Vec<PathBuf> {
        let parts = ["alice", "bob", "postmaster"]
            .into_iter()
            .flat_map(|name| ["tmp", "cur"].map(|part| self.state().join("mail").join(name).join(part)));
        let all = parts.flat_map(|part| fs::read_dir(part).unwrap().map(|entry| entry.unwrap().path()));
        all.collect()
    }

    /// Runs a program with arguments that may have spaces in them.
    fn run(&self, program: &str, arguments: &[&str]) -> Ended {
        let mut command = command(program);
        command.args(arguments);
        self.lab.start(command).ended()
    }
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap_or_else(|why| panic!("{}: {why}", directory.display()));
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

/// A message without the lines that we put in front, and those.
fn unwrapped(message: &[u8]) -> (String, Vec<u8>) {
    let text = String::from_utf8_lossy(message);
    let mut end = 0;
    for (at, line) in
        text.split_inclusive("\r\n").scan(0, |at, line| Some((std::mem::replace(at, *at + line.len()), line)))
    {
        let ours = at == 0 || line.starts_with("Received: from ") && end == text[..at].len() || line.starts_with('\t');
        if !ours {
            break;
        }
        end = at + line.len();
    }
    (text[..end].to_owned(), message[end..].to_vec())
}
