//! Who we are under TLS: the certificate that we are given, or one of our own making, which is kept.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use taphouse::application::tls::{self, Identity};

use super::services::ServiceName;
use super::settings::Settings;

/// The identity of all services; `None` when none of them asks for it.
///
/// # Errors
/// One line that says which file cannot be used, why and what to do.
pub(super) fn identity(settings: &Settings) -> Result<Option<Identity>> {
    if !settings.serves(ServiceName::Ftp) && !settings.takes_mail() {
        return Ok(None);
    }
    if let Some((certificate, key)) = &settings.tls {
        let read = |path: &Path, option| fs::read(path).with_context(|| format!("{option} {}", path.display()));
        let (certificates, keys) = (read(certificate, "--tls-cert")?, read(key, "--tls-key")?);
        let usable = Identity::new(&certificates, &keys);
        return usable.map(Some).with_context(|| format!("{}, {}", certificate.display(), key.display()));
    }
    let folder = settings.state.join("tls");
    match kept(&folder) {
        Ok((certificate, key)) => {
            let usable = Identity::new(&certificate, &key);
            let what = || format!("{}: remove cert.pem and key.pem, and new ones are made", folder.display());
            usable.map(Some).with_context(what)
        }
        Err(why) => {
            let (certificate, key) = made(settings)?;
            match why.kind() {
                ErrorKind::NotFound => keep(&folder, &certificate, &key),
                _ => Err(why),
            }
            .unwrap_or_else(|why| {
                let folder = folder.display();
                eprintln!("taphouse: {folder}: {why}: TLS has another certificate at each start: name a directory of yours with --state");
            });
            Ok(Some(Identity::new(certificate.as_bytes(), key.as_bytes())?))
        }
    }
}

fn kept(folder: &Path) -> io::Result<(Vec<u8>, Vec<u8>)> {
    Ok((fs::read(folder.join("cert.pem"))?, fs::read(folder.join("key.pem"))?))
}

fn made(settings: &Settings) -> Result<(String, String)> {
    let addresses = settings.own_addresses().into_iter().map(|address| address.to_string());
    let names = std::iter::once("taphouse".to_owned()).chain(addresses).collect();
    tls::self_made(names).map_err(|why| anyhow!("a certificate cannot be made: {why}"))
}

/// The key is there before the certificate: what has a certificate is complete.
fn keep(folder: &Path, certificate: &str, key: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    write(&folder.join("key.pem"), key, 0o600)?;
    write(&folder.join("cert.pem"), certificate, 0o644)
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
