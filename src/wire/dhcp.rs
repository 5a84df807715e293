//! The messages of DHCP (RFC 2131 §2) and the options that a host without an address asks for (RFC 2132, RFC 3396, RFC 3442).

use arrayvec::ArrayVec;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::address::{Address, Cidr, Mac};
use crate::base::counters::Dropped;
use crate::base::limits;

/// The port of a client.
pub const CLIENT_PORT: u16 = 68;
/// The port of a server.
pub const SERVER_PORT: u16 = 67;
/// The flag by which a client that has no address yet asks for answers to all.
pub const BROADCAST: u16 = 0x8000;
/// What options begin with.
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Whether it asks or answers.
mod operation {
    pub(super) const REQUEST: u8 = 1;
    pub(super) const REPLY: u8 = 2;
}

/// Types of messages (RFC 2132 §9.6).
pub mod kind {
    #![allow(missing_docs)]
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const DECLINE: u8 = 4;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const RELEASE: u8 = 7;
}

/// Types of options.
pub mod option {
    #![allow(missing_docs)]
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTERS: u8 = 3;
    pub const RESOLVERS: u8 = 6;
    pub const DOMAIN: u8 = 15;
    pub const MTU: u8 = 26;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const MAXIMUM_SIZE: u8 = 57;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const CLIENT: u8 = 61;
    /// RFC 3442.
    pub const CLASSLESS_ROUTES: u8 = 121;
    pub const END: u8 = 255;
}

/// A message up to its options.
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |
/// +---------------+---------------+---------------+---------------+
/// |                            xid (4)                            |
/// +-------------------------------+-------------------------------+
/// |           secs (2)            |           flags (2)           |
/// +-------------------------------+-------------------------------+
/// |           ciaddr, yiaddr, siaddr, giaddr (4 each)             |
/// |           chaddr (16), sname (64), file (128)                 |
/// +---------------------------------------------------------------+
/// |           options, the first of which is the cookie           |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    operation: u8,
    hardware: u8,
    hardware_length: u8,
    hops: u8,
    /// Tells the answers to one client's questions from others.
    pub transaction: U32,
    /// Seconds since the client began.
    pub seconds: U16,
    /// See [`BROADCAST`].
    pub flags: U16,
    /// ciaddr: the client's address, when it can answer for it.
    pub client: [u8; 4],
    /// yiaddr: the address that it may have.
    pub yours: [u8; 4],
    next_server: [u8; 4],
    relay: [u8; 4],
    station: [u8; 6],
    station_padding: [u8; 10],
    server_name: [u8; 64],
    file: [u8; 128],
    cookie: [u8; 4],
}

/// Bytes of a message up to its options.
pub const LENGTH: usize = size_of::<Header>();

impl Header {
    /// A client's.
    pub fn new(station: Mac, transaction: u32, seconds: u16, flags: u16, client: [u8; 4]) -> Header {
        Header {
            operation: operation::REQUEST,
            hardware: 1,
            hardware_length: 6,
            hops: 0,
            transaction: transaction.into(),
            seconds: seconds.into(),
            flags: flags.into(),
            client,
            yours: [0; 4],
            next_server: [0; 4],
            relay: [0; 4],
            station: station.bytes(),
            station_padding: [0; 10],
            server_name: [0; 64],
            file: [0; 128],
            cookie: COOKIE,
        }
    }
}

