//! One connection's TLS: records in, plain bytes out, and the other way round.

use std::io::{self, ErrorKind, Read as _, Write as _};

use arrayvec::ArrayVec;
use rustls::{Connection, ServerConnection};

use super::{Block, Data, End, Inside, Io, Reading, Session, Stream, Used, Wishes};
use crate::application::Bounded;
use crate::base::limits;
use crate::base::time::Instant;
use crate::buffer::SendQueue;

/// What encryption adds to a record at most (RFC 8446 §5.2, RFC 5246 §6.2.3), and is therefore not room.
const OVERHEAD: usize = 64;
/// Plain bytes of a record (RFC 8446 §5.1).
const RECORD: usize = 16 << 10;

/// One connection's TLS.
pub(super) struct Machine {
    tls: Connection,
    /// What the session wrote, and is not encrypted yet.
    plain: SendQueue,
    /// What it was shown and left, or has not seen.
    unread: Option<Block>,
    pub(super) inside: Inside,
    /// It was told that the handshake is done.
    pub(super) is_told: bool,
    reading: Reading,
    /// There is something to be shown that was not shown before.
    fresh: bool,
    /// The peer said close_notify, and the session heard of it.
    over: bool,
    told_end: bool,
    /// The session wishes to close, and how; and whether close_notify is on its way.
    closing: Option<Wishes>,
    notified: bool,
    /// The end of the connection is asked for.
    closed: bool,
    /// When the handshake is to be done.
    pub(super) give_up_at: Option<Instant>,
    /// When memory is asked for again.
    pub(super) retry: Option<Instant>,
}

impl Machine {
    /// `None`: rustls has no connection for this end.
    pub(super) fn new(end: &End, inside: Inside) -> Option<Machine> {
        let tls = match end {
            End::Server(identity) => Connection::Server(ServerConnection::new(identity.config()).ok()?),
            End::Client(server) => Connection::Client(server.connection()?),
        };
        Some(Machine {
            tls,
            plain: SendQueue::default(),
            unread: None,
            inside,
            is_told: false,
            reading: Reading::On,
            fresh: false,
            over: false,
            told_end: false,
            closing: None,
            notified: false,
            closed: false,
            give_up_at: None,
            retry: None,
        })
    }

    /// Whether the handshake is done.
    pub(super) fn is_open(&self) -> bool {
        !self.tls.is_handshaking()
    }

    /// Whether more records may come.
    pub(super) fn takes(&self) -> bool {
        !self.is_told || (self.reading == Reading::On && self.retry.is_none() && !self.over)
    }

    /// Whether an end that comes now is one: one of both has said that it is done.
    pub(super) fn is_over(&self) -> bool {
        self.over || self.notified
    }

    /// Whether the session may write.
    pub(super) fn has_room(&self, stream: &Stream<'_>) -> bool {
        self.is_open() && self.plain.is_empty() && stream.room() > OVERHEAD
    }

