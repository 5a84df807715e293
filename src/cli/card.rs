//! What the program says about itself: the start-up card, the ready line, the answer to `--check`.

use std::fmt::{Display, Write as _};

use taphouse::application::{ftp, iperf};
use taphouse::base::address::{Address, Cidr, Family};
use taphouse::run::Confinement;

use super::services::{ServiceAt, ServiceName};
use super::settings::{DeviceChoice, Settings};

/// The start-up card, for stderr: what is on the wire now, and what to try. `device` says what carries it,
/// `confined` what the process gave up.
pub(crate) fn card(settings: &Settings, device: &str, confined: &Confinement) -> String {
    let mut text = format!("taphouse {}: a host behind {}\n", env!("CARGO_PKG_VERSION"), place(settings));
    field(&mut text, "addresses", addresses(settings));
    if !settings.gateways.is_empty() {
        field(&mut text, "routers", list(&settings.gateways));
    }
    let vlan = settings.vlan.map_or(String::new(), |vlan| format!(", vlan {vlan}"));
    field(&mut text, "ethernet", format_args!("{}, mtu {}{vlan}", settings.mac, settings.mtu));
    field(&mut text, "device", device);
    field(&mut text, "services", services(settings));
    field(&mut text, "confined", confined);
    text.push_str("try\n");
    for line in things_to_try(settings) {
        line_of(&mut text, line);
    }
    text
}

/// The one line on stdout after which everything is promised.
pub(crate) fn ready_line(tap: &str, addresses: &[Address]) -> String {
    addresses.iter().fold(format!("ready {tap}"), |line, address| format!("{line} {address}"))
}

/// The answer to `--check`, for stdout: what would happen.
pub(crate) fn check(settings: &Settings) -> String {
    let mut text = String::from("taphouse would\n");
    let offloads = match settings.device {
        DeviceChoice::Auto => "offloads if the kernel has them",
        DeviceChoice::Offload => "offloads, or not at all",
        DeviceChoice::Plain => "no offloads",
    };
    let queues = match settings.queues {
        1 => "1 queue".to_owned(),
        more => format!("{more} queues"),
    };
    line_of(&mut text, format_args!("attach to {}, made if missing, with {queues} and {offloads}", place(settings)));
    match settings.host.as_slice() {
        [] => line_of(&mut text, "leave the addresses of the host's side alone"),
        host => line_of(&mut text, format_args!("give the host's side {}", list(host))),
    }
    line_of(&mut text, format_args!("be {} at {}", addresses(settings), settings.mac));
    if settings.no_probe {
        line_of(&mut text, "use its addresses without asking whether others have them");
    }
    line_of(&mut text, format_args!("send packets of up to {} bytes", settings.mtu));
    if let Some(vlan) = settings.vlan {
        line_of(&mut text, format_args!("send and take frames of VLAN {vlan} only"));
    }
    if !settings.gateways.is_empty() {
        line_of(&mut text, format_args!("reach other networks through {}", list(&settings.gateways)));
    }
    match settings.services.as_slice() {
        [] => line_of(&mut text, "serve nothing but ARP, RARP, ICMP and NDP"),
        _ => line_of(&mut text, format_args!("serve {}", services(settings))),
    }
    if settings.serves(ServiceName::Ftp) {
        let may = if settings.writable { "and change " } else { "" };
        line_of(&mut text, format_args!("let anybody fetch {may}the files below {}", settings.root.display()));
        match settings.users.len() {
            0 => (),
            1 => line_of(&mut text, "let 1 user log in and change what lies in its home"),
            more => line_of(&mut text, format_args!("let {more} users log in and change what lies in their homes")),
        }
    }
    if let Some(folder) = settings.rtp.record.as_ref().filter(|_| settings.serves(ServiceName::Rtp)) {
        line_of(&mut text, format_args!("record RTP streams below {}", folder.display()));
    }
    if let Some(way) = settings.relay.way() {
        line_of(&mut text, format_args!("send mail for elsewhere {way}"));
    }
    match settings.rarp.len() {
        0 => (),
        1 => line_of(&mut text, "tell 1 card its address over RARP"),
        more => line_of(&mut text, format_args!("tell {more} cards their addresses over RARP")),
    }
    if let Some(file) = &settings.record {
        line_of(&mut text, format_args!("capture every frame to {}", file.display()));
    }
    if settings.trace.is_some() {
        line_of(&mut text, "tell of frames on stderr");
    }
    line_of(&mut text, format_args!("take up to {} MiB of memory for connections", settings.memory >> 20));
    match settings.busy_poll.as_micros() {
        0 => line_of(&mut text, "sleep as soon as there is nothing to do"),
        spin => line_of(&mut text, format_args!("spin for {spin} µs before sleeping while there is traffic")),
    }
    text
}