/// What a server says. Where it says nothing, there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Which kind of message: see [`kind`].
    pub kind: u8,
    /// The client's transaction.
    pub transaction: u32,
    /// The address that it may have.
    pub yours: [u8; 4],
    /// The server.
    pub server: Option<[u8; 4]>,
    /// Bits of the prefix; a mask with holes says nothing.
    pub prefix: Option<u8>,
    /// Routers, the best first.
    pub routers: ArrayVec<[u8; 4], { limits::LEASE_ADDRESSES }>,
    /// Name servers, the best first.
    pub resolvers: ArrayVec<[u8; 4], { limits::LEASE_ADDRESSES }>,
    /// The domain of our name, as it came.
    pub domain: ArrayVec<u8, 255>,
    /// The largest packet.
    pub mtu: Option<u16>,
    /// Seconds for which the address is leased; all ones: for ever.
    pub lease: Option<u32>,
    /// Seconds until it is to be renewed.
    pub renewal: Option<u32>,
    /// Seconds until any server may renew it.
    pub rebinding: Option<u32>,
    /// Routes that take the place of the routers: where they lead, and the router, or none for the link.
    pub routes: ArrayVec<(Cidr, Option<Address>), { limits::ROUTES_LEASED }>,
    /// Whether there is a list of routes.
    pub has_routes: bool,
    /// Whether the client is named by another identifier than its Ethernet address (RFC 6842 §3).
    pub for_another: bool,
    /// How many options cannot be, or say more than is kept.
    pub refused: u32,
}

impl Reply {
    /// Reads a server's message for this station.
    ///
    /// # Errors
    /// [`Dropped::BadDhcp`] when it is none, or ends within an option; [`Dropped::DhcpNotForUs`] when it is for another station.
    pub fn parse(bytes: &[u8], station: Mac) -> Result<Reply, Dropped> {
        let (header, options) = Header::ref_from_prefix(bytes).map_err(|_| Dropped::BadDhcp)?;
        if header.operation != operation::REPLY || header.cookie != COOKIE {
            return Err(Dropped::BadDhcp);
        }
        if (header.hardware, header.hardware_length, header.station) != (1, 6, station.bytes()) {
            return Err(Dropped::DhcpNotForUs);
        }
        let mut reply = Reply { transaction: header.transaction.get(), yours: header.yours, ..Reply::default() };
        // RFC 3442: a list of routes may come in several options, which are one (RFC 3396).
        let mut routes = ArrayVec::<u8, { limits::LEASE_ROUTES_BYTES }>::new();
        let mut overload = 0;
        reply.read(options, &mut routes, &mut overload, station)?;
        // RFC 2131 §4.1: options may go on in the fields of file and server name, in this order.
        let mut none = 0;
        if overload & 1 != 0 {
            reply.read(&header.file, &mut routes, &mut none, station)?;
        }
        if overload & 2 != 0 {
            reply.read(&header.server_name, &mut routes, &mut none, station)?;
        }
        if reply.has_routes {
            reply.read_routes(&routes);
        }
        if reply.kind == 0 { Err(Dropped::BadDhcp) } else { Ok(reply) }
    }

    fn read(
        &mut self,
        mut bytes: &[u8],
        routes: &mut ArrayVec<u8, { limits::LEASE_ROUTES_BYTES }>,
        overload: &mut u8,
        station: Mac,
    ) -> Result<(), Dropped> {
        while let Some((kind, rest)) = bytes.split_first() {
            match *kind {
                option::PAD => bytes = rest,
                option::END => return Ok(()),
                kind => {
                    let (length, rest) = rest.split_first().ok_or(Dropped::BadDhcp)?;
                    let (value, behind) = rest.split_at_checked(usize::from(*length)).ok_or(Dropped::BadDhcp)?;
                    bytes = behind;
                    match kind {
                        option::OVERLOAD => *overload = value.first().copied().unwrap_or_default(),
                        option::CLASSLESS_ROUTES => {
                            self.has_routes = true;
                            self.refused += u32::from(routes.try_extend_from_slice(value).is_err());
                        }
                        option::CLIENT => self.for_another = value != client(station),
                        _ => self.refused += u32::from(self.take(kind, value).is_none()),
                    }
                }
            }
        }
        Ok(())
    }

