//! The bar that shows how far a transfer is, on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// A thread that draws, so that nothing else waits for the terminal.
pub(super) struct Progress {
    done: Arc<AtomicBool>,
    bar: ProgressBar,
    thread: Option<JoinHandle<()>>,
}

/// What is to be asked of the terminal before the process is confined, for it cannot be asked later.
pub(super) struct Terminal {
    width: Option<u16>,
}

impl Terminal {
    pub(super) fn look() -> Terminal {
        let size = || rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| size.ws_col.max(20));
        Terminal { width: io::stderr().is_terminal().then(size) }
    }
}

impl Progress {
    /// Draws from now on how far `moved` is, which begins at `start`. Nothing is drawn where there is no terminal.
    pub(super) fn start(
        Terminal { width }: Terminal,
        moved: Arc<AtomicU64>,
        start: Arc<AtomicU64>,
    ) -> io::Result<Progress> {
        let done = Arc::new(AtomicBool::new(false));
        let target = match width {
            Some(width) => ProgressDrawTarget::term_like(Box::new(Lines { width })),
            None => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let draw = {
            let (done, bar) = (done.clone(), bar.clone());
            move || {
                while !done.load(Ordering::Relaxed) {
                    bar.set_position(start.load(Ordering::Relaxed) + moved.load(Ordering::Relaxed));
                    thread::sleep(Duration::from_millis(100));
                }
                bar.finish_and_clear();
            }
        };
        let thread = match width {
            Some(_) => Some(thread::Builder::new().name("progress".to_owned()).spawn(draw)?),
            None => None,
        };
        Ok(Progress { done, bar, thread })
    }

    pub(super) fn set_length(&self, length: u64) {
        self.bar.set_length(length);
    }

    /// Takes the bar away.
    pub(super) fn end(self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread {
            // One that panicked said so on stderr.
            let _ = thread.join();
        }
    }
}

/// A terminal of which nothing is asked.
#[derive(Debug)]
struct Lines {
    width: u16,
}

impl Lines {
    fn write(&self, text: &str) -> io::Result<()> {
        io::stderr().write_all(text.as_bytes())
    }
}

impl TermLike for Lines {
    fn width(&self) -> u16 {
        self.width
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.write(&format!("\x1b[{n}A"))
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.write(&format!("\x1b[{n}B"))
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.write(&format!("\x1b[{n}C"))
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.write(&format!("\x1b[{n}D"))
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write(&format!("{text}\n"))
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.write("\r\x1b[2K")
    }
    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}
