//! A service that keeps files: it serves them, and stores what it is sent.

use std::collections::VecDeque;
use std::io::ErrorKind;

use taphouse::application::{
    Data, Done, Folder, Handle, Io, Opening, Outcome, Place, Service, Session, Stream, Used, Work,
};
use taphouse::base::address::Flow;
use taphouse::base::stream::Ending;
use taphouse::buffer::Block;

const FILE: Handle = Handle(0);
/// Blocks that are read ahead.
const AHEAD: usize = 3;

/// What an answer is to.
const OPENED: u64 = 0;
const MOVED: u64 = 1;
const STORED: u64 = 2;

pub(crate) fn place(path: &str) -> Place {
    Place { folder: Folder(0), path: path.into() }
}

/// At one port files `0`, `1` … are served, one a connection; at another they are stored.
pub(crate) enum Shelf {
    Serves(usize),
    Stores(usize),
}

impl Service for Shelf {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        let next = |number: &mut usize| std::mem::replace(number, *number + 1).to_string();
        Some(match self {
            Shelf::Serves(number) => Box::new(Serving::new(next(number))),
            Shelf::Stores(number) => Box::new(Storing { name: next(number), writing: 0 }),
        })
    }
}

/// Sends a file from the blocks into which it was read.
struct Serving {
    name: String,
    reading: usize,
    /// Read, and not sent yet.
    waiting: VecDeque<Block>,
    ended: bool,
}

impl Serving {
    fn new(name: String) -> Serving {
        Serving { name, reading: 0, waiting: VecDeque::new(), ended: false }
    }

    fn go_on(&mut self, stream: &mut Stream<'_>) {
        while let Some(block) = self.waiting.pop_front() {
            if let Err(block) = stream.give(block) {
                self.waiting.push_front(block);
                return;
            }
        }
        let piece = stream.piece();
        while !self.ended && self.reading < AHEAD {
            let Ok(block) = stream.io.block(piece) else { return };
            if let Err(work) = stream.io.ask(MOVED, Work::Read(FILE, block, piece)) {
                work.into_block().into_iter().for_each(|block| stream.io.release(block));
                return;
            }
            self.reading += 1;
        }
        if self.ended && self.reading == 0 {
            stream.close();
        }
    }
}

impl Session for Serving {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        let open = Work::Open(FILE, place(&self.name), Opening::Read(0));
        assert!(stream.io.ask(OPENED, open).is_ok(), "the first work of a session");
        self.go_on(stream);
    }

    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.go_on(stream);
    }

    fn on_end(&mut self, _stream: &mut Stream<'_>) {}

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        if done.tag == MOVED {
            self.reading -= 1;
        }
        match done.result {
            Ok(Outcome::End) => self.ended = true,
            Ok(_) => self.waiting.extend(done.data),
            Err(why) => {
                assert!(matches!(why, ErrorKind::NotFound | ErrorKind::BrokenPipe), "{}: {why}", self.name);
                return stream.abort();
            }
        }
        self.go_on(stream);
    }

    fn on_gone(&mut self, _ending: Ending, io: &mut Io<'_>) {
        self.waiting.drain(..).for_each(|block| io.release(block));
    }
}

/// Writes what comes to a file from the buffers in which it came, and says so when it is on the disk under its name.
struct Storing {
    name: String,
    writing: usize,
}

impl Storing {
    fn part(&self) -> Place {
        place(&format!("{}.part", self.name))
    }
}

impl Session for Storing {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        let open = Work::Open(FILE, self.part(), Opening::New);
        assert!(stream.io.ask(OPENED, open).is_ok(), "the first work of a session");
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        // Some are left for the end of the file.
        if self.writing >= 8 {
            stream.pause();
            return Used::Bytes(0);
        }
        let Ok(block) = stream.io.take_data(data) else {
            assert!(self.writing > 0, "a test has memory for one block of each connection");
            stream.pause();
            return Used::Bytes(0);
        };
        if let Err(work) = stream.io.ask(MOVED, Work::Write(FILE, block)) {
            work.into_block().into_iter().for_each(|block| stream.io.release(block));
            stream.abort();
        }
        self.writing += 1;
        Used::Taken
    }

    fn on_end(&mut self, stream: &mut Stream<'_>) {
        // In order, so nothing has to be waited for.
        let works = [
            (MOVED, Work::Sync(FILE)),
            (MOVED, Work::Close(FILE)),
            (STORED, Work::Rename(self.part(), place(&format!("{}.stored", self.name)))),
        ];
        for (tag, work) in works {
            assert!(stream.io.ask(tag, work).is_ok(), "room was left");
            self.writing += 1;
        }
    }

    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        assert!(done.result.is_ok(), "{}: {}: {:?}", self.name, done.tag, done.result);
        if done.tag == MOVED {
            self.writing -= 1;
            stream.resume();
        }
        if done.tag == STORED {
            stream.write(b"stored");
            stream.close();
        }
    }

    fn on_gone(&mut self, ending: Ending, io: &mut Io<'_>) {
        if ending.why != taphouse::base::stream::Gone::Closed {
            let _asked = io.ask(MOVED, Work::Remove(self.part()));
        }
    }
}
