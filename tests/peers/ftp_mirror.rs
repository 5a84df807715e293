//! Whole trees over FTP: `lftp mirror`, `mirror -R` and `wget -r`, with the times of files and where links lead.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::ftp::{Files, MIB, url};
use crate::house::{BOTH, pattern};
use crate::lab::Lab;

const FOLDERS: usize = 7;

/// A tree of small files in some folders, a link, and one file that is not small.
struct Tree {
    count: usize,
    mebibytes: usize,
}

impl Tree {
    fn name(number: usize) -> String {
        format!("folder{}/file{number}", number % FOLDERS)
    }

    fn plant(&self, path: &Path) {
        (0..FOLDERS).for_each(|number| fs::create_dir_all(path.join(format!("folder{number}"))).unwrap());
        let changed =
            |number: usize| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + number as u64 * 86_401);
        for number in 0..self.count {
            let mut file = File::create(path.join(Tree::name(number))).unwrap();
            file.write_all(&pattern(number * 97 % 60_000, number)).unwrap();
            file.set_modified(changed(number)).unwrap();
        }
        let mut large = File::create(path.join("large")).unwrap();
        for number in 0..self.mebibytes {
            large.write_all(&pattern(MIB, number)).unwrap();
        }
        large.set_modified(changed(1)).unwrap();
        symlink("folder0/file0", path.join("link")).unwrap();
    }

    /// Two trees are the same: names and contents.
    #[track_caller]
    fn is_same(lab: &Lab, one: &Path, other: &Path) {
        lab.run(&format!("diff -r --no-dereference {} {}", one.display(), other.display())).ok();
    }

    /// And times, to the second.
    #[track_caller]
    fn is_same_and_as_old(&self, lab: &Lab, one: &Path, other: &Path) {
        Tree::is_same(lab, one, other);
        for name in (0..self.count).map(Tree::name).chain(["large".to_owned()]) {
            let times = [one, other].map(|tree| fs::metadata(tree.join(&name)).map(|found| found.mtime()).ok());
            assert!(times[0] == times[1] && times[0].is_some(), "{name}: {times:?}");
        }
    }
}

fn lftp(lab: &Lab, away: &Path, to: IpAddr, commands: &str) {
    let script = away.join("script");
    let set = "set net:max-retries 2; set net:timeout 20; set cmd:fail-exit yes; set ftp:use-mdtm-overloaded no";
    fs::write(&script, format!("{set}; open {}; {commands}; quit\n", url(to))).unwrap();
    lab.run(&format!("lftp -f {}", script.display())).ok();
}

/// There and back again, over both families.
fn mirror(lab: &Lab, tree: &Tree, after: impl Fn(&Files, &Path, IpAddr)) {
    let files = Files::new(lab, "--writable");
    let away = tempfile::tempdir().expect("a directory");
    let from = files.root.path().join("tree");
    tree.plant(&from);
    for to in BOTH {
        let got = away.path().join("got");
        lftp(lab, away.path(), to, &format!("mirror --parallel=4 /tree {}", got.display()));
        tree.is_same_and_as_old(lab, &from, &got);
        // A link is nothing that can be brought.
        fs::remove_file(got.join("link")).unwrap();
        lftp(lab, away.path(), to, &format!("mirror -R --parallel=4 {} /back", got.display()));
        let back = files.root.path().join("back");
        tree.is_same_and_as_old(lab, &got, &back);
        fs::remove_dir_all(&back).unwrap();
        fs::remove_dir_all(&got).unwrap();
        after(&files, away.path(), to);
    }
    files.end();
}

#[test]
fn lftp_mirrors_both_ways_and_wget_fetches_a_tree() {
    let Some(lab) = Lab::new() else { return };
    let tree = Tree { count: 300, mebibytes: 20 };
    mirror(&lab, &tree, |files, away, to| {
        let wget = away.join("wget");
        lab.run(&format!("wget -q -r -nH --retr-symlinks=no --cut-dirs=1 -P {} {}/tree/", wget.display(), url(to)))
            .ok();
        // From a list it does not learn the minutes of what is old.
        Tree::is_same(&lab, &files.root.path().join("tree"), &wget);
        fs::remove_dir_all(wget).unwrap();
    });
}

#[test]
#[ignore = "takes 6 GiB where temporary files are, and a minute or two"]
fn lftp_mirrors_two_thousand_files_and_one_of_two_gibibytes() {
    let Some(lab) = Lab::new() else { return };
    mirror(&lab, &Tree { count: 2000, mebibytes: 2048 }, |_, _, _| {});
}
