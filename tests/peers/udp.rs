//! The services over UDP, one datagram at a time.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::house::{BOTH, CHARGEN, DISCARD, ECHO, HOST, V4, V6, count, pattern};
use crate::lab::Lab;

/// Sends and takes the answer.
fn echoed(socket: &UdpSocket, sent: &[u8]) -> Vec<u8> {
    socket.send(sent).unwrap_or_else(|why| panic!("{} bytes cannot be sent: {why}", sent.len()));
    let mut answer = vec![0; 65_536];
    let length = socket.recv(&mut answer).unwrap_or_else(|why| panic!("no answer to {} bytes: {why}", sent.len()));
    answer.truncate(length);
    answer
}

#[test]
fn datagrams_of_every_size_come_back_byte_for_byte() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for (to, largest) in [(V4, 1472), (V6, 1452)] {
        let socket = lab.socket(to, ECHO);
        for size in 0..=largest {
            let sent = pattern(size, size);
            assert!(echoed(&socket, &sent) == sent, "{size} bytes to {to} come back changed");
        }
    }
    let report = house.end().stderr;
    assert_eq!(count(&report, "datagrams-in-place"), 1473 + 1453, "{report}");
}

#[test]
fn discard_says_nothing() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    for to in BOTH {
        let (discard, echo) = (lab.socket(to, DISCARD), lab.socket(to, ECHO));
        for size in [0, 1, 1400] {
            discard.send(&pattern(size, 0)).expect("the link is up");
        }
        // Frames are taken in order: once this is answered, so would those have been.
        assert_eq!(echoed(&echo, b"after"), b"after");
        discard.set_nonblocking(true).expect("any socket may be so");
        let silence = discard.recv(&mut [0; 100]).expect_err("discard answers nothing");
        assert_eq!(silence.kind(), ErrorKind::WouldBlock, "{silence}");
    }
    assert_eq!(count(&house.end().stderr, "datagrams-received"), 8);
}

#[test]
fn characters_are_those_of_the_rotating_pattern() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("");
    for to in BOTH {
        let socket = lab.socket(to, CHARGEN);
        let answers: Vec<Vec<u8>> = (0..200).map(|_| echoed(&socket, b"anything")).collect();
        assert!(answers.iter().all(|answer| answer.len() <= 512), "RFC 864: 0 to 512");
        let mut lengths: Vec<usize> = answers.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        lengths.dedup();
        assert!(lengths.len() > 100, "lengths are random: {lengths:?}");
        answers.iter().for_each(|answer| assert_rotating(answer));
    }
}

/// RFC 864: lines of 72 characters, each starting one character later than the one before.
#[track_caller]
fn assert_rotating(text: &[u8]) {
    let Some(first) = text.first().map(|byte| byte - b' ') else { return };
    for (at, byte) in text.iter().enumerate() {
        let (line, column) = (at / 74, at % 74);
        let expected = match column {
            72 => b'\r',
            73 => b'\n',
            _ => b' ' + ((first as usize + line + column) % 95) as u8,
        };
        assert_eq!(*byte, expected, "at {at} of {}", text.escape_ascii());
    }
}

/// Two services that answer each other would never stop.
#[test]
fn source_ports_of_services_that_answer_get_no_answer() {
    let Some(lab) = Lab::new() else { return };
    let house = lab.house("");
    let mut asked = 0;
    for (to, own) in BOTH.into_iter().zip(HOST) {
        let own: IpAddr = own.parse().expect("the host's address");
        for port in [7, 13, 17, 19] {
            for service in [ECHO, CHARGEN] {
                let socket = lab.socket_at(SocketAddr::new(own, port), to, service);
                socket.set_read_timeout(Some(Duration::from_millis(100))).expect("not zero");
                socket.send(b"loop?").expect("the link is up");
                let silence = socket.recv(&mut [0; 600]).expect_err("no answer to a service's port");
                assert_eq!(silence.kind(), ErrorKind::WouldBlock, "{to} port {service} from {port}: {silence}");
                asked += 1;
            }
        }
        assert_eq!(echoed(&lab.socket(to, ECHO), b"others"), b"others");
    }
    let report = house.end().stderr;
    let dropped = report.lines().find(|line| line.contains("loop")).unwrap_or_default();
    assert!(dropped.split_whitespace().any(|word| word == asked.to_string()), "{asked} in {report}");
}

#[test]
fn a_port_where_nobody_listens_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("--services none");
    for to in BOTH {
        let socket = lab.socket(to, ECHO);
        socket.send(b"?").expect("the link is up");
        let refused = socket.recv(&mut [0; 10]).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{to}: {refused}");
    }
}

#[test]
fn services_move_to_other_ports() {
    let Some(lab) = Lab::new() else { return };
    let _house = lab.house("--services echo=4007");
    for to in BOTH {
        assert_eq!(echoed(&lab.socket(to, 4007), b"moved"), b"moved");
    }
}
