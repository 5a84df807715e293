//! smoltcp at the other end of the wire: another stack's idea of the same protocols.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::socket::{icmp, udp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr};
use taphouse::base::address::Family;
use taphouse::buffer::Offload;
use taphouse::device::Memory;

use crate::packet::{BOTH, PEER_MAC, PEER_V4, PEER_V6, pattern, peer, stack};
use crate::wire::Host;

/// An end of the wire for smoltcp.
struct Wire<'a>(&'a mut Memory);
struct Receive(Vec<u8>);
struct Transmit<'a>(&'a mut Memory);

impl phy::RxToken for Receive {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, work: F) -> R {
        work(&self.0)
    }
}

impl phy::TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, work: F) -> R {
        let mut frame = vec![0; length];
        let result = work(&mut frame);
        assert!(self.0.send(&frame, Offload::default()));
        result
    }
}

impl phy::Device for Wire<'_> {
    type RxToken<'a>
        = Receive
    where
        Self: 'a;
    type TxToken<'a>
        = Transmit<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Receive, Transmit<'_>)> {
        let (frame, offload) = self.0.take()?;
        assert_eq!(offload, Offload::default());
        Some((Receive(frame), Transmit(self.0)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Transmit<'_>> {
        Some(Transmit(self.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// smoltcp and our host, and the time of both.
struct Pair {
    host: Host,
    interface: Interface,
    sockets: SocketSet<'static>,
    now: Instant,
}

impl Pair {
    fn new() -> Pair {
        let mut host = Host::plain();
        let now = Instant::from_millis(1000);
        let config = Config::new(EthernetAddress(PEER_MAC).into());
        let mut interface = Interface::new(config, &mut Wire(&mut host.wire), now);
        interface.update_ip_addrs(|own| {
            own.push(IpCidr::new(PEER_V4.into(), 24)).unwrap();
            own.push(IpCidr::new(PEER_V6.into(), 64)).unwrap();
        });
        Pair { host, interface, sockets: SocketSet::new(Vec::new()), now }
    }

    /// Lets both do what they have to do, for a second and a half.
    fn run(&mut self) {
        for _ in 0..15 {
            self.interface.poll(self.now, &mut Wire(&mut self.host.wire), &mut self.sockets);
            self.now += Duration::from_millis(100);
            self.host.now = taphouse::base::time::Instant::from_millis(self.now.total_millis() as u64);
            self.host.stack.turn(self.host.now).unwrap();
        }
        self.interface.poll(self.now, &mut Wire(&mut self.host.wire), &mut self.sockets);
    }

    fn bind_udp(&mut self) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 16], vec![0; 64 << 10]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(5000).unwrap();
        self.sockets.add(socket)
    }
}

#[test]
fn smoltcp_pings_us() {
    for family in BOTH {
        let mut pair = Pair::new();
        let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 16], vec![0; 64 << 10]);
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket.bind(icmp::Endpoint::Ident(0x77)).unwrap();
        let handle = pair.sockets.add(socket);
        let sums = ChecksumCapabilities::default();
        for (seq_no, size) in (1..).zip([0, 1, 56, 1000, 1400]) {
            let data = pattern(size);
            let socket = pair.sockets.get_mut::<icmp::Socket<'_>>(handle);
            if family == Family::V4 {
                let ask = Icmpv4Repr::EchoRequest { ident: 0x77, seq_no, data: &data };
                let room = socket.send(ask.buffer_len(), stack(family).into()).unwrap();
                ask.emit(&mut Icmpv4Packet::new_unchecked(room), &sums);
            } else {
                let ask = Icmpv6Repr::EchoRequest { ident: 0x77, seq_no, data: &data };
                let room = socket.send(ask.buffer_len(), stack(family).into()).unwrap();
                let [IpAddress::Ipv6(from), IpAddress::Ipv6(to)] = [peer(family), stack(family)].map(IpAddress::from)
                else {
                    panic!("both are IPv6")
                };
                ask.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(room), &sums);
            }
            pair.run();
            let socket = pair.sockets.get_mut::<icmp::Socket<'_>>(handle);
            let (reply, from) = socket.recv().expect("a reply came");
            assert_eq!(from, stack(family).into());
            assert_eq!(reply[0], if family == Family::V4 { 0 } else { 129 });
            assert_eq!((&reply[4..8], &reply[8..]), (&[0, 0x77, 0, seq_no as u8][..], &data[..]));
        }
        assert_eq!(pair.host.counters().echo_answered, 5);
    }
}

#[test]
fn smoltcp_gets_its_datagrams_back() {
    for family in BOTH {
        let mut pair = Pair::new();
        let handle = pair.bind_udp();
        for size in [0, 1, 512, 1400] {
            let socket = pair.sockets.get_mut::<udp::Socket<'_>>(handle);
            socket.send_slice(&pattern(size), (IpAddress::from(stack(family)), 7)).unwrap();
            pair.run();
            let socket = pair.sockets.get_mut::<udp::Socket<'_>>(handle);
            let (bytes, from) = socket.recv().expect("it came back");
            assert_eq!((from.endpoint.addr, from.endpoint.port), (stack(family).into(), 7));
            assert_eq!(bytes, pattern(size));
        }
    }
}

#[test]
fn smoltcp_is_found_when_we_have_to_ask_for_it() {
    for family in BOTH {
        let mut pair = Pair::new();
        let handle = pair.bind_udp();
        for _ in 0..20 {
            let socket = pair.sockets.get_mut::<udp::Socket<'_>>(handle);
            socket.send_slice(b"characters, please", (IpAddress::from(stack(family)), 19)).unwrap();
            pair.run();
            let socket = pair.sockets.get_mut::<udp::Socket<'_>>(handle);
            assert!(socket.recv().expect("characters came").0.len() <= 512);
        }
        assert_eq!(pair.host.counters().dropped_in_all(), 0);
    }
}
