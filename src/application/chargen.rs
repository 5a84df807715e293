//! The Character Generator Protocol (RFC 864).

use std::sync::LazyLock;

use super::{Answer, Batch, Data, Datagrams, Io, NoRoom, Service, Session, Stream, Used, check_loop};
use crate::base::address::Flow;
use crate::base::counters::Dropped;

/// The printable ASCII characters, of which every line shows 72.
const FIRST: u8 = b' ';
const CHARACTERS: usize = 95;
const LINE: usize = 72;

/// Sends lines of characters to whoever sends anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chargen {
    line: usize,
}

impl Datagrams for Chargen {
    /// A datagram with a random number of characters, 0 to 512, for every one that came.
    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        if let Err(why) = check_loop(flow) {
            return Answer::Drop(why);
        }
        for _ in 0..batch.len() {
            let length = io.random(513) as usize;
            let first = self.line;
            self.line = (self.line + 1) % CHARACTERS;
            let written = io.send(*flow, length, |place| {
                fill(place, first);
                length
            });
            if let Err(NoRoom) = written {
                return Answer::Drop(Dropped::OutboxFull);
            }
        }
        Answer::Done
    }
}

impl Service for Chargen {
    fn open(&mut self, _flow: &Flow) -> Option<Box<dyn Session>> {
        Some(Box::new(Generator::default()))
    }
}

/// Bytes after which the lines are what they were.
const PERIOD: usize = CHARACTERS * (LINE + 2);
/// All lines, as often as a superframe wants to be filled from anywhere in the first of them.
const PERIODS: usize = 11;
static LINES: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let mut lines = vec![0; PERIODS * PERIOD];
    fill(&mut lines, 0);
    lines.into_boxed_slice()
});

/// One stream of characters: as fast as the peer takes them.
#[derive(Clone, Copy, Debug, Default)]
struct Generator {
    /// How far the present period has come.
    position: usize,
}

impl Generator {
    /// Hands over the lines where they lie: nothing is copied.
    fn generate(&mut self, stream: &mut Stream<'_>) {
        while stream.room() > 0 {
            let shared = stream.share(&LINES[self.position..]);
            self.position = (self.position + shared) % PERIOD;
        }
    }
}

impl Session for Generator {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.generate(stream);
    }

    /// What comes is thrown away (RFC 864).
    fn on_data(&mut self, data: Data<'_>, _stream: &mut Stream<'_>) -> Used {
        Used::Bytes(data.len())
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.generate(stream);
    }
}

/// The "rotating lines" of RFC 864 from a line on, as many as fit.
fn fill(place: &mut [u8], first: usize) {
    for (number, line) in place.chunks_mut(LINE + 2).enumerate() {
        for (column, byte) in line.iter_mut().enumerate() {
            *byte = match column {
                LINE => b'\r',
                column if column > LINE => b'\n',
                column => FIRST + ((first + number + column) % CHARACTERS) as u8,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_rotate_through_the_printable_characters() {
        let mut place = [0; 2 * (LINE + 2)];
        fill(&mut place, 94);
        assert!(place.starts_with(b"~ !\"#$"), "{}", place.escape_ascii());
        assert_eq!(&place[LINE..LINE + 5], b"\r\n !\"");
        assert!(place.ends_with(b"\r\n"));
    }
}
