//! A session's connection without a stack, a disk or a record of what is said: what arrives lies where it is read, what is asked
//! of storage threads is done as soon as it is asked for, and what is said was acknowledged. So nearly all that it costs to
//! call a session through it is the session's.

use std::hint::black_box;

use taphouse::application::{
    Bounded, Data, Done, Errand, Errands, Io, Kind, Largest, Metadata, Outcome, Request, Requests, Service, Session,
    SessionId, Stream, Used, Work, Written,
};
use taphouse::base::address::Flow;
use taphouse::base::limits;
use taphouse::base::random::Random;
use taphouse::base::stream::{Ending, Gone};
use taphouse::base::time::Instant;
use taphouse::buffer::{Frame, Pieces, Pool, SendQueue};

const PIECES: Pieces = Pieces { segment: 1460, most: 64 << 10 };

/// What a shard has for all of its sessions.
pub(crate) struct Shard {
    largest: Largest,
    pool: Pool,
    random: Random,
    written: Written,
    requests: Requests,
}

impl Shard {
    pub(crate) fn new() -> Shard {
        let mut requests = Requests::default();
        requests.allow_work(limits::WORK);
        let (largest, written) = (Largest::default(), Written::default());
        Shard { largest, pool: Pool::new(16 << 20), random: Random::new([7; 16]), written, requests }
    }

    fn io(&mut self, errands: Errands) -> Io<'_> {
        let Shard { largest, pool, random, written, requests } = self;
        Io::new(Instant::ZERO, largest, pool, random, written, requests).of(SessionId(1), errands)
    }
}

/// A connection to a service.
pub(crate) struct Connection<'a> {
    shard: &'a mut Shard,
    flow: &'a Flow,
    queue: SendQueue,
    session: Box<dyn Session>,
    errands: Errands,
}

/// Bytes that a session wrote to files, and that it said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) stored: usize,
    pub(crate) said: usize,
}

impl<'a> Connection<'a> {
    pub(crate) fn open(service: &mut dyn Service, shard: &'a mut Shard, flow: &'a Flow) -> Connection<'a> {
        let session = service.open(flow).expect("it serves");
        let mut connection =
            Connection { shard, flow, queue: SendQueue::default(), session, errands: Errands::default() };
        connection.call(|session, stream| session.on_open(stream));
        connection
    }

    /// Shows it all of a frame, and lets it have done what it asks for.
    pub(crate) fn hear(&mut self, frame: &mut Frame) -> Sum {
        let (length, mut used, mut stored) = (frame.len(), 0, 0);
        while used < length {
            let data = Data::new(frame, used..length);
            match self.call(|session, stream| session.on_data(data, stream)) {
                Used::Bytes(more) => used += more,
                Used::Taken => unreachable!("it reads, and keeps nothing"),
            }
            while let Some(request) = self.shard.requests.pop() {
                let Request::Work(Errand { tag, work, .. }) = request else { unreachable!("it asks for nothing else") };
                let (outcome, written) = self.carry_out(work);
                stored += written;
                self.errands.done();
                self.call(|session, stream| session.on_done(Done { tag, result: Ok(outcome), data: None }, stream));
            }
        }
        let said = self.queue.len();
        self.queue.acknowledge(said, &mut self.shard.pool);
        Sum { stored, said }
    }

    fn carry_out(&mut self, work: Work) -> (Outcome, usize) {
        self.shard.requests.work_done();
        match work {
            Work::Open(..) => (Outcome::Metadata(Metadata { kind: Kind::File, length: 0, modified: 0 }), 0),
            Work::Write(_, block) | Work::Store { block, .. } => {
                let length = block.frame().len();
                self.shard.pool.release(block);
                (Outcome::Done, length)
            }
            _ => (Outcome::Done, 0),
        }
    }

    fn call<T>(&mut self, work: impl FnOnce(&mut dyn Session, &mut Stream<'_>) -> T) -> T {
        let io = self.shard.io(self.errands);
        let mut outlet = Bounded { queue: &mut self.queue, most: 64 << 10, pieces: PIECES };
        let mut stream = Stream::new(io, self.flow, &mut outlet);
        let result = work(self.session.as_mut(), &mut stream);
        self.errands = stream.io.errands();
        black_box(stream.into_wishes());
        black_box(self.session.deadline());
        result
    }

    /// The peer is gone.
    pub(crate) fn end(mut self) {
        self.queue.clear(&mut self.shard.pool);
        let mut io = self.shard.io(self.errands);
        self.session.on_gone(Ending { why: Gone::Closed, unacknowledged: 0 }, &mut io);
        assert_eq!(self.shard.pool.charged(), 0, "memory stays behind");
    }
}
