//! What the relay of mail is asked for, and how it is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::{Sender, bounded};
use taphouse::application::Folder;
use taphouse::application::smtp::client::{Login, Manner, Patience, Security};
use taphouse::application::smtp::queue::Queue;
pub(super) use taphouse::application::smtp::relay::Rules;
use taphouse::application::smtp::relay::{Relay, Smarthost};
use taphouse::application::tls::Trust;
use taphouse::base::address::{Address, Endpoint};
use taphouse::run::Clock;

use super::names::{self, HostPort};
use super::settings::Settings;
use super::wishes::{Given, Number};

/// What can be said of it on the command line.
#[derive(clap::Args, Debug, Default)]
pub(super) struct RelayArgs {
    /// Host that takes all mail for elsewhere [default: none]
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Mail")]
    smarthost: Option<HostPort>,

    /// File with USER:PASSWORD in it, to log in at the smarthost, under TLS [default: none]
    #[arg(long, value_name = "FILE", help_heading = "Mail")]
    smarthost_login: Option<PathBuf>,

    /// Certificates of those who may vouch for the smarthost, which must have TLS then, a PEM file [default: none]
    #[arg(long, value_name = "FILE.pem", help_heading = "Mail")]
    smarthost_ca: Option<PathBuf>,

    /// Server that is asked where mail goes when there is no smarthost [default: none]
    #[arg(long, value_name = "ADDR[:PORT]", help_heading = "Mail")]
    dns: Option<DnsServer>,

    /// Our name towards other mail servers [default: that of this machine]
    #[arg(long, value_name = "NAME", help_heading = "Mail")]
    mail_name: Option<MailName>,

    /// Pause until mail is tried again; it doubles, up to two hours [default: 900]
    #[arg(long, value_name = "SECONDS", help_heading = "Mail")]
    mail_retry: Option<Number>,

    /// How long mail is tried before it comes back [default: 432000]
    #[arg(long, value_name = "SECONDS", help_heading = "Mail")]
    mail_lifetime: Option<Number>,

    /// How long a mail server may take at most to answer [default: 600]
    #[arg(long, value_name = "SECONDS", help_heading = "Mail")]
    mail_patience: Option<Number>,
}

impl RelayArgs {
    /// The same, remembering where it was written.
    pub(super) fn into_wishes(self) -> RelayWishes {
        let RelayArgs {
            smarthost,
            smarthost_login,
            smarthost_ca,
            dns,
            mail_name,
            mail_retry,
            mail_lifetime,
            mail_patience,
        } = self;
        RelayWishes {
            smarthost: smarthost.map(Given::on_the_command_line),
            smarthost_login: smarthost_login.map(Given::on_the_command_line),
            smarthost_ca: smarthost_ca.map(Given::on_the_command_line),
            dns: dns.map(Given::on_the_command_line),
            mail_name: mail_name.map(Given::on_the_command_line),
            mail_retry: mail_retry.map(Given::on_the_command_line),
            mail_lifetime: mail_lifetime.map(Given::on_the_command_line),
            mail_patience: mail_patience.map(Given::on_the_command_line),
        }
    }
}

/// What can be asked for of it.
#[derive(Debug, Default)]
pub(super) struct RelayWishes {
    pub(super) smarthost: Option<Given<HostPort>>,
    pub(super) smarthost_login: Option<Given<PathBuf>>,
    pub(super) smarthost_ca: Option<Given<PathBuf>>,
    pub(super) dns: Option<Given<DnsServer>>,
    pub(super) mail_name: Option<Given<MailName>>,
    pub(super) mail_retry: Option<Given<Number>>,
    pub(super) mail_lifetime: Option<Given<Number>>,
    pub(super) mail_patience: Option<Given<Number>>,
}

impl RelayWishes {
    pub(super) fn over(self, below: RelayWishes) -> RelayWishes {
        RelayWishes {
            smarthost: self.smarthost.or(below.smarthost),
            smarthost_login: self.smarthost_login.or(below.smarthost_login),
            smarthost_ca: self.smarthost_ca.or(below.smarthost_ca),
            dns: self.dns.or(below.dns),
            mail_name: self.mail_name.or(below.mail_name),
            mail_retry: self.mail_retry.or(below.mail_retry),
            mail_lifetime: self.mail_lifetime.or(below.mail_lifetime),
            mail_patience: self.mail_patience.or(below.mail_patience),
        }
    }

