//! Postfix in the lab: with a configuration, a queue and mailboxes of its own, and nothing of the machine's.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::lab::Lab;
use crate::program::{PATIENCE, Program, command};

/// Its processes; none of them in a chroot.
const MASTER: &str = "\
smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// A Postfix that takes mail for x.test at port 25 of the host's side, and brings what is for here.test to a host.
pub(crate) struct Postfix {
    folder: TempDir,
    _master: Program,
}

impl Postfix {
    /// Starts it; whom it is to refuse or to defer is told by [`Postfix::treat`]. Mail for here.test goes to `back`.
    #[track_caller]
    pub(crate) fn start(lab: &Lab, back: &str) -> Postfix {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it is ours");
        open(folder.path());
        for name in ["config", "queue", "data", "mail"] {
            fs::create_dir(path(name)).expect("it can be made");
            open(&path(name));
        }
        let (user, group) = (id("-u", "postfix"), id("-g", "postfix"));
        for name in ["data", "mail"] {
            chown(path(name), Some(user), Some(group)).expect("we are root");
        }
        let shown = folder.path().display();
        let settings = [
            "compatibility_level = 3.6",
            "myhostname = postfix.x.test",
            "mydestination =",
            "inet_interfaces = 10.77.0.1, fd77::1",
            "inet_protocols = all",
            "mynetworks = 10.77.0.0/24, [fd77::]/64",
            &format!("queue_directory = {shown}/queue"),
            &format!("data_directory = {shown}/data"),
            "maillog_file = /dev/stdout",
            "virtual_mailbox_domains = x.test",
            &format!("virtual_mailbox_base = {shown}/mail"),
            "virtual_mailbox_maps = static:all/",
            &format!("virtual_uid_maps = static:{user}"),
            &format!("virtual_gid_maps = static:{group}"),
            &format!(
                "smtpd_recipient_restrictions = check_recipient_access texthash:{shown}/config/treated, permit_mynetworks, reject"
            ),
            &format!("transport_maps = inline:{{ here.test=smtp:[{back}] }}"),
            "smtp_host_lookup = native",
            "smtpd_timeout = 2s",
            "smtpd_peername_lookup = no",
            "alias_maps =",
            "alias_database =",
            "local_recipient_maps =",
        ];
        fs::write(path("config/main.cf"), settings.join("\n") + "\n").expect("it can be written");
        fs::write(path("config/master.cf"), MASTER).expect("it can be written");
        fs::write(path("config/treated"), "").expect("it can be written");
        let mut master = lab.start(command(&format!("postfix -c {shown}/config start-fg")));
        master.line_with("daemon started");
        Postfix { folder, _master: master }
    }

    /// Says how it is to answer recipients: `"a@x.test", "450 4.2.0 not now"`.
    #[track_caller]
    pub(crate) fn treat(&self, lab: &Lab, recipients: &[(&str, &str)]) {
        let lines: String = recipients.iter().map(|(to, answer)| format!("{to} {answer}\n")).collect();
        fs::write(self.folder.path().join("config/treated"), lines).expect("it can be written");
        // Whoever has the table read reads it again.
        lab.run(&format!("postfix -c {}/config reload", self.folder.path().display())).ok();
    }

    /// What lies in the mailbox of x.test, when it is as many as this.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<String> {
        let new = self.folder.path().join("mail/all/new");
        let read = || -> Vec<String> {
            let entries = fs::read_dir(&new).into_iter().flatten().filter_map(Result::ok);
            entries.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
        };
        let end = Instant::now() + PATIENCE;
        loop {
            let messages = read();
            if messages.len() >= count {
                return messages;
            }
            assert!(Instant::now() < end, "{} messages of {count}", messages.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Its master ends the others.
        let config: PathBuf = self.folder.path().join("config");
        let _ = Command::new("postfix").arg("-c").arg(config).arg("abort").output();
    }
}

#[track_caller]
fn id(which: &str, user: &str) -> u32 {
    let output = Command::new("id").args([which, user]).output().expect("id runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().parse().unwrap_or_else(|_| panic!("there is no user {user}: apt-get install postfix"))
}
