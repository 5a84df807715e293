//! Segments of peers that are there only as frames.

use taphouse::base::address::Mac;
use taphouse::wire::ethernet::{EtherType, Header};
use taphouse::wire::tcp::{self, flag};
use taphouse::wire::{arp, ipv4};
use zerocopy::IntoBytes;

pub(crate) const OURS: [u8; 4] = [10, 77, 0, 2];
/// All peers are behind it.
pub(crate) const ROUTER: [u8; 4] = [10, 77, 0, 1];
pub(crate) const OUR_MAC: Mac = Mac::new([2, 0, 0, 0, 0, 2]);
pub(crate) const PEER_MAC: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
pub(crate) const PORT: u16 = 9;

/// One of many peers: an address and a port of a network of 2²⁴ addresses.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) u32);

impl Peer {
    fn end(self) -> ([u8; 4], u16) {
        let [_, a, b, c] = (self.0 / 32 + 256).to_be_bytes();
        ([10, a, b, c], 10_000 + (self.0 % 32) as u16)
    }

    /// A segment of the peer.
    pub(crate) fn segment(self, sequence: u32, acknowledgment: u32, flags: u8, data: &[u8]) -> Vec<u8> {
        let (address, port) = self.end();
        let ethernet = Header::new(OUR_MAC, PEER_MAC, EtherType::IPV4);
        let ip = ipv4::Header::new(ipv4::Fields {
            traffic_class: 0,
            payload_length: tcp::LENGTH + data.len(),
            identification: 0,
            flags_offset: ipv4::DONT_FRAGMENT,
            time_to_live: 64,
            protocol: 6,
            source: address,
            destination: OURS,
        });
        let mut header = tcp::Header::new((port.into(), PORT.into()), sequence, acknowledgment, flags);
        header.window = u16::MAX.into();
        [ethernet.as_bytes(), ip.as_bytes(), header.as_bytes(), data].concat()
    }

    pub(crate) fn syn(self) -> Vec<u8> {
        self.segment(0, 0, flag::SYN, &[])
    }
}

/// The router asks for our Ethernet address, and so tells its own.
pub(crate) fn question() -> Vec<u8> {
    let ethernet = Header::new(Mac::BROADCAST, PEER_MAC, EtherType::ARP);
    let request = arp::Packet::new(arp::Operation::REQUEST, (PEER_MAC, ROUTER), (Mac::default(), OURS));
    [ethernet.as_bytes(), request.as_bytes()].concat()
}