    pub(super) fn into_settings(self) -> Result<RelaySettings, String> {
        let RelayWishes {
            smarthost,
            smarthost_login,
            smarthost_ca,
            dns,
            mail_name,
            mail_retry,
            mail_lifetime,
            mail_patience,
        } = self;
        for (given, option) in [(&smarthost_login, "smarthost-login"), (&smarthost_ca, "smarthost-ca")] {
            if let (Some(Given { origin, .. }), None) = (given, &smarthost) {
                return Err(format!("{} is for a smarthost, and there is none: add --smarthost", origin.names(option)));
            }
        }
        let span = |given: Option<Given<Number>>, option, default| match given {
            Some(Given { value: Number(0), origin }) => {
                Err(format!("{} `0` is no time: write 1 or more", origin.names(option)))
            }
            Some(Given { value: Number(seconds), .. }) => Ok(Duration::from_secs(seconds)),
            None => Ok(default),
        };
        let usual = Rules::default();
        Ok(RelaySettings {
            smarthost: smarthost.map(|given| given.value),
            login: smarthost_login.map(|given| given.value),
            ca: smarthost_ca.map(|given| given.value),
            dns: dns.map(|given| given.value.0),
            name: mail_name.map(|given| given.value.0),
            retry: span(mail_retry, "mail-retry", usual.first_pause)?,
            lifetime: span(mail_lifetime, "mail-lifetime", usual.lifetime)?,
            patience: span(mail_patience, "mail-patience", Patience::default().end)?,
        })
    }
}

/// What was asked for, and makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelaySettings {
    smarthost: Option<HostPort>,
    login: Option<PathBuf>,
    ca: Option<PathBuf>,
    dns: Option<Endpoint>,
    name: Option<String>,
    retry: Duration,
    lifetime: Duration,
    patience: Duration,
}

impl RelaySettings {
    /// What we call ourselves.
    pub(super) fn our_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let told = fs::read_to_string(HOSTNAME).ok();
            told.and_then(|name| name.trim().parse().ok()).map_or_else(|| "localhost".to_owned(), |MailName(name)| name)
        })
    }

    /// Where mail for elsewhere goes; none: nowhere.
    pub(super) fn way(&self) -> Option<String> {
        match (&self.smarthost, self.dns) {
            (Some(HostPort { host, port }), _) => Some(format!("through {host}, port {}", port.unwrap_or(SMTP))),
            (None, Some(dns)) => Some(format!("to the hosts that the DNS server {dns} tells")),
            (None, None) => None,
        }
    }
}

/// A server of DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DnsServer(Endpoint);

impl FromStr for DnsServer {
    type Err = String;

    fn from_str(text: &str) -> Result<DnsServer, String> {
        let read = text.parse::<HostPort>().ok();
        let at = read.and_then(|HostPort { host, port }| Some((host.parse::<Address>().ok()?, port.unwrap_or(DNS))));
        let bad = || format!("`{text}` is no address of a DNS server: write it like 10.77.0.1 or [fd77::1]:53");
        at.map(|(address, port)| DnsServer(Endpoint { address, port })).ok_or_else(bad)
    }
}

/// A name of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MailName(pub(super) String);

impl FromStr for MailName {
    type Err = String;

    fn from_str(text: &str) -> Result<MailName, String> {
        let is_label = |label: &str| {
            let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
            (1..=63).contains(&label.len())
                && label.chars().all(is_inside)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() < 254 && text.split('.').all(is_label) {
            Ok(MailName(text.to_owned()))
        } else {
            Err(format!("`{text}` is no name of a host: write it like mail.example.org"))
        }
    }
}

const SMTP: u16 = 25;
const DNS: u16 = 53;

/// Where the kernel says what this machine is called.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// How mail is relayed, if it is: to be called before the process is confined, for it reads files.
///
/// # Errors
/// One line that says what, why and what to do.
pub(super) fn rules(settings: &Settings, clock: Clock) -> Result<Option<Rules>> {
    let RelaySettings { smarthost, login, ca, dns, name: _, retry, lifetime, patience } = &settings.relay;
    if smarthost.is_none() && dns.is_none() {
        return Ok(None);
    }
    let name = settings.relay.our_name();
    let smarthost = smarthost.as_ref().map(|at| found(at, dns.is_some())).transpose()?;
    let login = login.as_deref().map(login_in).transpose()?;
    let (trust, security) = match (ca, &login) {
        (Some(path), _) => (vouched(path)?, Security::Required),
        // Nobody else is told a password.
        (None, Some(_)) => (vouched(Path::new(super::send::ROOTS))?, Security::Required),
        // RFC 7435: to be read by one is better than by all.
        (None, None) => (Trust::anybody().map_err(|why| anyhow!("TLS {why}"))?, Security::Offered),
    };
    let manner = Manner { name: Some(name.clone()), login, security, patience: Patience::default().at_most(*patience) };
    let began = clock.began().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(Some(Rules {
        name,
        smarthost,
        dns: *dns,
        own: settings.own_addresses(),
        manner: Arc::new(manner),
        trust: Some(trust),
        first_pause: *retry,
        lifetime: *lifetime,
        began,
        ..Rules::default()
    }))
}

fn found(HostPort { host, port }: &HostPort, is_dns_there: bool) -> Result<Smarthost> {
    let addresses = match names::resolve(host) {
        Ok(address) => vec![address],
        Err(_) if is_dns_there => Vec::new(),
        Err(why) => return Err(anyhow!("--smarthost: {why}; or add --dns")),
    };
    Ok(Smarthost { name: host.clone(), port: port.unwrap_or(SMTP), addresses })
}

fn login_in(path: &Path) -> Result<Login> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("--smarthost-login: {shown}"))?;
    let line = text.lines().next().unwrap_or_default();
    let (user, password) = line
        .split_once(':')
        .with_context(|| format!("--smarthost-login: {shown}: its first line is not USER:PASSWORD"))?;
    Ok(Login { user: user.to_owned(), password: password.to_owned() })
}

