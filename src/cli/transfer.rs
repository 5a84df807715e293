//! `taphouse get` and `taphouse put`: a stack on a TAP, one file, and the end.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::unbounded;
use taphouse::application::ftp::client::{Client, Direction, Mode, Told, Transfer};
use taphouse::application::ftp::url::Url;
use taphouse::application::{Folder, Place, Session};
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
}

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
        |now| Box::new(Client::new(wish(request, name), tell.clone(), moved.clone(), now + ANSWER)) as Box<dyn Session>;
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

fn wish(request: &Request, name: &OsStr) -> Transfer {
    let Request { url, way, mode, resume, file: _ } = request;
    let Url { user, password, folders, name: remote, ascii, host: _, port: _ } = url.clone();
    let place = |path: OsString| Place { folder: Folder(0), path: PathBuf::from(path) };
    let direction = match way {
        Way::Get => {
            let mut part = name.to_owned();
            part.push(".part");
            Direction::Get { part: place(part), file: place(name.to_owned()), folder: place(OsString::new()) }
        }
        Way::Put => Direction::Put { file: place(name.to_owned()) },
    };
    Transfer { user, password, folders, name: remote, ascii, mode: *mode, resume: *resume, direction }
}
