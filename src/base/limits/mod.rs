//! Every bound on what a peer can multiply, with its reason.

mod application;

use std::time::Duration;

pub use application::*;

/// Frames handled in one turn of the loop, so that a flood cannot stop the timers.
pub const FRAMES_A_TURN: usize = 64;
/// Bytes handled in one turn of the loop, likewise.
pub const BYTES_A_TURN: usize = 1 << 20;
/// How often whoever spins asks a device again in a turn in which nothing came: on a TAP two microseconds in all, for which messages
/// and timers wait.
pub const LOOKS_A_TURN: usize = 8;
/// Frames that are received before the first of them is taken in, where they come for one connection after another of very
/// many, or where as many came in the turn before; and small ones that leave together then. Twice as many gain hardly more.
pub const FRAMES_AHEAD: usize = 8;
/// A frame of so many bytes is small: as many as are received ahead fill half of a processor's first cache.
pub const SMALL_FRAME: usize = 2 << 10;
/// Connections that are not very many yet: a processor has a cache of its own for so many.
pub const CROWD: usize = 4 << 10;
/// Messages taken from the mailbox in one turn.
pub const MESSAGES_A_TURN: usize = 64;
/// How soon a message that found a full mailbox and must not be lost is tried again.
pub const MAILBOX_RETRY: Duration = Duration::from_millis(1);
/// Messages that wait in a mailbox; who finds it full drops what it brought and counts it.
pub const MAILBOX: usize = 1024;

/// Memory of a stack: tables of connections, kept frames and queues, by capacity. It is taken from the system when it is
/// first needed. A quarter of a small machine's; it serves 200,000 idle connections, or 300 that send or receive far ahead.
pub const MEMORY: usize = 256 << 20;
/// Less than this for one shard cannot serve: its sixteenths hold a few superframes.
pub const MEMORY_LEAST: usize = 4 << 20;
/// Eighths of the memory that tables of connections may take; the pool has what they leave.
pub const TABLES: usize = 4;
/// What part of that handshakes may take, and TIME-WAIT: neither keeps new connections out.
pub const TABLES_SHARE: usize = 4;
/// Sixteenths of a quota from which on memory is scarce: streams buffer no more than they begin with.
pub const SCARCE: usize = 12;
/// Sixteenths of a quota from which on memory is short: connections that are not begun are refused.
pub const SHORT: usize = 14;
/// What a stream queues to be sent while memory is scarce: one middle block.
pub const SEND_BUFFER_SCARCE: usize = 16 << 10;
/// How long a peer may keep its window closed over data of ours when memory is short (RFC 6429 §3: such connections may be
/// given up). Longer than people look at a page.
pub const HELD_UP: Duration = Duration::from_secs(30);
/// Connections that are looked at in one turn to find one that holds memory up.
pub const HELD_UP_WEIGHED: u32 = 64;
/// Sixteenths of the pool for frames that wait for a neighbour.
pub const POOL_PARKED: usize = 1;
/// Sixteenths of the pool that applications and storage threads may hold.
pub const POOL_TAKEN: usize = 3;
/// Sixteenths of the pool for fragments of datagrams that are not whole yet.
pub const POOL_FRAGMENTS: usize = 2;
/// Sixteenths of the pool for what streams have yet to send, or to have acknowledged.
pub const POOL_SENDING: usize = 6;
/// Sixteenths of the pool for what streams received and nobody took yet.
pub const POOL_RECEIVING: usize = 4;

