//! FTP: what `curl`, `lftp`, `wget` and Python's ftplib make of our server, over both families.

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::house::{BOTH, House, V4, pattern};
use crate::lab::Lab;
use crate::program::script_of_tests;

pub(crate) const MIB: usize = 1 << 20;

/// A root with some files, and a house that serves it.
pub(crate) struct Files {
    pub(crate) root: TempDir,
    house: House,
}

impl Files {
    pub(crate) fn new(lab: &Lab, options: &str) -> Files {
        let root = tempfile::tempdir().expect("a directory");
        let house = lab.house(&format!("--root {} --services ftp {options}", root.path().display()));
        Files { root, house }
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.root.path().join(name), bytes).expect("the root can be written");
    }

    fn get(&self, name: &str) -> Vec<u8> {
        fs::read(self.root.path().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// Ends the house: every connection ended, too, and no upload was left. Returns what it said on stderr.
    #[track_caller]
    pub(crate) fn end(self) -> String {
        let ended = self.house.end();
        assert!(ended.status.success(), "{ended:?}");
        let left = fs::read_dir(self.root.path()).expect("the root is there").filter_map(Result::ok);
        let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().ends_with(".upload~")).collect();
        assert!(left.is_empty(), "{left:?}");
        ended.stderr
    }
}

pub(crate) fn url(to: IpAddr) -> String {
    if to.is_ipv6() { format!("ftp://[{to}]") } else { format!("ftp://{to}") }
}

fn ftplib(lab: &Lab, what: &str, to: IpAddr, size: usize) -> String {
    lab.python("ftp.py", &[what, &to.to_string(), &size.to_string()])
}

#[test]
fn curl_gets_puts_continues_and_lists_passive_and_active() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    let away = tempfile::tempdir().expect("a directory");
    let at = |name: &str| away.path().join(name).display().to_string();
    let content = pattern(9 * MIB + 4321, 1);
    files.put("large", &content);
    files.put("empty", b"");
    for to in BOTH {
        for mode in ["", "--ftp-port -"] {
            let curl = |arguments: &str| lab.run(&format!("curl -sS --max-time 60 {mode} {arguments}")).ok();
            let url = url(to);
            curl(&format!("-g {url}/large -o {}", at("got")));
            assert!(fs::read(at("got")).unwrap() == content, "{url} {mode}");
            curl(&format!("-g {url}/empty -o {}", at("none")));
            assert_eq!(fs::read(at("none")).unwrap_or_default(), b"");
            fs::write(at("got"), &content[..5 * MIB + 1]).unwrap();
            curl(&format!("-g -C - {url}/large -o {}", at("got")));
            assert!(fs::read(at("got")).unwrap() == content, "{url} {mode}");
            curl(&format!("-g -T {} {url}/new/folder/put --ftp-create-dirs", at("got")));
            assert!(files.get("new/folder/put") == content, "{url} {mode}");
            // Half of it is there; the rest is added.
            files.put("new/folder/put", &content[..3 * MIB]);
            curl(&format!("-g -C - -T {} {url}/new/folder/put", at("got")));
            assert!(files.get("new/folder/put") == content, "{url} {mode}");
            let listed = curl(&format!("-g {url}/"));
            assert!(listed.lines().any(|line| line.starts_with("-r") && line.ends_with(" large")), "{listed}");
            assert!(listed.lines().any(|line| line.starts_with("dr") && line.ends_with(" new")), "{listed}");
            fs::remove_dir_all(files.root.path().join("new")).unwrap();
        }
    }
    files.end();
}

#[test]
fn ftplib_does_everything_passive_and_active() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    for to in BOTH {
        assert_eq!(ftplib(&lab, "both_ways", to, 3 * MIB + 17), "both ways\n");
        assert_eq!(ftplib(&lab, "interrupted", to, 3 * MIB), "interrupted\n");
    }
    fs::read_dir(files.root.path()).unwrap().filter_map(Result::ok).for_each(|entry| {
        // The interrupted upload of what was there already is still beside it.
        assert_eq!(entry.file_name(), ".kept.upload~");
        fs::remove_file(entry.path()).unwrap();
    });
    files.end();
}

#[test]
fn anonymous_users_only_read_unless_told_otherwise() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "");
    files.put("text.txt", b"hello\n");
    for to in BOTH {
        assert_eq!(ftplib(&lab, "read_only", to, 0), "read only\n");
    }
    assert_eq!(ftplib(&lab, "nobody_connects", V4, 0), "nobody connected\n");
    files.end();
}

#[test]
fn five_hundred_at_once_each_with_five_files() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    files.put("common", &pattern(MIB / 8, 3));
    assert_eq!(ftplib(&lab, "crowd", V4, 500), "500 at once\n");
    for client in 0..500 {
        (0..5).for_each(|file| assert_eq!(files.get(&format!("{client}-{file}")).len(), 10_000 + client));
    }
    files.end();
}

