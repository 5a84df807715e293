//! IPv6 input and the chain of extension headers (RFC 8200).

use zerocopy::FromBytes;

use super::{Answer, Packet, Problem, Refusal};
use crate::base::address::Family;
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::buffer::Frame;
use crate::link::interface::{Interface, Place};
use crate::link::{Arrival, Cast};
use crate::wire::icmpv6::{self, problem};
use crate::wire::{extension, ipv6, protocol};

/// Where the number of the first header behind the IPv6 header lies.
const NEXT_HEADER_FIELD: usize = 6;

/// Makes a packet of a frame whose IPv6 header begins at `network`, and cuts the frame's padding off.
#[inline(always)]
pub fn input(
    frame: &mut Frame,
    network: usize,
    link: Arrival,
    interface: &Interface,
    packet: &mut Packet,
) -> Result<(), Refusal> {
    let bytes = frame.bytes().get(network..).ok_or(Dropped::Truncated)?;
    let ipv6::Packet { header, payload } = ipv6::Packet::parse(bytes)?;
    let (source, destination) = (header.source(), header.destination());
    if source.to_v4().is_some() || destination.to_v4().is_some() {
        return Err(Dropped::MappedAddress.into());
    }
    match interface.place(source) {
        Place::Here => return Err(Dropped::OwnSource.into()),
        _ if source.is_unicast() || source.is_unspecified() => {}
        _ => return Err(Dropped::BadSource.into()),
    }
    let cast = interface.cast(destination).ok_or(Dropped::NotOurAddress)?;
    // RFC 6085: a group's packet may come in one station's frame; the reverse has no reason to exist.
    if cast == Cast::Unicast && link.cast != Cast::Unicast {
        return Err(Dropped::UnicastInGroupFrame.into());
    }
    *packet = Packet {
        family: Family::V6,
        source,
        destination,
        cast,
        link,
        protocol: header.next_header,
        hop_limit: header.hop_limit,
        traffic_class: header.traffic_class(),
        dont_fragment: true,
        network: network as u16,
        transport: (network + ipv6::LENGTH) as u16,
        protocol_field: NEXT_HEADER_FIELD as u16,
    };
    let end = packet.transport() + payload.len();
    if !matches!(header.next_header, protocol::ICMPV6 | protocol::UDP | protocol::TCP) {
        let mut chain =
            Chain { payload, next: header.next_header, field: NEXT_HEADER_FIELD, position: 0, fragmented: false };
        let walked = chain.walk(cast);
        if let Err(Refusal::Tell(_)) = walked {
            chain.pass_over();
        }
        packet.protocol = chain.next;
        // A chain is at most eight headers of 2,048 bytes long.
        packet.protocol_field = chain.field as u16;
        packet.transport += chain.position as u16;
        // RFC 6980 §5: neighbour discovery is never fragmented, not even into one piece.
        let kind = chain.payload.get(chain.position).copied();
        let discovers = chain.next == protocol::ICMPV6 && kind.is_some_and(icmpv6::is_neighbor_discovery);
        if walked.is_ok() && chain.fragmented && discovers {
            return Err(Dropped::BadNdp.into());
        }
        if walked.is_err() {
            // An error does not quote padding.
            frame.truncate(end);
            return walked;
        }
    }
    // Nobody speaks only in duplicate address detection (RFC 4862 §5.4.2).
    if source.is_unspecified() && packet.protocol != protocol::ICMPV6 {
        return Err(Dropped::BadSource.into());
    }
    frame.truncate(end);
    Ok(())
}

/// Turns the header of a packet without extension headers into that of its answer. The frame ends where the answer
/// does.
#[inline(always)]
pub fn turn_round(frame: &mut Frame, packet: &Packet, answer: &Answer) {
    let payload = frame.len() - packet.transport();
    let network = frame.bytes_mut().get_mut(packet.network()..).unwrap_or_default();
    let Ok((header, _)) = ipv6::Header::mut_from_prefix(network) else { return };
    let ends = (answer.source, packet.source);
    *header = ipv6::Header::new(answer.traffic_class, payload as u16, packet.protocol, limits::HOP_LIMIT, ends);
}

/// The headers between the IPv6 header and the transport header.
struct Chain<'a> {
    payload: &'a [u8],
    /// The number of the header that begins at `position`.
    next: u8,
    /// Where that number was read, counted from the IPv6 header.
    field: usize,
    /// Counted from the end of the IPv6 header.
    position: usize,
    /// Whether there was an (atomic) fragment header.
    fragmented: bool,
}

impl Chain<'_> {
    /// Goes on to the first header that is not an extension header.
    fn walk(&mut self, cast: Cast) -> Result<(), Refusal> {
        for count in 0.. {
            match self.next {
                // RFC 8200 §4.3: directly behind the IPv6 header, nowhere else.
                protocol::HOP_BY_HOP if count > 0 => {
                    return Err(tell(problem::UNRECOGNIZED_NEXT_HEADER, self.field));
                }
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING | protocol::FRAGMENT
                    if count == limits::EXTENSION_HEADERS =>
                {
                    return Err(tell(problem::CHAIN_TOO_LONG, self.here()));
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
                        return Err(Refusal::Drop(Dropped::Fragment));
                    }
                    self.fragmented = true;
                    self.skip(fragment.next_header, size_of::<extension::Fragment>());
                }
                protocol::NO_NEXT_HEADER => return Err(Refusal::Drop(Dropped::ExtensionHeader)),
                _ => break,
            }
        }
        Ok(())
    }

    /// Goes on behind a header that is wrong, without judging: whether its sender may be told depends on what the packet
    /// carries (RFC 4443 §2.4 e.1), and so does where the checksum is that the device was to complete.
    fn pass_over(&mut self) {
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

    fn header(&self) -> Result<(extension::Header, usize), Refusal> {
        let rest = self.payload.get(self.position..).unwrap_or_default();
        let (header, _) = extension::Header::read_from_prefix(rest).map_err(|_| truncated())?;
        if rest.len() < header.length() {
            return Err(truncated());
        }
        Ok((header, header.length()))
    }

    /// RFC 8200 §4.2: the two high bits of an option that is not known say what to do.
    fn check_options(&self, length: usize, cast: Cast) -> Result<(), Refusal> {
        const ROUTER_ALERT: u8 = 5;
        let area = self.payload.get(self.position + 2..self.position + length).unwrap_or_default();
        for option in extension::options(area) {
            let option = option.map_err(|at| tell(problem::ERRONEOUS_HEADER, self.here() + 2 + at))?;
            match option.kind >> 6 {
                _ if option.kind == ROUTER_ALERT => {}
                0 => {}
                2 => return Err(tell(problem::UNRECOGNIZED_OPTION, self.here() + 2 + option.position)),
                3 if cast == Cast::Unicast => {
                    return Err(tell(problem::UNRECOGNIZED_OPTION, self.here() + 2 + option.position));
                }
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
        let mut chain = Chain { payload, next: first, field: NEXT_HEADER_FIELD, position: 0, fragmented: false };
        match chain.walk(Cast::Unicast) {
            Ok(()) => Ok((chain.next, chain.field, chain.position)),
            Err(Refusal::Drop(why)) => Err(Ok(why)),
            Err(Refusal::Tell(problem)) => Err(Err(problem)),
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
        assert_eq!(walk(44, &[17, 0, 0, 1, 0, 0, 0, 0]), Err(Ok(Dropped::Fragment)));
        let endless = [60, 0, 1, 4, 0, 0, 0, 0].repeat(100);
        assert_eq!(walk(60, &endless), problem(6, 40 + 8 * 8), "one header too many");
    }
}
