//! One question over TCP, for an answer that is too long for a datagram (RFC 7766).

use super::super::{Data, DeskId, Io, Session, Stream, Used};
use super::query::tell;
use super::{Answer, Failure, Question, Reading};
use crate::base::limits;
use crate::base::stream::Ending;
use crate::base::time::Instant;

/// A connection with one question.
pub(super) struct OverTcp {
    question: Question,
    id: u16,
    asker: DeskId,
    number: u64,
    /// Length and question.
    out: Vec<u8>,
    deadline: Instant,
    told: bool,
}

impl OverTcp {
    pub(super) fn new(question: Question, id: u16, asker: DeskId, number: u64, deadline: Instant) -> Option<OverTcp> {
        let bytes = question.write(id).ok()?;
        let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
        out.extend(bytes);
        Some(OverTcp { question, id, asker, number, out, deadline, told: false })
    }

    fn tell(&mut self, answer: Result<Answer, Failure>, io: &mut Io<'_>) {
        if !std::mem::replace(&mut self.told, true) {
            tell(self.asker, self.number, answer, io);
        }
    }

    fn send(&mut self, stream: &mut Stream<'_>) {
        let sent = stream.write(&self.out);
        self.out.drain(..sent);
    }
}

impl Session for OverTcp {
    fn on_open(&mut self, stream: &mut Stream<'_>) {
        self.send(stream);
    }

    fn on_room(&mut self, stream: &mut Stream<'_>) {
        self.send(stream);
    }

    fn on_data(&mut self, data: Data<'_>, stream: &mut Stream<'_>) -> Used {
        let bytes = data.bytes();
        let Some((head, rest)) = bytes.split_at_checked(2) else { return Used::Bytes(0) };
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        // What is left unused is shown again with what comes behind it, up to a bound; a longer answer is nobody's.
        if length > limits::LINE - 2 {
            stream.abort();
            return Used::Bytes(bytes.len());
        }
        let Some(message) = rest.get(..length) else { return Used::Bytes(0) };
        let answer = match self.question.read(self.id, message) {
            Some(Reading::Whole(answer)) => Ok(answer),
            Some(Reading::Failed(why)) => Err(why),
            Some(Reading::Cut) | None => Err(Failure::Refused),
        };
        self.tell(answer, &mut stream.io);
        stream.close_within(limits::DNS_FAREWELL);
        Used::Bytes(bytes.len())
    }

    fn on_gone(&mut self, _ending: Ending, io: &mut Io<'_>) {
        self.tell(Err(Failure::Silence), io);
    }

    fn deadline(&self) -> Option<Instant> {
        (!self.told).then_some(self.deadline)
    }

    fn on_timer(&mut self, stream: &mut Stream<'_>) {
        stream.abort();
    }
}
