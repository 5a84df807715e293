//! ARP (RFC 826) and RARP (RFC 903) for IPv4 over Ethernet.

use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::address::Mac;
use crate::base::counters::Dropped;
use crate::wire::ethernet::Header;

/// What a packet asks or tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(transparent)]
pub struct Operation(pub U16);

impl Operation {
    /// ARP: who has the target protocol address?
    pub const REQUEST: Operation = Operation(U16::new(1));
    /// ARP: the sender has it.
    pub const REPLY: Operation = Operation(U16::new(2));
    /// RARP: which protocol address has the target hardware address?
    pub const REVERSE_REQUEST: Operation = Operation(U16::new(3));
    /// RARP: the target protocol address.
    pub const REVERSE_REPLY: Operation = Operation(U16::new(4));
}

/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |      Hardware type (1)        |    Protocol type (0x0800)     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | HW length (6) |Pro. length (4)|           Operation           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Sender hardware address                    |
/// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                               |    Sender protocol address    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Sender protocol address (2)  |    Target hardware address    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Target protocol address                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Packet {
    space: [u8; 6],
    /// What it asks or tells.
    pub operation: Operation,
    /// Who sent it.
    pub sender_mac: [u8; 6],
    /// The sender's IPv4 address; zero in a probe (RFC 5227).
    pub sender: [u8; 4],
    /// Whom it is about.
    pub target_mac: [u8; 6],
    /// The IPv4 address that it is about.
    pub target: [u8; 4],
}

/// The only address spaces that exist here: hardware type 1, protocol type 0x0800, and the lengths of their addresses.
const IPV4_OVER_ETHERNET: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// A packet with the Ethernet header in front of it: the whole frame, padding aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Framed {
    /// Who sent it to whom.
    pub ethernet: Header,
    /// The packet.
    pub packet: Packet,
}

impl Framed {
    /// The frame as a whole, to be turned into its answer where it lies.
    #[inline(always)]
    pub fn parse(frame: &mut [u8]) -> Result<&mut Framed, Dropped> {
        let (framed, _padding) = Framed::mut_from_prefix(frame).map_err(|_| Dropped::Truncated)?;
        if framed.packet.space == IPV4_OVER_ETHERNET { Ok(framed) } else { Err(Dropped::BadArp) }
    }
}

impl Packet {
    /// A packet to be sent.
    pub fn new(operation: Operation, sender: (Mac, [u8; 4]), target: (Mac, [u8; 4])) -> Packet {
        let ((sender_mac, sender), (target_mac, target)) = (sender, target);
        let (sender_mac, target_mac) = (sender_mac.bytes(), target_mac.bytes());
        Packet { space: IPV4_OVER_ETHERNET, operation, sender_mac, sender, target_mac, target }
    }

    /// The packet that an Ethernet frame carries; padding behind it is left alone.
    #[inline(always)]
    pub fn parse(bytes: &[u8]) -> Result<&Packet, Dropped> {
        let (packet, _padding) = Packet::ref_from_prefix(bytes).map_err(|_| Dropped::Truncated)?;
        if packet.space == IPV4_OVER_ETHERNET { Ok(packet) } else { Err(Dropped::BadArp) }
    }

    /// The station that sent it, as it says.
    #[inline]
    pub fn sender_mac(&self) -> Mac {
        let bytes: &[u8; size_of::<Packet>()] = zerocopy::transmute_ref!(self);
        Mac::first_of(bytes[8..].first_chunk().expect("20 bytes begin with eight"))
    }

    /// The station that it is about.
    #[inline]
    pub fn target_mac(&self) -> Mac {
        Mac::new(self.target_mac)
    }
}
