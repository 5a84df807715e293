//! Names of hosts, as the machine's own table has them; there is no DNS yet.

use std::fs;

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
}
