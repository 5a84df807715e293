//! Addresses and ways from the wire: radvd is the router, dnsmasq the DHCP server.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::conflict::bridge;
use crate::house::{CHARGEN, House, count, taphouse};
use crate::lab::Lab;
use crate::program::{PATIENCE, Program, command};
use crate::routed::behind;

/// The host's side has an address in the prefix that radvd tells, and in that of which dnsmasq lends.
const HOST: &str = "--host 10.77.0.1/24 --host 2001:db8:77::1/64";
const PREFIX: &str = "2001:db8:77:";
const MAC: &str = "02:00:00:00:00:05";

/// A taphouse that is asking.
fn asking(lab: &Lab, arguments: &str) -> Program {
    let state = lab.state().display();
    let line = format!("up --netns {} --state {state} {HOST} --address auto {arguments}", lab.name);
    let mut program = lab.start(taphouse(&line));
    program.line_with("taphouse: tap0: asking routers and DHCP servers for our addresses");
    program
}

/// Once it is ready.
fn ready(mut program: Program) -> House {
    let start = Instant::now();
    let ready = program.line_with("ready ");
    House { program, ready, took: start.elapsed() }
}

fn radvd(lab: &Lab, folder: &TempDir, more: &str) -> Program {
    let file = folder.path().join("radvd.conf");
    let text = format!(
        "interface tap0 {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 1800;
           AdvCurHopLimit 99; {more}
           prefix {PREFIX}:/64 {{ AdvOnLink on; AdvAutonomous on; }};
           RDNSS {PREFIX}:53 {{ }}; DNSSL lab.example {{ }};
         }};\n"
    );
    fs::write(&file, text).expect("the folder is ours");
    let forward = || fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    lab.namespace().enter(forward).expect("the namespace is there").expect("forwarding can be switched on");
    let pid = folder.path().join("radvd.pid");
    lab.start(command(&format!("radvd -n -m stderr -C {} -p {}", file.display(), pid.display())))
}

fn dnsmasq(lab: &Lab, folder: &TempDir, interface: &str, more: &str) -> Program {
    let leases = folder.path().join("leases");
    // -d: it stays the user that it is, of whom a user namespace knows no other.
    let line = "dnsmasq -d -C /dev/null --log-dhcp --port=0 \
                --bind-interfaces --no-ping --dhcp-authoritative --dhcp-range=10.77.0.100,10.77.0.109,2m";
    let pid = folder.path().join("dnsmasq.pid");
    let line = format!(
        "{line} --interface={interface} --pid-file={} --dhcp-leasefile={} {more}",
        pid.display(),
        leases.display()
    );
    let mut program = lab.start(command(&line));
    program.line_with("DHCP, IP range");
    program
}

fn leases(folder: &Path) -> String {
    fs::read_to_string(folder.join("leases")).unwrap_or_default()
}

/// The address in this ready line that begins so.
fn address(house: &House, begins: &str) -> IpAddr {
    let word = house.ready.split(' ').find(|word| word.starts_with(begins));
    word.unwrap_or_else(|| panic!("{}", house.ready)).parse().expect("an address")
}

/// Whether characters come back, which are sent by route.
fn characters_come(lab: &Lab, to: IpAddr) -> bool {
    let socket = lab.socket(to, CHARGEN);
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("not zero");
    socket.send(b"?").expect("the link is up");
    socket.recv(&mut [0; 600]).is_ok()
}

fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn radvd_gives_an_address_and_a_way_and_takes_the_way_back() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for configurations");
    let house = asking(&lab, "--mac 02:00:00:00:00:05");
    let mut router = radvd(&lab, &folder, "");
    let mut house = ready(house);
    let own = address(&house, PREFIX);
    let card = house.program.printed_with("names that we are told: 2001:db8:77::53, lab.example");
    assert!(card.contains("routers that we are told: fe80::"), "{card}");
    let IpAddr::V6(v6) = own else { panic!("{own}") };
    assert!(!v6.octets().ends_with(&[0xff, 0xfe, 0, 0, 5]), "not the Ethernet address (RFC 7217)");
    lab.ping(own);
    let ping = lab.run(&format!("ping -n -c 1 -W 5 {own}")).ok();
    assert!(ping.contains("ttl=99"), "the hop limit that the router told: {ping}");

    let Some(far) = behind(&lab) else { return };
    far.ping(own);
    wait_until("there is a way back", || characters_come(&far, own));

    // It says goodbye: a lifetime of zero.
    router.signal(Signal::TERM);
    router.line_with("sending stop adverts");
    house.program.line_with("routers that we are told: none");
    assert!(!characters_come(&far, own));
    lab.ping(own);
    let report = house.end().stderr;
    assert!(count(&report, "dropped-no-route") > 0 && count(&report, "advertisements") > 1, "{report}");
    drop(router);

    // The same host on the same wire has the same address again.
    let again = asking(&lab, "--mac 02:00:00:00:00:05 --no-probe");
    let _router = radvd(&lab, &folder, "");
    assert_eq!(address(&ready(again), PREFIX), own);
}

#[test]
fn an_address_of_slaac_is_given_up_when_somebody_has_it() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for configurations");
    let arguments = "--mac 02:00:00:00:00:05 --services none";
    let first = {
        let house = asking(&lab, arguments);
        let _router = radvd(&lab, &folder, "");
        address(&ready(house), PREFIX)
    };
    // The host's side has that address now.
    let state = lab.state().display();
    let line = format!("up --netns {} --state {state} --host {first}/64 {HOST} --address auto {arguments}", lab.name);
    let mut house = lab.start(taphouse(&line));
    house.line_with("asking routers");
    let _router = radvd(&lab, &folder, "");
    house.line_with(&format!("{first} belongs to "));
    let house = ready(house);
    let second = address(&house, PREFIX);
    assert_ne!(second, first);
    lab.ping(second);
}

#[test]
fn dnsmasq_lends_an_address_renews_it_and_gets_it_back() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for configurations");
    // One that stays: of a TAP that is gone the server takes nothing.
    lab.ip("tuntap add dev tap0 mode tap");
    let house = asking(&lab, "--mac 02:00:00:00:00:05");
    let mut server =
        dnsmasq(&lab, &folder, "tap0", "--dhcp-option=option:T1,3 --dhcp-option=option:dns-server,10.77.0.53");
    server.line_with("DHCPDISCOVER(tap0) 02:00:00:00:00:05");
    server.line_with("DHCPACK(tap0)");
    let mut house = ready(house);
    let own = address(&house, "10.77.0.1");
    let card = house.program.printed_with("names that we are told: 10.77.0.53");
    assert!(card.contains(&format!("10.77.0.1 lends us {own}/24 for 1")), "{card}");
    assert!(card.contains("no router of IPv6 answered in 10 s"), "{card}");
    assert!(leases(folder.path()).contains(&format!("02:00:00:00:00:05 {own} ")), "{}", leases(folder.path()));
    lab.ping(own);
    lab.run(&format!("arping -c 1 -w 5 -I tap0 {own}")).ok();

    let Some(far) = behind(&lab) else { return };
    wait_until("there is a way back", || characters_come(&far, own));

    // T1 is three seconds: it is asked again, and not discovered.
    for _ in 0..2 {
        server.line_with(&format!("DHCPREQUEST(tap0) {own}"));
        server.line_with(&format!("DHCPACK(tap0) {own}"));
    }
    let ended = house.end();
    assert!(ended.status.success(), "{ended:?}");
    server.line_with(&format!("DHCPRELEASE(tap0) {own}"));
    wait_until("the lease is free", || !leases(folder.path()).contains(&own.to_string()));
}

