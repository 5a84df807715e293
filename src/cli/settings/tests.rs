use super::*;
use crate::cli::args::{self, Read};
use crate::cli::config;
use crate::cli::relay::RelayWishes;

/// What the command line `taphouse LINE` makes of the configuration `file`.
fn settings_with(line: &str, file: &str) -> Result<Settings, String> {
    let words = std::iter::once("taphouse").chain(line.split_whitespace());
    let args = match args::read(words.map(Into::into)) {
        Ok(Read::Args(args)) => args,
        Ok(Read::Show(text)) => panic!("{text}"),
        Ok(Read::Password | Read::Transfer(..) | Read::Send(..) | Read::Stream(..)) => panic!("no settings"),
        Err(UsageError(error)) => return Err(error),
    };
    let file = config::read("t.toml", file).unwrap();
    Settings::new(args.into_wishes().over(file), "machine").map_err(|UsageError(error)| error)
}

fn settings(line: &str) -> Result<Settings, String> {
    settings_with(line, "")
}

fn cidrs(texts: &[&str]) -> Vec<Cidr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = settings("").unwrap();
    let expected = Settings {
        tap: "tap0".to_owned(),
        namespace: None,
        host: cidrs(&["10.77.0.1/24", "fd77::1/64"]),
        addresses: cidrs(&["10.77.0.2/24", "fd77::2/64"]),
        ask_rarp: false,
        auto: None,
        no_probe: false,
        gateways: vec![],
        mac: identity::mac("machine", None, "tap0"),
        mtu: 1500,
        vlan: None,
        device: DeviceChoice::Auto,
        queues: 1,
        busy_poll: Duration::from_micros(50),
        memory: 256 << 20,
        services: services::ServiceName::ALL.map(|name| ServiceAt { name, port: name.port() }).to_vec(),
        root: "/var/lib/taphouse/ftp".into(),
        tls: None,
        state: "/var/lib/taphouse".into(),
        writable: false,
        relay: RelayWishes::default().into_settings().unwrap(),
        rtp: Default::default(),
        record: None,
        trace: None,
        rarp: vec![],
        users: vec![],
        check: false,
    };
    assert_eq!(settings, expected);
}

