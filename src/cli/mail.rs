//! What the server of mail is asked for, and how it is made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use taphouse::application::Folder;
use taphouse::application::accounts::Accounts;
use taphouse::application::smtp::maildir::{Maildirs, PARTS, POSTMASTER};
use taphouse::application::smtp::server::Bare;
pub(super) use taphouse::application::smtp::server::Rules;
use taphouse::application::tls::Identity;
use taphouse::base::address::Cidr;
use taphouse::base::limits;

use super::relay::MailName;
use super::settings::Settings;
use super::wishes::{Given, Size};

/// What can be said of it on the command line.
#[derive(clap::Args, Debug, Default)]
pub(super) struct MailArgs {
    /// Domain whose mail is ours, for users and the postmaster; repeatable [default: --mail-name]
    #[arg(long, value_name = "DOMAIN", help_heading = "Mail")]
    mail_domain: Option<Vec<MailName>>,

    /// Largest message, with K, M or G [default: 64M]
    #[arg(long, value_name = "SIZE", help_heading = "Mail")]
    mail_size: Option<Size>,

    /// Network whose hosts may send mail for elsewhere without logging in; repeatable [default: none]
    #[arg(long, value_name = "ADDR/LEN", help_heading = "Mail")]
    mail_relay_from: Option<Vec<Cidr>>,

    /// Make CRLF of a CR or LF that stands alone, instead of refusing the message
    #[arg(long, help_heading = "Mail")]
    mail_mend_lines: bool,

    /// Take passwords of mail users without TLS, too
    #[arg(long, help_heading = "Mail")]
    mail_clear_passwords: bool,
}

impl MailArgs {
    /// The same, remembering where it was written.
    pub(super) fn into_wishes(self) -> MailWishes {
        let MailArgs { mail_domain, mail_size, mail_relay_from, mail_mend_lines, mail_clear_passwords } = self;
        MailWishes {
            domains: mail_domain.map(|all| all.into_iter().map(Given::on_the_command_line).collect()),
            size: mail_size.map(Given::on_the_command_line),
            relay_from: mail_relay_from.map(|all| all.into_iter().map(Given::on_the_command_line).collect()),
            mend_lines: mail_mend_lines,
            clear_passwords: mail_clear_passwords,
        }
    }
}

/// What can be asked for of it.
#[derive(Debug, Default)]
pub(super) struct MailWishes {
    pub(super) domains: Option<Vec<Given<MailName>>>,
    pub(super) size: Option<Given<Size>>,
    pub(super) relay_from: Option<Vec<Given<Cidr>>>,
    pub(super) mend_lines: bool,
    pub(super) clear_passwords: bool,
}

impl MailWishes {
    pub(super) fn over(self, below: MailWishes) -> MailWishes {
        MailWishes {
            domains: self.domains.or(below.domains),
            size: self.size.or(below.size),
            relay_from: self.relay_from.or(below.relay_from),
            mend_lines: self.mend_lines || below.mend_lines,
            clear_passwords: self.clear_passwords || below.clear_passwords,
        }
    }

    pub(super) fn into_settings(self) -> Result<MailSettings, String> {
        let MailWishes { domains, size, relay_from, mend_lines, clear_passwords } = self;
        let largest = match size {
            Some(Given { value: Size(0), origin }) => {
                return Err(format!("{} `0` lets no message in: write it like 64M", origin.names("mail-size")));
            }
            Some(Given { value: Size(bytes), .. }) => bytes as u64,
            None => limits::SMTP_MESSAGE,
        };
        let each = |given: Given<MailName>| given.value.0.to_lowercase();
        Ok(MailSettings {
            domains: domains.unwrap_or_default().into_iter().map(each).collect(),
            largest,
            relay_from: relay_from.unwrap_or_default().into_iter().map(|given| given.value).collect(),
            bare: if mend_lines { Bare::Mend } else { Bare::Refuse },
            clear_passwords,
        })
    }
}

/// What was asked for, and makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailSettings {
    domains: Vec<String>,
    largest: u64,
    relay_from: Vec<Cidr>,
    bare: Bare,
    clear_passwords: bool,
}

/// Where mailboxes lie, below what we keep for ourselves.
const MAIL: &str = "mail";

/// The directory of all mailboxes.
pub(super) fn directory(settings: &Settings) -> PathBuf {
    settings.state.join(MAIL)
}

/// Makes what is missing of the mailboxes of all users and of the postmaster, to last.
pub(super) fn prepare(settings: &Settings) -> Result<(), (PathBuf, io::Error)> {
    let all = directory(settings);
    let names = settings.users.iter().map(|user| user.name.as_str()).chain([POSTMASTER]);
    let make = |path: &Path| fs::create_dir_all(path).map_err(|why| (path.to_owned(), why));
    let sync =
        |path: &Path| fs::File::open(path).and_then(|file| file.sync_all()).map_err(|why| (path.to_owned(), why));
    for mailbox in names.map(|name| all.join(name)) {
        PARTS.iter().try_for_each(|part| make(&mailbox.join(part)))?;
        sync(&mailbox)?;
    }
    sync(&all)?;
    all.parent().map_or(Ok(()), sync)
}

/// What the server is to know, but for the queue.
pub(super) fn rules(
    settings: &Settings,
    folder: Folder,
    accounts: Arc<Accounts>,
    identity: Option<Identity>,
    began: i64,
) -> Result<Rules> {
    let MailSettings { domains, largest, relay_from, bare, clear_passwords } = settings.mail.clone();
    let mut run = [0; 4];
    getrandom::fill(&mut run).map_err(|why| anyhow!("the kernel gives no randomness: {why}"))?;
    let name = settings.relay.our_name();
    let domains = if domains.is_empty() { vec![name.to_lowercase()] } else { domains };
    let maildirs = Maildirs::new(folder, &name, u32::from_ne_bytes(run));
    Ok(Rules {
        name,
        domains,
        addresses: settings.own_addresses(),
        accounts,
        identity,
        maildirs,
        queue: None,
        relay_from,
        largest,
        bare,
        clear_passwords,
        began,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_usual() {
        let settings = MailWishes::default().into_settings().unwrap();
        assert_eq!((settings.largest, settings.bare, settings.clear_passwords), (64 << 20, Bare::Refuse, false));
        let none = MailWishes { size: Some(Given::on_the_command_line(Size(0))), ..MailWishes::default() };
        assert_eq!(none.into_settings(), Err("--mail-size `0` lets no message in: write it like 64M".to_owned()));
    }
}
