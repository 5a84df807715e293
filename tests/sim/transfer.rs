//! Both ends send each other a stream whose every byte follows from a seed, and check the other's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use taphouse::application::{Data, Io, Service, Session, Stream, Used};
use taphouse::base::address::Flow;
use taphouse::base::stream::{Ending, Gone};
use taphouse::base::time::Instant;

/// The byte at a position of a stream. Segments that land in a wrong place do not look like the right ones.
fn byte(seed: u64, position: u64) -> u8 {
    let word = (position / 8 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (word ^ word >> 29).to_le_bytes()[position as usize % 8]
}

/// How far a transfer has come, for the test to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) opened: bool,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) ended: bool,
    pub(crate) gone: Option<Gone>,
}

pub(crate) type Shared = Arc<Mutex<Progress>>;

/// One end of a transfer.
pub(crate) struct Transfer {
    seed: u64,
    to_send: u64,
    to_receive: u64,
    /// After how many bytes it stops to read, and for how long.
    rests: Option<(u64, Duration)>,
    resumes: Option<Instant>,
    progress: Shared,
}

impl Transfer {
    pub(crate) fn new(seed: u64, to_send: u64, to_receive: u64) -> (Transfer, Shared) {
        let progress = Shared::default();
        let (rests, resumes) = (None, None);
        (Transfer { seed, to_send, to_receive, rests, resumes, progress: progress.clone() }, progress)
    }

    /// It reads nothing for a while once it has read `after` bytes.
    pub(crate) fn resting(self, after: u64, span: Duration) -> Transfer {
        Transfer { rests: Some((after, span)), ..self }
    }

    fn send(&mut self, stream: &mut Stream<'_>) {
        let mut progress = self.progress.lock().unwrap();
        while progress.sent < self.to_send {
            let (from, left) = (progress.sent, (self.to_send - progress.sent) as usize);
            let written = stream.write_with(left, |place| {
                for (place, position) in place.iter_mut().zip(from..) {
                    *place = byte(self.seed, position);
                }
                place.len()
            });
            progress.sent += written as u64;
            if written == 0 {
                return;
            }
        }
        stream.close();
    }
}

impl Session for Transfer {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.progress.lock().unwrap().opened = true;
        self.send(stream);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let mut progress = self.progress.lock().unwrap();
        let wrong = data.bytes().iter().zip(progress.received..).find(|(seen, at)| **seen != byte(self.seed, *at));
        assert!(wrong.is_none(), "a wrong byte: {wrong:?} in {} at {}", data.len(), progress.received);
        progress.received += data.len() as u64;
        assert!(progress.received <= self.to_receive, "more than was sent");
        if let Some((_, span)) = self.rests.take_if(|(after, _)| *after <= progress.received) {
            self.resumes = Some(stream.io.now() + span);
            stream.pause();
        }
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.send(stream);
    }

    fn on_end(&mut self, _stream: &mut Stream<'_>) {
        let mut progress = self.progress.lock().unwrap();
        assert_eq!(progress.received, self.to_receive, "the end comes behind the last byte");
        progress.ended = true;
    }

    fn deadline(&self) -> Option<Instant> {
        self.resumes
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        self.resumes = None;
        stream.resume();
    }

    fn on_gone(&mut self, ending: Ending, _io: &mut Io<'_>) {
        self.progress.lock().unwrap().gone = Some(ending.why);
    }
}

/// Takes one connection.
pub(crate) struct Once(pub(crate) Option<Transfer>);

impl Service for Once {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        self.0.take().map(|transfer| Box::new(transfer) as Box<dyn Session>)
    }
}
