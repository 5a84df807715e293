//! Sockets at both ends of a wire in memory: who pulls gets what was sent, and what ended is told.

use std::io::ErrorKind;
use std::time::Duration;

use taphouse::base::address::{Address, Endpoint, Mac};
use taphouse::base::time::Instant;
use taphouse::device::{Capabilities, Memory};
use taphouse::sockets::{Listener, Socket};
use taphouse::stack::{Config, Stack};
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