/// Killed, it gave nothing back.
#[test]
fn a_lease_is_asked_for_again_after_a_restart() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for configurations");
    lab.ip("tuntap add dev tap0 mode tap");
    let arguments = format!("--mac {MAC} --services echo");
    let house = asking(&lab, &arguments);
    let mut server = dnsmasq(&lab, &folder, "tap0", "");
    server.line_with("DHCPDISCOVER(tap0)");
    let house = ready(house);
    let own = address(&house, "10.77.0.1");
    house.program.signal(Signal::KILL);
    house.program.ended();
    let kept = lab.state().join("leases/02-00-00-00-00-05");
    let text = fs::read_to_string(&kept).expect("the lease is kept");
    assert!(text.starts_with(&format!("{own} until ")), "{text}");

    server.line_with("DHCPACK(tap0)");
    let house = ready(asking(&lab, &arguments));
    assert_eq!(address(&house, "10.77.0.1"), own);
    // The first that its server hears is a request for that address.
    let heard = server.line_with("(tap0) ");
    assert!(heard.contains(&format!("DHCPREQUEST(tap0) {own} {MAC}")), "{heard}");
    server.line_with(&format!("DHCPACK(tap0) {own}"));
    lab.ping(own);
    assert!(house.end().status.success());
    server.line_with(&format!("DHCPRELEASE(tap0) {own}"));

    // What was given back is wished for.
    let house = ready(asking(&lab, &arguments));
    assert_eq!(address(&house, "10.77.0.1"), own);
    let heard = server.line_with("(tap0) ");
    assert!(heard.contains(&format!("DHCPDISCOVER(tap0) {own} {MAC}")), "{heard}");
    assert!(house.end().status.success());
    drop(server);

    // In another network it is refused, and there is another one.
    fs::write(&kept, "10.99.0.9 for ever\n").expect("the folder is ours");
    let house = asking(&lab, &arguments);
    let mut server = dnsmasq(&lab, &folder, "tap0", "");
    server.line_with("DHCPNAK(tap0) 10.99.0.9");
    let mut house = ready(house);
    house.program.printed_with("10.99.0.9 is not lent to us again");
    lab.ping(address(&house, "10.77.0.1"));
    let text = fs::read_to_string(&kept).expect("the lease is kept");
    assert!(text.starts_with("10.77.0.1"), "{text}");
}

#[test]
fn an_address_that_somebody_has_is_declined() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for configurations");
    bridge(&lab);
    let _first = lab.house("--tap tapa --no-host --address 10.77.0.100/24");
    // The server would have that address for the newcomer.
    let mut server = dnsmasq(&lab, &folder, "br0", "--dhcp-host=02:00:00:00:00:05,10.77.0.100");
    let (name, state) = (&lab.name, lab.state().display());
    let line = format!("up --netns {name} --state {state} --tap tapb --no-host --mac {MAC} --address auto");
    let mut house = lab.start(taphouse(&line));
    house.line_with("10.77.0.1 lends us 10.77.0.100/24");
    house.line_with("10.77.0.100 belongs to ");
    server.line_with("DHCPDECLINE(br0) 10.77.0.100 02:00:00:00:00:05");
    // The next one that it lends is another one.
    house.line_with("10.77.0.1 lends us 10.77.0.10");
    let ready = house.printed_with(" is ours, too");
    assert!(!ready.contains("10.77.0.100/24 is ours"), "{ready}");
    lab.ping("10.77.0.100".parse().expect("an address"));
}

#[test]
fn both_families_and_several_queues() {
    let Some(lab) = Lab::new() else { return };
    let folder = tempfile::tempdir().expect("a folder for configurations");
    let house = asking(&lab, "--queues 3");
    let _router = radvd(&lab, &folder, "AdvLinkMTU 1400;");
    let _server = dnsmasq(&lab, &folder, "tap0", "--dhcp-option=121,0.0.0.0/0,10.77.0.1");
    let house = ready(house);
    assert!(house.took < Duration::from_secs(20), "{:?}", house.took);
    for own in [address(&house, "10.77.0.1"), address(&house, PREFIX)] {
        lab.ping(own);
    }
    let Some(far) = behind(&lab) else { return };
    for own in [address(&house, "10.77.0.1"), address(&house, PREFIX)] {
        // Whichever shard has the flow, it has the way.
        for _ in 0..8 {
            wait_until("there is a way back", || characters_come(&far, own));
        }
    }
    assert!(house.end().status.success());
}
