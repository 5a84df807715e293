//! The directories that storage threads may use.

use std::fs;
use std::io;
use std::path::PathBuf;

use taphouse::run::Folders;

use super::services::ServiceName;
use super::settings::Settings;

/// What was opened, and where it lies.
pub(super) struct Files {
    /// Those that the process is confined to; none: it needs no files.
    pub(super) paths: Vec<PathBuf>,
    pub(super) folders: Folders,
}

/// Opens what the services need. A service that cannot have its directory is left out, which is said; the others go on.
pub(super) fn open(mut settings: Settings) -> (Settings, Files) {
    let wanted = settings.services.iter().any(|service| service.name == ServiceName::Ftp);
    let paths = if wanted { vec![settings.root.clone()] } else { Vec::new() };
    let made = paths.iter().try_for_each(fs::create_dir_all);
    match made.and_then(|()| Folders::open(&paths).map_err(|(_path, why)| why)) {
        Ok(folders) => (settings, Files { paths, folders }),
        Err(why) => {
            eprintln!("taphouse: {}", no_root(&settings, &why));
            settings.services.retain(|service| service.name != ServiceName::Ftp);
            (settings, Files { paths: Vec::new(), folders: Folders::none() })
        }
    }
}

fn no_root(settings: &Settings, why: &io::Error) -> String {
    let root = settings.root.display();
    format!("ftp is not served: {root}: {why}: name a directory of yours with --root, or leave ftp out of --services")
}
