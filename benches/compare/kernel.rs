//! The kernel's own stack, with programs as plain as ours, at the other end of a veth pair.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::contender::{self, Wire};
use crate::lab::{self, Failure, Lab};
use crate::{CONGESTION_CONTROL, DISCARD_PORT, ECHO_PORT, SOURCE_PORT, machine};

/// Bytes of a call.
const CALL: usize = 256 << 10;
const PATIENCE: Duration = Duration::from_secs(3);

/// Lays the wire between the lab and the namespace of a process.
pub(crate) fn lay(lab: &Lab, number: u8, process: u32, wire: Wire) -> Result<(), Failure> {
    let (here, there) = (format!("veth{number}"), process.to_string());
    // It is in the namespace of its parent until `unshare` has made one.
    let (begun, ours) = (Instant::now(), std::fs::read_link("/proc/self/ns/net")?);
    while std::fs::read_link(format!("/proc/{process}/ns/net"))? == ours {
        if begun.elapsed() > PATIENCE {
            return Err("unshare made no namespace".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    lab.enter(|| -> Result<(), Failure> {
        lab::ip(&["link", "add", &here, "type", "veth", "peer", "name", "eth0", "netns", &there])?;
        lab::ip(&["address", "add", &format!("10.77.{number}.1/24"), "dev", &here])?;
        lab::ip(&["link", "set", &here, "up"])
    })??;
    if wire == Wire::Plain {
        machine::no_offload(lab, &here)?;
        lab::run("nsenter", &["-t", &there, "-n", "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"])?;
    }
    Ok(())
}

/// Serves until it is killed.
pub(crate) fn run(number: u8) -> Result<(), Failure> {
    let begun = Instant::now();
    while !Path::new("/proc/sys/net/ipv4/conf/eth0").exists() {
        if begun.elapsed() > PATIENCE {
            return Err("there is no wire".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    lab::ip(&["address", "add", &format!("10.77.{number}.2/24"), "dev", "eth0"])?;
    lab::ip(&["link", "set", "eth0", "up"])?;
    let at = |port| SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
    let socket = UdpSocket::bind(at(ECHO_PORT))?;
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            // What does not fit is lost, as UDP is.
            let _ = socket.send_to(&datagram[..length], from);
        }
    });
    for (port, serve) in [(ECHO_PORT, echo as fn(TcpStream)), (DISCARD_PORT, discard), (SOURCE_PORT, source)] {
        let listener = TcpListener::bind(at(port))?;
        sockopt::set_tcp_congestion(&listener, CONGESTION_CONTROL)?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || serve(stream));
            }
        });
    }
    // The peer's address has to be known before anything is measured.
    Command::new("ping").args(["-c", "1", "-W", "2", &format!("10.77.{number}.1")]).output()?;
    contender::ready();
    loop {
        thread::park();
    }
}

fn echo(mut stream: TcpStream) {
    let mut bytes = vec![0; CALL];
    let _ = stream.set_nodelay(true);
    while let Ok(length @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..length]).is_err() {
            return;
        }
    }
}

fn discard(mut stream: TcpStream) {
    let mut bytes = vec![0; CALL];
    while let Ok(1..) = stream.read(&mut bytes) {}
}

fn source(mut stream: TcpStream) {
    let bytes = vec![0x5a; CALL];
    while stream.write_all(&bytes).is_ok() {}
}