fn vouched(path: &Path) -> Result<Trust> {
    let shown = path.display();
    let certificates = fs::read(path).with_context(|| format!("{shown}: name one with --smarthost-ca"))?;
    Trust::signed_by(&certificates).map_err(|why| anyhow!("{shown} {why}"))
}

/// Makes the queue and its relay. What the relay tells is printed by a thread.
pub(super) fn start(rules: Rules, folder: Folder) -> Result<(Queue, Relay, Log)> {
    let mut run = [0; 4];
    getrandom::fill(&mut run).map_err(|why| anyhow!("the kernel gives no randomness: {why}"))?;
    let (queue, arrivals) = Queue::new(folder, u32::from_ne_bytes(run));
    let log = Log::start()?;
    let relay = Relay::new(queue.clone(), arrivals, rules, Some(log.sender.clone()));
    Ok((queue, relay, log))
}

/// A thread that prints what the relay tells.
pub(super) struct Log {
    sender: Sender<String>,
    thread: JoinHandle<()>,
}

impl Log {
    fn start() -> Result<Log> {
        let (sender, lines) = bounded::<String>(1024);
        let print = move || lines.iter().for_each(|line| eprintln!("taphouse: mail: {line}"));
        let thread = thread::Builder::new().name("mail".to_owned()).spawn(print);
        Ok(Log { sender, thread: thread.context("cannot start the thread that tells of mail")? })
    }

    /// Waits until all is printed. To be called when the relay is gone.
    pub(super) fn end(self) {
        let Log { sender, thread } = self;
        drop(sender);
        // One that panicked said so on stderr.
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_servers_are_read() {
        let server = |text: &str| text.parse::<DnsServer>().map(|DnsServer(at)| at.to_string());
        assert_eq!(server("10.77.0.1").as_deref(), Ok("10.77.0.1:53"));
        assert_eq!(server("fd77::1").as_deref(), Ok("[fd77::1]:53"));
        assert_eq!(server("[fd77::1]:5353").as_deref(), Ok("[fd77::1]:5353"));
        assert!(server("dns.example").is_err_and(|why| why.contains("is no address of a DNS server")));
        for name in ["mail.example.org", "localhost", "a-1.b"] {
            assert!(name.parse::<MailName>().is_ok(), "{name}");
        }
        for name in ["", "a..b", "-a", "a b", "ü.example", "a.", &"a.".repeat(200)] {
            assert!(name.parse::<MailName>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let wishes = |change: fn(&mut RelayWishes)| {
            let mut wishes = RelayWishes::default();
            change(&mut wishes);
            wishes.into_settings().map(|settings| settings.way())
        };
        assert_eq!(wishes(|_| ()), Ok(None));
        let smarthost =
            wishes(|wishes| wishes.smarthost = Some(Given::on_the_command_line("hub:2525".parse().unwrap())));
        assert_eq!(smarthost, Ok(Some("through hub, port 2525".to_owned())));
        let ca = wishes(|wishes| wishes.smarthost_ca = Some(Given::on_the_command_line("x".into())));
        assert_eq!(ca, Err("--smarthost-ca is for a smarthost, and there is none: add --smarthost".to_owned()));
        let never = wishes(|wishes| wishes.mail_retry = Some(Given::on_the_command_line(Number(0))));
        assert_eq!(never, Err("--mail-retry `0` is no time: write 1 or more".to_owned()));
    }
}
