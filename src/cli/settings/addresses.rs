//! Whether the addresses make sense, each by itself and together.

use taphouse::base::address::{Address, Cidr, Family, Mac};
use taphouse::base::limits;

use crate::cli::wishes::Given;

/// Our own addresses, those of the host's side, and the routers. In one of the networks `told` there will be one more
/// address of our own.
pub(super) fn check(
    own: &[Given<Cidr>],
    host: &[Given<Cidr>],
    gateways: &[Given<Address>],
    told: &[Given<Cidr>],
    mac: Mac,
) -> Result<(), String> {
    each_for_a_host("address", own)?;
    each_for_a_host("host", host)?;
    let link_local = Address::link_local(mac);
    for Given { value, origin } in own {
        let address = value.address();
        let wrong = if host.iter().any(|given| given.value.address() == address) {
            "is the host's side too (--host): give one of them another address"
        } else if address == link_local {
            "is our link-local address, which exists without being asked for: leave it out"
        } else {
            continue;
        };
        return Err(format!("{} `{value}` {wrong}", origin.names("address")));
    }
    // One place is kept for the link-local address.
    if let Some(Given { value, origin }) = own.get(limits::OWN_ADDRESSES - 1) {
        let most = limits::OWN_ADDRESSES - 1;
        return Err(format!("{} `{value}` is one too many: give at most {most}", origin.names("address")));
    }
    each_within_reach(gateways, own, told)
}

fn each_for_a_host(option: &'static str, given: &[Given<Cidr>]) -> Result<(), String> {
    for (i, Given { value, origin }) in given.iter().enumerate() {
        let twice = given[..i].iter().any(|other| other.value.address() == value.address());
        if let Some(wrong) = not_for_a_host(*value) {
            return Err(format!("{} `{value}` is {wrong}: give a host's address", origin.names(option)));
        } else if twice {
            return Err(format!("{} `{value}` is given twice: leave one out", origin.names(option)));
        }
    }
    Ok(())
}

/// What an address is, if it cannot be that of one host on this network.
fn not_for_a_host(cidr: Cidr) -> Option<&'static str> {
    let (address, family) = (cidr.address(), cidr.address().family());
    if address.is_unspecified() {
        Some("the unspecified address")
    } else if address.is_loopback() {
        Some("a loopback address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if !address.is_unicast() {
        Some("a reserved address")
    } else if cidr.broadcast() == Some(address) {
        Some("the broadcast address of its network")
    } else if is_network(cidr) {
        Some(match family {
            Family::V4 => "the address of the network itself",
            // RFC 4291 §2.6.1.
            Family::V6 => "the subnet's routers' anycast address",
        })
    } else {
        None
    }
}

/// Whether the host part is zero. Links of two (RFC 3021, RFC 6164) and single hosts have no such address.
fn is_network(cidr: Cidr) -> bool {
    let host_bits = match cidr.address().family() {
        Family::V4 => 32 - cidr.length(),
        Family::V6 => 128 - cidr.length(),
    };
    let host_part = u128::MAX.checked_shl(u32::from(host_bits)).map_or(u128::MAX, |prefix| !prefix);
    host_bits > 1 && u128::from_be_bytes(cidr.address().to_v6()) & host_part == 0
}

fn each_within_reach(gateways: &[Given<Address>], own: &[Given<Cidr>], told: &[Given<Cidr>]) -> Result<(), String> {
    // The prefix of each address of ours is a route as well, and others may be told.
    let most = limits::ROUTES - limits::OWN_ADDRESSES - limits::ROUTES_ADVERTISED - limits::ROUTES_LEASED;
    for (i, Given { value, origin }) in gateways.iter().enumerate() {
        let address = *value;
        let mut prefixes = own.iter().map(|given| given.value).filter(|cidr| cidr.contains(address));
        let wrong = if !address.is_unicast() {
            "is not a host's address: give the address of a router".to_owned()
        } else if own.iter().any(|given| given.value.address() == address) {
            "is our own address: give the address of a router".to_owned()
        } else if gateways[..i].iter().any(|other| other.value == address) {
            "is given twice: leave one out".to_owned()
        } else if i == most {
            format!("is one too many: give at most {most}")
        } else if let Some(cidr) = prefixes.find(|cidr| cidr.broadcast() == Some(address)) {
            format!("is the broadcast address of {cidr}: give the address of a router")
        } else if own.iter().chain(told).any(|given| given.value.contains(address)) || is_link_local_ipv6(address) {
            continue;
        } else {
            "is in no network of ours: give a router within the prefix of an --address".to_owned()
        };
        return Err(format!("{} `{value}` {wrong}", origin.names("gateway")));
    }
    Ok(())
}

fn is_link_local_ipv6(address: Address) -> bool {
    address.family() == Family::V6 && address.is_link_local()
}
