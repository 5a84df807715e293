//! smoltcp's interface on the treadmill.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use taphouse::buffer::{CAPACITY, Frame};

use crate::device::{BATCH, Treadmill};
use crate::frames::{OUR_MAC, OUR_V4, OUR_V6, Sample};
use crate::{OnTreadmill, stream};

/// The treadmill with the buffers that smoltcp's tokens lend.
struct Buffered {
    treadmill: Treadmill,
    received: Frame,
    sent: Box<[u8; 2048]>,
}

struct Receive<'a>(&'a [u8]);
struct Transmit<'a>(&'a mut Treadmill, &'a mut [u8; 2048]);

impl phy::RxToken for Receive<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, work: F) -> R {
        work(self.0)
    }
}

impl phy::TxToken for Transmit<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, work: F) -> R {
        let result = work(&mut self.1[..length]);
        self.0.take(&self.1[..length]);
        result
    }
}

impl phy::Device for Buffered {
    type RxToken<'a> = Receive<'a>;
    type TxToken<'a> = Transmit<'a>;

    #[inline]
    fn receive(&mut self, _now: Instant) -> Option<(Receive<'_>, Transmit<'_>)> {
        let received = self.treadmill.exchange(&mut self.received);
        received.then_some((Receive(self.received.bytes()), Transmit(&mut self.treadmill, &mut self.sent)))
    }

    #[inline]
    fn transmit(&mut self, _now: Instant) -> Option<Transmit<'_>> {
        Some(Transmit(&mut self.treadmill, &mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub(crate) struct Host {
    device: Buffered,
    interface: Interface,
    sockets: SocketSet<'static>,
    echo: SocketHandle,
    discard: SocketHandle,
    /// Which of them is asked.
    echoes: bool,
    discards: bool,
    now: Instant,
}

impl Host {
    pub(crate) fn new(frame: &Sample) -> Host {
        let treadmill = Treadmill::new(&[]);
        let mut device = Buffered { treadmill, received: Frame::new(CAPACITY), sent: Box::new([0; 2048]) };
        let now = Instant::from_millis(1);
        let config = Config::new(EthernetAddress(OUR_MAC).into());
        let mut interface = Interface::new(config, &mut device, now);
        interface.update_ip_addrs(|own| {
            let v6 = IpAddress::Ipv6(OUR_V6.into());
            own.push(IpCidr::new(IpAddress::v4(OUR_V4[0], OUR_V4[1], OUR_V4[2], OUR_V4[3]), 24)).expect("room");
            own.push(IpCidr::new(v6, 64)).expect("room");
        });
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 2 * BATCH], vec![0; 64 << 10]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(7).expect("the port is free");
        let mut sockets = SocketSet::new(Vec::new());
        let echo = sockets.add(socket);
        // As much as comes in a turn fits.
        let buffer = || tcp::SocketBuffer::new(vec![0; 256 << 10]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.listen(stream::PORT).expect("the port is free");
        let discard = sockets.add(socket);
        let (echoes, discards) = (frame.name.starts_with("udp"), frame.is_stream);
        let mut host = Host { device, interface, sockets, echo, discard, echoes, discards, now };
        host.introduce_peer();
        host.device.treadmill.lay(frame.bytes.clone(), 0);
        if frame.is_stream {
            stream::open(&mut host);
        }
        host
    }

    /// smoltcp answers an echo only to a neighbour that it knows; ours answers the station that asked.
    fn introduce_peer(&mut self) {
        let arp = crate::frames::all().into_iter().find(|frame| frame.name == "arp").expect("there is one");
        for introduction in [arp.bytes, crate::frames::solicitation()] {
            self.device.treadmill.lay(introduction, 0);
            self.device.treadmill.wind();
            self.turn();
        }
    }
}

impl OnTreadmill for Host {
    #[inline]
    fn turn(&mut self) {
        self.now += Duration::from_micros(3);
        self.interface.poll(self.now, &mut self.device, &mut self.sockets);
        if self.echoes {
            let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.echo);
            let mut datagram = [0; 2048];
            while let Ok((length, from)) = socket.recv_slice(&mut datagram) {
                socket.send_slice(&datagram[..length], from).expect("as much room as was received");
            }
            self.interface.poll(self.now, &mut self.device, &mut self.sockets);
        }
        if self.discards {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.discard);
            while socket.can_recv() {
                socket.recv(|bytes| (bytes.len(), ())).expect("it is open");
            }
        }
    }

    fn treadmill(&mut self) -> &mut Treadmill {
        &mut self.device.treadmill
    }
}
