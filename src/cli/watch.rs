//! Who looks at the frames: the capture.
//!
//! Files are opened first, threads are started later, because what the process may do is given up in between.

use std::fs::File;
use std::io;
use std::io::BufWriter;

use anyhow::{Context, Result, anyhow};
use taphouse::device::{Captures, Copies, Pcapng, copies};
use taphouse::run::{Clock, Recorded, Recorder};

use super::settings::Settings;

type PcapngFile = Pcapng<BufWriter<File>>;

/// What is to look at the frames, with its files open.
pub(super) struct Watch {
    copies: Vec<Copies>,
    record: Option<(Captures, PcapngFile)>,
    file: String,
}

/// What looks at the frames.
pub(super) struct Watching {
    recorder: Option<Recorder>,
    file: String,
}

impl Watch {
    /// Opens what is asked for.
    pub(super) fn open(settings: &Settings, clock: Clock) -> Result<Watch> {
        let mut watch = Watch { copies: Vec::new(), record: None, file: String::new() };
        if let Some(path) = &settings.record {
            watch.file = path.display().to_string();
            let open = || {
                let file = BufWriter::new(File::create(path)?);
                let mut file = Pcapng::new(file, &settings.tap, clock.began())?;
                file.flush()?;
                Ok::<_, io::Error>(file)
            };
            let refused = |why| anyhow!("--record {}: {why}: name a file that can be written", path.display());
            let file = open().map_err(refused)?;
            let (into, captures) = copies(usize::MAX);
            watch.copies.push(into);
            watch.record = Some((captures, file));
        }
        Ok(watch)
    }

    /// Starts the threads. What goes into the copies that come back is seen.
    pub(super) fn start(self) -> Result<(Vec<Copies>, Watching)> {
        let Watch { copies, record, file } = self;
        let name = file.clone();
        let failed = move |why: &io::Error| {
            eprintln!("taphouse: {name}: writing the capture failed ({why}): it ends here, and the host goes on");
        };
        let start = |(captures, file)| Recorder::start(captures, file, failed);
        let recorder = record.map(start).transpose().context("cannot start the thread of the capture")?;
        Ok((copies, Watching { recorder, file }))
    }
}

impl Watching {
    /// Waits until all was written, which is after every device is gone, and says how that went.
    pub(super) fn end(self) -> Result<()> {
        let Watching { recorder, file } = self;
        let Some(recorder) = recorder else { return Ok(()) };
        match recorder.end() {
            Ok(Recorded { frames, dropped }) => {
                eprintln!("taphouse: {file}: {frames} frames captured, capture dropped {dropped}");
                Ok(())
            }
            Err(why) => Err(anyhow!("{file}: the capture is incomplete ({why}): make room and start again")),
        }
    }
}
