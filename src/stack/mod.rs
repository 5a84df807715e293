//! The spine: the order in which the leaves are asked.
//!
//! ```text
//! receive ─▶ net.arrive ─▶ udp.input ─▶ service       the way up
//!             │          └▶ tcp.input ─▶ session
//!             │ answered      │ in place    │ written
//!             ▼               ▼             ▼
//! transmit ◀─ net.reply ◀─────┴──── net.send          the way down
//!      ▲
//!      └───── net.send_kept ◀─ tcp.flush              at the end of the turn, all of TCP's data
//! ```
//!
//! A [`Stack`] is one shard: it owns its device, shares nothing, and does one [`Stack::turn`] at a time. Everything that
//! decides what it does comes in through that call (the time, the frames, the mailbox) or followed from its seed, so the
//! same inputs give the same frames, to the bit: see [`journal`].
//!
//! Where frames take system calls, the ways that most of them go are always inlined, from [`Stack::turn`] down to the call:
//! receiving, what is answered in place, what connections send, and what is sent in bursts. A function that makes a system call
//! and returns makes those that follow slower, each write to a TAP by 0.3 µs of 1.0. That was measured; why is a guess: a kernel
//! that guards its returns leaves the processor's record of return addresses in disorder.

mod ahead;
mod endpoints;
pub mod journal;
mod mail;
mod mailbox;
mod net;
mod notice;
mod owner;
mod storage;
mod tcp;
mod udp;

pub use mailbox::{Mailbox, Message, Post};
pub use net::Transmitted;
pub use net::multicast::Groups;
pub use notice::{Asked, Change, Notice, Start};
pub use owner::{Owners, ShardId};
pub use storage::{Answer, Asker, Finished, Order, Ticket};
pub use tcp::{ConnectError, ConnectionId};

pub use crate::internet::dhcp::Remembered;
pub use crate::internet::multicast::{Filter, JoinError};
pub use crate::link::vlan::Vlan;

use std::io;
use std::time::Duration;

use crossbeam_channel::Sender;

use self::ahead::Ahead;
use self::journal::Journal;
use self::mailbox::Unsent;
use self::net::addresses::Role;
use self::net::{Arrived, Net, Up};
use self::storage::Storage;
use self::tcp::Tcp;
use self::udp::Udp;
use crate::application::{Bell, DeskId};
use crate::base::address::{Address, Cidr, Mac};
use crate::base::counters::{Counters, Dropped};
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;
use crate::buffer::{CAPACITY, Frame};
use crate::device::{Device, Interest, Received, Waker};
use crate::internet;
use crate::internet::train::Train;
use crate::link::vlan;
use crate::wire::protocol;

/// Who a stack is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its addresses; a link-local IPv6 address is added where the MTU lets IPv6 be.
    pub addresses: Vec<Cidr>,
    /// Its default routers.
    pub gateways: Vec<Address>,
    /// The stations that RARP tells their addresses (RFC 903).
    pub rarp: Vec<(Mac, Address)>,
    /// When its addresses are used.
    pub start: Start,
    /// Which of its groups routers are told of unasked.
    pub groups: Groups,
    /// Ask over RARP for one more address (RFC 903); the list is of networks that are known to be on the link, of which
    /// it gets the prefix length, and else 24.
    pub ask_rarp: Option<Vec<Cidr>>,
    /// Ask for addresses and routers of both families, and take in what routers advertise (RFC 4861, RFC 4862). Interface
    /// identifiers follow from the secret that is given, so they stay the same as long as it does (RFC 7217).
    pub auto: Option<[u8; 16]>,
    /// A lease from before, which is asked for again (RFC 2131 §3.2).
    pub lease: Option<Remembered>,
    /// The VLAN that all of its frames are in, if any.
    pub vlan: Option<Vlan>,
    /// Memory that its connections, kept frames and queues may take, in bytes, by capacity; not what sessions hold
    /// themselves.
    pub memory: usize,
    /// What all of its randomness follows from. Unpredictable, unless a run is to be repeated.
    pub seed: [u8; 16],
}

impl Config {
    /// A host with these addresses, which uses them at once, and limits as they are by default.
    pub fn new(mac: Mac, addresses: &[Cidr], seed: [u8; 16]) -> Config {
        Config {
            mac,
            addresses: addresses.to_vec(),
            gateways: Vec::new(),
            rarp: Vec::new(),
            start: Start::AtOnce,
            groups: Groups::Joined,
            ask_rarp: None,
            auto: None,
            lease: None,
            vlan: None,
            memory: limits::MEMORY,
            seed,
        }
    }
}

