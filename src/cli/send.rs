//! `taphouse send`: a stack on a TAP, one message for one server, and the end.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::unbounded;
use taphouse::application::smtp::address;
use taphouse::application::smtp::client::{
    Client, Fate, Login, Mail, Manner, Patience, Security, Stage, Tell, To, Told, Verdict,
};
use taphouse::application::smtp::queue::Body;
use taphouse::application::tls::{Complaint, Secured, Server, Trust};
use taphouse::application::{Folder, Place, Session};
use taphouse::base::address::Endpoint;

use super::errand::Errand;
use super::names::{self, HostPort};
use super::settings::Settings;

/// What is to be sent, and where to.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct SendArgs {
    /// The message, its header first; - reads it from standard input
    #[arg(value_name = "FILE.eml")]
    file: PathBuf,

    /// Who sends it: the envelope's sender, who gets what comes back; <> for nobody
    #[arg(long, value_name = "ADDRESS", help_heading = "Message")]
    from: Mailbox,

    /// Whom it is for: the envelope's recipient; repeatable
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', required = true, help_heading = "Message")]
    to: Vec<Mailbox>,

    /// Server that takes it [default: the host that the recipients' addresses name]
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Server")]
    server: Option<HostPort>,

    /// Log in; a password that is not given here is taken from TAPHOUSE_PASSWORD, or asked for
    #[arg(long, value_name = "USER[:PASSWORD]", help_heading = "Server")]
    user: Option<String>,

    /// TLS when offered, required, from the first byte on (implicit), or never [default: offered]
    #[arg(long, value_name = "offered|required|implicit|never", help_heading = "Server")]
    tls: Option<TlsChoice>,

    /// Certificates of those who may vouch for the server, a PEM file [default: those of this machine]
    #[arg(long, value_name = "FILE.pem", help_heading = "Server")]
    ca_file: Option<PathBuf>,

    /// Believe the server whatever its certificate says
    #[arg(long, help_heading = "Server", conflicts_with = "ca_file")]
    insecure: bool,

    /// Name to greet the server with [default: our address]
    #[arg(long, value_name = "NAME", help_heading = "Server")]
    helo: Option<String>,
}

/// The address of somebody; empty: of nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mailbox(String);

impl FromStr for Mailbox {
    type Err = String;

    fn from_str(text: &str) -> Result<Mailbox, String> {
        let inside = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        if inside.is_empty() {
            return Ok(Mailbox(String::new()));
        }
        let is_bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>');
        match address::split(inside) {
            Some((_, domain)) if !inside.contains(is_bad) && !domain.contains(['"', '@', ',']) => {
                Ok(Mailbox(inside.to_owned()))
            }
            _ => Err(format!("`{text}` is no mailbox: write it like alice@example.org")),
        }
    }
}

impl Mailbox {
    fn domain(&self) -> &str {
        address::split(&self.0).map_or("", |(_, domain)| domain)
    }
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TlsChoice {
    #[default]
    Offered,
    Required,
    Implicit,
    Never,
}

impl FromStr for TlsChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<TlsChoice, String> {
        match text {
            "offered" => Ok(TlsChoice::Offered),
            "required" => Ok(TlsChoice::Required),
            "implicit" => Ok(TlsChoice::Implicit),
            "never" => Ok(TlsChoice::Never),
            _ => Err(format!("`{text}` is not when TLS begins: choose `offered`, `required`, `implicit` or `never`")),
        }
    }
}

/// RFC 5321 §4.5.4.2, RFC 6409 §3.1, RFC 8314 §7.3.
const SMTP: u16 = 25;
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// Where other programs of this machine look for those who vouch for servers.
pub(super) const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where a password is looked for.
const PASSWORD: &str = "TAPHOUSE_PASSWORD";

/// Sends a message.
///
/// # Errors
/// One line that says what, why and what to do.
pub(crate) fn send(settings: &Settings, args: &SendArgs) -> Result<()> {
    let (host, remote) = server(args)?;
    let message = Message::read(&args.file)?;
    let tls = args.tls.unwrap_or_default();
    let security = match tls {
        TlsChoice::Offered => Security::Offered,
        TlsChoice::Required => Security::Required,
        TlsChoice::Implicit | TlsChoice::Never => Security::Never,
    };
    let login = args.user.as_deref().map(login).transpose()?;
    let manner = Arc::new(Manner { name: args.helo.clone(), login, security, patience: Patience::default() });
    let server = match tls {
        TlsChoice::Never => None,
        _ => Some(Server::new(&host, trust(args)?).map_err(|why| anyhow!("`{host}` {why}: give one with --server"))?),
    };
    let complaint = server.as_ref().map(Server::complaint).unwrap_or_default();
    let mail = message.mail(args);

    let mut errand = Errand::open(settings, &message.folder)?;
    let (tell, told) = unbounded();
    let session = |now| -> Box<dyn Session> {
        let tell = tell.clone();
        // Who does not listen any more need not hear.
        let tell: Tell = Box::new(move |news, _io| drop(tell.send(news)));
        let client = Client::new(manner.clone(), Some(Box::new(mail.clone())), tell, now).for_one();
        match (&server, tls) {
            (Some(server), TlsChoice::Implicit) => {
                Box::new(Secured::at_once(Box::new(client.under_tls()), server.clone()))
            }
            (Some(server), _) => Box::new(Secured::in_the_clear(Box::new(client), server.clone())),
            (None, _) => Box::new(client),
        }
    };
    let mut carry = || {
        errand.connect(remote, session)?;
        // What those told that could not be connected yet.
        while told.try_recv().is_ok() {}
        errand.until(&told, |told| ended(told, args, &complaint))?
    };
    let done = carry().with_context(|| format!("{host}:{}", remote.port));
    let ended = errand.end();
    done.and(ended)
}

