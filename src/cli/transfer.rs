//! `taphouse get` and `taphouse put`: a stack on a TAP, one file, and the end.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::{Receiver, unbounded};
use taphouse::application::ftp::client::{Client, Direction, Mode, Security, Told, Transfer};
use taphouse::application::ftp::url::Url;
use taphouse::application::tls::{Server, Trust};
use taphouse::application::{Folder, Place};
use taphouse::base::address::Endpoint;
use taphouse::base::time::Instant;
use taphouse::device::{Namespace, Port, Waker};
use taphouse::run::{Clock, Folders, Storage, confine};
use taphouse::stack::{ConnectError, Mailbox, Stack};

use super::progress::{Progress, Terminal};
use super::settings::Settings;
use super::{names, up};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) url: Url,
    pub(super) file: PathBuf,
    pub(super) way: Way,
    pub(super) mode: Mode,
    pub(super) resume: bool,
    /// Whom to believe under TLS; `None`: all is in the clear.
    pub(super) tls: Option<Believed>,
}

/// Whom we believe to be the server.
#[derive(Debug)]
pub(super) enum Believed {
    /// Those whom one of these has signed.
    SignedBy(PathBuf),
    /// Those whom one of those has signed whom the system believes.
    System,
    /// Everybody.
    Anybody,
}

/// Where systems keep whom they believe.
const SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Where the file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Get,
    Put,
}

/// How long an address is waited for.
const ADDRESS: Duration = Duration::from_secs(20);
/// How long the server may take to answer at all.
const ANSWER: Duration = Duration::from_secs(20);
/// How long the server may take to hear that we go.
const GOODBYE: Duration = Duration::from_secs(2);
/// How often it is looked whether there is an address.
const LOOK: Duration = Duration::from_millis(50);

/// Carries one file.
///
/// # Errors
/// One line that says what, why and what to do.
pub(crate) fn transfer(request: &Request, settings: &Settings) -> Result<()> {
    let settings = &Settings { queues: 1, services: Vec::new(), ..settings.clone() };
    let address = names::resolve(&request.url.host).map_err(|why| anyhow!(why))?;
    let remote = Endpoint { address, port: request.url.port };
    let security = security(request)?;
    let name = request.file.file_name().with_context(|| format!("{}: names no file", request.file.display()))?;
    let folder = match request.file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let folder = fs::canonicalize(&folder).with_context(|| format!("{}", folder.display()))?;
    let namespace = settings.namespace.as_deref().map_or(Namespace::Own, Namespace::named);
    let port = up::attach(settings, &namespace)?.into_iter().next().context("the TAP has no queue")?;
    let created = port.created();
    up::prepare_host(settings, &namespace, created)?;
    let folders =
        Folders::open(std::slice::from_ref(&folder)).map_err(|(path, why)| anyhow!("{}: {why}", path.display()))?;
    let terminal = Terminal::look();
    confine(&[folder]);
    let storage = Storage::start(folders).context("cannot start the threads that wait for the disk")?;
    let (mailbox, waker) =
        Mailbox::for_shards(1).context("cannot make a mailbox")?.pop().context("there is no mailbox")?;
    let mut stack = Stack::shard(port, &up::config(settings, up::start(settings, created))?, mailbox)?;
    stack.set_storage(storage.orders());
    let (moved, start) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let progress = Progress::start(terminal, moved.clone(), start.clone()).context("cannot start a thread")?;
    let run = Run { stack: &mut stack, waker: &waker, clock: Clock::new(), progress: &progress, start: &start };
    let done = run.until_done(remote, |now| {
        let (tell, told) = unbounded();
        (Client::new(wish(request, name, &security), tell, moved.clone(), now + ANSWER), told)
    });
    // What draws must be gone before anything else is said.
    progress.end();
    drop(stack);
    storage.end();
    done.with_context(|| format!("{}:{}", request.url.host, request.url.port))
}

