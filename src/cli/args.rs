//! The command line.

mod house;
mod transfer;

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use self::transfer::{EXAMPLE_URL, Get, Put};
use super::send::SendArgs;
use super::stream::StreamArgs;
use super::transfer::Request;
use super::{UsageError, manual};

pub(super) use self::house::Args;

/// Reads the arguments, of which the first is the program's name.
pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Read, UsageError> {
    match Program::try_parse_from(arguments) {
        Ok(Program { command: None, args }) => Ok(Read::Args(Box::new(args))),
        Ok(Program { command: Some(Command::Up(args)), .. }) => Ok(Read::Args(args)),
        Ok(Program { command: Some(Command::Get(get)), .. }) => Ok(get.read()),
        Ok(Program { command: Some(Command::Put(put)), .. }) => put.read(),
        Ok(Program { command: Some(Command::Send { args, send }), .. }) => Ok(Read::Send(args, send)),
        Ok(Program { command: Some(Command::Password), .. }) => Ok(Read::Password),
        Ok(Program { command: Some(Command::Stream { args, stream }), .. }) => Ok(Read::Stream(args, stream)),
        Ok(Program { command: Some(Command::Man), .. }) => {
            let table = Program::command().mut_subcommands(|command| command.hide(true));
            Ok(Read::Show(manual::page(table)))
        }
        Ok(Program { command: Some(Command::Completions { shell }), .. }) => {
            Ok(Read::Show(manual::completions(&mut Program::command(), shell)))
        }
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Read::Show(error.render().to_string())),
            _ => Err(UsageError(in_one_line(&error))),
        },
    }
}

/// What the arguments say.
pub(super) enum Read {
    Args(Box<Args>),
    /// Fetch or bring a file.
    Transfer(Box<Request>, Box<Args>),
    /// Send a message.
    Send(Box<Args>, Box<SendArgs>),
    /// Hash a password.
    Password,
    /// Send a file as RTP.
    Stream(Box<Args>, Box<StreamArgs>),
    /// Print this text, be it help, the version or the manual, and leave.
    Show(String),
}

/// A network host in one process: attach it to a TAP, and a real host appears on your wire.
#[derive(Parser, Debug)]
#[command(name = "taphouse", version, propagate_version = true, disable_help_subcommand = true)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    args: Args,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Attach to a TAP and serve until SIGINT or SIGTERM; the default
    #[command(after_help = EXAMPLES)]
    Up(Box<Args>),

    /// Fetch a file: taphouse get ftp://[USER[:PASSWORD]@]HOST[:PORT]/PATH[;type=a]
    Get(Box<Get>),

    /// Bring a file: taphouse put FILE ftp://[USER[:PASSWORD]@]HOST[:PORT]/PATH[;type=a]
    Put(Box<Put>),

    /// Send a message over SMTP: taphouse send --from ADDRESS --to ADDRESS [--server HOST[:PORT]] FILE.eml
    Send {
        #[command(flatten)]
        send: Box<SendArgs>,
        #[command(flatten)]
        args: Box<Args>,
    },

    /// Read a password and print its hash, as `password` of a [[user]] in the configuration
    Password,
    /// Send a WAV or rtpdump file as RTP from a host of our own, then leave
    Stream {
        #[command(flatten)]
        stream: Box<StreamArgs>,
        #[command(flatten)]
        args: Box<Args>,
    },

    /// Print the manual page: taphouse man | man -l -
    Man,

    /// Print what a shell reads to complete our options
    Completions {
        /// bash, zsh, fish, elvish or powershell
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: Shell,
    },
}

const EXAMPLES: &str = "\
Examples:
  taphouse                                 a host at 10.77.0.2 and fd77::2 behind tap0
  taphouse --netns lab --services echo     the same in the network namespace lab, with one service
  taphouse --check --config host.toml      say what would happen";

/// clap explains itself in paragraphs; this is the one line that matters.
fn in_one_line(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let list = |kind| match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.as_slice(),
        _ => &[],
    };
    let argument = context(ContextKind::InvalidArg);
    match (error.kind(), argument, error.source()) {
        // Our own types say what is wrong, and what to do. The argument is written `--mtu <BYTES>` or `--trace[=<LIST>]`.
        (ErrorKind::ValueValidation, Some(argument), Some(why)) => {
            let option = argument.split([' ', '[']).next().unwrap_or(argument);
            match context(ContextKind::InvalidValue) {
                // Its reasons say what is wrong with it, not what it was.
                Some(url) if option == "<URL>" => format!("`{url}` {why}: write it like {EXAMPLE_URL}"),
                _ => format!("{option} {why}"),
            }
        }
        (ErrorKind::UnknownArgument, Some(argument), _) => {
            let meant = match context(ContextKind::SuggestedArg) {
                Some(known) => format!("did you mean `{known}`? "),
                None => String::new(),
            };
            let what = if argument.starts_with('-') { "an option" } else { "expected here" };
            format!("`{argument}` is not {what}: {meant}try `taphouse --help`")
        }
        (ErrorKind::InvalidValue, Some(argument), _) if !list(ContextKind::ValidValue).is_empty() => {
            let value = context(ContextKind::InvalidValue).unwrap_or_default();
            let kind = argument.trim_matches(['<', '>']).to_lowercase();
            format!("`{value}` is no {kind}: choose from `{}`", list(ContextKind::ValidValue).join("`, `"))
        }
        (ErrorKind::MissingRequiredArgument, ..) => {
            format!("{} is missing: try `taphouse --help`", list(ContextKind::InvalidArg).join(", "))
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            let what = line.strip_prefix("error: ").unwrap_or(line).trim_end_matches(':').replace('\'', "`");
            format!("{what}: try `taphouse --help`")
        }
    }
}