    /// What one option says; `None` when it cannot.
    fn take(&mut self, kind: u8, value: &[u8]) -> Option<()> {
        let seconds = || value.try_into().ok().map(u32::from_be_bytes);
        match kind {
            option::MESSAGE_TYPE => self.kind = *value.first().filter(|_| value.len() == 1)?,
            option::SUBNET_MASK => {
                let mask = u32::from_be_bytes(value.try_into().ok()?);
                self.prefix = Some(mask.leading_ones() as u8).filter(|_| mask.leading_ones() == mask.count_ones());
                self.prefix?;
            }
            option::ROUTERS => addresses(&mut self.routers, value)?,
            option::RESOLVERS => addresses(&mut self.resolvers, value)?,
            option::DOMAIN => {
                self.domain.clear();
                // RFC 2132 §2: a zero at the end is not meant.
                self.domain.try_extend_from_slice(value.strip_suffix(&[0]).unwrap_or(value)).ok()?;
            }
            option::MTU => self.mtu = Some(u16::from_be_bytes(value.try_into().ok()?)),
            option::LEASE_TIME => self.lease = Some(seconds()?),
            option::RENEWAL_TIME => self.renewal = Some(seconds()?),
            option::REBINDING_TIME => self.rebinding = Some(seconds()?),
            option::SERVER => self.server = Some(value.try_into().ok()?),
            _ => {}
        }
        Some(())
    }

    /// RFC 3442: bits of the prefix, as many of its bytes as these need, the router.
    fn read_routes(&mut self, mut bytes: &[u8]) {
        while let Some((length, rest)) = bytes.split_first() {
            let significant = usize::from(*length).div_ceil(8);
            let route = rest.split_at_checked(significant).and_then(|(prefix, rest)| {
                let (router, behind) = rest.split_first_chunk::<4>()?;
                bytes = behind;
                let mut whole = [0; 4];
                if prefix.len() > whole.len() {
                    return None;
                }
                for (to, from) in whole.iter_mut().zip(prefix) {
                    *to = *from;
                }
                let router = Address::from_v4(*router);
                let prefix = Cidr::new(Address::from_v4(whole), *length)?.network();
                Some((prefix, Some(router).filter(|router| !router.is_unspecified())))
            });
            match route {
                Some(route) => self.refused += u32::from(self.routes.try_push(route).is_err()),
                // Where one ends nobody knows then: the rest is lost.
                None => return self.refused += 1,
            }
        }
    }
}

/// The identifier by which a client is known: the type of its hardware, and its station (RFC 2132 §9.14).
pub fn client(station: Mac) -> [u8; 7] {
    let [a, b, c, d, e, f] = station.bytes();
    [1, a, b, c, d, e, f]
}

