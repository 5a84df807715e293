//! What was asked for, before it is known to make sense.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;

use taphouse::application::rtp::payload::Binding;
use taphouse::base::address::{Address, Cidr, Mac, Unreadable};
use taphouse::run::trace::Protocol;

use super::groups::GroupWish;
use super::mail::MailWishes;
use super::relay::RelayWishes;
use super::rtp::{ReflectWish, RtpSettings};
use super::services::ServiceWish;
use super::settings::DeviceChoice;

/// Everything that can be asked for; `None` where nothing was.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) tap: Option<Given<String>>,
    pub(super) netns: Option<Given<String>>,
    /// Empty: the host's side is left alone.
    pub(super) host: Option<Vec<Given<Cidr>>>,
    pub(super) address: Option<Vec<Given<AddressWish>>>,
    pub(super) no_probe: bool,
    pub(super) gateway: Option<Vec<Given<Address>>>,
    pub(super) mac: Option<Given<Mac>>,
    pub(super) mtu: Option<Given<Number>>,
    pub(super) vlan: Option<Given<Number>>,
    pub(super) device: Option<Given<DeviceChoice>>,
    pub(super) queues: Option<Given<Number>>,
    pub(super) busy_poll: Option<Given<Number>>,
    pub(super) memory: Option<Given<Size>>,
    pub(super) services: Option<Vec<Given<ServiceWish>>>,
    pub(super) group: Option<Vec<Given<GroupWish>>>,
    pub(super) multicast_ttl: Option<Given<Number>>,
    pub(super) root: Option<Given<PathBuf>>,
    pub(super) tls_cert: Option<Given<PathBuf>>,
    pub(super) tls_key: Option<Given<PathBuf>>,
    pub(super) state: Option<Given<PathBuf>>,
    pub(super) writable: bool,
    pub(super) rtp: RtpWishes,
    pub(super) mail: MailWishes,
    pub(super) relay: RelayWishes,
    pub(super) record: Option<Given<PathBuf>>,
    /// Empty: all of them.
    pub(super) trace: Option<Vec<Given<Protocol>>>,
    pub(super) rarp: Option<Vec<Given<(Mac, Address)>>>,
    pub(super) users: Option<Vec<Given<UserWish>>>,
    pub(super) check: bool,
}

impl Wishes {
    /// These wishes, and `below` where they say nothing. A list replaces the list below it.
    pub(super) fn over(self, below: Wishes) -> Wishes {
        Wishes {
            tap: self.tap.or(below.tap),
            netns: self.netns.or(below.netns),
            host: self.host.or(below.host),
            address: self.address.or(below.address),
            no_probe: self.no_probe || below.no_probe,
            gateway: self.gateway.or(below.gateway),
            mac: self.mac.or(below.mac),
            mtu: self.mtu.or(below.mtu),
            vlan: self.vlan.or(below.vlan),
            device: self.device.or(below.device),
            queues: self.queues.or(below.queues),
            busy_poll: self.busy_poll.or(below.busy_poll),
            memory: self.memory.or(below.memory),
            services: self.services.or(below.services),
            group: self.group.or(below.group),
            multicast_ttl: self.multicast_ttl.or(below.multicast_ttl),
            root: self.root.or(below.root),
            tls_cert: self.tls_cert.or(below.tls_cert),
            tls_key: self.tls_key.or(below.tls_key),
            state: self.state.or(below.state),
            writable: self.writable || below.writable,
            rtp: self.rtp.over(below.rtp),
            mail: self.mail.over(below.mail),
            relay: self.relay.over(below.relay),
            record: self.record.or(below.record),
            trace: self.trace.or(below.trace),
            rarp: self.rarp.or(below.rarp),
            users: self.users.or(below.users),
            check: self.check || below.check,
        }
    }
}

/// Somebody who is to be able to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserWish {
    pub(super) name: String,
    /// The hash of it.
    pub(super) password: String,
    pub(super) home: String,
}

/// What can be asked for of RTP.
#[derive(Debug, Default)]
pub(super) struct RtpWishes {
    pub(super) record: Option<Given<PathBuf>>,
    pub(super) map: Option<Vec<Given<Binding>>>,
    pub(super) groups: Option<Vec<Given<GroupWish>>>,
    pub(super) reflect: Option<Given<ReflectWish>>,
    pub(super) feedback: bool,
}

impl RtpWishes {
    fn over(self, below: RtpWishes) -> RtpWishes {
        RtpWishes {
            record: self.record.or(below.record),
            map: self.map.or(below.map),
            groups: self.groups.or(below.groups),
            reflect: self.reflect.or(below.reflect),
            feedback: self.feedback || below.feedback,
        }
    }

