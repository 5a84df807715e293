//! A next hop for mail, `aiosmtpd`, and what it keeps.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::lab::Lab;
use crate::program::{PATIENCE, Program, script_of_tests};

/// Where it listens, unless it is told otherwise.
pub(crate) const PORT: u16 = 2525;

/// A message as it was kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) content: Vec<u8>,
    /// All that was told of it, as JSON.
    pub(crate) told: String,
}

/// What a server keeps, also when it is gone.
pub(crate) struct Shelf(TempDir);

impl Shelf {
    pub(crate) fn new() -> Shelf {
        Shelf(tempfile::tempdir().expect("a directory"))
    }

    /// Starts a server in the lab that keeps here what it gets.
    #[track_caller]
    pub(crate) fn server(&self, lab: &Lab, port: u16, options: &str) -> Program {
        let mut python = script_of_tests("smtpd.py");
        python.args([port.to_string(), self.0.path().display().to_string()]);
        python.args(options.split_whitespace());
        let mut program = lab.start(python);
        program.line_with("serves");
        program
    }

    /// All messages that there are.
    pub(crate) fn messages(&self) -> Vec<Kept> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(self.0.path()).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_some_and(|ending| ending == "json") {
                let number: u64 = path.file_stem().unwrap().to_str().unwrap().parse().expect("a number");
                let told = fs::read_to_string(&path).expect("it was written");
                let read: serde_json::Value = serde_json::from_str(&told).expect("JSON");
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let recipients = read["to"].as_array().expect("a list").iter().map(text).collect();
                let content = fs::read(path.with_extension("eml")).expect("it was written before");
                all.insert(number, Kept { sender: text(&read["from"]), recipients, content, told });
            }
        }
        all.into_values().collect()
    }

    /// The same, when there are as many as this.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Kept> {
        let end = Instant::now() + PATIENCE;
        loop {
            let messages = self.messages();
            if messages.len() >= count {
                return messages;
            }
            assert!(Instant::now() < end, "{} of {count} came", messages.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Messages in which everything is that could go wrong on the way, as they are on the wire.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let header = "From: a@here.test\r\nTo: b@there.test\r\nSubject: test\r\n\r\n";
    let bodies = [
        "hello\r\n".to_owned(),
        ".\r\n..\r\n.leading\r\nno.end.\r\n.\r\n".to_owned(),
        "\r\n\r\n.\r\n\r\n".to_owned(),
        format!("{}\r\n", "x".repeat(990)),
        "grüße\r\n".to_owned(),
        (0..20_000)
            .map(|line| format!("{}line {line} of a long one\r\n", if line % 7 == 0 { "." } else { "" }))
            .collect(),
        (0..40_000).map(|line| format!("line {line} of a long one without dots\r\n")).collect(),
    ];
    bodies.iter().map(|body| format!("{header}{body}").into_bytes()).collect()
}

/// A certificate for the host's addresses, with its key: where both are.
pub(crate) fn certificate(lab: &Lab, folder: &TempDir) -> (String, String) {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let names = "subjectAltName=IP:10.77.0.1,IP:fd77::1,DNS:mx.test";
    let subject = format!("-subj /CN=mx.test -addext {names} -addext basicConstraints=critical,CA:FALSE");
    lab.run(&format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout {} -out {} {subject}",
        at("key"),
        at("cert")
    ))
    .ok();
    (at("cert"), at("key"))
}
