//! The options of a house, which every subcommand that starts one takes.

use std::path::PathBuf;

use taphouse::application::rtp::payload::Binding;
use taphouse::base::address::{Address, Cidr, Mac};
use taphouse::run::trace::Protocol;

use crate::cli::groups::GroupWish;
use crate::cli::mail::MailArgs;
use crate::cli::relay::RelayArgs;
use crate::cli::rtp::ReflectWish;
use crate::cli::services::ServiceWish;
use crate::cli::settings::DeviceChoice;
use crate::cli::wishes::{AddressWish, Given, Number, RtpWishes, Size, Wishes};

/// The options. All are optional here, so that the configuration file can speak where they are silent.
#[derive(clap::Args, Debug, Default)]
pub(in crate::cli) struct Args {
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
    pub(in crate::cli) config: Option<PathBuf>,

    /// Say what would happen and exit
    #[arg(long)]
    check: bool,
}

impl Args {
    /// The same, remembering where it was written.
    pub(in crate::cli) fn into_wishes(self) -> Wishes {
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
