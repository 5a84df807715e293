//! The thread that tells of frames, a line each: `--trace`.
//!
//! Frames come as copies of their beginnings, so the loop neither decodes nor waits for a terminal. Lines are bounded in
//! a second; what is left out, here or because the copies did not fit, is told in a line of its own.

mod dhcp;
mod filter;
mod groups;
mod icmpv4;
mod icmpv6;
mod line;

use std::io;
use std::io::Write;
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use filter::{Protocol, Protocols};

use self::line::line;
use crate::base::limits;
use crate::device::{Captured, Captures, Next};

const SECOND: Duration = Duration::from_secs(1);

/// A trace that is being printed.
pub struct Tracer {
    thread: JoinHandle<()>,
}

impl Tracer {
    /// Prints what `captures` has of the protocols `asked` to `out`, until every device is gone or `out` fails.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(captures: Captures, asked: Protocols, out: impl Write + Send + 'static) -> io::Result<Tracer> {
        // Who closed stderr does not want to read on.
        let print = move || drop(Printer::new(captures, asked, out).print());
        let thread = thread::Builder::new().name("trace".to_owned()).spawn(print)?;
        Ok(Tracer { thread })
    }

    /// Waits until all is printed, which is after every device is gone.
    pub fn end(self) {
        // What was printed is printed, whatever became of the thread.
        let _ = self.thread.join();
    }
}

/// One frame in words, without the end of the line.
pub fn describe(captured: &Captured) -> String {
    line(captured).text
}

struct Printer<W> {
    captures: Captures,
    asked: Protocols,
    out: W,
    /// When this second began, and how many lines it had.
    second: Instant,
    lines: usize,
    /// Lines held back, and what did not fit into the channel, of what was not told yet.
    held_back: u64,
    dropped: u64,
}

impl<W: Write> Printer<W> {
    fn new(captures: Captures, asked: Protocols, out: W) -> Printer<W> {
        Printer { captures, asked, out, second: Instant::now(), lines: 0, held_back: 0, dropped: 0 }
    }

    fn print(mut self) -> io::Result<()> {
        loop {
            // Whoever waits for the rest of a second has something to tell at its end.
            let at_most = (self.left_out() > 0).then(|| SECOND.saturating_sub(self.second.elapsed()));
            let next = self.captures.next(at_most);
            if self.second.elapsed() >= SECOND || matches!(next, Next::End) {
                self.tell_left_out()?;
                (self.second, self.lines) = (Instant::now(), 0);
            }
            match next {
                Next::Frame(captured) => self.frame(&captured)?,
                Next::Late => {}
                Next::End => return Ok(()),
            }
        }
    }

    fn frame(&mut self, captured: &Captured) -> io::Result<()> {
        if self.lines >= limits::TRACE_LINES_A_SECOND {
            // Not decoded: what is left out costs nothing.
            self.held_back += 1;
            return Ok(());
        }
        let line = line(captured);
        if !self.asked.show(line.protocols) {
            return Ok(());
        }
        self.lines += 1;
        // In one call: lines of others do not come in between.
        self.out.write_all((line.text + "\n").as_bytes())
    }

    fn left_out(&self) -> u64 {
        self.held_back + self.captures.dropped() - self.dropped
    }

    fn tell_left_out(&mut self) -> io::Result<()> {
        let left_out = self.left_out();
        if left_out == 0 {
            return Ok(());
        }
        (self.held_back, self.dropped) = (0, self.captures.dropped());
        let most = limits::TRACE_LINES_A_SECOND;
        let line = format!("            … {left_out} frames left out: a trace has at most {most} lines a second\n");
        self.out.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests;
