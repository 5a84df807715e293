//! Who looks at the frames: the capture and the trace.
//!
//! Files are opened first, threads are started later, because what the process may do is given up in between.

use std::fs::File;
use std::io;
use std::io::BufWriter;

use anyhow::{Context, Result, anyhow};
use taphouse::base::limits;
use taphouse::device::{Captures, Copies, Pcapng, copies};
use taphouse::run::trace::{Protocols, Tracer};
use taphouse::run::{Clock, Recorded, Recorder};

use super::settings::Settings;

/// A write of the file moves some of the largest frames.
const BUFFER: usize = 256 << 10;

/// What is to look at the frames, with its files open.
pub(super) struct Watch {
    copies: Vec<Copies>,
    record: Option<Record>,
    trace: Option<(Captures, Protocols)>,
}

struct Record {
    captures: Captures,
    file: Pcapng<BufWriter<File>>,
    name: String,
}

/// What looks at the frames.
pub(super) struct Watching {
    recorder: Option<(Recorder, String)>,
    tracer: Option<Tracer>,
}

impl Watch {
    /// Opens what is asked for.
    pub(super) fn open(settings: &Settings, clock: Clock) -> Result<Watch> {
        let mut watch = Watch { copies: Vec::new(), record: None, trace: None };
        if let Some(path) = &settings.record {
            let name = path.display().to_string();
            let open = || {
                let file = BufWriter::with_capacity(BUFFER, File::create(path)?);
                let mut file = Pcapng::new(file, &settings.tap, clock.began())?;
                file.flush()?;
                Ok(file)
            };
            let refused = |why: io::Error| anyhow!("--record {name}: {why}: name a file that can be written");
            let file = open().map_err(refused)?;
            let captures = watch.copies_of(usize::MAX);
            watch.record = Some(Record { captures, file, name });
        }
        if let Some(asked) = settings.trace {
            let captures = watch.copies_of(limits::TRACE_BYTES);
            watch.trace = Some((captures, asked));
        }
        Ok(watch)
    }

    /// Starts the threads. What goes into the copies that come back is seen.
    pub(super) fn start(self) -> Result<(Vec<Copies>, Watching)> {
        let Watch { copies, record, trace } = self;
        let recorder = record.map(Record::start).transpose().context("cannot start the thread of the capture")?;
        let start = |(captures, asked)| Tracer::start(captures, asked, io::stderr());
        let tracer = trace.map(start).transpose().context("cannot start the thread of the trace")?;
        Ok((copies, Watching { recorder, tracer }))
    }

    fn copies_of(&mut self, most: usize) -> Captures {
        let (copies, captures) = copies(most);
        self.copies.push(copies);
        captures
    }
}

impl Record {
    fn start(self) -> io::Result<(Recorder, String)> {
        let Record { captures, file, name } = self;
        let named = name.clone();
        let failed = move |why: &io::Error| {
            eprintln!("taphouse: {named}: writing the capture failed ({why}): it ends here, and the host goes on");
        };
        Ok((Recorder::start(captures, file, failed)?, name))
    }
}

impl Watching {
    /// Waits until all is written and told, which is after every device is gone, and says how that went.
    pub(super) fn end(self) -> Result<()> {
        let Watching { recorder, tracer } = self;
        if let Some(tracer) = tracer {
            tracer.end();
        }
        let Some((recorder, name)) = recorder else { return Ok(()) };
        match recorder.end() {
            Ok(Recorded { frames, dropped }) => {
                eprintln!("taphouse: {name}: {frames} frames captured, capture dropped {dropped}");
                Ok(())
            }
            Err(why) => Err(anyhow!("{name}: the capture is incomplete ({why}): make room and start again")),
        }
    }
}
