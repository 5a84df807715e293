//! What the user says, and what the user is told: arguments, the configuration file, the start-up card.
//!
//! Arguments and file are read into the same [`Wishes`](wishes::Wishes), each remembering where it was written;
//! [`Settings`] are the wishes with the defaults filled in, found to make sense. Nothing later can be misconfigured.

mod args;
pub(crate) mod card;
mod certificate;
mod config;
mod errand;
mod files;
mod groups;
mod identity;
mod lease;
mod mail;
mod manual;
mod names;
mod notices;
pub(crate) mod password;
mod progress;
mod relay;
pub(crate) mod rtp;
pub(crate) mod send;
mod services;
mod settings;
pub(crate) mod stream;
pub(crate) mod transfer;
mod trouble;
pub(crate) mod up;
mod watch;
mod wishes;

use std::ffi::OsString;

use settings::Settings;

/// What the arguments ask for.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Run, or with [`Settings::check`] only say what would be run.
    Run(Box<Settings>),
    /// Fetch or bring a file.
    Transfer(Box<transfer::Request>, Box<Settings>),
    /// Send a message.
    Send(Box<Settings>, Box<send::SendArgs>),
    /// Hash a password.
    Password,
    /// Send a file as RTP.
    Stream(Box<Settings>, Box<stream::StreamArgs>),
    /// Print this text on stdout: help, version.
    Show(String),
}

/// The arguments or the configuration are unusable: one line that says what, why and what to do. Exit code 2.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Reads the arguments, of which the first is the program's name, and the configuration file that they name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, UsageError> {
    let (args, errand) = match args::read(arguments)? {
        args::Read::Args(args) => (args, Errand::Serve),
        args::Read::Transfer(request, args) => (args, Errand::Transfer(request)),
        args::Read::Send(args, sent) => (args, Errand::Send(sent)),
        args::Read::Stream(args, streamed) => (args, Errand::Stream(streamed)),
        args::Read::Password => return Ok(Parsed::Password),
        args::Read::Show(text) => return Ok(Parsed::Show(text)),
    };
    let file = match &args.config {
        Some(path) => config::load(path)?,
        None => wishes::Wishes::default(),
    };
    let wishes = args.into_wishes().over(file);
    let settings = Box::new(Settings::new(wishes, &identity::machine())?);
    Ok(match errand {
        Errand::Serve => Parsed::Run(settings),
        Errand::Transfer(request) => Parsed::Transfer(request, settings),
        Errand::Send(sent) => Parsed::Send(settings, sent),
        Errand::Stream(streamed) => Parsed::Stream(settings, streamed),
    })
}

/// What a host is started for.
enum Errand {
    Serve,
    Transfer(Box<transfer::Request>),
    Send(Box<send::SendArgs>),
    Stream(Box<stream::StreamArgs>),
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn run(line: &str) -> Result<Settings, String> {
        match parse(line.split_whitespace().map(OsString::from)) {
            Ok(Parsed::Run(settings)) => Ok(*settings),
            Ok(other) => panic!("nothing to run: {other:?}"),
            Err(UsageError(line)) => Err(line),
        }
    }

    #[test]
    fn up_is_what_is_done_by_default() {
        assert_eq!(run("taphouse").unwrap(), run("taphouse up").unwrap());
        assert_eq!(run("taphouse --mtu 9000").unwrap(), run("taphouse up --mtu 9000").unwrap());
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"tap = 'tap3'\nmtu = 9000\nservices = ['echo']\n").unwrap();
        let path = file.path().display();
        let settings = run(&format!("taphouse --config {path} --mtu 1400 --services chargen,discard")).unwrap();
        assert_eq!((settings.tap.as_str(), settings.mtu), ("tap3", 1400));
        let services = settings.services.iter().map(|service| service.port);
        assert_eq!(services.collect::<Vec<_>>(), [19, 9], "a list replaces the file's list");
    }

    #[test]
    fn an_error_names_the_place_of_what_is_wrong() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"# ours\naddress = [\n  '10.77.0.2/24',\n  '10.77.0.255/24',\n]\n").unwrap();
        let path = file.path().display();
        let error = run(&format!("taphouse --config {path}")).unwrap_err();
        assert_eq!(
            error,
            format!(
                "{path}:4: address `10.77.0.255/24` is the broadcast address of its network: give a host's address"
            )
        );
    }
}