/// Datagrams that wait for fragments at once; one more takes the place of the oldest. A flood of 100,000 a second with as many
/// sources leaves each ten milliseconds, in which a datagram of 64 KiB comes over the slowest Ethernet.
pub const REASSEMBLIES: usize = 1024;
/// One part in so many of those, and of their memory, is the most that one source may have: then its own oldest makes way, and
/// nobody else's.
pub const REASSEMBLIES_SHARE: usize = 4;
/// Fragments of one datagram. 64 KiB over the least MTU that every IPv4 host takes (RFC 791 §3.2: 576) are 119.
pub const FRAGMENTS: usize = 128;
/// How long a datagram waits for its fragments from the first that came on (RFC 8200 §4.5; RFC 1122 §3.3.2: 60 to 120 s).
pub const REASSEMBLY_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of IP header and extension headers in front of the first fragment that are kept with it: an IPv4 header with all of
/// its options, or an IPv6 header and 64 bytes of hop-by-hop options and routing. With an error in front of them they have to
/// fit into the headroom of a frame.
pub const FRAGMENT_HEAD: usize = 104;

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
/// Routes: of our own prefixes, configured, and told.
pub const ROUTES: usize = 128;
/// Routes of those that routers may tell, default routes and prefixes of the link among them. More are refused, and the first
/// keep their place: who floods a link with advertisements pushes out nobody who was there before.
pub const ROUTES_ADVERTISED: usize = 32;
/// Routes of those that a server of addresses may tell.
pub const ROUTES_LEASED: usize = 16;
/// Default routers of those that are advertised (RFC 4861 §6.3.4: at least two).
pub const ROUTERS: usize = 8;
/// Prefixes of the link in which we may have no address.
pub const ON_LINK: usize = 16;
/// Addresses that we make of prefixes that routers tell.
pub const ADDRESSES_FORMED: usize = 6;
/// How often the user is told of other routers and name servers: who makes them come and go fills no log.
pub const AUTO_NEWS: Duration = Duration::from_secs(1);
/// How long routers and servers of addresses are waited for before we are ready without them: three questions of each.
pub const AUTO_PATIENCE: Duration = Duration::from_secs(10);
/// RFC 4861 §10, MAX_RTR_SOLICITATION_DELAY.
pub const ROUTER_SOLICIT_DELAY: Duration = Duration::from_secs(1);
/// RFC 7559 §2, IRT and MRT: between the first two solicitations, and at most.
pub const ROUTER_SOLICIT_INTERVAL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(3600));
/// A router that tells hosts to let packets pass fewer routers than this cuts them off from parts of the world (CVE-2015-2922).
pub const HOP_LIMIT_LEAST: u8 = 32;
/// What routers may tell of RetransTimer: less makes floods of solicitations, more lets packets wait for neighbours that are lost.
pub const RETRANSMIT_TOLD: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// What routers may tell of BaseReachableTime. RFC 4861 §6.2.1 knows no more than an hour.
pub const REACHABLE_TOLD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
/// RFC 4862 §5.5.3 e: nobody who only claims to be a router makes an address invalid sooner.
pub const VALID_LEAST: Duration = Duration::from_secs(7200);
/// RFC 7217 §7, IDGEN_RETRIES.
pub const INTERFACE_IDS: u8 = 3;
/// Name servers, and domains in which names are looked for, that are remembered (RFC 8106 §5.3.1: three of each suffice).
pub const RESOLVERS: usize = 4;
/// Routers, and name servers, of one lease.
pub const LEASE_ADDRESSES: usize = 4;
/// Bytes of a lease's list of routes, nine each at most (RFC 3442).
pub const LEASE_ROUTES_BYTES: usize = 9 * ROUTES_LEASED;
/// A lease that ends sooner than this is refused: renewing it would be all that we do.
pub const LEASE_LEAST: Duration = Duration::from_secs(10);
/// How long a DHCP client waits before its first question, so that hosts that start together do not ask together. RFC 2131
/// §4.4.1 has one to ten seconds; people do not like to wait.
pub const DHCP_DELAY: Duration = Duration::from_secs(1);
/// How long it waits for the first answer, and at most; it doubles in between, all of it a second more or less (RFC 2131 §4.1).
pub const DHCP_INTERVAL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(64));
/// Questions for an offered address before another offer is looked for: as long as RFC 2131 §3.1.5's sixty seconds.
pub const DHCP_REQUESTS: u8 = 4;
/// Questions for the address of a lease from before a restart: a server that does not know it says nothing (RFC 2131 §4.3.2), and
/// people wait.
pub const DHCP_REBOOT_REQUESTS: u8 = 2;
/// How long it waits at least until it asks again to renew a lease (RFC 2131 §4.4.5).
pub const DHCP_RENEW_LEAST: Duration = Duration::from_secs(60);
/// How long it waits after an address that it was given turned out to be somebody else's, or was refused (RFC 2131 §3.1.5).
pub const DHCP_PAUSE: Duration = Duration::from_secs(10);
/// An IPv4 MTU that is told and less than this is left out (RFC 791 §3.2: every host takes 576).
pub const MTU_TOLD_LEAST: usize = 576;
/// Destinations that routers redirected to a better way; one more takes the place of the oldest.
pub const REDIRECTS: usize = 256;
/// How long that holds. A router that still has to pass the packets on says so again.
pub const REDIRECT_AGE: Duration = Duration::from_secs(600);
/// Entries of the RARP table (RFC 903).
pub const RARP_ENTRIES: usize = 1024;

