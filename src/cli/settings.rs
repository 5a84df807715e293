//! What runs: the wishes with the defaults filled in, found to make sense.

mod addresses;
#[cfg(test)]
mod tests;
mod users;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use taphouse::application::accounts::{Home, PasswordHash};
use taphouse::base::address::{Address, Cidr, Family, Mac};
use taphouse::base::limits;
use taphouse::run::trace::Protocols;
use taphouse::stack::Vlan;

use self::users::users_of;
use super::groups::GroupWish;
use super::mail::MailSettings;
use super::relay::RelaySettings;
use super::rtp::RtpSettings;
use super::services::{self, ServiceAt, ServiceName, ServiceWish};
use super::wishes::{AddressWish, Given, Number, Size, Wishes};
use super::{UsageError, identity};

/// Everything that the program needs to know to run. Each field is usable as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The TAP's name.
    pub(crate) tap: String,
    /// The network namespace of the TAP and the host's side: a name below /run/netns, or a path, which has a slash.
    pub(crate) namespace: Option<String>,
    /// Addresses for the host's side of the TAP; none: it is left alone.
    pub(crate) host: Vec<Cidr>,
    /// Our own addresses, without the link-local one that always exists.
    pub(crate) addresses: Vec<Cidr>,
    /// One more address is asked for over RARP.
    pub(crate) ask_rarp: bool,
    /// Routers and DHCP servers are asked for addresses and ways; the secret is that of RFC 7217.
    pub(crate) auto: Option<[u8; 16]>,
    /// Use addresses at once, without asking whether others have them.
    pub(crate) no_probe: bool,
    /// Default routers, each in a prefix of ours or link-local.
    pub(crate) gateways: Vec<Address>,
    /// Our Ethernet address.
    pub(crate) mac: Mac,
    /// The largest IP packet on the wire.
    pub(crate) mtu: usize,
    /// The VLAN that all frames are in; none: they have no tag.
    pub(crate) vlan: Option<Vlan>,
    /// How the TAP is used.
    pub(crate) device: DeviceChoice,
    /// Queues of the TAP.
    pub(crate) queues: usize,
    /// How long to spin before sleeping while there is traffic.
    pub(crate) busy_poll: Duration,
    /// Bytes that connections, kept frames and queues may take, of all queues of the TAP together.
    pub(crate) memory: usize,
    /// Which services run, and where: no port twice.
    pub(crate) services: Vec<ServiceAt>,
    /// Groups that are joined for all of them.
    pub(crate) groups: Vec<GroupWish>,
    /// Hop limit of what is sent to groups.
    pub(crate) multicast_ttl: u8,
    /// Where the files are that FTP serves.
    pub(crate) root: PathBuf,
    /// The certificate and the key of TLS; none: we make them ourselves.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Where we keep what we made ourselves.
    pub(crate) state: PathBuf,
    /// Anonymous users of FTP may change them.
    pub(crate) writable: bool,
    /// What is asked of RTP.
    pub(crate) rtp: RtpSettings,
    /// How mail is taken.
    pub(crate) mail: MailSettings,
    /// How mail for elsewhere is relayed.
    pub(crate) relay: RelaySettings,
    /// Where every frame is captured to.
    pub(crate) record: Option<PathBuf>,
    /// Which frames are told of on stderr.
    pub(crate) trace: Option<Protocols>,
    /// Who is told which address over RARP: no Ethernet address twice.
    pub(crate) rarp: Vec<(Mac, Address)>,
    /// Who may log in: no name twice.
    pub(crate) users: Vec<User>,
    /// Only say what would happen.
    pub(crate) check: bool,
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: PasswordHash,
    pub(crate) home: Home,
}

/// How the TAP is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceChoice {
    /// With the offloads that the kernel has.
    Auto,
    /// With offloads, or not at all.
    Offload,
    /// Without offloads.
    Plain,
}

impl Settings {
    /// Fills in the defaults and looks for mistakes. `machine` tells this machine from others.
    pub(super) fn new(wishes: Wishes, machine: &str) -> Result<Settings, UsageError> {
        validated(wishes, machine).map_err(UsageError)
    }

    /// The IPv6 address that always exists, unless the wire is too narrow for IPv6.
    pub(crate) fn link_local(&self) -> Option<Address> {
        (self.mtu as u64 >= MTU_OF_IPV6).then(|| Address::link_local(self.mac))
    }

    /// Whether a service runs.
    pub(crate) fn serves(&self, name: ServiceName) -> bool {
        self.services.iter().any(|service| service.name == name)
    }

