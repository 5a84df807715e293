//! The other end of a connection, which sends what a test tells it to, and a service that its data command.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etherparse::TcpHeader;
use taphouse::application::{Data, Io, Service, Session, Stream, Used};
use taphouse::base::address::{Address, Endpoint, Family, Flow};
use taphouse::base::counters::Dropped;
use taphouse::base::icmp::IcmpError;
use taphouse::base::stream::{Coalescing, Ending, Gone};
use taphouse::base::time::Instant;
use taphouse::buffer::Offload;
use taphouse::stack::Config;
use taphouse::transport::tcp::Tuning;

use crate::neighbors::here_i_am;
use crate::packet::{PEER_V4, PEER_V6, Packet, TCP, pattern, tcp};
use crate::reading::read;
use crate::wire::{Host, PLAIN, config};

/// What the service saw of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) opened: bool,
    pub(super) data: Vec<u8>,
    pub(super) ended: bool,
    /// What was said of what it sent.
    pub(super) errors: Vec<IcmpError>,
    pub(super) gone: Option<Gone>,
    /// Bytes that the peer had not acknowledged then.
    pub(super) unacknowledged: usize,
}

type Shared = Arc<Mutex<Seen>>;

/// The user timeout that a puppet chooses.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a puppet lingers.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// Does what the bytes that it gets say: `s` writes ten bytes, `l` 5,000, `c` closes, `w` closes within [`LINGER`], `a`
/// aborts, `u` chooses [`PATIENCE`], `p` pauses for 1,000 seconds, `k` corks, `n` coalesces nothing; others say nothing. At the peer's end it writes 3,000 bytes and closes.
struct Puppet {
    seen: Shared,
    resumes: Option<Instant>,
}

impl Puppet {
    fn write(stream: &mut Stream<'_>, mut left: usize) {
        while left > 0 {
            let bytes = pattern(left);
            let written = stream.write(&bytes);
            assert!(written > 0, "there is room for what a test writes");
            left -= written;
        }
    }
}

impl Session for Puppet {
    fn on_open(&mut self, _stream: &mut Stream<'_>) {
        self.seen.lock().unwrap().opened = true;
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        assert!(self.seen.lock().unwrap().opened, "a session hears that it is open before it is shown anything");
        self.seen.lock().unwrap().data.extend_from_slice(data.bytes());
        for byte in data.bytes() {
            match byte {
                b's' => Puppet::write(stream, 10),
                b'l' => Puppet::write(stream, 5000),
                b'c' => stream.close(),
                b'a' => stream.abort(),
                b'u' => stream.set_user_timeout(PATIENCE),
                b'w' => stream.close_within(LINGER),
                b'k' => stream.set_coalescing(Coalescing::Cork),
                b'n' => stream.set_coalescing(Coalescing::None),
                b'p' => {
                    stream.pause();
                    self.resumes = Some(stream.io.now() + Duration::from_secs(1000));
                }
                _ => {}
            }
        }
        Used::Bytes(data.len())
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        self.seen.lock().unwrap().ended = true;
        if stream.room() > 0 {
            Puppet::write(stream, 3000);
        }
        stream.close();
    }

    fn on_error(&mut self, error: IcmpError, _stream: &mut Stream<'_>) {
        self.seen.lock().unwrap().errors.push(error);
    }

    fn on_gone(&mut self, ending: Ending, _io: &mut Io<'_>) {
        let mut seen = self.seen.lock().unwrap();
        (seen.gone, seen.unacknowledged) = (Some(ending.why), ending.unacknowledged);
    }

    fn deadline(&self) -> Option<Instant> {
        self.resumes
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        self.resumes = None;
        stream.resume();
    }
}

struct Puppets(Shared);

impl Service for Puppets {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Puppet { seen: self.0.clone(), resumes: None }))
    }
}

/// A segment that our host sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) header: TcpHeader,
    pub(super) data: Vec<u8>,
    pub(super) dont_fragment: bool,
    /// DSCP and ECN.
    pub(super) class: u8,
}

impl Sent {
    /// The number behind its last one.
    pub(super) fn end(&self) -> u32 {
        let flags = u32::from(self.header.syn) + u32::from(self.header.fin);
        self.header.sequence_number.wrapping_add(self.data.len() as u32 + flags)
    }

    /// Whether it does nothing but acknowledge.
    pub(super) fn is_bare(&self) -> bool {
        let TcpHeader { ack, syn, fin, rst, .. } = self.header;
        ack && !syn && !fin && !rst && self.data.is_empty()
    }
}

/// What a peer offers in its SYN.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offer {
    pub(super) selective: bool,
    pub(super) clock: bool,
    /// No window scaling if `None`.
    pub(super) scale: Option<u8>,
    /// The field of a user timeout option.
    pub(super) timeout: Option<u16>,
}