#[test]
fn what_makes_sense_is_taken() {
    for line in [
        "--tap 123456789012345",
        "--netns lab",
        "--netns /proc/1/ns/net",
        "--address 10.0.0.0/31 --address 10.0.0.5/32 --address fd00::/127 --address fd00::5/128",
        "--address fe80::5/64",
        "--address 169.254.7.7/16",
        "--address 10.0.0.1/0",
        "--address 10.0.0.2/8 --gateway 10.255.255.254",
        "--gateway fe80::1%tap0",
        "--gateway 10.77.0.1 --gateway fd77::1",
        "--mtu 65521",
        "--mtu 1280",
        "--mtu 68 --address 10.0.0.2/8 --no-host",
        "--mac 00:16:3e:00:00:01",
        "--queues 64 --busy-poll 0",
        "--queues 2 --memory 8M",
        "--device plain --queues 1",
    ] {
        assert!(settings(line).is_ok(), "{line}: {:?}", settings(line));
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    for (line, error) in [
        (
            "--tap 1234567890123456",
            "--tap `1234567890123456` is longer than 15 bytes, which no interface's name may: choose a name like tap0",
        ),
        (
            "--tap a/b",
            "--tap `a/b` has a space, `/`, `:` or `%` in it, which no interface's name may: choose a name like tap0",
        ),
        (
            "--device plain --queues 2",
            "--queues 2 is too many for the plain device, which has one: leave --device plain out",
        ),
        ("--netns .", "--netns `.` is not a network namespace: choose one of `ip netns list`"),
        ("--netns /run/netns/", "--netns `/run/netns/` is not a network namespace: choose one of `ip netns list`"),
        ("--address 0.0.0.0/8", "--address `0.0.0.0/8` is the unspecified address: give a host's address"),
        ("--address 127.0.0.1/8", "--address `127.0.0.1/8` is a loopback address: give a host's address"),
        ("--address ::1/128", "--address `::1/128` is a loopback address: give a host's address"),
        ("--address 224.0.0.5/24", "--address `224.0.0.5/24` is a multicast address: give a host's address"),
        ("--address ff02::5/64", "--address `ff02::5/64` is a multicast address: give a host's address"),
        ("--address 250.0.0.1/8", "--address `250.0.0.1/8` is a reserved address: give a host's address"),
        ("--address 10.0.0.0/8", "--address `10.0.0.0/8` is the address of the network itself: give a host's address"),
        (
            "--address fd00::/64",
            "--address `fd00::/64` is the subnet's routers' anycast address: give a host's address",
        ),
        (
            "--address 10.255.255.255/8",
            "--address `10.255.255.255/8` is the broadcast address of its network: give a host's address",
        ),
        ("--host 10.0.0.0/8", "--host `10.0.0.0/8` is the address of the network itself: give a host's address"),
        ("--address 10.0.0.2/8 --address 10.0.0.2/24", "--address `10.0.0.2/24` is given twice: leave one out"),
        (
            "--address 10.77.0.1/24",
            "--address `10.77.0.1/24` is the host's side too (--host): give one of them another address",
        ),
        (
            "--host 10.77.0.2/24",
            "the default --address `10.77.0.2/24` is the host's side too (--host): give one of them another address",
        ),
        (
            "--mac 02:00:00:00:00:01 --address fe80::ff:fe00:1/64",
            "--address `fe80::ff:fe00:1/64` is our link-local address, which exists without being asked for: leave it out",
        ),
        (
            "--gateway 10.78.0.1",
            "--gateway `10.78.0.1` is in no network of ours: give a router within the prefix of an --address",
        ),
        ("--gateway 10.77.0.2", "--gateway `10.77.0.2` is our own address: give the address of a router"),
        (
            "--gateway 10.77.0.255",
            "--gateway `10.77.0.255` is the broadcast address of 10.77.0.2/24: give the address of a router",
        ),
        ("--gateway ff02::2", "--gateway `ff02::2` is not a host's address: give the address of a router"),
        ("--gateway fe80::1 --gateway fe80::1%x", "--gateway `fe80::1` is given twice: leave one out"),
        ("--mtu 67", "--mtu 67 is too small: give a number from 68 to 65521"),
        ("--mtu 65522", "--mtu 65522 is too large: give a number from 68 to 65521"),
        (
            "--mtu 1279",
            "--mtu 1279 is too small for IPv6 (--address fd77::2/64): give at least 1280, or IPv4 addresses only, \
             as in --address 10.77.0.2/24 --host 10.77.0.1/24",
        ),
        (
            "--mtu 576 --address 10.77.0.2/24",
            "--mtu 576 is too small for IPv6 (--host fd77::1/64): give at least 1280, or IPv4 addresses only, \
             as in --address 10.77.0.2/24 --host 10.77.0.1/24",
        ),
        (
            "--mac 00:00:00:00:00:00",
            "--mac `00:00:00:00:00:00` is zero, which is no card's address: choose one like 02:00:00:00:00:01",
        ),
        (
            "--mac 01:00:5e:00:00:01",
            "--mac `01:00:5e:00:00:01` is a group's address, not that of one card: choose one like 02:00:00:00:00:01",
        ),
        ("--queues 0", "--queues 0 is too small: give a number from 1 to 64"),
        ("--queues 65", "--queues 65 is too large: give a number from 1 to 64"),
        ("--memory 64K", "--memory 64K is too small: give at least 4M"),
        ("--memory 8M --queues 4", "--memory 8M is too small for 4 queues: give at least 16M"),
        ("--busy-poll 1000001", "--busy-poll 1000001 is too large: give a number from 0 to 1000000"),
    ] {
        assert_eq!(settings(line), Err(error.to_owned()), "{line}");
    }
}

#[test]
fn addresses_are_as_many_as_there_is_room_for() {
    let line = |count: usize| (0..count).map(|i| format!(" --address 10.0.0.{}/8", i + 2)).collect::<String>();
    assert!(settings(&line(limits::OWN_ADDRESSES - 1)).is_ok());
    let error = settings(&line(limits::OWN_ADDRESSES)).unwrap_err();
    assert_eq!(error, "--address `10.0.0.17/8` is one too many: give at most 15");
}

#[test]
fn the_rarp_table_is_looked_through() {
    let entry = |mac: &str, address: &str| format!("[[rarp]]\nmac = '{mac}'\naddress = '{address}'\n");
    let good = entry("02:00:00:00:00:aa", "10.77.0.99");
    let table = settings_with("", &good).unwrap().rarp;
    assert_eq!(table, [("02:00:00:00:00:aa".parse().unwrap(), "10.77.0.99".parse().unwrap())]);
    for (second, error) in [
        (
            entry("02:00:00:00:00:aa", "10.77.0.98"),
            "t.toml:4: rarp: mac `02:00:00:00:00:aa` is there twice: leave out one of its entries",
        ),
        (
            entry("ff:ff:ff:ff:ff:ff", "10.77.0.98"),
            "t.toml:4: rarp: mac `ff:ff:ff:ff:ff:ff` is a group's address, not that of one card: give the address of the \
             card that asks",
        ),
        (
            entry("02:00:00:00:00:bb", "fd77::98"),
            "t.toml:4: rarp: address `fd77::98` is not an IPv4 address, and RARP tells no other: write it like 10.77.0.99",
        ),
        (
            entry("02:00:00:00:00:bb", "0.0.0.0"),
            "t.toml:4: rarp: address `0.0.0.0` is not a host's address: write it like 10.77.0.99",
        ),
    ] {
        assert_eq!(settings_with("", &format!("{good}{second}")), Err(error.to_owned()));
    }
    let many =
        |count: usize| (0..count).map(|i| entry(&format!("02:00:00:00:{:02x}:{:02x}", i >> 8, i & 255), "10.0.0.9"));
    assert!(settings_with("", &many(limits::RARP_ENTRIES).collect::<String>()).is_ok());
    let error = settings_with("", &many(limits::RARP_ENTRIES + 1).collect::<String>()).unwrap_err();
    assert_eq!(error, "t.toml:3073: rarp: there are more than 1024 entries: leave some out");
}

#[test]
fn a_namespace_has_one_name() {
    for (written, kept) in [
        ("lab", "lab"),
        ("/run/netns/lab", "lab"),
        ("/var/run/netns/lab", "lab"),
        ("/run/netns/a/b", "/run/netns/a/b"),
        ("/proc/1/ns/net", "/proc/1/ns/net"),
    ] {
        assert_eq!(settings(&format!("--netns {written}")).unwrap().namespace.as_deref(), Some(kept));
    }
    let mac = |line| settings(line).unwrap().mac;
    assert_eq!(mac("--netns lab"), mac("--netns /run/netns/lab"));
}

#[test]
fn no_ipv6_where_it_does_not_fit() {
    let narrow = settings("--mtu 576 --address 10.0.0.2/8 --no-host").unwrap();
    assert_eq!(narrow.own_addresses(), ["10.0.0.2".parse().unwrap()]);
    let wide = settings("--mac 02:00:00:00:00:01").unwrap();
    assert_eq!(wide.own_addresses(), ["10.77.0.2", "fd77::2", "fe80::ff:fe00:1"].map(|text| text.parse().unwrap()));
}

#[test]
fn rarp_tells_one_address_beside_those_that_are_given() {
    let rarp = settings("--address rarp --gateway 10.77.0.1").unwrap();
    assert_eq!((rarp.addresses, rarp.ask_rarp), (vec![], true));
    let both = settings("--address rarp --address fd77::2/64").unwrap();
    assert_eq!((both.addresses, both.ask_rarp), (cidrs(&["fd77::2/64"]), true));
    let twice = settings("--address rarp --address rarp").unwrap_err();
    assert_eq!(twice, "--address `rarp` is given twice: leave one out");
    let far = settings("--address rarp --gateway 192.0.2.1").unwrap_err();
    assert!(far.contains("is in no network of ours"), "{far}");
    let own: String = (1..=15).map(|last| format!(" --address 10.77.0.{last}/24")).collect();
    let many = settings(&format!("--no-host --address rarp{own}")).unwrap_err();
    assert_eq!(many, "--address `10.77.0.15/24` is one too many: give at most 14 beside rarp");
}

#[test]
fn the_wire_tells_addresses_beside_those_that_are_given() {
    let auto = settings("--address auto --gateway 10.77.0.1").unwrap();
    assert_eq!((auto.addresses, auto.auto.is_some()), (vec![], true));
    let both = settings_with("", "address = ['fd77::2/64', 'auto']").unwrap();
    assert_eq!((both.addresses, both.auto.is_some()), (cidrs(&["fd77::2/64"]), true));
    let elsewhere = settings("--address auto --tap tap1").unwrap();
    assert_ne!(auto.auto, elsewhere.auto, "each TAP has a secret of its own");
    for (line, error) in [
        ("--address auto --address auto", "--address `auto` is given twice: leave one out"),
        (
            "--address auto --address rarp",
            "--address `rarp` makes two who are asked for an IPv4 address: leave rarp or auto out",
        ),
    ] {
        assert_eq!(settings(line), Err(error.to_owned()));
    }
    let own: String = (1..=9).map(|last| format!(" --address 10.77.0.{last}/24")).collect();
    let many = settings(&format!("--no-host --address auto{own}")).unwrap_err();
    assert_eq!(many, "--address `10.77.0.9/24` is one too many: give at most 8 beside auto");
}

#[test]
fn a_vlan_is_one_of_those_that_there_are() {
    let own = settings("--vlan 4094").unwrap();
    assert_eq!((own.vlan, own.host), (Vlan::new(4094), vec![]), "the host's side is left alone");
    assert_eq!(settings_with("", "vlan = 5").unwrap().vlan, Vlan::new(5));
    assert_eq!(settings("--vlan 0").unwrap_err(), "--vlan 0 is too small: give a number from 1 to 4094");
    assert_eq!(settings("--vlan 4095").unwrap_err(), "--vlan 4095 is too large: give a number from 1 to 4094");
}

#[test]
fn probing_is_left_out_by_wish() {
    assert!(settings("--no-probe").unwrap().no_probe);
    assert!(settings_with("", "no-probe = true").unwrap().no_probe);
}

#[test]
fn users_are_read_and_what_is_wrong_with_one_is_said() {
    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG";
    let user = |name: &str, password: &str, home: &str| {
        format!("[[user]]\nname = '{name}'\npassword = '{password}'\nhome = '{home}'\n")
    };
    let read = settings_with("", &(user("alice", HASH, "alice") + &user("bob", HASH, "homes/bob"))).unwrap();
    let names: Vec<_> = read.users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert_eq!(read.users[1].home.path(), PathBuf::from("homes/bob"));
    let everything = HASH.replace("m=19456", "m=100000000");
    for (file, error) in [
        (user("", HASH, "x"), "t.toml:1: user: name `` is empty or longer than 64 bytes: choose another"),
        (user("ftp", HASH, "x"), "t.toml:1: user: name `ftp` is what FTP calls everybody: choose another"),
        (
            user("alice", HASH, "a") + &user("alice", HASH, "b"),
            "t.toml:5: user: name `alice` is there twice: leave one out",
        ),
        (
            user("alice", "secret", "a"),
            "t.toml:1: user: the password of `alice` is no argon2 hash: make one with `taphouse password`",
        ),
        (
            user("alice", &everything, "a"),
            "t.toml:1: user: the password of `alice` wants more than 256 MiB, 16 passes or 16 lanes: make one with `taphouse password`",
        ),
        (
            user("alice", HASH, "../etc"),
            "t.toml:1: user: home `../etc` of `alice` is no path below the root: write it like alice",
        ),
    ] {
        assert_eq!(settings_with("", &file).map(|_| ()), Err(error.to_owned()), "{file}");
    }
}
