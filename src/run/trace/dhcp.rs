//! DHCP in words (RFC 2131, RFC 2132).

use std::net::Ipv4Addr;

use super::line::tell;
use crate::base::address::Mac;

/// Whether a datagram between these ports is DHCP.
pub(super) fn is_dhcp(source: u16, destination: u16) -> bool {
    matches!((source, destination), (67 | 68, 67 | 68))
}

/// A message, from its op on, as far as the copy of the frame goes.
pub(super) fn tell_of(text: &mut String, message: &[u8]) {
    let Some((header, options)) =
        message.split_at_checked(240).filter(|(header, _)| header[236..] == [99, 130, 83, 99])
    else {
        return tell!(text, "BOOTP, {} bytes", message.len());
    };
    let address = |at: usize| Ipv4Addr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (client, yours) = (address(12), address(16));
    let station = Mac::new([header[28], header[29], header[30], header[31], header[32], header[33]]);
    let kind = option(options, 53).and_then(|value| value.first().copied()).unwrap_or(0);
    let of = |number| option(options, number);
    let wished = of(50).and_then(as_address).unwrap_or(client);
    match kind {
        1 => tell!(text, "DHCP discover: who leases {station} an address?"),
        2 => tell!(text, "DHCP offer: {yours} for {station}"),
        3 => tell!(text, "DHCP request: {wished} for {station}"),
        4 => tell!(text, "DHCP decline: somebody has {wished} already, says {station}"),
        5 if yours.is_unspecified() => tell!(text, "DHCP ack: parameters for {client}"),
        5 => tell!(text, "DHCP ack: {yours} is leased to {station}"),
        6 => tell!(text, "DHCP nak: not to {station}"),
        7 => tell!(text, "DHCP release: {client} of {station}"),
        8 => tell!(text, "DHCP inform: which parameters has the link of {client}?"),
        _ => tell!(text, "DHCP message {kind} about {station}"),
    }
    if kind == 1 && !wished.is_unspecified() {
        tell!(text, " {wished} if it may be");
    }
    if let Some(seconds) = of(51).and_then(|value| <[u8; 4]>::try_from(value).ok()) {
        tell!(text, " for {} s", u32::from_be_bytes(seconds));
    }
    if let Some(mask) = of(1).and_then(as_address) {
        tell!(text, ", mask {mask}");
    }
    for (number, name) in [(3, "router"), (6, "name server"), (54, "server")] {
        if let Some(first) = of(number).and_then(|value| value.get(..4)).and_then(as_address) {
            tell!(text, ", {name} {first}");
        }
    }
    if let Some(why) = of(56) {
        tell!(text, ", \u{201c}{}\u{201d}", why.escape_ascii());
    }
}

fn as_address(value: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
}

/// The value of the first option of a number.
fn option(mut options: &[u8], number: u8) -> Option<&[u8]> {
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [255, ..] | [] | [_] => return None,
            [found, length, rest @ ..] => {
                let (value, behind) = rest.split_at_checked(usize::from(*length))?;
                if *found == number {
                    return Some(value);
                }
                options = behind;
            }
        }
    }
}