/// Neighbours remembered, of some 150 bytes each. A full cache forgets the one that was used least recently.
pub const NEIGHBORS: usize = 65_536;
/// Neighbours being resolved at once, so that a scan of the prefix cannot push out those that we know.
pub const NEIGHBORS_INCOMPLETE: usize = 1024;
/// Neighbours remembered only because they asked us: so many of a flood of them are kept, the latest.
pub const NEIGHBORS_STRANGERS: usize = NEIGHBORS / 4;
/// Entries of a full cache that are looked at to find the one to forget.
pub const NEIGHBORS_WEIGHED: usize = 16;
/// Frames parked for one neighbour. RFC 4861 §7.2.2 asks for at least one; Linux takes about a hundred.
pub const PARKED_A_NEIGHBOR: usize = 16;
/// RFC 4861 §10, RETRANS_TIMER, and for ARP alike.
pub const SOLICIT_INTERVAL: Duration = Duration::from_secs(1);
/// RFC 7048 §3, BACKOFF_MULTIPLE: by so much the interval grows while a neighbour that was there does not answer.
pub const SOLICIT_BACKOFF: u32 = 3;
/// RFC 7048 §3, MAX_RETRANS_TIMER.
pub const SOLICIT_INTERVAL_MOST: Duration = Duration::from_secs(60);
/// RFC 4861 §10, MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT.
pub const SOLICITS: u8 = 3;
/// RFC 4861 §10, REACHABLE_TIME, before it is randomised between 0.5 and 1.5 times.
pub const REACHABLE: Duration = Duration::from_secs(30);
/// How long it stays randomised in the same way (RFC 4861 §6.3.4: some hours).
pub const REACHABLE_SPREAD: Duration = Duration::from_secs(2 * 3600);
/// RFC 4861 §10, DELAY_FIRST_PROBE_TIME.
pub const DELAY_FIRST_PROBE: Duration = Duration::from_secs(5);
/// RFC 5227 §1.1, ANNOUNCE_INTERVAL.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// RFC 5227 §1.1, DEFEND_INTERVAL: an address is defended once in this time, so that two who both insist do not shout.
pub const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// Notices of our addresses that nobody took yet; one more is left out.
pub const NOTICES: usize = 64;
/// How soon RARP asks a second time; from then on the time doubles.
pub const RARP_INTERVAL: Duration = Duration::from_secs(1);
/// How long RARP waits at most before it asks again.
pub const RARP_INTERVAL_MOST: Duration = Duration::from_secs(30);
/// What one frame or timer may ask to be sent besides its answer.
pub const OUTBOX: usize = 64;

/// Groups of a family that are joined besides those that follow from our addresses; a linear search of so few is fast enough.
pub const GROUPS: usize = 64;
/// Sources that the filter of one group may name: Linux's default is ten.
pub const GROUP_SOURCES: usize = 32;
/// Ports that want one group; each may name sources, and all of them are looked through for each of its datagrams.
pub const GROUP_MEMBERS: usize = 16;
/// Sources that changed lately and are told of again; of more, the whole filter is told.
pub const GROUP_CHANGES: usize = 2 * GROUP_SOURCES;
/// Sources of a group about which routers asked and that are not answered for yet; to more, the whole filter is the answer.
pub const GROUP_SOURCES_ASKED: usize = 64;
/// Between two answers to routers of one family: routers wait at least a second for one (RFC 9776 §8.8), and a flood of questions
/// that demand answers at once gets ten a second.
pub const GROUP_ANSWER_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of one report of groups: an IPv6 packet of the minimum MTU, without headers.
pub const GROUP_REPORT: usize = 1232;

