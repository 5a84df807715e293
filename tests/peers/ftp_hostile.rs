//! FTP's server with clients that break off, stand still or look where they should not: the right answer, a line that tells of
//! it, and nothing lost.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::symlink;

use crate::ftp::{Files, MIB};
use crate::house::{BOTH, V4, pattern};
use crate::lab::Lab;

fn hostile(lab: &Lab, what: &str, to: IpAddr, size: usize) -> String {
    lab.python("ftp_hostile.py", &[what, &to.to_string(), &size.to_string()])
}

#[test]
fn what_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    files.put("text.txt", b"hello\n");
    files.put("large", &pattern(64 * MIB, 2));
    symlink("/etc", files.root.path().join("escape")).unwrap();
    symlink("/etc/passwd", files.root.path().join("outside")).unwrap();
    for to in BOTH {
        assert_eq!(lab.python("ftp.py", &["refused", &to.to_string(), "0"]), "refused\n");
    }
    let told = files.end();
    let has = |line: &str| assert!(told.contains(line), "{line} is not told of:\n{told}");
    for peer in ["10.77.0.1:", "[fd77::1]:"] {
        let lines = || told.lines().filter(|line| line.starts_with(&format!("taphouse: ftp: {peer}")));
        assert!(lines().count() > 12, "{told}");
        for refused in [
            "CWD ..: 550 ",
            "RETR ../../etc/passwd: 550 ",
            "RETR /../etc/passwd: 550 ",
            "RETR escape/passwd: 550 ",
            "CWD escape: 550 ",
            "RETR outside: 550 ",
            "SIZE a\\u{0}b: 501 ",
            "SIZE a\\xffb: 501 ",
            "SIZE \\xc3(: 501 ",
            "SIZE .text.txt.upload~: 553 ",
            "was refused: 500 That line is too long.",
            "PASS: a wrong password for alice",
        ] {
            assert!(lines().any(|line| line.contains(refused)), "{peer} {refused} is not told of:\n{told}");
        }
    }
    for line in ["PORT 10,77,0,9,200,0: 504 ", "PORT 10,77,0,1,0,25: 504 ", "EPRT |2|fd77::9|50000|: 504 "] {
        has(line);
    }
    assert!(!told.contains("wrong\n") && !told.contains("PASS wrong"), "no password is told:\n{told}");
}

#[test]
fn abor_at_any_point() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    files.put("large", &pattern(64 * MIB, 2));
    for to in BOTH {
        assert_eq!(hostile(&lab, "aborted", to, 300_000), "aborted\n");
    }
    // What was sent of it is kept, to be continued.
    for left in [".kept.upload~", ".none.upload~"] {
        let _missing = fs::remove_file(files.root.path().join(left));
    }
    files.end();
}

#[test]
fn who_reads_nothing_or_sends_a_byte_a_second_holds_nobody_up() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    let large = pattern(32 * MIB, 5);
    files.put("large", &large);
    let sum = lab.run(&format!("sha256sum {}", files.root.path().join("large").display())).ok();
    let sum = sum.split(' ').next().expect("a hash").to_owned();
    assert_eq!(hostile(&lab, "stalled", V4, 16 * MIB), format!("stalled {sum}\n"));
    files.end();
}

#[test]
fn all_of_it_is_said_to_be_there_when_the_client_has_it() {
    let Some(lab) = Lab::new() else { return };
    let files = Files::new(&lab, "--writable");
    for to in BOTH {
        assert_eq!(hostile(&lab, "acknowledged", to, 100_000), "acknowledged\n");
    }
    files.end();
}

#[test]
fn symbolic_links_are_shown_and_lead_nowhere_outside() {
    let Some(lab) = Lab::new() else { return };
    let away = tempfile::tempdir().expect("a directory");
    fs::write(away.path().join("secret"), b"secret").unwrap();
    for to in BOTH {
        let files = Files::new(&lab, "--writable");
        files.put("text.txt", b"hello\n");
        fs::create_dir(files.root.path().join("folder")).unwrap();
        files.put("folder/inner", b"inner");
        let link = |to: &str, name: &str| symlink(to, files.root.path().join(name)).unwrap();
        link("text.txt", "link.txt");
        link("folder", "there");
        link(&away.path().display().to_string(), "escape");
        link(&away.path().join("secret").display().to_string(), "outside");
        assert_eq!(hostile(&lab, "links", to, 0), "links\n");
        assert_eq!(fs::read(away.path().join("secret")).unwrap(), b"secret");
        assert_eq!(fs::read_dir(away.path()).unwrap().count(), 1);
        files.end();
    }
}
