//! Addresses of mail (RFC 5321 §4.1.2).

use std::borrow::Cow;

use memchr::memrchr;

use crate::base::address::Address;

/// The local part and the domain of an address without quotes, as they come out of a path; `None` where one is missing.
pub fn split(address: &str) -> Option<(&str, &str)> {
    // A local part may have been quoted, and have the sign in it.
    let (local, domain) = address.split_at_checked(memrchr(b'@', address.as_bytes())?)?;
    Some((local, &domain[1..])).filter(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// Whether a domain is an address literal (RFC 5321 §4.1.3), and of whom.
pub fn literal(domain: &str) -> Option<Option<Address>> {
    let inner = domain.strip_prefix('[')?.strip_suffix(']')?;
    let tag = inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    let address: Option<Address> = match tag {
        Some(_) => inner[5..].parse::<std::net::Ipv6Addr>().ok().map(|address| std::net::IpAddr::V6(address).into()),
        None => inner.parse::<std::net::Ipv4Addr>().ok().map(|address| std::net::IpAddr::V4(address).into()),
    };
    Some(address)
}

/// The address as it stands in a path: its local part in quotes where it has to be (RFC 5321 §4.1.2).
pub fn quoted(address: &str) -> Cow<'_, str> {
    let Some((local, domain)) = split(address) else { return Cow::Borrowed(address) };
    if is_dot_string(local) {
        return Cow::Borrowed(address);
    }
    let escape = |letter: char| if matches!(letter, '"' | '\\') { vec!['\\', letter] } else { vec![letter] };
    Cow::Owned(format!("\"{}\"@{domain}", local.chars().flat_map(escape).collect::<String>()))
}

/// Whether a local part needs no quotes: atoms with dots between them (RFC 5321 §4.1.2).
fn is_dot_string(local: &str) -> bool {
    let is_atom = |atom: &[u8]| !atom.is_empty() && atom.iter().all(|byte| ATEXT[usize::from(*byte)]);
    local.as_bytes().split(|byte| *byte == b'.').all(is_atom)
}

/// What an atom is made of (RFC 5322 §3.2.3, RFC 6532 §3.2).
static ATEXT: [bool; 256] = {
    let (mut atext, mut byte) = ([false; 256], 0);
    while byte < 256 {
        atext[byte] = matches!(byte as u8, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'~' | 0x80..)
            || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    atext
};

/// A text as xtext (RFC 3461 §4).
pub fn xtext(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'+' | b'=' => format!("+{byte:02X}"),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("+{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_two_parts() {
        assert_eq!(split("a@b.example"), Some(("a", "b.example")));
        assert_eq!(split("a@b@c"), Some(("a@b", "c")));
        assert_eq!((split("a"), split("@b"), split("a@"), split("")), (None, None, None, None));
    }

    #[test]
    fn literals_are_of_one_host() {
        assert_eq!(literal("[10.77.0.2]"), Some(Some(Address::from_v4([10, 77, 0, 2]))));
        assert_eq!(literal("[IPv6:fd77::2]"), Some(Some("fd77::2".parse().unwrap())));
        assert_eq!(literal("[ipv6:fd77::2]"), Some(Some("fd77::2".parse().unwrap())));
        assert_eq!(literal("[fd77::2]"), Some(None));
        assert_eq!(literal("[IPv6:10.77.0.2]"), Some(None));
        assert_eq!(literal("here.example"), None);
    }

    #[test]
    fn what_needs_quotes_gets_them() {
        for plain in ["a.b@c", "a.b.c@d", "jürgen@dört.example", "a+b@c", "postmaster"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted("a b@c"), "\"a b\"@c");
        assert_eq!(quoted("a@b@c"), "\"a@b\"@c");
        assert_eq!(quoted("a\"\\@c"), "\"a\\\"\\\\\"@c");
        for dots in [".a", "a.", "a..b", "."] {
            assert_eq!(quoted(&format!("{dots}@c")), format!("\"{dots}\"@c"));
        }
    }

    #[test]
    fn xtext_is_printable() {
        assert_eq!(xtext("a+b=c d"), "a+2Bb+3Dc+20d");
        assert_eq!(xtext("é"), "+C3+A9");
    }
}