fn things_to_try(settings: &Settings) -> Vec<String> {
    let within = match settings.namespace.as_deref() {
        None => String::new(),
        Some(path) if path.contains('/') => format!("nsenter --net={path} "),
        Some(name) => format!("ip netns exec {name} "),
    };
    let tap = &settings.tap;
    let own = settings.own_addresses();
    let first = |family| own.iter().copied().find(|address| address.family() == family);
    // A link-local address means nothing without its link.
    let written = |address: Address| match (address.family(), address.is_link_local()) {
        (Family::V6, true) => format!("{address}%{tap}"),
        _ => address.to_string(),
    };
    let v4 = first(Family::V4);
    let either: Vec<String> = v4.into_iter().chain(first(Family::V6)).map(written).collect();

    let mut lines: Vec<String> = either.iter().map(|address| format!("{within}ping {address}")).collect();
    lines.extend(v4.map(|address| format!("{within}arping -I {tap} {address}")));
    if let Some(address) = either.first() {
        let command = |service: &ServiceAt| match (service.name, service.port) {
            (ServiceName::Echo, port) => Some(format!("echo hello | {within}nc -N {address} {port}")),
            (ServiceName::Chargen, port) => Some(format!("echo | {within}nc -u -w1 {address} {port}")),
            (ServiceName::Iperf, iperf::PORT) => Some(format!("{within}iperf3 -c {address}")),
            (ServiceName::Iperf, port) => Some(format!("{within}iperf3 -c {address} -p {port}")),
            (ServiceName::Ftp, ftp::PORT) => Some(format!("{within}curl ftp://{}/", in_url(address))),
            (ServiceName::Ftp, port) => Some(format!("{within}curl ftp://{}:{port}/", in_url(address))),
            (ServiceName::Rtp, port) => Some(format!(
                "{within}ffmpeg -re -f lavfi -i sine -c:a pcm_mulaw -f rtp rtp://{}:{port}",
                in_url(address)
            )),
            (ServiceName::Smtp, port) => Some(format!(
                "{within}swaks --server {} --port {port} --to postmaster@[{}]",
                in_url(address),
                literal(address)
            )),
            // They want a user, and the other port shows as much.
            (ServiceName::Submission | ServiceName::Submissions, _) => None,
            // It answers nothing, so there is nothing to see.
            (ServiceName::Discard, _) => None,
        };
        lines.extend(settings.services.iter().filter_map(command));
    }
    lines
}

/// As it stands in an address of mail (RFC 5321 §4.1.3).
fn literal(address: &str) -> String {
    if address.contains(':') { format!("IPv6:{address}") } else { address.to_owned() }
}

