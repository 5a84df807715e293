//! The limit: the least that still is a TCP endpoint. It knows one connection, the last that was opened, believes every header,
//! loses nothing and sends nothing twice.

use std::io::{self, IoSlice};

use rustix::io::Errno;
use taphouse::base::address::{Address, Mac};
use taphouse::device::{Device, Interest, Tap, Waker};
use taphouse::wire::checksum::Sum;
use taphouse::wire::protocol;
use taphouse::wire::tcp::flag;

use crate::spin::Spin;
use crate::{DISCARD_PORT, ECHO_PORT, SOURCE_PORT};

/// `virtio_net_hdr`, Ethernet, IPv4 and TCP without options.
const DEVICE: usize = 10;
const IP: usize = DEVICE + 14;
const TCP: usize = IP + 20;
const HEAD: usize = TCP + 20;
pub(crate) const MSS: usize = 1460;
/// As many segments as one IPv4 packet holds.
pub(crate) const SUPERFRAME: usize = 44 * MSS;
/// What may be in flight to the peer: more leaves the cache.
const WINDOW: u32 = 1 << 20;
/// What the peer may send ahead.
const AHEAD: u32 = 4 << 20;
/// Where superframes follow each other, bytes from one acknowledgment to the next, and how many times as much each leaves out of
/// what came: so the peer writes the next ones in memory that has left our core's cache.
const STRETCH: (u32, usize) = (512 << 10, 3);
const SCALE: u8 = 7;
/// Data bytes of such a superframe.
const LARGE: usize = 32 << 10;
/// Reads between two looks at what there is to send.
const BURST: usize = 64;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`, `VIRTIO_NET_HDR_GSO_TCPV4`.
const NEEDS_CSUM: u8 = 1;
const GSO_TCPV4: u8 = 1;

/// One connection, seen from here.
struct Connection {
    /// The head of every frame that we send.
    head: [u8; HEAD],
    port: u16,
    una: u32,
    nxt: u32,
    rcv: u32,
    window: u32,
    scale: u8,
    /// Whether there is something to acknowledge.
    owes: bool,
    /// Where acknowledgments that leave something out may end, the oldest first: the last one did so there.
    ends: [u32; STRETCH.1 + 1],
    /// Whether that may wait for more.
    may_wait: bool,
    /// Whether it computes its checksums, or leaves them to the kernel.
    sums: bool,
    /// What is to go back.
    echoed: Vec<u8>,
}

/// Serves until the device fails, in segments of so many bytes of data; `sums` computes every checksum, as whoever has no
/// offload has to. What it receives it believes.
pub(crate) fn run(mut tap: Tap, mac: Mac, segment: usize, sums: bool) -> io::Result<()> {
    let waker = Waker::new()?;
    let mut buffer = vec![0; 70_000];
    let payload = vec![0x5a; segment];
    let mut connection: Option<Connection> = None;
    let mut spin = Spin::new();
    loop {
        let mut idle = false;
        for _ in 0..BURST {
            match rustix::io::read(&tap, &mut buffer) {
                Ok(length) => {
                    spin.worked();
                    take_in(&buffer[..length], (mac, sums), &mut connection, &tap)?;
                }
                Err(Errno::AGAIN) => {
                    idle = true;
                    break;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        let mut full = false;
        if let Some(connection) = &mut connection {
            full = !connection.send(&payload, &tap)?;
        }
        if full {
            tap.wait(Interest::ReceiveAndTransmit, &waker, None)?;
        } else if idle && !spin.goes_on() {
            // Nothing follows.
            if let Some(connection) = &mut connection {
                connection.acknowledge(&tap)?;
            }
            tap.wait(Interest::Receive, &waker, None)?;
        }
    }
}

/// One frame: a SYN begins a connection, everything else belongs to it.
fn take_in(frame: &[u8], (mac, sums): (Mac, bool), connection: &mut Option<Connection>, tap: &Tap) -> io::Result<()> {
    let is_tcp = frame.len() >= HEAD && frame[DEVICE + 12..IP + 1] == [8, 0, 0x45] && frame[IP + 9] == protocol::TCP;
    if !is_tcp {
        return Ok(());
    }
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
    let (port, flags, sequence) = (word(TCP + 2), frame[TCP + 13], long(TCP + 4));
    if flags & flag::SYN != 0 && [ECHO_PORT, DISCARD_PORT, SOURCE_PORT].contains(&port) {
        let opened = connection.insert(Connection::new(frame, mac, port, sequence.wrapping_add(1), sums));
        return opened.answer_syn(tap);
    }
    let Some(connection) = connection.as_mut().filter(|connection| connection.is_peer(frame)) else { return Ok(()) };
    connection.una = long(TCP + 8);
    connection.window = u32::from(word(TCP + 14)) << connection.scale;
    let header = usize::from(frame[TCP + 12] >> 4) * 4;
    let data = usize::from(word(IP + 2)) - (TCP - IP) - header;
    if data > 0 && sequence == connection.rcv {
        connection.rcv = connection.rcv.wrapping_add(data as u32);
        connection.owes = true;
        // It stays so for the rest behind one.
        connection.may_wait |= data >= LARGE;
        if port == ECHO_PORT {
            connection.echoed.extend_from_slice(&frame[TCP + header..][..data]);
        }
    }
    Ok(())
}

impl Connection {
    fn new(syn: &[u8], mac: Mac, port: u16, rcv: u32, sums: bool) -> Connection {
        let mut head = [0; HEAD];
        head[DEVICE..DEVICE + 6].copy_from_slice(&syn[DEVICE + 6..DEVICE + 12]);
        head[DEVICE + 6..DEVICE + 12].copy_from_slice(&mac.bytes());
        head[DEVICE + 12..IP + 2].copy_from_slice(&[8, 0, 0x45, 0]);
        head[IP + 6..IP + 10].copy_from_slice(&[0x40, 0, 64, protocol::TCP]);
        head[IP + 12..IP + 16].copy_from_slice(&syn[IP + 16..IP + 20]);
        head[IP + 16..IP + 20].copy_from_slice(&syn[IP + 12..IP + 16]);
        head[TCP..TCP + 2].copy_from_slice(&syn[TCP + 2..TCP + 4]);
        head[TCP + 2..TCP + 4].copy_from_slice(&syn[TCP..TCP + 2]);
        head[TCP + 14..TCP + 16].copy_from_slice(&((AHEAD >> SCALE) as u16).to_be_bytes());
        let scale = window_scale(&syn[HEAD..]);
        Connection {
            head,
            port,
            una: 1,
            nxt: 1,
            rcv,
            window: 0,
            scale,
            owes: false,
            ends: [rcv; STRETCH.1 + 1],
            may_wait: false,
            sums,
            echoed: Vec::new(),
        }
    }

    fn is_peer(&self, frame: &[u8]) -> bool {
        self.head[TCP..TCP + 2] == frame[TCP + 2..TCP + 4] && self.head[TCP + 2..TCP + 4] == frame[TCP..TCP + 2]
    }

    /// With the largest segment and the window's scale; neither timestamps nor selective acknowledgments.
    fn answer_syn(&mut self, tap: &Tap) -> io::Result<()> {
        let [a, b] = (MSS as u16).to_be_bytes();
        let options = [2, 4, a, b, 1, 3, 3, SCALE];
        self.write(0, flag::SYN | flag::ACK, &options, 0, tap).map(drop)
    }

    /// What may be sent now; false when the device is full.
    fn send(&mut self, payload: &[u8], tap: &Tap) -> io::Result<bool> {
        let echoed = std::mem::take(&mut self.echoed);
        let mut rest = &echoed[..];
        let taken = loop {
            let data = if self.port == SOURCE_PORT { payload } else { &rest[..rest.len().min(payload.len())] };
            let in_flight = self.nxt.wrapping_sub(self.una);
            if data.is_empty() || in_flight + data.len() as u32 > self.window.min(WINDOW) {
                break true;
            }
            if !self.write(self.nxt, flag::ACK, data, data.len(), tap)? {
                break false;
            }
            self.nxt = self.nxt.wrapping_add(data.len() as u32);
            self.owes = false;
            rest = rest.get(data.len()..).unwrap_or_default();
        };
        let gone = echoed.len() - rest.len();
        self.echoed = echoed;
        self.echoed.drain(..gone);
        if !taken {
            return Ok(false);
        }
        if !self.may_wait {
            return self.acknowledge(tap);
        }
        if self.rcv.wrapping_sub(self.ends[STRETCH.1]) < STRETCH.0 {
            return Ok(true);
        }
        let told = self.ends[0];
        self.ends.rotate_left(1);
        self.ends[STRETCH.1] = self.rcv;
        if self.ends[0] == told { Ok(true) } else { self.tell(self.ends[0], tap) }
    }

    /// Acknowledges all that came, if anything.
    fn acknowledge(&mut self, tap: &Tap) -> io::Result<bool> {
        self.may_wait = false;
        self.ends.fill(self.rcv);
        if !std::mem::take(&mut self.owes) {
            return Ok(true);
        }
        self.tell(self.rcv, tap)
    }

    /// Acknowledges what came before `end`.
    fn tell(&mut self, end: u32, tap: &Tap) -> io::Result<bool> {
        let came = std::mem::replace(&mut self.rcv, end);
        let written = self.write(self.nxt, flag::ACK, &[], 0, tap);
        self.rcv = came;
        written
    }

    /// Sends `behind` the head: options, or `data` bytes of data.
    fn write(&mut self, sequence: u32, flags: u8, behind: &[u8], data: usize, tap: &Tap) -> io::Result<bool> {
        let head = &mut self.head;
        let options = behind.len() - data;
        let segment = HEAD - TCP + behind.len();
        head[..DEVICE].fill(0);
        if data > MSS {
            head[1] = GSO_TCPV4;
            head[2..4].copy_from_slice(&((HEAD - DEVICE) as u16).to_ne_bytes());
            head[4..6].copy_from_slice(&(MSS as u16).to_ne_bytes());
        }
        head[IP + 2..IP + 4].copy_from_slice(&((TCP - IP + segment) as u16).to_be_bytes());
        head[IP + 10..IP + 12].fill(0);
        let sum = Sum::of(&head[IP..TCP]).checksum();
        head[IP + 10..IP + 12].copy_from_slice(&sum);
        head[TCP + 4..TCP + 8].copy_from_slice(&sequence.to_be_bytes());
        head[TCP + 8..TCP + 12].copy_from_slice(&self.rcv.to_be_bytes());
        head[TCP + 12] = (((HEAD - TCP + options) / 4) << 4) as u8;
        head[TCP + 13] = flags;
        let address = |at: usize| Address::from_v4([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let pseudo = Sum::pseudo(address(IP + 12), address(IP + 16), protocol::TCP, segment);
        head[TCP + 16..TCP + 18].fill(0);
        let checksum = if self.sums {
            pseudo.bytes(&head[TCP..]).bytes(behind).checksum()
        } else {
            head[0] = NEEDS_CSUM;
            head[6..8].copy_from_slice(&((TCP - DEVICE) as u16).to_ne_bytes());
            head[8..10].copy_from_slice(&16u16.to_ne_bytes());
            pseudo.folded()
        };
        head[TCP + 16..TCP + 18].copy_from_slice(&checksum);
        match rustix::io::writev(tap, &[IoSlice::new(head), IoSlice::new(behind)]) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::NOBUFS) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The shift that a SYN offers (RFC 7323 §2.2); 0 without.
fn window_scale(mut options: &[u8]) -> u8 {
    loop {
        match options {
            [3, 3, shift, ..] => return *shift,
            [1, rest @ ..] => options = rest,
            [0, ..] => return 0,
            [_, length @ (2..), ..] => options = options.get(usize::from(*length)..).unwrap_or_default(),
            _ => return 0,
        }
    }
}
