//! One question over UDP.

use std::time::Duration;

use super::super::{Batch, Datagrams, DeskId, Io};
use super::tcp::OverTcp;
use super::{Answer, Failure, Question, Reading};
use crate::application;
use crate::base::address::{Endpoint, Flow};
use crate::base::counters::Dropped;
use crate::base::time::Instant;

/// What came of a question: told to who asked, as a [`Message`](application::Message).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it was called.
    pub number: u64,
    /// The answer.
    pub answer: Result<Answer, Failure>,
}

/// A question that waits for its answer.
pub struct Query {
    question: Question,
    server: Endpoint,
    /// Who is told, and what it calls this.
    asker: DeskId,
    number: u64,
    patience: Duration,
    id: u16,
    port: Option<u16>,
    deadline: Option<Instant>,
}

impl Query {
    /// Asks a server, and tells who asked once what came of it, after `patience` at the latest.
    pub fn ask(question: Question, server: Endpoint, asker: DeskId, number: u64, patience: Duration, io: &mut Io<'_>) {
        let id = io.random(1 << 16) as u16;
        let query = Query { question, server, asker, number, patience, id, port: None, deadline: None };
        if let Err(_full) = io.open(server, Box::new(query)) {
            tell(asker, number, Err(Failure::Silence), io);
        }
    }

    fn end(&mut self, answer: Result<Answer, Failure>, io: &mut Io<'_>) {
        tell(self.asker, self.number, answer, io);
        self.close(io);
    }

    fn close(&mut self, io: &mut Io<'_>) {
        self.deadline = None;
        if let Some(port) = self.port.take() {
            io.shut(port);
        }
    }
}

pub(super) fn tell(asker: DeskId, number: u64, answer: Result<Answer, Failure>, io: &mut Io<'_>) {
    // With too much to be told in one turn nobody hears: who asks waits for no longer than a little more than its patience.
    let _full = io.tell(asker.into(), Box::new(Told { number, answer }) as application::Message);
}

impl Datagrams for Query {
    fn on_port(&mut self, flow: Option<&Flow>, io: &mut Io<'_>) {
        let Some(flow) = flow else { return tell(self.asker, self.number, Err(Failure::Silence), io) };
        self.port = Some(flow.local.port);
        self.deadline = Some(io.now() + self.patience);
        match self.question.write(self.id) {
            Ok(bytes) => drop(io.reply(flow, &bytes)),
            Err(why) => self.end(Err(why), io),
        }
    }

    fn on_datagrams(&mut self, flow: &Flow, batch: Batch<'_>, io: &mut Io<'_>) -> application::Answer {
        if flow.remote != self.server || self.port.is_none() {
            return application::Answer::Drop(Dropped::Unasked);
        }
        match batch.iter().find_map(|bytes| self.question.read(self.id, bytes)) {
            Some(Reading::Whole(answer)) => self.end(Ok(answer), io),
            Some(Reading::Failed(why)) => self.end(Err(why), io),
            Some(Reading::Cut) => {
                let deadline = io.now() + self.patience;
                let over = OverTcp::new(self.question.clone(), self.id, self.asker, self.number, deadline);
                match over.map(|over| io.connect(self.server, Box::new(over))) {
                    Some(Ok(())) => self.close(io),
                    _ => self.end(Err(Failure::Silence), io),
                }
            }
            None => return application::Answer::Drop(Dropped::Unasked),
        }
        application::Answer::Done
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn on_timer(&mut self, io: &mut Io<'_>) {
        self.end(Err(Failure::Silence), io);
    }
}
