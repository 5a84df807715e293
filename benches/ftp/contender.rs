//! The servers: each a process of its own, at the end of a wire of its own.

use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use taphouse::application::accounts::Accounts;
use taphouse::application::ftp::{Access, Ftp, PASSIVE_PORTS, PORT, Rules};
use taphouse::run::{Clock, Folders, Shard, Storage};
use taphouse::stack::{Config, Mailbox, Stack};

use crate::lab::{Failure, Lab};
use crate::veth;

/// What `taphouse up` does unless it is told otherwise.
const BUSY_POLL: Duration = Duration::from_micros(50);

/// A server that runs. It ends when this goes, and its wire with it.
pub(crate) struct Running {
    process: Child,
    pub(crate) address: Ipv4Addr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Why vsftpd cannot be measured here, if so.
pub(crate) fn obstacle() -> Option<&'static str> {
    let none = !Path::new("/usr/sbin/vsftpd").exists();
    none.then_some("it takes vsftpd (Debian package vsftpd)")
}

/// Lets vsftpd's anonymous users, who are somebody without any rights, change what lies in `files`; its root must not be theirs.
pub(crate) fn open_to_all(folder: &Path, root: &Path, files: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    fs::set_permissions(root, Permissions::from_mode(0o755))?;
    fs::set_permissions(files, Permissions::from_mode(0o777))
}

/// taphouse at wire `number`.
pub(crate) fn ours(lab: &Lab, number: u8, root: &Path) -> Result<Running, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--contender").arg(lab.path()).arg(number.to_string()).arg(root);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = process.stdout.take().ok_or("its output is piped")?;
    let running = Running { process, address: Ipv4Addr::new(10, 77, number, 2) };
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim_end() == "ready" { Ok(running) } else { Err("taphouse did not start".into()) }
}

/// How vsftpd sends files.
#[derive(Clone, Copy)]
pub(crate) enum Sending {
    /// The kernel sends the pages in which they lie: nothing is copied before the client does.
    Sendfile,
    /// It reads and writes them, and so copies them twice before: as often as whoever sends through a TAP.
    Copying,
}

/// vsftpd with the kernel's stack in a namespace of its own, at the other end of a veth pair.
pub(crate) fn vsftpd(lab: &Lab, number: u8, folder: &Path, root: &Path, sending: Sending) -> Result<Running, Failure> {
    let empty = folder.join("empty");
    fs::create_dir_all(&empty)?;
    let sendfile = match sending {
        Sending::Sendfile => "YES",
        Sending::Copying => "NO",
    };
    let settings = [
        "listen=YES",
        "background=NO",
        "anonymous_enable=YES",
        "write_enable=YES",
        "anon_upload_enable=YES",
        "anon_other_write_enable=YES",
        "anon_world_readable_only=NO",
        "anon_umask=022",
        "seccomp_sandbox=NO",
        "isolate_network=NO",
        &format!("use_sendfile={sendfile}"),
        &format!("anon_root={}", root.display()),
        &format!("secure_chroot_dir={}", empty.display()),
    ];
    let path = folder.join(format!("vsftpd{number}.conf"));
    fs::write(&path, settings.join("\n") + "\n")?;
    let mut command = Command::new("unshare");
    command.args(["--net", "vsftpd"]).arg(path);
    let process = command.stdin(Stdio::null()).spawn()?;
    let running = Running { process, address: Ipv4Addr::new(10, 77, number, 2) };
    veth::lay(lab, number, running.process.id())?;
    // It may still be about to listen.
    thread::sleep(Duration::from_millis(300));
    Ok(running)
}

/// The process of taphouse: serves until it is killed.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let [namespace, number, root] = words else { return Err("too few words".into()) };
    let (lab, root) = (Lab::at(PathBuf::from(namespace))?, PathBuf::from(root));
    let wire = lab.wire(number.parse()?)?;
    let folders = Folders::open(&[root]).map_err(|(path, why)| format!("{}: {why}", path.display()))?;
    let storage = Storage::start(folders)?;
    let (mailbox, waker) = Mailbox::for_shards(1)?.remove(0);
    let mut stack = Stack::shard(wire.tap, &Config::new(wire.mac, &[wire.own], [7; 16]), mailbox)?;
    stack.set_storage(storage.orders());
    let accounts = Arc::new(Accounts::default());
    let mut server = Ftp::new(Rules { anonymous: Access::Write, accounts, identity: None, refusals: None, began: 0 });
    let passive = server.passive();
    server.set_passive_ports(stack.listen_at_own(PASSIVE_PORTS, || Box::new(passive.clone()))?);
    stack.listen(PORT, Box::new(server))?;
    let (shard, _handle) = Shard::new(stack, waker, BUSY_POLL);
    println!("ready");
    Ok(shard.run(Clock::new()).1?)
}