/// What is under TLS. Files are read now, before the process is confined.
fn security(request: &Request) -> Result<Security> {
    let Some(believed) = &request.tls else { return Ok(Security::Clear) };
    let signed_by = |file: &Path| -> Result<Trust> {
        let certificates = fs::read(file).with_context(|| format!("{}", file.display()))?;
        Trust::signed_by(&certificates).map_err(|why| anyhow!("{} {why}", file.display()))
    };
    let trust = match believed {
        Believed::SignedBy(file) => signed_by(file)?,
        Believed::System => {
            let found = SYSTEM.iter().map(Path::new).find(|file| file.exists());
            signed_by(found.context("the system believes nobody: name a file with --tls-ca, or give --tls-insecure")?)?
        }
        Believed::Anybody => Trust::anybody()?,
    };
    let server = Server::new(&request.url.host, trust).map_err(|why| anyhow!("{} {why}", request.url.host))?;
    Ok(if request.url.secure { Security::Implicit(server) } else { Security::Explicit(server) })
}

fn wish(request: &Request, name: &OsStr, security: &Security) -> Transfer {
    let Request { url, way, mode, resume, file: _, tls: _ } = request;
    let Url { user, password, folders, name: remote, ascii, host: _, port: _, secure: _ } = url.clone();
    let place = |path: OsString| Place { folder: Folder(0), path: PathBuf::from(path) };
    let direction = match way {
        Way::Get => {
            let mut part = name.to_owned();
            part.push(".part");
            Direction::Get { part: place(part), file: place(name.to_owned()), folder: place(OsString::new()) }
        }
        Way::Put => Direction::Put { file: place(name.to_owned()) },
    };
    let (name, security) = (remote, security.clone());
    Transfer { user, password, folders, name, ascii, security, mode: *mode, resume: *resume, direction }
}

/// A stack that is turned here, with what its turns take.
struct Run<'a> {
    stack: &'a mut Stack<Port>,
    waker: &'a Waker,
    clock: Clock,
    progress: &'a Progress,
    start: &'a AtomicU64,
}

impl Run<'_> {
    /// Turns until a client has told how it ended, and said goodbye.
    fn until_done(mut self, remote: Endpoint, client: impl Fn(Instant) -> (Client, Receiver<Told>)) -> Result<()> {
        let told = self.connected(remote, client)?;
        let done = loop {
            let turned = self.turn()?;
            match told.try_recv() {
                Ok(Told::Length(length, start)) => {
                    self.start.store(start, Ordering::Relaxed);
                    self.progress.set_length(length);
                }
                Ok(Told::Done) => break Ok(()),
                Ok(Told::Failed(why)) => break Err(anyhow!(why)),
                Err(_) => self.wait(turned, None)?,
            }
        };
        let end = self.clock.now() + GOODBYE;
        while self.stack.connections() > 0 && self.clock.now() < end {
            let turned = self.turn()?;
            self.wait(turned, Some(end))?;
        }
        done
    }

    /// Connects as soon as we have an address from which that goes.
    fn connected(
        &mut self,
        remote: Endpoint,
        client: impl Fn(Instant) -> (Client, Receiver<Told>),
    ) -> Result<Receiver<Told>> {
        let end = self.clock.now() + ADDRESS;
        loop {
            let turned = self.turn()?;
            let (session, told) = client(turned.now);
            match self.stack.connect(remote, session.into_session()) {
                Ok(_) => return Ok(told),
                Err(ConnectError::Unreachable(_)) if turned.now < end => {
                    self.wait(Turned { now: turned.now, arrived: false }, Some(turned.now + LOOK))?;
                }
                Err(why) => return Err(anyhow!("{why}: give --address and --gateway that reach it")),
            }
        }
    }

    fn turn(&mut self) -> Result<Turned> {
        let now = self.clock.now();
        let turn = self.stack.turn(now).context("the TAP is gone")?;
        while self.stack.take_notice().is_some() {}
        Ok(Turned { now, arrived: turn.arrived > 0 })
    }

    /// Waits until there is something to do, but not longer than until `end`; not at all while frames come.
    fn wait(&mut self, Turned { now, arrived }: Turned, end: Option<Instant>) -> Result<()> {
        if arrived {
            return Ok(());
        }
        let at_most = self.stack.deadline().into_iter().chain(end).min().map(|until| until - now);
        self.stack.wait(self.waker, at_most).context("the TAP is gone")
    }
}

/// What came of a turn.
#[derive(Clone, Copy)]
struct Turned {
    now: Instant,
    arrived: bool,
}