    /// Takes records; returns how many bytes.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> Result<usize, rustls::Error> {
        let before = bytes.len();
        // It has room: what it decrypts is taken out before it is given more.
        let _full = self.tls.read_tls(&mut bytes);
        let state = self.tls.process_new_packets()?;
        self.fresh |= state.plaintext_bytes_to_read() > 0;
        self.over |= state.peer_has_closed();
        Ok(before - bytes.len())
    }

    /// Calls the session with a stream of its own.
    pub(super) fn call<R>(
        &mut self,
        inside: &mut dyn Session,
        stream: &mut Stream<'_>,
        work: impl FnOnce(&mut dyn Session, &mut Stream<'_>) -> R,
    ) -> R {
        let open = self.is_told && self.closing.is_none();
        let room = if open { stream.room().saturating_sub(self.plain.len() + OVERHEAD) } else { 0 };
        let most = self.plain.len() + room;
        let mut outlet = Bounded { queue: &mut self.plain, most, pieces: stream.pieces() };
        let mut own = stream.over(&mut outlet);
        let result = work(inside, &mut own);
        let (errands, copied) = (own.io.errands(), own.io.copied());
        let wishes = own.into_wishes();
        stream.io.account(errands, copied);
        if let Some(wishes) = wishes {
            self.carry_out(wishes, stream);
        }
        result
    }

    fn carry_out(&mut self, wishes: Wishes, stream: &mut Stream<'_>) {
        if let Some(reading) = wishes.reading {
            self.fresh |= reading == Reading::On && self.reading == Reading::Paused;
            self.reading = reading;
        }
        if wishes.close || wishes.linger.is_some() {
            self.closing = Some(wishes);
        }
        if wishes.abort {
            stream.abort();
        }
        stream.pass_on(&wishes);
    }

    /// Shows the session what was decrypted; returns whether it should be asked again.
    pub(super) fn show(&mut self, inside: &mut dyn Session, stream: &mut Stream<'_>) -> bool {
        if self.reading == Reading::Paused || !self.is_told {
            return false;
        }
        if !std::mem::take(&mut self.fresh) {
            let ends = self.over && self.unread.is_none() && !std::mem::replace(&mut self.told_end, self.over);
            if ends {
                self.call(inside, stream, |inside, stream| inside.on_end(stream));
            }
            return ends;
        }
        let Ok(mut block) = self.unread.take().map_or_else(|| stream.io.block(limits::TLS_SHOWN), Ok) else {
            self.fresh = true;
            self.retry = Some(stream.io.now() + limits::STARVED_RETRY);
            return false;
        };
        let frame = block.frame_mut();
        while let Ok(count @ 1..) = self.tls.reader().read(frame.tailroom(usize::MAX)) {
            stream.io.count_copied(count);
            frame.extend(count);
            self.fresh |= frame.tailroom(1).is_empty();
        }
        let length = frame.len();
        if length == 0 {
            stream.io.release(block);
            return true;
        }
        let data = Data::new(frame, 0..length);
        match self.call(inside, stream, |inside, stream| inside.on_data(data, stream)) {
            Used::Bytes(count) if count < length => {
                block.frame_mut().strip(count);
                self.unread = Some(self.moved_to_the_front(block, stream));
                self.fresh &= count > 0;
            }
            Used::Bytes(_) | Used::Taken => stream.io.release(block),
        }
        true
    }

    /// What is unread, with room behind it for more.
    fn moved_to_the_front(&self, block: Block, stream: &mut Stream<'_>) -> Block {
        match stream.io.block(limits::TLS_SHOWN) {
            Ok(mut moved) => {
                moved.frame_mut().fill(block.frame().bytes(), Default::default());
                stream.io.release(block);
                moved
            }
            // It has less room then, which more of it being used makes good.
            Err(_pool_full) => block,
        }
    }

    /// Encrypts what the session wrote, as far as there is room, and closes when it wished so.
    pub(super) fn send(&mut self, stream: &mut Stream<'_>) {
        loop {
            while self.tls.wants_write() {
                if self.tls.write_tls(&mut Into(stream)).is_err() {
                    return;
                }
            }
            if self.is_open() && !self.plain.is_empty() {
                let taken = self.encrypt();
                self.plain.acknowledge(taken, stream.io.pool());
                if taken == 0 {
                    return;
                }
            } else if self.closing.is_some() && !std::mem::replace(&mut self.notified, true) {
                self.tls.send_close_notify();
            } else {
                break;
            }
        }
        if let Some(wishes) = self.closing.filter(|_| self.notified && !std::mem::replace(&mut self.closed, true)) {
            stream.close();
            if let Some(limit) = wishes.linger {
                stream.close_within(limit);
            }
        }
    }

    /// Encrypts one record of what the session wrote; returns how much that was.
    fn encrypt(&mut self) -> usize {
        let mut first = ArrayVec::<_, 1>::new();
        self.plain.slices(0, RECORD.min(self.plain.len()), &mut first);
        // Nothing waits to be sent, so it takes a record.
        first.first().map_or(0, |bytes| self.tls.writer().write(bytes).unwrap_or(0))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.give_up_at.into_iter().chain(self.retry).min()
    }

    /// Gives all memory back.
    pub(super) fn clear(&mut self, io: &mut Io<'_>) {
        self.plain.clear(io.pool());
        self.unread.take().into_iter().for_each(|block| io.release(block));
    }
}

/// Where records go.
struct Into<'a, 'b>(&'a mut Stream<'b>);

impl io::Write for Into<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            0 => Err(ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