/// Neighbour discovery options looked at in one message.
pub const NDP_OPTIONS: usize = 16;
/// The same of a router's message, which may tell of many prefixes and routes. Of the largest that fits into 1,500 bytes, 180
/// would say nothing.
pub const ROUTER_OPTIONS: usize = 64;
/// Extension headers walked in one packet; one more is RFC 8883's "too many extension headers".
pub const EXTENSION_HEADERS: usize = 8;
/// Options besides padding in one extension header (RFC 8504 §5.3); one more is RFC 8883's "too many options".
pub const EXTENSION_OPTIONS: usize = 8;
/// Bytes of all extension headers of a packet: one of the largest that can be. More is RFC 8883's "chain too long".
pub const EXTENSION_BYTES: usize = 2048;

/// ICMP errors a second towards one destination (RFC 1122 §3.2.2, RFC 4443 §2.4 f), and how many at once.
pub const ICMP_ERRORS_A_SECOND: u32 = 100;
/// ICMP errors a second towards all destinations together, on average: what each takes of it is a matter of chance.
pub const ICMP_ERRORS_A_SECOND_GLOBAL: u32 = 5_000;
/// Buckets in which destinations are counted.
pub const ICMP_ERROR_BUCKETS: usize = 1024;
/// How much of an ICMPv4 error's packet there may be (RFC 1812 §4.3.2.3).
pub const ICMPV4_ERROR: usize = 576;
/// How much of an ICMPv6 error's packet there may be: the minimum MTU (RFC 4443 §2.4 c).
pub const ICMPV6_ERROR: usize = 1280;

/// Destinations whose path's MTU is remembered, because it is less than the link's.
pub const PATH_MTUS: usize = 1024;
/// How long it is remembered (RFC 1191 §6.3, RFC 8201 §5.3: ten minutes).
pub const PATH_MTU_AGE: Duration = Duration::from_secs(600);
/// Timeouts in a row of whole segments until the path is taken for a black hole (RFC 4821 §7.7): one is a lost retransmission.
pub const BLACK_HOLE_TIMEOUTS: u8 = 2;
/// What an IPv4 path is taken to carry then, before less is tried (RFC 4821 §7.2).
pub const PATH_MTU_BASE: usize = 1024;
/// How long nothing larger is tried after that: if only the path was down for a moment, it is wide again soon.
pub const MTU_PROBE_AFTER: Duration = Duration::from_secs(30);
/// Whole segments that follow a larger one, so that its loss shows without a timeout (RFC 4821 §7.4).
pub const MTU_PROBE_FOLLOWERS: usize = 4;
/// An IPv4 path takes as much (RFC 791 §3.2, every module forwards 68); who tells less lies.
pub const PATH_MTU_LEAST: usize = 68;
/// Less than this is not believed of an IPv4 path, however little is told: 512 bytes of data behind headers of 40, Linux's
/// least. With 68 a forged error would let each packet carry as little as 28 bytes (RFC 5927 §7.1). A path that
/// does take less gets what its routers may cut.
pub const PATH_MTU_FLOOR: usize = 552;

/// Hop limit and time to live of what we send (RFC 1700).
pub const HOP_LIMIT: u8 = 64;
/// The same of what is sent to groups, until somebody chooses more: it stays on the link (RFC 1112 §6.1, RFC 3493 §5.2).
pub const MULTICAST_HOP_LIMIT: u8 = 1;
/// Bytes, by the capacity of what holds them, that wait in a UDP socket to be read; Linux's default is 208 KiB.
pub const SOCKET_DATAGRAMS: usize = 256 << 10;

/// Endpoints of one transport protocol.
pub const ENDPOINTS: usize = 65_536;
/// Datagrams that one call of a service may send besides its answer in place.
pub const DATAGRAMS_A_CALL: usize = 64;

/// Unread bytes of a stream that are joined into one slice before they are shown: the longest line or header of any
/// protocol above. Who leaves more unread is not shown it again until more than that was read.
pub const LINE: usize = 32 << 10;
/// Pieces of a stream held out of order. Adjoining segments share one, so this many separate gaps are rare.
pub const PIECES: usize = 128;