#[cfg(test)]
mod tests {
    use taphouse::run::trace::Protocol;

    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn clap_finds_no_fault_with_the_definition() {
        Program::command().debug_assert();
    }

    #[test]
    fn options_are_read_and_may_be_repeated() {
        let line = "taphouse up --address 10.0.0.2/8 --address fd00::2/8 --services echo,discard=99 --no-host --check";
        let Ok(Read::Args(args)) = read(arguments(line)) else { panic!("{line}") };
        let wishes = args.into_wishes();
        assert_eq!(wishes.address.map(|list| list.len()), Some(2));
        assert_eq!(wishes.services.map(|list| list.len()), Some(2));
        assert_eq!(wishes.host, Some(vec![]));
        assert!(wishes.check && wishes.mtu.is_none());
    }

    #[test]
    fn a_trace_is_of_all_unless_it_is_told_of_what() {
        let trace = |line: &str| {
            let Ok(Read::Args(args)) = read(arguments(line)) else { panic!("{line}") };
            args.into_wishes().trace.map(|list| list.into_iter().map(|given| given.value).collect::<Vec<_>>())
        };
        assert_eq!(trace("taphouse --check"), None);
        assert_eq!(trace("taphouse --trace --check"), Some(vec![]));
        assert_eq!(trace("taphouse --trace=arp,ndp"), Some(vec![Protocol::Arp, Protocol::Ndp]));
    }

    #[test]
    fn help_and_version_are_to_be_shown() {
        for (line, part) in [
            ("taphouse --version", concat!("taphouse ", env!("CARGO_PKG_VERSION"))),
            ("taphouse --help", "--busy-poll <MICROSECONDS>"),
            ("taphouse up --help", "--no-host"),
        ] {
            let Ok(Read::Show(text)) = read(arguments(line)) else { panic!("{line}") };
            assert!(text.contains(part), "{line}: {text}");
        }
    }

    #[test]
    fn the_manual_and_the_completions_know_every_option() {
        let show = |line: &str| match read(arguments(line)) {
            Ok(Read::Show(text)) => text,
            _ => panic!("{line}"),
        };
        let shells = ["bash", "zsh", "fish"].map(|shell| show(&format!("taphouse completions {shell}")));
        let page = show("taphouse man");
        for name in Program::command().get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&format!("\\-\\-{}", name.replace('-', "\\-"))), "{name}");
            assert!(shells.iter().all(|script| script.contains(name)), "{name}");
        }
        let sections = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect::<Vec<_>>();
        assert!(sections.starts_with(&["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"]), "{sections:?}");
        assert!(sections.contains(&"WIRE") && sections.contains(&"EXIT STATUS"), "{sections:?}");
    }

    #[test]
    fn every_error_is_one_line() {
        for (line, error) in [
            (
                "--address 10.77.0.300/24",
                "--address `10.77.0.300/24` is not an address with a prefix length: write it like 10.77.0.2/24 or fd77::2/64",
            ),
            ("--gateway x", "--gateway `x` is not an address: write it like 10.77.0.2 or fd77::2"),
            (
                "--mac 02:00",
                "--mac `02:00` is not an Ethernet address: write six pairs of hexadecimal digits, like 02:00:00:00:00:01",
            ),
            (
                "--memory lots",
                "--memory `lots` is not an amount of memory: write a whole number and K, M or G, like 64M",
            ),
            ("--mtu big", "--mtu `big` is not a whole number: write digits only, like 1500"),
            ("up --device plane", "--device `plane` is not a kind of device: choose `auto`, `offload` or `plain`"),
            (
                "--trace=arp,ftp",
                "--trace `ftp` is no protocol of a trace: choose from `arp`, `rarp`, `icmp`, `icmpv6`, `ndp`, `igmp`, `mld`, `dhcp`, `udp`, `tcp`, `ip`, `ip6`",
            ),
            (
                "--services echo,finger",
                "--services `finger` is not a service: choose from `echo`, `discard`, `chargen`, `iperf`, `ftp`, `rtp`, `smtp`, `submission`, `submissions`, or write `all` or `none`",
            ),
            ("--adress 10.0.0.2/8", "`--adress` is not an option: did you mean `--address`? try `taphouse --help`"),
            ("-x", "`-x` is not an option: try `taphouse --help`"),
            ("completions", "<SHELL> is missing: try `taphouse --help`"),
            ("completions sh", "`sh` is no shell: choose from `bash`, `elvish`, `fish`, `powershell`, `zsh`"),
            ("up up", "`up` is not expected here: try `taphouse --help`"),
            ("down", "unrecognized subcommand `down`: try `taphouse --help`"),
            ("--tap", "a value is required for `--tap <NAME>` but none was supplied: try `taphouse --help`"),
            (
                "--host 10.0.0.1/8 --no-host",
                "the argument `--host <ADDR/LEN>` cannot be used with `--no-host`: try `taphouse --help`",
            ),
            (
                "--tap tap1 --tap tap2",
                "the argument `--tap <NAME>` cannot be used multiple times: try `taphouse --help`",
            ),
            ("--mtu 9000 up", "the subcommand `up` cannot be used with `--mtu <BYTES>`: try `taphouse --help`"),
        ] {
            match read(arguments(&format!("taphouse {line}"))) {
                Err(UsageError(text)) => assert_eq!(text, error),
                Ok(_) => panic!("{line}"),
            }
        }
    }
}
