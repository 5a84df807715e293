//! Which services run, and on which ports.

use std::fmt;
use std::str::FromStr;

use taphouse::application::smtp::server::Role;
use taphouse::application::{ftp, iperf, rtp};

use super::wishes::Given;

/// A service by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceName {
    /// RFC 862.
    Echo,
    /// RFC 863.
    Discard,
    /// RFC 864.
    Chargen,
    /// The server of iperf3's protocol.
    Iperf,
    /// RFC 959.
    Ftp,
    /// RFC 3550; RTCP has the next port.
    Rtp,
    /// RFC 5321.
    Smtp,
    /// RFC 6409.
    Submission,
    /// RFC 8314.
    Submissions,
}

impl ServiceName {
    /// Every service that there is.
    pub(crate) const ALL: [ServiceName; 9] = [
        ServiceName::Echo,
        ServiceName::Discard,
        ServiceName::Chargen,
        ServiceName::Iperf,
        ServiceName::Ftp,
        ServiceName::Rtp,
        ServiceName::Smtp,
        ServiceName::Submission,
        ServiceName::Submissions,
    ];

    /// Those that take mail.
    pub(crate) const MAIL: [ServiceName; 3] = [ServiceName::Smtp, ServiceName::Submission, ServiceName::Submissions];

    /// The port that IANA gave it, or that its clients expect.
    pub(crate) const fn port(self) -> u16 {
        match self {
            ServiceName::Echo => 7,
            ServiceName::Discard => 9,
            ServiceName::Chargen => 19,
            ServiceName::Iperf => iperf::PORT,
            ServiceName::Ftp => ftp::PORT,
            ServiceName::Rtp => rtp::PORT,
            ServiceName::Smtp => Role::Transfer.port(),
            ServiceName::Submission => Role::Submission.port(),
            ServiceName::Submissions => Role::Submissions.port(),
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServiceName::Echo => "echo",
            ServiceName::Discard => "discard",
            ServiceName::Chargen => "chargen",
            ServiceName::Iperf => "iperf",
            ServiceName::Ftp => "ftp",
            ServiceName::Rtp => "rtp",
            ServiceName::Smtp => "smtp",
            ServiceName::Submission => "submission",
            ServiceName::Submissions => "submissions",
        })
    }
}

/// A service and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceAt {
    pub(crate) name: ServiceName,
    pub(crate) port: u16,
}

impl ServiceAt {
    /// Its port, and that of RTCP.
    fn ports(self) -> impl Iterator<Item = u16> {
        let last = if self.name == ServiceName::Rtp { self.port.saturating_add(1) } else { self.port };
        self.port..=last
    }
}

impl fmt::Display for ServiceAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.port)
    }
}

/// One word of `--services`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceWish {
    /// `all`: every service that the list does not name itself.
    All,
    /// `none`, which stands alone.
    None,
    /// `echo` or `echo=1007`.
    One(ServiceAt),
}

impl FromStr for ServiceWish {
    type Err = String;

    fn from_str(text: &str) -> Result<ServiceWish, String> {
        let (word, port) = match text.split_once('=') {
            Some((word, port)) => (word, Some(port)),
            None => (text, None),
        };
        match (word, port) {
            ("all", None) => return Ok(ServiceWish::All),
            ("none", None) => return Ok(ServiceWish::None),
            _ => (),
        }
        let name = ServiceName::ALL.into_iter().find(|name| name.to_string() == word).ok_or_else(|| {
            let known = ServiceName::ALL.map(|name| format!("`{name}`")).join(", ");
            format!("`{word}` is not a service: choose from {known}, or write `all` or `none`")
        })?;
        let port = match port {
            None => name.port(),
            Some(digits) => read_port(digits).ok_or_else(|| {
                format!("`{text}` has no port from 1 to 65535: write it like {name}={}", suggested_port(name))
            })?,
        };
        Ok(ServiceWish::One(ServiceAt { name, port }))
    }
}

/// The services of a list, in its order, each with a port of its own.
pub(super) fn choose(wishes: &[Given<ServiceWish>]) -> Result<Vec<ServiceAt>, String> {
    let mut chosen: Vec<ServiceAt> = Vec::new();
    for Given { value, origin } in wishes {
        let option = origin.names("services");
        match *value {
            ServiceWish::None if wishes.len() > 1 => {
                return Err(format!("{option}: `none` stands beside other services: leave out one or the other"));
            }
            ServiceWish::None => (),
            ServiceWish::One(service) => add(&mut chosen, service).map_err(|why| format!("{option}: {why}"))?,
            ServiceWish::All => {
                let named =
                    |name| wishes.iter().any(|given| matches!(given.value, ServiceWish::One(at) if at.name == name));
                for name in ServiceName::ALL.into_iter().filter(|name| !named(*name)) {
                    let service = ServiceAt { name, port: name.port() };
                    add(&mut chosen, service).map_err(|why| format!("{option}: {why}"))?;
                }
            }
        }
    }
    Ok(chosen)
}