/// Adds whole addresses, as many as there is room for.
fn addresses(list: &mut ArrayVec<[u8; 4], { limits::LEASE_ADDRESSES }>, value: &[u8]) -> Option<()> {
    let (whole, rest) = value.as_chunks::<4>();
    if whole.is_empty() || !rest.is_empty() {
        return None;
    }
    for address in whole {
        if list.try_push(*address).is_err() {
            break;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATION: Mac = Mac::new([2, 0, 0, 0, 0, 2]);

    /// A server's message with these options behind its type.
    fn offer(options: &[u8]) -> Vec<u8> {
        let header =
            Header { operation: operation::REPLY, yours: [10, 77, 0, 9], ..Header::new(STATION, 7, 0, 0, [0; 4]) };
        [header.as_bytes(), &[53, 1, 2], options].concat()
    }

    fn read(options: &[u8]) -> Reply {
        Reply::parse(&offer(options), STATION).unwrap()
    }

    #[test]
    fn options_say_what_they_say() {
        let options = [
            &[1, 4, 255, 255, 252, 0][..],
            &[3, 8, 10, 77, 0, 1, 10, 77, 0, 3],
            &[0, 0, 6, 4, 10, 77, 0, 53],
            &[15, 4, b'l', b'a', b'b', 0],
            &[26, 2, 5, 120],
            &[51, 4, 0, 0, 14, 16, 58, 4, 0, 0, 7, 8, 59, 4, 0, 0, 12, 78],
            &[54, 4, 10, 77, 0, 1, 61, 7, 1, 2, 0, 0, 0, 0, 2, 255, 53, 1, 9],
        ];
        let reply = read(&options.concat());
        assert_eq!((reply.kind, reply.transaction, reply.yours), (kind::OFFER, 7, [10, 77, 0, 9]));
        assert_eq!((reply.server, reply.prefix, reply.mtu), (Some([10, 77, 0, 1]), Some(22), Some(1400)));
        assert_eq!(reply.routers[..], [[10, 77, 0, 1], [10, 77, 0, 3]]);
        assert_eq!((&reply.resolvers[..], &reply.domain[..]), (&[[10, 77, 0, 53]][..], &b"lab"[..]));
        assert_eq!((reply.lease, reply.renewal, reply.rebinding), (Some(3600), Some(1800), Some(3150)));
        assert!(!reply.for_another && !reply.has_routes && reply.refused == 0);
        assert!(read(&[61, 7, 1, 2, 0, 0, 0, 0, 3]).for_another, "RFC 6842 §3");
    }

    /// RFC 3442, RFC 3396.
    #[test]
    fn routes_are_as_long_as_they_need_and_go_on() {
        let reply = read(&[121, 6, 0, 10, 77, 0, 1, 24, 121, 9, 192, 0, 2, 10, 77, 0, 3, 8, 10, 121, 4, 0, 0, 0, 0]);
        let route =
            |prefix: &str, router: Option<&str>| (prefix.parse().unwrap(), router.map(|text| text.parse().unwrap()));
        let expected = [
            route("0.0.0.0/0", Some("10.77.0.1")),
            route("192.0.2.0/24", Some("10.77.0.3")),
            route("10.0.0.0/8", None),
        ];
        assert_eq!((&reply.routes[..], reply.refused), (&expected[..], 0));
        for bad in [
            &[121, 1, 24][..],
            &[121, 5, 33, 1, 2, 3, 4],
            &[121, 4, 0, 10, 77, 0],
            &[121, 10, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ] {
            let reply = read(bad);
            assert!(reply.has_routes && reply.routes.is_empty() && reply.refused == 1, "{bad:?} {reply:?}");
        }
    }

    #[test]
    fn options_go_on_where_names_would_be() {
        let mut bytes = offer(&[52, 1, 3, 255]);
        bytes[108..112].copy_from_slice(&[26, 2, 5, 120]);
        bytes[112] = 255;
        bytes[44..48].copy_from_slice(&[58, 4, 0, 0]);
        bytes[48..51].copy_from_slice(&[0, 9, 255]);
        let reply = Reply::parse(&bytes, STATION).unwrap();
        assert_eq!((reply.mtu, reply.renewal), (Some(1400), Some(9)));
    }

    #[test]
    fn lengths_that_lie_are_found_out() {
        let whole = offer(&[1, 4, 255, 255, 255, 0, 51, 4, 0, 0, 0, 9, 255]);
        for end in 0..whole.len() - 1 {
            let cut = Reply::parse(&whole[..end], STATION);
            let between = [243, 249, 255].contains(&end);
            assert_eq!(cut.is_ok(), between, "{end}: {cut:?}");
        }
        for bad in [&[1, 255, 0][..], &[51, 5, 0, 0, 0], &[12]] {
            assert_eq!(Reply::parse(&offer(bad), STATION), Err(Dropped::BadDhcp));
        }
        for odd in [
            &[1, 3, 255, 255, 0][..],
            &[1, 4, 255, 0, 255, 0],
            &[3, 5, 1, 2, 3, 4, 5],
            &[3, 0],
            &[51, 3, 0, 0, 9],
            &[54, 0],
            &[26, 1, 5],
        ] {
            assert_eq!(read(odd).refused, 1, "{odd:?}");
        }
        let many = [&[3, 252][..], &[9; 252]].concat();
        assert_eq!(read(&many).routers.len(), limits::LEASE_ADDRESSES);
        let without_kind = offer(&[])[..LENGTH].to_vec();
        assert_eq!(Reply::parse(&without_kind, STATION), Err(Dropped::BadDhcp));
        assert_eq!(Reply::parse(&offer(&[]), Mac::new([4; 6])), Err(Dropped::DhcpNotForUs));
    }
}
