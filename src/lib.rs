//! A network host in userspace: Ethernet, ARP, RARP, IPv4, IPv6, ICMP, neighbour discovery, UDP and TCP, on a TAP or in
//! memory.
//!
//! ```text
//! TAP ─read──▶ device ──▶ link ───▶ internet ───▶ transport ───▶ application      the way up
//!                          │ ARP      │ ICMP echo   │ TCP RST       │ echo
//!                          │ RARP     │ NDP         │ ICMP error    │ chargen, iperf
//!                          ▼          ▼             ▼               ▼
//! TAP ◀─write─ device ◀── link ◀─── internet ◀─── transport ◀─── application      the way down
//! ```
//!
//! One frame is one function call, which does all of its work and returns. A frame goes up until something answers it;
//! most answers are written into the received frame, and that frame is sent. Nothing is deferred except what waits for
//! the wire: a frame for a neighbour that is not resolved yet, a timer.
//!
//! Every folder but [`stack`] and [`run`] is pure: bytes and state in, decisions out. [`stack`] knows the order in which
//! they are asked. [`run`] has the threads, the clock and the signals.
//!
//! `CONTRIBUTING.md` follows one frame through the folders, and says how to add a protocol.
//!
//! # Where to begin
//!
//! * [`Stack`](stack::Stack) is a host, or one shard of it. It is made from a [`Config`](stack::Config) and a
//!   [`Device`](device::Device), and does one [`turn`](stack::Stack::turn) at a time.
//! * [`Tap`](device::Tap) is a Linux TAP with its offloads, [`Plain`](device::Plain) one without;
//!   [`Memory`](device::Memory) is a wire within the process.
//! * [`Datagrams`](application::Datagrams) is a protocol over UDP; [`Stack::bind`](stack::Stack::bind) gives it a port.
//! * [`Service`](application::Service) is a protocol over TCP, and makes a [`Session`](application::Session) for each
//!   connection; [`Stack::listen`](stack::Stack::listen) gives it a port, [`Stack::connect`](stack::Stack::connect) calls one.
//! * [`Socket`](sockets::Socket), [`Listener`](sockets::Listener) and [`UdpSocket`](sockets::UdpSocket) are for programs that
//!   read and write when they like.
//! * [`Stack::join`](stack::Stack::join) joins a group, with a [`Filter`](stack::Filter) of the sources that are wanted.
//! * [`Shard`](run::Shard) is a stack with its loop: turn after turn, then sleep. [`Handle`](run::Handle) stops it.
//! * [`confine`](run::confine) gives up what a process does not need once everything is open.
//! * [`Counters`](base::counters::Counters) counts what happened. Every drop has a name,
//!   [`Dropped`](base::counters::Dropped).
//! * [`Journal`](stack::journal::Journal) notes everything that comes in; [`Replay`](stack::journal::Replay) repeats it.
//!
//! # Example
//!
//! Two hosts on a wire in memory ping each other. Time is an argument and randomness follows from a seed, so this does the
//! same whenever it runs.
//!
//! ```
//! use std::error::Error;
//!
//! use taphouse::base::address::{Address, Mac};
//! use taphouse::base::time::Instant;
//! use taphouse::buffer::Offload;
//! use taphouse::device::Memory;
//! use taphouse::stack::{Config, Stack};
//! use taphouse::wire::checksum::Sum;
//! use taphouse::wire::ethernet::EtherType;
//! use taphouse::wire::{ethernet, icmpv4, ipv4, protocol};
//! use zerocopy::IntoBytes;
//!
//! /// An echo request (RFC 792), layer by layer as the RFCs draw it.
//! fn ping(from: (Mac, [u8; 4]), to: (Mac, [u8; 4])) -> Vec<u8> {
//!     let mut icmp =
//!         icmpv4::Header { kind: icmpv4::kind::ECHO_REQUEST, code: 0, checksum: [0; 2], rest: [0, 7, 0, 1] };
//!     icmp.checksum = Sum::of(icmp.as_bytes()).bytes(b"are you there?").checksum();
//!     let ip = ipv4::Header::new(ipv4::Fields {
//!         traffic_class: 0,
//!         payload_length: icmpv4::LENGTH + 14,
//!         identification: 1,
//!         flags_offset: ipv4::DONT_FRAGMENT,
//!         time_to_live: 64,
//!         protocol: protocol::ICMP,
//!         source: from.1,
//!         destination: to.1,
//!     });
//!     let ethernet = ethernet::Header::new(to.0, from.0, EtherType::IPV4);
//!     [ethernet.as_bytes(), ip.as_bytes(), icmp.as_bytes(), b"are you there?"].concat()
//! }
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     // Two ends of one wire, a host at each.
//!     let hosts = [(Mac::new([2, 0, 0, 0, 0, 1]), [10, 77, 0, 1]), (Mac::new([2, 0, 0, 0, 0, 2]), [10, 77, 0, 2])];
//!     let (one_end, other_end) = Memory::plain_pair();
//!     let mut one = Stack::new(one_end, &Config::new(hosts[0].0, &["10.77.0.1/24".parse()?], [1; 16]))?;
//!     let mut other = Stack::new(other_end, &Config::new(hosts[1].0, &["10.77.0.2/24".parse()?], [2; 16]))?;
//!     assert_eq!(other.addresses().next(), Some(Address::from_v4(hosts[1].1)));
//!
//!     // What a device is given at one end arrives at the other, in its next turn.
//!     one.device_mut().send(&ping(hosts[0], hosts[1]), Offload::default());
//!     other.device_mut().send(&ping(hosts[1], hosts[0]), Offload::default());
//!     other.turn(Instant::ZERO)?;
//!     one.turn(Instant::ZERO)?;
//!
//!     // Each has answered in the frame in which it was asked. The reply of `one` waits at the other end.
//!     assert_eq!((one.counters().echo_answered, other.counters().echo_answered), (1, 1));
//!     let (reply, _) = other.device_mut().take().expect("the reply of `one`");
//!     let (ethernet, packet) = ethernet::Header::parse(&reply).expect("a frame");
//!     assert_eq!((ethernet.source(), ethernet.destination()), (hosts[0].0, hosts[1].0));
//!     let ip = ipv4::Packet::parse(packet).expect("an IPv4 packet");
//!     assert!(ip.is_whole());
//!     assert_eq!(ip.payload[0], icmpv4::kind::ECHO_REPLY);
//!     assert!(ip.payload.ends_with(b"are you there?"));
//!     Ok(())
//! }
//! ```
pub mod application;
pub mod base;
pub mod buffer;
pub mod device;
pub mod internet;
pub mod link;
pub mod run;
pub mod sockets;
pub mod stack;
pub mod transport;
pub mod wire;
