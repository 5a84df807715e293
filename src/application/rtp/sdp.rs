//! The session description by which any player opens a stream of ours (RFC 8866).

use std::fmt::Write as _;

use super::payload::Encoding;
use crate::base::address::{Address, Endpoint, Family};

/// The description of one stream of sound or pictures from `from` to `to` with this time to live, of a session that began so many
/// seconds after 1970.
pub fn describe(from: Address, (to, ttl): (Endpoint, u8), payload_type: u8, encoding: &Encoding, began: u64) -> String {
    let family = |address: Address| match address.family() {
        Family::V4 => "IP4",
        Family::V6 => "IP6",
    };
    // A group of IPv4 has a time to live beside it (§5.7).
    let has_ttl = to.address.is_multicast() && to.address.family() == Family::V4;
    let ttl = if has_ttl { format!("/{ttl}") } else { String::new() };
    // A clock of 90 kHz is that of pictures, but for MPEG's sound (RFC 3551 §5).
    let is_video = encoding.rate == 90_000 && encoding.name != "MPA";
    let kind = if is_video { "video" } else { "audio" };
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        let _string_takes_all = write!(text, "{line}\r\n");
    };
    line(format_args!("v=0"));
    line(format_args!("o=- {began} 1 IN {} {from}", family(from)));
    line(format_args!("s=taphouse"));
    line(format_args!("c=IN {} {}{ttl}", family(to.address), to.address));
    line(format_args!("t=0 0"));
    line(format_args!("m={kind} {} RTP/AVP {payload_type}", to.port));
    line(format_args!("a=rtpmap:{payload_type} {encoding}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_what_a_player_needs() {
        let (from, to) = (Address::from_v4([10, 77, 0, 2]), Address::from_v4([239, 1, 2, 3]));
        let text = describe(from, (Endpoint { address: to, port: 5004 }, 9), 96, &Encoding::new("L16", 48_000, 2), 7);
        let expected = "v=0\r\no=- 7 1 IN IP4 10.77.0.2\r\ns=taphouse\r\nc=IN IP4 239.1.2.3/9\r\nt=0 0\r\n\
                        m=audio 5004 RTP/AVP 96\r\na=rtpmap:96 L16/48000/2\r\n";
        assert_eq!(text, expected);
    }
}
