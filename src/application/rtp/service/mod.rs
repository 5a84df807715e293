//! The service: any stream that is sent to its port is validated, reported on, and recorded or sent on where that is wanted.
//!
//! Who sends to us is in a session with us alone; who sends to a group is in that group's. RTCP comes at the next port, or at
//! the same one (RFC 5761), and goes back to where it came from (RFC 4961). Both ports and all flows of them belong to one
//! shard, so the lock around what they share is never waited for.

mod record;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::record::{Recording, Wanted};
use super::ntp::WallClock;
use super::payload::PayloadTypes;
use super::sequence::Place;
use super::session::{Arrived, Config, Ended, Session, canonical_name};
use crate::application::{Answer, Batch, Datagrams, DeskId, Done, Folder, Io};
use crate::base::address::{Address, Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::limits;
use crate::base::random::Random;
use crate::base::time::Instant;

/// What the service tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// A stream came to an end.
    Ended(Ended),
    /// Its recording is complete but for so many bytes, which found no room on their way to the disk.
    Recorded {
        /// The files' name, without its ending.
        name: String,
        /// Bytes that are missing.
        missed: u64,
    },
    /// A file of a recording cannot be written.
    Unrecorded {
        /// The files' name, without its ending.
        name: String,
        /// Why.
        why: std::io::ErrorKind,
    },
}

/// What becomes of packets of valid streams, besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflect {
    /// They go back to where they came from.
    Back,
    /// They go to somebody else.
    To(Endpoint),
}

/// What is wanted of the service.
pub struct Wishes {
    /// The port of RTP; that of RTCP is the next.
    pub port: u16,
    /// What payload types mean.
    pub types: PayloadTypes,
    /// The time of day.
    pub clock: WallClock,
    /// Where streams are recorded.
    pub record: Option<Folder>,
    /// Where they are sent on to.
    pub reflect: Option<Reflect>,
    /// Whether NACK and PLI are sent (RFC 4585).
    pub feedback: bool,
    /// Who is told what there is to tell.
    pub reports: Box<dyn FnMut(Report) + Send>,
}

/// The service, to be bound to both of its ports.
#[derive(Clone)]
pub struct Rtp {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    wishes: Wishes,
    rooms: Vec<Room>,
    /// Nothing is due before this.
    next: Instant,
    recordings: u32,
}

/// A session, and with whom.
struct Room {
    /// Our address and the peer's, or the group and nobody's.
    between: (Address, Address),
    session: Session,
    /// Whence RTCP leaves, and where to.
    control: Flow,
    used: Instant,
    recordings: Vec<Recording>,
    /// Packets of streams that are not believed yet.
    held: Vec<(u32, Instant, Vec<u8>)>,
}

/// The largest compound packet: what every path carries.
const RTCP: usize = 1200;
/// How long a session with nobody in it is kept.
const IDLE: Duration = Duration::from_secs(60);
/// Packets that are held until their streams are believed, and recordings, in one session.
const HELD: usize = 16;
const RECORDINGS: usize = 64;

