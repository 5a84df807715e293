//! Recordings: what came of a source, as it came (`.rtpdump`), and what is to be heard of it (`.wav`).

use std::path::PathBuf;
use std::time::Duration;

use crate::application::rtp::payload::{Encoding, Samples};
use crate::application::rtp::playout::{Discarded, Played, Playout};
use crate::application::rtp::{rtpdump, wav};
use crate::application::{Desk, DeskId, Folder, Handle, Io, Opening, Place, Work};
use crate::base::address::Endpoint;
use crate::base::time::Instant;
use crate::buffer::Block;

/// Bytes that are written at once: what a block of the middle class holds.
const CHUNK: usize = 15 << 10;
/// Silence that is recorded where nothing was sent, at most.
const SILENCE: Duration = Duration::from_secs(60);
/// The bytes of one WAV file: its lengths have 32 bits.
const WAV_LIMIT: u64 = u32::MAX as u64 - 1024;

const DUMP: Handle = Handle(0);
const WAV: Handle = Handle(1);

/// A file that is being written behind what is in it.
struct File {
    handle: Handle,
    block: Option<Block>,
    written: u64,
    /// Bytes that found no memory or no storage thread.
    missed: u64,
}

impl File {
    fn create(handle: Handle, place: Place, desk: &mut Desk, io: &mut Io<'_>) -> Option<File> {
        io.ask_for(desk, 0, Work::Open(handle, place, Opening::New)).ok()?;
        Some(File { handle, block: None, written: 0, missed: 0 })
    }

    /// Writes all of these bytes, or none.
    fn append(&mut self, slices: &[&[u8]], desk: &mut Desk, io: &mut Io<'_>) {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.block.as_ref().is_some_and(|block| block.frame().len() + length > CHUNK) {
            self.flush(desk, io);
        }
        if self.block.is_none() {
            self.block = io.block(CHUNK).ok();
        }
        let Some(block) = self.block.as_mut().filter(|_| length <= CHUNK) else {
            self.missed += length as u64;
            return;
        };
        for slice in slices {
            let frame = block.frame_mut();
            frame.tailroom(slice.len())[..slice.len()].copy_from_slice(slice);
            frame.extend(slice.len());
        }
        self.written += length as u64;
    }

    fn flush(&mut self, desk: &mut Desk, io: &mut Io<'_>) {
        let Some(block) = self.block.take() else { return };
        let length = block.frame().len() as u64;
        if let Err(refused) = io.ask_for(desk, 0, Work::Write(self.handle, block)) {
            (self.missed, self.written) = (self.missed + length, self.written - length);
            if let Some(block) = refused.into_block() {
                io.release(block);
            }
        }
    }
}

/// What is to be heard of a source.
struct Sound {
    file: File,
    samples: Samples,
    encoding: Encoding,
    playout: Playout,
    /// The timestamp behind what was written.
    expected: Option<u32>,
    silence: u64,
}

/// The recording of one source.
pub(super) struct Recording {
    desk: Desk,
    /// Its source.
    pub(super) ssrc: u32,
    /// The files' name, without its ending.
    pub(super) name: String,
    began: Instant,
    dump: Option<File>,
    sound: Option<Sound>,
}

/// What a recording is to be.
pub(super) struct Wanted<'a> {
    pub(super) folder: Folder,
    pub(super) id: DeskId,
    pub(super) ssrc: u32,
    pub(super) from: Endpoint,
    /// Since 1970.
    pub(super) began: Duration,
    /// Of the first packet, when it can be heard.
    pub(super) encoding: Option<&'a Encoding>,
    pub(super) number: u32,
    pub(super) timestamp: u32,
}

impl Recording {
    pub(super) fn begin(wanted: Wanted<'_>, now: Instant, io: &mut Io<'_>) -> Recording {
        let Wanted { folder, id, ssrc, from, began, encoding, number, timestamp } = wanted;
        let name = format!("{}-{ssrc:08x}", began.as_secs());
        let mut desk = Desk::new(id);
        let place = |ending: &str| Place { folder, path: PathBuf::from(format!("{name}.{ending}")) };
        let mut dump = File::create(DUMP, place("rtpdump"), &mut desk, io);
        if let Some(file) = &mut dump {
            file.append(&[&rtpdump::head(from, began)], &mut desk, io);
        }
        let audible = encoding.and_then(|encoding| Some((encoding, encoding.samples()?)));
        let sound = audible.and_then(|(encoding, samples)| {
            let mut file = File::create(WAV, place("wav"), &mut desk, io)?;
            file.append(&[&wav::head(samples, encoding.rate, encoding.channels, 0)], &mut desk, io);
            let playout = Playout::new(encoding.rate, number, timestamp, now);
            Some(Sound { file, samples, encoding: encoding.clone(), playout, expected: None, silence: 0 })
        });
        Recording { desk, ssrc, name, began: now, dump, sound }
    }

    pub(super) fn id(&self) -> DeskId {
        self.desk.id()
    }

    /// Some of its work was done.
    pub(super) fn done(&mut self) {
        self.desk.done();
    }

    /// A packet came at `at`, whatever it is in the stream.
    pub(super) fn packet(&mut self, packet: &[u8], at: Instant, io: &mut Io<'_>) {
        if let Some(dump) = &mut self.dump {
            let entry = rtpdump::entry(packet.len(), at.since(self.began));
            dump.append(&[&entry, packet], &mut self.desk, io);
        }
    }

