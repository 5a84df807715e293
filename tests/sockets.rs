//! Sockets at both ends of a wire in memory: who pulls gets what was sent, and what ended is told.

use std::io::ErrorKind;
use std::time::Duration;

use taphouse::base::address::{Address, Endpoint, Mac};
use taphouse::base::time::Instant;
use taphouse::buffer::Frame;
use taphouse::device::{Capabilities, Device, Memory, Received};
use taphouse::sockets::{Listener, Socket, UdpSocket};
use taphouse::stack::{Config, Filter, JoinError, Stack};
use taphouse::transport::tcp::Tuning;

const PORT: u16 = 80;

/// Two hosts on one wire, and their time.
struct Wire {
    server: Stack<Memory>,
    client: Stack<Memory>,
    now: Instant,
}

impl Wire {
    fn new() -> Wire {
        let capabilities =
            Capabilities { checksum: true, segment_tcp: true, segment_udp: true, ..Capabilities::plain(1500) };
        let (one, other) = Memory::pair(capabilities);
        let host = |device, last: u8| {
            let address = format!("10.77.0.{last}/24").parse().unwrap();
            Stack::new(device, &Config::new(Mac::new([2, 0, 0, 0, 0, last]), &[address], [last; 16])).unwrap()
        };
        Wire { server: host(one, 2), client: host(other, 1), now: Instant::ZERO }
    }

    /// Lets them do what there is to do, for a while.
    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.server.turn(self.now).unwrap();
            self.client.turn(self.now).unwrap();
            self.now = self.now + Duration::from_micros(100);
        }
    }

    fn listen(&mut self, backlog: usize) -> Listener {
        Listener::bind(&mut self.server, PORT, backlog, Tuning::default()).unwrap()
    }

    fn connect(&mut self, port: u16) -> Socket {
        let remote = Endpoint { address: Address::from_v4([10, 77, 0, 2]), port };
        Socket::connect(&mut self.client, remote, Tuning::default()).unwrap()
    }

    /// An open connection: our end and the other.
    fn connected(&mut self) -> (Socket, Socket) {
        let listener = self.listen(1);
        let client = self.connect(PORT);
        self.run(SOON);
        let (server, flow) = listener.accept().expect("it is open");
        assert_eq!(flow.remote.address, Address::from_v4([10, 77, 0, 1]));
        listener.close(&mut self.server);
        (client, server)
    }
}

const SOON: Duration = Duration::from_millis(10);

