//! The packet that an ICMP error quotes (RFC 792, RFC 4443 §3): one of ours, of which only the beginning need be there.

use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{extension, ipv4, ipv6, protocol};
use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::base::limits;

/// What a quote tells of the packet. What is behind the eight bytes of its transport header is not looked at, so it may be
/// an extension of the error (RFC 4884) as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Whom it was from.
    pub source: Address,
    /// Whom it was for.
    pub destination: Address,
    /// How long it was, from the IP header on, as its own header says.
    pub length: usize,
    /// What it carried.
    pub protocol: u8,
    /// The eight bytes.
    pub transport: Transport,
}

/// What TCP and UDP begin with, as far as every error quotes it.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Source Port          |       Destination Port        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   TCP: Sequence Number.  UDP: Length, Checksum                |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Transport {
    /// Our port.
    pub source: U16,
    /// The peer's.
    pub destination: U16,
    /// TCP: the number of the first byte.
    pub sequence: U32,
}

impl Quote {
    /// Reads the quote of an error of this family.
    ///
    /// # Errors
    /// When the quote ends before the transport header has eight bytes, or is no packet at all.
    pub fn parse(family: Family, bytes: &[u8]) -> Result<Quote, Dropped> {
        match family {
            Family::V4 => Quote::v4(bytes),
            Family::V6 => Quote::v6(bytes),
        }
    }

    fn v4(bytes: &[u8]) -> Result<Quote, Dropped> {
        let (header, _) = ipv4::Header::ref_from_prefix(bytes).map_err(|_| Dropped::BadIcmp)?;
        let (own, length) = (header.header_length(), usize::from(header.total_length.get()));
        // Fragments but the first carry no transport header.
        if header.version() != 4 || own < ipv4::LENGTH || length < own || !header.is_first() {
            return Err(Dropped::BadIcmp);
        }
        let (source, destination) = (header.source(), header.destination());
        let transport = transport(bytes.get(own..))?;
        Ok(Quote { source, destination, length, protocol: header.protocol, transport })
    }

    fn v6(bytes: &[u8]) -> Result<Quote, Dropped> {
        let (header, mut rest) = ipv6::Header::ref_from_prefix(bytes).map_err(|_| Dropped::BadIcmp)?;
        if header.version() != 6 {
            return Err(Dropped::BadIcmp);
        }
        let mut next = header.next_header;
        for _ in 0..limits::EXTENSION_HEADERS {
            let (following, own) = match next {
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING => {
                    let (header, _) = extension::Header::ref_from_prefix(rest).map_err(|_| Dropped::BadIcmp)?;
                    (header.next_header, header.length())
                }
                protocol::FRAGMENT => {
                    let (header, _) = extension::Fragment::ref_from_prefix(rest).map_err(|_| Dropped::BadIcmp)?;
                    if !header.is_first() {
                        return Err(Dropped::BadIcmp);
                    }
                    (header.next_header, size_of::<extension::Fragment>())
                }
                _ => break,
            };
            (next, rest) = (following, rest.get(own..).ok_or(Dropped::BadIcmp)?);
        }
        let (source, destination) = (header.source(), header.destination());
        // IPv4 addresses are not on IPv6's wire.
        if source.family() != Family::V6 || destination.family() != Family::V6 {
            return Err(Dropped::BadIcmp);
        }
        let length = ipv6::LENGTH + usize::from(header.payload_length.get());
        Ok(Quote { source, destination, length, protocol: next, transport: transport(Some(rest))? })
    }
}

fn transport(bytes: Option<&[u8]>) -> Result<Transport, Dropped> {
    Transport::read_from_prefix(bytes.unwrap_or_default()).map(|(transport, _)| transport).map_err(|_| Dropped::BadIcmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes;

    const PORTS: [u8; 8] = [0, 80, 0x13, 0x88, 1, 2, 3, 4];

    fn v4(payload_length: u16, flags_offset: u16) -> ipv4::Header {
        ipv4::Header::new(ipv4::Fields {
            traffic_class: 0,
            payload_length: usize::from(payload_length),
            identification: 0,
            flags_offset,
            time_to_live: 1,
            protocol: protocol::TCP,
            source: [10, 77, 0, 2],
            destination: [10, 77, 0, 1],
        })
    }

    fn v6(next: u8) -> ipv6::Header {
        let ends = [2, 1].map(|last| Address::from_v6([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]));
        ipv6::Header::new(0, 1460, next, 1, (ends[0], ends[1]))
    }

    #[test]
    fn the_beginning_is_enough() {
        let bytes = [v4(1480, ipv4::DONT_FRAGMENT).as_bytes(), &PORTS].concat();
        let quote = Quote::parse(Family::V4, &bytes).unwrap();
        assert_eq!((quote.length, quote.protocol, quote.source), (1500, 6, Address::from_v4([10, 77, 0, 2])));
        let Transport { source, destination, sequence } = quote.transport;
        assert_eq!((source.get(), destination.get(), sequence.get()), (80, 5000, 0x0102_0304));
        for end in 0..bytes.len() {
            assert_eq!(Quote::parse(Family::V4, &bytes[..end]), Err(Dropped::BadIcmp));
        }
        assert_eq!(Quote::parse(Family::V6, &bytes), Err(Dropped::BadIcmp));
    }

    #[test]
    fn options_are_passed_over() {
        let mut bytes = [v4(1480, 0).as_bytes(), &[1; 40], &PORTS].concat();
        bytes[0] = 0x4f;
        assert_eq!(Quote::parse(Family::V4, &bytes).unwrap().transport.source.get(), 80);
        bytes[0] = 0x44;
        assert_eq!(Quote::parse(Family::V4, &bytes), Err(Dropped::BadIcmp), "a header of 16 bytes");
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let quoted = |flags| Quote::parse(Family::V4, &[v4(1480, flags).as_bytes(), &PORTS].concat());
        assert_eq!(quoted(1), Err(Dropped::BadIcmp));
        assert!(quoted(0x2000).is_ok(), "the first fragment has them");
    }

    #[test]
    fn chains_are_walked_to_their_end() {
        let options = [[60, 0, 1, 4, 0, 0, 0, 0], [44, 0, 1, 4, 0, 0, 0, 0]].concat();
        let bytes = [v6(0).as_bytes(), &options, &[17, 0, 0, 1, 0, 0, 0, 9], &PORTS].concat();
        let quote = Quote::parse(Family::V6, &bytes).unwrap();
        assert_eq!((quote.length, quote.protocol, quote.transport.source.get()), (1500, 17, 80));
        for end in 0..bytes.len() {
            assert_eq!(Quote::parse(Family::V6, &bytes[..end]), Err(Dropped::BadIcmp));
        }
        // One that does not end names no protocol of ours.
        let endless = [v6(60).as_bytes(), &[60, 0, 1, 4, 0, 0, 0, 0].repeat(20)].concat();
        assert_eq!(Quote::parse(Family::V6, &endless).unwrap().protocol, 60);
    }
}
