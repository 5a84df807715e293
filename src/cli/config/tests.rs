use super::*;
use crate::cli::services::ServiceName;

const EVERYTHING: &str = r#"
tap = "tap7"
netns = "lab"
host = ["10.0.0.1/8"]
address = [
    "10.0.0.2/8",
    "fd00::2/8",
]
gateway = ["10.0.0.1"]
mac = "02:00:00:00:00:01"
mtu = 9000
device = "offload"
queues = 4
busy-poll = 0
memory = "64M"
services = ["echo=1007"]

[[rarp]]
mac = "02:00:00:00:00:aa"
address = "10.0.0.99"

[[rarp]]
mac = "02:00:00:00:00:bb"
address = "10.0.0.98"
"#;

#[test]
fn everything_is_read_with_its_line() {
    let wishes = read("t.toml", EVERYTHING).unwrap();
    fn at<T>(value: T, line: usize) -> Given<T> {
        Given { value, origin: Origin::File { path: "t.toml".into(), line } }
    }
    assert_eq!(wishes.tap, Some(at("tap7".to_owned(), 2)));
    assert_eq!(wishes.netns, Some(at("lab".to_owned(), 3)));
    assert_eq!(wishes.host, Some(vec![at("10.0.0.1/8".parse().unwrap(), 4)]));
    let addresses = vec![at("10.0.0.2/8".parse().unwrap(), 6), at("fd00::2/8".parse().unwrap(), 7)];
    assert_eq!(wishes.address, Some(addresses));
    assert_eq!(wishes.gateway, Some(vec![at("10.0.0.1".parse().unwrap(), 9)]));
    assert_eq!(wishes.mac, Some(at("02:00:00:00:00:01".parse().unwrap(), 10)));
    assert_eq!(wishes.mtu, Some(at(Number(9000), 11)));
    assert_eq!(wishes.device, Some(at(DeviceChoice::Offload, 12)));
    assert_eq!(wishes.queues, Some(at(Number(4), 13)));
    assert_eq!(wishes.busy_poll, Some(at(Number(0), 14)));
    assert_eq!(wishes.memory, Some(at(Size(64 << 20), 15)));
    let Some([Given { value: ServiceWish::One(service), .. }]) = wishes.services.as_deref() else { panic!() };
    assert_eq!((service.name, service.port), (ServiceName::Echo, 1007));
    let entry = |mac: &str, address: &str| (mac.parse().unwrap(), address.parse().unwrap());
    let first = at(entry("02:00:00:00:00:aa", "10.0.0.99"), 18);
    let second = at(entry("02:00:00:00:00:bb", "10.0.0.98"), 22);
    assert_eq!(wishes.rarp, Some(vec![first, second]));
    assert!(!wishes.check);
}

#[test]
fn what_is_not_said_stays_open() {
    let wishes = read("t.toml", "").unwrap();
    assert!(wishes.tap.is_none() && wishes.host.is_none() && wishes.rarp.is_none());
    assert_eq!(read("t.toml", "no-host = true").unwrap().host, Some(vec![]));
    assert_eq!(read("t.toml", "no-host = false").unwrap().host, None);
}

#[test]
fn every_error_is_one_line_with_a_place() {
    for (text, error) in [
        (
            "# ours\naddress = [\n  '10.77.0.300/24',\n]",
            "t.toml:3: `10.77.0.300/24` is not an address with a prefix length: write it like 10.77.0.2/24 or fd77::2/64",
        ),
        ("mtu = 'big'", "t.toml:1: `big` is not a whole number: write digits only, like 1500"),
        ("mtu = -5", "t.toml:1: `-5` is not a whole number: write digits only, like 1500"),
        ("\ndevice = 'plane'", "t.toml:2: `plane` is not a kind of device: choose `auto`, `offload` or `plain`"),
        ("tap = true", "t.toml:1: invalid type: boolean `true`, expected one value, in quotes unless it is a number"),
        (
            "host = '10.0.0.1/8'",
            "t.toml:1: invalid type: string \"10.0.0.1/8\", expected a list in brackets, like [\"one\", \"two\"]",
        ),
        (
            "tap = 'tap0'\nadress = []",
            "t.toml:2: unknown field `adress`, expected one of `tap`, `netns`, `host`, `no-host`, `address`, `no-probe`, `gateway`, \
             `mac`, `mtu`, `vlan`, `device`, `queues`, `busy-poll`, `memory`, `services`, `group`, `multicast-ttl`, `root`, `tls-cert`, `tls-key`, `state`, `writable`, `rtp-record`, `rtp-map`, `rtp-group`, `rtp-reflect`, `rtp-feedback`, `mail-domain`, `mail-size`, `mail-relay-from`, `mail-mend-lines`, `mail-clear-passwords`, `smarthost`, `smarthost-login`, `smarthost-ca`, `dns`, `mail-name`, `mail-retry`, `mail-lifetime`, `mail-patience`, `record`, `trace`, `rarp`, `user`",
        ),
        ("[[rarp]]\nmac = '02:00:00:00:00:aa'", "t.toml:1: missing field `address`"),
        ("no-host = true\nhost = []", "t.toml:1: no-host stands beside host: leave out one or the other"),
        ("tap = 'a'\ntap = 'b'", "t.toml:2: duplicate key"),
        ("tap = [", "t.toml:1: unclosed array, expected `]`"),
    ] {
        assert_eq!(read("t.toml", text).err(), Some(UsageError(error.to_owned())));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let UsageError(error) = load(Path::new("/nonexistent/t.toml")).err().unwrap();
    assert!(error.starts_with("--config `/nonexistent/t.toml` cannot be read: No such file"), "{error}");
    assert!(error.ends_with("give the path of a TOML file"), "{error}");
}