/// Why a [`Config`] cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// One address too many, or one twice.
    #[error("{0} is one address too many, or there twice: a host has at most {max} different ones", max = limits::OWN_ADDRESSES - 1)]
    Address(Cidr),
    /// One route too many.
    #[error("no room for a route through {0}")]
    Route(Address),
    /// One RARP entry too many, or not an IPv4 address.
    #[error("no room for the RARP entry of {0}, or its address is not IPv4")]
    Rarp(Mac),
}

/// What one turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Frames and messages that came.
    pub arrived: usize,
    /// Whether more may wait: the turn ended because its budget did.
    pub more: bool,
}

/// Whence a frame came to this shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    FromDevice,
    HandedOver,
}

/// A network host: one shard of it.
pub struct Stack<D> {
    net: Net<D>,
    udp: Udp,
    tcp: Tcp,
    mailbox: Mailbox,
    owners: Owners,
    storage: Storage,
    unsent: Unsent,
    /// Received into again and again, so it stays in cache.
    frame: Frame,
    ahead: Ahead,
    /// The packet in it, or the last one that was.
    train: Train,
    /// How often the device is asked again in a turn in which nothing came.
    looks: usize,
}

impl<D: Device> Stack<D> {
    /// The only shard of a host.
    pub fn new(device: D, config: &Config) -> Result<Stack<D>, ConfigError> {
        Stack::shard(device, config, Mailbox::alone())
    }

    /// One of the shards of a host; all of them have the same `config`.
    pub fn shard(device: D, config: &Config, mailbox: Mailbox) -> Result<Stack<D>, ConfigError> {
        let mut random = Random::new(config.seed);
        // The first secret drawn, so that every shard of a host has the same one.
        let owners = Owners::new(&mut random, mailbox.id(), mailbox.shards());
        let role = if mailbox.id() == ShardId(0) { Role::Leads } else { Role::Follows };
        let net = Net::new(device, config, role, &mut random)?;
        let tcp = Tcp::new(random.clone());
        let udp = Udp::new(random);
        let (storage, unsent) = (Storage::default(), Unsent::default());
        let (frame, ahead, train) = (Frame::new(CAPACITY), Ahead::default(), Train::default());
        Ok(Stack { net, udp, tcp, mailbox, owners, storage, unsent, frame, ahead, train, looks: 0 })
    }

    /// Lets sessions ask storage threads for work, which take it through these channels; one session's always through the
    /// same one. Without channels there is nobody to ask.
    pub fn set_storage(&mut self, orders: Vec<Sender<Order>>) {
        self.allow_work(if orders.is_empty() { 0 } else { limits::WORK });
        self.storage = Storage::new(self.mailbox.id(), self.mailbox.post(), orders);
    }

    /// Has the device asked several times in a turn in which nothing comes: for whoever turns without waiting meanwhile.
    pub fn busy_poll(&mut self) {
        self.looks = limits::LOOKS_A_TURN;
    }

    /// Half for sessions, half for services of datagrams, so that neither takes all.
    fn allow_work(&mut self, most: usize) {
        self.tcp.allow_work(most / 2);
        self.udp.allow_work(most / 2);
    }

    /// What any thread calls that has something for a service of datagrams of this shard: it wakes the shard, and the service
    /// hears [`Rung`](crate::application::Rung) by [`on_message`](crate::application::Datagrams::on_message). False: the mailbox is
    /// full.
    pub fn bell(&self, desk: DeskId) -> Bell {
        let post = self.mailbox.post();
        Bell::new(move || post.send(Message::Rung(desk)).is_ok())
    }

    /// Lets a journal note everything that comes in.
    pub fn keep_journal(&mut self, journal: Box<dyn Journal>) {
        self.net.keep_journal(journal);
    }

    /// One turn: what waits is taken in, within a budget; what is due is done.
    ///
    /// # Errors
    /// What the device says when it cannot receive. The stack is whole and can be turned again.
    #[inline(always)]
    pub fn turn(&mut self, now: Instant) -> io::Result<Turn> {
        self.net.begin(now);
        if self.ahead.is_pressed() {
            self.net.gather();
        }
        let received = self.receive();
        let messages = self.read_mail();
        let more = self.end_turn();
        let mut turn = received?;
        turn.arrived += messages;
        turn.more |= messages == limits::MESSAGES_A_TURN || more;
        Ok(turn)
    }