    /// Whether mail is taken.
    pub(crate) fn takes_mail(&self) -> bool {
        ServiceName::MAIL.iter().any(|name| self.serves(*name))
    }

    /// Our own addresses in the order given, then the link-local one.
    pub(crate) fn own_addresses(&self) -> Vec<Address> {
        self.addresses.iter().map(|cidr| cidr.address()).chain(self.link_local()).collect()
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<DeviceChoice, String> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "offload" => Ok(DeviceChoice::Offload),
            "plain" => Ok(DeviceChoice::Plain),
            _ => Err(format!("`{text}` is not a kind of device: choose `auto`, `offload` or `plain`")),
        }
    }
}

/// The smallest MTU that IPv6 may be used on (RFC 8200 §5).
const MTU_OF_IPV6: u64 = 1280;
/// From what IPv4 can do with (RFC 791 §3.2) to the 65,535 bytes that a TAP carries, less the Ethernet header.
const MTU: RangeInclusive<u64> = 68..=65_521;
/// IEEE 802.1Q: 0 is no VLAN, 4095 is reserved.
const VLAN: RangeInclusive<u64> = 1..=4094;
/// The host's side by default, and ours.
const HOST: [&str; 2] = ["10.77.0.1/24", "fd77::1/64"];
const OWN: [&str; 2] = ["10.77.0.2/24", "fd77::2/64"];
const MULTICAST_TTL: RangeInclusive<u64> = 1..=255;
const QUEUES: RangeInclusive<u64> = 1..=64;
/// Where we keep things by default, and within that the files that are served.
const STATE: &str = "/var/lib/taphouse";
const ROOT: &str = "ftp";
/// Microseconds. Who spins for longer than a second never sleeps.
const BUSY_POLL: RangeInclusive<u64> = 0..=1_000_000;

fn validated(wishes: Wishes, machine: &str) -> Result<Settings, String> {
    let Wishes {
        tap,
        netns,
        host,
        address,
        no_probe,
        gateway,
        mac,
        mtu,
        vlan,
        device,
        queues,
        busy_poll,
        memory,
        services,
        group,
        multicast_ttl,
        root,
        tls_cert,
        tls_key,
        state,
        writable,
        rtp,
        mail,
        relay,
        record,
        trace,
        rarp,
        users,
        check,
    } = wishes;

    let tap = tap_name(tap.unwrap_or_else(|| Given::by_default("tap0".to_owned())))?;
    let namespace = netns.map(namespace).transpose()?;
    let mac = match mac {
        Some(given) => own_mac(given)?,
        None => identity::mac(machine, namespace.as_deref(), &tap),
    };

    let vlan = vlan.map(vlan_of).transpose()?;
    // Within a VLAN the host's addresses belong to an interface of its own, which is not ours to make.
    let host = host.unwrap_or_else(|| if vlan.is_some() { Vec::new() } else { defaults(&HOST) });
    let OwnAddresses { given: addresses, rarp: ask_rarp, auto } = own_addresses(address)?;
    let auto = auto.then(|| identity::secret(machine, namespace.as_deref(), &tap));
    let gateways = gateway.unwrap_or_default();
    let told = if ask_rarp || auto.is_some() { host.as_slice() } else { &[] };
    addresses::check(&addresses, &host, &gateways, told, mac)?;
    let mtu = mtu_for(mtu.unwrap_or(Given::by_default(Number(1500))), &addresses, &host, &gateways)?;

    let device = device.map_or(DeviceChoice::Auto, |given| given.value);
    let queues = queues_of(device, queues.unwrap_or(Given::by_default(Number(1))))?;
    let busy_poll = number(busy_poll.unwrap_or(Given::by_default(Number(50))), "busy-poll", BUSY_POLL)?;
    let memory = memory_for(memory.unwrap_or(Given::by_default(Size(limits::MEMORY))), queues as usize)?;
    let services = services::choose(&services.unwrap_or_else(|| vec![Given::by_default(ServiceWish::All)]))?;
    let multicast_ttl = number(
        multicast_ttl.unwrap_or(Given::by_default(Number(limits::MULTICAST_HOP_LIMIT.into()))),
        "multicast-ttl",
        MULTICAST_TTL,
    )?;
    let rarp = rarp_table(rarp.unwrap_or_default())?;
    let state = state.map_or_else(|| PathBuf::from(STATE), |given| given.value);
    let tls = certificate(tls_cert, tls_key)?;
    let users = users_of(users.unwrap_or_default())?;

    Ok(Settings {
        tap,
        namespace,
        host: values(host),
        addresses: values(addresses),
        ask_rarp,
        auto,
        no_probe,
        gateways: values(gateways),
        mac,
        mtu: mtu as usize,
        vlan,
        device,
        queues: queues as usize,
        busy_poll: Duration::from_micros(busy_poll),
        memory,
        services,
        groups: values(group.unwrap_or_default()),
        multicast_ttl: multicast_ttl as u8,
        root: root.map_or_else(|| state.join(ROOT), |given| given.value),
        tls,
        state,
        writable,
        rtp: rtp.into_settings(),
        mail: mail.into_settings()?,
        relay: relay.into_settings()?,
        record: record.map(|given| given.value),
        trace: trace.map(|list| values(list).into_iter().collect()),
        rarp,
        users,
        check,
    })
}

