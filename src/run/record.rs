//! The thread that writes captured frames to a file.

use std::io;
use std::io::Write;
use std::thread;
use std::thread::JoinHandle;
use std::time::SystemTime;

use crate::device::{Captures, Pcapng};

/// A capture that is being written.
pub struct Recorder {
    thread: JoinHandle<io::Result<Recorded>>,
}

/// What became of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Frames in the file.
    pub frames: u64,
    /// Frames that came faster than they were written.
    pub dropped: u64,
}

impl Recorder {
    /// Writes `captures` to `file` until every device is gone. When that fails it ends, and says so to `failed`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start<W: Write + Send + 'static>(
        captures: Captures,
        file: Pcapng<W>,
        failed: impl FnOnce(&io::Error) + Send + 'static,
    ) -> io::Result<Recorder> {
        let write = move || write_all(&captures, file).inspect_err(failed);
        let thread = thread::Builder::new().name("capture".to_owned()).spawn(write)?;
        Ok(Recorder { thread })
    }

    /// Waits until all is in the file, which is after every device is gone.
    ///
    /// # Errors
    /// What the file said. Nothing was written from then on.
    pub fn end(self) -> io::Result<Recorded> {
        self.thread.join().unwrap_or_else(|_panic| Err(io::Error::other("the thread of the capture panicked")))
    }
}

fn write_all<W: Write>(captures: &Captures, mut file: Pcapng<W>) -> io::Result<Recorded> {
    while let Some(captured) = captures.wait() {
        file.frame(&captured)?;
        while let Some(captured) = captures.now() {
            file.frame(&captured)?;
        }
        // Whoever reads along sees whole frames, and who kills us loses none of the past.
        file.flush()?;
    }
    let recorded = Recorded { frames: file.frames(), dropped: captures.dropped() };
    file.end(SystemTime::now(), recorded.dropped)?;
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::base::time::Instant;
    use crate::device::{Capture, Device, Memory, copies};

    /// A disk with room for some bytes.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn recorded(room: usize) -> io::Result<Recorded> {
        let (device, _peer) = Memory::plain_pair();
        let (copies, captures) = copies(usize::MAX);
        let mut device = Capture::new(device, vec![copies]);
        let file = Pcapng::new(Disk(room), "tap0", UNIX_EPOCH)?;
        let recorder = Recorder::start(captures, file, |_| ())?;
        device.turn(Instant::ZERO);
        for _ in 0..100 {
            assert!(device.transmit(&mut [0; 112], Default::default(), &[])?, "the loop goes on");
        }
        drop(device);
        recorder.end()
    }

    #[test]
    fn all_is_in_the_file_at_the_end() {
        assert_eq!(recorded(100_000).unwrap(), Recorded { frames: 100, dropped: 0 });
    }

    #[test]
    fn a_full_disk_ends_the_capture_only() {
        assert_eq!(recorded(1000).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