fn would_block<T: std::fmt::Debug>(result: std::io::Result<T>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn what_is_written_is_read_in_pieces_and_ends() {
    let mut wire = Wire::new();
    let (client, server) = wire.connected();
    assert!(client.is_open() && client.ready(&wire.client).write && !client.ready(&wire.client).read);
    would_block(server.read(&mut wire.server, &mut [0; 10]));
    let message: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (mut sent, mut seen) = (0, Vec::new());
    for turn in 0.. {
        assert!(turn < 10_000, "it goes on");
        if sent < message.len() {
            sent += client.write(&mut wire.client, &message[sent..]).unwrap_or(0);
            if sent == message.len() {
                client.close_write(&mut wire.client);
            }
        }
        wire.run(Duration::from_micros(300));
        let mut place = [0; 7_001];
        match server.read(&mut wire.server, &mut place) {
            Ok(0) => break,
            Ok(read) => seen.extend_from_slice(&place[..read]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert!(seen == message, "the bytes are those that were written");
    assert!(server.ready(&wire.server).ended);
    // The other direction is open still.
    assert_eq!(server.write(&mut wire.server, b"thanks").unwrap(), 6);
    assert_eq!(client.write(&mut wire.client, b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
    wire.run(SOON);
    let mut place = [0; 100];
    assert_eq!(client.read(&mut wire.client, &mut place).unwrap(), 6);
    server.close(&mut wire.server);
    wire.run(Duration::from_secs(1));
    assert_eq!(client.read(&mut wire.client, &mut place).unwrap(), 0);
    client.close(&mut wire.client);
    wire.run(SOON);
    assert_eq!((wire.server.connections(), wire.client.connections()), (0, 0));
    assert_eq!((wire.server.memory_pinned(), wire.client.memory_pinned()), (0, 0));
}

#[test]
fn who_does_not_read_closes_the_window_and_gets_everything_later() {
    let mut wire = Wire::new();
    let (client, server) = wire.connected();
    let mut sent = 0;
    for _ in 0..100 {
        sent += client.write(&mut wire.client, &[7; 50_000]).unwrap_or(0);
        wire.run(Duration::from_millis(1));
    }
    let info = server.info(&wire.server).unwrap();
    assert!(info.unread > 0 && info.unread <= Tuning::default().receive_buffer.0 as usize, "{info:?}");
    assert!(!client.ready(&wire.client).write);
    would_block(client.write(&mut wire.client, b"x"));
    let (mut seen, mut place) = (0, vec![0; 64 << 10]);
    for _ in 0..100_000 {
        seen += server.read(&mut wire.server, &mut place).unwrap_or(0);
        wire.run(Duration::from_millis(1));
        if seen == sent {
            return;
        }
    }
    panic!("{seen} of {sent} came");
}

#[test]
fn nobody_listens_and_nobody_is_left_waiting() {
    let mut wire = Wire::new();
    let refused = wire.connect(PORT + 1);
    wire.run(SOON);
    assert!(refused.ready(&wire.client).failed);
    assert_eq!(refused.take_error().unwrap().kind(), ErrorKind::ConnectionRefused);
    // Told once.
    assert!(refused.take_error().is_none());
    // One more than may wait is refused, too.
    let listener = wire.listen(1);
    let (first, second) = (wire.connect(PORT), wire.connect(PORT));
    wire.run(SOON);
    assert!(listener.is_ready() && first.is_open());
    assert_eq!(second.read(&mut wire.client, &mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    // Those that wait when the listener goes are told.
    listener.close(&mut wire.server);
    wire.run(SOON);
    assert_eq!(first.read(&mut wire.client, &mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!((wire.server.connections(), wire.client.connections()), (0, 0));
}

/// RFC 1122 §4.2.2.13.
#[test]
fn who_closes_with_data_unread_says_so() {
    let mut wire = Wire::new();
    let (client, server) = wire.connected();
    client.write(&mut wire.client, b"lost").unwrap();
    wire.run(SOON);
    server.close(&mut wire.server);
    wire.run(SOON);
    assert_eq!(client.read(&mut wire.client, &mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!((wire.server.connections(), wire.server.memory_pinned()), (0, 0));
    // And when they come later.
    let (client, server) = wire.connected();
    server.close(&mut wire.server);
    wire.run(SOON);
    assert_eq!(client.read(&mut wire.client, &mut [0; 1]).unwrap(), 0);
    client.write(&mut wire.client, b"lost").unwrap();
    wire.run(SOON);
    assert_eq!(client.write(&mut wire.client, b"x").unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!((wire.server.connections(), wire.server.memory_pinned()), (0, 0));
}

#[test]
fn connections_are_tuned_one_by_one() {
    let mut wire = Wire::new();
    let listener = wire.listen(2);
    listener.tune(&mut wire.server, |tuning| tuning.mss = Some(700));
    let client = wire.connect(PORT);
    wire.run(SOON);
    let (server, _) = listener.accept().unwrap();
    assert_eq!(client.info(&wire.client).unwrap().segment, 700 - 12);
    assert_eq!(server.info(&wire.server).unwrap().offered, Some(700));
    server.tune(&mut wire.server, |tuning| tuning.send_buffer = (1000, 1000));
    assert_eq!(server.write(&mut wire.server, &[0; 5000]).unwrap(), 1000);
    let other = wire.connect(PORT);
    wire.run(SOON);
    let (second, _) = listener.accept().unwrap();
    assert_eq!(second.write(&mut wire.server, &[0; 5000]).unwrap(), 5000);
    assert!(other.is_open());
}

/// All that waits, read.
fn drain(socket: &UdpSocket, stack: &mut Stack<Memory>) -> Vec<Vec<u8>> {
    let mut place = [0; 2000];
    let read =
        std::iter::from_fn(|| socket.recv_from(stack, &mut place).ok().map(|(length, _)| place[..length].to_vec()));
    read.collect()
}

#[test]
fn datagrams_go_both_ways_and_wait_to_be_read() {
    let mut wire = Wire::new();
    let [ours, theirs] = [2, 1].map(|last| Address::from_v4([10, 77, 0, last]));
    let server = UdpSocket::bind(&mut wire.server, 53).unwrap();
    assert!(UdpSocket::bind(&mut wire.server, 53).is_err());
    let client = UdpSocket::bind(&mut wire.client, 4000).unwrap();
    let to = Endpoint { address: ours, port: 53 };
    for message in [&b"one"[..], b"", b"three"] {
        client.send_to(&mut wire.client, message, to).unwrap();
    }
    would_block(server.recv_from(&mut wire.server, &mut [0; 9]));
    wire.run(SOON);
    let (length, flow) = server.recv_from(&mut wire.server, &mut [0; 2]).unwrap();
    assert_eq!((length, flow.local.address, flow.remote.address, flow.remote.port), (2, ours, theirs, 4000), "cut");
    assert_eq!(drain(&server, &mut wire.server), [&b""[..], b"three"]);
    server.send_to(&mut wire.server, b"back", flow.remote).unwrap();
    assert_eq!(client.send_to(&mut wire.client, &[0; 70_000], to).unwrap_err().kind(), ErrorKind::InvalidInput);
    wire.run(SOON);
    assert_eq!(drain(&client, &mut wire.client), [b"back"]);
    // What nobody reads is bounded, and given back.
    for _ in 0..1000 {
        client.send_to(&mut wire.client, &[0; 1000], to).unwrap();
        wire.run(Duration::from_micros(200));
    }
    let waiting = wire.server.memory_pinned();
    assert!((200 << 10..300 << 10).contains(&waiting), "{waiting}");
    server.close(&mut wire.server);
    assert_eq!(wire.server.memory_pinned(), 0);
    client.send_to(&mut wire.client, b"gone", to).unwrap();
    wire.run(SOON);
    assert_eq!(client.take_error(), Some(taphouse::base::icmp::IcmpError::Refused));
    assert_eq!(client.take_error(), None, "told once");
}

/// RFC 9776 §3.1 and RFC 9777 §4.1: each socket has a filter of its own.
#[test]
fn each_socket_gets_what_it_wants_of_a_group() {
    let mut wire = Wire::new();
    let group = Address::from_v4([239, 1, 2, 3]);
    let peer = Address::from_v4([10, 77, 0, 1]);
    let sockets = [5000, 5001, 5002].map(|port| UdpSocket::bind(&mut wire.server, port).unwrap());
    let [all, only, but] = &sockets;
    let client = UdpSocket::bind(&mut wire.client, 4000).unwrap();
    let got = |wire: &mut Wire, sockets: &[&UdpSocket]| {
        for port in 5000..5003 {
            client.send_to(&mut wire.client, b"to all", Endpoint { address: group, port }).unwrap();
        }
        wire.run(SOON);
        sockets.iter().map(|socket| drain(socket, &mut wire.server).len()).collect::<Vec<_>>()
    };
    assert_eq!(got(&mut wire, &[all, only, but]), [0, 0, 0]);
    all.join_multicast(&mut wire.server, group).unwrap();
    assert_eq!(got(&mut wire, &[all, only, but]), [1, 0, 0], "who did not join gets nothing");
    only.set_source_filter(&mut wire.server, group, Filter::only(&[peer]).unwrap()).unwrap();
    but.set_source_filter(&mut wire.server, group, Filter::all_but(&[peer]).unwrap()).unwrap();
    assert_eq!(got(&mut wire, &[all, only, but]), [1, 1, 0]);
    all.leave_multicast(&mut wire.server, group).unwrap();
    assert_eq!(got(&mut wire, &[all, only, but]), [0, 1, 0], "the others stay");
    only.set_source_filter(&mut wire.server, group, Filter::only(&[Address::from_v4([10, 77, 0, 9])]).unwrap())
        .unwrap();
    assert_eq!(got(&mut wire, &[all, only, but]), [0, 0, 0]);
    wire.server.join(group, Filter::everything()).unwrap();
    assert_eq!(got(&mut wire, &[all, only, but]), [1, 1, 1], "for all services");
    wire.server.leave(group).unwrap();
    assert_eq!(all.join_multicast(&mut wire.server, peer), Err(JoinError::NotAGroup));
    for socket in sockets {
        socket.close(&mut wire.server);
    }
    let last = UdpSocket::bind(&mut wire.server, 5001).unwrap();
    assert_eq!(got(&mut wire, &[&last]), [0], "a socket that is closed is in no group");
}

/// RFC 1112 §6.1, RFC 3493 §5.2.
#[test]
fn what_is_sent_to_groups_stays_on_the_link_unless_it_is_told_to_go_on() {
    let (device, mut peer) = Memory::pair(Capabilities::plain(1500));
    let addresses = ["10.77.0.2/24".parse().unwrap(), "fd77::2/64".parse().unwrap()];
    let config = Config::new(Mac::new([2, 0, 0, 0, 0, 2]), &addresses, [2; 16]);
    let mut stack = Stack::new(device, &config).unwrap();
    let socket = UdpSocket::bind(&mut stack, 5000).unwrap();
    let mut sent = |stack: &mut Stack<Memory>, group: &str| {
        socket.send_to(stack, b"x", Endpoint { address: group.parse().unwrap(), port: 9 }).unwrap();
        let mut frame = Frame::new(2000);
        assert_eq!(peer.receive(&mut frame).unwrap(), Received::Frame, "it leaves at once");
        let bytes = frame.bytes();
        if bytes[12] == 8 { bytes[14 + 8] } else { bytes[14 + 7] }
    };
    assert_eq!(["239.1.2.3", "ff15::1"].map(|group| sent(&mut stack, group)), [1, 1]);
    socket.set_multicast_ttl(&mut stack, 9);
    assert_eq!(["239.1.2.3", "ff15::1"].map(|group| sent(&mut stack, group)), [9, 9]);
}