/// What was told, if it is the end.
fn ended(told: Told, args: &SendArgs, complaint: &Complaint) -> Option<Result<()>> {
    match told {
        Told::Ready => None,
        Told::Over { verdicts, .. } => Some(judged(&verdicts, args)),
        Told::Gone { stage: Stage::Insecure, said } => Some(Err(match complaint.text() {
            Some(why) => anyhow!("TLS cannot be begun: {why}: give --ca-file, or --insecure if you know better"),
            None => anyhow!("{}: try --tls never", said.text),
        })),
        Told::Gone { said, .. } => Some(Err(anyhow!(match said.by {
            Some(_) => format!("the server says {}", said.text),
            None => said.text,
        }))),
    }
}

/// One line on those who do not get it.
fn judged(verdicts: &[Verdict], args: &SendArgs) -> Result<()> {
    let mut without = args.to.iter().zip(verdicts).filter(|(_, verdict)| verdict.fate != Fate::Taken);
    let Some((Mailbox(first), Verdict { said, .. })) = without.next() else { return Ok(()) };
    let who = match (verdicts.len(), without.count()) {
        (1, _) => String::new(),
        (_, 0) => format!("{first} alone does not get it: "),
        (all, more) => format!("{first} and {more} others of {all} do not get it: "),
    };
    let says = if said.by.is_some() { "the server says " } else { "" };
    Err(anyhow!("{who}{says}{}", said.text))
}

/// The server's name, and where it is.
fn server(args: &SendArgs) -> Result<(String, Endpoint)> {
    let port = match (args.tls, &args.user) {
        (Some(TlsChoice::Implicit), _) => SUBMISSIONS,
        (_, Some(_)) => SUBMISSION,
        (_, None) => SMTP,
    };
    let HostPort { host, port: given } = match &args.server {
        Some(server) => server.clone(),
        None => {
            let mut domains = args.to.iter().map(Mailbox::domain);
            let domain = domains.next().unwrap_or_default();
            if domains.any(|other| !other.eq_ignore_ascii_case(domain)) {
                return Err(anyhow!("the recipients are at different hosts: name the server with --server"));
            }
            HostPort { host: literal(domain).to_owned(), port: None }
        }
    };
    let address = names::resolve(&host).map_err(|why| anyhow!("{why}; or name the server with --server"))?;
    Ok((host, Endpoint { address, port: given.unwrap_or(port) }))
}

/// What is inside an address literal (RFC 5321 §4.1.3); anything else is as it was.
fn literal(domain: &str) -> &str {
    let inside = domain.strip_prefix('[').and_then(|domain| domain.strip_suffix(']')).unwrap_or(domain);
    match inside.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => &inside[5..],
        _ => inside,
    }
}

fn login(user: &str) -> Result<Login> {
    let (user, password) = match user.split_once(':') {
        Some((user, password)) => (user, password.to_owned()),
        None => (user, env::var(PASSWORD).or_else(|_| ask(user))?),
    };
    Ok(Login { user: user.to_owned(), password })
}

fn ask(user: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        return Err(anyhow!("there is no password for {user}: set {PASSWORD}, or write --user {user}:PASSWORD"));
    }
    rpassword::prompt_password(format!("Password of {user}: ")).context("the terminal cannot be read")
}

fn trust(args: &SendArgs) -> Result<Trust> {
    let machine = PathBuf::from(ROOTS);
    let path = match (&args.ca_file, args.insecure) {
        (_, true) => return Trust::anybody().map_err(|why| anyhow!("TLS {why}")),
        (Some(path), _) => path,
        (None, _) if machine.exists() => &machine,
        (None, _) => return Trust::nobody().map_err(|why| anyhow!("TLS {why}")),
    };
    let certificates = fs::read(path).with_context(|| format!("{}", path.display()))?;
    Trust::signed_by(&certificates).map_err(|why| anyhow!("{} {why}", path.display()))
}