/// As it stands in a URL (RFC 3986 §3.2.2).
fn in_url(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

fn place(settings: &Settings) -> String {
    match &settings.namespace {
        Some(namespace) => format!("{} in the network namespace {namespace}", settings.tap),
        None => settings.tap.clone(),
    }
}

fn addresses(settings: &Settings) -> String {
    let rarp = settings.ask_rarp.then(|| "what RARP tells".to_owned());
    let auto = settings.auto.map(|_| "what routers and DHCP servers tell".to_owned());
    let given = settings.addresses.iter().map(Cidr::to_string).chain(rarp).chain(auto).collect::<Vec<_>>().join(", ");
    match settings.link_local() {
        Some(link_local) if given.is_empty() => format!("{link_local}/64"),
        Some(link_local) => format!("{given}, {link_local}/64"),
        None if given.is_empty() => "no address".to_owned(),
        None => given,
    }
}

fn services(settings: &Settings) -> String {
    match settings.services.as_slice() {
        [] => "none".to_owned(),
        services => list(services),
    }
}

fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn field(text: &mut String, name: &str, value: impl Display) {
    line_of(text, format_args!("{name:<9}  {value}"));
}

fn line_of(text: &mut String, line: impl Display) {
    writeln!(text, "  {line}").expect("a string takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use taphouse::run::Held;

    use super::*;
    use crate::cli::Parsed;

    const CONFINED: Confinement =
        Confinement { capabilities: Held::Fully, files: Held::Fully, folders: 0, system_calls: Held::Fully };

    fn settings(line: &str) -> Settings {
        let line = format!("taphouse --mac 02:00:00:00:00:01 {line}");
        match crate::cli::parse(line.split_whitespace().map(Into::into)) {
            Ok(Parsed::Run(settings)) => *settings,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn without_version(text: &str) -> String {
        text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    #[test]
    fn the_card_of_the_defaults() {
        let text = "\
taphouse VERSION: a host behind tap0
  addresses  10.77.0.2/24, fd77::2/64, fe80::ff:fe00:1/64
  ethernet   02:00:00:00:00:01, mtu 1500
  device     offload: checksums, TCP
  services   echo 7, discard 9, chargen 19, iperf 5201, ftp 21, rtp 5004, smtp 25, submission 587, submissions 465
  confined   no capabilities, no files, few system calls
try
  ping 10.77.0.2
  ping fd77::2
  arping -I tap0 10.77.0.2
  echo hello | nc -N 10.77.0.2 7
  echo | nc -u -w1 10.77.0.2 19
  iperf3 -c 10.77.0.2
  curl ftp://10.77.0.2/
  ffmpeg -re -f lavfi -i sine -c:a pcm_mulaw -f rtp rtp://10.77.0.2:5004
  swaks --server 10.77.0.2 --port 25 --to postmaster@[10.77.0.2]
";
        assert_eq!(without_version(&card(&settings(""), "offload: checksums, TCP", &CONFINED)), text);
    }

    #[test]
    fn the_card_within_a_namespace() {
        let line = "--netns lab --tap tap1 --address 10.0.0.2/8 --gateway 10.0.0.1 --services echo=1007,discard";
        let text = "\
taphouse VERSION: a host behind tap1 in the network namespace lab
  addresses  10.0.0.2/8, fe80::ff:fe00:1/64
  routers    10.0.0.1
  ethernet   02:00:00:00:00:01, mtu 1500
  device     plain
  services   echo 1007, discard 9
  confined   no capabilities, no files, few system calls
try
  ip netns exec lab ping 10.0.0.2
  ip netns exec lab ping fe80::ff:fe00:1%tap1
  ip netns exec lab arping -I tap1 10.0.0.2
  echo hello | ip netns exec lab nc -N 10.0.0.2 1007
";
        assert_eq!(without_version(&card(&settings(line), "plain", &CONFINED)), text);
    }

    #[test]
    fn things_to_try_fit_what_there_is() {
        for (line, lines) in [
            ("--address fd00::2/8 --services none", vec!["ping fd00::2"]),
            ("--address fd00::2/8 --services ftp=2121", vec!["ping fd00::2", "curl ftp://[fd00::2]:2121/"]),
            ("--address fd00::2/8 --services echo", vec!["ping fd00::2", "echo hello | nc -N fd00::2 7"]),
            (
                "--netns /proc/1/ns/net --address 10.0.0.2/8 --no-host --mtu 576 --services none",
                vec![
                    "nsenter --net=/proc/1/ns/net ping 10.0.0.2",
                    "nsenter --net=/proc/1/ns/net arping -I tap0 10.0.0.2",
                ],
            ),
        ] {
            assert_eq!(things_to_try(&settings(line)), lines, "{line}");
        }
    }

    #[test]
    fn check_says_what_is_out_of_the_ordinary() {
        let text = check(&settings("--check --address rarp --address fd77::2/64 --vlan 5 --no-probe"));
        for line in [
            "be fd77::2/64, what RARP tells, fe80::ff:fe00:1/64 at",
            "use its addresses without asking whether others have them",
            "send and take frames of VLAN 5 only",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn check_says_who_is_asked() {
        let text = check(&settings("--check --address auto --address fd77::2/64"));
        let line = "be fd77::2/64, what routers and DHCP servers tell, fe80::ff:fe00:1/64 at";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn ready_names_every_address() {
        let settings = settings("");
        let line = ready_line(&settings.tap, &settings.own_addresses());
        assert_eq!(line, "ready tap0 10.77.0.2 fd77::2 fe80::ff:fe00:1");
    }

    #[test]
    fn check_says_what_would_happen() {
        let text = "\
taphouse would
  attach to tap0, made if missing, with 1 queue and offloads if the kernel has them
  give the host's side 10.77.0.1/24, fd77::1/64
  be 10.77.0.2/24, fd77::2/64, fe80::ff:fe00:1/64 at 02:00:00:00:00:01
  send packets of up to 1500 bytes
  serve echo 7, discard 9, chargen 19, iperf 5201, ftp 21, rtp 5004, smtp 25, submission 587, submissions 465
  let anybody fetch the files below /var/lib/taphouse/ftp
  take up to 256 MiB of memory for connections
  spin for 50 µs before sleeping while there is traffic
";
        assert_eq!(check(&settings("--check")), text);
        let line = "--check --netns lab --no-host --device offload --queues 4 --busy-poll 0 --memory 64M --services none --gateway fd77::1";
        let text = "\
taphouse would
  attach to tap0 in the network namespace lab, made if missing, with 4 queues and offloads, or not at all
  leave the addresses of the host's side alone
  be 10.77.0.2/24, fd77::2/64, fe80::ff:fe00:1/64 at 02:00:00:00:00:01
  send packets of up to 1500 bytes
  reach other networks through fd77::1
  serve nothing but ARP, RARP, ICMP and NDP
  take up to 64 MiB of memory for connections
  sleep as soon as there is nothing to do
";
        assert_eq!(check(&settings(line)), text);
    }
}