    /// What follows when all was taken in that came: what is due, what was asked for, what is to be sent. Returns whether
    /// more waits for the next turn.
    #[inline(always)]
    fn end_turn(&mut self) -> bool {
        self.fire_timers();
        self.udp.fire_timers(&mut self.net);
        let fired = self.tcp.fire_timers(&mut self.net);
        self.tcp.carry_out(&mut self.udp, &mut self.storage, &self.owners, &mut self.net);
        let unsent = self.tcp.flush(&mut self.net);
        self.net.let_go();
        unsent || fired == limits::TIMERS_A_TURN
    }

    /// The end of a host: services of datagrams say their last words, and what was lent to it is given back, an address from a
    /// DHCP server (RFC 2131 §4.4.6). A journal does not note it.
    pub fn end(&mut self, now: Instant) {
        self.net.begin(now);
        self.udp.end(&mut self.net);
        self.tcp.carry_out(&mut self.udp, &mut self.storage, &self.owners, &mut self.net);
        self.net.release();
        self.net.let_go();
    }

    /// When the next turn is due though nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        // Nobody wakes us when another shard's mailbox has room again, or a storage thread's channel.
        let settled = self.unsent.is_empty() && self.storage.is_settled();
        let unsent = (!settled).then(|| self.net.now() + limits::MAILBOX_RETRY);
        let tcp = self.tcp.deadline(self.net.now());
        self.net.deadline().into_iter().chain(unsent).chain(tcp).chain(self.udp.deadline()).min()
    }

    /// Whether storage threads work for a session, which wake us when they are done.
    pub fn awaits_work(&self) -> bool {
        self.tcp.awaits_work()
    }

    /// Sleeps until something arrives or `at_most` has passed.
    pub fn wait(&mut self, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        let is_blocked = self.tcp.is_blocked() || self.net.is_blocked();
        let interest = if is_blocked { Interest::ReceiveAndTransmit } else { Interest::Receive };
        self.net.device.wait(interest, waker, at_most)
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.net.counters
    }

    /// Why the device refused a frame, if it did since this was last asked.
    #[inline]
    pub fn take_refusal(&mut self) -> Option<io::Error> {
        self.net.refusal.take()
    }

    /// The next thing that there is to tell of our addresses.
    #[inline]
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.net.take_notice()
    }

    /// Our addresses that are used, in the order in which they were given, the link-local one last.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.net.interface.addresses().iter().map(|own| own.address())
    }

    /// The device.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.net.device
    }

    /// Memory that kept frames pin now, in bytes; zero when every block has come back.
    pub fn memory_pinned(&self) -> usize {
        self.net.pool.charged()
    }

    /// Does what is due.
    fn fire_timers(&mut self) {
        self.net.fire_timers();
        if self.net.has_changed() {
            self.spread_changes();
        }
    }

    /// Tells the other shards what this one decided on addresses.
    #[cold]
    fn spread_changes(&mut self) {
        while let Some(change) = self.net.next_change() {
            for shard in self.mailbox.others() {
                self.unsent.post(&self.mailbox, shard, Message::Change(change));
            }
        }
    }

    /// Frames from the device, within the budget of a turn.
    #[inline(always)]
    fn receive(&mut self) -> io::Result<Turn> {
        let turn = self.receive_each();
        if !self.ahead.is_empty() {
            self.take_in_laid_aside();
        }
        self.ahead.press(turn.as_ref().is_ok_and(|turn| turn.arrived >= limits::FRAMES_AHEAD));
        turn
    }

    #[inline(always)]
    fn receive_each(&mut self) -> io::Result<Turn> {
        let (mut arrived, mut looks) = (0, self.looks);
        // Bytes are counted anyway.
        let enough = self.net.counters.bytes_received + limits::BYTES_A_TURN as u64;
        while arrived < limits::FRAMES_A_TURN && self.net.counters.bytes_received < enough {
            match self.net.device.receive(&mut self.frame)? {
                // Again before the rest of the turn, for which a frame that comes meanwhile would have to wait.
                Received::Nothing if arrived == 0 && looks > 0 => looks -= 1,
                Received::Nothing => return Ok(Turn { arrived, more: false }),
                received => {
                    if !self.reads_ahead() {
                        self.take_up(received);
                    } else if self.lay_aside(received) {
                        self.take_in_laid_aside();
                        self.net.let_some_go();
                    }
                    arrived += 1;
                }
            }
        }
        Ok(Turn { arrived, more: true })
    }

    /// What was received is in `self.frame`, and its turn has come.
    #[inline(always)]
    fn take_up(&mut self, received: Received) {
        match self.net.came(received, &mut self.frame) {
            Received::Nothing => {}
            Received::Frame => self.take_in(Came::FromDevice),
            Received::Refused(why) => self.net.counters.drop(why),
        }
    }

    /// The journey of the frame in `self.frame`: up, over, down.
    // Inlined, and the packet's way apart unless frames take system calls: what ends at the link layer, like ARP, pays neither for
    // a call nor for the variables of layers that it never sees. That was a seventh of its instructions.
    #[inline(always)]
    fn take_in(&mut self, came: Came) {
        match self.net.arrive(&mut self.frame, &mut self.train) {
            Ok(Arrived::Packet) if D::CALLS => self.take_in_packet(came),
            Ok(Arrived::Packet) => self.take_in_packet_apart(came),
            Ok(Arrived::Heard) => self.hear(came),
            Ok(Arrived::Conflict) => self.pass_on(came),
            Ok(Arrived::Done) => {}
            Err(Dropped::OtherVlan) if vlan::strip_priority(&mut self.frame) => self.take_in_stripped(came),
            Err(why) => self.net.counters.drop(why),
        }
    }

    /// The journey of a frame whose tag said nothing but its priority.
    #[cold]
    fn take_in_stripped(&mut self, came: Came) {
        self.take_in(came);
    }

    #[inline(never)]
    fn take_in_packet_apart(&mut self, came: Came) {
        self.take_in_packet(came);
    }

    /// The rest of the journey, when the frame carries a packet.
    #[inline(always)]
    fn take_in_packet(&mut self, came: Came) {
        let Stack { net, udp, mailbox, owners, frame, train, .. } = self;
        let packet = train.packet();
        match net.input(packet, frame) {
            Ok(Up::Udp) => match udp::arrival(packet, frame) {
                Ok(arrival) => match owners.elsewhere(&arrival.flow) {
                    None => udp.input(packet, &arrival, frame, net),
                    Some(owner) => mailbox.hand_over(owner, frame, net),
                },
                Err(why) => net.counters.drop(why),
            },
            Ok(Up::Tcp) => self.take_in_segment(),
            Ok(Up::Error) => self.take_in_error(),
            Ok(Up::Heard) => self.hear(came),
            Ok(Up::Conflict | Up::Group) => self.pass_on(came),
            Ok(Up::Done) => {}
            Err(why) => net.counters.drop(why),
        }
        self.net.empty_outbox();
    }

    /// The rest of the journey of a segment.
    #[inline(never)]
    fn take_in_segment(&mut self) {
        let Stack { net, tcp, mailbox, owners, frame, train, .. } = self;
        let packet = train.packet();
        match tcp.arrive(packet, frame, net) {
            Ok(None) => {}
            Ok(Some(flow)) => match owners.elsewhere(&flow) {
                None => tcp.input(packet, &flow, frame, net),
                Some(owner) => mailbox.hand_over(owner, frame, net),
            },
            Err(why) => net.counters.drop(why),
        }
    }

    /// The rest of the journey of an ICMP error: to the owner of the flow that it quotes.
    #[cold]
    fn take_in_error(&mut self) {
        let Stack { net, udp, tcp, mailbox, owners, frame, train, .. } = self;
        let packet = train.packet();
        let notice = match internet::notice::input(frame.bytes(), packet) {
            Ok(notice) => notice,
            Err(why) => return net.counters.drop(why),
        };
        if let Some(owner) = owners.elsewhere(&notice.flow) {
            return mailbox.hand_over(owner, frame, net);
        }
        let taken = match notice.protocol {
            protocol::TCP => tcp.on_error(&notice, net),
            protocol::UDP => udp.on_error(&notice, net),
            _ => Err(Dropped::IcmpUnrelated),
        };
        match taken {
            Ok(()) => net.counters.errors_received += 1,
            Err(why) => net.counters.drop(why),
        }
    }

    /// It told of a neighbour.
    // Not inlined, like what follows: the loop of frames is not to carry its variables.
    #[inline(never)]
    fn hear(&mut self, came: Came) {
        self.net.counters.neighbors_heard += 1;
        self.pass_on(came);
    }

    /// Tells all shards what one heard of a neighbour or of an address of ours: it reaches one queue, whichever shard it
    /// concerns. Who is told by us tells nobody else.
    #[inline(never)]
    fn pass_on(&mut self, came: Came) {
        if came == Came::FromDevice {
            self.mailbox.tell_all(&mut self.frame, &mut self.net);
        }
    }
}

impl<D> Drop for Stack<D> {
    /// Parked frames go back to the pool, so that a leak shows.
    fn drop(&mut self) {
        self.tcp.clear(&mut self.net);
        self.storage.clear(&mut self.net.pool);
        self.net.clear();
    }
}
