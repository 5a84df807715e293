//! The host's side of the wire.

use std::fs;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

use taphouse::base::address::Address;
use taphouse::device::host::{HostError, LinkLocal};

use crate::wire::{HOST, Lab, cidr};

#[test]
fn the_hosts_addresses_can_be_used_at_once() {
    let Some(lab) = Lab::new() else { return };
    let start = Instant::now();
    let _tap = lab.open();
    let mut link = lab.link().unwrap();
    link.set_mtu(9000).unwrap();
    link.set_up(LinkLocal::AtOnce).unwrap();
    for address in ["10.77.0.1/24", "fd77::1/64", "fd77::1/64", "10.77.0.1/24"] {
        link.add_address(cidr(address)).unwrap();
    }
    // The kernel lets nobody bind to an address that it still probes.
    let own = link.mac().map(Address::link_local).unwrap();
    let scoped = SocketAddrV6::new(Ipv6Addr::from(own.to_v6()), 4000, 0, link.index());
    let bound = lab
        .namespace()
        .enter(|| (UdpSocket::bind((HOST, 4000)), UdpSocket::bind(("fd77::1", 4000)), UdpSocket::bind(scoped)));
    let took = start.elapsed();
    assert!(matches!(bound.unwrap(), (Ok(_), Ok(_), Ok(_))));
    assert!(took < Duration::from_millis(500), "{took:?}");
    println!("usable after {took:?}");

    let shown = lab.ip("address show dev tap0");
    for part in ["mtu 9000", "10.77.0.1/24 brd 10.77.0.255 scope global", "fd77::1/64 scope global nodad"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(shown.matches("inet6 fe80::").count(), 1, "{shown}");
    assert!(!shown.contains("tentative"), "{shown}");
}

#[test]
fn the_kernels_own_link_local_is_left_alone() {
    let Some(lab) = Lab::new() else { return };
    let _tap = lab.open();
    lab.link().unwrap().set_up(LinkLocal::Kernel).unwrap();
    let shown = lab.ip("address show dev tap0");
    assert!(shown.contains("inet6 fe80::") && shown.contains("tentative"), "{shown}");
}

#[test]
fn what_the_host_refuses_is_said_in_a_line() {
    let Some(lab) = Lab::new() else { return };
    let _tap = lab.open();
    let mut link = lab.link().unwrap();
    link.set_mtu(65_521).unwrap();
    assert!(matches!(link.set_mtu(65_522), Err(HostError::Mtu(_, 65_522))));
    for group in ["224.0.0.1/24", "ff02::1/64", "127.0.0.1/8", "::1/128"] {
        assert!(matches!(link.add_address(cidr(group)), Err(HostError::NotUnicast(..))), "{group}");
    }
    link.set_mtu(1279).unwrap();
    let small = link.add_address(cidr("fd77::1/64"));
    assert!(matches!(small, Err(HostError::SmallMtu(..))), "{small:?}");
    link.set_up(LinkLocal::AtOnce).unwrap();
    link.set_mtu(1500).unwrap();
    let disable = "/proc/sys/net/ipv6/conf/tap0/disable_ipv6";
    lab.namespace().enter(|| fs::write(disable, "1")).unwrap().unwrap();
    link.set_up(LinkLocal::AtOnce).unwrap();
    let none = link.add_address(cidr("fd77::1/64"));
    assert!(matches!(none, Err(HostError::NoIpv6(..))), "{none:?}");
    link.add_address(cidr("10.77.0.1/24")).unwrap();
}
