//! Two of smoltcp's interfaces at the ends of the wire.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use taphouse::buffer::{Frame, Offload};

use crate::wire::{End, pair};

struct Wired {
    end: End,
    received: Frame,
}

struct Receive<'a>(&'a [u8]);
struct Transmit<'a>(&'a End);

impl phy::RxToken for Receive<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, work: F) -> R {
        work(self.0)
    }
}

impl phy::TxToken for Transmit<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, work: F) -> R {
        let mut outbound = self.0.outbound.borrow_mut();
        let slot = outbound.push().expect("a token is given only when there is a slot");
        // It writes where the frame will be read: nothing is copied for it.
        slot.received(length, Offload::default());
        work(slot.bytes_mut())
    }
}

impl phy::Device for Wired {
    type RxToken<'a> = Receive<'a>;
    type TxToken<'a> = Transmit<'a>;

    #[inline]
    fn receive(&mut self, _now: Instant) -> Option<(Receive<'_>, Transmit<'_>)> {
        if self.end.outbound.borrow().is_full() {
            return None;
        }
        if !self.end.inbound.borrow_mut().exchange(&mut self.received) {
            return None;
        }
        Some((Receive(self.received.bytes()), Transmit(&self.end)))
    }

    #[inline]
    fn transmit(&mut self, _now: Instant) -> Option<Transmit<'_>> {
        (!self.end.outbound.borrow().is_full()).then_some(Transmit(&self.end))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

struct Host {
    device: Wired,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

impl Host {
    fn new(end: End, last: u8, buffer: usize) -> Host {
        let mut device = Wired { end, received: Frame::new(2048) };
        let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, last]).into());
        let mut interface = Interface::new(config, &mut device, Instant::from_millis(1));
        interface.update_ip_addrs(|own| own.push(IpCidr::new(IpAddress::v4(10, 77, 0, last), 24)).expect("room"));
        let buffer = || tcp::SocketBuffer::new(vec![0; buffer]);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(tcp::Socket::new(buffer(), buffer()));
        Host { device, interface, sockets, socket }
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.socket)
    }
}

/// A connection that is sending.
pub(crate) struct Pair {
    sender: Host,
    sink: Host,
    received: u64,
    now: Instant,
}

impl Pair {
    pub(crate) fn new(buffer: usize) -> Pair {
        let (one, two) = pair();
        let (mut sender, mut sink) = (Host::new(one, 1, buffer), Host::new(two, 2, buffer));
        sink.socket().listen(9).expect("the port is free");
        let remote = (IpAddress::v4(10, 77, 0, 2), 9);
        let Host { interface, sockets, socket, .. } = &mut sender;
        let socket = sockets.get_mut::<tcp::Socket<'_>>(*socket);
        socket.connect(interface.context(), remote, 50_000).expect("there is a way");
        let mut pair = Pair { sender, sink, received: 0, now: Instant::from_millis(1) };
        pair.transfer(64 << 20);
        pair
    }

    pub(crate) fn transfer(&mut self, bytes: u64) {
        let until = self.received + bytes;
        while self.received < until {
            self.now += Duration::from_micros(5);
            for host in [&mut self.sender, &mut self.sink] {
                host.interface.poll(self.now, &mut host.device, &mut host.sockets);
            }
            let socket = self.sender.socket();
            while socket.can_send() {
                let sent = socket.send(|place| {
                    place.fill(0x5a);
                    (place.len(), place.len())
                });
                if sent.is_ok_and(|sent| sent == 0) {
                    break;
                }
            }
            let socket = self.sink.socket();
            while socket.can_recv() {
                let received = socket.recv(|data| (data.len(), data.len())).expect("the connection is open");
                self.received += received as u64;
            }
        }
    }
}