    pub(super) fn into_settings(self) -> RtpSettings {
        fn values<T>(list: Option<Vec<Given<T>>>) -> Vec<T> {
            list.into_iter().flatten().map(|given| given.value).collect()
        }
        let RtpWishes { record, map, groups, reflect, feedback } = self;
        RtpSettings {
            record: record.map(|given| given.value),
            map: values(map),
            groups: values(groups),
            reflect: reflect.map(|given| given.value),
            feedback,
        }
    }
}

/// An address of our own that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressWish {
    /// This one.
    Own(Cidr),
    /// The one that RARP tells.
    Rarp,
    /// Those that follow from what routers and DHCP servers tell.
    Auto,
}

impl FromStr for AddressWish {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<AddressWish, Unreadable> {
        match text {
            "rarp" => Ok(AddressWish::Rarp),
            "auto" => Ok(AddressWish::Auto),
            _ => text.parse().map(AddressWish::Own),
        }
    }
}

/// A value and where it was written, so that an error can point there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<T> Given<T> {
    pub(super) fn by_default(value: T) -> Given<T> {
        Given { value, origin: Origin::Default }
    }

    pub(super) fn on_the_command_line(value: T) -> Given<T> {
        Given { value, origin: Origin::CommandLine }
    }
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nowhere.
    Default,
    CommandLine,
    File {
        path: Rc<str>,
        line: usize,
    },
}

impl Origin {
    /// An option as the user wrote it there: `--mtu`, `taphouse.toml:3: mtu`.
    pub(super) fn names(&self, option: &'static str) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Origin::Default => write!(f, "the default --{option}"),
            Origin::CommandLine => write!(f, "--{option}"),
            Origin::File { path, line } => write!(f, "{path}:{line}: {option}"),
        })
    }
}

/// A whole number, with an error of its own: the standard library's says "invalid digit found in string".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Number, String> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits).map(Number);
        number.ok_or_else(|| format!("`{text}` is not a whole number: write digits only, like 1500"))
    }
}

/// An amount of memory in bytes, written with a unit of 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) usize);

impl Size {
    const UNITS: [(char, u32); 3] = [('G', 30), ('M', 20), ('K', 10)];
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let mut units = Size::UNITS.into_iter();
        let with_unit = units.find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
        let (number, shift) = with_unit.unwrap_or((text, 0));
        let number = number.parse::<Number>().ok().and_then(|Number(number)| usize::try_from(number).ok());
        let bytes = number.and_then(|number| number.checked_mul(1 << shift));
        bytes
            .map(Size)
            .ok_or_else(|| format!("`{text}` is not an amount of memory: write a whole number and K, M or G, like 64M"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = Size::UNITS.into_iter();
        match units.find(|(_, shift)| self.0 > 0 && self.0.is_multiple_of(1 << shift)) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes, shown) in [
            ("64M", 64 << 20, "64M"),
            ("1G", 1 << 30, "1G"),
            ("2048K", 2 << 20, "2M"),
            ("5000", 5000, "5000"),
            ("0", 0, "0"),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)));
            assert_eq!(Size(bytes).to_string(), shown);
        }
        for bad in ["", "M", "64m", "64MB", "-1M", "1.5G", "64 M", "99999999999G"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_above_wins_and_lists_are_replaced() {
        let number = |n| Some(Given::on_the_command_line(Number(n)));
        let host = |texts: &[&str]| {
            Some(
                texts
                    .iter()
                    .map(|text| Given::on_the_command_line(text.parse().unwrap()))
                    .collect::<Vec<Given<Cidr>>>(),
            )
        };
        let above = Wishes { mtu: number(9000), host: host(&[]), ..Wishes::default() };
        let below = Wishes {
            mtu: number(1400),
            queues: number(2),
            host: host(&["10.0.0.1/8", "fd00::1/8"]),
            ..Wishes::default()
        };
        let merged = above.over(below);
        assert_eq!((merged.mtu, merged.queues), (number(9000), number(2)));
        assert_eq!(merged.host, host(&[]), "no host's address was asked for above");
    }

    #[test]
    fn an_option_is_named_as_it_was_written() {
        let file = Origin::File { path: "t.toml".into(), line: 3 };
        let cases = [(Origin::Default, "the default --mtu"), (Origin::CommandLine, "--mtu"), (file, "t.toml:3: mtu")];
        for (origin, text) in cases {
            assert_eq!(origin.names("mtu").to_string(), text);
        }
    }

    #[test]
    fn numbers_are_digits() {
        assert_eq!("1500".parse(), Ok(Number(1500)));
        for bad in ["", "-1", "+1", "1.5", "0x10", "99999999999999999999"] {
            assert!(bad.parse::<Number>().is_err(), "{bad}");
        }
    }
}
