//! smoltcp on our TAP, as fast as it can be made to go.
//!
//! Nothing is copied that smoltcp does not copy itself, and nothing allocated. It sees frames as they come:
//!
//! * UDP from the host has a partial checksum, for which the device vouches, so smoltcp is not to verify it. It sends
//!   zero, "none computed" (RFC 768), which is less work than what `virtio_net_hdr` would take of it, and which the
//!   host's kernel does not verify either.
//! * ICMP and the IPv4 header are verified and computed, as in every other stack: the device does neither.
//! * Its buffers hold 256 datagrams each way, four times what is ever outstanding.
//! * Its neighbour cache (8 entries) holds the one neighbour that there is.

use std::io;
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{self, Checksum, DeviceCapabilities, Medium};
use smoltcp::socket::udp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};
use taphouse::buffer::{CAPACITY, DEVICE_ROOM, Frame, Offload};
use taphouse::device::{Device as _, Interest, Received, Tap, Waker};

use crate::ECHO_PORT;
use crate::lab::Wire;
use crate::spin::Spin;

const DATAGRAMS: usize = 256;
const DATAGRAM: usize = 1472;
const MTU: usize = 1514;

/// Answers until the device fails.
pub(crate) fn run(wire: Wire) -> io::Result<()> {
    let waker = Waker::new()?;
    let origin = std::time::Instant::now();
    let now = || Instant::from_micros(origin.elapsed().as_micros() as i64);
    let mut device = Device::new(wire.tap);
    let mut interface = Interface::new(Config::new(EthernetAddress(wire.mac.bytes()).into()), &mut device, now());
    let own = IpCidr::new(std::net::IpAddr::from(wire.own.address()).into(), wire.own.length());
    interface.update_ip_addrs(|addresses| addresses.push(own).expect("the first address has room"));
    let mut sockets = SocketSet::new(Vec::new());
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; DATAGRAMS], vec![0; DATAGRAMS * DATAGRAM]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(ECHO_PORT).expect("the port is free");
    let echo = sockets.add(socket);

    let mut spin = Spin::new();
    let mut datagram = [0; DATAGRAM];
    loop {
        device.arrived = false;
        interface.poll(now(), &mut device, &mut sockets);
        let socket = sockets.get_mut::<udp::Socket<'_>>(echo);
        while socket.can_send() {
            let Ok((length, from)) = socket.recv_slice(&mut datagram) else { break };
            // A datagram that does not fit is lost, as UDP is.
            let _ = socket.send_slice(&datagram[..length], from.endpoint);
        }
        if device.arrived {
            spin.worked();
        } else if !spin.goes_on() {
            let at_most = interface.poll_delay(now(), &sockets).map(Duration::from);
            device.tap.wait(Interest::Receive, &waker, at_most)?;
        }
    }
}

/// A TAP as smoltcp wants it.
struct Device {
    tap: Tap,
    received: Frame,
    /// Behind the room for `virtio_net_hdr`.
    sent: [u8; DEVICE_ROOM + MTU],
    arrived: bool,
}

impl Device {
    fn new(tap: Tap) -> Device {
        Device { tap, received: Frame::new(CAPACITY), sent: [0; _], arrived: false }
    }
}

impl phy::Device for Device {
    type RxToken<'a> = Rx<'a>;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Rx<'_>, Tx<'_>)> {
        let Device { tap, received, sent, arrived } = self;
        let Ok(Received::Frame) = tap.receive(received) else { return None };
        *arrived = true;
        Some((Rx(received.bytes()), Tx { tap, sent }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Tx<'_>> {
        Some(Tx { tap: &mut self.tap, sent: &mut self.sent })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU;
        capabilities.checksum.udp = Checksum::None;
        capabilities
    }
}

struct Rx<'a>(&'a [u8]);

impl phy::RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

struct Tx<'a> {
    tap: &'a mut Tap,
    sent: &'a mut [u8; DEVICE_ROOM + MTU],
}

impl phy::TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let frame = &mut self.sent[..DEVICE_ROOM + length];
        let written = write(&mut frame[DEVICE_ROOM..]);
        // A frame that the device refuses is lost, as on any wire; the load would show it.
        let _ = self.tap.transmit(frame, Offload::default(), &[]);
        written
    }
}
