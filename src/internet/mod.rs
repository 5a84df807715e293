//! The internet layer: IPv4, IPv6 and its extension headers, ICMP, neighbour discovery, routes, source addresses.
//!
//! Going up, [`ipv4::input`] and [`ipv6::input`] make a [`Packet`] of a frame: where its parts lie and what they
//! say. Going down, [`output::prepend`] puts one header in front of whatever is to be sent. An answer in place keeps the
//! header that it came with, turned round ([`ipv4::turn_round`], [`ipv6::turn_round`]): that saves about a
//! tenth of the instructions of the whole path, and a frame is answered so nearly always.

pub mod dhcp;
pub mod discovery;
pub mod duplicate;
pub mod error;
pub mod extension;
pub mod fragment;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod multicast;
pub mod ndp;
pub mod notice;
pub mod offload;
pub mod options;
pub mod output;
pub mod path_mtu;
pub mod reassembly;
pub mod redirect;
pub mod route;
pub mod segmentation;
pub mod slaac;
pub mod source;
pub mod train;

use crate::base::address::{Address, Family};
use crate::base::counters::Dropped;
use crate::link::conflict::Nonce;
use crate::link::interface::Interface;
use crate::link::{Arrival, Cast};

/// A packet that is for us: offsets into its frame, and what its headers say.
///
/// The way up fills it in where it lies: handed from layer to layer by value it would be copied at each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packet {
    /// The protocol that brought it.
    pub family: Family,
    /// Whom it is from: one host, or nobody (`::`) in duplicate address detection.
    pub source: Address,
    /// Whom it is for.
    pub destination: Address,
    /// How many that is.
    pub cast: Cast,
    /// How its frame came.
    pub link: Arrival,
    /// What it carries.
    pub protocol: u8,
    /// Routers that it could still have passed.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Whether its sender wants it whole or not at all; always so in IPv6.
    pub dont_fragment: bool,
    /// Where the IP header begins in the frame.
    pub network: u16,
    /// Where the transport header begins in the frame.
    pub transport: u16,
    /// Where the number of the transport protocol lies, counted from the IP header.
    pub protocol_field: u16,
}

impl Packet {
    /// Where the transport header begins in the frame.
    #[inline]
    pub fn transport(&self) -> usize {
        usize::from(self.transport)
    }

    /// Whether nothing stands between the fixed IP header and the transport header.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.transport - self.network == if self.family == Family::V4 { 20 } else { 40 }
    }

    /// Whether there are IPv4 options.
    #[inline]
    pub fn has_options(&self) -> bool {
        self.family == Family::V4 && !self.is_plain()
    }

    /// Where the IP header begins in the frame.
    #[inline]
    pub fn network(&self) -> usize {
        usize::from(self.network)
    }
}

/// What the header of a packet on its way down says.
#[derive(Clone, Copy, Debug)]
pub struct Outbound {
    /// Whom it is from.
    pub source: Address,
    /// Whom it is for.
    pub destination: Address,
    /// What it carries.
    pub protocol: u8,
    /// Routers that it may pass.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Whether routers must not cut it.
    pub dont_fragment: bool,
}

impl Outbound {
    /// The header of an answer: back where it came from, with a hop limit of its own.
    #[inline]
    pub fn answer(packet: &Packet, source: Address, interface: &Interface) -> Outbound {
        Outbound {
            source,
            destination: packet.source,
            protocol: packet.protocol,
            hop_limit: interface.hop_limit(packet.family),
            traffic_class: 0,
            dont_fragment: packet.dont_fragment,
        }
    }
}

/// What the headers of a packet become when they are turned round. All else stays: its identification names the answer
/// as well as it named the question.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Whom the answer is from: us.
    pub source: Address,
    /// DSCP and ECN.
    pub traffic_class: u8,
}

/// Why a packet does not go up.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// It goes no further.
    Drop(Dropped),
    /// Its sender is to be told.
    Tell(Problem),
    /// It is a fragment: [`fragment`] reads it.
    Fragment,
}

impl From<Dropped> for Refusal {
    fn from(why: Dropped) -> Refusal {
        Refusal::Drop(why)
    }
}

/// What is wrong with a packet, in words that its sender understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// We do not speak its protocol.
    Protocol,
    /// Nobody listens at its port.
    Port,
    /// The rest of its fragments did not come in time.
    Incomplete,
    /// A field of the IP header or of an extension header, this far behind the IP header, is wrong; the code says how.
    Field {
        /// Code of "parameter problem".
        code: u8,
        /// Bytes from the beginning of the IP header.
        pointer: u32,
    },
}

/// What becomes of a message that ends at this layer.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// What the packet carries is its answer now, and goes back under its own headers, turned round.
    Answer(Answer),
    /// The frame holds the payload of a reply, and this is its header.
    Reply(Outbound),
    /// It told of a neighbour.
    Done,
    /// It is an error: [`notice::input`] reads it.
    Error,
    /// This router says that it is none any more, and all else is as with [`Verdict::Done`].
    Demoted(Address),
    /// A router tells what it knows: [`discovery`] reads it.
    Router,
    /// A router tells of a better way: [`redirect::read`] reads it.
    Redirect,
    /// It tells or asks of groups: [`multicast::Memberships::input`] reads it.
    Group,
    /// It asks for the time: [`icmpv4::tell_time`] answers.
    Timestamp,
    /// Somebody else claims this address of ours, or asks under this nonce whether it is free.
    Conflict(Address, Option<Nonce>),
    /// It goes no further.
    Drop(Dropped),
}
