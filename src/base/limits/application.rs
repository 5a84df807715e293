//! Those of services, and of the storage threads that work for them.

use std::time::Duration;

/// Threads that wait for the disk.
pub const STORAGE_THREADS: usize = 4;
/// How often in a row a loop is woken by a thread on its own core until it goes to another one, for bytes that are worth it: some
/// for each time, more than a small file and its replies are.
pub const MEETINGS: u32 = 8;
/// Bytes that cross the device meanwhile; see [`MEETINGS`].
pub const MEETINGS_BYTES: u64 = MEETINGS as u64 * (16 << 10);
/// How long it stays away from that core: until whoever shares the other one has found its pace.
pub const APART: Duration = Duration::from_millis(20);
/// How long a storage thread works until it looks whether others want its core, too.
pub const CROWDED_AFTER: Duration = Duration::from_millis(4);
/// What it gets of its time then: less than this, for others get the rest.
pub const CROWDED_MOST: f64 = 0.9;
/// And not less than this, for then it waits for a disk, and another core would not be faster.
pub const CROWDED_LEAST: f64 = 0.2;
/// Work that storage threads may have of one shard: its answers leave half of the mailbox to frames. Blocks that they hold
/// are bounded by the pool, too.
pub const WORK: usize = super::MAILBOX / 2;
/// Work that they may have of one session: enough to read or write ahead, and to open, sync and rename without waiting.
pub const WORK_A_SESSION: u8 = 16;
/// Files and directories that one session may have open.
pub const HANDLES_A_SESSION: usize = 8;
/// Blocks that one call reads or writes: half of what a transfer may be ahead, or a little more, so that there is something to do
/// while it is told.
pub const BLOCKS_AT_ONCE: usize = FTP_BLOCKS / 2;
/// Names of a directory that are told at once: a large one is not to be a large answer.
pub const NAMES_A_LIST: usize = 256;

/// Bytes of a line of FTP's control connection: the longest path that Linux takes, and a command in front of it.
pub const FTP_LINE: usize = 4096 + 16;
/// Control connections of FTP at one shard, as many as there are ports for data.
pub const FTP_SESSIONS: usize = 1000;
/// Control connections of FTP from one address: a household behind one address, and every test of many clients.
pub const FTP_SESSIONS_AN_ADDRESS: usize = 600;
/// How long a control connection may say nothing while nothing is transferred.
pub const FTP_IDLE: Duration = Duration::from_secs(300);
/// How long a data connection is waited for.
pub const FTP_DATA_WAIT: Duration = Duration::from_secs(30);
/// How long a transfer may stand still.
pub const FTP_STALLED: Duration = Duration::from_secs(300);
/// Wrong passwords in one connection; the last one ends it.
pub const FTP_PASSWORDS: u32 = 3;
/// Control connections of one user at one shard.
pub const FTP_SESSIONS_A_USER: usize = 50;
/// Blocks of one download that the disk reads ahead: enough that one call reads half of them while the others leave, as two full
/// superframes.
pub const FTP_BLOCKS: usize = 16;
/// Blocks of one upload that the disk has yet to write; with what else it is asked for that is what a session may ask. The window
/// closes when it has fallen so far behind, and opens again when half of them are written: a peer that is let send a little at a
/// time sends small segments, which cost as much as large ones.
pub const FTP_UPLOAD_BLOCKS: usize = 14;
/// Replies that a control connection has not sent yet; who does not read them is not listened to.
pub const FTP_REPLIES: usize = 8 << 10;

/// Who may log in; each has a directory open.
pub const USERS: usize = 256;
/// Bytes of a user's name.
pub const USER_NAME: usize = 64;
/// What one comparison of a password may take, in KiB; one is done at a time.
pub const PASSWORD_MEMORY: u32 = 256 << 10;
/// Passes over that, and lanes: together a second or two on a slow machine.
pub const PASSWORD_PASSES: u32 = 16;
/// Lanes in which argon2 works, of which we use one after the other.
pub const PASSWORD_LANES: u32 = 16;
/// How long the answer to the first wrong password of an address takes; it doubles with each.
pub const PASSWORD_DELAY: Duration = Duration::from_secs(1);
/// How long it takes at most: programs wait for no longer.
pub const PASSWORD_DELAY_MOST: Duration = Duration::from_secs(30);
/// Wrong passwords after which nothing is compared for an address.
pub const PASSWORD_GUESSES: u32 = 20;
/// How long it takes until one of them is forgiven.
pub const PASSWORD_FORGIVEN: Duration = Duration::from_secs(30);
/// Addresses of which wrong passwords are remembered; one more takes the place of the oldest.
pub const PASSWORD_GUESSERS: usize = 1024;

