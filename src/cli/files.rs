//! The directories that storage threads may use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use taphouse::application::Folder;
use taphouse::application::accounts::{Account, Accounts};
use taphouse::run::Folders;

use super::mail;
use super::services::ServiceName;
use super::settings::{Settings, User};

/// What was opened, and where it lies.
pub(super) struct Files {
    /// Those that the process is confined to; none: it needs no files.
    pub(super) paths: Vec<PathBuf>,
    pub(super) folders: Folders,
    /// Who may log in, each with its home among them.
    pub(super) accounts: Arc<Accounts>,
    /// The one for RTP's recordings.
    pub(super) recordings: Option<Folder>,
    /// The one for mailboxes.
    pub(super) mail: Option<Folder>,
    /// The one for mail that goes elsewhere.
    pub(super) queue: Option<Folder>,
}

/// Where mail for elsewhere lies, below what we keep for ourselves.
const QUEUE: &str = "queue";

/// Opens what the services need. A service that cannot have its directory is left out, or goes on without it, which is said;
/// the others go on.
pub(super) fn open(mut settings: Settings) -> (Settings, Files) {
    // The root is the first folder, and each home one more, so that no symbolic link leads from one home into another.
    let mut opened = Vec::new();
    if settings.serves(ServiceName::Ftp) {
        let homes = settings.users.iter().map(|user| settings.root.join(user.home.path()));
        let wanted: Vec<PathBuf> = std::iter::once(settings.root.clone()).chain(homes).collect();
        match prepare(&wanted) {
            Ok(()) => opened = wanted,
            Err((path, why)) => {
                eprintln!("taphouse: {}", not_served(&path, &why));
                settings.services.retain(|service| service.name != ServiceName::Ftp);
            }
        }
    }
    let mut paths: Vec<PathBuf> = opened.first().cloned().into_iter().collect();
    let mut recordings = None;
    if let Some(path) = settings.rtp.record.clone().filter(|_| settings.serves(ServiceName::Rtp)) {
        match prepare(std::slice::from_ref(&path)) {
            Ok(()) => {
                recordings = Some(Folder(opened.len() as u16));
                opened.push(path.clone());
                paths.push(path);
            }
            Err((path, why)) => {
                let path = path.display();
                eprintln!("taphouse: rtp is not recorded: {path}: {why}: name a directory of yours with --rtp-record");
            }
        }
    }
    let mut mailboxes = None;
    if settings.takes_mail() {
        let path = mail::directory(&settings);
        match mail::prepare(&settings).and_then(|()| prepare(std::slice::from_ref(&path))) {
            Ok(()) => {
                mailboxes = Some(Folder(opened.len() as u16));
                opened.push(path.clone());
                paths.push(path);
            }
            Err((path, why)) => {
                let path = path.display();
                eprintln!(
                    "taphouse: smtp is not served: {path}: {why}: name a directory of yours with --state, or leave smtp out of --services"
                );
                settings.services.retain(|service| !ServiceName::MAIL.contains(&service.name));
            }
        }
    }
    let mut queue = None;
    if settings.relay.way().is_some() {
        let path = settings.state.join(QUEUE);
        match prepare(std::slice::from_ref(&path)) {
            Ok(()) => {
                queue = Some(Folder(opened.len() as u16));
                opened.push(path.clone());
                paths.push(path);
            }
            Err((path, why)) => {
                let path = path.display();
                eprintln!("taphouse: mail is not relayed: {path}: {why}: name a directory of yours with --state");
            }
        }
    }
    let served = settings.serves(ServiceName::Ftp) || mailboxes.is_some();
    let accounts = if served { accounts(&settings) } else { Vec::new() };
    let accounts = Arc::new(Accounts::new(accounts));
    match Folders::open(&opened) {
        Ok(folders) => (settings, Files { paths, folders, accounts, recordings, mail: mailboxes, queue }),
        Err((path, why)) => {
            // It was there a moment ago.
            eprintln!("taphouse: nothing is served from files: {}: {why}", path.display());
            settings
                .services
                .retain(|service| service.name != ServiceName::Ftp && !ServiceName::MAIL.contains(&service.name));
            let (paths, folders) = (Vec::new(), Folders::none());
            (settings, Files { paths, folders, accounts: Arc::default(), recordings: None, mail: None, queue: None })
        }
    }
}

fn accounts(settings: &Settings) -> Vec<Account> {
    let account = |(number, User { name, password, home }): (u16, &User)| Account {
        name: name.clone(),
        password: Arc::new(password.clone()),
        home: home.clone(),
        folder: Folder(number),
    };
    (1..).zip(&settings.users).map(account).collect()
}

/// Makes directories that are missing, and looks whether all can be opened.
fn prepare(paths: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
    paths.iter().try_for_each(|path| fs::create_dir_all(path).map_err(|why| (path.clone(), why)))?;
    Folders::open(paths).map(drop)
}

fn not_served(path: &Path, why: &io::Error) -> String {
    let path = path.display();
    format!("ftp is not served: {path}: {why}: name a directory of yours with --root, or leave ftp out of --services")
}
