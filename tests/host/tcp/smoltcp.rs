//! smoltcp at the other end: whoever opens, whoever closes, on a wire that loses segments.

use std::sync::{Arc, Mutex};

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use taphouse::application::{Data, Io, Service, Session, Stream, Used};
use taphouse::base::address::{Address, Endpoint, Family, Flow};
use taphouse::base::random::Random;
use taphouse::base::stream::{Ending, Gone};
use taphouse::buffer::Offload;
use taphouse::device::Memory;

use crate::packet::{BOTH, PEER_MAC, PEER_V4, PEER_V6, TCP, pattern, stack};
use crate::wire::Host;

/// Bytes each way.
const BYTES: usize = 100_000;
const PORT: u16 = 80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    We,
    They,
    Both,
}

/// Our host's wire, which loses some segments; never the questions for neighbours, of which three lost ones end it all.
struct Lossy<'a> {
    wire: &'a mut Memory,
    random: &'a mut Random,
    /// Of 1,000.
    loss: u64,
}

impl Lossy<'_> {
    fn loses(random: &mut Random, loss: u64, frame: &[u8]) -> bool {
        let is_tcp = frame[12..14] == [8, 0] && frame[23] == TCP || frame[12..14] == [0x86, 0xdd] && frame[20] == TCP;
        is_tcp && random.below(1000) < loss
    }
}

struct Receive(Vec<u8>);
struct Transmit<'a>(&'a mut Memory, &'a mut Random, u64);

impl phy::RxToken for Receive {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, work: F) -> R {
        work(&self.0)
    }
}

impl phy::TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, work: F) -> R {
        let mut frame = vec![0; length];
        let result = work(&mut frame);
        if !Lossy::loses(self.1, self.2, &frame) {
            assert!(self.0.send(&frame, Offload::default()), "the wire is full");
        }
        result
    }
}

impl phy::Device for Lossy<'_> {
    type RxToken<'a>
        = Receive
    where
        Self: 'a;
    type TxToken<'a>
        = Transmit<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Receive, Transmit<'_>)> {
        loop {
            let (frame, _) = self.wire.take()?;
            if !Lossy::loses(self.random, self.loss, &frame) {
                return Some((Receive(frame), Transmit(self.wire, self.random, self.loss)));
            }
        }
    }

    fn transmit(&mut self, _now: Instant) -> Option<Transmit<'_>> {
        Some(Transmit(self.wire, self.random, self.loss))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

#[derive(Debug, Default)]
struct Progress {
    received: Vec<u8>,
    gone: Option<Gone>,
}

/// Our end.
struct Talker {
    sent: usize,
    closes: Who,
    progress: Arc<Mutex<Progress>>,
}

impl Talker {
    fn talk(&mut self, stream: &mut Stream<'_>) {
        self.sent += stream.write(&pattern(BYTES)[self.sent..]);
        let has_all = self.progress.lock().unwrap().received.len() == BYTES;
        if self.sent == BYTES && (self.closes == Who::Both || self.closes == Who::We && has_all) {
            stream.close();
        }
    }
}

impl Session for Talker {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.talk(stream);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        self.progress.lock().unwrap().received.extend_from_slice(data.bytes());
        self.talk(stream);
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.talk(stream);
    }

    fn on_gone(&mut self, ending: Ending, _io: &mut Io<'_>) {
        self.progress.lock().unwrap().gone = Some(ending.why);
    }
}

struct Once(Option<Talker>);

impl Service for Once {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        self.0.take().map(|talker| Box::new(talker) as Box<dyn Session>)
    }
}

fn talk(family: Family, opens: Who, closes: Who, loss: u64) {
    let name = format!("{family:?}, {opens:?} open, {closes:?} close, {loss} of 1,000 are lost");
    let mut random = Random::new([loss as u8; 16]);
    let mut host = Host::plain();
    let mut now = Instant::from_millis(1000);
    let config = Config::new(EthernetAddress(PEER_MAC).into());
    let device = &mut Lossy { wire: &mut host.wire, random: &mut random, loss };
    let mut interface = Interface::new(config, device, now);
    interface.update_ip_addrs(|own| {
        own.push(IpCidr::new(PEER_V4.into(), 24)).unwrap();
        own.push(IpCidr::new(PEER_V6.into(), 64)).unwrap();
    });
    let buffer = || SocketBuffer::new(vec![0; 32 << 10]);
    let mut sockets = SocketSet::new(Vec::new());
    let handle = sockets.add(Socket::new(buffer(), buffer()));
    let progress = Arc::<Mutex<Progress>>::default();
    let talker = Talker { sent: 0, closes, progress: progress.clone() };
    host.turn();
    let socket = sockets.get_mut::<Socket<'_>>(handle);
    if opens == Who::We {
        socket.listen(PORT).unwrap();
        let address = match family {
            Family::V4 => Address::from_v4(PEER_V4.octets()),
            Family::V6 => Address::from_v6(PEER_V6.octets()),
        };
        host.stack.connect(Endpoint { address, port: PORT }, Box::new(talker)).unwrap();
    } else {
        host.stack.listen(PORT, Box::new(Once(Some(talker)))).unwrap();
        socket.connect(interface.context(), (IpAddress::from(stack(family)), PORT), 5000).unwrap();
    }
    let (mut sent, mut received) = (0, Vec::new());
    for _ in 0..400_000 {
        now += smoltcp::time::Duration::from_millis(1);
        host.now = taphouse::base::time::Instant::from_millis(now.total_millis() as u64);
        host.stack.turn(host.now).unwrap();
        interface.poll(now, &mut Lossy { wire: &mut host.wire, random: &mut random, loss }, &mut sockets);
        let socket = sockets.get_mut::<Socket<'_>>(handle);
        if socket.can_send() && sent < BYTES {
            sent += socket.send_slice(&pattern(BYTES)[sent..]).unwrap();
        }
        while socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), received.extend_from_slice(bytes))).unwrap();
        }
        let may_close = match closes {
            Who::They => received.len() == BYTES,
            Who::Both => true,
            Who::We => matches!(socket.state(), State::CloseWait),
        };
        if sent == BYTES && may_close {
            socket.close();
        }
        if progress.lock().unwrap().gone.is_some() && matches!(socket.state(), State::Closed | State::TimeWait) {
            break;
        }
    }
    let progress = progress.lock().unwrap();
    let state = sockets.get::<Socket<'_>>(handle).state();
    assert_eq!(
        progress.gone,
        Some(Gone::Closed),
        "{name}: it is {state:?}, {} and {} came",
        progress.received.len(),
        received.len()
    );
    let expected = pattern(BYTES);
    assert!(progress.received == expected && received == expected, "{name}: the bytes differ");
}

fn every_combination(loss: u64) {
    for family in BOTH {
        for opens in [Who::We, Who::They] {
            for closes in [Who::We, Who::They, Who::Both] {
                talk(family, opens, closes, loss);
            }
        }
    }
}

#[test]
fn without_loss() {
    every_combination(0);
}

#[test]
fn with_one_percent_lost() {
    every_combination(10);
}

#[test]
fn with_five_percent_lost() {
    every_combination(50);
}

#[test]
fn with_ten_percent_lost() {
    every_combination(100);
}
