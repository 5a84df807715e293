//! The servers: each a process of its own, at the end of a wire of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use taphouse::application::Folder;
use taphouse::application::accounts::{Account, Accounts, PasswordHash};
use taphouse::application::smtp::maildir::{Maildirs, PARTS, POSTMASTER};
use taphouse::application::smtp::server::{Bare, Role, Rules, Smtp};
use taphouse::run::{Clock, Folders, Shard, Storage};
use taphouse::stack::{Config, Mailbox, Stack};

use crate::lab::{Failure, Lab};
use crate::veth;

/// What `taphouse up` does unless it is told otherwise.
const BUSY_POLL: Duration = Duration::from_micros(50);
/// Whose mailbox all messages are for.
const USER: &str = "alice";

/// A server that runs. It ends when this goes, and its wire with it.
pub(crate) struct Running {
    process: Child,
    pub(crate) address: Ipv4Addr,
    /// Where its messages lie; `None`: it throws them away.
    pub(crate) new: Option<PathBuf>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Why the others cannot be measured here, if so.
pub(crate) fn obstacle() -> Option<&'static str> {
    let runs = |program: &str, arguments: &[&str]| {
        let quiet = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    };
    if !Path::new("/usr/sbin/smtp-source").exists() {
        return Some("it takes smtp-source and smtp-sink (Debian package postfix)");
    }
    (!runs("python3", &["-c", "import aiosmtpd"])).then_some("it takes aiosmtpd (pip install aiosmtpd)")
}

/// taphouse at wire `number`, with its mailboxes below `folder`.
pub(crate) fn ours(lab: &Lab, number: u8, folder: &Path) -> Result<Running, Failure> {
    for part in PARTS {
        fs::create_dir_all(folder.join(USER).join(part))?;
        fs::create_dir_all(folder.join(POSTMASTER).join(part))?;
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--contender").arg(lab.path()).arg(number.to_string()).arg(folder);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = process.stdout.take().ok_or("its output is piped")?;
    let new = Some(folder.join(USER).join("new"));
    let running = Running { process, address: Ipv4Addr::new(10, 77, number, 2), new };
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim_end() == "ready" { Ok(running) } else { Err("taphouse did not start".into()) }
}

/// aiosmtpd with a Maildir, and the kernel's stack at the other end of a veth pair.
pub(crate) fn aiosmtpd(lab: &Lab, number: u8, folder: &Path) -> Result<Running, Failure> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/smtp/maildir.py");
    let mut command = Command::new("unshare");
    command.args(["--net", "python3"]).arg(script).arg(folder);
    kernels(lab, number, command, Some(folder.join("new")))
}

/// Postfix's smtp-sink, which reads and forgets.
pub(crate) fn sink(lab: &Lab, number: u8) -> Result<Running, Failure> {
    let mut command = Command::new("unshare");
    command.args(["--net", "/usr/sbin/smtp-sink", "-u", "nobody", "0.0.0.0:25", "100"]);
    kernels(lab, number, command, None)
}

fn kernels(lab: &Lab, number: u8, mut command: Command, new: Option<PathBuf>) -> Result<Running, Failure> {
    let process = command.stdin(Stdio::null()).spawn()?;
    let running = Running { process, address: Ipv4Addr::new(10, 77, number, 2), new };
    veth::lay(lab, number, running.process.id())?;
    // It may still be about to listen.
    thread::sleep(Duration::from_millis(1000));
    Ok(running)
}

/// The process of taphouse: serves until it is killed.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let [namespace, number, folder] = words else { return Err("too few words".into()) };
    let (lab, folder) = (Lab::at(PathBuf::from(namespace))?, PathBuf::from(folder));
    let wire = lab.wire(number.parse()?)?;
    let folders = Folders::open(&[folder]).map_err(|(path, why)| format!("{}: {why}", path.display()))?;
    let storage = Storage::start(folders)?;
    let (mailbox, waker) = Mailbox::for_shards(1)?.remove(0);
    let mut stack = Stack::shard(wire.tap, &Config::new(wire.mac, &[wire.own], [7; 16]), mailbox)?;
    stack.set_storage(storage.orders());
    let password = Arc::new(PasswordHash::of(b"secret", &[7; 16]).map_err(|why| why.to_string())?);
    let user = Account { name: USER.to_owned(), password, home: USER.parse()?, folder: Folder(0) };
    let rules = Rules {
        name: "mx.here.test".to_owned(),
        domains: vec!["here.test".to_owned()],
        addresses: Vec::new(),
        accounts: Arc::new(Accounts::new(vec![user])),
        identity: None,
        maildirs: Maildirs::new(Folder(0), "mx.here.test", 1),
        queue: None,
        relay_from: Vec::new(),
        largest: 64 << 20,
        bare: Bare::Refuse,
        clear_passwords: false,
        began: 1_700_000_000,
    };
    stack.listen(Role::Transfer.port(), Box::new(Smtp::new(rules)))?;
    let (shard, _handle) = Shard::new(stack, waker, BUSY_POLL);
    println!("ready");
    Ok(shard.run(Clock::new()).1?)
}