/// How long TLS's handshake may take.
pub const TLS_HANDSHAKE: Duration = Duration::from_secs(30);
/// Bytes that are decrypted before they are shown: a few records, in one large buffer.
pub const TLS_SHOWN: usize = 60 << 10;

/// RTP sessions of one service at a shard: groups, and hosts that send to us.
pub const RTP_SESSIONS: usize = 256;
/// Members of an RTP session that are remembered, ourselves not counted.
pub const RTP_MEMBERS: usize = 4096;
/// SSRCs of a session that did not prove themselves: of one more the oldest is forgotten.
pub const RTP_STRANGERS: usize = 64;
/// Whence others use an SSRC of ours, as far as it is remembered (RFC 3550 §8.2).
pub const RTP_CONFLICTS: usize = 16;
/// Octets a second of an RTP session that says nothing of it: a call in G.711, with headers. RTCP takes 5 % of it.
pub const RTP_BANDWIDTH: f64 = 10_000.0;
/// Packets that a jitter buffer holds: more than two seconds of a call, and what is reordered of a picture.
pub const RTP_PLAYOUT: usize = 128;

/// Ports that are tried for a service that wants one of its own, at random: with 64 shards, each of which has one in 64, none of
/// them would do once in 3,000 times.
pub const PORTS_TRIED: usize = 512;

/// Entries of the queue of mail that the relay was told of and has not looked at; of more it hears that there are some.
pub const SMTP_ARRIVALS: usize = 1024;
/// Bytes of an envelope or a report that are written at once.
pub const SMTP_BLOCK: usize = 60 << 10;
/// The same of a message that comes, at first: most are small, and one whose client stalls holds this much.
pub const SMTP_FIRST_BLOCK: usize = 15 << 10;
/// Bytes of a command without its end: RFC 5321 §4.5.3.1.4 has 512, and extensions add to it; RFC 4954 §4 wants 12,288 for AUTH.
pub const SMTP_LINE: usize = 12_288;
/// Bytes of replies that wait for room, before no command is heard any more.
pub const SMTP_REPLIES: usize = 16 << 10;
/// The same for which there is room from the beginning: the answer to EHLO and those to a whole message sent at once.
pub const SMTP_USUAL_REPLIES: usize = 512;
/// Sessions of a server's shard, of which so many may be of one address.
pub const SMTP_SESSIONS: usize = 2000;
/// See [`SMTP_SESSIONS`].
pub const SMTP_SESSIONS_AN_ADDRESS: usize = 200;
/// Recipients of one message (RFC 5321 §4.5.3.1.8 wants 100 at least).
pub const SMTP_RECIPIENTS: usize = 1000;
/// Commands in a row that are none, and wrong passwords, before a client is sent away.
pub const SMTP_ERRORS: u32 = 20;
/// See [`SMTP_ERRORS`].
pub const SMTP_PASSWORDS: u32 = 5;
/// Recipients whom nobody is called, before a client is sent away that tries names out.
pub const SMTP_STRANGERS: u32 = 100;
/// Bytes of a message, if nothing else is wished.
pub const SMTP_MESSAGE: u64 = 64 << 20;
/// How long a client may say nothing (RFC 5321 §4.5.3.2.7).
pub const SMTP_IDLE: Duration = Duration::from_secs(5 * 60);
/// The same within a message (§4.5.3.2.5).
pub const SMTP_DATA_IDLE: Duration = Duration::from_secs(3 * 60);
/// When memory or a storage thread that was refused is asked for again.
pub const SMTP_RETRY: Duration = Duration::from_millis(5);
/// Blocks of one message that the disk reads ahead: enough that neither waits for the other.
pub const SMTP_BLOCKS: usize = 4;
/// Bytes of a line of a reply: RFC 5321 §4.5.3.1.5 has 512, and servers explain themselves.
pub const SMTP_REPLY_LINE: usize = 2 << 10;
/// Lines of a reply that are kept: of the longest there is, that to EHLO, a few times as many.
pub const SMTP_REPLY_LINES: usize = 64;
/// Commands that a client sends ahead of their replies (RFC 2920).
pub const SMTP_PIPELINE: usize = 100;
/// How long a server's host may take to answer at all: there are others.
pub const SMTP_CONNECT: Duration = Duration::from_secs(30);
/// How long a connection that is ready waits for one more message.
pub const SMTP_LINGER: Duration = Duration::from_secs(5);
/// How long a server may take to hear that we go.
pub const SMTP_FAREWELL: Duration = Duration::from_secs(10);