/// The only neighbour of our host.
pub(super) struct Peer {
    pub(super) host: Host,
    pub(super) family: Family,
    pub(super) port: u16,
    pub(super) service: u16,
    /// The number of its next byte.
    pub(super) next: u32,
    /// What it expects next of our host.
    pub(super) expected: u32,
    /// What it says that it takes.
    pub(super) window: u16,
    /// Its clock, and what it heard of ours last, if both agreed on timestamps.
    pub(super) clock: Option<(u32, u32)>,
    /// What our host acknowledged last.
    pub(super) acknowledged: u32,
    pub(super) shared: Shared,
}

impl Peer {
    /// Known to our host, whose service listens at port 80.
    pub(super) fn new(family: Family) -> Peer {
        Peer::with_tuning(family, Tuning::default())
    }

    pub(super) fn with_tuning(family: Family, tuning: Tuning) -> Peer {
        Peer::of(Host::plain(), family, tuning)
    }

    /// Of a host that has so much memory.
    pub(super) fn with_memory(family: Family, memory: usize) -> Peer {
        Peer::of(Host::new(PLAIN, &Config { memory, ..config() }), family, Tuning::default())
    }

    fn of(mut host: Host, family: Family, tuning: Tuning) -> Peer {
        host.stack.set_tuning(tuning);
        let shared = Shared::default();
        host.stack.listen(80, Box::new(Puppets(shared.clone()))).unwrap();
        let (port, service) = (5000, 80);
        let (next, expected, acknowledged) = (1000, 0, 0);
        Peer { host, family, port, service, next, expected, window: 50_000, clock: None, acknowledged, shared }
    }

    /// With a connection.
    pub(super) fn connected(family: Family) -> Peer {
        Peer::connected_with(family, Offer { selective: true, ..Offer::default() }, Tuning::default())
    }

    pub(super) fn connected_with(family: Family, offer: Offer, tuning: Tuning) -> Peer {
        let mut peer = Peer::with_tuning(family, tuning);
        peer.connect(offer);
        peer
    }

    /// Opens a connection.
    pub(super) fn connect(&mut self, offer: Offer) {
        let answer = self.offer(offer);
        assert!(answer.header.syn && answer.header.ack, "{answer:?}");
        self.expected = answer.end();
        self.next += 1;
        self.send(|_| {}, b"");
        assert!(self.seen().opened);
    }

    /// Sends a SYN; the answer.
    pub(super) fn offer(&mut self, offer: Offer) -> Sent {
        let mut options = vec![2, 4, 5, 0xb4];
        self.clock = offer.clock.then_some((7000, 0));
        options.extend(offer.scale.map(|scale| [1, 3, 3, scale]).into_iter().flatten());
        if let Some(timeout) = offer.timeout {
            options.extend([28, 4]);
            options.extend(timeout.to_be_bytes());
        }
        if offer.selective {
            options.extend([1, 1, 4, 2]);
        }
        if let Some((value, _)) = self.clock {
            options.extend([1, 1, 8, 10]);
            options.extend(value.to_be_bytes());
            options.extend([0; 4]);
        }
        let syn = self.packet(
            |header| {
                (header.syn, header.ack, header.acknowledgment_number) = (true, false, 0);
                header.set_options_raw(&options).unwrap();
            },
            b"",
        );
        only(self.exchange(&syn))
    }

    /// Lets our host open a connection; its SYN.
    pub(super) fn called(&mut self) -> Sent {
        let address = match self.family {
            Family::V4 => Address::from_v4(PEER_V4.octets()),
            Family::V6 => Address::from_v6(PEER_V6.octets()),
        };
        self.service = 0;
        let session = Puppet { seen: self.shared.clone(), resumes: None };
        self.host.stack.connect(Endpoint { address, port: self.port }, Box::new(session)).unwrap();
        let syn = only(self.turn());
        assert!(syn.header.syn && !syn.header.ack, "{syn:?}");
        (self.service, self.expected) = (syn.header.source_port, syn.end());
        syn
    }

    /// What the service saw so far.
    pub(super) fn seen(&self) -> Seen {
        self.shared.lock().unwrap().clone()
    }

    /// Lets it begin anew.
    pub(super) fn forget_seen(&self) {
        *self.shared.lock().unwrap() = Seen::default();
    }

    pub(super) fn gone(&self) -> Option<Gone> {
        self.seen().gone
    }

    pub(super) fn dropped(&self, why: Dropped) -> u64 {
        self.host.counters().dropped(why)
    }

    /// A segment: an acknowledgment, changed as `change` says.
    pub(super) fn packet(&self, change: impl FnOnce(&mut TcpHeader), payload: &[u8]) -> Packet {
        let fill = |header: &mut TcpHeader| {
            (header.source_port, header.destination_port) = (self.port, self.service);
            (header.sequence_number, header.acknowledgment_number) = (self.next, self.expected);
            (header.ack, header.window_size) = (true, self.window);
            if let Some((value, echo)) = self.clock {
                header.set_options_raw(&timestamps(value, echo)).unwrap();
            }
            change(header);
        };
        tcp(self.family, fill, payload)
    }