/// The addresses, and who is to tell more of them.
struct OwnAddresses {
    given: Vec<Given<Cidr>>,
    rarp: bool,
    auto: bool,
}

fn own_addresses(wishes: Option<Vec<Given<AddressWish>>>) -> Result<OwnAddresses, String> {
    let (mut given, mut rarp, mut auto) = (Vec::new(), false, false);
    let Some(wishes) = wishes else { return Ok(OwnAddresses { given: defaults(&OWN), rarp, auto }) };
    for Given { value, origin } in wishes {
        let (asks, name) = match value {
            AddressWish::Own(value) => {
                given.push(Given { value, origin });
                continue;
            }
            AddressWish::Rarp => (&mut rarp, "rarp"),
            AddressWish::Auto => (&mut auto, "auto"),
        };
        if std::mem::replace(asks, true) {
            return Err(format!("{} `{name}` is given twice: leave one out", origin.names("address")));
        }
        if rarp && auto {
            let named = origin.names("address");
            return Err(format!(
                "{named} `{name}` makes two who are asked for an IPv4 address: leave rarp or auto out"
            ));
        }
    }
    // One place is kept for the link-local address.
    let (kept, beside) = match auto {
        true => (limits::ADDRESSES_FORMED + 1, "auto"),
        false => (usize::from(rarp), "rarp"),
    };
    let most = limits::OWN_ADDRESSES - 1 - kept;
    match given.get(most) {
        Some(Given { value, origin }) if kept > 0 => {
            Err(format!("{} `{value}` is one too many: give at most {most} beside {beside}", origin.names("address")))
        }
        _ => Ok(OwnAddresses { given, rarp, auto }),
    }
}

fn vlan_of(given: Given<Number>) -> Result<Vlan, String> {
    let id = number(given, "vlan", VLAN)?;
    Ok(u16::try_from(id).ok().and_then(Vlan::new).expect("the range is that of VLANs"))
}

fn defaults(texts: &[&str]) -> Vec<Given<Cidr>> {
    let read = |text: &&str| text.parse().expect("the defaults are addresses: the tests read them");
    texts.iter().map(read).map(Given::by_default).collect()
}

fn values<T>(given: Vec<Given<T>>) -> Vec<T> {
    given.into_iter().map(|Given { value, .. }| value).collect()
}

/// What the kernel takes for the name of an interface: `dev_valid_name`. It also replaces a `%d`, but then the
/// name would not be the one that was asked for.
fn tap_name(Given { value, origin }: Given<String>) -> Result<String, String> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '%');
    let wrong = match value.as_str() {
        "" => "is empty",
        "." | ".." => "means a directory",
        name if name.len() > 15 => "is longer than 15 bytes",
        name if name.contains(bad) => "has a space, `/`, `:` or `%` in it",
        _ => return Ok(value),
    };
    Err(format!("{} `{value}` {wrong}, which no interface's name may: choose a name like tap0", origin.names("tap")))
}

/// A name below /run/netns, however it was written, or a path.
fn namespace(Given { value, origin }: Given<String>) -> Result<String, String> {
    let name = ["/run/netns/", "/var/run/netns/"].into_iter().find_map(|folder| value.strip_prefix(folder));
    match name.unwrap_or(&value) {
        "" | "." | ".." => Err(format!(
            "{} `{value}` is not a network namespace: choose one of `ip netns list`",
            origin.names("netns")
        )),
        // What is below a folder of /run/netns cannot be named without its path.
        name if name.contains('/') => Ok(value),
        name => Ok(name.to_owned()),
    }
}

fn own_mac(Given { value, origin }: Given<Mac>) -> Result<Mac, String> {
    match not_one_card(value) {
        None => Ok(value),
        Some(wrong) => Err(format!("{} `{value}` {wrong}: choose one like 02:00:00:00:00:01", origin.names("mac"))),
    }
}

