//! Where data connections lead, as PORT and EPRT say it (RFC 959 §5.3.2, RFC 2428 §2), and as PASV and EPSV are answered.

use std::net::IpAddr;

use crate::base::address::{Address, Endpoint, Family};

/// Why a place is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadTarget {
    /// It cannot be read.
    Unreadable,
    /// Of another family than the control connection, or of none that we know.
    Protocol,
}

/// Reads `h1,h2,h3,h4,p1,p2`.
pub(super) fn read_port(text: &str) -> Result<Endpoint, BadTarget> {
    let numbers: Option<Vec<u8>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[a, b, c, d, high, low]) => {
            Ok(Endpoint { address: Address::from_v4([a, b, c, d]), port: u16::from_be_bytes([high, low]) })
        }
        _ => Err(BadTarget::Unreadable),
    }
}

/// Reads `|1|10.77.0.1|2000|`, with any character for the bars.
pub(super) fn read_eprt(text: &str) -> Result<Endpoint, BadTarget> {
    let bar = text.chars().next().ok_or(BadTarget::Unreadable)?;
    let parts: Vec<&str> = text.split(bar).collect();
    let &["", protocol, host, port, ""] = parts.as_slice() else { return Err(BadTarget::Unreadable) };
    if protocol != "1" && protocol != "2" {
        return Err(BadTarget::Protocol);
    }
    let host: IpAddr = host.parse().map_err(|_| BadTarget::Unreadable)?;
    let port = port.parse().map_err(|_| BadTarget::Unreadable)?;
    match (protocol, host) {
        ("1", IpAddr::V4(v4)) => Ok(Endpoint { address: Address::from_v4(v4.octets()), port }),
        ("2", IpAddr::V6(v6)) => Ok(Endpoint { address: Address::from_v6(v6.octets()), port }),
        _ => Err(BadTarget::Unreadable),
    }
}

/// What RFC 2428 calls a family.
pub(super) fn protocol(family: Family) -> u8 {
    match family {
        Family::V4 => 1,
        Family::V6 => 2,
    }
}

/// An IPv4 address and a port as PASV is answered.
pub(super) fn passive(v4: [u8; 4], port: u16) -> String {
    let ([a, b, c, d], [high, low]) = (v4, port.to_be_bytes());
    format!("({a},{b},{c},{d},{high},{low})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let port = |text| read_port(text).map(|to| to.to_string());
        assert_eq!(port("10,77,0,1,7,208"), Ok("10.77.0.1:2000".to_owned()));
        for wrong in ["", "10,77,0,1,7", "10,77,0,1,7,256", "10,77,0,1,7,208,0", "10.77.0.1.7.208", "a,b,c,d,e,f"] {
            assert_eq!(port(wrong), Err(BadTarget::Unreadable), "{wrong}");
        }
        let eprt = |text| read_eprt(text).map(|to| to.to_string());
        assert_eq!(eprt("|1|10.77.0.1|2000|"), Ok("10.77.0.1:2000".to_owned()));
        assert_eq!(eprt("|2|fd77::1|2000|"), Ok("[fd77::1]:2000".to_owned()));
        assert_eq!(eprt("!2!fd77::1!2000!"), Ok("[fd77::1]:2000".to_owned()));
        assert_eq!(eprt("|3|fd77::1|2000|"), Err(BadTarget::Protocol));
        for wrong in
            ["", "|", "||||", "|1|fd77::1|2000|", "|2|10.77.0.1|2000|", "|1|10.77.0.1|65536|", "|1|10.77.0.1|2000"]
        {
            assert!(eprt(wrong).is_err(), "{wrong}");
        }
        assert_eq!(passive([10, 77, 0, 2], 50_001), "(10,77,0,2,195,81)");
    }
}
