//! FTP with users: what `curl` may do with a password that `taphouse password` hashed, and without.

use std::fs;
use std::time::Instant;

use crate::house::BOTH;
use crate::lab::Lab;
use crate::users::hash;

#[test]
fn users_have_homes_that_are_theirs_alone() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let at = |name: &str| folder.path().join(name);
    let mut config = String::new();
    for name in ["alice", "bob"] {
        let hash = hash(&format!("{name}'s secret"));
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        config += &format!("[[user]]\nname = '{name}'\npassword = '{hash}'\nhome = 'homes/{name}'\n");
    }
    fs::write(at("taphouse.toml"), config).unwrap();
    fs::create_dir_all(at("root/homes/bob")).unwrap();
    fs::write(at("root/public"), b"for all").unwrap();
    fs::write(at("root/homes/bob/diary"), b"dear diary").unwrap();
    std::os::unix::fs::symlink("../bob/diary", at("root/homes/bob/link")).unwrap();
    let (config, root) = (at("taphouse.toml"), at("root"));
    let house =
        lab.house(&format!("--services ftp --writable --root {} --config {}", root.display(), config.display()));
    for to in BOTH {
        let url = if to.is_ipv6() { format!("ftp://[{to}]") } else { format!("ftp://{to}") };
        let curl = |arguments: &[&str]| {
            let mut command = crate::program::command("curl -sS -g --max-time 60");
            command.args(arguments);
            lab.start(command).ended()
        };
        let alice = ["-u", "alice:alice's secret"];
        let as_alice = |arguments: &[&str]| curl(&[&alice, arguments].concat());
        fs::write(at("letter"), b"dear bob").unwrap();
        as_alice(&["-T", &at("letter").display().to_string(), &format!("{url}/letter")]).ok();
        assert_eq!(fs::read(at("root/homes/alice/letter")).unwrap(), b"dear bob");
        assert_eq!(as_alice(&[&format!("{url}/letter")]).ok().trim_end(), "dear bob");
        as_alice(&[&format!("{url}/letter"), "-Q", "SITE CHMOD 600 letter"]).ok();
        // Not out of a home, by whatever way.
        for path in ["/public", "/homes/bob/diary", "/%2e%2e/bob/diary", "/%2e%2e/%2e%2e/public"] {
            let ended = as_alice(&[&format!("{url}{path}")]);
            assert!(!ended.status.success() && ended.stdout.is_empty(), "{path}: {ended:?}");
        }
        // Nobody else into one, though others may write.
        assert_eq!(curl(&[&format!("{url}/public")]).ok().trim_end(), "for all");
        for path in ["/homes/bob/diary", "/homes/bob/", "/homes/../homes/bob/diary"] {
            let ended = curl(&["--path-as-is", &format!("{url}{path}")]);
            assert!(!ended.status.success() && ended.stdout.is_empty(), "{path}: {ended:?}");
        }
        assert!(!curl(&[&format!("{url}/"), "-Q", "RNFR homes", "-Q", "RNTO mine"]).status.success());
        // curl's 67 is a denied login. A stranger hears nothing else than a user, nor sooner.
        for user in ["alice:wrong", "eve:alice's secret"] {
            let start = Instant::now();
            let ended = curl(&["-u", user, &format!("{url}/letter")]);
            assert_eq!(ended.status.code(), Some(67), "{user}: {ended:?}");
            assert!(start.elapsed().as_millis() >= 1000, "{user}");
        }
    }
    assert!(house.end().status.success());
}
