//! A device that gives copies of what it carries to other threads: for a capture, for a trace.
//!
//! The loop never waits for who reads them. A channel is bounded in frames and in bytes; what does not fit is counted,
//! and the next copy that fits tells how many are missing before it. Copies are stamped with the time of the turn.

use std::io;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{Capabilities, Device, Interest, Received, Waker};
use crate::base::limits;
use crate::base::time::Instant;
use crate::buffer::{DEVICE_ROOM, Frame, Offload};

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

/// A copy of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When the turn began in which it was received or sent.
    pub time: Instant,
    /// Which way it went.
    pub direction: Direction,
    /// Its bytes from the Ethernet header on, as many as were asked for.
    pub bytes: Vec<u8>,
    /// How many bytes it had.
    pub length: usize,
    /// What was left to the device, or the device to us.
    pub offload: Offload,
    /// Frames of the same device that are missing between the copy before and this one.
    pub missing: u64,
}

/// Where copies come out.
pub struct Captures {
    frames: Receiver<Captured>,
    account: Arc<Account>,
}

/// What [`Captures::next`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A copy.
    Frame(Captured),
    /// None in time.
    Late,
    /// None any more: every device is gone.
    End,
}

/// Where copies go in. Each device has one of its own.
#[derive(Clone)]
pub struct Copies {
    frames: Sender<Captured>,
    account: Arc<Account>,
    most: usize,
    missing: u64,
}

/// What both ends of a channel know of it.
#[derive(Default)]
struct Account {
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// A channel for copies of the first `most` bytes of each frame.
pub fn copies(most: usize) -> (Copies, Captures) {
    let (sender, receiver) = bounded(limits::CAPTURE_FRAMES);
    let account = Arc::<Account>::default();
    let captures = Captures { frames: receiver, account: account.clone() };
    (Copies { frames: sender, account, most, missing: 0 }, captures)
}

impl Captures {
    /// The next copy, when it is there; `None` when every device is gone.
    pub fn wait(&self) -> Option<Captured> {
        self.frames.recv().ok().map(|captured| self.take_out(captured))
    }

    /// The next copy, if it comes in time (for ever: `None`).
    pub fn next(&self, at_most: Option<Duration>) -> Next {
        let next = match at_most {
            Some(time) => self.frames.recv_timeout(time),
            None => self.frames.recv().map_err(RecvTimeoutError::from),
        };
        match next {
            Ok(captured) => Next::Frame(self.take_out(captured)),
            Err(RecvTimeoutError::Timeout) => Next::Late,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    /// The next copy, if there is one now.
    pub fn now(&self) -> Option<Captured> {
        self.frames.try_recv().ok().map(|captured| self.take_out(captured))
    }

    /// Frames that did not fit, of all devices together.
    pub fn dropped(&self) -> u64 {
        self.account.dropped.load(Ordering::Relaxed)
    }

    fn take_out(&self, captured: Captured) -> Captured {
        self.account.bytes.fetch_sub(captured.bytes.len(), Ordering::Relaxed);
        captured
    }
}

impl Copies {
    fn put<'a>(
        &mut self,
        time: Instant,
        direction: Direction,
        offload: Offload,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
    ) {
        let length = parts.clone().map(<[u8]>::len).sum::<usize>();
        let kept = length.min(self.most);
        // Counted before it is there, or the reader could take out what was not put in yet.
        let before = self.account.bytes.fetch_add(kept, Ordering::Relaxed);
        let fits = before + kept <= limits::CAPTURE_BYTES && !self.frames.is_full();
        let sent = fits && {
            // An allocation a frame, but only while somebody watches.
            let mut bytes = Vec::with_capacity(kept);
            for part in parts {
                bytes.extend_from_slice(&part[..part.len().min(kept - bytes.len())]);
            }
            let missing = self.missing;
            self.frames.try_send(Captured { time, direction, bytes, length, offload, missing }).is_ok()
        };
        if sent {
            self.missing = 0;
        } else {
            self.account.bytes.fetch_sub(kept, Ordering::Relaxed);
            self.account.dropped.fetch_add(1, Ordering::Relaxed);
            self.missing += 1;
        }
    }
}

/// A device that is watched: every frame that it gave us, and every one that it took from us.
pub struct Capture<D> {
    device: D,
    watchers: Vec<Copies>,
    now: Instant,
}

impl<D> Capture<D> {
    /// Lets each of `watchers` see what `device` carries.
    pub fn new(device: D, watchers: Vec<Copies>) -> Capture<D> {
        Capture { device, watchers, now: Instant::ZERO }
    }
}

impl<D: Device> Device for Capture<D> {
    const CALLS: bool = D::CALLS;

