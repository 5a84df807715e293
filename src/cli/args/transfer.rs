//! The arguments of `taphouse get` and `taphouse put`.

use std::path::PathBuf;

use taphouse::application::ftp::client::Mode;
use taphouse::application::ftp::url::Url;

use super::{Args, Read};
use crate::cli::UsageError;
use crate::cli::transfer::{Believed, Request, Way};

pub(super) const EXAMPLE_URL: &str = "ftp://10.77.0.1/folder/file";

/// `taphouse get`.
#[derive(clap::Args, Debug)]
pub(super) struct Get {
    /// The file, as ftp://HOST/PATH
    #[arg(value_name = "URL")]
    url: Url,

    /// Where it is put [default: its name, here]
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    transfer: How,

    #[command(flatten)]
    args: Args,
}

/// `taphouse put`.
#[derive(clap::Args, Debug)]
pub(super) struct Put {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where it goes, as ftp://HOST/PATH; a path that ends with a slash keeps the file's name
    #[arg(value_name = "URL")]
    url: String,

    #[command(flatten)]
    transfer: How,

    #[command(flatten)]
    args: Args,
}

/// What both have.
#[derive(clap::Args, Debug)]
struct How {
    /// Let the server open the data connection
    #[arg(long)]
    active: bool,

    /// Continue what an earlier one left
    #[arg(long)]
    resume: bool,

    /// Say nothing but under TLS: AUTH TLS before the login; ftps:// begins with TLS at once
    #[arg(long)]
    tls: bool,

    /// Whose signature on the server's certificate is believed, a PEM file [default: the system's]
    #[arg(long, value_name = "FILE.pem", conflicts_with = "tls_insecure")]
    tls_ca: Option<PathBuf>,

    /// Believe any certificate: nobody can listen, but anybody can be the server
    #[arg(long)]
    tls_insecure: bool,
}

impl How {
    fn mode(&self) -> Mode {
        if self.active { Mode::Active } else { Mode::Passive }
    }

    /// A request with what these say.
    fn request(self, url: Url, file: PathBuf, way: Way) -> Request {
        let mode = self.mode();
        let How { active: _, resume, tls, tls_ca, tls_insecure } = self;
        let trust = match (tls_insecure, tls_ca) {
            (true, _) => Believed::Anybody,
            (false, Some(file)) => Believed::SignedBy(file),
            (false, None) => Believed::System,
        };
        let tls = tls || url.secure;
        Request { url, file, way, mode, resume, tls: tls.then_some(trust) }
    }
}

impl Get {
    pub(super) fn read(self) -> Read {
        let Get { url, output, transfer, args } = self;
        let output = output.unwrap_or_else(|| PathBuf::from(&url.name));
        let request = transfer.request(url, output, Way::Get);
        Read::Transfer(Box::new(request), Box::new(args))
    }
}

impl Put {
    pub(super) fn read(self) -> Result<Read, UsageError> {
        let Put { file, mut url, transfer, args } = self;
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if url.ends_with('/') {
            // What means something in a URL is hidden.
            url.extend(name.bytes().map(|byte| format!("%{byte:02x}")));
        }
        let url = url.parse().map_err(|why| UsageError(format!("`{url}` {why}: write it like {EXAMPLE_URL}")))?;
        let request = transfer.request(url, file, Way::Put);
        Ok(Read::Transfer(Box::new(request), Box::new(args)))
    }
}
