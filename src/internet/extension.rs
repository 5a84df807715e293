//! The chain of IPv6 extension headers (RFC 8200 §4).
//!
//! All but hop-by-hop options may come in any order and as often as their sender likes (RFC 8200 §4.1), within limits (RFC 8504
//! §5.3) of which the sender is told (RFC 8883). Hop-by-hop options are read by hosts that the packet is for (RFC 9673 §5.2), like
//! those for the destination. Of all options we know the router alert, which asks nothing of us; jumbograms (RFC 2675) and home
//! addresses (RFC 6275) are not spoken, and so refused by the two high bits of their numbers.
//!
//! Padding is not limited to seven bytes in a row, which RFC 8504 would allow: it costs less than the same bytes of data.

use zerocopy::FromBytes;

use super::{Problem, Refusal};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::link::Cast;
use crate::wire::icmpv6::{self, problem};
use crate::wire::{extension, ipv6, protocol, tcp, udp};

/// Where the number of the first header behind the IPv6 header lies.
pub const NEXT_HEADER_FIELD: usize = 6;

/// What becomes of a packet of length zero with hop-by-hop options, which only a jumbogram can be (RFC 2675 §3): its option is
/// one that we do not know. `behind` is all that follows the IPv6 header.
#[cold]
pub fn refuse_jumbogram(behind: &[u8], cast: Cast) -> Refusal {
    const JUMBO_PAYLOAD: u8 = 0xc2;
    let chain = Chain::new(behind, protocol::HOP_BY_HOP);
    let Ok((_, length)) = chain.header() else { return truncated() };
    let options = extension::options(behind.get(2..length).unwrap_or_default());
    match options.flatten().find(|option| option.kind == JUMBO_PAYLOAD) {
        Some(jumbo) if cast == Cast::Unicast => tell(problem::UNRECOGNIZED_OPTION, chain.here() + 2 + jumbo.position),
        Some(_) => Refusal::Drop(Dropped::ExtensionHeader),
        None => truncated(),
    }
}

/// The headers between the IPv6 header and the transport header.
pub struct Chain<'a> {
    /// All that follows the IPv6 header.
    pub payload: &'a [u8],
    /// The number of the header that begins at `position`.
    pub next: u8,
    /// Where that number was read, counted from the IPv6 header.
    pub field: usize,
    /// Counted from the end of the IPv6 header.
    pub position: usize,
    /// Whether there was an (atomic) fragment header.
    pub fragmented: bool,
}