/// Why an Ethernet address cannot be that of one network card.
fn not_one_card(mac: Mac) -> Option<&'static str> {
    if mac == Mac::default() {
        Some("is zero, which is no card's address")
    } else if mac.is_multicast() {
        Some("is a group's address, not that of one card")
    } else {
        None
    }
}

fn number(given: Given<Number>, option: &'static str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let Given { value: Number(number), origin } = given;
    if range.contains(&number) {
        return Ok(number);
    }
    let (least, most) = range.into_inner();
    let wrong = if number < least { "too small" } else { "too large" };
    Err(format!("{} {number} is {wrong}: give a number from {least} to {most}", origin.names(option)))
}

fn queues_of(device: DeviceChoice, given: Given<Number>) -> Result<u64, String> {
    let origin = given.origin.clone();
    let queues = number(given, "queues", QUEUES)?;
    if device == DeviceChoice::Plain && queues > 1 {
        let named = origin.names("queues");
        return Err(format!(
            "{named} {queues} is too many for the plain device, which has one: leave --device plain out"
        ));
    }
    Ok(queues)
}

/// Each queue has its share, and is to be able to serve with it.
fn memory_for(Given { value, origin }: Given<Size>, queues: usize) -> Result<usize, String> {
    let least = Size(queues * limits::MEMORY_LEAST);
    if value.0 < least.0 {
        let named = origin.names("memory");
        let queues = if queues == 1 { String::new() } else { format!(" for {queues} queues") };
        return Err(format!("{named} {value} is too small{queues}: give at least {least}"));
    }
    Ok(value.0)
}

fn mtu_for(
    given: Given<Number>,
    addresses: &[Given<Cidr>],
    host: &[Given<Cidr>],
    gateways: &[Given<Address>],
) -> Result<u64, String> {
    let origin = given.origin.clone();
    let mtu = number(given, "mtu", MTU)?;
    if mtu >= MTU_OF_IPV6 {
        return Ok(mtu);
    }
    let named = |option, list: &[Given<Cidr>]| {
        let of_ipv6 = list.iter().find(|given| given.value.address().family() == Family::V6);
        of_ipv6.map(|given| (option, given.value.to_string()))
    };
    let gateway = || {
        let of_ipv6 = gateways.iter().find(|given| given.value.family() == Family::V6);
        of_ipv6.map(|given| ("gateway", given.value.to_string()))
    };
    match named("address", addresses).or_else(|| named("host", host)).or_else(gateway) {
        None => Ok(mtu),
        Some((option, text)) => Err(format!(
            "{} {mtu} is too small for IPv6 (--{option} {text}): give at least {MTU_OF_IPV6}, or IPv4 addresses \
             only, as in --address 10.77.0.2/24 --host 10.77.0.1/24",
            origin.names("mtu"),
        )),
    }
}

fn certificate(
    certificate: Option<Given<PathBuf>>,
    key: Option<Given<PathBuf>>,
) -> Result<Option<(PathBuf, PathBuf)>, String> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.value, key.value))),
        (None, None) => Ok(None),
        (Some(Given { origin, .. }), None) => {
            Err(format!("{} has no key: give tls-key, too", origin.names("tls-cert")))
        }
        (None, Some(Given { origin, .. })) => {
            Err(format!("{} has no certificate: give tls-cert, too", origin.names("tls-key")))
        }
    }
}

fn rarp_table(entries: Vec<Given<(Mac, Address)>>) -> Result<Vec<(Mac, Address)>, String> {
    let mut table: Vec<(Mac, Address)> = Vec::new();
    for Given { value: (mac, address), origin } in entries {
        let wrong = if let Some(wrong) = not_one_card(mac) {
            format!("mac `{mac}` {wrong}: give the address of the card that asks")
        } else if address.family() == Family::V6 {
            format!("address `{address}` is not an IPv4 address, and RARP tells no other: write it like 10.77.0.99")
        } else if !address.is_unicast() {
            format!("address `{address}` is not a host's address: write it like 10.77.0.99")
        } else if table.iter().any(|(other, _)| *other == mac) {
            format!("mac `{mac}` is there twice: leave out one of its entries")
        } else if table.len() == limits::RARP_ENTRIES {
            format!("there are more than {} entries: leave some out", limits::RARP_ENTRIES)
        } else {
            table.push((mac, address));
            continue;
        };
        return Err(format!("{}: {wrong}", origin.names("rarp")));
    }
    Ok(table)
}
