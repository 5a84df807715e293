//! Names of hosts, as the machine's own table has them; there is no DNS yet.

use std::fs;
use std::str::FromStr;

use taphouse::base::address::Address;

const TABLE: &str = "/etc/hosts";

/// The address that `host` is or has, as one line of /etc/hosts says it.
pub(super) fn resolve(host: &str) -> Result<Address, String> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let table = fs::read_to_string(TABLE).unwrap_or_default();
    find(&table, host).ok_or_else(|| format!("`{host}` is no address, and not in {TABLE}: write it like 10.77.0.1"))
}

fn find(table: &str, host: &str) -> Option<Address> {
    let lines = table.lines().filter_map(|line| line.split('#').next());
    let mut found = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then(|| address.parse().ok()).flatten()
    });
    found.next()
}

/// A host, and a port perhaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostPort {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<HostPort, String> {
        let bad = || format!("`{text}` is no server: write it like mail.example.org:25, 10.77.0.1 or [fd77::1]:25");
        let port = |digits: &str| digits.parse().ok().filter(|port| *port > 0).ok_or_else(bad);
        // An IPv6 address without brackets has no port.
        if text.parse::<Address>().is_ok() {
            return Ok(HostPort { host: text.to_owned(), port: None });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(port(rest.strip_prefix(':').ok_or_else(bad)?)?)),
            None => match text.split_once(':') {
                Some((host, digits)) => (host, Some(port(digits)?)),
                None => (text, None),
            },
        };
        let host = host.to_owned();
        if host.is_empty() || host.contains([' ', '/', '@']) { Err(bad()) } else { Ok(HostPort { host, port }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_table() {
        let table = "127.0.0.1 localhost\n# 10.0.0.1 old\n10.77.0.1\tserver Server.lan # ours\nnonsense server\n";
        assert_eq!(find(table, "server.LAN"), "10.77.0.1".parse().ok());
        assert_eq!((find(table, "old"), find(table, "10.77.0.1")), (None, None));
        assert_eq!(resolve("fd77::1"), Ok("fd77::1".parse().unwrap()));
    }

    #[test]
    fn servers_have_ports_or_not() {
        let server = |text: &str| text.parse::<HostPort>().map(|HostPort { host, port }| (host, port));
        let of = |host: &str, port| Ok((host.to_owned(), port));
        assert_eq!(server("mx"), of("mx", None));
        assert_eq!(server("10.77.0.1:2525"), of("10.77.0.1", Some(2525)));
        assert_eq!(server("[fd77::1]:2525"), of("fd77::1", Some(2525)));
        assert_eq!((server("[fd77::1]"), server("fd77::1")), (of("fd77::1", None), of("fd77::1", None)));
        for wrong in ["", "mx:", "mx:0", "mx:65536", "[fd77::1]25", "smtp://mx", ":25"] {
            assert!(server(wrong).is_err_and(|why| why.contains("is no server")), "{wrong}");
        }
    }
}
