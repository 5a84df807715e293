//! The directories that storage threads may use.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use taphouse::application::Folder;
use taphouse::application::accounts::{Account, Accounts};
use taphouse::run::Folders;

use super::services::ServiceName;
use super::settings::{Settings, User};

/// What was opened, and where it lies.
pub(super) struct Files {
    /// Those that the process is confined to; none: it needs no files.
    pub(super) paths: Vec<PathBuf>,
    pub(super) folders: Folders,
    /// Who may log in, each with its home among them.
    pub(super) accounts: Arc<Accounts>,
}

/// Opens what the services need. A service that cannot have its directory is left out, which is said; the others go on.
pub(super) fn open(mut settings: Settings) -> (Settings, Files) {
    let nothing = || Files { paths: Vec::new(), folders: Folders::none(), accounts: Arc::default() };
    if !settings.services.iter().any(|service| service.name == ServiceName::Ftp) {
        return (settings, nothing());
    }
    match open_all(&settings) {
        Ok(files) => (settings, files),
        Err((path, why)) => {
            eprintln!("taphouse: {}", not_served(&path, &why));
            settings.services.retain(|service| service.name != ServiceName::Ftp);
            (settings, nothing())
        }
    }
}

/// The root is the first folder, and each home one more, so that no symbolic link leads from one home into another.
fn open_all(settings: &Settings) -> Result<Files, (PathBuf, io::Error)> {
    let root = &settings.root;
    let homes = settings.users.iter().map(|user| root.join(user.home.path()));
    let paths: Vec<PathBuf> = std::iter::once(root.clone()).chain(homes).collect();
    paths.iter().try_for_each(|path| fs::create_dir_all(path).map_err(|why| (path.clone(), why)))?;
    let folders = Folders::open(&paths)?;
    let account = |(number, User { name, password, home }): (u16, &User)| Account {
        name: name.clone(),
        password: Arc::new(password.clone()),
        home: home.clone(),
        folder: Folder(number),
    };
    let accounts = (1..).zip(&settings.users).map(account).collect();
    Ok(Files { paths: vec![root.clone()], folders, accounts: Arc::new(Accounts::new(accounts)) })
}

fn not_served(path: &std::path::Path, why: &io::Error) -> String {
    let path = path.display();
    format!("ftp is not served: {path}: {why}: name a directory of yours with --root, or leave ftp out of --services")
}