    /// Sends a segment; what came back at once.
    pub(super) fn send(&mut self, change: impl FnOnce(&mut TcpHeader), payload: &[u8]) -> Vec<Sent> {
        let packet = self.packet(change, payload);
        self.exchange(&packet)
    }

    /// Sends the next data.
    pub(super) fn data(&mut self, payload: &[u8]) -> Vec<Sent> {
        let sent = self.send(|header| header.psh = true, payload);
        self.next = self.next.wrapping_add(payload.len() as u32);
        sent
    }

    /// Sends data that are not next.
    pub(super) fn data_at(&mut self, offset: u32, payload: &[u8]) -> Vec<Sent> {
        self.send(|header| header.sequence_number = header.sequence_number.wrapping_add(offset), payload)
    }

    /// Acknowledges all that came.
    pub(super) fn acknowledge(&mut self, sent: &[Sent]) -> Vec<Sent> {
        for segment in sent {
            if segment.end().wrapping_sub(self.expected) as i32 > 0 {
                self.expected = segment.end();
            }
        }
        self.send(|_| {}, b"")
    }

    /// Acknowledges with ranges.
    pub(super) fn selectively(&mut self, ranges: &[(u32, u32)]) -> Vec<Sent> {
        let mut options = vec![1, 1, 5, 2 + 8 * ranges.len() as u8];
        for (left, right) in ranges {
            options.extend(left.to_be_bytes());
            options.extend(right.to_be_bytes());
        }
        self.send(|header| header.set_options_raw(&options).unwrap(), b"")
    }

    pub(super) fn exchange(&mut self, packet: &Packet) -> Vec<Sent> {
        self.host.give(&packet.frame(), Offload::default());
        self.turn()
    }

    /// Our host's turn; what it sent. Who asks for the peer is answered.
    pub(super) fn turn(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            let frames = self.host.turn();
            if frames.is_empty() {
                return sent;
            }
            assert!(sent.len() < 5000, "it does not stop: {:?}", &sent[sent.len() - 3..]);
            for (frame, _) in frames {
                let is_arp = frame[12..14] == [0x08, 0x06];
                if is_arp || frame.len() > 54 && frame[20] == 58 && frame[54] == 135 {
                    self.host.give(&here_i_am(self.family), Offload::default());
                    continue;
                }
                let answer = read(&frame);
                assert_eq!(answer.protocol, TCP, "{answer:?}");
                let (header, data) = TcpHeader::from_slice(&answer.payload).unwrap();
                if header.ack && header.destination_port == self.port {
                    self.acknowledged = header.acknowledgment_number;
                }
                let data = data.to_vec();
                sent.push(Sent {
                    at: self.host.now,
                    header,
                    data,
                    dont_fragment: answer.dont_fragment,
                    class: answer.class,
                });
            }
        }
    }

    /// Lets time pass, from one deadline of our host to the next; what it sent.
    pub(super) fn pass(&mut self, span: Duration) -> Vec<Sent> {
        let end = self.host.now + span;
        let mut sent = Vec::new();
        let mut idle = 0;
        while let Some(next) = self.host.stack.deadline().filter(|next| *next <= end) {
            idle = if next <= self.host.now { idle + 1 } else { 0 };
            assert!(idle < 1000, "time stands still at {next:?}");
            self.host.now = self.host.now.max(next);
            sent.extend(self.turn());
        }
        self.host.now = end;
        sent.extend(self.turn());
        sent
    }
}

impl Drop for Peer {
    /// Leaves nothing behind at our host.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let at = self.acknowledged;
            self.clock = None;
            self.send(|header| (header.rst, header.sequence_number) = (true, at), b"");
        }
    }
}

/// The timestamps option.
pub(super) fn timestamps(value: u32, echo: u32) -> Vec<u8> {
    [&[1, 1, 8, 10], &value.to_be_bytes()[..], &echo.to_be_bytes()].concat()
}

/// The one that there is.
#[track_caller]
pub(super) fn only(mut sent: Vec<Sent>) -> Sent {
    assert_eq!(sent.len(), 1, "{sent:#?}");
    sent.remove(0)
}

/// A whole stream from segments, in order and without gaps.
#[track_caller]
pub(super) fn joined(sent: &[Sent], from: u32) -> Vec<u8> {
    let mut stream = Vec::new();
    for segment in sent.iter().filter(|segment| !segment.data.is_empty()) {
        let at = segment.header.sequence_number.wrapping_sub(from) as usize;
        assert_eq!(at, stream.len(), "no gap, nothing twice: {sent:#?}");
        stream.extend(&segment.data);
    }
    stream
}
