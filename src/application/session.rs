//! Protocols over TCP: one session a connection.

use std::ops::Range;

use super::stream::Stream;
use super::{Done, Io, Message, SessionId};
use crate::base::address::Flow;
use crate::base::icmp::IcmpError;
use crate::base::stream::Ending;
use crate::base::time::Instant;
use crate::buffer::Frame;

/// A protocol over TCP: makes a session for every connection that peers open.
pub trait Service: Send {
    /// A peer opened a connection. `None` refuses it with a reset.
    fn open(&mut self, flow: &Flow) -> Option<Box<dyn Session>>;
}

/// One connection as its user sees it. Every call does all of its work and returns; what it wants done it says to the
/// [`Stream`].
pub trait Session: Send {
    /// The connection is open.
    fn on_open(&mut self, _stream: &mut Stream<'_>) {}

    /// Data came, next in order. What is not used is shown again with what comes behind it, as one slice, up to
    /// [`limits::LINE`](crate::base::limits::LINE) bytes.
    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used;

    /// There is room to write again.
    fn on_room(&mut self, _stream: &mut Stream<'_>) {}

    /// Everything that was written before [`Stream::close`], and the end behind it, was acknowledged.
    fn on_sent(&mut self, _stream: &mut Stream<'_>) {}

    /// The peer has nothing more to send, and all of it was used. Who does not override this has nothing more to send
    /// either.
    fn on_end(&mut self, stream: &mut Stream<'_>) {
        stream.close();
    }

    /// A router or the peer's host says that something of what was sent did not arrive. That may pass: the connection goes
    /// on, and if nothing is acknowledged until its user timeout, [`Ending::why`] says this (RFC 1122 §4.2.4.1).
    fn on_error(&mut self, _error: IcmpError, _stream: &mut Stream<'_>) {}

    /// The connection is no more. Blocks that the session holds are to be released; other sessions can be told, and
    /// storage threads can be asked for something, of which the session will not hear any more.
    fn on_gone(&mut self, _ending: Ending, _io: &mut Io<'_>) {}

    /// A storage thread did what the session asked for, or could not. Who overrides this releases what it does not give
    /// to the stream.
    fn on_done(&mut self, done: Done, stream: &mut Stream<'_>) {
        done.release(&mut stream.io);
    }

    /// Another session, or a service of datagrams (`None`), says something.
    fn on_message(&mut self, _from: Option<SessionId>, _message: Message, _stream: &mut Stream<'_>) {}

    /// When [`Session::on_timer`] is to be called; asked after every call.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline has come.
    fn on_timer(&mut self, _stream: &mut Stream<'_>) {}
}

/// What a session did with data that it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// The first bytes, as many as this; the rest is shown again when there is more.
    Bytes(usize),
    /// All of it: the session has the buffer now ([`Io::take_data`](super::Io::take_data)).
    Taken,
}

/// Data of a stream, where they lie: in the frame that brought them, or in a buffer that kept them.
pub struct Data<'a> {
    pub(crate) frame: &'a mut Frame,
    pub(crate) payload: Range<usize>,
}

impl<'a> Data<'a> {
    /// The data in `payload` of a frame.
    pub fn new(frame: &'a mut Frame, payload: Range<usize>) -> Data<'a> {
        Data { frame, payload }
    }

    /// How many bytes they are.
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.frame.bytes().get(self.payload.clone()).unwrap_or_default()
    }
}