/// TCP connections of a shard.
pub const CONNECTIONS: usize = 4 << 20;
/// Passive opens of a shard that wait for their last acknowledgment; of one more SYN nothing is kept, and its answer is a
/// cookie.
pub const HANDSHAKES: usize = 64 << 10;
/// The same for one listener, unless it asks for less.
pub const BACKLOG: u32 = 16 << 10;
/// How long a secret makes SYN cookies (RFC 4987 §3.6). One is believed for twice that, which is longer than a peer's patience
/// with its own first data.
pub const COOKIE_SECRET: Duration = Duration::from_secs(60);
/// TIME-WAIT entries of a shard, where its memory takes so many; when there are more, the oldest is forgotten (RFC 9293
/// §3.6.1 would let it wait).
pub const TIME_WAITS: usize = 1 << 20;
/// Twice the maximum segment lifetime (RFC 9293 §3.4.2 has 2 minutes for one; everybody takes 30 seconds).
pub const TIME_WAIT: Duration = Duration::from_secs(60);
/// How soon it may begin anew: each time takes a place in the line of those that wait.
pub const TIME_WAIT_ANEW: Duration = Duration::from_secs(1);
/// Local addresses of connections in TIME-WAIT: as many as we have at once, and as many that we had a minute ago.
pub const TIME_WAIT_LOCALS: usize = 2 * OWN_ADDRESSES;

/// RFC 6298 §2.1: before the first sample.
pub const RTO_INITIAL: Duration = Duration::from_secs(1);
/// How much longer than a round trip at least. In all that is less than RFC 6298's second (§2.4), as everybody's; but longer
/// than any delayed acknowledgment takes.
pub const RTO_MINIMUM: Duration = Duration::from_millis(200);
/// RFC 6298 §2.5.
pub const RTO_MAXIMUM: Duration = Duration::from_secs(60);
/// How long sending the same again may go on (RFC 9293 §3.8.3, R2: at least 100 s).
pub const USER_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// RFC 5482 §3.1, L_LIMIT and U_LIMIT: what a peer can make of it. The least is RFC 9293's (§3.8.3); an hour keeps no
/// connection to a vanished peer for much longer than ours would.
pub const USER_TIMEOUT_AGREED: (Duration, Duration) = (Duration::from_secs(100), Duration::from_secs(3600));
/// The same for a SYN (RFC 9293 §3.8.3: at least 3 minutes).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3 * 60);
/// How often a SYN that is not acknowledged is answered again.
pub const SYN_ACKS: u8 = 5;
/// RFC 9293 §3.8.6.3: less than half a second. Linux's 40 ms.
pub const DELAYED_ACK: Duration = Duration::from_millis(40);
/// How long a silent peer is trusted in FIN-WAIT-2, where it may have vanished, before it is asked.
pub const FIN_WAIT_2: Duration = Duration::from_secs(60);
/// How long a corked end of the data is held back.
pub const CORK: Duration = Duration::from_millis(200);
/// Between two questions to a silent peer (RFC 9293 §3.8.4). All of them together take longer than a few of its
/// retransmissions at [`RTO_MAXIMUM`], so that a peer behind a bad path is not taken for dead.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Questions that a silent peer may leave unanswered. Linux's nine: where every other one is lost, all of them are once in
/// 500 silences, and not once in 60.
pub const KEEP_ALIVES: u8 = 9;
/// Between two acknowledgments that only challenge what came (RFC 5961 §10), on one connection.
pub const CHALLENGE_INTERVAL: Duration = Duration::from_millis(100);

