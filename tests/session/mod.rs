//! One session without a stack: bytes go in, replies come out, and what it asks storage threads for is done at once.

use std::io::ErrorKind;

use arrayvec::ArrayVec;
use taphouse::application::{
    Bounded, Data, Done, Errand, Errands, Io, Kind, Largest, Metadata, Outcome, Reading, Request, Requests, Session,
    SessionId, Stream, Used, Work, Written,
};
use taphouse::base::address::{Address, Endpoint, Flow};
use taphouse::base::limits;
use taphouse::base::random::Random;
use taphouse::base::stream::{Ending, Gone};
use taphouse::base::time::Instant;
use taphouse::buffer::{CAPACITY, Frame, Offload, Pieces, Pool, SendQueue};

const PIECES: Pieces = Pieces { segment: 1460, most: 64 << 10 };

/// Both ends of its connection.
pub(crate) fn flow(port: u16) -> Flow {
    let end = |host, port| Endpoint { address: Address::from_v4([10, 77, 0, host]), port };
    Flow { local: end(2, port), remote: end(1, 50_000) }
}

/// What sessions need, for one after the other.
pub(crate) struct Means {
    pool: Pool,
    random: Random,
    written: Written,
    requests: Requests,
    queue: SendQueue,
    frame: Option<Frame>,
    /// What a session said.
    pub(crate) replies: Vec<u8>,
    /// What it wrote to the file that it opened last.
    pub(crate) content: Vec<u8>,
    /// The files that it made whole.
    pub(crate) stored: Vec<Vec<u8>>,
}

/// A session, and what its connection knows.
struct Talk<'a> {
    means: &'a mut Means,
    session: Box<dyn Session>,
    flow: Flow,
    now: Instant,
    errands: Errands,
    reading: Reading,
    is_closed: bool,
}

impl Means {
    pub(crate) fn new() -> Means {
        let mut requests = Requests::default();
        requests.allow_work(limits::WORK);
        Means {
            pool: Pool::new(16 << 20),
            random: Random::new([7; 16]),
            written: Written::default(),
            requests,
            queue: SendQueue::default(),
            frame: Some(Frame::new(CAPACITY)),
            replies: Vec::new(),
            content: Vec::new(),
            stored: Vec::new(),
        }
    }

    /// A conversation from its beginning to its end: the session is shown one piece after the other.
    pub(crate) fn talk<'b>(
        &mut self,
        session: Box<dyn Session>,
        flow: Flow,
        pieces: impl IntoIterator<Item = &'b [u8]>,
    ) {
        self.replies.clear();
        self.stored.clear();
        let (now, errands) = (Instant::ZERO, Errands::default());
        let mut talk = Talk { means: self, session, flow, now, errands, reading: Reading::On, is_closed: false };
        talk.call(|session, stream| session.on_open(stream));
        pieces.into_iter().for_each(|piece| talk.show(piece));
        talk.end();
    }
}

impl Talk<'_> {
    /// Calls the session, and hears what it said.
    fn call<T>(&mut self, work: impl FnOnce(&mut dyn Session, &mut Stream<'_>) -> T) -> T {
        let Means { pool, random, written, requests, queue, replies, .. } = &mut *self.means;
        let largest = Largest::default();
        let io = Io::new(self.now, &largest, pool, random, written, requests).of(SessionId(1), self.errands);
        let mut outlet = Bounded { queue: &mut *queue, most: 64 << 10, pieces: PIECES };
        let mut stream = Stream::new(io, &self.flow, &mut outlet);
        let result = work(self.session.as_mut(), &mut stream);
        self.errands = stream.io.errands();
        if let Some(wishes) = stream.into_wishes() {
            self.reading = wishes.reading.unwrap_or(self.reading);
            self.is_closed |= wishes.close || wishes.abort;
        }
        let mut slices = ArrayVec::<_, 16>::new();
        let said = queue.slices(0, queue.len(), &mut slices);
        slices.iter().for_each(|slice| replies.extend_from_slice(slice));
        drop(slices);
        queue.acknowledge(said, pool);
        result
    }

    /// Shows a piece, and what was left of those before it.
    fn show(&mut self, piece: &[u8]) {
        let mut frame = self.means.frame.take().expect("it comes back at the end");
        let kept = frame.bytes().to_vec();
        if kept.is_empty() {
            frame.fill(piece, Offload::default());
        } else {
            frame.fill(&[&kept, piece].concat(), Offload::default());
        }
        while !frame.is_empty() {
            self.settle();
            if self.reading == Reading::Paused {
                break;
            }
            let length = frame.len();
            let Used::Bytes(used) =
                self.call(|session, stream| session.on_data(Data::new(&mut frame, 0..length), stream))
            else {
                unreachable!("it reads, and keeps nothing")
            };
            match used {
                0 => break,
                used if used == length => frame.truncate(0),
                used => frame.strip(used),
            }
        }
        self.settle();
        self.means.frame = Some(frame);
    }

    /// Does what it asks for, and lets time go by while it wants to hear nothing.
    fn settle(&mut self) {
        loop {
            while let Some(request) = self.means.requests.pop() {
                if let Request::Work(Errand { tag, work, .. }) = request {
                    let result = self.carry_out(work);
                    self.means.requests.work_done();
                    self.errands.done();
                    self.call(|session, stream| session.on_done(Done { tag, result, data: None }, stream));
                }
            }
            let Some(deadline) = self.session.deadline().filter(|_| self.reading == Reading::Paused) else { return };
            self.now = self.now.max(deadline);
            self.call(|session, stream| session.on_timer(stream));
        }
    }

    fn carry_out(&mut self, work: Work) -> Result<Outcome, ErrorKind> {
        let Means { pool, content, stored, .. } = &mut *self.means;
        match work {
            Work::Open(..) => {
                content.clear();
                Ok(Outcome::Metadata(Metadata { kind: Kind::File, length: 0, modified: 0 }))
            }
            Work::Write(_, block) => {
                content.extend_from_slice(block.frame().bytes());
                pool.release(block);
                Ok(Outcome::Done)
            }
            Work::Store { block, .. } => {
                stored.push(block.frame().bytes().to_vec());
                pool.release(block);
                Ok(Outcome::Done)
            }
            Work::Commit { .. } => {
                let length = content.len();
                stored.push(std::mem::replace(content, Vec::with_capacity(length)));
                Ok(Outcome::Done)
            }
            // Nobody's is right here, for it takes long to compare one.
            Work::Verify(_) => Err(ErrorKind::PermissionDenied),
            _ => Ok(Outcome::Done),
        }
    }

    fn end(mut self) {
        self.means.frame.iter_mut().for_each(|frame| frame.truncate(0));
        let Means { pool, random, written, requests, .. } = &mut *self.means;
        let largest = Largest::default();
        let mut io = Io::new(self.now, &largest, pool, random, written, requests).of(SessionId(1), self.errands);
        self.session.on_gone(Ending { why: Gone::Closed, unacknowledged: 0 }, &mut io);
        // What it takes back now.
        while let Some(request) = self.means.requests.pop() {
            if let Request::Work(Errand { work, .. }) = request {
                self.means.requests.work_done();
                let _nobody_hears = self.carry_out(work);
            }
        }
        assert_eq!(self.means.pool.charged(), 0, "memory stays behind");
    }
}
