//! smoltcp on our TAP, as fast as it can be made to go.
//!
//! It sees frames as they come:
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
use smoltcp::phy::{Checksum, ChecksumCapabilities};
use smoltcp::socket::udp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};
use taphouse::device::{Device as _, Interest, Waker};

use crate::ECHO_PORT;
use crate::lab::Wire;
use crate::phy::Phy;
use crate::spin::Spin;

const DATAGRAMS: usize = 256;
const DATAGRAM: usize = 1472;

/// Answers until the device fails.
pub(crate) fn run(wire: Wire) -> io::Result<()> {
    let waker = Waker::new()?;
    let origin = std::time::Instant::now();
    let now = || Instant::from_micros(origin.elapsed().as_micros() as i64);
    let mut checksum = ChecksumCapabilities::default();
    checksum.udp = Checksum::None;
    let mut device = Phy::new(wire.tap, checksum);
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
