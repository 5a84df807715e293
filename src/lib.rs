//! A network host in userspace: Ethernet, ARP, RARP, IPv4, IPv6, ICMP, neighbour discovery and UDP, on a TAP or in
//! memory.
//!
//! ```text
//! TAP ─read──▶ device ──▶ link ───▶ internet ───▶ transport ───▶ application      the way up
//!                          │ ARP      │ ICMP echo   │ TCP RST       │ UDP echo
//!                          │ RARP     │ NDP         │ ICMP error    │ chargen
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
//! # Where to begin
//!
//! * [`Stack`](stack::Stack) is a host, or one shard of it. It is made from a [`Config`](stack::Config) and a
//!   [`Device`](device::Device), and does one [`turn`](stack::Stack::turn) at a time.
//! * [`Tap`](device::Tap) is a Linux TAP with its offloads, [`Plain`](device::Plain) one without;
//!   [`Memory`](device::Memory) is a wire within the process.
//! * [`Datagrams`](application::Datagrams) is a protocol over UDP; [`Stack::bind`](stack::Stack::bind) gives it a port.
//! * [`Shard`](run::Shard) is a stack with its loop: turn after turn, then sleep. [`Handle`](run::Handle) stops it.
//! * [`Counters`](base::counters::Counters) counts what happened. Every drop has a name,
//!   [`Dropped`](base::counters::Dropped).
//! * [`Journal`](stack::journal::Journal) notes everything that comes in; [`Replay`](stack::journal::Replay) repeats it.
//!
//! # Example
//!
//! A host at one end of a wire in memory is asked for its Ethernet address (RFC 826) from the other end. Time is an
//! argument and randomness follows from a seed, so this does the same whenever it runs.
//!
//! ```
//! use taphouse::base::address::Mac;
//! use taphouse::base::time::Instant;
//! use taphouse::buffer::Offload;
//! use taphouse::device::Memory;
//! use taphouse::stack::{Config, Stack};
//! use taphouse::wire::arp::{Operation, Packet};
//! use taphouse::wire::ethernet::{EtherType, Header};
//! use zerocopy::IntoBytes;
//!
//! let (end, mut peer) = Memory::plain_pair();
//! let host = Mac::new([2, 0, 0, 0, 0, 2]);
//! let mut stack = Stack::new(end, &Config::new(host, &["10.77.0.2/24".parse()?], [0; 16]))?;
//!
//! // Who has 10.77.0.2? Tell 10.77.0.1.
//! let asker = Mac::new([2, 0, 0, 0, 0, 1]);
//! let header = Header::new(Mac::BROADCAST, asker, EtherType::ARP);
//! let sender = (asker, [10, 77, 0, 1]);
//! let request = Packet::new(Operation::REQUEST, sender, (Mac::default(), [10, 77, 0, 2]));
//! peer.send(&[header.as_bytes(), request.as_bytes()].concat(), Offload::default());
//!
//! stack.turn(Instant::ZERO)?;
//!
//! let (frame, _) = peer.take().expect("a request for an address of the host is answered");
//! let (header, payload) = Header::parse(&frame).expect("the answer is an Ethernet frame");
//! assert_eq!(header.destination(), asker);
//! let reply = Packet::parse(payload).expect("the answer is ARP");
//! assert_eq!(*reply, Packet::new(Operation::REPLY, (host, [10, 77, 0, 2]), sender));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
pub mod application;
pub mod base;
pub mod buffer;
pub mod device;
pub mod internet;
pub mod link;
pub mod run;
pub mod stack;
pub mod transport;
pub mod wire;