impl<'a> Chain<'a> {
    /// The chain of a packet, before its first header, which has the number `next`.
    pub fn new(payload: &'a [u8], next: u8) -> Chain<'a> {
        Chain { payload, next, field: NEXT_HEADER_FIELD, position: 0, fragmented: false }
    }

    /// Goes on to the first header that is not an extension header.
    pub fn walk(&mut self, cast: Cast) -> Result<(), Refusal> {
        for count in 0.. {
            match self.next {
                // RFC 8200 §4.3: directly behind the IPv6 header, nowhere else.
                protocol::HOP_BY_HOP if count > 0 => {
                    return Err(tell(problem::UNRECOGNIZED_NEXT_HEADER, self.field));
                }
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING | protocol::FRAGMENT
                    if count == limits::EXTENSION_HEADERS =>
                {
                    return Err(tell(problem::TOO_MANY_HEADERS, self.here()));
                }
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS => {
                    let (header, length) = self.header()?;
                    self.check_options(length, cast)?;
                    self.skip(header.next_header, length);
                }
                protocol::ROUTING => {
                    let (header, length) = self.header()?;
                    let [_kind, segments_left] = header.first;
                    // RFC 8200 §4.4; type 0 is treated like one that is not known (RFC 5095 §3).
                    if segments_left > 0 {
                        return Err(tell(problem::ERRONEOUS_HEADER, self.here() + 2));
                    }
                    self.skip(header.next_header, length);
                }
                protocol::FRAGMENT => {
                    let rest = self.payload.get(self.position..).unwrap_or_default();
                    let (fragment, _) = extension::Fragment::read_from_prefix(rest).map_err(|_| truncated())?;
                    if !fragment.is_atomic() {
                        return Err(Refusal::Fragment);
                    }
                    self.fragmented = true;
                    self.skip(fragment.next_header, size_of::<extension::Fragment>());
                }
                protocol::AH | protocol::ESP => return Err(Refusal::Drop(Dropped::NoSecurity)),
                protocol::NO_NEXT_HEADER => return Err(Refusal::Drop(Dropped::ExtensionHeader)),
                _ => break,
            }
        }
        Ok(())
    }

    /// Goes on behind a header that is wrong, without judging: whether its sender may be told depends on what the packet
    /// carries (RFC 4443 §2.4 e.1), and so does where the checksum is that the device was to complete.
    pub fn pass_over(&mut self) {
        for _ in 0..limits::EXTENSION_HEADERS {
            let (next, length) = match self.next {
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING => match self.header() {
                    Ok((header, length)) => (header.next_header, length),
                    Err(_) => return,
                },
                _ => return,
            };
            self.skip(next, length);
        }
    }

    /// Goes on to the end of the chain in a first fragment, without judging what is judged when the datagram is whole. The
    /// header behind it has to be there, too (RFC 7112 §5, RFC 8200 §4.5).
    pub fn end(&mut self) -> Result<(), Refusal> {
        let incomplete = Err(tell(problem::INCOMPLETE_FIRST_FRAGMENT, 0));
        if self.next == protocol::HOP_BY_HOP {
            return Err(tell(problem::UNRECOGNIZED_NEXT_HEADER, self.field));
        }
        self.pass_over();
        let upper = match self.next {
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING => return incomplete,
            protocol::TCP => tcp::LENGTH,
            protocol::UDP => udp::LENGTH,
            protocol::ICMPV6 => icmpv6::LENGTH,
            _ => 0,
        };
        if self.payload.len() < self.position + upper { incomplete } else { Ok(()) }
    }

    fn header(&self) -> Result<(extension::Header, usize), Refusal> {
        let rest = self.payload.get(self.position..).unwrap_or_default();
        let (header, _) = extension::Header::read_from_prefix(rest).map_err(|_| truncated())?;
        if rest.len() < header.length() {
            return Err(truncated());
        }
        if self.position + header.length() > limits::EXTENSION_BYTES {
            return Err(tell(problem::CHAIN_TOO_LONG, ipv6::LENGTH + limits::EXTENSION_BYTES));
        }
        Ok((header, header.length()))
    }

    /// RFC 8200 §4.2: the two high bits of an option that is not known say what to do.
    fn check_options(&self, length: usize, cast: Cast) -> Result<(), Refusal> {
        const ROUTER_ALERT: u8 = 5;
        let area = self.payload.get(self.position + 2..self.position + length).unwrap_or_default();
        for (count, option) in extension::options(area).enumerate() {
            let option = option.map_err(|at| tell(problem::ERRONEOUS_HEADER, self.here() + 2 + at))?;
            let here = self.here() + 2 + option.position;
            if count == limits::EXTENSION_OPTIONS {
                return Err(tell(problem::TOO_MANY_OPTIONS, here));
            }
            match option.kind >> 6 {
                _ if option.kind == ROUTER_ALERT => {}
                0 => {}
                2 => return Err(tell(problem::UNRECOGNIZED_OPTION, here)),
                3 if cast == Cast::Unicast => return Err(tell(problem::UNRECOGNIZED_OPTION, here)),
                _ => return Err(Refusal::Drop(Dropped::ExtensionHeader)),
            }
        }
        Ok(())
    }

    fn skip(&mut self, next: u8, length: usize) {
        self.field = self.here();
        self.next = next;
        self.position += length;
    }

    /// Where we stand, counted from the IPv6 header.
    fn here(&self) -> usize {
        ipv6::LENGTH + self.position
    }
}

fn tell(code: u8, pointer: usize) -> Refusal {
    Refusal::Tell(Problem::Field { code, pointer: pointer as u32 })
}

fn truncated() -> Refusal {
    Refusal::Drop(Dropped::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(first: u8, payload: &[u8]) -> Result<(u8, usize, usize), Result<Dropped, Problem>> {
        let mut chain = Chain::new(payload, first);
        match chain.walk(Cast::Unicast) {
            Ok(()) => Ok((chain.next, chain.field, chain.position)),
            Err(Refusal::Drop(why)) => Err(Ok(why)),
            Err(Refusal::Tell(problem)) => Err(Err(problem)),
            Err(Refusal::Fragment) => Err(Ok(Dropped::BadFragment)),
        }
    }

    fn problem(code: u8, pointer: u32) -> Result<(u8, usize, usize), Result<Dropped, Problem>> {
        Err(Err(Problem::Field { code, pointer }))
    }

    #[test]
    fn chains_end_at_the_transport_header() {
        let pad = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
        let mut bytes = Vec::new();
        for next in [60, 43, 60, 17] {
            bytes.extend(if next == 60 && bytes.len() == 16 { [60, 0, 0, 0, 0, 0, 0, 0] } else { pad(next) });
        }
        assert_eq!(walk(0, &bytes), Ok((17, 40 + 24, 32)));
        assert_eq!(walk(44, &[6, 0, 0, 0, 1, 2, 3, 4]), Ok((6, 40, 8)), "an atomic fragment");
        assert_eq!(walk(99, &[]), Ok((99, 6, 0)));
    }

    #[test]
    fn bad_chains_are_pointed_at() {
        assert_eq!(walk(0, &[0, 0, 1, 4, 0, 0, 0, 0, 0, 0]), problem(1, 40), "hop-by-hop comes first");
        assert_eq!(walk(43, &[17, 0, 0, 1, 0, 0, 0, 0]), problem(0, 42), "segments are left");
        assert_eq!(walk(60, &[17, 0, 0x81, 0, 0, 0, 0, 0]), problem(2, 42), "an option that must be known");
        assert_eq!(walk(60, &[17, 0, 0x41, 0, 0, 0, 0, 0]), Err(Ok(Dropped::ExtensionHeader)));
        assert_eq!(walk(60, &[17, 0, 0x01, 9, 0, 0, 0, 0]), problem(0, 42), "an option over the end");
        assert_eq!(walk(60, &[17, 1, 1, 4, 0, 0, 0, 0]), Err(Ok(Dropped::Truncated)));
        assert_eq!(walk(44, &[17, 0, 0, 1, 0, 0, 0, 0]), Err(Ok(Dropped::BadFragment)), "a fragment");
        let endless = [60, 0, 1, 4, 0, 0, 0, 0].repeat(100);
        assert_eq!(walk(60, &endless), problem(8, 40 + 8 * 8), "one header too many");
        let mut large = vec![60, 254];
        large.resize(2040, 0);
        assert_eq!(walk(60, &[&large[..], &[17, 0, 0, 0, 0, 0, 0, 0]].concat()), Ok((17, 40 + 2040, 2048)));
        let two = [&large[..], &[17, 1], &[0; 14]].concat();
        assert_eq!(walk(60, &two), problem(7, 40 + 2048), "eight bytes too many");
        let options = |count: usize| [&[17, 2, 1, 0][..], &[0x1e, 0].repeat(count), &[0; 24]].concat()[..24].to_vec();
        assert_eq!(walk(60, &options(8)), Ok((17, 40, 24)));
        assert_eq!(walk(60, &options(9)), problem(9, 40 + 4 + 16), "one option too many");
    }
}
