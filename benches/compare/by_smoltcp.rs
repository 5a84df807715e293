//! smoltcp on a TAP without offloads, for it knows none: every checksum is its own.

use std::io;
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};
use taphouse::base::address::{Cidr, Mac};
use taphouse::device::{Device as _, Interest, Plain, Waker};

use crate::phy::Phy;
use crate::spin::Spin;
use crate::{DISCARD_PORT, ECHO_PORT, SOURCE_PORT, contender};

const DATAGRAMS: usize = 256;
const DATAGRAM: usize = 1472;

/// Answers until the device fails.
pub(crate) fn run(tap: Plain, mac: Mac, own: Cidr, buffer: usize, sockets_each: usize) -> io::Result<()> {
    let waker = Waker::new()?;
    let origin = std::time::Instant::now();
    let now = || Instant::from_micros(origin.elapsed().as_micros() as i64);
    let mut device = Phy::new(tap, ChecksumCapabilities::default());
    let mut interface = Interface::new(Config::new(EthernetAddress(mac.bytes()).into()), &mut device, now());
    let own = IpCidr::new(std::net::IpAddr::from(own.address()).into(), own.length());
    interface.update_ip_addrs(|addresses| addresses.push(own).expect("the first address has room"));
    let mut sockets = SocketSet::new(Vec::new());
    let packets = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; DATAGRAMS], vec![0; DATAGRAMS * DATAGRAM]);
    let mut socket = udp::Socket::new(packets(), packets());
    socket.bind(ECHO_PORT).expect("the port is free");
    let echo = sockets.add(socket);
    let ports = [ECHO_PORT, DISCARD_PORT, SOURCE_PORT].into_iter().flat_map(|port| vec![port; sockets_each]);
    let streams: Vec<(u16, SocketHandle)> = ports
        .map(|port| {
            let bytes = || tcp::SocketBuffer::new(vec![0; buffer]);
            let mut socket = tcp::Socket::new(bytes(), bytes());
            socket.set_nagle_enabled(false);
            socket.set_ack_delay(None);
            (port, sockets.add(socket))
        })
        .collect();
    contender::ready();

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
        for (port, handle) in &streams {
            serve(*port, sockets.get_mut(*handle));
        }
        if device.arrived {
            spin.worked();
        } else if !spin.goes_on() {
            let at_most = interface.poll_delay(now(), &sockets).map(Duration::from);
            device.tap.wait(Interest::Receive, &waker, at_most)?;
        }
    }
}

fn serve(port: u16, socket: &mut tcp::Socket<'_>) {
    if !socket.is_open() {
        let _ = socket.listen(port);
        return;
    }
    match port {
        DISCARD_PORT => {
            let _ = socket.recv(|bytes| (bytes.len(), ()));
        }
        SOURCE_PORT => {
            // What lies in the ring already is as good as anything: its user writes nothing.
            let _ = socket.send(|room| (room.len(), ()));
        }
        _ => {
            // As much as fits comes out of one ring and goes into the other.
            while socket.can_recv() && socket.can_send() {
                let mut bytes = [0; 4096];
                let room = (socket.send_capacity() - socket.send_queue()).min(bytes.len());
                let Ok(length @ 1..) = socket.recv_slice(&mut bytes[..room]) else { break };
                let _ = socket.send_slice(&bytes[..length]);
            }
        }
    }
    if socket.may_send() && !socket.may_recv() && !socket.can_recv() {
        socket.close();
    }
}