    /// Without superframes that have no total length: whoever reads a capture expects one.
    fn capabilities(&self) -> Capabilities {
        Capabilities { superframe_v4: usize::from(u16::MAX), ..self.device.capabilities() }
    }

    fn turn(&mut self, now: Instant) {
        self.now = now;
        self.device.turn(now);
    }

    fn receive(&mut self, frame: &mut Frame) -> io::Result<Received> {
        let received = self.device.receive(frame)?;
        if received == Received::Frame {
            for watcher in &mut self.watchers {
                watcher.put(self.now, Direction::In, frame.offload, [frame.bytes()].into_iter());
            }
        }
        Ok(received)
    }

    fn transmit(&mut self, head: &mut [u8], offload: Offload, payload: &[IoSlice<'_>]) -> io::Result<bool> {
        let sent = self.device.transmit(head, offload, payload)?;
        if sent {
            // The device writes to its spare bytes only, so the frame is still what it was.
            let parts = || std::iter::once(&head[DEVICE_ROOM..]).chain(payload.iter().map(|slice| &**slice));
            for watcher in &mut self.watchers {
                watcher.put(self.now, Direction::Out, offload, parts());
            }
        }
        Ok(sent)
    }

    fn wait(&mut self, interest: Interest, waker: &Waker, at_most: Option<Duration>) -> io::Result<()> {
        self.device.wait(interest, waker, at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::CAPACITY;
    use crate::device::Memory;

    fn watched(most: usize) -> (Capture<Memory>, Memory, Captures) {
        let (device, peer) = Memory::plain_pair();
        let (copies, captures) = copies(most);
        (Capture::new(device, vec![copies]), peer, captures)
    }

    #[test]
    fn both_directions_are_seen_as_they_are() {
        let (mut device, mut peer, captures) = watched(usize::MAX);
        let mut frame = Frame::new(2048);
        device.turn(Instant::from_nanos(5));
        peer.send(b"in", Offload::default());
        assert_eq!(device.receive(&mut frame).unwrap(), Received::Frame);
        device.turn(Instant::from_nanos(9));
        let mut head = [&[0; DEVICE_ROOM][..], b"out "].concat();
        assert!(device.transmit(&mut head, Offload::default(), &[IoSlice::new(b"and "), IoSlice::new(b"on")]).unwrap());
        drop(device);

        let [one, two] = [(); 2].map(|()| captures.wait().unwrap());
        assert_eq!((one.time.as_nanos(), one.direction, one.bytes.as_slice()), (5, Direction::In, &b"in"[..]));
        assert_eq!((two.time.as_nanos(), two.direction, two.bytes.as_slice()), (9, Direction::Out, &b"out and on"[..]));
        assert_eq!((captures.wait(), captures.dropped()), (None, 0));
    }

    #[test]
    fn the_beginning_is_kept_with_the_length_of_the_whole() {
        let (mut device, _peer, captures) = watched(5);
        let mut head = [&[0; DEVICE_ROOM][..], b"out "].concat();
        assert!(device.transmit(&mut head, Offload::default(), &[IoSlice::new(b"and"), IoSlice::new(b"on")]).unwrap());
        let captured = captures.now().unwrap();
        assert_eq!((captured.bytes.as_slice(), captured.length), (&b"out a"[..], 9));
    }

    #[test]
    fn what_does_not_fit_is_counted_and_told() {
        let (mut device, mut peer, captures) = watched(usize::MAX);
        let mut frame = Frame::new(CAPACITY);
        let mut pass = |length: usize| {
            peer.send(&vec![0; length], Offload::default());
            assert_eq!(device.receive(&mut frame).unwrap(), Received::Frame, "the loop goes on");
        };
        // First by number, then by size.
        (0..limits::CAPTURE_FRAMES + 7).for_each(|_| pass(1));
        let taken = std::iter::from_fn(|| captures.now()).count();
        assert_eq!((taken, captures.dropped()), (limits::CAPTURE_FRAMES, 7));
        pass(1);
        assert_eq!(captures.now().unwrap().missing, 7);
        (0..limits::CAPTURE_BYTES / 50_000 + 3).for_each(|_| pass(50_000));
        assert_eq!(captures.dropped(), 10);
        let taken = std::iter::from_fn(|| captures.now()).count();
        assert_eq!(taken, limits::CAPTURE_BYTES / 50_000);
    }
}