/// The file of a message, and what it is made of.
struct Message {
    folder: PathBuf,
    name: PathBuf,
    eight_bit: bool,
    /// Its header is not in ASCII.
    utf8: bool,
    /// What was read from standard input, and goes when this does.
    _copy: Option<Copied>,
}

impl Message {
    fn read(file: &Path) -> Result<Message> {
        let copy = if file == Path::new("-") { Some(Copied::from_stdin()?) } else { None };
        let path = copy.as_ref().map_or_else(|| file.to_owned(), |copy| copy.path.clone());
        let shown = file.display();
        let name = path.file_name().with_context(|| format!("{shown}: names no file"))?.into();
        let opened = File::open(&path).with_context(|| format!("{shown}"))?;
        if !opened.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(anyhow!("{shown}: is no file: write - to read from a pipe"));
        }
        let (eight_bit, utf8) = look(opened).with_context(|| format!("{shown}"))?;
        let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).with_context(|| format!("{}", folder.display()))?;
        Ok(Message { folder, name, eight_bit, utf8, _copy: copy })
    }

    fn mail(&self, args: &SendArgs) -> Mail {
        let Mailbox(sender) = &args.from;
        let is_ascii = sender.is_ascii() && args.to.iter().all(|Mailbox(to)| to.is_ascii());
        Mail {
            sender: sender.clone(),
            recipients: args.to.iter().map(|Mailbox(to)| To::new(to.clone())).collect(),
            content: Place { folder: Folder(0), path: self.name.clone() },
            body: if self.eight_bit { Body::EightBitMime } else { Body::SevenBit },
            utf8: self.utf8 || !is_ascii,
            ret: None,
            envid: None,
        }
    }
}

/// Whether there is anything but ASCII in a message, and whether in its header.
fn look(mut file: impl Read) -> io::Result<(bool, bool)> {
    let (mut eight_bit, mut utf8, mut in_header, mut is_empty) = (false, false, true, true);
    let mut bytes = vec![0; 64 << 10];
    loop {
        let count = match file.read(&mut bytes) {
            Ok(0) => return Ok((eight_bit, utf8)),
            Ok(count) => count,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        if !in_header {
            eight_bit |= !bytes[..count].is_ascii();
            continue;
        }
        for byte in &bytes[..count] {
            eight_bit |= !byte.is_ascii();
            utf8 |= in_header && !byte.is_ascii();
            match byte {
                b'\n' if is_empty => in_header = false,
                b'\n' => is_empty = true,
                b'\r' => {}
                _ => is_empty = false,
            }
        }
    }
}

/// Standard input in a file that nobody else can read.
struct Copied {
    path: PathBuf,
}

impl Copied {
    fn from_stdin() -> Result<Copied> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|why| anyhow!("the kernel gives no randomness: {why}"))?;
        let path = env::temp_dir().join(format!("taphouse-{:016x}.eml", u64::from_ne_bytes(random)));
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&path);
        let mut file = opened.with_context(|| format!("{}", path.display()))?;
        let copied = Copied { path };
        io::copy(&mut io::stdin().lock(), &mut file).context("standard input cannot be kept")?;
        Ok(copied)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // The process may be confined by now, but to where it lies.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_addresses_or_nobody() {
        let mailbox = |text: &str| text.parse::<Mailbox>().map(|Mailbox(inside)| inside);
        assert_eq!(mailbox("<>").as_deref(), Ok(""));
        assert_eq!(mailbox("<alice@example.org>").as_deref(), Ok("alice@example.org"));
        assert_eq!(mailbox("jürgen@[IPv6:fd77::1]").as_deref(), Ok("jürgen@[IPv6:fd77::1]"));
        for wrong in ["alice", "@x", "a@", "a b@x", "a@x\r\nRCPT TO:<b@x>", "<a@x", "a@x,y"] {
            assert!(mailbox(wrong).is_err_and(|why| why.contains("is no mailbox")), "{wrong}");
        }
    }

    #[test]
    fn literals_are_taken_out_of_their_brackets() {
        assert_eq!((literal("[IPv6:fd77::1]"), literal("[10.77.0.1]"), literal("mx")), ("fd77::1", "10.77.0.1", "mx"));
    }

    #[test]
    fn messages_are_looked_at() {
        for (message, eight_bit, utf8) in [
            ("", false, false),
            ("Subject: a\r\n\r\nb", false, false),
            ("Subject: a\r\n\r\nü", true, false),
            ("Subject: ü\n\nb", true, true),
            ("Subject: a\n\nb\n\nü", true, false),
        ] {
            assert_eq!(look(message.as_bytes()).unwrap(), (eight_bit, utf8), "{message:?}");
        }
    }
}