    /// A packet of the stream has this to be heard; tells whether it was in time.
    pub(super) fn hear(&mut self, number: u32, timestamp: u32, payload: &[u8], now: Instant, io: &mut Io<'_>) -> bool {
        let Recording { desk, sound: Some(sound), .. } = self else { return true };
        while sound.playout.is_beyond(number) && sound.play_any(desk, io) {}
        if sound.playout.is_beyond(number) {
            sound.playout.skip_to(number);
        }
        let pushed = sound.playout.push(number, timestamp, payload, now);
        while sound.play(now, desk, io) {}
        pushed != Err(Discarded::Late)
    }

    /// The stream begins anew: what waits belongs to the old one.
    pub(super) fn restart(&mut self, number: u32, timestamp: u32, now: Instant, io: &mut Io<'_>) {
        let Recording { desk, sound: Some(sound), .. } = self else { return };
        while sound.play_any(desk, io) {}
        sound.playout = Playout::new(sound.encoding.rate, number, timestamp, now);
        sound.expected = None;
    }

    /// Ends the files; returns how many bytes are missing in them.
    pub(super) fn finish(self, io: &mut Io<'_>) -> u64 {
        let Recording { mut desk, dump, sound, .. } = self;
        let mut missed = 0;
        if let Some(mut dump) = dump {
            dump.flush(&mut desk, io);
            missed += dump.missed;
        }
        if let Some(mut sound) = sound {
            while sound.play_any(&mut desk, io) {}
            missed += sound.finish(&mut desk, io);
        }
        io.close_desk(&desk);
        missed
    }
}

impl Sound {
    fn play(&mut self, now: Instant, desk: &mut Desk, io: &mut Io<'_>) -> bool {
        let Sound { file, samples, encoding, playout, expected, silence } = self;
        let next = playout.take(now);
        let is_more = next.is_some();
        if let Some(next) = next {
            write(file, (*samples, encoding), expected, silence, next, desk, io);
        }
        is_more
    }

    fn play_any(&mut self, desk: &mut Desk, io: &mut Io<'_>) -> bool {
        let Sound { file, samples, encoding, playout, expected, silence } = self;
        let next = playout.take_any();
        let is_more = next.is_some();
        if let Some(next) = next {
            write(file, (*samples, encoding), expected, silence, next, desk, io);
        }
        is_more
    }

    fn finish(mut self, desk: &mut Desk, io: &mut Io<'_>) -> u64 {
        let Encoding { rate, channels, .. } = self.encoding;
        let head = wav::head(self.samples, rate, channels, 0);
        let length = self.file.written - head.len() as u64;
        if length % 2 == 1 {
            self.file.append(&[&[0]], desk, io);
        }
        self.file.flush(desk, io);
        let head = wav::head(self.samples, rate, channels, length as u32);
        match io.block(head.len()) {
            Ok(mut block) => {
                block.frame_mut().fill(&head, Default::default());
                if let Err(refused) = io.ask_for(desk, 0, Work::WriteAt(WAV, block, 0)) {
                    self.file.missed += head.len() as u64;
                    if let Some(block) = refused.into_block() {
                        io.release(block);
                    }
                }
            }
            Err(_full) => self.file.missed += head.len() as u64,
        }
        self.file.missed
    }
}

/// Writes what is to be heard next. Time in which nothing was sent, or what was is lost, is silent.
fn write(
    file: &mut File,
    (samples, encoding): (Samples, &Encoding),
    expected: &mut Option<u32>,
    silence: &mut u64,
    next: Played<'_>,
    desk: &mut Desk,
    io: &mut Io<'_>,
) {
    let Played::Packet { timestamp, payload, .. } = next else { return };
    let frame = samples.size() * usize::from(encoding.channels);
    let gap = expected.map_or(0, |expected| timestamp.wrapping_sub(expected) as i32);
    if gap > 0 && u64::from(gap as u32) <= SILENCE.as_secs() * u64::from(encoding.rate) {
        let nothing = match samples {
            Samples::Mu => [0xff; 960],
            Samples::A => [0xd5; 960],
            Samples::Linear16 => [0; 960],
        };
        let mut left = gap as usize * frame;
        *silence += left as u64;
        while left > 0 && file.written < WAV_LIMIT {
            let now = left.min(nothing.len());
            file.append(&[&nothing[..now]], desk, io);
            left -= now;
        }
    }
    *expected = Some(timestamp.wrapping_add((payload.len() / frame) as u32));
    if file.written + payload.len() as u64 > WAV_LIMIT {
        file.missed += payload.len() as u64;
        return;
    }
    match samples {
        Samples::Mu | Samples::A => file.append(&[payload], desk, io),
        // WAV has the low byte first.
        Samples::Linear16 => {
            let mut swapped = [0; 1920];
            for part in payload.chunks(swapped.len()) {
                let swapped = &mut swapped[..part.len() / 2 * 2];
                for (to, from) in swapped.chunks_exact_mut(2).zip(part.chunks_exact(2)) {
                    (to[0], to[1]) = (from[1], from[0]);
                }
                file.append(&[swapped], desk, io);
            }
        }
    }
}