fn add(chosen: &mut Vec<ServiceAt>, service: ServiceAt) -> Result<(), String> {
    let ServiceAt { name, port } = service;
    if name == ServiceName::Rtp && port == u16::MAX {
        return Err(format!(
            "`rtp={port}` leaves no port for RTCP, which has the next: write it like rtp={}",
            suggested_port(name)
        ));
    }
    let shared = |other: &&ServiceAt| other.ports().any(|theirs| service.ports().any(|ours| ours == theirs));
    let clash = chosen.iter().find(shared);
    let port = clash.map_or(port, |other| port.max(other.port));
    match clash {
        None => chosen.push(service),
        Some(other) if other.name == name => {
            return Err(format!("port {port} is given to `{name}` twice: name it once"));
        }
        Some(other) => {
            return Err(format!(
                "port {port} is given to `{}` and to `{name}`: give each service a port of its own, as in `{name}={}`",
                other.name,
                suggested_port(name),
            ));
        }
    }
    Ok(())
}

/// A port to write in an example.
fn suggested_port(name: ServiceName) -> u16 {
    1000 + name.port()
}

fn read_port(digits: &str) -> Option<u16> {
    let port = digits.parse().ok().filter(|port| *port != 0)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list as the card would print it, or the error.
    fn services(list: &str) -> Result<String, String> {
        let wishes: Result<Vec<_>, String> =
            list.split(',').map(|word| word.parse().map(Given::on_the_command_line)).collect();
        let chosen = choose(&wishes?)?;
        Ok(chosen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn lists_are_read() {
        for (list, chosen) in [
            (
                "all",
                "echo 7, discard 9, chargen 19, iperf 5201, ftp 21, rtp 5004, smtp 25, submission 587, submissions 465",
            ),
            ("none", ""),
            ("chargen,echo", "chargen 19, echo 7"),
            ("echo=1007", "echo 1007"),
            ("echo,echo=1007", "echo 7, echo 1007"),
            (
                "all,echo=1007",
                "discard 9, chargen 19, iperf 5201, ftp 21, rtp 5004, smtp 25, submission 587, submissions 465, echo 1007",
            ),
            (
                "echo=9,all,discard=7",
                "echo 9, chargen 19, iperf 5201, ftp 21, rtp 5004, smtp 25, submission 587, submissions 465, discard 7",
            ),
        ] {
            assert_eq!(services(list).as_deref(), Ok(chosen), "{list}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said() {
        for (list, error) in [
            (
                "echo,chargen=7",
                "--services: port 7 is given to `echo` and to `chargen`: give each service a port of its own, as in `chargen=1019`",
            ),
            (
                "echo=9,all",
                "--services: port 9 is given to `echo` and to `discard`: give each service a port of its own, as in `discard=1009`",
            ),
            (
                "rtp,echo=5005",
                "--services: port 5005 is given to `rtp` and to `echo`: give each service a port of its own, as in `echo=1007`",
            ),
            (
                "rtp=65535",
                "--services: `rtp=65535` leaves no port for RTCP, which has the next: write it like rtp=6004",
            ),
            ("echo,echo", "--services: port 7 is given to `echo` twice: name it once"),
            ("echo,none", "--services: `none` stands beside other services: leave out one or the other"),
            (
                "finger",
                "`finger` is not a service: choose from `echo`, `discard`, `chargen`, `iperf`, `ftp`, `rtp`, `smtp`, `submission`, `submissions`, or write `all` or `none`",
            ),
            (
                "",
                "`` is not a service: choose from `echo`, `discard`, `chargen`, `iperf`, `ftp`, `rtp`, `smtp`, `submission`, `submissions`, or write `all` or `none`",
            ),
            (
                "all=7",
                "`all` is not a service: choose from `echo`, `discard`, `chargen`, `iperf`, `ftp`, `rtp`, `smtp`, `submission`, `submissions`, or write `all` or `none`",
            ),
            ("echo=0", "`echo=0` has no port from 1 to 65535: write it like echo=1007"),
            ("echo=", "`echo=` has no port from 1 to 65535: write it like echo=1007"),
            ("echo=+7", "`echo=+7` has no port from 1 to 65535: write it like echo=1007"),
            ("chargen=65536", "`chargen=65536` has no port from 1 to 65535: write it like chargen=1019"),
        ] {
            assert_eq!(services(list), Err(error.to_owned()), "{list}");
        }
    }
}
