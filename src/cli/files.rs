//! The directories that storage threads may use.

use std::fs;
use std::io;
use std::path::PathBuf;

use taphouse::application::Folder;
use taphouse::run::Folders;

use super::services::ServiceName;
use super::settings::Settings;

/// What was opened, and where it lies.
pub(super) struct Files {
    /// Those that the process is confined to; none: it needs no files.
    pub(super) paths: Vec<PathBuf>,
    pub(super) folders: Folders,
    /// The one for RTP's recordings.
    pub(super) recordings: Option<Folder>,
}

/// Opens what the services need. A service that cannot have its directory is left out, or goes on without it, which is said;
/// the others go on.
pub(super) fn open(mut settings: Settings) -> (Settings, Files) {
    // FTP's is the first.
    let mut paths = Vec::new();
    if settings.serves(ServiceName::Ftp) {
        match prepare(&settings.root) {
            Ok(()) => paths.push(settings.root.clone()),
            Err(why) => {
                eprintln!("taphouse: {}", no_root(&settings, &why));
                settings.services.retain(|service| service.name != ServiceName::Ftp);
            }
        }
    }
    let mut recordings = None;
    if let Some(path) = settings.rtp.record.clone().filter(|_| settings.serves(ServiceName::Rtp)) {
        match prepare(&path) {
            Ok(()) => {
                recordings = Some(Folder(paths.len() as u16));
                paths.push(path);
            }
            Err(why) => {
                let path = path.display();
                eprintln!("taphouse: rtp is not recorded: {path}: {why}: name a directory of yours with --rtp-record");
            }
        }
    }
    match Folders::open(&paths) {
        Ok(folders) => (settings, Files { paths, folders, recordings }),
        Err((path, why)) => {
            // It was there a moment ago.
            eprintln!("taphouse: nothing is served from files: {}: {why}", path.display());
            settings.services.retain(|service| service.name != ServiceName::Ftp);
            (settings, Files { paths: Vec::new(), folders: Folders::none(), recordings: None })
        }
    }
}

/// Makes a directory if it is missing, and looks whether it can be opened.
fn prepare(path: &PathBuf) -> io::Result<()> {
    fs::create_dir_all(path)?;
    Folders::open(std::slice::from_ref(path)).map(drop).map_err(|(_path, why)| why)
}

fn no_root(settings: &Settings, why: &io::Error) -> String {
    let root = settings.root.display();
    format!("ftp is not served: {root}: {why}: name a directory of yours with --root, or leave ftp out of --services")
}
