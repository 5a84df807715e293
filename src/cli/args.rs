//! The command line.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use taphouse::application::ftp::client::Mode;
use taphouse::application::ftp::url::Url;
use taphouse::application::rtp::payload::Binding;
use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::run::trace::Protocol;

use super::UsageError;
use super::groups::GroupWish;
use super::mail::MailArgs;
use super::manual;
use super::relay::RelayArgs;
use super::rtp::ReflectWish;
use super::send::SendArgs;
use super::services::ServiceWish;
use super::settings::DeviceChoice;
use super::stream::StreamArgs;
use super::transfer::{Believed, Request, Way};
use super::wishes::{AddressWish, Given, Number, RtpWishes, Size, Wishes};

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

/// `taphouse get`.
#[derive(clap::Args, Debug)]
struct Get {
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
struct Put {
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
    fn read(self) -> Read {
        let Get { url, output, transfer, args } = self;
        let output = output.unwrap_or_else(|| PathBuf::from(&url.name));
        let request = transfer.request(url, output, Way::Get);
        Read::Transfer(Box::new(request), Box::new(args))
    }
}

impl Put {
    fn read(self) -> Result<Read, UsageError> {
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

const EXAMPLE_URL: &str = "ftp://10.77.0.1/folder/file";

const EXAMPLES: &str = "\
Examples:
  taphouse                                 a host at 10.77.0.2 and fd77::2 behind tap0
  taphouse --netns lab --services echo     the same in the network namespace lab, with one service
  taphouse --check --config host.toml      say what would happen";

/// The options. All are optional here, so that the configuration file can speak where they are silent.
#[derive(clap::Args, Debug, Default)]
pub(super) struct Args {
    /// TAP to attach to, made if missing [default: tap0]
    #[arg(long, value_name = "NAME", help_heading = "Wire")]
    tap: Option<String>,

    /// Network namespace of the TAP and the host's side [default: current]
    #[arg(long, value_name = "NAME|PATH", help_heading = "Wire")]
    netns: Option<String>,

    /// Largest packet, 68 to 65521; IPv6 needs 1280 [default: 1500]
    #[arg(long, value_name = "BYTES", help_heading = "Wire")]
    mtu: Option<Number>,

    /// VLAN (802.1Q) of all frames, 1 to 4094 [default: frames without a tag]
    #[arg(long, value_name = "ID", help_heading = "Wire")]
    vlan: Option<Number>,

    /// Offloads of the TAP: if it can, required, or none [default: auto]
    #[arg(long, value_name = "auto|offload|plain", help_heading = "Wire")]
    device: Option<DeviceChoice>,

    /// Queues of the TAP, a thread each, 1 to 64 [default: 1]
    #[arg(long, value_name = "COUNT", help_heading = "Wire")]
    queues: Option<Number>,

    /// Spin before sleeping under traffic; 0 never [default: 50]
    #[arg(long, value_name = "MICROSECONDS", help_heading = "Wire")]
    busy_poll: Option<Number>,

    /// Memory for connections and what they send and receive, with K, M or G [default: 256M]
    #[arg(long, value_name = "SIZE", help_heading = "Wire")]
    memory: Option<Size>,

    /// Address of our own, or auto (routers, DHCP) or rarp to ask for it; repeatable [default: 10.77.0.2/24, fd77::2/64]
    #[arg(long, value_name = "ADDR/LEN|auto|rarp", help_heading = "Addresses")]
    address: Option<Vec<AddressWish>>,

    /// Use addresses at once, without asking whether others have them
    #[arg(long, help_heading = "Addresses")]
    no_probe: bool,

    /// Address of the host's side; repeatable [default: 10.77.0.1/24, fd77::1/64]
    #[arg(long, value_name = "ADDR/LEN", help_heading = "Addresses")]
    host: Option<Vec<Cidr>>,

    /// Leave the addresses of the host's side alone
    #[arg(long, help_heading = "Addresses", conflicts_with = "host")]
    no_host: bool,

    /// Default router; repeatable [default: none]
    #[arg(long, value_name = "ADDR", help_heading = "Addresses")]
    gateway: Option<Vec<Address>>,

    /// Our Ethernet address [default: stable, from machine id, netns and TAP]
    #[arg(long, value_name = "MAC", help_heading = "Addresses")]
    mac: Option<Mac>,

    /// echo, discard, chargen, iperf, ftp, rtp, smtp, submission, submissions, NAME=PORT to move one; all; none [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Services")]
    services: Option<Vec<ServiceWish>>,

    /// Group to join for all services, GROUP@SOURCE for one source of it only; repeatable [default: none]
    #[arg(long, value_name = "GROUP", help_heading = "Services")]
    group: Option<Vec<GroupWish>>,

    /// Links that what is sent to groups may cross, 1 to 255 [default: 1]
    #[arg(long, value_name = "COUNT", help_heading = "Services")]
    multicast_ttl: Option<Number>,

    /// Directory of the files that FTP serves, made if missing [default: ftp in --state]
    #[arg(long, value_name = "DIR", help_heading = "Services")]
    root: Option<PathBuf>,

    /// Certificate of TLS, a PEM file with its chain [default: one of our own making, kept in --state]
    #[arg(long, value_name = "FILE.pem", help_heading = "Services", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The key of --tls-cert, a PEM file
    #[arg(long, value_name = "FILE.pem", help_heading = "Services", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Directory of what we keep for ourselves, made if missing [default: /var/lib/taphouse]
    #[arg(long, value_name = "DIR", help_heading = "Services")]
    state: Option<PathBuf>,

    /// Let anonymous users of FTP change what is below --root
    #[arg(long, help_heading = "Services")]
    writable: bool,

    /// Directory in which RTP streams are recorded as WAV and rtpdump, made if missing [default: none]
    #[arg(long, value_name = "DIR", help_heading = "Services")]
    rtp_record: Option<PathBuf>,

    /// What a dynamic RTP payload type means; repeatable [default: none]
    #[arg(long, value_name = "TYPE=NAME/RATE", help_heading = "Services")]
    rtp_map: Option<Vec<Binding>>,

    /// Group to take RTP from, GROUP@SOURCE of one source only; repeatable [default: none]
    #[arg(long, value_name = "GROUP", help_heading = "Services")]
    rtp_group: Option<Vec<GroupWish>>,

    /// Send RTP packets back, or on to somebody else [default: neither]
    #[arg(long, value_name = "back|ADDR:PORT", help_heading = "Services")]
    rtp_reflect: Option<ReflectWish>,

    /// Ask RTP senders for lost packets and whole pictures (AVPF)
    #[arg(long, help_heading = "Services")]
    rtp_feedback: bool,

    #[command(flatten)]
    mail: MailArgs,

    #[command(flatten)]
    relay: RelayArgs,

    /// Capture every frame to a pcapng file [default: none]
    #[arg(long, value_name = "FILE.pcapng", help_heading = "Watching")]
    record: Option<PathBuf>,

    /// Tell of each frame on stderr: of all, or of arp, rarp, icmp, icmpv6, ndp, igmp, mld, dhcp, udp, tcp, ip, ip6 [default: none]
    #[arg(long, value_name = "LIST", help_heading = "Watching")]
    #[arg(value_delimiter = ',', num_args = 0.., require_equals = true)]
    trace: Option<Vec<Protocol>>,

    /// Read options from a TOML file; the command line wins [default: none]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Say what would happen and exit
    #[arg(long)]
    check: bool,
}

impl Args {
    /// The same, remembering where it was written.
    pub(super) fn into_wishes(self) -> Wishes {
        let Args {
            tap,
            netns,
            mtu,
            vlan,
            device,
            queues,
            busy_poll,
            memory,
            address,
            no_probe,
            host,
            no_host,
            gateway,
            mac,
            services,
            group,
            multicast_ttl,
            root,
            tls_cert,
            tls_key,
            state,
            writable,
            rtp_record,
            rtp_map,
            rtp_group,
            rtp_reflect,
            rtp_feedback,
            mail,
            relay,
            record,
            trace,
            config: _,
            check,
        } = self;
        Wishes {
            tap: tap.map(Given::on_the_command_line),
            netns: netns.map(Given::on_the_command_line),
            host: if no_host { Some(Vec::new()) } else { host.map(each) },
            address: address.map(each),
            no_probe,
            gateway: gateway.map(each),
            mac: mac.map(Given::on_the_command_line),
            mtu: mtu.map(Given::on_the_command_line),
            vlan: vlan.map(Given::on_the_command_line),
            device: device.map(Given::on_the_command_line),
            queues: queues.map(Given::on_the_command_line),
            busy_poll: busy_poll.map(Given::on_the_command_line),
            memory: memory.map(Given::on_the_command_line),
            services: services.map(each),
            group: group.map(each),
            multicast_ttl: multicast_ttl.map(Given::on_the_command_line),
            root: root.map(Given::on_the_command_line),
            tls_cert: tls_cert.map(Given::on_the_command_line),
            tls_key: tls_key.map(Given::on_the_command_line),
            state: state.map(Given::on_the_command_line),
            writable,
            rtp: RtpWishes {
                record: rtp_record.map(Given::on_the_command_line),
                map: rtp_map.map(each),
                groups: rtp_group.map(each),
                reflect: rtp_reflect.map(Given::on_the_command_line),
                feedback: rtp_feedback,
            },
            mail: mail.into_wishes(),
            relay: relay.into_wishes(),
            record: record.map(Given::on_the_command_line),
            trace: trace.map(each),
            rarp: None,
            users: None,
            check,
        }
    }
}

fn each<T>(values: Vec<T>) -> Vec<Given<T>> {
    values.into_iter().map(Given::on_the_command_line).collect()
}

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
