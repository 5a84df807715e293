//! `taphouse get` and `taphouse put`: a stack on a TAP, one file, and the end.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::unbounded;
use taphouse::application::ftp::client::{Client, Direction, Mode, Security, Told, Transfer};
use taphouse::application::ftp::url::Url;
use taphouse::application::tls::{Server, Trust};
use taphouse::application::{Folder, Place};
use taphouse::base::address::Endpoint;

use super::errand::Errand;
use super::names;
use super::progress::{Progress, Terminal};
use super::settings::Settings;

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

/// How long the server may take to answer at all.
const ANSWER: Duration = Duration::from_secs(20);

/// Carries one file.
///
/// # Errors
/// One line that says what, why and what to do.
pub(crate) fn transfer(request: &Request, settings: &Settings) -> Result<()> {
    let address = names::resolve(&request.url.host).map_err(|why| anyhow!(why))?;
    let remote = Endpoint { address, port: request.url.port };
    let security = security(request)?;
    let name = request.file.file_name().with_context(|| format!("{}: names no file", request.file.display()))?;
    let folder = match request.file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let folder = fs::canonicalize(&folder).with_context(|| format!("{}", folder.display()))?;
    let terminal = Terminal::look();
    let mut errand = Errand::open(settings, &folder)?;
    let (moved, start) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let progress = Progress::start(terminal, moved.clone(), start.clone()).context("cannot start a thread")?;
    let (tell, told) = unbounded();
    let client =
        |now| Client::new(wish(request, name, &security), tell.clone(), moved.clone(), now + ANSWER).into_session();
    let mut carry = || {
        errand.connect(remote, client)?;
        // What those told that could not be connected yet.
        while told.try_recv().is_ok() {}
        errand.until(&told, |told| match told {
            Told::Length(length, already) => {
                start.store(already, Ordering::Relaxed);
                progress.set_length(length);
                None
            }
            Told::Done => Some(Ok(())),
            Told::Failed(why) => Some(Err(anyhow!(why))),
        })?
    };
    let done = carry();
    // What draws must be gone before anything else is said.
    progress.end();
    let ended = errand.end();
    done.and(ended).with_context(|| format!("{}:{}", request.url.host, request.url.port))
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
