//! TCP in small pieces: a byte there and back, and connections opened and kept.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::lab::{self, Failure, Lab};
use crate::row::WARM_UP;
use crate::{CONGESTION_CONTROL, DISCARD_PORT, ECHO_PORT};

/// A contender that does not answer for so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// Connections kept at once: a process may have only so many files open.
const KEPT: usize = 16_000;
/// Of those, aborted at once.
const ABORTED: usize = 32;

/// A connection to a contender.
pub(crate) fn connect(lab: &Lab, number: u8, port: u16) -> Result<TcpStream, Failure> {
    let remote = SocketAddrV4::new(Ipv4Addr::new(10, 77, number, 2), port);
    let stream = lab.enter(|| lab::connect(remote, CONGESTION_CONTROL, PATIENCE))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connections a second that were opened and kept, so many at a time.
pub(crate) fn accepted(lab: &Lab, number: u8, at_once: usize, span: Duration) -> Result<f64, Failure> {
    let remote = SocketAddrV4::new(Ipv4Addr::new(10, 77, number, 2), DISCARD_PORT);
    let begun = Instant::now();
    let work = move || -> std::io::Result<Vec<TcpStream>> {
        let mut kept = Vec::new();
        while begun.elapsed() < span && kept.len() < KEPT / at_once {
            kept.push(TcpStream::connect_timeout(&remote.into(), PATIENCE)?);
        }
        Ok(kept)
    };
    let kept = thread::scope(|scope| -> Result<Vec<TcpStream>, Failure> {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(move || lab.enter(work))).collect();
        let mut kept = Vec::new();
        for thread in threads {
            kept.extend(thread.join().map_err(|_| "the load panicked")???);
        }
        Ok(kept)
    })?;
    let rate = kept.len() as f64 / begun.elapsed().as_secs_f64();
    let mut kept = kept.into_iter().peekable();
    while kept.peek().is_some() {
        kept.by_ref().take(ABORTED).try_for_each(abort)?;
        // A reset that the wire drops would leave the contender a connection that the next one runs into.
        thread::sleep(Duration::from_millis(1));
    }
    Ok(rate)
}

/// Ends a connection at once, so that what is under way disturbs nobody who is measured next.
pub(crate) fn abort(stream: TcpStream) -> Result<(), Failure> {
    Ok(sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?)
}

/// How long a byte takes there and back over each of several connections, sorted. The load spins.
pub(crate) fn trips(lab: &Lab, number: u8, connections: usize, span: Duration) -> Result<Vec<Duration>, Failure> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let mut stream = connect(lab, number, ECHO_PORT)?;
        stream.set_nonblocking(true)?;
        stream.write_all(b"?")?;
        streams.push((stream, Instant::now()));
    }
    let mut trips = Vec::with_capacity(1 << 19);
    let begun = Instant::now();
    let mut heard = begun;
    while heard - begun < WARM_UP + span {
        for (stream, asked) in &mut streams {
            let now = Instant::now();
            match stream.read(&mut [0; 1]) {
                Ok(0) => return Err("the connection ended".into()),
                Ok(_) => {
                    if now - begun > WARM_UP {
                        trips.push(asked.elapsed());
                    }
                    (*asked, heard) = (Instant::now(), now);
                    stream.write_all(b"?")?;
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock && now - heard < PATIENCE => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
    for (stream, _) in streams {
        abort(stream)?;
    }
    trips.sort_unstable();
    Ok(trips)
}