/// Bytes of an answer of DNS in one datagram: what passes everywhere without fragments (RFC 9715).
pub const DNS_DATAGRAM: usize = 1232;
/// Records of one answer that are looked at.
pub const DNS_RECORDS: usize = 32;
/// Names that stand for names, one behind the other.
pub const DNS_ALIASES: usize = 8;
/// How long an answer is believed at most, whatever it says.
pub const DNS_LASTS: Duration = Duration::from_secs(3600);
/// How long a server may take to hear that we have its answer.
pub const DNS_FAREWELL: Duration = Duration::from_secs(5);
/// How long a server may take to answer a question.
pub const DNS_PATIENCE: Duration = Duration::from_secs(5);
/// How often a question is asked before it is given up.
pub const DNS_TRIES: u32 = 3;

/// Entries of the queue of mail that the relay knows of; more wait on the disk until there are half as many.
pub const SMTP_KNOWN: usize = 100_000;
/// Messages that are under way at once.
pub const SMTP_LETTERS: u32 = 64;
/// Bytes of an envelope: a few thousand recipients.
pub const SMTP_ENVELOPE: usize = 4 << 20;
/// Recipients of one transaction: every server takes 100 (RFC 5321 §4.5.3.1.8).
pub const SMTP_RECIPIENTS_AT_ONCE: usize = 100;
/// Connections to one next hop, and to all.
pub const SMTP_CONNECTIONS_A_HOP: usize = 5;
/// Connections to all next hops.
pub const SMTP_CONNECTIONS: usize = 50;
/// Hosts of a domain that are looked for, and their addresses.
pub const SMTP_EXCHANGES: usize = 5;
/// Addresses of a next hop that are tried.
pub const SMTP_TARGETS: usize = 10;
/// How long it is known at least where a next hop is.
pub const SMTP_ROUTE_LASTS: Duration = Duration::from_secs(60);
/// `Received:` lines of a message that goes in circles (RFC 5321 §6.3: at least 100).
pub const SMTP_HOPS: usize = 100;
/// Bytes of a message that come back whole; of a larger one the header does.
pub const SMTP_RETURNED: usize = 50 << 10;
/// Bytes of a message that goes into a mailbox of this host through the relay: a report, which is much less.
pub const SMTP_REPORT: usize = 1 << 20;
/// How long a disk is left alone that refused something.
pub const SMTP_DISK_PAUSE: Duration = Duration::from_secs(30);
/// How often the relay looks for itself while there are connections to next hops, or messages wait for one: what they tell may be
/// too much for one turn.
pub const SMTP_LOOK: Duration = Duration::from_millis(200);
/// The same while there is nothing to do: a mailbox that was full when something was put into the queue wakes nobody.
pub const SMTP_LONG_LOOK: Duration = Duration::from_secs(60);
/// Until the second try (RFC 5321 §4.5.4.1: there are two in the first hour).
pub const SMTP_FIRST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Between tries at most.
pub const SMTP_LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);
/// How long a message is tried (RFC 5321 §4.5.4.1: four to five days).
pub const SMTP_LIFETIME: Duration = Duration::from_secs(5 * 86_400);
/// When a sender is told that it takes long.
pub const SMTP_LATE: Duration = Duration::from_secs(4 * 3600);
