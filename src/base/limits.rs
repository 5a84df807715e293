//! Every bound on what a peer can multiply, with its reason.

use std::time::Duration;

/// Frames handled in one turn of the loop, so that a flood cannot stop the timers.
pub const FRAMES_A_TURN: usize = 64;
/// Bytes handled in one turn of the loop, likewise.
pub const BYTES_A_TURN: usize = 1 << 20;
/// Messages taken from the mailbox in one turn.
pub const MESSAGES_A_TURN: usize = 64;
/// How soon a message that found a full mailbox and must not be lost is tried again.
pub const MAILBOX_RETRY: Duration = Duration::from_millis(1);
/// Messages that wait in a mailbox; who finds it full drops what it brought and counts it.
pub const MAILBOX: usize = 1024;

/// Memory that kept frames may pin, by capacity.
pub const POOL: usize = 16 << 20;
/// Share of the pool for frames that wait for a neighbour: one in eight.
pub const POOL_PARKED_DIVISOR: usize = 8;
/// Share of the pool that applications and storage threads may hold: three in four. The rest is left for
/// receiving.
pub const POOL_TAKEN: (usize, usize) = (3, 4);

/// How soon a device that failed is tried again, at first and at most; it doubles in between. Ten times a second costs
/// nothing, and is soon enough for people.
pub const DEVICE_RETRY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// How often a shard says that its device fails.
pub const DEVICE_NEWS: Duration = Duration::from_secs(10);

/// Copies of frames that wait to be written or printed; what does not fit is counted. At a flood
/// of 100,000 frames a second it bridges 160 ms in which the other thread does not get a core.
pub const CAPTURE_FRAMES: usize = 16_384;
/// Bytes of such copies: what a disk writes in a tenth of a second.
pub const CAPTURE_BYTES: usize = 16 << 20;

/// Bytes of a frame that a trace reads: every header, also those that an ICMP error quotes.
pub const TRACE_BYTES: usize = 512;
/// Lines that a trace prints a second. Nobody reads more, and a slow terminal is not to be the measure.
pub const TRACE_LINES_A_SECOND: usize = 500;

/// Addresses of our own on one interface; a linear search of so few is faster than a table.
pub const OWN_ADDRESSES: usize = 16;
/// Routes.
pub const ROUTES: usize = 64;
/// Entries of the RARP table (RFC 903).
pub const RARP_ENTRIES: usize = 1024;

/// Neighbours remembered. A full cache forgets the one that was used least recently.
pub const NEIGHBORS: usize = 4096;
/// Neighbours being resolved at once, so that a scan of the prefix cannot push out those that we know.
pub const NEIGHBORS_INCOMPLETE: usize = NEIGHBORS / 4;
/// Frames parked for one neighbour. RFC 4861 §7.2.2 asks for at least one; Linux takes about a hundred.
pub const PARKED_A_NEIGHBOR: usize = 16;
/// RFC 4861 §10, RETRANS_TIMER, and for ARP alike.
pub const SOLICIT_INTERVAL: Duration = Duration::from_secs(1);
/// RFC 4861 §10, MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT.
pub const SOLICITS: u8 = 3;
/// RFC 4861 §10, REACHABLE_TIME, before it is randomised between 0.5 and 1.5 times.
pub const REACHABLE: Duration = Duration::from_secs(30);
/// RFC 4861 §10, DELAY_FIRST_PROBE_TIME.
pub const DELAY_FIRST_PROBE: Duration = Duration::from_secs(5);
/// What one frame or timer may ask to be sent besides its answer.
pub const OUTBOX: usize = 64;

/// Neighbour discovery options looked at in one message.
pub const NDP_OPTIONS: usize = 16;
/// Extension headers walked in one packet; one more is RFC 8883's "Extension header chain too long" (code 6).
pub const EXTENSION_HEADERS: usize = 8;

/// ICMP errors a second towards one destination (RFC 1122 §3.2.2, RFC 4443 §2.4 f), and how many at once.
pub const ICMP_ERRORS_A_SECOND: u32 = 100;
/// ICMP errors a second towards all destinations together.
pub const ICMP_ERRORS_A_SECOND_GLOBAL: u32 = 5_000;
/// Buckets in which destinations are counted.
pub const ICMP_ERROR_BUCKETS: usize = 1024;
/// How much of an ICMPv4 error's packet there may be (RFC 1812 §4.3.2.3).
pub const ICMPV4_ERROR: usize = 576;
/// How much of an ICMPv6 error's packet there may be: the minimum MTU (RFC 4443 §2.4 c).
pub const ICMPV6_ERROR: usize = 1280;

/// Hop limit and time to live of what we send (RFC 1700).
pub const HOP_LIMIT: u8 = 64;

/// UDP endpoints.
pub const UDP_ENDPOINTS: usize = 65_536;
/// Datagrams that one call of a service may send besides its answer in place.
pub const DATAGRAMS_A_CALL: usize = 64;