/// Assumed of a peer that does not name its largest segment (RFC 9293 §3.7.1), IPv4 and IPv6.
pub const MSS_DEFAULT: (u16, u16) = (536, 1220);
/// A peer that names less than this is taken to mean this: Linux's least, so that headers do not outweigh the data.
pub const MSS_LEAST: u16 = 48;
/// The largest TCP superframe for a device that takes more than 64 KiB, as an IP packet: four full chunks of a send queue. Larger
/// ones leave the cache.
pub const SUPERFRAME: usize = 256 << 10;
/// What may be in flight at most, whatever the congestion control thinks.
pub const CONGESTION_WINDOW: u32 = 16 << 20;
/// What a stream queues to be sent at first, and at most: more than may be in flight, so that there is always a full
/// superframe to wait for.
pub const SEND_BUFFER: (usize, usize) = (128 << 10, 8 << 20);
/// The most on a path that is not [`FAR`]: what is in flight there is to stay in the cache.
pub const SEND_BUFFER_NEAR: usize = 2 << 20;
/// What of that may be more than both windows let be in flight: a session is told of room in the turn in which an
/// acknowledgment comes, and what is written earlier than that leaves the cache before it leaves the host.
pub const SEND_AHEAD: usize = 128 << 10;
/// How long part of a window waits for acknowledgments that make it a fuller superframe. On a path so fast a superframe less is a
/// system call less; on a slower one what waits comes around that much later, and the window is the smaller for it.
pub const SUPERFRAME_WAIT: Duration = Duration::from_millis(1);
/// How much of what is paced leaves at once: what its rate sends in this time (as Linux does, which paces with timers, too).
pub const PACE: Duration = Duration::from_millis(1);
/// From which round trip on it is paced: on a shorter path, a few of these pieces are all of a window.
pub const FAR: Duration = Duration::from_millis(4);
/// Segments of the initial window (RFC 6928 §2), and what may leave at once after a pause (RFC 9002 §7.7).
pub const INITIAL_WINDOW: usize = 10;
/// What a stream lets its peer send at first, and at most: as much as Linux keeps of what is sent (`tcp_wmem`). A sender that has
/// more than the window takes sends it when an acknowledgment comes, which in a host beside us is out of our own call, on our core;
/// one that has no more sends it on its own.
pub const RECEIVE_BUFFER: (u32, u32) = (64 << 10, 4 << 20);
/// What comes in this time is to fit into the window though the path is shorter: a peer that waits for a core, or to be woken, is
/// away for so long, and is to find a window that it can use when it comes back.
pub const RECEIVE_AHEAD: Duration = Duration::from_millis(1);
/// Bytes from one acknowledgment to the next where superframes come from a host beside us, and how many times as much each leaves
/// out of what came: more than a core's own cache holds (1 MiB, Zen 4). Both together are two thirds of the largest window.
pub const STRETCH: (u32, usize) = (896 << 10, 2);
/// Data bytes of such a superframe, at least.
pub const STRETCH_FRAME: usize = 32 << 10;
/// How soon they follow each other: 10 Gbit/s of the largest ones.
pub const STRETCH_GAP: Duration = Duration::from_micros(50);
/// How long each way is measured, whether that pays, or a quarter of it where one is much slower; and how long the better one is
/// kept then, at least and at most: four times as long each time that it proves to be it.
pub const STRETCH_TRIAL: (Duration, Duration, Duration) =
    (Duration::from_millis(4), Duration::from_millis(16), Duration::from_millis(1024));
/// Runs of one history in what a connection has in flight, 16 bytes each (SACK Panic, CVE-2019-11477). What left in one turn
/// is one; a window of 16 MiB in single segments is at most so many.
pub const RUNS_IN_FLIGHT: usize = 4096;
/// DupThresh (RFC 5681 §3.2, RFC 8985 §6.2).
pub const DUPLICATES: usize = 3;
/// RFC 8985 §6.2, step 4: recoveries for which a wider reordering window stays.
pub const REORDERING_PERSISTS: u8 = 16;
/// RFC 8985 §7.2, WCDelAckT: how long a peer may delay the acknowledgment of a single segment.
pub const PROBE_DELAYED_ACK: Duration = Duration::from_millis(200);
/// How long the end of what is in flight is waited for at least, so that a short round trip and a busy peer make no probe.
/// RFC 8985 has no such bound; the drafts before it had 10 ms, and Linux adds two ticks, which are 2 to 20.
pub const PROBE_MINIMUM: Duration = Duration::from_millis(5);
/// Bytes of one connection that are sent before it is another's turn: four superframes of 64 KiB.
pub const BYTES_A_ROUND: usize = 256 << 10;
/// Bytes of all connections that are sent in one turn of the loop, so that receiving is not held up.
pub const BYTES_SENT_A_TURN: usize = 4 << 20;
/// Timers that fire in one turn of the loop.
pub const TIMERS_A_TURN: usize = 256;
/// How soon a session that found no memory is called again.
pub const STARVED_RETRY: Duration = Duration::from_millis(1);
/// Messages, connections and the like that the calls of one turn may ask for.
pub const REQUESTS: usize = 1024;

/// Refusals that a service tells an administrator of in [`REFUSALS_SPAN`]: more than anybody reads, and enough to see each of
/// one bad client.
pub const REFUSALS: u32 = 100;
/// After which more of them are told of.
pub const REFUSALS_SPAN: Duration = Duration::from_secs(10);