/// Data connections come in at the shard of their control connection, whichever that is.
#[test]
fn shards_serve_alike() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable --queues 4");
    files.put("common", &pattern(MIB / 8, 3));
    for to in BOTH {
        assert_eq!(ftplib(&lab, "both_ways", to, 100_000), "both ways\n");
        assert_eq!(ftplib(&lab, "crowd", to, 20), "20 at once\n");
    }
    files.end();
}

/// What got 226 is there, and no name has half of anything: the program is killed in the middle of a hundred uploads, five times.
#[test]
fn killed_in_the_middle_of_uploads_every_name_has_a_whole_file() {
    const WHOLE: usize = 200_000;
    for round in 0..5 {
        let Some(lab) = Lab::new() else { return };
        let files = Files::new(&lab, "--writable");
        let mut command = script_of_tests("ftp.py");
        command.args(["upload_for_ever", &V4.to_string(), "100"]);
        let mut uploads = lab.start(command);
        let first = uploads.line_with("stored ");
        assert!(first.starts_with("stored "), "{first}");
        std::thread::sleep(Duration::from_millis(20 * round));
        let Files { root, house } = files;
        house.program.signal(Signal::KILL);
        house.program.ended();
        uploads.signal(Signal::KILL);
        let told = uploads.ended().stdout + &first;
        let stored: HashSet<&str> = told.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        let mut names = HashSet::new();
        for entry in fs::read_dir(root.path()).unwrap().filter_map(Result::ok) {
            let name = entry.file_name().into_string().expect("names are UTF-8");
            if !name.ends_with(".upload~") {
                assert_eq!(entry.metadata().unwrap().len() as usize, WHOLE, "{name}");
                names.insert(name);
            }
        }
        assert!(stored.iter().all(|name| names.contains(*name)), "{stored:?} {names:?}");
    }
}

#[test]
fn a_root_that_cannot_be_made_leaves_the_others_serving() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("--root /proc/nowhere");
    lab.ping(V4);
    let ended = house.end();
    let said = ended.stderr.lines().find(|line| line.contains("ftp is not served")).expect("one line says so");
    assert!(said.contains("/proc/nowhere") && said.contains("--root"), "{said}");
}

#[test]
fn ncftp_and_tnftp_get_and_put() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    let away = tempfile::tempdir().expect("a directory");
    let at = |name: &str| away.path().join(name).display().to_string();
    let content = pattern(3 * MIB + 17, 4);
    fs::write(at("large"), &content).unwrap();
    fs::create_dir(at("got")).unwrap();
    for mode in ["-F", "-E"] {
        lab.run(&format!("ncftpput -V {mode} {V4} / {}", at("large"))).ok();
        assert!(files.get("large") == content, "{mode}");
        lab.run(&format!("ncftpget -V {mode} {V4} {} /large", at("got"))).ok();
        assert!(fs::read(at("got/large")).unwrap() == content, "{mode}");
        fs::remove_file(at("got/large")).unwrap();
        fs::remove_file(files.root.path().join("large")).unwrap();
    }
    for to in BOTH {
        for mode in ["-p", "-A"] {
            lab.run(&format!("tnftp -V {mode} -u {}/put {}", url(to), at("large"))).ok();
            assert!(files.get("put") == content, "{to} {mode}");
            lab.run(&format!("tnftp -V {mode} -o {} {}/put", at("got/put"), url(to))).ok();
            assert!(fs::read(at("got/put")).unwrap() == content, "{to} {mode}");
            fs::remove_file(files.root.path().join("put")).unwrap();
        }
    }
    files.end();
}

/// A full disk is told with 452, and what was there stays.
#[test]
fn a_full_disk_keeps_what_was_there() {
    let Some(lab) = Lab::new() else { return };
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().display().to_string();
    // Not in the lab's namespace but in this process' mounts: the program sees the same.
    if !lab.run(&format!("mount -t tmpfs -o size=4m tmpfs {path}")).status.success() {
        return lab.skip("no tmpfs can be mounted here");
    }
    let house = lab.house(&format!("--root {path} --services ftp --writable"));
    let done = lab.start({
        let mut python = script_of_tests("ftp.py");
        python.args(["full", &V4.to_string(), &(6 * MIB).to_string()]);
        python
    });
    let done = done.ended();
    let old = fs::read(root.path().join("old")).unwrap_or_default();
    let left = fs::read_dir(root.path()).expect("it is there").count();
    let ended = house.end();
    lab.run(&format!("umount {path}")).ok();
    assert_eq!(done.ok(), "full\n");
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!((old.as_slice(), left), (&b"old"[..], 1), "nothing of what did not fit is left");
}
