//! The Character Generator Protocol (RFC 864).

use super::{Answer, Batch, Datagrams, Io, NoRoom, check_loop};
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
