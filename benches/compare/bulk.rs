//! TCP as fast as it goes, over one flow or several.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{Failure, Lab};
use crate::report::Figure;
use crate::{DISCARD_PORT, ECHO_PORT, SOURCE_PORT, requests};

/// Bytes of a system call of the load.
const CALL: usize = 256 << 10;
/// What the load lets be on its way there and back.
const ECHOED: usize = 512 << 10;

/// Which way the bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    FromTheHost,
    ToTheHost,
    /// To an echo; those that come back count.
    Both,
}

/// Gigabits a second of payload, over so many flows at once.
pub(crate) fn measure(
    lab: &Lab,
    number: u8,
    way: Way,
    flows: usize,
    warm_up: Duration,
    span: Duration,
) -> Result<Figure, Failure> {
    let port = match way {
        Way::FromTheHost => DISCARD_PORT,
        Way::ToTheHost => SOURCE_PORT,
        Way::Both => ECHO_PORT,
    };
    let streams = (0..flows).map(|_| requests::connect(lab, number, port)).collect::<Result<Vec<_>, _>>()?;
    let (passed, ends) = (AtomicU64::new(0), AtomicU8::new(0));
    let (passed, ends) = (&passed, &ends);
    let rate = thread::scope(|scope| -> Result<(u64, Duration), Failure> {
        let threads: Vec<_> = streams
            .into_iter()
            .map(|stream| {
                scope.spawn(move || match way {
                    Way::Both => echo(stream, passed, ends),
                    _ => pass(stream, way, passed, ends),
                })
            })
            .collect();
        thread::sleep(warm_up);
        let (start, before) = (Instant::now(), passed.load(Ordering::Relaxed));
        thread::sleep(span);
        let (after, elapsed) = (passed.load(Ordering::Relaxed), start.elapsed());
        ends.store(1, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "the load panicked")??;
        }
        Ok((after - before, elapsed))
    })?;
    let (bytes, elapsed) = rate;
    Ok(Figure { value: bytes as f64 * 8.0 / elapsed.as_nanos() as f64, ..Figure::default() })
}

fn pass(mut stream: TcpStream, way: Way, passed: &AtomicU64, ends: &AtomicU8) -> Result<(), Failure> {
    let mut bytes = vec![0x5a; CALL];
    while ends.load(Ordering::Relaxed) == 0 {
        let count = match way {
            Way::FromTheHost => stream.write(&bytes)?,
            _ => stream.read(&mut bytes)?,
        };
        if count == 0 {
            return Err("the connection ended".into());
        }
        passed.fetch_add(count as u64, Ordering::Relaxed);
    }
    requests::abort(stream)
}

fn echo(mut stream: TcpStream, passed: &AtomicU64, ends: &AtomicU8) -> Result<(), Failure> {
    let mut bytes = vec![0x5a; CALL];
    stream.set_nonblocking(true)?;
    let (mut underway, mut heard) = (0, Instant::now());
    while ends.load(Ordering::Relaxed) == 0 {
        if underway < ECHOED {
            underway += transferred(stream.write(&bytes[..(ECHOED - underway).min(CALL)]))?;
        }
        let count = transferred(stream.read(&mut bytes))?;
        if count > 0 {
            heard = Instant::now();
        } else if heard.elapsed() > requests::PATIENCE {
            return Err("nothing comes back".into());
        }
        underway -= count;
        passed.fetch_add(count as u64, Ordering::Relaxed);
    }
    requests::abort(stream)
}

fn transferred(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(why) if why.kind() == ErrorKind::WouldBlock => Ok(0),
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        other => other,
    }
}