impl Rtp {
    /// The service.
    pub fn new(wishes: Wishes) -> Rtp {
        let shared = Shared { wishes, rooms: Vec::new(), next: Instant::NEVER, recordings: 0 };
        Rtp { shared: Arc::new(Mutex::new(shared)) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Shared) -> R) -> R {
        work(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a datagram is RTCP where both come at one port (RFC 5761 §4): packet types 192 to 223.
pub fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

impl Datagrams for Rtp {
    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> Answer {
        self.with(|shared| shared.on_datagrams(flow, &batch, io))
    }

    fn deadline(&self) -> Option<Instant> {
        self.with(|shared| (shared.next != Instant::NEVER).then_some(shared.next))
    }

    fn on_timer(&mut self, io: &mut Io<'_>) {
        self.with(|shared| shared.on_timer(io));
    }

    fn on_done(&mut self, desk: DeskId, done: Done, io: &mut Io<'_>) {
        self.with(|shared| shared.on_done(desk, &done));
        done.release(io);
    }

    fn on_end(&mut self, io: &mut Io<'_>) {
        self.with(|shared| shared.end(io));
    }
}

impl Shared {
    fn on_datagrams(&mut self, flow: &Flow, batch: &Batch<'_>, io: &mut Io<'_>) -> Answer {
        let Some(index) = self.room(flow, io) else { return Answer::Drop(Dropped::RtpFull) };
        let Shared { wishes, rooms, next, recordings } = self;
        let room = &mut rooms[index];
        room.used = io.now();
        let mut refused = None;
        let mut is_media = false;
        for datagram in batch.iter() {
            let taken = if is_rtcp(datagram) {
                room.on_rtcp(flow, datagram, io)
            } else {
                is_media = true;
                room.on_rtp(flow, datagram, wishes, recordings, io)
            };
            refused = taken.err().or(refused);
        }
        room.tell_ended(wishes, io);
        *next = (*next).min(room.session.deadline().unwrap_or(Instant::NEVER));
        match (refused, wishes.reflect) {
            // A batch goes back as a whole or not at all.
            (Some(why), _) => Answer::Drop(why),
            (None, Some(Reflect::Back)) if is_media => Answer::InPlace,
            (None, Some(Reflect::To(remote))) if is_media => {
                let local = Endpoint { address: Address::UNSPECIFIED, port: wishes.port };
                let to = Flow { local, remote };
                // What finds no room is lost, as on any way.
                let _lost = batch.iter().try_for_each(|datagram| io.reply(&to, datagram));
                Answer::Done
            }
            _ => Answer::Done,
        }
    }

    /// The session of a flow, which may be a new one.
    fn room(&mut self, flow: &Flow, io: &mut Io<'_>) -> Option<usize> {
        let Flow { local, remote } = *flow;
        let is_group = local.address.is_multicast();
        let between = (local.address, if is_group { Address::UNSPECIFIED } else { remote.address });
        if let Some(index) = self.rooms.iter().position(|room| room.between == between) {
            return Some(index);
        }
        if self.rooms.len() >= limits::RTP_SESSIONS {
            return None;
        }
        let Wishes { port, clock, feedback, .. } = self.wishes;
        let mut seed = [0; 16];
        seed.iter_mut().for_each(|byte| *byte = io.random(256) as u8);
        let mut random = Random::new(seed);
        let name = canonical_name(&mut random);
        let config = Config { feedback, ..Config::new(&name, clock) };
        let control = match is_group {
            // Reports of a group are for all of it, from whatever address of ours reaches it.
            true => Flow {
                local: Endpoint { address: Address::UNSPECIFIED, port: port.wrapping_add(1) },
                remote: Endpoint { address: local.address, port: port.wrapping_add(1) },
            },
            // Until RTCP comes from there: the port behind that of RTP (RFC 3550 §11).
            false => Flow {
                local: Endpoint { address: local.address, port: port.wrapping_add(1) },
                remote: Endpoint { address: remote.address, port: remote.port.saturating_add(1) },
            },
        };
        let session = Session::new(config, random, io.now());
        let (recordings, held) = (Vec::new(), Vec::new());
        self.rooms.push(Room { between, session, control, used: io.now(), recordings, held });
        Some(self.rooms.len() - 1)
    }

    fn on_timer(&mut self, io: &mut Io<'_>) {
        let now = io.now();
        let Shared { wishes, rooms, next, .. } = self;
        *next = Instant::NEVER;
        rooms.retain_mut(|room| {
            if room.session.deadline().is_some_and(|deadline| deadline <= now) {
                room.say(io, |session, place| session.on_timer(place, now));
                room.tell_ended(wishes, io);
            }
            let is_idle = room.session.members().present() == 0 && now.since(room.used) > IDLE;
            if is_idle {
                room.say(io, |session, place| session.leave(place, "", now));
            }
            if room.session.is_over() {
                room.finish(wishes, io);
                return false;
            }
            *next = (*next).min(room.session.deadline().unwrap_or(Instant::NEVER));
            true
        });
    }

    fn on_done(&mut self, desk: DeskId, done: &Done) {
        let Shared { wishes, rooms, .. } = self;
        let mut recordings = rooms.iter_mut().flat_map(|room| &mut room.recordings);
        let Some(recording) = recordings.find(|recording| recording.id() == desk) else { return };
        recording.done();
        if let Err(why) = done.result {
            (wishes.reports)(Report::Unrecorded { name: recording.name.clone(), why });
        }
    }

    fn end(&mut self, io: &mut Io<'_>) {
        let now = io.now();
        let Shared { wishes, rooms, .. } = self;
        for mut room in rooms.drain(..) {
            room.say(io, |session, place| session.leave(place, "", now));
            room.session.summaries().for_each(|ended| (wishes.reports)(Report::Ended(ended)));
            room.finish(wishes, io);
        }
    }
}

impl Room {
    fn on_rtcp(&mut self, flow: &Flow, bytes: &[u8], io: &mut Io<'_>) -> Result<(), Dropped> {
        self.session.on_rtcp(bytes, flow.remote, io.now(), |_asked| {})?;
        if !flow.local.address.is_multicast() && !self.between.1.is_unspecified() {
            self.control = *flow;
        }
        Ok(())
    }

    fn on_rtp(
        &mut self,
        flow: &Flow,
        bytes: &[u8],
        wishes: &mut Wishes,
        recordings: &mut u32,
        io: &mut Io<'_>,
    ) -> Result<(), Dropped> {
        let now = io.now();
        let arrived = self.session.on_rtp(bytes, &wishes.types, flow.remote, now)?;
        let Some(folder) = wishes.record else { return Ok(()) };
        match arrived.place {
            Place::Probation => {
                self.held.retain(|(ssrc, ..)| *ssrc != arrived.ssrc);
                if self.held.len() < HELD {
                    self.held.push((arrived.ssrc, now, bytes.to_vec()));
                }
            }
            Place::Believed(number) => self.record_first(flow, bytes, arrived, number, folder, wishes, recordings, io),
            place => self.record(bytes, arrived, place, io),
        }
        Ok(())
    }

    /// A stream is believed: its recording begins with the packet that was held.
    #[allow(clippy::too_many_arguments, reason = "what a stream's first packets say, and what is wanted of them")]
    fn record_first(
        &mut self,
        flow: &Flow,
        bytes: &[u8],
        arrived: Arrived,
        number: u32,
        folder: Folder,
        wishes: &Wishes,
        recordings: &mut u32,
        io: &mut Io<'_>,
    ) {
        let now = io.now();
        let held = self.held.iter().position(|(ssrc, ..)| *ssrc == arrived.ssrc).map(|at| self.held.swap_remove(at));
        if self.recordings.len() >= RECORDINGS {
            return;
        }
        let parsed =
            held.as_ref().and_then(|(_, at, bytes)| Some((*at, rtp_types::RtpPacket::parse(bytes).ok()?, bytes)));
        let (began, first) = match &parsed {
            Some((at, packet, _)) => (*at, (number.wrapping_sub(1), packet.timestamp())),
            None => (now, (number, arrived.timestamp)),
        };
        let wanted = Wanted {
            folder,
            id: DeskId { port: wishes.port, number: *recordings },
            ssrc: arrived.ssrc,
            from: flow.remote,
            began: wishes.clock.unix(began),
            encoding: wishes.types.encoding(arrived.payload_type),
            number: first.0,
            timestamp: first.1,
        };
        *recordings = recordings.wrapping_add(1);
        let mut recording = Recording::begin(wanted, began, io);
        if let Some((at, packet, bytes)) = parsed {
            recording.packet(bytes, at, io);
            recording.hear(first.0, first.1, packet.payload(), at, io);
        }
        recording.packet(bytes, now, io);
        let (start, length) = arrived.payload;
        recording.hear(number, arrived.timestamp, bytes.get(start..start + length).unwrap_or_default(), now, io);
        self.recordings.push(recording);
    }

    fn record(&mut self, bytes: &[u8], arrived: Arrived, place: Place, io: &mut Io<'_>) {
        let now = io.now();
        let Some(recording) = self.recordings.iter_mut().find(|recording| recording.ssrc == arrived.ssrc) else {
            return;
        };
        recording.packet(bytes, now, io);
        let (start, length) = arrived.payload;
        let payload = bytes.get(start..start + length).unwrap_or_default();
        let in_time = match place {
            Place::Restarted(number) => {
                recording.restart(number, arrived.timestamp, now, io);
                recording.hear(number, arrived.timestamp, payload, now, io)
            }
            Place::Next(number) | Place::Late(number) => recording.hear(number, arrived.timestamp, payload, now, io),
            _ => true,
        };
        if !in_time {
            self.session.discard(arrived.member);
        }
    }

    /// Sends RTCP that the session writes, if it does.
    fn say(&mut self, io: &mut Io<'_>, write: impl FnOnce(&mut Session, &mut [u8]) -> Option<usize>) {
        let mut place = [0; RTCP];
        if let Some(length) = write(&mut self.session, &mut place) {
            // A report that finds no room is lost, as on any way; the next one comes.
            let _lost = io.reply(&self.control, &place[..length]);
        }
    }

    /// Tells of streams that came to an end.
    fn tell_ended(&mut self, wishes: &mut Wishes, io: &mut Io<'_>) {
        while let Some(ended) = self.session.take_ended() {
            if let Some(at) = self.recordings.iter().position(|recording| recording.ssrc == ended.ssrc) {
                finish(self.recordings.swap_remove(at), wishes, io);
            }
            (wishes.reports)(Report::Ended(ended));
        }
    }

    fn finish(&mut self, wishes: &mut Wishes, io: &mut Io<'_>) {
        self.recordings.drain(..).for_each(|recording| finish(recording, wishes, io));
    }
}

fn finish(recording: Recording, wishes: &mut Wishes, io: &mut Io<'_>) {
    let name = recording.name.clone();
    let missed = recording.finish(io);
    (wishes.reports)(Report::Recorded { name, missed });
}
